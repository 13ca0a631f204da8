"""What a person asks of `c360 run` and of its stages alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class DayOptions:
    """`stage` is a key of `plan.STAGES`; empty lists mean all. `threshold` is a percentage.

    `new_ids` and `ids_from` say whose ids Stitch goes on with where the warehouse lost them.
    """

    stage: str = "run"
    through: date | None = None
    first: date | None = None
    as_of: date | None = None
    feeds: list[str] = field(default_factory=list)
    only: list[str] = field(default_factory=list)
    force: bool = False
    refit: bool = False
    new_ids: bool = False
    ids_from: str | None = None
    threshold: int | None = None
