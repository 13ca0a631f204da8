"""What is wrong with a file as a whole is said so that its sender can correct it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from c360_assets.ingest.formats import text_records as records
from c360_assets_tests.ingest.tenants import feed_of, land, load, table, tenant_of
from c360_assets_tests.ingest.test_packed import tarred, zipped

TEXT = "id,name\n1,Ann\n"


def parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"id": ["1"]}).write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("files", "content", "message"),
    [
        (
            {},
            TEXT.encode("utf-16-le"),
            "looks like UTF-16 without a mark: say `encoding: utf-16-le`",
        ),
        ({}, TEXT.replace(",", ";").encode(), "holds no ',': say `delimiter: \";\"`"),
        ({"format": "tsv"}, TEXT.encode(), "holds no '\\\\t': say `delimiter: \",\"`"),
        ({}, b"1,Ann\n2,Bob\n", "none of its 2 columns is declared: say `header: false`"),
        ({}, b"# export\nid,name\n", "its header is in line 2: say `skip_lines: 1` under files"),
        ({"skip_lines": 1}, TEXT.encode(), "its header is in line 1: say `skip_lines: 0`"),
        ({}, b"1;Ann;x\n", "holds no ','"),
        ({}, b"1,Ann,x\n", "of its 3 columns is declared: correct the names under fields"),
        (
            {},
            b"id    name       city\n1     Ann        Rome\n",
            "of fixed width: say `format: fixed` and `columns_at: [0, ...]`",
        ),
        ({}, b"\xef\xbb\xbfBEGIN:VCARD\r\nVERSION:3.0\r\n", "is a file of vCards"),
        ({}, b"version: 1\n\n# u1, shop\ndn: uid=u1,dc=x\nuid: u1\n", "(LDIF)"),
        ({}, b"From ann@example.com Mon Jun  1 10:00:00 2026\nTo: x\n", "is a mailbox"),
        ({}, b"\n<!DOCTYPE html>\n<html>", "is an HTML page"),
        ({}, "<table><tr>".encode("utf-16"), "is an HTML page"),
        ({"format": "xlsx"}, b"<html xmlns:x=''><table>", "is an HTML page"),
        ({"format": "xlsx"}, TEXT.encode(), "is no workbook; correct files.format"),
        ({}, b"\x89PNG\r\n\x1a\n", "is an image; export it as CSV"),
        ({}, b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>', "Excel 2003"),
        (
            {"compression": "zip"},
            zipped({"[Content_Types].xml": b""}),
            "take `compression: zip` out of files and say `format: xlsx`",
        ),
        ({}, b"i_d,name\n", "it has 'i_d': if that is the column, call the field so"),
        ({}, b"idd,name\n", "it has 'idd'"),
        ({}, b"key,name\n", "lacks the required column id; send the file with it"),
        ({}, b"<html>403</html>", "is an HTML page"),
        ({}, b"%PDF-1.7 ...", "is a PDF document; export it as CSV"),
        ({}, b"\xd0\xcf\x11\xe0\xa1", "is an old Excel or Word file; say `format: xlsx`"),
        ({}, parquet(), "is a Parquet file; say `format: parquet`"),
        ({"format": "json"}, parquet(), "is a Parquet file; say `format: parquet`"),
        (
            {},
            zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b""}),
            "is an Excel workbook or another office document",
        ),
        ({"format": "parquet"}, TEXT.encode(), "is no Parquet file; correct files.format"),
        ({"format": "avro"}, TEXT.encode(), "is no Avro file; correct files.format"),
        ({"format": "xml"}, TEXT.encode(), "is no XML; correct files.format"),
        (
            {"compression": "gzip"},
            TEXT.encode(),
            "is not packed with gzip; take `compression: gzip` out",
        ),
        (
            {"compression": "zip"},
            zipped({"a.tar": tarred({"a.csv": b"id"}, "w")}),
            "archives in archives are not read",
        ),
    ],
)
def test_a_file_of_another_kind_is_named(
    tmp_path: Path, files: dict[str, Any], content: bytes, message: str
) -> None:
    feed = feed_of(files={"pattern": "'c-'yyyyMMdd", **files}, fields={"id": {}, "name": {}})
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105", content)
    (day,) = load(tenant, feed).days
    assert day.status == "failed"
    assert "file c-20240105" in day.message
    assert message in day.message
    assert "Ann" not in day.message


@pytest.mark.parametrize(
    ("files", "content"),
    [
        ({}, TEXT.encode("utf-16")),
        ({}, TEXT.encode("utf-32")),
        ({"encoding": "utf-16-le"}, TEXT.encode("utf-16-le")),
        ({}, TEXT.replace("\n", "\r").encode()),
        ({}, b"id,name\r\n1,Ann"),
        ({}, b"id,name\r1,Ann\n"),
        ({}, b"\n\nid,name\n\n1,Ann\n\n"),
        ({}, b"NAME,Id\nAnn,1\n"),
        ({"compression": "zip"}, zipped({"../../a.csv": TEXT.encode()})),
        ({"compression": "tar"}, tarred({"/etc/a.csv": TEXT.encode()}, "w")),
    ],
)
def test_what_is_only_unusual_loads(tmp_path: Path, files: dict[str, Any], content: bytes) -> None:
    feed = feed_of(files={"pattern": "'c-'yyyyMMdd", **files}, fields={"id": {}, "name": {}})
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105", content)
    assert [(d.status, d.warnings) for d in load(tenant, feed).days] == [("loaded", [])]
    assert table(tenant, feed).select("id", "name").rows() == [("1", "Ann")]
    assert not list(tmp_path.rglob("a.csv"))


def test_a_partitioned_folder_is_read_one_level_deep_or_refused(tmp_path: Path) -> None:
    feed = feed_of(
        files={"pattern": "'c-'yyyyMMdd", "format": "parquet"}, fields={"id": {}, "region": {}}
    )
    tenant = tenant_of(tmp_path, feed)
    for place in ("c-20240105/region=US", "c-20240106/region=US", "c-20240106/region=US/city=NY"):
        land(tenant, f"{place}/part-0.parquet", parquet())
    loaded, refused = load(tenant, feed).days
    assert (loaded.status, refused.status) == ("loaded", "failed")
    assert "file c-20240106/region=US/city=NY/part-0.parquet lies too deep" in refused.message
    assert "one level of partitions" in refused.message
    assert table(tenant, feed).select("id", "region").rows() == [("1", "US")]


def test_a_header_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LONGEST_RECORD", 200_000)
    feed = feed_of(files={"pattern": "'c-'yyyyMMdd"}, fields={"id": {}, "name": {}})
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105", b"id,name" + b"a" * 1_000_000)
    (day,) = load(tenant, feed).days
    assert (
        "file c-20240105 has a line of more than 256 MB, line 1; correct its line ends"
        in day.message
    )


def test_texts_for_a_missing_value(tmp_path: Path) -> None:
    feed = feed_of(null_values=[None, "N/A", "1900-01-01"], error_threshold=0)
    tenant = tenant_of(tmp_path, feed)
    land(
        tenant, "c-20240105.csv", "id,name,seen,spent\na, null ,1900-01-01,n/a\nb,Nullmann,NULL,1\n"
    )
    load(tenant, feed)
    assert [r[:3] for r in table(tenant, feed).rows()] == [
        ("a", None, None),
        ("b", "Nullmann", None),
    ]


def test_a_stray_quote_cannot_hide_rows_from_the_threshold(tmp_path: Path) -> None:
    feed = feed_of(
        files={"pattern": "'c-'yyyyMMdd"}, fields={"id": {}, "name": {}}, error_threshold=10
    )
    tenant = tenant_of(tmp_path, feed)
    good = "".join(f"{i},a\n" for i in range(100))
    land(tenant, "c-20240105", f'id,name\n{good}x,"open\n{good}y,"shut\n{good}')
    land(tenant, "c-20240106", f'id,name\n{good}x,"open\ny,"shut\n{good}')
    refused, loaded = load(tenant, feed).days
    assert (refused.status, refused.rows_read, refused.rows_rejected) == ("failed", 302, 102)
    assert "102 of 302 rows have errors" in refused.message
    assert "malformed_row (102 rows)" in refused.message
    assert (loaded.status, loaded.rows_read, loaded.rows_rejected) == ("loaded", 202, 2)
    log = pl.read_csv(refused.logs[0])
    assert log["line_no"].to_list() == list(range(102, 204))
