"""Alerts: one line to a file of the tenant and one call to a web address, once for each feed, day
and kind.

What deserves an alert is for `due` and the sensors to say. Texts name feeds, days and remedies,
never a value or a person. An address that does not answer is noted in the line, stops nothing, and
is tried again at later ticks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal
from urllib.request import Request, urlopen

from filelock import FileLock

from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import private_folder

SECONDS_TO_ANSWER = 5.0
SENT_AGAIN_FOR = timedelta(days=1)
Kind = Literal[
    "missing",  # a required feed's file did not come in its wait: the day goes on without it
    "stopped",  # the same, and the day does not begin
    "load_failed",  # a day could not be loaded
    "odd_entry",  # something in the landing folder looks like a file and is none
    "unreachable",  # a place could not be looked at
    "stitch_failed",  # Stitch failed for good
    "late",  # the activation is due and Stitch is not done
    "runtime",  # a run takes longer than it may
    "configuration",  # the running service does not know what the files say now
    "succeeded",  # the day is activated
]


@dataclass(frozen=True)
class Alert:
    """What a person is to know. `feed` is empty where it is about the whole day."""

    kind: Kind
    feed: str
    day: date
    message: str


@dataclass(frozen=True)
class _Identity:
    """What makes two alerts the same one."""

    feed: str
    day: str
    kind: str


def raise_alert(tenant: Tenant, alert: Alert) -> bool:
    """Raise an alert unless the same was raised before, and return whether it was new.

    The file is what remembers: after it is emptied, alerts are raised again.
    """
    identity = _Identity(alert.feed, alert.day.isoformat(), alert.kind)
    with _file(tenant) as path:
        text = path.read_text("utf-8", "replace") if path.exists() else ""
        if any(_identity(line) == identity for line in text.splitlines()):
            return False
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "tenant": tenant.config.name,
            "kind": alert.kind,
            "feed": alert.feed,
            "day": alert.day.isoformat(),
            "message": alert.message,
        }
        if tenant.workflow.alerts.webhook is not None:
            entry["webhook"] = _call(tenant.workflow.alerts.webhook, entry)
        # A full disk may have cut the last line off.
        cut_off = text != "" and not text.endswith("\n")
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        _write(path, os.O_APPEND, f"\n{line}" if cut_off else line)
    return True


def raise_all(tenant: Tenant, alerts: Sequence[Alert]) -> None:
    """Raise each alert that was not raised before."""
    for alert in alerts:
        raise_alert(tenant, alert)


def send_again(tenant: Tenant) -> int:
    """Call the web address for alerts of the last day that it has not taken, oldest first.

    Returns how many it took. One failure is enough for a tick, which must not wait long.
    """
    address = tenant.workflow.alerts.webhook
    if address is None or not (tenant.root / tenant.workflow.alerts.file).exists():
        return 0
    with _file(tenant) as path:
        lines = path.read_text("utf-8", "replace").splitlines()
        taken = _send_lines(address, lines)
        if taken:
            aside = path.with_name(f".{path.name}.new")
            _write(aside, os.O_TRUNC, "\n".join(lines) + "\n")
            os.replace(aside, path)
    return taken


def _send_lines(address: str, lines: list[str]) -> int:
    """Send what has not been taken, mark it in `lines`, and return how many were taken."""
    taken = 0
    for i, text in enumerate(lines):
        entry = _read(text)
        if not _is_to_be_sent_again(entry):
            continue
        content = {key: value for key, value in entry.items() if key != "webhook"}
        if _call(address, content) != "sent":
            break
        lines[i] = json.dumps({**entry, "webhook": "sent later"}, ensure_ascii=False)
        taken += 1
    return taken


@contextmanager
def _file(tenant: Tenant) -> Iterator[Path]:
    """The file of alerts, which nobody else writes meanwhile."""
    path = tenant.root / tenant.workflow.alerts.file
    private_folder(path.parent)
    with FileLock(path.with_name(f".{path.name}.lock"), mode=0o600):
        yield path


def _write(path: Path, mode: int, text: str) -> None:
    """Write to a file that only its owner may read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | mode, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write(text)


def _read(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _identity(line: str) -> _Identity | None:
    entry = _read(line)
    if not {"feed", "day", "kind"} <= entry.keys():
        return None
    return _Identity(entry["feed"], entry["day"], entry["kind"])


def _is_to_be_sent_again(entry: Mapping[str, Any]) -> bool:
    try:
        age = datetime.now(UTC) - datetime.fromisoformat(entry["at"])
        failed = bool(entry["webhook"].startswith("failed"))
    except (KeyError, ValueError, TypeError, AttributeError):
        return False
    return failed and age < SENT_AGAIN_FOR


def _call(address: str, entry: Mapping[str, str]) -> str:
    """POST the alert; what became of it, in words without the address, which may hold a secret."""
    body = json.dumps(entry).encode()
    headers = {"Content-Type": "application/json"}
    try:
        request = Request(address, body, headers, method="POST")
        with urlopen(request, timeout=SECONDS_TO_ANSWER):
            return "sent"
    except (OSError, HTTPException, ValueError) as error:
        reason = f"{type(error).__name__} {getattr(error, 'code', '')}".strip()
        return f"failed ({reason})"
