"""The documented form rules, and that Polars and DuckDB agree on every value."""

from collections.abc import Callable, Iterator, Sequence

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.semantics.contact_marks import phone_digits
from c360_assets.semantics.validity import VALIDITY_MACROS
from c360_assets_tests.semantics.valid_in_polars import email_valid, phone_valid

EMAILS = [
    ("ann@example.com", True),
    (" ann@example.com ", True),
    ("ann.lee+tag@mail.example.co", True),
    ("o'neill@example.com", True),
    ("a" * 64 + "@example.com", True),
    ("a" * 65 + "@example.com", False),
    ("a@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 63 + "." + "e" * 63 + ".com", False),
    ("ann@example", False),
    ("ann@-example.com", False),
    (".ann@example.com", False),
    ("ann..lee@example.com", False),
    ("ann@exam_ple.com", False),
    ("ann@example.c", False),
    ("a b@example.com", False),
    ("ann@example.com\nx", False),
    ("jörg@example.com", False),
    ("ann", False),
    ("", False),
    (None, None),
]
PHONES = [
    ("2065550111", True, True),
    ("+1 (206) 555-0111", True, True),
    ("206.555.0111 ext. 12", True, True),
    ("206/555/0111x9", True, True),
    ("1065550111", False, True),
    ("2061550111", False, True),
    ("206555011", False, True),
    ("2222222222", False, False),
    ("1234567890", False, False),
    ("4444444444", False, False),
    ("555-0111", False, True),
    ("12345", False, False),
    ("+49 30 901820", False, True),
    ("206 555 0111 home", False, False),
    ("call me", False, False),
    ("", False, False),
    (None, None, None),
]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    for statement in VALIDITY_MACROS:
        connection.execute(statement)
    yield connection
    connection.close()


def polars(expression: Callable[..., pl.Expr], values: Sequence[str | None]) -> list[bool | None]:
    return (
        pl.DataFrame({"v": pl.Series(values, dtype=pl.String)})
        .select(out=expression(pl.col("v")))["out"]
        .to_list()
    )


def sql(
    con: duckdb.DuckDBPyConnection, call: str, values: Sequence[str | None]
) -> list[bool | None]:
    return [con.execute(f"SELECT {call}", {"v": value}).fetchall()[0][0] for value in values]


def test_email(con: duckdb.DuckDBPyConnection) -> None:
    values = [value for value, _ in EMAILS]
    expected = [is_valid for _, is_valid in EMAILS]
    assert polars(email_valid, values) == expected
    assert sql(con, "email_valid($v::VARCHAR)", values) == expected


@pytest.mark.parametrize("region", ["nanp", "any"])
def test_phone(con: duckdb.DuckDBPyConnection, region: str) -> None:
    values = [value for value, _, _ in PHONES]
    expected = [
        valid_nanp if region == "nanp" else valid_any for _, valid_nanp, valid_any in PHONES
    ]
    assert polars(lambda value: phone_valid(value, region), values) == expected
    assert sql(con, f"phone_valid($v::VARCHAR, '{region}')", values) == expected


def test_a_number_is_valid_in_spite_of_the_mark_of_a_spreadsheet(
    con: duckdb.DuckDBPyConnection,
) -> None:
    values = ["'010-6919-8975", "'+82 10 4424 2657", "'none"]
    expected = [True, True, False]
    assert polars(lambda value: phone_valid(value, "any"), values) == expected
    assert sql(con, "phone_valid($v::VARCHAR, 'any')", values) == expected


def test_phone_digits(con: duckdb.DuckDBPyConnection) -> None:
    values = ["(206) 555-0111", "206 555 0111 x12", "no digits", "", None]
    expected = ["2065550111", "2065550111", None, None, None]
    assert polars(phone_digits, values) == expected
    assert sql(con, "phone_digits($v::VARCHAR)", values) == expected


def test_a_missing_region_means_the_default(con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute("SELECT phone_valid('2065550111', NULL)").fetchall() == [(True,)]


CONTACT = st.text(alphabet="ab1290@.-_+' ()x/\t\u00a0\u0661ä", max_size=20)


@settings(max_examples=40, deadline=None)
@given(st.lists(CONTACT, min_size=1, max_size=8))
def test_both_engines_agree_on_any_text(con: duckdb.DuckDBPyConnection, values: list[str]) -> None:
    frame = pl.DataFrame({"v": values})
    mine = frame.select(
        email_valid=email_valid(pl.col("v")),
        digits=phone_digits(pl.col("v")),
        valid_nanp=phone_valid(pl.col("v")),
        valid_any=phone_valid(pl.col("v"), "any"),
    )
    con.register("probe", frame.with_row_index("i").to_arrow())
    theirs = con.sql(
        "SELECT email_valid(v), phone_digits(v), phone_valid(v, 'nanp'), phone_valid(v, 'any') "
        "FROM probe ORDER BY i"
    ).pl()
    assert mine.rows() == theirs.rows()
