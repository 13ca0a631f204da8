"""The door to Stitch without a tenant or an orchestrator: source records in, documented tables out.

Calls the stages in order and hands results from one to the next. Each stage's rules live in its own module; reading a tenant's
tables and writing the results belongs to `run`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from uuid import UUID

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch import changes, quality, tables
from c360_assets.stitch.duplicates import collapse, representatives
from c360_assets.stitch.preprocess import Preprocessed, preprocess
from c360_assets.stitch.resolve import Resolution, resolve
from c360_assets.stitch.stable_ids import Previous, StableIds, assign_ids
from c360_assets.stitch.union import CORE_COLUMNS
from c360_assets.tenant.models import StitchConfig
from c360_assets.warehouse.session import make_safe

# Namespace of the ids where no tenant is given (a notebook, the benchmark).
NO_TENANT = UUID("6f0b2a6e-6d1b-5a3e-9c57-0b1f6a0c360a")
POLARS_TYPES: dict[str, pl.DataType] = {"VARCHAR": pl.String(), "DATE": pl.Date(), "TIMESTAMPTZ": pl.Datetime("us", "UTC")}
BLOCKLIST_SCHEMA = {"datasource": pl.String, "semantic": pl.String, "value": pl.String}
Progress = Callable[[str], None]


@dataclass(frozen=True)
class StitchResult:
    """`tables`: name -> frame, sorted. `figures`: the run's figures by name. `seconds`: duration by step, in no table."""

    tables: dict[str, pl.DataFrame]
    generation: int
    figures: dict[str, float | int]
    alerts: list[str]
    seconds: dict[str, float]


def stitch(
    records: pl.DataFrame | duckdb.DuckDBPyRelation,
    config: StitchConfig | None = None,
    *,
    previous: Previous | None = None,
    tenant_id: UUID | None = None,
    job: changes.Job | None = None,
    blocklist: pl.DataFrame | None = None,
    nicknames: pl.DataFrame | None = None,
    con: duckdb.DuckDBPyConnection | None = None,
    progress: Progress | None = None,
) -> StitchResult:
    """Find the records that belong to one person.

    `records`: one row per source record with `datasource`, `pk` (unique together) and any semantic columns (`given_name`,
    `email`, `fk_…`; hyphens count as underscores). Row order does not matter. `previous` carries ids over from the last
    generation. `blocklist` is a managed blocklist (datasource, semantic, value), `nicknames` replaces the shipped list.
    Raises C360Error for keys that are missing or not unique.
    """
    config = config or StitchConfig()
    job = job or changes.Job("stitch", datetime(1970, 1, 1, tzinfo=UTC))
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
        rep = collapse(clean.frame, size_threshold=rules.size_threshold, exclusions=rules.exclusions)
        hard = collapse(clean.frame) if rules.exclusions else rep
        frame = clean.frame.with_columns(rep=rep)
        resolution = resolve(representatives(frame), config, con=connection, progress=steps.begin)
        steps.begin("assign stable ids")
        stable = _stable_ids(frame, resolution, previous, tenant_id or NO_TENANT, config, connection)
        steps.begin("build tables")
        found, pairs = _tables(raw, frame, hard, clean, resolution, stable, config, blocklist, connection)
        steps.begin("compare with the last generation")
        ids = stable.ids.select("datasource", "pk", "amperity_id")
        changed = changes.compare(ids, previous.ids if previous else None)
        found |= _histories(changed, previous, job)
        metrics = quality.stitch_metrics(
            found["unified_coalesced"], found["unified_scores"], pairs, changed.counts, changed.identities
        )
        found["stitch_metrics"] = metrics
        steps.end()
    except (pl.exceptions.PolarsError, duckdb.Error) as error:  # their texts quote values of records
        raise C360Error(f"Stitch failed at the step {steps.current!r} ({type(error).__name__})") from None
    finally:
        if own:
            connection.close()
    figures = quality.summary(metrics)
    alerts = quality.alerts(figures, config.stable_ids.jitter_alert)
    return StitchResult(_skip(found, config), stable.generation, figures, alerts, steps.seconds)


def record_frame(records: pl.DataFrame | duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """The records with all core columns, documented types, and rows in (datasource, pk) order.

    A birthdate or datetime given as text counts where it is ISO; anything else there counts as missing.
    """
    frame = records if isinstance(records, pl.DataFrame) else records.pl()
    frame = frame.rename({c: c.replace("-", "_") for c in frame.columns if "-" in c})
    if missing := [c for c in ("datasource", "pk") if c not in frame.columns]:
        raise C360Error(f"the records lack the column {' and '.join(missing)}; both datasource and pk are needed")
    further = sorted(set(frame.columns) - CORE_COLUMNS.keys() - {"datasource", "pk"})
    wanted = {"datasource": "VARCHAR", "pk": "VARCHAR"} | CORE_COLUMNS | dict.fromkeys(further, "VARCHAR")
    return frame.select(_typed(frame, column, kind) for column, kind in wanted.items()).sort("datasource", "pk")


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
        return value.dt.cast_time_unit("us") if have.time_zone else value.dt.cast_time_unit("us").dt.replace_time_zone("UTC")
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
    clusters = frame.select("datasource", "pk", "rep").join(of_rep, on="rep", how="left", maintain_order="left")
    return assign_ids(clusters.drop("rep"), previous, tenant_id, con, keep=config.stable_ids.enabled)


def _tables(
    raw: pl.DataFrame,
    frame: pl.DataFrame,
    hard: pl.Series,
    clean: Preprocessed,
    resolution: Resolution,
    stable: StableIds,
    config: StitchConfig,
    blocklist: pl.DataFrame | None,
    con: duckdb.DuckDBPyConnection,
) -> tuple[dict[str, pl.DataFrame], quality.Pairs]:
    groups = tables.record_groups(frame, stable.ids["amperity_id"], resolution.clusters, con)
    unified = tables.unified_coalesced(raw, groups, clean.flags)
    scored = resolution.pairs.select("rid1", "rid2", *tables.SCORE_COLUMNS)
    trivial = tables.trivial_pairs(frame, hard).cast(scored.schema)
    inside, everything = tables.score_tables(pl.concat([scored, trivial]), groups)
    linked = resolution.pairs.filter(pl.col("score") >= config.matching.threshold).height
    listed = pl.DataFrame(schema=BLOCKLIST_SCHEMA) if blocklist is None else blocklist.select(*BLOCKLIST_SCHEMA)
    return {
        "unified_coalesced": unified,
        "unified_preprocessed_raw": tables.unified_preprocessed_raw(representatives(frame), groups, con),
        "unified_customer": tables.unified_customer(unified, clean.removed, config.clustering.supersized.min_size),
        "unified_scores": inside,
        "stitch_scores": everything,
        "stitch_blocking_keys": tables.blocking_keys(resolution.blocking_keys, frame),
        "stitch_blocks": resolution.blocks,
        "stitch_strategies": resolution.strategies,
        "stitch_badvalues": clean.badvalues,
        "stitch_blocklistvalues": listed.unique().sort(list(BLOCKLIST_SCHEMA)),
        "stitch_removed_values": clean.removed,
        "stitch_model": resolution.model.with_columns(pl.col(pl.Float64).round_sig_figs(9)),
        "stitch_decisions": tables.decisions(resolution.decisions, frame),
        "identity_graph": tables.identity_graph(unified),
        "cluster_fks": tables.cluster_fks(frame, groups),
        "stitch_ids": stable.registry,
    }, quality.Pairs(resolution.figures["compared_pairs"], linked)


def _histories(changed: changes.Changes, previous: Previous | None, job: changes.Job) -> dict[str, pl.DataFrame]:
    old = previous or Previous(pl.DataFrame(), pl.DataFrame(), 0)
    return {
        "unified_changes_clusters": changes.history(changed.clusters, old.changes_clusters, changes.CLUSTER_SCHEMA, job),
        "unified_changes_pks": changes.history(changed.pks, old.changes_pks, changes.PK_SCHEMA, job),
        "stitch_identity_changes": changes.history(changed.identities, old.identity_changes, changes.IDENTITY_SCHEMA, job),
    }


def _skip(found: dict[str, pl.DataFrame], config: StitchConfig) -> dict[str, pl.DataFrame]:
    """Tables that `outputs` switches off keep their schema and lose their rows, so that SQL over them still binds."""
    skipped = {name for name, wanted in config.outputs.items() if wanted is False}
    if "unified_changes" in skipped:
        skipped |= {"unified_changes_clusters", "unified_changes_pks"}
    if unknown := skipped - found.keys() - {"unified_changes"}:
        raise C360Error(f"stitch.yaml: outputs names unknown tables: {', '.join(sorted(unknown))}")
    return {name: frame.clear() if name in skipped else frame for name, frame in found.items()}


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
            self.seconds[self.current] = self.seconds.get(self.current, 0.0) + perf_counter() - self._since
        self.current = ""
