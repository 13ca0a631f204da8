"""What a run would make before the database, made in memory for whoever only wants to look.

In a scratch session nothing is written. The tables of the database itself are built by
`customer_360.tables.build`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from c360_assets.errors import C360Error
from c360_assets.ingest.custom_runs import custom_table_recipes
from c360_assets.ingest.delivery_days import as_of_date
from c360_assets.ingest.domain_table import ensure_table
from c360_assets.reporting.published import published_date
from c360_assets.stitch.tenant_run import stitch_recipes
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.recipe import Recipe, RunContext, is_current
from c360_assets.warehouse.session import Session


def build_date(session: Session, tenant: Tenant, database: str) -> date:
    """The date of a build that nobody named: that of what is published, else that of a run."""
    published = published_date(tenant, database)
    return published or as_of_date(tenant, session.warehouse, None)


def make_inputs(session: Session, tenant: Tenant, tables: Iterable[str], run: RunContext) -> None:
    """Make the custom domain tables and the tables of Stitch that `tables` need, where they are not
    current.

    Raises C360Error where nothing is loaded, and as a run would.
    """
    recipes = [*custom_table_recipes(tenant), *stitch_recipes(tenant)]
    make_recipes(session, tenant, _needed_for(tables, recipes), run)


def make_recipes(
    session: Session, tenant: Tenant, recipes: Sequence[Recipe], run: RunContext
) -> None:
    """Make what is not current of recipes in their order, feeds without files as empty tables."""
    if not session.warehouse.manifest.tables:
        raise C360Error("nothing is loaded yet; `c360 load` loads what landed")
    for feed in tenant.feeds:
        ensure_table(session, feed)
    for recipe in recipes:
        if not is_current(session, recipe, run.as_of):
            run.progress(f"{recipe.tables[0]} is not current: computing it in memory")
            recipe.build(session, run)


def _needed_for(tables: Iterable[str], recipes: Sequence[Recipe]) -> list[Recipe]:
    """The recipes that make one of the tables, or what those that do read."""
    needed = set(tables)
    chosen: list[Recipe] = []
    for recipe in reversed(recipes):
        if not needed.isdisjoint(recipe.tables):
            needed.update(recipe.reads)
            chosen.insert(0, recipe)
    return chosen
