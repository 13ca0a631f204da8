"""Rows that are set aside are the same rows, and no file of them is left."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from c360_assets.errors import C360Error
from c360_assets.stitch.exchange.aside import set_aside

ROWS = pl.DataFrame(
    {
        "text": ["Bjørn", None, "a text that is longer than twelve bytes"],
        "number": pl.Series([1, None, 2**64 - 1], dtype=pl.UInt64),
        "small": pl.Series([1, 2, 3], dtype=pl.UInt8),
        "part": [0.5, None, float("nan")],
        "texts": [["a", None], [], None],
        "day": [date(2026, 1, 1), None, date(1900, 2, 28)],
        "at": [datetime(2026, 3, 29, 1, 30, tzinfo=UTC), None, None],
        "is_so": [True, None, False],
        "nothing": pl.Series([None, None, None], dtype=pl.String),
        "level": pl.Series(["b", None, "a"], dtype=pl.Enum(["a", "b"])),
    }
)


@pytest.mark.parametrize("n_rows", [3, 0])
def test_rows_set_aside_are_the_same(tmp_path: Path, n_rows: int) -> None:
    rows = ROWS.head(n_rows)
    aside = set_aside(rows, tmp_path)
    assert aside.schema == rows.schema
    assert aside.equals(rows)
    assert not list(tmp_path.iterdir())


def test_where_rows_cannot_be_set_aside_the_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(C360Error, match=r"could not be set aside in .*gone .*: make room there"):
        set_aside(ROWS, tmp_path / "gone")
