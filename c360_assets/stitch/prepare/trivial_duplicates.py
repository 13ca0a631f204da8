"""Trivial duplicates: records whose preprocessed profiles are equal go through Stitch as one.

Only *qualified* profiles are grouped, those that say enough to be one person: ten thousand rows
that only say AMY are not. Foreign keys stay out of the comparison and are gathered by the
representative, except where a record holds nothing else. Cleaning values is `preprocess`; ids of
representatives are given where the output tables are written.
"""

from collections.abc import Iterable, Sequence

import polars as pl

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
KEY_SEPARATOR = "\x1f"
"""Between the foreign keys that a representative gathers: a key may hold any character that people
write, a comma too.
"""


def collapse(
    frame: pl.DataFrame,
    *,
    size_threshold: int = 10,
    exclusions: Sequence[str] = (),
    kept_apart: Iterable[int] | None = None,
) -> pl.Series:
    """`rep`: per row of the preprocessed frame, the `rid` of its representative (its own where it
    stands alone).

    Hard groups have equal profiles. With `exclusions` (tag spelling), records equal in all else
    form one group when they hold more than `size_threshold` distinct combinations of the excluded
    values. The representative is the first record in (datasource, pk) order. Records in
    `kept_apart` (rids that a label addresses) always stand alone.
    """
    excluded = {name.replace("-", "_") for name in exclusions}
    profile = [c for c in PROFILE if c in frame.columns]
    extra = sorted(c for c in frame.columns if c.startswith(("bk_", "sk_")))
    fks = sorted(c for c in frame.columns if c.startswith("fk_"))
    alone = (
        pl.col("rid").is_in(sorted(set(kept_apart))) if kept_apart is not None else pl.lit(False)
    )

    keys = frame.select("rid", *profile, *extra, *fks)
    keys = _with_group(keys, [*profile, *extra], fks, alone, "_hard")
    if not excluded.intersection([*profile, *extra]):
        return keys.select(rep=pl.coalesce("_hard", "rid")).to_series()

    kept = [c for c in [*profile, *extra] if c not in excluded]
    keys = _with_group(keys, kept, fks, alone, "_soft")
    dropped = sorted(excluded.intersection([*profile, *extra]))
    combinations = (
        keys.drop_nulls("_soft")
        .select("_soft", *map(_comparable, dropped))
        .unique()
        .group_by("_soft")
        .len("_combinations")
    )
    large = combinations.filter(pl.col("_combinations") > size_threshold)["_soft"]
    soft = pl.when(pl.col("_soft").is_in(large.implode())).then("_soft")
    return keys.select(rep=pl.coalesce(soft, "_hard", "rid")).to_series()


def representatives(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of `frame` (with `rep`) that represent a group; their `fk_*` hold all values of the
    group, by `KEY_SEPARATOR`.

    Values are distinct and sorted; NULL when the group has none. All other columns are the
    representative's own.
    """
    fks = [c for c in frame.columns if c.startswith("fk_")]
    reps = frame.filter(pl.col("rid") == pl.col("rep"))
    grouped = frame.filter(pl.col("rep").is_in(_group_reps(frame).implode()))
    if not fks or not grouped.height:
        return reps
    gathered = [
        pl.col(c)
        .drop_nulls()
        .unique()
        .sort()
        .str.join(KEY_SEPARATOR)
        .replace("", None)
        .alias(f"all:{c}")
        for c in fks
    ]
    # A join copies every column it carries, so only the key goes through it.
    matched = reps.select("rep").join(
        grouped.group_by("rep").agg(gathered), on="rep", how="left", maintain_order="left"
    )
    values = [
        pl.select(pl.coalesce(matched[f"all:{c}"], reps[c])).to_series().alias(c) for c in fks
    ]
    return reps.with_columns(values)


def _group_reps(frame: pl.DataFrame) -> pl.Series:
    return frame.filter(pl.col("rid") != pl.col("rep"))["rep"].unique()


def _comparable(column: str) -> pl.Expr:
    """A column that can be a grouping key: of a set the sorted text, NULL when empty."""
    value = pl.col(column)
    return (
        pl.when(value.list.len() > 0).then(value.list.sort().list.join(",")).alias(column)
        if column in _LISTS
        else value
    )


def _absent(column: str) -> pl.Expr:
    return (
        pl.col(column).list.len().fill_null(0) == 0
        if column in _LISTS
        else pl.col(column).is_null()
    )


def _with_group(
    keys: pl.DataFrame, columns: Sequence[str], fks: Sequence[str], alone: pl.Expr, name: str
) -> pl.DataFrame:
    """Add `name`: the smallest rid among qualified records that are equal in `columns`; NULL for
    unqualified ones and those that stand alone.
    """
    profile = [c for c in PROFILE if c in columns]
    bare = pl.all_horizontal(pl.lit(True), *map(_absent, profile))
    # The foreign keys are part of the key only for records that hold nothing else.
    keyed = [pl.when(bare).then(c).alias(f"{name}:{c}") for c in fks]
    if not columns and not fks:
        return keys.with_columns(pl.lit(None, dtype=pl.Int64).alias(name))
    qualified = keys.select(_qualified(profile, fks, bare) & ~alone).to_series().arg_true()
    # Only rows with a hash that occurs twice can be equal. They are few, and comparing all columns
    # is dear.
    sets = [pl.col(c).list for c in columns if c in _LISTS]
    sketch = [
        pl.when(v.len() == 1).then(v.first()).otherwise(v.len().cast(pl.String)).alias(f"set{n}")
        for n, v in enumerate(sets)
    ]
    hashed = keys.select(*(c for c in columns if c not in _LISTS), *sketch, *keyed).hash_rows()
    few = keys[qualified.filter(hashed[qualified].is_duplicated())].select(
        "rid", *map(_comparable, columns), *keyed
    )
    groups = few.select("rid", pl.col("rid").min().over(few.columns[1:]).alias(name))
    matched = keys.select("rid").join(groups, on="rid", how="left", maintain_order="left")
    return keys.with_columns(matched.get_column(name))


def _qualified(profile: Sequence[str], fks: Sequence[str], bare: pl.Expr) -> pl.Expr:
    """Whether a record says enough to be one person, judged on the columns in `profile` alone."""

    def has(column: str) -> pl.Expr:
        return ~_absent(column) if column in profile else pl.lit(False)

    named = has("given_name") & has("surname") & (has("birthdate") | has("address"))
    keyed = pl.any_horizontal(pl.lit(False), *(pl.col(c).is_not_null() for c in fks))
    return has("email") | has("phone") | named | (bare & keyed)
