"""Comparing pairs of records, feature by feature: only pairs that hold a feature are looked at, and of them only its columns.

Records are picked by position, which costs a fraction of joining them, and a batch at a time, so that memory does not grow with
the number of pairs. A level that two values alone decide is computed once per pair of values: names repeat. What a level means
is in `features`, whose SQL is evaluated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from c360_assets.stitch.compare.comparison_levels import Fact, Feature, columns_read, side_by_side
from c360_assets.stitch.compare.comparison_records import MOST_THREADS, arrow, in_threads
from c360_assets.stitch.compare.comparisons import FACTS, FEATURES, SHIFTS, key_state

SPAN = 2_097_152  # pairs compared at a time by a thread: some 60 bytes each
BATCH = (
    131_072  # pairs whose texts are in memory at a time: up to 20 columns of 16 bytes make 40 MiB
)
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

# Columns that are only tested for equality, compared as numbers: the column and the text behind it.
NUMBERED: dict[str, pl.Expr] = {
    **{
        c: pl.col(c)
        for c in (
            "address",
            "area",
            "building",
            "city",
            "domain",
            "gender",
            "house",
            "postal",
            "state",
            "suffix",
            "unit",
        )
    },
    "email_code": pl.col("email"),
    "login_code": pl.col("login"),
    "login_head": pl.col("login").str.head(3),
    "login_tail": pl.col("login").str.tail(3),
    "phone_code": pl.col("phone"),
    "phone_head": pl.col("phone").str.head(4),
    "phone_tail": pl.col("phone").str.tail(4),
}
DERIVED: dict[str, pl.Expr] = {
    "emails_held": pl.col("emails").is_not_null(),
    "phones_held": pl.col("phones").is_not_null(),
    "year": pl.col("birthdate").str.head(4).cast(pl.Int16, strict=False),
    "month": pl.col("birthdate").str.slice(5, 2).cast(pl.Int8, strict=False),
    "day": pl.col("birthdate").str.slice(8, 2).cast(pl.Int8, strict=False),
}
_SQL = {
    **{f.name: (f.may, f.sql) for f in FACTS},
    **{f.name: (f.present, f.case()) for f in FEATURES},
}
READ = columns_read(" ".join(part for parts in _SQL.values() for part in parts))
KNOWN = [*(f.name for f in FACTS), *(f"l_{f.name}" for f in FEATURES), "fk_state"]
# What is known of a pair already, by the SQL that refers to it.
REFERRED = {
    sql: [k for k in KNOWN if re.search(rf"\b{k}\b", sql)]
    for parts in _SQL.values()
    for sql in parts
}


@dataclass(frozen=True)
class Compared:
    """Per pair, in the order asked: the packed levels, and per key column 0 missing on a side, 1 equal, 2 different."""

    pattern: npt.NDArray[np.int64]
    keys: dict[str, Bytes]


@dataclass(frozen=True)
class Comparable:
    """The columns of the comparison records that `compare` reads, as numbers where only equality counts."""

    columns: pl.DataFrame

    @property
    def height(self) -> int:
        return self.columns.height

    @cached_property
    def held(self) -> dict[str, Bools]:
        """Which records hold each column that a feature needs on both sides."""
        alternatives = [
            *(f.held for f in FACTS),
            *(f.held for f in FEATURES),
            [f.lacking for f in FEATURES],
            [["letters"]],
        ]
        needed = sorted({c for some in alternatives for columns in some for c in columns})
        return {c: self.columns[c].is_not_null().to_numpy() for c in needed}

    def values(self, code: str) -> tuple[npt.NDArray[np.uint32], Ints]:
        """The number of each record's value, and per number a record that holds it (any record, where none does)."""
        numbers = self.columns[code]
        value = numbers.fill_null(0).to_numpy()
        record = np.zeros(int(value.max(initial=0)) + 1, dtype=np.int32)
        holding = numbers.is_not_null().arg_true().to_numpy()
        record[value[holding]] = holding
        return value, record


def comparable(records: pl.DataFrame, key_columns: Sequence[str] = ()) -> Comparable:
    """The columns of the comparison records as `compare` reads them."""
    names = pl.Categorical(
        pl.Categories.random()
    )  # one numbering for both, as names stand in each other's field
    numbered = [
        e.cast(pl.Categorical(pl.Categories.random())).to_physical().alias(c)
        for c, e in NUMBERED.items()
    ]
    numbered += [
        pl.col(c).cast(names).to_physical().alias(f"{c}_code") for c in ("given", "surname")
    ]
    derived = [e.alias(c) for c, e in DERIVED.items()]
    made = {*NUMBERED, *DERIVED, "given_code", "surname_code"}
    return Comparable(
        records.select(*(c for c in READ if c not in made), *numbered, *derived, *key_columns)
    )


def compare(
    con: duckdb.DuckDBPyConnection,
    read: Comparable,
    i: Ints,
    j: Ints,
    key_columns: Sequence[str] = (),
) -> Compared:
    """Levels of the pairs (i, j), positions in the comparison records, given as `comparable` makes them."""
    pattern = np.zeros(len(i), dtype=np.int64)
    keys = {c: np.zeros(len(i), dtype=np.uint8) for c in key_columns}

    def work(cursor: duckdb.DuckDBPyConnection, start: int) -> None:
        part = slice(start, start + size)
        span = _Span(cursor, read, i[part], j[part])
        for column in key_columns:
            keys[column][part] = span.key(column)
        pattern[part] = span.pattern()

    size = min(max(-(-len(i) // MOST_THREADS), SPAN // 2), SPAN)
    in_threads(con, work, range(0, len(i), size), len(i))
    return Compared(pattern, keys)


class _Span:
    """Some pairs under comparison: what is known of them so far."""

    def __init__(self, con: duckdb.DuckDBPyConnection, read: Comparable, i: Ints, j: Ints) -> None:
        self._con, self._read, self._i, self._j = con, read, i, j
        self._known: dict[str, Bytes] = {"fk_state": np.zeros(len(i), dtype=np.uint8)}

    def key(self, column: str) -> Bytes:
        """The state of a key column: 0 missing on a side, 1 equal, 2 different. Foreign keys together make `fk_state`."""
        held = self._read.columns[column].is_not_null().to_numpy()
        rows = np.flatnonzero(held[self._i] & held[self._j])
        state = self._spread(
            rows, self._evaluate(key_state(column), [column], self._i[rows], self._j[rows], {})
        )
        if column.startswith("fk_"):
            before = self._known["fk_state"]
            self._known["fk_state"] = np.where((before == 1) | (state == 0), before, state)
        return state

    def pattern(self) -> npt.NDArray[np.int64]:
        """The levels of all features, packed."""
        result = np.zeros(len(self._i), dtype=np.int64)
        for feature in FEATURES:
            result |= self._look_up(f"l_{feature.name}").astype(np.int64) << SHIFTS[feature.name]
        return result

    def _look_up(self, name: str) -> Bytes:
        """A fact (0 or 1) or the level of a feature, of every pair."""
        if name not in self._known:
            item = FACT_OF.get(name) or FEATURE_OF[name]
            self._known[name] = self._fact(item) if isinstance(item, Fact) else self._level(item)
        return self._known[name]

    def _fact(self, fact: Fact) -> Bytes:
        rows = self._where(fact.may, np.flatnonzero(self._held(fact.held)))
        return self._spread(rows, self._of_rows(f"coalesce({fact.sql}, FALSE)", fact.sql, rows))

    def _level(self, feature: Feature) -> Bytes:
        if feature.lacking:
            held = self._read.held
            asked = held["letters"] & ~np.logical_and.reduce([held[c] for c in feature.lacking])
            mask = asked[self._i] | asked[self._j]
        else:
            mask = self._held(feature.held)
        rows, sql = self._where(feature.present, np.flatnonzero(mask)), feature.case()
        if feature.by is None:
            return self._spread(rows, self._of_rows(sql, sql, rows))
        return self._spread(
            rows, self._of_values(sql, f"{feature.by}_code", self._i[rows], self._j[rows])
        )

    def _of_values(self, sql: str, code: str, i: Ints, j: Ints) -> Bytes:
        """The value of SQL that depends on two values only, found on any two records that hold them."""
        value, record = self._read.values(code)
        left, right = value[i], value[j]
        result = self._evaluate(sql, columns_read(sql), record, record, {})[left]
        other = np.flatnonzero(left != right)
        pairs, inverse = np.unique(
            left[other].astype(np.int64) << 32 | right[other], return_inverse=True
        )
        result[other] = self._evaluate(
            sql, columns_read(sql), record[pairs >> 32], record[pairs & 0xFFFFFFFF], {}
        )[inverse]
        return result

    def _held(self, alternatives: Sequence[Sequence[str]]) -> Bools:
        """Pairs of which both records hold all columns of one of the alternatives."""
        result = np.zeros(len(self._i), dtype=bool)
        for columns in alternatives:
            held = (
                np.logical_and.reduce([self._read.held[c] for c in columns])
                if columns
                else np.ones(1, dtype=bool)
            )
            result |= held[self._i] & held[self._j] if columns else held
        return result

    def _where(self, condition: str, rows: Ints) -> Ints:
        """Those of the pairs for which the condition is true."""
        return (
            rows
            if condition == "TRUE"
            else rows[self._of_rows(f"coalesce({condition}, FALSE)", condition, rows) > 0]
        )

    def _of_rows(self, sql: str, origin: str, rows: Ints) -> Bytes:
        known = {name: self._look_up(name)[rows] for name in REFERRED[origin]}
        return self._evaluate(sql, columns_read(sql), self._i[rows], self._j[rows], known)

    def _spread(self, rows: Ints, values: Bytes) -> Bytes:
        result = np.zeros(len(self._i), dtype=np.uint8)
        result[rows] = values
        return result

    def _evaluate(
        self, sql: str, columns: Sequence[str], i: Ints, j: Ints, known: dict[str, Bytes]
    ) -> Bytes:
        """The value (0 to 255) of SQL for the pairs of records (i, j)."""
        result = np.zeros(len(i), dtype=np.uint8)
        if not len(i):
            return result
        frame = self._read.columns.select(columns)

        def batches() -> Iterator[pa.RecordBatch]:
            for start in range(0, len(i), BATCH):
                part = slice(start, start + BATCH)
                sides = [
                    frame[at[part]].rename({c: f"{side}_{c}" for c in columns})
                    for side, at in (("a", i), ("b", j))
                    if columns
                ]
                facts = pl.DataFrame({name: values[part] for name, values in known.items()})
                yield from arrow(
                    pl.concat([*sides, facts], how="horizontal").with_row_index("n", offset=start)
                ).to_batches()

        # The engine takes a batch when it wants one: a statement is planned once, and few batches are in memory.
        stream = batches()
        first = next(stream)
        self._con.register(
            "er_batch", pa.RecordBatchReader.from_batches(first.schema, chain([first], stream))
        )
        found = self._con.execute(
            f"SELECT n, ({side_by_side(sql)})::UTINYINT AS v FROM er_batch"
        ).fetchnumpy()
        self._con.unregister("er_batch")
        result[found["n"]] = found["v"]
        return result


FACT_OF = {f.name: f for f in FACTS}
FEATURE_OF = {f"l_{f.name}": f for f in FEATURES}
