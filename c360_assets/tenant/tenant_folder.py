"""Everything a tenant folder declares, together: the tenant, its feeds and tables as the rest of the platform sees them.

The shape of each file belongs to the module of its stage; reading them belongs to `loader`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from c360_assets.semantics.tags import tag_info
from c360_assets.tenant.base_models import Strict
from c360_assets.tenant.customer_360 import DatabaseConfig, DatabaseOptions, DatabaseTableConfig
from c360_assets.tenant.destinations import DestinationConfig
from c360_assets.tenant.feeds import CustomTableConfig, FeedConfig, FieldType
from c360_assets.tenant.merge_policy import MergePolicy
from c360_assets.tenant.stitch import StitchConfig
from c360_assets.tenant.workflow import WorkflowConfig

# The namespace of derived ids where a tenant folder has no tenant.yaml; `c360 init` writes an id of the tenant's own.
DEFAULT_TENANT_ID = UUID("c3600000-0000-4000-8000-000000000000")


class TenantConfig(Strict):
    """`tenant.yaml`."""

    id: UUID
    name: str = "My brand"
    timezone: str = "UTC"
    country: str = "US"
    first_day: date | None = None
    as_of: Literal["today", "last_delivery"] = "today"
    phone_region: Annotated[str, StringConstraints(pattern=r"^(nanp|any|[A-Z]{2})$")] = "nanp"
    extra_validations: bool = True
    databases: dict[str, DatabaseConfig] = Field(
        default_factory=lambda: {"customer_360": DatabaseConfig(primary=True)}
    )
    customer_360: DatabaseOptions = Field(default_factory=DatabaseOptions)


@dataclass(frozen=True)
class SqlFile:
    """A SQL file of the tenant: custom domain table, override or extra table."""

    name: str
    path: Path
    text: str


@dataclass(frozen=True)
class CustomTable:
    """A custom domain table: its SQL and the declaration beside it."""

    name: str
    config: CustomTableConfig
    sql: SqlFile

    @property
    def physical(self) -> str:
        return self.name


@dataclass(frozen=True)
class SourceTable:
    """A feed or custom domain table as the rest of the platform sees it: a name, tagged columns, a key.

    `name` is the datasource value (`Source:Feed`, or the custom table's name), `physical` the table's name in SQL;
    `tags`, `types` and `texts` (what the tenant says about a column) go by output column; `types` is empty for custom tables,
    whose SQL decides.
    """

    name: str
    physical: str
    tags: dict[str, list[str]]
    types: dict[str, FieldType]
    primary_key: list[str]
    stitch: bool
    description: str
    custom: bool
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def asset(self) -> str:
        return f"domain/{self.physical}"

    @property
    def stitched_asset(self) -> str:
        return f"stitched/{self.physical}"

    @property
    def foreign_keys(self) -> dict[str, str]:
        """Foreign-key tag (`fk-customer-id`) -> the first output column that carries it."""
        found: dict[str, str] = {}
        for column, tags in self.tags.items():
            for tag in tags:
                if tag.startswith("fk-"):
                    found.setdefault(tag, column)
        return found

    def columns_with(self, tag: str) -> list[str]:
        """Output columns that carry `tag`, in field order."""
        return [column for column, tags in self.tags.items() if tag in tags]

    def describe(self, column: str) -> str:
        """What a column means, for a person: what the tenant says about it, else what its tags mean; empty where neither does."""
        infos = (tag_info(tag) for tag in self.tags.get(column, ()))
        return self.texts.get(column) or ". ".join(
            dict.fromkeys(i.description for i in infos if i.description)
        )


@dataclass(frozen=True)
class Tenant:
    """Everything a tenant folder declares."""

    root: Path
    config: TenantConfig
    feeds: list[FeedConfig] = field(default_factory=list)
    custom_tables: list[CustomTable] = field(default_factory=list)
    stitch: StitchConfig = field(default_factory=StitchConfig)
    merge_policy: MergePolicy = field(default_factory=MergePolicy)
    workflow: WorkflowConfig = field(default_factory=WorkflowConfig)
    merge_policies: dict[str, MergePolicy] = field(
        default_factory=dict
    )  # file name -> policy, of filtered databases
    database_sql: dict[str, SqlFile] = field(default_factory=dict)
    database_yaml: dict[str, DatabaseTableConfig] = field(default_factory=dict)
    destinations: dict[str, DestinationConfig] = field(default_factory=dict)
    files: dict[str, str] = field(
        default_factory=dict
    )  # configuration file (relative to root) -> text, what was read
    places: dict[str, str] = field(
        default_factory=dict
    )  # feed or custom table (logical name) -> its configuration file

    @property
    def tables(self) -> list[SourceTable]:
        """Feeds, then custom domain tables, each ordered by name."""
        feeds = [
            SourceTable(
                name=f.name,
                physical=f.physical,
                tags={column: item.tags for column, item in f.outputs.items()},
                types={column: item.type for column, item in f.outputs.items()},
                primary_key=f.primary_key,
                stitch=f.stitch,
                description=f.description,
                custom=False,
                texts={
                    column: item.description
                    for column, item in f.outputs.items()
                    if item.description
                },
            )
            for f in sorted(self.feeds, key=lambda f: f.name)
        ]
        custom = [
            SourceTable(
                name=c.name,
                physical=c.physical,
                tags={column: item.tags for column, item in c.config.fields.items()},
                types={},
                primary_key=c.config.primary_key,
                stitch=c.config.stitch,
                description=c.config.description,
                custom=True,
                texts={
                    column: item.description
                    for column, item in c.config.fields.items()
                    if item.description
                },
            )
            for c in sorted(self.custom_tables, key=lambda c: c.name)
        ]
        return feeds + custom

    @property
    def stitched_tables(self) -> list[SourceTable]:
        """Tables whose records Stitch reads: made available to it and, where `stitch.yaml` lists tables, selected."""
        chosen = self.stitch.tables
        return [t for t in self.tables if t.stitch and (chosen is None or t.name in chosen)]

    def has_stitched_version(self, table: SourceTable) -> bool:
        """Whether Stitch writes the table again with `amperity_id`: it reads it, or a table it reads has a foreign key of it."""
        read = self.stitched_tables
        return table in read or not {key for t in read for key in t.foreign_keys}.isdisjoint(
            table.foreign_keys
        )

    @property
    def phone_region(self) -> str:
        """The numbering plan that phone numbers are held against: that of a country (`DE`), where one is set; North American
        rules (`nanp`) only where the tenant is at home there; else `any`."""
        if self.config.phone_region not in ("nanp", "any"):
            return self.config.phone_region
        return (
            self.config.phone_region if self.config.country.upper() in ("US", "CA", "") else "any"
        )

    def feed(self, name: str) -> FeedConfig | None:
        return next((f for f in self.feeds if f.name == name or f.physical == name), None)
