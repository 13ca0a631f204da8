"""Files that a verb writes for a person: all of them, or none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from c360_assets.tenant.new_files import write_new_files

FEED = Path("feeds/shop/customers.yaml")
SQL = Path("domain_tables/Lines.sql")
# A child, as the limit stays: the second file is cut off as by a full disk.
CUT_OFF = """
import resource, signal, sys
from pathlib import Path
from c360_assets.tenant.new_files import write_new_files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
write_new_files(Path(sys.argv[1]), {Path("a.yaml"): "a", Path("b.yaml"): "b" * 50_000})
"""


def test_each_text_goes_to_its_path(tmp_path: Path) -> None:
    written = write_new_files(tmp_path, {FEED: "source: Käse\n", SQL: "SELECT 1\n"})
    assert written == [tmp_path / FEED, tmp_path / SQL]
    assert [path.read_text("utf-8") for path in written] == ["source: Käse\n", "SELECT 1\n"]


def test_one_that_is_there_is_kept_and_the_others_are_not_written(tmp_path: Path) -> None:
    write_new_files(tmp_path, {SQL: "own"})
    with pytest.raises(FileExistsError):
        write_new_files(tmp_path, {FEED: "proposed", SQL: "proposed"})
    assert (tmp_path / SQL).read_text() == "own"
    assert not (tmp_path / FEED).exists()


def test_no_half_file_is_left_where_the_disk_takes_no_more(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", CUT_OFF, str(tmp_path)], capture_output=True)
    assert ended.returncode == 1
    assert list(tmp_path.iterdir()) == []
