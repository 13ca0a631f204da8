"""What a run may be asked to do otherwise than usual: the form that the Launchpad shows.

`automation` fills it in for the runs that it starts, a person in the UI; `assets` read it. What a
run is found by is a tag (`run_tags`).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field

from c360_assets.errors import C360Error

RESOURCE = "run_options"


class RunOptions(dg.ConfigurableResource[Any]):
    """Options of one run. None has to be given."""

    force: bool = Field(
        default=False,
        description="Compute again what is current.",
    )
    refit: bool = Field(
        default=False,
        description="Fit the match model of Stitch anew instead of keeping the last one.",
    )
    new_ids: bool = Field(
        default=False,
        description=(
            "Give everybody a new amperity_id where the warehouse has lost those that were "
            "published."
        ),
    )
    as_of: str | None = Field(
        default=None,
        description=(
            "The date that windows such as 'last 12 months' end at, as 2026-06-14. "
            "Default: what `as_of` in tenant.yaml says."
        ),
    )
    error_threshold: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description=(
            "Percent of rejected rows to accept in this run, whatever the feeds say. "
            "Default: what each feed says."
        ),
    )

    @property
    def as_of_day(self) -> date | None:
        """`as_of` as a date. Raises C360Error where it is none."""
        if not self.as_of:
            return None
        try:
            return date.fromisoformat(self.as_of)
        except ValueError:
            raise C360Error("the run option `as_of` is no date; give one as 2026-06-14") from None

    def run_config(self) -> dict[str, Any]:
        """The run configuration that gives a run these options; empty where all are as usual."""
        given = self.model_dump(exclude_defaults=True)
        return {"resources": {RESOURCE: {"config": given}}} if given else {}
