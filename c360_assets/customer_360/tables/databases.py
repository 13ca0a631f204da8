"""The databases of a tenant: the group's, and those that hold one brand or region each.

Identity resolution is the group's, so one person may be in several databases. A filtered database holds only rows of its
`database_key`: what Stitch wrote and what is gathered from sources is built once and filtered where it is read, everything
computed from it is built again. Which tables there are and how they are computed belongs to `graph`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from c360_assets.customer_360.rendering.gathered_tables import (
    BY_NAME,
    contributors,
    has_stitched_version,
)
from c360_assets.customer_360.rendering.render import SUMMARY, summary_from_events
from c360_assets.customer_360.tables.graph import TableNode, in_order, plan
from c360_assets.customer_360.tables.references import OVERRIDE_FOLDER, Names
from c360_assets.errors import ConfigError, Problem
from c360_assets.semantics.tables import all_tables
from c360_assets.semantics.tags import tag_info
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

GROUP = "customer_360"
FILTER_TABLE = "database_filter"
RECORDS = "_c360_records"
UNIFIED = "unified_coalesced"
OWN_KEY = f"IN (SELECT database_key FROM {FILTER_TABLE})"
OWN_PEOPLE = f"amperity_id IN (SELECT amperity_id FROM {RECORDS})"
OWN_RECORD = f"({{0}}, {{1}}) IN (SELECT (datasource, pk) FROM {RECORDS})"
OWN_EMAIL = f"email_key(email) IN (SELECT LOWER(value) FROM (SELECT UNNEST(email_values(email)) AS value FROM {RECORDS}))"
# Stitch's tables that say which records they are about. The others are about the whole group and stay there.
RECORD_TABLES = {
    "unified_preprocessed_raw": OWN_RECORD.format("datasource", "pk"),
    "unified_scores": f"{OWN_RECORD.format('source1', 'pk1')} AND {OWN_RECORD.format('source2', 'pk2')}",
    "unified_changes_pks": OWN_RECORD.format("datasource", "pk"),
}
KEYED_TABLES = (UNIFIED, "unified_customer")
SHOWN_KEYS = 10


@dataclass(frozen=True)
class Database:
    """One database: the tenant as it sees it (with its own merge policy), its rows' `key`, its tables in order of building.

    `key` None: every row. `listed` are the tables to publish, all where it is empty. `keeps` maps a warehouse table that is
    filtered where it is read to the condition its rows must meet; one that it says None about is not this database's.
    """

    name: str
    tenant: Tenant
    key: str | None
    listed: tuple[str, ...]
    nodes: tuple[TableNode, ...]
    keeps: dict[str, str | None]

    @property
    def is_group(self) -> bool:
        return self.name == GROUP

    def own(self, table: str) -> str:
        """Warehouse name of a table that each database has of its own, such as its checks."""
        return table if self.is_group else f"{self.name}/{table}"

    def bind(self, session: Session, stored: str, called: str) -> None:
        """A view `called` over the rows of the warehouse table that belong to this database; `prepare` comes first."""
        bind_kept(session, stored, called, condition_of(self.keeps, stored))

    def prepare(self, session: Session) -> None:
        if self.key is not None:
            bind_key(session, self.key, Names(self.tenant).warehouse_name(UNIFIED) or UNIFIED)


def condition_of(keeps: Mapping[str, str | None], stored: str) -> str | None:
    """The condition that rows of a table must meet, None where all do; of a table whose rows cannot be told none does."""
    return keeps.get(stored) or ("FALSE" if stored in keeps else None)


def bind_kept(session: Session, stored: str, called: str, condition: str | None) -> None:
    if condition is None:
        session.bind(stored, called)
        return
    session.bind(stored, f"_c360_all_{called}")
    source = quote_ident(f"_c360_all_{called}")
    session.execute(
        f"CREATE OR REPLACE TEMP VIEW {quote_ident(called)} AS SELECT * FROM {source} WHERE {condition}"
    )


def bind_key(session: Session, key: str, unified: str) -> None:
    """Name in the session the database's key and the records that have it."""
    session.execute(
        f"CREATE OR REPLACE TEMP VIEW {FILTER_TABLE} AS SELECT {quote_literal(key)} AS database_key"
    )
    bind_kept(
        session,
        unified,
        RECORDS,
        f"database_key {OWN_KEY}" if has_key(session, unified) else "FALSE",
    )


def has_key(session: Session, stored: str) -> bool:
    state = session.state(stored)
    return state is not None and "database_key" in state.columns


def without_people(session: Session, database: Database) -> str | None:
    """What to tell of a database whose key no record has, such as a misspelt brand: the keys there are, if they are few."""
    unified = Names(database.tenant).warehouse_name(UNIFIED) or UNIFIED
    if database.key is None or not has_key(session, unified):
        return None
    session.bind(unified, "_c360_keyed")
    keys = "(SELECT DISTINCT database_key FROM _c360_keyed WHERE database_key IS NOT NULL)"
    found = [
        key
        for (key,) in session.rows(
            f"SELECT database_key FROM {keys} ORDER BY 1 LIMIT {SHOWN_KEYS + 1}"
        )
    ]
    ((known,),) = session.rows(
        f"SELECT count(*) FROM {keys} WHERE database_key = ?", [database.key]
    )
    if known:
        return None
    # A field with many values is none of brands: they may tell of people.
    told = f"there are {', '.join(map(str, found))}" if found else "none has any"
    told = f"there are more than {SHOWN_KEYS} others" if len(found) > SHOWN_KEYS else told
    return (
        f"database {database.name} is empty: no record has the database_key {database.key}; {told}"
    )


def databases(tenant: Tenant) -> list[Database]:
    """The databases of the tenant, the group's first. Raises ConfigError for a name that cannot be one's."""
    configured = tenant.config.databases
    group = Database(GROUP, tenant, None, (), tuple(plan(tenant)), {})
    primary = next((name for name, item in configured.items() if item.primary), GROUP)
    others = {name: item for name, item in configured.items() if name != primary}
    taken = {
        GROUP,
        OVERRIDE_FOLDER,
        "domain",
        "stitched",
        "reports",
        *all_tables(),
        *(n.table for n in group.nodes),
    }
    wrong = [Problem("error", "tenant.yaml", "this name is taken; call the database otherwise", key=f"databases.{name}")
             for name in others if name in taken]  # fmt: skip
    if wrong:
        raise ConfigError(wrong)
    found = [group]
    for name, item in others.items():
        policy = tenant.merge_policies.get(item.merge_policy or "", tenant.merge_policy)
        seen = replace(tenant, merge_policy=policy)
        key = item.filter.get("database_key")
        keeps = {} if key is None else row_filters(tenant)
        nodes = _own_nodes(name, key, plan(seen), group.nodes, keeps, Names(seen))
        found.append(Database(name, seen, key, tuple(item.tables), nodes, keeps))
    return found


def plan_all(tenant: Tenant) -> list[TableNode]:
    """The tables of every database, each after what it reads."""
    return in_order({node.table: node for database in databases(tenant) for node in database.nodes})


def _own_nodes(
    name: str,
    key: str | None,
    nodes: Iterable[TableNode],
    group: Iterable[TableNode],
    keeps: dict[str, str | None],
    names: Names,
) -> tuple[TableNode, ...]:
    """The tables as this database has them: shared with the group unless a row, an input or the SQL differs."""
    shared = {node.table: node for node in group}
    unified = names.warehouse_name(UNIFIED) or UNIFIED
    own: dict[str, str] = {}
    found = []
    for node in nodes:
        gathered = node.name.lower() in BY_NAME or node.table.startswith(f"{OVERRIDE_FOLDER}/")
        kept = tuple((called, condition) for called, table in node.binds
                     if table not in own and (condition := condition_of(keeps, table)) is not None)  # fmt: skip
        changed = (
            kept
            or not own.keys().isdisjoint(node.deps)
            or shared[node.table].canonical != node.canonical
        )
        if gathered or not changed:
            found.append(shared[node.table])
            continue
        own[node.table] = f"{name}/{node.table}"
        binds = tuple((called, own.get(table, table)) for called, table in node.binds)
        read = {table for _, table in binds} | ({unified} if kept else set())
        found.append(
            replace(
                node,
                table=own[node.table],
                binds=binds,
                deps=tuple(sorted(read)),
                kept=kept,
                key=key,
                unified=unified,
            )
        )
    return tuple(found)


def row_filters(tenant: Tenant) -> dict[str, str | None]:
    """Warehouse table -> the condition by which a row belongs to a filtered database; None where no row can be told.

    A table with `database_key` is filtered by it. One without goes by brand where its rows name one, else by the persons,
    records or e-mails of the database. A table about no one (a catalogue, a calendar) is in every database, whole.
    """
    keyed = any(
        tag == "database-key"
        for table in tenant.stitched_tables
        for tags in table.tags.values()
        for tag in tags
    )
    found: dict[str, str | None] = {**RECORD_TABLES}
    for name, spec in all_tables().items():
        if spec.stage == "stitch":
            found.setdefault(name, None)
    for name in KEYED_TABLES:
        found[name] = f"database_key {OWN_KEY}" if keyed else "FALSE"
        found[f"{OVERRIDE_FOLDER}/{name}"] = found[name]
    for name in BY_NAME:
        condition = _gathered_filter(tenant, name)
        if condition is not None:
            found[name] = condition
    for table in tenant.tables:
        condition = _source_filter(tenant, table)
        if condition != "TRUE":
            found[table.asset] = found[table.stitched_asset] = condition
    return found


def _gathered_filter(tenant: Tenant, name: str) -> str | None:
    # Counted from events, a summary has the brand of its events.
    table = BY_NAME[
        "unified_email_events" if name == SUMMARY and summary_from_events(tenant) else name
    ]
    tags = {
        tag
        for source in contributors(tenant, table)
        for listed in source.tags.values()
        for tag in listed
    }
    if f"{table.prefix}/database-key" in tags or name == "unified_itemized_transactions":
        return f"database_key {OWN_KEY}"
    if "email" in name or table.consent is not None:
        contact = OWN_PEOPLE if table.consent is not None else OWN_EMAIL
        return f"brand {OWN_KEY}" if f"{table.prefix}/brand" in tags else contact
    return OWN_PEOPLE if table.person else None


def _source_filter(tenant: Tenant, table: SourceTable) -> str | None:
    """The condition of a source table; TRUE where it is about no one, None where its persons cannot be told."""
    tags = {tag: column for column, listed in table.tags.items() for tag in listed}
    key = next(
        (
            column
            for tag, column in sorted(tags.items())
            if tag.rsplit("/", 1)[-1] == "database-key"
        ),
        None,
    )
    if key is not None:
        return f"{quote_ident(key)} {OWN_KEY}"
    if has_stitched_version(tenant, table):
        return OWN_PEOPLE
    return None if any(tag_info(tag).pii for tag in tags) else "TRUE"
