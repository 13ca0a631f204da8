"""What of the files that have landed is to be loaded: delivery days.

Files as they lie there are in `landed_files`, days that are read again in `read_again`, loading in
`load`.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from c360_assets.ingest.delivery_days import first_day
from c360_assets.ingest.known_files import KnownFiles, known_files
from c360_assets.ingest.landed_files import (
    LandedFile,
    files_of,
    is_remote,
    landing_folder,
    look_at,
    marked,
    require_folder,
)
from c360_assets.ingest.read_again import (
    DayLoad,
    by_day,
    day_load,
    files_by_day,
    new_columns_loads,
    new_columns_of,
)
from c360_assets.tenant.local_time import today
from c360_assets.tenant.models import FeedConfig, Tenant


def pending(
    tenant: Tenant,
    feed: FeedConfig,
    ledger: pl.DataFrame,
    through: date | None = None,
    *,
    fetched: bool = True,
    again_from: date | None = None,
) -> list[DayLoad]:
    """The delivery days up to `through` (default today) that are to be loaded, oldest first.

    They are those of which a file is new or has other content than in the last attempt that was
    recorded, or whose last attempt failed; a file that has gone does not count. The whole day is
    loaded again, as the attempt after the last one that succeeded: a failure changes nothing, so
    the next try keeps its number. A file whose name has no date belongs to the day `through` unless
    its content was loaded before. With `fetched` false remote files are listed only, which is
    enough to see that there is something to load, and not to load it.

    Read again, under their old number, are loaded days from `again_from` on, but for those whose
    files are not all there (`not_there_messages`), and all loaded days where the feed declares a
    column that its table lacks. Raises LoadError when files of the latter are gone.
    """
    first, last = first_day(tenant, feed), through or today(tenant)
    known = known_files(ledger, feed)
    if known.as_loaded:
        require_folder(tenant, feed)
    columns = new_columns_of(tenant, feed)
    if again_from is None and not columns and not is_remote(feed):
        days = _days_with_news(tenant, feed, known, last)
    else:
        days = files_by_day(tenant, feed, known, last, fetched=fetched)
    loads: dict[date, DayLoad] = {}
    for again in new_columns_loads(feed, known, days, columns):
        loads[again.day] = again
    for day, files in days.items():
        in_time = first <= day <= last
        is_wanted = again_from is not None and day >= again_from and known.is_whole(day, files)
        if in_time and (is_wanted or known.has_other_content(day, files)):
            loads.setdefault(day, day_load(known, day, files))
    return [loads[day] for day in sorted(loads)]


def _days_with_news(
    tenant: Tenant, feed: FeedConfig, known: KnownFiles, last: date
) -> dict[date, list[LandedFile]]:
    """The files that are there of those days of which a file is not as it was loaded, by day.

    What stands in the ledger as it lies there is only counted to its day: a folder keeps the files
    of years, and a look at it must not take longer for each of them.
    """
    folder = landing_folder(tenant, feed)
    look = look_at(feed, folder, known.as_loaded)
    news = by_day(feed, known, last, files_of(folder, look))
    days = {}
    for day, files in news.items():
        there = [
            LandedFile(folder / path, path, day, *facts, sha256=sha256)
            for path, facts, sha256 in known.of_day(day)
            if look.listing.files.get(path) == facts
        ]
        whole = sorted([*files, *there], key=lambda file: file.relative)
        days[day] = marked(feed, folder, whole)
    return days
