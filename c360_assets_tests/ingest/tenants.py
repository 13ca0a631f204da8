"""A tenant folder in a temporary place, for the tests of this room."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl

from c360_assets.ingest.landing import pending
from c360_assets.ingest.load import FeedLoad, load_feed
from c360_assets.tenant.models import (
    CustomTable,
    CustomTableConfig,
    FeedConfig,
    SqlFile,
    Tenant,
    TenantConfig,
)
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.session import open_session

ID = UUID("12345678-1234-5678-1234-567812345678")
THROUGH = date(2024, 12, 31)


def feed_of(**changes: Any) -> FeedConfig:
    shape: dict[str, Any] = {
        "source": "Shop",
        "feed": "Customers",
        "files": {"pattern": "'c-'yyyyMMdd'*'"},
        "primary_key": ["id"],
        "fields": {
            "id": {},
            "name": {},
            "seen": {"type": "datetime"},
            "spent": {"type": "decimal", "scale": 2},
        },
    }
    return FeedConfig.model_validate({**shape, **changes})


def tenant_of(
    root: Path,
    *feeds: FeedConfig,
    sql: dict[str, str] | None = None,
    keys: dict[str, list[str]] | None = None,
) -> Tenant:
    (root / "landing").mkdir(parents=True, exist_ok=True)
    tables = []
    for name, text in (sql or {}).items():
        path = root / "domain_tables" / f"{name}.sql"
        config = CustomTableConfig(primary_key=(keys or {}).get(name, ["id"]))
        tables.append(CustomTable(name, config, SqlFile(name, path, text)))
    return Tenant(root=root, config=TenantConfig(id=ID), feeds=list(feeds), custom_tables=tables)


def land(tenant: Tenant, name: str, content: str | bytes) -> Path:
    path = tenant.root / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def load(
    tenant: Tenant,
    feed: FeedConfig,
    through: date = THROUGH,
    *,
    threads: int = 2,
    zone: str = "UTC",
    **options: Any,
) -> FeedLoad:
    """One run: load what is pending, commit."""
    with open_session(tenant.root / "warehouse", zone) as session:
        session.execute(f"SET threads = {threads}")
        days = pending(tenant, feed, session_ledger(session), through)
        return load_feed(session, tenant, feed, days, commit=True, **options)


def table(tenant: Tenant, feed: FeedConfig) -> pl.DataFrame:
    with open_session(tenant.root / "warehouse") as session:
        session.bind(f"domain/{feed.physical}")
        return session.frame(f'SELECT * FROM "{feed.physical}" ORDER BY _pk')


def ledger(tenant: Tenant) -> pl.DataFrame:
    with open_session(tenant.root / "warehouse") as session:
        return session_ledger(session)
