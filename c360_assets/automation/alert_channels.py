"""How an alert reaches people beside the file: a web address, and whatever `apprise` knows, such as
e-mail and chat.

Addresses hold secrets, so environment variables hold them, and nothing said here repeats one:
neither what a receiver answers nor what a library says of it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.request import Request, urlopen

from c360_assets.automation.alert_texts import TEXTS
from c360_assets.tenant.models import AlertsConfig

SECONDS_TO_ANSWER = 5.0
SENT = "sent"
# Keys of an entry that say how it travelled, which is nobody else's business.
OUTCOMES = ("webhook", "notify")


def send_to_channels(config: AlertsConfig, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Send an alert to each channel; what became of it, under the keys of `OUTCOMES`."""
    outcomes: dict[str, Any] = {}
    if config.webhook is not None or config.webhook_env is not None:
        outcomes["webhook"] = call_webhook(config, entry)
    if config.notify_env:
        outcomes["notify"] = {name: notify(name, entry) for name in config.notify_env}
    return outcomes


def call_webhook(config: AlertsConfig, entry: Mapping[str, Any]) -> str:
    """POST the alert as JSON; what became of it, in words without the address."""
    address = config.webhook
    if config.webhook_env is not None:
        address = os.environ.get(config.webhook_env)
        if not address:
            return f"failed ({config.webhook_env} is not set)"
    body = json.dumps(_content(entry)).encode()
    headers = {"Content-Type": "application/json"}
    try:
        request = Request(str(address), body, headers, method="POST")
        if request.type not in ("http", "https"):
            return "failed (it is no web address)"
        with urlopen(request, timeout=SECONDS_TO_ANSWER):
            return SENT
    except (OSError, HTTPException, ValueError) as error:
        reason = f"{type(error).__name__} {getattr(error, 'code', '')}".strip()
        return f"failed ({reason})"


def notify(name: str, entry: Mapping[str, Any]) -> str:
    """Send the alert to the addresses that a variable holds, apart by blanks or commas."""
    addresses = os.environ.get(name, "")
    if not addresses.strip():
        return f"failed ({name} is not set)"
    # Takes most of a second to import.
    import apprise

    # It logs addresses, parts of secrets among them.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    receivers = apprise.Apprise()
    # `add` answers whether all were understood, and keeps those that were.
    all_known = receivers.add(addresses.split())
    if not len(receivers):
        return "failed (it holds no address that apprise knows)"
    try:
        sent = receivers.notify(
            title=_title(entry), body=_body(entry), body_format=apprise.NotifyFormat.TEXT
        )
    except Exception as error:  # a plugin's own, whose text may quote its address
        return f"failed ({type(error).__name__})"
    if not sent:
        return "failed (a receiver did not take it)"
    return SENT if all_known else "sent, but not to all: apprise does not know one of the addresses"


def _content(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in OUTCOMES}


def _title(entry: Mapping[str, Any]) -> str:
    """One line that is understood on the screen of a telephone."""
    headline = TEXTS[entry["kind"]].headline
    if entry.get("of") in TEXTS:  # what is over
        headline = f"{headline} ({TEXTS[entry['of']].headline})"
    subject = f"{entry['feed']} {headline}" if entry["feed"] else headline
    return f"[{entry['tenant']}] {entry['day']}: {subject}"


def _body(entry: Mapping[str, Any]) -> str:
    lines = [str(entry["message"])]
    for label, key in (
        ("Feed", "feed"),
        ("File", "file"),
        ("What to do", "what_to_do"),
        ("Command", "command"),
    ):
        if entry.get(key):
            lines.append(f"{label}: {entry[key]}")
    return "\n".join(lines)
