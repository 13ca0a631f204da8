"""Benchmarks: what is measured, bands, and the runs before."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import polars as pl
import pytest

from c360_assets.stitch.publish import benchmarks as measured
from c360_assets.stitch.publish.benchmarks import MEASURES, RUNS, benchmarks

COLUMNS = ("given_name", "surname", "email", "phone", "address", "city", "state", "postal")
SEVERAL = ("email", "phone")  # of which a record may have several


def compared(*rows: dict[str, str]) -> pl.DataFrame:
    schema = dict.fromkeys(("amperity_id", *COLUMNS), pl.String)
    return pl.DataFrame(rows, schema=schema)


PEOPLE = compared(
    {"amperity_id": "a", "given_name": "ANN", "surname": "ODE", "email": "ann@example.com"},
    {"amperity_id": "a", "given_name": "BEA", "surname": "ODE"},
    {"amperity_id": "a", "given_name": "CLEO", "surname": "ODE"},
    {"amperity_id": "a", "given_name": "DORA", "surname": "ODE"},
    {"amperity_id": "b", "given_name": "ANN", "surname": "ODE", "email": "ann@example.com"},
    {"amperity_id": "b", "given_name": "BO", "surname": "ELM", "email": "bo@example.com"},
    {"amperity_id": "b", "given_name": "BO", "surname": "ELM", "email": "bo@example.com"},
)


def run(
    generation: int,
    earlier: pl.DataFrame | None = None,
    bands: dict[str, tuple[float, float]] | None = None,
) -> pl.DataFrame:
    records = PEOPLE.with_row_index("rid")
    groups = records.select("rid", "amperity_id", supersized_id=pl.lit(None, pl.Int64))
    several = (pl.concat_list(column).list.drop_nulls().alias(column) for column in SEVERAL)
    moment = datetime(2026, 6, generation, tzinfo=UTC)
    with duckdb.connect() as con:
        return benchmarks(
            records.drop("amperity_id").with_columns(*several),
            groups,
            con,
            generation=generation,
            timestamp=moment,
            bands=bands or {},
            earlier=earlier,
        )


def test_what_is_measured() -> None:
    found = dict(run(1).select("benchmark", "value").iter_rows())
    assert found["many_given_names"] == 50.0  # a has four
    assert found["many_surnames"] == 0.0
    assert found["shared_name_email"] == 100.0  # one combination in two people, one in one, twice
    assert found["size_of_largest"] == round(100 * 4 / 7, 4)
    assert found["many_null_records"] == round(100 * 3 / 7, 4)
    assert found["small_supersized"] == found["large_supersized"] == 0.0


def test_bands_are_said_of_large_tenants_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(1)["status"].null_count() == len(MEASURES)
    monkeypatch.setattr(measured, "LEAST_IDS", 2)
    status = dict(run(1).select("benchmark", "status").iter_rows())
    assert status["many_given_names"] == "high"
    assert status["many_surnames"] == "optimal"
    own = run(1, bands={"many_given_names": (0.4, 0.6)}).filter(benchmark="many_given_names")
    assert own.select("status", "optimal_up_to", "high_from").row(0) == ("above_optimal", 40, 60)
    assert own["advice"].item()


def test_the_last_five_runs_stay() -> None:
    table = None
    for generation in range(1, 9):
        table = run(generation, table)
        # As it comes back from the warehouse of a tenant.
        zoned = pl.col("timestamp").dt.convert_time_zone("America/New_York")
        table = table.with_columns(zoned)
    assert table is not None
    again = run(8, table)
    assert again["generation"].unique().sort().to_list() == [4, 5, 6, 7, 8]
    assert again.height == RUNS * len(MEASURES)
