"""Loads, before a campaign is sent, what has landed of the feeds behind its consent."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from c360_assets.errors import C360Error


def load_consent(root: Path, name: str, console: Console) -> None:
    """Raises C360Error where a feed cannot be loaded: then nobody knows who has withdrawn."""
    from c360_assets.automation.run_command import DayOptions, run_day
    from c360_assets.cli.runs import _definitions
    from c360_assets.configuration import load_tenant
    from c360_assets.reporting.progress import Reporter
    from c360_assets.segments.audience import campaign_named
    from c360_assets.segments.consent_feeds import consent_feeds

    tenant = load_tenant(root)
    gate = campaign_named(tenant, name).gate
    feeds = consent_feeds(tenant, gate.table) if gate is not None else []
    if not feeds:
        return
    with Reporter(console) as reporter:
        summary = run_day(root, DayOptions(stage="load", feeds=feeds), reporter, _definitions)
    if summary.report.failures:
        reasons = "; ".join(summary.report.failures)
        raise C360Error(
            f"campaign {name} is not sent: consent comes from {', '.join(feeds)}, and {reasons}"
        )
