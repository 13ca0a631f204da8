"""Publishing: whole or not at all, earlier databases kept, readers undisturbed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from c360_assets.errors import C360Error
from c360_assets.warehouse import files
from c360_assets.warehouse.kept_tables import TableName
from c360_assets.warehouse.publications import FilePlace, FilePublication
from c360_assets.warehouse.published_file import (
    Filling,
    Keeping,
    PublishedTable,
    database_path,
    drop_foreign_log,
    kept,
    number_of,
    publish,
    published_number,
)
from c360_assets.warehouse.session import Session, open_session

MOST = Keeping().most


def _publish(root: Path, number: int) -> Path:
    path = database_path(root)
    with open_session(root / "warehouse") as session:
        publish(
            session,
            path,
            [
                PublishedTable(
                    "main", "t", f"SELECT {number} AS i", "a table", {"i": "it's a number"}
                )
            ],
        )
    return path


def _read(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as con:
        ((value,),) = con.execute("SELECT i FROM main.t").fetchall()
    return int(value)


def test_a_reader_keeps_its_database_while_another_is_published(tmp_path: Path) -> None:
    path = _publish(tmp_path, 1)
    reader = duckdb.connect(str(path), read_only=True)
    _publish(tmp_path, 2)
    assert reader.execute("SELECT i FROM main.t").fetchall() == [(1,)]
    reader.close()
    assert _read(path) == 2


@pytest.mark.parametrize(
    ("again", "read"),
    [(lambda root: _publish(root, 3), 3), (lambda root: back(database_path(root)), 1)],
)
def test_what_a_killed_client_wrote_keeps_nobody_from_the_next_database(
    tmp_path: Path, again: Callable[[Path], object], read: int
) -> None:
    path = [_publish(tmp_path, n) for n in (1, 2)][-1]
    # A client that writes and is killed.
    note = (
        "import duckdb, os, sys; con = duckdb.connect(sys.argv[1]); "
        "con.execute('CREATE TABLE note AS SELECT 1'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", note, str(path)], check=False)
    assert not drop_foreign_log(path)
    assert path.with_name(f"{path.name}.wal").exists()
    again(tmp_path)
    assert _read(path) == read


LATE_NOTE = (
    "import duckdb, os, sys; con = duckdb.connect(sys.argv[1]); os.replace(sys.argv[2], "
    "sys.argv[1]); con.execute('CREATE TABLE note AS SELECT 1'); os._exit(9)"
)


@pytest.mark.parametrize("is_built_on_it", [False, True])
def test_what_a_client_writes_to_a_replaced_file_keeps_nobody_from_the_next(
    tmp_path: Path, is_built_on_it: bool
) -> None:
    path = _publish(tmp_path, 1)
    aside = tmp_path / "next.duckdb"
    if is_built_on_it:
        shutil.copy(path, aside)
    with duckdb.connect(str(aside)) as con:
        con.execute("CREATE TABLE main.t2 AS SELECT 2 AS i")
    subprocess.run([sys.executable, "-c", LATE_NOTE, str(path), str(aside)], check=False)
    with pytest.raises(duckdb.Error, match="WAL"):
        duckdb.connect(str(path), read_only=True)
    with FilePublication.of(path, None).readable() as opened:
        assert opened.execute("FROM main.t2").fetchall() == [(2,)]
    assert not drop_foreign_log(path)


def test_a_link_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """Who reads what it leads to would have the old database for ever."""
    elsewhere = tmp_path / "elsewhere.duckdb"
    path = [_publish(tmp_path, number) for number in (1, 2)][-1]
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(C360Error, match="is a link, in the place of which a new file would come"):
        _publish(tmp_path, 3)
    with pytest.raises(C360Error, match="make activated/ itself the link"):
        back(path, 1)
    assert path.is_symlink()
    assert list(path.parent.glob("*.building")) == []


def test_comments_and_storage_version_are_in_the_file(tmp_path: Path) -> None:
    path = _publish(tmp_path, 1)
    # Storage versions up to 68 are those of DuckDB 1.5; the number stands after the header's magic
    # bytes.
    assert int.from_bytes(path.read_bytes()[12:20], "little") <= 68
    with duckdb.connect(str(path), read_only=True) as con:
        assert con.execute(
            "SELECT comment FROM duckdb_columns() WHERE column_name = 'i'"
        ).fetchall() == [("it's a number",)]


def test_earlier_databases_are_kept_up_to_a_number(tmp_path: Path) -> None:
    for number in range(MOST + 3):
        path = _publish(tmp_path, number)
    assert len(kept(path)) == MOST
    assert _read(kept(path)[0]) == MOST + 1


def back(path: Path, number: int | None = None) -> tuple[int, int | None]:
    """Publish the kept one of that number again, or the newest earlier one, as `c360 rollback`."""
    place = FilePlace(path)
    chosen = place.earlier_one(number).number
    assert chosen is not None
    return place.restore(chosen)


def test_restore_publishes_an_earlier_one(tmp_path: Path) -> None:
    path = [_publish(tmp_path, n) for n in (1, 2)][-1]
    back(path)
    assert _read(path) == 1
    with pytest.raises(LookupError, match="number 99"):
        back(path, 99)


def test_restoring_again_goes_one_further_back_and_loses_nothing(tmp_path: Path) -> None:
    path = [_publish(tmp_path, n) for n in (1, 2, 3)][-1]

    def files() -> dict[int, int]:
        return {number_of(file): _read(file) for file in kept(path)}

    assert (published_number(path), files()) == (None, {2: 2, 1: 1})
    assert [(*back(path), _read(path)) for _ in range(2)] == [(2, 3, 2), (1, 2, 1)]
    with pytest.raises(LookupError, match="number 1 is published, no earlier one is kept"):
        back(path)
    assert (back(path, 3), _read(path)) == ((3, 1), 3)
    assert (published_number(path), files()) == (3, {3: 3, 2: 2, 1: 1})
    back(path, 2)
    _publish(tmp_path, 4)  # what is kept already is not kept again
    assert (published_number(path), files()) == (None, {3: 3, 2: 2, 1: 1})
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE t SET i = 5")  # what somebody wrote to is another one
    assert (*back(path), files()) == (3, 4, {4: 5, 3: 3, 2: 2, 1: 1})


def test_restoring_the_oldest_of_all_that_are_kept_loses_none(tmp_path: Path) -> None:
    for number in range(MOST + 1):
        path = _publish(tmp_path, number)
    assert (back(path, 1), _read(path)) == ((1, MOST + 1), 0)
    assert (back(path, MOST + 1), _read(path)) == ((MOST + 1, 1), MOST)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize(
    ("again", "both"),
    [
        (lambda root: _publish(root, 3), {1, 2, 3}),
        (lambda root: back(database_path(root)), {1, 2}),
    ],
)
def test_what_is_killed_before_any_step_leaves_a_whole_database_and_keeps_each_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    again: Callable[[Path], object],
    both: set[int],
    links: bool,
) -> None:
    def killing(true: Callable[..., object], left: list[int]) -> Callable[..., object]:
        def step(*args: Path) -> object:
            left[0] -= 1
            if not left[0]:
                if true is shutil.copy2:  # half a copy
                    args[1].write_bytes(args[0].read_bytes()[:50_000])
                raise Killed
            if true is os.link and not links:
                raise OSError("no links on this file system")
            return true(*args)

        return step

    killed = 0
    for at in range(1, 9):
        root = tmp_path / str(at)
        path = [_publish(root, n) for n in (1, 2)][-1]
        with monkeypatch.context() as patched, suppress(Killed):
            left = [at]
            for place, name in (
                (os, "link"),
                (os, "replace"),
                (shutil, "copy2"),
                (files, "sync_folder"),
            ):
                patched.setattr(place, name, killing(getattr(place, name), left))
            again(root)
        killed += left[0] == 0
        assert _read(path) in both
        again(root) if _read(path) == 2 else _publish(root, 3)
        found = [_read(file) for file in kept(path)]
        assert len(found) == len(set(found)), (at, found)
        assert {_read(path), *found} >= both, (at, found)
    assert 3 <= killed < 8


def test_a_failed_build_leaves_the_old_database_and_the_next_one_sweeps(tmp_path: Path) -> None:
    path = _publish(tmp_path, 1)
    with open_session(tmp_path / "warehouse") as session, pytest.raises(duckdb.Error):
        publish(session, path, [PublishedTable("main", "t", "SELECT missing_column")])
    assert _read(path) == 1
    assert list(path.parent.glob("*.building*"))
    _publish(tmp_path, 2)
    assert not list(path.parent.glob("*.building*"))


def test_what_is_written_takes_the_room_of_the_file_alone(tmp_path: Path) -> None:
    """No log of it, as large again, which nobody would read."""
    names: list[str] = []

    def finish(session: Session, attached: str, staying: Collection[TableName]) -> None:
        names.extend(file.name for file in database_path(tmp_path).parent.iterdir())

    table = PublishedTable("main", "t", "SELECT range AS i FROM range(1000)")
    with open_session(tmp_path / "warehouse") as session:
        publish(session, database_path(tmp_path), [table], Filling(finish=finish))
    assert [name.rpartition(".")[2] for name in names] == ["building"]


def test_a_blank_column_reads_as_any_other(tmp_path: Path) -> None:
    path = database_path(tmp_path)
    rows = (
        "SELECT 1 AS a, NULL::DECIMAL(38, 2) AS b, 'x' AS c, NULL::VARCHAR AS d "
        "UNION ALL SELECT 2, NULL, NULL, NULL"
    )
    with open_session(tmp_path / "warehouse") as session:
        session.write("t", rows)
        session.write("nothing", "SELECT NULL::INTEGER AS a, NULL::VARCHAR AS b FROM range(3)")
        session.write("none", "SELECT NULL::INTEGER AS a WHERE FALSE")
        tables = []
        names = ("t", "nothing", "none")

        def ready(own: Session) -> None:
            for name in names:
                own.bind(name)

        for name in names:
            descriptions = {"b": "a text"} if name == "t" else {}
            blank = session.blank_columns(name)
            tables.append(
                PublishedTable(
                    "main", name, f"SELECT * FROM {name}", descriptions=descriptions, blank=blank
                )
            )
        publish(session, path, tables, Filling(ready=ready))
    assert [sorted(table.blank) for table in tables] == [["b", "d"], ["a", "b"], []]
    with duckdb.connect(str(path), read_only=True) as con:
        described = con.execute("DESCRIBE t").fetchall()
        assert [(row[0], row[1]) for row in described] == [
            ("a", "INTEGER"),
            ("b", "DECIMAL(38,2)"),
            ("c", "VARCHAR"),
            ("d", "VARCHAR"),
        ]
        assert con.execute("SELECT * FROM t ORDER BY a").fetchall() == [
            (1, None, "x", None),
            (2, None, None, None),
        ]
        assert con.execute("SELECT count(*), count(b) FROM nothing").fetchall() == [(3, 0)]
        assert con.execute(
            "SELECT comment FROM duckdb_columns() WHERE comment IS NOT NULL"
        ).fetchall() == [("a text",)]
    with duckdb.connect(str(tmp_path / "copy.duckdb")) as con:
        con.execute(f"ATTACH '{path}' AS published (READ_ONLY)")
        con.execute("COPY FROM DATABASE published TO copy")
        assert con.execute("SELECT * FROM t ORDER BY a").fetchall() == [
            (1, None, "x", None),
            (2, None, None, None),
        ]
