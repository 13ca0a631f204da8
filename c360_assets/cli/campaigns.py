"""The verbs of campaigns: what a send would do, send, what it brought, make a past list again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from c360_assets.cli.options import JsonOption, TenantOption, tenant_folder
from c360_assets.cli.output import err, out, print_failures, print_json, reported_errors

CampaignArgument = Annotated[
    str,
    typer.Argument(help="A campaign: its file in campaigns/ without the ending.", metavar="NAME"),
]


def preview(
    name: CampaignArgument, tenant: TenantOption = None, as_json: JsonOption = False
) -> None:
    """Say what a send would do: everybody in the audience in one count, attributes that are
    missing, and the smallest lift that groups of this size can show. Writes nothing."""
    from c360_assets.reporting.campaigns import preview_campaign, render_preview

    with reported_errors():
        shown = preview_campaign(tenant_folder(tenant), name)
    if as_json:
        print_json(shown)
    else:
        render_preview(shown, out)


def send(
    name: CampaignArgument,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a campaign to its receivers.

    First what has landed of the feeds behind the consent is loaded: whose consent was withdrawn is
    not sent. Where one of them cannot be loaded, nothing is sent. A send that was killed goes on
    under its number, and nobody is delivered twice.
    """
    from c360_assets.cli.consent_load import load_consent
    from c360_assets.reporting.campaigns import render_sent, render_unread, send_now

    with reported_errors():
        root = tenant_folder(tenant)
        load_consent(root, name, err)
        done = send_now(root, [name])
    if as_json:
        print_json(done)
    else:
        for one in done.sent:
            render_sent(one, out)
        render_unread(done.unread, out)
    print_failures(done.failures)
    raise typer.Exit(1 if done.failures else 0)


def results(
    name: CampaignArgument,
    tenant: TenantOption = None,
    days: Annotated[int, typer.Option(min=1, help="Days in which orders count.")] = 7,
    as_json: JsonOption = False,
) -> None:
    """Compare who was sent with who was held out: purchasers, conversion, revenue, what came on
    top, each with a 95 % interval."""
    from c360_assets.reporting.campaigns import campaign_results, render_results

    with reported_errors():
        found = campaign_results(tenant_folder(tenant), name, days)
    if as_json:
        print_json(found)
    else:
        render_results(found, out)


def replay(
    name: CampaignArgument,
    delivery: Annotated[int, typer.Argument(help="The number of the delivery.")],
    tenant: TenantOption = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write the lists into this folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a past list again from the database that is kept, and say whether it is byte for byte as
    it was sent."""
    from c360_assets.reporting.campaigns import render_replayed, replay_campaign

    with reported_errors():
        found = replay_campaign(tenant_folder(tenant), name, delivery, to)
    if as_json:
        print_json(found)
    else:
        render_replayed(found, out)
    raise typer.Exit(0 if all(one.is_same for one in found) else 1)
