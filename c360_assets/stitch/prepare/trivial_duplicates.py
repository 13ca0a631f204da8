"""Trivial duplicates: records whose preprocessed profiles are equal go through Stitch as one.

Only *qualified* profiles are grouped, those that say enough to be one person: ten thousand rows
that only say AMY are not, nor are those of a name and a place whose name many people bear. Foreign
keys stay out of the comparison and are gathered by the representative, except where a record holds
nothing else. Cleaning values is `preprocessing`; ids of representatives are given where the output
tables are written.
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

FIRST_WORD = r"^(\S+)"
# Full names that a tenant does not hold, and people of one name, by how its parts are combined
# with others, below which equal records of a name and a place are one person's.
PHANTOM_NAMES = 1000
RARE_NAME = 0.2
# One person has not more records than so many, or this share of all.
MOST_RECORDS = 20
MOST_SHARE = 0.2

# Between the foreign keys that a representative gathers: a key may hold any character that people
# write, a comma too.
KEY_SEPARATOR = "\x1f"


def collapse(
    frame: pl.DataFrame,
    *,
    size_threshold: int = 10,
    exclusions: Sequence[str] = (),
    kept_apart: Iterable[int] | None = None,
) -> pl.Series:
    """`rep`: the `rid` of each record's representative, its own where the record stands alone.

    Hard groups have equal profiles. With `exclusions` (tag spelling), records equal in all else
    form one group when they hold more than `size_threshold` distinct combinations of the excluded
    values. The representative is the first record in (datasource, pk) order. Records in
    `kept_apart` (rids that a label addresses) always stand alone.
    """
    columns = [column for column in PROFILE if column in frame.columns]
    columns += _columns_with(frame, "bk_", "sk_")
    foreign_keys = _columns_with(frame, "fk_")
    excluded = {name.replace("-", "_") for name in exclusions}.intersection(columns)
    if kept_apart is None:
        stands_alone = pl.lit(False)
    else:
        stands_alone = pl.col("rid").is_in(sorted(set(kept_apart)))

    keys = frame.select("rid", *columns, *foreign_keys).with_columns(_rarely_named(frame))
    keys = _with_group(keys, columns, foreign_keys, stands_alone, "_hard")
    if not excluded:
        return keys.select(rep=pl.coalesce("_hard", "rid")).to_series()

    compared = [column for column in columns if column not in excluded]
    keys = _with_group(keys, compared, foreign_keys, stands_alone, "_soft")
    combinations = (
        keys.drop_nulls("_soft")
        .select("_soft", *map(_comparable, sorted(excluded)))
        .unique()
        .group_by("_soft")
        .len("_combinations")
    )
    large = combinations.filter(pl.col("_combinations") > size_threshold)["_soft"]
    soft = pl.when(pl.col("_soft").is_in(large.implode())).then("_soft")
    return keys.select(rep=pl.coalesce(soft, "_hard", "rid")).to_series()


def _rarely_named(frame: pl.DataFrame) -> pl.Series:
    """`_rare_name`: whether the record holds a full name that one person bears, as far as its parts
    go: a part that occurs with few others is rare, however many records hold it.

    Unless a large share of all records does: those were given a name, whosever they are.
    """
    if not {"given_name", "surname"}.issubset(frame.columns):
        return pl.Series("_rare_name", [False]).new_from_index(0, frame.height)
    names = frame.select(given=pl.col("given_name").str.extract(FIRST_WORD), surname="surname")
    people = names.drop_nulls().unique()
    surnames = people.group_by("given").len("surnames")
    given_names = people.group_by("surname").len("given_names")
    parts = names.join(surnames, on="given", how="left", maintain_order="left").join(
        given_names, on="surname", how="left", maintain_order="left"
    )
    expected = pl.col("surnames") * pl.col("given_names") / (people.height + PHANTOM_NAMES)
    is_written_out = pl.col("given").str.len_chars() > 1
    most = max(MOST_RECORDS, int(MOST_SHARE * frame.height))
    is_usual = pl.len().over("given", "surname") <= most
    rare = (expected < RARE_NAME) & is_written_out & is_usual
    return parts.select(_rare_name=rare.fill_null(False)).to_series()


def _columns_with(frame: pl.DataFrame, *prefixes: str) -> list[str]:
    return sorted(column for column in frame.columns if column.startswith(prefixes))


def representatives(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of `frame` (with `rep`) that represent a group.

    Their `fk_*` hold all values of the group, by `KEY_SEPARATOR`, distinct and sorted; NULL when
    the group has none. All other columns are the representative's own.
    """
    foreign_keys = [column for column in frame.columns if column.startswith("fk_")]
    reps = frame.filter(pl.col("rid") == pl.col("rep"))
    represented = frame.filter(pl.col("rid") != pl.col("rep"))["rep"].unique()
    grouped = frame.filter(pl.col("rep").is_in(represented.implode()))
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


def _with_group(
    keys: pl.DataFrame,
    columns: Sequence[str],
    foreign_keys: Sequence[str],
    stands_alone: pl.Expr,
    name: str,
) -> pl.DataFrame:
    """Add the column `name`: the smallest rid among qualified records that are equal in `columns`.

    NULL for unqualified records and for those that stand alone.
    """
    if not columns and not foreign_keys:
        return keys.with_columns(pl.lit(None, dtype=pl.Int64).alias(name))
    profile = [column for column in PROFILE if column in columns]
    is_bare = pl.all_horizontal(pl.lit(True), *map(_is_absent, profile))
    # The foreign keys are part of the key only for records that hold nothing else.
    keyed = [pl.when(is_bare).then(column).alias(f"{name}:{column}") for column in foreign_keys]
    is_grouped = _is_qualified(profile, foreign_keys, is_bare) & ~stands_alone
    qualified = keys.select(is_grouped).to_series().arg_true()
    # Only rows with a hash that occurs twice can be equal. They are few, and comparing all columns
    # takes long.
    hashed = keys.select(*_sketch(columns), *keyed).hash_rows()
    repeated = qualified.filter(hashed[qualified].is_duplicated())
    candidates = keys[repeated].select("rid", *map(_comparable, columns), *keyed)
    compared = candidates.columns[1:]
    groups = candidates.select("rid", pl.col("rid").min().over(compared).alias(name))
    matched = keys.select("rid").join(groups, on="rid", how="left", maintain_order="left")
    return keys.with_columns(matched.get_column(name))


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


def _is_qualified(profile: Sequence[str], foreign_keys: Sequence[str], is_bare: pl.Expr) -> pl.Expr:
    """Whether a record says enough to be one person, judged on the columns in `profile` alone."""

    def has(column: str) -> pl.Expr:
        return ~_is_absent(column) if column in profile else pl.lit(False)

    is_full = has("given_name") & has("surname")
    is_named = is_full & (has("birthdate") | has("address"))
    is_placed = is_full & pl.col("_rare_name") & (has("city") | has("postal"))
    has_key = pl.any_horizontal(pl.lit(False), *(pl.col(key).is_not_null() for key in foreign_keys))
    return has("email") | has("phone") | is_named | is_placed | (is_bare & has_key)
