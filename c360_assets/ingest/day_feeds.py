"""Which feeds a day is made of: those that Stitch depends on, and those that it waits for.

A table that Stitch reads may be a custom domain table, which depends on feeds through its SQL, also
by way of other custom tables. When a day is complete is for `automation` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from c360_assets.errors import ConfigError
from c360_assets.ingest.custom_tables import dependencies
from c360_assets.tenant.models import CustomTable, FeedConfig, SourceTable, Tenant, WorkflowFeed
from c360_assets.tenant.remembered import once_per_tenant

# Tags of tables that tell Stitch what to do, such as labels.
LIST_TAGS = ("sl/", "blv/", "nicknames/")


@dataclass(frozen=True)
class DayFeed:
    """What a day expects of a feed, and why.

    `through` names the stitched table by which Stitch depends on the feed, the feed's own where it
    is read itself; it is empty where no stitched table depends on the feed. `of_lists`: Stitch
    obeys what the feed holds, and a day takes it as it stands.
    """

    feed: str
    expected: WorkflowFeed
    listed: bool
    through: str
    of_lists: bool

    @property
    def reason(self) -> str:
        """Why the day waits for the feed, or does not."""
        if self.listed:
            return "listed in workflow.yaml"
        if not self.through and self.of_lists:
            return "Stitch obeys what has come of it so far"
        if not self.through:
            return "nothing that Stitch reads depends on it"
        origin = "Stitch reads it"
        if self.through != self.feed:
            origin = f"Stitch reads {self.through}, which depends on it"
        return origin if self.expected.required else f"{origin}, and its files are optional"


@dataclass(frozen=True)
class DayFeeds:
    """What a day is made of.

    `feeds` are all feeds by name. `of_stitch` are those whose files change what Stitch writes:
    records that it reads, lists that it obeys, and tables which it writes again with `amperity_id`.
    `beside_stitch` are custom tables that later stages alone read.
    """

    feeds: dict[str, DayFeed]
    of_stitch: frozenset[str]
    beside_stitch: list[CustomTable]


def required_feeds(tenant: Tenant) -> list[FeedConfig]:
    """The feeds that a day waits for, in the order in which they are declared."""
    feeds = day_feeds(tenant).feeds
    return [feed for feed in tenant.feeds if feeds[feed.name].expected.required]


@once_per_tenant
def day_feeds(tenant: Tenant) -> DayFeeds:
    """What a day expects of each feed, by `workflow.yaml` and by what Stitch depends on."""
    reads = {table.physical: _tables_in_sql(tenant, table) for table in tenant.custom_tables}
    read_by_stitch = _origins(tenant.stitched_tables, reads)
    written = [table for table in tenant.tables if tenant.has_stitched_version(table)]
    list_tables = [table for table in tenant.tables if _is_list(table)]
    part_of_stitch = _origins([*written, *list_tables], reads)
    lists = _origins(list_tables, reads)
    names = sorted(feed.name for feed in tenant.feeds)
    return DayFeeds(
        feeds={name: _day_feed(tenant, name, read_by_stitch, lists) for name in names},
        of_stitch=frozenset(f.name for f in tenant.feeds if f.physical in part_of_stitch),
        beside_stitch=[t for t in tenant.custom_tables if t.physical not in part_of_stitch],
    )


def _is_list(table: SourceTable) -> bool:
    return any(tag.startswith(LIST_TAGS) for tag in table.all_tags)


def _day_feed(
    tenant: Tenant, name: str, origins: Mapping[str, str], lists: Mapping[str, str]
) -> DayFeed:
    feed = tenant.feed(name)
    assert feed is not None
    through = origins.get(feed.physical, "")
    # A listed feed is required unless it says otherwise.
    listed = tenant.workflow.feeds.get(name)
    unlisted = WorkflowFeed(required=through != "" and not feed.files.optional)
    expected = listed or unlisted
    return DayFeed(name, expected, listed is not None, through, feed.physical in lists)


def _origins(tables: Iterable[SourceTable], reads: Mapping[str, list[str]]) -> dict[str, str]:
    """Physical name of each table that one of `tables` depends on -> the name of the first such.

    A table among them is its own origin.
    """
    tables = list(tables)
    origins = {table.physical: table.name for table in tables}
    for table in tables:
        waiting = list(reads.get(table.physical, []))
        while waiting:
            name = waiting.pop()
            if name not in origins:
                origins[name] = table.name
                waiting += reads.get(name, [])
    return origins


def _tables_in_sql(tenant: Tenant, table: CustomTable) -> list[str]:
    try:
        return dependencies(tenant, table)
    except ConfigError:
        # `check` names what is wrong with the SQL, and nothing runs before it is corrected.
        return []
