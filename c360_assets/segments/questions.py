"""Questions about segments, answered from a published database: how many people, what would change,
who was in it when.

About one person: `why`. About a definition that is not in force: `candidates`. Nothing is written.
How answers look belongs to `reporting`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from c360_assets.errors import C360Error, ConfigError
from c360_assets.segments.definition import Definition
from c360_assets.segments.digests import COMPUTED_BY, definition_digests, edited_segments
from c360_assets.segments.published_sql import published_sql
from c360_assets.segments.reading import file_of, read_segments
from c360_assets.segments.schema import PERSON, Schema
from c360_assets.semantics.closest import instead_of
from c360_assets.tenant.models import SegmentConfig, Tenant
from c360_assets.warehouse.sql import quote_ident, quote_literal

PUBLISHED_COLUMNS = """
    SELECT table_name, column_name, data_type FROM duckdb_columns()
    WHERE database_name = current_database() AND schema_name IN ('main', 'domain')
    ORDER BY table_name, column_index
"""


def published_schema(con: duckdb.DuckDBPyConnection, tenant: Tenant, database: str) -> Schema:
    """The tables of the published database that `con` has open."""
    tables: dict[str, dict[str, str]] = {}
    for table, column, type_ in con.execute(PUBLISHED_COLUMNS).fetchall():
        tables.setdefault(table, {})[column] = type_
    return Schema(database, tables, tenant.order_key)


def require_segment(tenant: Tenant, name: str) -> SegmentConfig:
    """The declaration of a segment. Raises C360Error when there is none of that name."""
    if name in tenant.segments:
        return tenant.segments[name]
    remedy = instead_of(name, tenant.segments, none="write segments/NAME.yaml")
    raise C360Error(f"there is no segment {name}; {remedy}")


def definitions_of(tenant: Tenant, schema: Schema) -> dict[str, Definition]:
    """All segments of a database. Raises ConfigError with everything wrong with them."""
    read = read_segments(tenant, schema)
    if read.problems:
        raise ConfigError(read.problems)
    return read.definitions


@dataclass(frozen=True)
class Listed:
    """A segment in a list; figures are None where it is not published yet, those of a day too where
    its days are not kept. `edited`: the file means other people than were computed.
    """

    segment: str
    database: str
    file: str
    description: str
    people: int | None = None
    entered: int | None = None
    departed: int | None = None
    day: date | None = None
    edited: bool = False


def has_segments(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether segments are published in the database."""
    rows = con.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_catalog = current_database() "
        "AND table_schema = 'segments' AND table_name = 'segment_membership'"
    ).fetchall()
    return bool(rows)


# What was computed last: people of each segment, and what the day brought where days are kept.
COMPUTED = """
    SELECT d.segment, coalesce(m.people, 0), s.entered, s.departed, s.day
    FROM (
        SELECT DISTINCT segment, last_day FROM segments.segment_definition
        QUALIFY last_day = max(last_day) OVER ()
    ) AS d
    LEFT JOIN (
        SELECT segment, count(*) AS people FROM segments.segment_membership GROUP BY segment
    ) AS m ON m.segment = d.segment
    LEFT JOIN segments.segment_sizes AS s ON s.segment = d.segment AND s.day = d.last_day
"""


def listed(
    tenant: Tenant, names: Sequence[str], con: duckdb.DuckDBPyConnection | None, database: str
) -> list[Listed]:
    """The segments `names` with what `con` shows of them, the published file of `database`."""
    computed: dict[str, list[Any]] = {}
    edited: set[str] = set()
    if con is not None and has_segments(con):
        computed = {name: figures for name, *figures in con.execute(COMPUTED).fetchall()}
        definitions = read_segments(tenant, published_schema(con, tenant, database)).definitions
        computed_by = COMPUTED_BY.format(
            definitions="segments.segment_definition", membership="segments.segment_membership"
        )
        rows = con.execute(computed_by).fetchall()
        edited = edited_segments(rows, definition_digests(tenant, definitions))
    result = []
    for name in names:
        config = tenant.segments[name]
        people, entered, departed, day = computed.get(name, (None, None, None, None))
        one = Listed(
            segment=name,
            database=config.database,
            file=file_of(tenant, name),
            description=config.description,
            people=people,
            entered=entered,
            departed=departed,
            day=day,
            edited=name in edited,
        )
        result.append(one)
    return result


def count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    """How many people a SELECT of persons gives."""
    ((people,),) = con.execute(f"SELECT count(DISTINCT {PERSON}) FROM (\n{sql}\n)").fetchall()
    return int(people)


@dataclass(frozen=True)
class Difference:
    """What the definition as it stands in its file would change of the published segment."""

    segment: str
    published: int
    now: int
    would_enter: int
    would_leave: int


def difference(
    con: duckdb.DuckDBPyConnection, tenant: Tenant, name: str, schema: Schema
) -> Difference:
    """Raises C360Error where segments are not published."""
    require_published(con)
    sql = published_sql(tenant, definitions_of(tenant, schema), name)
    published = (
        f"SELECT {PERSON} FROM segments.segment_membership WHERE segment = {quote_literal(name)}"
    )
    ((before, now, came, went),) = con.execute(
        f"WITH before AS ({published}), now AS (\n{sql}\n) SELECT "
        "(SELECT count(*) FROM before), (SELECT count(*) FROM now), "
        f"(SELECT count(*) FROM now ANTI JOIN before USING ({PERSON})), "
        f"(SELECT count(*) FROM before ANTI JOIN now USING ({PERSON}))"
    ).fetchall()
    return Difference(name, before, now, came, went)


def require_published(con: duckdb.DuckDBPyConnection) -> None:
    if not has_segments(con):
        raise C360Error("segments are not published yet; run `c360 run` first")


@dataclass(frozen=True)
class Shared:
    """People by exactly which of the segments they are in."""

    segments: tuple[str, ...]
    people: int


def overlap(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[Shared]:
    """How many people are in exactly which of the published segments `names`, most first."""
    require_published(con)
    tests = ", ".join(
        f"bool_or(segment = {quote_literal(name)}) AS {quote_ident(name)}" for name in names
    )
    wanted = ", ".join(quote_literal(name) for name in names)
    columns = ", ".join(quote_ident(name) for name in names)
    rows = con.execute(
        f"SELECT {columns}, count(*) AS people FROM (SELECT {PERSON}, {tests} "
        f"FROM segments.segment_membership WHERE segment IN ({wanted}) GROUP BY {PERSON}) "
        f"GROUP BY {columns} ORDER BY people DESC, {columns}"
    ).fetchall()
    return [
        Shared(tuple(name for name, is_in in zip(names, row, strict=False) if is_in), row[-1])
        for row in rows
    ]


@dataclass(frozen=True)
class Past:
    """A segment on a day: how many people, and since when the answer is known."""

    segment: str
    day: date
    people: int
    sizes: Sequence[Mapping[str, Any]]


# Who was in a segment on a day: those who are in it since, and those who left it later.
MEMBERS_ON = """
    SELECT amperity_id, member_since FROM segments.segment_membership
    WHERE segment = {segment} AND member_since <= {day}
    UNION
    SELECT amperity_id, member_since FROM segments.segment_events
    WHERE segment = {segment} AND event = 'left' AND day > {day} AND member_since <= {day}
"""


def members_on(name: str, day: date) -> str:
    """The SELECT of who was in a segment on a day, over a published database."""
    return MEMBERS_ON.format(segment=quote_literal(name), day=f"DATE '{day.isoformat()}'")


def past(con: duckdb.DuckDBPyConnection, name: str, day: date | None = None) -> Past:
    """A segment on a day, the last that is known unless one is given. Raises C360Error for a day of
    which nothing is known.
    """
    require_published(con)
    segment = quote_literal(name)
    rows = con.execute(
        "SELECT day, people, entered, departed, identity_change FROM segments.segment_sizes "
        f"WHERE segment = {segment} ORDER BY day"
    ).fetchall()
    if not rows:
        raise C360Error(f"no day of {name} is kept: it is not published yet, or has track: false")
    day = rows[-1][0] if day is None else day
    if not rows[0][0] <= day <= rows[-1][0]:
        raise C360Error(f"{name} is known from {rows[0][0]} to {rows[-1][0]}, not on {day}")
    keys = ("day", "people", "entered", "departed", "identity_change")
    sizes = [dict(zip(keys, row, strict=True)) for row in rows]
    return Past(name, day, count(con, members_on(name, day)), sizes)
