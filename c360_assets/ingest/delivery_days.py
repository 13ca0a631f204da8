"""The days of a tenant's deliveries: the earliest one, and the one that a run's figures stand at.

Reads file names and the ledger, never a file's content. Which days are to be loaded belongs to
`landing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from c360_assets.ingest.remote import EARLIEST_REMOTE_DAY
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.local_time import today
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.ledger import last_delivery, read_ledger
from c360_assets.warehouse.session import Warehouse

# A misspelt year must not give every feed a million partitions, nor a day that time zones have no
# offset for.
EARLIEST_DAY = date(1970, 1, 1)


def as_of_date(tenant: Tenant, warehouse: Warehouse, asked: date | None = None) -> date:
    """The date that "today" means in figures: the one asked for, else what `tenant.yaml` says."""
    if asked is not None:
        return asked
    if tenant.config.as_of == "last_delivery":
        return last_delivery(warehouse) or today(tenant)
    return today(tenant)


def first_day(tenant: Tenant) -> date:
    """Files of an earlier day are reported and not loaded."""
    return tenant.config.first_day or EARLIEST_DAY


def first_delivery_day(tenant: Tenant, warehouse: Warehouse) -> date:
    """The day that delivery days are counted from.

    That of `tenant.yaml`, else the earliest one that was loaded or lies in a local folder, else
    today. Looks at file names only. What lies at a remote address is not known without asking, so
    a tenant with such a feed counts from the earliest day that is fetched from there.
    """
    if tenant.config.first_day is not None:
        return tenant.config.first_day
    days = [today(tenant), *read_ledger(warehouse)["delivery_day"].to_list()]
    for feed in tenant.feeds:
        if "://" in feed.files.address:
            days.append(EARLIEST_REMOTE_DAY)
        else:
            days.extend(_landed_days(tenant, feed))
    return min(days)


def _landed_days(tenant: Tenant, feed: FeedConfig) -> Iterator[date]:
    folder = tenant.root / feed.files.address
    partitioned = feed.files.format == "parquet"
    for match in FilePattern(feed.files.pattern).find(folder, folders=partitioned):
        if match.day is not None and match.day >= EARLIEST_DAY:
            yield match.day
