"""A disk without room, and one that may not be written to: one sentence, and nothing is broken."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from c360_assets.cli.output import reported_errors
from c360_assets.warehouse.files import private_folder, write_private
from c360_assets.warehouse.storage_errors import storage_problem
from c360_assets_tests.automation.tenants import DAY, land, tiny_tenant
from c360_assets_tests.automation.test_alerts import Hook, hook  # noqa: F401
from c360_assets_tests.day.command import c360_here
from c360_assets_tests.day.conftest import Ran
from c360_assets_tests.day.findings import Findings, prepared_tenant
from c360_assets_tests.day.full_disk import POINTS, fill_disks
from c360_assets_tests.day.small import copy_of

Mount = Callable[[str], None]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, Mount]]:
    """A folder on a disk of its own, and what mounts it again with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> None:
        subprocess.run(["mount", "-o", options, "tmpfs", folder], check=True, timeout=20)

    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root mounts a disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, timeout=20, check=False).returncode:
        pytest.skip("this machine mounts nothing")
    yield folder, mount
    subprocess.run(["umount", "-l", folder], check=True, timeout=20)


def test_a_disk_that_is_full_or_read_only(
    small_disk: tuple[Path, Mount], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, mount = small_disk
    root = folder / "tenant"
    tiny_tenant(root)
    land(root, "shop", DAY)
    said = c360_here(monkeypatch, "run", "--tenant", root)
    assert (said.code, "the disk is full" in said.text) == (1, True)
    assert not (root / ".dagster").exists()
    mount("remount,ro,size=40m")
    said = c360_here(monkeypatch, "load", "--tenant", root)
    assert (said.code, "mount it for writing" in said.text) == (1, True), said.text
    assert "Traceback" not in said.text
    mount("remount,rw,size=40m")
    assert c360_here(monkeypatch, "status", "--tenant", root).code == 0


# Each writes nothing that stays.
QUESTIONS = (("status",), ("sql", "SELECT 1"), ("database", "preview", "customer_360"))


def test_a_read_only_tenant_answers_and_its_watcher_tells(
    small_disk: tuple[Path, Mount],
    small: Ran,
    hook: Hook,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, mount = small_disk
    mount("remount,size=100m")
    root = copy_of(small.root, folder / "tenant")
    (root / "workflow.yaml").write_text(f"alerts: {{webhook: '{hook.address}'}}\n")
    for has_working_folder in (True, False):
        if not has_working_folder:
            mount("remount,rw,size=100m")
            shutil.rmtree(root / ".tmp")
        mount("remount,ro,size=100m")
        for question in QUESTIONS:
            said = c360_here(monkeypatch, *question, "--tenant", root)
            assert said.code == 0, (question, said.text)
    said = c360_here(monkeypatch, "watch", "--tenant", root)
    assert (said.code, "no sensor of the service has ever looked" in said.text) == (1, True)
    assert "mounted read-only" in said.text
    assert [entry["kind"] for entry in hook.heard] == ["silent"]


@pytest.mark.slow
def test_a_disk_that_fills_up_at_twenty_points(tmp_path: Path) -> None:
    tenant = prepared_tenant(tmp_path)
    findings = Findings()
    if not fill_disks(tenant, tmp_path / "disk", POINTS, findings):
        pytest.skip("this machine mounts nothing")
    assert findings.is_clean, findings.lines()
    assert findings.full >= POINTS / 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "x"), "is full"),
        (OSError(errno.EROFS, "x"), "may not be read or written"),
        (RuntimeError("(sqlite3.OperationalError) database or disk is full"), "is full"),
        (RuntimeError("attempt to write a readonly database"), "may not be read or written"),
        (OSError(errno.EROFS, "x", "/a/b"), "/a/b is mounted read-only"),
        (PermissionError(errno.EACCES, "x", "/a/b"), "/a/b may not be read or written"),
        (MemoryError(), "no more memory"),
        (duckdb.OutOfMemoryException("Out of Memory Error: Allocation failure"), "no more memory"),
        (OSError(errno.EMFILE, "x"), "no more open files"),
        (OSError(errno.ENOENT, "x"), ""),
        (ValueError("anything else"), ""),
    ],
)
def test_what_is_behind_an_error(error: Exception, words: str) -> None:
    sentence = storage_problem(error)
    assert words in sentence
    assert bool(sentence) == bool(words)
    wrapped = RuntimeError("failed")
    wrapped.__cause__ = error
    assert storage_problem(wrapped) == sentence


def test_an_error_of_another_kind_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), reported_errors():
        _ = 1 / 0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_text(""), "logs is no folder, and one belongs there: move it"),
        (lambda path: (path / "a").mkdir(parents=True), "a is a folder, where a file belongs"),
    ],
)
def test_a_file_where_a_folder_belongs_is_named(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    spoil(tmp_path / "logs")
    with pytest.raises((FileExistsError, IsADirectoryError)) as raised:
        write_private(private_folder(tmp_path / "logs") / "a", "text")
    assert words in storage_problem(raised.value)
