"""The verb `watch`: whether the service is alive, asked from outside of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from c360_assets.cli.options import JsonOption, TenantOption, tenant_folder
from c360_assets.cli.output import out, print_failures, print_json, reported_errors


def watch(
    tenant: TenantOption = None,
    tick_within: Annotated[
        str, typer.Option(help="How long sensors may be silent.", metavar="SPAN")
    ] = "10m",
    publish_within: Annotated[
        str,
        typer.Option(
            help="How long after its time in workflow.yaml a publication may be done.",
            metavar="SPAN",
        ),
    ] = "2h",
    as_json: JsonOption = False,
) -> None:
    """Look whether the service ticks, is switched on and has published in time; if not, raise
    alerts and exit with 1.

    For cron, so that a service that is down is told of by something that is not.

    Example, every ten minutes: `*/10 * * * * c360 watch --tenant /srv/brand`
    """
    from c360_assets.automation.watch import watch as watch_tenant
    from c360_assets.configuration import load_tenant
    from c360_assets.tenant.local_time import now

    with reported_errors():
        within = [_span("--tick-within", tick_within), _span("--publish-within", publish_within)]
        loaded = load_tenant(tenant_folder(tenant))
        seen = watch_tenant(loaded, now(loaded), *within)
    if as_json:
        print_json(seen)
    else:
        for line in seen.well:
            out.print(line, markup=False, soft_wrap=True)
        print_failures(alert.message for alert in seen.alerts)
    raise typer.Exit(1 if seen.alerts else 0)


def _span(option: str, text: str) -> timedelta:
    from c360_assets.tenant.durations import duration

    try:
        return duration(text)
    except ValueError:
        raise typer.BadParameter(f"{option} must be a span such as 10m or 2h") from None
