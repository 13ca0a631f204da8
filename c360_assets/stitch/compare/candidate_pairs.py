"""Candidate pairs: the records that meet in a block of one of the strategies, each pair once.

Belongs here: splitting of oversized blocks, and which strategies found a pair. Which keys a record
has is in `blocking`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.compare.blocking import Strategy, key_rows_sql
from c360_assets.stitch.compare.comparison_records import registered
from c360_assets.stitch.exchange.in_process import InProcess
from c360_assets.stitch.exchange.rows import PAIR, Rows, Side, columns

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]
STRETCH = 4_000_000  # pairs that are looked at in one go
STRATEGY_BITS = 6  # a meeting packs two positions and the number of a strategy into one number
MOST_STRATEGIES = (1 << STRATEGY_BITS) - 1  # pairs hold a bit of each, and have a sign
# The order in which a large block is cut, so that like records stay together.
SIMILARITY_ORDER = ("surname", "given", "org", "birthdate", "postal", "email", "phone")


@dataclass(frozen=True)
class CandidatePairs:
    """Pairs of positions of comparison records, i < j, sorted, each once; one bit per strategy."""

    i: Ints32
    j: Ints32
    strategies: Ints

    @classmethod
    def of(cls, frame: pl.DataFrame) -> CandidatePairs:
        return cls(*(frame[column].to_numpy() for column in (*PAIR, "strategies")))

    def frame(self) -> pl.DataFrame:
        """The pairs as kernels hand them on."""
        return columns(i=self.i, j=self.j, strategies=self.strategies)


def stretches(n_pairs: int) -> list[slice]:
    """What covers the pairs, at least one, so many at a time that what is computed of them needs
    little memory."""
    starts = range(0, max(n_pairs, 1), STRETCH)
    return [slice(start, min(start + STRETCH, n_pairs)) for start in starts]


def build_pairs(
    con: duckdb.DuckDBPyConnection,
    records: pl.DataFrame,
    strategies: Sequence[Strategy],
    oversized: str,
) -> CandidatePairs:
    """The candidate pairs of comparison records in the memory of this process."""
    rows = InProcess(con).spread(with_places(records))
    met = meeting_rows(rows, records.height, strategies, oversized)
    return CandidatePairs.of(pair_rows(met, records.height, len(strategies)).collect(PAIR))


def meeting_rows(
    records: Rows, n_records: int, strategies: Sequence[Strategy], oversized: str
) -> Rows:
    """`meeting`: who meets in the blocks of the comparison records (`with_places`), packed; each
    pair as often as it meets.

    A block above its strategy's limit is cut into chunks of at most that many records, sorted so
    that like records stay together; `oversized='purge'` drops it instead. Raises C360Error for more
    records or strategies than a packed meeting can hold.
    """
    bits = position_bits(n_records)
    # The last number stands for the labels, of which pairs are formed too.
    if len(strategies) >= MOST_STRATEGIES:
        raise C360Error(
            f"stitch: {len(strategies)} blocking strategies are more than the"
            f" {MOST_STRATEGIES - 1} that pairs can be formed by; leave some out of `blocking`"
        )
    keys = [BlockingKeys(strategy, number) for number, strategy in enumerate(strategies)]
    if not keys:
        return records.map(NoMeetings())
    met = BlockMeetings(tuple(strategies), bits, split=oversized == "split")
    return records.together(pl.col("key"), met, each=keys)


def pair_rows(met: Rows, n_records: int, n_strategies: int) -> Rows:
    """`i`, `j`, `strategies`: each pair that meets once, with the bits of the strategies that
    brought it together; the bit above them, of the labels, only where no strategy did."""
    kernel = DistinctPairs(position_bits(n_records), 1 << n_strategies)
    return met.together(pl.col("meeting") // (1 << STRATEGY_BITS), kernel)


def position_bits(n_records: int) -> int:
    """How many bits of a packed meeting a position takes. Raises C360Error where two do not fit."""
    bits = max(n_records.bit_length(), 1)
    if 2 * bits + STRATEGY_BITS > 63:
        raise C360Error(f"stitch: {n_records:,} records are more than pairs can be formed of")
    return bits


def with_places(records: pl.DataFrame) -> pl.DataFrame:
    """The records with `place`, their place in the order in which large blocks are cut. Needs all
    records."""
    by_place = records.select(*SIMILARITY_ORDER, "i").sort(*SIMILARITY_ORDER, "i")["i"].to_numpy()
    place = np.empty(len(by_place), dtype=np.int32)
    place[by_place] = np.arange(len(by_place), dtype=np.int32)
    return records.with_columns(place=place)


@dataclass(frozen=True)
class BlockingKeys:
    """The keys that one strategy, of this number, gives the records; by hash, as their text takes
    eight times the memory. Two keys of one hash bring pairs together that differ, which costs
    comparing them. Local to a record."""

    strategy: Strategy
    number: int

    def __call__(self, con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        sql = key_rows_sql([self.strategy], "hash(bk) AS key", "i, place")
        with registered(con, er_records=records.frame):
            keys = con.sql(sql).fetchnumpy()
        number = np.full(len(keys["key"]), self.number, dtype=np.uint8)
        return columns(
            key=keys["key"], asked=keys["asked"], strategy=number, i=keys["i"], place=keys["place"]
        )


@dataclass(frozen=True)
class BlockMeetings:
    """Who meets by the keys of the strategies. Local to a block."""

    strategies: tuple[Strategy, ...]
    bits: int
    split: bool

    def __call__(self, _con: duckdb.DuckDBPyConnection, keys: Side) -> pl.DataFrame:
        number = keys.array("strategy")
        found = [np.zeros(0, dtype=np.int64)]
        for one in np.unique(number):
            of_strategy = keys.frame.filter(number == one)
            found.append(self._of_strategy(int(one), Side(of_strategy)))
        return columns(meeting=np.concatenate(found))

    def _of_strategy(self, number: int, keys: Side) -> Ints:
        place = keys.array("place").astype(np.int64)
        record = np.empty(int(place.max(initial=0)) + 1, dtype=np.int32)
        record[place] = keys.array("i")
        rows = KeyRows(keys.array("key"), keys.array("asked"), place)
        met = meetings(rows, self.strategies[number], split=self.split)
        return packed_meetings(record[met.left], record[met.right], self.bits, number)


@dataclass(frozen=True)
class NoMeetings:
    """Nobody meets without a strategy."""

    def __call__(self, _con: duckdb.DuckDBPyConnection, _records: Side) -> pl.DataFrame:
        return columns(meeting=np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class DistinctPairs:
    """Each pair of packed meetings once. Local to a pair."""

    bits: int
    label_bit: int

    def __call__(self, _con: duckdb.DuckDBPyConnection, met: Side) -> pl.DataFrame:
        packed = met.taken("meeting")
        packed.sort()
        pairs = distinct_pairs(packed, self.bits)
        found_by = pairs.strategies
        found_by[found_by > self.label_bit] &= self.label_bit - 1
        return pairs.frame()


def packed_meetings(one: Ints32, other: Ints32, bits: int, strategy: int) -> Ints:
    """One number per meeting: the smaller position, the larger one in so many bits, the strategy.

    Built in place: meetings are the most numerous things of all.
    """
    packed = np.minimum(one, other).astype(np.int64)
    packed <<= bits
    packed |= np.maximum(one, other)
    packed <<= STRATEGY_BITS
    packed |= strategy
    return packed


def distinct_pairs(packed: Ints, bits: int, stretch: int = STRETCH) -> CandidatePairs:
    """The pairs of sorted packed meetings. Local to a pair.

    `stretch`: how many meetings are looked at in one go, to need little memory.
    """
    i = np.empty(len(packed), dtype=np.int32)
    j = np.empty(len(packed), dtype=np.int32)
    strategies = np.empty(len(packed), dtype=np.int64)
    n_pairs = 0
    start = 0
    while start < len(packed):
        last = packed[min(start + stretch, len(packed)) - 1]
        # A stretch ends where a pair ends, so that its strategies are in one stretch.
        stop = int(np.searchsorted(packed, (last >> STRATEGY_BITS) + 1 << STRATEGY_BITS))
        pair = packed[start:stop] >> STRATEGY_BITS
        number = packed[start:stop] & (1 << STRATEGY_BITS) - 1
        first = _group_starts(pair)
        found = slice(n_pairs, n_pairs + len(first))
        strategies[found] = np.bitwise_or.reduceat(1 << number, first)
        i[found] = pair[first] >> bits
        j[found] = pair[first] & (1 << bits) - 1
        n_pairs = found.stop
        start = stop
    return CandidatePairs(i[:n_pairs], j[:n_pairs], strategies[:n_pairs])


@dataclass(frozen=True)
class KeyRows:
    """The keys of one strategy, a row per record and key: hash of the key, whether it is the asking
    key, and the record's place in the order in which large blocks are cut."""

    key: npt.NDArray[np.uint64]
    asked: Bools
    place: Ints


@dataclass(frozen=True)
class Meetings:
    """The places of the two records of every pair that meets in a block."""

    left: Ints
    right: Ints


def meetings(rows: KeyRows, strategy: Strategy, *, split: bool) -> Meetings:
    """Who meets in the blocks of the strategy. Local to a block.

    `split`: whether blocks above the limit are cut into chunks, or dropped.
    """
    nothing = np.zeros(0, dtype=np.int64)
    if not len(rows.key):
        return Meetings(nothing, nothing)
    # Rows of one block come in any order here: they are sorted by place below.
    order = np.argsort(rows.key)
    key = rows.key[order]

    block = np.cumsum(np.concatenate([[False], key[1:] != key[:-1]]))
    size = np.bincount(block)
    n_asked = np.bincount(block, weights=rows.asked[order]).astype(np.int64)
    if strategy.asking_key:
        largest_side = np.maximum(n_asked, size - n_asked)
        has_pairs = (n_asked > 0) & (n_asked < size)
    else:
        largest_side = size
        has_pairs = size > 1
    oversized = largest_side > (strategy.limit or 0)
    kept_blocks = has_pairs if split else has_pairs & ~oversized
    kept = np.flatnonzero(kept_blocks[block])
    if not len(kept):
        return Meetings(nothing, nothing)

    # One sort by block, side and place: the numbers are small enough to stand in one.
    row = order[kept]
    packed = np.sort((block[kept] * 2 + rows.asked[row]) << 32 | rows.place[row])
    side = packed >> 32
    place = packed & 0xFFFFFFFF
    chunk_size = np.where(oversized[side >> 1], strategy.chunk_size or 1, len(side))
    if strategy.asking_key:
        n_others = (size - n_asked)[side >> 1]
        return _of_two(_between_sides(side, place, chunk_size, n_others))
    return _within_chunks(side, place, chunk_size, size[side >> 1])


def _within_chunks(side: Ints, place: Ints, chunk_size: Ints, size: Ints) -> Meetings:
    """Every two records of a chunk. Rows are sorted by block; `size`: of the row's block."""
    row = np.arange(len(side))
    start = _start_of_group(side)
    next_chunk = start + ((row - start) // chunk_size + 1) * chunk_size
    return _ranges(place, place, row + 1, np.minimum(next_chunk, start + size))


def _between_sides(side: Ints, place: Ints, chunk_size: Ints, n_others: Ints) -> Meetings:
    """The n-th chunk of those that asked with the n-th chunk of the others.

    The others of a block come before those that asked; `n_others`: of the row's block.
    """
    asking = np.flatnonzero(side & 1)
    start = _start_of_group(side)[asking]
    chunk_size = chunk_size[asking]
    others = n_others[asking]
    first_other = start - others
    chunk = (asking - start) // chunk_size
    begin = first_other + np.minimum(chunk * chunk_size, others)
    end = np.minimum(begin + chunk_size, first_other + others)
    return _ranges(place[asking], place, begin, end)


def _of_two(met: Meetings) -> Meetings:
    """Those of two records: one may ask by a key that it has itself."""
    two = met.left != met.right
    return Meetings(met.left[two], met.right[two])


def _ranges(left: Ints, values: Ints, begin: Ints, end: Ints) -> Meetings:
    """Each of `left` with each of its values[begin:end]."""
    count = end - begin
    total = np.cumsum(count)
    n_pairs = total[-1] if len(total) else 0
    step = np.arange(n_pairs) - np.repeat(total - count, count)
    return Meetings(np.repeat(left, count), values[np.repeat(begin, count) + step])


def _group_starts(values: Ints) -> Ints:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))


def _start_of_group(values: Ints) -> Ints:
    """For each value the position where its run of equal values begins."""
    starts = _group_starts(values)
    return np.repeat(starts, np.diff(np.append(starts, len(values))))
