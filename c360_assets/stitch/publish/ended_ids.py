"""Ids that ended: which records each had at its end, and which ids hold those records now.

The records are kept, not only the ids that took them over: a record may move again, and a redirect
follows it. Which ids are in use belongs to `stable_ids`.
"""

from __future__ import annotations

import polars as pl

KEYS = ["datasource", "pk"]
ENDED_SCHEMA = {
    "amperity_id": pl.String,
    "datasource": pl.String,
    "pk": pl.String,
    "last_generation": pl.Int64,
}
REDIRECT_SCHEMA = {
    "amperity_id": pl.String,
    "current_amperity_id": pl.String,
    "n_records": pl.Int64,
    "n_records_at_end": pl.Int64,
    "last_generation": pl.Int64,
    "rank": pl.Int64,
}


def ended_records(
    previous_ids: pl.DataFrame,
    registry: pl.DataFrame,
    earlier: pl.DataFrame | None,
    changes_pks: pl.DataFrame | None,
) -> pl.DataFrame:
    """`stitch_ended_records` after a generation: the records of every id that has ended.

    `previous_ids`: datasource, pk, amperity_id of the generation before. `registry`: every id, this
    generation's included. `earlier`: the table as it stood. `changes_pks`: the history, which knows
    the records of ids that ended before there was this table.
    """
    ended = registry.filter(pl.col("last_generation").is_not_null())
    ended = ended.select("amperity_id", "last_generation")
    kept = pl.DataFrame(schema=ENDED_SCHEMA) if earlier is None else earlier
    rows = [kept.select(list(ENDED_SCHEMA))]
    unknown = ended.join(kept, on="amperity_id", how="anti")
    sources = [previous_ids.select("amperity_id", *KEYS)]
    if changes_pks is not None:
        left = changes_pks.select(pl.col("amperity_id_prev").alias("amperity_id"), *KEYS)
        sources.append(left.drop_nulls("amperity_id"))
    for source in sources:
        found = source.unique().join(unknown, on="amperity_id")
        rows.append(found.select(list(ENDED_SCHEMA)))
        unknown = unknown.join(found, on="amperity_id", how="anti")
    return pl.concat(rows).sort("amperity_id", *KEYS)


def redirects(ended: pl.DataFrame, registry: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    """`stitch_id_redirects`: a row per ended id and id that holds some of its records now.

    `ended`: see `ended_records`. `ids`: datasource, pk, amperity_id of this generation. An id of
    which no record is left has one row without a current id.
    """
    every = registry.filter(pl.col("last_generation").is_not_null())
    every = every.select("amperity_id", "last_generation")
    now = ids.select(*KEYS, current_amperity_id="amperity_id")
    held = ended.join(now, on=KEYS).group_by("amperity_id", "current_amperity_id")
    at_end = ended.group_by("amperity_id").agg(n_records_at_end=pl.len().cast(pl.Int64))
    rows = (
        every.join(at_end, on="amperity_id", how="left")
        .join(held.agg(n_records=pl.len().cast(pl.Int64)), on="amperity_id", how="left")
        .with_columns(pl.col("n_records", "n_records_at_end").fill_null(0))
        .sort(["amperity_id", "n_records", "current_amperity_id"], descending=[False, True, False])
    )
    rows = rows.with_columns(rank=pl.int_range(1, pl.len() + 1).over("amperity_id"))
    return rows.select([pl.col(name).cast(type_) for name, type_ in REDIRECT_SCHEMA.items()])
