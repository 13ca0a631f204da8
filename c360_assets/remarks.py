"""What a tenant's configuration leaves unsaid: no error, and often not what was meant.

Problems are for `configuration`; here are remarks on a tenant without errors, told by `check`.
"""

from __future__ import annotations

from c360_assets.ingest.suggest.header_words import guess_by_name
from c360_assets.semantics.tags import is_profile, tag_info
from c360_assets.tenant.models import FeedConfig, Tenant

# Tags whose values tell people apart; a name alone may be that of a thing.
CONTACTS = frozenset({"email", "phone", "address", "postal", "birthdate", "given-name", "surname"})
SHOWN = 5
NO_CUSTOMERS = (
    "no table has customers for Stitch, so that no database can be published; set `stitch: true` "
    "in the feed of customers"
)


def remarks(tenant: Tenant) -> list[str]:
    """In sentences: what stays empty, and which contact fields Stitch does not read."""
    found = [_untagged(feed) for feed in tenant.feeds]
    said = [remark for remark in found if remark]
    if tenant.feeds and not tenant.stitched_tables:
        said.append(NO_CUSTOMERS)
    groups = {
        tag_info(tag).group
        for table in tenant.tables
        for tags in table.tags.values()
        for tag in tags
    }
    if tenant.tables and "txn-item" not in groups:
        said.append(
            "no table is tagged txn-item/..., so tables of orders and values of customers stay "
            "empty; `c360 tags txn-item` lists the tags"
        )
    return said


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
    shown = ", ".join(f"{name} ({tag})" for name, tag in list(looks.items())[:SHOWN])
    more = f" and {len(looks) - SHOWN} more" if len(looks) > SHOWN else ""
    return f"{feed.name}: no tag covers {shown}{more}, so Stitch does not read them"
