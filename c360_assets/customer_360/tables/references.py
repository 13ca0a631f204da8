"""What a name in the database's SQL means to a tenant, and which tables a statement reads.

Only parsing, by `warehouse.allowed_sql`: nothing here runs SQL. The graph that follows from it is
`graph`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from c360_assets.customer_360.rendering.gathered_tables import has_stitched_version
from c360_assets.customer_360.rendering.render import (
    RUN_CONTEXT,
    SHIPPED,
    macro_name,
    macro_statements,
    room_version,
)
from c360_assets.errors import ConfigError, Problem
from c360_assets.semantics.closest import closest
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.models import PassthroughTable, Tenant
from c360_assets.warehouse.allowed_sql import allowed_statement
from c360_assets.warehouse.kept_answers import kept_answer
from c360_assets.warehouse.statement import (
    DIALECT,
    Statement,
    TableReference,
    read_statement,
    without_end,
)

__all__ = [
    "DIALECT",
    "Names",
    "advice_on",
    "asks_clock",
    "over_domain",
    "passed_through",
    "references",
    "statement",
    "without_end",
]

# A tenant's version of a table that Stitch writes is stored apart from Stitch's own.
OVERRIDE_FOLDER = "override"
# Tables that SQL of the database cannot read: its own are known by their files, segments are
# made from it.
NOT_READ = ("customer_360", "segments", "stitch_qa", "transactions_qa")


def passed_through(tenant: Tenant) -> dict[str, PassthroughTable]:
    """Tables of the database that are copies of source tables, but for those that have SQL of their
    own."""
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
            name.lower(): name for name, spec in documented if spec.stage not in NOT_READ
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
        """What `name` means inside the SQL that replaces it: the version of Stitch, None for a
        shipped table's own."""
        return name.lower() if name.lower() in self._stitch else None

    def everything(self) -> list[str]:
        return sorted(set(self._known))


@cache
def shared_functions() -> frozenset[str]:
    """The functions that the platform adds for SQL of the database."""
    return frozenset(map(macro_name, macro_statements()))


def statement(sql: str, file: str) -> Statement:
    """What `sql` holds. Raises ConfigError naming `file` when it is not one SELECT, or says what is
    not allowed."""
    return allowed_statement(sql, file, own_functions=shared_functions())


def over_domain(sql: str, file: str, sources: Mapping[str, str]) -> str:
    """`sql` over the tables of the schema `domain` that `sources` says, by the names in lower case
    that `sql` has for them. Raises ConfigError as `statement` does."""
    read = statement(sql, file)

    def rename() -> str:
        from sqlglot import exp

        query = read.query.copy()
        for table in query.find_all(exp.Table):
            source = sources.get(table.name.lower())
            if source is not None:
                table.set("this", exp.to_identifier(source, quoted=True))
                table.set("db", exp.to_identifier("domain"))
        return query.sql(dialect=DIALECT, comments=False)

    return str(kept_answer("over_domain", (room_version(), read.text, dict(sources)), rename))


@lru_cache(maxsize=512)
def asks_clock(read: Statement) -> bool:
    """Whether a statement reads the machine's clock or chance."""

    def ask() -> bool:
        from c360_assets.warehouse.spark_functions import reads_clock

        return reads_clock(read.query)

    return bool(kept_answer("clock", (room_version(), read.text), ask))


def advice_on(read: Statement, *, for_spark: bool) -> list[str]:
    """What a person may want to change in a statement, as `lints` says."""

    def ask() -> list[str]:
        from c360_assets.customer_360.tables.lints import advice

        return list(advice(read, for_spark=for_spark))

    return list(kept_answer("advice", (room_version(), read.text, for_spark), ask))


class References(NamedTuple):
    """What a statement reads: (name in the SQL, warehouse name) of its tables, and whether the
    run's date matters."""

    binds: tuple[tuple[str, str], ...]
    uses_as_of: bool


def references(sql: str, file: str, names: Names) -> References:
    """What `sql` of a tenant reads. Raises ConfigError for SQL that is not allowed, and for each
    table that is not known."""
    read = statement(sql, file)
    found = shipped_references(sql, file, names)
    return References(found.binds, found.uses_as_of or asks_clock(read))


def shipped_references(sql: str, file: str, names: Names) -> References:
    """What a shipped template reads, which says nothing that is not allowed and asks no clock but
    the run's. Raises ConfigError for each table that is not known."""
    read = read_statement(sql)
    binds: set[tuple[str, str]] = set()
    problems: list[Problem] = []
    uses_as_of = False
    for reference in read.tables:
        meant = names.warehouse_name(reference.name)
        if reference.name.lower() == RUN_CONTEXT and not reference.schema:
            uses_as_of = True
        elif meant is None or reference.schema:
            problems.append(_unknown(reference, file, names))
        else:
            binds.add((reference.name, meant))
    if problems:
        raise ConfigError(problems)
    return References(tuple(sorted(binds)), uses_as_of)


def _unknown(reference: TableReference, file: str, names: Names) -> Problem:
    name, line = reference.name, reference.line
    if reference.schema:
        message = f"table {reference.schema}.{name}: write the table's name without a schema"
        return Problem("error", file, message, line)
    near = closest(name.lower(), names.everything())
    remedy = (
        f"did you mean {near}?"
        if near
        else "domain tables are named Source_Feed, other tables as documented"
    )
    return Problem("error", file, f"unknown table {name}", line, remedy=remedy)
