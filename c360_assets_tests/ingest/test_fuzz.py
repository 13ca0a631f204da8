"""Whatever bytes land, in any format and packing: never a traceback, and never a row that is lost without a word.

A case is one file; many make up a load, each as a delivery day of its own. `C360_FUZZ` sets how many cases are tried.
"""

from __future__ import annotations

import gzip
import os
import random
import re
from datetime import date, timedelta
from functools import cache
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c360_assets.ingest.casts import cast_for, typed_sql
from c360_assets.ingest.read_text import split_record
from c360_assets.ingest.records import Dialect
from c360_assets.warehouse.session import open_session
from c360_assets_tests.ingest.tenants import feed_of, land, ledger, load, tenant_of
from c360_assets_tests.ingest.test_packed import packed, tarred, zipped
from c360_assets_tests.ingest.test_records import slow_records

CASES = int(os.environ.get("C360_FUZZ", "600"))
FILES = 50
FIELDS: dict[str, Any] = {"id": {}, "n": {"type": "integer"}, "at": {"type": "datetime"}, "x": {"type": "struct"}}
ROWS = [{"id": f"k{i}", "n": i, "at": "2024-01-05 10:00:00", "x": 'a "b", \n c'} for i in range(3)]
TEXT = 'id,n,at,x\nk1,1,2024-01-05 10:00:00,"a ""b"",\n c"\r\nk2,2,,\n'
LINES = '{"id": "k1", "n": 1, "x": {"a": [1, null]}}\n{"id": "k2", "n": 2.0, "at": "2024-01-05"}\n'
XML = '<rows><row id="k1"><n>1</n><x><y>1</y></x></row><row><id>k2</id></row></rows>'
AVRO = {"type": "record", "name": "R", "fields": [
    {"name": "id", "type": "string"}, {"name": "n", "type": ["null", "long"]}, {"name": "at", "type": "string"},
    {"name": "x", "type": "string"}]}  # fmt: skip
PIECES = [b"id", b"n", b",", b'"', b"\n", b"\r\n", b"\r", b"\\", b"k1", b"1", b"\xff", b"\xc3\xa9", b"\x00", b"{", b"}", b'"id":',
    b"[", b"]", b" ", b"<row>", b"</row>", b"&", b"\xef\xbb\xbf", b"\xff\xfe", b"9" * 400, b"1e999", b"9999-99-99"]  # fmt: skip


@cache
def parquet() -> bytes:
    import io

    buffer = io.BytesIO()
    pl.DataFrame(ROWS).write_parquet(buffer)
    return buffer.getvalue()


# Format settings, and a file that can be read.
KINDS: dict[str, tuple[dict[str, Any], bytes]] = {
    "csv": ({}, TEXT.encode()),
    "csv with backslashes": ({"escape": "\\"}, TEXT.encode()),
    "utf-16": ({}, b"\xff\xfe" + TEXT.encode("utf-16-le")),
    "gzip": ({}, gzip.compress(TEXT.encode(), mtime=0)),
    "json": ({"format": "json"}, ("[" + LINES.replace("}\n{", "},{") + "]").encode()),
    "ndjson": ({"format": "ndjson"}, LINES.encode()),
    "parquet": ({"format": "parquet"}, parquet()),
    "avro": ({"format": "avro"}, packed(AVRO, ROWS)),
    "xml": ({"format": "xml"}, XML.encode()),
    "zip": ({"compression": "zip"}, zipped({"a.csv": TEXT.encode()})),
    "tar": ({"compression": "tar"}, tarred({"a.csv": TEXT.encode()}, "w:gz")),
}


def mangled(good: bytes, chance: random.Random) -> bytes:
    """A file with something wrong: bytes changed, cut, put in or torn off, or nothing but pieces of files."""
    if chance.random() < 0.3:
        return b"".join(chance.choices(PIECES, k=chance.randint(0, 30)))
    data = bytearray(good)
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(data) + 1)
        change = chance.randrange(4)
        if change == 0:
            data[at : at + 1] = bytes([chance.randrange(256)])
        elif change == 1:
            data[at:at] = chance.choice(PIECES)
        elif change == 2:
            del data[at : at + chance.randint(1, 20)]
        else:
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=max(1, CASES // FILES // len(KINDS)), deadline=None, suppress_health_check=list(HealthCheck), database=None
)
@given(seed=st.integers(0, 2**32))
def test_any_file(tmp_path_factory: pytest.TempPathFactory, kind: str, seed: int) -> None:
    files, good = KINDS[kind]
    feed = feed_of(files={"pattern": "'c-'yyyyMMdd", **files}, fields=FIELDS, error_threshold=100)
    tenant = tenant_of(tmp_path_factory.mktemp("fuzz"), feed)
    chance = random.Random(seed)
    landed: dict[date, bytes] = {}
    for number in range(FILES):
        day = date(2024, 1, 1) + timedelta(days=number)
        landed[day] = mangled(good, chance)
        land(tenant, f"c-{day:%Y%m%d}", landed[day])
    result = load(tenant, feed)
    assert [d.day for d in result.days] == list(landed)
    for day in result.days:
        if day.status == "failed":
            assert feed.name in day.message
            assert day.rows_loaded == 0
            continue
        assert day.rows_read == day.rows_loaded + day.rows_rejected + day.rows_replaced
        if kind == "csv" and (expected := rows_of(landed[day.day])) is not None:
            assert day.rows_read == expected
    assert ledger(tenant).height == FILES


def rows_of(content: bytes) -> int | None:
    """The rows below the header of a plain CSV file, read character by character; None where that reader does not apply.

    A record that does not fit counts as many rows as it has lines.
    """
    plain = content[:2] not in (b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b", b"PK")
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    if not plain:
        return None
    dialect = Dialect(",", '"', '"')
    records = [record for _, record in slow_records(text)]
    if not records:
        return 0
    fits = re.compile(dialect.record(len(split_record(records[0], dialect))))
    return sum(1 if fits.match(r) else sum(bool(line) for line in re.split("[\r\n]", r)) for r in records[1:])


LITERAL = st.one_of(st.text(max_size=25), st.text(alphabet="0123456789-/:. +eETZxjanpm", max_size=25))


@settings(max_examples=max(5, CASES // 200), deadline=None, database=None)
@given(texts=st.lists(LITERAL, min_size=200, max_size=200))
def test_any_text_is_a_value_or_none(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    kinds: dict[str, Any] = {
        **{t: {"type": t} for t in ("boolean", "date", "datetime", "decimal", "float", "integer", "string")},
        "wide": {"type": "decimal", "scale": 37},
        "declared": {"type": "datetime", "format": "dd.MM.yy hh:mm a Z"},
        "days": {"type": "date", "format": "yyyyDDD"},
    }
    feed = feed_of(fields=kinds, primary_key=["string"])
    casts = [cast_for(feed, item, i, "2024") for i, item in enumerate(feed.fields.values())]
    with open_session(tmp_path_factory.getbasetemp() / "casts" / "warehouse") as session:
        session.register("given", pl.DataFrame({f"r{i}": texts for i in range(len(kinds))}))
        frame = session.frame(typed_sql(casts, "given"))
    assert frame.height == len(texts)
    assert frame[f"v{list(kinds).index('string')}"].to_list() == texts


def test_the_slow_reader_reads_what_the_dialect_says() -> None:
    assert Dialect(",", '"', '"').any_record.startswith("^")
    assert rows_of(TEXT.encode()) == 2
