"""The jobs: which assets are made current together. What an asset does belongs to `assets`, when a job runs to the sensors."""

from __future__ import annotations

import dagster as dg

from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.validations.run import report_tables, validation_table
from c360_assets.validations.summary import SUMMARY_TABLES

LOAD = "load"
VALIDATE = "validate"
STITCH = "refresh_stitch"
ACTIVATE = "activate"
DAY = "refresh_and_activate"


def load_keys(tenant: Tenant, feed: FeedConfig) -> list[dg.AssetKey]:
    """What a landed file of a feed changes at once: its domain table and the reports on it."""
    table = next(t for t in tenant.tables if t.physical == feed.physical)
    reports = (
        [dg.AssetKey(validation_table(table).split("/"))] if table in report_tables(tenant) else []
    )
    return [dg.AssetKey(["domain", feed.physical]), *reports]


def summary_keys(tenant: Tenant) -> list[dg.AssetKey]:
    """The reports' summary and page over all tables."""
    return [dg.AssetKey(name) for name in SUMMARY_TABLES] if report_tables(tenant) else []


def jobs(tenant: Tenant) -> list[dg.UnresolvedAssetJobDefinition]:
    """All jobs of a tenant. `load` is partitioned by delivery day, the others are not."""
    load = dg.AssetSelection.assets(
        *[key for f in tenant.feeds for key in load_keys(tenant, f)], *summary_keys(tenant)
    )
    custom = dg.AssetSelection.assets(
        *[dg.AssetKey(["domain", c.physical]) for c in tenant.custom_tables]
    )
    reports = custom | dg.AssetSelection.groups("input_validations")
    stitch = reports | dg.AssetSelection.groups("stitch")
    activate = dg.AssetSelection.groups("customer_360", "activation")
    # Whatever stages there are, but what landed files change.
    feeds = [dg.AssetKey(["domain", feed.physical]) for feed in tenant.feeds]
    everything = dg.AssetSelection.all() - dg.AssetSelection.assets(*feeds)
    wanted = [
        (
            LOAD,
            load,
            "Load landed files into the domain tables of feeds, by delivery day, and report on them.",
        ),
        (VALIDATE, reports, "Custom domain tables and input validation reports, without Stitch."),
        (STITCH, stitch, "Custom domain tables, input validation reports, Stitch and its tables."),
        (ACTIVATE, activate, "Customer 360 tables and the published database."),
        (
            DAY,
            everything,
            "Everything after loading, up to the published database, in one run.",
        ),
    ]
    if not tenant.feeds:
        wanted = wanted[1:]
    return [
        dg.define_asset_job(name, selection, description=text) for name, selection, text in wanted
    ]
