"""What changed between two generations: records and clusters that came, went or moved, and what
became of each identity.

Histories are returned whole, older rows beyond the retention dropped, so that a writer replaces the
table and a run that is repeated after a kill adds nothing twice. Which cluster carries which id
belongs to `stable_ids`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

KEYS = ["datasource", "pk"]
TIMESTAMP = pl.Datetime("us", "UTC")
CLUSTER_SCHEMA = {
    "amperity_id": pl.String,
    "change_type": pl.String,
    "job_id": pl.String,
    "timestamp": TIMESTAMP,
}
PK_SCHEMA = {
    "amperity_id": pl.String,
    "amperity_id_prev": pl.String,
    "change_type": pl.String,
    "datasource": pl.String,
    "pk": pl.String,
    "cause": pl.String,
    "job_id": pl.String,
    "timestamp": TIMESTAMP,
}
IDENTITY_SCHEMA = {
    "amperity_id": pl.String,
    "action": pl.String,
    "n_records": pl.Int64,
    "n_records_prev": pl.Int64,
    "n_previous_ids": pl.Int64,
    "causes": pl.String,
    "job_id": pl.String,
    "timestamp": TIMESTAMP,
}


@dataclass(frozen=True)
class Job:
    """The run that a change belongs to: its id, and the instant that all its rows share."""

    job_id: str
    timestamp: datetime
    recorded_days: int = 365


@dataclass(frozen=True)
class Changes:
    """This run's changes, without run columns, and the counts that metrics and alerts read."""

    clusters: pl.DataFrame
    pks: pl.DataFrame
    identities: pl.DataFrame
    counts: dict[str, int]


def compare(ids: pl.DataFrame, previous: pl.DataFrame | None) -> Changes:
    """Compare two generations, each a frame of datasource, pk, amperity_id with one row per source
    record.

    Unchanged clusters and records are not listed. On a first run everything is `added`.
    """
    now = ids.select(*KEYS, "amperity_id")
    earlier = now.clear() if previous is None else previous
    before = earlier.select(*KEYS, amperity_id_prev="amperity_id")
    both = now.join(before, on=KEYS, how="full", coalesce=True)
    pks = _pk_changes(both)
    surviving = both.drop_nulls(["amperity_id", "amperity_id_prev"])
    counts = {"records_previous": before.height, "records_surviving": surviving.height}
    for kind in ("added", "deleted", "updated"):
        counts[f"pks_{kind}"] = pks.filter(pl.col("change_type") == kind).height
    return Changes(_cluster_changes(both), pks, _identities(both), counts)


def _pk_changes(both: pl.DataFrame) -> pl.DataFrame:
    kind = (
        pl.when(pl.col("amperity_id_prev").is_null())
        .then(pl.lit("added"))
        .when(pl.col("amperity_id").is_null())
        .then(pl.lit("deleted"))
        .when(pl.col("amperity_id") != pl.col("amperity_id_prev"))
        .then(pl.lit("updated"))
    )
    rows = both.with_columns(change_type=kind).filter(pl.col("change_type").is_not_null())
    return rows.select("amperity_id", "amperity_id_prev", "change_type", *KEYS).sort(KEYS)


def _cluster_changes(both: pl.DataFrame) -> pl.DataFrame:
    """An id is `updated` when it exists on both sides and a record came to it or left it."""
    stays = (pl.col("amperity_id") == pl.col("amperity_id_prev")).fill_null(False)
    by_id = both.group_by("amperity_id")
    by_previous_id = both.group_by(amperity_id="amperity_id_prev")
    now = by_id.agg(came=(~stays).any()).drop_nulls("amperity_id")
    before = by_previous_id.agg(left=(~stays).any()).drop_nulls("amperity_id")
    kind = (
        pl.when(pl.col("left").is_null())
        .then(pl.lit("added"))
        .when(pl.col("came").is_null())
        .then(pl.lit("deleted"))
        .when(pl.col("came") | pl.col("left"))
        .then(pl.lit("updated"))
    )
    ids = now.join(before, on="amperity_id", how="full", coalesce=True)
    rows = ids.select("amperity_id", change_type=kind)
    return rows.filter(pl.col("change_type").is_not_null()).sort("amperity_id")


def _identities(both: pl.DataFrame) -> pl.DataFrame:
    """What became of each identity; the predicates look at surviving records.

    A previous cluster is *complete* in a current one when all its surviving records are there, else
    it is *spread*.
    """
    edges = (
        both.drop_nulls(["amperity_id", "amperity_id_prev"])
        .group_by("amperity_id", "amperity_id_prev")
        .len("shared")
    )
    edges = edges.with_columns(spread=pl.len().over("amperity_id_prev") > 1)
    size = _records_of(both, "amperity_id", "n_records")
    size_prev = _records_of(both, "amperity_id_prev", "n_records_prev")
    current = (
        size.join(_received(edges, size_prev), on="amperity_id", how="left")
        .with_columns(action=_action())
        .filter(pl.col("action").is_not_null())
    )
    gone = size_prev.join(edges, on="amperity_id_prev", how="anti").select(
        amperity_id="amperity_id_prev",
        action=pl.lit("deleted"),
        n_records=pl.lit(0, pl.Int64),
        n_records_prev="n_records_prev",
        n_previous_ids=pl.lit(1, pl.Int64),
    )
    current = current.with_columns(pl.col("n_records_prev", "n_previous_ids").fill_null(0))
    rows = pl.concat([current.select(gone.columns), gone])
    return rows.sort("amperity_id", "action")


def _records_of(both: pl.DataFrame, id_column: str, name: str) -> pl.DataFrame:
    """How many records each id of the column has, as the column `name`."""
    by_id = both.drop_nulls(id_column).group_by(id_column)
    return by_id.agg(pl.len().cast(pl.Int64).alias(name))


def _received(edges: pl.DataFrame, size_prev: pl.DataFrame) -> pl.DataFrame:
    """What each current cluster received from previous ones."""
    with_sizes = edges.join(size_prev, on="amperity_id_prev")
    return with_sizes.group_by("amperity_id").agg(
        n_previous_ids=pl.len().cast(pl.Int64),
        any_spread=pl.col("spread").any(),
        surviving=pl.col("shared").sum().cast(pl.Int64),
        n_records_prev=pl.col("n_records_prev").sum(),
    )


def _action() -> pl.Expr:
    """What became of a current cluster; NULL where it is as it was."""
    has_several = pl.col("n_previous_ids") > 1
    return (
        pl.when(pl.col("n_previous_ids").is_null())
        .then(pl.lit("added"))
        .when(has_several & pl.col("any_spread"))
        .then(pl.lit("split_merged"))
        .when(has_several)
        .then(pl.lit("merged"))
        .when(pl.col("any_spread"))
        .then(pl.lit("split"))
        .when(pl.col("n_records") > pl.col("surviving"))
        .then(pl.lit("recognized"))
        .when(pl.col("n_records_prev") > pl.col("surviving"))
        .then(pl.lit("reduced"))
    )


def with_causes(identities: pl.DataFrame, pks: pl.DataFrame) -> pl.DataFrame:
    """The identity changes with `causes`: how many rows of `pks` (with `cause`) each stands for, as
    JSON.

    A row counts for the id that the record has now, of a record that is gone for the id that it
    had, or for the one that took over most of its other records. So the counts of all identities
    add up to the rows.
    """
    listed = identities.select(pl.col("amperity_id").alias("id"), known=pl.lit(True))
    heirs = (
        pks.drop_nulls(["amperity_id", "amperity_id_prev"])
        .group_by("amperity_id_prev", "amperity_id")
        .len("taken")
        .sort(["amperity_id_prev", "taken", "amperity_id"], descending=[False, True, False])
        .group_by("amperity_id_prev", maintain_order=True)
        .agg(heir=pl.col("amperity_id").first())
    )
    rows = pks.with_columns(id=pl.coalesce("amperity_id", "amperity_id_prev"))
    rows = rows.join(listed, on="id", how="left").join(heirs, on="amperity_id_prev", how="left")
    owner = pl.when("known").then("id").otherwise(pl.coalesce("heir", "id"))
    counted = rows.group_by(owner.alias("amperity_id"), "cause").len("n").sort("cause")
    entry = pl.format('"{}": {}', "cause", "n")
    text = pl.concat_str(pl.lit("{"), entry.str.join(", "), pl.lit("}"))
    texts = counted.group_by("amperity_id", maintain_order=True).agg(causes=text)
    return identities.join(texts, on="amperity_id", how="left", maintain_order="left")


def history(
    new: pl.DataFrame, old: pl.DataFrame | None, schema: Mapping[str, Any], job: Job
) -> pl.DataFrame:
    """The history table after this run: rows of `old` within the retention, then those of `new`.

    The retention is counted back from the instant of this job.
    """
    instant = pl.lit(job.timestamp.astimezone(UTC)).cast(TIMESTAMP)
    rows = new.with_columns(job_id=pl.lit(job.job_id), timestamp=instant)
    typed = [pl.col(column).cast(type_) for column, type_ in schema.items()]
    rows = rows.select(typed)
    if old is None:
        return rows
    # A column that was added since is empty in older rows.
    lacking = [pl.lit(None, type_).alias(name) for name, type_ in schema.items()]
    old = old.with_columns([one for one in lacking if one.meta.output_name() not in old.columns])
    # Instants come back in the session's zone; the moment counts, not the zone it is shown in.
    utc = old.with_columns(pl.col("timestamp").dt.convert_time_zone("UTC"))
    oldest = job.timestamp.astimezone(UTC) - timedelta(days=job.recorded_days)
    kept = utc.select(typed).filter(pl.col("timestamp") >= oldest)
    return pl.concat([kept, rows])
