"""The jobs: which assets are made current together.

What an asset does belongs to `assets`, when a job runs to the sensors and the schedule.
"""

from __future__ import annotations

import dagster as dg

from c360_assets.customer_360.publication.publish import STAGE as ACTIVATION
from c360_assets.customer_360.tables.build import STAGE as DATABASE_TABLES
from c360_assets.ingest.day_feeds import day_feeds
from c360_assets.ingest.personal_columns import request_tables
from c360_assets.recipes import recipes
from c360_assets.run_tags import ACTIVATE, DAY, LOAD, PRIVACY, PRIVACY_JOB, STITCH, VALIDATE
from c360_assets.segments.table_names import STAGE as SEGMENTS
from c360_assets.tenant.models import FeedConfig, SourceTable, Tenant
from c360_assets.tenant.remembered import once_per_tenant
from c360_assets.validations.run import report_tables, validation_table
from c360_assets.validations.summary import SUMMARY_TABLES


def load_keys(tenant: Tenant, feed: FeedConfig) -> list[dg.AssetKey]:
    """What a landed file of a feed changes at once: its domain table and the reports on it."""
    keys = [dg.AssetKey(["domain", feed.physical])]
    table = _tables_with_reports(tenant).get(feed.physical)
    if table is not None:
        keys.append(dg.AssetKey(validation_table(table).split("/")))
    return keys


@once_per_tenant
def _tables_with_reports(tenant: Tenant) -> dict[str, SourceTable]:
    return {table.physical: table for table in report_tables(tenant)}


def summary_keys(tenant: Tenant) -> list[dg.AssetKey]:
    """The reports' summary and page over all tables."""
    return [dg.AssetKey(name) for name in SUMMARY_TABLES] if report_tables(tenant) else []


def whole_steps(definitions: dg.Definitions, keys: set[dg.AssetKey]) -> list[dg.AssetKey]:
    """The keys of every asset of each step that computes one of `keys`, sorted.

    Dagster runs a step whole, so a selection must name all of its assets.
    """
    computed: set[dg.AssetKey] = set()
    for step in definitions.assets or []:
        if isinstance(step, dg.AssetsDefinition) and not keys.isdisjoint(step.keys):
            computed |= set(step.keys)
    return sorted(computed)


def stage_keys(tenant: Tenant, *stages: str) -> list[dg.AssetKey]:
    """All that the recipes of `stages` make, whatever groups Dagster shows it in."""
    keys: list[dg.AssetKey] = []
    for recipe in recipes(tenant):
        if recipe.stage in stages:
            keys += [dg.AssetKey(name.split("/")) for name in recipe.assets]
    return keys


def jobs(tenant: Tenant) -> list[dg.UnresolvedAssetJobDefinition]:
    """All jobs of a tenant. `load` is partitioned by delivery day, the others are not.

    None has checks as steps of their own: they are answered by the steps that make tables.
    """
    feeds = [key for feed in tenant.feeds for key in load_keys(tenant, feed)]
    custom_tables = [dg.AssetKey(["domain", table.physical]) for table in tenant.custom_tables]
    load = dg.AssetSelection.assets(*feeds, *summary_keys(tenant))
    custom = dg.AssetSelection.assets(*custom_tables)
    reports = custom | dg.AssetSelection.groups("input_validations")
    stitch = reports | dg.AssetSelection.groups("stitch")
    # Of feeds that Stitch does not depend on, later files set off no Stitch: what is made of them
    # is made current here.
    beside = [dg.AssetKey(["domain", t.physical]) for t in day_feeds(tenant).beside_stitch]
    database = dg.AssetSelection.assets(*stage_keys(tenant, DATABASE_TABLES, SEGMENTS, ACTIVATION))
    activate = database | dg.AssetSelection.assets(*beside)
    # Whatever stages there are, but what landed files change.
    domain_tables = [dg.AssetKey(["domain", feed.physical]) for feed in tenant.feeds]
    everything = dg.AssetSelection.all() - dg.AssetSelection.assets(*domain_tables)
    # Requests of people are carried out on a schedule of their own, with no other step beside.
    has_requests = bool(request_tables(tenant))
    requests = dg.AssetSelection.assets(dg.AssetKey(PRIVACY))
    if has_requests:
        everything -= requests
    loads = dg.define_asset_job(
        LOAD,
        load.without_checks(),
        description=(
            "Load landed files into the domain tables of feeds, by delivery day, and report on "
            "them."
        ),
    )
    others = [
        dg.define_asset_job(
            VALIDATE,
            reports.without_checks(),
            description="Custom domain tables and input validation reports, without Stitch.",
        ),
        dg.define_asset_job(
            STITCH,
            stitch.without_checks(),
            description="Custom domain tables, input validation reports, Stitch and its tables.",
        ),
        dg.define_asset_job(
            ACTIVATE,
            activate.without_checks(),
            description="Customer 360 tables and the published database.",
        ),
        dg.define_asset_job(
            DAY,
            everything.without_checks(),
            description="Everything after loading, up to the published database, in one run.",
        ),
    ]
    if has_requests:
        description = "Requests of people: delete, delete_pii and dsar."
        others.append(dg.define_asset_job(PRIVACY_JOB, requests, description=description))
    return [loads, *others] if tenant.feeds else others
