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
from c360_assets_tests.automation.tenants import DAY, land, tiny_tenant
from c360_assets_tests.day.command import clean_environment, here

CLEAR = "\x1b[2J"
TITLE = "\x1b]0;owned\x07"
SPOILED = f"An{CLEAR}n{TITLE}\x9b31m\u202e"
FORMULA = "=1+1"
TITLE_WORDS = "\x1b]0;owned"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day whose names try to steer a terminal, and a spreadsheet."""
    root = tmp_path_factory.mktemp("tenant")
    tiny_tenant(root)
    rows = [
        f'c1,ann@example.com,"{SPOILED}",Archer,1',
        f"c2,bob@example.com,{FORMULA},Baker,1",
        "c3,cleo@example.com,+49 30 1234,Carver,=2",
    ]
    land(root, "shop", DAY, rows)
    land(root, "loyalty", DAY)
    feed = root / "feeds" / "shop" / "customers.yaml"
    feed.write_text(feed.read_text() + "error_threshold: 100\n")
    said = here("run", "--tenant", root)
    assert said.code == 0, said.text
    return root


FIRST_NAMES = "SELECT first FROM domain.Shop_Customers ORDER BY customer_id"
VERBS = [
    ["sql", FIRST_NAMES],
    ["sql", "--csv", FIRST_NAMES],
    ["sql", "--json", FIRST_NAMES],
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
def shown(root: Path) -> list[str]:
    """What each of `VERBS` writes to a terminal."""
    arguments = json.dumps([[verb, "--tenant", str(root), *more] for verb, *more in VERBS])
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


def test_a_file_gets_every_byte_and_a_spreadsheet_no_formula(root: Path) -> None:
    query = "SELECT customer_id, first FROM domain.Shop_Customers ORDER BY customer_id"
    plain = list(csv.reader(io.StringIO(here("sql", "--tenant", root, "--csv", query).stdout)))
    assert plain == [["customer_id", "first"], ["c1", SPOILED], ["c2", FORMULA]]
    excel = here("sql", "--tenant", root, "--csv", "--excel", query)
    assert list(csv.reader(io.StringIO(excel.stdout)))[2] == ["c2", marked(FORMULA)]
    assert here("sql", "--tenant", root, "--excel", query).code == 2


def test_rejected_values_are_marked_in_the_log(root: Path) -> None:
    (log,) = (root / "logs").glob("Shop_Customers.*.row_errors.csv")
    with log.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["field"], row["raw_value"]) == ("visits", "'=2")
