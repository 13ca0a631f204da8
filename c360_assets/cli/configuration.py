"""The verb `check`: what is wrong with the configuration, before anything runs."""

from __future__ import annotations

from pathlib import Path

import typer

from c360_assets.cli.options import JsonOption, TenantOption, tenant_folder
from c360_assets.cli.output import out, print_json, print_problems, reported_errors
from c360_assets.errors import Problem
from c360_assets.reporting.paths import short_path


def check(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Show every error and warning of the configuration at once, each with file and line.

    Reads all YAML, and binds every SQL file against the declared schemas on empty tables.
    Warnings do not change the exit code.
    """
    with reported_errors():
        root = tenant_folder(tenant)
        problems = all_problems(root)
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        print_json(problems)
    else:
        print_problems(problems, out)
        result = "no errors, no warnings"
        if problems:
            result = f"{errors} errors, {len(problems) - errors} warnings"
        out.print(f"{short_path(root)}: {result}", style="red" if errors else "green")
    raise typer.Exit(1 if errors else 0)


def all_problems(root: Path) -> list[Problem]:
    """Errors and warnings of the tenant at `root`; later checks wait for earlier ones to pass."""
    from c360_assets.customer_360.check_sql import check_sql as check_database
    from c360_assets.ingest.custom_tables import check_sql as check_custom
    from c360_assets.tenant.loader import read_tenant
    from c360_assets.validations.block_if import check_blocking

    tenant, problems = read_tenant(root)
    if tenant is None or any(p.severity == "error" for p in problems):
        return problems
    problems = problems + check_blocking(tenant)
    if any(p.severity == "error" for p in problems):
        return problems
    custom = check_custom(tenant)
    return (
        problems
        + custom
        + ([] if any(p.severity == "error" for p in custom) else check_database(tenant))
    )
