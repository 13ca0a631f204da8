"""The one Definitions object of a tenant: assets and their
checks, jobs, sensors, schedules, resources.

Everything comes from the tenant's declarations; this module only puts it together. A configuration
error stops loading, and its text (file, line, key, remedy) is what the UI shows as the error of the
code location: with a broken declaration nothing may run on a schedule as if it were whole.
"""

from __future__ import annotations

import warnings

# Before the imports, which make a good part of all objects.
from c360_assets.collector import collect_seldom

collect_seldom()

import dagster as dg

from c360_assets.assets.domain_tables import feed_assets
from c360_assets.assets.privacy import privacy_assets
from c360_assets.assets.recipe_assets import recipe_assets
from c360_assets.assets.resources import tenant_resources
from c360_assets.automation.freshness import with_freshness
from c360_assets.automation.instance import require_home, tenant_root
from c360_assets.automation.jobs import jobs
from c360_assets.automation.schedules import schedules
from c360_assets.automation.sensors import sensors
from c360_assets.configuration import load_tenant
from c360_assets.recipes import recipes
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.kept_answers import keep_answers


def build(tenant: Tenant) -> dg.Definitions:
    """The definitions of a tenant."""
    made = recipe_assets(tenant, recipes(tenant))
    with warnings.catch_warnings():
        # A range of delivery days in one run needs the single-run backfill policy, whose interface
        # is marked as beta.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = with_freshness(tenant, [*feed_assets(tenant), *made.assets])
        assets += privacy_assets(tenant)
    return dg.Definitions(
        assets=assets,
        asset_checks=made.checks,
        jobs=jobs(tenant),
        sensors=sensors(tenant),
        schedules=schedules(tenant),
        resources=tenant_resources(tenant),
        loggers={"console": dg.colored_console_logger},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the tenant that this process works on.

    Read when Dagster loads the code location. Raises C360Error where the Dagster home does not keep
    what a tenant relies on, or there is none.
    """
    require_home(tenant_root())
    keep_answers(tenant_root(), grows=True)
    return build(load_tenant(tenant_root()))
