"""Sends tables of a published database to where others use them: files in a folder or object store,
tables in PostgreSQL.

Reads the published file only, never the warehouse, and sends each publication once; a destination
that failed is sent again alone. A column leaves when the tenant lists it, or when the table asks
for all that hold nothing personal. How rows travel belongs to `publication.send_files` and
`publication.send_postgres`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import duckdb

from c360_assets.customer_360.publication.addresses import (
    bind_statements,
    channel_of,
    needs_consent,
    refuse_silence,
    what_is_said,
    withheld,
)
from c360_assets.customer_360.publication.consent import statements_table
from c360_assets.customer_360.publication.publish import (
    STAGE,
    published_asset,
    published_facts,
)
from c360_assets.customer_360.publication.send_errors import safe_errors
from c360_assets.customer_360.publication.send_files import send_to_folder
from c360_assets.customer_360.publication.send_postgres import LONGEST_NAME, send_to_postgres
from c360_assets.errors import C360Error, Problem
from c360_assets.semantics.closest import instead_of
from c360_assets.tenant.models import DestinationConfig, DestinationTable, Tenant
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.engine import make_safe
from c360_assets.warehouse.publications import place_of
from c360_assets.warehouse.recipe import Built, Recipe, RunContext, is_current, make_current
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal
from c360_assets.wording import counted

SENT = "sent"  # with a destination's name: the fact of the manifest that says what it has received
CATALOGUED_COLUMNS = """
    SELECT "column", is_pii, coalesce(semantic, '') FROM c360_catalog
    WHERE "schema" = 'main' AND lower("table") = lower(?)
    ORDER BY position
"""
# What is published has a date; sending it has none.
NO_DATE = date.min


@dataclass(frozen=True)
class Sent:
    """What a destination received: rows by table. `reused`: it has this publication already.

    `withheld`: table and column -> addresses that were left empty, as nobody agreed to their use.
    `left_behind`: sentences for what it keeps of an earlier configuration.
    """

    name: str
    rows: dict[str, int]
    reused: bool = False
    withheld: Mapping[str, int] = field(default_factory=dict)
    left_behind: Sequence[str] = ()


class SendDestination(Recipe):
    """What one receiver has of the database that is published."""

    stage = STAGE

    def __init__(self, tenant: Tenant, name: str) -> None:
        read = published_asset(tenant.destinations[name].database)
        super().__init__((), [read], outputs=[destination_asset(name)])
        self.tenant = tenant
        self.name = name
        self.config = tenant.destinations[name]

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        """Which publication the destination would receive now, how it is configured, and what
        people say of the purposes it is sent for.
        """
        published = published_facts(session, self.config.database)
        said = [
            what_is_said(session, self.tenant, item.purpose)
            for item in self.config.tables.values()
            if item.purpose is not None
        ]
        mark = f"{published.get('fingerprint', '')}/{self.config.mark()}"
        # Whoever asks nobody leaves no trace of it.
        return f"{mark}/{fingerprint(said)}" if said else mark

    def stored_fingerprint(self, session: Session) -> str | None:
        return self.received(session).get("mark")

    def received(self, session: Session) -> dict[str, Any]:
        """What the manifest remembers: `mark` (the fingerprint) and `rows` by table; empty before
        the first sending.
        """
        return session.warehouse.manifest.meta.get(self._key) or {}

    def build(self, session: Session, run: RunContext) -> Built:
        """Raises C360Error when nothing is published or the receiver refuses; what was published
        stays.
        """
        mark = self.fingerprint(session, run.as_of)
        published = place_of(self.tenant, self.config.database).published()
        if published is None:
            raise C360Error(
                f"destination {self.name}: the database {self.config.database} is not published yet"
            )
        with published.readable() as con:
            con.execute(f"SET TimeZone = {quote_literal(self.tenant.config.timezone)}")
            make_safe(con)
            queries = {
                table: self._query(session, con, table, item)
                for table, item in self.config.tables.items()
            }
            with safe_errors(self.name, self.config):
                rows = self._send(con, queries, session.run_id)
            empty = self._left_empty(con, queries)
        warnings = [
            f"destination {self.name}: {place} is left empty in {counted(count, 'row')} without "
            "consent"
            for place, count in empty.items()
        ]
        warnings += [f"destination {self.name}: {left}" for left in self.left_behind(session)]
        return Built({self._key: {"mark": mark, "rows": rows, "withheld": empty}}, warnings)

    def left_behind(self, session: Session) -> list[str]:
        """A sentence for what it was sent last under a name, or to a place, that is not sent
        now.
        """
        mark = self.received(session).get("mark", "")
        if not mark:
            return []
        before = json.loads(mark[mark.index("{") : mark.rindex("}") + 1])
        left = _targets(before) - _targets(json.loads(self.config.mark()))
        end = "is not sent any more and stays as it was sent last: remove it there"
        return [f"{target} {end}" for target in sorted(left)]

    def _left_empty(
        self, con: duckdb.DuckDBPyConnection, queries: Mapping[str, str]
    ) -> dict[str, int]:
        """Table and column -> addresses of it that did not leave."""
        counts: dict[str, int] = {}
        for table, item in self.config.tables.items():
            if item.purpose is None:
                continue
            for column in needs_consent(item.columns or [], {}):
                name = quote_ident(column)
                ((before, after),) = con.execute(
                    f"SELECT (SELECT count({name}) FROM main.{quote_ident(table)}), "
                    f"(SELECT count({name}) FROM ({queries[table]}))"
                ).fetchall()
                counts[f"{table}.{column}"] = before - after
        return counts

    def _query(
        self,
        session: Session,
        con: duckdb.DuckDBPyConnection,
        table: str,
        item: DestinationTable,
    ) -> str:
        """The SELECT of what may leave of a table; addresses leave by consent."""
        known = _catalogued(con, self.name, table)
        columns = _leaving_columns(self.name, table, item, known)
        semantics = {column: one.semantic for column, one in known.items()}
        addresses = needs_consent(columns, semantics)
        place = f"destination {self.name}: {table}"
        refuse_silence(place, item, addresses)
        selected = {column: quote_ident(column) for column in columns}
        if item.purpose is not None:
            for column in addresses:
                channel = channel_of(column, semantics[column]) or ""
                with _told_of(place, column):
                    yes = bind_statements(
                        session, con, self.tenant, item.purpose, channel, self._brand()
                    )
                selected[column] = withheld(column, channel, known, yes)
        columns_sql = ", ".join(selected.values())
        return f"SELECT {columns_sql} FROM main.{quote_ident(table)} ORDER BY ALL"

    def _brand(self) -> str | None:
        configured = self.tenant.config.databases.get(self.config.database)
        return configured.filter.get("database_key") if configured is not None else None

    def _send(
        self, con: duckdb.DuckDBPyConnection, queries: dict[str, str], run_id: str
    ) -> dict[str, int]:
        if self.config.type == "postgres":
            return send_to_postgres(con, self.config, queries)
        return send_to_folder(con, self.tenant, self.config, queries, run_id)

    @property
    def _key(self) -> str:
        return f"{SENT}:{self.name}"


@contextmanager
def _told_of(place: str, column: str) -> Iterator[None]:
    """Says of an error which column of which table was to be sent."""
    try:
        yield
    except C360Error as error:
        raise C360Error(f"{place}: {column}: {error}") from None


def _targets(settings: Mapping[str, Any]) -> set[str]:
    """Where the tables stand that settings of a destination (`mark`) send."""
    if settings["type"] == "postgres":
        place, suffix = f"{settings['url_env']}, schema {settings['schema_name']}", ""
    else:
        place, suffix = settings["path"], f".{settings['format']}"
    tables = settings["tables"].items()
    return {f"{item['name'] or table}{suffix} ({place})" for table, item in tables}


def destination_asset(name: str) -> str:
    """What the orchestrator calls a receiver of tables."""
    return f"destination/{name}"


def destination_recipes(tenant: Tenant) -> list[SendDestination]:
    """One recipe per receiver of tables, each after the publication of its database."""
    return [SendDestination(tenant, name) for name in receiving_tables(tenant)]


def receiving_tables(tenant: Tenant) -> list[str]:
    """The receivers of tables; others receive campaigns only."""
    return [name for name, config in tenant.destinations.items() if config.tables]


def receivers_of_tables(facts: Mapping[str, Any]) -> list[str]:
    """Who was ever sent tables by what the manifest remembers, declared or not any more."""
    mark = f"{SENT}:"
    return sorted(key.removeprefix(mark) for key in facts if key.startswith(mark))


def due(session: Session, tenant: Tenant) -> list[str]:
    """Destinations that have not received what is published now."""
    recipes = destination_recipes(tenant)
    return [recipe.name for recipe in recipes if not is_current(session, recipe, NO_DATE)]


def send(session: Session, tenant: Tenant, name: str, *, force: bool = False) -> Sent:
    """Send what is published to one destination and commit that it was sent.

    Raises C360Error when there is no such destination, nothing is published, or the receiver
    refuses; what was published stays.
    """
    if name not in tenant.destinations:
        remedy = instead_of(name, tenant.destinations)
        raise C360Error(f"destinations.yaml has no destination {name}; {remedy}")
    if not tenant.destinations[name].tables:
        raise C360Error(f"destination {name} receives campaigns only: `c360 campaign send NAME`")
    recipe = SendDestination(tenant, name)
    left_behind = recipe.left_behind(session)
    outcome = make_current(session, recipe, RunContext(NO_DATE, force))
    received = recipe.received(session)
    return Sent(name, received["rows"], outcome.reused, received.get("withheld", {}), left_behind)


def check_destinations(
    tenant: Tenant, names: Sequence[str], tables: dict[str, dict[str, str]]
) -> list[Problem]:
    """Problems of destinations.yaml.

    `names` are the databases, `tables` the columns of the group's tables.
    """
    known = {
        table.lower(): {column.lower() for column in columns} for table, columns in tables.items()
    }
    problems: list[Problem] = []
    places: list[tuple[str, Hashable]] = []
    for name, config in tenant.destinations.items():
        key = f"destinations.{name}"
        if config.database not in names:
            problems.append(_problem(key, f"there is no database {config.database}"))
        for table, item in config.tables.items():
            columns = known.get(table.lower())
            problems += _table_problems(f"{key}.tables.{table}", table, item, columns)
            if config.type == "postgres" and len((item.name or table).encode()) > LONGEST_NAME:
                message = (
                    f"PostgreSQL would cut its name off: give a `name` of {LONGEST_NAME} bytes"
                )
                problems.append(_problem(f"{key}.tables.{table}.name", message))
        problems += _brand_problems(tenant, key, config)
        places += _places(tenant, name, config)
    for first, *others in _repeated(places):
        keys = " and ".join([first, *others])
        message = f"{keys} would overwrite each other: give each its own place"
        problems.append(_problem(others[-1], message))
    return problems


def _table_problems(
    key: str, table: str, item: DestinationTable, known: set[str] | None
) -> Iterator[Problem]:
    """Problems of one table; `known` are its columns in lower case, None where there is no such
    table.
    """
    if known is None:
        yield _problem(key, f"there is no table {table} in the database")
        return
    columns = item.columns or []
    missing = [column for column in columns if column.lower() not in known]
    if missing:
        yield _problem(f"{key}.columns", f"{table} has no column {', '.join(missing)}")
    repeated = _repeated((column, column.lower()) for column in columns)
    if repeated:
        message = f"{table} would send {', '.join(repeated[0])}: one column twice"
        yield _problem(f"{key}.columns", message)


def _brand_problems(tenant: Tenant, key: str, config: DestinationConfig) -> Iterator[Problem]:
    """Of a brand's database the statements of its brand count; where none names one, all addresses
    are left empty.
    """
    database = tenant.config.databases.get(config.database)
    if database is None or not database.filter:
        return
    for table, item in config.tables.items():
        purpose = tenant.workflow.purposes.get(item.purpose or "")
        for channel in ("email", "sms"):
            tag = f"{channel}-opt/brand"
            is_named = any(source.columns_with(tag) for source in tenant.tables)
            is_asked = purpose is not None and getattr(purpose, channel) is not None
            if is_asked and not is_named and statements_table(channel) not in tenant.database_sql:
                message = (
                    f"no field is tagged {tag}, so nobody agreed to the brand of {config.database}"
                )
                place = f"{key}.tables.{table}.consent"
                yield Problem("warning", "destinations.yaml", message, key=place)


def _places(tenant: Tenant, name: str, config: DestinationConfig) -> Iterator[tuple[str, Hashable]]:
    """Key in the configuration, and what is overwritten there: files of a folder, or tables.

    A folder has one manifest, so it is one place whatever its files are called.
    """
    if config.type == "files":
        path = str(config.path)
        folder = path.rstrip("/")
        if "://" not in path:
            folder = os.path.realpath(tenant.root / path)
        yield f"destinations.{name}", ("files", folder)
    for table, item in config.tables.items():
        target = item.name or table
        # Which names of a folder's files are one depends on the file system; PostgreSQL tells
        # names apart by their case.
        place = (name, target.lower())
        if config.type == "postgres":
            place = (f"{config.url_env}/{config.schema_name}", target)
        yield f"destinations.{name}.tables.{table}", place


def _repeated(items: Iterable[tuple[str, Hashable]]) -> list[list[str]]:
    """Names of those `(name, value)` whose value is not theirs alone."""
    names_by_value: dict[Hashable, list[str]] = {}
    for name, value in items:
        names_by_value.setdefault(value, []).append(name)
    return [names for names in names_by_value.values() if len(names) > 1]


def _problem(key: str, message: str) -> Problem:
    return Problem("error", "destinations.yaml", message, key=key)


class _Catalogued(NamedTuple):
    """What the catalogue says of a column."""

    is_personal: bool
    semantic: str


def _catalogued(con: duckdb.DuckDBPyConnection, name: str, table: str) -> dict[str, _Catalogued]:
    rows = con.execute(CATALOGUED_COLUMNS, [table]).fetchall()
    if not rows:
        raise C360Error(f"destination {name}: there is no table {table} in the published database")
    return {column: _Catalogued(*said) for column, *said in rows}


def _leaving_columns(
    name: str, table: str, item: DestinationTable, known: Mapping[str, _Catalogued]
) -> list[str]:
    """The columns that may leave, in the order of the list so that equal content gives equal
    files.
    """
    if item.columns is not None:
        return _listed_columns(name, table, item.columns, known)
    columns = [column for column, said in known.items() if not said.is_personal]
    if not columns:
        raise C360Error(
            f"destination {name}: every column of {table} is personal; "
            f"list those that may leave (tables.{table}.columns)"
        )
    return columns


def _listed_columns(
    name: str, table: str, listed: Sequence[str], known: Iterable[str]
) -> list[str]:
    """The columns that the tenant lists, as the published table spells them."""
    by_name = {column.lower(): column for column in known}
    missing = [column for column in listed if column.lower() not in by_name]
    if missing:
        raise C360Error(f"destination {name}: {table} has no column {', '.join(missing)}")
    return [by_name[column.lower()] for column in listed]
