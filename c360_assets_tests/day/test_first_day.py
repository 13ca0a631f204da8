"""From landed files to a published database, and a second run that finds nothing to do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from c360_assets.semantics.tables import all_tables
from c360_assets.warehouse.published_file import database_path
from c360_assets_tests.day.command import ask, c360_here, clean_environment, finish, start, written
from c360_assets_tests.day.conftest import Ran

# Columns that a tenant switches on under `customer_360:` in tenant.yaml, or by delivering a fiscal
# calendar.
OPTIONAL = re.compile(
    r"cost|net_|fiscal_|holiday_|canceled|returned|rfm|_recency$|_frequency$|_monetary$|^hashed_|_blv$|discount_amount$"
)
TYPES = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE", "TEXT": "VARCHAR"}


def test_the_first_run_publishes_and_says_so(demo: Ran) -> None:
    said = demo.said
    assert (said.code, "Traceback" in said.text) == (0, False), said.text
    assert f"Published: {database_path(demo.root)}" in said.text
    assert "deduplication rate" in said.text
    assert "loaded Shop:Customers:" in said.stderr
    assert "built customer_360:" in said.stderr


def test_every_record_of_the_truth_is_there_once_with_an_id(demo: Ran) -> None:
    truth = pl.read_parquet(demo.root / "truth/records.parquet", glob=False)
    assert ask(demo.root, "SELECT count(*) FROM unified_coalesced WHERE amperity_id IS NULL") == [
        (0,)
    ]
    found = ask(demo.root, "SELECT datasource, pk FROM unified_coalesced")
    assert sorted(found) == sorted(truth.select("datasource", "pk").iter_rows())


def test_people_are_the_same_in_every_table_of_people(demo: Ran) -> None:
    one_each = """
        SELECT t, count(*) - count(DISTINCT amperity_id) FROM (
            SELECT 'merged_customers' AS t, amperity_id FROM merged_customers
            UNION ALL SELECT 'customer_360', amperity_id FROM customer_360
            UNION ALL SELECT 'customer_attributes', amperity_id FROM customer_attributes
        ) GROUP BY t ORDER BY t"""
    assert ask(demo.root, one_each) == [
        ("customer_360", 0),
        ("customer_attributes", 0),
        ("merged_customers", 0),
    ]
    people = set(ask(demo.root, "SELECT DISTINCT amperity_id FROM unified_coalesced"))
    for table in ("merged_customers", "customer_360"):
        assert set(ask(demo.root, f"SELECT amperity_id FROM {table}")) == people, table


def test_stitch_finds_the_people_of_the_truth(demo: Ran) -> None:
    truth = pl.read_parquet(demo.root / "truth/records.parquet", glob=False)
    with duckdb.connect(str(database_path(demo.root)), read_only=True) as con:
        con.register("truth", truth)
        ((found, real, both),) = con.execute("""
            WITH r AS (SELECT amperity_id, person_id FROM unified_coalesced
                JOIN truth USING (datasource, pk))
            SELECT (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) n FROM r
                GROUP BY amperity_id)),
                   (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) n FROM r GROUP BY person_id)),
                   (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) n FROM r GROUP BY amperity_id,
                       person_id))""").fetchall()
    f1 = 2 * both / (found + real)
    assert both <= min(found, real)
    assert f1 >= 0.90, (
        f"F1 {f1:.3f}: {found:.0f} pairs found, {real:.0f} are real, {both:.0f} are both"
    )


def test_households_are_those_of_the_truth(demo: Ran) -> None:
    """Of pairs that Stitch puts into one household, and of pairs of a household that share an
    address, phone or e-mail."""
    truth = pl.read_parquet(demo.root / "truth/records.parquet", glob=False)
    with duckdb.connect(str(database_path(demo.root)), read_only=True) as con:
        con.register("truth", truth)
        con.execute("""
            CREATE TEMP TABLE person AS
            SELECT u.amperity_id, mode(household_id ORDER BY household_id) AS home,
                mode(person_id ORDER BY person_id) AS person,
                any_value(stitch_household_id) AS found
            FROM unified_coalesced AS u JOIN truth USING (datasource, pk)
                JOIN stitch_households USING (amperity_id)
            GROUP BY ALL;
            CREATE TEMP VIEW compared AS FROM unified_preprocessed_raw;
            CREATE TEMP TABLE contact AS
            SELECT DISTINCT amperity_id, 'address ' || address || coalesce(postal, city) AS value
            FROM compared
            UNION SELECT amperity_id, unnest(string_split(email, ',')) FROM compared
            UNION SELECT amperity_id, unnest(string_split(phone, ',')) FROM compared;
            CREATE TEMP TABLE sharing AS
            SELECT DISTINCT a.amperity_id AS one, b.amperity_id AS other
            FROM contact AS a JOIN contact AS b USING (value)
            WHERE a.amperity_id < b.amperity_id""")
        ((pairs, right),) = con.execute("""
            SELECT count(*), count(*) FILTER (a.home = b.home) FROM person AS a JOIN person AS b
                USING (found) WHERE a.amperity_id < b.amperity_id""").fetchall()
        ((real, hit),) = con.execute("""
            SELECT count(*), count(*) FILTER (a.found = b.found)
            FROM sharing JOIN person AS a ON a.amperity_id = one
                JOIN person AS b ON b.amperity_id = other
            WHERE a.home = b.home AND a.person <> b.person""").fetchall()
    assert pairs > 20
    assert right / pairs >= 0.95, f"{right} of {pairs} pairs live together"
    assert hit / real >= 0.95, f"{hit} of {real} pairs that share a contact were found"


# Published with the first list that was sent.
OF_CAMPAIGNS = {"campaign_recipients", "activation_states", "campaign_sends"}


def test_every_documented_table_is_published_with_its_columns(demo: Ran) -> None:
    listed = (
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name IN ('main', 'reports', 'segments', 'stitch_qa', 'transactions_qa')"
    )
    there: dict[str, dict[str, str]] = {}
    for table, column, kind in ask(demo.root, listed):
        there.setdefault(table, {})[column] = kind
    lacking = []
    for name, spec in all_tables().items():
        columns = there.get(name)
        if columns is None and name in OF_CAMPAIGNS:
            continue
        if columns is None:
            lacking.append(name)
            continue
        lacking += [
            f"{name}.{column}"
            for column in spec.columns
            if column not in columns and not OPTIONAL.search(column)
        ]
        kinds = {column: TYPES.get(told.type, told.type) for column, told in spec.columns.items()}
        lacking += [
            f"{name}.{c}: {columns[c]}, not {k}" for c, k in kinds.items() if columns.get(c, k) != k
        ]
    assert lacking == []


def test_the_catalogue_describes_every_column(demo: Ran) -> None:
    undescribed = ask(
        demo.root,
        """SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()
            WHERE NOT internal
           EXCEPT SELECT "schema", "table", "column", "type" FROM c360_catalog ORDER BY ALL""",
    )
    assert undescribed == []
    assert (
        ask(
            demo.root,
            (
                'SELECT count(*) FROM c360_catalog GROUP BY "schema", "table", "column" '
                "HAVING count(*) > 1"
            ),
        )
        == []
    )
    bare = """
        SELECT "table", "column" FROM c360_catalog
        WHERE description = '' OR type = '' OR is_pii IS NULL
    """
    assert ask(demo.root, bare) == []
    pii = dict(
        ask(
            demo.root,
            """SELECT "column", is_pii FROM c360_catalog WHERE "table" = 'merged_customers'""",
        )
    )
    assert (pii["email"], pii["amperity_id"]) == (True, False)


def test_a_second_run_writes_nothing_and_starts_no_run(demo: Ran) -> None:
    before, runs = written(demo.root), dagster_files(demo.root)
    said = finish(start("run", "--tenant", demo.root, PYTHONPROFILEIMPORTTIME="1"))
    imported = {
        line.rsplit("|", 1)[-1].strip()
        for line in said.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert said.code == 0, said.text
    assert written(demo.root) == before
    assert dagster_files(demo.root) == runs
    assert "Nothing new landed" in said.stdout
    assert "Published already, unchanged" in said.stdout
    assert "duckdb" in imported
    assert "dagster" not in imported


def dagster_files(root: Path) -> dict[str, int]:
    return {str(p): p.stat().st_size for p in (root / ".dagster").rglob("*") if p.is_file()}


def test_a_run_is_told_as_json(demo: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    said = c360_here(monkeypatch, "run", "--tenant", demo.root, "--json")
    summary = json.loads(said.stdout)
    assert (said.code, summary["built"], summary["failures"]) == (0, [], [])
    assert "customer_360" in summary["reused"]
    assert summary["source_records"] > summary["people"] > 0


def test_no_personal_value_reaches_the_orchestrator(demo: Ran) -> None:
    emails = [
        e
        for (e,) in ask(
            demo.root, "SELECT DISTINCT email FROM unified_coalesced WHERE email LIKE '%@%'"
        )
    ]
    assert len(emails) > 50
    held = "\n".join(emails[::5])
    found = subprocess.run(
        ["grep", "-rlaFf", "-", str(demo.root / ".dagster")],
        input=held,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def test_only_the_owner_reads_what_runs_wrote(demo: Ran) -> None:
    for name in ("warehouse", "activated", ".dagster"):
        assert (demo.root / name).stat().st_mode & 0o077 == 0, name
    assert database_path(demo.root).stat().st_mode & 0o077 == 0


def test_help_answers_without_dagster() -> None:
    script = (
        "import sys, c360_assets.cli; print([m for m in ('dagster', 'polars') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=True,
    )
    assert done.stdout.strip() == "[]"
