"""Custom domain tables: the tenant's own SELECT statements over domain tables, checked, ordered, built and traced.

The SQL and its declaration are read by `tenant`; how Stitch and later stages use the table is theirs. A statement reads domain
tables and other custom tables only, never a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage as trace
from sqlglot.optimizer.scope import traverse_scope

from c360_assets.errors import C360Error, ConfigError, Problem
from c360_assets.ingest.upsert import columns_of, key_sql, uuid_digest_sql, uuid_sql
from c360_assets.semantics.column_types import SYSTEM_COLUMNS
from c360_assets.tenant.models import CustomTable, Tenant
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, repeated
from c360_assets.warehouse.sql_errors import reason

BUILT = "_c360_custom"
SHOWN_KEYS = 5
# Functions that make rows from their arguments; every other table function could read a file or another database.
ROW_MAKERS = frozenset({"unnest", "generate_series", "range", "explode", "values"})
FORBIDDEN = re.compile(
    r"^(read_|parquet_|sniff_|glob$|query$|query_table$|getenv$|.*_scan$|duckdb_|pragma_|pg_|sqlite_|postgres_|mysql_|st_read)"
)
ERROR_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)


def custom_table_name(table: CustomTable) -> str:
    return f"domain/{table.physical}"


def dependencies(tenant: Tenant, table: CustomTable) -> list[str]:
    """The physical names of the domain and custom tables that the SQL reads, by name. Raises ConfigError."""
    query, problems = _parse(tenant, table)
    if query is None or problems:
        raise ConfigError(problems)
    return _references(tenant, query)[0]


def ordered(tenant: Tenant) -> list[CustomTable]:
    """The custom tables, each after those it reads; by name where that leaves a choice. Raises ConfigError for a cycle."""
    tables = {t.physical: t for t in tenant.custom_tables}
    graph: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for name, table in tables.items():
        query, found = _parse(tenant, table)
        problems += found
        graph[name] = (
            [d for d in _references(tenant, query)[0] if d in tables] if query is not None else []
        )
    if problems:
        raise ConfigError(problems)
    cycle = _cycle(graph)
    if cycle:
        raise ConfigError([_cycle_problem(tenant, tables, cycle)])
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    order: list[CustomTable] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += [tables[name] for name in ready]
        sorter.done(*ready)
    return order


def fingerprint_of(session: Session, tenant: Tenant, table: CustomTable) -> str:
    """Equal as long as the SQL, the key and the content of every table it reads are: then the built table is reused.

    Raises C360Error when a table it reads was not built.
    """
    inputs = {}
    for name in dependencies(tenant, table):
        state = session.state(f"domain/{name}")
        if state is None:
            raise C360Error(
                f"custom table {table.name} reads {name}, which has not been loaded yet"
            )
        inputs[name] = (state.digest, state.columns)
    query, _ = _parse(tenant, table)
    assert query is not None
    return fingerprint(
        "custom",
        query.sql("duckdb", comments=False),
        table.config.primary_key,
        tenant.config.id,
        session.timezone,
        inputs,
    )


def build_custom_table(session: Session, tenant: Tenant, table: CustomTable) -> TableState:
    """Run the SQL over the current domain tables and write the result with its system columns. Pending until commit.

    Raises C360Error when the SQL fails, or when its primary key is empty or not unique: the text tells counts and the first
    characters of hashed keys.
    """
    mark = fingerprint_of(session, tenant, table)
    for name in dependencies(tenant, table):
        session.bind(f"domain/{name}", name)
    place = _file(tenant, table)
    try:
        session.execute(f"CREATE OR REPLACE TEMP TABLE {BUILT}_rows AS {_text(table)}")
        columns = {
            row[0]: row[1]
            for row in session.rows(f"DESCRIBE SELECT * FROM {BUILT}_rows")
            if row[0].lower() not in SYSTEM_COLUMNS
        }
        lowered = {name.lower(): name for name in columns}
        lacking = [name for name in table.config.primary_key if name.lower() not in lowered]
        if lacking:
            raise C360Error(
                f"{place}: the result has no column {lacking[0]}, which is in primary_key"
            )
        key = key_sql(
            {
                lowered[name.lower()]: columns[lowered[name.lower()]]
                for name in table.config.primary_key
            }
        )
        plain = ", ".join(quote_ident(name) for name in columns)
        digest = uuid_digest_sql(tenant.config.id, table.name)
        session.execute(
            f"""CREATE OR REPLACE TEMP TABLE {BUILT} AS
                SELECT {plain}, _pk, {uuid_sql("_digest")} AS _uuid_pk, 0::BIGINT AS _updated
                FROM (SELECT *, {digest} AS _digest FROM (SELECT {plain}, {key} AS _pk FROM {BUILT}_rows))"""
        )
        _check_key(session, table, place)
        return session.write(custom_table_name(table), f"SELECT * FROM {BUILT}", fingerprint=mark)
    except duckdb.Error as error:
        raise C360Error(
            f"{place}: {table.name} failed on the data: {reason(session, _text(table), error)}"
        ) from None
    finally:
        session.execute(f"DROP TABLE IF EXISTS {BUILT}_rows")
        session.execute(f"DROP TABLE IF EXISTS {BUILT}")


def _check_key(session: Session, table: CustomTable, place: str) -> None:
    ((empty, keys, rows),) = session.rows(
        f"SELECT count(*) FILTER (WHERE _pk IS NULL), count(DISTINCT _pk), count(_pk) FROM {BUILT}"
    )
    if not empty and keys == rows:
        return
    twice = session.rows(
        f"SELECT sha256(_pk)[1:12] AS h, count(*) FROM {BUILT} GROUP BY _pk HAVING count(*) > 1 ORDER BY 2 DESC, h"
    )
    twice = [(h, n) for h, n in twice if h is not None]
    shown = ", ".join(f"{h} ({n} rows)" for h, n in twice[:SHOWN_KEYS])
    listed = f"; hashed keys: {shown}" if shown else ""
    key = ", ".join(table.config.primary_key)
    raise C360Error(
        f"{place}: primary key {key} of custom table {table.name} is empty in {empty} rows and shared by {len(twice)} keys"
        f"{listed}; choose columns that are unique, or keep one row per key in the SQL"
    )


def check_sql(tenant: Tenant) -> list[Problem]:
    """Bind the SQL of every custom table against the declared schemas on empty tables: unknown tables and columns, wrong types,
    cycles, and declared columns that the result lacks, with the line in the SQL file where there is one."""
    return list(_Schemas(tenant).problems)


def schemas(tenant: Tenant) -> dict[str, dict[str, str]]:
    """Physical table name -> column -> DuckDB type, of all domain and custom tables that can be bound."""
    return _Schemas(tenant).columns


def lineage(tenant: Tenant, table: CustomTable) -> dict[str, list[tuple[str, str]]]:
    """Column of the result -> the (physical table, column) pairs it is computed from, sorted."""
    known = schemas(tenant)
    found: dict[str, list[tuple[str, str]]] = {}
    names = {name.lower(): name for name in known}
    for column in known.get(table.physical, {}):
        if column in SYSTEM_COLUMNS:
            continue
        try:
            node = trace(column, _text(table), schema=dict(known), dialect="duckdb")
        except SqlglotError:
            found[column] = []
            continue
        leaves = {
            (
                names.get(leaf.source.name.lower(), leaf.source.name),
                leaf.name.rsplit(".", 1)[-1].strip('"'),
            )
            for leaf in node.walk()
            if not leaf.downstream and isinstance(leaf.source, exp.Table)
        }
        found[column] = sorted(leaves)
    return found


class _Schemas:
    """Empty tables with the declared columns, on which each custom table's SQL is bound in order."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.columns: dict[str, dict[str, str]] = {f.physical: columns_of(f) for f in tenant.feeds}
        self.problems: list[Problem] = []
        tables = {t.physical: t for t in tenant.custom_tables}
        graph: dict[str, list[str]] = {}
        for name, table in tables.items():
            query, problems = _parse(tenant, table)
            self.problems += problems
            if query is not None and not problems:
                graph[name] = [d for d in _references(tenant, query)[0] if d in tables]
        cycle = _cycle(graph)
        if cycle:
            self.problems.append(_cycle_problem(tenant, tables, cycle))
            return
        with duckdb.connect(":memory:", config={"enable_external_access": "false"}) as con:
            for name in self.columns:
                self._create(con, name)
            for name in TopologicalSorter(graph).static_order():
                if name in graph and all(d in self.columns for d in graph[name]):
                    self._bind(con, tables[name])

    def _create(self, con: duckdb.DuckDBPyConnection, name: str) -> None:
        listed = ", ".join(f"{quote_ident(c)} {t}" for c, t in self.columns[name].items())
        con.execute(f"CREATE TABLE {quote_ident(name)} ({listed})").fetchall()

    def _bind(self, con: duckdb.DuckDBPyConnection, table: CustomTable) -> None:
        try:
            described = con.execute(f"DESCRIBE {_text(table)}").fetchall()
        except duckdb.Error as error:
            text = str(error)
            line = ERROR_LINE.search(text)
            # `DESCRIBE ` stands before the first line only, so line numbers are the file's.
            self.problems.append(
                Problem(
                    "error",
                    _file(self.tenant, table),
                    text.split("\n\n")[0].strip(),
                    line=_line(table, line),
                    key=table.name,
                )
            )
            return
        given = [(row[0], row[1]) for row in described if row[0].lower() not in SYSTEM_COLUMNS]
        if twice := repeated(name for name, _ in given):
            self.problems += [
                Problem("error", _file(self.tenant, table), text, key=table.name) for text in twice
            ]
            return
        own = dict(given)
        self.columns[table.physical] = own | SYSTEM_COLUMNS
        self._create(con, table.physical)
        present = {name.lower() for name in own}
        declaration = _file(self.tenant, table, ".yaml")
        for key, names in (
            ("primary_key", table.config.primary_key),
            ("fields", list(table.config.fields)),
        ):
            for name in names:
                if name.lower() not in present:
                    message = f"the SQL of {table.name} gives no column {name}"
                    remedy = f"add it to the SELECT or take it out of {key}"
                    self.problems.append(
                        Problem("error", declaration, message, key=key, remedy=remedy)
                    )


def _line(table: CustomTable, found: re.Match[str] | None) -> int | None:
    if found is None:
        return None
    # The text that is run begins after blank lines at the top of the file.
    top = table.sql.text[: len(table.sql.text) - len(table.sql.text.lstrip())].count("\n")
    return int(found[1]) + top


def _file(tenant: Tenant, table: CustomTable, suffix: str = ".sql") -> str:
    path: Path = table.sql.path.with_suffix(suffix)
    try:
        return path.relative_to(tenant.root).as_posix()
    except ValueError:
        return path.as_posix()


def _text(table: CustomTable) -> str:
    return table.sql.text.strip().rstrip(";").rstrip()


def _parse(tenant: Tenant, table: CustomTable) -> tuple[exp.Query | None, list[Problem]]:
    """The statement, which must be one query over known tables; the problems where it is not."""
    place = _file(tenant, table)
    try:
        statements = [s for s in sqlglot.parse(table.sql.text, dialect="duckdb") if s is not None]
    except SqlglotError as error:
        details = getattr(error, "errors", None) or [{}]
        message = f"the SQL cannot be parsed: {details[0].get('description', 'syntax error')}"
        return None, [Problem("error", place, message, line=details[0].get("line"), key=table.name)]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        message = "a custom domain table is exactly one SELECT statement"
        return None, [
            Problem("error", place, message, key=table.name, remedy="leave one SELECT in the file")
        ]
    query = statements[0]
    problems = [
        Problem(
            "error",
            place,
            f"the SQL calls {name}, which reads outside the domain tables",
            key=table.name,
            remedy="name a domain table",
        )
        for name in sorted(set(_outside_calls(query)))
    ]
    if not problems:
        for name, line in _references(tenant, query)[1]:
            remedy = "name feeds as Source_Feed and custom tables by their name"
            problems.append(
                Problem(
                    "error",
                    place,
                    f"there is no domain table {name}",
                    line=line,
                    key=table.name,
                    remedy=remedy,
                )
            )
    return query, problems


def _outside_calls(query: exp.Query) -> Iterator[str]:
    for call in query.find_all(exp.Func):
        name = (call.name if isinstance(call, exp.Anonymous) else call.sql_name()).lower()
        if FORBIDDEN.match(name) or isinstance(call, exp.ReadCSV):
            yield name
    for source in query.find_all(exp.Table):
        if isinstance(source.this, exp.Func):
            called = source.this
            name = (called.name if isinstance(called, exp.Anonymous) else called.sql_name()).lower()
            if name not in ROW_MAKERS:
                yield name


def _references(tenant: Tenant, query: exp.Query) -> tuple[list[str], list[tuple[str, int | None]]]:
    """(physical names of the tables it reads, names with lines that are no table)."""
    known = {t.physical.lower(): t.physical for t in tenant.tables}
    named = {cte.alias.lower() for cte in query.find_all(exp.CTE)}
    # A part of the statement may be called like the table that it reads: WITH t AS (SELECT * FROM t WHERE ...).
    both = _read_from_outside(query) if not named.isdisjoint(known) else set()
    found: set[str] = set()
    unknown: list[tuple[str, int | None]] = []
    for source in query.find_all(exp.Table):
        if isinstance(source.this, exp.Func):
            continue
        name = source.name
        if not source.db and name.lower() in named and name.lower() not in known:
            continue
        if source.db or name.lower() not in known:
            unknown.append(
                (f"{source.db}.{name}" if source.db else name, source.this.meta.get("line"))
            )
        elif name.lower() not in named or name.lower() in both:
            found.add(known[name.lower()])
    return sorted(found), unknown


def _read_from_outside(query: exp.Query) -> set[str]:
    """The lower-cased names that somewhere in the statement stand for a table and not for a part of the statement."""
    sources = (source for scope in traverse_scope(query) for source in scope.sources.values())
    return {source.name.lower() for source in sources if isinstance(source, exp.Table)}


def _cycle(graph: dict[str, list[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def _cycle_problem(tenant: Tenant, tables: dict[str, CustomTable], cycle: list[str]) -> Problem:
    names = cycle[::-1]
    place = _file(tenant, tables[sorted(names)[0]])
    return Problem(
        "error",
        place,
        f"custom tables read each other in a circle: {' -> '.join(names)}",
        remedy="take one reference out",
    )
