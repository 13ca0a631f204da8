"""The verbs of one feed: `feed suggest` and `feed purge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from c360_assets.cli.options import TenantOption, tenant_folder
from c360_assets.cli.output import err, out, reported_errors


def suggest(
    file: Annotated[
        Path, typer.Argument(help="A sample file as it lands.", exists=True, dir_okay=False)
    ],
    source: Annotated[
        str | None, typer.Option(help="The providing system. Default: the file's folder.")
    ] = None,
    feed: Annotated[
        str | None, typer.Option(help="The dataset. Default: from the file's name.")
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Propose a feed's YAML from a sample file; prints it, writes nothing.

    Example: `c360 feed suggest landing/crm/contacts-20260601.csv > feeds/crm/contacts.yaml`
    """
    from c360_assets.ingest.suggest.feed import suggest_feed

    with reported_errors():
        print(suggest_feed(file.resolve(), source, feed))


def purge(
    feed: Annotated[str, typer.Argument(help="The feed, as `Source:Feed`.")],
    tenant: TenantOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also when files that the table was loaded from are gone.")
    ] = False,
) -> None:
    """Empty a feed's table, so that the next load reads all of its files again, as a changed key or
    type of a column needs.

    Refused while a file that it was loaded from is gone or has other content now, unless you say
    --yes: its rows would not come back. The published database stays as it is until the next run.
    """
    from c360_assets.configuration import load_tenant
    from c360_assets.ingest.purge import purge_feed

    with reported_errors():
        loaded = load_tenant(tenant_folder(tenant))
        purged = purge_feed(loaded, feed, accept_lost_files=yes, waiting=err.print)
        out.print(
            f"emptied {purged.name}; the next load reads all that is in landing/ again",
            markup=False,
        )
