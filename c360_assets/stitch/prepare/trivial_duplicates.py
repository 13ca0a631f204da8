"""Trivial duplicates: records whose preprocessed profiles are equal go through Stitch as one.

Only *qualified* profiles are grouped, those that say enough to be one person: ten thousand rows
that only say AMY are not, nor are those of a name and a place whose name many people bear. Foreign
keys stay out of the comparison and are gathered by the representative, except where a record holds
nothing else. Cleaning values is `preprocessing`; ids of representatives are given where the output
tables are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from c360_assets.stitch.exchange.rows import Array, Side
from c360_assets.stitch.prepare.hashes import with_hash
from c360_assets.stitch.prepare.preprocessing import Preprocessed
from c360_assets.stitch.prepare.rare_names import NAME, full_names, rare_names

PROFILE = (
    "given_name",
    "surname",
    "generational_suffix",
    "birthdate",
    "gender",
    "email",
    "phone",
    "address",
    "city",
    "state",
    "postal",
    "company",
)
_LISTS = ("email", "phone")

# Between the foreign keys that a representative gathers: a key may hold any character that people
# write, a comma too.
KEY_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Duplicates:
    """`rep`: the `rid` of each record's representative, its own where the record stands alone.
    `hard`: the same by equal profiles alone."""

    rep: pl.Series
    hard: pl.Series


def collapse(
    clean: Preprocessed,
    *,
    size_threshold: int = 10,
    exclusions: Sequence[str] = (),
    kept_apart: Iterable[int] = (),
) -> Duplicates:
    """Who stands for whom among the preprocessed records.

    Hard groups have equal profiles. With `exclusions` (tag spelling), records equal in all else
    form one group when they hold more than `size_threshold` distinct combinations of the excluded
    values. The representative is the first record in (datasource, pk) order. Records in
    `kept_apart` (rids that a label addresses) always stand alone.
    """
    foreign_keys = tuple(clean.foreign_keys)
    columns = (*PROFILE, *(key for key in clean.key_columns if key not in foreign_keys))
    apart = tuple(sorted({*kept_apart}))
    excluded = {name.replace("-", "_") for name in exclusions}.intersection(columns)
    hard = np.arange(clean.keys.height)
    _set_groups(hard, _groups(clean, Profile(columns, foreign_keys, apart), 0))
    rep = hard.copy()
    if excluded:
        compared = tuple(column for column in columns if column not in excluded)
        profile = Profile(compared, foreign_keys, apart, tuple(sorted(excluded)))
        _set_groups(rep, _groups(clean, profile, size_threshold))
    return Duplicates(pl.Series("rep", rep), pl.Series("rep", hard))


def _set_groups(rep: Array, groups: pl.DataFrame) -> None:
    rep[groups["rid"].to_numpy()] = groups["rep"].to_numpy()


def _groups(clean: Preprocessed, profile: Profile, more_than: int) -> pl.DataFrame:
    """`rid`, `rep` of the records that are equal to another one; see `EqualProfiles`."""
    by_hash = pl.col("hash")
    asked = clean.records.together(by_hash, RepeatedNames(), each=[PlacedNames(profile)])
    names = asked.collect(NAME).unique(maintain_order=True)
    rare = rare_names(clean.records, clean.keys.height, names)
    equal = EqualProfiles(profile, more_than)
    return clean.records.together(by_hash, equal, each=[Profiles(profile, rare)]).collect(["rid"])


def representatives(clean: Preprocessed, keys: pl.DataFrame) -> pl.DataFrame:
    """The preprocessed records that represent a group, with `rep`, their own `rid`.

    `keys`: rid, datasource, pk, fk_… and rep of every record. The `fk_*` of a representative hold
    all values of its group, by `KEY_SEPARATOR`, distinct and sorted; NULL when the group has none.
    All other columns are the representative's own.
    """
    foreign_keys = clean.foreign_keys
    represented = keys.filter(pl.col("rid") != pl.col("rep"))
    reps = clean.without(represented["rid"]).with_columns(rep="rid")
    grouped = keys.filter(pl.col("rep").is_in(represented["rep"].unique().implode()))
    if not foreign_keys or not grouped.height:
        return reps
    gathered = []
    for column in foreign_keys:
        values = pl.col(column).drop_nulls().unique().sort()
        gathered.append(values.str.join(KEY_SEPARATOR).replace("", None).alias(f"all:{column}"))
    # A join copies every column it carries, so only the key goes through it.
    matched = reps.select("rep").join(
        grouped.group_by("rep").agg(gathered), on="rep", how="left", maintain_order="left"
    )
    values_by_key = []
    for column in foreign_keys:
        all_or_own = pl.coalesce(matched[f"all:{column}"], reps[column])
        values_by_key.append(pl.select(all_or_own).to_series().alias(column))
    return reps.with_columns(values_by_key)


@dataclass(frozen=True)
class Profile:
    """In which columns the records of a group are equal.

    `foreign_keys` are compared only of records that hold nothing else. `apart`: rids of records
    that are in no group. `excluded`: columns whose combinations in a group are counted.
    """

    columns: tuple[str, ...]
    foreign_keys: tuple[str, ...]
    apart: tuple[int, ...]
    excluded: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that say who somebody is."""
        return tuple(column for column in PROFILE if column in self.columns)

    @property
    def is_bare(self) -> pl.Expr:
        return pl.all_horizontal(pl.lit(True), *map(_is_absent, self.values))

    @property
    def keys(self) -> list[pl.Expr]:
        """The foreign keys that are compared."""
        return [pl.when(self.is_bare).then(key).alias(key) for key in self.foreign_keys]

    def hashed(self, con: duckdb.DuckDBPyConnection, records: pl.DataFrame) -> pl.DataFrame:
        """The records with `hash`, which is equal where the profiles are."""
        return with_hash(con, records, *_sketch(self.columns), *self.keys)

    def is_grouped(self, is_rare: pl.Expr) -> pl.Expr:
        """Whether a record is in a group; `is_rare`: whether it holds the name of one person."""
        is_apart = pl.col("rid").is_in(self.apart)
        return _is_qualified(self.values, self.foreign_keys, self.is_bare, is_rare) & ~is_apart


@dataclass(frozen=True)
class PlacedNames:
    """`hash` of the profile and full name (`given`, `surname`) of the preprocessed records that
    are in a group only if their name is rare. Local to a record."""

    profile: Profile

    def __call__(self, con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        grouped = self.profile.is_grouped
        asks = grouped(pl.lit(True)) & ~grouped(pl.lit(False))
        asking = records.frame.filter(asks)
        return self.profile.hashed(con, asking).select("hash", *full_names(asking))


@dataclass(frozen=True)
class RepeatedNames:
    """`given`, `surname` of rows whose `hash` another one has. Local to a hash."""

    def __call__(self, _con: duckdb.DuckDBPyConnection, names: Side) -> pl.DataFrame:
        return names.frame.filter(pl.col("hash").is_duplicated()).select(NAME).unique()


@dataclass(frozen=True)
class Profiles:
    """What is compared of preprocessed records, with `rid`, `hash` and `is_grouped`. `rare`: names
    that one person bears. Local to a record."""

    profile: Profile
    rare: pl.DataFrame

    def __call__(self, con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        rows = records.frame
        named = rows.select("rid", *full_names(rows))
        rare = named.join(self.rare, on=NAME, how="semi")["rid"]
        profile = self.profile
        is_grouped = profile.is_grouped(pl.col("rid").is_in(rare.implode()))
        return profile.hashed(con, rows).select(
            "rid",
            "hash",
            *profile.columns,
            *profile.excluded,
            *profile.keys,
            is_grouped=is_grouped,
        )


@dataclass(frozen=True)
class EqualProfiles:
    """`rid`, `rep` (the smallest rid) of records whose `Profiles` are equal to those of another
    one. With excluded columns, of groups of `more_than` so many combinations of them. Local to a
    hash."""

    profile: Profile
    more_than: int

    def __call__(self, _con: duckdb.DuckDBPyConnection, profiles: Side) -> pl.DataFrame:
        rows = profiles.frame
        # Only rows with a hash that occurs twice can be equal. They are few, and comparing all
        # columns takes long.
        grouped = rows["is_grouped"].arg_true()
        candidates = rows[grouped.filter(rows["hash"][grouped].is_duplicated())]
        profile = self.profile
        compared = [*map(_comparable, profile.columns), *profile.foreign_keys]
        is_group = pl.len().over(compared) > 1
        if profile.excluded:
            combination = pl.struct(map(_comparable, profile.excluded))
            is_group &= combination.n_unique().over(compared) > self.more_than
        groups = candidates.select("rid", rep=pl.col("rid").min().over(compared), group=is_group)
        return groups.filter("group").select("rid", "rep")


def _comparable(column: str) -> pl.Expr:
    """A column that can be a grouping key: of a set the sorted text, NULL when empty."""
    value = pl.col(column)
    if column not in _LISTS:
        return value
    return pl.when(value.list.len() > 0).then(value.list.sort().list.join(",")).alias(column)


def _is_absent(column: str) -> pl.Expr:
    if column in _LISTS:
        return pl.col(column).list.len().fill_null(0) == 0
    return pl.col(column).is_null()


def _sketch(columns: Sequence[str]) -> list[pl.Expr]:
    """Values that are equal where `columns` are: of a set of several only how many they are."""
    single = [pl.col(column) for column in columns if column not in _LISTS]
    lists = [pl.col(column).list for column in columns if column in _LISTS]
    sizes = [
        pl.when(values.len() == 1)
        .then(values.first())
        .otherwise(values.len().cast(pl.String))
        .alias(f"set{number}")
        for number, values in enumerate(lists)
    ]
    return [*single, *sizes]


def _is_qualified(
    profile: Sequence[str], foreign_keys: Sequence[str], is_bare: pl.Expr, is_rare: pl.Expr
) -> pl.Expr:
    """Whether a record says enough to be one person, judged on the columns in `profile` alone.

    `is_rare`: whether its name is one person's.
    """

    def has(column: str) -> pl.Expr:
        return ~_is_absent(column) if column in profile else pl.lit(False)

    is_full = has("given_name") & has("surname")
    is_named = is_full & (has("birthdate") | has("address"))
    is_placed = is_full & is_rare & (has("city") | has("postal"))
    has_key = pl.any_horizontal(pl.lit(False), *(pl.col(key).is_not_null() for key in foreign_keys))
    return has("email") | has("phone") | is_named | is_placed | (is_bare & has_key)
