"""The one screen that ends a run: what was loaded and built, how many people came out, what next.

Gathers figures from the manifest and the warehouse and lays them out for a terminal. What happened
in a run comes from the caller as a `DayReport`; nothing here runs or decides anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from c360_assets.customer_360.checks.run_data_checks import TABLE as CHECKS
from c360_assets.reporting.paths import short_place
from c360_assets.reporting.plain_tables import plain_table
from c360_assets.reporting.stitch_quality import quality_json, quality_line
from c360_assets.segments.send_record import SendRecord
from c360_assets.validations.findings import Finding, finding_text, worst_findings
from c360_assets.warehouse.session import Session
from c360_assets.wording import counted

# The tables of the screen, in pipeline order; those that a tenant does not have are left out.
SHOWN = (
    "unified_coalesced",
    "unified_itemized_transactions",
    "unified_transactions",
    "transaction_attributes_extended",
    "email_ampid_assignment",
    "merged_customers",
    "merged_households",
    "customer_attributes",
    "customer_360",
)
# Checks of the database that the screen names, of those that warn.
SHOWN_CHECKS = 5
# So many signs of a feed's name are on one line.
NAME_WIDTH = 22


@dataclass(frozen=True)
class FeedLoaded:
    """What one run loaded of one feed: rows are counts over `days` delivery days.

    `replaced` rows lost to another of the same key, or to a newer delivery of the whole feed.
    `problem` says why days did not load.
    """

    feed: str
    days: int
    files: int
    read: int
    loaded: int
    rejected: int
    replaced: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class SentList:
    """A list of a campaign that went to a receiver: rows of the delivery, and people whom the
    receiver has by it."""

    campaign: str
    destination: str
    delivery: int
    added: int
    removed: int
    people: int
    too_recent: int

    @classmethod
    def of(cls, send: SendRecord) -> SentList:
        return cls(
            send.campaign_name,
            send.destination_name,
            send.delivery,
            send.added,
            send.removed,
            send.sent,
            send.too_recent,
        )

    def __str__(self) -> str:
        rows = counted(self.added, "row")
        if self.removed:
            rows += f", {self.removed:,} to remove"
        what = f"{self.campaign} to {self.destination} (delivery {self.delivery})"
        text = f"Sent {what}: {rows}; {counted(self.people, 'person is', 'people are')} in it"
        if self.too_recent:
            held_back = counted(self.too_recent, "person", "people")
            text += f", {held_back} held back, as they got it too short a time ago"
        return text


@dataclass(frozen=True)
class SentTables:
    """Tables that went to a destination: rows by table."""

    destination: str
    rows: dict[str, int]

    def __str__(self) -> str:
        tables = ", ".join(f"{table} {counted(rows, 'row')}" for table, rows in self.rows.items())
        return f"Sent to {self.destination}: {tables}"


@dataclass(frozen=True)
class DayReport:
    """What one `c360 run` did.

    `built` and `reused` are table names; `published` is None when nothing was published.
    `is_forced`: also what was current was computed.
    """

    as_of: date
    is_forced: bool = False
    feeds: list[FeedLoaded] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    published: str | None = None
    published_now: bool = False
    sent_tables: list[SentTables] = field(default_factory=list)
    sent: list[SentList] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class CheckWarning:
    """A check of the database that warns; `share` is in percent of the rows that it looked at."""

    id: str
    question: str
    findings: int
    checked: int
    share: float

    @property
    def counts(self) -> str:
        return f"no: {self.findings:,} of {self.checked:,} ({self.share:.1f} %)"


@dataclass(frozen=True)
class Summary:
    """The figures of the screen."""

    report: DayReport
    tables: list[tuple[str, int]]
    source_records: int
    people: int
    findings: list[Finding]
    check_warnings: list[CheckWarning] = field(default_factory=list)  # largest share first
    example_id: str = "ID"  # somebody whose page is worth opening
    figures: dict[str, Any] = field(default_factory=dict)  # of the last Stitch

    @property
    def deduplication_rate(self) -> float:
        """Percent of source records that are further records of a person already counted."""
        if not self.source_records:
            return 0.0
        return 100.0 * (self.source_records - self.people) / self.source_records

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints: the figures rounded, without what only the screen shows."""
        published = self.report.published
        return {
            "as_of": self.report.as_of.isoformat(),
            "feeds": self.report.feeds,
            "tables": dict(self.tables),
            "source_records": self.source_records,
            "people": self.people,
            "deduplication_rate": round(self.deduplication_rate, 1),
            "quality": quality_json(self.figures),
            "findings": self.findings,
            "check_warnings": self.check_warnings,
            "built": self.report.built,
            "reused": self.report.reused,
            "failures": self.report.failures,
            "warnings": self.report.warnings,
            "published": published,
            "sent_tables": self.report.sent_tables,
            "sent": self.report.sent,
            "seconds": round(self.report.seconds, 1),
        }


def summarize(session: Session, report: DayReport) -> Summary:
    """Read the figures of the current state."""
    states = {name: session.state(name) for name in SHOWN}
    tables = [(name, state.rows) for name, state in states.items() if state is not None]
    records = states["unified_coalesced"]
    return Summary(
        report=report,
        tables=tables,
        source_records=records.rows if records else 0,
        people=records.figures.get("amperity_ids", 0) if records else 0,
        findings=worst_findings(session),
        check_warnings=check_warnings(session),
        example_id=_best_customer(session),
        figures=records.figures if records else {},
    )


def check_warnings(session: Session) -> list[CheckWarning]:
    """The checks of the primary database that warn."""
    if session.state(CHECKS) is None:
        return []
    session.bind(CHECKS)
    rows = session.rows(
        f"SELECT validation_id, question, finding_count, checked_count, finding_pct FROM {CHECKS}"
        " WHERE status = 'warning' ORDER BY finding_pct DESC, finding_count DESC, validation_id"
    )
    return [CheckWarning(*row) for row in rows]


def _best_customer(session: Session) -> str:
    """Whoever spent most; where nobody bought anything, the first person."""
    for table, order in (
        ("transaction_attributes_extended", "lifetime_order_revenue DESC NULLS LAST, amperity_id"),
        ("merged_customers", "amperity_id"),
    ):
        if session.state(table) is not None:
            session.bind(table)
            rows = session.rows(f"SELECT amperity_id FROM {table} ORDER BY {order} LIMIT 1")
            if rows:
                return str(rows[0][0])
    return "ID"


def render(summary: Summary, console: Console, commands: Sequence[tuple[str, str]]) -> None:
    """Print the screen; `commands` pair what to try next with what it does.

    `{id}` in a command stands for a customer. Commands stand outside of any frame and are never
    cut, so that they can be copied.
    """
    report = summary.report
    sections: list[RenderableType] = []
    if report.feeds:
        sections.append(_feeds(report.feeds))
    if summary.tables:
        sections.append(_tables(summary))
    if summary.findings:
        sections.append(_findings(summary.findings))
    if summary.check_warnings:
        sections.append(_checks(summary.check_warnings))
    if sections:
        console.print(Group(*sections))
    for text in report.warnings:
        console.print(Text(f"! {text}", style="yellow"))
    for text in report.failures:
        console.print(Text(f"✗ {text}", style="bold red"))
    console.print(_outcome(summary))
    for command, text in commands:
        # The command holds the tenant's path, in which braces and brackets mean nothing.
        line = command.replace("{id}", summary.example_id[:8])
        console.print(f"[dim]{text}[/]\n  {escape(line)}")


def _feeds(feeds: Sequence[FeedLoaded]) -> Table:
    table = plain_table("Feeds")
    # The sentence of a feed that did not load is folded before its name is.
    longest = max((len(feed.feed) for feed in feeds), default=0)
    table.add_column("feed", overflow="fold", min_width=min(longest, NAME_WIDTH))
    for name in ("days", "files", "rows read", "loaded", "rejected", "replaced"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for feed in feeds:
        rows = (feed.read, feed.loaded, feed.rejected, feed.replaced)
        counts = (feed.days, feed.files, *rows)
        table.add_row(
            Text(feed.feed),
            *(f"{count:,}" for count in counts),
            Text(feed.problem or "", style="red"),
        )
    return table


def _tables(summary: Summary) -> Table:
    table = plain_table("\nTables", heading="")
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("", style="dim")
    built = set(summary.report.built)
    for name, rows in summary.tables:
        table.add_row(name, f"{rows:,}", "built" if name in built else "reused")
    return table


def _findings(findings: Sequence[Finding]) -> Table:
    table = plain_table("\nInput validation: look at these first", heading="")
    for finding in findings:
        description = finding_text(finding.metric, finding.count, 100 * finding.share)
        table.add_row(finding.report_id, Text(finding.datasource), description)
    return table


def _checks(warnings: Sequence[CheckWarning]) -> Table:
    count = f"{len(warnings)} warn" if len(warnings) > 1 else "1 warns"
    title = f"\nChecks of the database: {count}, all are in reports.{CHECKS}"
    table = plain_table(title, heading="")
    for check in warnings[:SHOWN_CHECKS]:
        table.add_row(check.id, check.question, check.counts)
    return table


def _outcome(summary: Summary) -> Panel:
    report = summary.report
    lines: list[str | Text] = []
    if summary.source_records:
        records = counted(summary.source_records, "source record")
        people = counted(summary.people, "person", "people")
        lines.append(Text(f"{records} → {people}", style="bold"))
        lines.append(f"deduplication rate {summary.deduplication_rate:.1f} %, as of {report.as_of}")
    quality = quality_line(summary.figures)
    if quality:
        lines.append(quality)
    lines.append(_tables_outcome(report))
    if report.published is not None:
        lines.append(f"{_publication_outcome(report)}: {short_place(report.published)}")
    elif report.failures:
        lines.append(
            Text("Nothing was published; a database published before stays as it is.", style="red")
        )
    lines += map(str, [*report.sent_tables, *report.sent])
    end = "failed after" if report.failures else "done in"
    return Panel(
        Group(*lines),
        title=f"{end} {report.seconds:.1f} s",
        title_align="left",
        border_style="red" if report.failures else "green",
        padding=(0, 1),
    )


def _tables_outcome(report: DayReport) -> str:
    if not report.built and report.reused and not report.failures:
        if report.is_forced:
            tables = counted(len(report.reused), "table was", "tables were")
            return f"Computed again: all {tables} found as before."
        what = "What landed changes nothing" if report.feeds else "Nothing new landed"
        tables = counted(len(report.reused), "table is", "tables are")
        return f"{what}: all {tables} current and were reused."
    reused = f", {len(report.reused)} reused" if report.reused else ""
    return f"{counted(len(report.built), 'table')} built{reused}."


def _publication_outcome(report: DayReport) -> str:
    if report.published_now:
        return "Published"
    if report.failures:
        return "Published before, and left as it is"
    return "Published already, unchanged"
