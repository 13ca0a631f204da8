"""The tag catalogue: families, columns, groups, spelling."""

from __future__ import annotations

import pytest

from c360_assets.semantics.tags import (
    CATALOGUE,
    GROUPS,
    PROFILE_TAGS,
    column_for,
    is_profile,
    suggest,
    tag_for_column,
    tag_info,
    without_marks,
)


@pytest.mark.parametrize(
    ("tag", "group", "column", "kind", "pii"),
    [
        ("given-name", "profile", "given_name", "string", True),
        ("update-dt", "profile", "update_dt", "datetime", False),
        ("txn-item/order-id", "txn-item", "order_id", "string", False),
        ("txn-item/product-brand-id", "txn-item", "product_brand_id", "string", False),
        ("pc/product-msrp", "pc", "product_msrp", "any", False),
        ("email-opt/is-email-opted-in", "email-opt", "is_email_opted_in", "boolean", False),
        ("email-opt/email", "email-opt", "email", "string", True),
        (
            "email-summary/email-clicks-last-14-days",
            "email-summary",
            "email_clicks_last_14_days",
            "integer",
            False,
        ),
        ("fk-customer-id", "key", "fk_customer_id", "string", False),
        ("sk-birthdate", "key", "sk_birthdate", "any", True),
        ("bk-card", "key", "bk_card", "string", False),
        ("source/row", "source", "row", "any", False),
        ("email-work", "profile", "email_work", "string", True),
        ("address2-1", "profile", "address2_1", "string", True),
        ("birthdate-partner", "profile", "birthdate_partner", "date", True),
        ("loyalty-points", "custom", "loyalty_points", "any", False),
        ("txn-item/gift-wrap", "txn-item", "gift_wrap", "any", False),
        ("email-opt/page", "email-opt", "page", "any", False),
    ],
)
def test_tag_info(tag: str, group: str, column: str, kind: str, pii: bool) -> None:
    info = tag_info(tag)
    assert (info.group, info.column, info.type, info.pii) == (group, column, kind, pii)
    assert column_for(tag) == column


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("emial", "email"),
        ("given-nmae", "given-name"),
        ("Email", "email"),
        ("fk_customer_id", "fk-customer-id"),
        ("txn-item/order-idd", "txn-item/order-id"),
        ("txn_item/order_id", "txn-item/order-id"),
        ("postal", None),
        ("email-work", None),
        ("fk-a", None),
        ("loyalty-points", None),
        ("brand", None),
    ],
)
def test_suggest(tag: str, meant: str | None) -> None:
    assert suggest(tag) == meant


@pytest.mark.parametrize(
    ("column", "tag"),
    [
        ("First Name", "given-name"),
        ("LNAME", "surname"),
        ("e-mail", "email"),
        ("address_line_1", "address"),
        ("ZIP", "postal"),
        ("d.o.b.", "birthdate"),
        ("updated_at", "update-dt"),
        ("order_id", None),
    ],
)
def test_tag_for_column(column: str, tag: str | None) -> None:
    assert tag_for_column(column) == tag


def test_every_tag_of_a_group_has_a_column_of_its_own() -> None:
    assert set(GROUPS) == {
        "txn-item",
        "pc",
        "email-event",
        "email-summary",
        "email-opt",
        "sms-opt",
        "loy",
        "loy-event",
        "fiscal",
    }
    for group in GROUPS.values():
        columns = [t.column for t in group.tags]
        assert len(columns) == len(set(columns))


def test_hard_required_transaction_tags() -> None:
    assert {t.column for t in GROUPS["txn-item"].required} == {
        *(
            "order_id",
            "order_datetime",
            "product_id",
            "item_quantity",
            "item_revenue",
            "is_return",
            "is_cancellation",
        ),
    }


def test_profile_tags_are_profile_and_column_suggestions_are_known() -> None:
    assert {t for t in PROFILE_TAGS if not is_profile(t)} == {
        "create-dt",
        "update-dt",
        "database-key",
    }
    assert all(tag_info(t).description for t in CATALOGUE)


@pytest.mark.parametrize(
    ("name", "plain"), [("Größe", "Grosse"), ("Łącznie", "Lacznie"), ("Fødselsår", "Fodselsar")]
)
def test_names_in_plain_letters(name: str, plain: str) -> None:
    assert without_marks(name) == plain
