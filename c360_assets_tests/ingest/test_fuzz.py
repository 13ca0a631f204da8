"""Whatever bytes land, in any format and packing: never a traceback, never a row lost in silence.

A case is one file that is landed, loaded and accounted for; hundreds make up a load, most as a
delivery day of their own. `C360_FUZZ` sets how many cases are tried: a small load of each kind by
default, other ones each time, a large one in CI, and 10,000 files at night. Rows are counted a
second time by another reader of each format.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from xml.etree import ElementTree

import fastavro
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from c360_assets.ingest.casts import FALSE, TRUE, cast_for, typed_sql
from c360_assets.ingest.formats.read_text import split_record
from c360_assets.ingest.formats.text_records import Dialect
from c360_assets.warehouse.session import open_session
from c360_assets_tests.examples import examples
from c360_assets_tests.ingest.tenants import feed_of, land, ledger, load, tenant_of
from c360_assets_tests.ingest.test_packed import packed, tarred, zipped
from c360_assets_tests.ingest.test_text_records import slow_records

CASES = int(os.environ.get("C360_FUZZ") or examples(3000, 600))
MOST_FILES = 310
FIELDS: dict[str, Any] = {
    "id": {},
    "n": {"type": "integer"},
    "at": {"type": "datetime"},
    "x": {"type": "struct"},
}
ROWS = [{"id": f"k{i}", "n": i, "at": "2024-01-05 10:00:00", "x": 'a "b", \n c'} for i in range(3)]
TEXT = 'id,n,at,x\nk1,1,2024-01-05 10:00:00,"a ""b"",\n c"\r\nk2,2,,\n'
LINES = '{"id": "k1", "n": 1, "x": {"a": [1, null]}}\n{"id": "k2", "n": 2.0, "at": "2024-01-05"}\n'
XML = '<rows><row id="k1"><n>1</n><x><y>1</y></x></row><row><id>k2</id></row></rows>'
AVRO = {"type": "record", "name": "R", "fields": [
    {"name": "id", "type": "string"}, {"name": "n", "type": ["null", "long"]},
    {"name": "at", "type": "string"}, {"name": "x", "type": "string"}]}  # fmt: skip
PIECES = [
    b"id",
    b"n",
    b",",
    b'"',
    b"\n",
    b"\r\n",
    b"\r",
    b"\\",
    b"k1",
    b"1",
    b"\xff",
    b"\xc3\xa9",
    b"\x00",
    b"{",
    b"}",
    b'"id":',
    b"[",
    b"]",
    b" ",
    b"<row>",
    b"</row>",
    b"&",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"9" * 400,
    b"1e999",
    b"9999-99-99",
]


def parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(ROWS).write_parquet(buffer)
    return buffer.getvalue()


def rows_of(content: bytes) -> int | None:
    """The rows below the header of a CSV file, read character by character; None if not UTF-8.

    A record that does not fit counts as many rows as it has lines. Where most records end with one
    delimiter more than the header, that is how the file is written.
    """
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    dialect = Dialect(",", '"', '"')
    records = [record for _, record in slow_records(text)]
    if not records:
        return 0
    fields = len(split_record(records[0], dialect))
    fits = re.compile(dialect.record(fields))
    longer = re.compile(dialect.record(fields + 1))
    trailing = [r for r in records[1:] if longer.match(r) and re.search(",[ \t]*$", r)]
    if 2 * len(trailing) > len(records) - 1:
        fits = longer
    return sum(
        1 if fits.match(r) else sum(bool(line) for line in re.split("[\r\n]", r))
        for r in records[1:]
    )


def as_utf_8(content: bytes) -> bytes:
    return (
        content.decode("utf-16").encode() if content[:2] in (b"\xff\xfe", b"\xfe\xff") else content
    )


def rows_of_any_text(content: bytes) -> int | None:
    return rows_of(as_utf_8(content))


def lines_of(content: bytes) -> int:
    return sum(
        bool(line) for line in re.split(b"[\r\n]", as_utf_8(content).removeprefix(b"\xef\xbb\xbf"))
    )


def objects_of(content: bytes) -> int:
    found = json.loads(content.decode("utf-8-sig"))
    return len(found) if isinstance(found, list) else 1


def row_elements_of(content: bytes) -> int:
    def count(element: ElementTree.Element) -> int:
        return 1 if element.tag.rpartition("}")[2] == "row" else sum(map(count, element))

    return count(ElementTree.fromstring(content))


def rows_of_zip(content: bytes) -> int | None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return total(archive.read(name) for name in archive.namelist())


def rows_of_tar(content: bytes) -> int | None:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = [archive.extractfile(m) for m in archive.getmembers() if m.isfile()]
        return total(m.read() for m in members if m is not None)


def total(members: Iterable[bytes]) -> int | None:
    rows = [rows_of_any_text(member) for member in members]
    return None if None in rows else sum(n for n in rows if n is not None)


@dataclass(frozen=True)
class Kind:
    """A sort of file: settings of `files`, one that can be read, how it is packed, and how another
    reader counts its rows.
    """

    files: dict[str, Any]
    good: bytes
    count: Callable[[bytes], int | None]
    pack: Callable[[bytes], bytes] = field(default=lambda content: content)


UTF_16 = TEXT.encode("utf-16-le")
DOCUMENT = ("[" + LINES.replace("}\n{", "},{") + "]").encode()
KINDS: dict[str, Kind] = {
    "csv": Kind({}, TEXT.encode(), rows_of_any_text),
    "csv with backslashes": Kind({"escape": "\\"}, TEXT.encode(), lambda content: None),
    "utf-16": Kind({}, UTF_16, rows_of_any_text, lambda content: b"\xff\xfe" + content),
    "gzip": Kind(
        {},
        TEXT.encode(),
        lambda c: rows_of_any_text(gzip.decompress(c)),
        lambda c: gzip.compress(c, mtime=0),
    ),
    "json": Kind({"format": "json"}, DOCUMENT, objects_of),
    "ndjson": Kind({"format": "ndjson"}, LINES.encode(), lines_of),
    "parquet": Kind(
        {"format": "parquet"},
        parquet(),
        lambda content: pq.read_table(io.BytesIO(content)).num_rows,
    ),
    "avro": Kind(
        {"format": "avro"},
        packed(AVRO, ROWS),
        lambda content: len(list(fastavro.reader(io.BytesIO(content)))),
    ),
    "xml": Kind({"format": "xml"}, XML.encode(), row_elements_of),
    "zip": Kind(
        {"compression": "zip"},
        TEXT.encode(),
        rows_of_zip,
        lambda content: zipped({"a.csv": content}),
    ),
    "tar": Kind(
        {"compression": "tar"},
        TEXT.encode(),
        rows_of_tar,
        lambda content: tarred({"a.csv": content}, "w:gz"),
    ),
}


FILES = min(-(-CASES // len(KINDS)), MOST_FILES)  # of a load


def mangled(good: bytes, chance: random.Random) -> bytes:
    """A file with something wrong: bytes changed, cut, put in or torn off, or nothing but pieces of
    files.
    """
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


def case(kind: Kind, chance: random.Random) -> bytes:
    """A file with something wrong: in its packing, or in what is packed, and then mostly below a
    whole first line.
    """
    if chance.random() < 0.2:
        return mangled(kind.pack(kind.good), chance)
    first = kind.good.find(b"\n") + 1 if chance.random() < 0.85 else 0
    return kind.pack(kind.good[:first] + mangled(kind.good[first:], chance))


def counted(kind: Kind, content: bytes) -> int | None:
    """The rows that another reader finds; None where it finds none that it can read."""
    try:
        return kind.count(content)
    except Exception:
        return None


@pytest.mark.parametrize("name", KINDS)
@settings(
    max_examples=-(-CASES // (FILES * len(KINDS))),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.generate],  # a seed cannot be made simpler
)
@given(seed=st.integers(0, 2**32))
def test_any_file(tmp_path_factory: pytest.TempPathFactory, name: str, seed: int) -> None:
    kind, chance = KINDS[name], random.Random(seed)
    feed = feed_of(
        files={"pattern": "'c-'yyyyMMdd'-*'", **kind.files}, fields=FIELDS, error_threshold=100
    )
    tenant = tenant_of(tmp_path_factory.mktemp("fuzz"), feed)
    landed: dict[str, bytes] = {}
    day = date(2023, 1, 1)
    for number in range(FILES):
        day += timedelta(days=chance.random() < 0.9)
        landed[f"c-{day:%Y%m%d}-{number:03}"] = case(kind, chance)
    for path, content in landed.items():
        land(tenant, path, content)
    result = load(tenant, feed)
    assert [f.file.relative for d in result.days for f in d.files] == list(landed)
    for loaded in result.days:
        logged = pl.read_csv(loaded.logs[0], infer_schema=False).height if loaded.logs else 0
        assert logged == loaded.rows_rejected
        if loaded.status == "failed":
            assert feed.name in loaded.message
            assert loaded.rows_loaded == 0
            continue
        for file in loaded.files:
            assert file.read == file.loaded + file.rejected + file.replaced
            assert counted(kind, landed[file.file.relative]) in (None, file.read), (
                file.file.relative
            )
    assert ledger(tenant).height == FILES


LITERAL = st.one_of(
    st.text(max_size=25), st.text(alphabet="0123456789-/:. +eETZxjanpm", max_size=25)
)
ROUND = Context(prec=60, rounding=ROUND_HALF_UP)


def slow_integer(text: str) -> int | None:
    found = re.fullmatch(r"([+-]?[0-9]+)(\.0*)?", text)
    return int(found[1]) if found and -(2**63) <= int(found[1]) < 2**63 else None


def slow_decimal(text: str) -> Decimal | None:
    if not re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", text):
        return None
    value = Decimal(text).quantize(Decimal("0.0001"), context=ROUND)
    return value if abs(value) < 10**34 else None


def slow_boolean(text: str) -> bool | None:
    if text.lower() in TRUE:
        return True
    return False if text.lower() in FALSE else None


SLOW: dict[str, Callable[[str], object]] = {
    "integer": slow_integer,
    "decimal": slow_decimal,
    "boolean": slow_boolean,
}


@settings(max_examples=max(5, CASES // 1000), deadline=None, database=None)
@given(texts=st.lists(LITERAL, min_size=200, max_size=200))
def test_any_text_is_a_value_or_none(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    kinds: dict[str, Any] = {
        **{
            t: {"type": t}
            for t in ("boolean", "date", "datetime", "decimal", "float", "integer", "string")
        },
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
    for name, slow in SLOW.items():
        number = list(kinds).index(name)
        for text, value in frame.select(f"t{number}", f"v{number}").iter_rows():
            assert value == (None if text is None else slow(text)), text


def test_the_slow_reader_reads_what_the_dialect_says() -> None:
    assert Dialect(",", '"', '"').any_record.startswith("^")
    assert rows_of(TEXT.encode()) == 2
