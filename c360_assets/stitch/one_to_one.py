"""1:1 mode: the customer key is the person, and nothing is matched.

Ids depend on the customer key alone, so they are the same in every run; they are none of those that
matching gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import duckdb
import polars as pl

from c360_assets.stitch.cluster.stable_ids import Previous, StableIds, registered_ids, uuid5
from c360_assets.stitch.compare.comparison_records import prepare_records
from c360_assets.stitch.quality.shares import Quality
from c360_assets.stitch.resolve import Resolution
from c360_assets.stitch.score.scored_pairs import MATCH_TYPE
from c360_assets.tenant.models import StitchConfig

SEPARATOR = "\x1f"
NO_NUMBER = pl.lit(None, pl.Int64)
Schema = dict[str, pl.DataType]
PAIR: Schema = {"rid1": pl.Int64(), "rid2": pl.Int64()}
SCORES: Schema = {
    "score": pl.Float64(),
    "log_odds": pl.Float64(),
    "match_category": pl.Enum(["exact", "high"]),
    "match_type": MATCH_TYPE,
    "decided_by": pl.Enum(["trivial_duplicate"]),
    "strategy_count": pl.Int64(),
    "model_score": pl.Float64(),
}
STEPS: Schema = {"action": pl.String(), "field": pl.String(), "evidence": pl.Float64()}
STRATEGIES: Schema = {
    "strategy": pl.String(),
    "pairs": pl.Int64(),
    "exclusive_pairs": pl.Int64(),
    "exclusive_matches": pl.Float64(),
}
MODEL: Schema = {
    "feature": pl.String(),
    "level": pl.Int64(),
    "label": pl.String(),
    **dict.fromkeys(("m", "h", "u", "weight_bits", "household_bits"), pl.Float64()),
    "expected_pairs": pl.Float64(),
    "records": pl.Int64(),
}


def resolve(
    frame: pl.DataFrame,
    config: StitchConfig | None = None,
    *,
    progress: Callable[[str], None] | None = None,
    **_unused: Any,
) -> Resolution:
    """The records, none of which met another one."""
    if progress is not None:
        progress("take customer keys for persons")
    records = prepare_records(frame)
    return Resolution(
        clusters=frame.select("rid", cluster="rid", component=NO_NUMBER, supersized=NO_NUMBER),
        pairs=pl.DataFrame(schema=PAIR | SCORES),
        records=records,
        used=[],
        strategies=pl.DataFrame(schema=STRATEGIES),
        model=pl.DataFrame(schema=MODEL),
        drift={},
        warnings=[],
        decisions=pl.DataFrame(schema=PAIR | STEPS),
        household=pl.DataFrame(schema=PAIR | {"log_odds": pl.Float64()}),
        quality=Quality(),
        figures={
            "compared_pairs": 0,
            "symptoms": None,
            "shipped_weights": "",
            "stapled": 0,
        },
    )


def ids(
    records: pl.DataFrame,
    previous: Previous | None,
    tenant_id: UUID,
    con: duckdb.DuckDBPyConnection,
) -> StableIds:
    """An id per customer key, the same for equal keys of two sources; a record without one has an
    id of its own.

    `records`: datasource, pk, ck, sorted by key.
    """
    customer_key = pl.col("ck").str.strip_chars().replace("", None)
    of_key = pl.concat_str(pl.lit("ck"), customer_key, separator=SEPARATOR)
    of_record = pl.concat_str("datasource", "pk", separator=SEPARATOR)
    names = records.select(name=pl.coalesce(of_key, of_record)).to_series()
    given = uuid5(names, tenant_id, con)
    cluster = names.rank("dense").cast(pl.Int64).alias("cluster")
    keyed = records.select("datasource", "pk").with_columns(cluster, given)
    generation = (previous.last_generation if previous else 0) + 1
    registry = registered_ids(previous, given.unique(), generation)
    return StableIds(keyed, registry, generation)
