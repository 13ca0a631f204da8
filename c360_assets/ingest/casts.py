"""Text to typed values: one vectorised SQL expression per field.

It gives the value, or NULL where the text is not of the type. What a field's type means for its
text is decided here. Telling a missing value from a wrong one and counting errors belongs to
`incoming` and `load`; date patterns to `dates`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from c360_assets.errors import C360Error
from c360_assets.ingest.calendars import english_halves, in_common_calendar
from c360_assets.ingest.dates import (
    DATES,
    DAY_SLOTS,
    TIME_SLOTS,
    TIMES,
    UNAMBIGUOUS,
    YEARS_AHEAD,
    compile_pattern,
    day_text,
    english_months,
    known_day_text,
    known_offset,
    known_parts,
    known_time_text,
    offset_minutes,
    plain_days,
    quotes_a_month,
    quotes_an_ordinal,
    time_text,
)
from c360_assets.ingest.repeated_hours import SLOT, repeated_slots
from c360_assets.semantics.column_types import INSTANT, SQL_TYPES
from c360_assets.semantics.currencies import CURRENCY, NO_CENTS
from c360_assets.semantics.lookups import truth_words
from c360_assets.semantics.names import comma_behind_surname
from c360_assets.semantics.text import DIGITS
from c360_assets.tenant.models import NUMBER_DATES, FeedConfig, FieldConfig, NumberConfig
from c360_assets.warehouse.sql import quote_ident, quote_literal

TRUE = sorted(set().union(*(words.true for words in truth_words().values())))
FALSE = sorted(set().union(*(words.false for words in truth_words().values())))
DEFAULT_SCALE = 4
# What a declared way of writing numbers allows, as RE2: all kinds of blanks and apostrophes, signs.
BLANK = "[ \\t\\x{00A0}\\x{2009}\\x{202F}]"
SIGN = "[-+\\x{2212}]"
# Digits of other scripts, and what Arabic and Persian put between them: a point, a comma. Marks of
# direction are left out.
UNSEEN = "\u200b\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
FOREIGN_SIGNS = DIGITS | {"\u066b": ".", "\u066c": ","} | dict.fromkeys(UNSEEN, "")
SEPARATORS = {".": "[.]", ",": ",", " ": BLANK, "'": "['\\x{2019}]"}
# Excel counts a 29 February 1900 that never was as day 60.
EXCEL_DAYS = "[0-9]{1,7}(?:[.,][0-9]+)?"
LAST_EXCEL_DAY = 2_958_465
EPOCH_DIGITS = {"epoch_s": "[0-9]{1,11}", "epoch_ms": "[0-9]{1,14}", "epoch_us": "[0-9]{1,17}"}
MICROSECONDS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
HAS_OFFSET = r"(?i)([0-9] ?[+-][0-9]{2}:?[0-9]{2}|:[0-9.]+ ?[+-][0-9]{2}|z|utc|gmt)$"
AS_TEXT = frozenset({"string", "array", "map", "struct"})
SPACE = "E' \\t\\r\\n\\f\\x0B'"
DECIMAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
ISO_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
ISO_TIMESTAMP = ISO_DATE + r"[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"


@dataclass(frozen=True)
class Cast:
    """How the text of field number `number`, in column `r<number>`, becomes a value.

    `text` is the SQL for the text that counts (NULL where missing), kept as `t<number>`; it may
    read `prepared`, the SQL of columns `p<number>_0`, `p<number>_1`, ...; `steps` are the SQL of
    helper columns `h<number>_0`, `h<number>_1`, ..., each of which may read the ones before;
    `value` the SQL for the value, kept as `v<number>`; `rounded` the SQL condition on the text
    under which digits are rounded away. A text with no value is a cast error.
    """

    number: int
    text: str
    value: str
    steps: tuple[str, ...] = ()
    rounded: str | None = None
    guessed: str | None = None
    prepared: tuple[str, ...] = ()


def typed_sql(casts: Sequence[Cast], source: str) -> str:
    """A query over `source` with the columns `t<i>` and `v<i>` added for each cast.

    Each step is a level of its own, so that what several branches read is computed once and
    statements stay short.
    """
    levels = _levels({f"p{cast.number}": cast.prepared for cast in casts})
    levels.append(", ".join(f"{cast.text} AS t{cast.number}" for cast in casts))
    levels += _levels({f"h{cast.number}": cast.steps for cast in casts})
    levels.append(", ".join(f"{cast.value} AS v{cast.number}" for cast in casts))
    for added in levels:
        source = f"(SELECT *, {added} FROM {source})"
    return f"SELECT * FROM {source}"


def _levels(steps: Mapping[str, Sequence[str]]) -> list[str]:
    """The first step of each name as one level, the second ones as the next, and so on."""
    deepest = max(map(len, steps.values()), default=0)
    return [
        ", ".join(
            f"{own[level]} AS {name}_{level}" for name, own in steps.items() if level < len(own)
        )
        for level in range(deepest)
    ]


def sql_type(feed: FeedConfig, item: FieldConfig) -> str:
    """The DuckDB type of a field's column."""
    return f"DECIMAL(38,{scale_of(feed, item)})" if item.type == "decimal" else SQL_TYPES[item.type]


def scale_of(feed: FeedConfig, item: FieldConfig) -> int:
    """The field's scale, else the feed's."""
    scales = (item.scale, feed.scale, DEFAULT_SCALE)
    return next(scale for scale in scales if scale is not None)


def cast_for(
    feed: FeedConfig, item: FieldConfig, number: int, year: str, *, typed: bool = False
) -> Cast:
    """The cast of field number `number` to its type.

    `year` is the SQL of the year that two-digit years are read near: the delivery day's, so that no
    clock is asked. `typed` says that the text renders a typed value in its canonical form, for
    which declared patterns do not apply.
    """
    raw, text = f"r{number}", f"t{number}"
    if item.type in AS_TEXT:
        ordered = text if item.name_order is None else comma_behind_surname(text, item.name_order)
        return Cast(number, present_text(feed, raw, raw), ordered)
    trimmed = present_text(feed, raw, _plain_digits(_trimmed(raw)))
    if item.type in ("date", "datetime"):
        pattern = item.format or feed.datetime_format
        if typed and pattern not in NUMBER_DATES:
            pattern = None
        prepared = [trimmed]
        if item.calendar is not None and not typed:
            prepared.append(in_common_calendar(f"p{number}_0", item.calendar))
        if item.type == "datetime":
            prepared.append(english_halves(f"p{number}_{len(prepared) - 1}"))
        if not typed and not quotes_an_ordinal(pattern or ""):
            prepared.append(plain_days(f"p{number}_{len(prepared) - 1}"))
        last = f"p{number}_{len(prepared) - 1}"
        in_english = last if quotes_a_month(pattern or "") else english_months(last)
        if any(tag.endswith("birthdate") for tag in item.tags):
            year = f"({year} - {YEARS_AHEAD})"  # nobody is born later than the delivery
        zone = feed.timezone or "UTC"
        cast = _date_cast(number, in_english, item.type, pattern, year, zone)
        cast = replace(cast, prepared=tuple(prepared))
        is_local = item.type == "datetime" and pattern not in EPOCH_DIGITS
        return replace(cast, guessed=_is_second_of_two(number, zone)) if is_local else cast
    if item.type == "boolean":
        return Cast(number, trimmed, _boolean(text))
    steps: tuple[str, ...] = ()
    if item.number is not None and not typed:
        steps = (_number_parts(text, item.number), _plain_number(f"h{number}_0", item.number))
        text = f"h{number}_1"
    if item.type == "integer":
        return Cast(number, trimmed, _integer(text), steps)
    if item.type == "float":
        return Cast(number, trimmed, _float(text), steps)
    lost_digits = f"[.][0-9]{{{scale_of(feed, item)}}}[0-9]*[1-9]"
    rounded = f"regexp_matches({text}, {quote_literal(lost_digits)})"
    return Cast(number, trimmed, _decimal(text, sql_type(feed, item)), steps, rounded)


def _date_cast(
    number: int, text: str, kind: str, pattern: str | None, year: str, zone: str
) -> Cast:
    if pattern is None:
        if kind == "datetime":
            return _known_instant(number, text, year, zone, KnownDates(tuple(DATES.values())))
        return _known_date(number, text, year)
    if pattern in NUMBER_DATES:
        declared = _number_date(number, kind, pattern, zone)
    else:
        declared = _declared_date(number, kind, pattern, year, zone)
    return _or_unambiguous(declared, text, kind, year, zone)


def _or_unambiguous(declared: Cast, text: str, kind: str, year: str, zone: str) -> Cast:
    """The declared form first; a text of another shape only where it can be read in one way."""
    number = declared.number
    patterns = tuple(DATES[name] for name in UNAMBIGUOUS)
    if kind == "date":
        parts = f"h{number}_{len(declared.steps)}"
        in_order = known_parts(patterns, f"t{number}", DAY_SLOTS)
        step = f"CASE WHEN h{number}_0 IS NULL THEN {in_order} END"
        other = f"TRY_CAST({known_day_text(parts, year)} AS DATE)"
        return Cast(number, text, f"coalesce({declared.value}, {other})", (*declared.steps, step))
    dates = KnownDates(patterns, len(declared.steps), f"h{number}_0 IS NULL")
    known = _known_instant(number, text, year, zone, dates)
    value = f"CASE WHEN h{number}_0 IS NULL THEN {known.value} ELSE {declared.value} END"
    return Cast(number, text, value, declared.steps + known.steps)


def present_text(feed: FeedConfig, raw: str, text: str) -> str:
    """SQL for `text` where `raw` is none of the feed's texts for a missing value."""
    if not feed.null_values:
        return text
    missing = ", ".join(quote_literal(value.strip().lower()) for value in feed.null_values)
    return f"CASE WHEN lower(trim({raw}, {SPACE})) NOT IN ({missing}) THEN {text} END"


def _trimmed(raw: str) -> str:
    # Trimming is slow and rarely needed: all characters to be trimmed sort at or before the space.
    return (
        f"CASE WHEN {raw}[1:1] > ' ' AND right({raw}, 1) > ' ' THEN {raw} "
        f"ELSE nullif(trim({raw}, {SPACE}), '') END"
    )


def _plain_digits(text: str) -> str:
    """SQL for the text without marks of direction, its digits those of ASCII."""
    # What has no sign to become stands last, and is left out.
    signs, plain_signs = "".join(FOREIGN_SIGNS), "".join(FOREIGN_SIGNS.values())
    changed = f"translate({text}, {quote_literal(signs)}, {quote_literal(plain_signs)})"
    # More bytes than characters: to see that takes a tenth of what a pattern does.
    return f"CASE WHEN strlen({text}) > length({text}) THEN {changed} ELSE {text} END"


def _full(value: str, regex: str) -> str:
    return f"regexp_full_match({value}, {quote_literal(regex)})"


def _boolean(text: str) -> str:
    true = ", ".join(quote_literal(word) for word in TRUE)
    false = ", ".join(quote_literal(word) for word in FALSE)
    return (
        f"CASE WHEN lower({text}) IN ({true}) THEN true "
        f"WHEN lower({text}) IN ({false}) THEN false END"
    )


def _integer(text: str) -> str:
    is_whole = _full(text, "[+-]?[0-9]+(?:[.]0*)?")
    return f"CASE WHEN {is_whole} THEN TRY_CAST(split_part({text}, '.', 1) AS BIGINT) END"


def _decimal(text: str, decimal_type: str) -> str:
    return f"CASE WHEN {_full(text, DECIMAL)} THEN TRY_CAST({text} AS {decimal_type}) END"


def _float(text: str) -> str:
    number = f"TRY_CAST({text} AS DOUBLE)"
    is_number = _full(text, DECIMAL + "(?:[eE][+-]?[0-9]+)?")
    return f"CASE WHEN {is_number} AND isfinite({number}) THEN {number} END"


def _number_parts(text: str, form: NumberConfig) -> str:
    """SQL for the signs and the digits of a number that is written as declared, else NULL."""
    decimal = re.escape(form.decimal)
    digits = "[0-9]+"
    if form.thousands is not None:
        # Groups of two are those of India: 12,34,567.
        separator = SEPARATORS[form.thousands]
        digits = f"(?:[0-9]{{1,3}}(?:{separator}[0-9]{{2,3}})*{separator}[0-9]{{3}}|[0-9]+)"
    plain = f"{digits}(?:{decimal}[0-9]+)?|{decimal}[0-9]+"
    blanks = f"{BLANK}*"
    currency = f"{blanks}(?:{CURRENCY})?{blanks}"
    # Before a minus sign behind a number, as that of `99,-` is none.
    number = f"({SIGN}?)({plain})(?:{NO_CENTS}|{decimal})?"
    regex = f"^([(]|{SIGN}|){currency}{number}{currency}([)]|{SIGN}|)$"
    names = "['lead', 'middle', 'digits', 'tail']"
    extracted = f"regexp_extract({text}, {quote_literal(regex)}, {names})"
    return f"CASE WHEN regexp_matches({text}, {quote_literal(regex)}) THEN {extracted} END"


def _plain_number(parts: str, form: NumberConfig) -> str:
    """SQL for `-1234.56` from the struct `parts`; NULL where signs contradict each other."""
    digits = f"{parts}.digits"
    if form.thousands is not None:
        separator = quote_literal(SEPARATORS[form.thousands])
        digits = f"regexp_replace({digits}, {separator}, '', 'g')"
    if form.decimal != ".":
        digits = f"replace({digits}, {quote_literal(form.decimal)}, '.')"
    signs = f"{parts}.lead || {parts}.middle || {parts}.tail"
    return (
        f"CASE WHEN {signs} IN ('', '+') THEN {digits} "
        f"WHEN {signs} IN ('-', '\u2212', '()') THEN '-' || {digits} END"
    )


def _to_date(text: str) -> str:
    """Year 0 is nobody's date: the engine reads it as a year before Christ."""
    return f"TRY_CAST(nullif({text}, '0000' || ({text})[5:]) AS DATE)"


def _declared_date(number: int, kind: str, declared: str, year: str, zone: str) -> Cast:
    """Its first helper column is NULL where a text has another shape than the declared one."""
    pattern = compile_pattern(declared)
    if not pattern.has_day:
        raise C360Error(
            f"date pattern {declared!r} names no whole day: a {kind} needs year, month and day"
        )
    text, parts, day = f"t{number}", f"h{number}_0", f"h{number}_1"
    steps = (
        f"CASE WHEN {pattern.fits(text)} THEN {pattern.parts(text)} END",
        _to_date(day_text(pattern, parts, year)),
    )
    if kind == "date":
        return Cast(number, text, day, steps)
    offset = offset_minutes(pattern, parts)
    local = _local_time(day, time_text(pattern, parts))
    instant = _in_zone(local, zone) if offset is None else _with_offset(local, offset)
    return Cast(number, text, instant, steps)


def _number_date(number: int, kind: str, form: str, zone: str) -> Cast:
    """Dates that are numbers; the first helper column is NULL where a text is none.

    Excel's days are local time, to the second. Epochs are instants; one at midnight UTC stands for
    that day, whatever the zone.
    """
    text, value = f"t{number}", f"h{number}_0"
    if form == "excel_serial":
        days = f"TRY_CAST(replace({text}, ',', '.') AS DECIMAL(38,12))"
        is_day = f"{_full(text, EXCEL_DAYS)} AND {days} >= 1 AND {days} <= {LAST_EXCEL_DAY}"
        step = f"CASE WHEN {is_day} THEN {days} END"
        start = f"CASE WHEN {value} < 60 THEN DATE '1899-12-31' ELSE DATE '1899-12-30' END"
        day = f"({start} + floor({value})::INTEGER)"
        if kind == "date":
            return Cast(number, text, f"CASE WHEN floor({value}) <> 60 THEN {day} END", (step,))
        seconds = f"round(({value} - floor({value})) * 86400)::BIGINT"
        local = f"({day}::TIMESTAMP + to_seconds({seconds}))"
        instant = f"CASE WHEN floor({value}) <> 60 THEN {_in_zone(local, zone)} END"
        return Cast(number, text, instant, (step,))
    is_epoch = _full(text, f"-?{EPOCH_DIGITS[form]}(?:[.][0-9]+)?")
    microseconds = f"({text}::DECIMAL(38,9) * {MICROSECONDS[form]})::BIGINT"
    step = f"CASE WHEN {is_epoch} THEN make_timestamp({microseconds}) END"
    instant = f"timezone('UTC', {value})"
    if kind == "date":
        is_midnight = f"{value} = date_trunc('day', {value})"
        day = f"timezone({quote_literal(zone)}, {instant})::DATE"
        return Cast(
            number, text, f"CASE WHEN {is_midnight} THEN {value}::DATE ELSE {day} END", (step,)
        )
    return Cast(number, text, instant, (step,))


def _known_date(number: int, text: str, year: str) -> Cast:
    """A date in one of the known patterns. Plain ISO texts skip looking for it."""
    whole, parts = f"t{number}", f"h{number}_0"
    is_iso = _full(whole, ISO_DATE)
    known = known_parts(tuple(DATES.values()), whole, DAY_SLOTS)
    step = f"CASE WHEN NOT ({is_iso}) THEN {known} END"
    day = f"TRY_CAST({known_day_text(parts, year)} AS DATE)"
    return Cast(number, text, f"CASE WHEN {is_iso} THEN {_to_date(whole)} ELSE {day} END", (step,))


@dataclass(frozen=True)
class KnownDates:
    """Which dates an instant may begin with, and where its helper columns stand.

    `first_step` is the number of the first one; `condition` the SQL under which a text is looked
    at at all.
    """

    patterns: tuple[str, ...]
    first_step: int = 0
    condition: str = "true"


def _known_instant(number: int, text: str, year: str, zone: str, known: KnownDates) -> Cast:
    """An instant in one of the known patterns; a text without an offset is local time in `zone`.

    The text is cut where its date ends. That cut is unique, since no date pattern's texts begin
    like another's, but for two- and four-digit years, of which the longer is tried first. Plain ISO
    texts skip all that.
    """
    whole = f"t{number}"
    first = known.first_step
    head, tail, day, clock, local = (f"h{number}_{first + step}" for step in range(5))
    dates = [compile_pattern(pattern).regex for pattern in known.patterns]
    dates.sort(key=lambda regex: "[0-9]{4}" not in regex)
    # The alternatives hold groups of their own; group 0 is the whole match.
    any_date = quote_literal(f"^(?:{'|'.join(dates)})")
    is_iso = f"{_full(whole, ISO_TIMESTAMP)} AND {whole}[1:4] <> '0000'"
    is_other = f"{known.condition} AND NOT ({is_iso})"
    rest = f"{whole}[length({head}) + 1:]"
    times = known_parts(tuple(TIMES.values()), f"{tail}[2:]", TIME_SLOTS)
    steps = (
        f"CASE WHEN {is_other} THEN regexp_extract({whole}, {any_date}, 0) END",
        f"CASE WHEN {rest}[1:2] = ', ' THEN {rest}[2:] "
        f"WHEN {rest}[1:4] = ' at ' THEN {rest}[4:] ELSE {rest} END",
        known_parts(known.patterns, head, DAY_SLOTS),
        f"CASE WHEN {tail} = '' THEN ['0', '', '', '', '', ''] "
        f"WHEN {tail}[1:1] IN (' ', 'T') THEN {times} END",
        f"TRY_CAST({known_day_text(day, year)} || ' ' || {known_time_text(clock)} AS TIMESTAMP)",
    )
    iso = f"TRY_CAST({whole} AS TIMESTAMP)"
    offset = known_offset(clock)
    value = (
        f"CASE WHEN {head} IS NULL THEN {_in_zone(iso, zone)} "
        f"WHEN {offset} IS NULL THEN {_in_zone(local, zone)} "
        f"ELSE {_with_offset(local, offset)} END"
    )
    return Cast(number, text, value, steps)


def _local_time(day: str, clock: str) -> str:
    return f"TRY_CAST(strftime({day}, '%Y-%m-%d') || ' ' || {clock} AS TIMESTAMP)"


def _in_zone(local: str, zone: str) -> str:
    return f"timezone({quote_literal(zone)}, {local})"


def _is_second_of_two(number: int, zone: str) -> str | None:
    """SQL for: a time without an offset, in an hour that its zone had twice. The engine takes the
    second of the two. None where a zone's clocks are never put back."""
    slots = ", ".join(map(str, repeated_slots(zone)))
    if not slots:
        return None
    slot = f"epoch_us(v{number}) // {SLOT // timedelta(microseconds=1)}"
    return f"{slot} IN ({slots}) AND NOT regexp_matches(t{number}, {quote_literal(HAS_OFFSET)})"


def _with_offset(local: str, minutes_east: str) -> str:
    return f"timezone('UTC', {local} - to_minutes({minutes_east}))"


def key_text(column: str, type_: str) -> str:
    """SQL for the string form of a key part.

    Instants are written in UTC, whatever the session's zone.
    """
    name = quote_ident(column)
    if type_ == INSTANT:
        return f"strftime(timezone('UTC', {name}), '%Y-%m-%dT%H:%M:%S.%fZ')"
    return f"{name}::VARCHAR"
