"""The words of a failed step, of the many that the orchestrator wraps around them."""

from __future__ import annotations

import re

INTERRUPTED = "DagsterExecutionInterruptedError"
STOPPED = (
    "it was stopped by a signal before it was done; the next run goes on with what is not current"
)


def message_of(error: object) -> str:
    """The text of the innermost error of a Dagster failure, without the name of its class.

    A signal has no text.
    """
    while getattr(error, "cause", None) is not None:
        error = error.cause  # type: ignore[attr-defined]
    if error is None:
        return ""
    message = str(getattr(error, "message", error)).strip()
    name = getattr(error, "cls_name", None) or ""
    if name == INTERRUPTED:
        return STOPPED
    head, _, rest = message.partition(": ")
    begins_with_class = name != "" and head.endswith(name) and rest != ""
    return rest if begins_with_class else message


def failure_of(step: str, message: str) -> str:
    """What failed, and why. A step whose message names it already is not named twice."""
    subject = step.replace("__", " ")
    is_named = re.search(rf"(?<!\w){re.escape(subject)}(?!\w)", message, re.IGNORECASE)
    return message if is_named else f"{step}: {message}"
