"""Stitch over a tenant's warehouse as recipes: one for all tables of a generation, one for each
stitched domain table.

All tables and the generation become current together; a run killed before that leaves nothing
behind and repeats with the same ids. Matching itself is behind `api`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from c360_assets import semantics
from c360_assets.semantics.tables import all_tables
from c360_assets.stitch.prepare.configuration_tables import (
    configuration_tables,
    fields_of_lists,
    is_label_table,
    managed_blocklist,
    tenant_nicknames,
)
from c360_assets.stitch.prepare.local_forms import of_unknown_countries
from c360_assets.stitch.prepare.union import Union, fields_compared, fields_read, union_records
from c360_assets.stitch.previous import (
    GENERATION,
    LOST_RECORDS,
    MODEL_BASIS,
    ids_to_go_on_with,
    kept_model,
)
from c360_assets.stitch.publish import stitched_domain_tables as stitched
from c360_assets.tenant.local_columns import local_columns
from c360_assets.tenant.models import SourceTable, StitchConfig, Tenant
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.read_columns import Columns, ReadDigests
from c360_assets.warehouse.recipe import Built, Recipe, RunContext
from c360_assets.warehouse.session import Session

# Imported where something is matched: Dagster's definitions name these tables without it.
if TYPE_CHECKING:
    from c360_assets.stitch.exchange.rows import Exchange
    from c360_assets.stitch.publish.identity_changes import Job
    from c360_assets.stitch.publish.results import StitchResult
    from c360_assets.stitch.score.stored_model import Basis

STAGE = "stitch"
SEEN = "seen"  # figure of the generation: by domain table, the version that it stands for
IDS = "ids"  # figure of the generation: by stitched domain table, a digest of the ids it takes
# What stitched domain tables are made from, beside the domain table.
IDENTITY_TABLES = ("unified_coalesced", "stitch_removed_values")


class StitchTables(Recipe):
    """Every table of one generation.

    Nothing is matched when no input and no setting changed since the last run, unless the run is
    forced or asks to refit. The match model of the previous generation scores again unless there is
    a reason to fit one (`stored_model.why_fit`); that the run asks to refit is one.
    """

    stage = STAGE

    def __init__(self, tenant: Tenant) -> None:
        reads = sorted({table.asset for table in _inputs(tenant)})
        super().__init__(stitch_tables(), reads, step=STAGE)
        self.tenant = tenant
        self._read = ReadDigests(GENERATION)

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        """A digest of all that the tables are computed from, except the previous generation:
        settings, tags, what is read of the stitched and configuration tables, and the code."""
        tenant = self.tenant
        tables = _inputs(tenant)
        read = _digests_read(self._read, session, tables)
        inputs = [(table.name, _read_of(table), read.get(table.asset, "")) for table in tables]
        return fingerprint(
            "stitch",
            _code(),
            str(tenant.config.id),
            session.timezone,
            tenant.stitch,
            inputs,
            _reading(tenant),
        )

    def is_forced(self, run: RunContext) -> bool:
        return run.force or run.refit or self.tenant.stitch.run.always

    def build(self, session: Session, run: RunContext) -> Built:
        """`as_of` of the run dates the rows of the change tables (midnight in the tenant's zone),
        and their retention counts back from it, so that no machine clock enters a table.
        """
        matched = match(session, self.tenant, run)
        warnings = matched.warnings()
        self._write(session, run, matched, warnings)
        facts: dict[str, Any] = {GENERATION: matched.result.generation}
        if session.warehouse.manifest.meta.get(LOST_RECORDS):
            facts[LOST_RECORDS] = []
        if matched.fitted_on is not None:
            facts[MODEL_BASIS] = vars(matched.fitted_on)
        return Built(facts, warnings)

    def _write(
        self, session: Session, run: RunContext, matched: Matched, warnings: list[str]
    ) -> None:
        from c360_assets.stitch.publish import causes

        result = matched.result
        mark = self.fingerprint(session, run.as_of) or ""
        figures: dict[str, dict[str, Any]] = {
            "unified_coalesced": result.figures,
            "stitch_model": {"model": matched.model},
            GENERATION: {"warnings": warnings},
            "unified_changes_pks": causes.counts(result.tables.changed.pks),
        }
        for table in self.tables:
            run.progress(f"write {table}")
            with result.tables.source(table, session.con) as source:
                session.write(table, source, fingerprint=mark, figures=figures.get(table, {}))

    def record_success(self, session: Session, started: float, *, reused: bool) -> None:
        _note_seen(session, self.tenant)
        _note_ids(session, self.tenant)
        columns = _columns_read(_inputs(self.tenant))
        self._read.keep(session, columns, _there(session, columns))


def _note_ids(session: Session, tenant: Tenant) -> None:
    """Keep with the generation a digest of what each stitched domain table takes from it, so that
    one whose ids did not change is current.
    """
    generation = session.state(GENERATION)
    of = _digests(session, IDENTITY_TABLES)
    if generation is None or None in of or generation.figures.get(IDS, {}).get("of") == of:
        return
    stitched.bind_unified(session)
    tables: dict[str, str] = {}
    for table in stitched.stitched_tables(tenant):
        ids = stitched.ids_sql(session, tenant, table)
        tables[table.asset] = session.digest(ids) if ids is not None else ""
    figures = {**generation.figures, IDS: {"of": of, "tables": tables}}
    session.keep(GENERATION, fingerprint=generation.fingerprint, figures=figures)


def _digests(session: Session, tables: Iterable[str]) -> list[str | None]:
    states = [session.state(table) for table in tables]
    return [state.digest if state is not None else None for state in states]


def _note_seen(session: Session, tenant: Tenant) -> None:
    """Keep with the generation which rows of each domain table it stands for.

    Also where a turn found all current: rows that change nothing have been seen too.
    """
    generation = session.state(GENERATION)
    if generation is None:
        return
    states = {table.asset: session.state(table.asset) for table in tenant.tables}
    seen = {
        asset: {
            "version": state.version,
            "digest": state.digest,
            "fingerprint": state.fingerprint,
            "rows": state.rows,
        }
        for asset, state in states.items()
        if state is not None
    }
    if generation.figures.get(SEEN) != seen:
        figures = {**generation.figures, SEEN: seen}
        session.keep(GENERATION, fingerprint=generation.fingerprint, figures=figures)


@dataclass(frozen=True)
class Matched:
    """A generation that is computed and not written.

    `model`: whether the match model was kept or fitted, and why. `fitted_on`: what it was fitted
    on, None where that is kept as it is.
    """

    result: StitchResult
    model: str
    fitted_on: Basis | None
    empty_tables: list[str]
    list_warnings: list[str]

    def warnings(self) -> list[str]:
        """What to say of the run, one sentence each."""
        empty = [
            f"{name} holds no records yet; Stitch runs without it" for name in self.empty_tables
        ]
        return [*empty, *self.list_warnings, *self.result.alerts]


def match(session: Session, tenant: Tenant, run: RunContext) -> Matched:
    """Run Stitch on the tables of the session and write nothing. Records are matched where the
    setting `engine` says.
    """
    from c360_assets.stitch.exchange.engines import exchange_of

    with exchange_of(tenant, session.con) as exchange:
        return _match(session, tenant, run, exchange)


def _match(session: Session, tenant: Tenant, run: RunContext, exchange: Exchange) -> Matched:
    from c360_assets.stitch.api import stitch
    from c360_assets.stitch.cluster.pins import pinned_ids
    from c360_assets.stitch.prepare.label_tables import label_rows
    from c360_assets.stitch.publish.generation import Provenance
    from c360_assets.stitch.score.stored_model import Basis, known_since, why_fit

    received = union_records(session, tenant)
    union = replace(received, frame=exchange.set_aside(received.frame))
    del received
    previous = ids_to_go_on_with(session, tenant, new_ids=run.new_ids)
    kept = kept_model(session)
    basis = _basis(tenant, union)
    kept_basis = Basis.of(session.warehouse.manifest.meta.get(MODEL_BASIS))
    reason = why_fit(basis, kept_basis, kept, fitting(tenant.stitch), asked=run.refit)
    model_basis = basis if reason is not None else known_since(kept_basis, basis)
    nicknames = tenant_nicknames(session, tenant)
    result = stitch(
        union.frame,
        tenant.stitch,
        previous=previous,
        model=kept if reason is None else None,
        tenant_id=tenant.config.id,
        job=_job(session, tenant, run),
        blocklist=managed_blocklist(session, tenant),
        nicknames=nicknames.names,
        pins=pinned_ids(tenant.root, session.con, union.frame),
        home=tenant.home,
        label_rows=label_rows(session, tenant),
        datasources=[table.name for table in tenant.stitched_tables],
        provenance=Provenance(
            _settings_digest(session, tenant), json.dumps(vars(model_basis) if model_basis else {})
        ),
        con=session.con,
        exchange=exchange,
        progress=run.progress,
    )
    unread = of_unknown_countries(union.frame, tenant)
    found = (union.empty_tables, [*unread, *nicknames.warnings])
    if not tenant.stitch.run.matches:
        return Matched(result, "none, customer keys are persons", None, *found)
    if reason is None:
        model = f"kept from generation {result.fitted}"
        completed = model_basis if model_basis != kept_basis else None
        return Matched(result, model, completed, *found)
    model = f"fitted, as {reason}"
    if result.shipped_weights:
        model += f"; the shipped weights decide, as {result.shipped_weights}"
    return Matched(result, model, basis, *found)


class StitchedDomainTable(Recipe):
    """One domain table with the ids of its rows; made anew also when only its rows changed."""

    stage = STAGE

    def __init__(self, tenant: Tenant, table: SourceTable) -> None:
        super().__init__([table.stitched_asset], [table.asset, *IDENTITY_TABLES], step=STAGE)
        self.tenant = tenant
        self.table = table

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        domain = session.state(self.table.asset)
        unified, removed = (session.state(name) for name in IDENTITY_TABLES)
        if domain is None or unified is None or removed is None:
            return None
        exact = self.tenant.stitch.bad_values.case_sensitive_fks
        return fingerprint(
            "stitched",
            _code(),
            stitched.foreign_keys(self.table),
            self.table.stitch,
            exact,
            domain.digest,
            self._ids(session) or (unified.digest, removed.digest),
        )

    def _ids(self, session: Session) -> str | None:
        """Digest of what this table takes from the generation; None where that is not kept."""
        generation = session.state(GENERATION)
        kept = generation.figures.get(IDS, {}) if generation is not None else {}
        if kept.get("of") != _digests(session, IDENTITY_TABLES):
            return None
        digest = kept["tables"].get(self.table.asset)
        return str(digest) if digest is not None else None

    def build(self, session: Session, run: RunContext) -> Built:
        """A domain table that is not there has no stitched version yet."""
        mark = self.fingerprint(session, run.as_of)
        if mark is not None:
            stitched.bind_unified(session)
            sql = stitched.stitched_sql(session, self.tenant, self.table)
            session.write(self.tables[0], sql, fingerprint=mark)
        return Built()

    def record_success(self, session: Session, started: float, *, reused: bool) -> None:
        _note_seen(session, self.tenant)


def stitch_recipes(tenant: Tenant) -> list[Recipe]:
    """Stitch, then the stitched domain tables; none where no table is made available to it."""
    if not tenant.stitched_tables:
        return []
    links = [StitchedDomainTable(tenant, table) for table in stitched.stitched_tables(tenant)]
    return [StitchTables(tenant), *links]


def stitch_tables() -> list[str]:
    """The tables that a run writes, besides the stitched domain tables."""
    return [name for name, spec in all_tables().items() if spec.stage == "stitch"]


def _read_of(table: SourceTable) -> tuple[Any, ...]:
    """What Stitch reads of a table's tags: others may come and go."""
    return (fields_read(table), list(fields_of_lists(table).items()))


def _columns_read(tables: Iterable[SourceTable]) -> dict[str, list[str]]:
    """Of each table: its key and the fields of the tags that Stitch reads, sorted."""
    columns = {}
    for table in tables:
        by_column, groups = fields_read(table)
        fields = {field for several in by_column.values() for field in several}
        fields.update(field for group in groups for field in group.values())
        columns[table.asset] = sorted({"_pk", *fields, *fields_of_lists(table)})
    return columns


def _digests_read(
    read: ReadDigests, session: Session, tables: Iterable[SourceTable]
) -> dict[str, str]:
    """Table -> a digest of what Stitch reads of it, of those that have been built."""
    columns = _columns_read(tables)

    def loaded() -> Columns:
        # A field that was declared since the last load is no column yet.
        there = {table: session.built(table).columns for table in _there(session, columns)}
        return {table: [name for name in columns[table] if name in there[table]] for table in there}

    return read.of(session, columns, _there(session, columns), loaded)


def _there(session: Session, tables: Iterable[str]) -> dict[str, str]:
    """Table -> digest of its content, of those that have been built."""
    states = {table: session.state(table) for table in tables}
    return {table: state.digest for table, state in states.items() if state is not None}


def _reading(tenant: Tenant) -> tuple[Any, ...] | None:
    """By whose rules values are read, None where the tenant has no home country."""
    return (tenant.home, tenant.phone_region, local_columns(tenant)) if tenant.home else None


@cache
def _code() -> str:
    """What the tables depend on beside data and settings; read once a process, as the files cannot
    change under it.
    """
    return code_version(Path(__file__).parent, Path(next(iter(semantics.__path__))))


def _job(session: Session, tenant: Tenant, run: RunContext) -> Job:
    from c360_assets.stitch.publish.identity_changes import Job

    midnight = datetime.combine(run.as_of, time(), ZoneInfo(session.timezone))
    return Job(session.run_id, midnight, tenant.stitch.stable_ids.recorded_days)


def _settings_digest(session: Session, tenant: Tenant) -> str:
    """A digest of all that people set, labels aside, and of the matcher's version: two generations
    that agree in it differ by their records, labels and model alone.
    """
    tags = [(table.name, fields_compared(table)) for table in tenant.stitched_tables]
    of_lists = [table for table in configuration_tables(tenant) if not is_label_table(table)]
    read = _digests_read(ReadDigests(GENERATION), session, of_lists)
    lists = [(table.name, read.get(table.asset, "")) for table in of_lists]
    settings = tenant.stitch.model_dump(mode="json", exclude_defaults=True)
    return fingerprint("settings", _code(), settings, tags, lists, _reading(tenant))


def fitting(config: StitchConfig) -> str:
    """When the model is fitted: the setting `refit`; that of the package recordlinkage cannot be
    kept.
    """
    return "always" if config.matching.model == "recordlinkage_ecm" else config.refit


def _basis(tenant: Tenant, union: Union) -> Basis:
    """A table that holds nothing yet is none: the model has seen no record of it."""
    from c360_assets.stitch.compare.blocking import of_rules
    from c360_assets.stitch.score.stored_model import Basis

    config = tenant.stitch
    tables = {
        table.name: fingerprint(fields_compared(table))
        for table in tenant.stitched_tables
        if table.name not in union.empty_tables
    }
    rule_fields = sorted(of_rules(config.matching.rules))
    # Without what stands at its default: a setting that a new version adds is no change.
    decisive = ("blocking", "trivial_duplicates", "bad_values")
    changed = config.model_dump(mode="json", include=set(decisive), exclude_defaults=True)
    settings = fingerprint(config.matching.model, rule_fields, _in_order(changed))
    return Basis(tables, settings, union.frame.height)


def _in_order(setting: Any) -> Any:
    """A setting whose lists are sorted: what they name decides, and not in which order."""
    if isinstance(setting, dict):
        return {name: _in_order(value) for name, value in setting.items()}
    if isinstance(setting, list):
        return sorted((_in_order(value) for value in setting), key=fingerprint)
    return setting


def _inputs(tenant: Tenant) -> list[SourceTable]:
    names = {table.name for table in tenant.stitched_tables}
    others = [table for table in configuration_tables(tenant) if table.name not in names]
    return [*tenant.stitched_tables, *others]
