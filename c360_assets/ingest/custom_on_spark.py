"""Custom domain tables computed by the workers of a cluster, where `engine.tables` is `all`.

Which these are is decided by `warehouse.spark_choice`; how workers compute rows is
`warehouse.cluster_sql`. That the key is unique is looked at here, in what the workers wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from c360_assets.errors import Problem
from c360_assets.ingest.custom_tables import (
    Reading,
    build_custom_table,
    columns_here,
    custom_table_name,
    reading_of,
    readings,
    store_computed,
    with_system_columns,
)
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import CustomTable, Tenant
from c360_assets.warehouse.cluster_place import ClusterPlace
from c360_assets.warehouse.cluster_sql import (
    ClusterQuery,
    NotThereError,
    StoredRows,
    content_of_workers,
)
from c360_assets.warehouse.lineage import columns_read
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.spark_choice import OF_YOUR_OWN, Schemas, differences, told_of_choice

# Computes and writes a custom table, pending; what to warn of.
CustomTableWriter: TypeAlias = Callable[[Session, Tenant, CustomTable], Sequence[str]]


def write_custom_table_here(session: Session, tenant: Tenant, table: CustomTable) -> Sequence[str]:
    """`build_custom_table`, which has nothing to warn of."""
    build_custom_table(session, tenant, table)
    return ()


def custom_table_writer(tenant: Tenant) -> CustomTableWriter:
    """What computes and writes the custom domain tables of the tenant."""
    engine = tenant.config.engine
    return WriteCustomOnSpark(tenant) if engine.computes_tenants_sql else write_custom_table_here


class WriteCustomOnSpark:
    """Writes each custom table through the workers of the tenant's cluster that they compute with
    the same result, others here."""

    def __init__(self, tenant: Tenant) -> None:
        engine = tenant.config.engine
        self._place = ClusterPlace.of(engine, duration(engine.wait), tenant.root)

    def __call__(self, session: Session, tenant: Tenant, table: CustomTable) -> Sequence[str]:
        """Raises C360Error as `build_custom_table` does, and where the cluster fails."""
        reading = reading_of(tenant, table)
        known = {name: session.built(f"domain/{name}").columns for name in reading.tables}
        if why_here(reading, known) is not None:
            return write_custom_table_here(session, tenant, table)
        columns = columns_here(session, tenant, table)
        query = _query_of(table, reading, known)
        try:
            stored_as = partial(with_system_columns, tenant, table, columns)
            with content_of_workers(session, self._place, query, columns, stored_as) as content:
                store_computed(session, tenant, table, content)
        except NotThereError as error:
            write_custom_table_here(session, tenant, table)
            return [error.told_of(table.name)]
        return ()


def why_here(reading: Reading, known: Schemas) -> str | None:
    """Why a custom table is computed on this machine where its cluster computes SQL of the
    tenant's; None where the cluster does it. `known` has the columns of all that it reads."""
    return next(differences(reading.statement, known), None)


def _query_of(
    table: CustomTable, reading: Reading, known: Mapping[str, Mapping[str, str]]
) -> ClusterQuery:
    select = reading.statement.text
    read = columns_read(select, known) or {}
    names = {name: StoredRows(f"domain/{name}", read.get(name)) for name in reading.tables}
    return ClusterQuery(table.name, custom_table_name(table), select, names)


def told_of_custom_tables(tenant: Tenant) -> list[Problem]:
    """A warning with the number of custom tables that the cluster computes, and the names of those
    that stay, by reason; none where it computes none, or the tenant has none."""
    engine = tenant.config.engine
    if not engine.computes_tables or not tenant.custom_tables:
        return []
    reasons = {
        name: why_here(reading, known) if engine.computes_tenants_sql else OF_YOUR_OWN
        for name, (reading, known) in readings(tenant).items()
    }
    message = told_of_choice("custom domain table", "", reasons)
    remedy = "docs/spark.md says what runs where"
    return [Problem("warning", "tenant.yaml", message, key="engine.tables", remedy=remedy)]
