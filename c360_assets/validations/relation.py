"""A domain table in the shape that reports read: columns by the documented name of their tag, and
what is missing.

Only this module knows what a feed calls its columns. The SELECTs it makes run over a bound table of
the warehouse and, as they stand, over the published database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from c360_assets.semantics.tags import column_for, is_profile, tag_info
from c360_assets.tenant.models import SourceTable
from c360_assets.validations.contacts import parts, well_formed
from c360_assets.validations.declarations import TEXTS, missing
from c360_assets.warehouse.sql import quote_ident

FLAGS = ("is_return", "is_cancellation")
MULTIPLE = ("email", "phone")  # tags that several columns of a table may carry
SQL_TYPES = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP WITH TIME ZONE",
    "decimal": "DECIMAL(38,4)",
    "float": "DOUBLE",
    "integer": "BIGINT",
}
NUMBERS = ("DECIMAL", "DOUBLE", "FLOAT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT")
PERSONAL = "personal data"
DAY_BITS = 43  # `_updated` counts delivery days from 1970 above this bit; zero in a custom table, whose rows have none
# Where rows have no delivery day: the dates by which their trend is drawn instead, best first.
DATES = ("update_dt", "order_datetime", "event_datetime", "create_dt")


@dataclass(frozen=True)
class Relation:
    """What a table offers to reports. `columns` maps documented name to SQL over the table's own
    columns, `derived` to SQL over those; `values` lists the columns of a tag that several may
    carry, by tag.
    """

    table: SourceTable
    columns: Mapping[str, str]
    derived: Mapping[str, str]
    values: Mapping[str, list[str]]

    @property
    def tags(self) -> frozenset[str]:
        return frozenset(tag for tags in self.table.tags.values() for tag in tags)

    def sql(self, source: str, expressions: Iterable[str], extra: Iterable[str] = ()) -> str:
        """A SELECT from `source` of what `expressions` name, and of `extra`, ready-made columns."""
        used = _words(expressions)
        over = {name: sql for name, sql in self.derived.items() if name in used}
        used |= _words(over.values())
        listed = [
            f"{sql} AS {quote_ident(name)}" for name, sql in self.columns.items() if name in used
        ]
        first = f"SELECT {', '.join([*extra, *listed]) or '1 AS one'} FROM {source}"
        second = ", ".join(f"{sql} AS {quote_ident(name)}" for name, sql in over.items())
        return f"SELECT *, {second} FROM ({first})" if second else first


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"\w+", text)}


def relation(table: SourceTable, types: Mapping[str, str] | None = None) -> Relation:
    """The shape of `table`, whose stored columns have `types`; a column that already has its tag's
    type is taken as it is.
    """
    types = types or {}
    columns: dict[str, str] = {}
    key: str | None = None
    for column, tags in table.tags.items():
        for tag in tags:
            name = column_for(tag)
            columns.setdefault(name, _typed(column, tag_info(tag).type, types.get(column, "")))
            if tag.startswith("fk-") and key is None:
                key = _text(column, types.get(column, ""))
    if key or "customer_id" in columns:
        columns["customer_key"] = key or columns["customer_id"]
    for flag in FLAGS:
        raw = columns.pop(flag, None)
        columns[f"{flag}_raw"] = raw or "NULL::BOOLEAN"
        columns[flag] = f"coalesce({raw}, FALSE)" if raw else "FALSE"
    values: dict[str, list[str]] = {}
    derived: dict[str, str] = {}
    for tag in MULTIPLE:
        listed = [_text(column, types.get(column, "")) for column in table.columns_with(tag)]
        values[tag] = (
            [tag] if len(listed) == 1 else [f"{tag}_{n}" for n in range(1, len(listed) + 1)]
        )
        columns |= dict(zip(values[tag], listed, strict=True))
        for name, sql in zip(values[tag], listed, strict=True):
            columns |= {f"{name}_missing": missing(sql), **parts(tag, name, sql)}
            derived[f"{name}_well_formed"] = well_formed(tag, name)
        if listed:
            columns[f"{tag}_missing"] = " AND ".join(f"({missing(sql)})" for sql in listed)
    for name in sorted(TEXTS & columns.keys()):
        columns.setdefault(f"{name}_missing", missing(columns[name]))
    return Relation(table, columns, derived, {tag: names for tag, names in values.items() if names})


def _text(column: str, stored: str) -> str:
    return quote_ident(column) if stored == "VARCHAR" else f"CAST({quote_ident(column)} AS VARCHAR)"


def _typed(column: str, wanted: str, stored: str) -> str:
    """The column in its tag's type: NULL where it cannot be read so; a number stays the number it
    is.
    """
    target = SQL_TYPES.get(wanted, "VARCHAR")
    if target == "VARCHAR":
        return _text(column, stored)
    if stored == target or (
        target in ("DECIMAL(38,4)", "DOUBLE", "BIGINT") and stored.startswith(NUMBERS)
    ):
        return quote_ident(column)
    return f"TRY_CAST({quote_ident(column)} AS {target})"


def day_sql(shape: Relation) -> tuple[str, str]:
    """SQL for the day that a row is counted on, and what that day is: `delivery day`, or the name
    of a date column.

    A custom table's rows come from no delivery of their own. Without any date the day is NULL and
    its name empty.
    """
    if not shape.table.custom:
        return f"(_updated >> {DAY_BITS})::INTEGER", "delivery day"
    for name in DATES:
        if name in shape.columns:
            return (
                f"date_diff('day', DATE '1970-01-01', CAST({shape.columns[name]} AS DATE))::INTEGER",
                name,
            )
    return "NULL::INTEGER", ""


def has(shape_tags: frozenset[str], need: str) -> bool:
    """Whether one of the options of `need` (`a|b`, `group/*`, or personal data) is among the tags."""
    return any(
        any(is_profile(tag) or tag == "compliance/pii" for tag in shape_tags)
        if option == PERSONAL
        else any(tag.startswith(option[:-1]) for tag in shape_tags)
        if option.endswith("*")
        else option in shape_tags
        for option in need.split("|")
    )
