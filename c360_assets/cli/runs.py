"""The verbs that compute: `run` and its stages `load`, `validate`, `stitch` and `activate`.

What a stage does is `automation`'s; here its options become one call, and its result one screen.
"""

from __future__ import annotations

import os
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from c360_assets.automation.instance import REPOSITORY
from c360_assets.cli.options import (
    DATE_FORMATS,
    ForceOption,
    JsonOption,
    TenantOption,
    ThresholdOption,
    WindowEndOption,
    day_of,
    tenant_folder,
)
from c360_assets.cli.output import (
    emit_query,
    err,
    out,
    print_failures,
    print_json,
    print_problems,
    reported_errors,
)
from c360_assets.errors import has_errors
from c360_assets.reporting.paths import shell_path, short_path

if TYPE_CHECKING:
    from dagster import Definitions

    from c360_assets.automation.run_command import DayOptions
    from c360_assets.tenant.models import Tenant

NewIdsOption = Annotated[
    bool,
    typer.Option(
        "--new-ids",
        help="Give everybody a new amperity_id, where the warehouse has lost those published.",
    ),
]
EXAMPLE_QUERY = (
    "SELECT given_name, surname, lifetime_order_revenue AS revenue FROM customer_360 "
    "ORDER BY revenue DESC NULLS LAST LIMIT 5"
)


def run(
    tenant: TenantOption = None,
    day: Annotated[
        datetime | None,
        typer.Option(
            "--date",
            formats=DATE_FORMATS,
            help="Load delivery days up to this one. Default: today.",
        ),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            formats=DATE_FORMATS,
            help="The date that windows such as 'last 12 months' end at.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help="Build only these tables after loading; may be repeated.",
            metavar="TABLE",
        ),
    ] = None,
    force: ForceOption = False,
    new_ids: NewIdsOption = False,
    error_threshold: ThresholdOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load what landed, validate, run Stitch, build and publish the customer 360 database.

    What is current is reused. The run shows in the UI afterwards (`c360 ui`).
    """
    from c360_assets.automation.run_command import DayOptions

    options = DayOptions(
        through=day_of(day),
        as_of=day_of(as_of),
        only=only or [],
        force=force,
        new_ids=new_ids,
        threshold=error_threshold,
    )
    _run_and_exit(tenant, options, as_json)


def load(
    feeds: Annotated[
        list[str] | None,
        typer.Argument(help="Feeds to load, as `Source:Feed`. Default: all.", metavar="[FEED]..."),
    ] = None,
    tenant: TenantOption = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=DATE_FORMATS, help="First delivery day.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=DATE_FORMATS, help="Last delivery day.")
    ] = None,
    error_threshold: ThresholdOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load landed files into domain tables, and nothing further.

    With --from or --to, days that were loaded are read again too, such as after a change of the
    feed.

    Example, after adding a source:
    `c360 load Callcentre:Contacts --from 2026-06-08 --to 2026-06-14`
    """
    from c360_assets.automation.run_command import DayOptions
    from c360_assets.ingest.delivery_days import EARLIEST_DAY

    if first is not None and last is not None and first > last:
        raise typer.BadParameter(f"--from {first:%Y-%m-%d} is after --to {last:%Y-%m-%d}")
    first_day = day_of(first)
    if first_day is None and last is not None:
        first_day = EARLIEST_DAY
    options = DayOptions(
        stage="load",
        feeds=feeds or [],
        first=first_day,
        through=day_of(last),
        threshold=error_threshold,
    )
    _run_and_exit(tenant, options, as_json)


def validate(
    feed: Annotated[
        str | None,
        typer.Argument(help="Show one feed (`Source:Feed`) or custom table.", metavar="[FEED]"),
    ] = None,
    tenant: TenantOption = None,
    force: ForceOption = False,
    number: Annotated[
        int | None,
        typer.Option(
            "--sql", min=1, help="Only print the SQL behind this finding.", metavar="NUMBER"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the input validation reports on what is loaded and show what they find, worst first.
    Nothing fails because of them.

    Examples: `c360 validate Shop:Customers`; `c360 sql "$(c360 validate --sql 1)"` shows the rows
    behind finding 1.
    """
    from c360_assets.automation.run_command import validate_tables
    from c360_assets.reporting.progress import Reporter
    from c360_assets.reporting.validation_page import page_path
    from c360_assets.reporting.validations import finding_sql, render_validations

    with reported_errors():
        root = tenant_folder(tenant)
        if number is not None:
            emit_query(finding_sql(root, number, feed))
            return
        with Reporter(err) as reporter:
            validations, failures = validate_tables(
                root, reporter, _definitions, feed=feed, force=force
            )
    if as_json:
        print_json(validations.as_json())
    else:
        limit = 20 if feed is None else None
        render_validations(validations, out, short_path(page_path(root)), limit=limit)
    print_failures(failures)
    raise typer.Exit(1 if failures else 0)


def stitch(
    tenant: TenantOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Evaluate all profiles again although nothing changed.")
    ] = False,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Fit the match model anew instead of keeping the last one."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say what would be merged, split and moved, and why."),
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", min=1, max=5, help="With --dry-run: the score from which pairs match."
        ),
    ] = None,
    ids_from: Annotated[
        str | None,
        typer.Option(
            "--ids-from",
            help="Go on with the ids, model and history of this published or kept database (of a "
            "lake its publication.json), where the warehouse has lost its own.",
            metavar="FILE",
        ),
    ] = None,
    new_ids: NewIdsOption = False,
    report: Annotated[
        bool, typer.Option("--report", help="Only write reports/stitch.html of the last run.")
    ] = False,
    show_pii: Annotated[
        bool, typer.Option("--show-pii", help="With --report: show values of people unmasked.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run identity resolution on what is loaded and write its tables.

    Examples: `c360 stitch --dry-run --threshold 3.5` says what another threshold would change;
    `c360 stitch --ids-from activated/customer_360.duckdb` after `warehouse/` was lost and loaded
    again.
    """
    from c360_assets.automation.run_command import DayOptions

    if dry_run and (ids_from is not None or new_ids or force):
        raise typer.BadParameter("--dry-run goes with --refit and --threshold only")
    if threshold is not None and not dry_run:
        raise typer.BadParameter(
            "--threshold goes with --dry-run; a run takes matching.threshold of stitch.yaml"
        )
    if ids_from is not None and new_ids:
        raise typer.BadParameter("give --ids-from or --new-ids, not both")
    if show_pii and not report:
        raise typer.BadParameter("--show-pii goes with --report")
    if report:
        _write_stitch_report(tenant, show_pii)
        return
    if dry_run:
        _try_stitch(tenant, refit, threshold, as_json)
        return
    options = DayOptions(
        stage="stitch", force=force, refit=refit, new_ids=new_ids, ids_from=ids_from
    )
    _run_and_exit(tenant, options, as_json)


def _write_stitch_report(tenant: Path | None, show_pii: bool) -> None:
    from c360_assets.configuration import load_tenant
    from c360_assets.reporting.stitch_report import write_report
    from c360_assets.warehouse.session import open_session

    with reported_errors():
        root = tenant_folder(tenant)
        loaded = load_tenant(root)
        with open_session(root / "warehouse", loaded.config.timezone) as session:
            path = write_report(session, loaded, show_pii=show_pii)
    print(short_path(path))


def _try_stitch(tenant: Path | None, refit: bool, threshold: float | None, as_json: bool) -> None:

    from c360_assets.reporting.progress import Reporter
    from c360_assets.reporting.stitch_trial import render_trial, try_stitch

    with reported_errors():
        root = tenant_folder(tenant)
        with Reporter(err) as reporter:
            trial = try_stitch(
                root,
                refit=refit,
                threshold=threshold,
                as_of=date.today(),
                progress=reporter.doing,
            )
    if as_json:
        print_json(trial)
    else:
        render_trial(trial, out)


def activate(
    tenant: TenantOption = None,
    as_of: WindowEndOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the configuration, build the customer 360 tables from the last Stitch run, and publish
    the database."""
    from c360_assets.automation.run_command import DayOptions

    _run_and_exit(tenant, DayOptions(stage="activate", as_of=day_of(as_of)), as_json)


def _run_and_exit(tenant: Path | None, options: DayOptions, as_json: bool) -> NoReturn:
    """Run a stage or the whole day and end with its screen; exits with 0 or 1."""
    with reported_errors():
        from c360_assets.automation.run_command import run_day
        from c360_assets.configuration import checked_tenant
        from c360_assets.reporting.progress import Reporter
        from c360_assets.reporting.summary import render
        from c360_assets.warehouse.kept_answers import keep_answers

        root = tenant_folder(tenant)
        keep_answers(root, grows=True)
        checked, problems = checked_tenant(root)
        print_problems(problems, err)
        if checked is None or has_errors(problems):
            print_failures(
                ["the configuration has errors, so nothing was run; `c360 check` shows them again"]
            )
            raise typer.Exit(1)
        with Reporter(err) as reporter:
            summary = run_day(root, options, reporter, _definitions, checked)
        if as_json:
            print_json(summary.as_json())
        else:
            stage = options.stage if summary.report.published else "load"
            render(summary, out, _next_commands(stage, root))
            if options.stage == "load":
                _print_unseen(root)
        raise typer.Exit(1 if summary.report.failures else 0)


def _print_unseen(root: Path) -> None:
    """Which loaded rows are not in what Stitch made, which `load` alone leaves as it was."""
    from c360_assets.configuration import load_tenant
    from c360_assets.reporting.unseen import unseen_by_stitch, unseen_text
    from c360_assets.warehouse.session import Warehouse

    unseen = unseen_by_stitch(load_tenant(root), Warehouse.open(root / "warehouse"))
    if unseen:
        out.print(unseen_text(unseen), markup=False)


def _definitions(tenant: Tenant) -> Definitions:
    from c360_assets.definitions import build

    return build(tenant)


def _next_commands(stage: str, root: Path) -> list[tuple[str, str]]:
    """Commands to try after a stage, as they would be typed here, each with what it shows.

    `{id}` is filled in with a customer.
    """
    program = _program()
    shipped = root == (REPOSITORY / "data").resolve()
    option = "" if shipped else f" --tenant {shell_path(root)}"
    if stage != "run":
        return [(f"{program} status{option}", "What is loaded, stitched and published:")]
    return [
        (f'{program} sql{option} "{EXAMPLE_QUERY}"', "Ask the database:"),
        (
            f"{program} profile{option} {{id}}",
            "One customer's page, with the records and sources behind it:",
        ),
        (
            "make ui" if shipped else f"{program} ui{option}",
            "The runs and the asset graph in a browser:",
        ),
    ]


def _program() -> str:
    """How this process was called: the script's path where it had one, else its name."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{Path(sys.executable).name} -m c360_assets.cli"
    if os.sep in sys.argv[0]:
        return shell_path(called.resolve(strict=False))
    return "c360"
