"""The union of stitched tables: columns by tag, multi-value and address rules, empty tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from c360_assets.errors import C360Error
from c360_assets.stitch.prepare.local_forms import of_unknown_countries
from c360_assets.stitch.prepare.union import union_records
from c360_assets.tenant.local_columns import local_columns
from c360_assets.tenant.models import MergePolicy, StitchConfig
from c360_assets.warehouse.session import Session, open_session
from c360_assets_tests.stitch.tenants import PROFILE, feed, load, tenant


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with open_session(tmp_path / "warehouse") as opened:
        yield opened


def test_one_row_per_record_with_columns_named_by_tag_and_values_as_received(
    session: Session, tmp_path: Path
) -> None:
    shop = feed(
        "Shop:Customers",
        {**PROFILE, "favourite": ["favourite-colour"], "order": ["txn-item/order-id"]},
    )
    club = feed("Club:Members", {"nr": ["fk-member", "loyalty-id"], "name": ["full-name"]})
    load(
        session,
        shop,
        [
            {"id": "b", "first": " Ann ", "favourite": "red"},
            {"id": "a", "mail": "A@x.org", "order": "7"},
        ],
    )
    load(session, club, [{"id": "1", "nr": "m1", "name": "Ann Ode"}])
    records = union_records(session, tenant(tmp_path, shop, club)).frame
    assert records.select("datasource", "pk").rows() == [
        ("Club:Members", "1"),
        ("Shop:Customers", "a"),
        ("Shop:Customers", "b"),
    ]
    assert records["given_name"].to_list() == [None, None, " Ann "]
    assert records["fk_member"].to_list() == ["m1", None, None]
    assert records["loyalty_id"].to_list() == ["m1", None, None]
    assert records["favourite_colour"].to_list() == [None, None, "red"]
    assert "order_id" not in records.columns


def test_dates_and_instants_have_their_types_and_other_values_are_text(
    session: Session, tmp_path: Path
) -> None:
    tags = {
        "born": ["birthdate"],
        "changed": ["update-dt"],
        "points": ["loyalty-points"],
        "text_born": ["create-dt"],
    }
    shop = feed(
        "Shop:Customers", tags, types={"born": "date", "changed": "datetime", "points": "integer"}
    )
    changed = datetime(2024, 5, 1, 12, tzinfo=UTC)
    schema = {"born": pl.Date, "changed": pl.Datetime("us", "UTC"), "points": pl.Int64}
    load(
        session,
        shop,
        [
            {
                "id": "a",
                "born": date(1980, 1, 2),
                "changed": changed,
                "points": 5,
                "text_born": "nonsense",
            }
        ],
        schema,
    )
    (row,) = (
        union_records(session, tenant(tmp_path, shop))
        .frame.select("birthdate", "update_dt", "create_dt", "loyalty_points")
        .rows()
    )
    assert row == (date(1980, 1, 2), changed, None, "5")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("a@x.org", "b@x.org", "a@x.org,b@x.org"),
        ("a@x.org", "a@x.org", "a@x.org"),
        (None, "b@x.org", "b@x.org"),
        (" ", "b@x.org", "b@x.org"),
        ("", None, None),
    ],
)
def test_several_mail_fields_are_joined_in_field_order_without_repeats(
    session: Session, tmp_path: Path, first: str | None, second: str | None, expected: str | None
) -> None:
    shop = feed("Shop:Customers", {"one": ["email", "email-home"], "two": ["email", "email-work"]})
    load(session, shop, [{"id": "a", "one": first, "two": second}])
    records = union_records(session, tenant(tmp_path, shop)).frame
    assert records.select("email", "email_home", "email_work").rows() == [(expected, first, second)]


def test_the_base_address_is_the_first_group_that_is_filled_and_stays_whole(
    session: Session, tmp_path: Path
) -> None:
    tags = {
        "street1": ["address", "address-home"],
        "city1": ["city", "city-home"],
        "street2": ["address", "address-work"],
        "city2": ["city", "city-work"],
    }
    shop = feed("Shop:Customers", tags)
    rows = [
        {"id": "a", "street1": "1 Elm St", "street2": "2 Oak St", "city2": "Rome"},
        {"id": "b", "street2": "2 Oak St", "city2": "Rome"},
    ]
    load(session, shop, rows)
    records = union_records(session, tenant(tmp_path, shop)).frame
    assert records.select("address", "city").rows() == [("1 Elm St", None), ("2 Oak St", "Rome")]
    assert records["address_work"].to_list() == ["2 Oak St", "2 Oak St"]


def test_a_table_that_never_landed_is_listed_and_a_union_of_nothing_is_an_error(
    session: Session, tmp_path: Path
) -> None:
    shop, club = feed("Shop:Customers", PROFILE), feed("Club:Members", PROFILE)
    load(session, shop, [{"id": "a"}])
    assert union_records(session, tenant(tmp_path, shop, club)).empty_tables == ["Club:Members"]
    load(session, shop, [])
    with pytest.raises(C360Error, match="land their files"):
        union_records(session, tenant(tmp_path, shop, club))


def test_a_table_that_lost_all_its_records_stops_the_run_unless_allowed(
    session: Session, tmp_path: Path
) -> None:
    shop, club = feed("Shop:Customers", PROFILE), feed("Club:Members", PROFILE)
    load(session, shop, [{"id": "a"}])
    load(session, club, [])
    session.write(
        "unified_coalesced",
        pl.DataFrame({"datasource": ["Club:Members"], "pk": ["1"], "amperity_id": ["x"]}),
    )
    with pytest.raises(C360Error, match=r"Club:Members.*allowed_empty_tables"):
        union_records(session, tenant(tmp_path, shop, club))
    allowed = StitchConfig(allowed_empty_tables=["Club:Members"])
    assert union_records(session, tenant(tmp_path, shop, club, stitch=allowed)).frame.height == 1


def test_records_hold_their_phones_and_addresses_as_written_in_their_own_country(
    session: Session, tmp_path: Path
) -> None:
    tags = {
        "tel": ["phone", "phone-main"],
        "mobile": ["phone", "phone-mobile"],
        "line": ["address"],
        "region": ["state"],
        "land": ["country"],
    }
    club = feed("Club:Members", tags)
    load(
        session,
        club,
        [
            {"id": "1", "tel": "020 7946 0958", "line": "5 High St.", "region": "Kent"},
            {"id": "2", "tel": "02 9876 5432", "land": "Australia", "region": "Victoria"},
            {"id": "3", "tel": "12", "mobile": "06 12 34 56 78", "land": "FR", "line": "5 bd Foch"},
            {"id": "4", "mobile": "(206) 555-0123", "land": "USA", "line": "5 Main St"},
        ],
    )
    policy = MergePolicy(multi_value={"phone": ["phone_mobile"]})
    declared = replace(tenant(tmp_path, club), merge_policy=policy)
    at_home = replace(declared, config=declared.config.model_copy(update={"country": "GB"}))
    records = union_records(session, at_home).frame
    assert records["phone_e164"].to_list() == [
        "+442079460958",
        "+61298765432",
        "+33612345678",
        "+12065550123",
    ]
    assert records["phone_mobile_e164"].to_list() == [None, None, "+33612345678", "+12065550123"]
    assert records["address_standard"].to_list() == [
        "5 HIGH STREET",
        None,
        "5 BOULEVARD FOCH",
        None,
    ]
    assert records["state_code"].to_list() == ["KEN", "VIC", None, None]
    assert of_unknown_countries(records, at_home) == []
    told = of_unknown_countries(records.with_columns(country=pl.lit("Narnia")), at_home)
    assert [text.split(";")[0] for text in told] == ["4 records name a country that is not known"]
    added = local_columns(at_home)
    without = union_records(session, declared).frame
    assert without.equals(records.drop(added))
