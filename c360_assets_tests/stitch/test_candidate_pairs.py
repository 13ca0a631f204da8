"""Candidate pairs: each pair once, whatever found it and however much is looked at in one go."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_assets.errors import C360Error
from c360_assets.stitch.compare import candidate_pairs
from c360_assets.stitch.compare.blocking import Strategy
from c360_assets.stitch.compare.candidate_pairs import (
    STRATEGY_BITS,
    KeyRows,
    build_pairs,
    distinct_pairs,
    meetings,
    position_bits,
)
from c360_assets.stitch.compare.comparison_records import prepare_records


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(7, 12), st.integers(0, 40)), max_size=30),
    st.integers(1, 5),
)
def test_pairs_are_the_same_whatever_the_stretch(
    meetings: list[tuple[int, int, int]], stretch: int
) -> None:
    """`stretch` is how many of the numbers are looked at in one go."""
    bits = 4
    packed = [i << bits + STRATEGY_BITS | j << STRATEGY_BITS | s for i, j, s in meetings]
    expected: dict[tuple[int, int], int] = {}
    for i, j, strategy in meetings:
        expected[i, j] = expected.get((i, j), 0) | 1 << strategy
    found = distinct_pairs(np.sort(np.array(packed, dtype=np.int64)), bits, stretch)
    rows = zip(found.i.tolist(), found.j.tolist(), found.strategies.tolist(), strict=True)
    assert list(rows) == [(i, j, found_by) for (i, j), found_by in sorted(expected.items())]


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("asking_key", [None, "letters"])
def test_without_keys_nobody_meets(split: bool, asking_key: str | None) -> None:
    strategy = Strategy("x", ("given",), limit=3, asking_key=asking_key)
    nothing = KeyRows(
        np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int64)
    )
    assert len(meetings(nothing, strategy, split=split).left) == 0


def test_who_asks_by_a_key_of_its_own_does_not_meet_itself() -> None:
    names = ["ИВАН", "IVAN", "ИВАН", "OLGA"]
    frame = pl.DataFrame({"rid": range(4), "given_name": names, "surname": ["PETROV"] * 4})
    asking = "CASE WHEN given_latin IS NOT NULL THEN given_sounds END"
    strategy = Strategy("x", ("given_sounds",), limit=9, chunk_size=5, asking_key=asking)
    with duckdb.connect() as con:
        found = build_pairs(con, prepare_records(frame), [strategy], "split")
    pairs = list(zip(found.i.tolist(), found.j.tolist(), strict=True))
    assert pairs == [(0, 1), (0, 2), (1, 2)]


def test_more_records_than_fit_a_packed_pair_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidate_pairs, "STRATEGY_BITS", 60)
    records = prepare_records(pl.DataFrame({"rid": [1, 2, 3], "given_name": ["A", "B", "C"]}))
    with pytest.raises(C360Error, match="3 records are more than"):
        build_pairs(None, records, [], "split")  # type: ignore[arg-type]


def test_a_tenant_of_2_to_the_28_records_is_refused_before_pairs_overflow() -> None:
    assert position_bits(2**28 - 1) == 28
    with pytest.raises(C360Error, match="268,435,456 records are more than"):
        position_bits(2**28)


def test_more_strategies_than_a_pair_has_bits_are_refused() -> None:
    strategies = [Strategy(f"s{number}", ("given",), limit=3) for number in range(63)]
    records = prepare_records(pl.DataFrame({"rid": [1, 2], "given_name": ["A", "A"]}))
    with duckdb.connect() as con:
        found = build_pairs(con, records, strategies[:62], "split")
        assert found.strategies.tolist() == [2**62 - 1]
        with pytest.raises(C360Error, match="63 blocking strategies are more than the 62"):
            build_pairs(con, records, strategies, "split")
