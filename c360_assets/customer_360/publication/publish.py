"""What the published database holds, and when it is published again.

Core tables under their documented names in schema `main`, source tables in `domain`, reports and the ledger in `reports`, and
`c360_catalog`, which describes every column of all of them. Writing and replacing the file belongs to `warehouse.activated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import duckdb
import polars as pl
from sqlglot import exp

from c360_assets.customer_360.checks.run_data_checks import TABLE as VALIDATION_TABLE
from c360_assets.customer_360.checks.run_data_checks import validate_database
from c360_assets.customer_360.publication.statistics import TABLE as STATISTICS_TABLE
from c360_assets.customer_360.publication.statistics import Described, fill_statistics
from c360_assets.customer_360.rendering.gathered_tables import BY_NAME
from c360_assets.customer_360.rendering.render import RUN_CONTEXT, macro_statements
from c360_assets.customer_360.tables.build import fingerprint_of, own_code, prepare_context
from c360_assets.customer_360.tables.databases import (
    FILTER_TABLE,
    UNIFIED,
    Database,
    condition_of,
    databases,
)
from c360_assets.customer_360.tables.graph import TableNode, lineage
from c360_assets.customer_360.tables.references import DIALECT, parse_select
from c360_assets.customer_360.tables.run_records import TABLES as RECORD_TABLES
from c360_assets.customer_360.tables.run_records import RunFacts, record_run
from c360_assets.customer_360.tables.schemas import documented_schemas
from c360_assets.errors import C360Error
from c360_assets.semantics.column_types import GENERATED_COLUMNS
from c360_assets.semantics.tables import ColumnSpec, TableSpec, all_tables
from c360_assets.semantics.tags import CATALOGUE, GROUPS, column_for, tag_info
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.digest import RUN_TABLES, fingerprint
from c360_assets.warehouse.published_file import (
    PublishedTable,
    database_path,
    opens,
    publish,
    sweep,
)
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

META = "published"
CATALOGUE_TABLE = "c360_catalog"
# Tables made at publication, not built: documented all the same.
MADE = {
    RUN_CONTEXT: "main",
    CATALOGUE_TABLE: "main",
    FILTER_TABLE: "main",
    STATISTICS_TABLE: "reports",
}
REPORT_STAGES = frozenset({"validations", "ingest"})
UNTAGGED = "As its source sends it; neither a tag nor a description says what it means"


@dataclass(frozen=True)
class Entry:
    """One table to publish: its schema and name, where it is stored (None: nowhere yet), and what its columns mean.

    `view` is the SELECT of one that is computed from other tables of the database whenever it is read, stored or not.
    """

    schema: str
    name: str
    stored: str | None
    description: str
    columns: Mapping[str, str]
    meaning: Mapping[str, ColumnSpec]
    view: str = ""


def entries(
    session: Session, database: Database, specs: Mapping[str, TableSpec] | None = None
) -> list[Entry]:
    """All tables of a published database, by schema and name.

    A documented table that is not built is there too, empty with its full schema. `specs` describes tables beyond the
    catalogue. A filtered database has neither tables of whose rows nobody can say whose they are, nor reports on the group.
    """
    tenant, keeps = database.tenant, database.keeps
    known = {**all_tables(), **(specs or {})}
    declared = documented_schemas(tenant)
    tags = {tag for table in tenant.tables for listed in table.tags.values() for tag in listed}
    found: list[Entry] = []
    meanings: dict[str, Mapping[str, ColumnSpec]] = {}  # by stored name
    shown: dict[str, str] = {}  # source tables of the database, by stored name

    def add(
        schema: str, name: str, stored: str, spec: TableSpec | None, node: TableNode | None = None
    ) -> None:
        state = session.state(stored)
        columns = state.columns if state is not None else declared.get(name)
        if columns is None or _is_hidden(keeps, stored):
            return
        inherited = (
            _inherited(session, node, columns, meanings)
            if node is not None and node.source == "tenant"
            else {}
        )
        meaning = {
            column: _meaning(column, type_, spec, tags, inherited.get(column))
            for column, type_ in columns.items()
        }
        meanings[stored] = meaning
        text = spec.description if spec else ""
        view = (
            _gathered(session, node, shown)
            if node is not None and database.key is None and not database.listed
            else ""
        )
        found.append(
            Entry(schema, name, stored if state is not None else None, text, columns, meaning, view)
        )

    nodes = database.nodes
    replaced = {node.name.lower() for node in nodes}
    for name, documented in known.items():
        if documented.stage == "stitch":
            add("main", name, name, documented)
    found = [entry for entry in found if entry.name not in replaced]
    for table in tenant.tables:
        stored = (
            table.stitched_asset if session.state(table.stitched_asset) is not None else table.asset
        )
        state = session.state(stored)
        if state is not None and not _is_hidden(keeps, stored):
            told = _told_columns(tenant, table)
            meaning = {
                c: _source_meaning(table, c, type_, told.get(c, ""))
                for c, type_ in state.columns.items()
            }
            meanings[stored] = meaning
            shown[stored] = table.physical
            found.append(
                Entry("domain", table.physical, stored, table.description, state.columns, meaning)
            )
    for node in nodes:
        own = tenant.database_yaml.get(node.name)
        spec = known.get(node.name.lower())
        add(
            "main",
            node.name,
            node.table,
            spec if own is None else _told(node.name, own, spec),
            node,
        )
    for name, schema in MADE.items():
        columns = {column: spec.type for column, spec in known[name].columns.items()}
        found.append(
            Entry(schema, name, None, known[name].description, columns, known[name].columns)
        )
    reports = {
        name for name, spec in known.items() if spec.stage in REPORT_STAGES and database.is_group
    } | {VALIDATION_TABLE}
    reports |= set(RECORD_TABLES) if database.is_group else set()
    for name in reports:
        if name in known and known[name].view:
            types = {column: spec.type for column, spec in known[name].columns.items()}
            found.append(
                Entry(
                    "reports",
                    name,
                    None,
                    known[name].description,
                    types,
                    known[name].columns,
                    known[name].view,
                )
            )
        elif session.state(database.own(name)) is not None:
            add("reports", name, database.own(name), known.get(name))
    listed = {*(name.lower() for name in database.listed), *MADE, *reports}
    found = [entry for entry in found if not database.listed or entry.name.lower() in listed]
    return sorted(found, key=lambda entry: (entry.schema, entry.name))


def _gathered(session: Session, node: TableNode, shown: Mapping[str, str]) -> str:
    """The SELECT of a table that only gathers columns of source tables, over those `shown` in the same database; else nothing.

    Its rows would stand there twice, as in a large tenant nothing else does. What was built must be what the sources hold now.
    """
    state = session.state(node.table)
    gathers = (
        node.source == "semantic"
        and BY_NAME[node.name].consent is None
        and set(node.deps) <= set(shown)
    )
    if (
        not gathers
        or state is None
        or not state.rows
        or state.fingerprint != fingerprint_of(session, node, date.min)
    ):
        return ""
    called = {name.lower(): shown[stored] for name, stored in node.binds}
    query = parse_select(node.sql, node.file)
    for table in query.find_all(exp.Table):
        if table.name.lower() in called:
            table.set("this", exp.to_identifier(called[table.name.lower()], quoted=True))
            table.set("db", exp.to_identifier("domain"))
    return query.sql(dialect=DIALECT, comments=False)


def _is_hidden(keeps: Mapping[str, str | None], stored: str) -> bool:
    return stored in keeps and keeps[stored] is None


def _inherited(
    session: Session,
    node: TableNode,
    columns: Iterable[str],
    meanings: Mapping[str, Mapping[str, ColumnSpec]],
) -> dict[str, ColumnSpec]:
    """What columns of the tenant's own SQL take over from the columns they are computed from.

    A column passed on under its name keeps its meaning; a column computed from personal data is personal data. Where
    nobody can say what a column is computed from, it may be anything that the SQL reads. The case of names says nothing.
    """
    schemas = {
        table: state.columns for table in node.deps if (state := session.state(table)) is not None
    }
    known = {
        table: {c.lower(): spec for c, spec in meanings[table].items()}
        for table in node.deps
        if table in meanings
    }
    anything = ColumnSpec(
        "", "", "", any(spec.pii for specs in known.values() for spec in specs.values())
    )
    traced = {column.lower(): leaves for column, leaves in lineage(node, schemas).items()}
    found: dict[str, ColumnSpec] = {}
    for column in columns:
        leaves = traced.get(column.lower())
        if leaves is None:
            found[column] = anything
            continue
        specs = [known[table].get(c.lower(), anything) for table, c in leaves if table in known]
        if len(specs) == 1 and leaves[0][1].lower() == column.lower():
            found[column] = specs[0]
        elif specs:
            found[column] = ColumnSpec("", "", "", any(spec.pii for spec in specs))
    return found


def _told_columns(tenant: Tenant, table: SourceTable) -> dict[str, str]:
    """Column -> what the tenant wrote about it."""
    if table.custom:
        config = next(c.config for c in tenant.custom_tables if c.name == table.name)
        return {column: item.description for column, item in config.fields.items()}
    feed = tenant.feed(table.name)
    return {column: item.description for column, item in feed.outputs.items()} if feed else {}


def _told(name: str, own: Any, spec: TableSpec | None) -> TableSpec:
    """The description of a table of the tenant: its own words, else those of the shipped table it replaces."""
    shipped = dict(spec.columns) if spec else {}
    told = {
        column: ColumnSpec(
            shipped[column].type if column in shipped else "",
            item.description or (shipped[column].description if column in shipped else ""),
            item.semantic or (shipped[column].semantic if column in shipped else ""),
            item.pii if item.pii is not None else column in shipped and shipped[column].pii,
        )
        for column, item in own.columns.items()
    }
    return TableSpec(
        name=name,
        description=own.description or (spec.description if spec else ""),
        grain=own.grain or (spec.grain if spec else ""),
        key=tuple(own.key) or (spec.key if spec else ()),
        columns={**shipped, **told},
        stage="customer_360",
    )


def _meaning(
    column: str, type_: str, spec: TableSpec | None, tags: set[str], inherited: ColumnSpec | None
) -> ColumnSpec:
    """What a column of a core table means: as documented, as the column it comes from, or as the tag of its name."""
    if spec is not None and column in spec.columns:
        documented = spec.columns[column]
        return replace(documented, pii=documented.pii or (inherited is not None and inherited.pii))
    if inherited is not None:
        return inherited
    prefixes = [
        prefix for prefix, group in GROUPS.items() if spec is not None and group.table == spec.name
    ]
    tag = next(
        (t for t in sorted(tags) if column_for(t) == column and _of_group(t, prefixes)), None
    )
    if tag is None:
        tag = next((t for t in CATALOGUE if t.replace("-", "_") == column), None)
    if tag is None:
        return ColumnSpec(type_, "")
    info = tag_info(tag)
    return ColumnSpec(type_, info.description, tag, info.pii)


def _of_group(tag: str, prefixes: list[str]) -> bool:
    return (
        tag.rsplit("/", 1)[0] in prefixes if "/" in tag else tag.startswith("fk-") or not prefixes
    )


def _source_meaning(table: SourceTable, column: str, type_: str, told: str) -> ColumnSpec:
    """What a column of a source table means: its tags, and what the tenant wrote about it."""
    if column in GENERATED_COLUMNS and column not in table.tags:
        return GENERATED_COLUMNS[column]
    infos = [tag_info(tag) for tag in table.tags.get(column, [])]
    text = ". ".join(dict.fromkeys(info.description for info in infos if info.description))
    return ColumnSpec(
        type_,
        told or text or UNTAGGED,
        ",".join(info.name for info in infos),
        any(info.pii for info in infos),
    )


def publish_plan(
    database: Database, session: Session, listed: Sequence[Entry], *, as_of: date
) -> list[PublishedTable]:
    """What to write for the tables `listed`; their sources are named in a session by `_bind`.

    `run_context` holds the date of the run, so that the SQL of a table runs on the published file as it stands.
    """
    made = {
        RUN_CONTEXT: f"SELECT DATE '{as_of.isoformat()}' AS as_of",
        CATALOGUE_TABLE: "SELECT * FROM _c360_catalogue",
    }
    if database.key is not None:
        made[FILTER_TABLE] = f"SELECT * FROM {FILTER_TABLE}"
    published = []
    for number, entry in enumerate(listed):
        blank: frozenset[str] = frozenset()
        state = session.state(entry.stored) if entry.stored is not None and not entry.view else None
        if entry.stored is not None and state is not None:
            blank = session.blank_columns(entry.stored)
            select = f"SELECT * FROM _c360_published_{number}"
        else:
            nothing = ", ".join(
                f"CAST(NULL AS {t}) AS {quote_ident(c)}" for c, t in entry.columns.items()
            )
            select = entry.view or made.get(entry.name, f"SELECT {nothing} WHERE FALSE")
        told = {
            column: spec.description for column, spec in entry.meaning.items() if spec.description
        }
        rows = state.rows if state is not None else 0
        published.append(
            PublishedTable(
                entry.schema,
                entry.name,
                select,
                entry.description,
                told,
                bool(entry.view),
                blank,
                rows,
            )
        )
    return published


def _bind(session: Session, database: Database, listed: Sequence[Entry], as_of: date) -> None:
    """Give a session the functions of the SQL, and what the sources of `publish_plan` name."""
    prepare_context(session, as_of)
    session.register("_c360_catalogue", catalogue(listed))
    database.prepare(session)
    for number, entry in enumerate(listed):
        if entry.stored is not None and not entry.view:
            database.bind(session, entry.stored, f"_c360_published_{number}")


def catalogue(listed: Sequence[Entry]) -> pl.DataFrame:
    """`c360_catalog`: one row per column of every table, in table order."""
    rows = [
        (
            e.schema,
            e.name,
            column,
            position,
            type_,
            meaning.description,
            meaning.semantic,
            meaning.pii,
        )
        for e in listed
        for position, (column, type_) in enumerate(e.columns.items(), 1)
        for meaning in [e.meaning[column]]
    ]
    names = ["schema", "table", "column", "position", "type", "description", "semantic", "is_pii"]
    return pl.DataFrame(rows, schema=names, orient="row")


def published_fingerprint(
    session: Session, database: Database, specs: Mapping[str, TableSpec] | None = None
) -> str:
    """Digest of all that the published file shows and is checked by; run and log tables count only by their being there."""
    shown: list[Any] = []
    for entry in entries(session, database, specs):
        state = session.state(entry.stored) if entry.stored is not None else None
        content = state.digest if state is not None and entry.name not in RUN_TABLES else None
        meaning = {c: (s.description, s.semantic, s.pii) for c, s in entry.meaning.items()}
        kept = condition_of(database.keeps, entry.stored or "")
        shown.append(
            (
                entry.schema,
                entry.name,
                content,
                dict(entry.columns),
                entry.description,
                meaning,
                kept,
                entry.view,
            )
        )
    if database.key is not None:
        # Filters by person read the records, whether or not they are shown.
        records = session.state(UNIFIED)
        shown.append((database.key, records.digest if records is not None else None))
    return fingerprint(own_code(), database.tenant.config.customer_360.validations, shown)


def meta_of(database: Database) -> str:
    """Under which key the manifest remembers that a database was published."""
    return META if database.is_group else f"{META}:{database.name}"


def unpublished(
    session: Session, tenant: Tenant, specs: Mapping[str, TableSpec] | None = None
) -> list[Database]:
    """The databases whose published file does not show what is built now."""
    return [d for d in databases(tenant) if not _is_shown(session, d, specs)]


def is_published(
    session: Session, tenant: Tenant, specs: Mapping[str, TableSpec] | None = None
) -> bool:
    """Whether the published file of every database shows what is built now."""
    return not unpublished(session, tenant, specs)


def _is_shown(session: Session, database: Database, specs: Mapping[str, TableSpec] | None) -> bool:
    known = session.warehouse.manifest.meta.get(meta_of(database)) or {}
    path = database_path(database.tenant.root, database.name)
    # A file cut short or overwritten by hand shows nothing.
    whole = path.exists() and path.stat().st_size == known.get("bytes") and opens(session, path)
    return whole and known.get("fingerprint") == published_fingerprint(session, database, specs)


def publish_database(
    session: Session,
    tenant: Tenant,
    *,
    as_of: date,
    specs: Mapping[str, TableSpec] | None = None,
    progress: Callable[[str], None] | None = None,
    database: Database | None = None,
    facts: RunFacts | None = None,
) -> dict[str, Any]:
    """Check a built database (the group's unless given), publish it, and commit that it is; returns figures about it.

    Figures: tables, bytes, customers (rows of customer_360), warnings (checks that warn). Raises C360Error when a blocking
    check warns or the file cannot be written; the file that was published stays.
    """
    database = database or databases(tenant)[0]
    checked = validate_database(session, database, as_of=as_of)
    profiles = session.state(
        next((n.table for n in database.nodes if n.name == "customer_360"), "customer_360")
    )
    customers = profiles.rows if profiles is not None else 0
    session.bind(database.own(VALIDATION_TABLE), "_c360_checked")
    record_run(
        session,
        database,
        facts or RunFacts(),
        as_of=as_of,
        before=(session.warehouse.manifest.meta.get(meta_of(database)) or {}).get("customers"),
        profiles=customers,
        warned=session.frame(
            "SELECT validation_id, \"table\", finding_count FROM _c360_checked WHERE status = 'warning' ORDER BY validation_id"
        ),
    )
    listed = entries(session, database, specs)
    tables = publish_plan(database, session, listed, as_of=as_of)
    functions = macro_statements(schema="published.main")
    described = [
        Described(
            e.schema,
            e.name,
            e.columns,
            e.meaning,
            session.blank_columns(e.stored) if e.stored else frozenset(),
        )
        for e in listed
        if e.schema != "reports" and e.name not in MADE
    ]

    def finish(session: Session, attached: str) -> None:
        fill_statistics(session, attached, session.run_id, described)
        # Killed once the file is in place, the old mark would say that the file shows what it showed before.
        session.forget(meta_of(database))

    def ready(session: Session) -> None:
        _bind(session, database, listed, as_of)

    path = database_path(tenant.root, database.name)
    try:
        size = publish(session, path, tables, progress, functions, finish, ready)
    except (duckdb.Error, OSError) as error:
        # A full disk most of all: what was begun must not keep filling it.
        sweep(path)
        raise C360Error(
            f"{path.name} could not be written: {_kind(error)}; what was published before stays"
        ) from None
    figures = {
        "tables": len(tables),
        "bytes": size,
        "customers": customers,
        "checks": checked.figures["checks"],
        "warnings": checked.figures["warnings"],
    }
    mark = published_fingerprint(session, database, specs)
    session.commit(
        **{meta_of(database): {"fingerprint": mark, "as_of": as_of.isoformat(), **figures}}
    )
    return figures


def _kind(error: Exception) -> str:
    """What went wrong, without the engine's text beyond the system's own words: it may quote values."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    told = next(
        (
            text
            for text in ("No space left on device", "File too large", "Permission denied")
            if text in str(error)
        ),
        None,
    )
    return told or type(error).__name__
