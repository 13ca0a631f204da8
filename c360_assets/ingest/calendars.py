"""Dates of other calendars, and times whose half of the day is a word of another language, as texts
that the patterns of `dates` read, in the layout that they are written in.

Years of Thailand, of Taiwan and of Japan's eras differ from the common ones by a number. Months of
Iran, of Islam and of Ethiopia begin on other days, which ICU knows, that the engine brings along.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import duckdb
import polars as pl

from c360_assets.warehouse.sql import quote_literal

# Years of the common era that a year of another one is behind.
BUDDHIST_YEARS = -543
REPUBLIC_YEARS = 1911
# By their characters and by the letter that stands for them.
JAPANESE_YEARS = {
    "令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867,
    "R": 2018, "H": 1988, "S": 1925, "T": 1911, "M": 1867,
}  # fmt: skip
# A year from 1857 to 2156, alone or before the month of a date without separators.
BUDDHIST_YEAR = "(^|[^0-9])(2[4-6][0-9]{2})((?:[0-9]{4})?(?:[^0-9]|$))"
# 民國113年5月12日, 113/05/12, 1130512: whole dates only, as years of two digits are others' too.
REPUBLIC_YEAR = (
    "^((?:中華)?民國 ?)?([0-9]{2,3})([-/.年][0-9]{1,2}[-/.月][0-9]{1,2}(?:[^0-9].*)?"
    "|[01][0-9][0-3][0-9](?:[^0-9].*)?)$"
)
JAPANESE_YEAR = "(?i)^(令和|平成|昭和|大正|明治|[RHSTMＲＨＳＴＭ])[.]? ?(元|[0-9]{1,2})([-/.年].*)$"
WIDE_LETTERS = dict(zip("ＲＨＳＴＭ", "RHSTM", strict=True))


class MonthCalendar(NamedTuple):
    """A calendar whose months are others: its name for ICU, its months in a year, and the first and
    last year that are read; other years in such a column are common ones."""

    icu: str
    months: int
    first_year: int
    last_year: int


MONTH_CALENDARS = {
    "persian": MonthCalendar("persian", 12, 1250, 1499),
    "islamic": MonthCalendar("islamic-umalqura", 12, 1300, 1499),
    "ethiopic": MonthCalendar("ethiopic", 13, 1850, 2150),
}
CALENDARS = ("buddhist", "roc", "japanese", *MONTH_CALENDARS)
# Day, month and year with what stands between them, and a time behind.
YEAR_FIRST = "^([0-9]{4})([-/. ]?)([0-9]{1,2})([-/. ]?)([0-9]{1,2})((?:[^0-9].*)?)$"
YEAR_LAST = "^([0-9]{1,2})([-/. ])([0-9]{1,2})([-/. ])([0-9]{4})((?:[^0-9].*)?)$"
# How the halves of a day are written behind a time, and before one.
HALVES = {
    "ص": "AM", "م": "PM", "صباحا": "AM", "مساء": "PM", "ق.ظ": "AM", "ب.ظ": "PM", "π.μ.": "AM",
    "μ.μ.": "PM", "πμ": "AM", "μμ": "PM", "SA": "AM", "CH": "PM", "de.": "AM", "du.": "PM",
    "f.h.": "AM", "öğleden önce": "AM", "öğleden sonra": "PM", "לפנה״צ": "AM", "אחה״צ": "PM",
}  # fmt: skip
HALVES_BEFORE = {
    "上午": "AM", "下午": "PM", "午前": "AM", "午後": "PM", "오전": "AM", "오후": "PM", "ÖÖ": "AM",
    "ÖS": "PM",
}  # fmt: skip
_CLOCK = "[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?"


def in_common_calendar(text: str, calendar: str) -> str:
    """SQL for a date's text with its day as that of the common calendar (one of `CALENDARS`).

    The layout stays, so that a pattern of dates reads it. What is no day of the calendar gets the
    year 0000, which is none.
    """
    if calendar == "buddhist":
        rule = _common_year(BUDDHIST_YEAR, "\\1", f"{{year}} + {BUDDHIST_YEARS}")
    elif calendar == "roc":
        rule = _common_year(REPUBLIC_YEAR, "", f"{{year}} + {REPUBLIC_YEARS}")
    elif calendar == "japanese":
        rule = _common_year_of_era()
    else:
        rule = _common_day(MONTH_CALENDARS[calendar])
    return f"list_transform([{text}], lambda d: {rule})[1]"


def _common_year(regex: str, before: str, year: str) -> str:
    """Over the text `d`: the second group is the year, the third what follows it."""
    pattern = quote_literal(regex)
    number = year.format(year=f"CAST(regexp_extract(d, {pattern}, 2) AS INTEGER)")
    changed = f"regexp_replace(d, {pattern}, '{before}' || ({number}) || '\\3')"
    return f"CASE WHEN regexp_matches(d, {pattern}) THEN {changed} ELSE d END"


def _common_year_of_era() -> str:
    pattern = quote_literal(JAPANESE_YEAR)
    wide, narrow = "".join(WIDE_LETTERS), "".join(WIDE_LETTERS.values())
    era = f"upper(translate(regexp_extract(d, {pattern}, 1), '{wide}', '{narrow}'))"
    eras = ", ".join(map(quote_literal, JAPANESE_YEARS))
    years = ", ".join(map(str, JAPANESE_YEARS.values()))
    first_year = f"replace(regexp_extract(d, {pattern}, 2), '元', '1')"
    year = f"[{years}][list_position([{eras}], {era})] + CAST({first_year} AS INTEGER)"
    changed = f"({year}) || regexp_extract(d, {pattern}, 3)"
    return f"CASE WHEN regexp_matches(d, {pattern}) THEN {changed} ELSE d END"


def _common_day(calendar: MonthCalendar) -> str:
    """Over the text `d`, in either order."""
    by_year = _day_in_layout(calendar, YEAR_FIRST, ("y", "m", "d"))
    by_day = _day_in_layout(calendar, YEAR_LAST, ("d", "m", "y"))
    return (
        f"CASE WHEN regexp_matches(d, {quote_literal(YEAR_FIRST)}) THEN {by_year}"
        f" WHEN regexp_matches(d, {quote_literal(YEAR_LAST)}) THEN {by_day} ELSE d END"
    )


def _day_in_layout(calendar: MonthCalendar, regex: str, order: tuple[str, ...]) -> str:
    names = [order[0], "s", order[1], "t", order[2], "rest"]
    parts = f"regexp_extract(d, {quote_literal(regex)}, [{', '.join(map(quote_literal, names))}])"
    year, month, day = "p.y::INTEGER", "p.m::INTEGER", "p.d::INTEGER"
    place = f"({year} - {calendar.first_year}) * {calendar.months} + {month}"
    starts = f"[{', '.join(map(str, month_starts(calendar)))}]"
    begins_and_ends = f"{{'first': {starts}[{place}], 'next': {starts}[{place} + 1]}}"
    is_day = f"{month} BETWEEN 1 AND {calendar.months} AND {day} BETWEEN 1 AND b.next - b.first"
    found = f"DATE '1970-01-01' + (b.first + {day} - 1)"
    written = {"y": "%Y", "m": "%m", "d": "%d"}
    first, second, third = (f"strftime({found}, '{written[part]}')" for part in order)
    in_layout = f"{first} || p.s || {second} || p.t || {third} || p.rest"
    no_day = " || ".join([
        "'0000'" if order[0] == "y" else "p.d", "p.s || p.m || p.t",
        "p.d" if order[0] == "y" else "'0000'", "p.rest",
    ])  # fmt: skip
    converted = f"CASE WHEN {is_day} THEN {in_layout} ELSE {no_day} END"
    is_of_calendar = f"{year} BETWEEN {calendar.first_year} AND {calendar.last_year}"
    return (
        f"list_transform([{parts}], lambda p: CASE WHEN {is_of_calendar}"
        f" THEN list_transform([{begins_and_ends}], lambda b: {converted})[1] ELSE d END)[1]"
    )


@cache
def month_starts(calendar: MonthCalendar) -> tuple[int, ...]:
    """The first day of each month, in days since 1970, up to the first of the year after the
    last."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"SET Calendar = '{calendar.icu}'")
        starts = con.execute(
            "SELECT epoch_us(make_timestamptz(y, m, 1, 0, 0, 0.0)) // 86400000000"
            f" FROM range({calendar.first_year}, {calendar.last_year + 1}) years(y),"
            f" range(1, {calendar.months + 1}) months(m) UNION ALL"
            f" SELECT epoch_us(make_timestamptz({calendar.last_year + 1}::BIGINT, 1::BIGINT,"
            " 1::BIGINT, 0::BIGINT, 0::BIGINT, 0.0)) // 86400000000 ORDER BY ALL"
        ).fetchall()
    return tuple(start for (start,) in starts)


def english_halves(text: str) -> str:
    """SQL for the text with AM or PM behind its time where another language says which half."""
    behind, before = _half_patterns()
    half_behind = _english_half(f"regexp_extract(h, {quote_literal(behind)}, 2)", HALVES)
    half_before = _english_half(f"regexp_extract(h, {quote_literal(before)}, 1)", HALVES_BEFORE)
    rule = (
        f"CASE WHEN regexp_matches(h, {quote_literal(behind)})"
        f" THEN regexp_replace(h, {quote_literal(behind)}, '\\1 ' || {half_behind})"
        f" WHEN regexp_matches(h, {quote_literal(before)})"
        f" THEN regexp_replace(h, {quote_literal(before)}, '\\2 ' || {half_before}) ELSE h END"
    )
    # Nearly all times end in a digit and are ASCII, which is seen in a tenth of the time.
    may_have_words = f"right({text}, 1) > '9' OR strlen({text}) > length({text})"
    changed = f"list_transform([{text}], lambda h: {rule})[1]"
    return f"CASE WHEN {may_have_words} THEN {changed} ELSE {text} END"


def _half_patterns() -> tuple[str, str]:
    words = "|".join(sorted(map(_escaped, HALVES), key=lambda word: (-len(word), word)))
    words_before = "|".join(HALVES_BEFORE)
    return f"({_CLOCK}) ?({words})$", f"({words_before}) ?({_CLOCK})"


def _escaped(word: str) -> str:
    return word.replace(".", "[.]")


def _english_half(word: str, halves: dict[str, str]) -> str:
    words = ", ".join(map(quote_literal, halves))
    english = ", ".join(map(quote_literal, halves.values()))
    return f"[{english}][list_position([{words}], {word})]"


def common_texts(values: pl.Series, calendar: str) -> pl.Series:
    """The texts with their days in the common calendar, as a feed reads them."""
    return _changed(values, in_common_calendar("value", calendar))


def english_clock(values: pl.Series) -> pl.Series:
    """The texts with the halves of the day in English, as a feed reads them."""
    behind, before = _half_patterns()
    if not values.str.contains(f"{behind}|{before}").any():
        return values
    return _changed(values, english_halves("value"))


def _changed(values: pl.Series, rule: str) -> pl.Series:
    """The texts `value` changed by the SQL of a feed."""
    with duckdb.connect() as con:
        con.register("texts", values.to_frame("value").with_row_index("row").to_arrow())
        texts = con.execute(f"SELECT {rule} FROM texts ORDER BY row").fetchall()
    return pl.Series(values.name, [text for (text,) in texts], dtype=pl.String)
