"""Recipes as Dagster assets: one factory for every stage after load.

A step of Dagster makes the recipes of one step current, in their order. What a recipe computes
belongs to its room; what the UI shows of one beyond its table's columns to a `Display` of its kind,
in the modules beside this one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from c360_assets.assets.activation import DestinationDisplay, PublicationDisplay
from c360_assets.assets.customer_360 import DatabaseTableDisplay
from c360_assets.assets.display import Display
from c360_assets.assets.domain_tables import CustomTableDisplay
from c360_assets.assets.input_validations import SummaryDisplay, TableReportsDisplay
from c360_assets.assets.metadata import Result, asset_key
from c360_assets.assets.resources import (
    StepContext,
    WarehouseResource,
    as_of_date,
    forced,
    gives_new_ids,
    refitted,
)
from c360_assets.assets.segments import CampaignDisplay, SegmentsDisplay
from c360_assets.assets.stitch import StitchDisplay, StitchedTableDisplay
from c360_assets.customer_360.destinations import SendDestination
from c360_assets.customer_360.publication.publish import PublishDatabase
from c360_assets.customer_360.tables.build import DatabaseTable
from c360_assets.errors import C360Error
from c360_assets.ingest.custom_runs import CustomDomainTable
from c360_assets.ingest.domain_table import ensure_table
from c360_assets.run_tags import RUN_TAG
from c360_assets.segments.campaign_recipes import SendCampaign
from c360_assets.segments.recipe import ComputeSegments
from c360_assets.stitch.tenant_run import StitchedDomainTable, StitchTables
from c360_assets.tenant.models import Tenant
from c360_assets.validations.run import TableReports
from c360_assets.validations.summary import ReportSummary
from c360_assets.warehouse.recipe import CLI, Recipe, RunContext, make_current
from c360_assets.warehouse.session import Session

# The tag that a run has -> who asked for it.
TRIGGERS = {
    "dagster/schedule_name": "schedule",
    "dagster/sensor_name": "sensor",
    RUN_TAG: CLI,
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
    ComputeSegments: SegmentsDisplay,
    PublishDatabase: PublicationDisplay,
    SendDestination: DestinationDisplay,
    SendCampaign: CampaignDisplay,
}


# A check's answer is an event of the step that found it. An answer of Dagster's step for checks
# would be lost where a run has the step but not the table: a run computes only what is not current.
Shown = Result | dg.AssetCheckEvaluation


@dataclass(frozen=True)
class RecipeAssets:
    """What Dagster shows of the recipes: an asset per table or output, and the tables' checks."""

    assets: list[dg.AssetsDefinition]
    checks: list[dg.AssetChecksDefinition]


@dataclass(frozen=True)
class _Step:
    """The recipes of one Dagster step, with the checks that their turns answer."""

    name: str
    displays: list[Display]
    checks: list[dg.AssetCheckSpec]

    @property
    def recipes(self) -> list[Recipe]:
        return [display.recipe for display in self.displays]

    def answers(self, session: Session, display: Display) -> Iterator[dg.AssetCheckResult]:
        """The answers to the display's checks that are shown."""
        shown = {spec.key for spec in self.checks}
        for result in display.check_results(session):
            if _check_key(result) in shown:
                yield result


def recipe_assets(tenant: Tenant, recipes: Sequence[Recipe]) -> RecipeAssets:
    """One definition of assets per step of the recipes, in their order, and one of checks per
    stage.

    Checks of tables that the tenant does not have are left out.
    """
    by_step: dict[str, list[Recipe]] = {}
    for recipe in recipes:
        by_step.setdefault(recipe.step, []).append(recipe)
    tables = {table.asset for table in tenant.tables}
    for recipe in recipes:
        tables.update(recipe.assets)
    known = {asset_key(table) for table in tables}
    steps = [_plan_step(tenant, name, of_step, known) for name, of_step in by_step.items()]
    return RecipeAssets(
        [_assets(tenant, step) for step in steps],
        [_checks(tenant, stage, of_stage) for stage, of_stage in _by_stage(steps).items()],
    )


def _plan_step(
    tenant: Tenant, name: str, recipes: Sequence[Recipe], known: set[dg.AssetKey]
) -> _Step:
    displays = [DISPLAYS.get(type(recipe), Display)(tenant, recipe) for recipe in recipes]
    checks: list[dg.AssetCheckSpec] = []
    for display in displays:
        checks += [spec for spec in display.checks() if spec.asset_key in known]
    return _Step(name, displays, checks)


def _assets(tenant: Tenant, step: _Step) -> dg.AssetsDefinition:
    specs: list[dg.AssetSpec] = []
    for display in step.displays:
        specs += display.specs()

    @dg.multi_asset(name=step.name, specs=specs, can_subset=False)
    def make(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[Shown]:
        with warehouse.session(context) as session:
            _ensure_inputs(session, tenant, step.recipes)
            run = _run_context(context, tenant, session)
            yield from _turns(session, step, run, context.log.warning)

    return make


def _by_stage(steps: Sequence[_Step]) -> dict[str, list[_Step]]:
    """Stage -> its steps that have checks."""
    by_stage: dict[str, list[_Step]] = {}
    for step in steps:
        if step.checks:
            by_stage.setdefault(step.recipes[0].stage, []).append(step)
    return by_stage


def _checks(tenant: Tenant, stage: str, steps: Sequence[_Step]) -> dg.AssetChecksDefinition:
    """A stage's checks as something that a person can start in the UI.

    Started so, they look at the tables as they are and keep nothing but their answers. No job has
    them: what the step of a job finds is shown as the answer to them.
    """
    specs = [spec for step in steps for spec in step.checks]

    @dg.multi_asset_check(name=f"check_{stage}", specs=specs, can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[dg.AssetCheckResult]:
        selected = context.selected_asset_check_keys
        asked = [step for step in steps if any(spec.key in selected for spec in step.checks)]
        with warehouse.session(context) as session:
            for step in asked:
                _ensure_inputs(session, tenant, step.recipes)
                run = _run_context(context, tenant, session)
                for display in step.displays:
                    display.check_again(session, run)
                    for result in step.answers(session, display):
                        if _check_key(result) in selected:
                            yield result

    return check


def _check_key(result: dg.AssetCheckResult) -> dg.AssetCheckKey:
    assert result.asset_key is not None
    assert result.check_name is not None
    return dg.AssetCheckKey(result.asset_key, result.check_name)


def _evaluation(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    key = _check_key(result)
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )


def _turns(
    session: Session, step: _Step, run: RunContext, warn: Callable[[str], None]
) -> Iterator[Shown]:
    """The turns of the recipes of one step.

    What is made from one that failed has none; the others are not kept from theirs.

    Raises C360Error with what failed, at the end.
    """
    failures: list[str] = []
    missing: set[str] = set()
    for display in step.displays:
        recipe = display.recipe
        if not missing.isdisjoint(recipe.reads):
            missing.update(recipe.assets)
            continue
        try:
            display.require(session, run)
            outcome = make_current(session, recipe, run)
        except C360Error as error:
            missing.update(recipe.assets)
            failures.append(f"{recipe.label}: {error}" if recipe.label else str(error))
            continue
        for warning in outcome.warnings:
            warn(warning)
        yield from display.results(session, outcome)
        for result in step.answers(session, display):
            yield _evaluation(result)
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


def _run_context(context: StepContext, tenant: Tenant, session: Session) -> RunContext:
    """What the run asks for, and who asked, by the tags of Dagster and the command line."""
    tags = context.run.tags
    trigger = next((who for tag, who in TRIGGERS.items() if tag in tags), "ui")
    return RunContext(
        as_of=as_of_date(tenant, context, session.warehouse),
        force=forced(context),
        refit=refitted(context),
        new_ids=gives_new_ids(context),
        trigger=trigger,
        progress=context.log.info,
    )
