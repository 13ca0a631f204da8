"""What is said of a run without labels, and the names under which `stitch_metrics` holds it.

Imports nothing, as screens read the names too. How the shares come about is `estimate`.
"""

from __future__ import annotations

from dataclasses import dataclass

# In percent, each with its bounds (`_low`, `_high`); NULL where it cannot be told.
ESTIMATES = (
    "estimated_precision_percent",
    "estimated_recall_of_compared_percent",
    "estimated_blocking_coverage_percent",
)
UNDECIDABLE = "undecidable_pairs_percent"


@dataclass(frozen=True)
class Estimate:
    """A share with the bounds of a 95 % interval; all None where it cannot be told."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Quality:
    """What can be said of a run without labels. `undecidable`: the share of the pairs of one person
    that have nothing in common by which they could have met, None where it is unknown."""

    precision: Estimate = Estimate()
    recall_among_compared: Estimate = Estimate()
    blocking_coverage: Estimate = Estimate()
    undecidable: float | None = None
