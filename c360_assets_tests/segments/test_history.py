"""Who entered and left, and why: by data, by definition, by merges and splits."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.world import table
from c360_assets_tests.segments.people import (
    DAY,
    compute,
    events,
    members,
    with_segments,
    write_tables,
)

NEXT = date(2026, 7, 1)
RICH = {"rich": {"include": [{"lifetime_order_revenue": {"gt": 100}}, {"city": "Boston"}]}}


def person(name: str, revenue: int, city: str = "Boston") -> dict[str, Any]:
    return {"amperity_id": name, "lifetime_order_revenue": revenue, "city": city}


def move(pk: str, before: str, now: str, day: date) -> dict[str, Any]:
    return {
        "datasource": "Shop",
        "pk": pk,
        "amperity_id_prev": before,
        "amperity_id": now,
        "change_type": "updated",
        "timestamp": f"{day} 05:00:00",
        "job_id": str(day),
    }


def sizes(session: Session) -> list[tuple[int, int, int, int]]:
    rows = table(
        session,
        "segments/segment_sizes",
        "people, entered, departed, identity_change, day",
        order="day",
    )
    return [
        (row["people"], row["entered"], row["departed"], row["identity_change"]) for row in rows
    ]


def test_by_data_with_the_condition_that_changed(session: Session, tmp_path: Path) -> None:
    tenant = with_segments(tmp_path, RICH)
    write_tables(session, customer_360=[person("ann", 200), person("bob", 50)])
    compute(session, tenant)
    assert events(session, "rich") == [], "the people of the first day did not enter"
    changed = [person("ann", 200, "Austin"), person("bob", 150), person("cleo", 500)]
    write_tables(session, customer_360=changed)
    compute(session, tenant, NEXT)
    assert events(session, "rich") == [
        (1, "ann", "left", "data", "city eq Boston"),
        (1, "bob", "entered", "data", "lifetime_order_revenue gt 100"),
        (1, "cleo", "entered", "data", None),
    ]
    assert sizes(session) == [(1, 0, 0, 0), (2, 2, 1, 0)]


def test_a_day_computed_twice_is_compared_with_the_day_before(
    session: Session, tmp_path: Path
) -> None:
    tenant = with_segments(tmp_path, RICH)
    write_tables(session, customer_360=[person("ann", 200), person("bob", 150)])
    compute(session, tenant)
    write_tables(session, customer_360=[person("ann", 200), person("bob", 50)])
    compute(session, tenant)
    assert members(session, "rich") == ["ann"], "the first day too may be computed twice"
    write_tables(session, customer_360=[person("ann", 20), person("bob", 150)])
    compute(session, tenant, NEXT)
    write_tables(session, customer_360=[person("ann", 300), person("bob", 50)])
    compute(session, tenant, NEXT)
    assert events(session, "rich") == [], "at the end of the day it is as the day before"
    (ann,) = table(session, "segments/segment_membership")
    assert ann["member_since"] == DAY
    write_tables(session, customer_360=[person("ann", 20), person("bob", 50)])
    compute(session, tenant, NEXT)
    assert events(session, "rich") == [(1, "ann", "left", "data", "lifetime_order_revenue gt 100")]
    assert sizes(session) == [(1, 0, 0, 0), (0, 0, 1, 0)]


def test_by_definition(session: Session, tmp_path: Path) -> None:
    write_tables(session, customer_360=[person("ann", 200), person("bob", 50)])
    compute(session, with_segments(tmp_path, RICH))
    other = {"rich": {"include": [{"lifetime_order_revenue": {"lt": 100}}]}}
    compute(session, with_segments(tmp_path, other), NEXT)
    assert events(session, "rich") == [
        (1, "ann", "left", "definition", None),
        (1, "bob", "entered", "definition", None),
    ]
    definitions = table(session, "segments/segment_definition", "first_day, last_day")
    assert [(row["first_day"], row["last_day"]) for row in definitions] == [
        (DAY, DAY),
        (NEXT, NEXT),
    ]


def test_a_segment_that_goes_or_is_no_longer_tracked(session: Session, tmp_path: Path) -> None:
    write_tables(session, customer_360=[person("ann", 200)])
    both = {**RICH, "all": {"include": [{"city": "Boston"}]}}
    compute(session, with_segments(tmp_path, both))
    quiet = {"all": {"include": [{"city": "Boston"}], "track": False}}
    compute(session, with_segments(tmp_path, quiet), NEXT)
    assert events(session, "rich") == [(1, "ann", "left", "definition", None)]
    assert events(session, "all") == []
    assert members(session, "rich") == []


def test_merged_ids_neither_leave_nor_come(session: Session, tmp_path: Path) -> None:
    tenant = with_segments(tmp_path, RICH)
    write_tables(session, customer_360=[person("ann", 200), person("bob", 50)])
    compute(session, tenant)
    write_tables(
        session,
        customer_360=[person("bob", 250)],
        unified_changes_pks=[move("1", "ann", "bob", NEXT)],
    )
    compute(session, tenant, NEXT)
    assert events(session, "rich") == [
        (1, "ann", "left", "identity", "merged into bob"),
        (1, "bob", "entered", "identity", "merged from ann"),
    ]
    (bob,) = table(session, "segments/segment_membership")
    assert bob["member_since"] == DAY, "the merged person is in it since the first of them was"
    assert sizes(session) == [(1, 0, 0, 0), (1, 0, 0, 0)]


def test_split_ids_neither_leave_nor_come(session: Session, tmp_path: Path) -> None:
    tenant = with_segments(tmp_path, RICH)
    write_tables(session, customer_360=[person("ann", 400)])
    compute(session, tenant)
    write_tables(
        session,
        customer_360=[person("ann", 200), person("anna", 200)],
        unified_changes_pks=[move("2", "ann", "anna", NEXT)],
    )
    compute(session, tenant, NEXT)
    assert events(session, "rich") == [(1, "anna", "entered", "identity", "split from ann")]
    assert sizes(session) == [(1, 0, 0, 0), (2, 0, 0, 1)]


def test_moves_of_several_stitch_runs_count_from_first_to_last(
    session: Session, tmp_path: Path
) -> None:
    tenant = with_segments(tmp_path, RICH)
    write_tables(
        session,
        customer_360=[person("ann", 200)],
        unified_changes_pks=[move("1", "old", "ann", DAY - timedelta(days=3))],
    )
    compute(session, tenant)
    later = NEXT + timedelta(days=1)
    write_tables(
        session,
        customer_360=[person("cleo", 200)],
        unified_changes_pks=[
            move("1", "old", "ann", DAY - timedelta(days=3)),
            move("1", "ann", "bob", NEXT),
            move("1", "bob", "cleo", later),
        ],
    )
    compute(session, tenant, later)
    assert events(session, "rich") == [
        (2, "ann", "left", "identity", "merged into cleo"),
        (2, "cleo", "entered", "identity", "merged from ann"),
    ]


def test_every_day_adds_up(session: Session, tmp_path: Path) -> None:
    """People of a day are those of the day before, and who came, less who left, with what merges
    made of them; what `members_on` says of each past day is what was written on it."""
    from c360_assets.segments.questions import MEMBERS_ON

    tenant = with_segments(tmp_path, RICH)
    written: dict[date, list[str]] = {}
    names = [f"p{number}" for number in range(12)]
    for step in range(6):
        day = DAY + timedelta(days=step)
        rows = [
            person(name, 60 + (41 * step + 23 * place) % 100, "Boston")
            for place, name in enumerate(names)
            if (place + step) % 7
        ]
        moves = [] if step < 3 else [move("1", "p1", "p2", DAY + timedelta(days=3))]
        write_tables(session, customer_360=rows, unified_changes_pks=moves)
        compute(session, tenant, day)
        written[day] = members(session, "rich")
    for (before, *_), (number, entered, departed, identity) in itertools.pairwise(sizes(session)):
        assert number == before + entered - departed + identity
    session.bind("segments/segment_membership", "m")
    session.bind("segments/segment_events", "e")
    for day, people in written.items():
        sql = MEMBERS_ON.format(segment="'rich'", day=f"DATE '{day}'")
        sql = sql.replace("segments.segment_membership", "m").replace(
            "segments.segment_events", "e"
        )
        found = session.rows(f"SELECT amperity_id FROM ({sql}) ORDER BY 1")
        assert [one for (one,) in found] == people, day


def test_a_run_of_an_earlier_date_leaves_history_alone(session: Session, tmp_path: Path) -> None:
    tenant = with_segments(tmp_path, RICH)
    write_tables(session, customer_360=[person("ann", 200)])
    compute(session, tenant)
    compute(session, tenant, NEXT)
    before = table(session, "segments/segment_sizes")
    outcome = compute(session, tenant, DAY)
    assert outcome.warnings == [
        "segments stand at 2026-07-01 and stay so: this run is of 2026-06-30, and what happened "
        "since would be lost"
    ]
    assert table(session, "segments/segment_sizes") == before
