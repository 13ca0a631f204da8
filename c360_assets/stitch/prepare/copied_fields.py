"""Fields that hold another field's value again, as a wrong mapping or an export fills them.

`company` that is the e-mail, `given_name` that is the surname: two fields agree wherever one does,
and the match model would count one piece of evidence twice. A source is judged by itself. Belongs
here: finding them; their values are taken out by `preprocessing`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import polars as pl

from c360_assets.stitch.exchange.rows import Rows, Side
from c360_assets.stitch.prepare.raw_texts import text

# Of two fields the later one is the copy. Not state and city, which are equal in a city that is a
# state, and no keys, which may well be an e-mail address.
FIELDS = ("email", "phone", "surname", "given_name", "address", "postal", "city", "company")
# A first field that is made of others, for a company that is the person's name.
NAME = "full_name"
FEWEST = 20  # records of a source that hold both
COPIED_SHARE = 0.3  # of those, from which a field is a copy; people named twice alike are rarer
PAIRS = [
    (original, copy)
    for place, copy in enumerate(FIELDS)
    for original in (*FIELDS[:place], NAME)
    if copy != original and (original != NAME or copy == "company")
]


@dataclass(frozen=True)
class CopiedField:
    """`copy` of a source holds the value of `original` again in `equal` of `both` records."""

    datasource: str
    copy: str
    original: str
    equal: int
    both: int

    def warning(self) -> str:
        return (
            f"{self.datasource}: {self.copy} is {self.original} again in {self.equal:,} of"
            f" {self.both:,} records that hold both; Stitch leaves it out of these;"
            " look at the tags of the feed"
        )


@dataclass(frozen=True)
class CountCopies:
    """How many of some source records (`raw_rows`) hold two fields, and hold them equal: a row per
    source, whose numbers add up. `given_names`: of a surname that is one, people are called so."""

    given_names: tuple[str, ...]

    def __call__(self, _con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        surname = pl.col("surname")
        counted = (
            compared_texts(records.frame)
            .group_by("datasource")
            .agg(
                *[_both(*pair).sum().alias(f"both:{'='.join(pair)}") for pair in PAIRS],
                *[_equal(*pair).sum().alias(f"equal:{'='.join(pair)}") for pair in PAIRS],
                surname.count().alias("surnames"),
                surname.is_in(self.given_names).sum().alias("called_so"),
            )
        )
        return counted.with_columns(pl.exclude("datasource").cast(pl.Int64))


def compared_texts(records: pl.DataFrame) -> pl.DataFrame:
    """datasource, `FIELDS` and `NAME` of source records (`raw_rows`) as they are written, upper
    case, NULL where empty."""
    names = text(records, "given_name"), text(records, "surname")
    full_name = pl.concat_str(*names, separator=" ", ignore_nulls=True)
    return records.select(
        "datasource",
        *[text(records, field).str.to_uppercase().alias(field) for field in FIELDS],
        pl.coalesce(text(records, "full_name"), full_name).str.to_uppercase().alias(NAME),
    )


def copied_fields(records: Rows, given_names: Iterable[str]) -> list[CopiedField]:
    """The copies in each source of all records (`raw_rows`), by source and field.

    `given_names`: names that decide which of given name and surname is the copy.
    """
    counted = records.map(CountCopies(tuple(sorted(given_names)))).collect(["datasource"])
    counted = counted.group_by("datasource").agg(pl.exclude("datasource").sum())
    found = []
    for row in counted.sort("datasource").iter_rows(named=True):
        for original, copy in PAIRS:
            both = row[f"both:{original}={copy}"]
            equal = row[f"equal:{original}={copy}"]
            if both < FEWEST or equal < COPIED_SHARE * both:
                continue
            names = {original, copy} == {"surname", "given_name"}
            if names and 2 * row["called_so"] > row["surnames"]:
                original, copy = copy, original
            found.append(CopiedField(row["datasource"], copy, original, equal, both))
    return found


def is_copied(field: CopiedField) -> pl.Expr:
    """Where a record of `compared_texts` holds that copy."""
    is_source = pl.col("datasource") == field.datasource
    return is_source & _equal(field.original, field.copy).fill_null(False)


def _both(one: str, other: str) -> pl.Expr:
    return pl.col(one).is_not_null() & pl.col(other).is_not_null()


def _equal(one: str, other: str) -> pl.Expr:
    return pl.col(one) == pl.col(other)
