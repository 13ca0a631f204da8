"""What a Stitch run would change, without making it: `c360 stitch --dry-run`.

Computed in memory from what is loaded; writes nothing. What a run writes belongs to
`stitch.tenant_run`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.tables.dry_run import open_scratch
from c360_assets.ingest.custom_runs import custom_table_recipes
from c360_assets.reporting.in_memory import make_recipes
from c360_assets.reporting.plain_tables import plain_table
from c360_assets.reporting.rows import print_rows
from c360_assets.stitch.publish.causes import CAUSES
from c360_assets.stitch.tenant_run import match
from c360_assets.warehouse.recipe import RunContext
from c360_assets.wording import counted

SHOWN_IDS = 20
# Kinds of changes of records, as people say them, in the order of the screen.
RECORD_CHANGES = {"added": "come", "updated": "move to another id", "deleted": "go"}
IDENTITY_COLUMNS = ("amperity_id", "action", "n_records", "n_records_prev", "causes")
# Identities of one action alone are listed first where they are few and change most.
MOST_TELLING = ("split_merged", "split", "merged", "deleted", "reduced", "recognized", "added")


@dataclass(frozen=True)
class Trial:
    """What a run would do, and the keys of `--json`.

    `identities` counts ids by what would become of them, `records` the rows of
    `unified_changes_pks` by kind and cause, `changed` lists the identities that would change.
    """

    model: str
    records_now: int
    people_before: int
    people: int
    identities: dict[str, int]
    records: dict[str, dict[str, int]]
    changed: list[dict[str, Any]]
    warnings: list[str]


def try_stitch(
    root: Path,
    *,
    refit: bool,
    threshold: float | None,
    as_of: date,
    progress: Callable[[str], None],
) -> Trial:
    """Run Stitch of the tenant at `root` in memory.

    Raises C360Error where nothing is loaded, and as a run would.
    """
    tenant = load_tenant(root)
    if threshold is not None:
        matching = tenant.stitch.matching.model_copy(update={"threshold": threshold})
        tenant = replace(tenant, stitch=tenant.stitch.model_copy(update={"matching": matching}))
    with open_scratch(root, tenant.config.timezone) as session:
        run = RunContext(as_of, refit=refit, progress=progress)
        make_recipes(session, tenant, custom_table_recipes(tenant), run)
        matched = match(session, tenant, run)
        result = matched.result
        before = session.state("unified_coalesced")
        changes = result.tables.changed
        return Trial(
            model=matched.model,
            records_now=int(result.figures["source_records"]),
            people_before=int(before.figures.get("amperity_ids", 0)) if before else 0,
            people=int(result.figures["amperity_ids"]),
            identities=_counts(changes.identities, "action"),
            records=_by_kind_and_cause(changes.pks),
            changed=_most_telling_first(changes.identities),
            warnings=matched.warnings(),
        )


def _counts(frame: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(frame.group_by(column).len().sort(column).iter_rows())


def _by_kind_and_cause(pks: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Kind of change -> cause -> records, causes in their order, without those of none."""
    counts = pks.group_by("change_type", "cause").len()
    found = {(kind, cause): n for kind, cause, n in counts.iter_rows()}
    result = {}
    for kind in RECORD_CHANGES:
        of_kind = {cause: found[kind, cause] for cause in CAUSES if (kind, cause) in found}
        if of_kind:
            result[kind] = of_kind
    return result


def _most_telling_first(identities: pl.DataFrame) -> list[dict[str, Any]]:
    order = pl.col("action").cast(pl.Enum(MOST_TELLING))
    ordered = identities.sort(order, "amperity_id")
    return ordered.select(IDENTITY_COLUMNS).to_dicts()


def render_trial(trial: Trial, console: Console) -> None:
    """Print the screen."""
    people = f"{counted(trial.people_before, 'person', 'people')} now, {trial.people:,} after"
    console.print(Text(f"{counted(trial.records_now, 'source record')}: {people}", style="bold"))
    console.print(Text(f"match model: {trial.model}", style="dim"))
    for warning in trial.warnings:
        console.print(Text(f"! {warning}", style="yellow"))
    if not trial.changed:
        console.print("Nobody would change.")
    else:
        console.print(_counts_table("\nIdentities", trial.identities))
        console.print(_records_table(trial.records))
        rows = [list(row.values()) for row in trial.changed[:SHOWN_IDS]]
        console.print(
            f"\n{min(SHOWN_IDS, len(trial.changed))} of {counted(len(trial.changed), 'change')}"
        )
        print_rows(IDENTITY_COLUMNS, rows, console)
        if len(trial.changed) > SHOWN_IDS:
            console.print("… --json lists all", style="dim")
    console.print("Nothing was written.")


def _counts_table(title: str, counts: Mapping[str, int]) -> Table:
    table = plain_table(title, heading="")
    table.add_column("what")
    table.add_column("how many", justify="right")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    return table


def _records_table(records: Mapping[str, Mapping[str, int]]) -> Table:
    counts = {}
    for kind, causes in records.items():
        for cause, count in causes.items():
            counts[f"{RECORD_CHANGES[kind]}, because of {cause}"] = count
    return _counts_table("\nRecords that", counts)
