"""What a tenant's configuration leaves unsaid: no error, and often not what was meant.

Problems are for `configuration`; here are remarks on a tenant without errors, told by `check`.
"""

from __future__ import annotations

from c360_assets.ingest.suggest.header_words import guess_by_name
from c360_assets.semantics.tags import is_profile, tag_info
from c360_assets.stitch.prepare.union import ADDRESS_GROUP, fields_read
from c360_assets.tenant.models import FeedConfig, SourceTable, Tenant

# Tags whose values tell people apart; a name alone may be that of a thing.
CONTACTS = frozenset({"email", "phone", "address", "postal", "birthdate", "given-name", "surname"})
SHOWN = 5
UTC = "UTC"
NO_CUSTOMERS = (
    "no table has customers for Stitch, so that no database can be published; set `stitch: true` "
    "in the feed of customers"
)


def remarks(tenant: Tenant) -> list[str]:
    """In sentences: what stays empty, which contact fields Stitch does not read or not always, and
    whose times are taken for those of UTC."""
    found = [_untagged(feed) for feed in tenant.feeds]
    found += [_further_addresses(table) for table in tenant.stitched_tables]
    said = [remark for remark in (*found, _without_zone(tenant)) if remark]
    if tenant.feeds and not tenant.stitched_tables:
        said.append(NO_CUSTOMERS)
    groups = {tag_info(tag).group for table in tenant.tables for tag in table.all_tags}
    if tenant.tables and "txn-item" not in groups:
        said.append(
            "no table is tagged txn-item/..., so tables of orders and values of customers stay "
            "empty; `c360 tags txn-item` lists the tags"
        )
    return said


def _further_addresses(table: SourceTable) -> str:
    """The fields of a table's further addresses: of a record one address is matched and merged."""
    _, addresses = fields_read(table)
    of_first = set(addresses[0].values()) if addresses else set()
    further = [
        field
        for field, tags in table.tags.items()
        if field not in of_first and any(tag in ADDRESS_GROUP for tag in tags)
    ]
    if not further:
        return ""
    return (
        f"{table.name}: of a record's addresses one is matched and merged, the first that is "
        f"filled: where it is, nothing is read of {_first_of(further)}"
    )


def _without_zone(tenant: Tenant) -> str:
    """Feeds with times that do not say of which zone these are, where the tenant's days are not
    those of UTC."""
    zone = tenant.config.timezone
    if zone == UTC:
        return ""
    feeds = [
        feed.name
        for feed in tenant.feeds
        if feed.timezone is None and any(item.type == "datetime" for item in feed.fields.values())
    ]
    if not feeds:
        return ""
    return (
        f"{_first_of(feeds)}: no `timezone` is given, so times that carry no zone are read as "
        f"{UTC}, while days are those of {zone}: give `timezone: {zone}`, or "
        f"`timezone: {UTC}` where they are"
    )


def _first_of(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _untagged(feed: FeedConfig) -> str:
    """The fields of a feed of persons that are called like contact data and carry no tag."""
    has_persons = any(is_profile(tag) for item in feed.fields.values() for tag in item.tags)
    looks: dict[str, str] = {}
    for name, item in feed.fields.items():
        guess = guess_by_name(name) if item.type in {"string", "date"} else None
        if guess is not None and guess.tag in CONTACTS and not item.tags:
            looks[name] = guess.tag
    telling = set(looks.values()) - {"given-name", "surname"}
    if not looks or not (has_persons or telling):
        return ""
    shown = _first_of([f"{name} ({tag})" for name, tag in looks.items()])
    return f"{feed.name}: no tag covers {shown}, so Stitch does not read them"
