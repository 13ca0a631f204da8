"""Bad values that are found by counting: a value that occurs together with more than `threshold`
distinct values of a proxy semantic belongs to no single person (a shop's own phone number meets
many given names).

Counted on usable values of all cleaned records. First every value is counted by its hash alone, as
most are rare; then those that meet many are looked at. Values that somebody listed are
`blocklist`'s; taking them out is `usable_records`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from c360_assets.semantics.normalize import MULTI_VALUED
from c360_assets.stitch.compare.comparison_records import registered
from c360_assets.stitch.exchange.rows import Rows, Side, columns
from c360_assets.stitch.prepare.blocklist import BADVALUES_SCHEMA, BadValueRule, row_key
from c360_assets.stitch.prepare.cleaned_records import usable
from c360_assets.stitch.prepare.raw_texts import text_of_values


def detect(records: Rows, rules: Sequence[BadValueRule]) -> pl.DataFrame:
    """Rows of `stitch_badvalues`: one per (semantic, value) of the cleaned records, by the first
    rule whose threshold it exceeds.

    Semantics of the rules are columns of the records. An address is counted per place and listed
    when one place exceeds the threshold; its numbers are then summed over the places that do.
    Sorted by (semantic, value).
    """
    if not rules:
        return pl.DataFrame(schema=BADVALUES_SCHEMA)
    thresholds = tuple(rule.threshold for rule in rules)
    meetings = [MeetingHashes(rule, number) for number, rule in enumerate(rules)]
    frequent = records.together(pl.col("hash"), FrequentHashes(thresholds), each=meetings)
    hashes = frequent.collect(["rule", "hash"])
    looked_at = [
        MetValues(rules[number], number, hashes.filter(rule=number)["hash"])
        for number in hashes["rule"].unique(maintain_order=True)
    ]
    if not looked_at:
        return pl.DataFrame(schema=BADVALUES_SCHEMA)
    bad = records.together(pl.col("hash"), BadValues(thresholds), each=looked_at)
    return _table(bad.collect(["rule", "value"]), rules)


def _table(bad: pl.DataFrame, rules: Sequence[BadValueRule]) -> pl.DataFrame:
    said = pl.DataFrame(
        {
            "rule": pl.Series(range(len(rules)), dtype=pl.Int32),
            "semantic": [rule.semantic for rule in rules],
            "proxy": [rule.proxy for rule in rules],
            "threshold": pl.Series([rule.threshold for rule in rules], dtype=pl.Int64),
        }
    )
    rows = (
        bad.join(said, on="rule", how="left", maintain_order="left")
        .unique(["semantic", "value"], keep="first", maintain_order=True)
        .sort("semantic", "value")
    )
    return rows.with_columns(
        pk=row_key(rows), datasource=pl.lit("*"), domain_table=pl.lit("")
    ).select(list(BADVALUES_SCHEMA))


@dataclass(frozen=True)
class MeetingHashes:
    """`rule` (its number), `hash`: of a value for every proxy value that it meets in a record.
    Local to a record."""

    rule: BadValueRule
    number: int

    def __call__(self, con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        met = _met(records.frame, self.rule)
        sql = "SELECT hash(value) AS hash FROM er_met WHERE value IS NOT NULL AND proxy IS NOT NULL"
        with registered(con, er_met=met):
            hashes = con.sql(sql).fetchnumpy()["hash"]
        return columns(rule=np.full(len(hashes), self.number, dtype=np.int32), hash=hashes)


@dataclass(frozen=True)
class FrequentHashes:
    """Those that meet more than the threshold of their rule, and a few whose values are met often
    by the same. Local to a hash."""

    thresholds: tuple[int, ...]

    def __call__(self, _con: duckdb.DuckDBPyConnection, hashes: Side) -> pl.DataFrame:
        counts = hashes.frame.group_by("rule", "hash").len("n")
        threshold = _threshold(self.thresholds)
        return counts.filter(pl.col("n") > threshold).select("rule", "hash")


@dataclass(frozen=True)
class MetValues:
    """`hash`, `rule`, `rid`, `value`, `place`, `proxy`, `is_preprocessed` (the raw text differed):
    the values of these hashes with each proxy value that they meet, NULL where they meet none.
    Local to a record."""

    rule: BadValueRule
    number: int
    hashes: pl.Series

    def __call__(self, con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        rows = records.frame
        met = _met(rows, self.rule, "rid", _raw(rows, self.rule.semantic), _place(self.rule))
        sql = f"""
            SELECT hash(value) AS hash, {self.number}::INTEGER AS rule, rid, value, place, proxy,
                coalesce(raw <> value, FALSE) AS is_preprocessed
            FROM er_met
            WHERE value IS NOT NULL AND hash(value) IN (SELECT hash FROM er_hashes)
        """
        with registered(con, er_met=met, er_hashes=self.hashes.to_frame()):
            return con.sql(sql).pl()


@dataclass(frozen=True)
class BadValues:
    """`rule`, `value`, `num_values` (records that hold it), `num_proxy`, `is_preprocessed` of the
    values that meet too many. Local to a value."""

    thresholds: tuple[int, ...]

    def __call__(self, _con: duckdb.DuckDBPyConnection, met: Side) -> pl.DataFrame:
        places = met.frame.group_by("rule", "value", "place").agg(
            num_values=pl.col("rid").n_unique().cast(pl.Int64),
            num_proxy=pl.col("proxy").drop_nulls().n_unique().cast(pl.Int64),
            is_preprocessed=pl.col("is_preprocessed").any(),
        )
        bad = places.filter(pl.col("num_proxy") > _threshold(self.thresholds))
        return bad.group_by("rule", "value").agg(
            pl.col("num_values").sum(), pl.col("num_proxy").sum(), pl.col("is_preprocessed").any()
        )


def _threshold(thresholds: tuple[int, ...]) -> pl.Expr:
    """The threshold of the rule of each row."""
    numbers = list(range(len(thresholds)))
    return pl.col("rule").replace_strict(numbers, list(thresholds), return_dtype=pl.Int64)


def _met(rows: pl.DataFrame, rule: BadValueRule, *others: str | pl.Expr) -> pl.DataFrame:
    """`value` and `proxy` of cleaned records with these other columns: a row for every two that a
    record holds, NULL where it holds no usable one."""
    value = _column(rule.semantic)
    proxy = _column(rule.proxy)
    met = rows.select(*others, *_held(rows, value, "value"), *_held(rows, proxy, "proxy"))
    for name in ("value", "proxy"):
        why = f"why:{name}"
        if why in met.columns:
            met = met.explode(name, why, *(["raw"] if _is_split(met, name) else []))
            met = met.with_columns(pl.when(pl.col(why).is_null()).then(name).alias(name)).drop(why)
    return met


def _is_split(met: pl.DataFrame, name: str) -> bool:
    """Whether the texts of the values are as many as these."""
    return name == "value" and "raw" in met.columns


def _held(rows: pl.DataFrame, column: str, name: str) -> list[pl.Expr]:
    if column in MULTI_VALUED:
        return [pl.col(column).alias(name), pl.col(f"why:{column}").alias(f"why:{name}")]
    if column == "po_box":
        return [pl.col(column).alias(name)]
    value = usable(rows, column)
    if column == "given_name" and name == "proxy":
        # A full name of one word is a surname for matching, yet it still tells people apart when
        # counting.
        value = pl.coalesce(value, "lone_word")
    return [value.alias(name)]


def _raw(rows: pl.DataFrame, semantic: str) -> pl.Expr:
    """The text that values of the semantic were made of: of `_held`, one for each value."""
    column = _column(semantic)
    if column in MULTI_VALUED:
        return pl.col(f"raws:{column}").alias("raw")
    if column == "po_box":
        return pl.col("po_box").alias("raw")
    return text_of_values(rows, column).alias("raw")


def _place(rule: BadValueRule) -> pl.Expr:
    """Addresses are counted per town; the postal code stays out, since one place occurs with five
    and nine digits."""
    town = pl.concat_str("city", "state", separator="\x1f", ignore_nulls=True)
    is_address = _column(rule.semantic) == "address"
    return (town if is_address else pl.lit(None, dtype=pl.String)).alias("place")


def _column(semantic: str) -> str:
    return semantic.replace("-", "_")
