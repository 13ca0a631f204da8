"""Cutting text into records and fields, against a slow reader that goes character by character."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.ingest.formats import text_records as records
from c360_assets.ingest.formats.batches import numbered
from c360_assets.ingest.formats.read_text import split_record
from c360_assets.ingest.formats.text_records import (
    Dialect,
    EndlessLineError,
    UnclosedQuoteError,
    records_of,
    text_records,
)

CSV = Dialect(",", '"', '"')


def slow_records(text: str) -> list[tuple[int, str]]:
    """(first line, text) of each record: a quote opens at the start of a field; text after a
    closing quote is part of it.
    """
    records, start, first, line, state, i = [], 0, 1, 1, "field", 0
    while i <= len(text):
        end = i == len(text)
        char = "" if end else text[i]
        if state == "quoted" and not end:
            if text[i : i + 2] == '""':
                i += 1
            elif char == '"':
                state = "text"
            elif char == "\n" or (char == "\r" and text[i + 1 : i + 2] != "\n"):
                line += 1
        elif end or char in "\r\n":
            record = text[start:i]
            if state == "quoted":
                record = record.removesuffix("\n").removesuffix("\r")
            if record:
                records.append((first, record))
            i += text[i : i + 2] == "\r\n"
            line += 1
            start, first, state = i + 1, line, "field"
        elif char == ",":
            state = "field"
        elif state == "field":
            state = "quoted" if char == '"' else "text"
        i += 1
    return records


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet='a,"\n\n\ré', max_size=40), chunk=st.integers(1, 12))
def test_records_are_those_of_a_slow_reader(
    tmp_path_factory: pytest.TempPathFactory, text: str, chunk: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "records.csv"
    path.write_bytes(text.encode())
    got = [
        (line, record)
        for frame in text_records(path, CSV, chunk)
        for line, record, _ in frame.iter_rows()
    ]
    assert got == slow_records(text)


def test_a_record_knows_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfid,n\r\n1,"x\r\ny"\r\n\r\n2,\xff\n3,"q""\n\nz"\n4,in"ner')
    frames = list(text_records(path, CSV))
    assert frames[0].rows() == [
        (1, "id,n", None),
        (2, '1,"x\r\ny"', None),
        (5, None, "2,?"),
        (6, '3,"q""\n\nz"', None),
        (9, '4,in"ner', None),
    ]


def test_a_file_of_an_old_mac_has_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a\rb\rc")
    assert [r for f in text_records(path, CSV) for r in f["record"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (b"a" * 9000, EndlessLineError),
        (b'"' + b"a\n" * 4500, UnclosedQuoteError),
        (b"a\n" * 4500, None),
    ],
)
def test_a_line_without_end_is_told_from_a_quote_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes, error: type[Exception] | None
) -> None:
    monkeypatch.setattr(records, "LONGEST_RECORD", 2000)
    (tmp_path / "a.csv").write_bytes(b"id,n\n1,x\n2," + end)
    with pytest.raises(error) if error else nullcontext() as caught:
        list(text_records(tmp_path / "a.csv", CSV, chunk=500))
    assert caught is None or vars(caught.value)["line"] == 3


def test_fields_lose_their_quotes() -> None:
    assert split_record('1,"a""b", "c",in"ner,', CSV) == ["1", 'a"b', ' "c"', 'in"ner', ""]
    assert split_record(r'1|"a\"|b"', Dialect("|", '"', "\\")) == ["1", 'a"|b']
    assert split_record('1,"a', Dialect(",", "", "")) == ["1", '"a']


SMALL = st.lists(
    st.sampled_from(
        [b"a", b'"', b",", b"\n", b"\r\n", b"\r", b"\xff", b"\xc3\xa9", b"\xef\xbb\xbf"]
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(
    contents=st.lists(SMALL.map(b"".join), min_size=1, max_size=5),
    dialect=st.sampled_from([CSV, None]),
)
def test_files_read_together_give_what_each_gives_alone(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], dialect: Dialect | None
) -> None:
    folder = tmp_path_factory.getbasetemp()
    paths = [folder / f"together-{n}.csv" for n in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    alone = [
        (n, *row)
        for n, path in enumerate(paths)
        for frame in text_records(path, dialect)
        for row in frame.iter_rows()
    ]
    faults: dict[int, Exception] = {}
    together = [
        row for frame in records_of(enumerate(paths), dialect, faults) for row in frame.iter_rows()
    ]
    assert together == alone
    assert not faults


def test_rows_are_numbered_within_their_files() -> None:
    frames = [
        pl.DataFrame({"_file": pl.Series(files, dtype=pl.Int32)})
        for files in ([1, 1], [], [1, 1, 3], [4], [4, 4])
    ]
    assert [r for f in numbered(frames) for r in f.rows()] == [
        (1, 1), (1, 2), (1, 3), (1, 4), (3, 1), (4, 1), (4, 2), (4, 3),
    ]  # fmt: skip
    assert [r for f in numbered(frames, 1) for r in f.rows()] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (4, 1),
        (4, 2),
    ]
