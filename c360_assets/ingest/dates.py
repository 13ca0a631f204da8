"""Date and time patterns: a table of the known ones and a compiler from a pattern to SQL.

Patterns use Joda letters. What to do with a value that fits none belongs to `casts`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from c360_assets.errors import C360Error
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
}
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
}

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH_TEXT = (
    "(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    "sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
HOUR_24 = "(?:[01]?[0-9]|2[0-3])"
# Letter -> (group name, expression for one letter or an open width, expression for a width set by the text before and after).
NUMBERS = {
    "M": ("month", "[0-9]{1,2}", "[0-9]{2}"),
    "d": ("day", "[0-9]{1,2}", "[0-9]{2}"),
    "D": ("yearday", "[0-9]{1,3}", "[0-9]{3}"),
    "H": ("hour", HOUR_24, "(?:[01][0-9]|2[0-3])"),
    "h": ("hour12", "(?:0?[1-9]|1[0-2])", "(?:0[1-9]|1[0-2])"),
    "m": ("minute", "[0-5]?[0-9]", "[0-5][0-9]"),
    "s": ("second", "[0-5]?[0-9]", "[0-5][0-9]"),
}
OFFSET = "(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})"
# Zone names cannot be parsed in general; these two name the zone that instants are kept in.
ZONE_NAME = "(?:UTC|GMT)"
TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|([^A-Za-z'])", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """A compiled pattern: a regular expression (RE2, not anchored) and the names of its groups, in order."""

    text: str
    regex: str
    groups: tuple[str, ...]

    def fits(self, value: str) -> str:
        return f"regexp_full_match({value}, {quote_literal(self.regex)})"

    def parts(self, value: str) -> str:
        """SQL: a struct of the groups' texts."""
        names = ", ".join(quote_literal(g) for g in self.groups)
        return f"regexp_extract({value}, {quote_literal('^' + self.regex + '$')}, [{names}])"

    @property
    def has_day(self) -> bool:
        year = {"year", "year2"} & set(self.groups)
        return bool(year) and (
            "yearday" in self.groups
            or {"month", "day"} <= set(self.groups)
            or {"monthname", "day"} <= set(self.groups)
        )


def compile_pattern(text: str) -> Pattern:
    """Compile a Joda pattern. Raises C360Error for a letter that has no meaning or one that cannot be parsed."""
    pieces: list[tuple[str, int, str]] = []
    position = 0
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise C360Error(f"date pattern {text!r}: a quote is not closed")
        position = found.end()
        literal, letter, other = found.groups()
        if letter is not None:
            pieces.append((letter, len(found.group()), ""))
        else:
            shown = other if other is not None else (literal.replace("''", "'") or "'")
            pieces.append(("", 0, shown))
    regex, groups = "", list[str]()
    for index, (letter, width, literal) in enumerate(pieces):
        before = index > 0 and pieces[index - 1][0] != ""
        after = index + 1 < len(pieces) and pieces[index + 1][0] not in ("", "Z", "z", "a")
        group, expression = _token(text, letter, width, literal, tight=before or after)
        regex += f"({expression})" if group else expression
        if group:
            if group in groups:
                raise C360Error(f"date pattern {text!r}: {letter!r} stands twice")
            groups.append(group)
    return Pattern(text, regex, tuple(groups))


def _token(text: str, letter: str, width: int, literal: str, tight: bool) -> tuple[str, str]:
    """(group name, expression) of one token; `tight` means that only its own width separates it from a neighbour."""
    if not letter:
        return "", re.escape(literal)
    if letter in "yY":
        return ("year2", "[0-9]{2}") if width == 2 else ("year", "[0-9]{4}")
    if letter == "M" and width >= 3:
        return "monthname", MONTH_TEXT
    if letter in NUMBERS:
        group, loose, fixed = NUMBERS[letter]
        return group, fixed if tight and width > 1 else loose
    if letter == "S":
        return "fraction", "[0-9]{1,9}"
    if letter == "a":
        return "half", "[aApP][mM]"
    if letter == "Z" and width <= 2:
        return "offset", OFFSET
    if letter in "zZ":
        return "zone", ZONE_NAME
    raise C360Error(
        f"date pattern {text!r}: {letter!r} is not known; allowed are y D M d H h m s S Z a, and literal text in single quotes"
    )


def day_text(pattern: Pattern, s: str, this_year: str) -> str:
    """SQL for `yyyy-mm-dd` from the parts `s`; two-digit years fall into [this year - 80, this year + 19]."""
    if "year2" in pattern.groups:
        low = f"({this_year} - 80)"
        year = f"({low} + (({s}.year2::INTEGER - {low} % 100 + 100) % 100))"
    else:
        year = f"{s}.year::INTEGER"
    if "yearday" in pattern.groups:
        first = f"TRY_CAST(printf('%04d-01-01', {year}) AS DATE)"
        day = f"({first} + ({s}.yearday::INTEGER - 1))"
        return f"CASE WHEN {s}.yearday::INTEGER > 0 AND year({day}) = {year} THEN strftime({day}, '%Y-%m-%d') END"
    months = ", ".join(quote_literal(m) for m in MONTHS)
    named = "monthname" in pattern.groups
    month = (
        f"list_position([{months}], lower({s}.monthname[1:3]))" if named else f"{s}.month::INTEGER"
    )
    return f"printf('%04d-%02d-%02d', {year}, {month}, {s}.day::INTEGER)"


def time_text(pattern: Pattern, s: str) -> str:
    """SQL for `hh:mm:ss[.ffffff]` from the parts `s`; fractions are cut at microseconds."""
    if "hour12" in pattern.groups:
        half = (
            f"CASE WHEN lower({s}.half) = 'pm' THEN 12 ELSE 0 END"
            if "half" in pattern.groups
            else "0"
        )
        hour = f"{s}.hour12::INTEGER % 12 + {half}"
    else:
        hour = f"{s}.hour::INTEGER" if "hour" in pattern.groups else "0"
    minute = f"{s}.minute::INTEGER" if "minute" in pattern.groups else "0"
    second = f"{s}.second::INTEGER" if "second" in pattern.groups else "0"
    fraction = f" || '.' || {s}.fraction[1:6]" if "fraction" in pattern.groups else ""
    return f"printf('%02d:%02d:%02d', {hour}, {minute}, {second}){fraction}"


def offset_minutes(pattern: Pattern, s: str) -> str | None:
    """SQL for the minutes east of UTC from the parts `s`; None when the pattern names no offset."""
    if "zone" in pattern.groups:
        return "0"
    if "offset" not in pattern.groups:
        return None
    digits = f"replace({s}.offset, ':', '')"
    return (
        f"CASE WHEN lower({s}.offset) = 'z' THEN 0 ELSE "
        f"(CASE WHEN {digits}[1:1] = '-' THEN -1 ELSE 1 END) * ({digits}[2:3]::INTEGER * 60 + {digits}[4:5]::INTEGER) END"
    )
