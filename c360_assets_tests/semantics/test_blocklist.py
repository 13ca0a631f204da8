"""The global blocklist: whole values, e-mail patterns, the shorter business list."""

from typing import Any

import polars as pl
import pytest

from c360_assets.semantics.blocklist import blocked_values, is_blocked
from c360_assets.semantics.lookups import read_rows
from c360_assets.semantics.names import clean_name
from c360_assets.semantics.nicknames import nickname_map, with_given_canonical


def blocked(semantic: str, value: str | None, **options: Any) -> bool:
    frame = pl.DataFrame({"v": [value]}, schema={"v": pl.String})
    return bool(frame.select(is_blocked(semantic, pl.col("v"), **options))["v"][0])


@pytest.mark.parametrize(
    ("semantic", "value", "hit"),
    [
        ("surname", "TRAVEL", True),
        ("surname", "TRAVELSTEAD", False),
        ("surname", "VISA", False),
        ("given-name", "VISA", True),
        ("company", "N/A", True),
        ("fk-customer-id", "UNKNOWN", True),
        ("address", "GENERAL DELIVERY", True),
        ("address", "PO BOX", True),
        ("address", "PO BOX 5", False),
        ("birthdate", "1900-01-01", True),
        ("phone", "5555555555", True),
        ("postal", "11", True),
        ("state", "NA", True),
        ("full-name", "TEST TEST", True),
        ("city", None, False),
    ],
)
def test_whole_values(semantic: str, value: str | None, hit: bool) -> None:
    assert blocked(semantic, value) is hit


@pytest.mark.parametrize(
    ("value", "default", "business"),
    [
        ("DECLINED@GMAIL.COM", True, True),
        ("ANN@NOEMAIL.COM", True, True),
        ("NO-REPLY@LADEN.DE", True, True),
        ("KEINE@EMAIL.DE", True, True),
        ("DO_NOT_REPLY@EXAMPLE.COM", True, True),
        ("KUNDE@LADEN.DE", True, False),
        ("M.E@EXAMPLE.COM", False, False),
        ("ANNA.GAST@EXAMPLE.COM", False, False),
        ("TEST@GOAWAY.COM", True, False),
        ("INFO@EXAMPLE.COM", True, False),
        ("RESERVAS@HOTEL.COM", True, False),
        ("0000000000@EXAMPLE.COM", True, False),
        ("N@A", True, False),
        ("N@A.COM", False, False),
        ("ANN@EMAIL.TST", True, False),
        ("INFORMED@EXAMPLE.COM", False, False),
        ("ANN@EXAMPLE.COM", False, False),
    ],
)
def test_email_patterns(value: str, default: bool, business: bool) -> None:
    assert blocked("email", value) is default
    assert blocked("email", value, allow_business_email=True) is business


def test_the_lists_are_complete() -> None:
    assert len(blocked_values("anything")) == 23
    assert len(blocked_values("phone")) == 23 + 13
    assert len(blocked_values("email", "local")) == 63 + 43  # in other languages
    assert len(blocked_values("email", "local", allow_business_email=True)) == 20 + 37


def test_nicknames_take_the_tenants_pairs_and_a_removal_wins() -> None:
    table = nickname_map(added=[("Wilhelmina", "Zaz"), ("Zed", "Zaz")], removed=[("ZED", "zaz")])
    names = with_given_canonical(
        pl.DataFrame({"given_name": ["ZAZ", "BILL J", "QQQ", None]}), table
    )
    lists = names["given_canonical"].to_list()
    assert lists[0] == ["WILHELMINA", "ZAZ"]
    assert {"BILL J", "WILLIAM"} <= set(lists[1])
    assert lists[2:] == [["QQQ"], None]
    assert nickname_map()["nickname"].is_unique().all()


@pytest.mark.parametrize(
    ("nickname", "name"),
    [
        ("PACO", "FRANCISCO"),
        ("САША", "АЛЕКСАНДР"),
        ("GOSIA", "MALGORZATA"),
        ("ZE", "JOSE"),
        ("AASA", "ASA"),
        ("PISTI", "ISTVAN"),
        ("SEUN", "OLUWASEUN"),
        ("YOSSI", "YOSEF"),
        ("מוטי", "מרדכי"),
        ("MOCHAMAD", "MUHAMMAD"),
        ("CIDA", "APARECIDA"),
    ],
)
def test_nicknames_of_other_languages(nickname: str, name: str) -> None:
    table = dict(nickname_map().iter_rows())
    assert name in table[nickname]


def test_nicknames_are_in_the_letters_that_names_are_compared_in() -> None:
    rows = pl.DataFrame(read_rows("nicknames.csv"))
    for column in ("canonical", "nickname"):
        assert rows.select(clean_name(pl.col(column))).to_series().equals(rows[column])
    assert rows.is_unique().all()
