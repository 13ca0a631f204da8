"""From the setting `engine` of a tenant to the exchange of its matcher."""

from __future__ import annotations

import duckdb

from c360_assets.stitch.exchange.in_process import InProcess
from c360_assets.stitch.exchange.rows import Exchange
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.cluster_place import ClusterPlace
from c360_assets.warehouse.files import private_folder


def exchange_of(tenant: Tenant, con: duckdb.DuckDBPyConnection) -> Exchange:
    """Where the tenant's records are matched, to be used as a context.

    Raises C360Error where a cluster cannot be reached, or where its workers would not compute the
    same.
    """
    engine = tenant.config.engine
    if engine.type == "local" or not tenant.stitch.run.matches:
        return InProcess(con)
    # Spark takes seconds to import, and is an extra.
    from c360_assets.stitch.exchange.on_spark import STAGE, OnSpark

    place = ClusterPlace.of(engine, duration(engine.wait), tenant.root)
    return OnSpark(place.begin(STAGE), private_folder(place.folder))
