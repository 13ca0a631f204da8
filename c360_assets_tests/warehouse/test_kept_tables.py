"""A database that begins with the last one: the same as one built whole, and nothing of what was
replaced is in it."""

from __future__ import annotations

import os
import random
from collections.abc import Collection
from functools import cache
from pathlib import Path

import duckdb
import pytest
from ahocorasick_rs import BytesAhoCorasick
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.warehouse.kept_tables import Earlier, TableName
from c360_assets.warehouse.published_file import (
    Filling,
    PublishedTable,
    database_path,
    publish,
)
from c360_assets.warehouse.session import Session, open_session
from c360_assets_tests.examples import examples

WORDS = 4000  # some hundred kilobytes that stand in a file as they are: no compression helps


@cache
def _secrets(name: str, number: int) -> list[bytes]:
    draw = random.Random(f"{name}{number}")
    return [draw.randbytes(48) for _ in range(WORDS)]


def _table(name: str, number: int, schema: str = "main") -> PublishedTable:
    """A table whose content is told by its number."""
    words = ",".join(word.hex() for word in _secrets(name, number))
    return PublishedTable(
        schema,
        name,
        # One literal: an expression for each word takes twenty times as long to bind.
        f"SELECT unhex(hex) AS word FROM (SELECT unnest(string_split('{words}', ',')) AS hex)",
        f"{name} number {number}",
        {"word": "a word"},
        mark=str(number),
    )


def _found(words: list[bytes], content: bytes) -> int:
    """How often a file's content holds one of the words."""
    return len(BytesAhoCorasick(words).find_matches_as_indexes(content))


def _publish(root: Path, tables: list[PublishedTable], earlier: Earlier | None) -> Earlier:
    path = database_path(root)
    with open_session(root / "warehouse") as session:
        publish(session, path, tables, Filling(), earlier=earlier)
    return Earlier.of(path, {table.key: table.mark for table in tables if table.mark})


def _content(path: Path) -> dict[str, object]:
    """All that a reader sees: rows of tables and views, comments, and functions."""
    with duckdb.connect(str(path), read_only=True) as con:
        names = con.execute(
            "SELECT DISTINCT schema_name, table_name FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
        content: dict[str, object] = {
            f"{schema}.{name}": sorted(con.execute(f"SELECT * FROM {schema}.{name}").fetchall())
            for schema, name in names
        }
        for what, sql in {
            "comments": "SELECT table_name, column_name, comment FROM duckdb_columns() "
            "WHERE NOT internal UNION ALL SELECT table_name, NULL, comment FROM duckdb_tables()",
            "functions": "SELECT function_name, macro_definition FROM duckdb_functions() "
            "WHERE NOT internal",
            "schemas": "SELECT schema_name FROM duckdb_schemas() WHERE NOT internal",
        }.items():
            content[what] = sorted(con.execute(sql).fetchall(), key=str)
    return content


def test_what_did_not_change_stays_and_nothing_of_the_rest_is_left(tmp_path: Path) -> None:
    tables = [_table(name, 1) for name in ("a", "b", "c")]
    earlier = _publish(tmp_path, tables, None)
    replaced = _secrets("b", 1)
    before = earlier.path.read_bytes()
    assert _found(replaced, before)

    following = [tables[0], _table("b", 2), _table("d", 2, "other")]
    _publish(tmp_path, following, earlier)
    _publish(tmp_path / "whole", following, None)
    whole = database_path(tmp_path / "whole")
    assert _content(earlier.path) == _content(whole)
    after = earlier.path.read_bytes()
    assert not _found(replaced, after)
    assert not _found(_secrets("c", 1), after)
    assert _found(_secrets("a", 1), after)
    assert len(after) <= 1.2 * whole.stat().st_size


def test_blocks_that_stay_free_are_empty(tmp_path: Path) -> None:
    tables = [_table(name, 1) for name in "abcdefghijkl"]
    earlier = _publish(tmp_path, tables, None)
    gone = _secrets("d", 1)
    assert _found(gone, earlier.path.read_bytes())
    size = earlier.path.stat().st_size
    _publish(tmp_path, [table for table in tables if table.name != "d"], earlier)
    assert earlier.path.stat().st_size == size  # it was not built whole
    assert not _found(gone, earlier.path.read_bytes())


@settings(max_examples=examples(7, 2), deadline=None)
@given(
    days=st.lists(
        st.dictionaries(st.sampled_from("abcde"), st.integers(1, 3), min_size=1),
        min_size=2,
        max_size=6,
    )
)
def test_every_day_is_as_if_built_whole(
    tmp_path_factory: pytest.TempPathFactory, days: list[dict[str, int]]
) -> None:
    root = tmp_path_factory.mktemp("days")
    earlier: Earlier | None = None
    for day in days:
        tables = [_table(name, number) for name, number in sorted(day.items())]
        tables.append(PublishedTable("main", "v", "SELECT 1 AS one", view=True))
        earlier = _publish(root, tables, earlier)
        _publish(root / "whole", tables, None)
        whole = database_path(root / "whole")
        assert _content(earlier.path) == _content(whole)
        # A file of few blocks is a block or two larger than another.
        assert earlier.path.stat().st_size <= 1.2 * whole.stat().st_size + 2 * 262_144


def test_a_file_that_somebody_wrote_to_is_not_gone_on_with(tmp_path: Path) -> None:
    tables = [_table("a", 1), _table("b", 1)]
    earlier = _publish(tmp_path, tables, None)
    with duckdb.connect(str(earlier.path)) as con:
        con.execute("UPDATE a SET word = 'mine'::BLOB; CREATE TABLE note AS SELECT 1 AS i")
    following = [tables[0], _table("b", 2)]
    _publish(tmp_path, following, earlier)
    _publish(tmp_path / "whole", following, None)
    assert _content(earlier.path) == _content(database_path(tmp_path / "whole"))


def test_a_file_that_was_put_back_is_gone_on_with(tmp_path: Path) -> None:
    """As in a tenant's folder that was moved, or restored from a copy."""
    tables = [_table("a", 1), _table("b", 1)]
    earlier = _publish(tmp_path, tables, None)
    content = earlier.path.read_bytes()
    earlier.path.unlink()
    earlier.path.write_bytes(content)
    os.utime(earlier.path, (0, 0))
    with open_session(tmp_path / "warehouse") as session:
        written = publish(session, earlier.path, [tables[0], _table("b", 2)], earlier=earlier)
    assert written.kept == 1


def test_a_file_that_the_disk_gives_back_otherwise_is_not_gone_on_with(tmp_path: Path) -> None:
    tables = [_table("a", 1), _table("b", 1)]
    earlier = _publish(tmp_path, tables, None)
    stat = earlier.path.stat()
    with earlier.path.open("r+b") as file:
        file.seek(stat.st_size // 2)
        file.write(b"rot")
    os.utime(earlier.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    _publish(tmp_path, [tables[0], _table("b", 2)], earlier)
    with duckdb.connect(str(earlier.path), read_only=True) as con:
        assert con.execute("SELECT count(DISTINCT word) FROM a").fetchall() == [(WORDS,)]


def test_a_table_that_must_be_written_is_not_kept(tmp_path: Path) -> None:
    """One without a mark, such as a log of runs."""
    path = database_path(tmp_path)

    def day(number: int, earlier: Earlier | None) -> Earlier:
        log = PublishedTable("main", "log", f"SELECT {number} AS run")
        return _publish(tmp_path, [_table("a", 1), log], earlier)

    day(2, day(1, None))
    with duckdb.connect(str(path), read_only=True) as con:
        assert con.execute("SELECT run FROM log").fetchall() == [(2,)]


def test_what_shows_the_same_is_told_with_views_of_it(tmp_path: Path) -> None:
    """So that nothing is counted again in them."""
    view = PublishedTable("main", "v", "SELECT * FROM a", view=True, mark="1")
    earlier = _publish(tmp_path, [_table("a", 1), _table("b", 1), view], None)
    told: set[TableName] = set()

    def finish(session: Session, attached: str, unchanged: Collection[TableName]) -> None:
        told.update(unchanged)

    following = [_table("a", 1), _table("b", 2), view]
    with open_session(tmp_path / "warehouse") as session:
        publish(session, earlier.path, following, Filling(finish=finish), earlier=earlier)
    assert told == {("main", "a"), ("main", "v")}


def test_a_file_of_which_much_is_free_is_built_whole(tmp_path: Path) -> None:
    tables = [_table(name, 1) for name in "abcdefgh"]
    earlier = _publish(tmp_path, tables, None)
    large = earlier.path.stat().st_size
    _publish(tmp_path, tables[:1], earlier)
    assert earlier.path.stat().st_size < large / 3


def test_functions_and_views_are_those_of_the_day(tmp_path: Path) -> None:
    path = database_path(tmp_path)
    tables = [_table("a", 1), PublishedTable("main", "v", "SELECT 1 AS one", view=True)]
    macros = {
        "first": ["CREATE MACRO published.main.f(x) AS x + 1"],
        "second": ["CREATE MACRO published.main.g(x) AS TABLE SELECT x AS y"],
    }
    earlier: Earlier | None = None
    for statements in (macros["first"], macros["second"], macros["first"]):
        with open_session(tmp_path / "warehouse") as session:
            publish(session, path, tables, Filling(statements=statements), earlier=earlier)
        earlier = Earlier.of(path, {("main", "a"): "1"})
    with duckdb.connect(str(path), read_only=True) as con:
        assert con.execute("SELECT f(1)").fetchall() == [(2,)]
        with pytest.raises(duckdb.Error, match="does not exist"):
            con.execute("FROM g(1)")
