"""What must not change when something else does: one group's priorities, renumbered ones, a day's
passing, empty records."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from c360_assets.customer_360.tables.graph import plan
from c360_assets.tenant.models import MergePolicy, Tenant
from c360_assets.warehouse.session import Session, open_session
from c360_assets_tests.customer_360.test_invariants import POLICY, build_world, items, records
from c360_assets_tests.customer_360.world import AS_OF, build_all, put_unified

OTHER = ("name", "address", "email", "phone", "birthdate", "gender")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Session, Tenant]]:
    folder = tmp_path_factory.mktemp("changes")
    dice = random.Random(7)
    tenant, _ = build_world(folder, records(dice), items(dice), threads=1)
    with open_session(folder / "warehouse") as session:
        session.execute("SET threads = 1")
        yield session, tenant


def rebuilt(
    session: Session, tenant: Tenant, table: str, *, as_of: date = AS_OF, only: tuple[str, ...] = ()
) -> pl.DataFrame:
    """The table after building it (and `only` before it) again; nothing stays."""
    build_all(session, tenant, as_of=as_of, only=[*only, table])
    session.bind(table, "_seen")
    frame = session.frame("SELECT * FROM _seen ORDER BY amperity_id")
    session.pending.clear()
    return frame


def with_policy(tenant: Tenant, **changed: Any) -> Tenant:
    return replace(tenant, merge_policy=MergePolicy.model_validate({**POLICY, **changed}))


def unlike(a: pl.DataFrame, b: pl.DataFrame) -> set[str]:
    return {c for c in a.columns if not a[c].equals(b[c], null_equal=True)}


def test_p04_a_groups_priority_moves_no_other_group(world: tuple[Session, Tenant]) -> None:
    session, tenant = world
    before = rebuilt(session, tenant, "merged_customers")
    after = rebuilt(
        session,
        with_policy(tenant, field_priority={"POS": {"phone": 9}, "CRM": {"phone": 1}}),
        "merged_customers",
    )
    changed = unlike(before, after)
    assert "phone" in changed
    assert all(column == "phone" or column.startswith("phone_") for column in changed)


def test_p05_renumbering_changes_priorities_only(world: tuple[Session, Tenant]) -> None:
    session, tenant = world
    before = rebuilt(session, tenant, "merged_customers")
    renumbered = {
        "source_priority": {"CRM": 10, "POS": 500},
        "field_priority": {"POS": {"phone": 7}, "CRM": {"phone": 70}},
    }
    changed = unlike(
        before, rebuilt(session, with_policy(tenant, **renumbered), "merged_customers")
    )
    assert changed
    assert all(column.endswith("_priority") for column in changed)


def test_p07_more_rounds_keep_every_pair(world: tuple[Session, Tenant]) -> None:
    session, tenant = world
    found = []
    for rounds in (1, 2, 5, 0):
        policy = with_policy(tenant, email_ampid_assignment={"rounds": rounds})
        found.append(
            set(
                rebuilt(session, policy, "email_ampid_assignment")
                .select("amperity_id", "email")
                .iter_rows()
            )
        )
    assert found[0] < found[1] <= found[2] <= found[3]


def test_p08_with_zero_rounds_no_two_unmatched_choose_each_other(
    world: tuple[Session, Tenant],
) -> None:
    session, tenant = world
    policy = with_policy(tenant, email_ampid_assignment={"rounds": 0})
    build_all(session, policy, only=["email_ampid_assignment"])
    (node,) = [n for n in plan(policy) if n.name == "email_ampid_assignment"]
    for called, stored in node.binds:
        session.bind(stored, called)
    # Both free and in the last round's choices: then another round would have matched them.
    ctes = node.sql[: node.sql.index("matched AS (")].rstrip().rstrip(",")
    session.bind("email_ampid_assignment", "_assigned")
    free = session.rows(
        f"{ctes} SELECT amperity_id, email FROM choices WHERE email_choice = 1 AND amp_choice = 1 "
        "AND NOT EXISTS (SELECT 1 FROM _assigned a "
        "WHERE a.amperity_id = choices.amperity_id OR a.email = choices.email)"
    )
    session.pending.clear()
    assert free == []


def test_p15_a_days_passing_moves_no_lifetime_and_only_closes_flags(
    world: tuple[Session, Tenant],
) -> None:
    session, tenant = world
    before = rebuilt(session, tenant, "transaction_attributes_extended")
    after = rebuilt(
        session, tenant, "transaction_attributes_extended", as_of=AS_OF + timedelta(days=1)
    )
    changed = unlike(before, after)
    assert not {
        c
        for c in changed
        if c.startswith(("lifetime_", "first_order", "second_order_id", "latest_order"))
    } - {"first_order_is_retained"}
    for flag in ("early_repeat_purchaser", "first_order_is_retained", "second_order_is_retained"):
        moved = pl.DataFrame({"before": before[flag], "after": after[flag]}).filter(
            ~pl.col("before").eq_missing(pl.col("after"))
        )
        assert moved.filter(
            pl.col("before").is_not_null() | pl.col("after").fill_null(True)
        ).is_empty()


def test_p22_empty_records_move_nothing_that_is_known(world: tuple[Session, Tenant]) -> None:
    session, tenant = world
    before = rebuilt(session, tenant, "merged_customers")
    people = before["amperity_id"].to_list()
    empty = [
        {"amperity_id": p, "datasource": "CRM", "pk": f"z{p}", "update_dt": "2026-06-30"}
        for p in people
    ]
    put_unified(session, [*records(random.Random(7)), *empty])
    build_all(session, tenant, only=["merged_customers"])
    session.bind("merged_customers", "_seen")
    after = session.frame("SELECT * FROM _seen ORDER BY amperity_id")
    session.pending.clear()
    for group in OTHER:
        columns = [c for c in before.columns if c.startswith(f"{group}_")]
        known = before[f"{group}_completion"] > 0
        assert before.filter(known).select(columns).equals(after.filter(known).select(columns)), (
            group
        )
