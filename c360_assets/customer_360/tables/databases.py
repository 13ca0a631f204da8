"""The databases of a tenant: the group's, and those that hold one brand or region each.

Identity resolution is the group's, so one person may be in several databases. A filtered database
holds only rows of its `database_key`: what Stitch wrote and what is gathered from sources is built
once and filtered where it is read, everything computed from it is built again. Which tables there
are and how they are computed belongs to `graph`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from c360_assets.customer_360.rendering.gathered_tables import (
    BY_NAME,
    contributors,
    has_stitched_version,
)
from c360_assets.customer_360.rendering.render import SUMMARY, summary_from_events
from c360_assets.customer_360.tables.graph import TableNode, plan
from c360_assets.customer_360.tables.references import OVERRIDE_FOLDER, Names
from c360_assets.errors import ConfigError, Problem
from c360_assets.semantics.tables import all_tables
from c360_assets.semantics.tags import tag_info
from c360_assets.tenant.customer_360 import GROUP
from c360_assets.tenant.models import DatabaseConfig, SourceTable, Tenant
from c360_assets.tenant.remembered import once_per_tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

FILTER_TABLE = "database_filter"
RECORDS = "_c360_records"
UNIFIED = "unified_coalesced"
OWN_KEY = f"IN (SELECT database_key FROM {FILTER_TABLE})"
OWN_PEOPLE = f"amperity_id IN (SELECT amperity_id FROM {RECORDS})"
OWN_RECORD = f"({{0}}, {{1}}) IN (SELECT (datasource, pk) FROM {RECORDS})"
RECORD_EMAILS = f"SELECT UNNEST(email_values(email)) AS value FROM {RECORDS}"
OWN_EMAIL = f"email_key(email) IN (SELECT LOWER(value) FROM ({RECORD_EMAILS}))"
# Stitch's tables that say which records they are about. The others are about the whole group and
# stay there.
RECORD_TABLES = {
    "unified_preprocessed_raw": OWN_RECORD.format("datasource", "pk"),
    "unified_scores": " AND ".join(
        [OWN_RECORD.format("source1", "pk1"), OWN_RECORD.format("source2", "pk2")]
    ),
    "unified_changes_pks": OWN_RECORD.format("datasource", "pk"),
}
KEYED_TABLES = (UNIFIED, "unified_customer")
SHOWN_KEYS = 10


@dataclass(frozen=True)
class Database:
    """One database: the tenant as it sees it (with its own merge policy), its rows' `key`, its
    tables in order of building.

    `key` None: every row. `listed` are the tables to publish, all where it is empty. `keeps` maps a
    warehouse table that is filtered where it is read to the condition its rows must meet; one that
    it says None about is not this database's. `masked`: personal values are hashed in its file.
    """

    name: str
    tenant: Tenant
    key: str | None
    listed: tuple[str, ...]
    nodes: tuple[TableNode, ...]
    keeps: dict[str, str | None]
    masked: bool = False

    @property
    def is_group(self) -> bool:
        return self.name == GROUP

    def own(self, table: str) -> str:
        """Warehouse name of a table that each database has of its own, such as its checks."""
        return table if self.is_group else f"{self.name}/{table}"

    def bind(self, session: Session, stored: str, called: str) -> None:
        """A view `called` over the rows of the warehouse table that belong to this database;
        `prepare` comes first.
        """
        bind_kept(session, stored, called, condition_of(self.keeps, stored))

    def prepare(self, session: Session) -> None:
        if self.key is not None:
            bind_key(session, self.key, Names(self.tenant).warehouse_name(UNIFIED) or UNIFIED)


def condition_of(keeps: Mapping[str, str | None], stored: str) -> str | None:
    """The condition that rows of a table must meet, None where all do; of a table of which nobody
    knows whom its rows are about none does.
    """
    if stored not in keeps:
        return None
    return keeps[stored] or "FALSE"


def bind_kept(session: Session, stored: str, called: str, condition: str | None) -> None:
    if condition is None:
        session.bind(stored, called)
        return
    session.bind(stored, f"_c360_all_{called}")
    source = quote_ident(f"_c360_all_{called}")
    session.execute(
        f"CREATE OR REPLACE TEMP VIEW {quote_ident(called)} AS "
        f"SELECT * FROM {source} WHERE {condition}"
    )


def bind_key(session: Session, key: str, unified: str) -> None:
    """Name in the session the database's key and the records that have it."""
    session.execute(
        f"CREATE OR REPLACE TEMP VIEW {FILTER_TABLE} AS SELECT {quote_literal(key)} AS database_key"
    )
    bind_kept(session, unified, RECORDS, own_records(session, unified))


def own_records(session: Session, unified: str) -> str:
    """The condition that records meet which have the database's key."""
    return f"database_key {OWN_KEY}" if has_key(session, unified) else "FALSE"


def has_key(session: Session, stored: str) -> bool:
    state = session.state(stored)
    return state is not None and "database_key" in state.columns


def without_people(session: Session, database: Database) -> str | None:
    """What to tell of a database whose key no record has, such as a misspelt brand: the keys there
    are, if they are few.
    """
    unified = Names(database.tenant).warehouse_name(UNIFIED) or UNIFIED
    if database.key is None or not has_key(session, unified):
        return None
    session.bind(unified, "_c360_keyed")
    keys_sql = "(SELECT DISTINCT database_key FROM _c360_keyed WHERE database_key IS NOT NULL)"
    ((is_known,),) = session.rows(
        f"SELECT count(*) FROM {keys_sql} WHERE database_key = ?", [database.key]
    )
    if is_known:
        return None
    rows = session.rows(f"SELECT database_key FROM {keys_sql} ORDER BY 1 LIMIT {SHOWN_KEYS + 1}")
    there_are = _known_keys([str(key) for (key,) in rows])
    return (
        f"database {database.name} is empty: no record has the database_key {database.key}; "
        f"{there_are}"
    )


def _known_keys(keys: Sequence[str]) -> str:
    """What keys there are; a field with many values is none of brands: they may tell of people."""
    if len(keys) > SHOWN_KEYS:
        return f"there are more than {SHOWN_KEYS} others"
    return f"there are {', '.join(keys)}" if keys else "none has any"


@once_per_tenant
def databases(tenant: Tenant) -> list[Database]:
    """The databases of the tenant, the group's first.

    Raises ConfigError for a name that cannot be one's.
    """
    configured = tenant.config.databases
    primary = next((name for name, item in configured.items() if item.primary), GROUP)
    masked = primary in configured and configured[primary].mask
    group = Database(GROUP, tenant, None, (), tuple(plan(tenant)), {}, masked)
    others = {name: item for name, item in configured.items() if name != primary}
    _check_names(others, group)
    return [group, *(_other_database(tenant, group, name, item) for name, item in others.items())]


def _check_names(names: Iterable[str], group: Database) -> None:
    """A database's tables stand in the warehouse below its name, which must be nothing else's."""
    taken = {
        GROUP,
        OVERRIDE_FOLDER,
        "domain",
        "stitched",
        "reports",
        "segments",
        *all_tables(),
        *(node.table for node in group.nodes),
    }
    message = "this name is taken; call the database otherwise"
    problems = [
        Problem("error", "tenant.yaml", message, key=f"databases.{name}")
        for name in names
        if name in taken
    ]
    if problems:
        raise ConfigError(problems)


def _other_database(tenant: Tenant, group: Database, name: str, config: DatabaseConfig) -> Database:
    """A database beside the group's: its own merge policy, only its rows if it has a key."""
    policy = tenant.merge_policies.get(config.merge_policy or "", tenant.merge_policy)
    as_seen = replace(tenant, merge_policy=policy)
    key = config.filter.get("database_key")
    keeps = {} if key is None else row_filters(tenant)
    own = _OwnTables(name, key, keeps, group, as_seen)
    nodes = tuple(own.version_of(node) for node in plan(as_seen))
    return Database(name, as_seen, key, tuple(config.tables), nodes, keeps, config.mask)


class _OwnTables:
    """The tables as one database has them: shared with the group unless a row, an input or the SQL
    differs. They are asked for in order of building.
    """

    def __init__(
        self,
        database: str,
        key: str | None,
        keeps: Mapping[str, str | None],
        group: Database,
        tenant: Tenant,
    ) -> None:
        self.database = database
        self.key = key
        self.keeps = keeps
        self.shared = {node.table: node for node in group.nodes}
        self.unified = Names(tenant).warehouse_name(UNIFIED) or UNIFIED
        self.own: dict[str, str] = {}  # the group's name of a table -> this database's

    def version_of(self, node: TableNode) -> TableNode:
        """The table as this database has it."""
        shared = self.shared[node.table]
        kept = self._filtered_inputs(node)
        is_gathered = node.name.lower() in BY_NAME
        is_gathered = is_gathered or node.table.startswith(f"{OVERRIDE_FOLDER}/")
        reads_own = not self.own.keys().isdisjoint(node.deps)
        differs = bool(kept) or reads_own or shared.canonical != node.canonical
        if is_gathered or not differs:
            return shared
        self.own[node.table] = f"{self.database}/{node.table}"
        binds = tuple((called, self.own.get(table, table)) for called, table in node.binds)
        reads = {table for _, table in binds}
        if kept:
            reads.add(self.unified)
        return replace(
            node,
            table=self.own[node.table],
            binds=binds,
            deps=tuple(sorted(reads)),
            kept=kept,
            key=self.key,
            unified=self.unified,
        )

    def _filtered_inputs(self, node: TableNode) -> tuple[tuple[str, str], ...]:
        """What the SQL calls an input -> the condition that its rows must meet."""
        filtered = []
        for called, table in node.binds:
            condition = condition_of(self.keeps, table)
            if condition is not None and table not in self.own:
                filtered.append((called, condition))
        return tuple(filtered)


def row_filters(tenant: Tenant) -> dict[str, str | None]:
    """Warehouse table -> the condition by which a row belongs to a filtered database; None where
    that is known of no row.

    A table with `database_key` is filtered by it. One without goes by brand where its rows name
    one, else by the persons, records or e-mails of the database. A table about no one (a catalogue,
    a calendar) is in every database, whole.
    """
    filters: dict[str, str | None] = {**RECORD_TABLES}
    for name, spec in all_tables().items():
        if spec.stage == "stitch":
            filters.setdefault(name, None)
    is_keyed = any("database-key" in table.all_tags for table in tenant.stitched_tables)
    for name in KEYED_TABLES:
        filters[name] = f"database_key {OWN_KEY}" if is_keyed else "FALSE"
        filters[f"{OVERRIDE_FOLDER}/{name}"] = filters[name]
    for name in BY_NAME:
        condition = _gathered_filter(tenant, name)
        if condition is not None:
            filters[name] = condition
    for table in tenant.tables:
        condition = _source_filter(tenant, table)
        if condition != "TRUE":
            filters[table.asset] = condition
            filters[table.stitched_asset] = condition
    return filters


def _gathered_filter(tenant: Tenant, name: str) -> str | None:
    """The condition of a gathered table; None where it is about no one."""
    table = BY_NAME[name]
    if name == SUMMARY and summary_from_events(tenant):
        # Counted from events, it has the brand of its events.
        table = BY_NAME["unified_email_events"]
    tags: set[str] = set()
    for source in contributors(tenant, table):
        tags |= source.all_tags
    if f"{table.prefix}/database-key" in tags or name == "unified_itemized_transactions":
        return f"database_key {OWN_KEY}"
    is_of_contacts = "email" in name or table.consent is not None
    if is_of_contacts and f"{table.prefix}/brand" in tags:
        return f"brand {OWN_KEY}"
    if table.consent is not None:
        return OWN_PEOPLE
    if is_of_contacts:
        return OWN_EMAIL
    return OWN_PEOPLE if table.person else None


def _source_filter(tenant: Tenant, table: SourceTable) -> str | None:
    """The condition of a source table.

    TRUE where it is about no one, None where its persons are not known.
    """
    column_of = {tag: column for column, tags in table.tags.items() for tag in tags}
    for tag, column in sorted(column_of.items()):
        if tag.rsplit("/", 1)[-1] == "database-key":
            return f"{quote_ident(column)} {OWN_KEY}"
    if has_stitched_version(tenant, table):
        return OWN_PEOPLE
    is_personal = any(tag_info(tag).pii for tag in column_of)
    return None if is_personal else "TRUE"
