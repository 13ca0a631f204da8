"""Who is met by a source, when, and which records it then holds: their number, their times, their
later versions.

What is written down of a person belongs to `customers`, which has one `Source` per feed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from .people import FIRST_MOMENT, HISTORY_DAYS

PRIME = 999_999_937  # the largest below 10^9: multiplying by a factor modulo it repeats nothing


def scramble(index: np.ndarray, factor: int, start: int) -> pl.Series:
    """Nine digits for each index below 10^9: one to one, and without the order of the index."""
    number = pl.Series((index.astype(np.int64) * factor + start) % PRIME)
    return number.cast(pl.String).str.zfill(9)


@dataclass(frozen=True)
class Source:
    """How a source meets people: the share of people it knows, of second records among them, and
    how it writes them down.
    """

    datasource: str  # the table that goes to Stitch: truth is written in its name
    share: float
    again: float
    changed: float
    key: Callable[[np.ndarray], pl.Series]
    render: Callable[[np.random.Generator, pl.DataFrame], pl.DataFrame]
    groups: tuple[tuple[str, ...], ...]  # columns that change together
    history: int = HISTORY_DAYS
    copies: int = 2


class Records(NamedTuple):
    """Records of one source over the whole delivery time.

    Both have the source's columns and `_key`, `_created`, `_updated` (local time), `_person`,
    `_household`.
    """

    versions: pl.DataFrame  # every version to deliver
    base: pl.DataFrame  # the first version of each record, which orders are made for


def make_records(
    rng: np.random.Generator, source: Source, people: pl.DataFrame, days: int
) -> Records:
    """Records of one source: who is met when, and what is written down of them."""
    meetings = _meetings(rng, source, len(people))
    n = len(meetings.person_row)
    index = people["person"].to_numpy()[meetings.person_row] * 4 + meetings.copy
    created = _moments(rng, n, source.history, days)
    touched = _last_touched(rng, created)
    met = people[meetings.person_row].with_columns(
        _key=source.key(index), _copy=pl.Series(meetings.copy), _created=created
    )
    rendered = source.render(rng, view(met, created))
    base = pl.concat([_record_columns(met, touched), rendered], how="horizontal")
    if days < 2:
        return Records(base, base)
    later = _later(rng, source, met, base, days)
    return Records(pl.concat([base, later]), base)


def _record_columns(met: pl.DataFrame, updated: pl.Series) -> pl.DataFrame:
    return met.select(
        "_key",
        "_created",
        updated.alias("_updated"),
        pl.col("person").alias("_person"),
        pl.col("household").alias("_household"),
    )


class _Meetings(NamedTuple):
    """Per record the row of its person, and its number among that person's records."""

    person_row: np.ndarray
    copy: np.ndarray


def _meetings(rng: np.random.Generator, source: Source, n: int) -> _Meetings:
    rows, copies = [], []
    known = np.flatnonzero(rng.random(n) < source.share)
    for copy in range(source.copies):
        rows.append(known)
        copies.append(np.full(len(known), copy))
        known = known[rng.random(len(known)) < source.again]
    return _Meetings(np.concatenate(rows), np.concatenate(copies))


def _daytime(rng: np.random.Generator, day: np.ndarray) -> pl.Series:
    """A moment of opening hours on each day, which counts from the first delivery day: it is
    negative for earlier ones.
    """
    seconds = day.astype(np.int64) * 86_400 + rng.integers(7 * 3600, 23 * 3600, len(day))
    return pl.Series(np.datetime64(FIRST_MOMENT, "us") + seconds.astype("timedelta64[s]"))


def _moments(rng: np.random.Generator, n: int, history: int, days: int) -> pl.Series:
    """When a record was made: in the years before, or (4 % for a fortnight) on a delivered day."""
    past = -rng.integers(1, history, n)
    is_fresh = rng.random(n) < 0.003 * (days - 1)
    delivered = rng.integers(0, max(days - 1, 1), n)
    return _daytime(rng, np.where(is_fresh, delivered, past))


def _last_touched(rng: np.random.Generator, created: pl.Series) -> pl.Series:
    """Last change up to the first delivery: often the creation itself."""
    start = (created - FIRST_MOMENT).dt.total_days().to_numpy()
    n = len(start)
    share_of_time = rng.random(n)
    is_touched = rng.random(n) < 0.5
    waited = (-start * share_of_time * is_touched).astype(np.int64)
    is_changed = pl.Series((start < 0) & (waited > 0))
    return _daytime(rng, np.minimum(start + waited, -1)).zip_with(is_changed, created)


def view(people: pl.DataFrame, moment: pl.Series) -> pl.DataFrame:
    """The people as they were at the moment of each row: surname and address of that time."""
    people = people.with_columns(moment.alias("_at"))
    address = ("street_line", "street_short", "unit", "city", "state", "zip")
    changed_on = {"surname": "renamed_on"} | dict.fromkeys(address, "moved_on")
    return people.with_columns(
        pl.when(pl.col("_at") < pl.col(changed))
        .then(pl.col("former_" + column))
        .otherwise(pl.col(column))
        .alias(column)
        for column, changed in changed_on.items()
    )


def _later(
    rng: np.random.Generator, source: Source, met: pl.DataFrame, base: pl.DataFrame, days: int
) -> pl.DataFrame:
    """New versions of existing records: one group of columns is written anew."""
    is_old = (met["_created"] < FIRST_MOMENT).to_numpy()
    # `changed` is a share for a fortnight, which has 13 days after the first.
    is_changed = rng.random(len(met)) < source.changed * (days - 1) / 13
    rows = np.flatnonzero(is_old & is_changed)
    moment = _daytime(rng, rng.integers(0, days - 1, len(rows)))
    fresh = source.render(rng, view(met[rows], moment))
    version = base[rows]
    # One number more than there are groups: some records are only touched.
    group = pl.Series(rng.integers(0, len(source.groups) + 1, len(rows)))
    for number, columns in enumerate(source.groups):
        is_written = (group == number) & fresh[columns[0]].is_not_null()
        version = version.with_columns(
            fresh[column].zip_with(is_written, version[column]).alias(column) for column in columns
        )
    return version.with_columns(moment.alias("_updated"))
