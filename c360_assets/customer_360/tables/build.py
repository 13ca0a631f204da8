"""Builds tables of the database: reuse what is current, else bind what the SQL reads, run it, and hold the grain.

Which tables there are and what they read belongs to `graph`; publication to `publish` and the warehouse.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from weakref import WeakSet

import duckdb

from c360_assets import semantics
from c360_assets.customer_360.rendering.render import RUN_CONTEXT, macro_statements
from c360_assets.customer_360.tables.databases import bind_kept, bind_key
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.customer_360.tables.run_records import noted
from c360_assets.customer_360.tables.schemas import departures
from c360_assets.errors import C360Error
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.locked_session import locked_session, store
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.sql_errors import reason

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


# Sessions that have the shared functions already.
_READY: WeakSet[Session] = WeakSet()


@dataclass(frozen=True)
class Built:
    """A table after its turn: its state, and whether it was current already."""

    table: str
    state: TableState
    reused: bool


@cache
def own_code() -> str:
    """Version of the code and templates of this stage, and of the catalogue and text rules that they are rendered with."""
    return code_version(Path(__file__).parents[1], Path(next(iter(semantics.__path__))))


def fingerprint_of(session: Session, node: TableNode, as_of: date) -> str | None:
    """Digest of all that decides the table's content, None while something it reads has not been built.

    Configuration counts through the SQL it is rendered into, inputs through their content, the date only where it is used.
    """
    inputs: dict[str, str] = {}
    for dep in node.deps:
        state = session.state(dep)
        if state is None:
            return None
        inputs[dep] = state.digest
    used = as_of.isoformat() if node.uses_as_of else None
    return fingerprint(
        own_code(), node.canonical, inputs, used, session.timezone, node.key, node.kept, node.static
    )


def is_current(session: Session, node: TableNode, as_of: date) -> bool:
    """Whether building the table now would give what is stored."""
    state = session.state(node.table)
    return state is not None and state.fingerprint == fingerprint_of(session, node, as_of)


def build_table(session: Session, node: TableNode, *, as_of: date, force: bool = False) -> Built:
    """Make one table current; the write is pending until the session commits.

    Raises C360Error when an input is missing, the SQL fails on the data, the columns are not those of the table's static
    schema, or a table of persons has a person twice.
    """
    mark = fingerprint_of(session, node, as_of)
    state = session.state(node.table)
    if mark is not None and state is not None and state.fingerprint == mark and not force:
        return Built(node.table, state, True)
    started, known = time.time(), state
    before = session.pending.get(node.table)
    state = write_rows(session, node, as_of, mark or "")
    try:
        check_schema(node, state.columns)
        check_grain(session, node)
    except C360Error:
        # Not named by any manifest, the version just written does not exist.
        session.pending.pop(node.table, None)
        if before is not None:
            session.pending[node.table] = before
        raise
    return Built(node.table, noted(session, node.table, state, known, started), False)


def build(
    session: Session,
    nodes: Sequence[TableNode],
    *,
    as_of: date,
    force: bool = False,
    progress: Callable[[Built], None] | None = None,
) -> list[Built]:
    """Build `nodes` in the order given (that of `plan`)."""
    results = []
    for node in nodes:
        result = build_table(session, node, as_of=as_of, force=force)
        if progress is not None:
            progress(result)
        results.append(result)
    return results


def write_rows(session: Session, node: TableNode, as_of: date, mark: str) -> TableState:
    """Run a table's SQL and write its rows, pending; SQL of the tenant runs in a locked engine of its own.

    Raises C360Error when the SQL fails on the data.
    """
    if not node.is_tenants_sql:
        prepare(session, node, as_of)
        with _named_failure(session, node):
            return session.write(node.table, node.sql, fingerprint=mark)
    with locked_session(session) as locked:
        prepare(locked, node, as_of)
        locked.lock()
        with _named_failure(locked, node):
            return store(locked, node.sql, session, node.table, fingerprint=mark)


@contextmanager
def _named_failure(session: Session, node: TableNode) -> Iterator[None]:
    """Say of a failure of the SQL which table it is and why; its names are still bound in `session`."""
    try:
        yield
    except duckdb.Error as error:
        why = reason(session, node.sql, error)
        raise C360Error(f"{node.file}: {node.name} failed on the data: {why}") from None


def prepare(session: Session, node: TableNode, as_of: date) -> None:
    """Bind in the session all names that the table's SQL uses: functions, the run's date, inputs, its core version."""
    prepare_context(session, as_of)
    kept = dict(node.kept)
    if node.key is not None:
        bind_key(session, node.key, node.unified)
    for called, table in node.binds:
        bind_kept(session, table, called, kept.get(called))
    if node.core is not None:
        session.execute(f"CREATE OR REPLACE TEMP VIEW {quote_ident(node.name)} AS {node.core.sql}")


def prepare_context(session: Session, as_of: date) -> None:
    """Give the session the functions that the database's SQL shares, and the date of the run."""
    if session not in _READY:
        for statement in macro_statements():
            session.execute(statement)
        _READY.add(session)
    session.execute(
        f"CREATE OR REPLACE TEMP VIEW {RUN_CONTEXT} AS SELECT DATE '{as_of.isoformat()}' AS as_of"
    )


def check_schema(node: TableNode, columns: Mapping[str, str]) -> None:
    """Raise C360Error when a table that is held to a static schema has other columns."""
    found = departures(dict(node.static), columns) if node.static else []
    if found:
        raise C360Error(
            f"database/{node.name}.yaml: static_schema: of {node.name}, {'; '.join(found)}; the old version stays"
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
            f"{node.file}: {node.name} must have one row per amperity_id, but {rows - known} of {rows} rows have none and "
            f"{known - distinct} repeat one; the database is not published"
        )
