"""Programs of others read a lake as docs/lake.md says: its lines are run here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable

from c360_assets.warehouse import lake_files
from c360_assets.warehouse.published_file import PublishedTable
from c360_assets.warehouse.published_lake import Lake
from c360_assets.warehouse.session import open_session
from c360_assets_tests.warehouse.s3 import s3_of_its_own
from c360_assets_tests.warehouse.test_published_lake import ABOUT, FORMATS

DOCS = Path(__file__).parents[2] / "docs/lake.md"
DOCUMENTED = "s3://brand/lake"
ROWS = 250_000
PEOPLE = (
    "SELECT i, md5(i::VARCHAR) AS name, DATE '2026-03-01' AS day, CAST(i AS DECIMAL(9, 2)) AS sum,"
    f" TIMESTAMPTZ '2026-03-01 10:00+00' AS at, ['a', 'b'] AS tags FROM range({ROWS}) t(i)"
)
ALIKE = f"SELECT 1 AS one FROM range({ROWS})"


def _blocks(language: str) -> list[str]:
    section = DOCS.read_text("utf-8").partition("## Read a whole")[2].partition("## Verbs")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with s3_of_its_own() as client, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ALLOW_HTTP", "true")
        yield client


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is several files long before it is large."""
    monkeypatch.setattr(lake_files, "MOST_BYTES", 3 << 20)


def _publish(root: Path, lake: Lake, people: str = PEOPLE) -> None:
    tables = [
        PublishedTable("main", "customer_360", people),
        PublishedTable("main", "alike", ALIKE),
    ]
    with open_session(root / "warehouse") as session:
        lake.publish(session, tables, ABOUT)


def run(lines: str, names: dict[str, Any]) -> None:
    exec(compile(lines, str(DOCS), "exec"), names)  # noqa: S102


def _count(people: Any) -> int:
    return int(people.num_rows if hasattr(people, "num_rows") else len(people))


@pytest.mark.parametrize("place", ["folder", "s3"])
def test_each_reader_of_the_documentation_sees_every_row(
    tmp_path: Path, s3: Any, place: str
) -> None:
    address = str(tmp_path / "lake") if place == "folder" else f"{DOCUMENTED}/{place}"
    lake = Lake("delta", address, tmp_path / ".tmp")
    _publish(tmp_path, lake, "SELECT 1 AS earlier")
    _publish(tmp_path, lake)
    pointer, *readers = _blocks("python")
    seen: dict[str, Any] = {}
    run(pointer.replace(f'"{DOCUMENTED}"', repr(address)), seen)
    read = 0
    assert len(seen["files"]) == 2
    for statement in ast.parse("\n".join(readers)).body:
        run(ast.unparse(statement), seen)
        if "people" in seen:
            assert _count(seen.pop("people")) == ROWS, ast.unparse(statement)
            read += 1
    assert read == 5
    duckdb.unregister_filesystem("s3")


def test_duckdb_alone_reads_a_lake_by_its_pointer(tmp_path: Path) -> None:
    lake = Lake("parquet", str(tmp_path / "lake"), tmp_path / ".tmp")
    _publish(tmp_path, lake)
    (sql,) = _blocks("sql")
    with duckdb.connect() as con:
        con.execute(sql.replace(DOCUMENTED, lake.address))
        assert con.fetchall() == [(ROWS,)]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_large_table_is_several_files_and_the_same_ones_again(
    tmp_path: Path, format_: Any
) -> None:
    lakes = [Lake(format_, str(tmp_path / name), tmp_path / ".tmp") for name in ("one", "two")]
    for lake, threads in zip(lakes, (1, 4), strict=True):
        with open_session(tmp_path / "warehouse") as session:
            session.execute(f"SET threads = {threads}")
            tables = [PublishedTable("main", "t", PEOPLE), PublishedTable("main", "alike", ALIKE)]
            lake.publish(session, tables, ABOUT)
    one, two = (lake.documents()[0].by_name for lake in lakes)
    table = one["main", "t"]
    assert table.files == two["main", "t"].files
    assert len(table.files) == 2
    assert (table.rows, table.bytes) == (ROWS, sum(_sizes(lakes[0], table.path)))
    assert max(_sizes(lakes[0], table.path)) < (3 << 20) + 100_000
    files = [f"{lakes[0].address}/{file}" for file in table.files]
    with duckdb.connect() as con:
        # Their order is that of the rows.
        rows = con.execute("SELECT i FROM read_parquet(?)", [files]).fetchall()
    assert rows == [(i,) for i in range(ROWS)]
    if format_ == "delta":
        head = DeltaTable(f"{lakes[0].address}/main/t")
        assert head.to_pyarrow_table().num_rows == ROWS
        assert head.get_add_actions(flatten=True)["num_records"].to_pylist()


def _sizes(lake: Lake, folder: str) -> list[int]:
    files = lake.storage.files().items()
    return [size for name, size in files if name.startswith(f"{folder}/part-")]


def test_parts_of_equal_content_keep_all_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_files, "MOST_BYTES", 1)
    lake = Lake("delta", str(tmp_path / "lake"), tmp_path / ".tmp")
    _publish(tmp_path, lake)
    (document,) = lake.documents()
    files = document.by_name["main", "alike"].files
    assert len(files) == len(set(files)) == 3
    assert DeltaTable(f"{lake.address}/main/alike").to_pyarrow_table().num_rows == ROWS
    (tmp_path / "lake" / files[0]).unlink()
    assert lake.missing_files(document) == list(files)
    _publish(tmp_path, lake)
    assert lake.missing_files(lake.documents()[0]) == []
