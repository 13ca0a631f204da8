"""Exports as shops, mail and sales programmes write them: what is proposed for them passes check
and loads every row.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
import yaml

from c360_assets.configuration import read_tenant
from c360_assets.ingest.casts import cast_for, typed_sql
from c360_assets.ingest.suggest.column_types import infer
from c360_assets.ingest.suggest.feed import propose_feed
from c360_assets.tenant.models import FeedConfig, FieldConfig
from c360_assets_tests.ingest.tenants import feed_of, load, table, tenant_of

SAMPLES = Path(__file__).parent / "samples"
# File -> rows, key, what says which row is newer, whether Stitch reads it, column -> tags.
EXPECTED: dict[str, tuple[int, list[str], str, bool, str]] = {
    "shopify_customers_export-20260601.csv": (3, ["customer_id"], "auto", True, """
        first_name given-name | last_name surname | Email email | default_address_company company
        default_address_address1 address | default_address_address2 address2
        default_address_city city
        default_address_province_code state | default_address_country_code country
        default_address_zip postal
        default_address_phone phone phone-main | Phone phone phone-2"""),
    "shopify_orders_export-20260601.csv": (3, ["lineitem_sku", "Name"], "auto", True, """
        Email email | created_at create-dt | billing_name full-name
        billing_street address address-billing
        billing_city city city-billing | billing_zip postal postal-billing
        billing_province state state-billing
        billing_country country country-billing | billing_phone phone phone-billing
        shipping_address1 address address-shipping | shipping_city city city-shipping
        shipping_zip postal postal-shipping
        shipping_province state state-shipping | shipping_country country country-shipping
        Phone phone phone-main"""),
    "klaviyo_profiles_2026-06-01.csv": (2, ["klaviyo_id"], "profile_updated_on", True, """
        Email email | first_name given-name | last_name surname | Organization company
        phone_number phone | Address address
        address_2 address2 | City city | state_region state | Country country | zip_code postal
        date_added create-dt
        profile_updated_on update-dt | Birthday birthdate"""),
    "salesforce_contacts.csv": (2, ["Id"], "LastModifiedDate", True, """
        LastName surname | FirstName given-name | Salutation title | Name full-name
        OtherStreet address address-other
        OtherCity city city-other | OtherPostalCode postal postal-other
        MailingStreet address address-mailing
        MailingCity city city-mailing | MailingState state state-mailing
        MailingPostalCode postal postal-mailing
        MailingCountry country country-mailing | Phone phone phone-main
        MobilePhone phone phone-mobile | Email email
        Birthdate birthdate | CreatedDate create-dt | LastModifiedDate update-dt"""),
    "pos_tickets_20260601.txt": (4, ["ticket_no", "line_no"], "auto", False,
        "customer_email email"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_a_proposal_is_right_and_loads(tmp_path: Path, name: str) -> None:
    rows, key, newest, stitch, tags = EXPECTED[name]
    (tmp_path / "landing/in").mkdir(parents=True)
    shutil.copy(SAMPLES / name, tmp_path / "landing/in" / name)
    text = propose_feed(tmp_path / "landing/in" / name).text
    assert "example.com" not in text
    (tmp_path / "tenant.yaml").write_text("id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\n")
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds/proposed.yaml").write_text(text)
    tenant, problems = read_tenant(tmp_path)
    assert [problem for problem in problems if problem.severity == "error"] == []
    assert tenant is not None
    (feed,) = tenant.feeds
    words = (entry.split() for line in tags.strip().splitlines() for entry in line.split("|"))
    assert {column: item.tags for column, item in feed.outputs.items() if item.tags} == {
        column: tags for column, *tags in words
    }
    assert (feed.primary_key, feed.last_updated, feed.stitch) == (key, newest, stitch)
    result = load(tenant, feed, date(2026, 6, 30))
    assert [(day.message, day.warnings) for day in result.days] == [("", [])]
    assert (result.rows_read, result.rows_loaded) == (rows, rows)
    assert table(tenant, feed).height == rows


def test_texts_for_a_missing_value_are_proposed(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    sample = tmp_path / "landing/people-20260601.csv"
    sample.write_text(
        "person_no,last_name,spent,seen\n"
        "1,Null,NULL,2024-01-05\n2,Nan,1.50,n/a\n3,Lee,2.00,2024-01-06\n"
    )
    text = propose_feed(sample).text
    assert 'null_values: ["n/a", "null"]' in text
    feed = FeedConfig.model_validate(yaml.safe_load(text))
    assert {column: item.type for column, item in feed.outputs.items()} == {
        "person_no": "string", "last_name": "string", "spent": "decimal", "seen": "date",
    }  # fmt: skip
    tenant = tenant_of(tmp_path, feed)
    assert load(tenant, feed, date(2026, 6, 30)).rows_loaded == 3


def test_what_is_proposed_as_a_datetime_is_read_as_one() -> None:
    texts = [
        f"2024-01-05{sep}{clock}{offset}"
        for sep in " T"
        for clock in ("10:00", "10:00:00", "10:00:00.5", "10:00:00.123456789")
        for offset in ("", "Z", "+01:00", "-0500", " Z", " +01:00", " -0500")
    ]
    for text in texts:
        assert infer(pl.Series([text])).type == "datetime", text
    cast = cast_for(feed_of(), FieldConfig(type="datetime"), 0, "2024")
    with duckdb.connect() as con:
        con.register("given", pl.DataFrame({"r0": texts}).to_arrow())
        wrong = con.sql(
            f"SELECT r0 FROM ({typed_sql([cast], 'given')}) WHERE v0 IS NULL"
        ).fetchall()
    assert wrong == []
