"""What every tick of a sensor or schedule does first and last: clear away dead runs, and never let an error quote a value.

A dead run that still counts as running would keep every other run waiting for ever. What a tick decides belongs to
`sensors` and `schedules`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TypeVar
from zoneinfo import ZoneInfo

import dagster as dg

from c360_assets.automation.runs import reconcile
from c360_assets.errors import C360Error
from c360_assets.tenant.models import Tenant

Context = TypeVar("Context", dg.SensorEvaluationContext, dg.ScheduleEvaluationContext)
Answer = dg.SkipReason | dg.RunRequest | list[dg.RunRequest]
MAX_TRIES = 3


def now(tenant: Tenant) -> datetime:
    return datetime.now(ZoneInfo(tenant.config.timezone))


def tick(decide: Callable[[Context], Answer]) -> Callable[[Context], Answer]:
    """Wrap the function that decides what a tick asks for."""

    @wraps(decide)
    def evaluated(context: Context) -> Answer:
        try:
            reconcile(context.instance)
            return decide(context)
        except C360Error:
            raise
        except Exception as error:
            raise C360Error(
                f"the tick failed ({type(error).__name__}); run `c360 status` for what it would have seen"
            ) from None

    return evaluated
