"""Checks of feeds, tags, `tenant.yaml` and `workflow.yaml`, each by a tenant that is wrong in one
way."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets_tests.tenant.right_tenant import (
    CUSTOMERS,
    ERROR,
    LINES,
    ORDERS,
    SHOP,
    WARNING,
    Case,
    assert_one_problem,
    customers,
    feed,
    more,
    orders,
    problems_after,
)

CASES: dict[str, Case] = {
    # names, types and keys of a feed
    "output name": (more(SHOP, "'first name': {}"), ERROR, 13, "add `rename: first_name`"),
    "generated name": (more(SHOP, "_PK: {}"), ERROR, 13, "taken by the generated column _pk"),
    "same output": (more(SHOP, "other: {rename: MAIL}"), ERROR, 13, "taken by the field mail"),
    "same column": (more(SHOP, "MAIL: {rename: m2}"), ERROR, 13, "the same column as mail"),
    "key unknown": (
        customers("primary_key: [customer_id]", "primary_key: [custmer_id]"),
        ERROR,
        4,
        "did you mean 'customer_id'?",
    ),
    "key renamed": (
        customers("{type: string, tags", "{rename: cid, tags"),
        ERROR,
        4,
        "it is renamed to 'cid'",
    ),
    "key twice": (
        customers("[customer_id]", "[customer_id, customer_id]"),
        ERROR,
        4,
        "named twice",
    ),
    "key weak": (
        customers("primary_key: [customer_id]", "primary_key: [family]"),
        WARNING,
        4,
        "weak key",
    ),
    "pk not key": (
        customers("[email]", "[email, pk]"),
        ERROR,
        11,
        "tagged pk and not in primary_key",
    ),
    "counted taken": (
        customers("stitch: true", "row_number: {column: MAIL, within: [family]}\nstitch: true"),
        ERROR,
        6,
        "taken by the field mail",
    ),
    "counted within": (
        customers("stitch: true", "row_number: {column: n, within: [famly]}\nstitch: true"),
        ERROR,
        6,
        "did you mean 'family'?",
    ),
    "counted alone": (
        orders("[line_id]", "[n]\nrow_number: {column: n, within: [order_id]}"),
        ERROR,
        4,
        "n counts within order_id, which the key lacks",
    ),
    "filled from": (
        customers("stitch: true", "fill_down: {by: famly}\nstitch: true"),
        ERROR,
        6,
        "did you mean 'family'?",
    ),
    "filled twice": (
        customers("stitch: true", "fill_down: {by: family, columns: [family]}\nstitch: true"),
        ERROR,
        6,
        "family is named twice",
    ),
    "newer unknown": (
        customers("last_updated: updated_at", "last_updated: update_at"),
        ERROR,
        5,
        "did you mean 'updated_at'?",
    ),
    "newer date": (
        customers("type: datetime, tags: [update-dt]", "type: date"),
        ERROR,
        5,
        "too coarse",
    ),
    "newer text": (
        customers("last_updated: updated_at", "last_updated: given"),
        ERROR,
        5,
        "cannot order rows",
    ),
    "newer not update-dt": (
        customers("last_updated: updated_at", "last_updated: auto"),
        WARNING,
        5,
        "last_updated: updated_at",
    ),
    "format on text": (
        customers("{tags: [surname]}", "{tags: [surname], format: yyyy}"),
        ERROR,
        10,
        "does not fit a field of type string",
    ),
    "strftime": (
        customers("{type: datetime,", "{type: datetime, format: '%Y-%m-%d',"),
        ERROR,
        12,
        "is a strftime pattern",
    ),
    "format letters": (
        customers("{type: datetime,", "{type: datetime, format: yyyy-bb,"),
        ERROR,
        12,
        "unknown pattern letters: b",
    ),
    "minutes": (
        customers("{type: datetime,", "{type: datetime, format: yyyy-mm-dd,"),
        WARNING,
        12,
        "months are `M`",
    ),
    "calendar on text": (
        customers("{tags: [surname]}", "{tags: [surname], calendar: buddhist}"),
        ERROR,
        10,
        "a calendar does not fit",
    ),
    "order of names on a part": (
        customers("{tags: [surname]}", "{tags: [surname], name_order: surname_first}"),
        ERROR,
        10,
        "an order of names does not fit a field without the tag full-name",
    ),
    "scale on text": (
        customers("{tags: [surname]}", "{tags: [surname], scale: 2}"),
        ERROR,
        10,
        "a scale does not fit",
    ),
    "number on text": (
        customers("{tags: [surname]}", "{tags: [surname], number: {decimal: ','}}"),
        ERROR,
        10,
        "a way of writing numbers does not fit",
    ),
    "number of one sign": (
        more(SHOP, "a: {type: decimal, number: {decimal: ',', thousands: ','}}"),
        ERROR,
        13,
        "decimal and thousands are the same sign",
    ),
    "skip_lines of json": (
        customers("*.csv'\"", "*.csv'\", format: json, skip_lines: 1"),
        ERROR,
        3,
        "does not fit format json",
    ),
    "records of csv": (
        customers("*.csv'\"", "*.csv'\", records: data"),
        ERROR,
        3,
        "it is for json",
    ),
    "fixed without columns": (
        customers("*.csv'\"", "*.csv'\", format: fixed"),
        ERROR,
        3,
        "the place of each column's first character",
    ),
    "columns do not rise": (
        customers("*.csv'\"", "*.csv'\", format: fixed, columns_at: [0, 9, 9]"),
        ERROR,
        3,
        "does not rise",
    ),
    "columns of csv": (
        customers("*.csv'\"", "*.csv'\", columns_at: [0, 9]"),
        ERROR,
        3,
        "it is for fixed",
    ),
    "sheet of csv": (customers("*.csv'\"", "*.csv'\", sheet: A"), ERROR, 3, "it is for xlsx"),
    "drop_rows": (
        customers("*.csv'\"", "*.csv'\", drop_rows: '^(?!a)'"),
        ERROR,
        3,
        "a regular expression without look-around",
    ),
    "nested tagged": (
        more(SHOP, "a: {type: array, tags: [x]}"),
        ERROR,
        13,
        "flatten it in a custom domain table",
    ),
    "zone": (
        customers("stitch: true", "stitch: true\ntimezone: Europe/Berln"),
        ERROR,
        7,
        "did you mean 'Europe/Berlin'?",
    ),
    "pattern unquoted": (
        customers("\"'shop/customers-'yyyyMMdd'*.csv'\"", "shop/customers-*.csv"),
        ERROR,
        3,
        "single quotes",
    ),
    "pattern leaves": (customers("'shop/customers-'", "'../customers-'"), ERROR, 3, "no '..'"),
    "dsv": (customers("*.csv'\"", "*.csv'\", format: dsv"), ERROR, 3, "needs a delimiter"),
    "delimiter": (customers("*.csv'\"", "*.csv'\", delimiter: '||'"), ERROR, 3, "one character"),
    "address": (customers("*.csv'\"", "*.csv'\", address: /etc"), ERROR, 3, "landing/"),
    "address leaves": (
        customers("*.csv'\"", "*.csv'\", address: landing/../../x"),
        ERROR,
        3,
        "below it",
    ),
    "address ftp": (
        customers("*.csv'\"", "*.csv'\", address: 'ftp://b/x'"),
        ERROR,
        3,
        "ftp:// cannot be read",
    ),
    "address with a password": (
        customers("*.csv'\"", "*.csv'\", address: 'sftp://me:pw@h/x'"),
        ERROR,
        3,
        "C360_SFTP_PASSWORD",
    ),
    "address with a user": (
        customers("*.csv'\"", "*.csv'\", address: 'sftp://me@h/x'"),
        ERROR,
        3,
        "C360_SFTP_USER",
    ),
    "address without a bucket": (
        customers("*.csv'\"", "*.csv'\", address: 's3://'"),
        ERROR,
        3,
        "names no bucket or host",
    ),
    "address that would be cut off": (
        customers("*.csv'\"", "*.csv'\", address: 's3://b/shop #1'"),
        ERROR,
        3,
        "holds # or ?, at which an address ends",
    ),
    "contents": (
        customers("*.csv'\"", "*.csv'\", compression: zip, contents: {'*.csv': {formt: csv}}"),
        ERROR,
        3,
        "not know: formt",
    ),
    "encoding": (
        customers("*.csv'\"", "*.csv'\", encoding: utf-88"),
        ERROR,
        3,
        "no known encoding",
    ),
    # tags
    "phone type": (
        more(SHOP, "tel: {type: integer, tags: [phone]}"),
        ERROR,
        13,
        "must be of type string, not integer",
    ),
    "birthdate type": (more(SHOP, "born: {tags: [birthdate]}"), ERROR, 13, "must be of type date"),
    "opt-in type": (
        feed("id: {tags: [email-opt/email]}", "ok: {tags: [email-opt/is-email-opted-in]}"),
        ERROR,
        7,
        "of type boolean",
    ),
    "ext type": (
        feed("id: {tags: [pc/product-id]}", "c: {type: integer, tags: [pc/product-color]}"),
        WARNING,
        7,
        "of type string",
    ),
    "misspelt": (more(SHOP, "x: {tags: [adress]}"), WARNING, 13, "did you mean 'address'?"),
    "underscore": (
        more(SHOP, "x: {tags: [fk_loyalty]}"),
        WARNING,
        13,
        "did you mean 'fk-loyalty'?",
    ),
    "fk alone": (more(SHOP, "x: {tags: [fk]}"), ERROR, 13, "needs a namespace"),
    "fk with prefix": (
        more(SHOP, "x: {tags: [txn-item/fk-a]}"),
        WARNING,
        13,
        "did you mean 'fk-a'?",
    ),
    "name twice": (
        more(SHOP, "x: {tags: [given-name]}"),
        ERROR,
        13,
        "given-name stands on given already",
    ),
    "ck twice": (
        more(SHOP, "x: {tags: [ck]}", "y: {tags: [ck]}"),
        ERROR,
        14,
        "ck stands on x already",
    ),
    "fk twice": (
        more(SHOP, "x: {tags: [fk-customer-id]}"),
        ERROR,
        13,
        "stands on customer_id already",
    ),
    "gender twice": (
        more(SHOP, "x: {tags: [gender]}", "y: {tags: [gender]}"),
        WARNING,
        14,
        "gender stands on x already",
    ),
    "tag in capitals": (
        more(SHOP, "x: {tags: [Title]}"),
        ERROR,
        13,
        "not in lower case — did you mean 'title'?",
    ),
    "tag of Stitch": (
        more(SHOP, "x: {tags: [amperity-id]}"),
        ERROR,
        13,
        "amperity_id of unified_coalesced",
    ),
    "tag is empty": (more(SHOP, "x: {tags: ['']}"), ERROR, 13, "must be a tag such as"),
    "tag is a prefix": (more(SHOP, "x: {tags: [loy/]}"), ERROR, 13, "must be a tag such as"),
    "sign not allowed": (
        more(SHOP, "x: {type: decimal, number: {thousands: x}}"),
        ERROR,
        13,
        """allowed: '.', ',', ' ', "'";""",
    ),
    "sk alone": (more(SHOP, "x: {tags: [sk-gender]}"), ERROR, 13, "tag the field gender too"),
    "sk of nothing": (more(SHOP, "x: {tags: [sk-color]}"), ERROR, 13, "must be a profile tag"),
    "two fks": (
        orders("store: {", "member: {tags: [fk-loyalty-id]}\n  store: {"),
        ERROR,
        5,
        "may have one foreign key",
    ),
    "stitch without PII": (
        orders("fields:", "stitch: true\nfields:"),
        ERROR,
        5,
        "Stitch needs profile tags",
    ),
    "stitch with little": (
        customers("  given: {tags: [given-name]}\n", ""),
        WARNING,
        6,
        "has 2 profile tags",
    ),
    "one flag field": (
        orders("is-return]", "is-return, txn-item/is-cancellation]"),
        ERROR,
        11,
        "must be two fields",
    ),
    "txn without fk": (orders("[fk-customer-id]", "[]"), ERROR, 5, "need a link to their customer"),
    "txn without revenue": (
        orders("[txn-item/item-revenue]", "[]"),
        ERROR,
        5,
        "needs a field tagged txn-item/item-revenue",
    ),
    "txn without flag": (
        orders("[txn-item/is-return]", "[]"),
        WARNING,
        5,
        "expects a field tagged txn-item/is-return",
    ),
    "txn without store": (
        orders("[txn-item/store-id]", "[]"),
        WARNING,
        5,
        "no field is tagged txn-item/store-id",
    ),
    "opt with fk": (
        feed(
            "id: {tags: [email-opt/email, fk-a]}",
            "ok: {type: boolean, tags: [email-opt/is-email-opted-in]}",
        ),
        ERROR,
        5,
        "carries no foreign key and no profile tag: fk-a",
    ),
    "fiscal": (
        feed("id: {}", "day: {type: date, tags: [fiscal/calendar-date]}"),
        ERROR,
        4,
        "the primary key must be day",
    ),
    "loyalty": (more(SHOP, "card: {tags: [loyalty-id]}"), WARNING, 13, "add the tag fk-loyalty-id"),
    "two engagements": (
        feed("id: {tags: [email-event/email]}", "x: {tags: [email-summary/email]}"),
        WARNING,
        5,
        "both email-event and email-summary",
    ),
    "no update-dt": (
        customers(", tags: [update-dt]", ""),
        WARNING,
        7,
        "no customer table has a field tagged update-dt",
    ),
    "tag twice": (
        customers("mail: {tags: [email]}", "mail: {tags: [email, email]}"),
        WARNING,
        11,
        "given twice: email",
    ),
    "country": (
        {"tenant.yaml": "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ncountry: Germany\n"},
        ERROR,
        2,
        "must be a two-letter country code",
    ),
    "a key of nobody": (
        {LINES: ORDERS.replace("fk-customer-id", "fk-buyer")},
        WARNING,
        5,
        "no stitched table carries fk-buyer, so these rows belong to no person",
    ),
    "custom types": (
        {**more(SHOP, "a: {tags: [hue]}"), **more(LINES, "a: {type: integer, tags: [hue]}")},
        WARNING,
        18,
        "several types: integer, string",
    ),
    # names of tables
    "case of names": (
        {**customers("feed: Customers", "feed: ORDERS"), LINES: ORDERS},
        ERROR,
        2,
        "is taken by",
    ),
    "core name": (
        {
            "domain_tables/Merged_Customers.sql": "SELECT 1",
            "domain_tables/Merged_Customers.yaml": "primary_key: [a]\n",
        },
        ERROR,
        None,
        "taken by the documented table merged_customers",
    ),
    "colon": (customers("feed: Customers", "feed: 'A:B'"), ERROR, 2, "must not contain ':'"),
    "override case": ({"database/Unified_Coalesced.sql": "SELECT 1"}, ERROR, None, "only in case"),
    "extra taken": (
        {"database/Shop_Orders.sql": "SELECT 1"},
        ERROR,
        None,
        "is taken by Shop:Orders",
    ),
    "yaml alone": (
        {"database/extra.yaml": "description: x\n"},
        ERROR,
        None,
        "no extra.sql beside it",
    ),
    # the tenant and its day
    "workflow feed": (
        {"workflow.yaml": "feeds:\n  Shop:Order: {}\n"},
        ERROR,
        2,
        "did you mean 'Shop:Orders'?",
    ),
    "workflow wait": (
        {"workflow.yaml": "feeds:\n  Shop:Orders: {wait: soon}\n"},
        ERROR,
        2,
        "must be a duration",
    ),
    "cron": ({"workflow.yaml": "activation: {cron: '30 6 * *'}\n"}, ERROR, 1, "five fields"),
    "tenant zone": (
        {"tenant.yaml": "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ntimezone: Mars\n"},
        ERROR,
        2,
        "no known time zone",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_wrong_setting_makes_one_problem(tmp_path: Path, case: str) -> None:
    assert_one_problem(tmp_path, CASES[case])


def test_unknown_names_are_not_told_while_a_feed_is_unreadable(tmp_path: Path) -> None:
    problems = problems_after(
        tmp_path, {LINES: ORDERS + "x: 1\n", "workflow.yaml": "feeds: {Shop:Orders: {}}\n"}
    )
    assert [(p.file, p.message) for p in problems] == [(LINES, "unknown key")]


def test_a_key_may_be_of_people_whose_feed_is_unreadable(tmp_path: Path) -> None:
    club = CUSTOMERS.replace("feed: Customers", "feed: Club").replace("fk-customer-id", "fk-buyer")
    lines = ORDERS.replace("fk-customer-id", "fk-buyer")
    problems = problems_after(tmp_path, {"feeds/shop/club.yaml": club + "x: 1\n", LINES: lines})
    assert [(p.file, p.message) for p in problems] == [("feeds/shop/club.yaml", "unknown key")]
