"""Alerts: one line to a file of the tenant and one call to a web address, once for each feed, day and kind.

What deserves an alert is for the ticks to say. Texts name feeds, days and remedies, never a value or a person. An address that
does not answer is noted in the line, stops nothing, and is tried again at later ticks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal
from urllib.request import Request, urlopen

from filelock import FileLock

from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import private_folder

SECONDS_TO_ANSWER = 5.0
TRIED_FOR = timedelta(days=1)
# A required feed's file did not come in its wait, and the day went on without it, or does not begin; a day could not be
# loaded; a place could not be looked at; Stitch failed for good; the activation is due and Stitch is not done; a run takes
# longer than it may; the day is activated.
Kind = Literal[
    "missing",
    "stopped",
    "load_failed",
    "unreachable",
    "stitch_failed",
    "late",
    "runtime",
    "succeeded",
]


def alert(tenant: Tenant, kind: Kind, feed: str, day: date, message: str) -> bool:
    """Raise an alert unless the same was raised before, and return whether it was new. `feed` is empty for the whole day.

    The file is what remembers: who empties it is told again.
    """
    with _file(tenant) as path:
        text = path.read_text("utf-8", "replace") if path.exists() else ""
        if (feed, day.isoformat(), kind) in map(_key, text.splitlines()):
            return False
        line = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "tenant": tenant.config.name,
            "kind": kind,
            "feed": feed,
            "day": day.isoformat(),
            "message": message,
        }
        if tenant.workflow.alerts.webhook is not None:
            line["webhook"] = _call(tenant.workflow.alerts.webhook, line)
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8"
        ) as file:
            # A full disk may have cut the last line off.
            file.write(
                "\n" * (text[-1:] not in ("", "\n")) + json.dumps(line, ensure_ascii=False) + "\n"
            )
    return True


def send_again(tenant: Tenant) -> int:
    """Call the web address for alerts of the last day that it has not taken, oldest first, until one fails again.

    Returns how many it took. One failure is enough for a tick, which must not wait long.
    """
    address, taken = tenant.workflow.alerts.webhook, 0
    if address is None or not (tenant.root / tenant.workflow.alerts.file).exists():
        return 0
    with _file(tenant) as path:
        lines = path.read_text("utf-8", "replace").splitlines()
        for number, text in enumerate(lines):
            line = _read(text)
            if not _is_owed(line):
                continue
            answer = _call(address, {k: v for k, v in line.items() if k != "webhook"})
            if answer != "sent":
                break
            lines[number], taken = (
                json.dumps({**line, "webhook": "sent later"}, ensure_ascii=False),
                taken + 1,
            )
        if taken:
            aside = path.with_name(f".{path.name}.new")
            with os.fdopen(
                os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
            ) as file:
                file.write("\n".join(lines) + "\n")
            os.replace(aside, path)
    return taken


@contextmanager
def _file(tenant: Tenant) -> Iterator[Path]:
    """The file of alerts, which nobody else writes meanwhile."""
    path = tenant.root / tenant.workflow.alerts.file
    private_folder(path.parent)
    with FileLock(path.with_name(f".{path.name}.lock"), mode=0o600):
        yield path


def _read(text: str) -> dict[str, Any]:
    try:
        item = json.loads(text)
    except ValueError:
        return {}
    return item if isinstance(item, dict) else {}


def _key(text: str) -> tuple[Any, Any, Any]:
    line = _read(text)
    return line.get("feed"), line.get("day"), line.get("kind")


def _is_owed(line: dict[str, Any]) -> bool:
    try:
        young = datetime.now(UTC) - datetime.fromisoformat(line["at"]) < TRIED_FOR
        return young and line["webhook"].startswith("failed")
    except (KeyError, ValueError, TypeError, AttributeError):
        return False


def _call(address: str, line: dict[str, str]) -> str:
    """POST the alert; what became of it, in words without the address, which may hold a secret."""
    request = Request(
        address, json.dumps(line).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urlopen(request, timeout=SECONDS_TO_ANSWER):
            return "sent"
    except (OSError, HTTPException, ValueError) as error:
        return f"failed ({type(error).__name__} {getattr(error, 'code', '')}".strip() + ")"
