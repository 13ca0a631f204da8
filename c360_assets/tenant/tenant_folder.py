"""Everything a tenant folder declares, together, as the rest of the platform sees it.

The shape of each file belongs to the module of its stage; reading them belongs to `loader`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from c360_assets.semantics.countries import Home
from c360_assets.semantics.tags import tag_info
from c360_assets.tenant.base_models import Owner, Strict
from c360_assets.tenant.campaigns import CampaignConfig
from c360_assets.tenant.customer_360 import (
    GROUP,
    DatabaseConfig,
    DatabaseOptions,
    DatabaseTableConfig,
)
from c360_assets.tenant.destinations import DestinationConfig
from c360_assets.tenant.engine import EngineConfig
from c360_assets.tenant.feeds import (
    CustomField,
    CustomTableConfig,
    FeedConfig,
    FieldConfig,
    FieldType,
)
from c360_assets.tenant.merge_policy import MergePolicy
from c360_assets.tenant.privacy import PrivacyConfig
from c360_assets.tenant.retention import RetentionConfig
from c360_assets.tenant.segments import SegmentConfig
from c360_assets.tenant.stitch import StitchConfig
from c360_assets.tenant.workflow import WorkflowConfig

# The namespace of derived ids where a tenant folder has no tenant.yaml; `c360 init` writes an id of
# the tenant's own.
DEFAULT_TENANT_ID = UUID("c3600000-0000-4000-8000-000000000000")
NORTH_AMERICAN = "nanp"
NORTH_AMERICA = ("US", "CA")


def _country(value: Any) -> Any:
    """The code of Norway, which YAML 1.1 reads as false, as it is written."""
    return "NO" if value is False else value


class TenantConfig(Strict):
    """`tenant.yaml`."""

    id: UUID
    name: str = "My brand"
    owner: Owner | None = None  # of what no feed names another owner of
    timezone: str = "UTC"
    country: Annotated[str, BeforeValidator(_country)] | None = None
    first_day: date | None = None
    as_of: Literal["today", "last_delivery"] = "today"
    # Of a bucket; None: the folder warehouse/. Read by `warehouse.place`.
    warehouse: str | None = None
    phone_region: (
        Annotated[
            str, BeforeValidator(_country), StringConstraints(pattern=r"^(nanp|any|[A-Z]{2})$")
        ]
        | None
    ) = None
    extra_validations: bool = True
    databases: dict[str, DatabaseConfig] = Field(
        default_factory=lambda: {"customer_360": DatabaseConfig(primary=True)}
    )
    customer_360: DatabaseOptions = Field(default_factory=DatabaseOptions)
    engine: EngineConfig = Field(default_factory=EngineConfig)
    retention: RetentionConfig = Field(default_factory=RetentionConfig)
    privacy: PrivacyConfig = Field(default_factory=PrivacyConfig)


@dataclass(frozen=True)
class SqlFile:
    """A SQL file of the tenant: custom domain table, override or extra table."""

    name: str
    path: Path
    text: str

    def named(self, root: Path) -> str:
        """The file as messages name it: below the tenant's folder `root`, one elsewhere by its
        name."""
        is_below = self.path.is_relative_to(root)
        return self.path.relative_to(root).as_posix() if is_below else self.path.name


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
    """A feed or custom domain table: a name, tagged columns, a key.

    `name` is the datasource value (`Source:Feed`, or the custom table's name), `physical` the
    table's name in SQL. `tags`, `types` and `texts` (what the tenant says about a column) go by
    output column; `types` is empty for custom tables, whose SQL decides.
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

    @cached_property
    def all_tags(self) -> frozenset[str]:
        """The tags of all its columns."""
        return frozenset().union(*self.tags.values())

    @cached_property
    def foreign_keys(self) -> dict[str, str]:
        """Foreign-key tag (`fk-customer-id`) -> the first output column that carries it."""
        columns: dict[str, str] = {}
        for column, tags in self.tags.items():
            for tag in tags:
                if tag.startswith("fk-"):
                    columns.setdefault(tag, column)
        return columns

    def columns_with(self, tag: str) -> list[str]:
        """Output columns that carry `tag`, in field order."""
        return [column for column, tags in self.tags.items() if tag in tags]

    def describe(self, column: str) -> str:
        """What a column means: what the tenant says about it, else what its tags mean.

        Empty where neither says anything.
        """
        text = self.texts.get(column)
        if text:
            return text
        meanings = [tag_info(tag).description for tag in self.tags.get(column, ())]
        return ". ".join(dict.fromkeys(meaning for meaning in meanings if meaning))


def _table_of_feed(feed: FeedConfig) -> SourceTable:
    columns = feed.columns
    return SourceTable(
        name=feed.name,
        physical=feed.physical,
        tags={column: field.tags for column, field in columns.items()},
        types={column: field.type for column, field in columns.items()},
        primary_key=feed.primary_key,
        stitch=feed.stitch,
        description=feed.description,
        custom=False,
        texts=_texts(columns),
    )


def _table_of_custom(table: CustomTable) -> SourceTable:
    config = table.config
    return SourceTable(
        name=table.name,
        physical=table.physical,
        tags={column: field.tags for column, field in config.fields.items()},
        types={},
        primary_key=config.primary_key,
        stitch=config.stitch,
        description=config.description,
        custom=True,
        texts=_texts(config.fields),
    )


def _texts(columns: Mapping[str, FieldConfig | CustomField]) -> dict[str, str]:
    """Column -> what the tenant says about it, of those that it says something about."""
    return {name: column.description for name, column in columns.items() if column.description}


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
    # File name -> policy, of filtered databases.
    merge_policies: dict[str, MergePolicy] = field(default_factory=dict)
    database_sql: dict[str, SqlFile] = field(default_factory=dict)
    database_yaml: dict[str, DatabaseTableConfig] = field(default_factory=dict)
    destinations: dict[str, DestinationConfig] = field(default_factory=dict)
    segments: dict[str, SegmentConfig] = field(default_factory=dict)
    segment_sql: dict[str, SqlFile] = field(default_factory=dict)
    campaigns: dict[str, CampaignConfig] = field(default_factory=dict)
    # Configuration file (relative to root) -> the text that was read.
    files: dict[str, str] = field(default_factory=dict)
    # Feed or custom table (logical name) -> its configuration file.
    places: dict[str, str] = field(default_factory=dict)

    # What follows from the declarations is asked for each of many feeds, and computed once. The
    # lists are shared: nobody changes them.
    @cached_property
    def tables(self) -> list[SourceTable]:
        """Feeds, then custom domain tables, each ordered by name."""
        feeds = sorted(self.feeds, key=lambda feed: feed.name)
        custom_tables = sorted(self.custom_tables, key=lambda table: table.name)
        return [
            *(_table_of_feed(feed) for feed in feeds),
            *(_table_of_custom(table) for table in custom_tables),
        ]

    @cached_property
    def stitched_tables(self) -> list[SourceTable]:
        """Tables whose records Stitch reads.

        They are available to it and, where `stitch.yaml` lists tables, are listed.
        """
        available = [table for table in self.tables if table.stitch]
        listed = self.stitch.tables
        if listed is None:
            return available
        return [table for table in available if table.name in listed]

    def has_stitched_version(self, table: SourceTable) -> bool:
        """Whether Stitch writes the table again with `amperity_id`.

        It does so where it reads the table, or a table that it reads has a foreign key of it.
        """
        if table.physical in self._stitched_names:
            return True
        return not self._stitched_keys.isdisjoint(table.foreign_keys)

    @cached_property
    def _stitched_names(self) -> frozenset[str]:
        return frozenset(table.physical for table in self.stitched_tables)

    @cached_property
    def _stitched_keys(self) -> frozenset[str]:
        return frozenset(key for table in self.stitched_tables for key in table.foreign_keys)

    def published_as(self, database: str) -> DatabaseConfig:
        """What is declared of a published database, by the name under which it is published: the
        primary one is `customer_360`."""
        configured = self.config.databases
        if database == GROUP:
            primary = (config for config in configured.values() if config.primary)
            return next(primary, DatabaseConfig(primary=True))
        return configured.get(database, DatabaseConfig())

    def lake_of(self, database: str) -> tuple[Literal["delta", "parquet"], str] | None:
        """Format and absolute address of a database that is published as a lake; None for one that
        is a DuckDB file."""
        config = self.published_as(database)
        if config.format == "duckdb":
            return None
        address = config.address or f"activated/{database}"
        if "://" not in address:
            address = os.path.normpath((self.root / address).absolute())
        return config.format, address.rstrip("/")

    @property
    def order_key(self) -> Sequence[str]:
        """The columns that tell orders apart: their number, after its source where that counts."""
        chosen = self.config.customer_360.unified_transactions.order_key
        return [column for column in ("datasource", "order_id") if column in chosen]

    @property
    def phone_region(self) -> str:
        """The numbering plan that phone numbers are held against: `nanp`, `any` or a country's.

        That of `phone_region`, else that of the tenant's country; North American rules where
        neither is set.
        """
        region = self.config.phone_region
        country = self.config.country
        if country is None:
            return region or NORTH_AMERICAN
        if region is None:
            return NORTH_AMERICAN if country in NORTH_AMERICA else country
        # North American rules would refuse most numbers of another country.
        is_at_home = country in NORTH_AMERICA
        return "any" if region == NORTH_AMERICAN and not is_at_home else region

    @property
    def home(self) -> Home | None:
        """Where the tenant is at home, None where `tenant.yaml` names no country."""
        country = self.config.country
        if country is None:
            return None
        region = self.phone_region
        reads_phones = country if region in (NORTH_AMERICAN, "any") else region
        return Home(country, reads_phones)

    def feed(self, name: str) -> FeedConfig | None:
        """The feed of a logical (`Source:Feed`) or physical name, None where there is none."""
        return self._feeds_by_name.get(name)

    @cached_property
    def _feeds_by_name(self) -> dict[str, FeedConfig]:
        by_physical_name = {feed.physical: feed for feed in reversed(self.feeds)}
        return by_physical_name | {feed.name: feed for feed in reversed(self.feeds)}
