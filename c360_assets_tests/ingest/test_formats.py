"""The same rows in every format, packing and encoding give the same table; what each format does
with broken records.
"""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.ingest.formats.xml_files import likely_row_tag
from c360_assets.ingest.suggest.sample import read_sample
from c360_assets.tenant.models import FeedConfig
from c360_assets_tests.ingest.tenants import feed_of, land, load, table, tenant_of

FIELDS: dict[str, Any] = {
    "id": {},
    "name": {},
    "on": {"type": "date"},
    "at": {"type": "datetime"},
    "amount": {"type": "decimal", "scale": 3},
    "n": {"type": "integer"},
    "ok": {"type": "boolean"},
}
ROWS = [
    ("1", 'Zoë "Z", O\nNeil', "2024-01-05", "2024-01-05 10:11:12.5", "1.100", "7", "true"),
    (
        "2",
        "plain|text",
        "2024-02-29",
        "2024-01-05 10:11:12",
        "-12345678901234567890.123",
        "-9007199254740993",
        "false",
    ),
    ("3", "", "", "", "", "", ""),
]
EXPECTED = [
    ("1", ROWS[0][1], date(2024, 1, 5), datetime(2024, 1, 5, 10, 11, 12, 500000, UTC),
     Decimal("1.100"), 7, True),
    ("2", ROWS[1][1], date(2024, 2, 29), datetime(2024, 1, 5, 10, 11, 12, 0, UTC),
     Decimal("-12345678901234567890.123"), -(2**53) - 1, False),
    ("3", "", None, None, None, None, None),
]  # fmt: skip


def feed(**files: Any) -> FeedConfig:
    return feed_of(fields=FIELDS, files={"pattern": "'c-'yyyyMMdd'*'", **files})


def text(
    delimiter: str = ",", quote: str = '"', escape: str = '"', header: bool = True, end: str = "\n"
) -> str:
    def field(value: str) -> str:
        for mark in dict.fromkeys([escape, quote]):
            value = value.replace(mark, escape + mark)
        return f"{quote}{value}{quote}" if value and not value.isdigit() else value

    lines = [delimiter.join(FIELDS)] if header else []
    return end.join([*lines, *(delimiter.join(map(field, row)) for row in ROWS)]) + end


def objects(as_text: bool) -> str:
    def value(name: str, raw: str) -> str:
        literal = raw and not as_text and (name in ("amount", "n", "ok"))
        return f"{json.dumps(name)}: {raw if literal else json.dumps(raw)}"

    rows = [
        "{" + ", ".join(value(name, raw) for name, raw in zip(FIELDS, row, strict=True)) + "}"
        for row in ROWS
    ]
    return "\n".join(rows)


def parquet(tmp_path: Path) -> bytes:
    frame = pl.DataFrame(
        EXPECTED,
        schema={
            "ID": pl.Int32, "name": pl.String, "on": pl.Date, "at": pl.Datetime("us", "UTC"),
            "amount": pl.Decimal(38, 3), "n": pl.Int64, "ok": pl.Boolean,
        },
        orient="row", strict=False,
    )  # fmt: skip
    frame.with_columns(pl.col("ID").cast(pl.Int32)).write_parquet(tmp_path / "made.parquet")
    return (tmp_path / "made.parquet").read_bytes()


FORMATS: dict[str, tuple[dict[str, Any], bytes]] = {
    "csv": ({}, text().encode()),
    "csv, CRLF and BOM": ({}, b"\xef\xbb\xbf" + text(end="\r\n").encode()),
    "csv, mixed line ends": ({}, (text()[:-1] + "\r\n").encode()),
    "csv, no last line end": ({}, text()[:-1].encode()),
    "psv, backslash": ({"format": "psv", "escape": "\\"}, text("|", escape="\\").encode()),
    "tsv": ({"format": "tsv"}, text("\t").encode()),
    "dsv, single quotes": (
        {"format": "dsv", "delimiter": ";", "quote": "'", "escape": "'"},
        text(";", "'", "'").encode(),
    ),
    "csv without header": ({"header": False}, text(header=False).encode()),
    "utf-16, little": ({}, b"\xff\xfe" + text().encode("utf-16-le")),
    "utf-16, big, gzip": ({}, gzip.compress(b"\xfe\xff" + text().encode("utf-16-be"))),
    "latin-1": ({"encoding": "latin-1"}, text().encode("latin-1")),
    "gzip": ({}, gzip.compress(text().encode())),
    "gzip, said so": ({"compression": "gzip"}, gzip.compress(text().encode())),
    "ndjson": ({"format": "ndjson"}, objects(False).encode()),
    "ndjson, all text": ({"format": "ndjson"}, objects(True).encode()),
    "ndjson, gzip": ({"format": "ndjson"}, gzip.compress(objects(False).encode())),
    "json array": (
        {"format": "json"},
        ("[" + objects(False).replace("}\n{", "},\n{") + "]").encode(),
    ),
    "json objects": ({"format": "json"}, objects(False).encode()),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_rows_in_every_format(tmp_path: Path, name: str) -> None:
    files, content = FORMATS[name]
    tenant = tenant_of(tmp_path, feed(**files))
    land(tenant, "c-20240105", content)
    result = load(tenant, tenant.feeds[0])
    assert [d.message for d in result.days] == [""]
    assert table(tenant, tenant.feeds[0]).select(list(FIELDS)).rows() == EXPECTED


def test_parquet_values_arrive_typed(tmp_path: Path) -> None:
    tenant = tenant_of(tmp_path, feed(format="parquet"))
    land(tenant, "c-20240105.parquet", parquet(tmp_path))
    result = load(tenant, tenant.feeds[0])
    assert [d.message for d in result.days] == [""]
    assert table(tenant, tenant.feeds[0]).select(list(FIELDS)).rows() == EXPECTED


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Asia/Kolkata"])
def test_parquet_instants_of_any_unit(tmp_path: Path, unit: Any, zone: str | None) -> None:
    """Data frames of pandas count nanoseconds."""
    made = feed_of(
        files={"pattern": "'c-'yyyyMMdd", "format": "parquet"},
        fields={"id": {}, "at": {"type": "datetime"}, "day": {"type": "date"}},
        timezone="Asia/Kolkata",
    )
    tenant = tenant_of(tmp_path, made)
    at = pl.Series([datetime(2024, 1, 5, 2)]).dt.replace_time_zone("Asia/Kolkata")
    local = at if zone else at.dt.replace_time_zone(None)
    frame = pl.DataFrame({"id": ["1"], "at": local.dt.cast_time_unit(unit)})
    frame.with_columns(day="at").write_parquet(tmp_path / "landing" / "c-20240105")
    assert [day.message for day in load(tenant, made).days] == [""]
    rows = table(tenant, made).select("at", "day").rows()
    assert rows == [(datetime(2024, 1, 4, 20, 30, tzinfo=UTC), date(2024, 1, 5))]
    columns = read_sample(tmp_path / "landing" / "c-20240105").types
    assert columns == {"at": "datetime", "day": "datetime"}


def test_parquet_numbers_become_the_declared_type(tmp_path: Path) -> None:
    made = feed_of(
        files={"pattern": "'c-'yyyyMMdd", "format": "parquet"},
        fields={"id": {"type": "integer"}, "price": {"type": "decimal"}, "n": {"type": "integer"}, 
            "day": {"type": "date", "format": "dd.MM.yyyy"}},
        error_threshold=100,
    )  # fmt: skip
    tenant = tenant_of(tmp_path, made)
    frame = pl.DataFrame(
        {
            "id": [1.0, 2.0, 3.0],
            "price": [0.1 + 0.2, 1e20, None],
            "n": [3.0, 3.5, 1.0],
            "day": [datetime(2024, 1, 5, 9)] * 3,
        }
    )
    frame.write_parquet(tmp_path / "landing" / "c-20240105")
    assert load(tenant, made).rows_rejected == 1
    rows = table(tenant, made).select("id", "price", "n", "day").rows()
    assert rows == [(1, Decimal("0.3000"), 3, date(2024, 1, 5)), (3, None, 1, date(2024, 1, 5))]


def test_broken_lines_of_ndjson_are_rejected_and_keep_their_line(tmp_path: Path) -> None:
    made = feed_of(
        files={"pattern": "'c-'yyyyMMdd", "format": "ndjson"},
        fields={"id": {}, "x": {}, "l": {"type": "array"}},
        error_threshold=100,
    )
    tenant = tenant_of(tmp_path, made)
    land(
        tenant,
        "c-20240105",
        b'{"ID": 1.10, "x": {"a": 1.5}, "l": [1.0]}\n\n{"id": \n[1]\n7\n'
        b'{"id": "\xff"}\n{"x": 1}\n{"id": "q: 5, \\" 6"}\n',
    )
    result = load(tenant, made)
    assert (result.rows_read, result.rows_rejected) == (7, 5)
    assert table(tenant, made).select("id", "x", "l").rows() == [
        ("1.10", '{"a":1.5}', "[1.0]"),
        ('q: 5, " 6', None, None),
    ]
    log = pl.read_csv(tmp_path / "logs" / "Shop_Customers.2024-01-05.row_errors.csv")
    assert log["line_no"].to_list() == [3, 4, 5, 6, 7]
    assert log["error_type"].to_list() == ["malformed_row"] * 3 + [
        "encoding_error",
        "missing_primary_key",
    ]


@pytest.mark.parametrize(
    ("files", "content", "kind"),
    [
        ({"format": "json"}, b'[{"id": 1}, {', "unreadable"),
        ({"format": "json"}, b'[{"name": 1}]', "missing_column"),
        ({"format": "ndjson"}, b'{"name": 1}\n', "missing_column"),
        ({"format": "parquet"}, b"PAR1 no", "unreadable"),
        ({"format": "xml"}, b"<row/>", "missing_column"),
        ({"format": "csv", "compression": "zip"}, b"PK", "bad_archive"),
        ({"format": "csv", "compression": "gzip"}, b"id\n1\n", "unreadable"),
        ({"format": "csv", "encoding": "klingon"}, b"id\n1\n", "unreadable"),
        ({"format": "dsv"}, b"id\n1\n", "configuration"),
    ],
)
def test_what_cannot_be_read_says_so(
    tmp_path: Path, files: dict[str, Any], content: bytes, kind: str
) -> None:
    tenant = tenant_of(tmp_path, feed(**files))
    land(tenant, "c-20240105", content)
    result = load(tenant, tenant.feeds[0])
    assert [(d.status, d.kind) for d in result.days] == [("failed", kind)]


def test_records_may_stand_in_an_object_of_each_line(tmp_path: Path) -> None:
    files = {"pattern": "'c-'yyyyMMdd", "format": "ndjson", "records": "data.user"}
    made = feed_of(files=files, fields={"id": {}, "n": {"type": "decimal"}}, error_threshold=100)
    tenant = tenant_of(tmp_path, made)
    lines = [
        '{"data": {"user": {"ID": 7, "n": 12345678901234567890.12}}}',
        '{"data": {"user": null}}',
        '{"data": {}}',
        '{"id": 8}',
    ]
    land(tenant, "c-20240105", "\n".join(lines))
    result = load(tenant, made)
    assert (result.rows_read, result.rows_rejected) == (4, 3)
    assert table(tenant, made).select("id", "n").rows() == [
        ("7", Decimal("12345678901234567890.12"))
    ]


@pytest.mark.parametrize("form", ["ndjson", "parquet"])
@pytest.mark.parametrize("nested", [{"town": "Rome"}, ["Rome"]])
def test_objects_and_lists_in_a_field_of_text_are_told(
    tmp_path: Path, form: str, nested: Any
) -> None:
    fields: dict[str, Any] = {"id": {}, "City": {}, "places": {"type": "struct"}}
    tenant = tenant_of(tmp_path)
    feed = feed_of(fields=fields, files={"pattern": "'c-'yyyyMMdd", "format": form})
    rows = [{"id": "1", "city": nested, "places": nested}]
    if form == "parquet":
        pl.DataFrame(rows).write_parquet(tmp_path / "landing" / "c-20240105")
    else:
        plain = {"id": "2", "city": "[Rome]", "places": None}
        land(tenant, "c-20240105", "\n".join(map(json.dumps, [*rows, plain])))
        land(tenant, "c-20240106", json.dumps(plain))
    first, *other = load(tenant, feed).days
    (warning,) = first.warnings
    assert "c-20240105: has objects or lists in 1 column (City), which the feed" in warning
    assert [day.warnings for day in other] == [[]] * len(other)


def test_a_file_without_a_header_needs_all_its_fields(tmp_path: Path) -> None:
    made = feed_of(
        files={"pattern": "'c-'yyyyMMdd", "header": False},
        fields={"id": {}, "name": {}},
        error_threshold=100,
    )
    tenant = tenant_of(tmp_path, made)
    land(tenant, "c-20240105", "a,Ann\nb\n")
    result = load(tenant, made)
    assert (result.rows_read, result.rows_rejected) == (2, 1)
    assert table(tenant, made)["name"].to_list() == ["Ann"]


def test_a_quote_that_nothing_closes_fails_the_file_it_would_swallow(tmp_path: Path) -> None:
    made = feed_of(
        files={"pattern": "'c-'yyyyMMdd"}, fields={"id": {}, "name": {}}, error_threshold=100
    )
    tenant = tenant_of(tmp_path, made)
    land(tenant, "c-20240105", "id,name\n" + "1,a\n" * 50 + '2,"b\n' + "3,c\n" * 50)
    land(tenant, "c-20240106", 'id,name\n4,"d\ne"f\n5,g\n6,"cut off')
    failed, loaded = load(tenant, made).days
    assert (failed.kind, loaded.status) == ("unreadable", "loaded")
    assert "never closed, in the record of line 52" in failed.message
    assert (loaded.rows_read, loaded.rows_rejected) == (4, 3)


BYTES = st.lists(
    st.sampled_from([b"id", b"name", b",", b'"', b"\n", b"\r\n", b"\\", b"a", b"1", b"\xff",
        b"\xc3\xa9", b"\x00", b"{", b"}", b'"id":', b"[", b"]", b" "]),
    max_size=30,
).map(b"".join)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    head=st.sampled_from([b"", b"id,name\n", b'{"id": 1}\n', b"\xff\xfe", b"\x1f\x8b", b"PAR1"]),
    body=BYTES,
    kind=st.sampled_from(["csv", "json", "ndjson", "parquet"]),
)
def test_no_bytes_break_the_readers_or_lose_a_row(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, body: bytes, kind: str
) -> None:
    made = feed_of(
        files={"pattern": "'c-'yyyyMMdd", "format": kind},
        fields={"id": {}, "name": {"type": "integer"}},
        error_threshold=100,
    )
    tenant = tenant_of(tmp_path_factory.mktemp("fuzz"), made)
    land(tenant, "c-20240105", head + body)
    (day,) = load(tenant, made).days
    if day.status != "failed":
        assert day.rows_read == day.rows_loaded + day.rows_rejected + day.rows_replaced
    else:
        assert table(tenant, made).is_empty()


@pytest.mark.parametrize(
    ("text", "row_tag"),
    [
        ("<list><row><a>1</a></row></list>", "row"),
        ("<people><person><a>1</a></person></people>", "person"),
        ("<x><about><n>2</n></about><all><one k='1'/><one k='2'/></all></x>", "one"),
        ("<x><about><n>2</n></about><one><a>1</a></one><one><a>2</a></one></x>", "one"),
        (
            "<s:Envelope xmlns:s='u'><s:Body><r><total>2</total><l>"
            "<c><tel><no>1</no></tel><tel><no>2</no></tel></c><c><a>1</a></c></l></r></s:Body>"
            "</s:Envelope>",
            "c",
        ),
        ("<x/>", "row"),
    ],
)
def test_rows_of_xml_are_found_in_what_they_are_wrapped_in(
    tmp_path: Path, text: str, row_tag: str
) -> None:
    path = tmp_path / "file.xml"
    path.write_text(text)
    assert likely_row_tag(path) == row_tag
