"""Earlier attempts at a run: how many runs with certain tags are there, and how did they end?

What follows from that is for `due` to say, starting runs for `runs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
FAILED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
# A failure repeats three times before it is left to a person, so that few runs need be read.
RUNS_READ = 100
STEPS_SHOWN = 3
# Steps that follow the publication: asset keys of who receives it.
OF_RECEIVERS = ("destination__", "campaign__")


@dataclass(frozen=True)
class Attempts:
    """Counts of runs by what became of them; the id of the newest one that failed, and its steps
    that did.
    """

    unfinished: int
    succeeded: int
    failed: int
    last_failed: str = ""
    failed_steps: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What is to be said of runs that failed."""
        times = "once" if self.failed == 1 else f"{self.failed} times"
        where = f"run {self.last_failed[:8]}"
        if self.failed_steps:
            others = len(self.failed_steps) - STEPS_SHOWN
            more = f" and {others} more" if others > 0 else ""
            where += f" ({', '.join(self.failed_steps[:STEPS_SHOWN])}{more})"
        return f"failed {times}, last in {where}; run it again once the cause is corrected"

    @property
    def only_receivers_failed(self) -> bool:
        """Whether the newest failure came after the database was published."""
        steps = self.failed_steps
        return bool(steps) and all(step.startswith(OF_RECEIVERS) for step in steps)


Lookup = Callable[[Mapping[str, str], Sequence[str]], Attempts]


def attempts_on(instance: dg.DagsterInstance) -> Lookup:
    """A function that counts the runs of some jobs which carry all of some tags."""

    def attempts(tags: Mapping[str, str], jobs: Sequence[str]) -> Attempts:
        tagged = instance.get_runs(dg.RunsFilter(tags=dict(tags)), limit=RUNS_READ)
        runs = [run for run in tagged if run.job_name in jobs]
        failed = [run.run_id for run in runs if run.status in FAILED]  # newest first
        return Attempts(
            unfinished=sum(run.status in UNFINISHED for run in runs),
            succeeded=sum(run.status == dg.DagsterRunStatus.SUCCESS for run in runs),
            failed=len(failed),
            last_failed=failed[0] if failed else "",
            failed_steps=_failed_steps(instance, failed[0]) if failed else (),
        )

    return attempts


def _failed_steps(instance: dg.DagsterInstance, run_id: str) -> tuple[str, ...]:
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return tuple(sorted({entry.step_key for entry in entries if entry.step_key is not None}))
