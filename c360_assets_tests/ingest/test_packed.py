"""Avro, XML, archives, partitioned folders: rows arrive, nested values stay, what is broken is told
with a way out.
"""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import orc

from c360_assets.ingest.formats.sniff import foreign
from c360_assets.ingest.odd_files import of_no_feed_or_several
from c360_assets.ingest.suggest.sample import read_sample
from c360_assets.tenant.models import FeedConfig
from c360_assets_tests.ingest.tenants import feed_of, land, ledger, load, table, tenant_of

FIELDS: dict[str, Any] = {
    "id": {},
    "on": {"type": "date"},
    "at": {"type": "datetime"},
    "amount": {"type": "decimal", "scale": 2},
    "n": {"type": "integer"},
    "ok": {"type": "boolean"},
    "tags": {"type": "array"},
    "home": {"type": "struct"},
    "extra": {},
}
AVRO = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "ID", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "on", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {
            "name": "amount",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2},
        },
        {"name": "n", "type": ["null", "long"]},
        {"name": "ok", "type": "boolean"},
        {
            "name": "tags",
            "type": {
                "type": "array",
                "items": {"type": "enum", "name": "Tag", "symbols": ["A", "B"]},
            },
        },
        {
            "name": "home",
            "type": {
                "type": "record",
                "name": "Home",
                "fields": [{"name": "city", "type": "string"}],
            },
        },
        {"name": "extra", "type": ["null", "string", "long", {"type": "map", "values": "int"}]},
    ],
}
ID = UUID("12345678-1234-5678-1234-567812345678")


def avro(extra: Any = None, **changes: Any) -> dict[str, Any]:
    row = {
        "ID": ID,
        "on": date(2024, 2, 29),
        "at": datetime(2024, 1, 5, 10, 0, 0, 5000, UTC),
        "amount": Decimal("1.50"),
    }
    return {
        **row,
        "n": None,
        "ok": True,
        "tags": ["A", "B"],
        "home": {"city": "Bonn"},
        "extra": extra,
        **changes,
    }


def packed(schema: Any, rows: list[dict[str, Any]], codec: str = "deflate") -> bytes:
    buffer = io.BytesIO()
    fastavro.writer(buffer, fastavro.parse_schema(schema), rows, codec)
    return buffer.getvalue()


def feed(fields: dict[str, Any] | None = None, **files: Any) -> FeedConfig:
    return feed_of(
        fields=fields or FIELDS, files={"pattern": "'c-'yyyyMMdd'*'", **files}, error_threshold=100
    )


def test_avro_types(tmp_path: Path) -> None:
    tenant = tenant_of(tmp_path, feed(format="avro"))
    rows = [avro(), avro(5, ID=UUID(int=1), n=2**60), avro({"k": 1}, ID=UUID(int=2), on=None)]
    land(tenant, "c-20240105.avro", packed(AVRO, rows))
    result = load(tenant, tenant.feeds[0])
    assert (result.days[0].message, result.rows_loaded) == ("", 3)
    first, second, third = (
        table(tenant, tenant.feeds[0]).select(list(FIELDS)).sort("id", descending=True).rows()
    )
    at = datetime(2024, 1, 5, 10, 0, 0, 5000, UTC)
    assert first == (
        str(ID),
        date(2024, 2, 29),
        at,
        Decimal("1.50"),
        None,
        True,
        '["A","B"]',
        '{"city":"Bonn"}',
        None,
    )
    assert (second[1], second[-1]) == (None, '{"k": 1}')
    assert (third[4], third[-1]) == (2**60, "5")


XML = """<?xml version="1.0"?>
<x:people xmlns:x="urn:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><meta>1</meta>
  <x:row id="1"><name>Zoë &amp; Co</name><spent currency="EUR">1.5</spent><tag>a</tag><tag>b</tag>
    <home><city>Bonn</city></home></x:row>
  <x:row id="2"><name xsi:nil="true"/><spent></spent></x:row>
  <x:row><name>no key</name></x:row>
</x:people>"""


def test_xml_rows(tmp_path: Path) -> None:
    fields = {
        "id": {},
        "name": {},
        "spent": {"type": "decimal", "scale": 2},
        "spent.currency": {"rename": "currency"},
        "tag": {"type": "array"},
        "home": {"type": "struct"},
    }
    tenant = tenant_of(tmp_path, feed(fields, format="xml"))
    land(tenant, "c-20240105.xml", XML)
    result = load(tenant, tenant.feeds[0])
    assert (result.days[0].message, result.rows_loaded, result.rows_rejected) == ("", 2, 1)
    assert table(tenant, tenant.feeds[0]).drop("_uuid_pk", "_updated", "_pk").rows() == [
        ("1", "Zoë & Co", Decimal("1.50"), "EUR", '["a","b"]', '{"city":"Bonn"}'),
        ("2", None, None, None, None, None),
    ]
    assert pl.read_csv(tmp_path / "logs" / "Shop_Customers.2024-01-05.row_errors.csv")[
        "line_no"
    ].to_list() == [3]


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def marked(members: dict[str, bytes], place: int, value: bytes) -> bytes:
    """A zip with other bytes at a place in both headers of its first member, from the flags on."""
    content = bytearray(zipped(members))
    for mark, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        begin = content.find(mark) + flags_at + place
        content[begin : begin + len(value)] = value
    return bytes(content)


def later_version(members: dict[str, bytes]) -> bytes:
    """A zip whose directory asks for a version of the format that is not known."""
    content = bytearray(zipped(members))
    content[content.index(b"PK\x01\x02") + 6] = 117
    return bytes(content)


def tarred(members: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


MEMBERS = {
    "b/2.csv": b"id,n\n2,x\n3,3\n",
    "a.csv": b"id,n\n1,1\n2,2\n",
    "__MACOSX/a.csv": b"junk",
    "data/README.txt": b"What the columns mean",
    "../.DS_Store": b"junk",
}
SMALL = {"id": {}, "n": {"type": "integer"}}


@pytest.mark.parametrize(
    ("kind", "content"),
    [("zip", zipped(MEMBERS)), ("tar", tarred(MEMBERS)), ("tar", tarred(MEMBERS, "w:gz"))],
)
def test_every_member_of_an_archive(tmp_path: Path, kind: str, content: bytes) -> None:
    tenant = tenant_of(tmp_path, feed(SMALL, compression=kind))
    land(tenant, "c-20240105.bin", content)
    result = load(tenant, tenant.feeds[0])
    assert result.days[0].message == ""
    assert table(tenant, tenant.feeds[0]).select("id", "n").rows() == [("1", 1), ("2", 2), ("3", 3)]
    entries = ledger(tenant).select("path", "rows_read", "rows_loaded", "rows_rejected").rows()
    assert entries == [("c-20240105.bin", 4, 3, 1)]
    log = pl.read_csv(tmp_path / "logs" / "Shop_Customers.2024-01-05.row_errors.csv")
    assert log.select("file", "line_no").rows() == [("c-20240105.bin/b/2.csv", 2)]


def test_a_contents_map_chooses_members_and_how_to_read_them(tmp_path: Path) -> None:
    contents = {
        "*.csv": None,
        "old-*.psv": {"format": "psv", "optional": True},
        "*.json": {"format": "ndjson"},
    }
    tenant = tenant_of(tmp_path, feed(SMALL, compression="zip", contents=contents))
    members = {"new.csv": b"id,n\n1,1\n", "more.json": b'{"id": 2, "n": 2}\n', "readme.txt": b"?"}
    land(tenant, "c-20240105.zip", zipped(members))
    result = load(tenant, tenant.feeds[0])
    assert result.days[0].message == ""
    assert table(tenant, tenant.feeds[0]).select("id", "n").rows() == [("1", 1), ("2", 2)]
    land(tenant, "c-20240106.zip", zipped({"new.csv": members["new.csv"]}))
    day = load(tenant, tenant.feeds[0]).days[0]
    assert (day.status, day.kind) == ("failed", "missing_content")
    assert "lacks *.json" in day.message
    assert "optional: true" in day.message


@pytest.mark.parametrize(
    ("files", "content", "kind", "text"),
    [
        ({"compression": "zip"}, b"id,n\n1,1\n", "bad_archive", "correct files.compression"),
        ({"compression": "zip"}, zipped(MEMBERS)[:-40], "bad_archive", "send it again"),
        ({"compression": "zip"}, later_version(MEMBERS), "bad_archive", "send it again"),
        ({"compression": "zip"}, marked(MEMBERS, 0, b"\x01"), "bad_archive", "send it without one"),
        ({"compression": "zip"}, marked(MEMBERS, 2, b"\x09"), "bad_archive", "Deflate64"),
        ({"compression": "tar"}, tarred(MEMBERS, "w:gz")[:-30], "bad_archive", "send it again"),
        ({"compression": "zip"}, zipped({"__MACOSX/a": b""}), "missing_content", "lacks any file"),
        ({}, zipped(MEMBERS), "archive", "compression: zip"),
        ({}, tarred(MEMBERS, "w:gz"), "archive", "compression: tar"),
        ({"format": "avro"}, b"Obj\x01broken", "unreadable", "files.format"),
        ({"format": "avro"}, packed(AVRO, [avro()] * 50)[:-30], "unreadable", "send it again"),
        (
            {"format": "xml"},
            b"<rows><row><id>1</id></row>",
            "unreadable",
            "is no well-formed XML in line 1; send it again whole",
        ),
        ({"format": "xml"}, b"<rows><person/></rows>", "missing_content", "files.row_tag"),
        (
            {"format": "xml"},
            b'<!DOCTYPE x [<!ENTITY a "b">]><rows><row id="&a;"/></rows>',
            "unreadable",
            "declares entities, which are refused",
        ),
        ({"format": "xml"}, b"<a>" * 999, "unreadable", "ValueError"),
    ],
)
def test_what_cannot_be_unpacked_says_so(
    tmp_path: Path, files: dict[str, Any], content: bytes, kind: str, text: str
) -> None:
    tenant = tenant_of(tmp_path, feed(SMALL, **files))
    land(tenant, "c-20240105.bin", content)
    (day,) = load(tenant, tenant.feeds[0]).days
    assert (day.status, day.kind) == ("failed", kind)
    assert text in day.message
    assert table(tenant, tenant.feeds[0]).is_empty()


def test_a_partitioned_folder_is_one_delivery(tmp_path: Path) -> None:
    made = feed_of(
        files={"pattern": "'orders-'yyyyMMdd", "format": "parquet"},
        fields={"id": {"type": "integer"}, "region": {"required": True}},
    )
    tenant = tenant_of(tmp_path, made)
    for region, ids in (
        ("region=North%20East", [1, 2]),
        ("region=__HIVE_DEFAULT_PARTITION__", [3]),
    ):
        folder = tmp_path / "landing" / "orders-20240105" / region
        folder.mkdir(parents=True)
        pl.DataFrame({"id": ids}).write_parquet(folder / "part-0.parquet")
        (folder / "_SUCCESS").touch()
    result = load(tenant, made)
    assert [(d.day, len(d.files), d.message) for d in result.days] == [(date(2024, 1, 5), 2, "")]
    assert table(tenant, made).select("id", "region").rows() == [
        (1, "North East"),
        (2, "North East"),
        (3, None),
    ]
    assert load(tenant, made).days == []


def test_nested_parquet_stays_json_text(tmp_path: Path) -> None:
    tenant = tenant_of(
        tmp_path,
        feed({"id": {}, "l": {"type": "array"}, "s": {"type": "struct"}}, format="parquet"),
    )
    pl.DataFrame({"id": ["1"], "l": [[1, 2]], "s": [{"a": {"b": "x"}}]}).write_parquet(
        tmp_path / "landing" / "c-20240105"
    )
    load(tenant, tenant.feeds[0])
    ((_, array, struct),) = table(tenant, tenant.feeds[0]).select("id", "l", "s").rows()
    assert (json.loads(array), json.loads(struct)) == ([1, 2], {"a": {"b": "x"}})


def test_orc_is_read_and_recognised(tmp_path: Path) -> None:
    rows = [{"id": f"{n}", "n": n, "p": {"mails": [f"{n}@x.example"]}} for n in range(70)]
    file = tmp_path / "landing" / "c-20240105.orc"
    fields = {"id": {"type": "string"}, "n": {"type": "integer"}, "p": {"type": "struct"}}
    tenant = tenant_of(tmp_path, feed(fields, format="orc"))
    file.parent.mkdir(exist_ok=True)
    orc.write_table(pa.Table.from_pylist(rows), file, batch_size=16)
    assert (load(tenant, tenant.feeds[0]).rows_loaded, read_sample(file, 9).frame.height) == (70, 9)
    assert read_sample(file).format == "orc"
    loaded = table(tenant, tenant.feeds[0]).sort("n")
    assert loaded.row(69, named=True)["p"] == '{"mails":["69@x.example"]}'
    problem = foreign("csv", file.read_bytes()[:4096])
    assert problem is not None
    assert problem.remedy == "say `format: orc` under files"


def test_members_of_no_feed_are_told_of_the_newest_archive(tmp_path: Path) -> None:
    contents: dict[str, Any] = {"a*.csv": {}}
    tenant = tenant_of(tmp_path, feed(compression="zip", contents=contents))
    land(tenant, "c-20240104.zip", zipped({"a1.csv": b"x", "old.csv": b"x"}))
    land(tenant, "c-20240105.zip", zipped({"a1.csv": b"x", "new/b1.csv": b"x", "readme.txt": b""}))
    assert of_no_feed_or_several(tenant) == [
        "c-20240105.zip: 1 member is of no feed and not loaded, such as new/b1.csv; add it to "
        "`files.contents` of a feed, or propose feeds of the archive again"
    ]
