"""Answers about SQL that one process leaves to the next: right, or asked again."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets.warehouse import kept_answers
from c360_assets.warehouse.kept_answers import FOLDER, keep_answers, kept_answer
from c360_assets.warehouse.lineage import column_origins, columns_read, row_expressions
from c360_assets.warehouse.statement import StatementError, read_statement

SQL = "SELECT a.name, b.x + 1 AS y, now() AS z FROM a JOIN b USING (id) WHERE a.id > 1"
SCHEMAS = {"a": {"id": "INTEGER", "name": "VARCHAR"}, "b": {"id": "INTEGER", "x": "INTEGER"}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tenant's folder, below which this process keeps answers."""
    monkeypatch.setattr(kept_answers, "_PLACE", kept_answers._Place(tmp_path, grows=True))
    return tmp_path


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def _asked_again(root: Path) -> bool:
    asked = []

    def ask() -> str:
        asked.append("again")
        return "answer"

    assert kept_answer("question", ["of", "this"], ask) == "answer"
    return bool(asked)


def test_an_answer_is_asked_once_and_known_by_all_that_was_asked(root: Path) -> None:
    assert [_asked_again(root), _asked_again(root)] == [True, False]
    assert kept_answer("question", ["of", "that"], lambda: None) is None
    assert kept_answer("question", ["of", "that"], lambda: "not asked") is None
    assert kept_answer("other", ["of", "this"], lambda: "of its own") == "of its own"
    assert [path.stat().st_mode & 0o077 for path in (root / "cache" / FOLDER).iterdir()] == [0]


@pytest.mark.parametrize("damaged", ["", '{"answer": "ans', "[]", '{"other": 1}'])
def test_what_is_damaged_is_asked_again(root: Path, damaged: str) -> None:
    assert _asked_again(root)
    (file,) = _files(root)
    file.write_text(damaged)
    assert [_asked_again(root), _asked_again(root)] == [True, False]


def test_answers_of_other_code_are_not_taken_and_go(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _asked_again(root)
    (before,) = _files(root)
    monkeypatch.setattr(kept_answers, "_version", lambda: "of tomorrow")
    assert _asked_again(root)
    (after,) = _files(root)
    assert (before.name, before.parent) != (after.name, after.parent)
    assert not before.exists()


def test_there_are_never_many_more_than_are_worth_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_answers, "MOST_ANSWERS", 5)
    for number in range(20):
        kept_answer("question", [number], lambda: "answer")
    assert 1 <= len(_files(root)) <= 6


def test_who_only_reads_writes_nothing(root: Path, tmp_path: Path) -> None:
    keep_answers(root, grows=False)
    assert [_asked_again(root), _asked_again(root)] == [True, True]
    keep_answers(tmp_path / "gone", grows=True)
    assert _asked_again(root)
    assert not list(tmp_path.iterdir())


def test_kept_facts_are_those_of_the_statement(root: Path) -> None:
    def facts() -> list[object]:
        read_statement.cache_clear()
        return [
            read_statement(SQL),
            column_origins(SQL, SCHEMAS),
            columns_read(SQL, SCHEMAS),
            row_expressions(SQL, SCHEMAS, {"v": "SELECT 1 AS one"}),
        ]

    new = facts()
    assert len(_files(root)) == 4
    keep_answers(root, grows=False)
    kept = facts()
    keep_answers(root / "gone", grows=False)
    assert facts() == kept == new


def test_what_is_no_statement_is_said_each_time(root: Path) -> None:
    for _ in range(2):
        read_statement.cache_clear()
        with pytest.raises(StatementError, match="SELECT"):
            read_statement("DROP TABLE a")
    assert not _files(root)
