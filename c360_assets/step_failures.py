"""The words of a failed step, of the many that the orchestrator wraps around them."""

from __future__ import annotations

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
