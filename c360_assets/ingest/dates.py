"""Date and time patterns: a table of the known ones and a compiler from a pattern to SQL.

Patterns use Joda letters. What to do with a value that fits none belongs to `casts`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from c360_assets.errors import C360Error
from c360_assets.ingest.month_words import MONTH_NUMBERS, ORDINAL_DAY, ORDINALS
from c360_assets.warehouse.sql import quote_literal

# Tried in this order; the first that fits wins. A date and a time are joined by one space or `T`.
DATES = {
    "basic-date": "yyyyMMdd",
    "date": "yyyy-MM-dd",
    "slash-date": "yyyy/MM/dd",
    "us-date-4y": "MM/dd/yyyy",
    "us-date-2y": "MM/dd/yy",
    "date-month-4y": "dd-MMM-yyyy",
    "date-month-2y": "dd-MMM-yy",
    "date-month-4y-spaced": "dd MMM yyyy",
    "date-month-4y-no-space": "ddMMMyyyy",
    "dot-date": "yyyy.MM.dd",
    "dot-date-month-4y": "dd'.' MMM yyyy",
    "date-of-month-4y": "dd 'de' MMM 'de' yyyy",
    "month-date-4y": "MMM dd, yyyy",
    "month-date-4y-no-comma": "MMM dd yyyy",
    # Written so by mail programs and browsers.
    "weekday-date-month-4y": "EEE, dd MMM yyyy",
    "weekday-month-date-4y": "EEE MMM dd yyyy",
}
# Those that can be read in one way only, whatever the order of day and month elsewhere.
UNAMBIGUOUS = (
    "date",
    "slash-date",
    "dot-date",
    "date-month-4y",
    "date-month-4y-spaced",
    "date-month-4y-no-space",
    "dot-date-month-4y",
    "date-of-month-4y",
    "month-date-4y",
    "month-date-4y-no-comma",
    "weekday-date-month-4y",
    "weekday-month-date-4y",
)
TIMES = {
    "basic-time-Z": "HHmmssZ",
    "basic-time": "HHmmss",
    "basic-time-millis-Z": "HHmmss.SSSSSSSSSZ",
    "basic-time-millis": "HHmmss.SSSSSSSSS",
    "24-hour-minute-second-millis-zone": "HH:mm:ss.SSS z",
    "24-hour-minute-second-millis-Z": "HH:mm:ss.SSSSSSSSSZ",
    "24-hour-minute-second-millis": "HH:mm:ss.SSSSSSSSS",
    "24-hour-minute-second-Z": "HH:mm:ssZ",
    "24-hour-minute-second": "HH:mm:ss",
    "24-hour-minute-Z": "HH:mmZ",
    # Written so by shops; of an instant, the offset may stand apart.
    "24-hour-minute-second-millis-spaced-Z": "HH:mm:ss.SSSSSSSSS Z",
    "24-hour-minute-second-spaced-Z": "HH:mm:ss Z",
    "24-hour-minute-spaced-Z": "HH:mm Z",
    "24-hour-minute": "HH:mm",
    "24-hour": "HH",
    "12-hour-minute-second": "hh:mm:ss a",
    "12-hour-minute": "hh:mm a",
    "12-hour-minute-zone": "hh:mma z",
    "24-hour-minute-second-zone": "HH:mm:ss z",
    "24-hour-minute-zone": "HH:mm z",
    "12-hour-minute-second-no-space": "hh:mm:ssa",
    "12-hour-minute-no-space": "hh:mma",
}

ENGLISH_MONTHS = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
MONTH_TEXT = (
    "(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    "sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)[.]?"
)
WEEKDAY_TEXT = (
    "(?i:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs(?:day)?)?|fri(?:day)?|"
    "sat(?:urday)?|sun(?:day)?)"
)
# Programs write a narrow or a fixed one before AM and PM.
BLANK = "[ \u00a0\u202f]"
# Years of two digits are those up to so many from now; the others of a hundred are before.
YEARS_AHEAD = 19
HOUR_24 = "(?:[01]?[0-9]|2[0-3])"


class Number(NamedTuple):
    """A number of a pattern: its group, and how it is written.

    `fixed` is the expression for a width set by the text before and after, `loose` that for one
    letter or an open width.
    """

    group: str
    loose: str
    fixed: str


NUMBERS = {
    "M": Number("month", "[0-9]{1,2}", "[0-9]{2}"),
    "d": Number("day", "[0-9]{1,2}", "[0-9]{2}"),
    "D": Number("yearday", "[0-9]{1,3}", "[0-9]{3}"),
    "H": Number("hour", HOUR_24, "(?:[01][0-9]|2[0-3])"),
    "h": Number("hour12", "(?:0?[1-9]|1[0-2])", "(?:0[1-9]|1[0-2])"),
    "m": Number("minute", "[0-5]?[0-9]", "[0-5][0-9]"),
    "s": Number("second", "[0-5]?[0-9]", "[0-5][0-9]"),
}
# Where a known date and a known time keep what is written in them, whatever its order there.
DAY_SLOTS = (("year", "year2"), ("month", "monthname"), ("day",))
TIME_SLOTS = (
    ("hour", "hour12"),
    ("minute",),
    ("second",),
    ("fraction",),
    ("half",),
    ("offset", "zone"),
)
# PostgreSQL writes whole hours without minutes.
OFFSET = "(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)"
# Zone names cannot be parsed in general; these two name the zone that instants are kept in.
ZONE_NAME = "(?:UTC|GMT)"
TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|([^A-Za-z'])", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """A compiled pattern: a regular expression (RE2, not anchored) and its groups in order."""

    text: str
    regex: str
    groups: tuple[str, ...]

    def fits(self, value: str) -> str:
        return f"regexp_full_match({value}, {quote_literal(self.regex)})"

    def parts(self, value: str) -> str:
        """SQL: a struct of the groups' texts."""
        names = ", ".join(quote_literal(g) for g in self.groups)
        return f"regexp_extract({value}, {quote_literal(f'^{self.regex}$')}, [{names}])"

    def rearranged(self, value: str, slots: Sequence[tuple[str, ...]]) -> str:
        """SQL: the groups' texts in the order of `slots` with `|` between; a slot lists the groups
        that may stand in it, and is empty where the pattern has none of them."""
        places = {group: f"\\{number}" for number, group in enumerate(self.groups, 1)}
        texts = [next((places[name] for name in slot if name in places), "") for slot in slots]
        order = quote_literal("|".join(texts))
        return f"regexp_replace({value}, {quote_literal(f'^{self.regex}$')}, {order})"

    @property
    def has_day(self) -> bool:
        """Whether a text that fits names a whole day."""
        groups = set(self.groups)
        days = ({"yearday"}, {"month", "day"}, {"monthname", "day"})
        return bool(groups & {"year", "year2"}) and any(day <= groups for day in days)


class _Token(NamedTuple):
    """A letter that stands `width` times, or literal text (without a letter)."""

    letter: str
    width: int
    literal: str = ""


class _Expression(NamedTuple):
    """What a token matches, and the name of its group, "" for literal text."""

    group: str
    regex: str


def compile_pattern(text: str) -> Pattern:
    """Compile a Joda pattern.

    Raises C360Error for a letter that has no meaning or one that cannot be parsed.
    """
    tokens = _tokens(text)
    regex, groups = "", list[str]()
    for index, token in enumerate(tokens):
        # Without text in between, only its own width separates a token from its neighbour. What
        # cannot begin with a digit separates by itself.
        before = tokens[index - 1].letter if index > 0 else ""
        after = tokens[index + 1].letter if index + 1 < len(tokens) else ""
        tight = before != "" or after not in ("", "Z", "z", "a")
        group, expression = _expression(text, token, tight)
        if not group:
            regex += expression
            continue
        if group in groups:
            raise C360Error(f"date pattern {text!r}: {token.letter!r} stands twice")
        groups.append(group)
        regex += f"({expression})"
    return Pattern(text, regex, tuple(groups))


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise C360Error(f"date pattern {text!r}: a quote is not closed")
        position = match.end()
        quoted, letter, sign = match.groups()
        if letter is not None:
            tokens.append(_Token(letter, len(match.group())))
        elif sign is not None:
            tokens.append(_Token("", 0, sign))
        else:
            # Two quotes with nothing in between are one quote.
            tokens.append(_Token("", 0, quoted.replace("''", "'") or "'"))
    return tokens


def _expression(text: str, token: _Token, tight: bool) -> _Expression:
    """How one token of the pattern `text` is read; `tight` means by its own width."""
    letter, width, literal = token
    if not letter:
        return _Expression("", BLANK if literal == " " else re.escape(literal))
    if letter == "E":
        # The weekday follows from the date, and is not held against it.
        return _Expression("", WEEKDAY_TEXT)
    if letter in "yY":
        return _Expression("year2", "[0-9]{2}") if width == 2 else _Expression("year", "[0-9]{4}")
    if letter in NUMBERS:
        return _number(letter, width, tight)
    if letter == "Z" and width <= 2:
        return _Expression("offset", OFFSET)
    if letter in OTHER_LETTERS:
        return OTHER_LETTERS[letter]
    raise C360Error(
        f"date pattern {text!r}: {letter!r} is not known; allowed are y D M d E H h m s S Z a, "
        "and literal text in single quotes"
    )


def _number(letter: str, width: int, tight: bool) -> _Expression:
    if letter == "M" and width >= 3:
        return _Expression("monthname", MONTH_TEXT)
    number = NUMBERS[letter]
    return _Expression(number.group, number.fixed if tight and width > 1 else number.loose)


OTHER_LETTERS = {
    "S": _Expression("fraction", "[0-9]{1,9}"),
    "a": _Expression("half", "[aApP](?:[.][ \u00a0\u202f]?)?[mM][.]?"),
    "Z": _Expression("zone", ZONE_NAME),
    "z": _Expression("zone", ZONE_NAME),
}


def known_parts(patterns: Sequence[str], text: str, slots: Sequence[tuple[str, ...]]) -> str:
    """SQL for the list of the texts that stand in `slots`, by the first pattern that fits, else
    NULL. Each pattern is planned twice and no more: planning takes longer than reading."""
    compiled = [compile_pattern(pattern) for pattern in patterns]
    branches = [
        f"WHEN {pattern.fits(text)} THEN {pattern.rearranged(text, slots)}" for pattern in compiled
    ]
    return f"string_split(CASE {' '.join(branches)} END, '|')"


def known_day_text(parts: str, this_year: str) -> str:
    """SQL for `yyyy-mm-dd` from the list `parts` of `DAY_SLOTS`; NULL in the year 0."""
    year, month, day = (f"{parts}[{place}]" for place in (1, 2, 3))
    full_year = f"nullif(TRY_CAST({year} AS INTEGER), 0)"
    near_year = _near_year(f"TRY_CAST({year} AS INTEGER)", this_year)
    year = f"CASE WHEN length({year}) = 2 THEN {near_year} ELSE {full_year} END"
    month = f"coalesce(TRY_CAST({month} AS INTEGER), {_month_number(month)})"
    return f"printf('%04d-%02d-%02d', {year}, {month}, {day}::INTEGER)"


def known_time_text(parts: str) -> str:
    """SQL for `hh:mm:ss[.ffffff]` from the list `parts` of `TIME_SLOTS`."""
    hour, minute, second, fraction, half = (f"{parts}[{place}]" for place in (1, 2, 3, 4, 5))
    minute, second = (f"coalesce(TRY_CAST({each} AS INTEGER), 0)" for each in (minute, second))
    fraction = f"CASE WHEN {fraction} = '' THEN '' ELSE '.' || {fraction}[1:6] END"
    of_12 = f"{hour}::INTEGER % 12 + {_afternoon(half)}"
    hour = f"CASE WHEN {half} = '' THEN {hour}::INTEGER ELSE {of_12} END"
    return f"printf('%02d:%02d:%02d', {hour}, {minute}, {second}) || {fraction}"


def known_offset(parts: str) -> str:
    """SQL for the minutes east of UTC from the list `parts` of `TIME_SLOTS`, NULL without."""
    offset = f"{parts}[6]"
    is_utc = f"lower({offset}) IN ('z', 'utc', 'gmt')"
    return f"CASE WHEN {is_utc} THEN 0 WHEN {offset} <> '' THEN {_minutes_east(offset)} END"


def day_text(pattern: Pattern, parts: str, this_year: str) -> str:
    """SQL for `yyyy-mm-dd` from the struct `parts`.

    Two-digit years fall into [this year - 80, this year + 19].
    """
    if "year2" in pattern.groups:
        year = _near_year(f"{parts}.year2::INTEGER", this_year)
    else:
        year = f"{parts}.year::INTEGER"
    if "yearday" in pattern.groups:
        return _day_of_year(f"{parts}.yearday::INTEGER", year)
    if "monthname" in pattern.groups:
        month = _month_number(f"{parts}.monthname")
    else:
        month = f"{parts}.month::INTEGER"
    return f"printf('%04d-%02d-%02d', {year}, {month}, {parts}.day::INTEGER)"


def _near_year(year: str, this_year: str) -> str:
    """SQL for the year of two digits that lies in [this year - 80, this year + 19]."""
    lowest = f"({this_year} - {99 - YEARS_AHEAD})"
    return f"({lowest} + (({year} - {lowest} % 100 + 100) % 100))"


def _month_number(name: str) -> str:
    months = ", ".join(quote_literal(month) for month in ENGLISH_MONTHS)
    return f"list_position([{months}], lower({name}[1:3]))"


def english_months(text: str) -> str:
    """SQL for the text with the name of a month in another language made English.

    So no pattern needs all names: to plan a hundred of such takes longer than to read a file. A
    name stands between characters that are no letters, unlike those in names of time zones.
    """
    foreign = [name for name in MONTH_NUMBERS if not re.fullmatch(MONTH_TEXT, name)]
    regex = quote_literal(rf"(?i)(^|\P{{L}})({'|'.join(foreign)})[.]?(\P{{L}}|$)")
    name = f"lower(regexp_extract({text}, {regex}, 2))"
    names = ", ".join(quote_literal(each) for each in foreign)
    english = ", ".join(quote_literal(ENGLISH_MONTHS[MONTH_NUMBERS[each] - 1]) for each in foreign)
    replacement = f"'\\1' || [{english}][list_position([{names}], {name})] || '\\3'"
    changed = f"regexp_replace({text}, {regex}, {replacement})"
    return f"CASE WHEN regexp_matches({text}, {regex}) THEN {changed} ELSE {text} END"


def plain_days(text: str) -> str:
    """SQL for the text with a counted day as a plain number: `15th May`, `1er mai`."""
    return f"regexp_replace({text}, {quote_literal(ORDINAL_DAY)}, '\\1\\2\\3')"


def quotes_an_ordinal(pattern: str) -> bool:
    """Whether the pattern quotes what stands behind a counted day (`dd'th' MMM`)."""
    return not set(ORDINALS).isdisjoint(re.findall("'([^']*)'", pattern))


def quotes_a_month(pattern: str) -> bool:
    """Whether a word that the pattern quotes is some month's name, which has to stay as written."""
    quoted = " ".join(re.findall("'([^']*)'", pattern)).lower()
    return not MONTH_NUMBERS.keys().isdisjoint(re.findall(r"[^\W\d_]+", quoted))


def _day_of_year(yearday: str, year: str) -> str:
    """A day past the year's last is NULL, not a day of the next year."""
    first = f"TRY_CAST(printf('%04d-01-01', {year}) AS DATE)"
    day = f"({first} + ({yearday} - 1))"
    in_year = f"{yearday} > 0 AND year({day}) = {year}"
    return f"CASE WHEN {in_year} THEN strftime({day}, '%Y-%m-%d') END"


def time_text(pattern: Pattern, parts: str) -> str:
    """SQL for `hh:mm:ss[.ffffff]` from the struct `parts`; fractions are cut at microseconds."""
    minute = f"{parts}.minute::INTEGER" if "minute" in pattern.groups else "0"
    second = f"{parts}.second::INTEGER" if "second" in pattern.groups else "0"
    fraction = f" || '.' || {parts}.fraction[1:6]" if "fraction" in pattern.groups else ""
    hour = _hour(pattern, parts)
    return f"printf('%02d:%02d:%02d', {hour}, {minute}, {second}){fraction}"


def _hour(pattern: Pattern, parts: str) -> str:
    if "hour12" in pattern.groups:
        afternoon = "0"
        if "half" in pattern.groups:
            afternoon = _afternoon(f"{parts}.half")
        return f"{parts}.hour12::INTEGER % 12 + {afternoon}"
    return f"{parts}.hour::INTEGER" if "hour" in pattern.groups else "0"


def _afternoon(half: str) -> str:
    """SQL for the hours that AM or PM adds."""
    return f"CASE WHEN lower({half}[1:1]) = 'p' THEN 12 ELSE 0 END"


def offset_minutes(pattern: Pattern, parts: str) -> str | None:
    """SQL for the minutes east of UTC from the struct `parts`; None without an offset in it."""
    if "zone" in pattern.groups:
        return "0"
    if "offset" not in pattern.groups:
        return None
    offset = f"{parts}.offset"
    return f"CASE WHEN lower({offset}) = 'z' THEN 0 ELSE {_minutes_east(offset)} END"


def _minutes_east(offset: str) -> str:
    """SQL for the minutes of an offset such as `+02:00`."""
    digits = f"replace({offset}, ':', '')"
    sign = f"(CASE WHEN {digits}[1:1] = '-' THEN -1 ELSE 1 END)"
    minutes = f"coalesce(nullif({digits}[4:5], '')::INTEGER, 0)"
    return f"{sign} * ({digits}[2:3]::INTEGER * 60 + {minutes})"
