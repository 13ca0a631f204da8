"""Core tables that gather tagged columns of many sources: order items, consent, loyalty and more.

Each is one UNION ALL over the tenant's tables that carry tags of its group, typed by the table
catalogue and empty with the full schema where no table does. Tables that compute something from
these are the templates; tags belong to `semantics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from c360_assets.semantics.column_types import DAY_BITS, INSTANT, SQL_TYPES
from c360_assets.semantics.tables import all_tables, table_spec
from c360_assets.semantics.tags import column_for
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.sql import quote_ident

MONEY = "DECIMAL(38,2)"


@dataclass(frozen=True)
class Consent:
    """How rows of a consent table find their persons, and which of them are the same statement.

    `match` is an expression over a contact value that is equal for equal contacts, `{}` standing
    for the value.
    """

    contact: str
    status: str
    match: str
    key: tuple[str, ...]


@dataclass(frozen=True)
class SemanticTable:
    """One gathered table: the prefix of its tags.

    Rows of a `person` table belong to persons and carry foreign keys. Rows of one `by_email` belong
    to the person whose newest record carries their e-mail, where their source does not know it.
    """

    name: str
    prefix: str
    person: bool = False
    consent: Consent | None = None
    by_email: bool = False


SEMANTIC_TABLES: tuple[SemanticTable, ...] = (
    SemanticTable("unified_itemized_transactions", "txn-item", person=True),
    SemanticTable("unified_product_catalog", "pc"),
    SemanticTable(
        "email_opt_status",
        "email-opt",
        consent=Consent(
            "email", "is_email_opted_in", "email_key({})", ("brand", "region", "email_program")
        ),
    ),
    SemanticTable(
        "sms_opt_status",
        "sms-opt",
        consent=Consent(
            "phone", "is_sms_opted_in", "phone_key({})", ("brand", "region", "sms_program")
        ),
    ),
    SemanticTable("unified_loyalty", "loy", person=True),
    SemanticTable("unified_loyalty_events", "loy-event", person=True),
    SemanticTable("unified_email_events", "email-event", by_email=True),
    SemanticTable("email_engagement_summary", "email-summary"),
    SemanticTable("fiscal_calendar", "fiscal"),
)
BY_NAME = {table.name: table for table in SEMANTIC_TABLES}
# Columns that are not tags of the group: keys of a row, and what is derived from another column.
SYSTEM_COLUMNS = ("amperity_id", "datasource", "pk")
DERIVED = {"fiscal_week_end": "CAST(fiscal_week_start + INTERVAL '6' DAY AS DATE)"}


@dataclass(frozen=True)
class Contribution:
    """What one source table gives: the expression of each output column."""

    datasource: str
    table: str
    columns: tuple[tuple[str, str], ...]


@cache
def _documented_columns() -> frozenset[str]:
    # Not those of tables that report on tables: they have columns such as `table`, a word that SQL
    # keeps for itself.
    tables = ("unified_coalesced", "merged_customers", *BY_NAME)
    return frozenset(column for name in tables for column in all_tables()[name].columns)


def plain_ident(name: str) -> str:
    """A column of the gathered table: documented names stand plain, a tenant's own are quoted."""
    return name if name in _documented_columns() else quote_ident(name)


def foreign_keys(table: SourceTable) -> dict[str, str]:
    """Foreign-key column of an output (`fk_customer_id`) -> the table's own column."""
    keys: dict[str, str] = {}
    for column, tags in table.tags.items():
        for tag in tags:
            name = column_for(tag)
            if name.startswith("fk_"):
                keys.setdefault(name, column)
    return keys


def has_stitched_version(tenant: Tenant, table: SourceTable) -> bool:
    """Whether Stitch writes this table again with `amperity_id`.

    It does where it reads the table, and where a table that it reads has a foreign key of it.
    """
    return tenant.has_stitched_version(table)


def contributors(tenant: Tenant, table: SemanticTable) -> list[SourceTable]:
    """The tenant's tables that carry at least one tag of the group, by name."""
    return [source for source in tenant.tables if _group_columns(table, source)]


def _group_columns(table: SemanticTable, source: SourceTable) -> dict[str, str]:
    """Output column -> the first of the source's columns with its tag, for tags of the group."""
    columns: dict[str, str] = {}
    for column, tags in source.tags.items():
        for tag in tags:
            if tag.startswith(f"{table.prefix}/"):
                columns.setdefault(column_for(tag), column)
    return columns


def columns_of(tenant: Tenant, table: SemanticTable) -> dict[str, str]:
    """Output columns and types.

    The documented ones, foreign keys of the sources, then custom tags of the group.
    """
    columns = {name: column.type for name, column in table_spec(table.name).columns.items()}
    sources = contributors(tenant, table)
    if table.person:
        for source in sources:
            for name in sorted(foreign_keys(source)):
                columns.setdefault(name, "VARCHAR")
    for source in sources:
        for name, column in _group_columns(table, source).items():
            field_type = source.types.get(column, "string")
            columns.setdefault(name, SQL_TYPES.get(field_type, "VARCHAR"))
    return columns


def contributions_of(tenant: Tenant, table: SemanticTable) -> list[Contribution]:
    """What each source table gives, in the order of `columns_of`."""
    columns = columns_of(tenant, table)
    return [_contribution(tenant, table, source, columns) for source in contributors(tenant, table)]


def _contribution(
    tenant: Tenant, table: SemanticTable, source: SourceTable, columns: dict[str, str]
) -> Contribution:
    keys = foreign_keys(source) if table.person else {}
    expressions: list[tuple[str, str]] = []
    # Persons of a consent table are found by contact, in the template.
    if "amperity_id" in columns and table.consent is None:
        expressions.append(("amperity_id", _person(tenant, table, source)))
    for name, type_ in columns.items():
        if name in SYSTEM_COLUMNS:
            continue
        if name in keys:
            expression = _cast(quote_ident(keys[name]), "VARCHAR")
        elif name in DERIVED:
            expression = f"CAST(NULL AS {type_})"
        else:
            tagged = source.columns_with(f"{table.prefix}/{name.replace('_', '-')}")
            expression = _tagged_value(source, tagged, type_)
        expressions.append((name, expression))
    if table.consent is not None:
        expressions += _ages(tenant, source)
    return Contribution(source.name, source.physical, tuple(expressions))


def _ages(tenant: Tenant, source: SourceTable) -> list[tuple[str, str]]:
    """What says which of two statements is newer: the feed's `last_updated` where it is a time,
    else the day of delivery; its number where it is one; then the place in the delivery.
    """
    feed = tenant.feed(source.name)
    name = feed.last_updated if feed is not None else "auto"
    type_ = source.types.get(name)
    column = quote_ident(name)
    stated = f"CAST(DATE '1970-01-01' + CAST(_updated >> {DAY_BITS} AS INTEGER) AS {INSTANT})"
    if type_ == "datetime":
        stated = f"COALESCE({column}, {stated})"
    version = column if type_ == "integer" else "CAST(NULL AS BIGINT)"
    return [("_stated", stated), ("_version", version), ("_updated", "_updated")]


def _person(tenant: Tenant, table: SemanticTable, source: SourceTable) -> str:
    is_known = (table.person or table.by_email) and has_stitched_version(tenant, source)
    return "amperity_id" if is_known else "CAST(NULL AS VARCHAR)"


def _tagged_value(source: SourceTable, tagged: Sequence[str], type_: str) -> str:
    """The value of an output column: of several columns with its tag the first that has one."""
    if not tagged:
        return f"CAST(NULL AS {type_})"
    field_types = {source.types.get(column) for column in tagged}
    if type_ != "VARCHAR" and field_types == {"string"}:
        # Text that only its cast makes an amount or a time: blank text is a missing value, not an
        # error.
        return _cast(_coalesce(tagged, "clean({})"), type_)
    if type_ == MONEY and field_types == {"decimal"}:
        return _rounded(_coalesce(tagged))
    return _cast(_coalesce(tagged), type_)


def _coalesce(columns: Sequence[str], each: str = "{}") -> str:
    values = [each.format(quote_ident(column)) for column in columns]
    return values[0] if len(values) == 1 else f"COALESCE({', '.join(values)})"


def _cast(expression: str, type_: str) -> str:
    return f"CAST({expression} AS {type_})"


def _rounded(expression: str) -> str:
    """A field of decimals in whole cents.

    By way of 18 digits where it fits, as the engine takes ten times as long for 38.
    """
    short = f"CAST(TRY_CAST({expression} AS DECIMAL(18, 4)) AS {MONEY})"
    return f"COALESCE({short}, {_cast(expression, MONEY)})"
