"""Recipes as Dagster assets: one factory for every stage after load.

A step of Dagster makes the recipes of one step current, in their order. What a recipe computes
belongs to its room; what the UI shows of one beyond its table's columns to a `Display` of its kind,
in the modules beside this one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import dagster as dg

from c360_assets.assets.activation import DestinationDisplay, PublicationDisplay
from c360_assets.assets.customer_360 import DatabaseTableDisplay
from c360_assets.assets.display import Display, Shown
from c360_assets.assets.domain_tables import CustomTableDisplay
from c360_assets.assets.input_validations import SummaryDisplay, TableReportsDisplay
from c360_assets.assets.resources import WarehouseResource, as_of_date, forced, refitted
from c360_assets.assets.stitch import StitchDisplay, StitchedTableDisplay
from c360_assets.customer_360.destinations import SendDestination
from c360_assets.customer_360.publication.publish import PublishDatabase
from c360_assets.customer_360.tables.build import DatabaseTable
from c360_assets.errors import C360Error
from c360_assets.ingest.custom_runs import CustomDomainTable
from c360_assets.ingest.load import ensure_table
from c360_assets.run_tags import RUN_TAG
from c360_assets.stitch.tenant_run import StitchedDomainTable, StitchTables
from c360_assets.tenant.models import Tenant
from c360_assets.validations.run import TableReports
from c360_assets.validations.summary import ReportSummary
from c360_assets.warehouse.recipe import Recipe, RunContext, make_current
from c360_assets.warehouse.session import Session

# The tag that a run has -> who asked for it.
TRIGGERS = {
    "dagster/schedule_name": "schedule",
    "dagster/sensor_name": "sensor",
    RUN_TAG: "cli",
}
# Kind of recipe -> what shows more of it than its tables with their columns, row counts and
# digests.
DISPLAYS: Mapping[type[Recipe], type[Display]] = {
    CustomDomainTable: CustomTableDisplay,
    TableReports: TableReportsDisplay,
    ReportSummary: SummaryDisplay,
    StitchTables: StitchDisplay,
    StitchedDomainTable: StitchedTableDisplay,
    DatabaseTable: DatabaseTableDisplay,
    PublishDatabase: PublicationDisplay,
    SendDestination: DestinationDisplay,
}


def recipe_assets(tenant: Tenant, recipes: Sequence[Recipe]) -> list[dg.AssetsDefinition]:
    """One definition per step of the recipes, in their order."""
    steps: dict[str, list[Recipe]] = {}
    for recipe in recipes:
        steps.setdefault(recipe.step, []).append(recipe)
    return [_step(tenant, name, of_step) for name, of_step in steps.items()]


def _step(tenant: Tenant, name: str, recipes: Sequence[Recipe]) -> dg.AssetsDefinition:
    displays = [DISPLAYS.get(type(recipe), Display)(tenant, recipe) for recipe in recipes]

    @dg.multi_asset(
        name=name,
        specs=[spec for display in displays for spec in display.specs()],
        check_specs=[check for display in displays for check in display.checks()],
        group_name=recipes[0].stage,
        can_subset=False,
    )
    def step(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[Shown]:
        with warehouse.session(context) as session:
            _ensure_inputs(session, tenant, recipes)
            run = _run_context(context, tenant, session)
            yield from _turns(session, displays, run, context.log.warning)

    return step


def _turns(
    session: Session,
    displays: Sequence[Display],
    run: RunContext,
    warn: Callable[[str], None],
) -> Iterator[Shown]:
    """The turns of the recipes of one step.

    What is made from one that failed has none; the others are not kept from theirs.

    Raises C360Error with what failed, at the end.
    """
    failures: list[str] = []
    missing: set[str] = set()
    for display in displays:
        recipe = display.recipe
        if not missing.isdisjoint(recipe.reads):
            missing.update(recipe.assets)
            continue
        try:
            outcome = make_current(session, recipe, run)
        except C360Error as error:
            missing.update(recipe.assets)
            failures.append(f"{recipe.label}: {error}" if recipe.label else str(error))
            continue
        for warning in outcome.warnings:
            warn(warning)
        yield from display.results(session, outcome)
    if failures:
        raise C360Error("; ".join(failures))


def _ensure_inputs(session: Session, tenant: Tenant, recipes: Sequence[Recipe]) -> None:
    """Give every feed's table the declared columns: empty where it was never loaded, new columns
    NULL where it was.
    """
    reads = {name for recipe in recipes for name in recipe.reads}
    if any(name.startswith("domain/") for name in reads):
        for feed in tenant.feeds:
            ensure_table(session, feed)


def _run_context(context: dg.AssetExecutionContext, tenant: Tenant, session: Session) -> RunContext:
    """What the run asks for, and who asked, by the tags of Dagster and the command line."""
    tags = context.run.tags
    trigger = next((who for tag, who in TRIGGERS.items() if tag in tags), "ui")
    return RunContext(
        as_of=as_of_date(tenant, context, session.warehouse),
        force=forced(context),
        refit=refitted(context),
        trigger=trigger,
        progress=context.log.info,
    )
