"""The command line `c360`: its verbs in the order that `--help` lists them.

Each verb reads the tenant, calls one function of a room below and prints; the modules here group
them. Work that Dagster should know of is run through `automation`. Heavy imports happen inside the
verb that needs them, so that `--help` and short verbs answer at once.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from c360_assets.cli import campaigns, segments
from c360_assets.cli.configuration import check
from c360_assets.cli.databases import diff, history, preview, rollback, scaffold, send
from c360_assets.cli.ending import end_at_once, open_closed_streams, print_any_sign
from c360_assets.cli.feeds import purge, suggest
from c360_assets.cli.options import TenantOption
from c360_assets.cli.output import reported_errors
from c360_assets.cli.privacy import allow, dsar, forget, requests, retry, rotate_key
from c360_assets.cli.privacy import status as privacy_status
from c360_assets.cli.questions import explain, find, profile, sql, status
from c360_assets.cli.review import review
from c360_assets.cli.runs import activate, load, run, stitch, validate
from c360_assets.cli.service import code, daemon, web
from c360_assets.cli.storage import copy, move, remove, restore, tidy
from c360_assets.cli.tags import tags
from c360_assets.cli.tenants import demo, init
from c360_assets.cli.watch import watch
from c360_assets.cli.web import ui
from c360_assets.collector import collect_seldom
from c360_assets.reporting.terminal import print_traceback

app = typer.Typer(
    name="c360",
    help="An open customer 360 platform: landed files in, one row per person out.\n\n"
    "The usual day is `c360 run`. "
    "A new tenant: `c360 init DIR`, `c360 feed suggest FILE`, `c360 check`, `c360 run`.\n"
    "`c360 VERB --help` explains a verb and shows an example.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(f"c360 {version('c360-assets')}")
        raise typer.Exit


@app.callback()
def _every_verb(
    tenant: TenantOption = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Options that may stand before the verb."""
    if tenant is not None:
        os.environ["C360_TENANT_DIR"] = str(tenant.resolve())


for verb in (
    check,
    run,
    load,
    validate,
    stitch,
    activate,
    status,
    sql,
    find,
    profile,
    explain,
    review,
    tags,
    init,
    demo,
    rollback,
    send,
    diff,
    tidy,
    forget,
    dsar,
    ui,
    watch,
):
    app.command()(verb)

feed_app = typer.Typer(
    help="Work on feeds: `c360 feed suggest FILE` proposes one from a sample, "
    "`c360 feed purge FEED` empties its table.",
    no_args_is_help=True,
)
feed_app.command()(suggest)
feed_app.command()(purge)
app.add_typer(feed_app, name="feed")

database_app = typer.Typer(
    help="Tables of the database before they are built, and its earlier versions.",
    no_args_is_help=True,
)
database_app.command()(preview)
database_app.command()(history)
database_app.command()(scaffold)
app.add_typer(database_app, name="database")

warehouse_app = typer.Typer(
    help="Where the tables are: `c360 warehouse move` takes them to a bucket and back, `copy` and "
    "`restore` keep a copy of a bucket, `remove` removes those that the settings no longer have.",
    no_args_is_help=True,
)
warehouse_app.command()(move)
warehouse_app.command()(remove)
warehouse_app.command()(copy)
warehouse_app.command()(restore)
app.add_typer(warehouse_app, name="warehouse")

privacy_app = typer.Typer(
    help="What was forgotten and is held: receipts, open requests, stores of personal values.",
    no_args_is_help=True,
)
privacy_app.command("status")(privacy_status)
privacy_app.command()(requests)
privacy_app.command()(allow)
privacy_app.command()(retry)
privacy_app.command()(rotate_key)
app.add_typer(privacy_app, name="privacy")


service_app = typer.Typer(
    help="The processes of a service, one each in the foreground, for compose or systemd: "
    "docs/production.md.",
    no_args_is_help=True,
)
service_app.command()(code)
service_app.command()(web)
service_app.command()(daemon)
app.add_typer(service_app, name="service")

segment_app = typer.Typer(
    help="Segments: groups of people by the conditions in segments/NAME.yaml.",
    no_args_is_help=True,
)
segment_app.command("list")(segments.list_verb)
for segment_verb in (
    segments.show,
    segments.size,
    segments.sql,
    segments.diff,
    segments.overlap,
    segments.history,
    segments.page,
):
    segment_app.command()(segment_verb)
app.add_typer(segment_app, name="segment")

campaign_app = typer.Typer(
    help="Campaigns: what campaigns/NAME.yaml sends to whom, and what it brought.",
    no_args_is_help=True,
)
for campaign_verb in (campaigns.preview, campaigns.send, campaigns.results, campaigns.replay):
    campaign_app.command()(campaign_verb)
app.add_typer(campaign_app, name="campaign")


def main() -> None:
    """Entry point of the `c360` command."""
    sys.excepthook = print_traceback
    open_closed_streams()
    print_any_sign()
    collect_seldom()
    try:
        with reported_errors():
            app()
    except SystemExit as ended:
        end_at_once(ended.code)
        raise
    except typer.Exit as ended:
        end_at_once(ended.exit_code)
        sys.exit(ended.exit_code)
