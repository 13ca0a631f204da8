"""Checks of feeds and table names: what would make a load impossible or wrong.

Where files are and how they are read is `check_files`, where a tag may stand `check_tags`; which
figures may stop a load is `validations.block_if`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from c360_assets.semantics.closest import closest
from c360_assets.semantics.column_types import GENERATED_COLUMNS
from c360_assets.semantics.tables import all_tables
from c360_assets.semantics.tags import without_marks
from c360_assets.tenant.check_files import check_files
from c360_assets.tenant.check_tenant import check_time_zone
from c360_assets.tenant.config_check import ConfigCheck
from c360_assets.tenant.document import KeyPath
from c360_assets.tenant.models import (
    NUMBER_DATES,
    FeedConfig,
    FieldConfig,
    SourceTable,
)

GENERATED = tuple(GENERATED_COLUMNS)
NESTED = frozenset({"array", "map", "struct"})
DATES = frozenset({"date", "datetime"})
NUMBERS = frozenset({"decimal", "float", "integer"})
# Types that tell which of two rows is newer; a date is too coarse for two deliveries of one day.
ORDERING = frozenset({"datetime", "integer"})
# Letters a date pattern may use outside quotes: year, month, day, day of year, weekday, hours,
# minute, second, fraction, am/pm, zone.
DATE_LETTERS = frozenset("yMdDEHhmsSaZz")
QUOTED_TEXT = re.compile(r"'(?:[^']|'')*'")
LOWER_CASE_M = re.compile(r"(?<![A-Za-z])m+(?![A-Za-z])")
WEAK_KEYS = frozenset({"given-name", "surname", "full-name", "update-dt"})
OUTPUT_NAME = re.compile(r"[A-Za-z0-9_]+")


def check_some_feed(check: ConfigCheck) -> None:
    if check.all_tables_read and not check.tenant.feeds:
        remedy = (
            "propose one from a sample file: `c360 feed suggest FILE`, "
            "save what it prints as feeds/<source>/<feed>.yaml"
        )
        check.warning("feeds", (), "no feeds yet, so there is nothing to load", remedy)


def check_table_names(check: ConfigCheck) -> None:
    """Tables are told apart by their physical name, without case.

    That holds among themselves, and between them and the documented tables.
    """
    taken_by = {name.lower(): f"the documented table {name}" for name in all_tables()}
    for table in check.tenant.tables:
        _check_table_name(check, table, taken_by)
        taken_by.setdefault(table.physical.lower(), table.name)
    for name in check.tenant.database_sql:
        _check_database_sql_name(check, name, taken_by)
    for name in check.tenant.database_yaml:
        has_sql = name in check.tenant.database_sql or name in check.unread.names
        if not has_sql and name not in all_tables():
            message = f"describes a table that does not exist: there is no {name}.sql beside it"
            check.error(f"database/{name}.yaml", (), message)


def _check_table_name(check: ConfigCheck, table: SourceTable, taken_by: dict[str, str]) -> None:
    file = check.file_of(table)
    path: KeyPath = () if table.custom else ("feed",)
    if not table.custom and table.name.count(":") > 1:
        check.error(file, path, "a source or feed name must not contain ':'")
    owner = taken_by.get(table.physical.lower())
    if owner is not None:
        message = f"the table name {table.physical} is taken by {owner}"
        remedy = "rename its files" if table.custom else "choose another source or feed name"
        check.error(file, path, message, remedy)


def _check_database_sql_name(check: ConfigCheck, name: str, taken_by: dict[str, str]) -> None:
    """A documented table's name is meant to override it, any other must be free."""
    file = f"database/{name}.sql"
    documented = {table.lower(): table for table in all_tables()}.get(name.lower())
    if documented is None and name.lower() in taken_by:
        message = f"the table name {name} is taken by {taken_by[name.lower()]}"
        check.error(file, (), message, "rename the file")
    elif documented is not None and documented != name:
        message = f"differs from the documented table {documented} only in case"
        check.error(file, (), message, f"rename it to {documented}.sql")


def tidy_name(name: str) -> str:
    """An output name for a column: lower case without accents, `_` for what is no letter or digit.

    `Straße` becomes `strasse`.
    """
    return re.sub(r"[^a-z0-9]+", "_", without_marks(name).lower()).strip("_") or "field"


def check_output_names(check: ConfigCheck) -> None:
    """Output names have letters, digits and underscores and occur once, ignoring case."""
    for feed in check.tenant.feeds:
        file = check.file_of(feed)
        taken_by = {name.lower(): f"the generated column {name}" for name in GENERATED}
        fields_by_column: dict[str, str] = {}
        for name, field in feed.fields.items():
            _check_output_name(check, file, name, field, taken_by)
            taken_by.setdefault(feed.output_name(name).lower(), f"the field {name}")
            column = name.lower()
            if column in fields_by_column:
                message = (
                    f"is the same column as {fields_by_column[column]}: "
                    "names in files are compared without case"
                )
                check.error(file, _rename_path(name, field), message)
            fields_by_column.setdefault(column, name)
        _check_row_number(check, feed, taken_by)
        _check_fill_down(check, feed)


def _check_output_name(
    check: ConfigCheck, file: str, name: str, field: FieldConfig, taken_by: dict[str, str]
) -> None:
    output = field.rename or name
    path = _rename_path(name, field)
    if not OUTPUT_NAME.fullmatch(output):
        message = "an output name has letters, digits and underscores only"
        check.error(file, path, message, f"add `rename: {tidy_name(output)}`")
    owner = taken_by.get(output.lower())
    if owner is not None:
        message = f"the output name {output} is taken by {owner}"
        check.error(file, path, message, "add a `rename`")


def _check_row_number(check: ConfigCheck, feed: FeedConfig, taken_by: dict[str, str]) -> None:
    """`row_number` names a column that is free, and columns of the file to count within."""
    if feed.row_number is None:
        return
    file, column = check.file_of(feed), feed.row_number.column
    path = ("row_number", "column")
    if not OUTPUT_NAME.fullmatch(column):
        message = "an output name has letters, digits and underscores only"
        check.error(file, path, message, f"say {tidy_name(column)}")
    elif column.lower() in taken_by:
        message = f"the output name {column} is taken by {taken_by[column.lower()]}"
        check.error(file, path, message, "choose another")
    for position, name in enumerate(feed.row_number.within):
        if name not in feed.outputs:
            message = f"{name} is no output name of this feed"
            remedy = _output_name_remedy(feed, name)
            check.error(file, ("row_number", "within", position), message, remedy)


def _check_fill_down(check: ConfigCheck, feed: FeedConfig) -> None:
    """`fill_down` names columns of the file, each once."""
    if feed.fill_down is None:
        return
    file, named = check.file_of(feed), feed.fill_down
    paths: list[KeyPath] = [("fill_down", "by")]
    paths += [("fill_down", "columns", position) for position in range(len(named.columns))]
    for position, (name, path) in enumerate(zip(named.filled, paths, strict=True)):
        if name not in feed.outputs:
            message = f"{name} is no output name of this feed"
            check.error(file, path, message, _output_name_remedy(feed, name))
        elif name in named.filled[:position]:
            check.error(file, path, f"{name} is named twice")


def _rename_path(name: str, field: FieldConfig) -> KeyPath:
    return ("fields", name, "rename") if field.rename else ("fields", name)


def _output_name_remedy(feed: FeedConfig, name: str) -> str:
    """What to write where `name` is no output name: its new name, the nearest, or any of all."""
    field = feed.fields.get(name)
    if field is not None and field.rename:
        return f"it is renamed to {field.rename!r}"
    same_but_case = [output for output in feed.outputs if output.lower() == name.lower()]
    nearest = same_but_case[0] if same_but_case else closest(name, feed.outputs)
    if nearest:
        return f"did you mean {nearest!r}?"
    return f"output names: {', '.join(feed.outputs)}"


def check_keys(check: ConfigCheck) -> None:
    """`primary_key` and `last_updated` are output names of fitting types."""
    for feed in check.tenant.feeds:
        _check_primary_key(check, feed)
        _check_last_updated(check, feed)


def _check_primary_key(check: ConfigCheck, feed: FeedConfig) -> None:
    file = check.file_of(feed)
    columns = feed.columns
    for position, name in enumerate(feed.primary_key):
        path = ("primary_key", position)
        field = columns.get(name)
        if field is None:
            message = f"{name} is no output name of this feed"
            check.error(file, path, message, _output_name_remedy(feed, name))
            continue
        if name in feed.primary_key[:position]:
            check.error(file, path, f"{name} is named twice")
        if field.type in NESTED:
            check.error(file, path, f"a field of type {field.type} cannot be part of a key")
        if not WEAK_KEYS.isdisjoint(field.tags):
            message = f"{name} is a weak key: names are not unique, and update times change"
            check.warning(file, path, message)
    _check_counted_key(check, feed)
    for name, field in columns.items():
        if "pk" in field.tags and name not in feed.primary_key:
            message = "is tagged pk and not in primary_key"
            check.error(file, ("fields", name, "tags"), message, "name it in primary_key")


def _check_counted_key(check: ConfigCheck, feed: FeedConfig) -> None:
    """A key that counts rows needs the columns that they are counted within."""
    counted = feed.row_number
    if counted is None or counted.column not in feed.primary_key:
        return
    missing = [name for name in counted.within if name not in feed.primary_key]
    if missing:
        message = f"{counted.column} counts within {', '.join(missing)}, which the key lacks"
        check.error(check.file_of(feed), ("primary_key",), message, f"add {', '.join(missing)}")


def _check_last_updated(check: ConfigCheck, feed: FeedConfig) -> None:
    file = check.file_of(feed)
    path = ("last_updated",)
    name = feed.last_updated
    field = feed.outputs.get(name)
    if field is None and name != "auto":
        message = f"{name} is neither `auto` nor an output name of this feed"
        check.error(file, path, message, _output_name_remedy(feed, name))
    elif field is not None and field.type not in ORDERING:
        message = f"a field of type {field.type} cannot order rows"
        if field.type == "date":
            message = "a date is too coarse to tell which row is newer"
        check.error(file, path, message, "use a datetime or integer field, or auto")
    else:
        _advise_update_time(check, feed)


def _advise_update_time(check: ConfigCheck, feed: FeedConfig) -> None:
    tagged = [name for name, field in feed.outputs.items() if "update-dt" in field.tags]
    if not tagged or feed.last_updated in tagged:
        return
    if feed.outputs[tagged[0]].type == "datetime":
        message = "the field tagged update-dt should decide which row is newer"
        remedy = f"last_updated: {tagged[0]}"
        check.warning(check.file_of(feed), ("last_updated",), message, remedy)


def check_options(check: ConfigCheck) -> None:
    """Options fit the field's type, and date patterns can be read."""
    for feed in check.tenant.feeds:
        file = check.file_of(feed)
        _check_date_pattern(check, file, ("datetime_format",), feed.datetime_format)
        if feed.timezone:
            check_time_zone(check, file, feed.timezone)
        for name, field in feed.fields.items():
            _check_field_options(check, file, name, field)


def _check_field_options(check: ConfigCheck, file: str, name: str, field: FieldConfig) -> None:
    path = ("fields", name)
    if field.format and field.type not in DATES:
        message = f"a date pattern does not fit a field of type {field.type}"
        check.error(file, (*path, "format"), message)
    else:
        _check_date_pattern(check, file, (*path, "format"), field.format)
    if field.calendar and (field.type not in DATES or field.format in NUMBER_DATES):
        message = f"a calendar does not fit a field of type {field.type}"
        remedy = "it is for dates and datetimes that are written with their years"
        check.error(file, (*path, "calendar"), message, remedy)
    if field.name_order and (field.type != "string" or "full-name" not in field.tags):
        message = "an order of names does not fit a field without the tag full-name"
        remedy = "it is for whole names: {type: string, tags: [full-name]}"
        check.error(file, (*path, "name_order"), message, remedy)
    _check_number(check, file, path, field)
    if field.scale is not None and field.type != "decimal":
        message = f"a scale does not fit a field of type {field.type}"
        check.error(file, (*path, "scale"), message, "use type: decimal")
    if field.type in NESTED and field.tags:
        remedy = "flatten it in a custom domain table"
        check.error(file, (*path, "tags"), "a nested field cannot carry tags", remedy)


def _check_number(check: ConfigCheck, file: str, path: KeyPath, field: FieldConfig) -> None:
    if field.number is None:
        return
    if field.type not in NUMBERS:
        message = f"a way of writing numbers does not fit a field of type {field.type}"
        check.error(file, (*path, "number"), message, "use type: decimal, integer or float")
    if field.number.decimal == field.number.thousands:
        message = "decimal and thousands are the same sign"
        remedy = 'such as {decimal: ",", thousands: "."} for 1.234,56'
        check.error(file, (*path, "number"), message, remedy)


def _check_date_pattern(check: ConfigCheck, file: str, path: KeyPath, pattern: str | None) -> None:
    if not pattern or pattern in NUMBER_DATES:
        return
    unquoted = QUOTED_TEXT.sub("", pattern)
    unknown = sorted({c for c in unquoted if c.isalpha() and c not in DATE_LETTERS})
    if "'" in unquoted:
        check.error(file, path, "a single quote is not closed")
    elif "%" in unquoted:
        remedy = "write yyyy-MM-dd HH:mm:ss instead of %Y-%m-%d %H:%M:%S"
        check.error(file, path, "is a strftime pattern", remedy)
    elif unknown:
        message = f"unknown pattern letters: {', '.join(unknown)}"
        remedy = (
            "such as yyyy-MM-dd HH:mm:ss, with fixed letters in single quotes, or one of "
            f"{', '.join(NUMBER_DATES)}"
        )
        check.error(file, path, message, remedy)
    elif LOWER_CASE_M.search(unquoted) and "h" not in unquoted.lower():
        check.warning(file, path, "`m` is minutes", "months are `M`")


CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (
    check_some_feed,
    check_table_names,
    check_output_names,
    check_keys,
    check_options,
    check_files,
)
