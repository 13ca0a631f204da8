"""The pattern of a feed's files, proposed from the path of one: which part of it is the day.

What a pattern means is in `tenant.files`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from c360_assets.ingest.suggest.column_types import Inferred

DAY_IN_NAME = re.compile(
    r"(?<!\d)(?:"
    r"(?:19|20)\d\d(?P<sign>[-_.]?)(?:0[1-9]|1[0-2])(?P=sign)(?:0[1-9]|[12]\d|3[01])"
    r"|(?P<one>0[1-9]|[12]\d|3[01])(?P<mark>[-_.])(?P<two>0[1-9]|[12]\d|3[01])(?P=mark)"
    r"(?:19|20)\d\d"
    # What follows may be a time of day.
    r")(?=\D|$|(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\d{3})?)?(?:\D|$))"
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
    folder = relative.parent.name
    return "" if folder.lower() in NO_SOURCE else folder


def name_without_day(path: Path) -> str:
    """The file's name before what another delivery has otherwise, else behind it; without
    suffixes, "" where it has no words."""
    parts = _varying(SUFFIXES.sub("", path.name)).split("*")
    return next((part for part in parts if re.search(r"[^\W_]", part)), "")


def propose_pattern(
    relative: Path, types: list[Inferred], *, day_first: bool = False
) -> ProposedPattern:
    """The pattern for files like `relative`, a path below `landing/`, and what to say of it.

    `types` are the columns': their dates tell a day from a month in the name, else `day_first`.
    """
    text = relative.as_posix()
    days = list(DAY_IN_NAME.finditer(text))
    if not days:
        note = "no date in the name: reloaded whenever the file changes"
        return ProposedPattern(_literal(_varying(text.replace("*", ""))), note)
    day = days[-1]
    order = _date_order(day, types, day_first=day_first)
    separator = day["sign"] or day["mark"] or ""
    # A point stands in quotes, as `tenant.files` wants it; other signs may stand bare.
    date = ("'.'" if separator == "." else separator).join(order.parts)
    before = _varying(text[: day.start()].replace("*", ""))
    after = text[day.end() :]
    folders = after[: after.rfind("/") + 1]
    suffix = SUFFIXES.search(relative.name)
    tail = f"{folders}*{suffix[0] if suffix else ''}"
    note = "the delivery day is the date in the name; `*` is anything but /"
    if order.ambiguous:
        note += "; day and month could be the other way round: check which is first"
    return ProposedPattern(_literal(before) + date + _literal(tail), note)


def _varying(text: str) -> str:
    """The text with `*` for what another delivery has otherwise: the first day of a span, the
    number of an export."""
    return EXPORT_NUMBER.sub("*", DAY_IN_NAME.sub("*", text))


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
