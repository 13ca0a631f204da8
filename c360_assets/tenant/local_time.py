"""What time it is for a tenant: the clock of its time zone, and the day that this makes today.

Which day the figures of a run stand at belongs to `ingest.delivery_days`.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from c360_assets.tenant.models import Tenant


def zone(tenant: Tenant) -> ZoneInfo:
    """The tenant's time zone."""
    return ZoneInfo(tenant.config.timezone)


def now(tenant: Tenant) -> datetime:
    """This moment, by the tenant's clock."""
    return datetime.now(zone(tenant))


def today(tenant: Tenant) -> date:
    """The day that it is in the tenant's time zone."""
    return now(tenant).date()
