"""The verbs about databases: go back, send, compare, and look at a table before it is built."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from c360_assets.automation.instance import mark_dead_runs
from c360_assets.cli.options import (
    DATE_FORMATS,
    DatabaseOption,
    JsonOption,
    TenantOption,
    WindowEndOption,
    day_of,
    tenant_folder,
)
from c360_assets.cli.output import err, out, print_failures, print_json, reported_errors
from c360_assets.reporting.paths import short_path, short_place
from c360_assets.wording import counted


def rollback(
    number: Annotated[
        int | None,
        typer.Argument(help="The kept database to publish again. Default: the one before."),
    ] = None,
    tenant: TenantOption = None,
    database: DatabaseOption = "customer_360",
) -> None:
    """Publish an earlier database again; the warehouse stays as it is, and the next run publishes
    its state.

    The one that is replaced is kept, by a number as the others. Repeated, it goes back one further
    each time.
    """
    from c360_assets.reporting.published import roll_back

    with reported_errors():
        root = tenant_folder(tenant)
        mark_dead_runs(root)
        done = roll_back(root, number, database)
    out.print(
        f"published {short_place(done.place)} again, from number {done.number}",
        markup=False,
        soft_wrap=True,
    )
    if done.replaced not in (None, done.number):
        out.print(
            f"what it replaced is kept as number {done.replaced}: "
            f"`c360 rollback {done.replaced}` takes it back"
        )


def send(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Destinations. Default: those that lack the publication.", metavar="[NAME]..."
        ),
    ] = None,
    tenant: TenantOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Send again what was received already.")
    ] = False,
) -> None:
    """Send the published database to destinations again, for instance after one failed."""
    from c360_assets.reporting.send import send_all

    with reported_errors():
        root = tenant_folder(tenant)
        mark_dead_runs(root)
        results = send_all(root, names or [], force=force)
    if results.idle:
        out.print(results.idle, markup=False)
    for sent in results.sent:
        done = "has already" if sent.reused else "sent to"
        tables = ", ".join(f"{table} {rows:,}" for table, rows in sent.rows.items())
        out.print(f"{done} {sent.name}: {tables}")
        for place, count in sent.withheld.items():
            out.print(f"  {place} is left empty in {counted(count, 'row')} without consent")
        for sentence in sent.left_behind:
            out.print(f"  {sentence}", markup=False)
    print_failures(results.failures)
    raise typer.Exit(1 if results.failures else 0)


def diff(
    first: Annotated[
        str, typer.Argument(help="`published`, or the number of a kept database.", metavar="[A]")
    ] = "published",
    second: Annotated[
        str, typer.Argument(help="The same, or `build`: what a build would publish.", metavar="[B]")
    ] = "build",
    tenant: TenantOption = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            formats=DATE_FORMATS,
            help="The date of the build. Default: that of the published database.",
        ),
    ] = None,
    database: DatabaseOption = "customer_360",
    as_json: JsonOption = False,
) -> None:
    """Show the rows and people that a new build adds, drops and changes, column by column. What
    the build needs is computed too where it is not current, Stitch as well. Writes nothing.

    Examples: `c360 diff` before publishing; `c360 diff 3 published` afterwards, against the kept
    database number 3.
    """
    from c360_assets.reporting.diff import database_diff, render_diff
    from c360_assets.reporting.progress import Reporter

    with reported_errors():
        root = tenant_folder(tenant)
        with Reporter(err) as reporter:
            differences = database_diff(
                root,
                first,
                second,
                as_of=day_of(as_of),
                database=database,
                progress=reporter.doing,
                note=reporter.done,
            )
    if as_json:
        print_json(differences)
    else:
        render_diff(differences, first, second, out)


def preview(
    table: Annotated[
        str,
        typer.Argument(
            help="A table of `database/drafts/`, `database/`, or a shipped one.", metavar="TABLE"
        ),
    ],
    tenant: TenantOption = None,
    rows: Annotated[int, typer.Option(min=0, max=1000, help="Rows of the sample.")] = 10,
    as_of: WindowEndOption = None,
    database: DatabaseOption = "customer_360",
    as_json: JsonOption = False,
) -> None:
    """Show a table as it would be built: a sample, its rows, its columns against the published
    ones. What it reads is computed too where it is not current. Writes nothing."""
    from c360_assets.reporting.preview import preview_table, render_preview
    from c360_assets.reporting.progress import Reporter

    with reported_errors():
        root = tenant_folder(tenant)
        with Reporter(err) as reporter:
            built = preview_table(
                root,
                table,
                as_of=day_of(as_of),
                rows=rows,
                database=database,
                progress=reporter.doing,
            )
    if as_json:
        print_json(built)
    else:
        render_preview(built, out)


def scaffold(
    table: Annotated[str, typer.Argument(help="A shipped table.", metavar="TABLE")],
    tenant: TenantOption = None,
) -> None:
    """Write database/TABLE.sql: the shipped SQL to change, with further attributes as comments.

    Example: `c360 database scaffold customer_360`, then take `--` away before what is wanted. To
    only add columns of customer_360, name them in tenant.yaml, as
    customer_360.customer_360.attributes.
    """
    from c360_assets.configuration import load_tenant
    from c360_assets.customer_360.rendering.scaffold import scaffold as write_scaffold

    with reported_errors():
        path = write_scaffold(load_tenant(tenant_folder(tenant)), table)
    out.print(
        f"wrote {short_path(path)}; `c360 check` and `c360 database preview {table}` try it",
        markup=False,
        soft_wrap=True,
    )


def history(
    tenant: TenantOption = None,
    database: DatabaseOption = "customer_360",
    as_json: JsonOption = False,
) -> None:
    """List what is published and the earlier databases that are kept, with their numbers for
    `rollback`, `diff`, `sql --kept`."""
    from c360_assets.reporting.history import render_versions, versions

    with reported_errors():
        shown = versions(tenant_folder(tenant), database)
    if as_json:
        print_json(shown)
    else:
        render_versions(shown, out)
