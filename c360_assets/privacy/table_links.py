"""Which source tables hold rows of one thing: a custom domain table, and those that it is made of.

Whom a request is about is found along them by `people`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from c360_assets.ingest.custom_tables import lineage
from c360_assets.ingest.personal_columns import Meaning
from c360_assets.tenant.models import SourceTable, Tenant

# Tags of which a table of people has one.
WHO = frozenset({"given-name", "surname", "full-name", "email", "phone"})


@dataclass(frozen=True)
class Link:
    """Two source tables whose rows belong together where these columns are equal."""

    one: str
    other: str
    one_columns: Sequence[str]
    other_columns: Sequence[str]


def links_between(tenant: Tenant, tables: Mapping[str, Meaning]) -> list[Link]:
    """What the SQL of custom tables says about which row was made of which; of these source
    tables, by physical name."""
    links = []
    for custom in tenant.custom_tables:
        if custom.physical not in tables:
            continue
        origins = lineage(tenant, custom)
        read = {source for pairs in origins.values() for source, _ in pairs}
        for source in sorted(read & tables.keys()):
            copied = {
                column: pairs[0][1]
                for column, pairs in origins.items()
                if len(pairs) == 1 and pairs[0][0] == source
            }
            link = _link(tables, custom.physical, source, copied)
            if link is not None:
                links.append(link)
    return links


def _link(
    tables: Mapping[str, Meaning], custom: str, source: str, copied: Mapping[str, str]
) -> Link | None:
    """How a custom table's rows and those that it was made of find each other, None where they are
    about different things.

    A product or a store that is joined to a row is not the person's: tables belong together where
    one key is the other, or where people are read from one into the other.
    """
    made = tables[custom].table
    key = tables[source].table.primary_key
    by_source = {source_column: column for column, source_column in copied.items()}
    if key and all(column in by_source for column in key):
        own_columns = [by_source[column] for column in key]
        is_same_key = set(own_columns) == set(made.primary_key)
        if is_same_key or _is_of_people(made, tables[source]):
            return Link(custom, source, own_columns, list(key))
        return None
    own_key = made.primary_key
    has_own_key = bool(own_key) and all(column in copied for column in own_key)
    if has_own_key and _is_of_people(made, tables[source]):
        return Link(custom, source, list(own_key), [copied[column] for column in own_key])
    return None


def _is_of_people(made: SourceTable, read: Meaning) -> bool:
    """Whether people are read from one table into the other."""
    return made.stitch and any(WHO & tags for tags in read.tags.values())
