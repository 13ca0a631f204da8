"""What a spreadsheet would run is marked, numbers and phones are not, and the mark comes off."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.warehouse.spreadsheets import (
    mark_texts,
    marked,
    marked_sql,
    read_marked_csv,
    unmark_texts,
)

TEXTS = st.lists(
    st.text("=+-@\t\r\n'0123456789 .,()/exX%aé", max_size=8) | st.text(max_size=8), max_size=20
)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("http://x")',
        "+cmd|' /C calc'!A0",
        "-2+3",
        "+1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "-",
        "+",
        "-x",
        "-1\n=2",
        "-1\n",
        "'=1",
        "--5",
        "+a1",
    ],
)
def test_what_would_be_run_is_marked(text: str) -> None:
    assert marked(text) == "'" + text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a=1",
        " =1",
        "'a",
        "-5",
        "+5",
        "-1,234.56",
        "-1.234,56",
        "-.5",
        "-1e-5",
        "-5 %",
        "+1 (415) 555-0100",
        "+44 20 7946 0958",
        "+49/30/123456",
        "+1-415-555-0100 ext. 12",
        "+14155550100x7",
        "+(44) 20 7946",
        "0049 30",
        "jane@brand.example",
    ],
)
def test_numbers_phones_and_plain_texts_stay(text: str) -> None:
    assert marked(text) == text


@settings(deadline=None)
@given(TEXTS)
def test_all_engines_mark_alike_and_the_mark_comes_off(texts: list[str]) -> None:
    frame = pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)})
    expected = [marked(text) for text in texts]
    in_polars = mark_texts(frame)
    assert in_polars["text"].to_list() == expected
    assert unmark_texts(in_polars)["text"].to_list() == texts
    plain = [text for text in texts if "\0" not in text]
    with duckdb.connect() as con:
        con.register("given_rows", pl.DataFrame({"text": pl.Series(plain, dtype=pl.String)}))
        rows = con.execute(f"SELECT {marked_sql('text')} FROM given_rows").fetchall()
    assert [row[0] for row in rows] == [marked(text) for text in plain]


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    frame = pl.DataFrame({"raw_value": ["=1", "'=1", "-5", "\r=1", None, "a"], "line": range(6)})
    mark_texts(frame).write_csv(tmp_path / "log.csv")
    assert "'=1" in (tmp_path / "log.csv").read_text()
    assert read_marked_csv(tmp_path / "log.csv").equals(frame)
