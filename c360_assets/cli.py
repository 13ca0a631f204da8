"""The command line `c360`: the verbs, their options and exit codes.

Each verb reads the tenant, calls one function of a room below and prints. Work that Dagster should know of is run
through `automation`; heavy imports happen inside the verb that needs them, so that `--help` and short verbs answer at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from c360_assets.automation.instance import REPOSITORY, prepare_home, tenant_root
from c360_assets.errors import C360Error, ConfigError, Problem
from c360_assets.reporting.paths import short_path

if TYPE_CHECKING:
    from dagster import Definitions

    from c360_assets.tenant.models import Tenant

out = Console(highlight=False, emoji=False)
err = Console(stderr=True, highlight=False, emoji=False)

app = typer.Typer(
    name="c360",
    help="An open customer 360 platform: landed files in, one row per person out.\n\n"
    "The usual day is `c360 run`. A new tenant: `c360 init DIR`, `c360 feed suggest FILE`, `c360 check`, `c360 run`.\n"
    "`c360 VERB --help` explains a verb and shows an example.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)
feed_app = typer.Typer(
    help="Work on feeds: `c360 feed suggest FILE` proposes one from a sample, `c360 feed purge FEED` empties its table.",
    no_args_is_help=True,
)
app.add_typer(feed_app, name="feed")
database_app = typer.Typer(
    help="Tables of the database before they are built, and its earlier versions.",
    no_args_is_help=True,
)
app.add_typer(database_app, name="database")

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
DATE_FORMATS = ["%Y-%m-%d"]


@app.callback()
def _every_verb(tenant: TenantOption = None) -> None:
    """Options that may stand before the verb."""
    if tenant is not None:
        os.environ["C360_TENANT_DIR"] = str(tenant.resolve())


def _root(tenant: Path | None) -> Path:
    root = tenant.resolve() if tenant is not None else tenant_root()
    if not root.is_dir():
        raise C360Error(f"there is no tenant folder {short_path(root)}; `c360 init DIR` starts one")
    os.environ["C360_TENANT_DIR"] = str(root)
    return root


@contextmanager
def _told_errors() -> Iterator[None]:
    """Errors that a person can mend are told without a traceback and end with exit code 1."""
    try:
        yield
    except ConfigError as error:
        _print_problems(error.problems, err)
        raise typer.Exit(1) from None
    except C360Error as error:
        err.print(f"✗ {error}", style="red", markup=False)
        raise typer.Exit(1) from None


def _print_problems(problems: list[Problem], console: Console) -> None:
    for problem in problems:
        mark, style = ("✗", "red") if problem.severity == "error" else ("!", "yellow")
        console.print(f"{mark} {problem}", style=style, markup=False, soft_wrap=True)


def _all_problems(root: Path) -> list[Problem]:
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


@app.command()
def check(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Show every error and warning of the configuration at once, each with file and line.

    Reads all YAML, and binds every SQL file against the declared schemas on empty tables. Warnings do not change the exit code.
    """
    with _told_errors():
        root = _root(tenant)
        problems = _all_problems(root)
    errors = sum(p.severity == "error" for p in problems)
    if as_json:
        print(json.dumps([vars(p) for p in problems], indent=1))
    else:
        _print_problems(problems, out)
        found = (
            f"{errors} errors, {len(problems) - errors} warnings"
            if problems
            else "no errors, no warnings"
        )
        out.print(f"{short_path(root)}: {found}", style="red" if errors else "green")
    raise typer.Exit(1 if errors else 0)


@app.command()
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
    force: Annotated[bool, typer.Option("--force", help="Compute again what is current.")] = False,
    error_threshold: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=100,
            help="Percent of rejected rows to accept in this run, whatever the feeds say.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load what landed, validate, run Stitch, build and publish the customer 360 database.

    What is current is reused. The run shows in the UI afterwards (`c360 ui`).
    """
    with _told_errors():
        _day(tenant, day, as_of, only=only, force=force, threshold=error_threshold, as_json=as_json)


@app.command()
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
    error_threshold: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=100,
            help="Percent of rejected rows to accept in this run, whatever the feeds say.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load landed files into domain tables, and nothing further.

    Example, after adding a source: `c360 load Callcentre:Contacts --from 2026-06-08 --to 2026-06-14`
    """
    with _told_errors():
        _day(
            tenant,
            last,
            None,
            stage="load",
            feeds=feeds,
            first=first,
            threshold=error_threshold,
            as_json=as_json,
        )


@app.command()
def validate(
    feed: Annotated[
        str | None,
        typer.Argument(help="Show one feed (`Source:Feed`) or custom table.", metavar="[FEED]"),
    ] = None,
    tenant: TenantOption = None,
    force: Annotated[bool, typer.Option("--force", help="Compute again what is current.")] = False,
    number: Annotated[
        int | None,
        typer.Option(
            "--sql", min=1, help="Only print the SQL behind this finding.", metavar="NUMBER"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the input validation reports on what is loaded and show what they find, worst first. Nothing fails because of them.

    Examples: `c360 validate Shop:Customers`; `c360 sql "$(c360 validate --sql 1)"` shows the rows behind finding 1.
    """
    from c360_assets.automation.run_command import validate_tables
    from c360_assets.reporting.progress import Reporter
    from c360_assets.reporting.validation_page import page_path
    from c360_assets.reporting.validations import finding_sql, render_validations

    with _told_errors():
        root = _root(tenant)
        if number is not None:
            print(finding_sql(root, number, feed))
            return
        with Reporter(err) as reporter:
            found, failures = validate_tables(root, reporter, _definitions, feed=feed, force=force)
    if as_json:
        print(json.dumps(found.as_json(), indent=1))
    else:
        render_validations(
            found, out, short_path(page_path(root)), limit=20 if feed is None else None
        )
    for failure in failures:
        err.print(f"✗ {failure}", style="red", markup=False)
    raise typer.Exit(1 if failures else 0)


@app.command()
def stitch(
    tenant: TenantOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Evaluate all profiles again although nothing changed.")
    ] = False,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Fit the match model anew instead of keeping the last one."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run identity resolution on what is loaded and write its tables."""
    with _told_errors():
        _day(tenant, None, None, stage="stitch", force=force, refit=refit, as_json=as_json)


@app.command()
def activate(
    tenant: TenantOption = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=DATE_FORMATS, help="The date that windows end at."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the configuration, build the customer 360 tables from the last Stitch run, and publish the database."""
    with _told_errors():
        _day(tenant, None, as_of, stage="activate", as_json=as_json)


def _day(
    tenant: Path | None,
    through: datetime | None,
    as_of: datetime | None,
    *,
    stage: str = "run",
    feeds: list[str] | None = None,
    first: datetime | None = None,
    only: list[str] | None = None,
    force: bool = False,
    refit: bool = False,
    threshold: int | None = None,
    as_json: bool = False,
) -> NoReturn:
    """Run a stage or the whole day and end with its screen; exits with 0 or 1."""
    from c360_assets.automation.run_command import DayOptions, run_day
    from c360_assets.reporting.progress import Reporter
    from c360_assets.reporting.summary import render

    root = _root(tenant)
    problems = _all_problems(root)
    _print_problems(problems, err)
    if any(p.severity == "error" for p in problems):
        err.print(
            "✗ the configuration has errors, so nothing was run; `c360 check` shows them again",
            style="red",
        )
        raise typer.Exit(1)
    options = DayOptions(
        stage=stage,
        through=through.date() if through else None,
        first=first.date() if first else None,
        as_of=as_of.date() if as_of else None,
        feeds=feeds or [],
        only=only or [],
        force=force,
        refit=refit,
        threshold=threshold,
    )
    with Reporter(err) as reporter:
        summary = run_day(root, options, reporter, _definitions)
    if as_json:
        print(json.dumps(summary.as_json(), indent=1))
    else:
        render(summary, out, _next_commands(stage if summary.report.published else "load", root))
    raise typer.Exit(1 if summary.report.failures else 0)


def _definitions(tenant: Tenant) -> Definitions:
    from c360_assets.definitions import build

    return build(tenant)


EXAMPLE_QUERY = "SELECT given_name, surname, lifetime_order_revenue AS revenue FROM customer_360 ORDER BY revenue DESC NULLS LAST LIMIT 5"


def _next_commands(stage: str, root: Path) -> list[tuple[str, str]]:
    """What to try after a stage, as it would be typed here: `{id}` is filled in with a customer."""
    program = sys.argv[0] if os.sep in sys.argv[0] else "c360"
    called = short_path(Path(program).resolve(strict=False)) if program != "c360" else program
    option = "" if root == (REPOSITORY / "data").resolve() else f" --tenant {short_path(root)}"
    shown = (f"{called} status{option}", "What is loaded, stitched and published:")
    if stage != "run":
        return [shown]
    return [
        (f'{called} sql{option} "{EXAMPLE_QUERY}"', "Ask the database:"),
        (
            f"{called} profile{option} {{id}}",
            "One customer's page, with the records and sources behind it:",
        ),
        (
            f"{called} ui{option}" if option else "make ui",
            "The runs and the asset graph in a browser:",
        ),
    ]


@app.command()
def status(
    tenant: TenantOption = None,
    digests: Annotated[
        bool, typer.Option("--digests", help="One line per table: name, rows, content digest.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what landed and loaded per feed, the last Stitch run, what is published and how old it is, and what comes next."""
    from c360_assets.reporting.status import digest_lines, read_status, render_status

    with _told_errors():
        root = _root(tenant)
        if digests:
            for line in digest_lines(root):
                print(line)
            return
        found = read_status(root, datetime.now().astimezone())
    if as_json:
        print(json.dumps(found.as_json(), indent=1, default=str))
    else:
        render_status(found, out)


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="SQL for the published database.")] = None,
    tenant: TenantOption = None,
    show: Annotated[
        str | None,
        typer.Option("--show", help="Print the SQL that builds this table.", metavar="TABLE"),
    ] = None,
    spark: Annotated[bool, typer.Option("--spark", help="With --show: as Spark runs it.")] = False,
    database: DatabaseOption = "customer_360",
    number: Annotated[
        int | None, typer.Option("--kept", help="Ask an earlier, kept database of that number.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask a published database, or print the SQL that builds a table.

    Examples: `c360 sql "SELECT count(*) FROM customer_360"`, `c360 sql --show merged_customers`
    """
    from c360_assets.reporting.published import open_published, print_result, table_sql

    with _told_errors():
        root = _root(tenant)
        if show is not None:
            print(table_sql(root, show, database, spark=spark))
            return
        if query is None:
            raise typer.BadParameter("give a query, or --show TABLE")
        with open_published(root, database, number) as con:
            print_result(con, query, out, "json" if as_json else "csv" if as_csv else "table")


@app.command()
def profile(
    amperity_id: Annotated[
        str,
        typer.Argument(
            help="An amperity_id, or at least its first eight characters.", metavar="ID"
        ),
    ],
    tenant: TenantOption = None,
    database: DatabaseOption = "customer_360",
    as_json: JsonOption = False,
) -> None:
    """Show one customer's page: which source won each field and why the others lost, the records, the latest orders."""
    from c360_assets.reporting.profile import read_profile, render_profile
    from c360_assets.reporting.published import database_named, open_published
    from c360_assets.tenant.loader import load_tenant

    with _told_errors():
        root = _root(tenant)
        with open_published(root, database) as con:
            found = read_profile(con, amperity_id, database_named(load_tenant(root), database))
    if as_json:
        print(json.dumps(found.as_json(), indent=1, default=str))
    else:
        render_profile(found, out)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The new tenant folder.", metavar="DIR")],
    name: Annotated[
        str | None, typer.Option(help="The brand's name. Default: the folder's name.")
    ] = None,
) -> None:
    """Start a tenant: commented YAML with all defaults, empty folders, an example feed. Asks nothing, overwrites nothing."""
    from c360_assets.tenant.init_tenant import init_tenant

    with _told_errors():
        for path in init_tenant(folder.resolve(), name):
            out.print(f"wrote {short_path(path)}")
    out.print(f"\nNext: drop a file into {short_path(folder.resolve())}/landing/, then")
    out.print(
        f"  c360 feed suggest FILE > {short_path(folder.resolve())}/feeds/<source>/<feed>.yaml"
    )
    out.print(
        f"  c360 check --tenant {short_path(folder.resolve())}\n  c360 run --tenant {short_path(folder.resolve())}"
    )


@app.command()
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

    with _told_errors():
        if folder.exists() and any(folder.iterdir()):
            raise C360Error(f"{short_path(folder.resolve())} is not empty; give a new folder")
        generate_tenant(
            folder.resolve(), people=people, days=days, seed=seed, progress=_people_progress
        )
    out.print(
        f"wrote {short_path(folder.resolve())}; next: c360 run --tenant {short_path(folder.resolve())}"
    )


def _people_progress(done: int, everybody: int) -> None:
    err.print(f"{done:,} of {everybody:,} people", style="dim")


@feed_app.command("suggest")
def feed_suggest(
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

    with _told_errors():
        print(suggest_feed(file.resolve(), source, feed))


@feed_app.command("purge")
def feed_purge(
    feed: Annotated[str, typer.Argument(help="The feed, as `Source:Feed`.")],
    tenant: TenantOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also when files that the table was loaded from are gone.")
    ] = False,
) -> None:
    """Empty a feed's table, so that the next load reads all of its files again, as a changed key or type of a column needs.

    Refused while a file that it was loaded from is gone or has other content now, unless you say --yes: its rows would not come
    back. The published database stays as it is until the next run.
    """
    from c360_assets.ingest.landing import gone
    from c360_assets.ingest.load import purge
    from c360_assets.tenant.loader import load_tenant
    from c360_assets.warehouse.ledger import session_ledger
    from c360_assets.warehouse.lock import tenant_lock
    from c360_assets.warehouse.session import open_session

    with _told_errors():
        root = _root(tenant)
        loaded = load_tenant(root)
        found = loaded.feed(feed)
        if found is None:
            raise C360Error(
                f"no feed {feed}; there are {', '.join(sorted(f.name for f in loaded.feeds))}"
            )
        with (
            tenant_lock(root, "`c360 feed purge`", err.print),
            open_session(root / "warehouse", loaded.config.timezone) as session,
        ):
            lost = [] if yes else gone(loaded, found, session_ledger(session))
            if lost:
                more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
                raise C360Error(
                    f"{found.name} was loaded from {lost[0]}{more}, which is gone or has other content now: its rows would not "
                    "come back; put it back into landing/, or say --yes"
                )
            purge(session, found)
            session.commit()
        out.print(
            f"emptied {found.name}; the next load reads all that is in landing/ again", markup=False
        )


@app.command()
def rollback(
    number: Annotated[
        int | None,
        typer.Argument(help="The kept database to publish again. Default: the one before."),
    ] = None,
    tenant: TenantOption = None,
    database: DatabaseOption = "customer_360",
) -> None:
    """Publish an earlier database again; the warehouse stays as it is, and the next run publishes its state.

    The one that is replaced is kept, by a number as the others. Repeated, it goes back one further each time.
    """
    from c360_assets.reporting.published import roll_back

    with _told_errors():
        done = roll_back(_root(tenant), number, database)
    out.print(f"published {short_path(done.path)} again, from number {done.number}")
    if done.replaced not in (None, done.number):
        out.print(
            f"what it replaced is kept as number {done.replaced}: `c360 rollback {done.replaced}` takes it back"
        )


@app.command()
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

    with _told_errors():
        results = send_all(_root(tenant), names or [], force=force)
    for sent in results.sent:
        told = ", ".join(f"{table} {rows:,}" for table, rows in sent.rows.items())
        out.print(f"{'has already' if sent.reused else 'sent to'} {sent.name}: {told}")
    for failure in results.failures:
        err.print(f"✗ {failure}", style="red", markup=False)
    raise typer.Exit(1 if results.failures else 0)


@app.command()
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
    """Show the rows and people that a new build adds, drops and changes, column by column. Writes nothing.

    Examples: `c360 diff` before publishing; `c360 diff 3 published` afterwards, against the kept database number 3.
    """
    from c360_assets.reporting.diff import as_json as listed
    from c360_assets.reporting.diff import database_diff, render_diff

    with _told_errors():
        found = database_diff(
            _root(tenant), first, second, as_of=as_of.date() if as_of else None, database=database
        )
    if as_json:
        print(json.dumps(listed(found), indent=1))
    else:
        render_diff(found, first, second, out)


@database_app.command("preview")
def database_preview(
    table: Annotated[
        str,
        typer.Argument(
            help="A table of `database/drafts/`, `database/`, or a shipped one.", metavar="TABLE"
        ),
    ],
    tenant: TenantOption = None,
    rows: Annotated[int, typer.Option(min=0, max=1000, help="Rows of the sample.")] = 10,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=DATE_FORMATS, help="The date that windows end at."),
    ] = None,
    database: DatabaseOption = "customer_360",
    as_json: JsonOption = False,
) -> None:
    """Show a table as it would be built: a sample, its rows, its columns against the published ones. Writes nothing."""
    from c360_assets.reporting.preview import preview_table, render_preview

    with _told_errors():
        found = preview_table(
            _root(tenant),
            table,
            as_of=as_of.date() if as_of else None,
            rows=rows,
            database=database,
        )
    if as_json:
        print(json.dumps(found.as_json(), indent=1, default=str))
    else:
        render_preview(found, out)


@database_app.command("history")
def database_history(
    tenant: TenantOption = None,
    database: DatabaseOption = "customer_360",
    as_json: JsonOption = False,
) -> None:
    """List what is published and the earlier databases that are kept, with their numbers for `rollback`, `diff`, `sql --kept`."""
    from c360_assets.reporting.history import render_versions, versions

    with _told_errors():
        found = versions(_root(tenant), database)
    if as_json:
        print(json.dumps([version.as_json() for version in found], indent=1, default=str))
    else:
        render_versions(found, out)


@app.command()
def ui(
    tenant: TenantOption = None,
    port: Annotated[int, typer.Option(help="The port of the web server.")] = 3000,
) -> None:
    """Start Dagster with its daemon, reachable from this machine only. Stop it with Ctrl-C."""
    with _told_errors():
        root = _root(tenant)
        prepare_home(root)
        from c360_assets.automation.runs import open_instance
        from c360_assets.automation.ui_command import ui_command

        with open_instance():  # a first start makes the instance here, before the web server and the daemon open it at once
            pass
        command = ui_command(port)
        out.print(f"Dagster for {short_path(root)} on http://127.0.0.1:{port} — stop with Ctrl-C")
        # A script's background job ignores SIGINT, and Dagster gives SIGTERM the same treatment: it could not be stopped.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(command[0], command)


def main() -> None:
    """Entry point of the `c360` command."""
    app()


if __name__ == "__main__":
    main()
