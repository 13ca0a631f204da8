"""The tables of the database as a graph: which SQL fills each, which tables it reads, which columns
come from where.

The SQL comes from `render` or from the tenant's `database/` folder; a tenant's file replaces the
shipped table of its name or adds one. Running the SQL belongs to `build`, telling a person what is
wrong with it to `check_sql`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from c360_assets.customer_360.rendering.gathered_tables import BY_NAME, has_stitched_version
from c360_assets.customer_360.rendering.render import (
    RUN_CONTEXT,
    SHIPPED,
    available_tables,
    render,
    template_of,
)
from c360_assets.customer_360.tables.references import (
    Names,
    passed_through,
    references,
    shipped_references,
    without_end,
)
from c360_assets.customer_360.tables.schemas import source_schema
from c360_assets.errors import ConfigError, Problem
from c360_assets.semantics.closest import closest
from c360_assets.semantics.column_types import PERSON_COLUMN
from c360_assets.semantics.countries import Home
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.config_check import nearest_or_all
from c360_assets.tenant.models import (
    PassthroughTable,
    SourceTable,
    SqlFile,
    Tenant,
    physical_name,
)
from c360_assets.tenant.remembered import once_per_tenant
from c360_assets.warehouse.lineage import (
    CircleError,
    column_origins,
    columns_read,
    reading_order,
)
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.statement import read_statement


@dataclass(frozen=True)
class TableNode:
    """One table of the database.

    `table` is its name in the warehouse, `deps` the warehouse names of what its SQL reads, `binds`
    how the SQL calls them. `core` is the shipped version where the tenant's SQL reads the table it
    replaces; `static` are the columns and types that the tenant holds it to. In a database that
    holds the rows of one `key` only, `kept` names what is filtered where it is read, and how;
    `unified` is where the records of persons are. The functions of the SQL read phone numbers as at
    `home`.
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
    static: tuple[tuple[str, str], ...] = ()
    key: str | None = None
    kept: tuple[tuple[str, str], ...] = ()
    unified: str = ""
    home: Home | None = None

    @property
    def is_tenants_sql(self) -> bool:
        """Whether a person of the tenant wrote the SQL; that of a copy is written here, from names
        in tenant.yaml."""
        return self.source == "tenant" and self.file != "tenant.yaml"

    @cached_property
    def canonical(self) -> str:
        """The SQL without comments and layout, with that of the core version it builds on."""
        text = read_statement(self.sql).canonical
        return text if self.core is None else f"{self.core.canonical};{text}"


@once_per_tenant
def plan(tenant: Tenant) -> list[TableNode]:
    """All tables of the group's database, each after what it reads; ties by name. Those of every
    database: `databases`.

    Raises ConfigError when SQL cannot be parsed, names an unknown table, or tables read one another
    in a circle.
    """
    names = Names(tenant)
    available = available_tables(tenant)
    nodes: dict[str, TableNode] = {}
    problems = _name_conflicts(tenant)
    for name in [*SHIPPED, *(own for own in _own_tables(tenant) if own.lower() not in SHIPPED)]:
        try:
            node = _node(name, tenant, names, available)
        except ConfigError as error:
            problems += error.problems
        else:
            nodes[node.table] = node
    if problems:
        raise ConfigError(problems)
    return in_order(nodes)


def _own_tables(tenant: Tenant) -> list[str]:
    return sorted({*tenant.database_sql, *passed_through(tenant)})


def _name_conflicts(tenant: Tenant) -> list[Problem]:
    """Tables of the tenant whose name means something else already. Shipped tables and those of
    Stitch may be replaced."""
    problems: list[Problem] = []
    # Lower-cased name -> why no further table may have it.
    taken = {table.physical.lower(): f"{table.name} is called so in SQL" for table in tenant.tables}
    for name, spec in all_tables().items():
        if name not in SHIPPED and spec.stage != "stitch":
            taken[name] = "the platform writes a table of this name"
    for name in _own_tables(tenant):
        has_sql = name in tenant.database_sql
        file = f"database/{name}.sql" if has_sql else "tenant.yaml"
        key = None if has_sql else f"customer_360.passthrough.{name}"
        if name.lower() in taken:
            message = taken[name.lower()]
            remedy = "give the table another name"
            problems.append(Problem("error", file, message, key=key, remedy=remedy))
        taken[name.lower()] = f"{name} is the same name: case does not count"
    return problems


def in_order(nodes: dict[str, TableNode]) -> list[TableNode]:
    """The tables, each after what it reads; ties by name. Raises ConfigError when they read one
    another in a circle."""
    try:
        order = reading_order({table: node.deps for table, node in nodes.items()})
    except CircleError as error:
        circle = [nodes[table] for table in error.path]
        place = next((node for node in circle if node.source == "tenant"), circle[0])
        path = " -> ".join(node.name for node in circle)
        message = f"tables read one another in a circle: {path}"
        problem = Problem("error", place.file, message, remedy="break the circle")
        raise ConfigError([problem]) from None
    return [nodes[table] for table in order]


def _node(name: str, tenant: Tenant, names: Names, available: frozenset[str]) -> TableNode:
    """A table's SQL is the tenant's file, else the shipped template, else the columns of the source
    it is a copy of."""
    own_sql = {own.lower(): file for own, file in tenant.database_sql.items()}.get(name.lower())
    if own_sql is not None:
        node = _tenant_node(own_sql, tenant, names, available)
    elif name in SHIPPED:
        node = _shipped_node(name, tenant, names, available)
    else:
        node = _passthrough_node(name, passed_through(tenant)[name], tenant, names)
    declared = {table.lower(): config for table, config in tenant.database_yaml.items()}
    if name.lower() not in declared:
        return node
    static = declared[name.lower()].static_schema or {}
    return replace(node, static=tuple(static.items()))


def _passthrough_node(
    name: str, config: PassthroughTable, tenant: Tenant, names: Names
) -> TableNode:
    """A source table as it stands. Columns it gains later are not in it until the tenant lists
    them."""
    called = physical_name(config.source)
    if names.warehouse_name(called) is None:
        raise ConfigError([_unknown_source(name, config, names)])
    columns = [column for column in config.columns if column.lower() != "amperity_id"]
    sources = {table.physical.lower(): table for table in tenant.tables}
    source = sources.get(called.lower())
    if source is not None:
        _refuse_unknown_columns(name, config, source)
    is_stitched = source is not None and has_stitched_version(tenant, source)
    if is_stitched or len(columns) < len(config.columns):
        columns = ["amperity_id", *columns]
    columns_sql = ", ".join(quote_ident(column) for column in columns)
    sql = f"SELECT {columns_sql}\nFROM {quote_ident(called)}\n"
    binds, uses_as_of = references(sql, "tenant.yaml", names)
    return TableNode(
        name=name,
        table=names.stored(name),
        sql=sql,
        deps=_deps(binds),
        binds=binds,
        uses_as_of=uses_as_of,
        source="tenant",
        file="tenant.yaml",
    )


def _unknown_source(name: str, config: PassthroughTable, names: Names) -> Problem:
    near = closest(physical_name(config.source).lower(), names.everything())
    remedy = f"did you mean {near}?" if near else "a feed's table is named Source:Feed"
    key = f"customer_360.passthrough.{name}.source"
    message = f"there is no table {config.source}"
    return Problem("error", "tenant.yaml", message, key=key, remedy=remedy)


def _refuse_unknown_columns(name: str, config: PassthroughTable, source: SourceTable) -> None:
    """A source's declared columns are known; those of a custom table its SQL decides."""
    if source.custom:
        return
    known = source_schema(source)
    names = {column.lower() for column in (*known, PERSON_COLUMN)}
    problems = []
    for position, column in enumerate(config.columns):
        if column.lower() not in names:
            key = f"customer_360.passthrough.{name}.columns[{position}]"
            message = f"{config.source} has no column {column}"
            remedy = nearest_or_all(column, known)
            problems.append(Problem("error", "tenant.yaml", message, key=key, remedy=remedy))
    if problems:
        raise ConfigError(problems)


def _shipped_node(name: str, tenant: Tenant, names: Names, available: frozenset[str]) -> TableNode:
    file = f"c360_assets/customer_360/templates/{template_of(name, tenant)}.sql"
    sql = render(name, tenant, available)
    binds, uses_as_of = shipped_references(sql, file, names)
    return TableNode(
        name=name,
        table=name,
        sql=sql,
        deps=_deps(binds),
        binds=binds,
        uses_as_of=uses_as_of,
        source="semantic" if name in BY_NAME else "template",
        file=file,
        home=tenant.home,
    )


def _tenant_node(
    own: SqlFile, tenant: Tenant, names: Names, available: frozenset[str]
) -> TableNode:
    """The tenant's SQL; where it reads its own name, that means what it replaces: Stitch's table,
    or the shipped version."""
    file = own.named(tenant.root)
    binds, uses_as_of = references(own.text, file, names)
    core: TableNode | None = None
    others = tuple(pair for pair in binds if pair[0].lower() != own.name.lower())
    if len(others) < len(binds):
        stitch = names.core_name(own.name)
        if stitch is not None:
            binds = (*others, (own.name, stitch))
        elif own.name.lower() in SHIPPED:
            core = _shipped_node(own.name.lower(), tenant, names, available)
            binds = tuple(dict.fromkeys((*others, *core.binds)))
            uses_as_of = uses_as_of or core.uses_as_of
        else:
            message = f"{own.name} reads itself, and there is no core table of that name to extend"
            raise ConfigError([Problem("error", file, message)])
    return TableNode(
        name=own.name,
        table=names.stored(own.name),
        sql=without_end(own.text) + "\n",
        deps=_deps(binds),
        binds=binds,
        uses_as_of=uses_as_of,
        source="tenant",
        file=file,
        core=core,
        home=tenant.home,
    )


def _deps(binds: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(sorted({table for _, table in binds}))


def lineage(
    node: TableNode, schemas: dict[str, dict[str, str]]
) -> dict[str, list[tuple[str, str]]]:
    """Output column -> the (warehouse table, column) pairs its value is computed from.

    `schemas`: warehouse table -> column -> type, of what the SQL reads. A constant has an empty
    list. A column is missing when it reads what cannot be traced: a whole row, `COLUMNS`, a pivot.
    """
    if not node.binds:
        return {}
    meant = {called.lower(): table for called, table in node.binds}
    known = {called: schemas[table] for called, table in node.binds if table in schemas}
    known[RUN_CONTEXT] = {"as_of": "DATE"}
    core = {node.name: node.core.sql} if node.core is not None else {}
    origins = column_origins(node.sql, known, core)
    return {
        column: sorted((meant[called], source) for called, source in pairs if called in meant)
        for column, pairs in origins.items()
    }


def reads(node: TableNode, schemas: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Warehouse table -> its columns that may decide the content, of those of which that can be
    told; any column of the others may.

    `schemas`: warehouse table -> column -> type, of what the SQL reads.
    """
    # What is filtered where it is read is also read by its filter.
    if node.core is not None or node.key is not None or node.kept:
        return {}
    called_by: dict[str, list[str]] = {}
    for called, table in node.binds:
        called_by.setdefault(table, []).append(called)
    known = {called: schemas[table] for called, table in node.binds}
    found = columns_read(node.sql, {**known, RUN_CONTEXT: {"as_of": "DATE"}})
    if found is None:
        return {}
    return {table: found[called] for table, (called, *more) in called_by.items() if not more}
