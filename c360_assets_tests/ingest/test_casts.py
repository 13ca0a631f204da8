"""Literals and what each type makes of them."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from c360_assets.errors import C360Error
from c360_assets.ingest.casts import FALSE, TRUE, cast_for, typed_sql
from c360_assets.ingest.dates import compile_pattern
from c360_assets.tenant.models import FieldConfig
from c360_assets_tests.ingest.tenants import feed_of

WRONG = "wrong"


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'").fetchall()
    return con


def cast(
    con: duckdb.DuckDBPyConnection, item: FieldConfig, texts: list[str], **feed: Any
) -> list[str | None]:
    field_cast = cast_for(feed_of(**feed), item, 0, "2024")
    rows = ", ".join(f"({i}, ?)" for i in range(len(texts)))
    typed = typed_sql([field_cast], f"(VALUES {rows}) t(i, r0)")
    query = f"SELECT v0::VARCHAR, t0 FROM ({typed}) ORDER BY i"
    return [
        WRONG if value is None and text is not None else value
        for value, text in con.execute(query, texts).fetchall()
    ]


GOLDEN: dict[str, list[tuple[str, str | None]]] = {
    "string": [("", ""), (" a ", " a "), ("NULL", "NULL"), ("007", "007")],
    "boolean": [
        ("true", "true"), ("T", "true"), ("Yes", "true"), ("y", "true"), ("1", "true"),
        (" 1 ", "true"),
        ("FALSE", "false"), ("f", "false"), ("no", "false"), ("N", "false"), ("0", "false"),
        ("", None), ("  ", None), ("on", WRONG), ("2", WRONG), ("null", WRONG),
    ],
    "integer": [
        ("0", "0"), ("-7", "-7"), ("+7", "7"), ("007", "7"), (" 12 ", "12"), ("1.0", "1"),
        ("1.000", "1"), ("", None),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", WRONG), ("1.5", WRONG), ("1e3", WRONG), ("1,000", WRONG),
        ("1_000", WRONG), ("0x10", WRONG),
        ("twelve", WRONG), ("--1", WRONG), ("1 2", WRONG),
    ],
    "decimal": [
        ("1", "1.0000"), ("1.5", "1.5000"), (".5", "0.5000"), ("-0.00005", "-0.0001"),
        ("0.00005", "0.0001"),
        ("0.00004999", "0.0000"),
        ("+3.10", "3.1000"), ("", None), ("\t", None),
        ("12345678901234567890.1234", "12345678901234567890.1234"),
        ("9999999999999999999999999999999999.9999", "9999999999999999999999999999999999.9999"),
        ("99999999999999999999999999999999999", WRONG), ("1e2", WRONG), ("1,000.00", WRONG),
        ("$5", WRONG), ("5 USD", WRONG),
        ("1.2.3", WRONG), ("NaN", WRONG), ("-", WRONG),
    ],
    "float": [
        ("1", "1.0"), ("1.5e3", "1500.0"), ("-2E-2", "-0.02"), (".5", "0.5"), ("", None),
        ("1e999", WRONG), ("nan", WRONG), ("inf", WRONG), ("1,5", WRONG),
    ],
    "date": [
        ("20240105", "2024-01-05"), ("2024-01-05", "2024-01-05"), ("2024/01/05", "2024-01-05"),
        ("01/05/2024", "2024-01-05"),
        ("1/5/2024", "2024-01-05"), ("01/05/24", "2024-01-05"), ("01/05/43", "2043-01-05"),
        ("01/05/44", "1944-01-05"),
        ("05-Jan-2024", "2024-01-05"), ("05-jan-99", "1999-01-05"), ("05 Jan 2024", "2024-01-05"),
        ("5 January 2024", "2024-01-05"),
        ("05JAN2024", "2024-01-05"), ("2024-02-29", "2024-02-29"), ("0001-01-01", "0001-01-01"),
        (" 2024-01-05 ", "2024-01-05"), ("", None), ("2023-02-29", WRONG), ("2024-13-01", WRONG),
        ("13/13/2024", WRONG), ("0000-00-00", WRONG), ("0000-01-01", WRONG),
        ("24-01-05", WRONG), ("2024-01-05 10:00:00", WRONG), ("1704412800", WRONG),
        ("Jan 5", WRONG), ("05-Foo-2024", WRONG),
    ],
    "datetime": [
        ("2024-01-05 10:11:12", "2024-01-05 10:11:12+00"),
        ("2024-01-05T10:11:12", "2024-01-05 10:11:12+00"),
        ("2024-01-05 10:11:12.123", "2024-01-05 10:11:12.123+00"),
        ("2024-01-05 10:11:12.123456789", "2024-01-05 10:11:12.123456+00"),
        ("2024-01-05T10:11:12Z", "2024-01-05 10:11:12+00"),
        ("2024-01-05T10:11:12+02:00", "2024-01-05 08:11:12+00"),
        ("2024-01-05T10:11:12.5-0530", "2024-01-05 15:41:12.5+00"),
        ("2024-01-05T10:11Z", "2024-01-05 10:11:00+00"),
        ("2024-01-05 10:11:12.5+02", "2024-01-05 08:11:12.5+00"),
        ("2024-01-05 10:11:12-03", "2024-01-05 13:11:12+00"),
        ("2024-01-05", "2024-01-05 00:00:00+00"), ("20240105 101112", "2024-01-05 10:11:12+00"),
        ("20240105T101112.25Z", "2024-01-05 10:11:12.25+00"),
        ("20240105 101112-0800", "2024-01-05 18:11:12+00"),
        ("01/05/2024 03:04:05 PM", "2024-01-05 15:04:05+00"),
        ("1/5/24 3:04 am", "2024-01-05 03:04:00+00"),
        ("01/05/2024 12:00 AM", "2024-01-05 00:00:00+00"),
        ("05-Jan-2024 3:04PM UTC", "2024-01-05 15:04:00+00"),
        ("05 Jan 2024 10", "2024-01-05 10:00:00+00"),
        ("2024-01-05 10:11:12.123 UTC", "2024-01-05 10:11:12.123+00"), ("", None),
        ("2024-01-05  10:11:12", WRONG), ("2024-01-05 24:00:00", WRONG),
        ("2024-01-05 10:60", WRONG),
        ("2024-01-05 10:11:12 PST", WRONG),
        ("1704449472", WRONG), ("1704449472000", WRONG), ("01/05/20245", WRONG),
        ("2024-02-30 10:00:00", WRONG),
        ("0000-01-01 00:00:00", WRONG),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", GOLDEN)
def test_golden_literals(con: duckdb.DuckDBPyConnection, kind: str) -> None:
    texts = [text for text, _ in GOLDEN[kind]]
    got = cast(con, FieldConfig.model_validate({"type": kind}), texts)
    assert list(zip(texts, got, strict=True)) == GOLDEN[kind]


def test_there_are_enough_literals() -> None:
    assert sum(map(len, GOLDEN.values())) >= 120


@pytest.mark.parametrize(
    ("kind", "pattern", "text", "value"),
    [
        ("date", "dd.MM.yyyy", "01.02.2024", "2024-02-01"),
        ("date", "dd/MM/yyyy", "13/02/2024", "2024-02-13"),
        ("date", "dd/MM/yyyy", "02/13/2024", WRONG),
        ("date", "dd.MM.yyyy", "2024-02-01", "2024-02-01"),
        ("date", "yyyyDDD", "2024060", "2024-02-29"),
        ("date", "yyyyDDD", "2023366", WRONG),
        ("date", "MMM d, yyyy", "Sept 5, 2024", "2024-09-05"),
        ("date", "dd-MMM-yyyy", "05-janv.-2024", "2024-01-05"),
        ("date", "dd/MM/yyyy", "1. März 2024", "2024-03-01"),
        ("date", "'set' d.M.yyyy", "set 1.2.2024", "2024-02-01"),
        ("date", "dd MMM yyyy", "12 setter 2024", WRONG),
        ("date", "yyyy-MM-dd HH:mm", "2024-02-01 10:00", "2024-02-01"),
        ("datetime", "'am' d.M.yyyy 'um' H:mm", "am 1.2.2024 um 3:04", "2024-02-01 03:04:00+00"),
        ("datetime", "yyyyMMddHHmmss", "20240201030405", "2024-02-01 03:04:05+00"),
        ("datetime", "d 'o''clock' MM yyyy", "1 o'clock 02 2024", "2024-02-01 00:00:00+00"),
        (
            "datetime",
            "yyyy-MM-dd'T'HH:mm:ssZZ",
            "2024-02-01T03:04:05+01:00",
            "2024-02-01 02:04:05+00",
        ),
    ],
)
def test_a_declared_pattern_leaves_only_what_reads_in_one_way(
    con: duckdb.DuckDBPyConnection, kind: str, pattern: str, text: str, value: str
) -> None:
    assert cast(con, FieldConfig.model_validate({"type": kind, "format": pattern}), [text]) == [
        value
    ]


@pytest.mark.parametrize("pattern", ["yyyy-QQ-dd", "'open", "dd.MM.yyyy dd"])
def test_a_pattern_that_means_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(C360Error, match="date pattern"):
        compile_pattern(pattern)


def test_local_times_are_read_in_the_feeds_zone(con: duckdb.DuckDBPyConnection) -> None:
    texts = ["2024-01-05 10:00:00", "2024-07-05 10:00", "2024-07-05 10:00:00Z"]
    got = cast(con, FieldConfig(type="datetime"), texts, timezone="America/New_York")
    assert got == ["2024-01-05 15:00:00+00", "2024-07-05 14:00:00+00", "2024-07-05 10:00:00+00"]


NUMBERS: list[tuple[dict[str, Any], str, list[tuple[str, str | None]]]] = [
    (
        {"thousands": ","},
        "decimal",
        [
            ("1,020", "1020.0000"), ("1,234.56", "1234.5600"), ("$80.00", "80.0000"),
            ("US$ 1,000,000", "1000000.0000"), ("12,34,567.5", "1234567.5000"),
            ("9000", "9000.0000"),
            ("(12.50)", "-12.5000"), ("($1,200)", "-1200.0000"), ("-$5", "-5.0000"),
            ("$-5", "-5.0000"), ("5-", "-5.0000"), ("\u22125.5", "-5.5000"), ("+.5", "0.5000"),
            ("CHF 12.50", "12.5000"), ("12 USD", "12.0000"), ("", None),
            ("1,02", WRONG), ("1,0200", WRONG), (",020", WRONG), ("1.234,56", WRONG),
            ("(12.50", WRONG), ("-(5)", WRONG), ("-5-", WRONG), ("1 000", WRONG),
            ("12 pieces", WRONG),
            ("5%", WRONG), ("$", WRONG), ("1e5", WRONG), ("--", WRONG),
        ],
    ),
    (
        {"decimal": ",", "thousands": "."},
        "decimal",
        [
            ("1.234,56 \u20ac", "1234.5600"), ("12,50-", "-12.5000"), ("\u20ac 1.000", "1000.0000"),
            ("80,00 EUR", "80.0000"), ("1234,5", "1234.5000"), ("R$ 9,90", "9.9000"),
            ("1.5", WRONG),
            ("1,234.56", WRONG),
        ],
    ),
    (
        {"decimal": ",", "thousands": " "},
        "float",
        [("1\u202f234,5", "1234.5"), ("1 234 567", "1234567.0"), ("1\u00a0234 kr", "1234.0"),
         ("12 34", WRONG)],
    ),
    ({"thousands": "'"}, "decimal", [("1'234.50", "1234.5000"), ("Fr. 1\u2019234", "1234.0000")]),
    (
        {"thousands": ","},
        "integer",
        [("1,020", "1020"), ("7.00", "7"), ("-1,000", "-1000"), ("1.5", WRONG), ("1,02", WRONG)],
    ),
    ({"decimal": ","}, "decimal", [("12,5", "12.5000"), ("1.234,5", WRONG), ("0,12345", "0.1235")]),
]  # fmt: skip


@pytest.mark.parametrize(("form", "kind", "cases"), NUMBERS)
def test_numbers_as_declared(
    con: duckdb.DuckDBPyConnection,
    form: dict[str, Any],
    kind: str,
    cases: list[tuple[str, str | None]],
) -> None:
    item = FieldConfig.model_validate({"type": kind, "number": form})
    texts, values = zip(*cases, strict=True)
    assert cast(con, item, list(texts)) == list(values)


NUMBER_DATE_CASES: list[tuple[str, str, list[tuple[str, str | None]]]] = [
    (
        "datetime",
        "excel_serial",
        [
            ("46000.41667", "2025-12-09 10:00:00+00"), ("46170,5", "2026-05-28 12:00:00+00"),
            ("1", "1900-01-01 00:00:00+00"), ("60", WRONG), ("61", "1900-03-01 00:00:00+00"),
            ("0", WRONG), ("-5", WRONG), ("2958466", WRONG), ("", None),
            ("2026-05-28 12:00", "2026-05-28 12:00:00+00"), ("5/30/2026", WRONG),
        ],
    ),
    (
        "date",
        "excel_serial",
        [("30750", "1984-03-09"), ("30750.5", "1984-03-09"), ("9 Mar 1984", "1984-03-09")],
    ),
    (
        "datetime",
        "epoch_s",
        [
            ("1780122540", "2026-05-30 06:29:00+00"), ("-1.5", "1969-12-31 23:59:58.5+00"),
            ("1780122540000", WRONG), ("1.78E+9", WRONG),
            ("2026-05-30T06:29:00Z", "2026-05-30 06:29:00+00"),
        ],
    ),
    ("datetime", "epoch_ms", [("1780122540250", "2026-05-30 06:29:00.25+00"), ("x", WRONG)]),
    ("date", "epoch_ms", [("447638400000", "1984-03-09")]),
    ("datetime", "epoch_us", [("1780122540250001", "2026-05-30 06:29:00.250001+00")]),
    (
        "datetime",
        "dd.MM.yyyy HH:mm",
        [
            ("05.03.2026 07:08", "2026-03-05 07:08:00+00"),
            ("2026-03-05", "2026-03-05 00:00:00+00"),
            ("2026.03.05 7:08", "2026-03-05 07:08:00+00"),
            ("March 5, 2026", "2026-03-05 00:00:00+00"),
            ("03/05/2026", WRONG), ("20260305", WRONG), ("31.02.2026 10:00", WRONG),
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "form", "cases"), NUMBER_DATE_CASES)
def test_dates_as_declared_and_what_reads_in_one_way(
    con: duckdb.DuckDBPyConnection, kind: str, form: str, cases: list[tuple[str, str | None]]
) -> None:
    item = FieldConfig.model_validate({"type": kind, "format": form})
    texts, values = zip(*cases, strict=True)
    assert cast(con, item, list(texts)) == list(values)


def test_a_midnight_in_utc_is_a_date_whatever_the_zone(con: duckdb.DuckDBPyConnection) -> None:
    item = FieldConfig.model_validate({"type": "date", "format": "epoch_s"})
    texts = ["447638400", "447638401"]
    assert cast(con, item, texts, timezone="America/New_York") == ["1984-03-09", "1984-03-08"]


@pytest.mark.parametrize(
    "text",
    [
        "5/30/2026 6:29:00", "5/30/26 6:29", "5/30/2026, 6:29:00 AM", "5/30/2026 6:29\u202fam",
        "05/30/2026 06:29AM", "May 30, 2026 at 6:29 a.m.", "May 30 2026 06:29:00",
        "30 May 2026 06:29", "30-May-2026 06:29:00", "Sat, 30 May 2026 06:29:00 +0000",
        "Sat, 30 May 2026 06:29:00 GMT", "2026-05-30 06:29:00 UTC", "2026-05-30 06:29 UTC",
        "2026-05-30T02:29:00-04:00", "2026/05/30 06:29", "2026.05.30 6:29", "20260530T062900Z",
        "2026-05-30 08:29:00 +0200",
    ],
)  # fmt: skip
def test_times_as_programs_write_them(con: duckdb.DuckDBPyConnection, text: str) -> None:
    item = FieldConfig.model_validate({"type": "datetime"})
    assert cast(con, item, [text]) == ["2026-05-30 06:29:00+00"]


# Type and settings -> texts with what they mean.
OTHER_SCRIPTS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"type": "integer"}, [("٢٥", "25"), ("۲۵", "25"), ("२५", "25"), ("\u200f25", "25")]),
    (
        {"type": "decimal", "scale": 2, "number": {"decimal": ".", "thousands": ","}},
        [("١٬٢٣٤٫٥٠ ر.س", "1234.50"), ("฿1,234", "1234.00"), ("EUR 7", "7.00"), ("RES 7", WRONG)],
    ),
    ({"type": "date", "format": "dd/MM/yyyy"}, [("٢٥/١٢/١٩٩٠", "1990-12-25")]),
    (
        {"type": "date", "format": "dd/MM/yyyy", "calendar": "buddhist"},
        [("29/02/2531", "1988-02-29"), ("๒๕/๑๒/๒๕๓๓", "1990-12-25"), ("29/02/2530", WRONG)],
    ),
    (
        {"type": "datetime", "calendar": "buddhist"},
        [("25690131 101500", "2026-01-31 10:15:00+00"), ("2569-01-31", "2026-01-31 00:00:00+00")],
    ),
    (
        {"type": "date", "format": "yyyy/MM/dd", "calendar": "persian"},
        [("۱۴۰۳/۰۵/۱۲", "2024-08-02"), ("1403/02/31", "2024-05-20"), ("1403/12/30", "2025-03-20"),
         ("1403/07/31", WRONG), ("1403/13/01", WRONG), ("1990/05/12", "1990-05-12")],
    ),
    (
        {"type": "datetime", "format": "dd-MM-yyyy HH:mm", "calendar": "islamic"},
        [("01-09-1445 08:30", "2024-03-11 08:30:00+00"), ("30-01-1445 08:30", WRONG)],
    ),
    (
        {"type": "date", "calendar": "japanese"},
        [("令和６/5/12", "2024-05-12"), ("R6/5/12", "2024-05-12"), ("Ｓ64/1/7", "1989-01-07"),
         ("平成元/1/8", "1989-01-08"), ("2024/5/12", "2024-05-12")],
    ),
    (
        {"type": "date", "format": "yyyy'年'MM'月'dd'日'", "calendar": "japanese"},
        [("令和元年5月1日", "2019-05-01"), ("昭和55年13月4日", WRONG)],
    ),
    (
        {"type": "date", "calendar": "roc"},
        [("113/05/12", "2024-05-12"), ("78/05/12", "1989-05-12"), ("1130512", "2024-05-12"),
         ("780512", "1989-05-12"), ("113/02/30", WRONG)],
    ),
    (
        {"type": "date", "format": "dd/MM/yyyy", "calendar": "ethiopic"},
        [("01/01/2016", "2023-09-12"), ("05/13/2015", "2023-09-10"), ("06/13/2016", WRONG)],
    ),
    (
        {"type": "datetime"},
        [("2025/1/2 下午 1:30:05", "2025-01-02 13:30:05+00"),
         ("2025-01-02 12:05 ص", "2025-01-02 00:05:00+00"),
         ("2025-01-02 1:05 μμ", "2025-01-02 13:05:00+00"),
         ("2025-01-02 오전 9:05", "2025-01-02 09:05:00+00")],
    ),
    (
        {"type": "date", "format": "dd.MM.yy", "tags": ["birthdate"]},
        [("23.08.45", "1945-08-23"), ("01.01.24", "2024-01-01"), ("01.01.27", "1927-01-01")],
    ),
    (
        {"type": "date", "format": "dd MMM yyyy"},
        [("17 Agustus 1980", "1980-08-17"), ("5 toukokuuta 2024", "2024-05-05"),
         ("15 Μαΐου 1980", "1980-05-15"), ("05 मई 1980", "1980-05-05"),
         ("3 בינואר 1990", "1990-01-03"), ("1er mai 2024", "2024-05-01"),
         ("3rd of January 1990", "1990-01-03"), ("3rdx January 1990", WRONG)],
    ),
    (
        {"type": "date", "format": "dd MMM yyyy", "calendar": "buddhist"},
        [("5 พฤษภาคม 2567", "2024-05-05"), ("14 ธ.ค. 2530", "1987-12-14")],
    ),
    ({"type": "date", "format": "dd'th' MMM yyyy"}, [("5th May 2024", "2024-05-05")]),
    (
        {"type": "decimal", "scale": 2, "number": {"decimal": ",", "thousands": "."}},
        [("€ 1.299,-", "1299.00"), ("99,- €", "99.00"), ("-99,-", "-99.00"), ("99,50-", "-99.50"),
         ("99,", "99.00"), ("99-", "-99.00"), ("99,–", "99.00")],
    ),
    (
        {"type": "decimal", "scale": 2, "number": {"decimal": ".", "thousands": "'"}},
        [("CHF 1'299.-", "1299.00"), ("CHF 99.—", "99.00"), ("Rs. 350/-", "350.00")],
    ),
    (
        {"type": "boolean"},
        [("Sim", "true"), ("NÃO", "false"), ("igen", "true"), ("nem", "false"), ("ใช่", "true"),
         ("نعم", "true"), ("לא", "false"), ("Hayır", "false"), ("はい", "true"), ("maybe", WRONG)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("field", "cases"), OTHER_SCRIPTS)
def test_digits_years_and_truth_of_other_languages(
    con: duckdb.DuckDBPyConnection, field: dict[str, Any], cases: list[tuple[str, str]]
) -> None:
    got = cast(con, FieldConfig.model_validate(field), [text for text, _ in cases])
    assert got == [value for _, value in cases]


NAMES_IN_ORDER = {
    "surname_first": [
        ("Rossi Maria", "Rossi, Maria"), ("DE LUCA Gian Luca", "DE LUCA, Gian Luca"),
        ("Van den Berg Jan", "Van den Berg, Jan"), ("Dr. Kovács János", "Dr. Kovács, János"),
        ("Mr & Mrs Hale Bob", "Mr & Mrs Hale, Bob"), ("  Laine   Aino ", "Laine, Aino"),
        ("山田 太郎", "山田, 太郎"), ("山田太郎", "山田太郎"), ("Ким Е. И.", "Ким, Е. И."),
        ("BEN JELLOUN Fatima Zahra", "BEN JELLOUN, Fatima Zahra"), ("ROSSI MARIA", "ROSSI, MARIA"),
        ("O'NEIL Seán", "O'NEIL, Seán"),
        ("Rossi, Maria", "Rossi, Maria"), ("Dr. Kovács", "Dr. Kovács"), ("de Luca", "de Luca"),
        ("Nguyễn Văn An", "Nguyễn Văn An"), ("", ""),
    ],
    "surname_last": [
        ("Anna Mária Kovács", "Kovács, Anna Mária"), ("Jan van den Berg", "van den Berg, Jan"),
        ("Dr. Bob Hale Jr.", "Dr. Hale Jr., Bob"), ("Anna", "Anna"),
        ("Omar BEN JELLOUN", "BEN JELLOUN, Omar"),
    ],
    "two_surnames_first": [
        ("Pérez Soto María José", "Pérez Soto, María José"), ("Pérez Ana", "Pérez, Ana"),
        ("de la Cruz Vega Ana", "de la Cruz Vega, Ana"),
    ],
    "two_surnames_last": [
        ("María José Pérez Soto", "Pérez Soto, María José"), ("Ana Pérez", "Pérez, Ana"),
        ("Juan de la Cruz Pérez", "de la Cruz Pérez, Juan"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("order", NAMES_IN_ORDER)
def test_whole_names_get_a_comma_behind_the_surname(
    con: duckdb.DuckDBPyConnection, order: str
) -> None:
    item = FieldConfig.model_validate({"tags": ["full-name"], "name_order": order})
    cases = NAMES_IN_ORDER[order]
    assert cast(con, item, [text for text, _ in cases]) == [value for _, value in cases]


def test_no_word_means_the_opposite_in_another_language() -> None:
    assert set(TRUE).isdisjoint(FALSE)
