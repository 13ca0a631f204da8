"""Putting rows in place of others gives what writing the whole table gives."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.errors import C360Error
from c360_assets.warehouse.session import open_session

ROWS = st.dictionaries(st.sampled_from("abcdef"), st.none() | st.integers(0, 3), max_size=6)
SCHEMA = {"k": pl.String, "v": pl.Int64}


def frame(rows: dict[str, int | None]) -> pl.DataFrame:
    return pl.DataFrame({"k": list(rows), "v": list(rows.values())}, schema=SCHEMA)


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(ROWS, min_size=1, max_size=4))
def test_the_same_content_and_digest_as_a_whole_write(
    tmp_path_factory: pytest.TempPathFactory, steps: list[dict[str, int | None]]
) -> None:
    whole: dict[str, int | None] = {}
    with open_session(tmp_path_factory.mktemp("t") / "warehouse", "Asia/Tokyo") as session:
        for step in steps:
            whole |= step
            session.register("step", frame(step))
            before = session.state("changed")
            state = session.upsert("changed", "SELECT * FROM step", "SELECT k FROM step", "k")
            expected = session.write("whole", frame(whole))
            assert (state.digest, state.rows, state.columns) == (
                expected.digest,
                expected.rows,
                expected.columns,
            )
            session.bind("changed")
            assert dict(session.rows("SELECT k, v FROM changed")) == whole
            if before is not None and before.digest == state.digest:
                assert before.version == state.version


def test_other_columns_are_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    with open_session(tmp_path_factory.mktemp("t") / "warehouse") as session:
        session.write("t", frame({"a": 1}))
        with pytest.raises(C360Error, match="other columns"):
            session.upsert("t", "SELECT 'b' AS k", "SELECT 'b' AS k", "k")
