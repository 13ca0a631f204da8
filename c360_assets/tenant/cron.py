"""Lines of cron, as `workflow.yaml` and `tenant.yaml` have them: what the scheduler understands.

When a line is due belongs to `automation`.
"""

from __future__ import annotations

from datetime import datetime

from croniter import CroniterBadDateError, croniter

FIELDS = 5


def cron_problem(line: str) -> str:
    """What is wrong with a line of cron; empty where the scheduler takes it."""
    # Six fields are a line with seconds, which the scheduler does not know.
    if len(line.split()) != FIELDS:
        return "must have five fields: minute hour day month weekday"
    if not croniter.is_valid(line):
        return "has a field that is no time"
    return "" if _is_ever_due(line) else "names a day that no month has"


def _is_ever_due(line: str) -> bool:
    """Whether the line has a next time at all: `0 0 30 2 *` has none."""
    try:
        croniter(line, datetime(2024, 1, 1)).get_next()
    except CroniterBadDateError:
        return False
    return True
