"""Publishes a database: check it, write its file or lake aside, put it in place, and remember what
it shows.

What it shows of each table is in `shown`; writing and replacing belong to
`warehouse.published_file` and `warehouse.published_lake`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from c360_assets.customer_360.checks.run_data_checks import TABLE as VALIDATION_TABLE
from c360_assets.customer_360.checks.run_data_checks import validate_database
from c360_assets.customer_360.publication.entries import (
    MADE,
    Entry,
    entries,
)
from c360_assets.customer_360.publication.lakes import note_lake, places_left
from c360_assets.customer_360.publication.shown import (
    NOTHING,
    Personal,
    bind_shown,
    publish_plan,
    published_fingerprint,
)
from c360_assets.customer_360.publication.statistics import (
    TABLE as STATISTICS_TABLE,
)
from c360_assets.customer_360.publication.statistics import (
    Described,
    fill_statistics,
    keep_statistics,
    statistics_of,
)
from c360_assets.customer_360.publication.stitch_questions import (
    QUESTIONS,
    STITCH_QA,
    question_macros,
)
from c360_assets.customer_360.rendering.render import macro_statements
from c360_assets.customer_360.tables.databases import (
    GROUP,
    Database,
    without_people,
)
from c360_assets.customer_360.tables.run_records import Publication as RunFacts
from c360_assets.customer_360.tables.run_records import record_refusal, record_run
from c360_assets.errors import C360Error
from c360_assets.semantics.tables import TableSpec
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.kept_tables import Earlier, TableName
from c360_assets.warehouse.lake_document import DamagedDocumentError
from c360_assets.warehouse.manifest import TENANT
from c360_assets.warehouse.publications import (
    FilePublication,
    LakePublication,
    Publication,
    lake_of,
    place_of,
)
from c360_assets.warehouse.published_file import (
    Filling,
    Keeping,
    PublishedTable,
    Written,
    database_path,
    publish,
    sweep,
)
from c360_assets.warehouse.published_lake import About, Lake
from c360_assets.warehouse.recipe import Built, Recipe, RunContext
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.storage_errors import unwritten

STAGE = "activation"
DATABASE = "customer_360_database"  # the asset of a published file
PUBLISHED = "published"  # the fact of the manifest that says what a file shows
PEOPLE = "customer_360"
FILE = "file"  # of the facts of a published file: how it was left, beside the marks of its tables
LAKE = "publication"  # of the facts of a lake: which of its publications it is
FILLED = frozenset({("reports", STATISTICS_TABLE)})  # tables that are filled when all is written
REMEMBERED = frozenset({"inode", "size", "changed_ns", "checksum"})
NOT_COUNTED = frozenset({"reports", *QUESTIONS})  # schemas without statistics of their columns
Specs = Callable[[Session], Mapping[str, TableSpec]]


def _no_specs(_session: Session) -> Mapping[str, TableSpec]:
    return {}


class PublishDatabase(Recipe):
    """The published file or lake of one database, and the checks made before it is put in place.

    `specs` describes tables beyond the catalogue, once they can be shown. `personal` are columns
    of source tables, by physical name, that a masked database hashes beside those that are tagged
    themselves. The databases are
    published in one step, in which the refusal of one does not keep the others from theirs.
    """

    stage = STAGE

    def __init__(
        self,
        database: Database,
        reads: Iterable[str] = (),
        specs: Specs = _no_specs,
        personal: Personal = NOTHING,
    ) -> None:
        super().__init__(
            [database.own(VALIDATION_TABLE)],
            reads,
            outputs=[published_asset(database.name)],
            step=DATABASE,
        )
        self.database = database
        self.specs = specs
        self.personal = personal
        self.label = database.name

    @property
    def path(self) -> str:
        return place_of(self.database.tenant, self.database.name).shown

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        return published_fingerprint(session, self.database, self.specs(session), self.personal)

    def stored_fingerprint(self, session: Session) -> str | None:
        """What the publication was remembered to show.

        One cut short or overwritten by hand shows nothing, and where several machines share the
        tables, a file that is not the one which was published last.
        """
        known = published_facts(session, self.database.name)
        if not known:
            return None
        try:
            published = place_of(self.database.tenant, self.database.name).published()
        except DamagedDocumentError:
            return None
        is_shared = session.warehouse.is_shared
        if published is None or not _is_remembered(published, known, is_shared=is_shared):
            return None
        return known.get("fingerprint") if published.is_whole else None

    def build(self, session: Session, run: RunContext) -> Built:
        """Raises C360Error when a blocking check warns or the file cannot be written; the file that
        was published stays.
        """
        database = self.database
        specs = self.specs(session)
        lake = lake_of(database.tenant, database.name)
        checked = validate_database(session, database, as_of=run.as_of, anew=run.force)
        customers = _count_customers(session, database)
        _record(session, database, run, customers)
        shown = entries(session, database, specs)
        if lake is not None:
            shown = [_as_table(entry) for entry in shown]
        tables = publish_plan(database, session, shown, as_of=run.as_of, personal=self.personal)
        if lake is not None:
            written = _write_lake(session, database, lake, shown, tables, run)
            remembered = _remembered_lake(lake)
        else:
            # Of a run that builds everything, the file too is built whole.
            earlier = None if run.force else _earlier(session, database)
            written = _write_file(session, database, shown, tables, run, earlier)
            remembered = {FILE: _remembered(database, tables)}
        facts = {
            "fingerprint": published_fingerprint(session, database, specs, self.personal),
            "as_of": run.as_of.isoformat(),
            "tables": len(shown),
            "kept_tables": written.kept,
            "bytes": written.size,
            **remembered,
            "customers": customers,
            "checks": checked.figures["checks"],
            "warnings": checked.figures["warnings"],
        }
        warning = without_people(session, database)
        warnings = [warning] if warning else []
        warnings += places_left(session, database.tenant, database.name)
        known = {TENANT: str(database.tenant.config.id)}
        return Built({published_key(database.name): facts, **known}, warnings)

    def record_failure(
        self, session: Session, run: RunContext, started: float, message: str
    ) -> None:
        record_refusal(session, self.database.name, message, started, run)


def keeping(tenant: Tenant) -> Keeping:
    """Which earlier files of its databases a tenant keeps."""
    retention = tenant.config.retention
    return Keeping(retention.most_databases, duration(retention.databases))


def published_asset(database: str) -> str:
    """The asset of a database's published file."""
    return DATABASE if database == GROUP else f"{database}/{DATABASE}"


def published_key(database: str) -> str:
    """Under which key the manifest remembers what the file of a database shows."""
    return PUBLISHED if database == GROUP else f"{PUBLISHED}:{database}"


def published_facts(session: Session, database: str) -> dict[str, Any]:
    """What the manifest remembers of the published file of a database; empty: nothing."""
    return session.warehouse.manifest.meta.get(published_key(database)) or {}


def _count_customers(session: Session, database: Database) -> int:
    table = next((node.table for node in database.nodes if node.name == PEOPLE), PEOPLE)
    state = session.state(table)
    return state.rows if state is not None else 0


def _record(session: Session, database: Database, run: RunContext, customers: int) -> None:
    session.bind(database.own(VALIDATION_TABLE), "_c360_checked")
    warned = session.frame(
        'SELECT validation_id, "table", finding_count FROM _c360_checked '
        "WHERE status = 'warning' ORDER BY validation_id"
    )
    before = published_facts(session, database.name).get("customers")
    record_run(session, RunFacts(database, before, customers, warned), run)


def _earlier(session: Session, database: Database) -> Earlier | None:
    """The published file as the manifest remembers it; None where another version remembered it
    otherwise.
    """
    known = published_facts(session, database.name).get(FILE, {})
    if known.keys() != REMEMBERED | {"marks"}:
        return None
    marks = {(schema, name): mark for schema, name, mark in known["marks"]}
    path = database_path(database.tenant.root, database.name)
    return Earlier(path, **{name: known[name] for name in REMEMBERED}, marks=marks)


def _is_the_file(path: Path, known: Mapping[str, Any]) -> bool:
    """Whether the file is as it was left, by its times or else by its content."""
    stat = path.stat()
    if (stat.st_ino, stat.st_mtime_ns) == (known.get("inode"), known.get("changed_ns")):
        return True
    return Earlier.of(path, {}).checksum == known.get("checksum")


def _remembered(database: Database, tables: Sequence[PublishedTable]) -> dict[str, Any]:
    """What the manifest remembers of the file just published, for `_earlier`."""
    path = database_path(database.tenant.root, database.name)
    file = Earlier.of(path, {table.key: table.mark for table in tables if table.mark})
    marks = [(*key, mark) for key, mark in file.marks.items()]
    return {**{name: getattr(file, name) for name in sorted(REMEMBERED)}, "marks": marks}


def _is_remembered(published: Publication, known: Mapping[str, Any], *, is_shared: bool) -> bool:
    """Whether what is published is what the manifest remembers.

    `is_shared`: other machines remember in the same manifest what they published.
    """
    if isinstance(published, LakePublication):
        return known.get(LAKE) == published.version
    if known.get("bytes") != published.bytes:
        return False
    if is_shared and isinstance(published, FilePublication):
        return _is_the_file(published.path, known.get(FILE, {}))
    return True


def _remembered_lake(lake: Lake) -> dict[str, Any]:
    """What the manifest remembers of a lake just published."""
    document = lake.published()
    return {LAKE: document.id if document is not None else None}


def _as_table(entry: Entry) -> Entry:
    """A table of a lake has rows of its own, where a file shows those of others through a view: any
    program is to read it."""
    return replace(entry, view="") if entry.stored is not None else entry


def _write_lake(
    session: Session,
    database: Database,
    lake: Lake,
    shown: Sequence[Entry],
    tables: Sequence[PublishedTable],
    run: RunContext,
) -> Written:
    """Write the files of a lake and replace its pointer."""
    tenant = database.tenant
    about = About(database.name, str(tenant.config.id), run.as_of.isoformat())
    note_lake(session, tenant, lake, database.name)
    filling = _filling(session, database, shown, run)
    try:
        return lake.publish(
            session, tables, about, filling, keeping(tenant), filled=FILLED, whole=run.force
        )
    except (duckdb.Error, OSError) as error:
        raise C360Error(unwritten(lake.address, error)) from None


def _write_file(
    session: Session,
    database: Database,
    shown: Sequence[Entry],
    tables: Sequence[PublishedTable],
    run: RunContext,
    earlier: Earlier | None,
) -> Written:
    """Write the file and put it in place."""
    path = database_path(database.tenant.root, database.name)
    filling = _filling(session, database, shown, run)
    try:
        return publish(session, path, tables, filling, keeping(database.tenant), earlier)
    except (duckdb.Error, OSError) as error:
        # A full disk most of all: what was begun must not keep filling it.
        sweep(path)
        raise C360Error(unwritten(path.name, error)) from None


def _filling(
    session: Session, database: Database, shown: Sequence[Entry], run: RunContext
) -> Filling:
    """What is done with the next publication while it is built."""
    described = _described(session, shown)
    known: list[pl.DataFrame] = []

    def begun(session: Session, attached: str) -> None:
        known.append(statistics_of(session, attached))

    def finish(session: Session, attached: str, unchanged: Collection[TableName]) -> None:
        counted = [table for table in described if (table.schema, table.name) not in unchanged]
        fill_statistics(session, attached, session.run_id, counted)
        for rows in known:
            keep_statistics(session, attached, rows, unchanged)
        # Killed once the file is in place, the old fact would say that the file shows what it
        # showed before.
        session.forget(published_key(database.name))

    def ready(session: Session) -> None:
        bind_shown(session, database, shown, run.as_of)

    functions = macro_statements("published.main", home=database.tenant.home)
    if any(entry.schema == STITCH_QA for entry in shown):
        functions += question_macros(f"published.{STITCH_QA}")
    return Filling(ready, functions, begun, finish)


def _described(session: Session, shown: Sequence[Entry]) -> list[Described]:
    """The tables whose columns have statistics."""
    described = []
    for entry in shown:
        if entry.schema in NOT_COUNTED or entry.name in MADE:
            continue
        blank = session.blank_columns(entry.stored) if entry.stored else frozenset()
        described.append(Described(entry.schema, entry.name, entry.columns, entry.meaning, blank))
    return described
