"""The daily activation schedule, by the tenant's clock. Whether it is due `due_stages` says."""

from __future__ import annotations

import dagster as dg

from c360_assets.automation.attempts import attempts_on
from c360_assets.automation.due import Due
from c360_assets.automation.due_stages import activation_due
from c360_assets.automation.evaluations import evaluation
from c360_assets.automation.jobs import ACTIVATE
from c360_assets.automation.tidy import tidy
from c360_assets.ingest.personal_columns import request_tables
from c360_assets.run_tags import PRIVACY_JOB
from c360_assets.tenant.local_time import zone
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.lock import tenant_lock_if_free
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
        description=(
            "Builds the customer 360 tables and publishes the database, once the day's Stitch has "
            "succeeded."
        ),
    )
    @evaluation(tenant)
    def activation_schedule(context: dg.ScheduleEvaluationContext) -> Due:
        # Whatever runs now tidies up itself, or the next tick does.
        with tenant_lock_if_free(tenant.root, "tidying") as is_free:
            if is_free:
                tidy(tenant, context.instance)
        due = activation_due(
            tenant,
            Warehouse.open(tenant.root / "warehouse"),
            context.scheduled_execution_time.astimezone(zone(tenant)),
            attempts_on(context.instance),
            publish_stale=wanted.on_stale == "publish",
        )
        if not due.runs:
            context.log.warning(due.reason)
        return due

    return [activation_schedule, *_privacy_schedule(tenant)]


def _privacy_schedule(tenant: Tenant) -> list[dg.ScheduleDefinition]:
    """The schedule of requests, where feeds bring any."""
    if not request_tables(tenant):
        return []
    return [
        dg.ScheduleDefinition(
            name="privacy_schedule",
            job_name=PRIVACY_JOB,
            cron_schedule=tenant.config.privacy.cron,
            execution_timezone=tenant.config.timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Carries out the requests of people that landed.",
        )
    ]
