"""The customer 360 database: options of the shipped tables, filtered databases, own tables.

The key `customer_360` and `databases` of `tenant.yaml`, and the YAML below `database/`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from c360_assets.tenant.base_models import Days, Name, Strict

# The database that holds everything, whatever tenant.yaml calls it.
GROUP = "customer_360"
TableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class UnifiedTransactionsConfig(Strict):
    order_key: list[Literal["order_id", "datasource"]] = Field(default=["order_id"])
    order_discount_mode: Literal["auto", "max", "sum"] | dict[str, Literal["max", "sum"]] = "auto"
    options: list[
        Literal["fiscal_calendar", "net_order_revenue", "order_cost", "order_discount_amount"]
    ] = Field(default_factory=list)


class TransactionAttributesConfig(Strict):
    early_repeat_days: Days = Field(default=84, ge=1)
    retained_days: Days = Field(default=365, ge=1)
    blocks: list[Literal["returns", "cancellations", "net_order_revenue", "order_cost", "rfm"]] = (
        Field(default_factory=list)
    )


class BusinessRule(Strict):
    """Persons that look like a business: whole words of a name or address, minus exceptions."""

    words: list[Name] = Field(
        default_factory=lambda: ["inc", "srl", "llc", "service", "business"], min_length=1
    )
    address_words: list[Name] = Field(
        default_factory=lambda: ["suite", "space", "floor"], min_length=1
    )
    exceptions: list[str] = Field(default_factory=list)
    address_exceptions: list[str] = Field(default_factory=list)


class GiftRule(Strict):
    """Purchased items whose description holds one of `words` and none of `exceptions`."""

    words: list[Name] = Field(default_factory=lambda: ["gift"], min_length=1)
    exceptions: list[Name] = Field(default_factory=list)


class ResellerRule(Strict):
    """Clusters of more than `records` records with a revenue above `percentile` of 1000 buyers."""

    records: int = Field(default=50, ge=1)
    percentile: int = Field(default=990, ge=0, le=1000)


class AccountRule(Strict):
    """Names that are one of `words`, e-mails that begin with one, minus e-mails in `exceptions`."""

    words: list[Name] = Field(default_factory=lambda: ["test", "default"], min_length=1)
    exceptions: list[str] = Field(default_factory=list)


class EmployeeRule(Strict):
    """E-mails of one of `domains`, minus `exceptions`."""

    domains: list[Name] = Field(default_factory=list)
    exceptions: list[str] = Field(default_factory=list)


class CustomerAttributesConfig(Strict):
    """Options of customer_attributes.

    A rule that is not given leaves its column empty; `{}` gives it with its defaults.
    """

    lifecycle_days: dict[str, Days] = Field(
        default_factory=lambda: {"new": 30, "active": 365, "lapsed": 730}
    )
    is_employee: EmployeeRule = Field(default_factory=EmployeeRule)
    outlier_percentile: int = Field(default=995, ge=0, le=1000)
    is_business: BusinessRule | None = None
    is_gift_giver: GiftRule | None = None
    is_reseller: ResellerRule | None = None
    is_test_account: AccountRule | None = None
    churn: dict[Name, Days] = Field(default_factory=dict)


class MergedHouseholdsConfig(Strict):
    """`source`: what makes a household of merged_households.

    `address`: one surname at one standardised address, as documented. `stitch`: those that Stitch
    finds to live together (table stitch_households), everybody included.
    """

    source: Literal["address", "stitch"] = "address"


class Customer360Config(Strict):
    """Options of customer_360.

    `attributes` are further columns: of transaction_attributes_extended, or of
    unified_transactions, of which the person's latest order counts.
    """

    template: Literal["base", "transaction_attributes"] = "transaction_attributes"
    hashed: list[Literal["email", "phone"]] = Field(default_factory=list)
    attributes: list[Name] = Field(default_factory=list)


class ValidationsConfig(Strict):
    thresholds: dict[str, Annotated[float, Field(ge=0, le=100)]] = Field(default_factory=dict)
    blocking: list[str] = Field(default_factory=list)


class PassthroughTable(Strict):
    """A table of the database that is chosen columns of a source table as it stands.

    The stitched version is taken where there is one.
    """

    source: Name
    columns: list[Name] = Field(min_length=1)


class DatabaseOptions(Strict):
    """`tenant.yaml: customer_360`: options of the shipped templates, and tables without SQL."""

    unified_transactions: UnifiedTransactionsConfig = Field(
        default_factory=UnifiedTransactionsConfig
    )
    transaction_attributes_extended: TransactionAttributesConfig = Field(
        default_factory=TransactionAttributesConfig
    )
    customer_attributes: CustomerAttributesConfig = Field(default_factory=CustomerAttributesConfig)
    customer_360: Customer360Config = Field(default_factory=Customer360Config)
    merged_households: MergedHouseholdsConfig = Field(default_factory=MergedHouseholdsConfig)
    validations: ValidationsConfig = Field(default_factory=ValidationsConfig)
    pii_table: bool = False
    passthrough: dict[TableName, PassthroughTable] = Field(default_factory=dict)


class DatabaseConfig(Strict):
    """A published database. `mask`: personal columns are hashed with the tenant's key, a date of
    birth is left as its year.

    `format`: one DuckDB file below `activated/`, or a lake of Delta tables or of Parquet files, at
    `address`: a folder, below the tenant's unless it is absolute, or s3://. Without one,
    `activated/NAME`.
    """

    format: Literal["duckdb", "delta", "parquet"] = "duckdb"
    address: Name | None = None
    primary: bool = False
    mask: bool = False
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
    """`database/<table>.yaml`: what is declared about a table of the customer 360 database.

    `static_schema` (column -> type, a field's type or DuckDB's) lists all its columns: a build that
    gives others fails.
    """

    description: str = ""
    grain: str = ""
    key: list[str] = Field(default_factory=list)
    columns: dict[str, DatabaseColumn] = Field(default_factory=dict)
    static_schema: dict[Name, Name] | None = Field(default=None, min_length=1)
