"""Which tables a published database shows, where each is stored, and what its columns mean.

Core tables under their documented names in schema `main`, source tables in `domain`, reports and
the ledger in `reports`. What columns mean is worked out by `meanings`; writing the file belongs to
`publish`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from c360_assets.customer_360.checks.run_data_checks import TABLE as VALIDATION_TABLE
from c360_assets.customer_360.publication.meanings import (
    Meanings,
    column_descriptions,
    core_meaning,
    inherited_meanings,
    source_meaning,
    tenant_spec,
)
from c360_assets.customer_360.publication.statistics import TABLE as STATISTICS_TABLE
from c360_assets.customer_360.publication.stitch_questions import (
    STITCH_QA,
    TRANSACTIONS_QA,
    question_sql,
)
from c360_assets.customer_360.rendering.gathered_tables import BY_NAME
from c360_assets.customer_360.rendering.render import RUN_CONTEXT
from c360_assets.customer_360.tables.build import DatabaseTable
from c360_assets.customer_360.tables.databases import FILTER_TABLE, Database
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.customer_360.tables.references import over_domain
from c360_assets.customer_360.tables.run_records import TABLES as RECORD_TABLES
from c360_assets.customer_360.tables.schemas import documented_schemas
from c360_assets.semantics.column_types import INSTANT
from c360_assets.semantics.tables import ColumnSpec, TableSpec, all_tables
from c360_assets.tenant.models import SourceTable
from c360_assets.warehouse.recipe import is_current
from c360_assets.warehouse.session import Session

CATALOGUE_TABLE = "c360_catalog"
# Tables made at publication, not built: documented all the same.
MADE = {
    RUN_CONTEXT: "main",
    CATALOGUE_TABLE: "main",
    FILTER_TABLE: "main",
    STATISTICS_TABLE: "reports",
}
SEGMENTS = "segments"  # the stage of their tables, and the schema that shows them
# What questions about transactions read: the tenant's own version of a table need not have it.
ASKED = {
    "unified_itemized_transactions": {
        *("order_datetime", "currency", "is_return", "is_cancellation"),
        *("item_quantity", "item_revenue"),
    },
    "unified_transactions": {
        *("order_datetime", "currency", "is_purchase_order", "order_quantity", "order_revenue"),
        *("order_returned_revenue", "order_canceled_revenue"),
    },
}
REPORT_STAGES = frozenset({"validations", "ingest"})


@dataclass(frozen=True)
class Entry:
    """One table to publish: its schema and name, where it is stored (None: nowhere yet), and what
    its columns mean.

    `view` is the SELECT of one that is computed from other tables of the database whenever it is
    read, stored or not.
    """

    schema: str
    name: str
    stored: str | None
    description: str
    columns: Mapping[str, str]
    meaning: Mapping[str, ColumnSpec]
    view: str = ""

    @property
    def is_copied(self) -> bool:
        """Whether the stored rows are written to the file; a view shows those of other tables."""
        return self.stored is not None and not self.view


def entries(
    session: Session, database: Database, specs: Mapping[str, TableSpec] | None = None
) -> list[Entry]:
    """All tables of a published database, by schema and name.

    A documented table that is not built is there too, empty with its full schema. `specs` describes
    tables beyond the catalogue. A filtered database has neither tables of whose rows nobody can say
    whose they are, nor reports on the group.
    """
    collected = _Entries(session, database, specs or {})
    collected.add_stitch_tables()
    collected.add_source_tables()
    collected.add_database_tables()
    collected.add_documented_tables()
    collected.add_made_tables()
    collected.add_reports()
    collected.add_segment_tables()
    collected.add_questions_about_stitch()
    collected.add_questions_about_transactions()
    return collected.listed()


class _Entries:
    """The entries of one database while they are collected: later tables take over meanings of
    earlier ones.
    """

    def __init__(
        self, session: Session, database: Database, specs: Mapping[str, TableSpec]
    ) -> None:
        tenant = database.tenant
        self.session = session
        self.database = database
        self.tenant = tenant
        self.specs = specs
        self.known = {**all_tables(), **specs}
        self.declared = documented_schemas(tenant)
        self.tags: set[str] = set()
        for table in tenant.tables:
            self.tags |= table.all_tags
        self.entries: list[Entry] = []
        self.meanings: dict[str, Meanings] = {}  # by stored name
        self.sources: dict[str, str] = {}  # stored name of a shown source table -> its name
        self.reports: set[str] = set()

    def add_stitch_tables(self) -> None:
        replaced = {node.name.lower() for node in self.database.nodes}
        for name, spec in self.known.items():
            if spec.stage != "stitch":
                continue
            entry = self._entry("main", name, name, spec)
            if entry is not None and name not in replaced:
                self.entries.append(entry)

    def add_source_tables(self) -> None:
        for table in self.tenant.tables:
            state = self.session.state(table.stitched_asset)
            stored = table.stitched_asset if state is not None else table.asset
            state = self.session.state(stored)
            if state is not None and not self._is_hidden(stored):
                self._add_source_table(table, stored, state.columns)

    def _add_source_table(
        self, table: SourceTable, stored: str, columns: Mapping[str, str]
    ) -> None:
        descriptions = column_descriptions(self.tenant, table)
        meaning = {
            column: source_meaning(table, column, type_, descriptions.get(column, ""))
            for column, type_ in columns.items()
        }
        self.meanings[stored] = meaning
        self.sources[stored] = table.physical
        self.entries.append(
            Entry("domain", table.physical, stored, table.description, columns, meaning)
        )

    def add_database_tables(self) -> None:
        for node in self.database.nodes:
            spec = self.known.get(node.name.lower())
            own = self.tenant.database_yaml.get(node.name)
            if own is not None:
                spec = tenant_spec(node.name, own, spec)
            entry = self._entry("main", node.name, node.table, spec, node)
            if entry is not None:
                self.entries.append(entry)

    def add_documented_tables(self) -> None:
        """Tables of stages that the catalogue of the platform does not know; nobody can say whose
        their rows are.
        """
        if not self.database.is_group:
            return
        for name, spec in self.specs.items():
            if spec.stage in REPORT_STAGES:
                continue
            entry = self._entry("main", name, name, spec)
            if entry is not None:
                self.entries.append(entry)

    def add_made_tables(self) -> None:
        for name, schema in MADE.items():
            self.entries.append(_unstored(schema, name, self.known[name]))

    def add_reports(self) -> None:
        self.reports = {VALIDATION_TABLE}
        if self.database.is_group:
            self.reports |= set(RECORD_TABLES)
            self.reports |= {
                name for name, spec in self.known.items() if spec.stage in REPORT_STAGES
            }
        for name in self.reports:
            spec = self.known.get(name)
            stored = self.database.own(name)
            if spec is not None and spec.view:
                self.entries.append(_unstored("reports", name, spec))
            elif self.session.state(stored) is not None:
                entry = self._entry("reports", name, stored, spec)
                if entry is not None:
                    self.entries.append(entry)

    def add_segment_tables(self) -> None:
        """Who is in which segment of this database, and what became of them."""
        for name, spec in self.known.items():
            stored = self.database.own(f"{SEGMENTS}/{name}")
            if spec.stage == SEGMENTS and self.session.state(stored) is not None:
                entry = self._entry(SEGMENTS, name, stored, spec)
                if entry is not None:
                    self.entries.append(entry)
                    self.reports.add(name)

    def add_questions_about_stitch(self) -> None:
        """Views over Stitch's tables, where the database shows all of these."""
        if not self.database.is_group or self.database.listed:
            return
        for name, spec in self.known.items():
            if spec.stage == STITCH_QA:
                view = replace(spec, view=question_sql(name))
                self.entries.append(_unstored(STITCH_QA, name, view))

    def add_questions_about_transactions(self) -> None:
        """Views over items and orders, where the database shows both with the columns they read."""
        shown = {
            entry.name.lower(): {column.lower() for column in entry.columns}
            for entry in self.entries
            if entry.schema == "main"
        }
        has_all = all(shown.get(name, set()) >= columns for name, columns in ASKED.items())
        if self.database.listed or not has_all:
            return
        for name, spec in self.known.items():
            if spec.stage == TRANSACTIONS_QA:
                view = replace(spec, view=question_sql(name, TRANSACTIONS_QA))
                self.entries.append(_unstored(TRANSACTIONS_QA, name, view))

    def listed(self) -> list[Entry]:
        """The tables that the database is to show, all unless the tenant lists some."""
        chosen = self.entries
        if self.database.listed:
            names = {*(name.lower() for name in self.database.listed), *MADE, *self.reports}
            chosen = [entry for entry in chosen if entry.name.lower() in names]
        return sorted(chosen, key=lambda entry: (entry.schema, entry.name))

    def _entry(
        self,
        schema: str,
        name: str,
        stored: str,
        spec: TableSpec | None,
        node: TableNode | None = None,
    ) -> Entry | None:
        """The entry of a core table; None where the database does not show it."""
        state = self.session.state(stored)
        columns = state.columns if state is not None else self._declared_columns(name)
        if columns is None or self._is_hidden(stored):
            return None
        meaning = self._core_meanings(columns, spec, node)
        self.meanings[stored] = meaning
        view = ""
        if node is not None and self.database.key is None and not self.database.listed:
            view = self._gathered_view(node)
        description = spec.description if spec else ""
        stored_at = stored if state is not None else None
        return Entry(schema, name, stored_at, description, columns, meaning, view)

    def _core_meanings(
        self, columns: Mapping[str, str], spec: TableSpec | None, node: TableNode | None
    ) -> dict[str, ColumnSpec]:
        inherited: dict[str, ColumnSpec] = {}
        # Only SQL of the tenant: all columns of shipped tables are documented.
        if node is not None and node.source == "tenant":
            inherited = inherited_meanings(self.session, node, columns, self.meanings)
        return {
            column: core_meaning(column, type_, spec, self.tags, inherited.get(column))
            for column, type_ in columns.items()
        }

    def _declared_columns(self, name: str) -> Mapping[str, str] | None:
        """Columns of a table that is not built."""
        if name in self.declared:
            return self.declared[name]
        return _types(self.specs[name]) if name in self.specs else None

    def _is_hidden(self, stored: str) -> bool:
        keeps = self.database.keeps
        return stored in keeps and keeps[stored] is None

    def _gathered_view(self, node: TableNode) -> str:
        """The SELECT of a table that only gathers columns of source tables, over those shown in the
        same database; else ''.

        Its rows would stand there twice, as in a large tenant nothing else does. What was built
        must be what the sources hold now.
        """
        if node.source != "semantic" or BY_NAME[node.name].consent is not None:
            return ""
        if not set(node.deps) <= set(self.sources):
            return ""
        state = self.session.state(node.table)
        if state is None or not state.rows:
            return ""
        # Gathering depends on no date.
        if not is_current(self.session, DatabaseTable(node), date.min):
            return ""
        source_names = {called.lower(): self.sources[stored] for called, stored in node.binds}
        return over_domain(node.sql, node.file, source_names)


def _types(spec: TableSpec) -> dict[str, str]:
    """Column -> its documented type, spelled as the engine spells that of a stored column."""
    return {
        column: column_spec.type.replace("TIMESTAMPTZ", INSTANT)
        for column, column_spec in spec.columns.items()
    }


def _unstored(schema: str, name: str, spec: TableSpec) -> Entry:
    """The entry of a table that is made at publication, or a view."""
    return Entry(schema, name, None, spec.description, _types(spec), spec.columns, spec.view)
