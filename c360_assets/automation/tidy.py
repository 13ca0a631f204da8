"""Nothing grows without end: what is older than `retention` of `tenant.yaml` allows is removed.

Which files of a table nobody needs is for `warehouse.tidy` to say. The orchestrator's runs belong
to `old_runs`, which is imported only where there is an instance.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from c360_assets.customer_360.publication.lakes import (
    drop_old_lakes,
    left_file,
)
from c360_assets.customer_360.publication.publish import keeping
from c360_assets.ingest.landed_files import is_remote
from c360_assets.ingest.removed_tables import SOURCES
from c360_assets.tenant.customer_360 import GROUP
from c360_assets.tenant.durations import duration
from c360_assets.tenant.local_time import now
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.files import write_private
from c360_assets.warehouse.heartbeat import beat, last_beat
from c360_assets.warehouse.kept_answers import FOLDER as ANSWERS
from c360_assets.warehouse.ledger import LEDGER
from c360_assets.warehouse.lock import tenant_lock_if_free
from c360_assets.warehouse.published_file import database_path, drop_foreign_log, too_old
from c360_assets.warehouse.session import Warehouse
from c360_assets.warehouse.tidy import Removed, remove_empty_folders, remove_files, tidy_tables

# Bytes of logs/errors.log, of which the latter half stays.
LONGEST_ERROR_LOG = 2 << 20
# How long a version of a derived table stays that somebody may be reading.
READ_ELSEWHERE = timedelta(days=1)

if TYPE_CHECKING:
    from dagster import DagsterInstance


def tidy(
    tenant: Tenant,
    instance: DagsterInstance | None,
    *,
    dry_run: bool = False,
    whole_history: bool = False,
    at: datetime | None = None,
) -> list[Removed]:
    """Remove what is too old at the moment `at` (default now), and tell what.

    The caller owns the tenant. With `whole_history` every run is looked at, else those that have
    become too old lately.
    """
    at = at or now(tenant)
    kept = tenant.config.retention
    warehouse = Warehouse.open(tenant.root / "warehouse")
    removed = tidy_tables(
        warehouse,
        at - duration(kept.tables),
        _derived(warehouse.manifest.tables),
        at - READ_ELSEWHERE,
        dry_run=dry_run,
    )
    removed.append(_old_databases(tenant, at, dry_run=dry_run))
    removed.append(_old_logs(tenant, at - duration(kept.logs), dry_run=dry_run))
    removed.append(_long_error_log(tenant, dry_run=dry_run))
    removed.append(_unnamed_copies(tenant, at - duration(kept.cache), dry_run=dry_run))
    removed.append(_old_alerts(tenant, at - duration(kept.alerts), dry_run=dry_run))
    if instance is not None:
        from c360_assets.automation.old_runs import remove_old_runs

        before = at - duration(kept.runs)
        since = None if whole_history else before - timedelta(days=30)
        removed.append(remove_old_runs(instance, before, since, dry_run=dry_run))
    return removed


def tidy_what_was_replaced(tenant: Tenant, instance: DagsterInstance) -> None:
    """Tidy up once after each publication, as soon as nobody owns the tenant."""
    published = last_beat(tenant.root, "published")
    tidied = last_beat(tenant.root, "tidied")
    if published is None or (tidied is not None and tidied > published):
        return
    with tenant_lock_if_free(tenant.root, "tidying") as is_free:
        if is_free:
            tidy(tenant, instance)
            beat(tenant.root, "tidied")


def drop_foreign_logs(tenant: Tenant) -> list[str]:
    """Remove logs of clients that keep a published database from being opened; its name of each."""
    paths = [database_path(tenant.root, name) for name in (GROUP, *tenant.config.databases)]
    return [path.name for path in dict.fromkeys(paths) if drop_foreign_log(path)]


def _derived(tables: Iterable[str]) -> set[str]:
    """Those that can be made again: all but source tables and the ledger of what they hold."""
    return {table for table in tables if not table.startswith(SOURCES) and table != LEDGER}


def _old_databases(tenant: Tenant, at: datetime, *, dry_run: bool) -> Removed:
    old: list[Path] = []
    for name in {GROUP, *tenant.config.databases}:
        if left_file(tenant, name) is None:
            old += too_old(database_path(tenant.root, name), keeping(tenant), at.timestamp())
    files = remove_files("earlier databases", old, dry_run=dry_run)
    lakes = drop_old_lakes(tenant, keeping(tenant), at, dry_run=dry_run)
    return Removed(files.kind, files.count + lakes.count, files.size + lakes.size)


def _old_logs(tenant: Tenant, before: datetime, *, dry_run: bool) -> Removed:
    alerts = tenant.root / tenant.workflow.alerts.file
    files = [
        path
        for path in (tenant.root / "logs").glob("*")
        if path.is_file() and path != alerts and not path.name.startswith(".")
    ]
    old = [path for path in files if path.stat().st_mtime < before.timestamp()]
    return remove_files("logs", old, dry_run=dry_run)


def _long_error_log(tenant: Tenant, *, dry_run: bool) -> Removed:
    """The beginning of the file of unexpected errors, which has no age as each is appended."""
    kind = "earlier parts of logs/errors.log"
    path = tenant.root / "logs" / "errors.log"
    size = path.stat().st_size if path.is_file() else 0
    if size <= LONGEST_ERROR_LOG:
        return Removed(kind, 0, 0)
    if not dry_run:
        end = path.read_bytes()[-LONGEST_ERROR_LOG // 2 :]
        write_private(path, end.decode("utf-8", "replace"))
    return Removed(kind, 1, size - LONGEST_ERROR_LOG // 2)


def _unnamed_copies(tenant: Tenant, before: datetime, *, dry_run: bool) -> Removed:
    """Copies of remote files of feeds that are no longer declared, or have another address now.

    Those of other feeds go when their files go at the address.
    """
    named = {feed.physical for feed in tenant.feeds if is_remote(feed)}
    named.add(ANSWERS)
    folders = [path for path in (tenant.root / "cache").glob("*") if path.name not in named]
    copies: list[Path] = []
    for folder in folders:
        copies += filter(Path.is_file, folder.rglob("*"))
    # Not the time of change, which is that of the remote file.
    old = [file for file in copies if file.stat().st_ctime < before.timestamp()]
    removed = remove_files("copies of remote files", old, dry_run=dry_run)
    if not dry_run:
        for folder in folders:
            remove_empty_folders(folder)
    return removed


def _old_alerts(tenant: Tenant, before: datetime, *, dry_run: bool) -> Removed:
    """Alerts of long ago leave their file, which is what keeps them from being raised twice."""
    kind = "alerts"
    path = tenant.root / tenant.workflow.alerts.file
    if not path.is_file():
        return Removed(kind, 0, 0)
    lines = path.read_text("utf-8", "replace").splitlines()
    old = [line for line in lines if _is_older(line, before)]
    if old and not dry_run:
        kept = [line for line in lines if line not in old]
        write_private(path, "".join(f"{line}\n" for line in kept))
    return Removed(kind, len(old), sum(len(line) + 1 for line in old))


def _is_older(line: str, before: datetime) -> bool:
    try:
        return datetime.fromisoformat(json.loads(line)["at"]) < before
    except (ValueError, KeyError, TypeError):
        return False


def dagster_home_exists(root: Path) -> bool:
    """Whether the tenant has an instance of Dagster at all."""
    home = os.environ.get("DAGSTER_HOME")
    return Path(home).is_dir() if home else (root / ".dagster").is_dir()
