"""The matcher from representatives to clusters: block, compare, fit, score, connect, compare the
rest, cluster.

One entry, `resolve`, which reads as these steps; only the functions here hold a connection and know
all records. What is done with all pairs is done by kernels where an exchange has them; this process
holds the records, and the pairs that clusters and tables are made of. What a step does is in
`compare`, `score` and `cluster`. Preprocessing and the collapse of trivial duplicates come before,
stable ids and output tables after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

from c360_assets.errors import C360Error
from c360_assets.semantics.nicknames import known_given_names
from c360_assets.stitch.cluster.clusters import clusters_table, decisions_table, link
from c360_assets.stitch.cluster.parts import (
    EdgePairs,
    Parts,
    TellingPairs,
    connected_parts,
    unmet_pairs,
)
from c360_assets.stitch.cluster.staple import stapled, with_stapled, with_stapled_pairs
from c360_assets.stitch.compare.blocking import Strategy, chosen_strategies, columns_read
from c360_assets.stitch.compare.candidate_pairs import (
    CandidatePairs,
    meeting_rows,
    packed_meetings,
    pair_rows,
    position_bits,
    with_places,
)
from c360_assets.stitch.compare.compared_pairs import ComparedPairs
from c360_assets.stitch.compare.comparison_records import prepare_records
from c360_assets.stitch.comparing import ComparePairs, columns_needed, keys_compared
from c360_assets.stitch.exchange.in_process import InProcess
from c360_assets.stitch.exchange.rows import PAIR, Exchange, Rows, Side, columns
from c360_assets.stitch.quality.capture import Keyed, keyed_records
from c360_assets.stitch.quality.estimate import (
    estimate_quality,
    inside_parts,
    likely_between_parts,
)
from c360_assets.stitch.quality.shares import Quality
from c360_assets.stitch.score.class_meaning import (
    symptoms,
)
from c360_assets.stitch.score.conflicts import Conflicts, choose_conflicts
from c360_assets.stitch.score.labels import LABEL, Labels, labelled
from c360_assets.stitch.score.match_model import Model, PatternCounts
from c360_assets.stitch.score.recordlinkage_model import EcmModel
from c360_assets.stitch.score.scored_pairs import (
    HouseholdPairs,
    ScorePairs,
    Scorer,
    decide_pairs,
    household_table,
    pairs_table,
    pattern_evidence,
    strategies_table,
)
from c360_assets.stitch.score.stored_model import drift, read_model
from c360_assets.stitch.score.used_model import UsedModel, fitted_model, fitted_reference
from c360_assets.stitch.score.value_statistics import random_pairs, value_statistics
from c360_assets.tenant.models import StitchConfig

ALL_SCORES = 0.0  # the score from which pairs are published, by the setting `stitch_scores`
WEAK_AND_BETTER = 1.0
Ints = npt.NDArray[np.int64]
SIZE = "_size"  # how many source records a row stands for


@dataclass(frozen=True)
class Resolution:
    """What the matcher found; every frame is sorted by its key.

    clusters: rid, cluster, component (the smallest rid of the group), supersized (smallest rid of
    the part, null if none).
    pairs: rid1 < rid2, score, log_odds, match_category, match_type, decided_by, strategy_count,
    model_score.
    records, used: the comparison records and the strategies, of which `blocking` makes the tables
    of keys and blocks.
    strategies: strategy, pairs, exclusive_pairs, exclusive_matches (expected matches no other
    strategy found).
    model: the model that scored, a row per comparison and level. drift: see `stored_model`; empty
    where the model was fitted here.
    warnings: sentences about the model that scored.
    decisions: rid1, rid2 (smallest records of two clusters), action, field, evidence.
    household: rid1, rid2, log_odds of living together without being one person, for scored pairs
    above even odds.
    quality: what is expected of the clusters, without labels.
    """

    clusters: pl.DataFrame
    pairs: pl.DataFrame
    records: pl.DataFrame
    used: list[Strategy]
    strategies: pl.DataFrame
    model: pl.DataFrame
    drift: dict[str, float]
    warnings: list[str]
    decisions: pl.DataFrame
    household: pl.DataFrame
    quality: Quality
    figures: dict[str, Any]


def resolve(
    frame: pl.DataFrame,
    config: StitchConfig | None = None,
    *,
    model: pl.DataFrame | None = None,
    labels: pl.DataFrame | None = None,
    sizes: pl.Series | None = None,
    con: duckdb.DuckDBPyConnection | None = None,
    exchange: Exchange | None = None,
    progress: Callable[[str], None] | None = None,
) -> Resolution:
    """Cluster the representatives of `frame` (preprocessed frame, unique ascending `rid`) into
    persons.

    `model`: the table `model` of an earlier resolution, with which pairs are scored as they are;
    without it one is fitted. `labels`: pairs `rid1, rid2, same` that people decided; see `labels`.
    `sizes`: how many source records each row stands for, one by default. `exchange`: where pairs
    are formed, compared and scored, by default this process.
    The result does not depend on row order, thread count, the connection or the exchange. Views
    named `er_*` are dropped from `con` afterwards. Raises C360Error for a repeated rid, a setting
    that cannot work, a model of other levels, or labels that contradict each other.
    """
    if frame["rid"].n_unique() != frame.height:
        raise C360Error("stitch: the frame repeats a rid")
    connection = duckdb.connect() if con is None else con
    try:
        return _resolve(
            connection,
            exchange or InProcess(connection),
            frame if sizes is None else frame.with_columns(sizes.alias(SIZE)),
            config or StitchConfig(),
            model,
            labels,
            progress or _no_progress,
        )
    except duckdb.Error as error:  # its text quotes values of records
        raise C360Error(
            f"stitch: the comparison failed in the SQL engine ({type(error).__name__})"
        ) from None
    finally:
        if con is None:
            connection.close()


def _no_progress(step: str) -> None:
    pass


@dataclass(frozen=True)
class Indexed:
    """The comparison records, and by what they are compared.

    rid: of each record, by position. rows: what kernels read of the records. labels: what people
    decided about pairs of them. key_columns: the keys of which the states of a pair are known.
    """

    frame: pl.DataFrame
    rid: Ints
    strategies: list[Strategy]
    key_columns: list[str]
    labels: Labels
    rows: Rows
    exchange: Exchange

    @property
    def n(self) -> int:
        return len(self.rid)

    def compared(self, candidates: Rows) -> Rows:
        """The candidate pairs with their agreement patterns and the states of their keys."""
        return candidates.beside(self.rows, ComparePairs(self.labels))

    def compared_more(self, candidates: CandidatePairs) -> Rows:
        """As `compared`, of pairs that are on this machine."""
        return self.compared(self.exchange.spread(candidates.frame()))


def _resolve(
    con: duckdb.DuckDBPyConnection,
    exchange: Exchange,
    frame: pl.DataFrame,
    config: StitchConfig,
    stored_model: pl.DataFrame | None,
    label_pairs: pl.DataFrame | None,
    progress: Callable[[str], None],
) -> Resolution:
    progress("index records")
    stored = None if stored_model is None else read_model(stored_model)
    records = index_records(exchange, frame, config, stored, label_pairs)

    progress("form pairs")
    candidates = form_pairs(records, config)

    progress("compare pairs")
    compared = records.compared(candidates).kept()
    del candidates
    counts = compared.count(("strategies", "pattern"))
    patterns = PatternCounts.summed(counts)

    if stored_model is None or stored is None:
        progress("fit the model")
        if config.matching.model == "recordlinkage_ecm":
            used_model = fitted_reference(patterns, records.n)
        else:
            at_random = random_patterns(records)
            statistics = value_statistics(con, records.frame, at_random)
            used_model = fitted_model(statistics, patterns, config.matching.model)
    else:
        moved = drift(stored, patterns)
        used_model = UsedModel(stored, stored_model, moved, symptoms(stored, patterns))

    progress("score pairs")
    conflicts = hard_conflicts(used_model.model, config, records.key_columns, records.labels)
    scorer = Scorer(used_model.model, config.matching, conflicts, holds_contacts(records.frame))
    evidence = pattern_evidence(scorer, patterns.patterns)
    keyed = _keyed(con, frame, records)
    # The other texts of the records need no memory any more.
    kept_columns = columns_read(records.strategies, records.frame)
    records = replace(records, frame=exchange.set_aside(records.frame.select(kept_columns)))
    scored = compared.map(ScorePairs(config.matching, conflicts, evidence)).kept()
    del compared
    household = household_table(scored.map(HouseholdPairs(evidence)).collect(PAIR), records.rid)

    progress("cluster")
    edges = scored.map(EdgePairs(config.matching.threshold)).collect(PAIR)
    parts = connected_parts(records.n, edges, config)
    told = telling_pairs(records, scored, parts, TellingPairs(evidence, lowest_published(config)))
    # Most pairs lead nowhere, and clustering needs their memory.
    del scored
    between = likely_between_parts(ComparedPairs.of(told.filter(~pl.col("inside"))), evidence)
    closed = add_transitive_pairs(told, parts, records.compared_more, config)
    del told
    decided = decide_pairs(scorer, closed)
    clustering = link(decided, parts, conflicts, config)
    within = inside_parts(decided, parts.hold(decided.pairs), conflicts)

    progress("collect results")
    clusters = clusters_table(clustering, parts, records.rid)
    pairs = pairs_table(decided, records.rid)
    n_matched = clusters["cluster"].n_unique()
    if config.matching.staple.enabled:
        attached = stapled(frame, clusters, config.matching.staple.semantics, label_pairs)
        clusters = with_stapled(clusters, attached)
        pairs = with_stapled_pairs(pairs, attached)
    n_clusters = clusters["cluster"].n_unique()
    return Resolution(
        clusters=clusters,
        pairs=pairs,
        records=records.frame,
        used=records.strategies,
        strategies=strategies_table(records.strategies, counts, evidence),
        model=used_model.table,
        drift=used_model.drift,
        warnings=used_model.warnings(),
        decisions=decisions_table(clustering.decisions, conflicts, records.rid),
        household=household,
        quality=estimate_quality(within, between, clustering.label, keyed),
        figures={
            **used_model.figures(),
            "records": records.n,
            "compared_pairs": int(counts["n"].sum()),
            "transitive_pairs": int(np.count_nonzero(closed.strategies == 0)),
            "components": len(np.unique(parts.component)),
            "clusters": n_clusters,
            "stapled": n_matched - n_clusters,
            "conflicts": conflicts.reason,
        },
    )


def index_records(
    exchange: Exchange,
    frame: pl.DataFrame,
    config: StitchConfig,
    stored: Model | None,
    label_pairs: pl.DataFrame | None,
) -> Indexed:
    """The comparison records of the preprocessed frame. Needs all records."""
    # Frequencies are shares of the records that the model was fitted on, or its bins would move.
    population = None if stored is None else stored.records
    records = prepare_records(frame, known_given_names(), population=population)
    strategies = chosen_strategies(config.blocking, frame, config.matching.rules)
    rid = records["rid"].to_numpy()
    rows = exchange.spread(_read_by_kernels(with_places(records), strategies))
    labels = labelled(label_pairs, rid)
    aside = exchange.set_aside(records)
    return Indexed(aside, rid, strategies, keys_compared(frame), labels, rows, exchange)


def form_pairs(records: Indexed, config: StitchConfig) -> Rows:
    """The pairs that meet in a block, and the labelled ones."""
    n_strategies = len(records.strategies)
    oversized = config.blocking.oversized
    met = meeting_rows(records.rows, records.n, records.strategies, oversized)
    if records.labels:
        of_labels = label_meetings(records.labels, n_strategies)
        met = met.with_more(records.exchange.spread(of_labels))
    return pair_rows(met, records.n, n_strategies).kept()


def telling_pairs(
    records: Indexed, scored: Rows, parts: Parts, telling: TellingPairs
) -> pl.DataFrame:
    """The scored pairs that say something, on this machine, sorted."""
    part_of = columns(i=np.arange(records.n, dtype=np.int32), part=parts.part)
    return scored.beside(records.exchange.spread(part_of), telling).collect(PAIR)


def _read_by_kernels(records: pl.DataFrame, strategies: list[Strategy]) -> pl.DataFrame:
    """The columns of the placed comparison records by which pairs are formed and compared."""
    read = {*columns_needed(records), *columns_read(strategies, records), "place"}
    return records.select(name for name in records.columns if name in read)


def _keyed(con: duckdb.DuckDBPyConnection, frame: pl.DataFrame, records: Indexed) -> Keyed:
    """Which keys the comparison records hold, whence they come and what they stand for."""
    # Sorting copies every column, so only those that are read are sorted.
    by_rid = frame.select(cs.by_name("rid", "datasource", SIZE, require_all=False)).sort("rid")
    source = np.zeros(frame.height, dtype=np.int64)
    if "datasource" in frame.columns:
        source = by_rid["datasource"].rank("dense").to_numpy().astype(np.int64) - 1
    size = np.ones(frame.height, dtype=np.int64)
    if SIZE in frame.columns:
        size = by_rid[SIZE].to_numpy().astype(np.int64)
    return keyed_records(con, records.frame, records.strategies, source, size)


def holds_contacts(records: pl.DataFrame) -> bool:
    """Whether any record holds an e-mail, a phone or an address."""
    contacts = pl.col("email", "phone", "address").is_not_null().any()
    return bool(records.select(pl.any_horizontal(contacts)).item())


def label_meetings(labels: Labels, strategy: int) -> pl.DataFrame:
    """The labelled pairs as meetings of a strategy of this number, so that all are compared."""
    bits = position_bits(labels.n_records)
    ends = labels.i.astype(np.int32), labels.j.astype(np.int32)
    return columns(meeting=packed_meetings(*ends, bits, strategy))


def random_patterns(records: Indexed) -> PatternCounts:
    """The patterns of random pairs of records, who are strangers."""
    pairs = records.compared_more(random_pairs(records.n))
    return PatternCounts.summed(pairs.count(("pattern",)))


def hard_conflicts(
    model: Model | EcmModel, config: StitchConfig, key_columns: Sequence[str], labels: Labels
) -> Conflicts:
    """The hard conflicts of the tenant; with labels, those that hold records apart too."""
    conflicts = choose_conflicts(
        model,
        dict(config.clustering.conflict_fields),
        "always" if config.clustering.algorithm == "hierarchical" else "learned",
        tuple(column for column in key_columns if column.startswith("sk_")),
    )
    if not labels:
        return conflicts
    return replace(conflicts, keys=(*conflicts.keys, LABEL))


def add_transitive_pairs(
    told: pl.DataFrame,
    parts: Parts,
    compare_more: Callable[[CandidatePairs], Rows],
    config: StitchConfig,
) -> ComparedPairs:
    """The pairs that count from here on (`TellingPairs`), with those inside parts that no block
    brought together."""
    inside = Side(told.filter("inside"))
    min_size = config.clustering.supersized.min_size
    unmet = unmet_pairs(parts.part, inside.array("i"), inside.array("j"), min_size)
    transitive = ComparedPairs.of(compare_more(unmet).collect(PAIR))
    return ComparedPairs.of(told.filter("counts")).with_more(transitive)


def lowest_published(config: StitchConfig) -> float:
    """The score from which pairs are published."""
    return ALL_SCORES if config.outputs.get("stitch_scores") == "all" else WEAK_AND_BETTER
