"""The jobs: which assets are made current together. What an asset does belongs to `assets`, when a job runs to the sensors."""

from __future__ import annotations

import dagster as dg

from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.validations.reports import reports_for
from c360_assets.validations.run import validation_table

LOAD = "load"
STITCH = "refresh_stitch"
ACTIVATE = "activate"
DAY = "refresh_and_activate"


def load_keys(tenant: Tenant, feed: FeedConfig) -> list[dg.AssetKey]:
    """What a landed file of a feed changes at once: its domain table and the reports on it."""
    table = next(t for t in tenant.tables if t.physical == feed.physical)
    reports = reports_for(table, tenant.config.extra_validations)
    path = validation_table(table).split("/")
    own = [dg.AssetKey(path), *(dg.AssetKey([*path, r.table]) for r in reports)] if reports else []
    return [dg.AssetKey(["domain", feed.physical]), *own]


def jobs(tenant: Tenant) -> list[dg.UnresolvedAssetJobDefinition]:
    """All jobs of a tenant. `load` is partitioned by delivery day, the others are not."""
    load = dg.AssetSelection.assets(*[key for f in tenant.feeds for key in load_keys(tenant, f)])
    custom = dg.AssetSelection.assets(*[dg.AssetKey(["domain", c.physical]) for c in tenant.custom_tables])
    stitch = custom | dg.AssetSelection.groups("input_validations", "stitch")
    activate = dg.AssetSelection.groups("customer_360", "activation")
    wanted = [
        (LOAD, load, "Load landed files into the domain tables of feeds, by delivery day, and report on them."),
        (STITCH, stitch, "Custom domain tables, input validation reports, Stitch and its tables."),
        (ACTIVATE, activate, "Customer 360 tables and the published database."),
        (DAY, stitch | activate, "Everything after loading, up to the published database, in one run."),
    ]
    if not tenant.feeds:
        wanted = wanted[1:]
    return [dg.define_asset_job(name, selection, description=text) for name, selection, text in wanted]
