"""What the stored membership remembers, so that a day is compared with the one before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from c360_assets.warehouse.manifest import TableState


@dataclass(frozen=True)
class LastDay:
    """What the stored membership remembers of its day, and of the day before that."""

    day: date | None = None
    definitions: Mapping[str, str] = field(default_factory=dict)
    conditions: Sequence[str] = ()
    segments: Sequence[str] = ()
    since: str | None = None
    slot: int = 0
    before: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, state: TableState | None) -> LastDay:
        known = (state.figures if state is not None else {}).get("last")
        # What another version of this code remembers is no day to compare with.
        if not known or "segments" not in known:
            return cls()
        return cls(
            date.fromisoformat(known["day"]),
            known["definitions"],
            known["conditions"],
            known["segments"],
            known["since"],
            known["slot"],
            known["before"],
        )

    def as_figures(self) -> dict[str, Any]:
        assert self.day is not None
        return {
            "day": self.day.isoformat(),
            "definitions": dict(self.definitions),
            "conditions": list(self.conditions),
            "segments": list(self.segments),
            "since": self.since,
            "slot": self.slot,
            "before": dict(self.before),
        }

    def memory(self) -> dict[str, Any]:
        """What a later day is compared with."""
        return {
            "definitions": dict(self.definitions),
            "conditions": list(self.conditions),
            "segments": list(self.segments),
            "since": self.since,
        }
