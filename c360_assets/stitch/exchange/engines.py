"""From the setting `engine` of a tenant to the exchange of its matcher."""

from __future__ import annotations

import socket
from contextlib import suppress
from urllib.parse import urlsplit

import duckdb

from c360_assets.errors import C360Error
from c360_assets.stitch.exchange.in_process import InProcess
from c360_assets.stitch.exchange.rows import Exchange
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import EngineConfig, Tenant
from c360_assets.warehouse.files import private_folder

SECONDS = 10  # in which a cluster answers that can be reached
CONNECT_PORT = 15002  # of Spark Connect, where an address names none


def exchange_of(tenant: Tenant, con: duckdb.DuckDBPyConnection) -> Exchange:
    """Where the tenant's records are matched, to be used as a context.

    Raises C360Error where a cluster cannot be reached, or where its workers would not compute the
    same.
    """
    engine = tenant.config.engine
    if engine.type == "local" or not tenant.stitch.run.matches:
        return InProcess(con)
    refuse_unreachable(engine)
    # Spark takes seconds to import, and is an extra.
    from c360_assets.stitch.exchange.on_spark import OnSpark

    patience = duration(engine.wait)
    if engine.remote is not None:
        return OnSpark.at_remote(engine.remote, patience=patience)
    # What a killed run left there goes when the next one takes the tenant.
    folder = private_folder(tenant.root.resolve() / ".tmp" / "spark")
    return OnSpark.at_master(engine.master or "", folder=folder, patience=patience)


def refuse_unreachable(engine: EngineConfig) -> None:
    """Raises C360Error where nobody listens at the address of a cluster on the network: Spark
    itself would try for minutes."""
    address = urlsplit(engine.remote or engine.master or "")
    if address.scheme not in ("sc", "spark"):
        return
    host, port = address.hostname or "", address.port or CONNECT_PORT
    with suppress(OSError), socket.create_connection((host, port), SECONDS):
        return
    key = "remote" if engine.remote else "master"
    raise C360Error(
        f"tenant.yaml: engine.{key}: nobody answers at {host}:{port}; start the cluster, or set "
        "`engine: {type: local}` to match on this machine with the same result"
    )
