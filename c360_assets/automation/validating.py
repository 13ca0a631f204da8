"""The input validations on demand, as the command line runs them: what is not current, then what there is to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from c360_assets.automation.run_command import DayOptions, run_day
from c360_assets.configuration import load_tenant
from c360_assets.reporting.progress import Reporter
from c360_assets.reporting.validation_page import page_path, write_page
from c360_assets.reporting.validations import Validations, read_validations
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import open_session

if TYPE_CHECKING:
    from dagster import Definitions


def validate_tables(
    root: Path,
    reporter: Reporter,
    build: Callable[[Tenant], Definitions],
    *,
    feed: str | None = None,
    force: bool = False,
) -> tuple[Validations, list[str]]:
    """Run the reports of the tenant at `root` that are not current; what is stored then, on all tables or on `feed`, and what
    failed. Raises C360Error when nothing is loaded, or for a table without reports."""
    summary = run_day(root, DayOptions(stage="validate", force=force), reporter, build)
    tenant = load_tenant(root)
    with open_session(root / "warehouse", tenant.config.timezone) as session:
        found = read_validations(session, tenant, feed)
        if not page_path(root).exists():
            write_page(session, tenant)
    return found, summary.report.failures
