"""Stapling: records that say too little to be matched join the one cluster that holds their value.

After clustering, and only where a tenant asks for it (`matching.staple`). A record qualifies that
stands alone and has neither name nor birthdate nor address; a listed value (a foreign key, a phone)
must occur in exactly one cluster of records that say more.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

IDENTIFIES = ("given_name", "surname", "birthdate", "address")
SCORE = 3.0
DECIDER = "staple"


def stapled(
    records: pl.DataFrame,
    clusters: pl.DataFrame,
    semantics: Sequence[str],
    labels: pl.DataFrame | None,
) -> pl.DataFrame:
    """rid, via, cluster: the records that join a cluster, and the record of it with their value.

    `records`: the representatives with their values. `clusters`: rid, cluster. `labels`: rid1,
    rid2, same; a record that a label names stays where the label put it.
    """
    frame = records.join(clusters.select("rid", "cluster"), on="rid")
    is_alone = pl.len().over("cluster") == 1
    says_nothing = pl.all_horizontal(pl.col(IDENTIFIES).is_null())
    frame = frame.with_columns(is_loose=is_alone & says_nothing)
    if labels is not None:
        named = pl.concat([labels["rid1"], labels["rid2"]]).unique()
        frame = frame.with_columns(
            is_loose=pl.col("is_loose") & ~pl.col("rid").is_in(named.implode())
        )
    values = pl.concat([_values(frame, column) for column in _columns(frame, semantics)] or [_NONE])
    loose = values.filter("is_loose").select("column", "value", "rid")
    owners = (
        values.filter(~pl.col("is_loose"))
        .group_by("column", "value")
        .agg(pl.col("cluster").unique(), via=pl.col("rid").min())
        .filter(pl.col("cluster").list.len() == 1)
        .with_columns(pl.col("cluster").list.first())
    )
    found = loose.join(owners, on=["column", "value"])
    # Values that lead to several people are no answer.
    chosen = found.group_by("rid").agg(pl.col("cluster").unique(), via=pl.col("via").min())
    chosen = chosen.filter(pl.col("cluster").list.len() == 1)
    chosen = chosen.select("rid", "via", cluster=pl.col("cluster").list.first())
    return _without_conflicts(chosen, frame).sort("rid")


_NONE = pl.DataFrame(
    schema={
        "column": pl.String,
        "value": pl.String,
        "rid": pl.Int64,
        "cluster": pl.Int64,
        "is_loose": pl.Boolean,
    }
)


def _columns(frame: pl.DataFrame, semantics: Sequence[str]) -> list[str]:
    wanted = {name.replace("-", "_") for name in semantics}
    every_key = "fk" in wanted
    return [
        column
        for column in frame.columns
        if column in wanted or (every_key and column.startswith("fk_"))
    ]


def _values(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """column, value, rid, cluster, is_loose: every value of a column; those of several rows."""
    rows = frame.select(
        pl.lit(column).alias("column"),
        pl.col(column).alias("value"),
        pl.col("rid").cast(pl.Int64),
        pl.col("cluster").cast(pl.Int64),
        "is_loose",
    )
    if isinstance(frame.schema[column], pl.List):
        rows = rows.explode("value")
    elif column.startswith("fk_"):
        # A representative holds the keys of all records it stands for.
        rows = rows.with_columns(pl.col("value").str.split("\x1f")).explode("value")
    return rows.drop_nulls("value").with_columns(pl.col("value").cast(pl.String))


def _without_conflicts(chosen: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """Those whose separation keys and suffix nobody of the cluster contradicts."""
    fields = [column for column in frame.columns if column.startswith("sk_")]
    fields.append("generational_suffix")
    for field in fields:
        own = frame.select("rid", own=field)
        theirs = frame.select("cluster", theirs=field).drop_nulls().unique()
        pairs = chosen.join(own.drop_nulls(), on="rid").join(theirs, on="cluster")
        torn = pairs.filter(pl.col("own") != pl.col("theirs"))["rid"].unique()
        chosen = chosen.filter(~pl.col("rid").is_in(torn.implode()))
    return chosen


def with_stapled(clusters: pl.DataFrame, attached: pl.DataFrame) -> pl.DataFrame:
    """The clusters (rid, cluster, component, …) with the records attached: they belong to the
    component of the record that holds their value."""
    target = clusters.select(via="rid", cluster_of_via="cluster", component_of_via="component")
    moved = attached.select("rid", "via").join(target, on="via")
    joined = clusters.join(moved, on="rid", how="left", maintain_order="left")
    return joined.select(
        "rid",
        cluster=pl.coalesce("cluster_of_via", "cluster"),
        component=pl.coalesce("component_of_via", "component"),
        supersized="supersized",
    )


def with_stapled_pairs(pairs: pl.DataFrame, attached: pl.DataFrame) -> pl.DataFrame:
    """The pairs (`scored_pairs.pairs_table`) with one for each record attached."""
    ends = attached.select(
        rid1=pl.min_horizontal("rid", "via").cast(pairs.schema["rid1"]),
        rid2=pl.max_horizontal("rid", "via").cast(pairs.schema["rid2"]),
    )
    if not ends.height:
        return pairs
    known = pairs.join(ends, on=["rid1", "rid2"], how="semi")
    new = ends.join(known, on=["rid1", "rid2"], how="left", maintain_order="left")
    deciders = [*pairs.schema["decided_by"].categories, DECIDER]  # type: ignore[attr-defined]
    decider = pl.Enum(deciders)
    texts = {"match_category": "high", "match_type": "scored_transitive"}
    filled = new.with_columns(
        score=pl.lit(SCORE),
        decided_by=pl.lit(DECIDER, decider),
        strategy_count=pl.col("strategy_count").fill_null(0),
        log_odds=pl.col("log_odds").fill_null(0.0),
        match_category=pl.lit(texts["match_category"], pairs.schema["match_category"]),
        match_type=pl.col("match_type").fill_null(pl.lit(texts["match_type"])),
    )
    others = pairs.join(ends, on=["rid1", "rid2"], how="anti", maintain_order="left")
    others = others.with_columns(pl.col("decided_by").cast(decider))
    return pl.concat([others, filled.select(others.columns)]).sort("rid1", "rid2")
