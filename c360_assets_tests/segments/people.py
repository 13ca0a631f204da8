"""A handful of people in the tables that segments read, and segments computed over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from c360_assets.customer_360.tables.databases import databases
from c360_assets.segments.recipe import ComputeSegments
from c360_assets.segments.table_names import DEFINITIONS
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.models import SegmentConfig, SqlFile, Tenant
from c360_assets.warehouse.recipe import Outcome, RunContext, make_current
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.world import make_tenant, put, table

DAY = date(2026, 6, 30)
READ = (
    "customer_360",
    "customer_attributes",
    "unified_transactions",
    "unified_itemized_transactions",
    "unified_loyalty",
    "unified_loyalty_events",
    "unified_changes_pks",
    "stitch_id_redirects",
)

Rows = Sequence[dict[str, Any]]


def columns_of_table(name: str) -> dict[str, str]:
    return {column: spec.type for column, spec in all_tables()[name].columns.items()}


def write_tables(session: Session, **rows: Rows) -> None:
    """Write the tables that segments read: those named with `rows`, the others empty; of people who
    are given no attributes, nothing is known."""
    people = rows.get("customer_360", ())
    attributes = rows.setdefault(
        "customer_attributes", [{"amperity_id": row["amperity_id"]} for row in people]
    )
    for name in READ:
        if name in rows or session.state(name) is None:
            content = attributes if name == "customer_attributes" else rows.get(name, ())
            put(session, name, columns_of_table(name), content)


def with_segments(
    root: Path, segments: Mapping[str, Any], sql: Mapping[str, str] | None = None, **more: Any
) -> Tenant:
    """A tenant with the segments, given as their YAML would read."""
    configs = {name: SegmentConfig.model_validate(item) for name, item in segments.items()}
    files = {
        name: SqlFile(name, root / "segments" / f"{name}.sql", text)
        for name, text in (sql or {}).items()
    }
    return replace(make_tenant(root, **more), segments=configs, segment_sql=files)


def compute(session: Session, tenant: Tenant, day: date = DAY, database: int = 0) -> Outcome:
    """Make the segments of a database current, as a run of that day does."""
    recipe = ComputeSegments(databases(tenant)[database])
    return make_current(session, recipe, RunContext(day))


def members(session: Session, segment: str) -> list[str]:
    rows = table(session, "segments/segment_membership", "amperity_id", f"segment = '{segment}'")
    return [row["amperity_id"] for row in rows]


def events(session: Session, segment: str) -> list[tuple[Any, ...]]:
    """(day of the month, person, event, cause, detail) of a segment."""
    rows = table(
        session,
        "segments/segment_events",
        "day, amperity_id, event, cause, detail",
        f"segment = '{segment}'",
    )
    return [
        (row["day"].day, row["amperity_id"], row["event"], row["cause"], row["detail"])
        for row in rows
    ]


def published(session: Session) -> duckdb.DuckDBPyConnection:
    """What was computed as a database file has it."""
    con = duckdb.connect()
    con.execute("CREATE SCHEMA segments")
    of_segments = ("segment_membership", "segment_events", "segment_sizes", DEFINITIONS)
    names = {f"segments/{name}": f"segments.{name}" for name in of_segments}
    names |= {name: name for name in ("customer_360", "stitch_id_redirects")}
    for stored, name in names.items():
        session.bind(stored, "to_publish")
        con.register("frame", session.frame("SELECT * FROM to_publish").to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM frame")
    return con
