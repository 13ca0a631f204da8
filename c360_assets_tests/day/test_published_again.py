"""A published file that began with the last one shows what one built whole shows."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.published_file import database_path
from c360_assets_tests.day.command import here
from c360_assets_tests.day.conftest import Ran
from c360_assets_tests.day.findings import second_day
from c360_assets_tests.day.small import copy_of

STATISTICS = "column_statistics"
# What tells of a run and not of the data.
OF_RUNS = {
    "run_id",
    "job_id",
    "timestamp",
    "started_at",
    "finished_at",
    "loaded_at",
    "seconds",
    "status",
    "bytes",
}

# One has a run more, and times of files that were written twice.
ABOUT_RUNS = {
    "reports.database_run",
    "reports.database_table_run",
    "reports.ingest_files",
}


def _content(root: Path) -> dict[str, object]:
    with duckdb.connect(str(database_path(root)), read_only=True) as con:
        columns = con.execute(
            "SELECT schema_name, table_name, list(column_name ORDER BY column_index), "
            "list(comment ORDER BY column_index) FROM duckdb_columns() SEMI JOIN duckdb_tables() "
            "USING (schema_name, table_name) WHERE NOT internal GROUP BY ALL"
        ).fetchall()
        content: dict[str, object] = {}
        for schema, table, names, comments in columns:
            shown = ", ".join(f'"{name}"' for name in names if name not in OF_RUNS)
            # A column about runs has an example of one.
            where = "\"column\" NOT IN ('job_id', 'timestamp')" if table == STATISTICS else "TRUE"
            rows = con.execute(f'SELECT {shown} FROM "{schema}"."{table}" WHERE {where}').fetchall()
            content[f"{schema}.{table}"] = (names, comments, sorted(map(str, rows)))
        views = con.execute("SELECT schema_name, view_name, sql FROM duckdb_views()").fetchall()
        content["views"] = sorted(views)
        functions = con.execute(
            "SELECT function_name, macro_definition FROM duckdb_functions() WHERE NOT internal"
        ).fetchall()
        content["functions"] = sorted(map(str, functions))
    return content


def _kept_tables(root: Path) -> int:
    facts = Manifest.load(root / "warehouse/manifest.json").meta["published"]
    return int(facts["kept_tables"])


@pytest.mark.long
def test_a_second_day_shows_what_a_file_built_whole_shows(
    small: Ran, second: Ran, tmp_path: Path
) -> None:
    one = second_day(copy_of(small.root, tmp_path / "one"))
    database_path(one).unlink()
    assert here("run", "--tenant", one).code == 0
    assert _kept_tables(one) == 0
    # The copy of a tenant goes on with its file, which is known by its content.
    assert _kept_tables(second.root) > 10
    whole, begun = _content(one), _content(second.root)
    assert whole.keys() == begun.keys()
    differing = {table for table, content in whole.items() if begun[table] != content}
    assert differing <= ABOUT_RUNS
