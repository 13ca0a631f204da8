"""The matcher from representatives to clusters: block, compare, fit, score, connect, compare the rest, cluster.

One entry, `resolve`. Preprocessing and the collapse of trivial duplicates come before it, stable ids and output tables after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.semantics.nicknames import nickname_map
from c360_assets.stitch import blocking, clustering, components, features, records, scores
from c360_assets.stitch.model import Ints, Model, fit
from c360_assets.tenant.models import StitchConfig
from c360_assets.warehouse.sql import quote_ident

TABLES = ("er_keys", "er_blocks", "er_members", "er_pairs", "er_compared", "er_records", "er_inside")
VIEWS = ("er_frame", "er_known", "er_rids", "er_random", "er_nodes")
FORCED = 12.0  # log-odds that a rule's "same" or "different" stands for in the mean over a cluster's pairs
FULL_STRENGTH = 30.0  # nats of comparison that weigh 1 in a mean; the fourth power lets well-compared pairs speak for a cluster


@dataclass(frozen=True)
class Resolution:
    """What the matcher found; every frame is sorted by its key.

    clusters: rid, cluster, component (the smallest rid of the group), supersized (smallest rid of the part, null if none).
    pairs: rid1 < rid2, score, log_odds, match_category, match_type, decided_by, strategy_count.
    blocking_keys: rid, strategy, bk. blocks: strategy, bk, n_records, n_chunks, n_pairs, oversized.
    strategies: strategy, pairs, exclusive_pairs, exclusive_matches (expected matches no other strategy found).
    model: a row per feature and level. decisions: rid1, rid2 (smallest records of two clusters), action, field, evidence.
    household: rid1, rid2, log_odds of living together without being one person, for scored pairs above even odds.
    """

    clusters: pl.DataFrame
    pairs: pl.DataFrame
    blocking_keys: pl.DataFrame
    blocks: pl.DataFrame
    strategies: pl.DataFrame
    model: pl.DataFrame
    decisions: pl.DataFrame
    household: pl.DataFrame
    figures: dict[str, Any]


@dataclass(frozen=True)
class _Pairs:
    """Compared pairs as arrays, sorted by (i, j)."""

    i: Ints
    j: Ints
    mask: Ints
    pattern: Ints
    keys: dict[str, Ints]

    @property
    def n(self) -> int:
        return len(self.i)


def resolve(
    frame: pl.DataFrame,
    config: StitchConfig | None = None,
    *,
    con: duckdb.DuckDBPyConnection | None = None,
    progress: Callable[[str], None] | None = None,
) -> Resolution:
    """Cluster the representatives of `frame` (preprocessed frame, unique ascending `rid`) into persons.

    Reads no label. The result does not depend on row order, thread count or the connection. Temporary tables named `er_*` are
    dropped from `con` afterwards. Raises C360Error for a repeated rid or a setting that cannot work.
    """
    config = config or StitchConfig()
    say = progress or (lambda _: None)
    if frame["rid"].n_unique() != frame.height:
        raise C360Error("stitch: the frame repeats a rid")
    own = con is None
    connection = con if con is not None else duckdb.connect()
    try:
        return _resolve(connection, frame, config, say)
    except duckdb.Error as error:  # its text quotes values of records
        raise C360Error(f"stitch: the comparison failed in the SQL engine ({type(error).__name__})") from None
    finally:
        if own:
            connection.close()
        else:
            for table in TABLES:
                connection.execute(f"DROP TABLE IF EXISTS {table}")
            for view in VIEWS:
                connection.unregister(view)


def _resolve(con: duckdb.DuckDBPyConnection, frame: pl.DataFrame, config: StitchConfig, say: Callable[[str], None]) -> Resolution:
    say("index records")
    if config.matching.model == "recordlinkage_ecm":
        raise C360Error("stitch: the model recordlinkage_ecm is not built yet; choose three_class or two_class")
    rids = records.prepare_records(con, frame, _known_names())
    n = rids.height
    strategies = blocking.chosen_strategies(config.blocking, frame)
    say("form pairs")
    blocking.build_keys(con, strategies)
    blocking.build_pairs(con, strategies, config.blocking.oversized)
    say("compare pairs")
    key_columns = [*records.columns_with(frame, "fk_"), *records.columns_with(frame, "sk_")]
    compared = _compare(con, "er_pairs", key_columns)
    say("fit the model")
    distinct, inverse, counts = np.unique(compared.pattern, return_inverse=True, return_counts=True)
    model = fit(con, distinct, counts.astype(np.int64), n, classes=2 if config.matching.model == "two_class" else 3)
    default = "always" if config.clustering.algorithm == "hierarchical" else "learned"
    conflicts = scores.choose_conflicts(
        model, dict(config.clustering.conflict_fields), default, tuple(c for c in key_columns if c.startswith("sk_"))
    )
    say("score pairs")
    x, household = (part[inverse] for part in model.log_odds(distinct))
    scored = scores.apply_rules(config.matching, conflicts, x, compared.pattern, compared.keys)
    say("cluster")
    threshold = config.matching.threshold
    edge = scored.score >= threshold
    component = components.components(n, compared.i[edge], compared.j[edge])
    limits = config.clustering.supersized
    part, supersized = components.partition(
        component, compared.i[edge], compared.j[edge], scored.score[edge], threshold, limits.min_size, limits.max_depth
    )
    everything, transitive = _complete(con, compared, part, key_columns, 4 * limits.min_size)
    patterns, inverse = np.unique(everything.pattern, return_inverse=True)
    x_all = model.log_odds(patterns)[0][inverse]
    scored_all = scores.apply_rules(config.matching, conflicts, x_all, everything.pattern, everything.keys)
    strength = model.strength(patterns)[inverse]
    label, decision = _cluster(config, conflicts, everything, scored_all, strength, part, n)
    say("collect results")
    rid = rids["rid"].to_numpy()
    clusters = pl.DataFrame({"rid": rid, "cluster": rid[label], "component": rid[component]}).with_columns(
        pl.Series("supersized", np.where(supersized >= 0, rid[np.maximum(supersized, 0)], -1)).replace(-1, None)
    )
    keys, blocks = blocking.blocking_tables(con, strategies, rids)
    inside = part[everything.i] == part[everything.j]
    kept = (scored_all.score >= 1.0) | inside
    bits = np.bitwise_count(everything.mask.astype(np.uint64)).astype(np.int64)
    pairs = pl.DataFrame(
        {
            "rid1": rid[everything.i[kept]],
            "rid2": rid[everything.j[kept]],
            "score": scored_all.score[kept],
            "log_odds": np.round(x_all[kept], 6),
            "match_category": scores.category_of(scored_all.score[kept]),
            "match_type": np.where(transitive[kept], "scored_transitive", "scored"),
            "decided_by": scored_all.decided_by[kept],
            "strategy_count": bits[kept],
        }
    )
    home = household > 0
    return Resolution(
        clusters=clusters,
        pairs=pairs,
        blocking_keys=keys,
        blocks=blocks,
        strategies=_strategy_figures(strategies, compared.mask, x),
        model=model.table(),
        decisions=_decisions(decision, conflicts, rid),
        household=pl.DataFrame(
            {"rid1": rid[compared.i[home]], "rid2": rid[compared.j[home]], "log_odds": np.round(household[home], 6)}
        ),
        figures={
            "records": n,
            "compared_pairs": compared.n,
            "transitive_pairs": int(transitive.sum()),
            "components": len(np.unique(component)),
            "clusters": len(np.unique(label)),
            "expected_same_person_pairs": float(model.sizes[0]),
            "expected_household_pairs": float(model.sizes[1]),
            "conflicts": conflicts.reason,
        },
    )


def _known_names() -> frozenset[str]:
    """Given names of the shipped list: established however rare they are in the data."""
    names = nickname_map()
    return frozenset(names["nickname"]) | frozenset(names["canonical"].explode())


def _compare(con: duckdb.DuckDBPyConnection, pairs: str, key_columns: list[str]) -> _Pairs:
    """Levels of the pairs of a relation (i, j, mask) and the state of each key column: 0 missing, 1 equal, 2 different."""
    states = "".join(
        f", CASE WHEN a.{q} IS NULL OR b.{q} IS NULL THEN 0 WHEN a.{q} = b.{q} THEN 1"
        f" WHEN (contains(a.{q}, ',') OR contains(b.{q}, ','))"
        f" AND list_has_any(string_split(a.{q}, ','), string_split(b.{q}, ',')) THEN 1 ELSE 2 END::TINYINT AS {q}"
        for q in map(quote_ident, key_columns)
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE er_compared AS {features.compare_sql(pairs, 'mask')}")
    joined = "JOIN er_records a ON a.i = c.i JOIN er_records b ON b.i = c.j" if key_columns else ""
    found = con.sql(
        f"SELECT c.i::BIGINT AS i, c.j::BIGINT AS j, c.mask, c.pattern{states} FROM er_compared c {joined} ORDER BY c.i, c.j"
    ).pl()
    return _Pairs(
        found["i"].to_numpy(),
        found["j"].to_numpy(),
        found["mask"].to_numpy(),
        found["pattern"].to_numpy(),
        {c: found[c].to_numpy().astype(np.int64) for c in key_columns},
    )


def _complete(
    con: duckdb.DuckDBPyConnection, compared: _Pairs, part: Ints, key_columns: list[str], largest: int
) -> tuple[_Pairs, npt.NDArray[np.bool_]]:
    """Compared pairs plus all pairs inside a part of at most `largest` records; the second value marks the added ones."""
    size = np.bincount(part, minlength=len(part))
    chosen = np.flatnonzero((size[part] > 1) & (size[part] <= largest))
    con.register("er_nodes", pl.DataFrame({"i": chosen.astype(np.int32), "part": part[chosen].astype(np.int32)}).to_arrow())
    con.execute(
        """CREATE OR REPLACE TEMP TABLE er_inside AS
        SELECT a.i, b.i AS j, 0::BIGINT AS mask FROM er_nodes a JOIN er_nodes b ON a.part = b.part AND a.i < b.i
        ANTI JOIN er_pairs p ON p.i = a.i AND p.j = b.i"""
    )
    added = _compare(con, "er_inside", key_columns)
    if not added.n:
        return compared, np.zeros(compared.n, dtype=bool)
    order = np.lexsort((np.concatenate([compared.j, added.j]), np.concatenate([compared.i, added.i])))

    def joined(one: Ints, two: Ints) -> Ints:
        return np.asarray(np.concatenate([one, two])[order])

    everything = _Pairs(
        joined(compared.i, added.i),
        joined(compared.j, added.j),
        joined(compared.mask, added.mask),
        joined(compared.pattern, added.pattern),
        {c: joined(compared.keys[c], added.keys[c]) for c in key_columns},
    )
    return everything, np.concatenate([np.zeros(compared.n, dtype=bool), np.ones(added.n, dtype=bool)])[order]


def _cluster(
    config: StitchConfig,
    conflicts: scores.Conflicts,
    pairs: _Pairs,
    scored: scores.Scored,
    strength: npt.NDArray[np.float64],
    part: Ints,
    n: int,
) -> tuple[Ints, clustering.Decision]:
    """Cluster label of each node and the decision log."""
    if config.clustering.algorithm == "components":
        nothing = np.zeros(0, dtype=np.int64)
        return part, clustering.Decision(nothing, nothing, np.zeros(0, dtype=bool), np.zeros(0), nothing)
    inside = part[pairs.i] == part[pairs.j]
    bad, good = scores.conflict_states(conflicts, pairs.pattern[inside], {c: s[inside] for c, s in pairs.keys.items()})
    x = scored.x[inside].copy()
    score = scored.score[inside]
    ruled = scored.decided_by[inside] != "model"
    x[ruled & (score >= 3.0)] = np.maximum(x[ruled & (score >= 3.0)], FORCED)
    x[ruled & (score < 1.0)] = np.minimum(x[ruled & (score < 1.0)], -FORCED)
    if config.matching.remaining == "none":
        x[~ruled] = np.where(x[~ruled] > 0, 0.0, x[~ruled])
    found = clustering.PairSet(
        pairs.i[inside], pairs.j[inside], x, np.maximum(strength[inside] / FULL_STRENGTH, 0.05) ** 4, bad, good
    )
    contracted = np.arange(n)
    if not config.matching.classifier.endswith("sk-priority") or config.matching.rules:
        fk = scored.fk_equal[inside]
        contracted = clustering.contract(n, found.i[fk], found.j[fk])
    if config.clustering.algorithm == "hierarchical":
        return clustering.hierarchical(n, found, score, config.matching.threshold, contracted)
    return clustering.mean_linkage(n, found, scores.log_odds_of(config.matching.threshold), contracted)


def _decisions(decision: clustering.Decision, conflicts: scores.Conflicts, rid: npt.NDArray[np.int64]) -> pl.DataFrame:
    names = np.array([f.replace("_", "-") for f in conflicts.fields] + ["mean log-odds"])
    return pl.DataFrame(
        {
            "rid1": rid[decision.a],
            "rid2": rid[decision.b],
            "action": np.where(decision.merged, "merged", "refused"),
            "field": np.where(decision.merged, "", names[decision.field]),
            "evidence": np.round(decision.evidence, 6),
        }
    ).with_columns(pl.col("field").replace("", None))


def _strategy_figures(strategies: list[blocking.Strategy], mask: Ints, x: npt.NDArray[np.float64]) -> pl.DataFrame:
    probability = 1 / (1 + np.exp(-np.clip(x, -50, 50)))
    rows = []
    for number, strategy in enumerate(strategies):
        bit = 1 << number
        alone = mask == bit
        rows.append((strategy.name, int(((mask & bit) > 0).sum()), int(alone.sum()), round(float(probability[alone].sum()), 2)))
    schema = {"strategy": pl.String, "pairs": pl.Int64, "exclusive_pairs": pl.Int64, "exclusive_matches": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


__all__ = ["Model", "Resolution", "resolve"]
