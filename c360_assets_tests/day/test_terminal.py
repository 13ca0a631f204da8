"""No control character of the data reaches a terminal, whatever verb shows it; a file has each."""

from __future__ import annotations

import csv
import io
import os
import pty
import subprocess
from pathlib import Path

import pytest

from c360_assets.warehouse.spreadsheets import marked
from c360_assets_tests.automation.tenants import DAY, land, tiny_tenant
from c360_assets_tests.day.command import c360, clean_environment, command, here

CLEAR = "\x1b[2J"
TITLE = "\x1b]0;owned\x07"
SPOILED = f"An{CLEAR}n{TITLE}\x9b31m\u202e"
FORMULA = "=1+1"
NAME_OF_A_PERSON = "SELECT given_name FROM merged_customers ORDER BY given_name LIMIT 9"
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


def on_a_terminal(*args: object) -> str:
    """What a verb writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*args),
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
    return written.decode()


@pytest.mark.parametrize(
    "args",
    [
        ["sql", "SELECT first FROM domain.Shop_Customers ORDER BY customer_id"],
        ["sql", "--csv", "SELECT first FROM domain.Shop_Customers ORDER BY customer_id"],
        ["sql", "--json", "SELECT first FROM domain.Shop_Customers ORDER BY customer_id"],
        ["sql", f'SELECT 1 AS "a{CLEAR}b"'],
        ["sql", f'SELECT no_such FROM "x{CLEAR}y"'],
        ["load", f"Shop:{CLEAR}"],
        ["status"],
    ],
)
def test_a_terminal_is_only_given_text(root: Path, args: list[str]) -> None:
    shown = on_a_terminal(args[0], "--tenant", root, *args[1:])
    for control in (CLEAR, TITLE_WORDS, "\x07", "\x9b", "\u202e"):
        assert control not in shown
    if args[0] == "sql":
        assert "x1b" in shown or "u001b" in shown, "it is shown as an escape"


def test_a_file_gets_every_byte_and_a_spreadsheet_no_formula(root: Path) -> None:
    query = "SELECT customer_id, first FROM domain.Shop_Customers ORDER BY customer_id"
    plain = list(csv.reader(io.StringIO(c360("sql", "--tenant", root, "--csv", query).stdout)))
    assert plain == [["customer_id", "first"], ["c1", SPOILED], ["c2", FORMULA]]
    excel = c360("sql", "--tenant", root, "--csv", "--excel", query)
    assert list(csv.reader(io.StringIO(excel.stdout)))[2] == ["c2", marked(FORMULA)]
    assert c360("sql", "--tenant", root, "--excel", query).code == 2


def test_rejected_values_are_marked_in_the_log(root: Path) -> None:
    (log,) = (root / "logs").glob("Shop_Customers.*.row_errors.csv")
    with log.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["field"], row["raw_value"]) == ("visits", "'=2")
