"""The page of one person: who won each field, and why each other value was not taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console

from c360_assets.customer_360.rendering.merge_policy import values
from c360_assets.customer_360.tables.build import prepare
from c360_assets.customer_360.tables.databases import databases
from c360_assets.errors import C360Error
from c360_assets.reporting.profile import read_profile, render_profile
from c360_assets.reporting.values_not_taken import best_record, refused, shown, source_records
from c360_assets.tenant.local_columns import LOCAL_COLUMNS
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.filled import PEOPLE, fill, filled_tenant
from c360_assets_tests.customer_360.world import (
    AS_OF,
    build_all,
    make_tenant,
    node_of,
    put_unified,
    table,
)
from c360_assets_tests.spark.test_templates import PRIORITIES

POLICY = {"source_priority": {"CRM": 1, "POS": 2}}


def why(
    session: Session, root: Path, records: list[dict[str, Any]], **policy: Any
) -> list[tuple[Any, ...]]:
    """(group, value, record, reason) of what A1 has and does not show."""
    tenant = make_tenant(root, policy={**POLICY, **policy})
    put_unified(session, [{"amperity_id": "A1", **record} for record in records], newness="VARCHAR")
    build_all(session, tenant, "merged_customers")
    return [(r.group, r.value, r.pk, r.reason) for r in of_person(session, tenant, "A1")]


def of_person(session: Session, tenant: Tenant, person: str) -> list[Any]:
    prepare(session, node_of(tenant, "merged_customers"), AS_OF)
    return refused(session.con, databases(tenant)[0], person)


WHOLE = {"address": "2 Oak Ave", "city": "Reno", "state": "NV", "postal": "89501"}
CASES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], list[tuple[Any, ...]]]] = {
    "a bundle that is less complete": (
        [
            {"pk": "c", "address": "1 Elm St", "city": "Reno"},
            {"datasource": "POS", "pk": "p", **WHOLE},
        ],
        {},
        [("address", "1 Elm St, Reno", "c", "less complete: 2 against 4")],
    ),
    "a bundle that is less complete, where presence counts": (
        [
            {"pk": "c", "address": "1 Elm St", "city": "Reno"},
            {"datasource": "POS", "pk": "p", **WHOLE},
        ],
        {"order": "rank_first"},
        [
            (
                "address",
                "2 Oak Ave, Reno, NV, 89501",
                "p",
                "its source comes later: priority 2 against 1",
            )
        ],
    ),
    "a blocked value": (
        [
            {"pk": "c", "phone": "2065551212", "blv_phone": True},
            {"datasource": "WEB", "pk": "w", "phone": "2065550123"},
        ],
        {},
        [("phone", "2065551212", "c", "on the blocklist")],
    ),
    "an older record": (
        [
            {"pk": "1", "gender": "F", "update_dt": "2025-01-01"},
            {"pk": "2", "gender": "M", "update_dt": "2026-01-01"},
        ],
        {},
        [("gender", "F", "1", "changed earlier")],
    ),
    "a record without a date": (
        [{"pk": "1", "gender": "F"}, {"pk": "2", "gender": "M", "update_dt": "2026-01-01"}],
        {},
        [("gender", "F", "1", "says nothing of when it was changed")],
    ),
    "a tie": (
        [{"pk": "9", "gender": "F"}, {"pk": "10", "gender": "M"}],
        {},
        [("gender", "F", "9", "alike in all; its key comes later")],
    ),
    "a tie of two sources": (
        [
            {"datasource": "WEB", "pk": "1", "gender": "F"},
            {"datasource": "APP", "pk": "1", "gender": "M"},
        ],
        {},
        [("gender", "F", "1", "alike in all; its source's name comes later")],
    ),
    "a name": (
        [
            {"pk": "1", "given_name": "Amy", "full_name": "Amy"},
            {"pk": "2", "given_name": "Ann", "surname": "Lee", "full_name": "Ann Lee"},
        ],
        {},
        [("name", "Amy", "1", "less complete: 1 against 2")],
    ),
    "equal values and empty records": ([{"gender": "F"}, {"gender": "F"}, {"gender": " "}], {}, []),
    "a group of one's own": (
        [{"pk": "1", "newness": "old"}, {"pk": "2", "newness": "new", "update_dt": "2026-01-01"}],
        {"custom_groups": {"own": {"columns": ["newness"]}}},
        [("own", "old", "1", "says nothing of when it was changed")],
    ),
    "e-mails": (
        [
            {"email": "b@x.com,nonsense"},
            {"email": "a@x.com"},
            {"email": "c@x.com", "blv_email": True},
        ],
        {},
        [
            (
                "email",
                "b@x.com",
                None,
                "not the person's first choice, "
                "and an e-mail is taken only where both choose each other",
            ),
            ("email", "c@x.com", None, "on the blocklist"),
        ],
    ),
    "e-mails by priority": (
        [{"pk": "c", "email": "a@x.com"}, {"datasource": "POS", "pk": "p", "email": "b@x.com"}],
        {"best_email": "priority"},
        [("email", "b@x.com", "p", "its source comes later: priority 2 against 1")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_why_a_value_was_not_taken(session: Session, tmp_path: Path, case: str) -> None:
    records, policy, expected = CASES[case]
    assert why(session, tmp_path, records, **policy) == expected


def test_the_forms_in_which_values_are_compared_are_none_of_their_own(
    session: Session, tmp_path: Path
) -> None:
    tenant = make_tenant(tmp_path, policy=POLICY)
    config = tenant.config.model_copy(update={"country": "ES"})
    tenant = replace(tenant, config=config)
    records = [
        {"phone": "611000111", "phone_e164": "+34611000111", "update_dt": "2026-01-01"},
        {"phone": "645286988", "phone_e164": "+34645286988", "address": "Gran Vía 9"},
    ]
    records[1] |= {"address_standard": "GRAN VIA 9", "state_code": "M"}
    records[0] |= {"address": "Calle Mayor 1", "address_standard": "CALLE MAYOR 1"}
    put_unified(
        session,
        [{"amperity_id": "A1", **record} for record in records],
        **dict.fromkeys(LOCAL_COLUMNS, "VARCHAR"),
    )
    build_all(session, tenant, "merged_customers")
    values_of = {r.group: r.value for r in of_person(session, tenant, "A1")}
    assert values_of == {"phone": "645286988", "address": "Gran Vía 9"}


def test_an_email_of_somebody_else_and_the_page(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path, policy=POLICY)
    put_unified(
        session, [{"amperity_id": a, "email": "one@x.com", "gender": "F"} for a in ("a1", "a2")]
    )
    build_all(session, tenant)
    assert [(r.value, r.reason) for r in of_person(session, tenant, "a2")] == [
        ("one@x.com", "assigned to a1")
    ]
    text = page(session, tenant, "a2")
    assert "not taken" in text
    assert "assigned to a1" in text


def page(session: Session, tenant: Tenant, person: str, width: int = 160) -> str:
    """The page as a terminal of this width shows it, read from the tables just built."""
    for node in databases(tenant)[0].nodes:
        session.bind(node.table)
    session.bind("unified_coalesced")
    console = Console(record=True, width=width)
    render_profile(read_profile(session.con, person, databases(tenant)[0]), console)
    return console.export_text()


def test_the_page_shows_the_best_values_of_ones_own_groups(
    session: Session, tmp_path: Path
) -> None:
    tenant = make_tenant(
        tmp_path, policy={**POLICY, "custom_groups": {"work": {"columns": ["email_work", "role"]}}}
    )
    records = [
        {"pk": "c", "email_work": "i@x.com", "role": "Cook"},
        {"datasource": "POS", "pk": "p", "email_work": "j@x.com"},
    ]
    put_unified(
        session,
        [{"amperity_id": "a1", **record} for record in records],
        email_work="VARCHAR",
        role="VARCHAR",
    )
    build_all(session, tenant)
    lines = [line.strip("│ ").split() for line in page(session, tenant, "a1").splitlines()]
    assert [line for line in lines if line[:1] == ["work"]] == [
        ["work", "i@x.com,", "Cook", "CRM", "c", "1"],
        ["work", "j@x.com", "POS", "p", "less", "complete:", "1", "against", "2"],
    ]


def test_the_page_shows_square_brackets_as_they_are(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path, policy=POLICY)
    records = [
        {"full_name": "Ann [red] Lee", "address": "Apt [/b]", "pk": "[/c]"},
        {"datasource": "POS", "pk": "p", "address": "12 [/d]"},
    ]
    put_unified(session, [{"amperity_id": "a1", **record} for record in records])
    build_all(session, tenant)
    text = page(session, tenant, "a1")
    assert [
        value for value in ("Ann [red] Lee", "Apt [/b]", "[/c]", "12 [/d]") if value not in text
    ] == []


def test_a_narrow_window_folds_values_and_cuts_none(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path, policy=POLICY)
    put_unified(session, [{"amperity_id": "a1", "pk": "k" * 40, "email": f"{'e' * 40}@x.com"}])
    build_all(session, tenant)
    assert "…" not in page(session, tenant, "a1", width=60)


def test_a_database_of_few_tables_has_a_page_too(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(
        tmp_path, policy=POLICY, databases={"small": {"tables": ["merged_customers"]}}
    )
    small = databases(tenant)[1]
    put_unified(session, [{"amperity_id": "a1", "full_name": "Ann Lee"}])
    build_all(session, tenant, "merged_customers")
    with duckdb.connect() as con:
        with pytest.raises(C360Error, match=r"add it to databases\.small\.tables"):
            read_profile(con, "a1", small)
        session.bind("merged_customers")
        con.register("merged_customers", session.frame("SELECT * FROM merged_customers"))
        console = Console(record=True, width=160)
        render_profile(read_profile(con, "a1", small), console)
    text = console.export_text()
    assert "Ann Lee" in text
    assert "source records" not in text


def test_orders_that_are_not_shown_are_counted(session: Session, tmp_path: Path) -> None:
    tenant = make_tenant(tmp_path, policy=POLICY)
    put_unified(session, [{"amperity_id": "a1", "full_name": "Ann Lee"}])
    build_all(session, tenant)
    for node in databases(tenant)[0].nodes:
        session.bind(node.table)
    session.bind("unified_coalesced")
    shown = read_profile(session.con, "a1", databases(tenant)[0])
    for count, title in [(10, "10 orders, latest first"), (11, "The latest 10 of 11 orders")]:
        console = Console(record=True, width=160)
        orders = [{"order_id": f"{number:060}"} for number in range(count)]
        render_profile(replace(shown, orders=orders), console)
        assert title in console.export_text()


@pytest.mark.parametrize(
    "policy",
    [
        # A name that other records complete is no record's own.
        {**PRIORITIES, "name_parts": "as_ranked"},
        {
            **PRIORITIES,
            "name_parts": "as_ranked",
            "best_email": "priority",
            "order": "rank_first",
            "use_blocklist": False,
        },
    ],
)
def test_the_page_names_the_winners_that_the_sql_chose(
    session: Session, tmp_path: Path, policy: dict[str, Any]
) -> None:
    tenant = filled_tenant(tmp_path, [], policy=policy)
    fill(session, tenant, seed=3)
    build_all(session, tenant, "merged_customers")
    node = node_of(tenant, "merged_customers")
    merged = {row["amperity_id"]: row for row in table(session, "merged_customers")}
    prepare(session, node, AS_OF)
    people = sorted(merged.keys() & set(PEOPLE))[:6]
    records = {person: source_records(session.con, node, person) for person in people}
    groups = [group for group in values(tenant, frozenset())["groups"] if group.named]
    assert len(people) == 6
    assert [
        (person, group.name)
        for person in people
        for group in groups
        if shown(group, best_record(group, records[person])) != shown(group, merged[person])
    ] == []
