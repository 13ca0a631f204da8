"""Core tables that gather tagged columns of many sources: order items, products, consent, loyalty,
e-mail, fiscal days.

Each is one UNION ALL over the tenant's tables that carry tags of its group, typed by the table
catalogue and empty with the full schema where no table does. Tables that compute something from
these are the templates; tags belong to `semantics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from c360_assets.semantics.tables import all_tables, table_spec
from c360_assets.semantics.tags import column_for
from c360_assets.tenant.models import FieldType, SourceTable, Tenant
from c360_assets.warehouse.sql import quote_ident

TYPES: dict[FieldType, str] = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMPTZ",
    "decimal": "DECIMAL(38, 4)",
    "float": "DOUBLE",
    "integer": "BIGINT",
}

MONEY = "DECIMAL(38,2)"


@dataclass(frozen=True)
class Consent:
    """How rows of a consent table find their persons, and what makes two of them the same
    statement.

    `match` is an expression over a contact value that is equal for equal contacts, `{}` standing
    for the value.
    """

    contact: str
    status: str
    match: str
    key: tuple[str, ...]


@dataclass(frozen=True)
class SemanticTable:
    """One gathered table: the prefix of its tags, and whether its rows belong to persons and carry
    foreign keys.
    """

    name: str
    prefix: str
    person: bool = False
    consent: Consent | None = None


SEMANTIC_TABLES: tuple[SemanticTable, ...] = (
    SemanticTable("unified_itemized_transactions", "txn-item", person=True),
    SemanticTable("unified_product_catalog", "pc"),
    SemanticTable(
        "email_opt_status",
        "email-opt",
        consent=Consent(
            "email", "is_email_opted_in", "LOWER(clean({}))", ("brand", "region", "email_program")
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
    SemanticTable("unified_email_events", "email-event"),
    SemanticTable("email_engagement_summary", "email-summary"),
    SemanticTable("fiscal_calendar", "fiscal"),
)
BY_NAME = {table.name: table for table in SEMANTIC_TABLES}
# Columns that are not tags of the group: keys of a row, and what is derived from another column.
SYSTEM_COLUMNS = ("amperity_id", "datasource", "pk")
DERIVED = {"fiscal_week_end": "CAST(fiscal_week_start + INTERVAL '6' DAY AS DATE)"}


@dataclass(frozen=True)
class Part:
    """One source table's share: the expression of each output column."""

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
    found: dict[str, str] = {}
    for column, tags in table.tags.items():
        for tag in tags:
            name = column_for(tag)
            if name.startswith("fk_"):
                found.setdefault(name, column)
    return found


def has_stitched_version(tenant: Tenant, table: SourceTable) -> bool:
    """Whether Stitch writes this table again with `amperity_id`: it reads it, or a table it reads
    has a foreign key of it.
    """
    if table in tenant.stitched_tables:
        return True
    known = {key for other in tenant.stitched_tables for key in foreign_keys(other)}
    return not known.isdisjoint(foreign_keys(table))


def contributors(tenant: Tenant, table: SemanticTable) -> list[SourceTable]:
    """The tenant's tables that carry at least one tag of the group, by name."""
    prefix = f"{table.prefix}/"
    return [
        t
        for t in tenant.tables
        if any(tag.startswith(prefix) for tags in t.tags.values() for tag in tags)
    ]


def columns_of(tenant: Tenant, table: SemanticTable) -> dict[str, str]:
    """Output columns and types: the documented ones, foreign keys of the sources, then custom tags
    of the group.
    """
    columns = {name: column.type for name, column in table_spec(table.name).columns.items()}
    sources = contributors(tenant, table)
    if table.person:
        columns |= {
            name: "VARCHAR"
            for source in sources
            for name in sorted(foreign_keys(source))
            if name not in columns
        }
    for source in sources:
        for column, tags in source.tags.items():
            for tag in tags:
                if tag.startswith(f"{table.prefix}/") and column_for(tag) not in columns:
                    columns[column_for(tag)] = TYPES.get(
                        source.types.get(column, "string"), "VARCHAR"
                    )
    return columns


def parts_of(tenant: Tenant, table: SemanticTable) -> list[Part]:
    """What each source table gives, in the order of `columns_of`."""
    columns = columns_of(tenant, table)
    return [_part(tenant, table, source, columns) for source in contributors(tenant, table)]


def _part(
    tenant: Tenant, table: SemanticTable, source: SourceTable, columns: dict[str, str]
) -> Part:
    keys = foreign_keys(source)
    expressions: list[tuple[str, str]] = []
    for name, type_ in columns.items():
        if name in SYSTEM_COLUMNS:
            continue
        if name in keys and table.person:
            expressions.append((name, _cast(_coalesce([keys[name]]), "VARCHAR")))
        elif name in DERIVED:
            expressions.append((name, f"CAST(NULL AS {type_})"))
        else:
            tagged = source.columns_with(f"{table.prefix}/{name.replace('_', '-')}")
            if not tagged:
                expressions.append((name, f"CAST(NULL AS {type_})"))
            elif type_ != "VARCHAR" and {source.types.get(column) for column in tagged} == {
                "string"
            }:
                # Text that only its cast makes an amount or a time: blank text is a missing value,
                # not an error.
                expressions.append((name, _cast(_coalesce(tagged, "clean({})"), type_)))
            elif type_ == MONEY and {source.types.get(column) for column in tagged} == {"decimal"}:
                expressions.append((name, _rounded(_coalesce(tagged))))
            else:
                expressions.append((name, _cast(_coalesce(tagged), type_)))
    person = (
        "amperity_id"
        if table.person and has_stitched_version(tenant, source)
        else "CAST(NULL AS VARCHAR)"
    )
    if "amperity_id" in columns and table.consent is None:
        expressions.insert(0, ("amperity_id", person))
    if table.consent is not None:
        expressions.append(("_updated", "_updated"))
    return Part(source.name, source.physical, tuple(expressions))


def _coalesce(columns: Sequence[str], each: str = "{}") -> str:
    quoted = [each.format(quote_ident(column)) for column in columns]
    return quoted[0] if len(quoted) == 1 else f"COALESCE({', '.join(quoted)})"


def _cast(expression: str, type_: str) -> str:
    return f"CAST({expression} AS {type_})"


def _rounded(expression: str) -> str:
    """A field of decimals in whole cents: by way of 18 digits where it fits, as the engine takes
    ten times as long for 38.
    """
    return f"COALESCE(CAST(TRY_CAST({expression} AS DECIMAL(18, 4)) AS {MONEY}), CAST({expression} AS {MONEY}))"
