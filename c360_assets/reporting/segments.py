"""What people read about segments on a terminal.

The answers are those of `segments.questions`, `why` and `candidates`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
from rich.console import Console
from rich.markup import escape

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.tables.databases import GROUP
from c360_assets.errors import C360Error
from c360_assets.reporting.plain_tables import plain_table
from c360_assets.reporting.published import open_published
from c360_assets.segments import candidates, questions
from c360_assets.segments import why as person_questions
from c360_assets.segments.published_sql import published_sql
from c360_assets.segments.schema import Schema
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.publications import place_of
from c360_assets.wording import counted

MOST_COMPARED = 5
EDITED = (
    "edited since it was computed, so this is the size of the definition before; `c360 run` "
    "computes it, `c360 segment diff` says what would change"
)


@dataclass(frozen=True)
class Opened:
    """A published database, the tenant, and the columns that segments may ask."""

    tenant: Tenant
    con: duckdb.DuckDBPyConnection
    schema: Schema


@contextmanager
def opened(root: Path, segment: str | None = None, database: str = GROUP) -> Iterator[Opened]:
    """The published database of a segment, or one by name."""
    tenant = load_tenant(root)
    if segment is not None:
        database = questions.require_segment(tenant, segment).database
    published = published_name(tenant, database)
    with open_published(root, database) as con:
        yield Opened(tenant, con, questions.published_schema(con, tenant, published))


def published_name(tenant: Tenant, database: str) -> str:
    """The name under which a database is published: the primary one is the group's."""
    config = tenant.config.databases.get(database)
    return GROUP if config is not None and config.primary else database


def list_segments(root: Path) -> list[questions.Listed]:
    """All segments of a tenant, with their sizes where they are published."""
    tenant = load_tenant(root)
    by_database: dict[str, list[str]] = {}
    for name, config in tenant.segments.items():
        by_database.setdefault(published_name(tenant, config.database), []).append(name)
    listed: list[questions.Listed] = []
    for database, names in by_database.items():
        if not place_of(tenant, database).is_published():
            listed += questions.listed(tenant, names, None, database)
            continue
        with open_published(root, database) as con:
            listed += questions.listed(tenant, names, con, database)
    return sorted(listed, key=lambda one: one.segment)


def render_list(listed: Sequence[questions.Listed], console: Console) -> None:
    if not listed:
        console.print("no segments yet: write segments/NAME.yaml (docs/segments.md)")
        return
    table = plain_table(heading="bold")
    table.add_column("segment", no_wrap=True)
    for heading in ("people", "entered", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("description", overflow="fold")
    for one in listed:
        numbers = [_number(value) for value in (one.people, one.entered, one.departed)]
        table.add_row(one.segment, *numbers, one.description)
    console.print(table)
    edited = [one.segment for one in listed if one.edited]
    if edited:
        console.print(f"{', '.join(edited)}: {EDITED}", markup=False)


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


@dataclass(frozen=True)
class Shown:
    """A segment with its definition as written, and its figures where it is published."""

    listed: questions.Listed
    text: str


def show_segment(root: Path, name: str) -> Shown:
    tenant = load_tenant(root)
    questions.require_segment(tenant, name)
    listed = next(one for one in list_segments(root) if one.segment == name)
    sql = tenant.segment_sql.get(name)
    text = tenant.files.get(listed.file, "").rstrip()
    if sql is not None:
        text += f"\n\n-- segments/{name}.sql\n{sql.text.rstrip()}"
    return Shown(listed, text)


def render_segment(shown: Shown, console: Console) -> None:
    one = shown.listed
    console.print(f"{one.segment} ({one.file}, database {one.database})", markup=False)
    if one.people is None:
        console.print("not published yet: `c360 run` computes it, `c360 segment size` counts it")
    elif one.day is None:
        console.print(
            f"{counted(one.people, 'person', 'people')}; days are not kept (track: false)"
        )
    else:
        console.print(
            f"{counted(one.people, 'person', 'people')} on {one.day}; {one.entered:,} entered, "
            f"{one.departed:,} left"
        )
    if one.edited:
        console.print(f"{one.segment}: {EDITED}", markup=False)
    console.print(f"\n{shown.text}", markup=False, soft_wrap=True)


def why(root: Path, name: str, person: str) -> person_questions.Why:
    with opened(root, name) as database:
        return person_questions.why(database.con, database.tenant, name, database.schema, person)


def render_why(name: str, answer: person_questions.Why, console: Console) -> None:
    state = "is in" if answer.is_member else "is not in"
    since = f" since {answer.member_since}" if answer.member_since else ""
    console.print(f"{answer.amperity_id} {state} {name}{since}")
    if answer.fits_now != answer.is_member:
        now = "fits" if answer.fits_now else "does not fit"
        console.print(f"the definition in the file is another by now, which the person {now}")
    for one in answer.answers:
        console.print(f"  {'yes' if one.holds else 'no ':3} {one.condition}", markup=False)
    for event in answer.events:
        detail = f": {event.detail}" if event.detail else ""
        line = f"{event.day} {event.event} ({event.cause}{detail})"
        console.print(line, markup=False, soft_wrap=True)


@dataclass(frozen=True)
class Size:
    """How many people fit a definition that may be in no force yet; `conditions` where nobody does,
    or it was asked for.
    """

    segment: str
    people: int
    everybody: int
    conditions: Sequence[candidates.ConditionSize] = ()


def size(root: Path, file: str, *, by_condition: bool = False) -> Size:
    """Count who fits the definition in a file, or of a segment by its name."""
    tenant = load_tenant(root)
    path = Path(file)
    if not path.is_file():
        questions.require_segment(tenant, path.stem)
        path = root / tenant.places[f"segment {path.stem}"]
    database = GROUP
    if path.suffix != ".sql":
        database = candidates.database_in(path)
    with open_published(root, database) as con:
        schema = questions.published_schema(con, tenant, published_name(tenant, database))
        found = candidates.candidate(tenant, path, schema)
        everybody = questions.count(con, "SELECT amperity_id FROM customer_360")
        people = questions.count(con, found.sql)
        is_asked = by_condition or not people
        conditions = candidates.condition_sizes(con, found) if is_asked else ()
        return Size(path.stem, people, everybody, conditions)


def render_size(size: Size, console: Console) -> None:
    share = 100 * size.people / size.everybody if size.everybody else 0.0
    console.print(
        f"{size.people:,} of {counted(size.everybody, 'person', 'people')} ({share:.1f} %)"
    )
    if not size.conditions:
        return
    table = plain_table(heading="bold")
    for heading in ("alone", "together"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("condition", overflow="fold")
    left = size.everybody
    for one in size.conditions:
        mark = "  <- leaves nobody" if left and not one.together else ""
        table.add_row(f"{one.alone:,}", f"{one.together:,}", escape(one.condition + mark))
        left = one.together
    console.print(table)


def sql_of(root: Path, name: str) -> str:
    with opened(root, name) as database:
        definitions = questions.definitions_of(database.tenant, database.schema)
        return published_sql(database.tenant, definitions, name)


def difference(root: Path, name: str) -> questions.Difference:
    with opened(root, name) as database:
        return questions.difference(database.con, database.tenant, name, database.schema)


def overlap(root: Path, names: Sequence[str]) -> list[questions.Shared]:
    """Raises C360Error for segments of several databases, or more than can be looked at."""
    if not 2 <= len(set(names)) <= MOST_COMPARED:
        raise C360Error(f"give two to {MOST_COMPARED} different segments")
    tenant = load_tenant(root)
    databases = {questions.require_segment(tenant, name).database for name in names}
    if len(databases) > 1:
        raise C360Error(f"these segments are of several databases: {', '.join(sorted(databases))}")
    with opened(root, names[0]) as database:
        return questions.overlap(database.con, names)


def render_overlap(
    names: Sequence[str], shared: Sequence[questions.Shared], console: Console
) -> None:
    table = plain_table(heading="bold")
    table.add_column("people", justify="right", no_wrap=True)
    table.add_column("in exactly", overflow="fold")
    for one in shared:
        table.add_row(f"{one.people:,}", " and ".join(one.segments))
    console.print(table)
    everybody = sum(one.people for one in shared)
    in_all = sum(one.people for one in shared if len(one.segments) == len(names))
    if everybody:
        console.print(f"{in_all:,} of {everybody:,} are in all ({100 * in_all / everybody:.1f} %)")


def history(root: Path, name: str, day: date | None) -> questions.Past:
    with opened(root, name) as database:
        return questions.past(database.con, name, day)


def render_history(past: questions.Past, console: Console) -> None:
    console.print(f"{past.segment} had {counted(past.people, 'person', 'people')} on {past.day}")
    table = plain_table(heading="bold")
    table.add_column("day", no_wrap=True)
    for heading in ("people", "entered", "left", "by merges and splits"):
        table.add_column(heading, justify="right")
    for row in past.sizes:
        numbers = (row["people"], row["entered"], row["departed"])
        table.add_row(
            str(row["day"]), *(f"{value:,}" for value in numbers), f"{row['identity_change']:+,}"
        )
    console.print(table)
