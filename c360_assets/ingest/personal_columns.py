"""Which columns of a source table are personal, and how a row of it is blanked.

A tag on a custom domain table counts for the columns of the feeds that it is computed from, as
feeds often carry none. What is done with rows belongs to `forgotten` here and to the room
`privacy`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from c360_assets.ingest.custom_tables import computed_columns, lineage, ordered
from c360_assets.semantics.keys import FOREIGN_KEY, is_case_sensitive, key_form
from c360_assets.semantics.tags import tag_info
from c360_assets.tenant.models import CustomTable, SourceTable, Tenant
from c360_assets.warehouse.sql import quote_ident

MARKED = "compliance/pii"
REQUESTS = "compliance/request-"
CONTACTS: tuple[Literal["email", "phone"], ...] = ("email", "phone")
HASHED_KEYS = (FOREIGN_KEY, "sk-")
KEYED = "key"  # the kind under which foreign keys and the like are hashed
# Tags of each column, of each table by its physical name.
TableTags = dict[str, dict[str, set[str]]]
KeyColumn = tuple[str, str, str]  # physical name, column, tag


@dataclass(frozen=True)
class Meaning:
    """What is personal in one source table.

    `contacts` are its columns by `email` and `phone`. `blanked` columns lose their value, `hashed`
    ones keep a keyed hash of the form that stands beside them as SQL. `whole` ones hold one value
    of a person, as their semantic says, and no text about others. `foreign_keys` are columns with
    their tag, `computed_keys` SQL over the row with the tag of what a custom table makes of it;
    `is_of_customers`: its rows are records of people, or such are computed from them.
    `is_marked`: `compliance/pii` says which are blanked, and not the semantics.
    """

    table: SourceTable
    tags: Mapping[str, frozenset[str]]
    contacts: Mapping[str, list[str]] = field(default_factory=dict)
    blanked: list[str] = field(default_factory=list)
    hashed: Mapping[str, str] = field(default_factory=dict)
    whole: list[str] = field(default_factory=list)
    foreign_keys: list[tuple[str, str]] = field(default_factory=list)
    is_of_customers: bool = False
    is_marked: bool = False
    computed_keys: list[tuple[str, str]] = field(default_factory=list)

    @property
    def personal(self) -> list[str]:
        """Columns that say who or where somebody is, or lead to it."""
        return [*self.blanked, *self.hashed]

    @property
    def is_requests(self) -> bool:
        """Whether the table holds requests of people and no data about them."""
        return any(tag.startswith(REQUESTS) for tags in self.tags.values() for tag in tags)


def request_tables(tenant: Tenant) -> list[SourceTable]:
    """The tables whose rows are requests of people."""
    return [
        table for table in tenant.tables if any(tag.startswith(REQUESTS) for tag in table.all_tags)
    ]


def meanings(tenant: Tenant) -> dict[str, Meaning]:
    """Physical name -> what is personal in the table, of every feed and custom table."""
    tables = {table.physical: table for table in tenant.tables}
    tags: TableTags = {
        name: {column: set(own) for column, own in table.tags.items()}
        for name, table in tables.items()
    }
    of_customers = {table.physical for table in tenant.stitched_tables}
    whole_keys = _keys_as_tagged(tags)
    # The last in the order reads the others, so that a tag walks back through several tables.
    for custom in reversed(ordered(tenant)):
        _hand_back(tenant, custom, tags, of_customers, whole_keys)
    found = {
        name: _meaning(tenant, table, tags[name], name in of_customers, whole_keys)
        for name, table in tables.items()
    }
    for custom in tenant.custom_tables:
        _add_computed_keys(tenant, custom, found)
    return found


def _keys_as_tagged(tags: TableTags) -> set[KeyColumn]:
    """Every tagged column: as it is tagged itself, it holds whole keys."""
    keys: set[KeyColumn] = set()
    for name, columns in tags.items():
        for column, own in columns.items():
            keys |= {(name, column, tag) for tag in own}
    return keys


def _hand_back(
    tenant: Tenant,
    custom: CustomTable,
    tags: TableTags,
    of_customers: set[str],
    whole_keys: set[KeyColumn],
) -> None:
    """Give the tags of a custom table to the columns that it is computed from; what records of
    people are computed from is of people too."""
    for column, origins in lineage(tenant, custom).items():
        inherited = tags[custom.physical].get(column, set())
        says_who = custom.physical in of_customers and _is_who(inherited)
        columns_of_source = Counter(source for source, _ in origins)
        for source, source_column in origins:
            # One of several columns that a key is made of is no key: others have its values.
            if columns_of_source[source] == 1:
                whole_keys |= {(source, source_column, tag) for tag in inherited}
            if source not in tags:
                continue
            tags[source].setdefault(source_column, set()).update(inherited)
            if says_who:
                of_customers.add(source)


def _add_computed_keys(tenant: Tenant, custom: CustomTable, found: Mapping[str, Meaning]) -> None:
    """Tell the feeds of a custom table how its foreign keys are made of their rows."""
    keys = found[custom.physical].foreign_keys
    if not keys:
        return
    ways = computed_columns(tenant, custom)
    for column, tag in keys:
        for source, sql in ways.get(column, []):
            if source not in found:
                continue
            plain = {quote_ident(name).lower() for name in found[source].tags}
            if sql.lower() not in plain:
                found[source].computed_keys.append((sql, tag))


def _meaning(
    tenant: Tenant,
    table: SourceTable,
    tags: Mapping[str, set[str]],
    is_of_customers: bool,
    whole_keys: Collection[KeyColumn],
) -> Meaning:
    contacts: dict[str, list[str]] = {kind: _columns_of_kind(kind, tags) for kind in CONTACTS}
    # A key that is an address says who somebody is, like a foreign key.
    keys = [column for column in contacts["email"] if column in table.primary_key]
    hashed = {
        column: _hashed_form(tenant, column, own)
        for column, own in tags.items()
        if _is_key(own) or column in keys
    }
    marked = [column for column, own in tags.items() if MARKED in own]
    by_semantic = [column for column, own in tags.items() if _is_personal(own)]
    blanked = [column for column in marked or by_semantic if column not in hashed]
    frozen = {column: frozenset(own) for column, own in tags.items()}
    whole = [column for column, own in tags.items() if _is_personal(own - {MARKED}) or _is_key(own)]
    foreign_keys = [
        (column, tag)
        for column, own in tags.items()
        for tag in sorted(own)
        if tag.startswith(FOREIGN_KEY) and (table.physical, column, tag) in whole_keys
    ]
    return Meaning(
        table,
        frozen,
        contacts=contacts,
        blanked=blanked,
        hashed=hashed,
        whole=whole,
        foreign_keys=foreign_keys,
        is_of_customers=is_of_customers,
        is_marked=bool(marked),
    )


def _columns_of_kind(kind: str, tags: Mapping[str, set[str]]) -> list[str]:
    return [column for column, own in tags.items() if any(_is(kind, tag) for tag in own)]


def _is_who(tags: set[str]) -> bool:
    """Whether a column of these tags says who somebody is, and not only by which key."""
    return any(_is_personal({tag}) and not _is_key({tag}) for tag in tags)


def _is_key(tags: set[str]) -> bool:
    return any(tag.startswith(HASHED_KEYS) for tag in tags)


def _is_personal(tags: set[str]) -> bool:
    return any(tag_info(tag).pii for tag in tags)


def _is(kind: str, tag: str) -> bool:
    """Whether a field of the tag holds e-mail addresses, or phone numbers, of people."""
    if tag.startswith("compliance/"):
        return False
    return tag == kind or tag.endswith(f"/{kind}") or tag_info(tag).base == kind


def blanked_sql(meaning: Meaning, types: Mapping[str, str]) -> dict[str, str]:
    """Column -> SQL for what a blanked row holds in it, of the columns that change.

    Hashes come from the table `_c360_key_hashes` (value, hash), which `forgotten` makes.
    """
    changes = {
        column: f"CAST(NULL AS {types[column]})" for column in meaning.blanked if column in types
    }
    for column in meaning.hashed:
        if types.get(column) == "VARCHAR":
            form = meaning.hashed[column]
            changes[column] = f"(SELECT h.hash FROM _c360_key_hashes h WHERE h.value = {form})"
        elif column in types:
            changes[column] = f"CAST(NULL AS {types[column]})"
    return changes


def foreign_key_form(tenant: Tenant, column: str, tag: str) -> str:
    """SQL for the form in which values of a column with a foreign key's tag are compared."""
    return computed_key_form(tenant, quote_ident(column), tag)


def computed_key_form(tenant: Tenant, expression: str, tag: str) -> str:
    """The same of an SQL expression."""
    listed = tenant.stitch.bad_values.case_sensitive_fks
    return key_form(f"({expression})", is_case_sensitive(tag, listed))


def _hashed_form(tenant: Tenant, column: str, tags: set[str]) -> str:
    """SQL for what is hashed of a key: what is one customer as it is compared has one hash."""
    foreign = [tag for tag in sorted(tags) if tag.startswith(FOREIGN_KEY)]
    listed = tenant.stitch.bad_values.case_sensitive_fks
    return key_form(quote_ident(column), any(is_case_sensitive(tag, listed) for tag in foreign))
