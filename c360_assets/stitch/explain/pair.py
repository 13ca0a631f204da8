"""Why two records are one person, or are not: where they met, what each field says, who decided.

Computed as the run did, from the published database. Words for a terminal or a page belong to
`reporting`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import polars as pl

from c360_assets.stitch.compare.agreement_patterns import compared_columns
from c360_assets.stitch.compare.blocking import Strategy, key_rows_sql
from c360_assets.stitch.compare.candidate_pairs import CandidatePairs, build_pairs
from c360_assets.stitch.compare.comparison_records import registered
from c360_assets.stitch.compare.comparisons import COMPARISONS
from c360_assets.stitch.comparing import ComparisonInputs, compare_positions
from c360_assets.stitch.explain.records import (
    ComparedRecords,
    PublishedStitch,
    Record,
    read_pair,
)
from c360_assets.stitch.resolve import hard_conflicts
from c360_assets.stitch.score.conflicts import Conflicts, conflict_states
from c360_assets.stitch.score.labels import Labels
from c360_assets.stitch.score.match_model import Model, levels_of, levels_slice
from c360_assets.stitch.score.scale import category_of, score_of
from c360_assets.stitch.score.scored_pairs import DecidedPairs, Scorer, decide_pairs

# Column of the comparison records, as keys of blocks name it -> the semantic whose value it is of.
SEMANTIC_OF = {
    "given": "given-name",
    "surname": "surname",
    "e": "email",
    "email": "email",
    "letters": "email",
    "login_trimmed": "email",
    "p": "phone",
    "phone": "phone",
    "building": "address",
    "house": "address",
    "street": "address",
    "city": "city",
    "domain": "email",
    "address": "address",
    "po_box": "address",
    "postal": "postal",
    "birthdate": "birthdate",
    "company": "company",
    "org": "company without a person",
    "w": "company without a person",
}
# Columns of which a record may lack the part that a key is made of, though it holds the semantic.
PART_OF_VALUE = {
    "house": "house number",
    "po_box": "PO box",
    "letters": "letters in its e-mail",
    "surname_sounds": "name in another script",
    "given_sounds": "name in another script",
    "surname_chinese": "name in Chinese letters",
    "given_chinese": "name in Chinese letters",
}
# Name of one of several values in keys -> the column of the comparison records.
COLUMN_OF = {"e": "email", "p": "phone", "w": "org_words"}

UNKNOWN_BLOCKS = "unless its block was cut: stitch_blocking_keys is switched off"


@dataclass(frozen=True)
class Evidence:
    """What one field says, in bits for one person; `level` 0 is for what is no field."""

    field: str
    level: int
    label: str
    bits: float


@dataclass(frozen=True)
class Meeting:
    """One way to meet: the blocking strategy, whether they met by it, and why not."""

    strategy: str
    met: bool
    reason: str = ""


@dataclass(frozen=True)
class PairEvidence:
    """What is known of two records by themselves, whatever other records say.

    `evidence` adds up to `log_odds` (natural) in bits. `vetoes`: fields in hard conflict. `labels`:
    the ids of those that decide. `is_trivial_duplicate`: one record was compared for both.
    """

    is_trivial_duplicate: bool
    meetings: list[Meeting]
    evidence: list[Evidence]
    log_odds: float
    model_score: float
    score: float
    category: str
    decided_by: str
    vetoes: list[str]
    labels: list[str] = field(default_factory=list)

    @property
    def met(self) -> bool:
        return any(meeting.met for meeting in self.meetings)


def explain_pair(source: PublishedStitch, one: Record, other: Record) -> PairEvidence:
    """Compare two records of a published database as its run did."""
    if one.representative == other.representative:
        return PairEvidence(True, [], [], float("inf"), 5.0, 5.0, "exact", "trivial_duplicate", [])
    with duckdb.connect() as con:
        pair = read_pair(con, source, one, other)
        obeyed = source.labels(one, other)
        same = np.array(list(obeyed.values())[:1], dtype=bool)
        n_labels = len(same)
        labels = Labels(
            np.full(n_labels, pair.i), np.full(n_labels, pair.j), same, pair.records.height
        )
        columns = compared_columns(pair.records, pair.key_columns)
        inputs = ComparisonInputs(columns, pair.key_columns, labels)
        positions = CandidatePairs(
            np.array([pair.i], dtype=np.int32),
            np.array([pair.j], dtype=np.int32),
            np.zeros(1, dtype=np.int64),
        )
        compared = compare_positions(con, inputs, positions)
        conflicts = hard_conflicts(source.model, source.config, pair.key_columns, labels)
        scorer = Scorer(source.model, source.config.matching, conflicts, source.holds_contacts)
        decided = decide_pairs(scorer, compared)
        meetings = _meetings(con, source, pair, one, other)
    return _pair_evidence(source.model, decided, conflicts, meetings, list(obeyed))


def _pair_evidence(
    model: Model,
    decided: DecidedPairs,
    conflicts: Conflicts,
    meetings: list[Meeting],
    labels: list[str],
) -> PairEvidence:
    log_odds = float(decided.evidence.log_odds[0])
    score = decided.scored.score
    incompatible = conflict_states(
        conflicts, decided.pairs.pattern, decided.pairs.keys
    ).incompatible[0]
    vetoes = [
        name.replace("_", "-")
        for name, conflicts_here in zip(conflicts.fields, incompatible, strict=True)
        if conflicts_here
    ]
    return PairEvidence(
        is_trivial_duplicate=False,
        meetings=meetings,
        evidence=_evidence(model, int(decided.pairs.pattern[0]), log_odds),
        log_odds=log_odds,
        model_score=float(score_of(decided.evidence.log_odds)[0]),
        score=float(score[0]),
        category=str(category_of(score)[0]),
        decided_by=str(decided.scored.decider()[0]),
        vetoes=vetoes,
        labels=labels,
    )


def _evidence(model: Model, pattern: int, log_odds: float) -> list[Evidence]:
    """What adds up to the log-odds: any pair's prior, the fields, and what bends their sum.

    Fields weigh one person against strangers. The household row is what is taken off because the
    two may live together instead; the ceiling row, because nothing but names agrees.
    """
    patterns = np.array([pattern], dtype=np.int64)
    nats = [("prior", 0, "before anything is compared", _log_ratio(model.sizes))]
    for comparison in COMPARISONS:
        level = int(levels_of(patterns, comparison.name)[0])
        if level:
            log_m, _, log_u = model.log_probability[levels_slice(comparison.name)][level - 1]
            label = comparison.levels[level - 1].label
            nats.append((comparison.name, level, label, float(log_m - log_u)))
    against_strangers = sum(item[3] for item in nats)
    unbent = float(model.log_odds(patterns)[0][0])
    nats.append(("household", 0, "they may live together instead", unbent - against_strangers))
    nats.append(("ceiling", 0, "as nothing but names agrees", log_odds - unbent))
    return [Evidence(field, level, label, nat / np.log(2)) for field, level, label, nat in nats]


def _log_ratio(sizes: np.ndarray) -> float:
    return float(np.log(sizes[0] / sizes[2]))


def _meetings(
    con: duckdb.DuckDBPyConnection,
    source: PublishedStitch,
    pair: ComparedRecords,
    one: Record,
    other: Record,
) -> list[Meeting]:
    """By which strategies they met, and why not by the others."""
    met = _met_bits(con, source, pair)
    note = "" if source.knows_blocks else UNKNOWN_BLOCKS
    two = pair.records.filter(pl.col("i").is_in([pair.i, pair.j]))
    with registered(con, er_records=two):
        rows = con.sql(key_rows_sql(pair.strategies, "bk")).pl()
    removed = _removed_semantics(source, one, other)
    # Positions follow the keys of the representatives.
    first, second = sorted((one, other), key=lambda record: record.representative)
    at = {pair.i: first, pair.j: second}
    values = {row["i"]: row for row in two.iter_rows(named=True)}
    result = []
    for number, strategy in enumerate(pair.strategies):
        if met & (1 << number):
            result.append(Meeting(strategy.name, True, note))
            continue
        of_strategy = rows.filter(pl.col("s") == number)
        reason = _why_not(strategy, of_strategy, at, values, removed, source)
        result.append(Meeting(strategy.name, False, reason))
    return result


def _met_bits(
    con: duckdb.DuckDBPyConnection, source: PublishedStitch, pair: ComparedRecords
) -> int:
    oversized = source.config.blocking.oversized
    candidates = build_pairs(con, pair.blocks, pair.strategies, oversized)
    is_pair = (candidates.i == pair.block_i) & (candidates.j == pair.block_j)
    return int(candidates.strategies[is_pair][0]) if is_pair.any() else 0


def _removed_semantics(
    source: PublishedStitch, one: Record, other: Record
) -> dict[tuple[str, str], dict[str, str]]:
    """Representative -> semantic -> why its value was taken out."""
    rows = source.con.execute(
        "SELECT datasource, pk, semantic, min(reason) FROM stitch_removed_values "
        "WHERE (datasource, pk) IN ((?, ?), (?, ?)) GROUP BY ALL",
        [*one.representative, *other.representative],
    ).fetchall()
    removed: dict[tuple[str, str], dict[str, str]] = {}
    for datasource, pk, semantic, reason in rows:
        removed.setdefault((datasource, pk), {})[semantic] = reason
    return removed


def _why_not(
    strategy: Strategy,
    rows: pl.DataFrame,
    at: dict[int, Record],
    values: dict[int, dict[str, Any]],
    removed: dict[tuple[str, str], dict[str, str]],
    source: PublishedStitch,
) -> str:
    """Why the pair did not meet by a strategy. `rows`: i, bk, asked of their keys; `at`: the
    records by position, `values`: their comparison records."""
    keys = {i: rows.filter(pl.col("i") == i) for i in at}
    lacking = {i: at[i] for i, own in keys.items() if not own.height}
    if lacking:
        return _why_no_key(strategy, lacking, values, removed)
    one, other = keys.values()
    shared = one.join(other, on="bk")
    if strategy.asking_key:
        shared = shared.filter(pl.col("asked") != pl.col("asked_right"))
    if not shared.height:
        return "their keys differ"
    size = int(
        source.con.execute(
            "SELECT coalesce(max(n_records), 0) FROM stitch_blocks WHERE strategy = ? AND bk = ?",
            [strategy.name, shared["bk"][0]],
        ).fetchall()[0][0]
    )
    if source.config.blocking.oversized == "purge":
        return f"limit: {size:,} records have the key, more than {strategy.limit}, so none meet"
    return (
        f"cut: {size:,} records have the key, more than {strategy.limit}, and the two are in "
        "different pieces"
    )


def _why_no_key(
    strategy: Strategy,
    lacking: dict[int, Record],
    values: dict[int, dict[str, Any]],
    removed: dict[tuple[str, str], dict[str, str]],
) -> str:
    """Why records have no key of the strategy: a value is missing, or was taken out."""
    words = set(re.findall(r"\w+", " ".join([*strategy.keys, strategy.asking_key or ""])))
    semantics = {SEMANTIC_OF[word] for word in words if word in SEMANTIC_OF}
    semantics |= {word.replace("_", "-") for word in words if word.startswith(("fk_", "bk_"))}
    for record in lacking.values():
        reasons = removed.get(record.representative, {})
        for semantic in sorted(semantics & reasons.keys()):
            return f"blocklisted: {semantic} of {record.name} was taken out ({reasons[semantic]})"
    missing = {
        record.name: " and ".join(_missing_values(words, values[i])) or "it"
        for i, record in lacking.items()
    }
    if len(missing) > 1 and len(set(missing.values())) == 1:
        return f"value missing: both lack {next(iter(missing.values()))}"
    said = [f"{name} lacks {what}" for name, what in missing.items()]
    return f"value missing: {', '.join(said)}"


def _missing_values(words: set[str], record: dict[str, Any]) -> list[str]:
    """What a comparison record lacks of the columns that a key names."""
    missing = set()
    for word in words:
        column = COLUMN_OF.get(word, word)
        if column in record and record[column] is None:
            semantic = SEMANTIC_OF.get(word, word.replace("_", "-"))
            missing.add(PART_OF_VALUE.get(word, semantic))
    return sorted(missing)
