"""When an asset is too old: by the rhythm of its feed, or by the clock of the activation.

Dagster shows it as the freshness of the asset, and starts nothing for it. What a day waits for
belongs to `readiness`, what is due to `due_stages`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise

import dagster as dg
from croniter import croniter

from c360_assets.automation.readiness import workflow
from c360_assets.customer_360.publication.publish import PublishDatabase
from c360_assets.recipes import recipes
from c360_assets.stitch.tenant_run import STAGE as STITCH
from c360_assets.tenant.durations import duration, rhythm_days
from c360_assets.tenant.models import FeedConfig, Tenant

# How late an activation may be done, and a delivery come that no `wait` is given for.
GRACE = timedelta(hours=2)
DAY = timedelta(days=1)
LOOKED_AT_TICKS = 400  # more than a year of a daily line


def freshness_policies(tenant: Tenant) -> dict[dg.AssetKey, dg.FreshnessPolicy]:
    """The policies of those assets that a day expects: required feeds, Stitch, databases.

    None where figures stand at the last delivery: nothing is expected of such a tenant today, and
    all of it would be shown as overdue.
    """
    if tenant.config.as_of == "last_delivery":
        return {}
    policies: dict[dg.AssetKey, dg.FreshnessPolicy] = {}
    for feed in tenant.feeds:
        if workflow(tenant, feed).required and not feed.files.optional:
            policies[dg.AssetKey(["domain", feed.physical])] = delivery_policy(tenant, feed)
    activation = activation_policy(tenant)
    for name in _activated(tenant):
        policies[dg.AssetKey(name.split("/"))] = activation
    return policies


def with_freshness(tenant: Tenant, assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets with their policies."""
    policies = freshness_policies(tenant)

    def policed(spec: dg.AssetSpec) -> dg.AssetSpec:
        policy = policies.get(spec.key)
        return spec if policy is None else spec.replace_attributes(freshness_policy=policy)

    return [asset.map_asset_specs(policed) for asset in assets]


def delivery_policy(tenant: Tenant, feed: FeedConfig) -> dg.FreshnessPolicy:
    """Warns once a delivery is waited for no longer, fails once two are.

    `offset` does not count: it says which day's files come, not when they do. Days on which
    nothing is activated, such as those of a weekend, are none on which a delivery is waited for.
    """
    expected = workflow(tenant, feed)
    rhythm = timedelta(days=rhythm_days(expected.every))
    wait = GRACE if expected.wait is None else duration(expected.wait)
    overdue = max(rhythm, max(_gaps(tenant.workflow.activation.cron))) + wait
    return dg.FreshnessPolicy.time_window(fail_window=overdue + rhythm, warn_window=overdue)


def activation_policy(tenant: Tenant) -> dg.FreshnessPolicy:
    """Fails where an activation was not done on its day by `GRACE` after its time.

    Of a line with several times a day, or one near its end, only that the times before the last one
    were missed is known.
    """
    cron = tenant.workflow.activation.cron
    minute, hour, *days = cron.split()
    is_daily = minute.isdecimal() and hour.isdecimal()
    since_midnight = timedelta(hours=int(hour), minutes=int(minute)) if is_daily else DAY
    if since_midnight + GRACE < DAY:
        since_midnight += GRACE
        late_hour = since_midnight // timedelta(hours=1)
        deadline = " ".join([minute, str(late_hour), *days])
        window = since_midnight
    else:
        deadline = cron
        window = min(DAY, *_gaps(cron))
    return dg.FreshnessPolicy.cron(deadline, window, timezone=tenant.config.timezone)


@cache  # asked once for each feed, and croniter takes its time
def _gaps(cron: str) -> tuple[timedelta, ...]:
    """The times between two ticks."""
    ticks = croniter(cron, datetime(2024, 1, 1))
    times = [ticks.get_next(datetime) for _ in range(LOOKED_AT_TICKS)]
    return tuple(later - earlier for earlier, later in pairwise(times))


def _activated(tenant: Tenant) -> list[str]:
    """What an activation makes or asks for: the tables of Stitch, and the published files."""
    names: list[str] = []
    for recipe in recipes(tenant):
        if recipe.stage == STITCH:
            names += recipe.assets
        elif isinstance(recipe, PublishDatabase):
            names += recipe.outputs
    return names
