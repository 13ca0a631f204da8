"""Text to typed values: one vectorised SQL expression per field, giving the value or NULL where the text is not of the type.

What a field's type means for its text is decided here. Telling a missing value from a wrong one and counting errors belongs
to `load`; date patterns to `dates`.
"""

from __future__ import annotations

from dataclasses import dataclass

from c360_assets.errors import C360Error
from c360_assets.ingest.dates import DATES, TIMES, Pattern, compile_pattern, day_text, offset_minutes, time_text
from c360_assets.tenant.models import FeedConfig, FieldConfig
from c360_assets.warehouse.sql import quote_ident, quote_literal

INSTANT = "TIMESTAMP WITH TIME ZONE"
TYPES = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": INSTANT,
    "float": "DOUBLE",
    "integer": "BIGINT",
    # A file format without declared element types cannot say what these hold: they stay JSON text until a custom table flattens them.
    "array": "VARCHAR",
    "map": "VARCHAR",
    "struct": "VARCHAR",
}
TRUE = ("true", "t", "yes", "y", "1")
FALSE = ("false", "f", "no", "n", "0")
DEFAULT_SCALE = 4
AS_TEXT = frozenset({"string", "array", "map", "struct"})
SPACE = "E' \\t\\r\\n\\f\\x0B'"
DECIMAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
ISO_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
ISO_TIMESTAMP = ISO_DATE + r"[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"


@dataclass(frozen=True)
class Cast:
    """How one field's text becomes a value.

    `text` is the SQL for the text that counts (NULL where missing), `value` the SQL for the value, `rounded` the SQL condition
    under which digits were rounded away. A text that is not NULL with a value that is NULL is a cast error.
    """

    text: str
    value: str
    type: str
    rounded: str | None = None


def sql_type(feed: FeedConfig, item: FieldConfig) -> str:
    """The DuckDB type of a field's column."""
    return f"DECIMAL(38,{scale_of(feed, item)})" if item.type == "decimal" else TYPES[item.type]


def scale_of(feed: FeedConfig, item: FieldConfig) -> int:
    scales = (item.scale, feed.scale, DEFAULT_SCALE)
    return next(s for s in scales if s is not None)


def cast_for(feed: FeedConfig, item: FieldConfig, raw: str, year: str, *, typed: bool = False, text: str | None = None) -> Cast:
    """The cast of the SQL text expression `raw` to the field's type.

    `year` is the SQL of the year that two-digit years are read near: the delivery day's, so that no clock is asked.
    `typed` says that `raw` renders a typed value in its canonical form, for which declared patterns do not apply. `text` names
    the column that holds `Cast.text`, when a caller has computed it before.
    """
    kind = item.type
    if kind in AS_TEXT:
        return Cast(raw, text or raw, "VARCHAR")
    trimmed = f"nullif(trim({raw}, {SPACE}), '')"
    t = text or trimmed
    pattern = None if typed else (item.format or (feed.datetime_format if kind in ("date", "datetime") else None))
    target = sql_type(feed, item)
    if kind == "boolean":
        return Cast(trimmed, _boolean(t), target)
    if kind == "integer":
        value = f"CASE WHEN {_full(t, '[+-]?[0-9]+(?:[.]0*)?')} THEN TRY_CAST(split_part({t}, '.', 1) AS BIGINT) END"
        return Cast(trimmed, value, target)
    if kind == "decimal":
        lost = r"[.][0-9]{%d}[0-9]*[1-9]" % scale_of(feed, item)
        value = f"CASE WHEN {_full(t, DECIMAL)} THEN TRY_CAST({t} AS {target}) END"
        return Cast(trimmed, value, target, rounded=f"regexp_matches({t}, {quote_literal(lost)})")
    if kind == "float":
        number = f"TRY_CAST({t} AS DOUBLE)"
        value = f"CASE WHEN {_full(t, DECIMAL + '(?:[eE][+-]?[0-9]+)?')} AND isfinite({number}) THEN {number} END"
        return Cast(trimmed, value, target)
    if kind == "date":
        return Cast(trimmed, _date(t, year, pattern), target)
    return Cast(trimmed, _datetime(t, year, pattern, feed.timezone or "UTC"), target)


def _full(value: str, regex: str) -> str:
    return f"regexp_full_match({value}, {quote_literal(regex)})"


def _boolean(t: str) -> str:
    true, false = (", ".join(quote_literal(word) for word in words) for words in (TRUE, FALSE))
    return f"CASE WHEN lower({t}) IN ({true}) THEN true WHEN lower({t}) IN ({false}) THEN false END"


def _to_date(text: str) -> str:
    """Year 0 is nobody's date: the engine reads it as a year before Christ."""
    return f"TRY_CAST(nullif({text}, '0000' || ({text})[5:]) AS DATE)"


def _declared(pattern: str, needs_day: str) -> Pattern:
    compiled = compile_pattern(pattern)
    if not compiled.has_day:
        raise C360Error(f"date pattern {pattern!r} names no whole day, which a {needs_day} needs: it must hold year, month and day")
    return compiled


def _date(t: str, year: str, declared: str | None) -> str:
    """A declared pattern is the only one; without one the known patterns are tried in order."""
    if declared is not None:
        pattern = _declared(declared, "date")
        return f"CASE WHEN {pattern.fits(t)} THEN {_to_date(day_text(pattern, pattern.parts(t), year))} END"
    branches = [f"WHEN {_full(t, ISO_DATE)} THEN {_to_date(t)}"]
    branches += [f"WHEN {p.fits(t)} THEN {_to_date(day_text(p, p.parts(t), year))}" for p in map(compile_pattern, DATES.values())]
    return f"CASE {' '.join(branches)} END"


def _datetime(t: str, year: str, declared: str | None, zone: str) -> str:
    """An instant. A text without an offset is local time in `zone`."""
    if declared is not None:
        pattern = _declared(declared, "datetime")
        s = pattern.parts(t)
        instant = _instant(_to_date(day_text(pattern, s, year)), time_text(pattern, s), offset_minutes(pattern, s), zone)
        return f"CASE WHEN {pattern.fits(t)} THEN {instant} END"
    dates = [compile_pattern(p) for p in DATES.values()]
    # Longer shapes first where one is the beginning of another, so that the cut between date and time is unique.
    shapes = sorted((p.regex for p in dates), key=lambda r: "[0-9]{4}" not in r)
    # The alternatives carry groups of their own, so the whole match is asked for, which is group 0.
    head = f"regexp_extract({t}, {quote_literal('^(?:' + '|'.join(shapes) + ')')}, 0)"
    tail = f"({t})[length({head}) + 1:]"
    day = f"CASE {' '.join(f'WHEN {p.fits(head)} THEN {_to_date(day_text(p, p.parts(head), year))}' for p in dates)} END"
    branches = [f"WHEN {_full(t, ISO_TIMESTAMP)} AND {t}[1:4] <> '0000' THEN timezone({quote_literal(zone)}, TRY_CAST({t} AS TIMESTAMP))"]
    branches.append(f"WHEN {tail} = '' THEN {_instant(day, quote_literal('00:00:00'), None, zone)}")
    for text in TIMES.values():
        pattern = compile_pattern(text)
        clock = f"({tail})[2:]"
        s = pattern.parts(clock)
        fits = f"{tail}[1:1] IN (' ', 'T') AND {pattern.fits(clock)}"
        branches.append(f"WHEN {fits} THEN {_instant(day, time_text(pattern, s), offset_minutes(pattern, s), zone)}")
    return f"CASE {' '.join(branches)} END"


def _instant(day: str, clock: str, offset: str | None, zone: str) -> str:
    local = f"TRY_CAST(strftime({day}, '%Y-%m-%d') || ' ' || {clock} AS TIMESTAMP)"
    if offset is None:
        return f"timezone({quote_literal(zone)}, {local})"
    return f"timezone('UTC', {local} - to_minutes({offset}))"


def key_text(column: str, type_: str) -> str:
    """SQL for the string form of a key part. Instants are written in UTC, whatever the session's zone."""
    name = quote_ident(column)
    if type_ == INSTANT:
        return f"strftime(timezone('UTC', {name}), '%Y-%m-%dT%H:%M:%S.%fZ')"
    return f"{name}::VARCHAR"
