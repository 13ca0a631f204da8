"""What Dagster shows of a recipe: the base that serves every recipe, and those of a kind that has
more to show build on.

How recipes become steps belongs to `recipe_assets`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg

from c360_assets import semantics
from c360_assets.assets.metadata import (
    Result,
    asset_key,
    described,
    documented,
    materialized,
    state_schema,
)
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.recipe import Outcome, Recipe, RunContext, is_current
from c360_assets.warehouse.session import Session

CODE_LETTERS = 12  # of a digest: enough to tell versions of one table apart


class Display:
    """What Dagster shows of a recipe: its tables with their columns, meaning, row counts and
    digests.
    """

    kinds: frozenset[str] = frozenset({"deltalake", "duckdb"})

    def __init__(self, tenant: Tenant, recipe: Recipe) -> None:
        self.tenant = tenant
        self.recipe = recipe

    def specs(self) -> list[dg.AssetSpec]:
        """An asset per table and output of the recipe; an output is made from the recipe's tables
        too.
        """
        recipe = self.recipe
        specs = [self._spec(table, recipe.reads) for table in recipe.tables]
        reads = [*recipe.reads, *recipe.tables]
        return specs + [self._spec(output, reads) for output in recipe.outputs]

    def _spec(self, asset: str, reads: Sequence[str]) -> dg.AssetSpec:
        return dg.AssetSpec(
            asset_key(asset),
            deps=[asset_key(name) for name in reads],
            kinds=set(self.kinds),
            group_name=self.group,
            owners=self.owners,
            code_version=self._code_version(),
            **self.about(asset),
        )

    def _code_version(self) -> str | None:
        code = self.code()
        return fingerprint(*code)[:CODE_LETTERS] if code else None

    @property
    def group(self) -> str:
        """The Dagster group of the assets."""
        return self.recipe.stage

    @property
    def owners(self) -> list[str]:
        owner = self.tenant.config.owner
        return [owner] if owner is not None else []

    def code(self) -> Sequence[str]:
        """What the recipe's fingerprint counts as code; empty where no code decides the content.

        It must not be more than that: Dagster calls an asset outdated whose code has changed since
        it was made, and what the recipe calls current is not made again.
        """
        return [room_code(type(self.recipe).__module__)]

    def about(self, asset: str) -> dict[str, Any]:
        """`description` and `metadata` of an asset before it is made."""
        spec = self.recipe.documents.get(asset)
        return described(spec) if spec is not None else documented(asset)

    def checks(self) -> list[dg.AssetCheckSpec]:
        """The checks that the recipe's turn answers, each on the table that it is about."""
        return []

    def check_results(self, session: Session) -> Iterator[dg.AssetCheckResult]:
        """The answers to the checks, as the recipe's tables say in this session."""
        yield from ()

    def check_again(self, session: Session, run: RunContext) -> None:
        """Answer the checks for the tables as they are now; what is written stays pending."""
        if not is_current(session, self.recipe, run.as_of):
            self.write_checks(session, run)

    def write_checks(self, session: Session, run: RunContext) -> None:
        """Write the tables that `check_results` reads, and make nothing else."""
        self.recipe.build(session, run)

    def require(self, session: Session, run: RunContext) -> None:
        """Raise C360Error where the recipe must have no turn yet; the command line plans, but a
        person can start any asset alone.
        """

    def results(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        """The results of a turn.

        An asset without a state is one that the tenant has no data for.
        """
        for table in self.recipe.tables:
            state = outcome.states.get(table)
            schema = state_schema(table, state) if state is not None else None
            yield materialized(table, state, reused=outcome.reused, schema=schema)


@cache
def room_code(module: str) -> str:
    """Digest of the code of the room that `module` is of, and of the catalogue and text rules.

    Read once a process, as the files cannot change under it.
    """
    room = import_module(".".join(module.split(".")[:2]))
    # A recipe of a single module, such as one of a program's own, has no room around it.
    own = getattr(room, "__path__", [Path(str(room.__file__)).parent])
    folders = [*own, *semantics.__path__]
    return code_version(*map(Path, folders))
