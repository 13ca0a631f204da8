"""What is loaded, stitched and published, and what comes next, read from the ledger and the manifest.

Looks and changes nothing. Whether a day is complete for Stitch is decided by `automation`; this page shows the facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from c360_assets.configuration import load_tenant
from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.landing import pending
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import RUN_TABLES
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.published_file import database_path, kept
from c360_assets.warehouse.session import Warehouse

ALERTS_SHOWN = timedelta(days=7)
MOST_ALERTS = 10


@dataclass(frozen=True)
class FeedStatus:
    """One feed: its newest delivery, counts over its last attempts, delivery days that wait to be loaded."""

    feed: str
    last_day: date | None
    last_file: str
    rows: int
    rejected: int
    failed_days: int
    waiting_days: int
    message: str
    problem: str  # why its place could not be looked at, and what to do


@dataclass(frozen=True)
class Status:
    """What `c360 status` shows. `published` is empty where nothing is."""

    tenant: str
    feeds: list[FeedStatus]
    stitch: dict[str, Any]
    published: dict[str, Any]
    activation_cron: str
    timezone: str
    alerts: list[dict[str, Any]]  # of the last days, the newest first

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "feeds": [vars(f) for f in self.feeds]}


def read_status(root: Path, now: datetime) -> Status:
    """The state of the tenant at `root`; `now` is compared with times of publication."""
    tenant = load_tenant(root)
    warehouse = Warehouse.open(root / "warehouse")
    ledger = read_ledger(warehouse)
    meta = warehouse.manifest.meta
    path = database_path(root)
    published: dict[str, Any] = {}
    if path.exists():
        at = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
        published = {
            "path": str(path),
            "at": at,
            "age_hours": (now - at).total_seconds() / 3600,
            "kept": len(kept(path)),
        }
    records = warehouse.state("unified_coalesced")
    stitch = {
        "generation": meta.get("stitch_generation", 0),
        "source_records": records.rows if records else 0,
        "people": records.figures.get("amperity_ids", 0) if records else 0,
    }
    return Status(
        tenant.config.name,
        [_feed(tenant, ledger, name) for name in sorted(f.name for f in tenant.feeds)],
        stitch,
        published,
        tenant.workflow.activation.cron,
        tenant.config.timezone,
        _alerts(tenant, now),
    )


def _alerts(tenant: Tenant, now: datetime) -> list[dict[str, Any]]:
    """The alerts that were raised lately, the newest first; a line that is none is passed over."""
    path = tenant.root / tenant.workflow.alerts.file
    found = []
    for line in path.read_text("utf-8", "replace").splitlines() if path.exists() else ():
        try:
            item = json.loads(line)
            if (
                now - datetime.fromisoformat(item["at"]) < ALERTS_SHOWN
                and item["kind"]
                and item["message"]
            ):
                found.append(item)
        except (ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda a: a["at"], reverse=True)[:MOST_ALERTS]


def _feed(tenant: Tenant, ledger: pl.DataFrame, name: str) -> FeedStatus:
    feed = tenant.feed(name)
    assert feed is not None
    waiting, problem = 0, ""
    try:
        waiting = len(pending(tenant, feed, ledger, fetched=False))
    except LoadError as error:
        problem = str(error)
    mine = ledger.filter(pl.col("feed") == name)
    latest = mine.filter(pl.col("attempt") == pl.col("attempt").max().over("delivery_day"))
    last = latest.sort("delivery_day", "path").tail(1)
    failed = latest.filter(pl.col("status") == "failed")
    return FeedStatus(
        feed=name,
        last_day=last["delivery_day"].item() if last.height else None,
        last_file=last["path"].item() if last.height else "",
        rows=int(latest["rows_read"].sum()),
        rejected=int(latest["rows_rejected"].sum()),
        failed_days=failed["delivery_day"].n_unique(),
        waiting_days=waiting,
        message=failed.sort("delivery_day")["message"].to_list()[-1] if failed.height else "",
        problem=problem,
    )


def digest_lines(root: Path) -> Iterator[str]:
    """One line per table: name, rows, content digest. Tables that tell about runs are left out."""
    tables = Warehouse.open(root / "warehouse").manifest.tables
    shown = {name: state for name, state in sorted(tables.items()) if name not in RUN_TABLES}
    width = max((len(name) for name in shown), default=0)
    for name, state in shown.items():
        yield f"{name:<{width}}  {state.rows:>10}  {state.digest}"


def render_status(status: Status, console: Console) -> None:
    """Print the page."""
    table = Table(
        title=escape(status.tenant),
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="dim",
    )
    table.add_column("feed")
    table.add_column("last delivery")
    for name in ("rows read", "rejected", "waiting"):
        table.add_column(name, justify="right")
    table.add_column("")
    for f in status.feeds:
        parts = [f"[red]{f.failed_days} failed: {escape(f.message)}[/]"] if f.failed_days else []
        if f.problem:
            parts.append(f"[red]{escape(f.problem)}[/]")
        state = "\n".join(parts) or ("" if f.last_day else "[yellow]nothing delivered yet[/]")
        waiting = "unknown" if f.problem else f"{f.waiting_days} days" if f.waiting_days else ""
        table.add_row(
            escape(f.feed), str(f.last_day or "–"), f"{f.rows:,}", f"{f.rejected:,}", waiting, state
        )
    console.print(table)
    s = status.stitch
    if s["source_records"]:
        console.print(
            f"\nStitch      generation {s['generation']}: {s['source_records']:,} source records → {s['people']:,} people"
        )
    else:
        console.print("\nStitch      has not run yet; `c360 run` runs the whole day")
    if p := status.published:
        console.print(
            f"Published   {p['at']:%Y-%m-%d %H:%M}, {p['age_hours']:.1f} hours ago, {p['kept']} earlier ones kept: {p['path']}"
        )
    else:
        console.print("Published   nothing yet")
    for item in status.alerts:
        told = (
            ""
            if not item.get("webhook", "").startswith("failed")
            else f" (not told: {item['webhook']})"
        )
        console.print(
            f"[yellow]Alert[/]       {item['at'][:16].replace('T', ' ')} {item['kind']}: {escape(item['message'] + told)}"
        )
    console.print(
        f"Activation  cron `{status.activation_cron}`, time zone {status.timezone}, while `c360 ui` runs"
    )
