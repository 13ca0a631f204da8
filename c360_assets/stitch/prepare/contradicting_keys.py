"""Foreign keys that strangers share: equal keys whose holders contradict each other in everything.

A placeholder that no list names, a number given out twice, a friend's card: an equal key decides a
pair, so one such value would make one customer of all its holders. Two records contradict each
other when both given names are established and every field that both hold is unlike, at least three
of them. Of the holders of a value, those that contradict at least half of the others are not who
the key stands for: they lose it, and what else they hold decides. Known placeholders are
`semantics.blocklist`'s, values that meet too many people `blocklist`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from c360_assets.semantics.nicknames import known_given_names
from c360_assets.stitch.compare.comparison_records import registered
from c360_assets.stitch.exchange.rows import Rows, Side
from c360_assets.stitch.prepare.cleaned_records import usable
from c360_assets.stitch.prepare.usable_records import OnlyRecords, UsableRecords

# As in comparing: a given name that so many records hold, and so large a share of them, is one that
# people have; a rarer one may be a typing error.
ESTABLISHED_RECORDS = 10
ESTABLISHED_SHARE = 0.00005
MOST_COMPARED = 200  # holders of a value that each holder is compared with
LEAST_FIELDS = 3

_RECORDS = "contradicting_keys_records"
_UNLIKE_TEXT = (
    "jaro_winkler_similarity(a.{0}, b.{0}) < 0.85 AND damerau_levenshtein(a.{0}, b.{0}) > 2"
)
# SMITH JON is JOHN SMITH in the wrong columns.
_NOT_SWAPPED = (
    "coalesce(jaro_winkler_similarity(a.given_name, b.surname) < 0.85, TRUE)"
    " AND coalesce(jaro_winkler_similarity(b.given_name, a.surname) < 0.85, TRUE)"
)
# Field -> SQL: true where two records contradict each other, NULL where one lacks the field.
FIELDS = {
    "given_name": (
        "a.is_established AND b.is_established AND NOT list_has_any(a.given_names, b.given_names)"
        f" AND left(a.given_name, 1) || left(b.given_name, 1) NOT IN (a.given_name, b.given_name)"
        " AND split_part(a.given_name, ' ', 1) <> split_part(b.given_name, ' ', 1)"
        f" AND {_UNLIKE_TEXT.format('given_name')} AND {_NOT_SWAPPED}"
    ),
    "surname": (
        "NOT list_has_any(string_split(a.surname, ' '), string_split(b.surname, ' '))"
        f" AND {_UNLIKE_TEXT.format('surname')}"
    ),
    "birthdate": "damerau_levenshtein(a.birthdate, b.birthdate) > 1",
    "email": (
        "NOT list_has_any(a.email, b.email)"
        " AND split_part(a.email[1], '@', 1) <> split_part(b.email[1], '@', 1)"
    ),
    "phone": "NOT list_has_any(a.phone, b.phone) AND right(a.phone[1], 7) <> right(b.phone[1], 7)",
    "address": _UNLIKE_TEXT.format("address"),
    "company": _UNLIKE_TEXT.format("company"),
}
# Strangers live in one town: another place contradicts, the same one says nothing.
PLACE = "a.postal <> b.postal AND coalesce(a.city <> b.city, TRUE)"
_COLUMNS = ("surname", "email", "phone", "address", "company", "postal", "city")


@dataclass(frozen=True)
class KeyHolders:
    """`hash` (of the value), `key`, `value`, `rid`, `given_name` of the cleaned records that hold
    a foreign key. Local to a record."""

    key: str

    def __call__(self, con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        rows = records.frame
        held = rows.select(
            "rid",
            usable(rows, "given_name"),
            key=pl.lit(self.key),
            value=usable(rows, self.key),
        )
        sql = """
            SELECT hash(value) AS hash, key, value, rid, given_name FROM er_held
            WHERE value IS NOT NULL
        """
        with registered(con, er_held=held):
            return con.sql(sql).pl()


@dataclass(frozen=True)
class SharedKeys:
    """`key, value, rid, place, is_named` of foreign keys that meet two given names: most meet one.
    Local to a value."""

    def __call__(self, _con: duckdb.DuckDBPyConnection, holders: Side) -> pl.DataFrame:
        held = holders.frame
        names = held.group_by("key", "value").agg(n=pl.col("given_name").drop_nulls().n_unique())
        shared = held.join(names.filter(pl.col("n") > 1), on=["key", "value"], how="semi")
        is_named = pl.col("given_name").is_not_null()
        rank = pl.col("rid").rank("ordinal").over("key", "value", is_named)
        place = pl.when(is_named).then(rank).cast(pl.Int64)
        return shared.select("key", "value", "rid", place=place, is_named=is_named)


@dataclass(frozen=True)
class GivenNames:
    """`given_name` of cleaned records, where it may be used. Local to a record."""

    def __call__(self, _con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        return records.frame.select(usable(records.frame, "given_name")).drop_nulls()


def contradictions(
    records: Rows, n_records: int, foreign_keys: Sequence[str], usable_records: UsableRecords
) -> pl.DataFrame:
    """`rid, key, value, num_values, num_contradicting`: one row per record that loses a key.

    `records`: the cleaned ones, so many. `num_values`: records that hold the value;
    `num_contradicting`: those of them that contradict at least one other.
    """
    if not foreign_keys:
        return pl.DataFrame(schema=LOST_SCHEMA)
    holders = [KeyHolders(key) for key in foreign_keys]
    shared = records.together(pl.col("hash"), SharedKeys(), each=holders)
    held = shared.collect(["key", "value", "rid"])
    if not held.height:
        return pl.DataFrame(schema=LOST_SCHEMA)
    names = records.map(GivenNames()).count(["given_name"])
    is_frequent = (pl.col("n") >= ESTABLISHED_RECORDS) & (
        pl.col("n") >= ESTABLISHED_SHARE * n_records
    )
    rids = held["rid"].unique().sort().to_numpy()
    of_holders = records.map(OnlyRecords(rids)).map(usable_records).collect(["rid"])
    compared = _comparable(of_holders, names.filter(is_frequent)["given_name"])
    with duckdb.connect() as con:
        con.register(_RECORDS, compared.to_arrow())
        con.register("held", held.to_arrow())
        pairs = con.sql(_PAIRS_SQL).pl()
    return _losing(held, pairs)


LOST_SCHEMA = {
    "rid": pl.Int64,
    "key": pl.String,
    "value": pl.String,
    "num_values": pl.Int64,
    "num_contradicting": pl.Int64,
}


def _comparable(records: pl.DataFrame, frequent: pl.Series) -> pl.DataFrame:
    """What is compared of preprocessed records; `frequent`: given names that many records hold."""
    given = pl.col("given_name")
    first = given.str.extract(r"^(\S+)")
    is_known = first.is_in(sorted(known_given_names())) | given.is_in(frequent.implode())
    is_established = (given.str.len_chars() > 1) & is_known
    return records.select(
        "rid",
        *_COLUMNS,
        "given_name",
        given_names=pl.coalesce("given_canonical", pl.concat_list("given_name")),
        birthdate=pl.col("birthdate").dt.to_string("%Y-%m-%d"),
        is_established=is_established.fill_null(False),
    )


def _pairs_sql() -> str:
    n_unlike = " + ".join(f"coalesce(({sql})::INT, 0)" for sql in [*FIELDS.values(), PLACE])
    fits = " OR ".join(f"coalesce(NOT ({sql}), FALSE)" for sql in FIELDS.values())
    given = FIELDS["given_name"]
    return f"""
        SELECT one.key, one.value, one.rid AS rid1, other.rid AS rid2,
            coalesce({given}, FALSE) AND NOT ({fits}) AND {n_unlike} >= {LEAST_FIELDS}
                AS contradicts
        FROM held AS one
        JOIN held AS other ON other.key = one.key AND other.value = one.value
            AND other.rid <> one.rid AND other.place <= {MOST_COMPARED} AND one.is_named
        JOIN {_RECORDS} AS a ON a.rid = one.rid
        JOIN {_RECORDS} AS b ON b.rid = other.rid
    """


_PAIRS_SQL = _pairs_sql()


def _losing(held: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    by_record = pairs.group_by("key", "value", rid="rid1").agg(
        others=pl.len(), unlike=pl.col("contradicts").sum()
    )
    disputed = by_record.filter(pl.col("unlike") > 0).select("key", "value").unique()
    stranger = by_record.filter(
        (pl.col("unlike") > 0) & (2 * pl.col("unlike") >= pl.col("others") + 1)
    )
    stranger = stranger.select("key", "value", "rid")
    # Two that are left and contradict each other cannot both be who the key stands for.
    left = pairs.filter("contradicts").join(
        stranger, left_on=["key", "value", "rid1"], right_on=["key", "value", "rid"], how="anti"
    )
    left = left.join(
        stranger, left_on=["key", "value", "rid2"], right_on=["key", "value", "rid"], how="anti"
    )
    lost = pl.concat([stranger, left.select("key", "value", rid="rid1")]).unique()
    # Without anybody whom the key stands for, records that hold little else have no claim to it.
    named = held.filter("is_named").select("key", "value", "rid")
    kept = named.join(lost, on=["key", "value", "rid"], how="anti").select("key", "value").unique()
    nobodys = disputed.join(kept, on=["key", "value"], how="anti")
    all_of_nobody = held.join(nobodys, on=["key", "value"], how="semi")
    lost = pl.concat([lost, all_of_nobody.select("key", "value", "rid")]).unique()
    sizes = held.group_by("key", "value").agg(num_values=pl.len().cast(pl.Int64))
    unlike = by_record.group_by("key", "value").agg(
        num_contradicting=(pl.col("unlike") > 0).sum().cast(pl.Int64)
    )
    lost = lost.join(sizes, on=["key", "value"]).join(unlike, on=["key", "value"])
    return lost.select(list(LOST_SCHEMA)).sort("key", "value", "rid")
