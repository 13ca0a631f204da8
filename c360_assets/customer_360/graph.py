"""The tables of the database as a graph: which SQL fills each, which tables it reads, which columns come from where.

The SQL comes from `render` or from the tenant's `database/` folder; a tenant's file replaces the shipped table of its name
or adds one. Running the SQL belongs to `build`, telling a person what is wrong with it to `check`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node
from sqlglot.lineage import lineage as sql_lineage
from sqlglot.optimizer.scope import traverse_scope

from c360_assets.customer_360.render import RUN_CONTEXT, SHIPPED, available_tables, render
from c360_assets.customer_360.semantic_tables import BY_NAME, has_stitched_version
from c360_assets.errors import ConfigError, Problem
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.models import SqlFile, Tenant

DIALECT = "duckdb"
# A tenant's version of a table that Stitch writes is stored apart from Stitch's own.
OVERRIDE_FOLDER = "override"
CLOCK_FUNCTIONS = (exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime, exp.Rand, exp.CurrentDatetime)


@dataclass(frozen=True)
class TableNode:
    """One table of the database.

    `table` is its name in the warehouse, `deps` the warehouse names of what its SQL reads, `binds` how the SQL calls them.
    `core` is the shipped version where the tenant's SQL reads the table it replaces.
    """

    name: str
    table: str
    sql: str
    deps: tuple[str, ...]
    binds: tuple[tuple[str, str], ...]
    uses_as_of: bool
    source: Literal["template", "semantic", "tenant"]
    file: str
    core: TableNode | None = None

    @cached_property
    def canonical(self) -> str:
        """The SQL without comments and layout, with that of the core version it builds on."""
        text = sqlglot.parse_one(self.sql, read=DIALECT).sql(dialect=DIALECT, comments=False)
        return text if self.core is None else f"{self.core.canonical};{text}"


def plan(tenant: Tenant) -> list[TableNode]:
    """All tables of the tenant's database, each after what it reads; ties by name.

    Raises ConfigError when SQL cannot be parsed, names an unknown table, or tables read one another in a circle.
    """
    names = Names(tenant)
    available = available_tables(tenant)
    nodes: dict[str, TableNode] = {}
    problems: list[Problem] = []
    for name in [*SHIPPED, *(n for n in sorted(tenant.database_sql) if n.lower() not in SHIPPED)]:
        try:
            node = _node(name, tenant, names, available)
        except ConfigError as error:
            problems += error.problems
        else:
            nodes[node.table] = node
    if problems:
        raise ConfigError(problems)
    return _sorted(nodes)


def _sorted(nodes: dict[str, TableNode]) -> list[TableNode]:
    sorter = TopologicalSorter({table: sorted(set(node.deps) & set(nodes)) for table, node in sorted(nodes.items())})
    try:
        return [nodes[table] for table in sorter.static_order()]
    except CycleError as error:
        circle = [nodes[table] for table in error.args[1]]
        place = next((n for n in circle if n.source == "tenant"), circle[0])
        path = " -> ".join(n.name for n in circle)
        raise ConfigError(
            [Problem("error", place.file, f"tables read one another in a circle: {path}", remedy="break the circle")]
        ) from None


class Names:
    """What a table name in the database's SQL means to this tenant, compared without case."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self._known: dict[str, str] = {name.lower(): name for name in all_tables()}
        for table in tenant.tables:
            stitched = has_stitched_version(tenant, table)
            self._known[table.physical.lower()] = table.stitched_asset if stitched else table.asset
        for name in SHIPPED:
            self._known[name] = name
        self._stitch = {name for name, spec in all_tables().items() if spec.stage == "stitch"} | {"unified_coalesced"}
        self._known |= {name: name for name in self._stitch}
        for name in tenant.database_sql:
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


def _node(name: str, tenant: Tenant, names: Names, available: frozenset[str]) -> TableNode:
    own = next((f for n, f in tenant.database_sql.items() if n.lower() == name.lower()), None)
    if own is not None:
        return _tenant_node(own, tenant, names, available)
    return _shipped_node(name, tenant, names, available)


def _shipped_node(name: str, tenant: Tenant, names: Names, available: frozenset[str]) -> TableNode:
    file = f"c360_assets/customer_360/templates/{'union_all' if name in BY_NAME else name}.sql"
    sql = render(name, tenant, available)
    binds, uses_as_of = _references(sql, file, names)
    kind: Literal["template", "semantic"] = "semantic" if name in BY_NAME else "template"
    return TableNode(name, name, sql, _deps(binds), binds, uses_as_of, kind, file)


def _tenant_node(own: SqlFile, tenant: Tenant, names: Names, available: frozenset[str]) -> TableNode:
    file = own.path.relative_to(tenant.root).as_posix() if own.path.is_relative_to(tenant.root) else own.path.name
    binds, uses_as_of = _references(own.text, file, names)
    core: TableNode | None = None
    reads_itself = any(called.lower() == own.name.lower() for called, _ in binds)
    if reads_itself:
        binds = tuple(pair for pair in binds if pair[0].lower() != own.name.lower())
        stitch = names.core_name(own.name)
        if stitch is not None:
            binds = (*binds, (own.name, stitch))
        elif own.name.lower() in SHIPPED:
            core = _shipped_node(own.name.lower(), tenant, names, available)
            binds = tuple(dict.fromkeys((*binds, *core.binds)))
            uses_as_of = uses_as_of or core.uses_as_of
        else:
            raise ConfigError(
                [Problem("error", file, f"{own.name} reads itself, and there is no core table of that name to extend")]
            )
    sql = own.text.strip().rstrip(";") + "\n"
    return TableNode(own.name, names.stored(own.name), sql, _deps(binds), binds, uses_as_of, "tenant", file, core)


def _deps(binds: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(sorted({table for _, table in binds}))


def parse_select(sql: str, file: str) -> exp.Query:
    """The one SELECT in `sql`. Raises ConfigError naming `file` and the line when there is none or it cannot be read."""
    try:
        statements = [s for s in sqlglot.parse(sql, read=DIALECT) if s is not None]
    except SqlglotError as error:
        details = getattr(error, "errors", [])
        line = details[0].get("line") if details else None
        text = details[0].get("description", "cannot be parsed") if details else "cannot be parsed"
        raise ConfigError([Problem("error", file, f"SQL: {text}", line)]) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ConfigError([Problem("error", file, "must hold exactly one SELECT", remedy="one SELECT per file")])
    return statements[0]


def _references(sql: str, file: str, names: Names) -> tuple[tuple[tuple[str, str], ...], bool]:
    """(name in the SQL, warehouse name) of every table `sql` reads, and whether its result depends on the run's date."""
    query = parse_select(sql, file)
    found: dict[str, exp.Table] = {}
    for scope in traverse_scope(query):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and source.name:
                found.setdefault(source.name, source)
    binds: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for called, table in sorted(found.items()):
        if called.lower() == RUN_CONTEXT:
            continue
        meant = names.warehouse_name(called)
        if meant is None or table.db:
            problems.append(_unknown(called, table, file, sql, names))
        else:
            binds.append((called, meant))
    if problems:
        raise ConfigError(problems)
    uses_as_of = any(called.lower() == RUN_CONTEXT for called in found) or any(query.find_all(*CLOCK_FUNCTIONS))
    return tuple(binds), uses_as_of


def _unknown(called: str, table: exp.Table, file: str, sql: str, names: Names) -> Problem:
    from c360_assets.semantics.closest import closest

    line = next((n for n, text in enumerate(sql.splitlines(), 1) if called.lower() in text.lower()), None)
    if table.db:
        return Problem("error", file, f"table {table.db}.{called}: write the table's name without a schema", line)
    near = closest(called.lower(), names.everything())
    remedy = f"did you mean {near}?" if near else "domain tables are named Source_Feed, other tables as documented"
    return Problem("error", file, f"unknown table {called}", line, remedy=remedy)


def lineage(node: TableNode, schemas: dict[str, dict[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Output column -> the (warehouse table, column) pairs its value is computed from.

    `schemas`: warehouse table -> column -> type, of what the SQL reads. A column that cannot be traced has an empty list.
    """
    meant = {called.lower(): table for called, table in node.binds}
    known = {called: schemas[table] for called, table in node.binds if table in schemas}
    sources = {node.name: node.core.sql} if node.core is not None else {}
    schema = {**known, RUN_CONTEXT: {"as_of": "DATE"}}
    try:
        traced = sql_lineage(None, node.sql, schema=schema, sources=sources, dialect=DIALECT)
    except SqlglotError:
        return {}
    assert isinstance(traced, dict)
    return {column: sorted(_leaves(root, meant)) for column, root in traced.items()}


def _leaves(root: Node, meant: dict[str, str]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for node in root.walk():
        if not node.downstream and isinstance(node.expression, exp.Table):
            table = meant.get(node.expression.name.lower())
            if table is not None:
                found.add((table, node.name.rsplit(".", 1)[-1].strip('"')))
    return found
