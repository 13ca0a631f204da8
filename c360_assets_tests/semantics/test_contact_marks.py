"""Marks that exports add to contact values, and that Polars and DuckDB take them off alike."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.semantics.addresses import POSTAL_MACROS, clean_postal, postal_text
from c360_assets.semantics.contact_marks import (
    CONTACT_MACROS,
    email_text,
    email_values,
    phone_digits,
    phone_text,
    phone_values,
)
from c360_assets.semantics.contacts import clean_email, clean_phone

ONE_EMAIL = [
    "\u200bmia.k@post.example",
    "mia.k@post.example\u2060",
    "\ufeffmia.k@post.example",
    "mia.k@post.example\u00a0",
    "mia.k@post.example/",
    "mia.k@post.example,",
    "mailto:mia.k@post.example?subject=a",
    "<mia.k@post.example>",
    '"Klein, Mia" <mia.k@post.example>',
    '="mia.k@post.example"',
    "'mia.k@post.example'",
    "%20mia.k@post.example",
    "E-mail: mia.k@post.example",
    "mia.k@post.example (private)",
    "none; mia.k@post.example",
    "ｍｉａ．ｋ＠ｐｏｓｔ．ｅｘａｍｐｌｅ",
]
TWO_EMAILS = ["|", ";", ", ", " ", "\n", " / ", "/", " and "]
ONE_PHONE = [
    "7035550144.0",
    "7035550144,00",
    "7,035,550,144",
    "7.035550144E9",
    "703-555-0144 #9",
    "703-555-0144 ext. 9",
    "703-555-0144, extn 9",
    "703 555 0144 poste 9",
    "703 555 0144 Durchwahl 9",
    "703 555 0144 内線9",
    "(703) 555-0144 (ext 9)",
    "tel:+1-703-555-0144;ext=9",
    "７０３-５５５-０１４４",
    "٧٠٣٥٥٥٠١٤٤",
    "\u202a703\u2011555\u20110144\u202c",
    '="7035550144"',
]
TWO_PHONES = [" / ", "/", "; ", ", ", " ", " oder ", "\n", "|"]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    for statement in [*CONTACT_MACROS, *POSTAL_MACROS]:
        connection.execute(statement)
    yield connection
    connection.close()


def polars(expression: Callable[..., pl.Expr], values: Sequence[str | None]) -> list[Any]:
    frame = pl.DataFrame({"v": pl.Series(values, dtype=pl.String)})
    return frame.select(out=expression(pl.col("v")))["out"].to_list()


def test_every_mark_of_an_address_is_taken_off() -> None:
    assert set(polars(clean_email, ONE_EMAIL)) == {"MIA.K@POST.EXAMPLE"}
    assert polars(email_values, ONE_EMAIL) == [["mia.k@post.example"]] * len(ONE_EMAIL)


def test_two_addresses_in_a_field_are_two() -> None:
    fields = [f"mia@a.example{between}noa@b.example" for between in TWO_EMAILS]
    assert polars(email_values, fields) == [["mia@a.example", "noa@b.example"]] * len(fields)


def test_every_mark_of_a_number_is_taken_off() -> None:
    assert set(polars(clean_phone, ONE_PHONE)) == {"7035550144"}
    assert {len(values) for values in polars(phone_values, ONE_PHONE)} == {1}


def test_two_numbers_in_a_field_are_two() -> None:
    fields = [f"703-555-0144{between}603-555-0177" for between in TWO_PHONES]
    digits = [polars(phone_digits, values) for values in polars(phone_values, fields)]
    assert digits == [["7035550144", "6035550177"]] * len(fields)


def test_signs_within_numbers_divide_none_where_others_stand_between_them() -> None:
    ((first, second),) = polars(phone_values, ["0171/5550144,0049603/5550177"])
    assert polars(phone_digits, [first, second]) == ["01715550144", "00496035550177"]


def test_a_number_stays_one_where_it_is_written_in_groups() -> None:
    fields = ["030 / 1234567", "06221/12345-67", "+49 (0) 6221 / 1234567", "01 23 45 67 89"]
    assert [len(values) for values in polars(phone_values, fields)] == [1, 1, 1, 1]


def test_lost_digits_are_no_number() -> None:
    assert polars(clean_phone, ["7.04E+09", "7.0355E9"]) == [None, None]


def test_postal_codes() -> None:
    fields = ["'03821", '="03821"', "D-01067", "d 01067", "CH-8001", "E1 6AN", "〒１０１-００２１"]
    expected = ["03821", "03821", "01067", "01067", "8001", "E16AN", "1010021"]
    assert polars(clean_postal, fields) == expected


def test_a_lost_zero_comes_back_only_where_the_country_says_so() -> None:
    frame = pl.DataFrame(
        {
            "postal": ["3821.0", "3821.0", "3821", "3821"],
            "state": ["NH", "NH", None, "NH"],
            "country": ["USA", "Switzerland", "us", None],
        }
    )
    cleaned = frame.select(clean_postal(pl.col("postal"), pl.col("state"), pl.col("country")))
    assert cleaned.to_series().to_list() == ["03821", "3821", "03821", "03821"]


SEVERAL_PHONES = ["0171/5550144,0049603/5550177", "0171/5550144/0171/5550145,0603 555 0177"]
TEXT = st.text(alphabet="ab12370@.-_+' ()x#/,;|<>=E\t\n\u00a0\u0663\u200b７ä", max_size=24)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=12))
def test_both_engines_agree_on_any_text(con: duckdb.DuckDBPyConnection, values: list[str]) -> None:
    values = [*values, *ONE_EMAIL, *ONE_PHONE, *SEVERAL_PHONES]
    frame = pl.DataFrame({"v": values})
    field = pl.col("v")
    mine = frame.select(
        email_text(field).alias("email_text"),
        email_values(field).alias("email_values"),
        phone_text(field).alias("phone_text"),
        phone_digits(field).alias("phone_digits"),
        phone_values(field).alias("phone_values"),
        postal_text(field).alias("postal_text"),
    )
    con.register("probe", frame.with_row_index("i").to_arrow())
    calls = ", ".join(f"{name}(v)" for name in mine.columns)
    assert mine.rows() == con.sql(f"SELECT {calls} FROM probe ORDER BY i").pl().rows()
