"""Alerts: one line to a file of the tenant and one message to its channels, once for each cause,
feed and day; and once that the cause is gone.

What deserves an alert is for `due` and the sensors to say, when a cause is gone for `recoveries`.
Texts name feeds, days, files and remedies, never a value or a person. A channel that does not
answer is noted in the line, stops nothing, and is tried again at later ticks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock

from c360_assets.automation.alert_channels import SENT, call_webhook, notify, send_to_channels
from c360_assets.automation.alert_texts import TEXTS, Kind, command, expected_file
from c360_assets.tenant.models import AlertsConfig, Tenant
from c360_assets.warehouse.session import private_folder

SENT_AGAIN_FOR = timedelta(days=1)
SENT_LATER = "sent later"
RECOVERED: Kind = "recovered"
# Of an older one nobody waits to hear that it is well again.
OPEN_FOR = timedelta(days=14)
# A place that comes and goes is told of once a day.
ONCE_A_DAY: tuple[Kind, ...] = ("unreachable",)
# What lies there or stays off day after day is told of once, and again when it changes.
UNTIL_CHANGED: tuple[Kind, ...] = ("odd_entry", "switched_off")


@dataclass(frozen=True)
class Alert:
    """What a person is to know. `feed` is empty where it is about the whole day, `file` where it is
    about no file, or about one that did not come."""

    kind: Kind
    feed: str
    day: date
    message: str
    file: str = ""


@dataclass(frozen=True)
class _Identity:
    """What makes two alerts the same one; `day` is empty where every day is."""

    feed: str
    day: str
    kind: str


def raise_alert(tenant: Tenant, alert: Alert) -> bool:
    """Raise an alert unless the same was raised before, and return whether it was new.

    The file is what remembers: after it is emptied, alerts are raised again. A cause that comes
    back after it was told to be gone is a new one.
    """
    identity = _identity_of(alert.feed, alert.day.isoformat(), alert.kind)
    with _file(tenant) as path:
        if _is_known(_lines(path), identity, alert.message):
            return False
        _append(path, tenant, _entry(tenant, alert))
    return True


def raise_all(tenant: Tenant, alerts: Sequence[Alert]) -> None:
    """Raise each alert that was not raised before.

    Raises OSError where their file takes no line, once all were sent.
    """
    unwritten: OSError | None = None
    for alert in alerts:
        try:
            raise_alert(tenant, alert)
        except OSError as error:
            unwritten = error
    if unwritten is not None:
        raise unwritten


def open_alerts(tenant: Tenant) -> list[dict[str, Any]]:
    """The entries of the last days of which nobody was told yet that the cause is gone."""
    path = _path(tenant)
    if not path.exists():
        return []
    entries = [_read(line) for line in _lines(path)]
    still_open: dict[_Identity, dict[str, Any]] = {}
    for entry in entries:
        identity = _identity(entry)
        if identity is None:
            continue
        if entry["kind"] == RECOVERED:
            still_open.pop(_identity_of(entry["feed"], entry["day"], str(entry.get("of"))), None)
        elif _is_younger(entry, OPEN_FOR) and entry["kind"] in TEXTS:
            still_open[identity] = entry
    return list(still_open.values())


def tell_recovery(tenant: Tenant, entry: Mapping[str, Any], message: str) -> None:
    """Tell once that the cause of an earlier alert is gone."""
    day = date.fromisoformat(entry["day"])
    recovery = Alert(RECOVERED, entry["feed"], day, message, str(entry.get("file", "")))
    with _file(tenant) as path:
        _append(path, tenant, {**_entry(tenant, recovery), "of": entry["kind"]})


def send_again(tenant: Tenant) -> int:
    """Send the alerts of the last day that a channel has not taken, oldest first.

    Returns how often one was taken. One failure of a channel is enough for a tick, which must not
    wait long.
    """
    config = tenant.workflow.alerts
    has_channels = config.webhook or config.webhook_env or config.notify_env
    if not has_channels or not _path(tenant).exists():
        return 0
    with _file(tenant) as path:
        lines = _lines(path)
        taken = _send_lines(config, lines)
        if taken:
            aside = path.with_name(f".{path.name}.new")
            _write(aside, os.O_TRUNC, "\n".join(lines) + "\n")
            os.replace(aside, path)
    return taken


def _send_lines(config: AlertsConfig, lines: list[str]) -> int:
    """Send what has not been taken, mark it in `lines`, and return how much was taken."""
    away: set[str] = set()  # channels that have just failed
    taken = 0
    for i, text in enumerate(lines):
        entry = _read(text)
        if not _is_younger(entry, SENT_AGAIN_FOR):
            continue
        newly_taken = _send_failed(config, entry, away)
        if newly_taken:
            lines[i] = json.dumps(entry, ensure_ascii=False)
        taken += newly_taken
    return taken


def _send_failed(config: AlertsConfig, entry: dict[str, Any], away: set[str]) -> int:
    """Send one alert to the channels that it failed at, and change its outcomes."""
    taken = 0
    if _has_failed(entry.get("webhook")) and "webhook" not in away:
        if call_webhook(config, entry) == SENT:
            entry["webhook"] = SENT_LATER
            taken += 1
        else:
            away.add("webhook")
    noted = entry.get("notify")
    outcomes: dict[str, Any] = noted if isinstance(noted, dict) else {}
    for name in outcomes:
        if not _has_failed(outcomes[name]) or name in away or name not in config.notify_env:
            continue
        if notify(name, entry) == SENT:
            outcomes[name] = SENT_LATER
            taken += 1
        else:
            away.add(name)
    return taken


def _has_failed(outcome: object) -> bool:
    return isinstance(outcome, str) and outcome.startswith("failed")


def _entry(tenant: Tenant, alert: Alert) -> dict[str, Any]:
    """The line of an alert: what happened, of which file, what to do, and by which command."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "tenant": tenant.config.name,
        "kind": alert.kind,
        "feed": alert.feed,
        "day": alert.day.isoformat(),
        "file": alert.file or expected_file(tenant, alert.kind, alert.feed),
        "message": alert.message,
        "what_to_do": TEXTS[alert.kind].what_to_do,
        "command": command(tenant, alert.kind, alert.feed, alert.day),
    }


# What was sent and not written, as a full disk takes no line: it is not sent at each tick.
_unwritten: dict[tuple[Path, _Identity | None, str], dict[str, Any]] = {}


def _append(path: Path, tenant: Tenant, entry: dict[str, Any]) -> None:
    key = (path, _identity(entry), entry.get("of", ""))
    sent = _unwritten.get(key)
    entry = sent or {**entry, **send_to_channels(tenant.workflow.alerts, entry)}
    _unwritten[key] = entry
    text = path.read_text("utf-8", "replace") if path.exists() else ""
    # A full disk may have cut the last line off.
    cut_off = text != "" and not text.endswith("\n")
    line = json.dumps(entry, ensure_ascii=False) + "\n"
    private_folder(path.parent)
    _write(path, os.O_APPEND, f"\n{line}" if cut_off else line)
    del _unwritten[key]


def _is_known(lines: Sequence[str], identity: _Identity, message: str) -> bool:
    """Whether such an alert was raised, and neither told to be gone since nor changed."""
    known = False
    for line in lines:
        entry = _read(line)
        raised = _identity(entry)
        if raised == identity:
            known = identity.kind not in UNTIL_CHANGED or entry.get("message") == message
        elif raised is not None and entry["kind"] == RECOVERED:
            recovered = _identity_of(entry["feed"], entry["day"], str(entry.get("of")))
            if recovered == identity and identity.kind not in ONCE_A_DAY:
                known = False
    return known


def _path(tenant: Tenant) -> Path:
    return tenant.root / tenant.workflow.alerts.file


@contextmanager
def _file(tenant: Tenant) -> Iterator[Path]:
    """The file of alerts, which nobody else writes meanwhile.

    Where nothing can be written, no lock is needed, and who is to be told is told all the same.
    """
    path = _path(tenant)
    with ExitStack() as stack:
        with suppress(OSError):
            private_folder(path.parent)
            stack.enter_context(FileLock(path.with_name(f".{path.name}.lock"), mode=0o600))
        yield path


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8", "replace").splitlines() if path.exists() else []


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


def _identity(entry: Mapping[str, Any]) -> _Identity | None:
    if not {"feed", "day", "kind"} <= entry.keys():
        return None
    return _identity_of(entry["feed"], entry["day"], entry["kind"])


def _identity_of(feed: str, day: str, kind: str) -> _Identity:
    return _Identity(feed, "" if kind in UNTIL_CHANGED else day, kind)


def _is_younger(entry: Mapping[str, Any], age: timedelta) -> bool:
    try:
        return datetime.now(UTC) - datetime.fromisoformat(entry["at"]) < age
    except (KeyError, ValueError, TypeError):
        return False
