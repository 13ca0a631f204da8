"""The page `reports/segments.html`: sizes over time, what makes the revenue, who is in several, how
segments differ by an attribute, and what campaigns brought.

One file without scripts or anything from elsewhere, readable in light and dark and by a screen
reader. It holds counts and shares, and no value of a person. The looks are in the template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from c360_assets.customer_360.tables.databases import Database, databases
from c360_assets.errors import C360Error
from c360_assets.reporting.validation_page import environment
from c360_assets.segments.audience import Campaign
from c360_assets.segments.campaign_send import opened_for
from c360_assets.segments.database_tables import DatabaseTables
from c360_assets.segments.digests import COMPUTED_BY, definition_digests, edited_segments
from c360_assets.segments.reading import read_segments, segments_of
from c360_assets.segments.results import Results, results
from c360_assets.segments.send_record import SENDS
from c360_assets.segments.table_names import DEFINITIONS, MEMBERSHIP, SIZES, stored_name
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.files import write_private
from c360_assets.warehouse.session import Session, private_folder
from c360_assets.warehouse.sql import quote_ident, quote_literal

PAGE = "segments.html"
TEMPLATE = "segments.html.jinja"
WIDTH, HEIGHT = 220, 36
MOST_IN_PICTURE = 8
MOST_COMBINATIONS = 14
MOST_VALUES = 6
BROKEN_DOWN_BY = "historical_purchaser_lifecycle_status"


@dataclass(frozen=True)
class Day:
    day: date
    people: int
    entered: int
    departed: int


@dataclass(frozen=True)
class SegmentFigures:
    """A segment with its days, oldest first, and the figures of the last one. `edited`: its file
    means other people by now.
    """

    name: str
    description: str
    database: str
    days: Sequence[Day]
    figures: Mapping[str, Any]
    edited: bool

    @property
    def last(self) -> Day:
        return self.days[-1]

    @property
    def points(self) -> str:
        """The sizes as points of a line, from 0 to the largest."""
        most = max(max(day.people for day in self.days), 1)
        step = WIDTH / max(len(self.days) - 1, 1)
        heights = [HEIGHT - (HEIGHT - 4) * day.people / most for day in self.days]
        return " ".join(f"{place * step:.1f},{height:.1f}" for place, height in enumerate(heights))


@dataclass(frozen=True)
class Combination:
    """People who are in exactly these segments of a picture."""

    segments: frozenset[str]
    people: int


@dataclass(frozen=True)
class Picture:
    """An UpSet picture: the largest segments, and the largest exact combinations of them."""

    segments: Sequence[str]
    combinations: Sequence[Combination]
    left_out: int

    @property
    def most(self) -> int:
        return max((one.people for one in self.combinations), default=1)


@dataclass(frozen=True)
class Breakdown:
    """Shares in percent of the people of a segment, by value of an attribute."""

    values: Sequence[str]
    shares: Mapping[str, Mapping[str, float]]


@dataclass
class _Shown:
    segments: list[SegmentFigures] = field(default_factory=list)
    pictures: dict[str, Picture] = field(default_factory=dict)
    breakdowns: dict[str, Breakdown] = field(default_factory=dict)
    campaigns: list[Results] = field(default_factory=list)


def segments_page_path(root: Path) -> Path:
    """Where the page of the tenant at `root` is."""
    return root / "reports" / PAGE


def write_segments_page(session: Session, tenant: Tenant) -> Path:
    """Write the page from what is stored of segments and campaigns, and return its path."""
    shown = _Shown()
    for database in databases(tenant):
        if session.state(stored_name(database, SIZES)) is not None:
            _add_database(session, tenant, database, shown)
    for name, config in tenant.campaigns.items():
        found = _results(session, Campaign(name, config, tenant))
        if found is not None:
            shown.campaigns.append(found)
    path = segments_page_path(tenant.root)
    private_folder(path.parent)
    template = environment().get_template(TEMPLATE)
    days = [one.last.day for one in shown.segments]
    html = template.render(
        name=tenant.config.name,
        newest=max(days, default=None),
        segments=shown.segments,
        pictures=shown.pictures,
        breakdowns=shown.breakdowns,
        attribute=BROKEN_DOWN_BY,
        campaigns=shown.campaigns,
    )
    write_private(path, html)
    return path


def _add_database(session: Session, tenant: Tenant, database: Database, shown: _Shown) -> None:
    session.bind(stored_name(database, SIZES), "page_sizes")
    session.bind(stored_name(database, MEMBERSHIP), "page_members")
    rows = session.frame("SELECT * FROM page_sizes ORDER BY segment, day").to_dicts()
    own = segments_of(tenant, database.name)
    edited = _edited(session, tenant, database)
    for name, config in own.items():
        of_segment = [row for row in rows if row["segment"] == name]
        if of_segment:
            days = [
                Day(row["day"], row["people"], row["entered"], row["departed"])
                for row in of_segment
            ]
            shown.segments.append(
                SegmentFigures(
                    name,
                    config.description,
                    database.name,
                    days,
                    of_segment[-1],
                    name in edited,
                )
            )
    tracked = [one for one in shown.segments if one.database == database.name]
    largest = sorted(tracked, key=lambda one: (-one.last.people, one.name))[:MOST_IN_PICTURE]
    names = [one.name for one in largest]
    if len(names) > 1:
        shown.pictures[database.name] = _picture(session, names)
    if names:
        all_names = [one.name for one in tracked]
        shown.breakdowns[database.name] = _breakdown(session, database, all_names)


def _edited(session: Session, tenant: Tenant, database: Database) -> set[str]:
    """Segments whose files mean other people than were computed last; `page_members` is bound."""
    session.bind(stored_name(database, DEFINITIONS), "page_definitions")
    schema = DatabaseTables(session, database).schema
    now = definition_digests(tenant, read_segments(tenant, schema).definitions)
    rows = COMPUTED_BY.format(definitions="page_definitions", membership="page_members")
    return edited_segments(session.rows(rows), now)


def _picture(session: Session, names: Sequence[str]) -> Picture:
    wanted = ", ".join(quote_literal(name) for name in names)
    rows = session.rows(
        "SELECT segments, count(*) AS people FROM (SELECT list_sort(list(segment)) AS segments "
        f"FROM page_members WHERE segment IN ({wanted}) GROUP BY amperity_id) "
        "GROUP BY segments ORDER BY people DESC, segments"
    )
    combinations = [Combination(frozenset(segments), people) for segments, people in rows]
    beyond = combinations[MOST_COMBINATIONS:]
    return Picture(names, combinations[:MOST_COMBINATIONS], sum(one.people for one in beyond))


def _breakdown(session: Session, database: Database, names: Sequence[str]) -> Breakdown:
    DatabaseTables(session, database).bind(["customer_attributes"])
    wanted = ", ".join(quote_literal(name) for name in names)
    rows = session.rows(
        f"SELECT segment, coalesce({quote_ident(BROKEN_DOWN_BY)}, 'unknown'), count(*) "
        "FROM page_members LEFT JOIN customer_attributes USING (amperity_id) "
        f"WHERE segment IN ({wanted}) GROUP BY ALL"
    )
    totals: dict[str, int] = {}
    by_value: dict[str, int] = {}
    for segment, value, people in rows:
        totals[segment] = totals.get(segment, 0) + people
        by_value[value] = by_value.get(value, 0) + people
    values = sorted(by_value, key=lambda value: (-by_value[value], value))[:MOST_VALUES]
    shares: dict[str, dict[str, float]] = {name: {} for name in names}
    for segment, value, people in rows:
        shares[segment][value] = 100 * people / totals[segment]
    return Breakdown(values, shares)


def _results(session: Session, campaign: Campaign) -> Results | None:
    """What a campaign brought; None where it was never sent or nothing is published."""
    if session.state(SENDS) is None:
        return None
    try:
        with opened_for(session, campaign):
            found = results(session, campaign)
    except C360Error:
        return None
    return found if found.groups else None
