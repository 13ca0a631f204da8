"""Runs of the command line: Dagster is opened for the first one, and their progress is told.

How a run is started and followed belongs to `runs`, what is to run to `run_command`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from uuid import uuid4

from c360_assets.reporting.progress import Reporter
from c360_assets.reporting.summary import SHOWN
from c360_assets.run_tags import RUN_TAG
from c360_assets.tenant.models import Tenant
from c360_assets.wording import counted

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance, Definitions

    from c360_assets.automation.runs import RunOutcome, TableDone
    from c360_assets.run_options import RunOptions


@dataclass(frozen=True)
class _Dagster:
    instance: DagsterInstance
    definitions: Definitions


class Launcher:
    """Starts runs in this process, all with one tag. `stack` closes the instance they are on."""

    def __init__(
        self,
        tenant: Tenant,
        reporter: Reporter,
        build: Callable[[Tenant], Definitions],
        stack: ExitStack,
    ) -> None:
        self.tenant = tenant
        self.reporter = reporter
        self._command = {RUN_TAG: uuid4().hex[:12]}
        self._build = build
        self._stack = stack
        self._dagster: _Dagster | None = None

    @property
    def instance(self) -> DagsterInstance | None:
        """The instance, None where no run was started."""
        return self._dagster.instance if self._dagster is not None else None

    def launch(
        self,
        job: str,
        assets: Sequence[AssetKey],
        tags: Mapping[str, str],
        options: RunOptions,
        *,
        days: tuple[date, date] | None = None,
    ) -> RunOutcome:
        """Start a run of the steps that compute `assets`, and wait for its end."""
        from c360_assets.automation.jobs import whole_steps
        from c360_assets.automation.runs import launch

        dagster = self._open()
        return launch(
            dagster.instance,
            dagster.definitions,
            job,
            asset_keys=whole_steps(dagster.definitions, set(assets)),
            days=days,
            tags={**self._command, **tags},
            options=options,
            progress=self._progress,
        )

    def _open(self) -> _Dagster:
        # Dagster takes seconds to import; a day with nothing to do never does.
        from c360_assets.automation.runs import open_instance

        if self._dagster is None:
            self.reporter.doing("starting Dagster")
            instance = self._stack.enter_context(open_instance())
            self._dagster = _Dagster(instance, self._build(self.tenant))
        return self._dagster

    def _progress(self, event: TableDone | str) -> None:
        if isinstance(event, str):
            self.reporter.doing(event)
        elif event.table not in SHOWN:
            self.reporter.doing(f"{event.table} is current")
        else:
            rows = "" if event.rows is None else counted(event.rows, "row")
            verb = "reused" if event.reused else "built"
            self.reporter.done(f"{verb} {event.table}: {rows}, {event.seconds:.1f} s")
