"""What a published database answers about segments: why a person is in one, what an edited file
would change, who is in which, and who was in one on a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import pytest

from c360_assets.errors import C360Error
from c360_assets.segments.questions import Shared, difference, overlap, past, published_schema
from c360_assets.segments.why import Why, why
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import open_session
from c360_assets_tests.segments.people import DAY, compute, published, with_segments, write_tables

NEXT = DAY + timedelta(days=1)
SEGMENTS = {
    "boston": {"include": [{"city": "Boston"}]},
    "rich": {"include": [{"lifetime_order_revenue": {"gt": 100}}]},
    "rich_boston": {"include": [{"segment": "boston"}, {"segment": "rich"}]},
}
OLD_ID = "0d000000"


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    return with_segments(tmp_path_factory.mktemp("tenant"), SEGMENTS)


@pytest.fixture(scope="module")
def con(tenant: Tenant) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two days: Ann moves from Boston to Austin, and her old id ended before."""
    with open_session(tenant.root / "warehouse") as session:
        for day, city_of_ann in ((DAY, "Boston"), (NEXT, "Austin")):
            write_tables(
                session,
                customer_360=[
                    {"amperity_id": "aa1", "city": city_of_ann, "lifetime_order_revenue": 500},
                    {"amperity_id": "aa2", "city": "Boston", "lifetime_order_revenue": 500},
                    {"amperity_id": "b", "city": "Boston", "lifetime_order_revenue": 5},
                    {"amperity_id": "c", "city": "Austin", "lifetime_order_revenue": None},
                ],
                stitch_id_redirects=[
                    {"amperity_id": OLD_ID, "current_amperity_id": "aa1", "rank": 1},
                    {"amperity_id": OLD_ID, "current_amperity_id": "b", "rank": 2},
                    {"amperity_id": "0e000000", "current_amperity_id": None, "rank": 1},
                ],
            )
            compute(session, tenant, day)
        yield published(session)


def why_of(con: duckdb.DuckDBPyConnection, tenant: Tenant, segment: str, person: str) -> Why:
    return why(con, tenant, segment, published_schema(con, tenant, "customer_360"), person)


def test_why_a_person_is_in_a_segment_or_not(
    con: duckdb.DuckDBPyConnection, tenant: Tenant
) -> None:
    ann = why_of(con, tenant, "rich_boston", " aa1 ")
    assert (ann.amperity_id, ann.is_member, ann.fits_now, ann.member_since) == (
        "aa1",
        False,
        False,
        None,
    )
    holds = {answer.condition: answer.holds for answer in ann.answers}
    assert holds == {
        "city eq Boston": False,
        "lifetime_order_revenue gt 100": True,
        "in segment boston": False,
        "in segment rich": True,
    }
    # Of those who are in it on its first day no entering is told.
    assert [(event.day, event.event) for event in ann.events] == [(NEXT, "left")]
    ben = why_of(con, tenant, "rich_boston", "aa2")
    assert (ben.is_member, ben.fits_now, ben.member_since) == (True, True, DAY)
    assert all(answer.holds for answer in ben.answers)


def test_a_person_is_known_by_the_beginning_of_the_id(
    con: duckdb.DuckDBPyConnection, tenant: Tenant
) -> None:
    with duckdb.connect() as alone:  # before segments are published
        alone.execute("CREATE TABLE customer_360 AS SELECT 'b1' AS amperity_id, 'Boston' AS city")
        only_boston = with_segments(tenant.root, {"boston": SEGMENTS["boston"]})
        shown = why_of(alone, only_boston, "boston", "b")
        assert (shown.amperity_id, shown.is_member, shown.fits_now) == ("b1", False, True)
        assert shown.events == []
    for person, message in (
        ("aa", "several people's ids begin so"),
        (OLD_ID, "this id has ended; the person is aa1 now"),
        ("0e000000", "nobody in the database has this id"),
        ("x", "nobody in the database has this id"),
    ):
        with pytest.raises(C360Error, match=message):
            why_of(con, tenant, "boston", person)


def test_what_an_edited_file_would_change(con: duckdb.DuckDBPyConnection, tenant: Tenant) -> None:
    austin = {"include": [{"city": "Austin"}, {"lifetime_order_revenue": {"gt": 100}}]}
    edited = with_segments(tenant.root, SEGMENTS | {"rich": austin})
    found = difference(con, edited, "rich", published_schema(con, edited, "customer_360"))
    assert (found.published, found.now, found.would_enter, found.would_leave) == (2, 1, 0, 1)


def test_people_by_exactly_the_segments_that_they_are_in(con: duckdb.DuckDBPyConnection) -> None:
    assert overlap(con, ["boston", "rich"]) == [
        Shared(("rich",), 1),
        Shared(("boston",), 1),
        Shared(("boston", "rich"), 1),
    ]


@pytest.mark.parametrize(("day", "people"), [(DAY, 3), (NEXT, 2), (None, 2)])
def test_who_was_in_a_segment_on_a_day(
    con: duckdb.DuckDBPyConnection, day: date | None, people: int
) -> None:
    found = past(con, "boston", day)
    assert (found.day, found.people) == (day or NEXT, people)
    assert [(size["day"], size["people"], size["departed"]) for size in found.sizes] == [
        (DAY, 3, 0),
        (NEXT, 2, 1),
    ]


def test_days_of_which_nothing_is_known(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(C360Error, match="is known from 2026-06-30 to 2026-07-01, not on"):
        past(con, "boston", NEXT + timedelta(days=1))
    with pytest.raises(C360Error, match="no day of nobody is kept"):
        past(con, "nobody", DAY)
    with duckdb.connect() as alone, pytest.raises(C360Error, match="not published yet"):
        past(alone, "boston", DAY)
