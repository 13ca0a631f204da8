"""Sensors: a file lands, a day is complete, a Stitch was late.

Stateless: each asks `due` what is due at each tick. The clock is `schedules`'. What a run does
belongs to `assets`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg

from c360_assets.automation.alerts import Alert, raise_all, send_again
from c360_assets.automation.attempts import attempts_on
from c360_assets.automation.due import Due
from c360_assets.automation.due_loads import loads_due
from c360_assets.automation.due_stages import late_activation_due, stitch_due
from c360_assets.automation.evaluations import evaluation
from c360_assets.automation.jobs import ACTIVATE, LOAD, STITCH
from c360_assets.automation.overdue import Freshness
from c360_assets.automation.pending import interval
from c360_assets.automation.recoveries import Look, tell_recoveries
from c360_assets.automation.switched_off import LANDING
from c360_assets.automation.tidy import drop_foreign_logs, tidy_what_was_replaced
from c360_assets.tenant.changed_files import changed_files
from c360_assets.tenant.durations import duration
from c360_assets.tenant.local_time import now, today
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.session import Warehouse

FILES_SHOWN = 5
ON = dg.DefaultSensorStatus.RUNNING


def sensors(tenant: Tenant) -> list[dg.SensorDefinition]:
    """One landing sensor per feed, the Stitch sensor, and the one that activates late."""
    landing = [landing_sensor(tenant, feed) for feed in tenant.feeds]
    return [*landing, stitch_sensor(tenant), activation_sensor(tenant)]


def _warehouse(tenant: Tenant) -> Warehouse:
    return Warehouse.open(tenant.root / "warehouse")


def landing_sensor(tenant: Tenant, feed: FeedConfig) -> dg.SensorDefinition:
    """Asks for a load of what has landed and is not in the ledger."""

    @dg.sensor(
        name=f"{LANDING}{feed.physical}",
        job_name=LOAD,
        description=f"Loads {feed.name} when its files land.",
        minimum_interval_seconds=interval(),
        default_status=ON,
    )
    @evaluation(tenant)
    def landing(context: dg.SensorEvaluationContext) -> Due:
        attempts = attempts_on(context.instance)
        return loads_due(tenant, feed, _warehouse(tenant), today(tenant), attempts)

    return landing


def stitch_sensor(tenant: Tenant) -> dg.SensorDefinition:
    """Asks for one Stitch run when every required feed of the workflow day is loaded.

    It also looks after alerts: those of the whole tenant, and what became of their causes.
    """
    freshness = Freshness(tenant)

    @dg.sensor(
        name="stitch_sensor",
        job_name=STITCH,
        description=(
            "Runs reports, Stitch and its tables once the required feeds of the workflow day are "
            "loaded or waited for."
        ),
        minimum_interval_seconds=interval(),
        default_status=ON,
    )
    @evaluation(tenant)
    def stitch(context: dg.SensorEvaluationContext) -> Due:
        at = now(tenant)
        send_again(tenant)
        warehouse = _warehouse(tenant)
        due = stitch_due(tenant, warehouse, at, attempts_on(context.instance))
        overdue = freshness.overdue(context.instance)
        look = Look(
            tenant,
            warehouse,
            at,
            stitch_is_done=due.is_done,
            running=_running(context.instance),
            overdue=overdue,
        )
        tell_recoveries(look)
        slow = _slow_run_alerts(tenant, context.instance, at)
        changed = configuration_alerts(tenant, at.date())
        # What has a cause is told by its cause: those are raised first.
        raise_all(tenant, [*changed, *slow, *due.alerts])
        return replace(due, alerts=freshness.alerts(overdue, at.date()))

    return stitch


def _running(instance: dg.DagsterInstance) -> set[str]:
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    return {run.run_id for run in instance.get_runs(started)}


def configuration_alerts(tenant: Tenant, day: date) -> list[Alert]:
    """The alert that files of the configuration are not those which this process has read."""
    changed = changed_files(tenant)
    if not changed:
        return []
    shown = ", ".join(changed[:FILES_SHOWN])
    more = f" and {len(changed) - FILES_SHOWN} more" if len(changed) > FILES_SHOWN else ""
    message = (
        f"{shown}{more}: changed or added since the service began, which does not know it yet; "
        "click Reload beside `c360` under Deployment in the UI"
    )
    return [Alert("configuration", "", day, message)]


def _slow_run_alerts(tenant: Tenant, instance: dg.DagsterInstance, at: datetime) -> list[Alert]:
    """Alerts of runs that take longer than `workflow.yaml` allows."""
    if tenant.workflow.alerts.runtime is None:
        return []
    allowed = duration(tenant.workflow.alerts.runtime)
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    alerts = []
    for record in instance.get_run_records(started):
        if record.start_time is None:
            continue
        run = record.dagster_run
        took = at - datetime.fromtimestamp(record.start_time, UTC)
        if took > allowed:
            minutes = took.total_seconds() / 60
            message = (
                f"run {run.run_id[:8]} of job {run.job_name} has been going for "
                f"{minutes:.0f} minutes"
            )
            alerts.append(Alert("runtime", "", at.date(), message))
    return alerts


def activation_sensor(tenant: Tenant) -> dg.SensorDefinition:
    """Activates as soon as a Stitch that was later than the clock is done.

    It also removes what a publication has replaced.
    """

    @dg.sensor(
        name="late_activation_sensor",
        job_name=ACTIVATE,
        description=(
            "Builds and publishes the database when the day's Stitch was later than the "
            "activation schedule."
        ),
        minimum_interval_seconds=interval(),
        default_status=ON,
    )
    @evaluation(tenant)
    def late_activation(context: dg.SensorEvaluationContext) -> Due:
        at = now(tenant)
        tidy_what_was_replaced(tenant, context.instance)
        for name in drop_foreign_logs(tenant):
            context.log.warning(
                f"{name} could not be opened: a client that had the one before open for writing "
                "left its log of changes beside it, which is removed; open it read-only there"
            )
        return late_activation_due(tenant, _warehouse(tenant), at, attempts_on(context.instance))

    return late_activation
