"""What a tenant declares: feeds, custom domain tables, Stitch, merge policy, workflow, databases.

Shapes and defaults of the YAML files, as Pydantic models. Reading files, line numbers and lints belong to `loader` and `check`;
what a tag means belongs to `semantics`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

FieldType = Literal["string", "boolean", "date", "datetime", "decimal", "float", "integer", "array", "map", "struct"]
FileFormat = Literal["csv", "psv", "tsv", "dsv", "json", "ndjson", "parquet", "avro", "xml"]
Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def physical_name(name: str) -> str:
    """The table name of a logical `Source:Feed`: every character outside letters and digits becomes an underscore."""
    return re.sub(r"[^A-Za-z0-9]", "_", name)


class Strict(BaseModel):
    """Unknown keys are errors: a misspelt key must not be ignored silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FilesConfig(Strict):
    """Where a feed's files are and how to read them."""

    pattern: Name
    format: FileFormat = "csv"
    address: str = "landing/"
    delimiter: str | None = None
    header: bool = True
    quote: str = '"'
    escape: str = '"'
    encoding: str | None = None
    compression: Literal["zip", "tar", "gzip"] | None = None
    contents: dict[str, Any] | None = None
    row_tag: str = "row"
    optional: bool = False


class FieldConfig(Strict):
    """One column of a file. The key it stands under is the column's name in the file, compared without case."""

    type: FieldType = "string"
    tags: list[str] = Field(default_factory=list)
    rename: str | None = None
    required: bool = False
    format: str | None = None
    scale: int | None = Field(default=None, ge=0, le=37)
    description: str = ""

    @field_validator("type", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


class FeedConfig(Strict):
    """One feed: one dataset of one source, loaded into one domain table."""

    source: Name
    feed: Name
    description: str = ""
    files: FilesConfig
    load: Literal["upsert", "truncate_and_upsert"] = "upsert"
    primary_key: list[str] = Field(min_length=1)
    last_updated: str = "auto"
    stitch: bool = False
    error_threshold: int = Field(default=1, ge=0, le=100)
    timezone: str | None = None
    datetime_format: str | None = None
    scale: int | None = Field(default=None, ge=0, le=37)
    fields: dict[str, FieldConfig] = Field(min_length=1)

    @property
    def name(self) -> str:
        return f"{self.source}:{self.feed}"

    @property
    def physical(self) -> str:
        return physical_name(self.name)

    def output_name(self, field_name: str) -> str:
        return self.fields[field_name].rename or field_name

    @property
    def outputs(self) -> dict[str, FieldConfig]:
        """Output column name -> its field, in file order."""
        return {self.output_name(name): item for name, item in self.fields.items()}


class CustomField(Strict):
    tags: list[str] = Field(default_factory=list)
    description: str = ""


class CustomTableConfig(Strict):
    """The YAML beside a custom domain table's SQL."""

    description: str = ""
    primary_key: list[str] = Field(min_length=1)
    stitch: bool = False
    fields: dict[str, CustomField] = Field(default_factory=dict)


class BadValueRule(Strict):
    semantic: str
    proxy: str
    threshold: int = Field(ge=1)


class BadValuesConfig(Strict):
    rules: list[BadValueRule] = Field(
        default_factory=lambda: [
            BadValueRule(semantic="email", proxy="given-name", threshold=20),
            BadValueRule(semantic="email", proxy="surname", threshold=20),
            BadValueRule(semantic="phone", proxy="given-name", threshold=20),
            BadValueRule(semantic="address", proxy="given-name", threshold=40),
        ]
    )
    ignore: dict[str, list[str]] = Field(default_factory=dict)
    preprocessing_profiles: list[str] = Field(default_factory=lambda: ["normalize-gender", "prioritize-src-gender"])
    case_sensitive_fks: list[str] = Field(default_factory=list)


class BlockingStrategy(Strict):
    name: str
    limit: int | None = Field(default=None, ge=2)
    enabled: bool = True


class BlockingConfig(Strict):
    preset: Literal["documented", "thorough"] = "thorough"
    strategies: list[BlockingStrategy | str] = Field(default_factory=list)
    limit: int = Field(default=100, ge=2)
    fk_limit: int = Field(default=1000, ge=2)
    oversized: Literal["split", "purge"] = "split"


class TrivialDuplicatesConfig(Strict):
    size_threshold: int = Field(default=10, ge=1)
    exclusions: list[str] = Field(default_factory=list)


class MatchRule(Strict):
    action: Literal["cluster", "separate"]
    when: list[str | dict[str, str]] = Field(min_length=1)


class StapleConfig(Strict):
    enabled: bool = False
    semantics: list[str] = Field(default_factory=lambda: ["fk", "phone"])


class MatchingConfig(Strict):
    classifier: Literal["general-ordinal-fk-priority", "general-ordinal-sk-priority"] = "general-ordinal-fk-priority"
    model: Literal["three_class", "two_class", "recordlinkage_ecm"] = "three_class"
    threshold: float = Field(default=3.0, ge=1.0, le=5.0)
    rules: list[MatchRule] = Field(default_factory=list)
    remaining: Literal["model", "none"] = "model"
    staple: StapleConfig = Field(default_factory=StapleConfig)


class SupersizedConfig(Strict):
    min_size: int = Field(default=500, ge=2)
    max_depth: int = Field(default=4, ge=1)


class ClusteringConfig(Strict):
    algorithm: Literal["mean_linkage", "hierarchical", "components"] = "mean_linkage"
    conflict_fields: dict[str, Literal["always", "learned", "never"]] = Field(default_factory=dict)
    supersized: SupersizedConfig = Field(default_factory=SupersizedConfig)


class StableIdsConfig(Strict):
    enabled: bool = True
    recorded_days: int = Field(default=365, ge=1)
    jitter_alert: float = Field(default=0.02, ge=0, le=1)


class StitchConfig(Strict):
    """`stitch.yaml`. Every key is optional."""

    tables: list[str] | None = None
    allowed_empty_tables: list[str] = Field(default_factory=list)
    bad_values: BadValuesConfig = Field(default_factory=BadValuesConfig)
    blocking: BlockingConfig = Field(default_factory=BlockingConfig)
    trivial_duplicates: TrivialDuplicatesConfig = Field(default_factory=TrivialDuplicatesConfig)
    matching: MatchingConfig = Field(default_factory=MatchingConfig)
    clustering: ClusteringConfig = Field(default_factory=ClusteringConfig)
    stable_ids: StableIdsConfig = Field(default_factory=StableIdsConfig)
    outputs: dict[str, bool | str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _documented_spellings(cls, value: Any) -> Any:
        """`case_sensitive_fks` may stand at the top; `conflict_fields` may be a plain list, which means always."""
        if not isinstance(value, dict):
            return value
        value = dict(value)
        clustering = value.get("clustering")
        if isinstance(clustering, dict) and isinstance(clustering.get("conflict_fields"), list):
            value["clustering"] = {**clustering, "conflict_fields": {str(f): "always" for f in clustering["conflict_fields"]}}
        bad_values = value.get("bad_values") or {}
        if "case_sensitive_fks" in value and isinstance(bad_values, dict):
            value["bad_values"] = {**bad_values, "case_sensitive_fks": value.pop("case_sensitive_fks")}
        return value


GROUPS = ("name", "address", "email", "phone", "birthdate", "gender")


class EmailAssignmentConfig(Strict):
    email_order: list[str] = Field(
        default_factory=lambda: [
            "is_email_opted_in desc",
            "email_clicks_last_30_days desc",
            "most_recent_email_click_datetime desc",
            "update_dt desc",
        ]
    )
    amperity_id_order: list[str] = Field(
        default_factory=lambda: [
            "predicted_clv_next_365d desc",
            "l12m_order_revenue desc",
            "latest_order_datetime desc",
        ]
    )
    email_threshold: int = Field(default=10, ge=1)
    amperity_id_threshold: int = Field(default=10, ge=1)
    rounds: int = Field(default=2, ge=0)


class CustomGroup(Strict):
    columns: list[str] = Field(min_length=1)


Priority = Annotated[int, Field(ge=1)]


class MergePolicy(Strict):
    """`merge_policy.yaml`: which source wins for which group of fields of merged_customers."""

    best_email: Literal["email_ampid_assignment", "priority"] = "email_ampid_assignment"
    use_blocklist: bool = True
    name_completion: Literal["intent", "binary"] = "intent"
    order: Literal["completion_first", "rank_first"] = "completion_first"
    source_priority: dict[str, Priority | None] = Field(default_factory=dict)
    field_priority: dict[str, dict[str, Priority | None]] = Field(default_factory=dict)
    rank: dict[str, list[str]] = Field(default_factory=dict)
    multi_value: dict[str, list[str]] = Field(default_factory=dict)
    custom_groups: dict[str, CustomGroup] = Field(default_factory=dict)
    full_name: Literal["as_tagged", "concat"] = "as_tagged"
    email_ampid_assignment: EmailAssignmentConfig = Field(default_factory=EmailAssignmentConfig)


class UnifiedTransactionsConfig(Strict):
    order_key: list[Literal["order_id", "datasource"]] = ["order_id"]
    order_discount_mode: Literal["auto", "max", "sum"] | dict[str, Literal["max", "sum"]] = "auto"
    options: list[Literal["fiscal_calendar", "net_order_revenue", "order_cost", "order_discount_amount"]] = Field(
        default_factory=list
    )


class TransactionAttributesConfig(Strict):
    early_repeat_days: int = Field(default=84, ge=1)
    retained_days: int = Field(default=365, ge=1)
    blocks: list[Literal["returns", "cancellations", "net_order_revenue", "order_cost", "rfm"]] = Field(default_factory=list)


class BusinessRule(Strict):
    """Persons that look like a business: whole words of a name or of an address, minus exceptions."""

    words: list[Name] = Field(default_factory=lambda: ["inc", "srl", "llc", "service", "business"], min_length=1)
    address_words: list[Name] = Field(default_factory=lambda: ["suite", "space", "floor"], min_length=1)
    exceptions: list[str] = Field(default_factory=list)
    address_exceptions: list[str] = Field(default_factory=list)


class GiftRule(Strict):
    """Purchased items whose description holds one of `words` and none of `exceptions`."""

    words: list[Name] = Field(default_factory=lambda: ["gift"], min_length=1)
    exceptions: list[Name] = Field(default_factory=list)


class ResellerRule(Strict):
    """Supersized clusters of more than `records` records whose revenue is above `percentile` of 1000 buyers."""

    records: int = Field(default=50, ge=1)
    percentile: int = Field(default=990, ge=0, le=1000)


class AccountRule(Strict):
    """Names that are one of `words`, e-mails that begin with one, minus e-mails listed as exceptions."""

    words: list[Name] = Field(default_factory=lambda: ["test", "default"], min_length=1)
    exceptions: list[str] = Field(default_factory=list)


class CustomerAttributesConfig(Strict):
    """Options of customer_attributes. A rule that is not given leaves its column empty; `{}` gives it with its defaults."""

    lifecycle_days: dict[str, int] = Field(default_factory=lambda: {"new": 30, "active": 365, "lapsed": 730})
    is_employee: dict[str, list[str]] = Field(default_factory=dict)
    outlier_percentile: int = Field(default=995, ge=0, le=1000)
    is_business: BusinessRule | None = None
    is_gift_giver: GiftRule | None = None
    is_reseller: ResellerRule | None = None
    is_test_account: AccountRule | None = None
    churn: dict[Name, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)


class Customer360Config(Strict):
    template: Literal["base", "transaction_attributes"] = "transaction_attributes"
    hashed: list[Literal["email", "phone"]] = Field(default_factory=list)


class ValidationsConfig(Strict):
    thresholds: dict[str, float] = Field(default_factory=dict)
    blocking: list[str] = Field(default_factory=list)


class DatabaseOptions(Strict):
    """`tenant.yaml: customer_360`: options of the shipped templates."""

    unified_transactions: UnifiedTransactionsConfig = Field(default_factory=UnifiedTransactionsConfig)
    transaction_attributes_extended: TransactionAttributesConfig = Field(default_factory=TransactionAttributesConfig)
    customer_attributes: CustomerAttributesConfig = Field(default_factory=CustomerAttributesConfig)
    customer_360: Customer360Config = Field(default_factory=Customer360Config)
    validations: ValidationsConfig = Field(default_factory=ValidationsConfig)
    pii_table: bool = False


class DatabaseConfig(Strict):
    primary: bool = False
    filter: dict[str, str] = Field(default_factory=dict)
    merge_policy: str | None = None
    tables: list[str] = Field(default_factory=list)


class DatabaseColumn(Strict):
    description: str = ""
    semantic: str = ""
    pii: bool | None = None
    required: bool = False
    unique: bool = False


class DatabaseTableConfig(Strict):
    """`database/<table>.yaml`: what is told about a tenant's own table of the customer 360 database."""

    description: str = ""
    grain: str = ""
    key: list[str] = Field(default_factory=list)
    columns: dict[str, DatabaseColumn] = Field(default_factory=dict)


class DestinationTable(Strict):
    """What of a table may leave: the listed columns, else those that hold nothing personal; under which name."""

    columns: list[Name] | None = Field(default=None, min_length=1)
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None


class DestinationConfig(Strict):
    """One receiver of a published database: a folder (below the tenant's, absolute, or s3://...), or PostgreSQL.

    `url_env` names the environment variable that holds PostgreSQL's address, so that no password stands in a file.
    """

    type: Literal["files", "postgres"] = "files"
    database: str = "customer_360"
    path: str | None = None
    format: Literal["csv", "parquet", "ndjson"] = "parquet"
    url_env: str | None = None
    schema_name: str = Field(default="public", alias="schema")
    tables: dict[str, DestinationTable] = Field(min_length=1)

    @field_validator("tables", mode="before")
    @classmethod
    def _none_is_default(cls, value: Any) -> Any:
        return {k: v or {} for k, v in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _has_a_place(self) -> DestinationConfig:
        if self.type == "files" and not self.path:
            raise ValueError("a destination of type files needs a path")
        if self.type == "postgres" and not self.url_env:
            raise ValueError("a destination of type postgres needs url_env, the name of an environment variable")
        return self


class DestinationsConfig(Strict):
    """`destinations.yaml`: who receives the published database."""

    destinations: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], DestinationConfig] = Field(
        default_factory=dict
    )


# The namespace of derived ids where a tenant folder has no tenant.yaml; `c360 init` writes an id of the tenant's own.
DEFAULT_TENANT_ID = UUID("c3600000-0000-4000-8000-000000000000")


class TenantConfig(Strict):
    """`tenant.yaml`."""

    id: UUID
    name: str = "My brand"
    timezone: str = "UTC"
    country: str = "US"
    first_day: date = date(2020, 1, 1)
    as_of: Literal["today", "last_delivery"] = "today"
    phone_region: Literal["nanp", "any"] = "nanp"
    extra_validations: bool = True
    databases: dict[str, DatabaseConfig] = Field(default_factory=lambda: {"customer_360": DatabaseConfig(primary=True)})
    customer_360: DatabaseOptions = Field(default_factory=DatabaseOptions)


class WorkflowFeed(Strict):
    """What a day expects of a feed.

    `wait` is how long a missing file is waited for; None waits without end. Then the day goes on without the feed, or with
    `stop` does not begin. `every` is the rhythm of its deliveries, `offset` how much older than the day they are.
    """

    required: bool = True
    every: str = "day"
    wait: str | None = None
    offset: str = "0d"
    notify: bool = True
    stop: bool = False


class ActivationConfig(Strict):
    cron: str = "30 6 * * *"
    on_stale: Literal["wait", "publish"] = "wait"


class AlertsConfig(Strict):
    """Where alerts go: a line each to a file of the tenant, and to a web address."""

    file: str = "logs/alerts.jsonl"
    webhook: str | None = None


class WorkflowConfig(Strict):
    """`workflow.yaml`: which feeds a day needs, and when the database is activated."""

    feeds: dict[str, WorkflowFeed] = Field(default_factory=dict)
    activation: ActivationConfig = Field(default_factory=ActivationConfig)
    alerts: AlertsConfig = Field(default_factory=AlertsConfig)

    @field_validator("feeds", mode="before")
    @classmethod
    def _none_is_default(cls, value: Any) -> Any:
        return {k: v or {} for k, v in value.items()} if isinstance(value, dict) else value


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
    `tags` and `types` go by output column; `types` is empty for custom tables, whose SQL decides.
    """

    name: str
    physical: str
    tags: dict[str, list[str]]
    types: dict[str, FieldType]
    primary_key: list[str]
    stitch: bool
    description: str
    custom: bool

    @property
    def asset(self) -> str:
        return f"domain/{self.physical}"

    @property
    def stitched_asset(self) -> str:
        return f"stitched/{self.physical}"

    def columns_with(self, tag: str) -> list[str]:
        """Output columns that carry `tag`, in field order."""
        return [column for column, tags in self.tags.items() if tag in tags]


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
    merge_policies: dict[str, MergePolicy] = field(default_factory=dict)  # file name -> policy, of filtered databases
    database_sql: dict[str, SqlFile] = field(default_factory=dict)
    database_yaml: dict[str, DatabaseTableConfig] = field(default_factory=dict)
    destinations: dict[str, DestinationConfig] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # configuration file (relative to root) -> text, what was read
    places: dict[str, str] = field(default_factory=dict)  # feed or custom table (logical name) -> its configuration file

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
            )
            for c in sorted(self.custom_tables, key=lambda c: c.name)
        ]
        return feeds + custom

    @property
    def stitched_tables(self) -> list[SourceTable]:
        """Tables whose records Stitch reads: made available to it and, where `stitch.yaml` lists tables, selected."""
        chosen = self.stitch.tables
        return [t for t in self.tables if t.stitch and (chosen is None or t.name in chosen)]

    def feed(self, name: str) -> FeedConfig | None:
        return next((f for f in self.feeds if f.name == name or f.physical == name), None)
