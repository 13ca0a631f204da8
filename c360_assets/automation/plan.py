"""What is not current: the tables that a run would have to compute, found by comparing fingerprints, without running anything.

A step that is current is skipped instead of stepped through, so that a run with nothing new ends at once. What a step does when
it runs belongs to `assets`; a planned step may still find that its own inputs came out equal and reuse what is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from c360_assets.customer_360.tables.build import is_current
from c360_assets.customer_360.tables.databases import plan_all
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.ingest.custom_tables import dependencies, fingerprint_of, ordered
from c360_assets.stitch.publish.stitched_domain_tables import stitched_tables
from c360_assets.stitch.tenant_run import stitch_fingerprint, stitch_tables, stitched_fingerprint
from c360_assets.tenant.models import Tenant
from c360_assets.validations.run import report_tables, table_fingerprint, validation_table
from c360_assets.validations.summary import REPORT, report_fingerprint
from c360_assets.warehouse.session import Session

CUSTOM, VALIDATE, STITCH, DATABASE = "custom", "validate", "stitch", "database"
STAGES: dict[str, tuple[str, ...]] = {
    "load": (),
    "validate": (CUSTOM, VALIDATE),
    "stitch": (CUSTOM, STITCH),
    "activate": (DATABASE,),
    "run": (CUSTOM, VALIDATE, STITCH, DATABASE),
}


@dataclass
class Plan:
    """Warehouse names of tables, in the order in which they are computed."""

    stale: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)

    def add(self, tables: Sequence[str], stale: bool) -> None:
        (self.stale if stale else self.current).extend(tables)

    def touches(self, tables: Sequence[str]) -> bool:
        """Whether one of `tables` will be computed."""
        return not set(tables).isdisjoint(self.stale)


def plan(session: Session, tenant: Tenant, stage: str, as_of: date, *, force: bool = False) -> Plan:
    """The tables of a stage that are not current, and those that are. `force` calls nothing current."""
    found = Plan()
    steps = STAGES[stage]
    if CUSTOM in steps:
        _custom(found, session, tenant, force)
    if VALIDATE in steps:
        _validations(found, session, tenant, force)
    if STITCH in steps and tenant.stitched_tables:
        _stitch(found, session, tenant, force)
    if DATABASE in steps:
        _database(found, session, plan_all(tenant), as_of, force)
    return found


def _custom(found: Plan, session: Session, tenant: Tenant, force: bool) -> None:
    for table in ordered(tenant):
        asset = f"domain/{table.physical}"
        state = session.state(asset)
        stale = (
            force
            or found.touches([f"domain/{d}" for d in dependencies(tenant, table)])
            or state is None
        )
        found.add(
            [asset],
            stale
            or (state is not None and state.fingerprint != fingerprint_of(session, tenant, table)),
        )


def _validations(found: Plan, session: Session, tenant: Tenant, force: bool) -> None:
    tables = report_tables(tenant)
    for table in tables:
        state = session.state(validation_table(table))
        stale = force or found.touches([table.asset]) or state is None
        stale = stale or (
            state is not None and state.fingerprint != table_fingerprint(session, tenant, table)
        )
        found.add([validation_table(table)], stale)
    if tables:
        state = session.state(REPORT)
        stale = force or state is None or found.touches([validation_table(t) for t in tables])
        stale = stale or (
            state is not None and state.fingerprint != report_fingerprint(session, tenant)
        )
        found.add([REPORT], stale)


def _stitch(found: Plan, session: Session, tenant: Tenant, force: bool) -> None:
    names = [*stitch_tables(), *(t.stitched_asset for t in stitched_tables(tenant))]
    key = stitch_fingerprint(session, tenant)
    wanted: dict[str, str | None] = dict.fromkeys(stitch_tables(), key)
    wanted |= {
        t.stitched_asset: stitched_fingerprint(session, tenant, t) for t in stitched_tables(tenant)
    }
    current = all(
        (state := session.state(name)) is not None and state.fingerprint == mark
        for name, mark in wanted.items()
    )
    found.add(
        names, force or found.touches([t.asset for t in stitched_tables(tenant)]) or not current
    )


def _database(
    found: Plan, session: Session, nodes: Sequence[TableNode], as_of: date, force: bool
) -> None:
    for node in nodes:
        stale = force or found.touches(node.deps) or not is_current(session, node, as_of)
        found.add([node.table], stale)
