"""Tables of the database computed by the workers of a cluster, where the setting `engine.tables`
says so.

Which tables these are is `spark_choice`; how workers compute rows is `warehouse.cluster_sql`.
"""

from __future__ import annotations

from datetime import date

from c360_assets.customer_360.rendering.render import RUN_CONTEXT
from c360_assets.customer_360.tables.build import (
    TableWriter,
    Written,
    failure_named,
    prepare,
    write_here,
)
from c360_assets.customer_360.tables.databases import FILTER_TABLE, RECORDS, own_records
from c360_assets.customer_360.tables.graph import TableNode, reads
from c360_assets.customer_360.tables.spark_choice import why_here
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.cluster_place import ClusterPlace
from c360_assets.warehouse.cluster_sql import (
    ClusterQuery,
    ComputedRows,
    NotThereError,
    StoredRows,
    content_of_workers,
)
from c360_assets.warehouse.locked_session import locked_session
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal


def writer_of(tenant: Tenant) -> TableWriter:
    """What computes and writes the tables of the tenant's database."""
    return WriteOnSpark(tenant) if tenant.config.engine.computes_tables else write_here


class WriteOnSpark:
    """Writes each table through the workers of the tenant's cluster that they compute with the same
    result, others here."""

    def __init__(self, tenant: Tenant) -> None:
        engine = tenant.config.engine
        self._place = ClusterPlace.of(engine, duration(engine.wait), tenant.root)
        self._tables = engine.tables

    def __call__(self, session: Session, node: TableNode, as_of: date, mark: str) -> Written:
        """Raises C360Error as `write_here` does, and where the cluster fails."""
        schemas = {called: session.built(table).columns for called, table in node.binds}
        if node.core is not None:
            schemas[node.name] = _columns_here(session, node.core, as_of)
        if why_here(node, self._tables, schemas) is not None:
            return write_here(session, node, as_of, mark)
        try:
            return self._through_workers(session, node, as_of, mark), ()
        except NotThereError as error:
            state, warnings = write_here(session, node, as_of, mark)
            return state, (*warnings, error.told_of(node.name))

    def _through_workers(
        self, session: Session, node: TableNode, as_of: date, mark: str
    ) -> TableState:
        columns = _columns_here(session, node, as_of)
        query = _query_of(session, node, as_of)
        with content_of_workers(session, self._place, query, columns) as content:
            return session.take(node.table, content, fingerprint=mark)


def _columns_here(session: Session, node: TableNode, as_of: date) -> dict[str, str]:
    """The columns of the table with their types, as this machine stores them.

    Raises C360Error where the SQL does not fit the tables.
    """
    with locked_session(session) as locked:
        prepare(locked, node, as_of)
        locked.lock()
        with failure_named(locked, node):
            return locked.stored_columns(node.sql)


def _query_of(session: Session, node: TableNode, as_of: date) -> ClusterQuery:
    """The table's SQL with all names that it uses, as `prepare` binds them here."""
    from c360_assets.customer_360.tables.spark import shared_functions

    kept = dict(node.kept)
    read = reads(node, {table: session.built(table).columns for table in node.deps})
    names: dict[str, StoredRows | ComputedRows] = {
        RUN_CONTEXT: ComputedRows(f"SELECT DATE '{as_of.isoformat()}' AS as_of")
    }
    if node.key is not None:
        names[FILTER_TABLE] = ComputedRows(f"SELECT {quote_literal(node.key)} AS database_key")
        condition = own_records(session, node.unified)
        names[RECORDS] = StoredRows(node.unified, condition=condition)
    for called, table in node.binds:
        names[called] = StoredRows(table, read.get(table), kept.get(called))
    if node.core is not None:
        names[node.name] = ComputedRows(node.core.sql)
    return ClusterQuery(node.name, node.table, node.sql, names, shared_functions(node.home))
