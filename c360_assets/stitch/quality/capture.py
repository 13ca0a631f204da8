"""How many pairs of one person were never compared, by capture and recapture.

Pairs are caught by unlike kinds of keys: e-mail, phone, address, names … . Of the pairs that one
kind caught, it is known how many another kind missed although both records have its keys; kinds
that miss independently of each other miss a pair together as often as the product says (Lincoln
and Petersen). Pairs whose records have no kind of key in common cannot be caught: they are
undecidable, and how many there are follows from how seldom records of two sources have one, if
who has which keys does not depend on the person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.stitch.compare.blocking import Strategy, key_rows_sql
from c360_assets.stitch.compare.comparison_records import registered

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
# Kinds of keys by the columns that they read; the first kind that fits is the one.
KINDS = {
    "foreign key": r"fk_\w+",
    "blocking key": r"bk_\w+",
    "e-mail": "e|email|login_trimmed",
    "phone": "p|phone",
    "address": "address|building|po_box",
    "birthdate": "birthdate",
    "company": "company|org|w",
    "names": "given|surname",
}
# With fewer pairs that another kind caught, what a kind misses is chance.
LEAST_RECAPTURED = 30.0
# Above these shares too much rests on what is not known.
MOST_UNTOLD = 0.1
MOST_UNDECIDABLE = 1 / 3
# Of the combinations of keys that records hold, the frequent ones stand for all.
MOST_PATTERNS = 2_000


@dataclass(frozen=True)
class Keyed:
    """Of each record: the source (a number), how many source records it stands for, and a bit per
    strategy of which it has a key. kinds: the bits of the strategies of each kind of key."""

    source: Ints
    size: Ints
    keys: Ints
    kinds: Ints


@dataclass(frozen=True)
class Coverage:
    """`share`: of the pairs of one person those that were compared, None where it is unknown.
    `undecidable`: those that nothing in common could bring together."""

    share: float | None
    undecidable: float | None


UNKNOWN = Coverage(None, None)


@dataclass(frozen=True)
class Caught:
    """Compared pairs by position: the bits of the strategies that brought them together, 0 where
    other records did, and how many pairs of one person each stands for."""

    i: Ints
    j: Ints
    strategies: Ints
    weight: Array


def keyed_records(
    con: duckdb.DuckDBPyConnection,
    records: pl.DataFrame,
    strategies: Sequence[Strategy],
    source: Ints,
    size: Ints,
) -> Keyed:
    """Which strategies have a key of which comparison record."""
    bits = np.zeros(records.height, dtype=np.int64)
    with registered(con, er_records=records):
        for number, strategy in enumerate(strategies):
            # One at a time: all keys of all records together would take the most memory of a run.
            having_key = con.sql(key_rows_sql([strategy], "1 AS one")).fetchnumpy()["i"]
            bits[having_key] |= 1 << number
    kinds: dict[str, int] = {}
    for number, strategy in enumerate(strategies):
        kind = _kind(strategy)
        kinds[kind] = kinds.get(kind, 0) | 1 << number
    kinds.pop("", None)
    return Keyed(source, size, bits, np.array(list(kinds.values()), dtype=np.int64))


def _kind(strategy: Strategy) -> str:
    """What a strategy brings records together by; empty for one that only some records ask by,
    which says nothing of the others."""
    if strategy.asking_key:
        return ""
    expressions = " ".join(strategy.keys)
    for kind, columns in KINDS.items():
        if re.search(rf"\b({columns})\b", expressions):
            return kind
    return ""


def coverage(caught: Caught, records: Keyed, inner: float) -> Coverage:
    """How many of the pairs of one person were compared. Needs all pairs.

    `inner`: pairs of source records that one comparison record stands for.
    """
    by_keys = caught.strategies != 0
    shared = records.keys[caught.i] & records.keys[caught.j]
    possible = (shared[:, None] & records.kinds) != 0
    rates = _rates(possible[by_keys], caught, by_keys, records.kinds)
    is_known = ~np.isnan(rates)
    if is_known.sum() < 2:
        return UNKNOWN
    decidable = possible.any(axis=1)
    missed = np.where(possible & is_known, 1 - np.nan_to_num(rates), 1.0).prod(axis=1)
    counted = by_keys & (missed < 1)
    weight = caught.weight
    untold = weight[by_keys & decidable & ~counted].sum()
    all_counted = np.zeros(len(weight))
    all_counted[counted] = weight[counted] / (1 - missed[counted])
    # At least those that were compared, by keys or because of other records.
    n_decidable = max(all_counted.sum() + untold, weight[decidable].sum())
    n_undecidable = max(_undecidable(caught, records, all_counted), weight[~decidable].sum())
    n_pairs = n_decidable + n_undecidable + inner
    if untold > MOST_UNTOLD * n_pairs:
        return UNKNOWN
    undecidable = n_undecidable / n_pairs
    share = (weight.sum() + inner) / n_pairs
    return Coverage(share if undecidable <= MOST_UNDECIDABLE else None, undecidable)


def _rates(possible: Bools, caught: Caught, by_keys: Bools, kinds: Ints) -> Array:
    """Per kind of key, of the pairs that another kind caught and that have such keys, the share
    that it caught too; NaN where there are too few."""
    was_caught = (caught.strategies[by_keys, None] & kinds) != 0
    weight = caught.weight[by_keys]
    n_kinds = was_caught.sum(axis=1)
    rates = np.full(len(kinds), np.nan)
    for number in range(len(kinds)):
        by_other = n_kinds > was_caught[:, number]
        base = weight[possible[:, number] & by_other]
        if base.sum() >= LEAST_RECAPTURED:
            again = weight[possible[:, number] & by_other & was_caught[:, number]]
            rates[number] = again.sum() / base.sum()
    return rates


def _undecidable(caught: Caught, records: Keyed, all_counted: Array) -> float:
    """How many pairs of one person have no kind of key in common, by pairs of sources."""
    n_sources = int(records.source.max(initial=0)) + 1
    of_kinds = np.bitwise_or.reduce(records.kinds)
    patterns, pattern = np.unique(records.keys & of_kinds, return_inverse=True)
    n_records = np.zeros((n_sources, len(patterns)))
    np.add.at(n_records, (records.source, pattern), records.size)
    frequent = np.argsort(-n_records.sum(axis=0), kind="stable")[:MOST_PATTERNS]
    patterns, n_records = patterns[frequent], n_records[:, frequent]
    n_of_source = n_records.sum(axis=1)
    have_common = (patterns[:, None] & patterns) != 0
    n_common = n_records @ have_common @ n_records.T
    share = n_common / np.maximum(np.outer(n_of_source, n_of_source), 1.0)
    expected = np.zeros((n_sources, n_sources))
    np.add.at(expected, (records.source[caught.i], records.source[caught.j]), all_counted)
    decided = share > 0
    return float((expected[decided] * (1 - share[decided]) / share[decided]).sum())
