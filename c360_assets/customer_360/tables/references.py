"""What a name in the database's SQL means to a tenant, and which tables a statement reads.

Only parsing: nothing here runs SQL. The graph that follows from it is `graph`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokens import TokenType

from c360_assets.customer_360.rendering.gathered_tables import has_stitched_version
from c360_assets.customer_360.rendering.render import RUN_CONTEXT, SHIPPED
from c360_assets.customer_360.tables.lints import reads_clock
from c360_assets.errors import ConfigError, Problem
from c360_assets.semantics.closest import closest
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.models import PassthroughTable, Tenant

DIALECT = "duckdb"
# A tenant's version of a table that Stitch writes is stored apart from Stitch's own.
OVERRIDE_FOLDER = "override"
# A table's SQL reads tables, never a file, another database, or the environment of the process.
FORBIDDEN = re.compile(
    r"^(read_|parquet_|sniff_|glob$|query$|query_table$|getenv$|.*_scan$|duckdb_|pragma_|pg_|sqlite_|postgres_|mysql_|st_read)"
)


def passed_through(tenant: Tenant) -> dict[str, PassthroughTable]:
    """Tables of the database that are copies of source tables, but for those that have SQL of their own."""
    built = {*SHIPPED, *(name.lower() for name in tenant.database_sql)}
    return {
        name: config
        for name, config in tenant.config.customer_360.passthrough.items()
        if name.lower() not in built
    }


class Names:
    """What a table name in the database's SQL means to this tenant, compared without case."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        documented = all_tables().items()
        self._known: dict[str, str] = {
            name.lower(): name for name, spec in documented if spec.stage != "customer_360"
        }
        for table in tenant.tables:
            stitched = has_stitched_version(tenant, table)
            self._known[table.physical.lower()] = table.stitched_asset if stitched else table.asset
        for name in SHIPPED:
            self._known[name] = name
        self._stitch = {name for name, spec in documented if spec.stage == "stitch"}
        for name in (*passed_through(tenant), *tenant.database_sql):
            self._known[name.lower()] = self.stored(name)

    def stored(self, name: str) -> str:
        """Warehouse name of the database's table `name`."""
        return f"{OVERRIDE_FOLDER}/{name}" if name.lower() in self._stitch else name.lower()

    def warehouse_name(self, name: str) -> str | None:
        return self._known.get(name.lower())

    def core_name(self, name: str) -> str | None:
        """What `name` means inside the SQL that replaces it: the version of Stitch, None for a shipped table's own."""
        return name.lower() if name.lower() in self._stitch else None

    def everything(self) -> list[str]:
        return sorted(set(self._known))


def parse_select(sql: str, file: str) -> exp.Query:
    """The one SELECT in `sql`. Raises ConfigError naming `file` and the line when there is none or it cannot be read."""
    try:
        # A comment after the last semicolon is parsed as a statement of its own.
        statements = [
            s
            for s in sqlglot.parse(sql, read=DIALECT)
            if s is not None and not isinstance(s, exp.Semicolon)
        ]
    except SqlglotError as error:
        details = getattr(error, "errors", [])
        line = details[0].get("line") if details else None
        text = details[0].get("description", "cannot be parsed") if details else "cannot be parsed"
        raise ConfigError([Problem("error", file, f"SQL: {text}", line)]) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ConfigError(
            [Problem("error", file, "must hold exactly one SELECT", remedy="one SELECT per file")]
        )
    return statements[0]


def without_end(sql: str) -> str:
    """A statement's text without the semicolon that ends it and what follows, so that it can stand inside another."""
    tokens = sqlglot.tokenize(sql, read=DIALECT)
    end = next(
        (token.start for token in tokens if token.token_type == TokenType.SEMICOLON), len(sql)
    )
    return sql[:end].rstrip()


@dataclass(frozen=True)
class Statement:
    """Facts about one SELECT: tables by name and schema as written, forbidden functions, whether it asks the clock.

    `canonical` is the statement without comments and layout.
    """

    tables: tuple[tuple[str, str], ...]
    forbidden: tuple[str, ...]
    reads_clock: bool
    canonical: str


@lru_cache(maxsize=512)
def _read(sql: str) -> Statement:
    query = parse_select(sql, "")
    sources = [source for scope in traverse_scope(query) for source in scope.sources.values()]
    functions = {
        f.name if isinstance(f, exp.Anonymous) else f.sql_name() for f in query.find_all(exp.Func)
    }
    return Statement(
        tables=tuple(
            sorted({(s.name, s.db) for s in sources if isinstance(s, exp.Table) and s.name})
        ),
        forbidden=tuple(sorted(f.lower() for f in functions if FORBIDDEN.match(f.lower()))),
        reads_clock=reads_clock(query),
        canonical=query.sql(dialect=DIALECT, comments=False),
    )


def statement(sql: str, file: str) -> Statement:
    """What `sql` holds. Raises ConfigError naming `file` when it is not one SELECT."""
    try:
        return _read(sql)
    except ConfigError as error:
        raise ConfigError([replace(problem, file=file) for problem in error.problems]) from None


def references(sql: str, file: str, names: Names) -> tuple[tuple[tuple[str, str], ...], bool]:
    """(name in the SQL, warehouse name) of every table `sql` reads, and whether its result depends on the run's date."""
    read = statement(sql, file)
    binds: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for called, schema in read.tables:
        if called.lower() == RUN_CONTEXT:
            continue
        meant = names.warehouse_name(called)
        if meant is None or schema:
            problems.append(_unknown(called, schema, file, sql, names))
        else:
            binds.append((called, meant))
    not_allowed = "is not allowed: the SQL of a table reads tables only"
    problems += [
        Problem("error", file, f"{function}() {not_allowed}") for function in read.forbidden
    ]
    if problems:
        raise ConfigError(problems)
    return tuple(binds), read.reads_clock or any(
        called.lower() == RUN_CONTEXT for called, _ in read.tables
    )


def _unknown(called: str, schema: str, file: str, sql: str, names: Names) -> Problem:
    line = next(
        (n for n, text in enumerate(sql.splitlines(), 1) if called.lower() in text.lower()), None
    )
    if schema:
        return Problem(
            "error", file, f"table {schema}.{called}: write the table's name without a schema", line
        )
    near = closest(called.lower(), names.everything())
    remedy = (
        f"did you mean {near}?"
        if near
        else "domain tables are named Source_Feed, other tables as documented"
    )
    return Problem("error", file, f"unknown table {called}", line, remedy=remedy)
