"""When the activation is due, by the cron expression of `workflow.yaml` and the tenant's clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from datetime import time as time_of_day

from croniter import croniter

from c360_assets.tenant.local_time import zone
from c360_assets.tenant.models import Tenant


def expected_at(tenant: Tenant, day: date) -> datetime:
    """The first moment from the beginning of `day` on at which the activation is due, local."""
    midnight = datetime.combine(day, time_of_day(), zone(tenant))
    just_before = midnight - timedelta(seconds=1)  # midnight itself counts
    ticks = croniter(tenant.workflow.activation.cron, just_before)
    first: datetime = ticks.get_next(datetime)
    return first


def was_due(tenant: Tenant, at: datetime, ago: timedelta = timedelta()) -> bool:
    """Whether the activation has been due on the local day of `at`, for at least `ago`."""
    return expected_at(tenant, at.date()) + ago <= at
