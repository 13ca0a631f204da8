"""The verbs of one feed: `feed suggest` and `feed purge`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from c360_assets.automation.instance import mark_dead_runs
from c360_assets.cli.options import TenantOption, tenant_folder
from c360_assets.cli.output import err, out, reported_errors
from c360_assets.errors import C360Error
from c360_assets.reporting.terminal import emit

if TYPE_CHECKING:
    from c360_assets.ingest.suggest.folder import FolderProposals


def suggest(
    file: Annotated[
        Path,
        typer.Argument(help="A sample file as it lands, or a folder of them.", exists=True),
    ],
    source: Annotated[
        str | None, typer.Option(help="The providing system. Default: the file's folder.")
    ] = None,
    feed: Annotated[
        str | None, typer.Option(help="The dataset. Default: from the file's name.")
    ] = None,
    write: Annotated[
        bool,
        typer.Option(
            "--write", help="Write feeds/SOURCE/FEED.yaml of the tenant, never over a file."
        ),
    ] = False,
    flatten: Annotated[
        bool,
        typer.Option(
            "--flatten",
            help="Also propose domain_tables/: columns of nested fields; of a folder, purchases "
            "without cancelled orders, and consent.",
        ),
    ] = False,
    tenant: TenantOption = None,
) -> None:
    """Propose a feed's YAML from a sample file, checked and tried in a scratch table first.

    Prints it and writes nothing, but with --write. Of a folder, a table of all proposals, and the
    files that cannot be read last. Without --tenant, --write is for the tenant that the files lie
    in, if they lie in one.

    Examples: `c360 feed suggest landing/crm/contacts-20260601.csv > feeds/crm/contacts.yaml`,
    `c360 feed suggest landing --write --flatten`
    """
    from c360_assets.ingest.suggest.feed import folder_of_tenant
    from c360_assets.ingest.suggest.folder import propose_file, propose_folder, write_proposal

    with reported_errors():
        if file.is_dir():
            if feed is not None:
                raise C360Error("--feed names the feed of one file, and this is a folder")
            proposals = propose_folder(file.resolve(), source, flatten=flatten)
            _show_folder(proposals, write, tenant or folder_of_tenant(file))
            return
        proposal = propose_file(file.resolve(), source, feed, flatten=flatten)
        if not write:
            emit(proposal.text)
            for table in proposal.tables:
                for path, text in table.files.items():
                    emit(f"# {path}\n{text}")
            return
        for written in write_proposal(proposal, tenant_folder(tenant or folder_of_tenant(file))):
            out.print(f"wrote {written}", markup=False)
        for remark in proposal.remarks:
            out.print(remark, markup=False)
        out.print("read and correct what was written, then `c360 check`", markup=False)


def _show_folder(proposals: FolderProposals, write: bool, tenant: Path | None) -> None:
    """A table of a folder's proposals; with `write`, also the files."""
    from rich.table import Table

    from c360_assets.ingest.suggest.folder import write_proposal

    table = Table("file", "rows", "key", "tagged fields", "feed", box=None, pad_edge=False)
    for proposal in proposals.proposals:
        place = str(proposal.path)
        if write:
            try:
                write_proposal(proposal, tenant_folder(tenant))
                place += " (written)"
            except C360Error:
                place += " (is there already: kept)"
        table.add_row(
            proposal.sample_name,
            proposal.trial.summary,
            ", ".join(proposal.primary_key),
            str(proposal.tagged),
            place,
        )
    out.print(table)
    for remark in (remark for proposal in proposals.proposals for remark in proposal.remarks):
        out.print(remark, markup=False)
    for name, reason in proposals.unread.items():
        out.print(f"unread: {name}: {reason}", markup=False)
    if not write and proposals.proposals:
        out.print("nothing was written: --write writes these feeds", markup=False)


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
        root = tenant_folder(tenant)
        mark_dead_runs(root)
        loaded = load_tenant(root)
        purged = purge_feed(loaded, feed, accept_lost_files=yes, waiting=err.print)
        out.print(
            f"emptied {purged.name}; the next load reads all that is in landing/ again",
            markup=False,
        )
