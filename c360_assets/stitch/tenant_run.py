"""Stitch over a tenant's warehouse as recipes: one for all tables of a generation, one for each
stitched domain table.

All tables and the generation become current together; a run killed before that leaves nothing
behind and repeats with the same ids. Matching itself is behind `api`.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from c360_assets import semantics
from c360_assets.errors import C360Error
from c360_assets.semantics.tables import all_tables
from c360_assets.stitch.prepare.configuration_tables import (
    configuration_tables,
    managed_blocklist,
    tenant_nicknames,
)
from c360_assets.stitch.prepare.local_forms import of_unknown_countries
from c360_assets.stitch.prepare.union import Union, union_records
from c360_assets.stitch.publish import stitched_domain_tables as stitched
from c360_assets.tenant.local_columns import local_columns
from c360_assets.tenant.models import SourceTable, StitchConfig, Tenant
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.recipe import Built, Recipe, RunContext
from c360_assets.warehouse.session import Session

# Imported where something is matched: Dagster's definitions name these tables without it.
if TYPE_CHECKING:
    from c360_assets.stitch.cluster.stable_ids import Previous
    from c360_assets.stitch.publish.identity_changes import Job
    from c360_assets.stitch.publish.results import StitchResult
    from c360_assets.stitch.score.stored_model import Basis

STAGE = "stitch"
GENERATION = "stitch_generation"
MODEL_BASIS = "stitch_model"  # the fact of the manifest that says what the model was fitted on
LABEL_PREFIX = "sl/"
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

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        return stitch_fingerprint(session, self.tenant)

    def is_forced(self, run: RunContext) -> bool:
        return run.force or run.refit

    def standing_warnings(self) -> list[str]:
        return not_applied(self.tenant)

    def build(self, session: Session, run: RunContext) -> Built:
        """`as_of` of the run dates the rows of the change tables (midnight in the tenant's zone),
        and their retention counts back from it, so that no machine clock enters a table.
        """
        from c360_assets.stitch.api import stitch
        from c360_assets.stitch.cluster.pins import pinned_ids
        from c360_assets.stitch.score.stored_model import Basis, why_fit

        tenant = self.tenant
        union = union_records(session, tenant)
        kept = kept_model(session)
        basis = _basis(tenant, union)
        kept_basis = Basis.of(session.warehouse.manifest.meta.get(MODEL_BASIS))
        reason = why_fit(basis, kept_basis, kept, fitting(tenant.stitch), asked=run.refit)
        result = stitch(
            union.frame,
            tenant.stitch,
            previous=previous_generation(session),
            model=kept if reason is None else None,
            tenant_id=tenant.config.id,
            job=_job(session, tenant, run),
            blocklist=managed_blocklist(session, tenant),
            nicknames=tenant_nicknames(session, tenant),
            pins=pinned_ids(tenant.root, session.con, union.frame),
            home=tenant.home,
            con=session.con,
            progress=run.progress,
        )
        model = f"kept from generation {result.fitted}"
        facts: dict[str, Any] = {GENERATION: result.generation}
        if reason is not None:
            model = f"fitted, as {reason}"
            if result.shipped_weights:
                model += f"; the shipped weights decide, as {result.shipped_weights}"
            facts[MODEL_BASIS] = vars(basis)
        self._write(session, run, result, model)
        empty = [
            f"{name} holds no records yet; Stitch runs without it" for name in union.empty_tables
        ]
        return Built(facts, [*empty, *of_unknown_countries(union.frame, tenant), *result.alerts])

    def _write(self, session: Session, run: RunContext, result: StitchResult, model: str) -> None:
        mark = self.fingerprint(session, run.as_of) or ""
        figures: dict[str, dict[str, Any]] = {
            "unified_coalesced": result.figures,
            "stitch_model": {"model": model},
        }
        for table in self.tables:
            run.progress(f"write {table}")
            with result.tables.source(table, session.con) as source:
                session.write(table, source, fingerprint=mark, figures=figures.get(table, {}))


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
            self.table.tags,
            exact,
            domain.digest,
            unified.digest,
            removed.digest,
        )

    def build(self, session: Session, run: RunContext) -> Built:
        """A domain table that is not there has no stitched version yet."""
        mark = self.fingerprint(session, run.as_of)
        if mark is not None:
            stitched.bind_unified(session)
            sql = stitched.stitched_sql(session, self.tenant, self.table)
            session.write(self.tables[0], sql, fingerprint=mark)
        return Built()


def stitch_recipes(tenant: Tenant) -> list[Recipe]:
    """Stitch, then the stitched domain tables; none where no table is made available to it."""
    if not tenant.stitched_tables:
        return []
    links = [StitchedDomainTable(tenant, table) for table in stitched.stitched_tables(tenant)]
    return [StitchTables(tenant), *links]


def stitch_tables() -> list[str]:
    """The tables that a run writes, besides the stitched domain tables."""
    return [name for name, spec in all_tables().items() if spec.stage == "stitch"]


def stitch_fingerprint(session: Session, tenant: Tenant) -> str:
    """A digest of all that the Stitch tables are computed from, except the previous generation:
    settings, tags, the content of the stitched and configuration tables, and the code.
    """
    inputs = [(table.name, table.tags, _digest(session, table)) for table in _inputs(tenant)]
    reading = (tenant.home, tenant.phone_region, local_columns(tenant)) if tenant.home else None
    return fingerprint(
        "stitch", _code(), str(tenant.config.id), session.timezone, tenant.stitch, inputs, reading
    )


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


def previous_generation(session: Session) -> Previous | None:
    """The last committed generation, None before the first."""
    from c360_assets.stitch.cluster.stable_ids import Previous

    if session.state("unified_coalesced") is None:
        return None
    generation = session.warehouse.manifest.meta.get(GENERATION)
    if generation is None:
        raise C360Error(
            "the warehouse holds unified_coalesced but not its generation; "
            "restore warehouse/manifest.json"
        )
    ids = _stored(session, "unified_coalesced", "datasource, pk, amperity_id")
    return Previous(
        ids.sort("datasource", "pk"),
        _stored(session, "stitch_ids").sort("amperity_id"),
        int(generation),
        _history(session, "unified_changes_clusters"),
        _history(session, "unified_changes_pks"),
        _history(session, "stitch_identity_changes"),
        _history(session, "stitch_households"),
    )


def _history(session: Session, table: str) -> pl.DataFrame | None:
    return _stored(session, table) if session.state(table) is not None else None


def _stored(session: Session, table: str, columns: str = "*") -> pl.DataFrame:
    name = f"_previous_{table}"
    session.bind(table, name)
    return session.frame(f"SELECT {columns} FROM {name}")


def kept_model(session: Session) -> pl.DataFrame | None:
    """The table of the previous generation's model, None where there is none."""
    if session.state("stitch_model") is None:
        return None
    session.bind("stitch_model", "_previous_stitch_model")
    return session.frame("SELECT * FROM _previous_stitch_model ORDER BY ALL")


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
        table.name: fingerprint(table.tags)
        for table in tenant.stitched_tables
        if table.name not in union.empty_tables
    }
    rule_fields = sorted(of_rules(config.matching.rules))
    settings = fingerprint(
        config.matching.model,
        config.blocking,
        rule_fields,
        config.trivial_duplicates,
        config.bad_values,
    )
    return Basis(tables, settings, _code(), union.frame.height)


def not_applied(tenant: Tenant) -> list[str]:
    """Labels (forced merges and splits) and stapling are not applied by this version; a tenant that
    wants some is told.
    """
    warnings = [
        f"{table.name}: Stitch labels are not applied by this version"
        for table in tenant.tables
        if _has_labels(table)
    ]
    if tenant.stitch.matching.staple.enabled:
        warnings.append(
            "stitch.yaml: matching.staple.enabled: records are not stapled by this version"
        )
    return warnings


def _has_labels(table: SourceTable) -> bool:
    return any(tag.startswith(LABEL_PREFIX) for tags in table.tags.values() for tag in tags)


def _inputs(tenant: Tenant) -> list[SourceTable]:
    names = {table.name for table in tenant.stitched_tables}
    others = [table for table in configuration_tables(tenant) if table.name not in names]
    return [*tenant.stitched_tables, *others]


def _digest(session: Session, table: SourceTable) -> str:
    state = session.state(table.asset)
    return state.digest if state is not None else ""
