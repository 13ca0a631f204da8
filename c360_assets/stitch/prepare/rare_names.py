"""Full names that one person bears, as far as their parts go: a part that occurs with few others is
rare, however many records hold it.

Unless a large share of all records does: those were given a name, whosever they are. Belongs here:
counting names and their parts over all preprocessed records. Who asks for it is
`trivial_duplicates`.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import polars as pl

from c360_assets.stitch.exchange.rows import Rows, Side
from c360_assets.stitch.prepare.hashes import with_hash

FIRST_WORD = r"^(\S+)"
# Full names that a tenant does not hold, and people of one name, by how its parts are combined
# with others, below which equal records of a name and a place are one person's.
PHANTOM_NAMES = 1000
RARE_NAME = 0.2
# One person has not more records than so many, or this share of all.
MOST_RECORDS = 20
MOST_SHARE = 0.2

NAME = ("given", "surname")


def full_names(records: pl.DataFrame) -> list[pl.Expr]:
    """`given`, the first word of the given name, and `surname` of preprocessed records."""
    return [pl.col("given_name").str.extract(FIRST_WORD).alias("given"), pl.col("surname")]


def rare_names(records: Rows, n_records: int, names: pl.DataFrame) -> pl.DataFrame:
    """Those of the `names` (`given`, `surname`) that are rare among all preprocessed records, of
    which there are `n_records`."""
    if not names.height:
        return names
    people = records.together(pl.col("hash"), People(), each=[NamesHeld()]).kept()
    n_people = people.map(CountPeople()).collect(["people"])["people"].sum()
    found = people.map(Among(names)).collect(NAME)
    for part, others in (("given", "surnames"), ("surname", "given_names")):
        of_part = people.map(Among(names.select(part).unique())).count([part])
        found = found.join(of_part.rename({"n": others}), on=part, how="left")
    expected = pl.col("surnames") * pl.col("given_names") / (n_people + PHANTOM_NAMES)
    is_written_out = pl.col("given").str.len_chars() > 1
    is_usual = pl.col("records") <= max(MOST_RECORDS, int(MOST_SHARE * n_records))
    rare = (expected < RARE_NAME) & is_written_out & is_usual
    return found.filter(rare).select(NAME).sort(NAME)


@dataclass(frozen=True)
class NamesHeld:
    """`hash`, `given`, `surname` of the preprocessed records with a full name. Local to a
    record."""

    def __call__(self, con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        names = records.frame.select("rid", *full_names(records.frame)).drop_nulls()
        return with_hash(con, names, *map(pl.col, NAME)).select("hash", *NAME)


@dataclass(frozen=True)
class People:
    """`given`, `surname`, `records`: each full name once, and how many hold it. Local to a
    name."""

    def __call__(self, _con: duckdb.DuckDBPyConnection, held: Side) -> pl.DataFrame:
        return held.frame.group_by(NAME).agg(records=pl.len().cast(pl.Int64))


@dataclass(frozen=True)
class CountPeople:
    """`people`: how many rows there are, in parts that add up."""

    def __call__(self, _con: duckdb.DuckDBPyConnection, people: Side) -> pl.DataFrame:
        return people.frame.select(people=pl.len().cast(pl.Int64))


@dataclass(frozen=True)
class Among:
    """The rows that have the values of a wanted one in its columns."""

    wanted: pl.DataFrame

    def __call__(self, _con: duckdb.DuckDBPyConnection, rows: Side) -> pl.DataFrame:
        return rows.frame.join(self.wanted, on=self.wanted.columns, how="semi")
