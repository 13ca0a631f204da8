"""The pattern of a feed's files, proposed from the path of one: which part of it is the day.

What a pattern means is in `tenant.files`.
"""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from c360_assets.ingest.month_words import MONTH_NUMBERS
from c360_assets.ingest.suggest.column_types import Inferred
from c360_assets.tenant.files import MONTHS

YEAR, MONTH, DAY = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
ANY_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
WORD = f"(?:{'|'.join(f'{month}|{month[:3]}' for month in MONTHS)})"
DAY_IN_NAME = re.compile(
    r"(?<![^\W_])(?:"
    rf"year={YEAR}/month={MONTH}/day={DAY}"
    rf"|(?:{WORD}[-_. ]?{ANY_DAY}|{ANY_DAY}[-_. ]?{WORD}),?[-_. ]?{YEAR}"
    r")(?![^\W_])"
    r"|(?<!\d)(?:"
    rf"{YEAR}(?P<sign>[-_./]?){MONTH}(?P=sign){DAY}"
    rf"|(?P<one>{DAY})(?P<mark>[-_.]?)(?P<two>{DAY})(?P=mark){YEAR}"
    # What follows may be a time of day.
    r")(?=\D|$|(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\d{3})?)?(?:\D|$))",
    re.IGNORECASE,
)
# The parts of a day that names its month or all of its parts.
NAMED_PARTS = re.compile(rf"(?P<MMM>{WORD})|(?P<yyyy>\d{{4}})|(?P<number>\d\d?)", re.IGNORECASE)
# A month in the name of a file that comes once in it; its words are those of many languages.
MONTH_IN_NAME = re.compile(
    rf"{WORD}[-_. ]?\d{{1,2}},?[-_. ]?{YEAR}(?!\d)|\d{{1,2}}[-_. ]?{WORD}[-_. ]?{YEAR}(?!\d)"
    rf"|(?<!\d){YEAR}[-_.]?{MONTH}(?!\d|[-_.]?\d)|(?<!\d){MONTH}[-_.]{YEAR}(?!\d)"
    rf"|(?<![^\W_])(?:{'|'.join(map(re.escape, MONTH_NUMBERS))})[-_. ]?{YEAR}(?!\d)"
    rf"|(?<!\d){YEAR}[-_. ]?(?:{'|'.join(map(re.escape, MONTH_NUMBERS))})(?![^\W_])",
    re.IGNORECASE,
)
# What tools number their exports by: a count of seconds, a UUID or another hash.
EXPORT_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"1\d{9}|\d{11,}"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{10,64}"
    r")(?![0-9A-Za-z])",
    re.IGNORECASE,
)
# What systems and people add to the name of a file that is there already, and the number of an
# export behind its name.
COPY_MARK = re.compile(
    r" ?\(\d{1,3}\)| ?- ?(copy|kopie|copie|copia|kopia|kopi)\b|(?<=[^\W\d_])\d{3,9}$", re.IGNORECASE
)
# Whether a file holds everything or what has changed, as names say.
KIND_OF_DELIVERY = re.compile(
    r"(?<![^\W_])(?:full|complete|snapshot|initial|init|delta|incr|incremental|increment|diff"
    r"|changes|changed|updates|voll|komplett|gesamt|inkrementell|inkrement|aenderungen|complet"
    r"|completo|completa|incrementale?|parcial)(?![^\W_])",
    re.IGNORECASE,
)
# How parts of a folder of files are counted.
PART_NUMBER = re.compile(r"\d{3,}")
SUFFIXES = re.compile(r"(\.[A-Za-z][A-Za-z0-9]*)+$")
# Folders that say nothing about where a file comes from.
NO_SOURCE = {"", ".", "landing", "tmp", "data", "downloads", "incoming", "files"}
MONTHS_IN_YEAR = 12
FEWEST_PARTS = 2  # of the path of a file in a partition of a folder that has a name


@dataclass(frozen=True)
class ProposedPattern:
    pattern: str
    note: str


class _DateOrder(NamedTuple):
    """The order of year, month and day in a name, and whether it could be another."""

    parts: tuple[str, str, str]
    ambiguous: bool


def below_landing(path: Path) -> Path:
    """The path as a pattern sees it: below the last `landing`, else the file in its folder."""
    *folders, name = path.resolve().parts
    if "landing" in folders:
        last = max(place for place, folder in enumerate(folders) if folder == "landing")
        return Path(*folders[last + 1 :], name)
    if folders and folders[-1].lower() not in NO_SOURCE | {"/"}:
        return Path(folders[-1], name)
    return Path(name)


def delivered(relative: Path, form: str) -> Path:
    """What is delivered where `relative` is a file of it: itself, or a partitioned folder.

    A folder such as `region=US` is one of many of a delivery; one that names the day is none.
    """
    partition = relative.parent.name
    is_part = form == "parquet" and "=" in partition and DAY_IN_NAME.search(partition) is None
    return relative.parent.parent if is_part and len(relative.parts) > FEWEST_PARTS else relative


def source_folder(relative: Path) -> str:
    """The folder that names the source of a file, "" where none does."""
    folders = [name for name in DAY_IN_NAME.sub("", relative.parent.as_posix()).split("/") if name]
    named = [name for name in folders if "=" not in name and re.search(r"[^\W\d_]", name)]
    folder = named[-1] if named else ""
    return "" if folder.lower() in NO_SOURCE else folder


def name_without_day(path: Path) -> str:
    """The file's name before what another delivery has otherwise, else behind it; without
    suffixes, "" where it has no words."""
    parts = _varying(SUFFIXES.sub("", path.name)).split("*")
    return next((part for part in parts if re.search(r"[^\W_]", part)), "")


def propose_pattern(
    relative: Path, types: list[Inferred], *, day_first: bool = False, is_any_kind: bool = False
) -> ProposedPattern:
    """The pattern for files like `relative`, a path below `landing/`, and what to say of it.

    `types` are the columns': their dates tell a day from a month in the name, else `day_first`.
    With `is_any_kind` it takes full and partial deliveries.
    """
    if is_any_kind:
        return _of_any_kind(propose_pattern(relative, types, day_first=day_first))
    text = relative.as_posix()
    days = list(DAY_IN_NAME.finditer(text))
    if not days:
        note = "no date in the name: reloaded whenever the file changes"
        if MONTH_IN_NAME.search(relative.name):
            note = "no day in the name: files of other months are deliveries too, newest file last"
        return ProposedPattern(_literal(_varying(text.replace("*", ""))), note)
    day = days[-1]
    order = _date_order(day, types, day_first=day_first)
    before = _varying(text[: day.start()].replace("*", ""))
    tail = _tail(text[day.end() :], relative)
    note = "the delivery day is the date in the name; `*` is anything but /"
    if order.ambiguous:
        note += "; day and month could be the other way round: check which is first"
    pattern = _literal(before) + _date_pattern(day, order) + _literal(tail)
    # Two quotes would be one literal quote.
    return ProposedPattern(pattern.replace("''", "") if "'" not in text else pattern, note)


def _of_any_kind(proposed: ProposedPattern) -> ProposedPattern:
    """The pattern with the word for the kind of delivery left open, in its file's name."""
    folder, slash, name = proposed.pattern.rpartition("/")
    return replace(proposed, pattern=f"{folder}{slash}{KIND_OF_DELIVERY.sub('*', name)}")


def _tail(after: str, relative: Path) -> str:
    """What follows the day: of a folder's day the file's name too, as others lie beside it."""
    folders, slash, name = after.rpartition("/")
    suffix = SUFFIXES.search(relative.name)
    ending = suffix[0] if suffix else ""
    if not slash:
        return f"*{ending}"
    stem = PART_NUMBER.sub("*", _varying(name.replace("*", "").removesuffix(ending)))
    return f"{folders}/{stem.removesuffix('*')}*{ending}"


def _date_pattern(day: re.Match[str], order: _DateOrder) -> str:
    if day["sign"] is None and day["one"] is None:
        # Written in words, a day has one digit or two, unless it shows a zero.
        has_short_days = re.search(r"(?<!\d)[1-9](?!\d)|(?<!\d)[1-9]\d?,? | [1-9]\d?$", day[0])
        day_part = "d" if has_short_days else "dd"
        numbers = iter(("MM", "dd") if "month" in day[0].lower() else (day_part,))
        pattern, end = "", 0
        for part in NAMED_PARTS.finditer(day[0]):
            pattern += _literal(day[0][end : part.start()])
            pattern += next(numbers) if part["number"] else str(part.lastgroup)
            end = part.end()
        return pattern
    separator = day["sign"] or day["mark"] or ""
    # A point stands in quotes, as `tenant.files` wants it; other signs may stand bare.
    return ("'.'" if separator == "." else separator).join(order.parts)


def pattern_of_member(name: str) -> str:
    """The pattern of the members of an archive that are called like one, as `files.contents` has
    it: numbers that count its parts are left open too."""
    in_folder = name.rpartition("/")[2]
    open_names = PART_NUMBER.sub("*", _varying(glob.escape(in_folder)))
    return re.sub(r"\*+", "*", open_names)


def _varying(text: str) -> str:
    """The text with `*` for what another delivery has otherwise: the first day of a span, the
    number of an export."""
    without_days = MONTH_IN_NAME.sub("*", DAY_IN_NAME.sub("*", text))
    without_numbers = EXPORT_NUMBER.sub("*", without_days)
    suffix = SUFFIXES.search(without_numbers)
    stem = without_numbers.removesuffix(suffix[0]) if suffix else without_numbers
    open_stem = re.sub(r"\*+", "*", COPY_MARK.sub("*", stem))
    return open_stem + (suffix[0] if suffix else "")


def _date_order(day: re.Match[str], types: list[Inferred], *, day_first: bool) -> _DateOrder:
    if day["one"] is None:
        return _DateOrder(("yyyy", "MM", "dd"), ambiguous=False)
    first, second = int(day["one"]), int(day["two"])
    ambiguous = max(first, second) <= MONTHS_IN_YEAR
    formats = [kind.format for kind in types if kind.format and not kind.ambiguous]
    dates_begin_with_day = any(pattern.startswith("dd") for pattern in formats)
    if not formats:
        dates_begin_with_day = day_first
    if first > MONTHS_IN_YEAR or (second <= MONTHS_IN_YEAR and dates_begin_with_day):
        return _DateOrder(("dd", "MM", "yyyy"), ambiguous)
    return _DateOrder(("MM", "dd", "yyyy"), ambiguous)


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'" if text else ""
