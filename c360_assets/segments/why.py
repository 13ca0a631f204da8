"""Why a person is in a segment or not: by a published database, and by what happened before.

Nothing is written. How the answer looks belongs to `reporting`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from c360_assets.errors import C360Error
from c360_assets.segments.compile import Compiled, condition_column, with_referenced
from c360_assets.segments.published_sql import compiled_for
from c360_assets.segments.questions import definitions_of, has_segments
from c360_assets.segments.schema import PERSON, Schema
from c360_assets.tenant.models import Tenant


@dataclass(frozen=True)
class Answer:
    """Whether a person fits one condition of a segment."""

    condition: str
    holds: bool


@dataclass(frozen=True)
class Event:
    """One entering or leaving of a person, or of nobody in particular."""

    day: date
    event: str
    cause: str
    detail: str | None


@dataclass(frozen=True)
class Why:
    """Why a person is in a segment or not: by the data as published, and what happened before."""

    amperity_id: str
    is_member: bool
    fits_now: bool
    member_since: date | None
    answers: list[Answer]
    events: list[Event]


def why(
    con: duckdb.DuckDBPyConnection, tenant: Tenant, name: str, schema: Schema, person: str
) -> Why:
    """Raises C360Error for an id of nobody in the database, or one that several begin with."""
    full_id = _person(con, person)
    definitions = definitions_of(tenant, schema)
    compiled = compiled_for(tenant, definitions, name)
    fits = _tests_met(con, compiled, full_id)
    answers = [
        Answer(leaf.text, fits[condition_column(number)])
        for number, leaf in enumerate(compiled.leaves)
    ]
    others = [other for other in with_referenced([name], definitions) if other != name]
    answers += [Answer(f"in segment {other}", fits[other]) for other in others]
    since, events = _past_of(con, name, full_id)
    return Why(
        full_id,
        is_member=bool(since),
        fits_now=fits[name],
        member_since=since[0] if since else None,
        answers=answers,
        events=events,
    )


def _tests_met(con: duckdb.DuckDBPyConnection, compiled: Compiled, full_id: str) -> dict[str, bool]:
    """Whether the person fits each condition, and each segment, by name of its column."""
    found = con.execute(f"SELECT * FROM (\n{compiled.wide()}\n) WHERE {PERSON} = ?", [full_id])
    names = [column[0] for column in found.description or ()]
    (row,) = found.fetchall()
    return {name: bool(value) for name, value in zip(names, row, strict=True) if name != PERSON}


def _past_of(
    con: duckdb.DuckDBPyConnection, name: str, full_id: str
) -> tuple[list[date | None], list[Event]]:
    """The days since when the person is in the published segment (one or none), and the events."""
    if not has_segments(con):
        return [], []
    since = con.execute(
        f"SELECT member_since FROM segments.segment_membership WHERE segment = ? AND {PERSON} = ?",
        [name, full_id],
    ).fetchall()
    events = con.execute(
        "SELECT day, event, cause, detail FROM segments.segment_events "
        f"WHERE segment = ? AND {PERSON} = ? ORDER BY day",
        [name, full_id],
    ).fetchall()
    return [day for (day,) in since], [Event(*event) for event in events]


def _person(con: duckdb.DuckDBPyConnection, given: str) -> str:
    given = given.strip()
    rows = con.execute(
        f"SELECT {PERSON} FROM customer_360 WHERE starts_with({PERSON}, ?) LIMIT 2", [given]
    ).fetchall()
    exact = con.execute(f"SELECT {PERSON} FROM customer_360 WHERE {PERSON} = ?", [given]).fetchall()
    if exact or len(rows) == 1:
        return str((exact or rows)[0][0])
    if rows:
        raise C360Error("several people's ids begin so; give more of its characters")
    now = _successor(con, given)
    if now is not None:
        raise C360Error(f"this id has ended; the person is {now} now")
    raise C360Error("nobody in the database has this id")


def _successor(con: duckdb.DuckDBPyConnection, given: str) -> str | None:
    rows = con.execute(
        "SELECT current_amperity_id FROM stitch_id_redirects WHERE amperity_id = ? AND rank = 1",
        [given],
    ).fetchall()
    return str(rows[0][0]) if rows and rows[0][0] is not None else None
