"""The matcher from representatives to clusters: block, compare, fit, score, connect, compare the rest, cluster.

One entry, `resolve`. Preprocessing and the collapse of trivial duplicates come before it, stable ids and output tables after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.semantics.nicknames import nickname_map
from c360_assets.stitch import connected_components as components
from c360_assets.stitch.cluster import linkage as clustering
from c360_assets.stitch.compare import blocking
from c360_assets.stitch.compare import comparison_records as records
from c360_assets.stitch.compare.agreement_patterns import Comparable, comparable, compare
from c360_assets.stitch.compare.blocking import STRETCH, Ints32
from c360_assets.stitch.score import ceilings as corroboration
from c360_assets.stitch.score import rules as scores
from c360_assets.stitch.score import stored_model as frozen
from c360_assets.stitch.score.labels import LABEL, Labels, labelled
from c360_assets.stitch.score.match_model import Ints, Model, fit
from c360_assets.stitch.score.recordlinkage_model import EcmModel, fit_ecm
from c360_assets.tenant.models import StitchConfig

MATCH_TYPES = ["scored", "scored_transitive"]
MATCH_TYPE = pl.Enum([*MATCH_TYPES, "trivial_duplicate"])
FORCED = 12.0  # log-odds that a rule's "same" or "different" stands for in the mean over a cluster's pairs
FULL_STRENGTH = 30.0  # nats of comparison that weigh 1 in a mean; the fourth power lets well-compared pairs speak for a cluster


@dataclass(frozen=True)
class Resolution:
    """What the matcher found; every frame is sorted by its key.

    clusters: rid, cluster, component (the smallest rid of the group), supersized (smallest rid of the part, null if none).
    pairs: rid1 < rid2, score, log_odds, match_category, match_type, decided_by, strategy_count.
    records, used: the comparison records and the strategies, of which `blocking` makes the tables of keys and blocks.
    strategies: strategy, pairs, exclusive_pairs, exclusive_matches (expected matches no other strategy found).
    model: the model that scored, a row per feature and level. drift: see `frozen`; empty where the model was fitted here.
    decisions: rid1, rid2 (smallest records of two clusters), action, field, evidence.
    household: rid1, rid2, log_odds of living together without being one person, for scored pairs above even odds.
    """

    clusters: pl.DataFrame
    pairs: pl.DataFrame
    records: pl.DataFrame
    used: list[blocking.Strategy]
    strategies: pl.DataFrame
    model: pl.DataFrame
    drift: dict[str, float]
    decisions: pl.DataFrame
    household: pl.DataFrame
    figures: dict[str, Any]


@dataclass(frozen=True)
class _Pairs:
    """Compared pairs as arrays, sorted by (i, j). `mask`: one bit per strategy that found the pair, 0 for none."""

    i: Ints32
    j: Ints32
    mask: Ints
    pattern: Ints
    keys: dict[str, npt.NDArray[np.uint8]]

    @property
    def n(self) -> int:
        return len(self.i)

    def take(self, keep: npt.NDArray[np.bool_]) -> _Pairs:
        keys = {c: s[keep] for c, s in self.keys.items()}
        return _Pairs(self.i[keep], self.j[keep], self.mask[keep], self.pattern[keep], keys)

    def with_more(self, more: _Pairs) -> _Pairs:
        i, j = np.concatenate([self.i, more.i]), np.concatenate([self.j, more.j])
        order = np.lexsort((j, i))
        mask = np.concatenate([self.mask, more.mask])[order]
        pattern = np.concatenate([self.pattern, more.pattern])[order]
        keys = {c: np.concatenate([s, more.keys[c]])[order] for c, s in self.keys.items()}
        return _Pairs(i[order], j[order], mask, pattern, keys)


def resolve(
    frame: pl.DataFrame,
    config: StitchConfig | None = None,
    *,
    model: pl.DataFrame | None = None,
    labels: pl.DataFrame | None = None,
    con: duckdb.DuckDBPyConnection | None = None,
    progress: Callable[[str], None] | None = None,
) -> Resolution:
    """Cluster the representatives of `frame` (preprocessed frame, unique ascending `rid`) into persons.

    `model`: the table `model` of an earlier resolution, with which pairs are scored as they are; without it one is fitted.
    `labels`: pairs `rid1, rid2, same` that people decided; see `labels`. The result does not depend on row order, thread count
    or the connection. Temporary tables named `er_*` are dropped from `con` afterwards. Raises C360Error for a repeated rid, a
    setting that cannot work, a model of other levels, or labels that contradict each other.
    """
    config = config or StitchConfig()
    say = progress or (lambda _: None)
    if frame["rid"].n_unique() != frame.height:
        raise C360Error("stitch: the frame repeats a rid")
    own = con is None
    connection = con if con is not None else duckdb.connect()
    try:
        return _resolve(connection, frame, config, model, labels, say)
    except duckdb.Error as error:  # its text quotes values of records
        raise C360Error(
            f"stitch: the comparison failed in the SQL engine ({type(error).__name__})"
        ) from None
    finally:
        if own:
            connection.close()


def _resolve(
    con: duckdb.DuckDBPyConnection,
    frame: pl.DataFrame,
    config: StitchConfig,
    given: pl.DataFrame | None,
    labels: pl.DataFrame | None,
    say: Callable[[str], None],
) -> Resolution:
    say("index records")
    before = frozen.read_model(given) if given is not None else None
    data = records.prepare_records(
        frame, _known_names(), population=before.records if before else None
    )
    n = data.height
    strategies = blocking.chosen_strategies(config.blocking, frame, config.matching.rules)
    say("form pairs")
    i, j, mask = blocking.build_pairs(con, data, strategies, config.blocking.oversized)
    say("compare pairs")
    key_columns = [*records.columns_with(frame, "fk_"), *records.columns_with(frame, "sk_")]
    read = comparable(data, key_columns)
    said = labelled(labels, data["rid"].to_numpy())
    compared = _compare(con, read, i, j, mask, key_columns, said)
    asked = said.states(i, j, n)
    unseen = ~np.isin(said.i * n + said.j, i.astype(np.int64)[asked > 0] * n + j[asked > 0])
    if unseen.any():
        i, j = said.i[unseen].astype(np.int32), said.j[unseen].astype(np.int32)
        bit = np.full(len(i), 1 << len(strategies), dtype=np.int64)
        compared = compared.with_more(_compare(con, read, i, j, bit, key_columns, said))
    distinct, counts = np.unique(compared.pattern, return_counts=True)
    inverse = _positions(distinct, compared.pattern)
    if given is not None and before is not None:
        model: Model | EcmModel = before
        table, moved = given, frozen.drift(before, distinct, counts)
    else:
        say("fit the model")
        model, table = _fitted(
            con, data, read, distinct, counts.astype(np.int64), config.matching.model
        )
        moved = {}
    default = "always" if config.clustering.algorithm == "hierarchical" else "learned"
    conflicts = scores.choose_conflicts(
        model,
        dict(config.clustering.conflict_fields),
        default,
        tuple(c for c in key_columns if c.startswith("sk_")),
    )
    if len(said.i):
        conflicts = replace(conflicts, keys=(*conflicts.keys, LABEL))
    say("score pairs")
    contacts = bool(
        data.select(
            pl.any_horizontal(pl.col("email", "phone", "address").is_not_null().any())
        ).item()
    )
    data = data.select(
        blocking.columns_read(strategies, data)
    )  # the other texts need no room any more
    person, household = model.log_odds(distinct)
    x = corroboration.below(person, corroboration.ceiling(distinct, contacts=contacts))
    score = np.empty(compared.n)
    for some in _stretches(compared.n):
        keys = {column: state[some] for column, state in compared.keys.items()}
        score[some] = scores.apply_rules(
            config.matching, conflicts, x[inverse[some]], compared.pattern[some], keys
        ).score
    home = (household > 0)[inverse]
    rid = data["rid"].to_numpy()
    at_home = pl.DataFrame(
        {
            "rid1": rid[compared.i[home]],
            "rid2": rid[compared.j[home]],
            "log_odds": np.round(household[inverse[home]], 6),
        }
    )
    of_strategies = _strategy_figures(strategies, compared.mask, x, inverse)
    say("cluster")
    threshold = config.matching.threshold
    edge = score >= threshold
    component = components.components(n, compared.i[edge], compared.j[edge])
    limits = config.clustering.supersized
    part, supersized = components.partition(
        component,
        compared.i[edge],
        compared.j[edge],
        score[edge],
        threshold,
        limits.min_size,
        limits.max_depth,
    )
    inside = np.concatenate(
        [part[compared.i[some]] == part[compared.j[some]] for some in _stretches(compared.n)]
    )
    i, j = _unmet(part, compared.i[inside], compared.j[inside], 4 * limits.min_size)
    wanted = 0.0 if config.outputs.get("stitch_scores") == "all" else 1.0
    kept = compared.take(
        inside | (score >= wanted) | (said.states(compared.i, compared.j, n) > 0)
    ).with_more(_compare(con, read, i, j, np.zeros(len(i), dtype=np.int64), key_columns, said))
    n_compared = compared.n
    del (
        compared,
        inverse,
        score,
        inside,
        edge,
        home,
    )  # most pairs lead nowhere, and clustering needs their room
    patterns = np.unique(kept.pattern)
    pattern_of = _positions(patterns, kept.pattern)
    person, top = model.log_odds(patterns)[0], corroboration.ceiling(patterns, contacts=contacts)
    x_kept = corroboration.below(person, top)[pattern_of]
    # A pair held down by its ceiling joins nothing, and drives nothing apart either: a person who moved looks like that.
    linked = np.where(np.isfinite(top), np.minimum(person, 0.0), person)[pattern_of]
    scored_kept = scores.apply_rules(config.matching, conflicts, x_kept, kept.pattern, kept.keys)
    label, decision = _cluster(
        config, conflicts, kept, scored_kept, linked, model.strength(patterns)[pattern_of], part, n
    )
    say("collect results")
    clusters = pl.DataFrame(
        {"rid": rid, "cluster": rid[label], "component": rid[component]}
    ).with_columns(
        pl.Series(
            "supersized", np.where(supersized >= 0, rid[np.maximum(supersized, 0)], -1)
        ).replace(-1, None)
    )
    pairs = pl.DataFrame(
        {
            "rid1": rid[kept.i],
            "rid2": rid[kept.j],
            "score": scored_kept.score,
            "log_odds": np.round(x_kept, 6),
            "match_category": scores.category_of(scored_kept.score),
            "match_type": pl.Series(np.where(kept.mask == 0, 1, 0)).replace_strict(
                [0, 1], MATCH_TYPES, return_dtype=MATCH_TYPE
            ),
            "decided_by": scored_kept.decider(),
            "strategy_count": np.bitwise_count(kept.mask.astype(np.uint64)).astype(np.int64),
        }
    )
    return Resolution(
        clusters=clusters,
        pairs=pairs,
        records=data,
        used=strategies,
        strategies=of_strategies,
        model=table,
        drift=moved,
        decisions=_decisions(decision, conflicts, rid),
        household=at_home,
        figures={
            "records": n,
            "compared_pairs": n_compared,
            "transitive_pairs": len(i),
            "components": len(np.unique(component)),
            "clusters": len(np.unique(label)),
            "expected_same_person_pairs": float(model.sizes[0]),
            "expected_household_pairs": float(model.sizes[1]),
            "conflicts": conflicts.reason,
        },
    )


def _fitted(
    con: duckdb.DuckDBPyConnection,
    data: pl.DataFrame,
    read: Comparable,
    patterns: Ints,
    counts: Ints,
    kind: str,
) -> tuple[Model | EcmModel, pl.DataFrame]:
    """A model fitted on the compared pairs, as its table says it, and the table."""
    if kind == "recordlinkage_ecm":
        reference = fit_ecm(patterns, counts)
        return reference, frozen.rounded(reference.table(), data.height)
    table = frozen.model_table(
        fit(con, data, read, patterns, counts, classes=2 if kind == "two_class" else 3)
    )
    return frozen.read_model(table), table


def _known_names() -> frozenset[str]:
    """Given names of the shipped list: established however rare they are in the data."""
    names = nickname_map()
    return frozenset(names["nickname"]) | frozenset(names["canonical"].explode())


def _positions(distinct: Ints, values: Ints) -> Ints32:
    """Where each of `values` stands in `distinct`; NumPy's own inverse sorts, in twice the time and six times the room."""
    found = np.empty(len(values), dtype=np.int32)
    for some in _stretches(len(values)):
        found[some] = np.searchsorted(distinct, values[some])
    return found


def _stretches(n: int) -> list[slice]:
    """What covers `n` pairs, so many at a time that what is computed of them needs little room; at least one."""
    return [slice(start, min(start + STRETCH, n)) for start in range(0, max(n, 1), STRETCH)]


def _compare(
    con: duckdb.DuckDBPyConnection,
    read: Comparable,
    i: Ints32,
    j: Ints32,
    mask: Ints,
    key_columns: list[str],
    said: Labels,
) -> _Pairs:
    found = compare(con, read, i, j, key_columns)
    keys = scores.approximate(found.pattern, found.keys)
    if len(said.i):
        keys[LABEL] = said.states(i, j, read.height)
    return _Pairs(i, j, mask, found.pattern, keys)


def _unmet(part: Ints, i: Ints32, j: Ints32, largest: int) -> tuple[Ints32, Ints32]:
    """Pairs inside a part of at most `largest` records that are not among the pairs (i, j) inside parts; sorted."""
    n = len(part)
    size = np.bincount(part, minlength=n)
    member = np.flatnonzero((size[part] > 1) & (size[part] <= largest))
    member = member[np.argsort(part[member], kind="stable")]
    # Every member is paired with the members of its part that follow it.
    sizes = size[part[member]]
    starts = (
        np.flatnonzero(np.concatenate([[True], part[member][1:] != part[member][:-1]]))
        if len(member)
        else member
    )
    rank = np.arange(len(member)) - np.repeat(starts, sizes[starts])
    follow = sizes - rank - 1
    first = np.repeat(np.arange(len(member)), follow)
    step = np.arange(len(first)) - np.repeat(np.cumsum(follow) - follow, follow)
    every = np.sort(member[first] * n + member[first + step + 1])
    left = every[~np.isin(every, i.astype(np.int64) * n + j, assume_unique=True)]
    return (left // n).astype(np.int32), (left % n).astype(np.int32)


def _cluster(
    config: StitchConfig,
    conflicts: scores.Conflicts,
    pairs: _Pairs,
    scored: scores.Scored,
    linked: npt.NDArray[np.float64],
    strength: npt.NDArray[np.float64],
    part: Ints,
    n: int,
) -> tuple[Ints, clustering.Decision]:
    """Cluster label of each node and the decision log. `linked`: log-odds of each pair as linkage counts them."""
    if config.clustering.algorithm == "components":
        nothing = np.zeros(0, dtype=np.int64)
        return part, clustering.Decision(
            nothing, nothing, np.zeros(0, dtype=bool), np.zeros(0), nothing
        )
    inside = part[pairs.i] == part[pairs.j]
    bad, good = scores.conflict_states(
        conflicts, pairs.pattern[inside], {c: s[inside] for c, s in pairs.keys.items()}
    )
    x = linked[inside]
    score = scored.score[inside]
    ruled = scored.decided_by[inside] > 0
    x[ruled & (score >= 3.0)] = np.maximum(x[ruled & (score >= 3.0)], FORCED)
    x[ruled & (score < 1.0)] = np.minimum(x[ruled & (score < 1.0)], -FORCED)
    if config.matching.remaining == "none":
        x[~ruled] = np.where(x[~ruled] > 0, 0.0, x[~ruled])
    found = clustering.PairSet(
        pairs.i[inside].astype(np.int64),
        pairs.j[inside].astype(np.int64),
        x,
        np.maximum(strength[inside] / FULL_STRENGTH, 0.05) ** 4,
        bad,
        good,
    )
    label = (
        pairs.keys[LABEL][inside] if LABEL in pairs.keys else np.zeros(len(found.i), dtype=np.uint8)
    )
    joined = label == 1
    if not config.matching.classifier.endswith("sk-priority") or config.matching.rules:
        joined |= scored.fk_equal[inside]
    contracted = clustering.contract(n, found.i[joined], found.j[joined])
    # Equal keys that would bring together what a label holds apart join by their score, which a conflict refuses.
    torn = contracted[found.i[(label == 2) & (contracted[found.i] == contracted[found.j])]]
    if len(torn):
        joined &= (label == 1) | ~np.isin(contracted[found.i], torn)
        contracted = clustering.contract(n, found.i[joined], found.j[joined])
    if config.clustering.algorithm == "hierarchical":
        return clustering.hierarchical(n, found, score, config.matching.threshold, contracted)
    return clustering.mean_linkage(
        n, found, scores.log_odds_of(config.matching.threshold), contracted
    )


def _decisions(
    decision: clustering.Decision, conflicts: scores.Conflicts, rid: npt.NDArray[np.int64]
) -> pl.DataFrame:
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


def _strategy_figures(
    strategies: list[blocking.Strategy], mask: Ints, x: npt.NDArray[np.float64], pattern_of: Ints32
) -> pl.DataFrame:
    """Pairs of each strategy, and what no other found; `x`: log-odds of the patterns, `pattern_of`: that of each pair."""
    probability = 1 / (1 + np.exp(-np.clip(x, -50, 50)))
    rows = []
    for number, strategy in enumerate(strategies):
        bit = 1 << number
        alone = np.bincount(pattern_of[mask == bit], minlength=len(x))
        found = sum(int(np.count_nonzero(mask[some] & bit)) for some in _stretches(len(mask)))
        rows.append(
            (strategy.name, found, int(alone.sum()), round(float((alone * probability).sum()), 2))
        )
    schema = {
        "strategy": pl.String,
        "pairs": pl.Int64,
        "exclusive_pairs": pl.Int64,
        "exclusive_matches": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


__all__ = ["Model", "Resolution", "resolve"]
