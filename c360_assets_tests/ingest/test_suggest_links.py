"""Feeds of one folder that name the same customers: which of them get one foreign key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from c360_assets.cli.feeds import suggest
from c360_assets.ingest.suggest.folder import propose_folder

LONG = range(410_000, 410_400, 8)
SHORT = range(1, 51)


def persons(folder: Path, key: str, numbers: Iterable[int]) -> None:
    lines = [f"{key},first_name,last_name,email,phone"]
    lines += [f"{n},Ana,Bell{n},p{n}@example.com,2065550{n % 1000:03d}" for n in numbers]
    write(folder / "people-20260601.csv", lines)


def orders(folder: Path, column: str, numbers: Iterable[int]) -> None:
    lines = [f"order_id,{column},order_date,sku,quantity,amount"]
    lines += [f"O-{n}-{i},{n},2026-05-0{1 + i},S{n % 7},1,9.50" for n in numbers for i in range(2)]
    write(folder / "orders-20260601.csv", lines)


def write(file: Path, lines: Iterable[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


def foreign_keys(landing: Path) -> dict[str, list[str]]:
    """`Source:Feed field` -> its foreign keys, of all proposals."""
    found: dict[str, list[str]] = {}
    for proposal in propose_folder(landing).proposals:
        assert not proposal.trial.errors
        fields: dict[str, Any] = yaml.safe_load(proposal.text)["fields"]
        for name, said in fields.items():
            tags = [tag for tag in said.get("tags", []) if tag.startswith("fk-")]
            if tags:
                found[f"{proposal.source}:{proposal.feed} {name}"] = tags
    return found


def test_orders_and_customers_of_one_source_are_linked_whatever_the_number_is_called(
    tmp_path: Path,
) -> None:
    persons(tmp_path / "landing/erp", "Kundennr", SHORT)
    orders(tmp_path / "landing/erp", "client_number", SHORT)
    assert foreign_keys(tmp_path / "landing") == {
        "Erp:People Kundennr": ["fk-customer-id"],
        "Erp:Orders client_number": ["fk-customer-id"],
    }


def test_feeds_are_written_where_their_files_have_landed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("C360_TENANT_DIR", str(tmp_path / "other"))
    persons(tmp_path / "own/landing/erp", "Kundennr", SHORT)
    for name in ("own", "other"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "tenant.yaml").write_text("id: 00000000-0000-4000-8000-000000000001\n")
    suggest(tmp_path / "own/landing", write=True)
    assert [path.name for path in (tmp_path / "own/feeds").rglob("*.yaml")] == ["people.yaml"]
    assert not (tmp_path / "other/feeds").exists()


def test_numbers_of_two_systems_are_two_foreign_keys(tmp_path: Path) -> None:
    for system in ("shop", "till"):
        persons(tmp_path / f"landing/{system}", "id", SHORT)
        orders(tmp_path / f"landing/{system}", "customer_id", SHORT)
    assert foreign_keys(tmp_path / "landing") == {
        "Shop:People id": ["fk-shop-people"],
        "Shop:Orders customer_id": ["fk-shop-people"],
        "Till:People id": ["fk-till-people"],
        "Till:Orders customer_id": ["fk-till-people"],
    }


def test_short_numbers_of_another_system_agree_by_chance(tmp_path: Path) -> None:
    persons(tmp_path / "landing/shop", "id", SHORT)
    orders(tmp_path / "landing/till", "customer_id", SHORT)
    assert foreign_keys(tmp_path / "landing") == {"Till:Orders customer_id": ["fk-customer-id"]}


def test_long_numbers_of_another_system_are_the_same(tmp_path: Path) -> None:
    persons(tmp_path / "landing/crm", "id", LONG)
    orders(tmp_path / "landing/shop", "customer_id", LONG)
    assert foreign_keys(tmp_path / "landing") == {
        "Crm:People id": ["fk-customer-id"],
        "Shop:Orders customer_id": ["fk-customer-id"],
    }


def test_numbers_of_nobody_known_stay_apart_from_those_that_are_linked(tmp_path: Path) -> None:
    persons(tmp_path / "landing/shop", "id", SHORT)
    orders(tmp_path / "landing/shop", "customer_id", SHORT)
    orders(tmp_path / "landing/till", "customer_id", range(20, 70))
    assert foreign_keys(tmp_path / "landing") == {
        "Shop:People id": ["fk-shop-people"],
        "Shop:Orders customer_id": ["fk-shop-people"],
        "Till:Orders customer_id": ["fk-customer-id"],
    }


def test_few_of_the_same_numbers_are_not_enough(tmp_path: Path) -> None:
    persons(tmp_path / "landing/shop", "id", range(1, 41))
    orders(tmp_path / "landing/shop", "customer_id", range(30, 80))
    assert foreign_keys(tmp_path / "landing") == {"Shop:Orders customer_id": ["fk-customer-id"]}


def test_of_two_feeds_with_the_same_numbers_the_one_whose_key_they_are_is_the_owner(
    tmp_path: Path,
) -> None:
    shop = tmp_path / "landing/shop"
    persons(shop, "id_customer", SHORT)
    orders(shop, "id_customer", SHORT)
    lines = ["id_address,id_customer,address1,postcode,city"]
    lines += [f"{51 - n},{n},{n} Elm Row,10{n:03d},Ghent" for n in SHORT]
    write(shop / "addresses-20260601.csv", lines)
    assert foreign_keys(tmp_path / "landing") == {
        "Shop:People id_customer": ["fk-customer-id"],
        "Shop:Orders id_customer": ["fk-customer-id"],
        "Shop:Addresses id_customer": ["fk-customer-id"],
    }


def test_who_has_no_account_has_no_number_in_the_feed_that_owns_them(tmp_path: Path) -> None:
    lines = ["record_id,first_name,last_name,email,web user id"]
    lines += [f"{n + 1},Ana,Bell,p{n}@example.com,{n if n % 3 else ''}" for n in LONG]
    write(tmp_path / "landing/crm/people-20260601.csv", lines)
    orders(tmp_path / "landing/web", "user_id", [n for n in LONG if n % 3])
    assert foreign_keys(tmp_path / "landing") == {
        "Crm:People web user id": ["fk-customer-id"],
        "Web:Orders user_id": ["fk-customer-id"],
    }


def test_customers_that_stand_in_two_feeds_and_the_cards_of_a_till_get_one_foreign_key(
    tmp_path: Path,
) -> None:
    shop = tmp_path / "landing/shop"
    persons(shop, "Kundennummer", LONG)
    lines = ["Kartennummer,first_name,last_name,phone"]
    lines += [f"{n},Ana,Bell{n},2065550{n % 1000:03d}" for n in LONG]
    write(shop / "cards-20260601.csv", lines)
    orders(shop, "Kundenkarte", LONG)
    assert foreign_keys(tmp_path / "landing") == {
        "Shop:People Kundennummer": ["fk-customer-id"],
        "Shop:Cards Kartennummer": ["fk-customer-id"],
        "Shop:Orders Kundenkarte": ["fk-customer-id"],
    }


SPARSE = [611_007 + 7_919 * n for n in range(50)]


def test_numbers_of_any_name_are_persons_where_they_cannot_agree_by_chance(tmp_path: Path) -> None:
    help_desk = tmp_path / "landing/desk"
    persons(help_desk, "id", SPARSE)
    tickets = [
        f"{n},{number},{SPARSE[0]},open" for n, number in enumerate([*SPARSE, *SPARSE], start=7001)
    ]
    write(help_desk / "tickets-20260601.csv", ["id,requester_id,assignee_id,status", *tickets])
    assert foreign_keys(tmp_path / "landing") == {
        "Desk:People id": ["fk-customer-id"],
        "Desk:Tickets requester_id": ["fk-customer-id"],
    }


def test_numbers_of_any_name_that_are_counted_may_agree_by_chance(tmp_path: Path) -> None:
    help_desk = tmp_path / "landing/desk"
    persons(help_desk, "id", LONG)
    tickets = [f"{n},{number},open" for n, number in enumerate(LONG, start=7001)]
    write(help_desk / "tickets-20260601.csv", ["id,bundle_id,status", *tickets])
    counted = tmp_path / "landing/counted"
    persons(counted, "id", range(100_001, 100_051))
    tickets = [f"{n},{number},open" for n, number in enumerate(range(100_001, 100_051), start=7001)]
    write(counted / "tickets-20260601.csv", ["id,bundle_id,status", *tickets])
    assert "Counted:Tickets bundle_id" not in foreign_keys(tmp_path / "landing")


def test_contacts_of_one_company_are_not_one_person(tmp_path: Path) -> None:
    crm = tmp_path / "landing/crm"
    accounts = [f"{n},Bell {n} Ltd,2065551{n % 1000:03d},{n} Oak St,Boise" for n in SPARSE]
    write(crm / "accounts-20260601.csv", ["id,name,phone,street,city", *accounts])
    contacts = [
        f"{n * 10 + i},{n},{name},Lee{n},{name}{n}@example.com"
        for n in SPARSE
        for i, name in enumerate(("Ana", "Bo"))
    ]
    header = "contact_no,account_id,first_name,last_name,email"
    write(crm / "contacts-20260601.csv", [header, *contacts])
    assert foreign_keys(tmp_path / "landing") == {}
    accounts_feed, contacts_feed = propose_folder(tmp_path / "landing").proposals
    assert "{type: string, tags: [company]}" in accounts_feed.text
    assert "make one person of them" in contacts_feed.text.replace("\n", " ").replace("  # ", "")


def test_numbers_of_members_are_the_same_key_in_every_feed(tmp_path: Path) -> None:
    numbers = [f"L{n:06d}" for n in range(50)]
    club = tmp_path / "landing/club"
    members = [f"{n},Ana,Bell{n},{n}@example.com,Gold,10" for n in numbers]
    write(club / "members-20260601.csv", ["Member No,First,Last,Email,Tier,Points", *members])
    booked = [f"T{n},{number},EARN,5" for n, number in enumerate(numbers, start=4000)]
    write(club / "ledger-20260601.csv", ["Booking,Member No,Kind,Points", *booked])
    contacts = [
        f"{n},{number},Ana,Bell{number},x{n}@example.com" for n, number in enumerate(numbers)
    ]
    header = "Id,Loyalty_Number__c,FirstName,LastName,Email"
    write(tmp_path / "landing/crm/contact-20260601.csv", [header, *contacts])
    assert foreign_keys(tmp_path / "landing") == {
        "Club:Members Member No": ["fk-loyalty-id"],
        "Club:Ledger Member No": ["fk-loyalty-id"],
        "Crm:Contact Loyalty_Number__c": ["fk-loyalty-id"],
    }


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("Txn No,Member No,Txn Type,Points,Txn Date,Expiry Date", "EARN"),
        ("Buchungsnr,Kartennummer,Buchungsart,Punkte,Buchungsdatum,Verfallsdatum", "Gutschrift"),
    ],
)
def test_a_ledger_of_points_holds_events_of_members(tmp_path: Path, header: str, kind: str) -> None:
    numbers = [f"L{n:06d}" for n in range(50)]
    key, member, *_ = header.split(",")
    club = tmp_path / "landing/club"
    booked = [f"T{n},{no},{kind},5,2026-05-01,2027-05-01" for n, no in enumerate(numbers, 4000)]
    write(club / "ledger-20260601.csv", [header, *booked])
    people = [f"{no},Ana,Bell{no},{no}@example.com" for no in numbers]
    write(club / "people-20260601.csv", ["Number,First,Last,Email", *people])
    ledger, persons_feed = propose_folder(tmp_path / "landing").proposals
    fields = yaml.safe_load(ledger.text)["fields"]
    assert [field.get("tags") for field in fields.values()] == [
        None,
        ["loy-event/loyalty-id", "fk-loyalty-id"],
        ["loy-event/event-type"],
        None,
        ["loy-event/event-datetime"],
        ["loy-event/expiration-datetime"],
    ]
    assert yaml.safe_load(persons_feed.text)["fields"]["Number"]["tags"] == [
        "loyalty-id",
        "fk-loyalty-id",
    ]
    assert (key in fields, member in fields) == (True, True)


def test_a_row_with_a_date_and_no_points_is_no_event_of_a_member(tmp_path: Path) -> None:
    lines = [f"V{n},L{n:06d},Yoga,2026-05-01" for n in range(50)]
    write(tmp_path / "landing/gym/visits-20260601.csv", ["No,Member No,Type,Date", *lines])
    (visits,) = propose_folder(tmp_path / "landing").proposals
    assert "loy-event" not in visits.text.partition("fields:")[2].replace("looks like", "")
