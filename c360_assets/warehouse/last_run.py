"""What the last run on a tenant was, whoever began it: a verb, the service, or a person in the UI.

A file beside the lock, as the signs of life are, so that who asks needs no orchestrator. How it is
told belongs to `reporting`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from c360_assets.warehouse.files import private_folder, write_private
from c360_assets.warehouse.heartbeat import FOLDER
from c360_assets.warehouse.manifest import TableState

FILE = "last_run.json"
GENERATION = "stitch_generation"  # a table that each Stitch writes


@dataclass(frozen=True)
class LastRun:
    """One run: `what` was begun, with which `options`, when (ISO, with its zone), how long.

    `files` and `rows` were loaded. `stitched` and `published`: whether it was done anew. `built`
    and `reused` are numbers of tables, `failures` of what failed; `messages` say what that was.
    """

    what: str
    began: str
    seconds: float
    options: list[str] = field(default_factory=list)
    files: int = 0
    rows: int = 0
    stitched: bool = False
    built: int = 0
    reused: int = 0
    published: bool = False
    failures: int = 0
    messages: list[str] = field(default_factory=list)

    @property
    def began_at(self) -> datetime:
        return datetime.fromisoformat(self.began)


def note_run(root: Path, run: LastRun) -> None:
    """Keep it in place of the one before. A full disk is told by what does not fit, not by this."""
    with suppress(OSError):
        folder = private_folder(root / FOLDER)
        write_private(folder / FILE, json.dumps(asdict(run)) + "\n")


def note_dead_run(root: Path, what: str, began: datetime, message: str) -> None:
    """Keep a run that ended without a word as the last one, unless a later one was noted."""
    last = last_run(root)
    if last is None or last.began_at < began.astimezone(UTC):
        seconds = round((datetime.now(UTC) - began).total_seconds(), 1)
        when = began.isoformat(timespec="seconds")
        note_run(root, LastRun(what, when, seconds, failures=1, messages=[message]))


def last_run(root: Path) -> LastRun | None:
    """What was noted last; None where nothing was, or where it cannot be read."""
    try:
        return LastRun(**json.loads((root / FOLDER / FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def changed_tables(
    before: Mapping[str, TableState], after: Mapping[str, TableState]
) -> frozenset[str]:
    """Tables that were made anew; what is remembered beside one that stands does not count."""
    return frozenset(n for n, state in after.items() if _made(before.get(n)) != _made(state))


def _made(state: TableState | None) -> tuple[int, str] | None:
    return (state.version, state.fingerprint) if state is not None else None
