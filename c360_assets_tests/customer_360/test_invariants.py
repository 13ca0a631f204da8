"""What must hold for any input: over small worlds that hypothesis makes up, asked as SQL that finds
counter-examples.

The same worlds are computed a second time in Polars, without the SQL. What must not change when
something else does is `test_changes`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from c360_assets.customer_360.tables.build import build_table
from c360_assets.customer_360.tables.dry_run import ScratchSession, open_scratch
from c360_assets.customer_360.tables.graph import plan
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import open_session
from c360_assets_tests.customer_360.recomputed import attributes, differences, merged, orders
from c360_assets_tests.customer_360.world import AS_OF, make_tenant, put_gathered, put_unified
from c360_assets_tests.examples import examples

PEOPLE = [f"A{n}" for n in range(40)]
POLICY: dict[str, dict[str, Any]] = {
    "source_priority": {"CRM": 1, "POS": 2},
    "field_priority": {"POS": {"phone": 1}, "CRM": {"phone": 3}},
    "email_ampid_assignment": {"rounds": 5},
}
OPTIONS = {
    "unified_transactions": {
        "options": ["net_order_revenue", "order_cost", "order_discount_amount"]
    },
    "transaction_attributes_extended": {
        "blocks": ["returns", "cancellations", "net_order_revenue", "order_cost", "rfm"]
    },
}


def records(dice: random.Random) -> list[dict[str, Any]]:
    def maybe(*values: Any) -> Any:
        return dice.choice([None, "", *values])

    return [
        {
            "amperity_id": dice.choice(PEOPLE),
            "datasource": dice.choice(["CRM", "POS", "WEB"]),
            "pk": str(n),
            "given_name": maybe("Ann", "Bob"),
            "surname": maybe("Lee", "Roe"),
            "full_name": maybe("Ann Lee", "Bob"),
            "address": maybe("1 Elm St", "2 Oak Avenue Apt 3"),
            "city": maybe("Reno", "Elko"),
            "state": maybe("NV", "Nevada"),
            "postal": maybe("89501", "89501-1234"),
            "email": maybe(
                *(f"e{dice.randrange(30)}@x.com" for _ in range(6)), "E1@x.com,e2@X.com"
            ),
            "phone": maybe("2065550123", "2065550124", "1,2065550125"),
            "birthdate": dice.choice([None, "1980-01-01", "1990-02-02"]),
            "update_dt": dice.choice([None, "2026-01-01", "2026-02-02"]),
            "blv_email": dice.choice([None, False, True]),
            "blv_phone": dice.choice([None, False, True]),
        }
        for n in range(160)
    ]


def items(dice: random.Random) -> list[dict[str, Any]]:
    rows = []
    for n in range(400):
        kind = dice.choice(["buy", "buy", "buy", "return", "cancel"])
        sign = 1 if kind == "buy" else -1
        cents = dice.randrange(0, 5000)
        rows.append(
            {
                "amperity_id": dice.choice([*PEOPLE[:30], None]),
                "datasource": dice.choice(["POS", "WEB"]),
                "pk": str(n),
                "order_id": dice.choice(
                    [None, " ", *(f"O{dice.randrange(150)}" for _ in range(20))]
                ),
                "product_id": dice.choice(["P1", "P2", None]),
                "is_return": dice.choice([None, False]) if kind != "return" else True,
                "is_cancellation": dice.choice([None, False]) if kind != "cancel" else True,
                "item_quantity": sign * dice.randrange(0, 4),
                "item_revenue": sign * cents / 100,
                "item_list_price": sign * (cents + 100) / 100,
                "item_discount_amount": sign * 1,
                "item_cost": sign * cents / 200,
                "order_discount_amount": dice.choice([0, 1, 2]) if kind == "buy" else 0,
                "purchase_brand": dice.choice(["X", "Y", None, " "]),
                "order_datetime": dice.choice(
                    [None, *(f"20{y}-0{m}-15" for y in (24, 25, 26) for m in (1, 3, 6, 7))]
                ),
            }
        )
    return rows


def world_tenant(folder: Path) -> Tenant:
    return make_tenant(
        folder,
        policy=POLICY,
        options=OPTIONS,
        # Reading itself makes the table count as the tenant's, so that what depends on orders is
        # there.
        database={"unified_itemized_transactions": "SELECT * FROM unified_itemized_transactions"},
    )


def build_world(
    folder: Path, unified: list[dict[str, Any]], bought: list[dict[str, Any]], threads: int
) -> tuple[Tenant, dict[str, str]]:
    tenant = world_tenant(folder)
    with open_session(folder / "warehouse") as session:
        session.execute(f"SET threads = {threads}")
        put_unified(session, unified)
        put_gathered(session, tenant, "unified_itemized_transactions", bought)
        for node in plan(tenant):
            if node.name != "unified_itemized_transactions":
                build_table(session, node, as_of=AS_OF)
        session.commit()
        return tenant, {
            name: state.digest for name, state in session.warehouse.manifest.tables.items()
        }


WINDOWS = ["l30d", "l3m", "l6m", "l12m", "lifetime"]
PURCHASE = "NOT coalesce(is_return, FALSE) AND NOT coalesce(is_cancellation, FALSE)"
# Invariant -> a query that returns its counter-examples.
COUNTER_EXAMPLES = {
    "people: the same everywhere": """
        SELECT 1 FROM (SELECT DISTINCT amperity_id FROM unified_coalesced
            WHERE amperity_id IS NOT NULL) u
        FULL JOIN merged_customers m USING (amperity_id)
            FULL JOIN customer_360 c USING (amperity_id)
        FULL JOIN customer_attributes a USING (amperity_id)
        WHERE u.amperity_id IS NULL OR m.amperity_id IS NULL OR c.amperity_id IS NULL
            OR a.amperity_id IS NULL""",
    "people: attributes exactly for those with a dated purchase": """
        SELECT amperity_id FROM transaction_attributes_extended t
            FULL JOIN (SELECT DISTINCT amperity_id FROM unified_transactions
        WHERE amperity_id IS NOT NULL AND is_purchase_order
            AND order_datetime IS NOT NULL) b USING (amperity_id)
        WHERE t.amperity_id IS NULL OR b.amperity_id IS NULL""",
    "merged: a group is one record's": """
        SELECT m.amperity_id FROM merged_customers m LEFT JOIN unified_coalesced u
        ON u.datasource = m.address_datasource AND u.pk = m.address_pk
            AND u.amperity_id = m.amperity_id
        AND nullif(u.address, '') IS NOT DISTINCT FROM m.address
            AND nullif(u.city, '') IS NOT DISTINCT FROM m.city
        AND nullif(u.state, '') IS NOT DISTINCT FROM m.state
            AND nullif(u.postal, '') IS NOT DISTINCT FROM m.postal
        WHERE u.pk IS NULL""",
    "merged: no record is more complete": """
        SELECT m.amperity_id FROM merged_customers m JOIN unified_coalesced u USING (amperity_id)
        WHERE m.address_completion < (nullif(u.address, '') IS NOT NULL)::INT + (nullif(u.city,
            '') IS NOT NULL)::INT
        + (nullif(u.state, '') IS NOT NULL)::INT + (nullif(u.postal, '') IS NOT NULL)::INT""",
    "merged: no equally complete phone is allowed where a blocked one was taken": """
        SELECT m.amperity_id FROM merged_customers m JOIN unified_coalesced u USING (amperity_id)
        WHERE m.phone_blv AND nullif(u.phone, '') IS NOT NULL
            AND NOT coalesce(u.blv_phone, FALSE)""",
    "e-mail: one person each": (
        "SELECT email FROM email_ampid_assignment GROUP BY email HAVING count(*) > 1"
    ),
    "e-mail: every pair is in the records and not blocked": """
        SELECT * FROM email_ampid_assignment e WHERE NOT EXISTS (SELECT 1 FROM unified_coalesced u
        WHERE u.amperity_id = e.amperity_id AND NOT coalesce(u.blv_email, FALSE)
        AND contains(',' || lower(u.email) || ',', ',' || e.email || ','))""",
    "e-mail: merged has exactly the assigned one": """
        SELECT amperity_id FROM merged_customers m
            LEFT JOIN email_ampid_assignment e USING (amperity_id)
        WHERE m.email IS DISTINCT FROM e.email
            OR m.email_completion <> (e.email IS NOT NULL)::INT""",
    "orders: once each": (
        "SELECT order_id FROM unified_transactions GROUP BY order_id HAVING count(*) > 1"
    ),
    "orders: add up to their items": f"""
        SELECT * FROM (SELECT sum(order_revenue) r, sum(order_quantity) q,
            sum(order_returned_revenue + order_canceled_revenue) u
        FROM unified_transactions) o, (SELECT sum(item_revenue) FILTER (WHERE {PURCHASE}) r,
        sum(item_quantity) FILTER (WHERE {PURCHASE}) q,
            sum(item_revenue) FILTER (WHERE NOT ({PURCHASE})) u
        FROM unified_itemized_transactions WHERE trim(order_id) <> '') i WHERE o.r <> i.r
            OR o.q <> i.q OR o.u <> i.u""",
    "orders: what is undone is not positive, net is not above gross": """
        SELECT order_id FROM unified_transactions WHERE order_returned_revenue > 0
            OR order_canceled_revenue > 0
        OR order_returned_quantity > 0 OR order_canceled_quantity > 0
            OR net_order_revenue > order_revenue""",
    "attributes: longer periods hold shorter ones": (
        "SELECT amperity_id FROM transaction_attributes_extended WHERE "
    )
    + " OR ".join(
        f"{a}_{m} > {b}_{m}"
        for a, b in pairwise(WINDOWS)
        for m in ("order_frequency", "order_revenue", "total_items")
    )
    + " OR l12m_order_frequency + ly12m_order_frequency > lifetime_order_frequency",
    "attributes: lifetime adds up, orders are in sequence": """
        SELECT 1 FROM (SELECT sum(lifetime_order_revenue) a FROM transaction_attributes_extended),
        (SELECT sum(order_revenue) b FROM unified_transactions WHERE amperity_id IS NOT NULL
            AND is_purchase_order
        AND order_datetime IS NOT NULL) WHERE a <> b
        UNION ALL SELECT 1 FROM transaction_attributes_extended
            WHERE first_order_datetime > latest_order_datetime
        OR second_order_datetime NOT BETWEEN first_order_datetime AND latest_order_datetime""",
    "attributes: one and done, several brands": """
        SELECT amperity_id FROM transaction_attributes_extended
            WHERE one_and_done <> (second_order_id IS NULL)
        OR multi_purchase_brand <> (lifetime_purchase_brands > 1)""",
    "rfm: tenths of equal size, a score that spells its parts": """
        SELECT 1 FROM (SELECT count(*) n FROM transaction_attributes_extended
            WHERE l12m_recency IS NOT NULL
        GROUP BY l12m_recency) HAVING max(n) - min(n) > 1
        UNION ALL SELECT 1 FROM transaction_attributes_extended
        WHERE l12m_rfm_score <> (l12m_recency::VARCHAR || l12m_frequency || l12m_monetary)::BIGINT
        OR (l12m_order_frequency > 0) <> (l12m_recency IS NOT NULL)""",
    "customers: purchaser or prospect, reachable or unknown": """
        SELECT amperity_id FROM customer_attributes WHERE is_purchaser = is_prospect
        OR contactable_global = is_no_pii_amperity_id
        OR (historical_purchaser_lifecycle_status = 'Prospect') <> is_prospect""",
    "households: one per whole address and surname": """
        SELECT household_id FROM merged_households GROUP BY household_id
            HAVING count(DISTINCT (full_address, surname)) > 1
        UNION ALL SELECT surname FROM merged_households GROUP BY full_address, surname
            HAVING count(DISTINCT household_id) > 1""",
    "households: of merged customers only, sizes count": """
        SELECT amperity_id FROM merged_households h
            LEFT JOIN merged_customers m USING (amperity_id) WHERE m.amperity_id IS NULL
        UNION ALL SELECT household_id FROM merged_households GROUP BY household_id
            HAVING count(*) <> max(household_size)""",
}


# Rows of small worlds: few values, so that persons, e-mails and orders meet. Hypothesis shrinks a
# world that breaks a rule.
KNOWN = st.sampled_from
SMALL_PEOPLE = [f"A{n}" for n in range(5)]
RECORD = st.fixed_dictionaries(
    {
        "amperity_id": KNOWN([*SMALL_PEOPLE, None]),
        "datasource": KNOWN(["CRM", "POS", "WEB"]),
        "given_name": KNOWN([None, "", "Ann", "Bob"]),
        "surname": KNOWN([None, "Lee", " Roe "]),
        "full_name": KNOWN([None, "Ann Lee", "Bob"]),
        "address": KNOWN([None, "1 Elm St", "2 Oak Avenue Apt 3"]),
        "city": KNOWN([None, "Reno"]),
        "state": KNOWN([None, "NV", "Nevada"]),
        "postal": KNOWN([None, "89501", "89501-1234"]),
        "email": KNOWN([None, "", *(f"e{n}@x.com" for n in range(5)), "E1@x.com,e2@X.com"]),
        "phone": KNOWN([None, "2065550123", "2065550124", "1,2065550125"]),
        "gender": KNOWN([None, "F", "M"]),
        "birthdate": KNOWN([None, "1980-01-01", "1990-02-02"]),
        "update_dt": KNOWN([None, "2026-01-01", "2026-02-02"]),
        "blv_email": KNOWN([None, False, True]),
        "blv_phone": KNOWN([None, False, True]),
        "blv_given_name": KNOWN([None, False, True]),
    }
)


@st.composite
def item(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(KNOWN(["buy", "buy", "return", "cancel"]))
    sign, cents = (1 if kind == "buy" else -1), draw(st.integers(0, 5000))
    return {
        "amperity_id": draw(KNOWN([*SMALL_PEOPLE, None])),
        "datasource": draw(KNOWN(["POS", "WEB"])),
        "order_id": draw(KNOWN([None, " ", "O1", "O2", "O3", " O1 ", "O4", "O5"])),
        "product_id": draw(KNOWN(["P1", "P2", None])),
        "is_return": True if kind == "return" else draw(KNOWN([None, False])),
        "is_cancellation": True if kind == "cancel" else draw(KNOWN([None, False])),
        "item_quantity": sign * draw(st.integers(0, 3)),
        "item_revenue": sign * cents / 100,
        "item_list_price": sign * (cents + 100) / 100,
        "item_discount_amount": sign,
        "item_cost": sign * cents / 200,
        "order_discount_amount": draw(KNOWN([0, 1, 2])) if kind == "buy" else 0,
        "purchase_brand": draw(KNOWN(["X", "Y", None, " "])),
        "store_id": draw(KNOWN(["S1", "S2", None])),
        "order_datetime": draw(
            KNOWN([None, *(f"20{y}-0{m}-15" for y in (24, 25, 26) for m in (1, 3, 6, 7))])
        ),
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ScratchSession, Tenant]]:
    folder = tmp_path_factory.mktemp("small")
    with open_scratch(folder, "UTC") as session:
        session.execute("SET threads = 1")
        yield session, world_tenant(folder)


def build_small(
    session: ScratchSession,
    tenant: Tenant,
    unified: list[dict[str, Any]],
    bought: list[dict[str, Any]],
) -> None:
    session.pending.clear()
    put_unified(session, unified)
    put_gathered(session, tenant, "unified_itemized_transactions", bought)
    for node in plan(tenant):
        if node.name in NEEDED:
            build_table(session, node, as_of=AS_OF)


NEEDED = {
    *("email_opt_status", "sms_opt_status", "email_engagement_summary", "unified_transactions"),
    *(
        "transaction_attributes_extended",
        "email_ampid_assignment",
        "merged_customers",
        "address_standardization",
    ),
    *("merged_households", "customer_attributes", "customer_360"),
}
LOOSE = settings(
    max_examples=examples(8, 3),
    deadline=None,
    phases=[
        Phase.explicit,
        Phase.generate,
    ],  # a world takes a second: shrinking one would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@LOOSE
@given(unified=st.lists(RECORD, min_size=1, max_size=14), bought=st.lists(item(), max_size=24))
def test_invariants_and_a_second_computation(
    small: tuple[ScratchSession, Tenant],
    unified: list[dict[str, Any]],
    bought: list[dict[str, Any]],
) -> None:
    session, tenant = small
    build_small(session, tenant, unified, bought)
    for name in (*NEEDED, "unified_coalesced", "unified_itemized_transactions"):
        session.bind(name)
    assert [name for name, query in COUNTER_EXAMPLES.items() if session.rows(query)] == []

    def read(name: str) -> pl.DataFrame:
        return session.frame(f"SELECT * FROM {name}")

    uc = read("unified_coalesced")
    again = merged(
        uc,
        read("email_ampid_assignment"),
        POLICY["source_priority"],
        {"phone": {"POS": 1, "CRM": 3}},
    )
    assert differences(read("merged_customers"), again, ["amperity_id"]) == []
    made = orders(read("unified_itemized_transactions"), uc)
    assert differences(read("unified_transactions"), made, ["order_id"]) == []
    found = attributes(made, AS_OF, "UTC")
    assert differences(read("transaction_attributes_extended"), found, ["amperity_id"]) == []


def test_row_order_and_threads_change_nothing(small: tuple[ScratchSession, Tenant]) -> None:
    session, tenant = small
    dice = random.Random(20260630)
    unified, bought = records(dice)[:60], items(dice)[:120]
    digests = []
    for threads, step in ((2, 1), (1, -1)):
        session.execute(f"SET threads = {threads}")
        build_small(session, tenant, unified[::step], bought[::step])
        digests.append({name: state.digest for name, state in session.pending.items()})
    assert digests[0] == digests[1]
    assert len(digests[0]) > len(NEEDED)
