"""Incremental match: what is known stays as it is, and new records attach to it.

No record that had an id moves, whatever the matching found: a new one joins the person of its
strongest link, or new ones are persons among themselves. The next full run judges all anew.
"""

from __future__ import annotations

import polars as pl

KEYS = ["datasource", "pk"]


def clusters(
    records: pl.DataFrame,
    pairs: pl.DataFrame,
    previous_ids: pl.DataFrame,
    threshold: float,
    labels: pl.DataFrame | None,
) -> pl.Series:
    """`cluster` of each record, in row order, so that every known record is with its person.

    `records`: rid, datasource, pk, rep, cluster (as matched). `pairs`: rid1, rid2, score of
    representatives. `previous_ids`: datasource, pk, amperity_id. `labels`: rid1, rid2, same.
    """
    known = records.join(
        previous_ids.select(*KEYS, person="amperity_id"),
        on=KEYS,
        how="left",
        maintain_order="left",
    )
    people = known.drop_nulls("person").select("rep", "person").unique()
    links = _links(pairs, threshold)
    # A copy of a known record is linked to it by saying the same.
    copies = people.select(rep="rep", person="person", score=pl.lit(5.0))
    reached = links.join(people.rename({"rep": "other"}), on="other")
    reached = pl.concat([copies, reached.select("rep", "person", "score")])
    if labels is not None:
        reached = _without_forbidden(reached, labels, people)
    best = reached.sort(["rep", "score", "person"], descending=[False, True, False])
    best = best.group_by("rep", maintain_order=True).agg(joins=pl.col("person").first())
    placed = known.join(best, on="rep", how="left", maintain_order="left")
    person = pl.coalesce("person", "joins")
    # Of what is left, those that were matched together are one new person.
    alone = pl.concat_str(pl.lit("new "), pl.col("cluster").cast(pl.String))
    names = placed.select(pl.coalesce(person, alone).alias("name"))
    return names.select(cluster=pl.col("name").rank("dense").cast(pl.Int64)).to_series()


def _links(pairs: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """rep, other, score: both directions of the pairs that link."""
    linked = pairs.filter(pl.col("score") >= threshold)
    there = linked.select(rep="rid1", other="rid2", score="score")
    back = linked.select(rep="rid2", other="rid1", score="score")
    return pl.concat([there, back])


def _without_forbidden(
    reached: pl.DataFrame, labels: pl.DataFrame, people: pl.DataFrame
) -> pl.DataFrame:
    """Without links to a person of whom a label says that the record is somebody else."""
    apart = labels.filter(~pl.col("same"))
    ends = pl.concat(
        [apart.select(rep="rid1", other="rid2"), apart.select(rep="rid2", other="rid1")]
    )
    forbidden = ends.join(people.rename({"rep": "other"}), on="other").select("rep", "person")
    return reached.join(forbidden.unique(), on=["rep", "person"], how="anti")
