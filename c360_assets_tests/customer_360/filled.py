"""A tenant with a feed for every gathered table, and random rows for each: small, full of holes,
the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from c360_assets.semantics.column_types import SQL_TYPES
from c360_assets.semantics.tables import table_spec
from c360_assets.semantics.tags import GROUPS
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.world import feed, make_tenant, put, put_households, put_unified

ZONE = "America/New_York"
PEOPLE = [f"A{n:02}" for n in range(24)]
EMAILS = [f"e{n}@x.com" for n in range(20)]
SYSTEM = {"_pk": "VARCHAR", "_uuid_pk": "VARCHAR", "_updated": "BIGINT"}
# What a column of this name holds; others go by their type. None stands for a missing value.
VALUES: dict[str, list[Any]] = {
    "email": [*EMAILS, " E1@X.com", "nonsense", "", None],
    "phone": ["2065550123", "(206) 555-0124", "+44 20 7946 0958", "12", " ", None],
    "brand": ["X", "Y", None],
    "event_type": ["Sent", "Sent", "Sent", "Open", "Click", "Optin", "Unsubscribe", "Bounce", None],
    "order_id": [*(f"O{n}" for n in range(40)), " O1 ", " ", None],
    "product_id": ["P1", "P2", "P3", None],
    "product_description": ["Gift card", "A gift\tfor you", "Mug", "not a gift", None],
    "is_return": [True, False, False, None],
    "is_cancellation": [True, False, False, False, None],
    "item_quantity": [-2, -1, 0, 1, 1, 2, None],
    "store_id": ["S1", "S2", " ", None],
    "purchase_brand": ["X", "Y", "Ünï", None],
    "purchase_channel": ["online", "in-store", "Online", None],
    "currency": ["USD", "", None],
    "customer": [f"C{n}" for n in range(8)],
}
INSTANTS = [
    "2024-03-01 04:30:00+00",
    "2025-06-30 03:59:59+00",
    "2025-06-30 04:00:00+00",
    "2026-01-15 12:00:00+00",
    "2026-03-30 05:00:00+00",
    "2026-06-10 23:00:00+00",
    "2026-06-29 01:00:00+00",
    "2027-01-01 00:00:00+00",
    None,
]
BY_TYPE: dict[str, list[Any]] = {
    "string": ["a", "Bb", " c ", "", None],
    "boolean": [True, False, None],
    "date": ["2026-06-10", "2025-01-01", None],
    "datetime": INSTANTS,
    "decimal": ["0", "1.005", "19.99", "-3.33", "1234567.89", None],
    "integer": [0, 1, 2, 7, None],
    "float": [0.5, None],
}
KINDS = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMPTZ": "datetime",
    "DECIMAL": "decimal",
    "DOUBLE": "float",
    "BIGINT": "integer",
}


def feed_of(prefix: str, *without: str, **more: dict[str, Any]) -> FeedConfig:
    """A feed that carries every tag of a group."""
    documented = table_spec(GROUPS[prefix].table).columns
    fields: dict[str, dict[str, Any]] = {}
    for tag in GROUPS[prefix].tags:
        if tag.column not in without:
            kind = (
                KINDS[documented[tag.column].type.partition("(")[0]]
                if tag.column in documented
                else "string"
            )
            fields[tag.column] = {"type": kind, "tags": [tag.name]}
    return feed(f"All:{prefix.title().replace('-', '')}", {**fields, **more}, key="row_id")


def filled_tenant(
    root: Path, prefixes: Sequence[str], without: Sequence[str] = (), **more: Any
) -> Tenant:
    customers = feed(
        "All:Customers",
        {"customer": {"tags": ["fk-customer"]}, "mail": {"tags": ["email", "loyalty-id"]}},
        stitch=True,
    )
    others = [feed_of(prefix, *without, customer={"tags": ["fk-customer"]}) for prefix in prefixes]
    return make_tenant(root, feeds=[customers, *others], timezone=ZONE, **more)


def fill(session: Session, tenant: Tenant, seed: int, rows: int = 120) -> None:
    """Write what Stitch and the loads would have written."""
    dice = random.Random(seed)
    put_unified(
        session,
        [_record(dice, n) for n in range(rows)],
        loyalty_id="VARCHAR",
        email_work="VARCHAR",
        fk_customer="VARCHAR",
    )
    put_households(session, {person: f"H{n // 3}" for n, person in enumerate(PEOPLE)})
    for source in tenant.feeds:
        if source.stitch:
            continue
        types = {c: SQL_TYPES[item.type] for c, item in source.outputs.items()}
        found = []
        for n in range(rows):
            row = {
                c: dice.choice(VALUES.get(c, BY_TYPE[item.type]))
                for c, item in source.outputs.items()
            }
            found.append(
                row
                | {
                    "row_id": str(n),
                    "_pk": str(n),
                    "_updated": dice.choice([None, 1, 2]),
                    "amperity_id": dice.choice([*PEOPLE, None]),
                }
            )
        days = {f"2026-0{m}-{d:02}" for m in (1, 6) for d in range(1, 29)} | {
            "2025-06-29",
            "2025-06-30",
        }
        if source.physical == "All_Fiscal":
            found = [
                {**found[n % rows], "calendar_date": day, "_pk": day}
                for n, day in enumerate(sorted(days))
            ]
        put(
            session,
            f"stitched/{source.physical}",
            {**types, **SYSTEM, "amperity_id": "VARCHAR"},
            found,
        )


def _record(dice: random.Random, n: int) -> dict[str, Any]:
    def any_of(*values: Any) -> Any:
        return dice.choice([None, "", *values])

    return {
        "amperity_id": dice.choice([*PEOPLE, None]),
        "datasource": dice.choice(["All:Customers", "POS", "WEB"]),
        "pk": f"{n}",
        "given_name": any_of("Ann", "Bob ", "Test", "ÉMILE"),
        "surname": any_of("Lee", "Roe", "Acme Inc", "\u000b"),
        "full_name": any_of("Ann Lee", "Bob", "Ann\u00a0Lee", "\u0085Ann\u000bLee"),
        "generational_suffix": any_of("Jr"),
        "address": any_of(
            "1 Elm St", "2 Oak  Avenue Apt 3", "2 OAK AVE. APT 3", "Suite 4", "9 Space Rd"
        ),
        "address2": any_of("#5", "Unit 6"),
        "city": any_of("Reno", "Elko"),
        "state": any_of("NV", "Nevada"),
        "postal": any_of("89501", "89501-1234"),
        "country": any_of("US"),
        "email": any_of(*EMAILS, *EMAILS, "E1@x.com,e2@X.com", "bad,e3@x.com"),
        "email_work": any_of("work@x.com"),
        "phone": any_of("2065550123", "(206) 555-0124", "1,2065550125", "+1 206 555 0126", "12,13"),
        "birthdate": dice.choice([None, "1980-01-01", "1990-02-02"]),
        "gender": any_of("f", "M"),
        "title": any_of("Dr"),
        "company": any_of("Acme"),
        "loyalty_id": any_of("L1", "L2"),
        "create_dt": dice.choice([None, "2020-01-01 00:00:00+00"]),
        "update_dt": dice.choice([None, "2026-01-01 00:00:00+00", "2026-02-02 00:00:00+00"]),
        "is_supersized": dice.choice([None, True, False]),
        **{
            f"blv_{what}": dice.choice([None, False, True])
            for what in ("email", "phone", "address", "given_name", "surname")
        },
    }
