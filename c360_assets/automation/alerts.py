"""Alerts: one line to a file of the tenant and one call to a web address, once for each feed, day and kind.

What deserves an alert is for the ticks to say. Texts name feeds, days and remedies, never a value or a person. An address that
does not answer is noted in the line and stops nothing.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from http.client import HTTPException
from typing import Literal
from urllib.request import Request, urlopen

from filelock import FileLock

from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import private_folder

SECONDS_TO_ANSWER = 5.0
# A required feed's file did not come in its wait, and the day went on without it, or does not begin; a day could not be
# loaded; a place could not be looked at; Stitch failed for good; the activation is due and Stitch is not done.
Kind = Literal["missing", "stopped", "load_failed", "unreachable", "stitch_failed", "late"]


def alert(tenant: Tenant, kind: Kind, feed: str, day: date, message: str) -> bool:
    """Raise an alert unless the same was raised before, and return whether it was new. `feed` is empty for the whole day.

    The file is what remembers: who empties it is told again.
    """
    path = tenant.root / tenant.workflow.alerts.file
    private_folder(path.parent)
    with FileLock(path.with_name(f".{path.name}.lock"), mode=0o600):
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
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
            # A full disk may have cut the last line off.
            file.write("\n" * (text[-1:] not in ("", "\n")) + json.dumps(line, ensure_ascii=False) + "\n")
    return True


def _key(line: str) -> tuple[str, str, str]:
    try:
        item = json.loads(line)
        return item["feed"], item["day"], item["kind"]
    except (ValueError, KeyError, TypeError):
        return "", "", ""


def _call(address: str, line: dict[str, str]) -> str:
    """POST the alert; what became of it, in words without the address, which may hold a secret."""
    request = Request(address, json.dumps(line).encode(), {"Content-Type": "application/json"}, method="POST")
    try:
        with urlopen(request, timeout=SECONDS_TO_ANSWER):
            return "sent"
    except (OSError, HTTPException, ValueError) as error:
        return f"failed ({type(error).__name__} {getattr(error, 'code', '')}".strip() + ")"
