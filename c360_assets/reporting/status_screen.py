"""How the page of `c360 status` looks on a terminal. What it shows is read by `status`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from c360_assets.reporting.last_run import last_run_line
from c360_assets.reporting.plain_tables import plain_table
from c360_assets.reporting.status import FeedStatus, Status
from c360_assets.reporting.stitch_quality import quality_line
from c360_assets.reporting.unseen import unseen_text
from c360_assets.wording import counted

NARROW = 80  # columns of a terminal, below which a feed's name is broken where its source ends
COLUMNS: dict[str, JustifyMethod] = {
    "last delivery": "left",
    "rows read": "right",
    "rejected": "right",
    "waiting": "right",
    "by a day": "left",
}
MARGIN = 12 * " "  # of what stands below a line of the page
# By `activation.late` of workflow.yaml.
LATE_FILES = {
    "wait": "the next day's Stitch and activation take them in, or `c360 run` at once",
    "again": "Stitch and activation run again, while `c360 ui` runs, or `c360 run` at once",
}


def render_status(status: Status, console: Console) -> None:
    """Print the page."""
    console.print(_feeds_table(status, is_narrow=console.width < NARROW))
    for feed in status.feeds:
        for line in _reasons(feed):
            console.print(line)
    _print_warnings(console, status.odd_files, margin="")
    _print_stitch(status, console)
    _print_line(console, f"Tables      {status.tables}")
    if status.removed:
        _print_warnings(console, [status.removed])
    _print_publications(status, console)
    _print_receivers(status, console)
    clock = ZoneInfo(status.timezone)
    if status.last_run is not None:
        _print_line(console, f"Last run    {last_run_line(status.last_run, clock)}")
        for message in status.last_run.messages:
            console.print(f"            ✗ {message}", style="red", markup=False)
    for alert in status.alerts:
        console.print(f"[yellow]Alert[/]       {_alert_line(alert, clock)}")
    _print_settings(status, console)


def _print_stitch(status: Status, console: Console) -> None:
    stitch = status.stitch
    if stitch["source_records"]:
        console.print(
            f"\nStitch      generation {stitch['generation']}: "
            f"{counted(stitch['source_records'], 'source record')} → "
            f"{counted(stitch['people'], 'person', 'people')}"
        )
    else:
        console.print("\nStitch      has not run yet; `c360 run` runs the whole day")
    quality = quality_line(stitch["quality"])
    if quality:
        console.print(f"            {quality}", markup=False)
    _print_warnings(console, stitch["warnings"])
    if status.unseen:
        console.print(f"            {unseen_text(status.unseen)}", markup=False)


def _print_publications(status: Status, console: Console) -> None:
    """What is published where, and what is wrong with it."""
    if status.published:
        _print_line(console, f"Published   {_publication_line(status.published)}")
    elif not status.not_looked_at:
        console.print("Published   nothing yet")
    for name, other in status.others.items():
        if other:
            _print_line(console, f"            {name}: {_publication_line(other)}")
    _print_warnings(console, status.not_looked_at)
    checks = [f"{check.id}  {check.question}  {check.counts}" for check in status.check_warnings]
    _print_warnings(console, checks)


def _print_receivers(status: Status, console: Console) -> None:
    """What was sent to whom, and who lacks what is published."""
    received = [line for receiver in status.receivers if (line := receiver.received)]
    for heading, line in zip_longest(["Sent"][: len(received)], received, fillvalue=""):
        _print_line(console, f"{heading:<12}{line}")
    _print_warnings(console, [line for receiver in status.receivers if (line := receiver.lacks)])


def _print_settings(status: Status, console: Console) -> None:
    """What begins by itself, what is kept, and when late files are taken in."""
    console.print(
        f"Activation  cron `{status.activation_cron}`, time zone {status.timezone}, "
        "while `c360 ui` runs"
    )
    if status.switched_off:
        names = ", ".join(status.switched_off)
        console.print(
            f"Switched off  {names} (in the UI, under Automation): nothing begins by them",
            style="yellow",
            markup=False,
        )
    kept = ", ".join(f"{kind} {limit}" for kind, limit in status.retention.items())
    console.print(f"Kept        {kept} (retention in tenant.yaml)")
    if any(feed.late_files for feed in status.feeds):
        when = LATE_FILES[status.late]
        console.print(f"Late files  loaded after the database was published: {when}")


def _print_warnings(console: Console, sentences: Iterable[str], margin: str = MARGIN) -> None:
    for sentence in sentences:
        console.print(f"{margin}! {sentence}", style="yellow", markup=False)


def _print_line(console: Console, line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)


def _publication_line(published: dict[str, Any]) -> str:
    return (
        f"{published['at']:%Y-%m-%d %H:%M}, {published['age_hours']:.1f} hours ago, "
        f"{counted(published['kept'], 'earlier one')} kept: {published['path']}"
    )


def _feeds_table(status: Status, *, is_narrow: bool) -> Table:
    table = plain_table(escape(status.tenant))
    parts = [part for feed in status.feeds for part in feed.feed.split(":")]
    longest = max(map(len, parts), default=0) + 1  # and the colon
    table.add_column("feed", overflow="fold", min_width=longest if is_narrow else None)
    for name, justify in COLUMNS.items():
        head = name.replace(" ", "\n", 1) if is_narrow else name
        table.add_column(head, justify=justify, no_wrap=True)
    for feed in status.feeds:
        row = [
            escape(feed.feed.replace(":", ":\n", 1) if is_narrow else feed.feed),
            str(feed.last_day or "–"),
            f"{feed.rows:,}",
            f"{feed.rejected:,}",
            _waiting(feed),
            "needed" if feed.required else "",
        ]
        troubles = _troubles(feed)
        # A column that nothing stands in takes room from the others.
        table.add_row(*row, *([troubles] if troubles else []))
    return table


def _waiting(feed: FeedStatus) -> str:
    if feed.problem:
        return "unknown"
    return counted(feed.waiting_days, "day") if feed.waiting_days else ""


def _troubles(feed: FeedStatus) -> str:
    """What a person should know of the feed beyond its counts, in a few words each, as markup."""
    lines = []
    if feed.failed_days:
        lines.append(f"[red]{feed.failed_days} failed[/]")
    if feed.problem:
        lines.append("[red]not looked at[/]")
    if feed.odd_entries:
        lines.append(f"[yellow]{len(feed.odd_entries)} odd entries[/]")
    if feed.unmarked_files:
        lines.append(
            f"[yellow]{counted(feed.unmarked_files, 'file waits', 'files wait')} for a mark[/]"
        )
    if feed.late_files:
        lines.append(f"[yellow]{counted(feed.late_files, 'late file waits', 'late files wait')}[/]")
    if not lines and not feed.last_day:
        lines.append("[yellow]nothing delivered yet[/]")
    return "\n".join(lines)


def _reasons(feed: FeedStatus) -> list[str]:
    """Whole sentences about the feed, as markup: no column of a table is wide enough for them."""
    reasons = [f"[red]✗ {escape(text)}[/]" for text in (feed.message, feed.problem) if text]
    return [*reasons, *(f"[yellow]! {escape(problem)}[/]" for problem in feed.odd_entries)]


def _alert_line(alert: dict[str, Any], clock: ZoneInfo) -> str:
    moment = datetime.fromisoformat(alert["at"]).astimezone(clock)
    message = alert["message"]
    not_sent = [f"{name} {how}" for name, how in _outcomes(alert) if how.startswith("failed")]
    if not_sent:
        message += f" (not sent: {', '.join(not_sent)})"
    return f"{moment:%Y-%m-%d %H:%M} {alert['kind']}: {escape(message)}"


def _outcomes(alert: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each channel of an alert, and what became of it there."""
    notified = alert.get("notify")
    channels = {"webhook": alert.get("webhook"), **(notified if isinstance(notified, dict) else {})}
    for name, outcome in channels.items():
        if isinstance(outcome, str):
            yield name, outcome
