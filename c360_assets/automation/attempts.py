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


@dataclass(frozen=True)
class Attempts:
    """Counts of runs by what became of them; the id of the newest one that failed."""

    unfinished: int
    succeeded: int
    failed: int
    last_failed: str = ""

    @property
    def sentence(self) -> str:
        """What is to be said of runs that failed."""
        times = "once" if self.failed == 1 else f"{self.failed} times"
        run = self.last_failed[:8]
        return f"failed {times}, last in run {run}; run it again once the cause is corrected"


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
        )

    return attempts
