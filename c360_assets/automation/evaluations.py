"""What every evaluation of a sensor or schedule does around its question: clear away dead runs
first, then turn the answer into requests, and never let an error quote a value.

A dead run that still counts as running would keep every other run waiting for ever. What is due is
for `due` to say.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar

import dagster as dg

from c360_assets.automation.alerts import raise_all
from c360_assets.automation.due import Due, DueRun
from c360_assets.automation.instance_owner import claim
from c360_assets.automation.jobs import load_keys, summary_keys
from c360_assets.automation.runs import range_tags, reconcile
from c360_assets.errors import C360Error
from c360_assets.run_options import RunOptions
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.heartbeat import beat

Context = TypeVar("Context", dg.SensorEvaluationContext, dg.ScheduleEvaluationContext)
_claimed: set[Path] = set()
Requests = dg.SkipReason | list[dg.RunRequest]


def evaluation(
    tenant: Tenant,
) -> Callable[[Callable[[Context], Due]], Callable[[Context], Requests]]:
    """Make a function that says what is due into one that a sensor or schedule can evaluate."""

    def wrap(what_is_due: Callable[[Context], Due]) -> Callable[[Context], Requests]:
        @wraps(what_is_due)
        def evaluated(context: Context) -> Requests:
            try:
                _claim_once(context.instance, tenant)
                reconcile(context.instance)
                due = what_is_due(context)
                raise_all(tenant, due.alerts)
                beat(tenant.root, "tick")
            except C360Error:
                raise
            except Exception as error:
                raise C360Error(
                    f"the tick failed ({type(error).__name__}); "
                    "run `c360 status` for what it would have seen"
                ) from None
            if due.warning:
                context.log.warning(due.warning)
            if not due.runs:
                return dg.SkipReason(due.reason)
            return [request(tenant, run) for run in due.runs]

        return evaluated

    return wrap


def _claim_once(instance: dg.DagsterInstance, tenant: Tenant) -> None:
    """Refuse a tick on the storage of another tenant; asked once by a process."""
    if tenant.root not in _claimed:
        claim(instance, tenant.root)
        _claimed.add(tenant.root)


def request(tenant: Tenant, run: DueRun) -> dg.RunRequest:
    """What asks Dagster's daemon for a run."""
    options = RunOptions(as_of=run.as_of.isoformat() if run.as_of else None)
    if run.feed is None:
        return dg.RunRequest(run_key=run.key, tags=run.tags, run_config=options.run_config())
    days = range_tags(run.days[0].day, run.days[-1].day)
    return dg.RunRequest(
        run_key=run.key,
        tags={**run.tags, **days},
        asset_selection=[*load_keys(tenant, run.feed), *summary_keys(tenant)],
        asset_check_keys=[],  # not those of the selected tables, which their steps answer
        run_config=options.run_config(),
    )
