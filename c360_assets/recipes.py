"""All recipes of a tenant, in the order in which they are made current: the one list of stages
after load.

A new stage is one function in `STAGES`: it is then planned, built, drawn in Dagster and published
with the others. What a recipe computes belongs to its room, making it current to
`warehouse.recipe`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from c360_assets.customer_360.destinations import destination_recipes
from c360_assets.customer_360.publication.publish import PublishDatabase, Specs
from c360_assets.customer_360.tables.build import DatabaseTable, database_table_recipes
from c360_assets.customer_360.tables.databases import Database, databases
from c360_assets.customer_360.tables.on_spark import writer_of
from c360_assets.ingest.custom_on_spark import custom_table_writer
from c360_assets.ingest.custom_runs import custom_table_recipes
from c360_assets.ingest.personal_columns import meanings
from c360_assets.segments.campaign_recipes import campaign_recipes
from c360_assets.segments.recipe import segment_recipes
from c360_assets.semantics.tables import TableSpec
from c360_assets.stitch.tenant_run import stitch_recipes
from c360_assets.tenant.models import Tenant
from c360_assets.tenant.remembered import once_per_tenant
from c360_assets.validations.run import table_report_recipes
from c360_assets.validations.summary import report_specs, summary_recipes
from c360_assets.warehouse.recipe import Recipe
from c360_assets.warehouse.session import Session


def _custom_tables(tenant: Tenant) -> Sequence[Recipe]:
    return custom_table_recipes(tenant, custom_table_writer(tenant))


def _database_tables(tenant: Tenant) -> Sequence[Recipe]:
    return database_table_recipes(tenant, writer_of(tenant))


Stage = Callable[[Tenant], Sequence[Recipe]]
# Stages that write tables. Each comes after what it reads; what is published comes after all of
# them.
STAGES: list[Stage] = [
    _custom_tables,
    table_report_recipes,
    summary_recipes,
    stitch_recipes,
    _database_tables,
    segment_recipes,
]


def recipes(tenant: Tenant) -> list[Recipe]:
    """Every recipe of the tenant, each after what it reads."""
    return list(_recipes(tenant))


@once_per_tenant
def _recipes(tenant: Tenant) -> list[Recipe]:
    table_recipes = [recipe for stage in STAGES for recipe in stage(tenant)]
    return [
        *table_recipes,
        *publication_recipes(tenant, table_recipes),
        *destination_recipes(tenant),
        *campaign_recipes(tenant),
    ]


def publication_recipes(tenant: Tenant, table_recipes: Sequence[Recipe]) -> list[PublishDatabase]:
    """One recipe per database, after all tables that it may show."""
    specs = _published_specs(tenant, table_recipes)
    return [
        PublishDatabase(
            database,
            _last_tables(database, table_recipes),
            specs,
            _personal_columns(tenant) if database.masked else {},
        )
        for database in databases(tenant)
    ]


def _personal_columns(tenant: Tenant) -> Mapping[str, Sequence[str]]:
    """Columns of source tables that are personal, also by what is made of them, and their keys."""
    return {
        name: [*meaning.personal, *meaning.table.primary_key]
        for name, meaning in meanings(tenant).items()
    }


def _published_specs(tenant: Tenant, table_recipes: Iterable[Recipe]) -> Specs:
    """What describes tables beyond the catalogue: those that stages document, and the wide results
    of reports.
    """
    documents: dict[str, TableSpec] = {}
    for recipe in table_recipes:
        documents.update(recipe.documents)

    def specs(session: Session) -> Mapping[str, TableSpec]:
        return {**documents, **report_specs(session, tenant)}

    return specs


def _last_tables(database: Database, table_recipes: Iterable[Recipe]) -> list[str]:
    """A table of each recipe whose tables no other recipe of the database reads.

    Tables of a recipe become current together, and what is made from something stale is stale:
    whatever changes reaches the file through them. To name all tables would draw as many lines to
    each database.
    """
    own = {node.table for node in database.nodes}
    shown = [
        recipe
        for recipe in table_recipes
        if not isinstance(recipe, DatabaseTable) or recipe.node.table in own
    ]
    read = {table for recipe in shown for table in recipe.reads}
    return [recipe.tables[0] for recipe in shown if read.isdisjoint(recipe.tables)]
