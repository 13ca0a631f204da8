"""How good the last Stitch run is, in words: the estimates without labels, each with its bounds.

Where the figures come from is `stitch.quality`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from c360_assets.stitch.quality.shares import ESTIMATES, UNDECIDABLE

TITLES = (
    "precision: pairs of records in one person that belong together",
    "recall among compared pairs: pairs of one person that were put together",
    "blocking coverage: pairs of one person that were compared at all",
)
SHORT_TITLES = ("precision", "recall among compared pairs", "blocking coverage")


@dataclass(frozen=True)
class ShownEstimate:
    """An estimate in percent with the bounds of its 95 % interval; None where it is unknown."""

    name: str
    title: str
    percent: float | None
    low: float | None
    high: float | None

    @property
    def text(self) -> str:
        if self.percent is None:
            return "unknown"
        return f"{self.percent:.1f} % ({self.low:.1f} to {self.high:.1f})"


def shown_estimates(figures: Mapping[str, float | int]) -> list[ShownEstimate]:
    """The three estimates of a run's figures."""
    return [
        ShownEstimate(
            name, title, figures.get(name), figures.get(f"{name}_low"), figures.get(f"{name}_high")
        )
        for name, title in zip(ESTIMATES, TITLES, strict=True)
    ]


def quality_json(figures: Mapping[str, float | int]) -> dict[str, float | int | None]:
    """The estimates by the names of `stitch_metrics`; None where one is unknown."""
    names = [UNDECIDABLE]
    for name in ESTIMATES:
        names += [name, f"{name}_low", f"{name}_high"]
    return {name: figures.get(name) for name in names}


def quality_line(figures: Mapping[str, float | int]) -> str:
    """All of it in one sentence, for a terminal; empty where nothing is known."""
    estimates = shown_estimates(figures)
    if all(estimate.percent is None for estimate in estimates):
        return ""
    parts = [
        f"{title} {estimate.text}" for title, estimate in zip(SHORT_TITLES, estimates, strict=True)
    ]
    line = f"expected without labels: {', '.join(parts)}"
    undecidable = undecidable_text(figures)
    return f"{line}; of the pairs of one person {undecidable}" if undecidable else line


def undecidable_text(figures: Mapping[str, float | int]) -> str:
    """What no comparison can find; empty where that is unknown."""
    share = figures.get(UNDECIDABLE)
    if share is None:
        return ""
    return f"{share:.1f} % are undecidable: their records have no field in common to meet by"
