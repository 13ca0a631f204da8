"""Text to typed values: one vectorised SQL expression per field, giving the value or NULL where the text is not of the type.

What a field's type means for its text is decided here. Telling a missing value from a wrong one and counting errors belongs
to `load`; date patterns to `dates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from c360_assets.errors import C360Error
from c360_assets.ingest.dates import (
    DATES,
    TIMES,
    compile_pattern,
    day_text,
    offset_minutes,
    time_text,
)
from c360_assets.semantics.column_types import INSTANT, SQL_TYPES
from c360_assets.tenant.models import FeedConfig, FieldConfig
from c360_assets.warehouse.sql import quote_ident, quote_literal

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
    """How the text of field number `number`, in column `r<number>`, becomes a value.

    `text` is the SQL for the text that counts (NULL where missing), kept as `t<number>`; `steps` are the SQL of helper columns
    `h<number>_0`, `h<number>_1`, ..., each of which may read the ones before; `value` the SQL for the value, kept as
    `v<number>`; `rounded` the SQL condition on the text under which digits are rounded away. A text with no value is a cast
    error.
    """

    number: int
    text: str
    value: str
    steps: tuple[str, ...] = ()
    rounded: str | None = None


def typed_sql(casts: Sequence[Cast], source: str) -> str:
    """A query over `source` with the columns `t<i>` and `v<i>` added for each cast.

    Each step is a level of its own, so that what several branches read is computed once and statements stay short.
    """
    levels = [", ".join(f"{c.text} AS t{c.number}" for c in casts)]
    deepest = max((len(c.steps) for c in casts), default=0)
    levels += [
        ", ".join(f"{c.steps[k]} AS h{c.number}_{k}" for c in casts if k < len(c.steps))
        for k in range(deepest)
    ]
    levels.append(", ".join(f"{c.value} AS v{c.number}" for c in casts))
    for added in levels:
        source = f"(SELECT *, {added} FROM {source})"
    return f"SELECT * FROM {source}"


def sql_type(feed: FeedConfig, item: FieldConfig) -> str:
    """The DuckDB type of a field's column."""
    return f"DECIMAL(38,{scale_of(feed, item)})" if item.type == "decimal" else SQL_TYPES[item.type]


def scale_of(feed: FeedConfig, item: FieldConfig) -> int:
    scales = (item.scale, feed.scale, DEFAULT_SCALE)
    return next(s for s in scales if s is not None)


def cast_for(
    feed: FeedConfig, item: FieldConfig, number: int, year: str, *, typed: bool = False
) -> Cast:
    """The cast of field number `number` to its type.

    `year` is the SQL of the year that two-digit years are read near: the delivery day's, so that no clock is asked.
    `typed` says that the text renders a typed value in its canonical form, for which declared patterns do not apply.
    """
    kind, raw, t = item.type, f"r{number}", f"t{number}"
    if kind in AS_TEXT:
        return Cast(number, _not_null_text(feed, raw, raw), t)
    # Trimming is dear and rarely needed: every character to be trimmed sorts at or before the space.
    text = f"CASE WHEN {raw}[1:1] > ' ' AND right({raw}, 1) > ' ' THEN {raw} ELSE nullif(trim({raw}, {SPACE}), '') END"
    text = _not_null_text(feed, raw, text)
    if kind == "boolean":
        return Cast(number, text, _boolean(t))
    if kind == "integer":
        whole = _full(t, "[+-]?[0-9]+(?:[.]0*)?")
        return Cast(
            number, text, f"CASE WHEN {whole} THEN TRY_CAST(split_part({t}, '.', 1) AS BIGINT) END"
        )
    if kind == "decimal":
        lost = quote_literal(f"[.][0-9]{{{scale_of(feed, item)}}}[0-9]*[1-9]")
        value = f"CASE WHEN {_full(t, DECIMAL)} THEN TRY_CAST({t} AS {sql_type(feed, item)}) END"
        return Cast(number, text, value, rounded=f"regexp_matches({t}, {lost})")
    if kind == "float":
        number_sql = f"TRY_CAST({t} AS DOUBLE)"
        like = _full(t, DECIMAL + "(?:[eE][+-]?[0-9]+)?")
        return Cast(
            number, text, f"CASE WHEN {like} AND isfinite({number_sql}) THEN {number_sql} END"
        )
    pattern = None if typed else (item.format or feed.datetime_format)
    if pattern is not None:
        return _declared(number, text, kind, pattern, year, feed.timezone or "UTC")
    if kind == "date":
        return Cast(
            number,
            text,
            f"CASE WHEN {_full(t, ISO_DATE)} THEN {_to_date(t)} ELSE {_known_day(t, year)} END",
        )
    return _known_instant(number, text, year, feed.timezone or "UTC")


def _not_null_text(feed: FeedConfig, raw: str, text: str) -> str:
    """SQL for `text` where `raw` is none of the feed's texts for a missing value."""
    if not feed.null_values:
        return text
    listed = ", ".join(quote_literal(value.strip().lower()) for value in feed.null_values)
    return f"CASE WHEN lower(trim({raw}, {SPACE})) NOT IN ({listed}) THEN {text} END"


def _full(value: str, regex: str) -> str:
    return f"regexp_full_match({value}, {quote_literal(regex)})"


def _boolean(t: str) -> str:
    true, false = (", ".join(quote_literal(word) for word in words) for words in (TRUE, FALSE))
    return f"CASE WHEN lower({t}) IN ({true}) THEN true WHEN lower({t}) IN ({false}) THEN false END"


def _to_date(text: str) -> str:
    """Year 0 is nobody's date: the engine reads it as a year before Christ."""
    return f"TRY_CAST(nullif({text}, '0000' || ({text})[5:]) AS DATE)"


def _declared(number: int, text: str, kind: str, declared: str, year: str, zone: str) -> Cast:
    """A declared pattern is the only one: a text of another shape is an error, not a guess."""
    pattern = compile_pattern(declared)
    if not pattern.has_day:
        raise C360Error(
            f"date pattern {declared!r} names no whole day: a {kind} needs year, month and day"
        )
    t, parts, day = f"t{number}", f"h{number}_0", f"h{number}_1"
    steps = (
        f"CASE WHEN {pattern.fits(t)} THEN {pattern.parts(t)} END",
        _to_date(day_text(pattern, parts, year)),
    )
    if kind == "date":
        return Cast(number, text, day, steps)
    return Cast(
        number,
        text,
        _instant(day, time_text(pattern, parts), offset_minutes(pattern, parts), zone),
        steps,
    )


def _known_day(text: str, year: str) -> str:
    patterns = [compile_pattern(p) for p in DATES.values()]
    branches = [
        f"WHEN {p.fits(text)} THEN {_to_date(day_text(p, p.parts(text), year))}" for p in patterns
    ]
    return f"CASE {' '.join(branches)} END"


def _known_instant(number: int, text: str, year: str, zone: str) -> Cast:
    """An instant in one of the known patterns; a text without an offset is local time in `zone`.

    The text is cut where its date ends. That cut is unique, since no date pattern's texts begin like another's, but for two-
    and four-digit years, of which the longer is tried first. Plain ISO texts skip all that.
    """
    t, head, tail, day, clock, minutes = (f"t{number}", *(f"h{number}_{step}" for step in range(5)))
    shapes = sorted(
        (compile_pattern(p).regex for p in DATES.values()),
        key=lambda regex: "[0-9]{4}" not in regex,
    )
    iso = f"{_full(t, ISO_TIMESTAMP)} AND {t}[1:4] <> '0000'"
    times = [compile_pattern(p) for p in TIMES.values()]
    of_clock = f"{tail}[2:]"
    clocks = " ".join(
        f"WHEN {p.fits(of_clock)} THEN {time_text(p, p.parts(of_clock))}" for p in times
    )
    east = " ".join(
        f"WHEN {p.fits(of_clock)} THEN {offset_minutes(p, p.parts(of_clock))}"
        for p in times
        if {"offset", "zone"} & set(p.groups)
    )
    steps = (
        # The alternatives hold groups of their own; group 0 is the whole match.
        f"CASE WHEN NOT ({iso}) THEN regexp_extract({t}, {quote_literal('^(?:' + '|'.join(shapes) + ')')}, 0) END",
        f"{t}[length({head}) + 1:]",
        _known_day(head, year),
        f"CASE WHEN {tail} = '' THEN '00:00:00' WHEN {tail}[1:1] IN (' ', 'T') THEN CASE {clocks} END END",
        f"CASE WHEN {tail} <> '' THEN CASE {east} END END",
    )
    local = f"TRY_CAST(strftime({day}, '%Y-%m-%d') || ' ' || {clock} AS TIMESTAMP)"
    here = quote_literal(zone)
    value = (
        f"CASE WHEN {head} IS NULL THEN timezone({here}, TRY_CAST({t} AS TIMESTAMP)) "
        f"WHEN {minutes} IS NULL THEN timezone({here}, {local}) "
        f"ELSE timezone('UTC', {local} - to_minutes({minutes})) END"
    )
    return Cast(number, text, value, steps)


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
