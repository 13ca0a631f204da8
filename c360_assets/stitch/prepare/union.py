"""The union of all stitched tables: one record frame, values as received, columns named by their
tags.

Reads domain tables at their pinned versions. Normalising values belongs to `preprocess`; which tags
exist belongs to `semantics`; what is done with the records belongs to `api`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.prepare.local_forms import with_local_forms
from c360_assets.tenant.models import SourceTable, StitchConfig, Tenant
from c360_assets.warehouse.sql import quote_ident, quote_literal

if TYPE_CHECKING:  # matching without a tenant needs no warehouse
    from c360_assets.warehouse.session import Session

KEYS = ("datasource", "pk")
# Columns that every record frame has, tagged or not: later tables and the tenant's SQL may rely on
# them.
CORE_COLUMNS: dict[str, str] = {
    "ck": "VARCHAR",
    "given_name": "VARCHAR",
    "surname": "VARCHAR",
    "full_name": "VARCHAR",
    "title": "VARCHAR",
    "generational_suffix": "VARCHAR",
    "gender": "VARCHAR",
    "birthdate": "DATE",
    "email": "VARCHAR",
    "phone": "VARCHAR",
    "address": "VARCHAR",
    "address2": "VARCHAR",
    "city": "VARCHAR",
    "state": "VARCHAR",
    "postal": "VARCHAR",
    "country": "VARCHAR",
    "company": "VARCHAR",
    "create_dt": "TIMESTAMPTZ",
    "update_dt": "TIMESTAMPTZ",
}
NOT_COMPARED = frozenset({"ck", "create_dt", "update_dt"})
KEY_PREFIXES = ("fk_", "bk_", "sk_")
MULTI_VALUE = ("email", "phone")
ADDRESS_GROUP = ("address", "address2", "city", "state", "postal")
# Set for every row from the table's key, so a field that repeats the tag adds nothing.
RESERVED_TAGS = frozenset({"pk", "datasource", "system-updated"})


@dataclass(frozen=True)
class Union:
    """The record frame, and the stitched tables that gave no record (declared names)."""

    frame: pl.DataFrame
    empty_tables: list[str]


def union_records(session: Session, tenant: Tenant) -> Union:
    """One row per source record of every stitched table, sorted by (datasource, pk).

    Columns: `datasource`, `pk`, `CORE_COLUMNS`, then every further tag of a stitched table by name,
    then those of `local_forms`.
    Values are as received; several e-mail or phone fields of one record are joined by `,` in field
    order without repeats; of several address groups the base columns hold the first that is not
    empty.

    Raises C360Error when no stitched table holds a record, and when a table that gave records to
    the previous Stitch holds none now and is not among `allowed_empty_tables` (an empty delivery
    must not retire everyone's id). A table that never had records is only listed.
    """
    tables = tenant.stitched_tables
    if not tables:
        raise C360Error(
            "no table is made available to Stitch; "
            "set `stitch: true` in the YAML of a feed with customer records"
        )
    filled = []
    empty = []
    for table in tables:
        state = session.state(table.asset)
        if state is not None and state.rows > 0:
            filled.append(table)
        else:
            empty.append(table.name)
    if not filled:
        raise C360Error(
            f"Stitch has no records: {', '.join(empty)} hold none; "
            "land their files and load them first"
        )
    _refuse_emptied(session, empty, tenant.stitch)
    columns = record_columns(tables)
    selects = []
    for table in filled:
        name = f"_union_{table.physical}"
        session.bind(table.asset, name)
        selects.append(select_records(table, columns, name))
    union_sql = " UNION ALL ".join(selects)
    frame = session.frame(f"{union_sql} ORDER BY datasource, pk")
    return Union(with_local_forms(frame, tenant), empty)


def in_key_order(records: pl.DataFrame) -> pl.DataFrame:
    """The rows in (datasource, pk) order; the same frame, not a copy, where they are."""
    row, next_row = records[:-1], records[1:]
    same_source = row["datasource"] == next_row["datasource"]
    later_source = row["datasource"] < next_row["datasource"]
    is_ordered = later_source | same_source & (row["pk"] < next_row["pk"])
    return records if is_ordered.all() else records.sort("datasource", "pk")


def record_columns(tables: Iterable[SourceTable]) -> dict[str, str]:
    """Record column -> SQL type over all `tables`.

    The core columns, then foreign keys by name, then every other tag by name.
    """
    further: set[str] = set()
    for table in tables:
        further.update(_fields_by_column(table))
    further -= CORE_COLUMNS.keys()
    foreign_keys = sorted(column for column in further if column.startswith("fk_"))
    others = sorted(further.difference(foreign_keys))
    return CORE_COLUMNS | dict.fromkeys([*foreign_keys, *others], "VARCHAR")


def is_record_tag(tag: str) -> bool:
    """Whether a tag becomes a column of the records.

    Tags of other groups (`txn-item/…`, `pc/…`) do not.
    """
    return "/" not in tag and tag not in RESERVED_TAGS


def fields_read(table: SourceTable) -> tuple[dict[str, list[str]], list[dict[str, str]]]:
    """What a table's records depend on of its tags: record column -> fields, and address groups."""
    return _fields_by_column(table), _address_groups(table)


def fields_compared(table: SourceTable) -> tuple[dict[str, list[str]], list[dict[str, str]]]:
    """As `fields_read`, without the columns that are only handed on, such as those of own tags."""
    by_column, groups = fields_read(table)
    return {name: by_column[name] for name in by_column if _is_compared(name)}, groups


def _is_compared(column: str) -> bool:
    is_key = column.startswith(KEY_PREFIXES)
    return is_key or (column in CORE_COLUMNS and column not in NOT_COMPARED)


def column_name(tag: str) -> str:
    return tag.replace("-", "_")


def select_records(table: SourceTable, columns: dict[str, str], source: str) -> str:
    """A SELECT of exactly `datasource, pk` and `columns` from the relation `source`.

    `source` holds the content of `table`.
    """
    by_column = _fields_by_column(table)
    groups = _address_groups(table)
    columns_sql = [f"{quote_literal(table.name)} AS datasource", "_pk AS pk"]
    for column, sql_type in columns.items():
        fields = by_column.get(column, [])
        if column in ADDRESS_GROUP and len(groups) > 1:
            value = _first_group(groups, column)
        elif column in MULTI_VALUE and len(fields) > 1:
            value = _joined(fields)
        else:
            value = _first(fields, sql_type)
        columns_sql.append(f"{value} AS {quote_ident(column)}")
    return f"SELECT {', '.join(columns_sql)} FROM {quote_ident(source)}"


def _refuse_emptied(session: Session, empty: list[str], config: StitchConfig) -> None:
    watched = [name for name in empty if name not in config.allowed_empty_tables]
    if not watched or session.state("unified_coalesced") is None:
        return
    session.bind("unified_coalesced", "_union_previous")
    parameters = ", ".join("?" for _ in watched)
    emptied = session.rows(
        "SELECT DISTINCT datasource FROM _union_previous "
        f"WHERE datasource IN ({parameters}) ORDER BY 1",
        watched,
    )
    if emptied:
        names = ", ".join(name for (name,) in emptied)
        raise C360Error(
            f"{names}: no records left, though the last Stitch read some; deliver the file again, "
            "or list the table under `allowed_empty_tables` in stitch.yaml if it may be empty"
        )


def _fields_by_column(table: SourceTable) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for field, tags in table.tags.items():
        for tag in tags:
            if is_record_tag(tag):
                fields.setdefault(column_name(tag), []).append(field)
    return fields


def _address_groups(table: SourceTable) -> list[dict[str, str]]:
    """The address groups in field order, each base column -> field.

    A namespaced tag (`city-home`) names a field's group.
    """
    groups: dict[str, dict[str, str]] = {}
    for field, tags in table.tags.items():
        for base in ADDRESS_GROUP:
            if base in tags:
                prefix = f"{base}-"
                names = [tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)]
                group = groups.setdefault(min(names, default=""), {})
                group.setdefault(base, field)
    return list(groups.values())


def _text(field: str) -> str:
    return f"CAST({quote_ident(field)} AS VARCHAR)"


def _has_value(field: str) -> str:
    return f"coalesce(trim({_text(field)}), '') <> ''"


def _first(fields: list[str], sql_type: str) -> str:
    """The first field that holds a value, of the given type.

    A value that is not of that type counts as missing.
    """
    if not fields:
        return f"CAST(NULL AS {sql_type})"

    def value(field: str) -> str:
        if sql_type == "VARCHAR":
            return _text(field)
        return f"TRY_CAST({quote_ident(field)} AS {sql_type})"

    if len(fields) == 1:
        return value(fields[0])
    cases = [f"WHEN {_has_value(field)} THEN {value(field)}" for field in fields]
    return f"CASE {' '.join(cases)} END"


def _joined(fields: list[str]) -> str:
    values = f"[{', '.join(_text(field) for field in fields)}]"
    # Of values that repeat, the one at the first position stays.
    kept = (
        f"list_filter({values}, lambda x, i: "
        f"coalesce(trim(x), '') <> '' AND list_position({values}, x) = i)"
    )
    return f"nullif(array_to_string({kept}, ','), '')"


def _first_group(groups: list[dict[str, str]], column: str) -> str:
    cases = []
    for group in groups:
        is_filled = " OR ".join(_has_value(field) for field in group.values())
        value = _text(group[column]) if column in group else "CAST(NULL AS VARCHAR)"
        cases.append(f"WHEN {is_filled} THEN {value}")
    return f"CASE {' '.join(cases)} END"
