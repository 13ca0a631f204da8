"""What people are asked about, and how their answers become labels."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
import yaml

from c360_assets.errors import C360Error
from c360_assets.reporting.review import FEED_FILE, take_answers, withdraw_answers, write_review
from c360_assets.stitch import stitch
from c360_assets.stitch.explain.records import PublishedStitch
from c360_assets.stitch.publish.results import StitchResult
from c360_assets.stitch.review.answers import (
    ANSWERS_FILE,
    kept_answers,
    label_id,
    labels_of,
    read_answers,
)
from c360_assets.stitch.review.questions import questions, weakest_links
from c360_assets.stitch.review.training import compare_classifiers
from c360_assets_tests.stitch.retail import retail

PEOPLE = retail(1500, seed=5)
RECORDS = PEOPLE.drop("person")
KEYS = ("source1", "pk1", "source2", "pk2")
TRUTH = {row[:2]: row[2] for row in PEOPLE.select("datasource", "pk", "person").iter_rows()}


def opened(result: StitchResult) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    for name, frame in result.tables.items():
        con.register("frame", frame.to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM frame")
    return con


@pytest.fixture(scope="module")
def matched() -> StitchResult:
    return stitch(RECORDS)


@pytest.fixture(scope="module")
def con(matched: StitchResult) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(matched) as connection:
        yield connection


def answered(asked: pl.DataFrame) -> pl.DataFrame:
    same = [TRUTH[s1, p1] == TRUTH[s2, p2] for s1, p1, s2, p2 in asked.select(KEYS).iter_rows()]
    return asked.select(KEYS).with_columns(same=pl.Series(same))


def wrong_pairs(result: StitchResult) -> float:
    """Pairs of one person that are apart, and of two that are together."""
    found = result.tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    both = PEOPLE.select("datasource", "pk", "person").join(found, on=["datasource", "pk"])

    def pairs(*by: str) -> float:
        sizes = both.group_by(by).len()["len"]
        return float((sizes * (sizes - 1) / 2).sum())

    return pairs("person") + pairs("amperity_id") - 2 * pairs("person", "amperity_id")


def test_answers_put_pairs_right_and_are_not_asked_again(
    matched: StitchResult, con: duckdb.DuckDBPyConnection
) -> None:
    asked = questions(con, 30)
    assert asked.height == 30
    assert asked["worth"].is_sorted(descending=True)
    labels = answered(asked)
    after = stitch(RECORDS, labels=labels, model=matched.tables["stitch_model"])
    assert wrong_pairs(after) < wrong_pairs(matched) - 10
    with opened(after) as answered_con:
        again = questions(answered_con, 200)
    assert not set(again.select(KEYS).iter_rows()) & set(asked.select(KEYS).iter_rows())


def test_the_weakest_link_parts_a_person_in_two() -> None:
    #  0 - 1 - 2   3 - 4, strong but for 1 - 2; 5 is alone
    i, j = np.array([0, 1, 3]), np.array([1, 2, 4])
    found = weakest_links(i, j, np.array([5.0, 0.5, 4.0]), 6)
    assert found.rows.tolist() == [1, 2]
    assert sorted([found.n_one[0], found.n_other[0]]) == [1, 2]


def test_the_page_and_the_file_mask_values(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    names = [name for name in PEOPLE["surname"].drop_nulls().unique() if len(name) > 5]
    written = write_review(con, tmp_path, 10, show_pii=False)
    texts = [path.read_text("utf-8") for path in (written.page, written.csv)]
    assert not [name for name in names for text in texts if name in text]
    shown = write_review(con, tmp_path, 10, show_pii=True)
    assert any(name in shown.page.read_text("utf-8") for name in names)
    assert shown.page.stat().st_mode & 0o077 == 0


def test_parts_of_a_whole_name_are_shown_as_compared(tmp_path: Path) -> None:
    whole = pl.concat_str("given_name", "surname", separator=" ").alias("full_name")
    with opened(stitch(RECORDS.with_columns(whole).drop("given_name", "surname"))) as con:
        written = write_review(con, tmp_path, 10, show_pii=True)
    names = {"given name", "surname"}
    shown = [f for q in written.questions for f in q.fields if f.field in names]
    assert shown
    assert not [f for f in shown if f.verdict != "missing" and not (f.one and f.other)]


@pytest.mark.parametrize(
    ("encoding", "key", "taken"),
    [("utf-8", "Niño", 1), ("utf-8-sig", "Niño", 1), ("cp1252", "Niño", 1), ("cp437", "Niño", 0)],
)
def test_answers_are_read_as_a_spreadsheet_saves_them(
    tmp_path: Path, encoding: str, key: str, taken: int
) -> None:
    file = tmp_path / "answers.csv"
    header = "label_id;answer;source1;key1;source2;key2\n"
    row = f"{label_id('A:B', key, 'A:B', '8')};same;A:B;{key};A:B;8\n"
    file.write_text(header + row, encoding)
    answers = read_answers(file)
    assert (answers.same, len(answers.problems)) == (taken, 1 - taken)


@pytest.mark.parametrize(
    ("encoding", "delimiter", "first_line"),
    [
        ("utf-8", "\t", ""),
        ("utf-16", "\t", ""),
        ("utf-8-sig", ";", "sep=;\r\n"),
        ("utf-8", "|", ""),
    ],
)
def test_separators_blank_lines_and_spelling_of_the_header_do_not_matter(
    tmp_path: Path, encoding: str, delimiter: str, first_line: str
) -> None:
    file = tmp_path / "answers.csv"
    columns = ("key2", "source2", "key1", "source1", " Answer", "LABEL_ID")
    values = ("8", "A:B", "7", "A:B", "same", label_id("A:B", "7", "A:B", "8"))
    blank_line = delimiter.join([""] * len(columns))
    lines = [delimiter.join(columns), blank_line, "", delimiter.join(values)]
    file.write_text(first_line + "\r\n".join(lines), encoding, newline="")
    answers = read_answers(file)
    assert (answers.same, answers.unanswered, answers.problems) == (1, 0, [])


def test_bytes_that_are_no_text_are_refused_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "answers.xlsx"
    file.write_bytes(b"\x50\x4b\x03\x04\x81\x8d")
    with pytest.raises(C360Error, match="save it as CSV in UTF-8"):
        read_answers(file)


def test_answers_become_labels(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    written = write_review(con, tmp_path, 4, show_pii=False)
    with written.csv.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, answer in zip(rows, ("same", "Different", "", "perhaps"), strict=True):
        row["answer"] = answer
    with written.csv.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    taken = take_answers(tmp_path, written.csv)
    answers = taken.answers
    assert (answers.same, answers.different, answers.unanswered) == (1, 1, 1)
    assert answers.problems == ["line 5: the answer is none of same, different or blank"]
    assert taken.feed == tmp_path / FEED_FILE
    labels = pl.read_csv(taken.labels, infer_schema=False)
    assert labels["partition_id"].to_list() == ["1", "1", "1", "2"]
    feed = yaml.safe_load((tmp_path / FEED_FILE).read_text("utf-8"))
    # The file holds all answers: one that was deleted from it no longer counts.
    assert feed["load"] == "truncate_and_upsert"
    assert take_answers(tmp_path, written.csv).feed is None
    assert pl.read_csv(taken.labels, infer_schema=False).equals(labels)
    # Before a run obeys them, too, what is answered is not asked again.
    again = write_review(con, tmp_path, 4, show_pii=False)
    assert again.answered == 2
    names = [question.label_id for question in again.questions]
    assert len(names) == 4
    assert names[:2] == [row["label_id"] for row in rows[2:]]


def test_answers_of_many_at_once_are_all_kept_and_taken_back_by_name(tmp_path: Path) -> None:
    names = [label_id("A:B", "x", "A:B", str(other)) for other in range(24)]

    def take(other: int, answer: str = "same") -> int:
        file = tmp_path / f"{other}.csv"
        row = f"{names[other]},{answer},A:B,x,A:B,{other}\n"
        file.write_text(f"label_id,answer,source1,key1,source2,key2\n{row}")
        return take_answers(tmp_path, file).replaced

    take(0)
    with ThreadPoolExecutor(8) as at_once:
        assert sum(at_once.map(take, range(1, 24))) == 0
    labels = tmp_path / ANSWERS_FILE
    assert labels_of(kept_answers(labels)) == set(names)
    # As a spreadsheet of another country saves it.
    labels.write_bytes(codecs.BOM_UTF8 + labels.read_bytes().replace(b",", b";"))
    assert (take(3), take(3, "different"), take(3, "different")) == (0, 1, 0)
    assert withdraw_answers(tmp_path, names[2:4]) == 22
    assert labels_of(kept_answers(labels)) == {*names[:2], *names[4:]}
    with pytest.raises(C360Error, match=rf"has no answer {names[2]}; the column label_id"):
        withdraw_answers(tmp_path, [names[2], names[5]])
    assert names[5] in labels_of(kept_answers(labels))


def test_a_changed_key_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    header = "label_id,answer,source1,key1,source2,key2\n"
    name = label_id("A:B", "007", "A:B", "8")
    file.write_text(f"{header}{name},same,A:B,7,A:B,8\n")
    assert "keys are not those" in read_answers(file).problems[0]
    with pytest.raises(C360Error, match="no answer that can be taken"):
        take_answers(tmp_path, file)
    file.write_text("a,b\n1,2\n")
    with pytest.raises(C360Error, match="lacks the columns answer, source1"):
        read_answers(file)


def test_pairs_that_were_not_asked_about_are_answered_by_their_keys(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    rows = [
        "same,A:B,7,A:B,8",
        "same,A:B,8,A:B,7",
        "no,C:D,1,A:B,2",
        "no,A:B,1,A:B,1",
        "no,A:B,1,,",
    ]
    file.write_text("\n".join(["answer,source1,key1,source2,key2", *rows]))
    answers = read_answers(file)
    asked = (label_id("A:B", "7", "A:B", "8"), label_id("A:B", "2", "C:D", "1"))
    assert labels_of(answers.rows) == set(asked)
    assert (answers.same, answers.different) == (1, 1)
    assert answers.problems == [
        "line 5: it names one record twice",
        "line 6: source1, key1, source2, key2 must name two records",
    ]


def test_classifiers_are_compared_on_answers(
    matched: StitchResult, con: duckdb.DuckDBPyConnection
) -> None:
    with pytest.raises(C360Error, match="training needs 10 of each"):
        compare_classifiers(PublishedStitch(con))
    labels = answered(questions(con, 60))
    with opened(stitch(RECORDS, labels=labels)) as labelled:
        judged = compare_classifiers(PublishedStitch(labelled))
    assert judged[0].classifier == "the tenant's model"
    assert len(judged) == 6
    assert all(item.pairs == labels.height for item in judged)
