"""The verb `check`: what is wrong with the configuration, before anything runs."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from c360_assets.cli.options import JsonOption, TenantOption, tenant_folder
from c360_assets.cli.output import out, print_json, print_problems, reported_errors
from c360_assets.errors import C360Error
from c360_assets.reporting.paths import short_path
from c360_assets.wording import counted

if TYPE_CHECKING:
    from c360_assets.tenant.models import Tenant


def check(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Show every error and warning of the configuration at once, each with file and line.

    Reads all YAML, and binds every SQL file against the declared schemas on empty tables.
    Warnings do not change the exit code. Without errors it also lists which feeds a day waits for,
    and why.
    """
    from c360_assets.configuration import checked_tenant

    with reported_errors():
        root = tenant_folder(tenant)
        checked, problems = checked_tenant(root)
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        print_json(problems)
    else:
        print_problems(problems, out)
        result = "no errors, no warnings"
        if problems:
            result = f"{counted(errors, 'error')}, {counted(len(problems) - errors, 'warning')}"
        style = "red" if errors else "green"
        out.print(f"{short_path(root)}: {result}", style=style, markup=False, soft_wrap=True)
        if checked is not None and not errors:
            _print_day(checked)
    raise typer.Exit(1 if errors else 0)


def _print_day(tenant: Tenant) -> None:
    """What the configuration leaves unsaid, and which feeds a day waits for, with the reason."""
    from c360_assets.automation.removed_tables import removed_text
    from c360_assets.ingest.day_feeds import day_feeds
    from c360_assets.remarks import remarks
    from c360_assets.warehouse.session import Warehouse

    for remark in remarks(tenant):
        out.print(f"note: {remark}", markup=False, soft_wrap=True)
    # A place that does not answer was told by then, or is for a run to tell.
    with suppress(C360Error):
        manifest = Warehouse.open(tenant.root / "warehouse").manifest
        removed = removed_text(tenant, manifest)
        if removed:
            out.print(f"note: {removed}", markup=False, soft_wrap=True)
    for feed in day_feeds(tenant).feeds.values():
        verdict = "waits for" if feed.expected.required else "does not wait for"
        out.print(f"a day {verdict} {feed.feed}: {feed.reason}", markup=False, soft_wrap=True)
