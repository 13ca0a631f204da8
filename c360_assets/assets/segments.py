"""How segments are shown in Dagster: an asset for each in a group of their own, with its size, who
came and went, and the limits that it is held to as checks.

What is computed belongs to `segments`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from c360_assets.assets.display import Display
from c360_assets.assets.metadata import (
    Result,
    asset_key,
    column_lineage,
    documented,
    materialized,
    state_schema,
)
from c360_assets.reporting.campaigns import refuse_campaign
from c360_assets.reporting.segments_page import write_segments_page
from c360_assets.segments.campaign_recipes import SendCampaign
from c360_assets.segments.recipe import ComputeSegments, columns_read
from c360_assets.segments.table_names import ANSWERS, MEMBERSHIP, SIZES, STAGE
from c360_assets.tenant.segments import SizeLimits
from c360_assets.warehouse.recipe import CLI, Outcome, RunContext, is_current
from c360_assets.warehouse.session import Session

# Numbers of segment_sizes that the UI plots, besides the people.
PLOTTED = (
    "entered",
    "departed",
    "identity_change",
    "active_12m",
    "net_revenue_12m",
    "reachable_email",
    "reachable_phone",
    "reachable_post",
)
LEVELS = ("warn", "fail")
SEVERITIES = {"warn": dg.AssetCheckSeverity.WARN, "fail": dg.AssetCheckSeverity.ERROR}


class SegmentsDisplay(Display):
    """The segments of a database: one step, an asset for each, and their tables."""

    recipe: ComputeSegments

    def specs(self) -> list[dg.AssetSpec]:
        tables = [self._spec(table, self.recipe.reads) for table in self.recipe.tables]
        return tables + [self._spec(part, self.recipe.reads) for part in self.recipe.parts]

    def about(self, asset: str) -> dict[str, Any]:
        name = asset.rsplit("/", 1)[-1]
        if asset in self.recipe.parts:
            config = self.recipe.segments[name]
            place = self.tenant.places.get(f"segment {name}", f"segments/{name}.yaml")
            return {"description": f"{config.description}\n\nDefined in {place}.".strip()}
        if name in ANSWERS:
            return {
                "description": "Each person's answer to every condition, of the last day or of "
                "the one before it: by them the reason of who came and went is told."
            }
        return documented(name)

    def checks(self) -> list[dg.AssetCheckSpec]:
        specs = []
        for name, config in self.recipe.segments.items():
            for level in LEVELS:
                limits = getattr(config.expect, level)
                if limits is not None:
                    specs.append(
                        dg.AssetCheckSpec(
                            f"size_{level}",
                            asset=asset_key(f"{STAGE}/{name}"),
                            description=_described(level, limits),
                            blocking=False,
                        )
                    )
        return specs

    def check_results(self, session: Session) -> Iterator[dg.AssetCheckResult]:
        state = session.state(self.recipe.stored(SIZES))
        findings = state.figures.get("findings", []) if state is not None else []
        for spec in self.checks():
            level = spec.name.removeprefix("size_")
            name = spec.asset_key.path[-1]
            messages = [
                finding["message"]
                for finding in findings
                if finding["segment"] == name and finding["severity"] == level
            ]
            yield dg.AssetCheckResult(
                asset_key=spec.asset_key,
                check_name=spec.name,
                passed=not messages,
                severity=SEVERITIES[level],
                description="; ".join(messages) or None,
                metadata={"findings": len(messages)},
            )

    def results(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        for table in self.recipe.tables:
            state = outcome.states.get(table)
            name = table.rsplit("/", 1)[-1]
            schema = state_schema(name, state) if state is not None else None
            # What a recipe remembers for its next turn is no figure to plot.
            yield materialized(table, state, reused=outcome.reused, schema=schema, figures={})
        # Whoever looks at the page looks at the numbers that were just made.
        write_segments_page(session, self.tenant)
        yield from self._segments(session, outcome)

    def _segments(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        figures = _latest_sizes(session, self.recipe)
        read = columns_read(session, self.recipe)
        digest = outcome.states[self.recipe.stored(MEMBERSHIP)].digest
        for name in self.recipe.segments:
            metadata: dict[str, Any] = {"reused": outcome.reused, **figures.get(name, {})}
            if read.get(name):
                metadata["dagster/column_lineage"] = column_lineage({"amperity_id": read[name]})
            yield dg.MaterializeResult(
                asset_key=asset_key(f"{STAGE}/{name}"),
                metadata=metadata,
                data_version=dg.DataVersion(digest),
            )


class CampaignDisplay(Display):
    """What one receiver has of a campaign; a step of its own, to be tried again alone."""

    recipe: SendCampaign

    def code(self) -> Sequence[str]:
        """None: what was sent is not sent again because of code that changed."""
        return []

    def about(self, asset: str) -> dict[str, Any]:
        campaign = self.recipe.campaign
        text = campaign.config.description or f"The campaign {campaign.name}."
        return {"description": f"{text}\n\nSent to {self.recipe.destination} by consent."}

    def require(self, session: Session, run: RunContext) -> None:
        """Of a campaign with an error nothing leaves; the command line has looked already."""
        if run.trigger != CLI and not is_current(session, self.recipe, run.as_of):
            refuse_campaign(self.recipe.campaign)

    def results(self, session: Session, outcome: Outcome) -> Iterator[Result]:
        (output,) = self.recipe.outputs
        write_segments_page(session, self.tenant)
        counts = {
            name: value
            for name, value in self.recipe.remembered(session).items()
            if isinstance(value, int)
        }
        metadata = {"dagster/row_count": counts.get("added", 0), **counts}
        yield dg.MaterializeResult(
            asset_key=asset_key(output), metadata={**metadata, "reused": outcome.reused}
        )


def _described(level: str, limits: SizeLimits) -> str:
    wanted = {key: value for key, value in limits.model_dump().items() if value is not None}
    listed = ", ".join(f"{key} {value}" for key, value in wanted.items())
    effect = "stops sending to it" if level == "fail" else "is shown"
    return f"Its size breaks one of: {listed}; that {effect}."


def _latest_sizes(session: Session, recipe: ComputeSegments) -> dict[str, dict[str, Any]]:
    """Segment -> its figures of the last day."""
    session.bind(recipe.stored(SIZES), "_c360_shown_sizes")
    columns = ["people", *PLOTTED]
    numbers = ", ".join(f"{column}::DOUBLE" for column in columns)
    rows = session.rows(
        f"SELECT segment, day, {numbers} FROM _c360_shown_sizes "
        "WHERE day = (SELECT max(day) FROM _c360_shown_sizes)"
    )
    figures: dict[str, dict[str, Any]] = {}
    for segment, day, *values in rows:
        assert isinstance(day, date)
        named = dict(zip(columns, values, strict=True))
        people = int(named.pop("people"))
        figures[segment] = {"dagster/row_count": people, "day": day.isoformat(), **named}
    return figures
