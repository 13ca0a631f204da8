"""Nothing grows without end: what is older than `retention` of `tenant.yaml` allows is removed.

Which files of a table nobody needs is for `warehouse.tidy` to say. The orchestrator's runs belong
to `old_runs`, which is imported only where there is an instance.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from c360_assets.tenant.durations import duration
from c360_assets.tenant.local_time import now
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.files import write_private
from c360_assets.warehouse.session import Warehouse
from c360_assets.warehouse.tidy import Removed, remove_files, tidy_tables

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
    removed = tidy_tables(warehouse, at - duration(kept.tables), dry_run=dry_run)
    removed.append(_old_logs(tenant, at - duration(kept.logs), dry_run=dry_run))
    removed.append(_old_alerts(tenant, at - duration(kept.alerts), dry_run=dry_run))
    if instance is not None:
        from c360_assets.automation.old_runs import remove_old_runs

        before = at - duration(kept.runs)
        since = None if whole_history else before - timedelta(days=30)
        removed.append(remove_old_runs(instance, before, since, dry_run=dry_run))
    return removed


def _old_logs(tenant: Tenant, before: datetime, *, dry_run: bool) -> Removed:
    alerts = tenant.root / tenant.workflow.alerts.file
    files = [
        path
        for path in (tenant.root / "logs").glob("*")
        if path.is_file() and path != alerts and not path.name.startswith(".")
    ]
    old = [path for path in files if path.stat().st_mtime < before.timestamp()]
    return remove_files("logs", old, dry_run=dry_run)


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
