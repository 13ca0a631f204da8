"""Builds tables of the database: bind what the SQL reads, run it, and hold the static schema and
the grain.

Which tables there are and what they read belongs to `graph`, whether one is current to
`warehouse.recipe`, publication to `publication`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import TypeAlias
from weakref import WeakKeyDictionary

import duckdb

from c360_assets import semantics
from c360_assets.customer_360.rendering.render import (
    RUN_CONTEXT,
    macro_statements,
    macros_named_in,
)
from c360_assets.customer_360.tables.databases import bind_kept, bind_key, databases
from c360_assets.customer_360.tables.graph import TableNode, in_order, reads
from c360_assets.customer_360.tables.run_records import (
    record_failed_table,
    record_refusal,
    with_run_facts,
)
from c360_assets.customer_360.tables.schemas import departures
from c360_assets.errors import C360Error
from c360_assets.semantics.countries import Home
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.locked_session import locked_session, store
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.read_columns import Columns, ReadDigests
from c360_assets.warehouse.recipe import (
    Built,
    Outcome,
    Recipe,
    RunContext,
    input_digests,
    make_current,
)
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.sql_errors import reason
from c360_assets.wording import counted

STAGE = "customer_360"
# Tables whose rows are persons; a person twice or a row without one must never be published.
ONE_ROW_PER_PERSON = frozenset(
    {
        "email_ampid_assignment",
        "transaction_attributes_extended",
        "merged_customers",
        "merged_households",
        "customer_attributes",
        "customer_360",
    }
)

# A table's rows as written, pending, and what to warn of.
Written: TypeAlias = tuple[TableState, Sequence[str]]
TableWriter: TypeAlias = Callable[[Session, TableNode, date, str], Written]

# Sessions, at home where, and the statements of the shared functions that they have already.
_READY: WeakKeyDictionary[Session, tuple[Home | None, frozenset[str]]] = WeakKeyDictionary()


class DatabaseTable(Recipe):
    """One table of the database.

    `databases` are names of those that show it: its failure is theirs. `write` runs the SQL, by
    default here.
    """

    stage = STAGE

    def __init__(
        self,
        node: TableNode,
        databases: Iterable[str] = (),
        write: TableWriter | None = None,
    ) -> None:
        super().__init__([node.table], node.deps)
        self._write = write or write_here
        self.node = node
        self.databases = tuple(databases)
        self._read = ReadDigests(node.table)

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        """Configuration counts through the SQL that it renders, inputs through the content of the
        columns that it reads."""
        node = self.node
        inputs = self._inputs(session)
        if inputs is None:
            return None
        used_date = as_of.isoformat() if node.uses_as_of else None
        return fingerprint(
            own_code(),
            node.canonical,
            inputs,
            used_date,
            session.timezone,
            node.key,
            node.kept,
            node.static,
            node.home,
        )

    def build(self, session: Session, run: RunContext) -> Built:
        """Raises C360Error when an input is missing, the SQL fails on the data, the columns are not
        those of the table's static schema, or a table of persons has a person twice.
        """
        node = self.node
        started = time.time()
        before = session.state(node.table)
        mark = self.fingerprint(session, run.as_of) or ""
        state, warnings = self._write(session, node, run.as_of, mark)
        check_schema(node, state.columns)
        check_grain(session, node)
        session.pending[node.table] = with_run_facts(state, before, session.run_id, started)
        return Built(warnings=warnings)

    def record_success(self, session: Session, started: float, *, reused: bool) -> None:
        """Keep the digests of what is read beside the table."""
        inputs = input_digests(session, self.node.deps)
        if inputs is not None:
            self._read.keep(session, self._decides, inputs)

    @property
    def _decides(self) -> str:
        """What decides which columns are read."""
        return fingerprint(own_code(), self.node.canonical)

    def _inputs(self, session: Session) -> dict[str, str] | None:
        """Input -> a digest of what the SQL reads of it; None while one has not been built."""
        inputs = input_digests(session, self.node.deps)
        if inputs is None:
            return None

        def columns() -> Columns:
            schemas = {table: session.built(table).columns for table in inputs}
            return reads(self.node, schemas)

        return self._read.of(session, self._decides, inputs, columns)

    def record_failure(
        self, session: Session, run: RunContext, started: float, message: str
    ) -> None:
        record_failed_table(session, self.node.table, message, started)
        for name in self.databases:
            record_refusal(session, name, message, started, run)


def database_table_recipes(tenant: Tenant, write: TableWriter | None = None) -> list[DatabaseTable]:
    """The tables of all databases of the tenant, each after what it reads."""
    nodes: dict[str, TableNode] = {}
    owners: dict[str, list[str]] = {}
    for database in databases(tenant):
        for node in database.nodes:
            nodes[node.table] = node
            owners.setdefault(node.table, []).append(database.name)
    return [DatabaseTable(node, owners[node.table], write) for node in in_order(nodes)]


@cache
def own_code() -> str:
    """Version of the code and templates of this stage, and of the catalogue and text rules that
    they are rendered with.
    """
    return code_version(Path(__file__).parents[1], Path(next(iter(semantics.__path__))))


def build_table(session: Session, node: TableNode, *, as_of: date, force: bool = False) -> Outcome:
    """Make one table current. Raises C360Error as its recipe does."""
    return make_current(session, DatabaseTable(node), RunContext(as_of, force))


def build(
    session: Session,
    nodes: Sequence[TableNode],
    *,
    as_of: date,
    progress: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Make the tables of `nodes` current in the order given (that of `plan`); `progress` hears the
    name of each.
    """
    outcomes = []
    for node in nodes:
        outcomes.append(build_table(session, node, as_of=as_of))
        if progress is not None:
            progress(node.table)
    return outcomes


def write_here(session: Session, node: TableNode, as_of: date, mark: str) -> Written:
    """`write_rows`, which has nothing to warn of."""
    return write_rows(session, node, as_of, mark), ()


def write_rows(session: Session, node: TableNode, as_of: date, mark: str) -> TableState:
    """Run a table's SQL and write its rows, pending; SQL of the tenant runs in a locked engine of
    its own.

    Raises C360Error when the SQL fails on the data.
    """
    if not node.is_tenants_sql:
        prepare(session, node, as_of)
        with failure_named(session, node):
            return session.write(node.table, node.sql, fingerprint=mark)
    with locked_session(session) as locked:
        prepare(locked, node, as_of)
        locked.lock()
        with failure_named(locked, node):
            return store(locked, node.sql, session, node.table, fingerprint=mark)


@contextmanager
def failure_named(session: Session, node: TableNode) -> Iterator[None]:
    """Say of a failure of the SQL which table it is and why; its names are still bound in
    `session`."""
    try:
        yield
    except duckdb.Error as error:
        why = reason(session, node.sql, error)
        raise C360Error(f"{node.file}: {node.name} failed on the data: {why}") from None


def prepare(session: Session, node: TableNode, as_of: date) -> None:
    """Bind in the session all names that the table's SQL uses: functions, the run's date, inputs,
    its core version.
    """
    kept = dict(node.kept)
    core = node.core.sql if node.core is not None else ""
    read = [node.sql, core, *filter(None, kept.values())]
    prepare_context(session, as_of, node.home, sql="\n".join(read))
    if node.key is not None:
        bind_key(session, node.key, node.unified)
    for called, table in node.binds:
        bind_kept(session, table, called, kept.get(called))
    if node.core is not None:
        session.execute(f"CREATE OR REPLACE TEMP VIEW {quote_ident(node.name)} AS {node.core.sql}")


def prepare_context(
    session: Session, as_of: date, home: Home | None = None, *, sql: str | None = None
) -> None:
    """Give the session the functions that the database's SQL shares, those that read phone numbers
    as at `home`, and the date of the run. Of `sql` only the functions that it names: each takes a
    millisecond, and a table is built in a session of its own."""
    ready_at, ready = _READY.get(session, (home, frozenset()))
    known = ready if ready_at == home else frozenset()
    wanted = macro_statements(home=home) if sql is None else macros_named_in(sql, home)
    for statement in wanted:
        if statement not in known:
            session.execute(statement)
    _READY[session] = (home, known.union(wanted))
    session.execute(
        f"CREATE OR REPLACE TEMP VIEW {RUN_CONTEXT} AS SELECT DATE '{as_of.isoformat()}' AS as_of"
    )


def check_schema(node: TableNode, columns: Mapping[str, str]) -> None:
    """Raise C360Error when a table that is held to a static schema has other columns."""
    problems = departures(dict(node.static), columns) if node.static else []
    if problems:
        raise C360Error(
            f"database/{node.name}.yaml: static_schema: of {node.name}, {'; '.join(problems)}; "
            "the old version stays"
        )


def check_grain(session: Session, node: TableNode) -> None:
    """Raise C360Error when a table of persons holds a row without a person, or a person twice."""
    if node.name.lower() not in ONE_ROW_PER_PERSON:
        return
    state = session.state(node.table)
    if state is not None and "amperity_id" not in {column.lower() for column in state.columns}:
        raise C360Error(
            f"{node.file}: {node.name} must have one row per amperity_id, but has no such column"
        )
    session.bind(node.table, "_c360_built")
    ((rows, known, distinct),) = session.rows(
        "SELECT count(*), count(amperity_id), count(DISTINCT amperity_id) FROM _c360_built"
    )
    if rows != known or known != distinct:
        raise C360Error(
            f"{node.file}: {node.name} must have one row per amperity_id, but {rows - known} of "
            f"{counted(rows, 'row')} lack one and {known - distinct} repeat one; "
            "the database is not published"
        )
