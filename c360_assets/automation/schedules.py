"""The daily activation schedule, by the tenant's clock. What it asks first is in `activation`."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import dagster as dg

from c360_assets.automation.activation import activation
from c360_assets.automation.evaluations import Answer, tick
from c360_assets.automation.jobs import ACTIVATE
from c360_assets.automation.runs import prune
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Warehouse


def schedules(tenant: Tenant) -> list[dg.ScheduleDefinition]:
    """The activation schedule of `workflow.yaml`."""
    wanted = tenant.workflow.activation

    @dg.schedule(
        name="activation_schedule",
        job_name=ACTIVATE,
        cron_schedule=wanted.cron,
        execution_timezone=tenant.config.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Builds the customer 360 tables and publishes the database, once the day's Stitch has succeeded.",
    )
    @tick
    def activation_schedule(context: dg.ScheduleEvaluationContext) -> Answer:
        prune(context.instance)
        at = context.scheduled_execution_time.astimezone(ZoneInfo(tenant.config.timezone))
        warehouse = Warehouse.open(tenant.root / "warehouse")
        answer = activation(
            context.instance, tenant, warehouse, at, publish_stale=wanted.on_stale == "publish"
        )
        if isinstance(answer, dg.SkipReason):
            context.log.warning(answer.skip_message or "")
        return answer

    return [activation_schedule]
