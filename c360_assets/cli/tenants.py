"""The verbs that start a tenant folder: `init` an empty one, `demo` a generated one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from c360_assets.cli.options import refuse_folder
from c360_assets.cli.output import err, out, reported_errors
from c360_assets.errors import C360Error
from c360_assets.reporting.paths import shell_path, short_path
from c360_assets.wording import counted


def init(
    folder: Annotated[Path, typer.Argument(help="The new tenant folder.", metavar="DIR")],
    name: Annotated[
        str | None, typer.Option(help="The brand's name. Default: the folder's name.")
    ] = None,
    country: Annotated[
        str | None,
        typer.Option(
            help="Where the brand is at home, such as GB: how phones, states and streets are read, "
            "its time zone if it has one, and the day before the month in proposals.",
            metavar="CODE",
        ),
    ] = None,
) -> None:
    """Start a tenant: commented YAML with all defaults, empty folders, an example feed. Asks
    nothing, overwrites nothing."""
    from c360_assets.tenant.init_tenant import init_tenant

    with reported_errors():
        refuse_folder(folder.resolve())
        for path in init_tenant(folder.resolve(), name, country):
            out.print(f"wrote {short_path(path)}", markup=False, soft_wrap=True)
    root = folder.resolve()
    steps = [
        f"\nNext: drop a file into {short_path(root / 'landing')}/, then",
        f"  c360 feed suggest FILE > {shell_path(root / 'feeds')}/<source>/<feed>.yaml",
        f"  c360 check --tenant {shell_path(root)}",
        f"  c360 run --tenant {shell_path(root)}",
    ]
    out.print("\n".join(steps), markup=False, soft_wrap=True)


def demo(
    folder: Annotated[
        Path, typer.Argument(help="The folder to write the tenant to.", metavar="DIR")
    ],
    people: Annotated[
        int, typer.Option(min=10, help="People in the tenant; about 2.5 customer records each.")
    ] = 5000,
    days: Annotated[int, typer.Option(min=1, max=60, help="Delivery days.")] = 14,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
) -> None:
    """Generate a retail tenant with two brands, real dirt and known truth."""
    from c360_assets.demo import generate_tenant

    root = folder.resolve()
    shown = short_path(root)
    with reported_errors():
        refuse_folder(root)
        if root.exists() and any(root.iterdir()):
            raise C360Error(f"{shown} is not empty; give a new folder")
        generate_tenant(root, people=people, days=days, seed=seed, progress=_people_progress)
    next_step = f"c360 run --tenant {shell_path(root)}"
    out.print(f"wrote {shown}; next: {next_step}", markup=False, soft_wrap=True)


def _people_progress(done: int, everybody: int) -> None:
    err.print(f"{done:,} of {counted(everybody, 'person', 'people')}", style="dim")
