"""Signs of life beside the lock: when a sensor last looked, when a publication was last current,
when what it replaced was removed.

Files whose time says it, so that whoever watches from outside asks no orchestrator. What silence
means belongs to `automation.watch`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

FOLDER = ".lock.heartbeat"
Sign = Literal[
    "began",  # the first tick of all
    "tick",
    "published",
    "tidied",
]


def beat(root: Path, sign: Sign) -> None:
    """Note that it has happened now."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True, mode=0o700)
    (folder / sign).touch()
    began = folder / "began"
    if sign == "tick" and not began.exists():
        began.touch()


def is_ahead(moment: datetime, at: datetime) -> bool:
    """Whether a moment that was noted is later than now, so that the clock was set back since."""
    return moment > at + timedelta(minutes=1)


def last_beat(root: Path, sign: Sign) -> datetime | None:
    """When it last happened; None where it never did."""
    try:
        seconds = (root / FOLDER / sign).stat().st_mtime
    except FileNotFoundError:
        return None
    return datetime.fromtimestamp(seconds, UTC)
