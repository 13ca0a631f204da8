"""A domain table in the shape that reports read.

Columns by the documented name of their tag, and what is missing. Only this module knows what a feed
calls its columns. The SELECTs it makes run over a bound table of the warehouse and, as they stand,
over the published database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from c360_assets.semantics.column_types import DAY_BITS, SQL_TYPES
from c360_assets.semantics.tags import column_for, is_profile, tag_info
from c360_assets.tenant.models import SourceTable
from c360_assets.validations.contacts import parts, well_formed
from c360_assets.validations.declarations import TEXTS, missing
from c360_assets.warehouse.sql import quote_ident

FLAGS = ("is_return", "is_cancellation")
NO_FLAG = "NULL::BOOLEAN"
MULTIPLE = ("email", "phone")  # tags that several columns of a table may carry
NUMBERS = ("DECIMAL", "DOUBLE", "FLOAT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT")
PERSONAL = "personal data"
# Where rows have no delivery day: the dates by which their trend is drawn instead, best first.
DATES = ("update_dt", "order_datetime", "event_datetime", "create_dt")


@dataclass(frozen=True)
class Relation:
    """What a table offers to reports.

    `columns` maps documented name to SQL over the table's own columns, `derived` to SQL over those;
    `values` lists the columns of a tag that several may carry, by tag.
    """

    table: SourceTable
    columns: Mapping[str, str]
    derived: Mapping[str, str]
    values: Mapping[str, list[str]]

    @property
    def tags(self) -> frozenset[str]:
        return self.table.all_tags

    def sql(self, source: str, expressions: Iterable[str], extra: Iterable[str] = ()) -> str:
        """A SELECT from `source` of what `expressions` name, and of `extra`, ready-made columns."""
        used = _words(expressions)
        derived = {name: sql for name, sql in self.derived.items() if name in used}
        used |= _words(derived.values())
        columns = {name: sql for name, sql in self.columns.items() if name in used}
        columns_sql = ", ".join([*extra, *_aliased(columns)]) or "1 AS one"
        inner = f"SELECT {columns_sql} FROM {source}"
        if not derived:
            return inner
        return f"SELECT *, {', '.join(_aliased(derived))} FROM ({inner})"


def _aliased(columns: Mapping[str, str]) -> list[str]:
    return [f"{sql} AS {quote_ident(name)}" for name, sql in columns.items()]


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"\w+", text)}


def relation(table: SourceTable, types: Mapping[str, str] | None = None) -> Relation:
    """The shape of `table`, whose stored columns have `types`.

    A column that already has its tag's type is taken as it is.
    """
    types = types or {}
    columns = _tagged_columns(table, types)
    derived: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for tag in MULTIPLE:
        texts = [_text(column, types.get(column, "")) for column in table.columns_with(tag)]
        if not texts:
            continue
        # Several columns with one tag are told apart by a number.
        names = [f"{tag}_{number}" for number in range(1, len(texts) + 1)]
        values[tag] = names if len(texts) > 1 else [tag]
        by_name = dict(zip(values[tag], texts, strict=True))
        columns |= by_name
        for name, sql in by_name.items():
            columns |= {f"{name}_missing": missing(sql), **parts(tag, name, sql)}
            derived[f"{name}_well_formed"] = well_formed(tag, name)
        columns[f"{tag}_missing"] = " AND ".join(f"({missing(sql)})" for sql in texts)
    for name in sorted(TEXTS & columns.keys()):
        columns.setdefault(f"{name}_missing", missing(columns[name]))
    return Relation(table, columns, derived, values)


def _tagged_columns(table: SourceTable, types: Mapping[str, str]) -> dict[str, str]:
    """Documented name -> SQL of the first column with its tag; `customer_key`, and the flags."""
    columns: dict[str, str] = {}
    foreign_key: str | None = None
    for column, tags in table.tags.items():
        stored = types.get(column, "")
        for tag in tags:
            columns.setdefault(column_for(tag), _typed(column, tag_info(tag).type, stored))
            if tag.startswith("fk-") and foreign_key is None:
                foreign_key = _text(column, stored)
    customer_key = foreign_key or columns.get("customer_id")
    if customer_key:
        columns["customer_key"] = customer_key
    # Rules read a flag that is empty, or that the table has not, as false.
    for flag in FLAGS:
        flag_sql = columns.pop(flag, NO_FLAG)
        columns[f"{flag}_raw"] = flag_sql
        columns[flag] = "FALSE" if flag_sql == NO_FLAG else f"coalesce({flag_sql}, FALSE)"
    return columns


def _text(column: str, stored: str) -> str:
    return quote_ident(column) if stored == "VARCHAR" else f"CAST({quote_ident(column)} AS VARCHAR)"


def _typed(column: str, wanted: str, stored: str) -> str:
    """The column in its tag's type, NULL where it cannot be read so."""
    target = SQL_TYPES.get(wanted, "VARCHAR")
    if target == "VARCHAR":
        return _text(column, stored)
    # A number stays the number it is: a cast of one to another would only cost time.
    is_number = stored.startswith(NUMBERS) and wanted in ("decimal", "float", "integer")
    if stored == target or is_number:
        return quote_ident(column)
    return f"TRY_CAST({quote_ident(column)} AS {target})"


def day_sql(shape: Relation) -> tuple[str, str]:
    """SQL for the day that a row is counted on, and what that day is.

    It is a `delivery day`, or the name of a date column: a custom table's rows come from no
    delivery of their own. Without any date the day is NULL and its name empty.
    """
    if not shape.table.custom:
        return f"(_updated >> {DAY_BITS})::INTEGER", "delivery day"
    for name in DATES:
        if name in shape.columns:
            moment = f"CAST({shape.columns[name]} AS DATE)"
            return f"date_diff('day', DATE '1970-01-01', {moment})::INTEGER", name
    return "NULL::INTEGER", ""


def has(shape_tags: frozenset[str], need: str) -> bool:
    """Whether one of the options of `need` (`a|b`, `group/*`, personal data) is among the tags."""
    return any(_has_option(shape_tags, option) for option in need.split("|"))


def _has_option(shape_tags: frozenset[str], option: str) -> bool:
    if option == PERSONAL:
        return any(is_profile(tag) or tag == "compliance/pii" for tag in shape_tags)
    if option.endswith("*"):
        return any(tag.startswith(option[:-1]) for tag in shape_tags)
    return option in shape_tags
