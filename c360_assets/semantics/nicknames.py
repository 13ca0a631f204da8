"""Nicknames: which full names a given name may stand for.

English ones are the openly licensed list of the package `nicknames` (Apache-2.0), read from its
CSV; those of other languages are `data/nicknames.csv`. A tenant's own pairs are added or removed by
the caller. Nicknames soften the comparison of given names; they never make a match by themselves.
"""

import csv
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import polars as pl

from c360_assets.semantics.lookups import read_rows


@cache
def _shipped() -> frozenset[tuple[str, str]]:
    text = files("nicknames").joinpath("names.csv").read_text(encoding="utf-8")
    pairs = set()
    for row in csv.DictReader(text.splitlines()):
        if row["relationship"] == "has_nickname":
            pairs.add((row["name1"].strip().upper(), row["name2"].strip().upper()))
    for row in read_rows("nicknames.csv"):
        pairs.add((row["canonical"], row["nickname"]))
    return frozenset(pairs)


def nickname_map(
    added: Iterable[tuple[str, str]] = (), removed: Iterable[tuple[str, str]] = ()
) -> pl.DataFrame:
    """One row per nickname: `nickname` String (unique), `canonical` List(String) sorted, both upper
    case.

    `added` and `removed` are a tenant's (canonical name, nickname) pairs in any case; a removal
    wins over an addition.
    """
    pairs = (_shipped() | _upper(added)) - _upper(removed)
    frame = pl.DataFrame(
        sorted(pairs), schema={"canonical": pl.String, "nickname": pl.String}, orient="row"
    )
    return (
        frame.sort("nickname", "canonical")
        .group_by("nickname", maintain_order=True)
        .agg("canonical")
    )


def known_given_names() -> frozenset[str]:
    """Given names and nicknames of the shipped list, upper case: established however rare they are
    in the data."""
    names = nickname_map()
    return frozenset(names["nickname"]) | frozenset(names["canonical"].explode())


def _upper(pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(canonical.upper(), nickname.upper()) for canonical, nickname in pairs}


def with_given_canonical(
    frame: pl.DataFrame, nicknames: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Add `given_canonical` List(String): the given name and the names it is a nickname of.

    Sorted and distinct. A name of several words is looked up by its first one (`BILL J` stands for
    WILLIAM). NULL without a given name.
    """
    if nicknames is None:
        nicknames = nickname_map()
    table = nicknames.rename({"nickname": "_first", "canonical": "_known"})
    names = frame.select(pl.col("given_name").drop_nulls().unique())
    names = names.with_columns(_first=pl.col("given_name").str.extract(r"^(\S+)"))
    none_known = pl.lit([], dtype=pl.List(pl.String))
    itself = pl.concat_list("given_name")
    canonical = pl.concat_list(itself, pl.col("_known").fill_null(none_known))
    names = names.join(table, on="_first", how="left").select(
        "given_name", given_canonical=canonical.list.unique().list.sort()
    )
    # A join copies every column it carries, so only the key goes through it.
    matched = frame.select("given_name").join(
        names, on="given_name", how="left", maintain_order="left"
    )
    return frame.with_columns(matched.get_column("given_canonical"))
