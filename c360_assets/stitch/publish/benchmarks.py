"""Benchmarks of a run: shares that are small where matching is right, with bands, and the runs
before.

Measured on values as they were compared. Below so many ids one id more would change the band, so
there only the value is given. Figures that count without judging are `metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from c360_assets.stitch.prepare.union import MULTI_VALUE
from c360_assets.stitch.publish.tables import joined_values

LEAST_IDS = 10_000
RUNS = 5
LARGE_SUPERSIZED = 1_000
BENCHMARK_SCHEMA: dict[Any, Any] = {
    "generation": pl.Int64,
    "benchmark": pl.String,
    "value": pl.Float64,
    "optimal_up_to": pl.Float64,
    "high_from": pl.Float64,
    "status": pl.String,
    "advice": pl.String,
    "timestamp": pl.Datetime("us", "UTC"),
}
TOO_MUCH = "too much may be joined: look at stitch_qa.many_semantic_values, raise the threshold"
TOO_LITTLE = "too little may be joined: look at stitch_qa.split_clusters and `c360 review`"


@dataclass(frozen=True)
class Benchmark:
    """Up to `optimal` a value is optimal, above `high` it is high; both in percent, or counts."""

    optimal: float
    high: float
    advice: str


BENCHMARKS = {
    "many_given_names": Benchmark(0.011, 0.031, TOO_MUCH),
    "many_surnames": Benchmark(0.03, 0.057, TOO_MUCH),
    "many_postal_codes": Benchmark(0.03, 0.06, TOO_MUCH),
    "shared_name_email": Benchmark(0.3, 0.5, TOO_LITTLE),
    "shared_name_phone": Benchmark(0.272, 0.354, TOO_LITTLE),
    "shared_name_address": Benchmark(0.582, 0.987, TOO_LITTLE),
    "size_of_largest": Benchmark(
        0.1, 1.0, "one person holds very many records: look at stitch_qa.large_clusters"
    ),
    "many_null_records": Benchmark(
        5.0, 20.0, "many records hold no e-mail, phone or address: look at the sources"
    ),
    "small_supersized": Benchmark(
        0.0, 10.0, "values that belong to nobody hold records together: block them (`blv/*`)"
    ),
    "large_supersized": Benchmark(
        0.0, 0.0, "values that belong to nobody hold records together: block them (`blv/*`)"
    ),
}
COUNTS = ("small_supersized", "large_supersized")
# Percent of ids with more than so many different values of a column.
MANY = """
    SELECT 100.0 * count(*) FILTER (WHERE n > {limit}) / greatest(count(*), 1)
    FROM (SELECT count(DISTINCT {column}) AS n FROM er_compared GROUP BY amperity_id)"""
# Combinations of values in several ids, in percent of those in one.
SHARED = """
    SELECT 100.0 * count(*) FILTER (WHERE n > 1) / greatest(count(*) FILTER (WHERE n = 1), 1)
    FROM (
        SELECT count(DISTINCT amperity_id) AS n FROM er_compared
        WHERE {present} GROUP BY {columns})"""
SUPERSIZED = """
    SELECT count(*) FROM (
        SELECT supersized_id FROM er_groups WHERE supersized_id IS NOT NULL
        GROUP BY supersized_id HAVING count(*) {test})"""
NAMES = ("given_name", "surname")
ADDRESS = ("address", "city", "state", "postal")


def _shared(*columns: str) -> str:
    named = (*NAMES, *columns)
    present = " AND ".join(f"{column} IS NOT NULL" for column in named)
    return SHARED.format(present=present, columns=", ".join(named))


MEASURES = {
    "many_given_names": MANY.format(column="given_name", limit=3),
    "many_surnames": MANY.format(column="surname", limit=3),
    "many_postal_codes": MANY.format(column="postal", limit=5),
    "shared_name_email": _shared("email"),
    "shared_name_phone": _shared("phone"),
    "shared_name_address": _shared(*ADDRESS),
    "size_of_largest": (
        "SELECT 100.0 * max(n) / sum(n) "
        "FROM (SELECT count(*) AS n FROM er_groups GROUP BY amperity_id)"
    ),
    "many_null_records": (
        "SELECT 100.0 * count(*) FILTER (WHERE email IS NULL AND phone IS NULL AND address IS NULL)"
        " / greatest(count(*), 1) FROM er_compared"
    ),
    "small_supersized": SUPERSIZED.format(test=f"< {LARGE_SUPERSIZED}"),
    "large_supersized": SUPERSIZED.format(test=f">= {LARGE_SUPERSIZED}"),
}


def benchmarks(
    representatives: pl.DataFrame,
    groups: pl.DataFrame,
    con: duckdb.DuckDBPyConnection,
    *,
    generation: int,
    timestamp: datetime,
    bands: Mapping[str, tuple[float, float]],
    earlier: pl.DataFrame | None,
) -> pl.DataFrame:
    """The table `stitch_benchmarks`: this run and the four before it.

    `representatives`: preprocessed; `groups`: rid, amperity_id and supersized_id of every source
    record. `bands`: of the tenant, as shares, instead of the usual ones.
    """
    compared = representatives.select("rid", *NAMES, *ADDRESS, *map(joined_values, MULTI_VALUE))
    of_person = groups.select("rid", "amperity_id")
    con.register("er_compared", compared.join(of_person, on="rid", how="left").to_arrow())
    con.register("er_groups", groups.select("amperity_id", "supersized_id").to_arrow())
    n_ids = groups["amperity_id"].n_unique()
    rows = []
    for name, measure in MEASURES.items():
        ((value,),) = con.execute(measure).fetchall()
        benchmark = _banded(name, bands)
        value = round(float(value or 0.0), 4)
        status = _status(value, benchmark) if n_ids >= LEAST_IDS else ""
        advice = "" if status in ("", "optimal") else benchmark.advice
        rows.append(
            {
                "generation": generation,
                "benchmark": name,
                "value": value,
                "optimal_up_to": benchmark.optimal,
                "high_from": benchmark.high,
                "status": status or None,
                "advice": advice or None,
                "timestamp": timestamp,
            }
        )
    fresh = pl.DataFrame(rows, schema=BENCHMARK_SCHEMA)
    return _with_earlier(fresh, earlier, generation)


def _with_earlier(
    fresh: pl.DataFrame, earlier: pl.DataFrame | None, generation: int
) -> pl.DataFrame:
    if earlier is None:
        return fresh.sort("generation", "benchmark")
    # Stored instants come back in the zone of the session.
    before = earlier.select(list(BENCHMARK_SCHEMA)).cast(BENCHMARK_SCHEMA)
    before = before.filter(pl.col("generation") < generation)
    kept = before["generation"].unique().sort().tail(RUNS - 1)
    shown = before.filter(pl.col("generation").is_in(kept.implode()))
    return pl.concat([shown, fresh]).sort("generation", "benchmark")


def _banded(name: str, bands: Mapping[str, tuple[float, float]]) -> Benchmark:
    usual = BENCHMARKS[name]
    if name not in bands:
        return usual
    scale = 1 if name in COUNTS else 100
    optimal, high = bands[name]
    return Benchmark(scale * optimal, scale * high, usual.advice)


def _status(value: float, benchmark: Benchmark) -> str:
    if value <= benchmark.optimal:
        return "optimal"
    return "high" if value > benchmark.high else "above_optimal"
