"""Stitch over a tenant's warehouse: read pinned inputs, decide whether anything is new, write every Stitch table.

The caller commits the session with the returned `meta`, so that all tables and the generation become current at once; a run
killed before that leaves nothing behind and repeats with the same ids. Matching itself is behind `door`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from c360_assets import semantics
from c360_assets.errors import C360Error
from c360_assets.semantics.tables import all_tables
from c360_assets.stitch.api import Progress, StitchResult, stitch
from c360_assets.stitch.cluster.stable_ids import Previous
from c360_assets.stitch.compare.blocking import of_rules
from c360_assets.stitch.prepare.configuration_tables import (
    configuration_tables,
    managed_blocklist,
    tenant_nicknames,
)
from c360_assets.stitch.prepare.union import Union, union_records
from c360_assets.stitch.publish import stitched_domain_tables as stitched
from c360_assets.stitch.publish.identity_changes import Job
from c360_assets.stitch.score.stored_model import Basis, why_fit
from c360_assets.tenant.models import SourceTable, StitchConfig, Tenant
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session

GENERATION = "stitch_generation"
MODEL_BASIS = "stitch_model"  # the fact of the manifest that says what the model was fitted on
LABEL_PREFIX = "sl/"


@dataclass(frozen=True)
class StitchRun:
    """What a run did. `states`: every Stitch table and stitched domain table. `meta`: facts for the manifest, to be committed
    with the tables. `metrics`: the figures by name. `written`: tables that were computed; empty when all were current. `model`:
    whether the match model was fitted or kept, and why; empty where nothing was matched.
    """

    states: dict[str, TableState]
    meta: dict[str, Any]
    metrics: dict[str, Any]
    written: list[str]
    warnings: list[str]
    seconds: dict[str, float] = field(default_factory=dict)
    model: str = ""

    @property
    def reused(self) -> bool:
        return not self.written


def stitch_tables() -> list[str]:
    """The tables that a run writes, besides the stitched domain tables."""
    return [name for name, spec in all_tables().items() if spec.stage == "stitch"]


def run_stitch(
    session: Session,
    tenant: Tenant,
    *,
    run_id: str,
    as_of: date,
    force: bool = False,
    refit: bool = False,
    progress: Progress | None = None,
) -> StitchRun:
    """Bring all Stitch tables and stitched domain tables up to date; the caller commits the session with `meta`.

    Nothing is matched when no input and no setting changed since the last run, unless `force` or `refit`; a stitched domain
    table is written anew also when only its own rows changed. The match model of the previous generation scores again unless
    there is a reason to fit one (`frozen.why_fit`); `refit` is one. `as_of` dates the rows of the change tables (midnight in
    the tenant's zone), and their retention counts back from it, so that no machine clock enters a table.
    """
    key = stitch_fingerprint(session, tenant)
    names = stitch_tables()
    current = all(
        (state := session.state(name)) is not None and state.fingerprint == key for name in names
    )
    states: dict[str, TableState] = {}
    written: list[str] = []
    warnings = not_applied(tenant)
    meta: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    model = ""
    if current and not force and not refit:
        states |= {name: state for name in names if (state := session.state(name)) is not None}
    else:
        union = union_records(session, tenant)
        warnings += [
            f"{name} holds no records yet; Stitch runs without it" for name in union.empty_tables
        ]
        previous, kept = previous_generation(session), kept_model(session)
        basis = _basis(tenant, union)
        before = Basis.of(session.warehouse.manifest.meta.get(MODEL_BASIS))
        reason = why_fit(basis, before, kept, fitting(tenant.stitch), asked=refit)
        result = stitch(
            union.frame,
            tenant.stitch,
            previous=previous,
            model=kept if reason is None else None,
            tenant_id=tenant.config.id,
            job=Job(
                run_id,
                datetime.combine(as_of, time(), ZoneInfo(session.timezone)),
                tenant.stitch.stable_ids.recorded_days,
            ),
            blocklist=managed_blocklist(session, tenant),
            nicknames=tenant_nicknames(session, tenant),
            con=session.con,
            progress=progress,
        )
        model = (
            f"kept from generation {result.fitted}" if reason is None else f"fitted, as {reason}"
        )
        states |= _write_tables(session, result, names, key, progress, model)
        warnings += result.alerts
        written += names
        seconds = result.seconds
        meta = {GENERATION: result.generation} | (
            {} if reason is None else {MODEL_BASIS: vars(basis)}
        )
    states |= _stitched_tables(session, tenant, force, written)
    return StitchRun(
        states, meta, dict(states["unified_coalesced"].figures), written, warnings, seconds, model
    )


def stitch_fingerprint(session: Session, tenant: Tenant) -> str:
    """A digest of all that the Stitch tables are computed from, except the previous generation: settings, tags, the content of
    the stitched and configuration tables, and the code."""
    return fingerprint(
        "stitch",
        _code(),
        str(tenant.config.id),
        session.timezone,
        tenant.stitch,
        [(t.name, t.tags, _digest(session, t)) for t in _inputs(tenant)],
    )


def stitched_fingerprint(session: Session, tenant: Tenant, table: SourceTable) -> str | None:
    """A digest of all that a stitched domain table is computed from; None while its table or the identities are not there."""
    domain, unified, removed = (
        session.state(t) for t in (table.asset, "unified_coalesced", "stitch_removed_values")
    )
    if domain is None or unified is None or removed is None:
        return None
    exact = tenant.stitch.bad_values.case_sensitive_fks
    return fingerprint(
        "stitched", _code(), table.tags, exact, domain.digest, unified.digest, removed.digest
    )


@cache
def _code() -> str:
    """What the tables depend on beside data and settings; read once a process, as the files cannot change under it."""
    return code_version(Path(__file__).parent, Path(next(iter(semantics.__path__))))


def previous_generation(session: Session) -> Previous | None:
    """The last committed generation, None before the first."""
    if session.state("unified_coalesced") is None:
        return None
    generation = session.warehouse.manifest.meta.get(GENERATION)
    if generation is None:
        raise C360Error(
            "the warehouse holds unified_coalesced but not its generation; restore warehouse/manifest.json"
        )

    def read(table: str, columns: str = "*") -> Any:
        name = f"_previous_{table}"
        session.bind(table, name)
        return session.frame(f"SELECT {columns} FROM {name}")

    histories = ("unified_changes_clusters", "unified_changes_pks", "stitch_identity_changes")
    clusters, pks, identities = (
        read(t) if session.state(t) is not None else None for t in histories
    )
    ids = read("unified_coalesced", "datasource, pk, amperity_id").sort("datasource", "pk")
    return Previous(
        ids, read("stitch_ids").sort("amperity_id"), int(generation), clusters, pks, identities
    )


def kept_model(session: Session) -> Any:
    """The table of the previous generation's model, None where there is none."""
    if session.state("stitch_model") is None:
        return None
    session.bind("stitch_model", "_previous_stitch_model")
    return session.frame("SELECT * FROM _previous_stitch_model ORDER BY ALL")


def fitting(config: StitchConfig) -> str:
    """When the model is fitted: the setting `refit`; that of the package recordlinkage cannot be kept."""
    return "always" if config.matching.model == "recordlinkage_ecm" else config.refit


def _basis(tenant: Tenant, union: Union) -> Basis:
    """A table that holds nothing yet is none: the model has seen no record of it."""
    config = tenant.stitch
    tables = {
        t.name: fingerprint(t.tags)
        for t in tenant.stitched_tables
        if t.name not in union.empty_tables
    }
    ruled = sorted(of_rules(config.matching.rules))
    settings = fingerprint(
        config.matching.model, config.blocking, ruled, config.trivial_duplicates, config.bad_values
    )
    return Basis(tables, settings, _code(), union.frame.height)


def not_applied(tenant: Tenant) -> list[str]:
    """Labels (forced merges and splits) and stapling are not applied by this version; a tenant that wants some is told."""
    staple = tenant.stitch.matching.staple.enabled
    named = [
        t.name
        for t in tenant.tables
        if any(tag.startswith(LABEL_PREFIX) for tags in t.tags.values() for tag in tags)
    ]
    told = [f"{name}: Stitch labels are not applied by this version" for name in named]
    return (
        told
        + ["stitch.yaml: matching.staple.enabled: records are not stapled by this version"] * staple
    )


def _inputs(tenant: Tenant) -> list[SourceTable]:
    stitched_names = {t.name for t in tenant.stitched_tables}
    return [
        *tenant.stitched_tables,
        *(t for t in configuration_tables(tenant) if t.name not in stitched_names),
    ]


def _digest(session: Session, table: SourceTable) -> str:
    state = session.state(table.asset)
    return state.digest if state is not None else ""


def _write_tables(
    session: Session,
    result: StitchResult,
    names: list[str],
    key: str,
    progress: Progress | None,
    model: str,
) -> dict[str, TableState]:
    states = {}
    figures_of: dict[str, dict[str, Any]] = {
        "unified_coalesced": result.figures,
        "stitch_model": {"model": model},
    }
    for name in names:
        if progress is not None:
            progress(f"write {name}")
        figures = figures_of.get(name, {})
        with result.tables.source(name, session.con) as source:
            states[name] = session.write(name, source, fingerprint=key, figures=figures)
    return states


def _stitched_tables(
    session: Session, tenant: Tenant, force: bool, written: list[str]
) -> dict[str, TableState]:
    """Write the stitched domain tables whose rows or ids changed; names of those go into `written`."""
    states: dict[str, TableState] = {}
    unified = session.state("unified_coalesced")
    stitched.bind_unified(session)
    for table in stitched.stitched_tables(tenant):
        key = stitched_fingerprint(session, tenant, table)
        if key is None or unified is None:
            continue
        before = session.state(table.stitched_asset)
        if before is not None and before.fingerprint == key and not force:
            states[table.stitched_asset] = before
            continue
        sql = stitched.stitched_sql(session, tenant, table)
        states[table.stitched_asset] = session.write(table.stitched_asset, sql, fingerprint=key)
        written.append(table.stitched_asset)
    return states
