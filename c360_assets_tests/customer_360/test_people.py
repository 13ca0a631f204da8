"""The best data of each person: merged_customers, e-mail assignment, and what stands on them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from c360_assets.customer_360.tables.build import prepare_context
from c360_assets.semantics.countries import Home
from c360_assets.tenant.local_columns import LOCAL_COLUMNS
from c360_assets.validations.declarations import missing
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal
from c360_assets_tests.customer_360.world import (
    AS_OF,
    build_all,
    make_tenant,
    one,
    put,
    put_gathered,
    put_households,
    put_unified,
    table,
)

POLICY = {"source_priority": {"CRM": 1, "POS": 2}}


def merged(
    session: Session,
    tmp_path: Path,
    rows: list[dict[str, Any]],
    *,
    more: dict[str, str] | None = None,
    **policy: Any,
) -> dict[str, Any]:
    """The merged row of one person A1 with the given source records."""
    tenant = make_tenant(tmp_path, policy={**POLICY, **policy})
    put_unified(session, [{"amperity_id": "A1", **row} for row in rows], **(more or {}))
    build_all(
        session,
        tenant,
        only=[
            "email_opt_status",
            "email_engagement_summary",
            "email_ampid_assignment",
            "merged_customers",
        ],
    )
    return one(session, "merged_customers")


def picked(row: dict[str, Any], columns: str) -> list[Any]:
    return [row[column] for column in columns.split()]


def test_cg01_completeness_before_priority_and_no_mixing(session: Session, tmp_path: Path) -> None:
    row = merged(
        session,
        tmp_path,
        [
            {
                "datasource": "CRM",
                "pk": "c1",
                "address": "1 Elm St",
                "address2": "Apt 9",
                "city": "Reno",
                "country": "US",
                "update_dt": "2026-05-01",
            },
            {
                "datasource": "POS",
                "pk": "p1",
                "address": "2 Oak Ave",
                "city": "Reno",
                "state": "NV",
                "postal": "89501",
                "update_dt": "2024-01-01",
            },
        ],
    )
    columns = (
        "address address2 city state postal country "
        "address_completion address_priority address_datasource address_pk"
    )
    assert picked(row, columns) == [
        "2 Oak Ave",
        None,
        "Reno",
        "NV",
        "89501",
        None,
        4,
        2,
        "POS",
        "p1",
    ]


# By country: of whom the address is whole, of people with the parts that their names say.
WHOLE_ADDRESSES = {
    None: ["acsz"],
    "US": ["acsz"],
    "NL": ["acsz", "acz"],
    "AE": ["acs", "acsz", "as"],
    "SG": ["acsz", "acz", "az"],
}


@pytest.mark.parametrize("country", WHOLE_ADDRESSES)
def test_an_address_is_whole_with_what_addresses_of_the_country_hold(
    session: Session, tmp_path: Path, country: str | None
) -> None:
    options = {"merged_households": {"source": "address"}}
    tenant = make_tenant(tmp_path, policy=POLICY, options=options)
    tenant = replace(tenant, config=tenant.config.model_copy(update={"country": country}))
    parts = {"a": "address", "c": "city", "s": "state", "z": "postal"}
    people = ["a", "ac", "acs", "acsz", "acz", "as", "az", "csz", "z"]
    records = [
        {"amperity_id": held, "surname": held, **{parts[part]: "1 X" for part in held}}
        for held in people
    ]
    put_unified(session, records, **dict.fromkeys(LOCAL_COLUMNS, "VARCHAR"))
    build_all(session, tenant, "merged_households")
    completion = {
        row["amperity_id"]: row["address_completion"]
        for row in table(session, "merged_customers", "amperity_id, address_completion")
    }
    whole = WHOLE_ADDRESSES[country]
    assert completion == {held: 4 if held in whole else len(held) for held in people}
    households = table(session, "merged_households", "amperity_id", order="amperity_id")
    assert [row["amperity_id"] for row in households] == whole


def test_cg02_field_priority_replaces_source_priority(session: Session, tmp_path: Path) -> None:
    rows = [
        {"datasource": "CRM", "phone": "2065550001"},
        {"datasource": "POS", "phone": "2065550002"},
    ]
    row = merged(
        session, tmp_path, rows, field_priority={"CRM": {"phone": 5}, "POS": {"phone": None}}
    )
    assert picked(row, "phone phone_priority") == ["2065550002", 2]


@pytest.mark.parametrize(
    ("first", "second", "phone"),
    [
        ("2026-01-01", "2026-03-01", "2065550009"),
        ("2026-03-01", "2026-03-01", "2065550010"),
        (None, "2026-03-01", "2065550009"),
    ],
)
def test_cg03_default_and_ties(
    session: Session, tmp_path: Path, first: str | None, second: str, phone: str
) -> None:
    rows: list[dict[str, Any]] = [
        {"datasource": "WEB", "pk": "10", "update_dt": first, "phone": "2065550010"},
        {"datasource": "WEB", "pk": "9", "update_dt": second, "phone": "2065550009"},
    ]
    assert picked(merged(session, tmp_path, rows), "phone phone_priority") == [phone, 999]


def test_cg04_names_are_one_bundle(session: Session, tmp_path: Path) -> None:
    rows = [
        {"datasource": "CRM", "given_name": "Anne", "surname": "Lee"},
        {"datasource": "POS", "given_name": "Ann", "surname": "Lee", "generational_suffix": "JR"},
    ]
    assert picked(merged(session, tmp_path, rows), "given_name surname generational_suffix") == [
        "Anne",
        "Lee",
        None,
    ]


@pytest.mark.parametrize(
    ("with_pos", "expected"), [(True, ["2065550123", False, 1]), (False, ["2065551212", True, 1])]
)
def test_cg05_blocklist_after_completeness_before_priority(
    session: Session, tmp_path: Path, with_pos: bool, expected: list[Any]
) -> None:
    rows: list[dict[str, Any]] = [
        {"datasource": "CRM", "phone": "2065551212", "blv_phone": True},
        {"datasource": "WEB", "phone": " "},
        *([{"datasource": "POS", "phone": "2065550123", "blv_phone": False}] if with_pos else []),
    ]
    assert picked(merged(session, tmp_path, rows), "phone phone_blv phone_completion") == expected


def test_cg06_nothing_known(session: Session, tmp_path: Path) -> None:
    row = merged(session, tmp_path, [{"datasource": "POS"}, {"datasource": "CRM"}])
    assert picked(row, "gender gender_completion gender_datasource") == [None, 0, "CRM"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("intent", ["Amy", "Lee", "POS", 2]), ("binary", ["Amy", None, "CRM", 1])],
)
def test_cg07_name_completion(
    session: Session, tmp_path: Path, mode: str, expected: list[Any]
) -> None:
    rows = [
        {"datasource": "CRM", "given_name": "Amy", "full_name": "Amy"},
        {"datasource": "POS", "given_name": "Amy", "surname": "Lee", "full_name": "Amy Lee"},
    ]
    row = merged(session, tmp_path, rows, name_completion=mode, name_parts="as_ranked")
    assert picked(row, "given_name surname name_datasource name_completion") == expected


@pytest.mark.parametrize(
    ("web", "expected"), [(None, ["a@x.com", "CRM", 1, 1]), (1, ["b@x.com", "WEB", 1, 1])]
)
def test_cg07b_best_email_by_priority(
    session: Session, tmp_path: Path, web: int | None, expected: list[Any]
) -> None:
    rows = [
        {"datasource": "CRM", "email": "a@x.com", "update_dt": "2026-01-01"},
        {"datasource": "POS"},
        {"datasource": "WEB", "email": "b@x.com", "update_dt": "2026-05-01"},
    ]
    row = merged(
        session, tmp_path, rows, best_email="priority", field_priority={"WEB": {"email": web}}
    )
    assert picked(row, "email email_datasource email_priority email_completion") == expected


def test_the_parts_of_a_full_name_are_filled(session: Session, tmp_path: Path) -> None:
    rows = [{"datasource": "CRM", "pk": "c1", "full_name": "Dr. van der Linde, Femke"}]
    row = merged(session, tmp_path, rows)
    assert picked(row, "given_name surname full_name name_pk name_completed_pk") == [
        "Femke",
        "van der Linde",
        "Dr. van der Linde, Femke",
        "c1",
        None,
    ]


@pytest.mark.parametrize(
    ("name_parts", "expected"),
    [
        ("complete", ["Femke", "Linde", "c1", "p2", "POS"]),
        ("as_ranked", [None, "Linde", "c1", None, None]),
    ],
)
def test_a_missing_part_comes_from_a_record_that_agrees(
    session: Session, tmp_path: Path, name_parts: str, expected: list[str | None]
) -> None:
    rows = [
        {"datasource": "CRM", "pk": "c1", "surname": "Linde"},
        {"datasource": "POS", "pk": "p1", "given_name": "Noor"},
        {"datasource": "POS", "pk": "p2", "given_name": "Femke", "surname": "LINDE"},
    ]
    policy: dict[str, Any] = {"name_parts": name_parts, "order": "rank_first"}
    row = merged(session, tmp_path, rows, **policy)
    columns = "given_name surname name_pk name_completed_pk name_completed_datasource"
    assert picked(row, columns) == expected


def test_a_part_that_nobody_agrees_on_stays_empty(session: Session, tmp_path: Path) -> None:
    rows = [
        {"datasource": "CRM", "pk": "c1", "surname": "Linde"},
        {"datasource": "POS", "pk": "p1", "given_name": "Noor", "surname": "Smit"},
    ]
    row = merged(session, tmp_path, rows, order="rank_first")
    assert picked(row, "given_name surname") == [None, "Linde"]


def test_marks_of_exports_are_not_merged(session: Session, tmp_path: Path) -> None:
    rows = [
        {
            "datasource": "CRM",
            "pk": "c1",
            "phone": "7035550144.0",
            "address": "1 Elm St",
            "postal": "'03821",
            "email": "mia@post.example\u200b; noa@post.example",
        }
    ]
    row = merged(session, tmp_path, rows, best_email="priority")
    assert picked(row, "phone postal email") == ["7035550144", "03821", "mia@post.example"]


def test_rank_is_another_spelling_and_rank_first_compares_presence_only(
    session: Session, tmp_path: Path
) -> None:
    rows = [
        {
            "datasource": "CRM",
            "address": "1 Elm St",
            "city": "Reno",
            "state": "NV",
            "postal": "89501",
        },
        {"datasource": "POS", "address": "2 Oak Ave"},
    ]
    assert (
        merged(session, tmp_path, rows, rank={"address": ["POS", "CRM"]})["address"] == "1 Elm St"
    )
    row = merged(session, tmp_path, rows, rank={"address": ["POS", "CRM"]}, order="rank_first")
    assert picked(row, "address address_completion address_priority") == ["2 Oak Ave", 1, 1]


def test_of_several_values_in_one_record_the_first_valid_one_counts(
    session: Session, tmp_path: Path
) -> None:
    rows = [{"datasource": "CRM", "phone": "12,2065550123", "email": "nonsense, b@x.com ,c@x.com"}]
    row = merged(session, tmp_path, rows, best_email="priority")
    assert picked(row, "phone email") == ["2065550123", "b@x.com"]
    rows = [{"datasource": "CRM", "phone": "12,13"}]
    assert merged(session, tmp_path, rows)["phone"] == "12"


def test_named_values_concatenated_names_and_custom_groups(
    session: Session, tmp_path: Path
) -> None:
    rows = [
        {
            "datasource": "CRM",
            "given_name": " Ann ",
            "surname": "Lee",
            "full_name": "x",
            "phone": "1,2",
            "phone_work": "2",
            "email_internal": "i@x.com",
        }
    ]
    row = merged(
        session,
        tmp_path,
        rows,
        more={"phone_work": "VARCHAR", "phone_home": "VARCHAR", "email_internal": "VARCHAR"},
        full_name="concat",
        multi_value={"phone": ["phone_home", "phone_work"]},
        custom_groups={"email_internal": {"columns": ["email_internal"]}},
        field_priority={"CRM": {"email_internal": 7}},
    )
    assert picked(row, "full_name phone email_internal email_internal_priority") == [
        "Ann Lee",
        "2",
        "i@x.com",
        7,
    ]


def test_a_custom_column_may_be_called_anything(session: Session, tmp_path: Path) -> None:
    used = [
        "newness",
        "source_priority",
        "emails",
        "name_place",
        "title_completion",
        "records",
        "uc",
        "value",
        "own_value_1",
    ]
    names = ["order", "2nd_mail", "table", "column", *used]
    row = merged(
        session,
        tmp_path,
        [dict.fromkeys(names, " x ")],
        more=dict.fromkeys(names, "VARCHAR"),
        custom_groups={"own": {"columns": [*names, "datasource"]}},
    )
    assert picked(row, " ".join(names)) == ["x"] * len(names)
    assert picked(row, "datasource own_completion own_priority") == ["CRM", len(names) + 1, 1]


def test_record_dates_span_all_records(session: Session, tmp_path: Path) -> None:
    rows = [
        {"create_dt": "2020-01-01", "update_dt": "2026-01-01"},
        {"create_dt": "2019-01-01", "update_dt": "2025-01-01"},
    ]
    merged(session, tmp_path, rows)
    row = one(
        session, "merged_customers", "create_dt::DATE::VARCHAR AS c, update_dt::DATE::VARCHAR AS u"
    )
    assert row == {"c": "2019-01-01", "u": "2026-01-01"}


# --- which e-mail belongs to whom

SUMMARY = {
    "email": "VARCHAR",
    "brand": "VARCHAR",
    "email_clicks_last_30_days": "BIGINT",
    "most_recent_email_click_datetime": "TIMESTAMPTZ",
}
BOUGHT = {
    "amperity_id": "VARCHAR",
    "l12m_order_revenue": "DECIMAL(38, 2)",
    "latest_order_datetime": "TIMESTAMPTZ",
}


def assigned(
    session: Session,
    tmp_path: Path,
    links: list[tuple[str, str, int]],
    revenue: dict[str, int],
    **config: Any,
) -> list[tuple[str, str, int]]:
    """(person, e-mail, round) from (person, e-mail, clicks) links; all opted in."""
    tenant = make_tenant(
        tmp_path,
        policy={**POLICY, "email_ampid_assignment": config},
        # These tables are written below; that the tenant has them makes the assignment read them.
        database={
            n: f"SELECT * FROM {n}"
            for n in ("email_engagement_summary", "transaction_attributes_extended")
        },
    )
    put_unified(session, [{"amperity_id": a, "email": f"{e}@x.com"} for a, e, _ in links])
    clicks = {e: n for _, e, n in links}
    put(
        session,
        "email_engagement_summary",
        SUMMARY,
        [
            {"email": f"{e.upper()}@x.com", "email_clicks_last_30_days": n}
            for e, n in clicks.items()
        ],
    )
    put(
        session,
        "transaction_attributes_extended",
        BOUGHT,
        [{"amperity_id": a, "l12m_order_revenue": r} for a, r in revenue.items()],
    )
    build_all(session, tenant, only=["email_ampid_assignment"])
    rows = table(session, "email_ampid_assignment", "amperity_id, email, assignment_round")
    return [
        (row["amperity_id"], row["email"].removesuffix("@x.com"), row["assignment_round"])
        for row in rows
    ]


def test_cg08_mutual_first_choice_then_a_second_round(session: Session, tmp_path: Path) -> None:
    links = [("A1", "e1", 9), ("A1", "e2", 1), ("A2", "e1", 9), ("A2", "e3", 0)]
    assert assigned(session, tmp_path, links, {"A1": 500, "A2": 100}) == [
        ("A1", "e1", 1),
        ("A2", "e3", 2),
    ]


@pytest.mark.parametrize(("rounds", "third"), [(2, []), (3, [("A3", "e3", 3)])])
def test_cg09_two_rounds_are_not_a_full_matching(
    session: Session, tmp_path: Path, rounds: int, third: list[Any]
) -> None:
    links = [("A1", "e1", 9), ("A2", "e1", 9), ("A2", "e2", 5), ("A3", "e2", 5), ("A3", "e3", 1)]
    found = assigned(session, tmp_path, links, {"A1": 300, "A2": 200, "A3": 100}, rounds=rounds)
    assert found == [("A1", "e1", 1), ("A2", "e2", 2), *third]


def test_cg10_case_blank_and_blocklist(session: Session, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"email": "Ann@X.com", "update_dt": "2026-01-01", "datasource": "POS"},
        {"email": "ann@x.com ", "update_dt": "2025-01-01", "pk": "c"},
        {"email": ""},
        {"email": "junk@x.com", "blv_email": True},
        {"email": "no address"},
    ]
    row = merged(session, tmp_path, rows)
    pair = one(
        session,
        "email_ampid_assignment",
        "amperity_id, email, email_rank, amp_rank, assignment_round",
    )
    assert list(pair.values()) == ["A1", "ann@x.com", 1, 1, 1]
    assert picked(row, "email email_completion email_pk email_datasource email_priority") == [
        "ann@x.com",
        1,
        "c",
        "CRM",
        1,
    ]


def test_an_unassigned_person_has_no_email(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path, policy=POLICY)
    put_unified(session, [{"amperity_id": a, "email": "one@x.com"} for a in ("A1", "A2")])
    build_all(session, tenant, "merged_customers")
    rows = table(
        session, "merged_customers", "amperity_id, email, email_completion", order="amperity_id"
    )
    assert rows == [
        {"amperity_id": "A1", "email": "one@x.com", "email_completion": 1},
        {"amperity_id": "A2", "email": None, "email_completion": 0},
    ]


def test_a_threshold_leaves_out_what_comes_behind(session: Session, tmp_path: Path) -> None:
    links = [("A1", "e1", 9), ("A1", "e2", 5)]
    assert assigned(session, tmp_path, links, {}, email_threshold=1) == [("A1", "e1", 1)]


# --- what stands on them


# Person, day of the first and of the latest order -> status.
CG18 = [
    ("A1", "2026-06-05", "2026-06-05", "New"),
    ("A2", "2024-01-01", "2025-06-30", "Active"),
    ("A3", "2024-01-01", "2025-06-29", "Lapsed"),
    ("A4", "2024-01-01", "2024-06-30", "Lapsed"),
    ("A5", "2024-01-01", "2024-06-29", "Dormant"),
    ("A6", None, None, "Prospect"),
]


def test_cg18_lifecycle(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path, policy=POLICY)
    columns = {
        "amperity_id": "VARCHAR",
        "lifetime_order_frequency": "BIGINT",
        "lifetime_order_revenue": "DECIMAL(38, 2)",
        **dict.fromkeys(("first_order_datetime", "latest_order_datetime"), "TIMESTAMPTZ"),
    }
    bought = [
        {
            "amperity_id": a,
            "lifetime_order_frequency": 1,
            "first_order_datetime": first,
            "latest_order_datetime": latest,
        }
        for a, first, latest, _ in CG18
        if first
    ]
    put_unified(session, [{"amperity_id": a} for a, *_ in CG18])
    put(session, "transaction_attributes_extended", columns, bought)
    build_all(session, tenant, only=ALL_BUT_ORDERS)
    rows = table(
        session,
        "customer_attributes",
        "amperity_id, historical_purchaser_lifecycle_status, is_purchaser, is_prospect",
    )
    assert [tuple(row.values()) for row in rows] == [
        (a, status, bool(first), not first) for a, first, _, status in CG18
    ]


ALL_BUT_ORDERS = [
    "email_opt_status",
    "sms_opt_status",
    "email_engagement_summary",
    "email_ampid_assignment",
    "merged_customers",
    "address_standardization",
    "merged_households",
    "customer_attributes",
]


@pytest.mark.parametrize("sms", [True, False])
def test_cg19_contactability(session: Session, tmp_path: Path, sms: bool) -> None:
    tenant = make_tenant(tmp_path, policy=POLICY)
    put_unified(
        session,
        [
            {
                "amperity_id": "A1",
                "given_name": "Ann",
                "surname": "Lee",
                "email": "ann@x.com",
                "address": "1 Elm St",
                "city": "Reno",
                "state": "NV",
            },
            {"amperity_id": "A2"},
        ],
    )
    consent = [("Ann@X.com", "B", False), ("ann@x.com", "C", True)]
    put_gathered(
        session,
        tenant,
        "email_opt_status",
        [
            {"amperity_id": "A1", "email": e, "brand": b, "is_email_opted_in": s}
            for e, b, s in consent
        ],
    )
    texts = [{"amperity_id": "A1", "phone": "2065550123", "is_sms_opted_in": True}] if sms else []
    put_gathered(session, tenant, "sms_opt_status", texts)
    build_all(session, tenant, "customer_attributes")
    columns = "contactable_email, contactable_phone, contactable_address, contactable_paid_social, "
    columns += "contactable_global, is_no_pii_amperity_id, is_opted_into_email"
    assert list(one(session, "customer_attributes", columns, "amperity_id = 'A1'").values()) == [
        True,
        False,
        False,
        True,
        True,
        False,
        True,
    ]
    assert list(one(session, "customer_attributes", columns, "amperity_id = 'A2'").values()) == [
        False,
        False,
        False,
        False,
        False,
        True,
        None,
    ]


def test_a_session_has_the_functions_that_are_named_and_theirs(session: Session) -> None:
    asked = "SELECT function_name FROM duckdb_functions() WHERE database_name = 'temp' ORDER BY 1"
    number = "SELECT phone_key('030 123456')"
    prepare_context(session, AS_OF, sql="SELECT Phone_Key(x) FROM y")
    named = [name for (name,) in session.rows(asked)]
    assert named == ["phone_compared", "phone_digits", "phone_key", "phone_text", "plain_contact"]
    assert session.rows(number) == [("030123456",)]
    # Elsewhere numbers are read otherwise, and back again.
    for home, read in ((Home("DE", "DE"), "4930123456"), (None, "030123456")):
        prepare_context(session, AS_OF, home, sql=number)
        assert session.rows(number) == [(read,)]
    prepare_context(session, AS_OF)
    assert len(session.rows(asked)) > 20


def test_white_space_is_what_unicode_calls_so(session: Session) -> None:
    prepare_context(session, AS_OF)
    separators = "\x1c\x1d\x1e\x1f"  # white space to Python only
    spaces = [c for c in map(chr, range(0x10000)) if c.isspace() and c not in separators]
    assert len(spaces) == 25
    tests = (
        "clean(v) IS NULL, is_blank(v), clean(concat(v, "
        "'ü', v, v)) = 'ü', clean(concat('a', v)) = 'a', " + missing("v")
    )
    for space in spaces:
        rows = session.rows(f"SELECT {tests} FROM (SELECT {quote_literal(space)} AS v)")
        assert rows == [(True, True, True, True, True)], hex(ord(space))


@pytest.mark.parametrize("space", ["\u000b", "\u0085", "\u00a0"])
def test_a_full_name_of_two_words_is_complete_whatever_parts_them(
    session: Session, tmp_path: Path, space: str
) -> None:
    row = merged(session, tmp_path, [{"full_name": f"Ann{space}Lee"}])
    assert row["name_completion"] == 2


@pytest.mark.parametrize(
    "spelling",
    [
        {"city": "New\u00a0York"},
        {"city": "New\u0085York", "address": "1\u000bElm St"},
        {"address2": "Apt\t5"},
        {"address2": "Apt\u00a05", "city": "new  york"},
        {"postal": "k1a 0b1"},
        {"state": "New\u00a0York"},
        {"state": " new  york"},
    ],
)
def test_white_space_and_case_do_not_part_a_household(
    session: Session, tmp_path: Path, spelling: dict[str, str]
) -> None:
    tenant = make_tenant(tmp_path, policy=POLICY)
    home = {
        "surname": "Doe",
        "address": "1 Elm St",
        "address2": "Apt 5",
        "city": "New York",
        "state": "NY",
        "postal": "K1A 0B1",
    }
    put_unified(session, [{"amperity_id": "A1", **home}, {"amperity_id": "A2", **home, **spelling}])
    build_all(session, tenant, "merged_households")
    rows = table(session, "merged_households", "full_address, household_size, postal")
    assert (
        rows
        == [{"full_address": "1ELMST5NEWYORKNYK1A0", "household_size": 2, "postal": "K1A 0"}] * 2
    )


def test_households_of_stitch_hold_everybody_of_the_database(
    session: Session, tmp_path: Path
) -> None:
    options = {"merged_households": {"source": "stitch"}}
    tenant = make_tenant(tmp_path, policy=POLICY, options=options)
    home = {"surname": "Doe", "address": "1 Elm St", "city": "Reno", "state": "NV"}
    people = [
        {"amperity_id": "A1", **home, "postal": "89501"},
        {"amperity_id": "A2", "given_name": "Ann"},
        {"amperity_id": "A3", **home, "postal": "89501"},
    ]
    put_unified(session, people)
    put_households(session, {"A1": "H1", "A2": "H1", "A3": "H2", "A9": "H1"})
    build_all(session, tenant, "customer_360", "merged_households")
    rows = table(
        session,
        "merged_households",
        "household_id, household_size, full_address",
        order="amperity_id",
    )
    line = "1ELMSTRENONV89501"
    assert rows == [
        {"household_id": "H1", "household_size": 2, "full_address": line},
        {"household_id": "H1", "household_size": 2, "full_address": None},
        {"household_id": "H2", "household_size": 1, "full_address": line},
    ]
    sizes = table(session, "customer_360", "household_size", order="amperity_id")
    assert [row["household_size"] for row in sizes] == [2, 2, 1]


def test_consent_that_no_row_gives_is_refused_though_its_status_is_unknown(
    session: Session, tmp_path: Path
) -> None:
    own = {name: f"SELECT * FROM {name}" for name in ("email_opt_status", "sms_opt_status")}
    tenant = make_tenant(tmp_path, policy=POLICY, database=own)
    put_unified(session, [{"amperity_id": "A1"}, {"amperity_id": "A2"}])
    put_gathered(session, tenant, "email_opt_status", [{"amperity_id": "A1", "email": "ann@x.com"}])
    put_gathered(session, tenant, "sms_opt_status", [{"amperity_id": "A1", "phone": "2065550123"}])
    build_all(session, tenant, "customer_attributes")
    rows = table(
        session,
        "customer_attributes",
        "is_opted_into_email, is_opted_into_sms",
        order="amperity_id",
    )
    assert [tuple(row.values()) for row in rows] == [(False, False), (None, None)]


def test_cg20_households(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path, policy=POLICY)
    main = {"address": "12 main st.", "city": "SPRINGFIELD", "state": "IL", "postal": "62701"}
    put_unified(
        session,
        [
            {
                "amperity_id": "A1",
                "given_name": "Ann",
                "surname": "Doe",
                "address": "12  Main Street",
                "address2": "Apt",
                "city": "Springfield",
                "state": "Illinois",
                "postal": "62701-1234",
            },
            {"amperity_id": "A2", "given_name": "Bob", "surname": "Doe", **main},
            {"amperity_id": "A3", "given_name": "Carl", "surname": "Roe", **main},
            {"amperity_id": "A4", "given_name": "Dan", **main},
        ],
    )
    build_all(session, tenant, "customer_360", "merged_households")
    rows = table(session, "merged_households", order="amperity_id")
    assert [r["amperity_id"] for r in rows] == ["A1", "A2", "A3"]
    assert [r["full_address"] for r in rows] == ["12MAINSTSPRINGFIELDIL62701"] * 3
    assert [r["household_id"] for r in rows[:2]] == ["ef89250c-1445-4c8b-4a24-1cd741d5f847"] * 2
    assert [r["household_size"] for r in rows] == [2, 2, 1]
    assert rows[2]["household_id"] != rows[0]["household_id"]
    assert one(session, "customer_360", "household_size", "amperity_id = 'A4'") == {
        "household_size": None
    }


@pytest.mark.parametrize(
    ("address", "address2", "city", "line"),
    [
        ("9 Stevens Ave Ste 4", None, "Reno", "9STEVENSAVE4RENONV89501"),
        (
            "9 N Main Street Rear House East Wing Two",
            "#3",
            "Apt City",
            "9NMAINSTREARHOUSEEASTWINGTWO3CITYNV89501",
        ),
        ("Street 9", "Suite Unit 5", "Reno", "STREET95RENONV89501"),
    ],
)
def test_unit_words_go_as_whole_words_and_no_word_is_lost(
    session: Session, tmp_path: Path, address: str, address2: str | None, city: str, line: str
) -> None:
    tenant = make_tenant(tmp_path, policy=POLICY)
    put_unified(
        session,
        [
            {
                "amperity_id": "A1",
                "surname": "Lee",
                "address": address,
                "address2": address2,
                "city": city,
                "state": "NV",
                "postal": "89501",
            }
        ],
    )
    build_all(session, tenant, "merged_households")
    assert one(session, "merged_households", "full_address") == {"full_address": line}


def test_hashes_follow_the_published_vectors(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(
        tmp_path,
        policy={**POLICY, "best_email": "priority"},
        options={"customer_360": {"hashed": ["email", "phone"]}},
    )
    put_unified(
        session,
        [
            {"amperity_id": "A1", "email": " Justin@Email.com ", "phone": "4155550101"},
            {"amperity_id": "A2", "phone": "(415) 555-0101"},
            {"amperity_id": "A3"},
        ],
    )
    build_all(session, tenant, "customer_360")
    rows = table(
        session,
        "customer_360",
        "hashed_email, hashed_phone, hashed_phone_e164",
        order="amperity_id",
    )
    email = "caff41c80e492c4a594a24cfabefe252dda30324ad4179f2b68970f122a0f49c"
    phone = "ac884459a189ce7aea84fac28284b61ebb8f73e64f9ee38ed4846e0f81ae5fea"
    e164 = "54a97a4595350c4cc6399b01b572a4614416acfec53a508dfa2a36ed3da25817"
    assert list(rows[0].values()) == [email, phone, e164]
    assert list(rows[1].values()) == [None, hashlib.sha256(b"(415) 555-0101").hexdigest(), e164]
    assert list(rows[2].values()) == [None, None, None]
