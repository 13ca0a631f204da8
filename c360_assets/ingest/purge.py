"""Empty a feed's table on request, and refuse where its rows could not be loaded again.

What a purge does to the table and the ledger is `load.purge`. The published database stays as it
is until the next run.
"""

from __future__ import annotations

from collections.abc import Callable

from c360_assets.errors import C360Error
from c360_assets.ingest.domain_table import purge
from c360_assets.ingest.read_again import gone
from c360_assets.semantics.closest import instead_of
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.lock import tenant_lock
from c360_assets.warehouse.session import open_session


def purge_feed(
    tenant: Tenant,
    feed_name: str,
    *,
    accept_lost_files: bool = False,
    waiting: Callable[[str], None] | None = None,
) -> FeedConfig:
    """Empty the table of `feed_name` (`Source:Feed`) and commit; the next load reads all its files.

    Holds the tenant meanwhile; `waiting` is called with who holds it until then. Raises C360Error
    for an unknown feed and, unless `accept_lost_files`, where a loaded file is gone or has changed.
    """
    feed = tenant.feed(feed_name)
    if feed is None:
        remedy = instead_of(feed_name, sorted(feed.name for feed in tenant.feeds))
        raise C360Error(f"there is no feed {feed_name}; {remedy}")
    with (
        tenant_lock(tenant.root, "`c360 feed purge`", waiting),
        open_session(tenant.root / "warehouse", tenant.config.timezone) as session,
    ):
        if not accept_lost_files:
            _refuse_lost_files(feed, gone(tenant, feed, session_ledger(session)))
        purge(session, feed)
        session.commit()
    return feed


def _refuse_lost_files(feed: FeedConfig, lost: list[str]) -> None:
    if not lost:
        return
    more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
    raise C360Error(
        f"{feed.name} was loaded from {lost[0]}{more}, which is gone or has other content now: "
        "its rows would not come back; put it back into landing/, or say --yes"
    )
