"""Ids that records keep although nothing is left to match them by: those whose values were blanked
on request.

The pins themselves are lines of `warehouse.suppression`, by keyed hash of the source key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from c360_assets.stitch.cluster.stable_ids import Previous, StableIds
from c360_assets.warehouse.suppression import SEPARATOR, Suppression

if TYPE_CHECKING:
    import duckdb

KEYS = ("datasource", "pk")


def pinned_ids(
    root: Path, con: duckdb.DuckDBPyConnection, records: pl.DataFrame
) -> pl.DataFrame | None:
    """Columns datasource, pk, amperity_id of the records that keep their id; None without any."""
    suppression = Suppression.of(root)
    if not (suppression.lines["pin"] != "").any():
        return None
    texts = records.select(*KEYS, value=pl.concat_str("datasource", "pk", separator=SEPARATOR))
    hits = suppression.hits(con, "record", texts["value"]).filter(pl.col("pin") != "")
    pins = texts.join(hits, on="value").select(*KEYS, amperity_id="pin")
    return pins if pins.height else None


def assign_with_pins(
    clusters: pl.DataFrame,
    previous: Previous | None,
    pins: pl.DataFrame | None,
    assign: Callable[[pl.DataFrame, Previous | None], StableIds],
) -> StableIds:
    """Ids for all records: `assign` decides about those without a pin, as if there were no others.

    So a person of whom some records were blanked keeps the id by those that were not.
    """
    if pins is None:
        return assign(clusters, previous)
    free_previous = previous
    if previous is not None:
        free_previous = replace(previous, ids=previous.ids.join(pins, on=KEYS, how="anti"))
    free = assign(clusters.join(pins, on=KEYS, how="anti", maintain_order="left"), free_previous)
    pinned = clusters.join(pins, on=KEYS, how="inner").select(free.ids.columns)
    ids = pl.concat([free.ids, pinned.cast(free.ids.schema)]).sort(KEYS)
    in_use = pl.col("amperity_id").is_in(pins["amperity_id"].unique().implode())
    kept = free.registry.with_columns(
        last_generation=pl.when(in_use).then(None).otherwise("last_generation")
    )
    lacking = pins.select("amperity_id").unique().join(kept, on="amperity_id", how="anti")
    added = lacking.select(
        "amperity_id",
        first_generation=pl.lit(free.generation, pl.Int64),
        last_generation=pl.lit(None, pl.Int64),
    )
    return replace(free, ids=ids, registry=pl.concat([kept, added]).sort("amperity_id"))
