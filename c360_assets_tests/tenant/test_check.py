"""The lints, each by a tenant that is wrong in one way (change -> severity, line, words)."""

from __future__ import annotations

import pytest

from c360_assets_tests.tenant.conftest import CUSTOMERS, ORDERS, RIGHT, Check

SHOP, LINES = "feeds/shop/customers.yaml", "feeds/shop/orders.yaml"


def customers(old: str, new: str) -> dict[str, str]:
    assert old in CUSTOMERS
    return {SHOP: CUSTOMERS.replace(old, new)}


def orders(old: str, new: str) -> dict[str, str]:
    assert old in ORDERS
    return {LINES: ORDERS.replace(old, new)}


def more(file: str, *lines: str) -> dict[str, str]:
    return {file: {SHOP: CUSTOMERS, LINES: ORDERS}[file] + "".join(f"  {line}\n" for line in lines)}


def feed(*fields: str, key: str = "id", head: str = "") -> dict[str, str]:
    text = f"source: New\nfeed: Table\nfiles: {{pattern: \"'new/'yyyyMMdd'.csv'\"}}\nprimary_key: [{key}]\n{head}fields:\n"
    return {"feeds/new/table.yaml": text + "".join(f"  {f}\n" for f in fields)}


ERROR, WARNING = "error", "warning"
CASES = {
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
    "scale on text": (
        customers("{tags: [surname]}", "{tags: [surname], scale: 2}"),
        ERROR,
        10,
        "a scale does not fit",
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
        "holds a password",
    ),
    "address without a bucket": (
        customers("*.csv'\"", "*.csv'\", address: 's3://'"),
        ERROR,
        3,
        "names no bucket or host",
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
    # settings
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
    "no primary": (
        {"tenant.yaml": "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ndatabases: {a: {}}\n"},
        ERROR,
        2,
        "exactly one",
    ),
    "tables of the primary": (
        {
            "tenant.yaml": "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ndatabases: {all: {primary: true, tables: [customer_360]}}\n"
        },
        ERROR,
        2,
        "holds all tables",
    ),
    "policy of the primary": (
        {
            "tenant.yaml": "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ndatabases: {all: {primary: true, merge_policy: o.yaml}}\n",
            "o.yaml": "",
        },
        ERROR,
        2,
        "follows merge_policy.yaml",
    ),
    "blank brand": (
        {
            "tenant.yaml": "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\n"
            "databases: {all: {primary: true}, a: {filter: {database_key: ''}}}\n"
        },
        ERROR,
        2,
        "is blank",
    ),
    "stitch table": (
        {"stitch.yaml": "tables: [Shop:Customer]\n"},
        ERROR,
        1,
        "did you mean 'Shop:Customers'?",
    ),
    "stitch table off": (
        {"stitch.yaml": "tables: [Shop:Customers, Shop:Orders]\n"},
        ERROR,
        1,
        "is not available to Stitch",
    ),
    "stitch left out": ({"stitch.yaml": "tables: []\n"}, WARNING, 1, "is left out"),
    "bad value rule": (
        {
            "stitch.yaml": "bad_values:\n  rules: [{semantic: emial, proxy: surname, threshold: 3}]\n"
        },
        ERROR,
        2,
        "'email'?",
    ),
    "condition": (
        {
            "stitch.yaml": "matching:\n  rules:\n    - {action: cluster, when: [{present-and-equals: email}]}\n"
        },
        ERROR,
        3,
        "did you mean 'present-and-equal'?",
    ),
    **{
        f"stitch {text}": ({"stitch.yaml": text + "\n"}, severity, 1, message)
        for text, severity, message in (
            (
                "blocking: {strategies: [email, dnf99]}",
                ERROR,
                "strategies[1]: dnf99 cannot be used here",
            ),
            (
                "blocking: {strategies: [{name: ful_name, limit: 9}]}",
                ERROR,
                "did you mean 'full-name'?",
            ),
            (
                "blocking: {strategies: [fk-member]}",
                ERROR,
                "no field of a stitched table is tagged fk-member",
            ),
            (
                "clustering: {conflict_fields: [surname]}",
                ERROR,
                "known: birthdate, generational-suffix, given-name",
            ),
            ("clustering: {conflict_fields: {sk-brand: never}}", ERROR, "is tagged sk-brand"),
            (
                "matching: {rules: [{action: cluster, when: [{present-and-equal: emial}]}]}",
                ERROR,
                "did you mean 'email'?",
            ),
            (
                "matching: {rules: [{action: cluster, when: [{present-and-equal: city}]}]}",
                ERROR,
                "city cannot be used here",
            ),
            (
                "matching: {rules: [{action: cluster, when: [{present-and-equal: fk-custommer-id}]}]}",
                WARNING,
                "'fk-customer-id'?",
            ),
            ("matching: {rules: [{action: cluster, when: [{}]}]}", ERROR, "must be one condition"),
            (
                "matching: {rules: [{action: cluster, when: [{present-and-equal: email, fuzzy-similar: phone}]}]}",
                ERROR,
                "must be one condition",
            ),
            ("matching: {staple: {enabled: true}}", WARNING, "not stapled by this version"),
            ("outputs: {unified_score: false}", ERROR, "did you mean 'unified_scores'?"),
            ("outputs: {unified_coalesced: false}", ERROR, "cannot be switched off"),
            ("outputs: {unified_scores: none}", ERROR, "must be true or false"),
        )
    },
    "policy source": (
        {"merge_policy.yaml": "source_priority: {Shop:Customer: 1}\n"},
        ERROR,
        1,
        "did you mean 'Shop:Customers'?",
    ),
    "policy not stitched": (
        {"merge_policy.yaml": "source_priority: {Shop:Customers: 1, Shop:Orders: 2}\n"},
        ERROR,
        1,
        "not available",
    ),
    "policy empty": ({"merge_policy.yaml": "source_priority: {}\n"}, ERROR, 1, "names no table"),
    "policy group": (
        {"merge_policy.yaml": "rank: {emial: [Shop:Customers]}\n"},
        ERROR,
        1,
        "did you mean 'email'?",
    ),
    "policy both": (
        {
            "merge_policy.yaml": "rank: {email: [Shop:Customers]}\nfield_priority: {Shop:Customers: {email: 1}}\n"
        },
        ERROR,
        2,
        "ranked for email under `rank` too",
    ),
    "policy column": (
        {"merge_policy.yaml": "custom_groups: {work: {columns: [email_work]}}\n"},
        ERROR,
        1,
        "no stitched table has a tag for",
    ),
    "policy value that is no text": (
        {
            **more(SHOP, "born: {type: date, tags: [birthdate]}", "tel: {tags: [phone]}"),
            "merge_policy.yaml": "multi_value:\n  phone: [phone, birthdate]\n",
        },
        ERROR,
        2,
        "multi_value.phone[1]: birthdate is DATE, not text",
    ),
    "policy value of an order": (
        {
            LINES: ORDERS.replace("primary_key: [line_id]", "primary_key: [line_id]\nstitch: true"),
            "merge_policy.yaml": "multi_value: {phone: [order_id]}\n",
        },
        ERROR,
        1,
        "no stitched table has a tag for order_id",
    ),
    "policy values of assigned e-mails": (
        {
            **more(SHOP, "work: {tags: [email-work]}"),
            "merge_policy.yaml": "multi_value:\n  email: [email_work, email]\n",
        },
        WARNING,
        2,
        "multi_value.email: has no effect",
    ),
    "policy group name": (
        {
            **more(SHOP, "work: {tags: [email-work]}"),
            "merge_policy.yaml": "custom_groups: {my group: {columns: [email_work]}}\n",
        },
        ERROR,
        1,
        "letters, digits and underscores",
    ),
    "policy group name in use": (
        {
            **more(SHOP, "work: {tags: [email-work]}"),
            "merge_policy.yaml": "custom_groups: {source: {columns: [email_work]}}\n",
        },
        ERROR,
        1,
        "uses itself",
    ),
    "policy column in use": (
        {"merge_policy.yaml": "custom_groups: {work: {columns: [email]}}\n"},
        ERROR,
        1,
        "columns[0]: email: merged_customers has this column already",
    ),
    "policy column twice": (
        {
            **more(SHOP, "work: {tags: [email-work]}"),
            "merge_policy.yaml": "custom_groups: {a: {columns: [email_work]}, b: {columns: [email_work]}}\n",
        },
        ERROR,
        1,
        "custom_groups.b.columns[0]: email_work: custom_groups.a has this column already",
    ),
    "policy column that a group adds": (
        {
            **more(SHOP, "other: {tags: [b-pk]}"),
            "merge_policy.yaml": "custom_groups:\n  a: {columns: [b_pk]}\n  b: {columns: [fk_customer_id]}\n",
        },
        ERROR,
        2,
        "custom_groups.a.columns[0]: b_pk: custom_groups.b has this column already",
    ),
    "policy order": (
        {"merge_policy.yaml": "email_ampid_assignment: {email_order: ['a; drop']}\n"},
        ERROR,
        1,
        "a column and a direction",
    ),
    "policy order's column": (
        {
            "merge_policy.yaml": "email_ampid_assignment:\n  email_order: [email_click_last_30_days desc]\n"
        },
        ERROR,
        2,
        "did you mean 'email_clicks_last_30_days'?",
    ),
    "another policy's order": (
        {
            "tenant.yaml": RIGHT["tenant.yaml"]
            + "databases: {all: {primary: true}, jp: {merge_policy: jp.yaml}}\n",
            "jp.yaml": "email_ampid_assignment: {amperity_id_order: [predicted_clv_next_365d desc, nope]}\n",
        },
        ERROR,
        1,
        "amperity_id_order[1]: there is no column nope in",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_lint(check: Check, case: str) -> None:
    changes, severity, line, words = CASES[case]
    found = [p for p in check(changes) if words in str(p)]
    assert [(p.severity, p.line) for p in found] == [(severity, line)]
    assert found[0].file in changes


@pytest.mark.parametrize(
    "right",
    [
        "bad_values: {preprocessing_profiles: [normalize-gender, prioritize-src-gender, allow-business-email]}",
        "blocking: {strategies: [fk, fk-customer-id, bk-card, {name: dnf2, limit: 50}]}",
        "clustering: {conflict_fields: [given-name, birthdate]}",
        "matching: {rules: [{action: separate, when: [fuzzy/different-generations, {fuzzy-similar: email}]}]}",
        "outputs: {unified_changes: false, stitch_scores: all}",
    ],
)
def test_settings_of_stitch_that_it_knows_are_not_objected_to(check: Check, right: str) -> None:
    assert check({"stitch.yaml": right + "\n"}) == []


@pytest.mark.parametrize("text", ["update_dt  desc", " Update_dt\\tDESC ", "update_dt"])
def test_an_order_may_be_spaced_as_one_likes(check: Check, text: str) -> None:
    policy = f'email_ampid_assignment: {{email_order: ["{text}"]}}\n'
    assert check({"merge_policy.yaml": policy}) == []


@pytest.mark.parametrize(
    "wrong", ["best_email: first", "use_blocklist: maybe", "rank: {email: Shop:Customers}"]
)
def test_a_policy_with_a_wrong_value_elsewhere_is_not_told_that_it_names_no_table(
    check: Check, wrong: str
) -> None:
    problems = check({"merge_policy.yaml": f"source_priority: {{Shop:Customers: 1}}\n{wrong}\n"})
    assert [(p.severity, p.line) for p in problems] == [(ERROR, 2)]


def test_values_of_an_email_have_an_effect_where_it_is_found_by_priority(check: Check) -> None:
    assert (
        check({"merge_policy.yaml": "best_email: priority\nmulti_value: {email: [email]}\n"}) == []
    )


MODES = "customer_360:\n  unified_transactions:\n    order_discount_mode:\n      {}: max\n"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("Shop:Orders", None),
        ("Shop:Order", "did you mean 'Shop:Orders'?"),
        ("Shop:Customers", "known: Shop:Orders"),
    ],
)
def test_a_discount_mode_is_that_of_a_source_of_items(
    check: Check, source: str, told: str | None
) -> None:
    changes = {"tenant.yaml": RIGHT["tenant.yaml"] + MODES.format(source)}
    key = f"customer_360.unified_transactions.order_discount_mode.{source}"
    expected = [("error", "tenant.yaml", 6, key, told)] if told else []
    assert [(p.severity, p.file, p.line, p.key, p.remedy) for p in check(changes)] == expected
    # Which sources a tenant's own SQL names nobody knows.
    own = {
        "database/unified_itemized_transactions.sql": "SELECT * FROM unified_itemized_transactions"
    }
    assert check({**changes, **own}) == []


def test_a_new_source_without_priority_is_noticed(check: Check) -> None:
    new = CUSTOMERS.replace("source: Shop", "source: Till").replace("'shop/", "'till/")
    problems = check(
        {
            "feeds/till/customers.yaml": new,
            "merge_policy.yaml": "source_priority: {Shop:Customers: 1}\n",
        }
    )
    assert [(p.severity, p.message) for p in problems] == [
        ("warning", "Till:Customers has no priority and comes last (999)")
    ]


def test_a_filtered_database_has_a_policy_of_its_own(check: Check) -> None:
    tenant = (
        "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\n"
        "databases:\n  all: {primary: true}\n  jp: {filter: {database_key: JP}, merge_policy: jp.yaml}\n"
    )
    assert [p.message for p in check({"tenant.yaml": tenant}) if p.severity == "error"] == [
        "names a file that is not in the tenant folder"
    ]
    problems = check(
        {
            **more(SHOP, "unit: {tags: [database-key]}"),
            "tenant.yaml": tenant,
            "jp.yaml": "source_priority: {Shop:Customer: 1}\n",
        }
    )
    assert ("error", "jp.yaml", 1, "there is no table Shop:Customer") in [
        (p.severity, p.file, p.line, p.message) for p in problems
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "no field is tagged database-key, so this database will be empty"),
        (
            more(LINES, "unit: {tags: [txn-item/database-key]}"),
            "no customer table has a field tagged database-key",
        ),
        (more(SHOP, "unit: {tags: [database-key]}"), None),
    ],
)
def test_a_filtered_database_needs_the_brand_of_its_customers(
    check: Check, changes: dict[str, str], told: str | None
) -> None:
    tenant = "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ndatabases:\n  all: {primary: true}\n  jp: {filter: {database_key: JP}}\n"
    found = [
        p.message for p in check({**changes, "tenant.yaml": tenant}) if p.file == "tenant.yaml"
    ]
    assert [told in message for message in found] == ([True] if told else [])


def test_unknown_names_are_not_told_while_a_feed_is_unreadable(check: Check) -> None:
    problems = check({LINES: ORDERS + "x: 1\n", "workflow.yaml": "feeds: {Shop:Orders: {}}\n"})
    assert [(p.file, p.message) for p in problems] == [(LINES, "unknown key")]
