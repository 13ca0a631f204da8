"""Rows that are not rows, records inside documents, sheets of workbooks, numbers and dates as a
feed declares them.
"""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.ingest.formats.batches import Batch, distinct_names
from c360_assets.ingest.formats.json_records import json_records
from c360_assets.ingest.incoming import INCOMING, fill_incoming
from c360_assets.ingest.results import DayResult
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.session import open_session
from c360_assets_tests.ingest.tenants import ID, feed_of, land, load, table, tenant_of

NAMES: dict[str, Any] = {"id": {}, "name": {}, "mail": {}}


def feed(fields: dict[str, Any] | None = None, **files: Any) -> FeedConfig:
    shape = {"pattern": "'c-'yyyyMMdd'*'", **files}
    return feed_of(fields=fields or NAMES, files=shape, error_threshold=60)


def loaded(
    root: Path, content: str | bytes, fields: dict[str, Any] | None = None, **files: Any
) -> tuple[list[tuple[Any, ...]], DayResult]:
    """The rows of one file and what the load says of its day."""
    declared = feed(fields, **files)
    tenant = tenant_of(root, declared)
    land(tenant, "c-20240105.x", content)
    (day,) = load(tenant, declared).days
    return table(tenant, declared).select(*declared.outputs).rows(), day


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("before", "after", "dropped"),
    [
        (["sep=,"], [], 0),
        (["Members, spring", "", '"from, to"'], ["Sum,,", "4 members"], 2),
        (["# made by hand"], ["id,name,mail", "(text),(text),(text)", "Sum,,"], 3),
    ],
)
def test_lines_around_the_rows(
    tmp_path: Path, end: str, before: list[str], after: list[str], dropped: int
) -> None:
    lines = [*before, "id,name,mail", "7,Ida,i@x.example", *after, '8,"Orr, B",o@x.example']
    rows, day = loaded(
        tmp_path,
        end.join(lines) + end,
        skip_lines=len(before),
        drop_rows=r"^Sum|^id,|^\(text|^\d+ members$",
    )
    assert rows == [("7", "Ida", "i@x.example"), ("8", "Orr, B", "o@x.example")]
    assert (day.rows_read, day.files[0].dropped) == (2, dropped)
    assert any("left out" in warning for warning in day.warnings) == (dropped > 0)


def test_lines_are_skipped_in_files_of_any_size_and_counted_in_logs(tmp_path: Path) -> None:
    title = "t" * 70_000
    rows, day = loaded(tmp_path, f"{title}\nid,name,mail\n1,a\n2,b,c\n", skip_lines=1)
    assert rows == [("2", "b", "c")]
    assert ",3,,column_count_mismatch" in day.logs[0].read_text()
    assert loaded(tmp_path / "short", "id,name,mail", skip_lines=5)[1].status == "empty"


ORDERS: dict[str, Any] = {"order": {}, "sku": {}, "n": {"type": "integer"}}


def lines_feed(**changes: Any) -> FeedConfig:
    return feed_of(
        fields=ORDERS,
        primary_key=["order", "line"],
        row_number={"column": "line", "within": ["order"]},
        error_threshold=60,
        **changes,
    )


def test_rows_that_nothing_tells_apart_are_counted_within_a_value(tmp_path: Path) -> None:
    feed = lines_feed()
    tenant = tenant_of(tmp_path, feed)
    # A line that is rejected counts, so that the others keep their numbers once it is right.
    land(tenant, "c-20240105.csv", "order,sku,n\nA,cap,1\nA,cap,1\nB,cap,x\nB,mug,2\n")
    assert load(tenant, feed).days[0].rows_rejected == 1
    assert table(tenant, feed).select("order", "line", "sku", "_pk").rows() == [
        ("A", 1, "cap", "A|1"),
        ("A", 2, "cap", "A|2"),
        ("B", 2, "mug", "B|2"),
    ]
    land(tenant, "c-20240106.csv", "order,sku,n\nB,cap,3\nB,mug,2\nA,cap,1\n")
    assert load(tenant, feed).days[0].rows_read == 3
    assert table(tenant, feed).select("order", "line", "n").rows() == [
        ("A", 1, 1),
        ("A", 2, 1),
        ("B", 1, 3),
        ("B", 2, 2),
    ]


def test_counting_does_not_depend_on_how_a_large_file_is_cut(tmp_path: Path) -> None:
    rows = """
        SELECT n // 100 AS _file, 1 + n % 100 AS _row, 2 + n % 100 AS _line,
               NULL::VARCHAR AS _reject, NULL::VARCHAR AS _record,
               (n // 7)::VARCHAR AS r0, 's' || n AS r1, '1' AS r2
        FROM range(200) t(n)"""
    counted = []
    with open_session(tmp_path / "warehouse") as session:
        for size in (200, 30):
            parts = [
                f"_file * 100 + _row > {n} AND _file * 100 + _row <= {n + size}"
                for n in range(0, 200, size)
            ]
            batches = [Batch(f"SELECT * FROM ({rows}) WHERE {part}") for part in parts]
            fill_incoming(session, ID, lines_feed(), [2024, 2024], batches)
            counted.append(session.rows(f"SELECT * FROM {INCOMING} ORDER BY _file, _row"))
    assert counted[0] == counted[1]
    lines = [row[3] for row in counted[0]]
    assert lines[:8] == [1, 2, 3, 4, 5, 6, 7, 1]
    assert lines[98:102] == [1, 2, 1, 2], "an order that two files hold is counted in each"
    assert len(counted[0]) == 200


def test_a_column_that_counts_rows_is_filled_for_days_that_were_loaded_before(
    tmp_path: Path,
) -> None:
    before = feed_of(fields=ORDERS, primary_key=["sku"])
    tenant = tenant_of(tmp_path, before)
    land(tenant, "c-20240105.csv", "order,sku,n\nA,cap,1\nA,mug,1\n")
    load(tenant, before)
    number = {"column": "line", "within": ["order"]}
    feed = feed_of(fields=ORDERS, primary_key=["sku"], row_number=number)
    found = load(tenant_of(tmp_path, feed), feed)
    assert any("read again" in warning for day in found.days for warning in day.warnings)
    assert table(tenant, feed).select("sku", "line").rows() == [("cap", 1), ("mug", 2)]


def test_rows_that_look_like_totals_are_told_with_what_leaves_them_out(tmp_path: Path) -> None:
    text = "id,name,mail\n1,Totaly,x\n,Grand Total,9\nSubtotal,,3\n"
    rows, day = loaded(tmp_path, text)
    assert len(rows) == 2
    (warning,) = day.warnings
    assert "2 rows look like a total, the first in line 3" in warning
    remedy = warning.split("`")[1].removeprefix("drop_rows: ").strip("'")
    rows, day = loaded(tmp_path / "again", text, drop_rows=remedy)
    assert (len(rows), day.files[0].dropped) == (1, 2)


@pytest.mark.parametrize(
    ("text", "good", "rejected"),
    [
        ("id,name,mail\n1,a,b,\n2,c,d,\n3,e,\n4,f,g,\n", ["1", "2", "4"], 1),
        ("id,name,mail,\n1,a,b\n2,c,d\n3,e\n", ["1", "2"], 1),
        ("id,name,mail,\n1,a,b,\n2,c,d,\n3,e,\n", ["1", "2"], 1),
        ("id,name,mail,,\n1,a,b,,\n2,c,d,,\n", ["1", "2"], 0),
        ('id,name,mail\n1,a,b, c\n2,c,d\n3,12" nail,f\n', ["2", "3"], 1),
        ('id,name,mail\n"1","a, b","c",\n"2","d","e",\n', ["1", "2"], 0),
        ("id,name,mail\n1,a,b\r\n2,c,d\r3,e,f\n", ["1", "2", "3"], 0),
        # More values than names, and no way to tell which is which.
        ("id,name,mail\n1,a,b,c\n2,c,d,e\n3,f,g\n", ["3"], 2),
    ],
)
def test_odd_rows_are_rejected_and_no_value_moves(
    tmp_path: Path, text: str, good: list[str], rejected: int
) -> None:
    declared = feed_of(fields=NAMES, files={"pattern": "'c-'yyyyMMdd'*'"}, error_threshold=100)
    tenant = tenant_of(tmp_path, declared)
    land(tenant, "c-20240105.csv", text)
    (day,) = load(tenant, declared).days
    assert (table(tenant, declared)["id"].to_list(), day.rows_rejected) == (good, rejected)


def test_columns_of_one_name_are_declared_by_number(tmp_path: Path) -> None:
    assert distinct_names(["a", "A", "", "a_2", "a", ""]) == [
        "a", "A_3", "unnamed_3", "a_2", "a_4", "unnamed_6",
    ]  # fmt: skip
    text = "id,Mail,MAIL\n1,a@x.example,b@x.example\n"
    fields: dict[str, Any] = {"id": {}, "mail": {}, "mail_2": {}}
    assert loaded(tmp_path / "both", text, fields)[0] == [("1", "a@x.example", "b@x.example")]
    _, day = loaded(tmp_path / "one", text, {"id": {}, "mail": {}})
    assert "declare the other one too, as the field mail_2" in day.message


RECORDS = [{"id": "1", "name": 'q"]}{', "mail": "x,\\"}, {"id": 2.50, "name": None}]
LIST = json.dumps(RECORDS)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("data", f'{{"object": "list", "has_more": false, "data": {LIST}}}'),
        ("value", f'{{"odata.context": "x[", "value": {LIST}, "n": [1, 2]}}'),
        ("/odata.value", f'{{"odata.value": {LIST}}}'),
        ("a.b", f'\ufeff{{"b": [], "a": {{"c": {{}}, "b" : {LIST}}}}}'),
        ("data", f'[{{"data": {json.dumps(RECORDS[:1])}}}, {{"data": {json.dumps(RECORDS[1:])}}}]'),
        ("data", f'{{"data": {json.dumps(RECORDS[:1])}}}\n{{"data": {json.dumps(RECORDS[1:])}}}'),
    ],
)
def test_records_under_a_path(tmp_path: Path, path: str, document: str) -> None:
    rows, day = loaded(tmp_path, document, format="json", records=path)
    assert rows == [("1", 'q"]}{', "x,\\"), ("2.5", None, None)]
    assert day.rows_rejected == 0


def test_numbers_of_json_keep_their_point_beside_texts_with_another_sign(tmp_path: Path) -> None:
    number = {"decimal": ",", "thousands": "."}
    fields = {"id": {}, "n": {"type": "decimal", "scale": 3, "number": number}}
    text = '[{"id": 1, "n": 1.234}, {"id": 2, "n": "1.234"}, {"id": 3, "n": -5}]'
    rows, _ = loaded(tmp_path, text, fields, format="json")
    assert [row[1] for row in rows] == [Decimal("1.234"), Decimal(1234), Decimal(-5)]


def test_a_document_whose_records_are_deeper_says_where(tmp_path: Path) -> None:
    text = '{"page": 1, "result": {"people": [{"id": 1}], "n": 1}}'
    _, day = loaded(tmp_path, text, format="json")
    assert "such as `records: result.people` under files" in day.message


def test_an_object_of_records_has_their_keys(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"_key": {"rename": "id"}, "n": {"type": "decimal", "scale": 2}}
    text = '{"x": {"K 1": {"n": 1.10}, "K\\"2" : { }, "K3": {"n": {"deep": [1]}}}}'
    rows, day = loaded(tmp_path, text, fields, format="json", records="x")
    assert rows == [("K 1", Decimal("1.10")), ('K"2', None)]
    assert day.rows_rejected == 1
    # An object that holds no objects is one record.
    single, _ = loaded(
        tmp_path / "one", '{"x": {"id": 5, "name": "a"}}', format="json", records="x"
    )
    assert single == [("5", "a", None)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"data": {"rows": []}, "meta": {}}', "no list or object under x; correct files.records"),
        ('{"x": [{"id": 1}', "is not valid JSON"),
        ('{"x": "open}', "is not valid JSON"),
        ("{}", "no list or object under x"),
    ],
)
def test_a_document_without_the_path_says_what_it_has(
    tmp_path: Path, text: str, message: str
) -> None:
    _, day = loaded(tmp_path, text, format="json", records="x")
    assert message in day.message
    if "meta" in text:
        assert "it has data, meta" in day.message


def test_scalars_among_records_are_rejected_and_null_is_no_record(tmp_path: Path) -> None:
    rows, day = loaded(tmp_path, '{"x": [{"id": 1}, 7, "a"]}', format="json", records="x")
    assert (rows, day.rows_rejected) == ([], 2)
    assert loaded(tmp_path / "n", '{"x": null}', format="json", records="x")[1].status == "empty"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    records=st.lists(st.dictionaries(st.text(min_size=1), VALUES, max_size=4), max_size=4),
    beside=VALUES,
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
)
def test_any_document_is_cut_where_a_parser_cuts_it(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[dict[str, Any]],
    beside: Any,
    indent: int | None,
    ascii_only: bool,
) -> None:
    path = tmp_path_factory.mktemp("cut") / "a.json"
    document = {"beside": beside, "at": {"rows": records}, "last": beside}
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    cut = [json.loads(r) for frame in json_records(path, "at.rows") for r in frame["record"]]
    assert cut == records


def workbook(sheets: dict[str, list[list[Any]]]) -> bytes:
    """A workbook of texts, numbers and dates (style 1), as small as readers take it."""

    def cell(column: int, row: int, value: Any) -> str:
        at = f"{chr(65 + column)}{row}"
        if value is None:
            return ""
        if isinstance(value, str):
            text = value.replace("&", "&amp;").replace("<", "&lt;")
            return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
        if isinstance(value, bool):
            return f'<c r="{at}" t="b"><v>{int(value)}</v></c>'
        if isinstance(value, datetime):
            days = (value - datetime(1899, 12, 30)).total_seconds() / 86400
            return f'<c r="{at}" s="1"><v>{days!r}</v></c>'
        return f'<c r="{at}"><v>{value!r}</v></c>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    names = list(sheets)
    entries = "".join(
        f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>' for i, name in enumerate(names, 1)
    )
    links = "".join(
        f'<Relationship Id="r{i}" Type="{rel}/worksheet" Target="worksheets/s{i}.xml"/>'
        for i in range(1, len(names) + 1)
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
            f'"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
            f'ContentType="{kinds}.worksheet+xml"/></Types>',
        )
        packed.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="w" '
            f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        packed.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets>{entries}</sheets></workbook>',
        )
        packed.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships">{links}<Relationship Id="st" '
            f'Type="{rel}/styles" Target="styles.xml"/></Relationships>',
        )
        packed.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/>'
            f'<xf numFmtId="22"/></cellXfs></styleSheet>',
        )
        for number, rows in enumerate(sheets.values(), 1):
            body = "".join(
                f'<row r="{r}">{"".join(cell(c, r, v) for c, v in enumerate(row))}</row>'
                for r, row in enumerate(rows, 1)
            )
            packed.writestr(
                f"xl/worksheets/s{number}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
            )
    return buffer.getvalue()


SHEET: list[list[Any]] = [
    ["Members of June"],
    [],
    ["id", "zip", "day", "at", "spent", "vip"],
    [1001, "03820", datetime(1984, 3, 9), datetime(2024, 1, 5, 6, 30), 1234.5, True],
    [7711000001234, 3821, None, datetime(2024, 1, 5), "1.234,50 €", False],
    [],
    ["Summe", None, None, None, 2469],
]
SHEET_FIELDS: dict[str, Any] = {
    "id": {},
    "zip": {},
    "day": {"type": "date"},
    "at": {"type": "datetime"},
    "spent": {"type": "decimal", "scale": 2, "number": {"decimal": ",", "thousands": "."}},
    "vip": {"type": "boolean"},
}


def test_a_sheet_of_a_workbook(tmp_path: Path) -> None:
    content = workbook({"Notes": [["a"], ["b"]], "June+July": SHEET})
    options: dict[str, Any] = {"format": "xlsx", "skip_lines": 1, "drop_rows": "^Summe,"}
    rows, day = loaded(tmp_path, content, SHEET_FIELDS, sheet="June+July", **options)
    assert rows == [
        ("1001", "03820", date(1984, 3, 9), datetime(2024, 1, 5, 6, 30, tzinfo=UTC),
         Decimal("1234.50"), True),
        ("7711000001234", "3821", None, datetime(2024, 1, 5, tzinfo=UTC),
         Decimal("1234.50"), False),
    ]  # fmt: skip
    assert day.files[0].dropped == 1
    _, day = loaded(tmp_path / "which", content, SHEET_FIELDS, **options)
    assert "has several sheets with rows: Notes, June+July; say which" in day.message
    _, day = loaded(tmp_path / "none", content, SHEET_FIELDS, sheet="July", **options)
    assert "has no sheet July; correct files.sheet: it has Notes, June+July" in day.message
    _, day = loaded(tmp_path / "broken", content[:300], SHEET_FIELDS, **options)
    assert day.status == "failed"


def test_a_folder_of_any_name_loads(tmp_path: Path) -> None:
    root = tmp_path / "é [1] #50% * ? data"
    (root / "landing").mkdir(parents=True)
    declared = feed(format="parquet")
    tenant = tenant_of(root, declared)
    for number in (5, 6):
        path = root / "landing" / f"c-2024010{number}.parquet"
        pl.DataFrame({"id": [str(number)], "name": ["a"], "mail": ["b"]}).write_parquet(path)
    load(tenant, declared)
    assert table(tenant, declared)["id"].to_list() == ["5", "6"]
    documents = feed(format="json")
    other = tenant_of(root / "json", documents)
    land(other, "c-20240105.json", '[{"id": 1, "name": 2, "mail": 3}]')
    load(other, documents)
    assert table(other, documents)["id"].to_list() == ["1"]


def cut_in_bytes(name: str, encoding: str) -> bytes:
    cells = [("I", "NAME", "SPENT"), *((f"{n}", name, "7.50") for n in range(1, 5))]
    lines = [
        f"{no} ".encode() + text.encode(encoding).ljust(12) + end.encode()
        for no, text, end in cells
    ]
    return b"\n".join(lines) + b"\n"


IN_BYTES: dict[str, Any] = {
    "files": {"pattern": "'c-'yyyyMMdd'*'", "format": "fixed", "columns_at": [0, 2, 14]},
    "fields": {"i": {}, "name": {}, "spent": {"type": "decimal", "scale": 2}},
    "primary_key": ["i"],
}


@pytest.mark.parametrize(
    ("name", "encoding", "mark"),
    [
        ("ŞÜKRÜ à", "utf-8", b""),
        ("ŞÜKRÜ à", "utf-8", b"\xef\xbb\xbf"),
        ("山田", "shift_jis", b""),
    ],
)
def test_lines_of_fixed_width_may_be_cut_in_bytes(
    tmp_path: Path, name: str, encoding: str, mark: bytes
) -> None:
    tenant = tenant_of(tmp_path)
    land(tenant, "c-20240105.txt", mark + cut_in_bytes(name, encoding))
    files = {**IN_BYTES["files"], "encoding": encoding, "columns_in_bytes": True}
    feed = feed_of(**{**IN_BYTES, "files": files})
    load(tenant, feed)
    rows = table(tenant, feed).select("i", "name", "spent").rows()
    assert rows == [(f"{n}", name, Decimal("7.50")) for n in range(1, 5)]


def test_columns_in_bytes_are_not_cut_in_characters(tmp_path: Path) -> None:
    tenant = tenant_of(tmp_path)
    land(tenant, "c-20240105.txt", cut_in_bytes("ŞÜKRÜ", "utf-8"))
    (day,) = load(tenant, feed_of(**IN_BYTES)).days
    assert "say `columns_in_bytes: true` under files" in day.message


def test_lines_of_fixed_width_are_cut_in_characters(tmp_path: Path) -> None:
    tenant = tenant_of(tmp_path)
    text = 'ID NAME        SPENT\n-- ----------- -----\n1  ŞÜKRÜ, "Ö"   7.50\n2  ANN\n\n'
    land(tenant, "c-20240105.txt", text.encode("cp1254"))
    files = {"pattern": "'c-'yyyyMMdd'*'", "format": "fixed", "columns_at": [0, 3, 14]}
    feed = feed_of(
        files={**files, "encoding": "cp1254", "drop_rows": "^--"},
        fields={"id": {}, "name": {}, "spent": {"type": "decimal", "scale": 2}},
    )
    load(tenant, feed)
    rows = table(tenant, feed)
    assert rows.select("id", "name").rows() == [("1", 'ŞÜKRÜ, "Ö"'), ("2", "ANN")]
    assert [str(value) for value in rows["spent"]] == ["7.50", "None"]
