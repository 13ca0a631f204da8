"""What a run holds while it works: the tenant's lock, and warehouse sessions whose errors are safe to show.

Assets ask `WarehouseResource` for a session. What a session can do belongs to `warehouse`; which run may start when belongs
to `automation`.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster_duckdb import DuckDBResource

from c360_assets.errors import C360Error
from c360_assets.run_tags import AS_OF_TAG, FORCE_TAG, OWNER_TAG, REFIT_TAG
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.ledger import last_delivery
from c360_assets.warehouse.lock import owner_mark, tenant_lock
from c360_assets.warehouse.session import Session, Warehouse, private_folder

INTERRUPTED = "Query interrupted"  # what the engine says when a signal arrives
WITHHELD = "its text may quote customer data and is kept in logs/errors.log"
PACKAGE = Path(__file__).resolve().parents[1]


class TenantLock(dg.ConfigurableResource):
    """The tenant's lock, taken once per run and held to its end; the run is tagged with the process that holds it."""

    root: str

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[TenantLock]:
        run, log = context.run, context.log
        assert run is not None
        assert log is not None
        assert context.instance is not None
        context.instance.add_run_tags(run.run_id, {OWNER_TAG: owner_mark(run.run_id)})
        with tenant_lock(
            Path(self.root), f"run {run.run_id[:8]} of job {run.job_name}", waiting=log.info
        ):
            yield self


class WarehouseResource(dg.ConfigurableResource):
    """Opens sessions on the tenant's warehouse. Depends on the lock, so that no session exists without it."""

    lock: TenantLock
    duckdb: DuckDBResource
    root: str
    timezone: str

    @contextmanager
    def session(self, context: dg.AssetExecutionContext) -> Iterator[Session]:
        """A session that is closed whatever happens; what escapes the block is a C360Error without values."""
        root = Path(self.root)
        private_folder(root / ".tmp")
        private_folder(root / "warehouse")
        with safe_errors(root / "logs"), self.duckdb.get_connection() as con:
            try:
                yield Session(
                    con, Warehouse.open(root / "warehouse"), self.timezone, context.run.run_id
                )
            finally:
                con.close()  # the resource itself closes only when nothing was raised


def tenant_resources(tenant: Tenant) -> dict[str, WarehouseResource]:
    """The resources of the tenant's assets, by the name under which asset functions ask for them."""
    root = str(tenant.root.resolve())
    duckdb = DuckDBResource(
        database=":memory:", connection_config={"temp_directory": f"{root}/.tmp"}
    )
    lock = TenantLock(root=root)
    return {
        "warehouse": WarehouseResource(
            lock=lock, duckdb=duckdb, root=root, timezone=tenant.config.timezone
        )
    }


def forced(context: dg.AssetExecutionContext) -> bool:
    """Whether this run was asked to compute again what is current."""
    return context.run.tags.get(FORCE_TAG, "").lower() == "true"


def refitted(context: dg.AssetExecutionContext) -> bool:
    """Whether this run was asked to fit the match model anew."""
    return context.run.tags.get(REFIT_TAG, "").lower() == "true"


def as_of_date(tenant: Tenant, tags: Mapping[str, str], warehouse: Warehouse) -> date:
    """The date that "today" means in this run's figures: the run's tag, else what `tenant.yaml` says."""
    if tags.get(AS_OF_TAG):
        return date.fromisoformat(tags[AS_OF_TAG])
    if tenant.config.as_of == "last_delivery" and (day := last_delivery(warehouse)):
        return day
    return datetime.now(ZoneInfo(tenant.config.timezone)).date()


@contextmanager
def safe_errors(logs: Path) -> Iterator[None]:
    """Turn any exception into a C360Error whose text cannot quote a value.

    Engines quote the value that they could not convert, and the orchestrator keeps exception texts, chained ones included,
    for ever. So a C360Error passes without its chain, and of any other exception only its class and the place in our code
    are told; the whole text goes to `logs/errors.log`, which only the owner may read.

    A signal that arrives within a query is an error of the engine, which forgets the orchestrator's own: it is raised again,
    so that the run stops and does not go on with other tables.
    """
    try:
        yield
    except C360Error as error:
        error.__cause__ = None
        raise error from None
    except Exception as error:
        if isinstance(error, RuntimeError) and str(error) == INTERRUPTED:
            raise DagsterExecutionInterruptedError from None
        frames = [
            f
            for f in traceback.extract_tb(error.__traceback__)
            if Path(f.filename).is_relative_to(PACKAGE)
        ]
        place = (
            f"{Path(frames[-1].filename).relative_to(PACKAGE)}:{frames[-1].lineno}"
            if frames
            else "unknown place"
        )
        _keep(error, logs)
        raise C360Error(f"{type(error).__name__} at {place}; {WITHHELD}") from None


def _keep(error: Exception, logs: Path) -> None:
    private_folder(logs)
    handle = os.open(logs / "errors.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)) + "\n")
