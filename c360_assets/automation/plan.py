"""What a verb of the command line has to make: the recipes of its stages that are not current.

A step that is current is skipped instead of stepped through, so that a run with nothing new ends at
once. Whether something is current is decided by `warehouse.recipe`, what a step does when it runs
belongs to `assets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from c360_assets.customer_360.publication.publish import DATABASE
from c360_assets.customer_360.publication.publish import STAGE as ACTIVATION
from c360_assets.customer_360.tables.build import STAGE as DATABASE_TABLES
from c360_assets.ingest.custom_runs import STAGE as CUSTOM_TABLES
from c360_assets.recipes import recipes
from c360_assets.segments.table_names import STAGE as SEGMENTS
from c360_assets.stitch.tenant_run import STAGE as STITCH
from c360_assets.tenant.models import Tenant
from c360_assets.validations.run import STAGE as REPORTS
from c360_assets.warehouse import recipe as making
from c360_assets.warehouse.recipe import Plan
from c360_assets.warehouse.session import Session

# Verb -> the stages of its recipes; None: every stage.
STAGES: Mapping[str, tuple[str, ...] | None] = {
    "load": (),
    "validate": (CUSTOM_TABLES, REPORTS),
    "stitch": (CUSTOM_TABLES, STITCH),
    "activate": (DATABASE_TABLES, SEGMENTS, ACTIVATION),
    "run": None,
}


def plan(session: Session, tenant: Tenant, verb: str, as_of: date, *, force: bool = False) -> Plan:
    """What the verb has to make, and which of its tables are current.

    `force` calls nothing current.
    """
    stages = STAGES[verb]
    chosen = [recipe for recipe in recipes(tenant) if stages is None or recipe.stage in stages]
    return making.plan(session, chosen, as_of, force=force)


def not_current_before(session: Session, tenant: Tenant, verb: str, as_of: date) -> list[str]:
    """What an activation alone takes as it stands though it is not current: custom domain tables,
    and Stitch; nothing of other verbs."""
    if verb != "activate":
        return []
    earlier = [recipe for recipe in recipes(tenant) if recipe.stage in (CUSTOM_TABLES, STITCH)]
    planned = making.plan(session, earlier, as_of)
    stale = [recipe for recipe in earlier if planned.touches(recipe.tables)]
    custom = [recipe for recipe in stale if recipe.stage == CUSTOM_TABLES]
    names = [table.rpartition("/")[2] for recipe in custom for table in recipe.tables]
    return [*names, "Stitch"] if len(stale) > len(custom) else names


def matches(verb: str) -> bool:
    """Whether the verb may match records."""
    stages = STAGES[verb]
    return stages is None or STITCH in stages


def computes_tables(tenant: Tenant, verb: str) -> bool:
    """Whether the verb may compute SQL of tables on a cluster."""
    stages, engine = STAGES[verb], tenant.config.engine
    may_compute = engine.computes_tables and (stages is None or DATABASE_TABLES in stages)
    has_custom = engine.computes_tenants_sql and bool(tenant.custom_tables)
    return may_compute or (has_custom and (stages is None or CUSTOM_TABLES in stages))


def publishes(planned: Plan) -> bool:
    """Whether a database is to be published."""
    return any(output.rsplit("/", 1)[-1] == DATABASE for output in planned.outputs)
