"""What a proposal of a feed is written from: its sample, its columns, and what its trial said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.first_rows import FirstRows
from c360_assets.ingest.suggest.pattern import ProposedPattern, propose_pattern
from c360_assets.ingest.suggest.sample import Sample
from c360_assets.ingest.suggest.trial import Trial
from c360_assets.semantics.tags import without_marks


@dataclass(frozen=True)
class Draft:
    """What a proposal is written from. The columns may still change."""

    path: Path
    relative: Path
    delivery: Path
    source: str
    feed: str
    sample: Sample
    columns: list[Column]
    missing: list[str]
    day_first: bool
    # The tenant's time zone, and the ISO code of its country, "" where none is known.
    zone: str
    country: str
    # The custom domain table that is stitched instead, if one is.
    stitched_table: str | None = None
    trial: Trial | None = None
    # What the file writes on the first row of an order only, and the sample on each.
    first_rows: FirstRows | None = None
    # Whether the feed takes full and partial deliveries.
    is_any_kind: bool = False

    @property
    def name(self) -> str:
        """The feed's, as `Source:Feed`."""
        return f"{self.source}:{self.feed}"

    @property
    def pattern(self) -> ProposedPattern:
        inferred = [column.inferred for column in self.columns]
        return propose_pattern(
            self.delivery, inferred, day_first=self.day_first, is_any_kind=self.is_any_kind
        )


def place_of_feed(source: str, feed: str) -> Path:
    """Where the YAML of a feed belongs below the tenant's folder."""
    return Path("feeds") / _file_name(source) / f"{_file_name(feed)}.yaml"


def _file_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", without_marks(text).lower()).strip("_") or "feed"
