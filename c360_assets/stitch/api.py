"""The door to Stitch without a tenant or an orchestrator: source records in, documented tables out.

Calls the stages in order and hands results from one to the next. Each stage's rules live in its own module, the tables are
built by `results`; reading a tenant's tables and writing them belongs to `run`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from uuid import UUID

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.cluster.stable_ids import Previous, StableIds, assign_ids
from c360_assets.stitch.prepare.preprocessing import preprocess
from c360_assets.stitch.prepare.trivial_duplicates import collapse, representatives
from c360_assets.stitch.prepare.union import CORE_COLUMNS, in_key_order
from c360_assets.stitch.publish import identity_changes as changes
from c360_assets.stitch.publish.results import Found, StitchResult, StitchTables
from c360_assets.stitch.resolve import Resolution, resolve
from c360_assets.stitch.score.labels import of_records
from c360_assets.tenant.models import StitchConfig
from c360_assets.warehouse.engine import make_safe

# Namespace of the ids where no tenant is given (a notebook, the benchmark).
NO_TENANT = UUID("6f0b2a6e-6d1b-5a3e-9c57-0b1f6a0c360a")
POLARS_TYPES: dict[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "DATE": pl.Date(),
    "TIMESTAMPTZ": pl.Datetime("us", "UTC"),
}
Progress = Callable[[str], None]


def stitch(
    records: pl.DataFrame | duckdb.DuckDBPyRelation,
    config: StitchConfig | None = None,
    *,
    previous: Previous | None = None,
    model: pl.DataFrame | None = None,
    tenant_id: UUID | None = None,
    job: changes.Job | None = None,
    blocklist: pl.DataFrame | None = None,
    nicknames: pl.DataFrame | None = None,
    labels: pl.DataFrame | None = None,
    con: duckdb.DuckDBPyConnection | None = None,
    progress: Progress | None = None,
) -> StitchResult:
    """Find the records that belong to one person.

    `records`: one row per source record with `datasource`, `pk` (unique together) and any semantic columns (`given_name`,
    `email`, `fk_…`; hyphens count as underscores). Row order does not matter. `previous` carries ids over from the last
    generation. `model` is the table `stitch_model` of an earlier result, whose weights score again; without it a model is
    fitted. `blocklist` is a managed blocklist (datasource, semantic, value), `nicknames` replaces the shipped list.
    `labels` are pairs of records that people decided (source1, pk1, source2, pk2, same), above all other evidence.
    Raises C360Error for keys that are missing or not unique, a model that does not fit what is compared, and labels that name no
    record or contradict each other.
    """
    config = config or StitchConfig()
    job = job or changes.Job("stitch", datetime(1970, 1, 1, tzinfo=UTC))
    if model is not None and config.matching.model == "recordlinkage_ecm":
        raise C360Error(
            "stitch: the model of recordlinkage cannot be kept, it is fitted in every run"
        )
    steps = _Steps(progress)
    own = con is None
    connection = duckdb.connect() if con is None else con
    make_safe(connection)
    try:
        steps.begin("preprocess")
        raw = record_frame(records)
        clean = preprocess(raw, config.bad_values, blocklist, nicknames)
        steps.begin("collapse")
        rules = config.trivial_duplicates
        said = of_records(labels, clean.frame)
        alone = None if said is None else [*said["rid1"], *said["rid2"]]
        rep = collapse(
            clean.frame,
            size_threshold=rules.size_threshold,
            exclusions=rules.exclusions,
            kept_apart=alone,
        )
        hard = collapse(clean.frame, kept_apart=alone) if rules.exclusions else rep
        reps = representatives(clean.frame.with_columns(rep=rep))
        # Of a record that another one stands for, only keys are read again; at this point the texts need the room.
        fks = [c for c in clean.frame.columns if c.startswith("fk_")]
        frame = clean.frame.select("rid", "datasource", "pk", *fks).with_columns(rep=rep)
        clean = replace(clean, frame=frame)
        resolution = resolve(
            reps, config, model=model, labels=said, con=connection, progress=steps.begin
        )
        steps.begin("assign stable ids")
        stable = _stable_ids(
            frame, resolution, previous, tenant_id or NO_TENANT, config, connection
        )
        fitted = stable.generation if model is None else int(model["generation"][0])
        found = Found(
            raw, reps, hard, clean, resolution, stable, config, previous, job, blocklist, fitted
        )
        tables = StitchTables(found, con)
        steps.end()
    except (
        pl.exceptions.PolarsError,
        duckdb.Error,
    ) as error:  # their texts quote values of records
        raise C360Error(
            f"Stitch failed at the step {steps.current!r} ({type(error).__name__})"
        ) from None
    finally:
        if own:
            connection.close()
    jitter = config.stable_ids.jitter_alert
    return StitchResult(tables, stable.generation, steps.seconds, jitter, resolution.drift, fitted)


def record_frame(records: pl.DataFrame | duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """The records with all core columns, documented types, and rows in (datasource, pk) order.

    A birthdate or datetime given as text counts where it is ISO; anything else there counts as missing.
    """
    frame = records if isinstance(records, pl.DataFrame) else records.pl()
    frame = frame.rename({c: c.replace("-", "_") for c in frame.columns if "-" in c})
    if missing := [c for c in ("datasource", "pk") if c not in frame.columns]:
        raise C360Error(
            f"the records lack the column {' and '.join(missing)}; both datasource and pk are needed"
        )
    further = sorted(set(frame.columns) - CORE_COLUMNS.keys() - {"datasource", "pk"})
    wanted = (
        {"datasource": "VARCHAR", "pk": "VARCHAR"}
        | CORE_COLUMNS
        | dict.fromkeys(further, "VARCHAR")
    )
    return in_key_order(
        frame.select(_typed(frame, column, kind) for column, kind in wanted.items())
    )


def _typed(frame: pl.DataFrame, column: str, kind: str) -> pl.Expr:
    target = POLARS_TYPES[kind]
    if column not in frame.columns:
        return pl.lit(None, target).alias(column)
    have, value = frame.schema[column], pl.col(column)
    if have == pl.String and kind == "DATE":
        return value.str.to_date("%Y-%m-%d", strict=False)
    if have == pl.String and kind == "TIMESTAMPTZ":
        return value.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    if isinstance(have, pl.Datetime) and kind == "TIMESTAMPTZ":
        return (
            value.dt.cast_time_unit("us")
            if have.time_zone
            else value.dt.cast_time_unit("us").dt.replace_time_zone("UTC")
        )
    if have == pl.Date and kind == "TIMESTAMPTZ":
        return value.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return value.cast(target, strict=False)


def _stable_ids(
    frame: pl.DataFrame,
    resolution: Resolution,
    previous: Previous | None,
    tenant_id: UUID,
    config: StitchConfig,
    con: duckdb.DuckDBPyConnection,
) -> StableIds:
    of_rep = resolution.clusters.select(rep="rid", cluster="cluster")
    matched = frame.select("rep").join(of_rep, on="rep", how="left", maintain_order="left")
    clusters = frame.select("datasource", "pk").with_columns(matched.get_column("cluster"))
    return assign_ids(clusters, previous, tenant_id, con, keep=config.stable_ids.enabled)


class _Steps:
    """Tells what is being done and how long each step took."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self.current = ""
        self._since = perf_counter()

    def begin(self, step: str) -> None:
        self.end()
        self.current, self._since = step, perf_counter()
        if self._progress is not None:
            self._progress(step)

    def end(self) -> None:
        if self.current:
            self.seconds[self.current] = (
                self.seconds.get(self.current, 0.0) + perf_counter() - self._since
            )
        self.current = ""
