"""Where somebody stands besides their own rows: notes, files, deliveries that are not loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from c360_assets.ingest.forgotten_cells import is_worth_knowing
from c360_assets.privacy.dsar import html_table
from c360_assets.privacy.receipts import read_receipts
from c360_assets.reporting.review import FEED
from c360_assets.stitch.review.answers import label_id
from c360_assets.warehouse.session import open_session
from c360_assets_tests.day.command import c360_here
from c360_assets_tests.privacy.tenants import SECOND, land
from c360_assets_tests.privacy.test_forget import MAIL

NOTES = """source: Desk
feed: Notes
files: {pattern: "'desk/notes-'yyyyMMdd'.csv'", format: csv}
primary_key: [note]
stitch: false
fields:
  note: {type: string}
  about: {type: string}
  text: {type: string}
"""
# What somebody said stands in rows of other customers.
CALLS = (
    NOTES.replace("Notes", "Calls")
    .replace("desk/notes", "desk/calls")
    .replace("about: {type: string}", "about: {type: string, tags: [fk-account]}")
)
ROWS = """note,about,text
N1,AC-700001,rang twice
N2,AC-700005,asked for ottilie.quastenberg@example.com
N3,AC-700006,nothing
"""


def test_files_that_write_a_name_in_one_text_or_cannot_be_opened(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Her given name and surname stand in columns of their own, and together in letters."""
    letters = tenant / "landing" / "letters"
    letters.mkdir()
    written = {"a.txt": "Ida Falkensee rang", "b.txt": "Falkensee, Ida", "c.txt": "FALKENSEE IDA"}
    for name, text in written.items():
        (letters / name).write_text(text, "utf-16")
    (letters / "others.txt").write_text("Hal Falkensee and Ida Winterstein")
    (letters / "old.7z").write_bytes(b"7z\xbc\xaf\x27\x1c")
    ida = ("--source-key", "Web:Accounts=AC-700004", "--tenant", tenant)
    said = c360_here(monkeypatch, "dsar", *ida, "--json")
    assert said.code == 0, said.text
    answer = json.loads((tenant / json.loads(said.stdout)["folder"] / "answer.json").read_text())
    files = [row["file"] for row in answer["files that name you"]["files"]]
    named = [file for file in files if file.startswith("landing/letters/")]
    assert named == [f"landing/letters/{name}" for name in written]
    unopened = answer["files that could not be opened, and may name you"]["files"]
    assert unopened == [{"store": "landed files", "file": "landing/letters/old.7z"}]

    said = c360_here(monkeypatch, "forget", *ida, "--yes")
    assert said.code == 0, said.text
    (receipt,) = read_receipts(tenant)
    assert receipt.searched["unopened"] == 1
    assert [note for note in receipt.notes if "landing/letters/old.7z" in note]


def test_labels_that_name_their_records_go_with_them(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of `c360 review` names records by their keys, and so does its file."""
    review = tenant / "landing" / "review"
    review.mkdir()
    (tenant / "feeds" / "review").mkdir()
    (tenant / "feeds" / "review" / "answers.yaml").write_text(FEED, "utf-8")
    labels = (
        "row_id,label_id,partition_id,datasource,semantic,value\n"
        "L1-1,L1,1,Web:Accounts,pk,AC-700006\nL1-2,L1,2,Web:Accounts,pk,AC-700005\n"
        "L2-1,L2,1,Club:Members,pk,AC-700006\nL2-2,L2,1,Web:Accounts,pk,AC-700005\n"
    )
    (review / "answers.csv").write_text(labels, "utf-8")
    assert c360_here(monkeypatch, "load", "--tenant", tenant).code == 0
    cleo = ("--email", "cleo.tannhofer@example.com", "--tenant", tenant)
    said = c360_here(monkeypatch, "forget", *cleo, "--yes", "--json")
    assert said.code == 0, said.text
    (receipt,) = read_receipts(tenant)
    assert receipt.rows["domain/Review_Answers"] == 1
    # Another source's record of that number is not hers.
    left = labels.replace("L1-1,L1,1,Web:Accounts,pk,AC-700006\n", "")
    left = left.replace("L1-2,L1,2,Web:Accounts,pk,AC-700005\n", "")
    assert (review / "answers.csv").read_text("utf-8") == left
    # A file of before comes back, such as from a backup, with an answer that is new.
    (review / "answers.csv").write_text(f"{labels}L3-1,L3,1,Club:Members,pk,x\n", "utf-8")
    said = c360_here(monkeypatch, "load", "--tenant", tenant)
    assert said.code == 0
    assert "1 answer of `c360 review` named people who were forgotten" in said.text
    added = f"{left}L3-1,L3,1,Club:Members,pk,x\n"
    assert (review / "answers.csv").read_text("utf-8") == added
    with open_session(tenant / "warehouse") as session:
        session.bind("domain/Review_Answers")
        kept = session.rows("SELECT row_id FROM Review_Answers ORDER BY row_id")
    assert kept == [("L2-1",), ("L2-2",), ("L3-1",)]
    name = label_id("Web:Accounts", "AC-700005", "Web:Accounts", "AC-700006")
    answered = f"{name},same,Web:Accounts,AC-700005,Web:Accounts,AC-700006\n"
    (tenant / "old.csv").write_text(f"label_id,answer,source1,key1,source2,key2\n{answered}")
    said = c360_here(monkeypatch, "review", "--answers", tenant / "old.csv", "--tenant", tenant)
    assert "1 answer not kept: forgotten people are named" in said.text
    assert (review / "answers.csv").read_text("utf-8") == added


def test_notes_files_and_deliveries_that_wait(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tenant / "feeds" / "desk" / "notes.yaml").write_text(NOTES, "utf-8")
    (tenant / "landing" / "desk" / "notes-20260303.csv").write_text(ROWS, "utf-8")
    (tenant / "feeds" / "desk" / "calls.yaml").write_text(CALLS, "utf-8")
    (tenant / "landing" / "desk" / "calls-20260303.csv").write_text(ROWS, "utf-8")
    assert c360_here(monkeypatch, "load", "--tenant", tenant).code == 0
    land(tenant, "club/members", SECOND)
    said = c360_here(monkeypatch, "dsar", "--email", MAIL, "--json", "--tenant", tenant)
    assert said.code == 0, said.text
    told = json.loads(said.stdout)
    assert told["not_loaded"] == {"Club:Members": 1}
    answer = json.loads((tenant / told["folder"] / "answer.json").read_text("utf-8"))
    cells = answer["rows of nobody that name you"]["Desk:Notes"]
    assert [(cell["_pk"], cell["column"]) for cell in cells] == [("N1", "about"), ("N2", "text")]
    # One row is shown a field below the other, many side by side.
    page = (tenant / told["folder"] / "answer.html").read_text("utf-8")
    assert "<tr><th scope=row>mail</th><td>ottilie.quastenberg@example.com</td>" in page
    # Of the calls one is hers, and one of somebody else names her.
    assert [row["note"] for row in answer["source records"]["Desk:Calls"]] == ["N1"]
    assert answer["rows of other people that name you"]["cells"] == [
        {"table": "Desk:Calls", "column": "text", "rows": 1}
    ]
    files = {(row["store"], row["file"]) for row in answer["files that name you"]["files"]}
    assert ("exports", "exports/mailing/customer_360.csv") in files
    assert ("landed files", "landing/web/accounts-20260302.csv") in files

    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
    assert said.code == 0, said.text
    (receipt,) = read_receipts(tenant)
    noted = [note for note in receipt.notes if note.startswith("Desk:Notes has 1 row of nobody")]
    assert "column about is a key of theirs" in noted[0]
    for verb in ("dsar", "forget"):
        said = c360_here(monkeypatch, verb, "--email", "who@example.com", "--tenant", tenant)
        assert "landed and not loaded, so not searched: Club:Members 1 day" in said.text

    # Delivered again, as it was and with other notes: an address in a text is known, and a text.
    again = ROWS.replace("N1,AC-700001,rang twice\n", "") + (
        "N4,AC-700006,write to OTTILIE.quastenberg@Example.com.\n"
        "N5,AC-700006,call 030 5550-7781 in the evening\n"
        "N6,AC-700006,call 030 5550-7782 in the evening\n"
    )
    (tenant / "landing" / "desk" / "notes-20260304.csv").write_text(again, "utf-8")
    loaded = c360_here(monkeypatch, "load", "Desk:Notes", "--tenant", tenant)
    assert "3 texts that name people who were forgotten, in rows of others, left empty" in (
        loaded.text
    )
    with open_session(tenant / "warehouse") as session:
        session.bind("domain/Desk_Notes")
        texts = session.rows("SELECT note FROM Desk_Notes WHERE text IS NULL ORDER BY note")
    assert texts == [("N2",), ("N4",), ("N5",)]


def test_an_emptied_text_is_remembered_where_it_may_say_who_somebody_is() -> None:
    told = {
        "Lindenstrasse 41": True,
        "asked for Ottilie Quastenberg": True,
        "Brandenhain": False,  # others may live there by now
        "12 34": False,
    }
    assert {text: is_worth_knowing(text) for text in told} == told


@pytest.mark.parametrize(
    ("fields", "rows", "tables", "lines"), [(9, 4, 2, 18), (8, 4, 1, 5), (40, 1, 1, 40)]
)
def test_no_field_of_an_answer_is_beyond_the_edge(
    fields: int, rows: int, tables: int, lines: int
) -> None:
    page = html_table([{f"f{n}": row for n in range(fields)} for row in range(rows)])
    assert (page.count("<table>"), page.count("<tr>")) == (tables, lines)
    assert page.count("<td>") == fields * rows
    assert max(len(line.split("<t")) for line in page.split("<tr>")) <= 10
