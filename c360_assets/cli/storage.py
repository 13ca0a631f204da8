"""The verbs about what a tenant keeps, and where: `tidy`, `warehouse move`, `remove`, `copy` and
`restore`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from c360_assets.cli.options import DryRunOption, JsonOption, TenantOption, tenant_folder
from c360_assets.cli.output import err, out, print_json, reported_errors
from c360_assets.wording import counted


def tidy(
    tenant: TenantOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove what is older than `retention` of tenant.yaml allows: earlier versions of source
    tables, earlier databases, runs of Dagster with their events, logs, alerts, copies of remote
    files that no feed names any more. Of tables that are made from those, all earlier versions.

    What is current stays, whatever its age, and what somebody reads for a day. Runs tidy up when
    they are done; this looks at all there is.
    """
    from c360_assets.automation.instance import prepare_home
    from c360_assets.automation.tidy import dagster_home_exists
    from c360_assets.automation.tidy import tidy as tidy_tenant
    from c360_assets.configuration import load_tenant
    from c360_assets.warehouse.lock import tenant_lock

    with reported_errors(), ExitStack() as stack:
        root = tenant_folder(tenant)
        loaded = load_tenant(root)
        stack.enter_context(tenant_lock(root, "`c360 tidy`", err.print))
        instance = None
        if dagster_home_exists(root):
            prepare_home(root)
            from c360_assets.automation.runs import open_instance

            instance = stack.enter_context(open_instance())
        removed = tidy_tenant(loaded, instance, dry_run=dry_run, whole_history=True)
    if as_json:
        print_json([asdict(item) for item in removed])
        return
    verb = "would remove" if dry_run else "removed"
    for item in removed:
        out.print(f"{verb} {item.count:,} {item.kind} ({item.size / 2**20:,.1f} MiB)")


def move(
    tenant: TenantOption = None,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="The bucket that holds the tables, where this machine has not worked with it.",
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Take the tables to the place that `warehouse` of tenant.yaml names: a bucket, or without the
    key the folder warehouse/ of this machine. Nothing counts as changed afterwards.

    Whole or not at all: what was interrupted is ended by the same verb, and until then no run
    starts.

    Example: write `warehouse: s3://brand/warehouse` into tenant.yaml, then `c360 warehouse move`
    """
    from c360_assets.configuration import load_tenant
    from c360_assets.warehouse.lock import tenant_lock
    from c360_assets.warehouse.move import move_warehouse

    with reported_errors():
        root = tenant_folder(tenant)
        loaded = load_tenant(root)
        with tenant_lock(root, "`c360 warehouse move`", err.print):
            moves = move_warehouse(root, str(loaded.config.id), source.rstrip("/"))
    if as_json:
        print_json([asdict(item) for item in moves])
        return
    if not moves:
        out.print(f"nothing to move: {loaded.config.warehouse or 'warehouse/'} is where tables are")
    for item in moves:
        out.print(
            f"{counted(item.tables, 'table')} went from {item.source} to {item.target} "
            f"({counted(item.files, 'file')}, {item.size / 2**20:,.1f} MiB)"
        )
        if item.kept_versions is None:
            out.print(f"{item.source} does not say which earlier versions of objects it keeps")
        elif item.kept_versions:
            out.print(
                f"{item.source} keeps earlier versions of {counted(item.kept_versions, 'object')}"
            )


def copy(
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the tables of a bucket into a new folder, as a backup: as the manifest of this moment
    names them, while runs go on.

    Example: `c360 warehouse copy /var/lib/c360/backups/tables`
    """
    from c360_assets.warehouse.bucket_copy import copy_bucket

    with reported_errors():
        copied = copy_bucket(tenant_folder(tenant), folder)
    if as_json:
        print_json(asdict(copied))
        return
    out.print(
        f"{counted(copied.tables, 'table is', 'tables are')} copied from {copied.address} to "
        f"{copied.folder} "
        f"({counted(copied.files, 'file')}, {copied.size / 2**20:,.1f} MiB)",
        markup=False,
    )


def restore(
    folder: Annotated[Path, typer.Argument(help="What `c360 warehouse copy` made.")],
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a copy of the tables back into the bucket of tenant.yaml: all of it where the bucket has
    no tables, else what is missing or was cut short of those there.

    Example: `c360 warehouse restore /var/lib/c360/backups/tables`
    """
    from c360_assets.configuration import load_tenant
    from c360_assets.warehouse.bucket_copy import restore_bucket
    from c360_assets.warehouse.lock import tenant_lock

    with reported_errors():
        root = tenant_folder(tenant)
        load_tenant(root)
        with tenant_lock(root, "`c360 warehouse restore`", err.print):
            put = restore_bucket(root, folder)
    if as_json:
        print_json(asdict(put))
        return
    kept = ", whose own tables stay as they are" if put.is_current else ""
    out.print(
        f"{counted(put.files, 'file')} ({put.size / 2**20:,.1f} MiB) went from {put.folder} to "
        f"{put.address}{kept}: {counted(put.tables, 'table is', 'tables are')} there",
        markup=False,
    )


def remove(
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            help="Tables, as `c360 status` names them. Default: all that the settings no longer "
            "have.",
            metavar="[TABLE]...",
        ),
    ] = None,
    tenant: TenantOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove tables that the settings no longer have, with all their versions: of a feed, a custom
    table, a segment or a database that was taken out; also files of such a database.

    What Stitch knows of people's ids is removed only where its tables are named. A table that the
    settings have is refused, and so is everything while `c360 check` finds errors. Should a feed
    come back, all that is in landing/ loads again.

    Examples: `c360 warehouse remove --dry-run`, `c360 warehouse remove domain/Old_Feed`
    """
    from c360_assets.automation.removed_tables import left_text, remove_tables
    from c360_assets.configuration import load_tenant
    from c360_assets.warehouse.lock import tenant_lock

    with reported_errors():
        root = tenant_folder(tenant)
        loaded = load_tenant(root)
        with tenant_lock(root, "`c360 warehouse remove`", err.print):
            removal = remove_tables(loaded, tables or [], dry_run=dry_run)
    if as_json:
        print_json(asdict(removal))
        return
    verb = "would remove" if dry_run else "removed"
    for table in removal.tables:
        out.print(f"{verb} {table.table} ({counted(table.rows, 'row')})", markup=False)
    for file in removal.databases:
        out.print(f"{verb} {file}", markup=False)
    if removal.left:
        out.print(f"left: {left_text(removal.left)}", markup=False)
    elif not removal.tables and not removal.databases:
        out.print("every table is one of the settings")
    if removal.files:
        out.print(f"{counted(removal.files, 'file')}, {removal.size / 2**20:,.1f} MiB")
    if removal.kept_versions is None:
        out.print("the bucket does not say which earlier versions of objects it keeps")
    elif removal.kept_versions:
        out.print(
            f"the bucket keeps earlier versions of {counted(removal.kept_versions, 'object')}"
        )
