"""Segments: `segments/NAME.yaml`, where what a segment is stands, and what is expected of it.

The conditions of `include` and `exclude` are read by the room `segments`, which knows the columns
of the database; here is only their outer shape.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from c360_assets.tenant.base_models import Strict

PRIMARY_DATABASE = "customer_360"
PERCENT = re.compile(r"(\d{1,4}(?:\.\d+)?) ?%")


def percent(text: str) -> float:
    """`30%` as 30.0. Raises ValueError for what is no percentage."""
    match = PERCENT.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be a percentage, such as 30%")
    return float(match[1])


def _percentage(text: Any) -> str:
    percent(text if isinstance(text, str) else "")
    return str(text)


Percentage = Annotated[str, BeforeValidator(_percentage)]


class SizeLimits(Strict):
    """What a size is held against: `change` since the day before, and how few or many people."""

    change: Percentage | None = None
    below: int | None = Field(default=None, ge=0)
    above: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _says_something(self) -> SizeLimits:
        if self.change is None and self.below is None and self.above is None:
            raise ValueError("must give change, below or above")
        if self.below is not None and self.above is not None and self.below > self.above:
            raise ValueError("every size is below `below` or above `above`: exchange them")
        return self


class SegmentExpectations(Strict):
    """`warn` is shown and stops nothing; `fail` stops sending to the segment, never publishing."""

    warn: SizeLimits | None = None
    fail: SizeLimits | None = None


class SegmentConfig(Strict):
    """`segments/NAME.yaml`.

    `include`: all must hold, a list inside means any. `exclude`: who fits one of them is out.
    Without either, `segments/NAME.sql` beside it selects the people. `track` keeps its sizes and
    who came and went, day by day.
    """

    description: str = ""
    database: str = PRIMARY_DATABASE
    include: list[Any] = Field(default_factory=list)
    exclude: list[Any] = Field(default_factory=list)
    track: bool = True
    expect: SegmentExpectations = Field(default_factory=SegmentExpectations)
