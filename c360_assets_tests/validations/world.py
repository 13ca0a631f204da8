"""Small tables with tags, as custom tables of a tenant, and the figures of reports on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl

from c360_assets.tenant.models import (
    CustomField,
    CustomTable,
    CustomTableConfig,
    SqlFile,
    Tenant,
    TenantConfig,
)
from c360_assets.validations.run import table_figures
from c360_assets.warehouse.ledger import LedgerEntry, record
from c360_assets.warehouse.session import Session, open_session

TENANT_ID = UUID("00000000-0000-4000-8000-000000000001")
ZONE = "America/New_York"
Tags = Mapping[str, Sequence[str]]


def tenant_with(root: Path, tables: Mapping[str, Tags], **settings: Any) -> Tenant:
    """A tenant of custom tables: name -> column -> tags."""
    custom = [
        CustomTable(
            name,
            CustomTableConfig(
                primary_key=["id"],
                fields={column: CustomField(tags=list(t)) for column, t in tags.items()},
            ),
            SqlFile(name, root / f"{name}.sql", ""),
        )
        for name, tags in tables.items()
    ]
    return Tenant(root, TenantConfig(id=TENANT_ID, timezone=ZONE, **settings), custom_tables=custom)


@contextmanager
def opened(root: Path) -> Iterator[Session]:
    with open_session(root / "warehouse", ZONE) as session:
        yield session


def delivered(
    session: Session, day: date, feed: str = "S:F", read: int = 0, rejected: int = 0
) -> None:
    """Let the ledger know of one loaded file."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    path = f"f-{day}.csv"
    record(
        session,
        [
            LedgerEntry(
                feed,
                day,
                path,
                "",
                0,
                0,
                1,
                read,
                read - rejected,
                rejected,
                0,
                "loaded",
                "",
                "",
                "",
                now,
            )
        ],
    )


def put(session: Session, tags: Tags, values: str, name: str = "T") -> None:
    """Write the table `name` with the columns `_pk`, those of `tags`, in order, and `_updated`."""
    session.write(
        f"domain/{name}",
        f"SELECT *, 0::BIGINT AS _updated FROM (VALUES {values}) AS t(_pk, {', '.join(tags)})",
    )


def figures(session: Session, tags: Tags, values: str, report: str, newest: date) -> pl.DataFrame:
    """The report's figures on a table whose columns after `_pk` are those of `tags`, as stored."""
    tenant = tenant_with(session.warehouse.root.parent, {"T": tags})
    delivered(session, newest)
    put(session, tags, values)
    frame = table_figures(session, tenant, tenant.tables[0])
    return frame.filter((frame["report_id"] == report) & frame["day"].is_null()).sort("ordinal")
