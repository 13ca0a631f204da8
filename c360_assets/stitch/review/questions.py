"""Which pairs of records people should look at: those whose answer would put most pairs right.

A question is about two groups of records: two people who may be one, or the two halves of a person
whose weakest link is doubtful. What an answer is worth is the number of pairs between the groups
times the probability that they are wrong now. Belongs here: finding the groups and their order.
How answers are given and kept is in `answers`.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from c360_assets.stitch.score.scale import EDGES

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NEEDED = ("unified_coalesced", "stitch_scores", "stitch_labels", "stitch_decisions")
QUESTION_SCHEMA = {
    "kind": pl.String,
    "source1": pl.String,
    "pk1": pl.String,
    "source2": pl.String,
    "pk2": pl.String,
    "amperity_id1": pl.String,
    "amperity_id2": pl.String,
    "n_records1": pl.Int64,
    "n_records2": pl.Int64,
    "score": pl.Float64,
    "model_score": pl.Float64,
    "probability": pl.Float64,
    "worth": pl.Float64,
    "field": pl.String,
}
VETO = "veto against strong evidence"
NEAR_CUT = "apart near the cut"
WEAK_LINK = "joined by a weak link"
# What a label says is not asked again.
LABELLED = 14.0
# Log-odds of a pair between two people that is in no score table: it met nowhere, or scored below.
UNSCORED = -4.0
# A veto is right more often than its fields' weights say.
VETOED = 1.0
# Of large groups an answer puts fewer right than they have pairs: others hold them apart again.
SIZE_POWER = 1.0
# An answer changes what else there is to ask about a person.
PER_PERSON = 1


def log_odds_sql(score: str) -> str:
    """The log-odds at which a score begins."""
    parts = []
    for band, (low, high) in enumerate(itertools.pairwise(EDGES)):
        parts.append(f"WHEN {score} < {band + 1} THEN {low} + ({score} - {band}) * {high - low}")
    return f"CASE {' '.join(parts)} ELSE {EDGES[-1]} END"


def questions(con: Any, limit: int) -> pl.DataFrame:
    """At most so many questions (`QUESTION_SCHEMA`), the worthiest first.

    `con` shows the tables `NEEDED`. `probability`: that the groups are one person. `worth`: pairs
    of records that the answer is expected to put right. Nothing is asked of people whom a label
    holds apart or together.
    """
    found = pl.concat([_apart(con, 4 * limit), _joined(con, 4 * limit)])
    ordered = found.sort(
        "worth", "source1", "pk1", "source2", "pk2", descending=[True, *[False] * 4]
    )
    return _spread(ordered).head(limit)


def _apart(con: Any, limit: int) -> pl.DataFrame:
    """Two people who may be one: the mean of the log-odds between them decides, as they are one
    question. A refusal of the clustering names its field."""
    return (
        con.sql(
            f"""
        WITH sizes AS (SELECT amperity_id, count(*) AS n FROM unified_coalesced GROUP BY 1),
        between_people AS (
            SELECT least(amperity_id1, amperity_id2) AS one,
                   greatest(amperity_id1, amperity_id2) AS other,
                   sum({log_odds_sql("model_score")}) AS log_odds, count(*) AS n_scored,
                   bool_or(decided_by = 'label') AS labelled,
                   arg_max(
                       {{'s1': source1, 'p1': pk1, 's2': source2, 'p2': pk2, 'score': score,
                         'model_score': model_score, 'id1': amperity_id1, 'id2': amperity_id2}},
                       (model_score, source2, pk2, source1, pk1)) AS best
            FROM stitch_scores WHERE amperity_id1 <> amperity_id2 AND model_score IS NOT NULL
            GROUP BY 1, 2),
        refused AS (
            SELECT least(amperity_id1, amperity_id2) AS one,
                   greatest(amperity_id1, amperity_id2) AS other, min(field) AS field
            FROM stitch_decisions WHERE action = 'refused' AND field <> 'mean log-odds'
            GROUP BY 1, 2),
        asked AS (
            SELECT best, field, a.n AS n_records1, b.n AS n_records2,
                   (log_odds + {UNSCORED} * (a.n * b.n - n_scored)) / (a.n * b.n) AS mean,
                   mean - CASE WHEN field IS NULL THEN 0 ELSE {VETOED} END AS judged,
                   1 / (1 + exp(-judged)) AS probability
            FROM between_people
            JOIN sizes AS a ON a.amperity_id = best.id1 JOIN sizes AS b ON b.amperity_id = best.id2
            LEFT JOIN refused USING (one, other)
            WHERE NOT labelled)
        SELECT CASE WHEN best.model_score >= 3 AND (field IS NOT NULL OR best.score < 1)
                    THEN '{VETO}' ELSE '{NEAR_CUT}' END AS kind,
               best.s1 AS source1, best.p1 AS pk1, best.s2 AS source2, best.p2 AS pk2,
               best.id1 AS amperity_id1, best.id2 AS amperity_id2, n_records1, n_records2,
               best.score AS score, best.model_score AS model_score, probability,
               probability * (n_records1 * n_records2) ^ {SIZE_POWER} AS worth, field
        FROM asked ORDER BY worth DESC, source1, pk1, source2, pk2 LIMIT {limit}"""
        )
        .pl()
        .cast(QUESTION_SCHEMA)
    )


def _joined(con: Any, limit: int) -> pl.DataFrame:
    """People whose weakest link is doubtful, as the two groups that it alone holds together."""
    pairs = con.sql(
        f"""
        WITH numbered AS (
            SELECT datasource, pk, row_number() OVER (ORDER BY datasource, pk) - 1 AS i
            FROM unified_coalesced)
        SELECT a.i AS i, b.i AS j, score, model_score, amperity_id1 AS amperity_id,
               CASE WHEN decided_by = 'label' OR model_score IS NULL THEN {LABELLED}
                    ELSE {log_odds_sql("model_score")} END AS log_odds
        FROM stitch_scores
        JOIN numbered AS a ON a.datasource = source1 AND a.pk = pk1
        JOIN numbered AS b ON b.datasource = source2 AND b.pk = pk2
        WHERE amperity_id1 = amperity_id2 ORDER BY i, j"""
    ).pl()
    records = con.sql("SELECT datasource, pk FROM unified_coalesced ORDER BY datasource, pk").pl()
    if not pairs.height:
        return pl.DataFrame(schema=QUESTION_SCHEMA)
    weakest = weakest_links(
        pairs["i"].to_numpy(), pairs["j"].to_numpy(), pairs["log_odds"].to_numpy(), records.height
    )
    asked = pairs[weakest.rows].with_columns(
        n_records1=pl.Series(weakest.n_one), n_records2=pl.Series(weakest.n_other)
    )
    asked = asked.filter(pl.col("log_odds") < LABELLED)
    ends = [
        records[asked[end]].rename({"datasource": f"source{side}", "pk": f"pk{side}"})
        for end, side in (("i", "1"), ("j", "2"))
    ]
    return (
        pl.concat([asked, *ends], how="horizontal")
        .with_columns(
            kind=pl.lit(WEAK_LINK),
            amperity_id1="amperity_id",
            amperity_id2="amperity_id",
            probability=1 / (1 + (-pl.col("log_odds")).exp()),
            field=pl.lit(None, pl.String),
        )
        .with_columns(
            worth=(1 - pl.col("probability"))
            * (pl.col("n_records1") * pl.col("n_records2")) ** SIZE_POWER
        )
        .select(*QUESTION_SCHEMA)
        .cast(QUESTION_SCHEMA)
        .sort("worth", "source1", "pk1", descending=[True, False, False])
        .head(limit)
    )


class WeakestLinks:
    """The rows of the pairs that are the weakest link of their person, and how many records are on
    either side."""

    def __init__(self, rows: Ints, n_one: Ints, n_other: Ints) -> None:
        self.rows = rows
        self.n_one = n_one
        self.n_other = n_other


def weakest_links(i: Ints, j: Ints, log_odds: Array, n_records: int) -> WeakestLinks:
    """Of each person the weakest link of the strongest tree that holds the records together.

    `i` < `j`: positions of the records of pairs inside people, sorted, each once.
    """
    # A minimum spanning tree of positive costs: the strongest link costs least.
    cost = log_odds.max() - log_odds + 1.0
    graph = sparse.csr_matrix((cost, (i, j)), shape=(n_records, n_records))
    tree = sparse.csgraph.minimum_spanning_tree(graph).tocoo()
    one = np.minimum(tree.row, tree.col).astype(np.int64)
    other = np.maximum(tree.row, tree.col).astype(np.int64)
    rows = np.searchsorted(i * n_records + j, one * n_records + other)
    _, person = sparse.csgraph.connected_components(graph, directed=False)
    order = np.lexsort((rows, log_odds[rows], person[one]))
    is_first = np.diff(person[one][order], prepend=-1) > 0
    weakest = order[is_first]
    kept = np.ones(len(one), dtype=bool)
    kept[weakest] = False
    halves = sparse.csr_matrix((np.ones(kept.sum()), (one[kept], other[kept])), graph.shape)
    _, half = sparse.csgraph.connected_components(halves, directed=False)
    size = np.bincount(half)
    return WeakestLinks(rows[weakest], size[half[one[weakest]]], size[half[other[weakest]]])


def _spread(ordered: pl.DataFrame) -> pl.DataFrame:
    """The questions without those about people who were already asked about often enough."""
    asked: dict[str, int] = {}
    kept = []
    for one, other in ordered.select("amperity_id1", "amperity_id2").iter_rows():
        people = {one, other}
        is_new = all(asked.get(person, 0) < PER_PERSON for person in people)
        kept.append(is_new)
        if is_new:
            for person in people:
                asked[person] = asked.get(person, 0) + 1
    return ordered.filter(pl.Series(kept, dtype=pl.Boolean))
