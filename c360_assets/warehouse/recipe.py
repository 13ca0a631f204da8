"""Making tables current: what a recipe is, whether what it made still stands, and the turn that
makes it anew.

A recipe is one step whose tables become current together. This module holds the only comparison of
a fingerprint after load, so that what is planned and what is built cannot disagree. What a recipe
computes belongs to its stage, the list of all recipes to `c360_assets.recipes`; feeds are loaded by
the ledger and are no recipes.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from c360_assets.errors import C360Error
from c360_assets.semantics.tables import TableSpec
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session


def unheard(_line: str) -> None:
    """Nobody follows the progress."""


CLI = "cli"  # who starts runs beside the UI, its schedules and sensors


@dataclass(frozen=True)
class RunContext:
    """What a run asks of every recipe, and how it came about: `trigger` says who asked for it.

    `as_of` is the date that "today" means in its figures. `progress` hears a line for each part of
    long work.
    """

    as_of: date
    force: bool = False
    refit: bool = False
    new_ids: bool = False
    trigger: str = CLI
    progress: Callable[[str], None] = unheard

    @property
    def mode(self) -> str:
        return "full" if self.force else "normal"


@dataclass(frozen=True)
class Built:
    """What a build leaves beside pending tables: `facts` for the manifest, and what to warn of."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()


class Recipe(ABC):
    """One step whose tables become current together.

    `tables` are warehouse names that it writes, `outputs` what it makes that is no table (a file, a
    delivery), `reads` both kinds of names that it is made from. `stage` is the Dagster group.
    Recipes of one `step` take their turns in one Dagster step. `documents` describes tables that
    the catalogue of the platform does not know: they are published in schema `main`.
    """

    stage: str
    label = ""  # stands before the message of a failure, where one step makes several things
    documents: Mapping[str, TableSpec] = {}
    # Assets that each show a part of its tables, and are made with them.
    parts: tuple[str, ...] = ()

    def __init__(
        self,
        tables: Sequence[str],
        reads: Iterable[str],
        *,
        outputs: Sequence[str] = (),
        step: str = "",
    ) -> None:
        self.tables = tuple(tables)
        self.outputs = tuple(outputs)
        self.reads = tuple(reads)
        self.step = step or self.assets[0].replace("/", "__")

    @property
    def assets(self) -> tuple[str, ...]:
        return (*self.tables, *self.outputs, *self.parts)

    @abstractmethod
    def fingerprint(self, session: Session, as_of: date) -> str | None:
        """Digest of everything that decides the content; None while something it reads is not
        there.

        `as_of` counts only where the content depends on it.
        """

    @abstractmethod
    def build(self, session: Session, run: RunContext) -> Built:
        """Compute the content; writes stay pending.

        Raises C360Error, and then nothing of it exists.
        """

    def stored_fingerprint(self, session: Session) -> str | None:
        """The fingerprint of what is stored; None where some of it is not there, or tables are not
        of one build.
        """
        states = [session.state(table) for table in self.tables]
        fingerprints = {state.fingerprint if state is not None else None for state in states}
        return fingerprints.pop() if len(fingerprints) == 1 else None

    def is_forced(self, run: RunContext) -> bool:
        """Whether the run asks to build it although it is current."""
        return run.force

    def standing_warnings(self) -> list[str]:
        """What to warn of in every run, also when nothing is built."""
        return []

    # Most recipes remember nothing of their turns.
    def record_success(  # noqa: B027
        self, session: Session, started: float, *, reused: bool
    ) -> None:
        """Write what is remembered of a turn (pending); `started` is a time of `time.time()`."""

    def record_failure(  # noqa: B027
        self, session: Session, run: RunContext, started: float, message: str
    ) -> None:
        """Write what is remembered of a turn that failed (pending)."""


@dataclass(frozen=True)
class Outcome:
    """A recipe after its turn: the states of its tables, what the manifest learned, and what to
    warn of.
    """

    reused: bool
    states: Mapping[str, TableState]
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()


@dataclass
class Plan:
    """What a run has to make, and what is current: warehouse names of tables in the order of their
    building.

    `outputs` are those that are no tables and have to be made: published files and deliveries.
    """

    stale: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def touches(self, names: Iterable[str]) -> bool:
        """Whether one of the tables or outputs `names` will be made."""
        return not set(names).isdisjoint([*self.stale, *self.outputs])


def input_digests(session: Session, tables: Iterable[str]) -> dict[str, str] | None:
    """Table -> digest of its content, for a fingerprint; None while one has not been built."""
    states = {table: session.state(table) for table in tables}
    digests = {table: state.digest for table, state in states.items() if state is not None}
    return digests if len(digests) == len(states) else None


def is_current(session: Session, recipe: Recipe, as_of: date) -> bool:
    """Whether building now would give what is stored.

    Nothing else after load compares fingerprints.
    """
    stored = recipe.stored_fingerprint(session)
    return stored is not None and stored == recipe.fingerprint(session, as_of)


def make_current(session: Session, recipe: Recipe, run: RunContext) -> Outcome:
    """Build what is not current, record the turn, and commit.

    Raises C360Error as the recipe does; what was stored stays, and the failure is recorded and
    committed.
    """
    started = time.time()
    try:
        reused = not recipe.is_forced(run) and is_current(session, recipe, run.as_of)
        built = Built() if reused else recipe.build(session, run)
    except C360Error as error:
        # No manifest names the versions just written, so they do not exist.
        session.pending.clear()
        recipe.record_failure(session, run, started, str(error))
        _commit(session, {})
        raise
    recipe.record_success(session, started, reused=reused)
    _commit(session, built.facts)
    states = {table: session.state(table) for table in recipe.tables}
    return Outcome(
        reused,
        {table: state for table, state in states.items() if state is not None},
        built.facts,
        [*recipe.standing_warnings(), *built.warnings],
    )


def _commit(session: Session, facts: Mapping[str, Any]) -> None:
    """A turn that found everything current leaves the manifest alone."""
    if session.pending or facts:
        session.commit(**facts)


def plan(session: Session, recipes: Iterable[Recipe], as_of: date, *, force: bool = False) -> Plan:
    """What the recipes, in their order, would have to make. `force` calls nothing current.

    What is made from something stale is stale; when its turn comes it may find its inputs come out
    equal, and is reused.
    """
    result = Plan()
    for recipe in recipes:
        is_stale = force or result.touches(recipe.reads) or not is_current(session, recipe, as_of)
        if recipe.outputs:
            result.outputs += recipe.outputs if is_stale else ()
        elif is_stale:
            result.stale += recipe.tables
        else:
            result.current += recipe.tables
    return result
