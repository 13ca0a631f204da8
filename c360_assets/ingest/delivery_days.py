"""The days of a tenant's deliveries: the earliest one, and the one that a run's figures stand at.

Reads file names and the ledger, never a file's content. Which days are to be loaded belongs to
`landing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from c360_assets.ingest.day_feeds import day_feeds
from c360_assets.ingest.personal_columns import request_tables
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.local_time import today, zone
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.ledger import last_delivery, read_ledger
from c360_assets.warehouse.session import Warehouse

# Of files whose names tell their day. A misspelt year must not give every feed a million
# partitions, nor a day that time zones have no offset for.
EARLIEST_DAY = date(1970, 1, 1)
# Of files whose day is known only once they are asked for: those of a remote address, of which
# years of old ones are not to be fetched because a feed is declared, and those without a date.
EARLIEST_UNTOLD_DAY = date(2020, 1, 1)


def as_of_date(
    tenant: Tenant,
    warehouse: Warehouse,
    asked: date | None = None,
    at: datetime | None = None,
) -> date:
    """The date that "today" means in figures: the one asked for, else what `tenant.yaml` says, at
    the moment `at` (default now)."""
    if asked is not None:
        return asked
    day = today(tenant) if at is None else at.astimezone(zone(tenant)).date()
    if tenant.config.as_of == "last_delivery":
        return newest_delivery(tenant, warehouse) or day
    return day


def newest_delivery(tenant: Tenant, warehouse: Warehouse) -> date | None:
    """The newest delivery day that was loaded; None before the first load.

    Lists that Stitch obeys, such as what people answered, and requests of people tell nothing of
    what happened until a day: by them figures would stand at the day of the answer.
    """
    feeds = day_feeds(tenant).feeds.values()
    lists = [feed.feed for feed in feeds if feed.of_lists and not feed.through]
    requests = [table.name for table in request_tables(tenant)]
    return last_delivery(warehouse, [*lists, *requests])


def first_day(tenant: Tenant, feed: FeedConfig) -> date:
    """Files of the feed that are of an earlier day are not loaded."""
    if tenant.config.first_day is not None:
        return tenant.config.first_day
    return EARLIEST_DAY if _tells_days(feed) else EARLIEST_UNTOLD_DAY


def first_delivery_day(tenant: Tenant, warehouse: Warehouse) -> date:
    """The day that delivery days are counted from.

    That of `tenant.yaml`, else the earliest one that was loaded or lies in a local folder, else
    today. Looks at file names and the ledger only; a feed whose days they do not tell counts from
    the earliest day that it may have.
    """
    if tenant.config.first_day is not None:
        return tenant.config.first_day
    days = [today(tenant), *read_ledger(warehouse)["delivery_day"].to_list()]
    for feed in tenant.feeds:
        if _tells_days(feed):
            days.extend(_landed_days(tenant, feed))
        else:
            days.append(EARLIEST_UNTOLD_DAY)
    return min(days)


def _tells_days(feed: FeedConfig) -> bool:
    """Whether the names of files that are here tell the feed's delivery days."""
    is_local = "://" not in feed.files.address
    return is_local and FilePattern(feed.files.pattern).has_date


def _landed_days(tenant: Tenant, feed: FeedConfig) -> Iterator[date]:
    folder = tenant.root / feed.files.address
    partitioned = feed.files.format == "parquet"
    for match in FilePattern(feed.files.pattern).find(folder, folders=partitioned):
        if match.day is not None and match.day >= EARLIEST_DAY:
            yield match.day
