"""Agreement patterns: the levels of all comparisons of a pair of records, packed into one number.

Comparison by comparison, only pairs that hold it are looked at, and of them only its columns.
Records are picked by position, which costs a fraction of joining them, and a batch at a time, so
that memory does not grow with the number of pairs. A level that two values alone decide is computed
once per pair of values: names repeat. What a level means is in `comparisons`, whose SQL is
evaluated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from c360_assets.stitch.compare.comparison_levels import (
    Comparison,
    Fact,
    columns_read,
    side_by_side,
)
from c360_assets.stitch.compare.comparison_records import MOST_THREADS, arrow, in_threads
from c360_assets.stitch.compare.comparisons import COMPARISONS, FACTS, PLACE_VALUES, key_state
from c360_assets.stitch.exchange.rows import RECORD, rows_of

SPAN = 2_097_152  # pairs compared at a time by a thread: some 60 bytes each
# Pairs whose texts are in memory at a time: up to 20 columns of 16 bytes make 40 MiB.
BATCH = 131_072
MISSING, EQUAL, DIFFERENT = 0, 1, 2  # the states of a key of a pair
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

# Columns that are only tested for equality, compared as numbers: the column and the text behind it.
NUMBERED: dict[str, pl.Expr] = {
    "address": pl.col("address"),
    "area": pl.col("area"),
    "building": pl.col("building"),
    "city": pl.col("city"),
    "domain": pl.col("domain"),
    "gender": pl.col("gender"),
    "house": pl.col("house"),
    "postal": pl.col("postal"),
    "state": pl.col("state"),
    "suffix": pl.col("suffix"),
    "unit": pl.col("unit"),
    "email_code": pl.col("email"),
    "login_code": pl.col("login"),
    "org_code": pl.col("org"),
    "login_head": pl.col("login").str.head(3),
    "login_tail": pl.col("login").str.tail(3),
    "phone_code": pl.col("phone"),
    "phone_head": pl.col("phone").str.head(4),
    "phone_tail": pl.col("phone").str.tail(4),
}
# Names stand in each other's field: the columns are numbered alike.
NUMBERED_NAMES = {
    "given_code": "given",
    "whole_given_code": "whole_given",
    "middle_code": "middle",
    "surname_code": "surname",
}
DERIVED: dict[str, pl.Expr] = {
    "emails_held": pl.col("emails").is_not_null(),
    "phones_held": pl.col("phones").is_not_null(),
    "year": pl.col("birthdate").str.head(4).cast(pl.Int16, strict=False),
    "month": pl.col("birthdate").str.slice(5, 2).cast(pl.Int8, strict=False),
    "day": pl.col("birthdate").str.slice(8, 2).cast(pl.Int8, strict=False),
}
FACT_BY_NAME = {fact.name: fact for fact in FACTS}
COMPARISON_BY_ALIAS = {comparison.alias: comparison for comparison in COMPARISONS}
FK_STATE = "fk_state"  # of all foreign keys of a pair together
KNOWN_NAMES = (*FACT_BY_NAME, *COMPARISON_BY_ALIAS, FK_STATE)


def _known_names_by_expression() -> dict[str, list[str]]:
    """What each SQL expression refers to that is known of a pair already: facts, levels, the state
    of foreign keys."""
    expressions = []
    for fact in FACTS:
        expressions += [fact.guard, fact.sql]
    for comparison in COMPARISONS:
        expressions += [comparison.present, comparison.level_sql()]
    result = {}
    for sql in expressions:
        words = set(re.findall(r"\w+", sql))
        result[sql] = [name for name in KNOWN_NAMES if name in words]
    return result


REFERRED = _known_names_by_expression()
COLUMNS_READ = columns_read(" ".join(REFERRED))
COMPUTED = {*NUMBERED, *NUMBERED_NAMES, *DERIVED}
AS_THEY_ARE = [column for column in COLUMNS_READ if column not in COMPUTED]


@dataclass(frozen=True)
class Agreement:
    """Per pair, in the order given: the agreement pattern, and the state of each key column:
    0 missing on a side, 1 equal, 2 different."""

    pattern: npt.NDArray[np.int64]
    keys: dict[str, Bytes]


@dataclass(frozen=True)
class ComparedColumns:
    """The columns of the comparison records that are compared, as numbers where only equality
    counts."""

    frame: pl.DataFrame

    @cached_property
    def held(self) -> dict[str, Bools]:
        """Which records hold each column that a comparison needs."""
        needed = {"letters"}
        for fact in FACTS:
            needed.update(*fact.held)
        for comparison in COMPARISONS:
            needed.update(*comparison.held, comparison.lacking)
        return {column: self.frame[column].is_not_null().to_numpy() for column in sorted(needed)}

    def rows_of(self, records: Ints) -> Ints:
        """The rows of these numbers of records."""
        return rows_of(self.frame[RECORD].to_numpy(), records)

    def values(self, code: str) -> tuple[npt.NDArray[np.uint32], Ints]:
        """The number of each record's value, and per number a record that holds it (any record,
        where none does)."""
        numbers = self.frame[code]
        # A missing value shares number 0 with a value: pairs that lack one are never looked up.
        value = numbers.fill_null(0).to_numpy()
        record = np.zeros(int(value.max(initial=0)) + 1, dtype=np.int32)
        holding = numbers.is_not_null().arg_true().to_numpy()
        record[value[holding]] = holding
        return value, record


def columns_compared() -> set[str]:
    """Columns of the comparison records that comparing reads, beside keys."""
    result = {RECORD, *AS_THEY_ARE, *NUMBERED_NAMES.values()}
    for expression in (*NUMBERED.values(), *DERIVED.values()):
        result.update(expression.meta.root_names())
    return result


def compared_columns(records: pl.DataFrame, key_columns: Sequence[str] = ()) -> ComparedColumns:
    """The comparison records as they are compared."""
    numbered = []
    for column, text in NUMBERED.items():
        own_numbers = pl.Categorical(pl.Categories.random())
        numbered.append(text.cast(own_numbers).to_physical().alias(column))
    shared_numbers = pl.Categorical(pl.Categories.random())
    for code, name in NUMBERED_NAMES.items():
        numbered.append(pl.col(name).cast(shared_numbers).to_physical().alias(code))
    derived = [expression.alias(column) for column, expression in DERIVED.items()]
    frame = records.select(RECORD, *AS_THEY_ARE, *numbered, *derived, *key_columns)
    return ComparedColumns(frame)


def compare(
    con: duckdb.DuckDBPyConnection,
    columns: ComparedColumns,
    i: Ints,
    j: Ints,
    key_columns: Sequence[str] = (),
) -> Agreement:
    """Agreement of the pairs (i, j), positions of the compared records. Local to a pair."""
    pattern = np.zeros(len(i), dtype=np.int64)
    keys = {column: np.zeros(len(i), dtype=np.uint8) for column in key_columns}
    # All threads get work, but no span is so small that planning its statements costs most.
    share_of_thread = -(-len(i) // MOST_THREADS)
    size = min(max(share_of_thread, SPAN // 2), SPAN)

    def compare_span(cursor: duckdb.DuckDBPyConnection, start: int) -> None:
        part = slice(start, start + size)
        span = _Span(cursor, columns, i[part], j[part])
        for column in key_columns:
            keys[column][part] = span.state_of_key(column)
        pattern[part] = span.pattern()

    in_threads(con, compare_span, range(0, len(i), size), len(i))
    return Agreement(pattern, keys)


def evaluate_sql(
    con: duckdb.DuckDBPyConnection, sql: str, pairs: Iterator[pa.RecordBatch], n_pairs: int
) -> Bytes:
    """The value (0 to 255) of SQL over two records a and b for each of the pairs.

    `pairs`: at least one batch of columns a_… and b_… and what is known of the pair, with its
    number `n`. The engine takes a batch when it wants one: a statement is planned once, and few
    batches are in memory.
    """
    result = np.zeros(n_pairs, dtype=np.uint8)
    first = next(pairs)
    stream = pa.RecordBatchReader.from_batches(first.schema, chain([first], pairs))
    con.register("er_batch", stream)
    rows = con.execute(f"SELECT n, ({side_by_side(sql)})::UTINYINT AS v FROM er_batch").fetchnumpy()
    con.unregister("er_batch")
    result[rows["n"]] = rows["v"]
    return result


class _Span:
    """Some pairs under comparison: what is known of them so far."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, columns: ComparedColumns, i: Ints, j: Ints
    ) -> None:
        self._con = con
        self._columns = columns
        self._i = i
        self._j = j
        self._known: dict[str, Bytes] = {FK_STATE: np.zeros(len(i), dtype=np.uint8)}

    def state_of_key(self, column: str) -> Bytes:
        """The state of a key column. Foreign keys together make `fk_state`."""
        held = self._columns.frame[column].is_not_null().to_numpy()
        rows = np.flatnonzero(held[self._i] & held[self._j])
        state_of_rows = self._evaluate(
            key_state(column), [column], self._i[rows], self._j[rows], {}
        )
        state = self._spread(rows, state_of_rows)
        if column.startswith("fk_"):
            so_far = self._known[FK_STATE]
            stands = (so_far == EQUAL) | (state == MISSING)
            self._known[FK_STATE] = np.where(stands, so_far, state)
        return state

    def pattern(self) -> npt.NDArray[np.int64]:
        """The levels of all comparisons, packed."""
        result = np.zeros(len(self._i), dtype=np.int64)
        for comparison in COMPARISONS:
            level = self._look_up(comparison.alias).astype(np.int64)
            result += level * PLACE_VALUES[comparison.name]
        return result

    def _look_up(self, name: str) -> Bytes:
        """A fact (0 or 1) or the level of a comparison, of every pair; computed once."""
        # Levels refer to earlier ones, which are computed when they are first asked for.
        if name not in self._known:
            if name in FACT_BY_NAME:
                self._known[name] = self._fact(FACT_BY_NAME[name])
            else:
                self._known[name] = self._level(COMPARISON_BY_ALIAS[name])
        return self._known[name]

    def _fact(self, fact: Fact) -> Bytes:
        rows = self._rows_where(fact.guard, self._rows_holding(fact.held))
        return self._spread(rows, self._of_rows(f"coalesce({fact.sql}, FALSE)", fact.sql, rows))

    def _level(self, comparison: Comparison) -> Bytes:
        if comparison.lacking:
            rows = self._rows_with_login(comparison.lacking)
        else:
            rows = self._rows_holding(comparison.held)
        rows = self._rows_where(comparison.present, rows)
        sql = comparison.level_sql()
        if comparison.only_column is None:
            return self._spread(rows, self._of_rows(sql, sql, rows))
        code = f"{comparison.only_column}_code"
        return self._spread(rows, self._of_values(sql, code, self._i[rows], self._j[rows]))

    def _rows_with_login(self, lacking: Sequence[str]) -> Ints:
        """Pairs of which one record has letters in its login and lacks one of the columns."""
        held = self._columns.held
        complete = np.logical_and.reduce([held[column] for column in lacking])
        eligible = held["letters"] & ~complete
        return np.flatnonzero(eligible[self._i] | eligible[self._j])

    def _rows_holding(self, alternatives: Sequence[Sequence[str]]) -> Ints:
        """Pairs of which both records hold all columns of one of the alternatives."""
        result = np.zeros(len(self._i), dtype=bool)
        for columns in alternatives:
            if not columns:
                return np.arange(len(self._i))
            held = np.logical_and.reduce([self._columns.held[column] for column in columns])
            result |= held[self._i] & held[self._j]
        return np.flatnonzero(result)

    def _rows_where(self, condition: str, rows: Ints) -> Ints:
        """Those of the pairs for which the condition is true."""
        if condition == "TRUE":
            return rows
        true = self._of_rows(f"coalesce({condition}, FALSE)", condition, rows)
        return rows[true > 0]

    def _of_rows(self, sql: str, expression: str, rows: Ints) -> Bytes:
        """The value of SQL around one of the expressions, for some of the pairs."""
        known = {name: self._look_up(name)[rows] for name in REFERRED[expression]}
        return self._evaluate(sql, columns_read(sql), self._i[rows], self._j[rows], known)

    def _of_values(self, sql: str, code: str, i: Ints, j: Ints) -> Bytes:
        """The value of SQL that depends on two values only, found on any two records that hold
        them."""
        columns = columns_read(sql)
        value, record = self._columns.values(code)
        left = value[i]
        right = value[j]
        of_equal_values = self._evaluate(sql, columns, record, record, {})
        result = of_equal_values[left]

        different = np.flatnonzero(left != right)
        distinct, position = np.unique(
            left[different].astype(np.int64) << 32 | right[different], return_inverse=True
        )
        left_record = record[distinct >> 32]
        right_record = record[distinct & 0xFFFFFFFF]
        of_value_pairs = self._evaluate(sql, columns, left_record, right_record, {})
        result[different] = of_value_pairs[position]
        return result

    def _spread(self, rows: Ints, values: Bytes) -> Bytes:
        """The values of some of the pairs, 0 for all others."""
        result = np.zeros(len(self._i), dtype=np.uint8)
        result[rows] = values
        return result

    def _evaluate(
        self, sql: str, columns: Sequence[str], i: Ints, j: Ints, known: Mapping[str, Bytes]
    ) -> Bytes:
        """The value of SQL for the pairs of records (i, j)."""
        if not len(i):
            return np.zeros(0, dtype=np.uint8)
        frame = self._columns.frame.select(columns)
        return evaluate_sql(self._con, sql, _batches(frame, i, j, known), len(i))


def _batches(
    frame: pl.DataFrame, i: Ints, j: Ints, known: Mapping[str, Bytes]
) -> Iterator[pa.RecordBatch]:
    """The columns of both records of each pair and what is known of it, some pairs at a time."""
    for start in range(0, len(i), BATCH):
        part = slice(start, start + BATCH)
        columns = [pl.DataFrame({name: values[part] for name, values in known.items()})]
        if frame.width:
            columns.insert(0, frame[i[part]].rename(lambda column: f"a_{column}"))
            columns.insert(1, frame[j[part]].rename(lambda column: f"b_{column}"))
        pairs = pl.concat(columns, how="horizontal").with_row_index("n", offset=start)
        yield from arrow(pairs).to_batches()
