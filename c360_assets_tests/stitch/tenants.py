"""Small tenants for the tests of Stitch: feeds given as columns and tags, domain tables as rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl

from c360_assets.tenant.models import (
    FeedConfig,
    FieldConfig,
    FilesConfig,
    StitchConfig,
    Tenant,
    TenantConfig,
)
from c360_assets.warehouse.session import Session

TENANT_ID = UUID("11111111-2222-5333-8444-555555555555")
PROFILE = {
    "first": ["given-name"],
    "last": ["surname"],
    "mail": ["email"],
    "tel": ["phone"],
    "street": ["address"],
    "zip": ["postal"],
    "member": ["fk-member"],
    "born": ["birthdate"],
}


def feed(
    name: str,
    tags: dict[str, list[str]],
    *,
    stitch: bool = True,
    types: dict[str, str] | None = None,
) -> FeedConfig:
    source, table = name.split(":")
    return FeedConfig(
        source=source,
        feed=table,
        files=FilesConfig(pattern="'x'"),
        primary_key=["id"],
        stitch=stitch,
        fields={
            "id": FieldConfig(),
            **{
                name: FieldConfig.model_validate(
                    {"tags": field_tags, "type": (types or {}).get(name, "string")}
                )
                for name, field_tags in tags.items()
            },
        },
    )


LABELS = feed(
    "Own:Labels",
    {
        "label": ["sl/label-id"],
        "part": ["sl/partition-id"],
        "source": ["sl/datasource"],
        "what": ["sl/semantic"],
        "value": ["sl/value"],
    },
    stitch=False,
)


def tenant(root: Path, *feeds: FeedConfig, stitch: StitchConfig | None = None) -> Tenant:
    return Tenant(
        root=root,
        config=TenantConfig(id=TENANT_ID),
        feeds=list(feeds),
        stitch=stitch or StitchConfig(),
    )


def load(
    session: Session,
    feed: FeedConfig,
    rows: list[dict[str, Any]],
    schema: dict[str, Any] | None = None,
) -> None:
    """Make `rows` (each with an id) the content of the feed's domain table."""
    names = list(dict.fromkeys(["id", *feed.fields]))
    types = dict.fromkeys(names, pl.String) | (schema or {})
    columns = {name: [row.get(name) for row in rows] for name in names}
    frame = pl.DataFrame(columns, schema=types)
    frame = frame.with_columns(_pk="id", _uuid_pk="id", _updated=pl.lit(0, pl.Int64))
    session.write(f"domain/{feed.physical}", frame)
