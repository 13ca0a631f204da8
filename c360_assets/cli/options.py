"""Options that several verbs share, and the tenant folder that a verb works on.

An option that one verb has stands in that verb.
"""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from c360_assets.automation.instance import tenant_root
from c360_assets.errors import C360Error
from c360_assets.reporting.paths import short_path
from c360_assets.tenant.folder_name import folder_problem

DATE_FORMATS = ["%Y-%m-%d"]

TenantOption = Annotated[
    Path | None,
    typer.Option(
        "--tenant",
        help="The tenant folder. Default: $C360_TENANT_DIR, else data/.",
        file_okay=False,
        rich_help_panel="Tenant",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
DatabaseOption = Annotated[
    str, typer.Option("--database", help="A database of tenant.yaml; the group's unless given.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Compute again what is current.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")]
ThresholdOption = Annotated[
    int | None,
    typer.Option(
        "--error-threshold",
        min=0,
        max=100,
        help="Percent of rejected rows to accept in this run, whatever the feeds say.",
    ),
]
WindowEndOption = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=DATE_FORMATS, help="The date that windows end at."),
]


def tenant_folder(tenant: Path | None) -> Path:
    """The folder that `--tenant` or the environment names; C360Error where there is none.

    It is set in the environment too, where Dagster's definitions look for it.
    """
    from c360_assets.warehouse.kept_answers import keep_answers

    root = tenant.resolve() if tenant is not None else tenant_root()
    if not root.is_dir():
        raise C360Error(f"there is no tenant folder {short_path(root)}; `c360 init DIR` starts one")
    refuse_folder(root)
    os.environ["C360_TENANT_DIR"] = str(root)
    keep_answers(root, grows=False)
    return root


def refuse_folder(root: Path) -> None:
    """Raise C360Error where no tenant can live in the folder."""
    problem = folder_problem(root)
    if problem:
        raise C360Error(problem)


def day_of(moment: datetime | None) -> date | None:
    """The day that an option with `DATE_FORMATS` was given; typer hands over its midnight."""
    return moment.date() if moment is not None else None
