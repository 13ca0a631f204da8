"""Figures about a Stitch run: deduplication, cluster sizes, overlap of sources, pairs, jitter. One
long table.

All figures are counts, or one division of two counts, so they do not depend on row order. Reports
that read the tables with SQL belong to `reporting`; how long a step took is no figure of the data
and stays out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from c360_assets.stitch.prepare.blocklist import CONTRADICTION
from c360_assets.stitch.quality.shares import ESTIMATES, UNDECIDABLE, Quality
from c360_assets.wording import counted

# (first size, bucket): the last row whose first size is not above the cluster's size names its
# bucket.
SIZE_BUCKETS = (
    (1, "1"),
    (2, "2"),
    (3, "3"),
    (4, "4"),
    (5, "5"),
    (6, "6-10"),
    (11, "11-20"),
    (21, "21-63"),
    (64, "64-100"),
    (101, "101-1000"),
    (1001, "1001-10000"),
    (10001, "10001+"),
)
# How the pairs inside an identity were decided; an identity may count in several.
DETERMINISTIC = ("label", "rule", "fk", "trivial_duplicate")
METRICS_SCHEMA = {
    "metric": pl.String,
    "datasource": pl.String,
    "bucket": pl.String,
    "value": pl.Float64,
}
# An alert, never a failure: this share of the previous records came or went.
MOVED_ALERT = 0.2
PERCENTAGES = ("deduplication_rate", "jitter", "household_pairs_apart_percent")


@dataclass(frozen=True)
class Pairs:
    """Counts of pairs before they were dropped from any table.

    linked: those whose score is the `threshold` or more. household_apart: share of the expected
    household pairs without a surname or home in common.
    """

    compared: int
    linked: int
    household_apart: float = 0.0
    threshold: float = 3.0


@dataclass(frozen=True)
class Measured:
    """What the metrics of a generation are counted from.

    `unified`: `unified_coalesced`. `scores`: the pairs inside identities, as in `unified_scores`.
    `changes`: the counts of `identity_changes.compare`; `identities`, its identity changes;
    `causes`, its changes of records, counted by cause. `badvalues`: `stitch_badvalues`, which names
    the foreign keys that strangers share. `quality`: what is expected of the clusters.
    `source_changes`: rows of the function of that name.
    """

    unified: pl.DataFrame
    scores: pl.DataFrame
    pairs: Pairs
    changes: Mapping[str, int]
    identities: pl.DataFrame
    causes: Mapping[str, int]
    badvalues: pl.DataFrame
    quality: Quality
    source_changes: pl.DataFrame


def stitch_metrics(measured: Measured) -> pl.DataFrame:
    """Rows (metric, datasource, bucket, value).

    Datasource `*` is all sources; bucket is '' where the metric has none.
    """
    account = pl.coalesce(_filled("ck"), "pk")
    records = measured.unified.select("datasource", "pk", "amperity_id", account=account)
    by_action = measured.identities.group_by(bucket="action").len("value")
    frames = [
        _deduplication(records),
        _long(_single_figures(measured)),
        _long(_sizes(records)),
        _long(_sources(records)),
        _long(_strategies(measured, records["amperity_id"].n_unique())),
        _long(by_action.with_columns(metric=pl.lit("identity_changes"))),
        _long(_by_cause(measured.causes)),
        _long(measured.source_changes),
        *_foreign_key_conflicts(measured.badvalues),
    ]
    return pl.concat(frames).sort("metric", "datasource", "bucket")


def _single_figures(measured: Measured) -> pl.DataFrame:
    """Rows (metric, value) of the figures that are of all sources and have no bucket."""
    pairs, changes = measured.pairs, measured.changes
    figures: list[tuple[str, float | None]] = [
        ("representatives", measured.unified.select("rep_ds", "rep_pk").unique().height),
        ("related_pairs", pairs.compared),
        ("filtered_related_pairs", pairs.linked),
        ("household_pairs_apart_percent", 100 * pairs.household_apart),
        *changes.items(),
        ("jitter", _percent(changes["pks_updated"], changes["records_surviving"])),
        *_estimates(measured.quality),
    ]
    return pl.DataFrame(figures, schema={"metric": pl.String, "value": pl.Float64}, orient="row")


def source_changes(now: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Rows (metric, datasource, value): ids of each source in the previous generation, and how many
    of its ids are new in it, or are not in it any more; `*` is all sources.

    `now`, `before`: datasource, pk, amperity_id.
    """
    if before is None:
        before = now.clear()
    held, held_before = _ids_by_source(now), _ids_by_source(before)
    of_both = ["datasource", "amperity_id"]
    counted = {
        "ids_previous": held_before,
        "ids_new": held.join(held_before, on=of_both, how="anti"),
        "ids_vanished": held_before.join(held, on=of_both, how="anti"),
    }
    rows = [
        ids.group_by("datasource").len("value").with_columns(metric=pl.lit(name))
        for name, ids in counted.items()
    ]
    return pl.concat(rows)


def _ids_by_source(ids: pl.DataFrame) -> pl.DataFrame:
    """datasource, amperity_id, each once, and again under `*`."""
    by_source = ids.select("datasource", "amperity_id").unique()
    of_all = by_source.select(datasource=pl.lit("*"), amperity_id="amperity_id").unique()
    return pl.concat([by_source, of_all])


def _estimates(quality: Quality) -> list[tuple[str, float | None]]:
    """The estimates with their bounds, in percent."""
    estimates = (quality.precision, quality.recall_among_compared, quality.blocking_coverage)
    rows = [(UNDECIDABLE, quality.undecidable)]
    for name, estimate in zip(ESTIMATES, estimates, strict=True):
        rows += [
            (name, estimate.value),
            (f"{name}_low", estimate.low),
            (f"{name}_high", estimate.high),
        ]
    return [(name, None if share is None else round(100 * share, 2)) for name, share in rows]


def _by_cause(causes: Mapping[str, int]) -> pl.DataFrame:
    rows = pl.DataFrame({"bucket": list(causes), "value": list(causes.values())})
    return rows.with_columns(metric=pl.lit("changes_by_cause"))


def _foreign_key_conflicts(badvalues: pl.DataFrame) -> list[pl.DataFrame]:
    """How many foreign keys have holders that contradict each other: in all, and by tag."""
    conflicts = badvalues.filter(pl.col("proxy") == CONTRADICTION)
    total = pl.DataFrame({"metric": ["fk_conflicts"], "value": [conflicts.height]})
    by_tag = conflicts.group_by(bucket="semantic").len("value")
    return [_long(total), _long(by_tag.with_columns(metric=pl.lit("fk_conflicts")))]


def summary(metrics: pl.DataFrame) -> dict[str, float | int]:
    """The figures of all sources that have no bucket, by name, as a run's summary shows them;
    without those that are unknown."""
    overall = metrics.filter((pl.col("datasource") == "*") & (pl.col("bucket") == ""))
    figures: dict[str, float | int] = {}
    for name, value in overall.select("metric", "value").drop_nulls().iter_rows():
        is_percentage = name in PERCENTAGES or name.startswith((*ESTIMATES, UNDECIDABLE))
        figures[name] = round(value, 2) if is_percentage else int(value)
    return figures


def alerts(figures: dict[str, float | int], jitter_alert: float) -> list[str]:
    """Sentences about a run that moved more than it should; none on a first run."""
    before = int(figures.get("records_previous", 0))
    if not before:
        return []
    messages = []
    if figures["jitter"] >= 100 * jitter_alert:
        messages.append(
            f"{figures['jitter']:.2f} % of the records kept from the last Stitch "
            "have another amperity_id"
        )
    for kind, word in (("pks_added", "new"), ("pks_deleted", "gone")):
        count = int(figures[kind])
        if count > MOVED_ALERT * before:
            messages.append(
                f"{counted(count, 'record is', 'records are')} {word}, compared with {before:,} in "
                "the last Stitch"
            )
    return messages


def _filled(column: str) -> pl.Expr:
    text = pl.col(column).str.strip_chars()
    return pl.when(text != "").then(text)


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _long(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` in the table's columns; without `datasource` they are of all sources."""
    for column, default in (("datasource", "*"), ("bucket", "")):
        if column not in rows.columns:
            rows = rows.with_columns(pl.lit(default).alias(column))
    return rows.select([pl.col(column).cast(type_) for column, type_ in METRICS_SCHEMA.items()])


def _deduplication(records: pl.DataFrame) -> pl.DataFrame:
    """Records, accounts (customer key where there is one, else record), ids and 100 x (accounts -
    ids) / accounts.

    Accounts of two sources are two, whatever their keys; ids of all sources are counted once.
    """
    counts = records.group_by("datasource").agg(
        source_records=pl.len().cast(pl.Float64),
        source_ids=pl.struct("account").n_unique().cast(pl.Float64),
        amperity_ids=pl.col("amperity_id").n_unique().cast(pl.Float64),
    )
    overall = counts.select(
        datasource=pl.lit("*"),
        source_records=pl.sum("source_records"),
        source_ids=pl.sum("source_ids"),
        amperity_ids=pl.lit(float(records["amperity_id"].n_unique())),
    )
    rate = 100 * (pl.col("source_ids") - pl.col("amperity_ids")) / pl.col("source_ids")
    long = pl.concat([overall, counts]).with_columns(deduplication_rate=rate)
    return _long(long.unpivot(index="datasource", variable_name="metric"))


def _sizes(records: pl.DataFrame) -> pl.DataFrame:
    """Number of ids by how many records they hold; every bucket has a row."""
    sizes = records.group_by("amperity_id").len("size")
    starts = pl.DataFrame(
        SIZE_BUCKETS, schema={"start": pl.Int64, "bucket": pl.String}, orient="row"
    )
    ordered = sizes.select(start=pl.col("size").cast(pl.Int64)).sort("start")
    bucketed = ordered.join_asof(starts, on="start", strategy="backward")
    counts = bucketed.group_by("bucket").len("value")
    rows = starts.select("bucket").join(counts, on="bucket", how="left")
    return rows.with_columns(pl.col("value").fill_null(0), metric=pl.lit("ids_by_size"))


def _sources(records: pl.DataFrame) -> pl.DataFrame:
    """Number of ids per exact set of sources (names joined by ` + `).

    The sets exclude one another.
    """
    sets = records.select("amperity_id", "datasource").unique().sort("amperity_id", "datasource")
    sets = sets.group_by("amperity_id", maintain_order=True).agg(
        bucket=pl.col("datasource").str.join(" + ")
    )
    return sets.group_by("bucket").len("value").with_columns(metric=pl.lit("ids_by_sources"))


def _strategies(measured: Measured, ids: int) -> pl.DataFrame:
    """Percent of ids with at least one pair of each kind; kinds overlap."""
    scores = measured.scores
    is_linked = pl.col("score") >= measured.pairs.threshold
    decided_by = pl.col("decided_by").cast(pl.String)
    is_decided = decided_by.str.extract(f"^({'|'.join(DETERMINISTIC)})").is_not_null()
    is_scored = (pl.col("match_type") == "scored") & is_linked
    kinds = {
        "deterministic": is_decided,
        "probabilistic": is_scored & ~is_decided,
        "transitive": pl.col("match_type") == "scored_transitive",
    }
    shares = []
    for kind, test in kinds.items():
        with_pair = scores.filter(test)["amperity_id"].n_unique()
        shares.append((kind, _percent(with_pair, ids)))
    rows = pl.DataFrame(shares, schema=["bucket", "value"], orient="row")
    return rows.with_columns(metric=pl.lit("ids_by_matching_strategy_percent"))
