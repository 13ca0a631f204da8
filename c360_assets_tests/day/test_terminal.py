"""No control character of the data reaches a terminal, whatever verb shows it; a file has each."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from c360_assets.warehouse.spreadsheets import marked
from c360_assets_tests.day.command import clean_environment, here
from c360_assets_tests.day.conftest import Ran
from c360_assets_tests.day.small import CLEAR, FORMULA, SECOND, SPOILED, copy_of, land

TITLE_WORDS = "\x1b]0;owned"
SUBJECTS = "SELECT subject FROM domain.Post_Letters ORDER BY letter"
VERBS = [
    ["sql", SUBJECTS],
    ["sql", "--csv", SUBJECTS],
    ["sql", "--json", SUBJECTS],
    ["sql", f'SELECT 1 AS "a{CLEAR}b"'],
    ["sql", f'SELECT no_such FROM "x{CLEAR}y"'],
    ["load", f"Shop:{CLEAR}"],
    ["status"],
]
# The command line for each of the arguments in turn, which spares all but one its start; `main`
# would end the process.
IN_TURN = """
import json, sys
from c360_assets.cli import app
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["c360", *arguments]
    try:
        app()
    except SystemExit:
        pass
    print("<end of a verb>", flush=True)
"""


@pytest.fixture(scope="module")
def shown(small: Ran) -> list[str]:
    """What each of `VERBS` writes to a terminal."""
    arguments = json.dumps([[verb, "--tenant", str(small.root), *more] for verb, *more in VERBS])
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_TURN, arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=clean_environment(TERM="xterm"),
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that nobody has the other end any more
            break
        if not piece:
            break
        written += piece
    process.wait(60)
    os.close(ours)
    *said, rest = written.decode().split("<end of a verb>")
    assert (process.returncode, rest.strip()) == (0, "")
    return said


@pytest.mark.parametrize("number", range(len(VERBS)))
def test_a_terminal_is_only_given_text(shown: list[str], number: int) -> None:
    said = shown[number]
    assert said.strip()
    for control in (CLEAR, TITLE_WORDS, "\x07", "\x9b", "\u202e"):
        assert control not in said
    if VERBS[number][0] == "sql":
        assert "x1b" in said or "u001b" in said, "it is shown as an escape"


def test_a_file_gets_every_byte_and_a_spreadsheet_no_formula(small: Ran) -> None:
    root = small.root
    query = "SELECT letter, subject FROM domain.Post_Letters ORDER BY letter LIMIT 2"
    plain = list(csv.reader(io.StringIO(here("sql", "--tenant", root, "--csv", query).stdout)))
    assert plain == [["letter", "subject"], ["l0", SPOILED], ["l1", FORMULA]]
    excel = here("sql", "--tenant", root, "--csv", "--excel", query)
    assert list(csv.reader(io.StringIO(excel.stdout)))[2] == ["l1", marked(FORMULA)]
    assert here("sql", "--tenant", root, "--excel", query).code == 2


def test_rejected_values_are_marked_in_the_log(small: Ran, tmp_path: Path) -> None:
    root = copy_of(small.root, tmp_path / "tenant")
    land(root, "post/letters", SECOND, [("l9", "Hello", "=2")])
    load = here("load", "Post:Letters", "--error-threshold", "100", "--tenant", root)
    assert load.code == 0, load.text
    (log,) = (root / "logs").glob("Post_Letters.*.row_errors.csv")
    with log.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["field"], row["raw_value"]) == ("pages", "'=2")
