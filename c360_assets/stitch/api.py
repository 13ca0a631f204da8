"""Stitch without a tenant or an orchestrator: source records in, documented tables out.

Calls the stages in order and hands results from one to the next. Each stage's rules live in its own
module, the tables are built by `results`; reading a tenant's tables and writing them belongs to
`tenant_run`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from uuid import UUID

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.semantics.countries import Home
from c360_assets.semantics.garbled import mended
from c360_assets.stitch import one_to_one
from c360_assets.stitch.cluster import incremental
from c360_assets.stitch.cluster.pins import assign_with_pins
from c360_assets.stitch.cluster.stable_ids import Previous, StableIds, assign_ids
from c360_assets.stitch.exchange.in_process import InProcess
from c360_assets.stitch.exchange.rows import Exchange
from c360_assets.stitch.prepare.label_tables import PAIR_SCHEMA, LabelPairs, label_pairs
from c360_assets.stitch.prepare.list_warnings import judge_blocklist, role_address_warnings
from c360_assets.stitch.prepare.preprocessing import Preprocessed, preprocess
from c360_assets.stitch.prepare.trivial_duplicates import collapse, representatives
from c360_assets.stitch.prepare.union import CORE_COLUMNS, in_key_order
from c360_assets.stitch.publish.generation import Provenance
from c360_assets.stitch.publish.identity_changes import Job
from c360_assets.stitch.publish.results import StageResults, StitchResult, StitchTables
from c360_assets.stitch.resolve import Resolution, resolve
from c360_assets.stitch.score.labels import of_records
from c360_assets.tenant.models import StitchConfig
from c360_assets.warehouse.engine import make_safe
from c360_assets.wording import counted

# Namespace of the ids where no tenant is given (a notebook, the benchmark).
NO_TENANT = UUID("6f0b2a6e-6d1b-5a3e-9c57-0b1f6a0c360a")
# SQL type of a record's column -> the type of its column in a frame.
POLARS_TYPES: dict[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "DATE": pl.Date(),
    "TIMESTAMPTZ": pl.Datetime("us", "UTC"),
}
MENDED = ("given_name", "surname", "full_name", "address", "address2", "city", "company")
Progress = Callable[[str], None]


def stitch(
    records: pl.DataFrame | duckdb.DuckDBPyRelation,
    config: StitchConfig | None = None,
    *,
    previous: Previous | None = None,
    model: pl.DataFrame | None = None,
    tenant_id: UUID | None = None,
    job: Job | None = None,
    blocklist: pl.DataFrame | None = None,
    nicknames: pl.DataFrame | None = None,
    labels: pl.DataFrame | None = None,
    label_rows: pl.DataFrame | None = None,
    datasources: Sequence[str] = (),
    provenance: Provenance | None = None,
    pins: pl.DataFrame | None = None,
    home: Home | None = None,
    con: duckdb.DuckDBPyConnection | None = None,
    exchange: Exchange | None = None,
    progress: Progress | None = None,
) -> StitchResult:
    """Find the records that belong to one person.

    `records`: one row per source record with `datasource`, `pk` (unique together) and any semantic
    columns (`given_name`, `email`, `fk_…`; hyphens count as underscores). Row order does not
    matter. `previous` carries ids over from the last generation. `model` is the table
    `stitch_model` of an earlier result, whose weights score again; without it a model is fitted.
    `blocklist` is a managed blocklist (datasource, semantic, value), `nicknames` replaces the
    shipped list. `home` says by whose rules phones, states and streets are read where a record
    names no country. `labels` are pairs of records that people decided (source1, pk1, source2, pk2,
    same), above all other evidence; `label_rows` are those of label tables (`label_tables`), of
    which what cannot be obeyed is a warning. `datasources` names tables that may hold no record.
    `pins` are records that keep an id whatever their values say (datasource, pk, amperity_id).
    `provenance` goes into `stitch_generation`. `exchange` is where records are matched, by default
    this process. Raises C360Error for keys that are missing or not
    unique, a model that does not fit what is compared, and labels that name no record or contradict
    each other.
    """
    config = config or StitchConfig()
    job = job or Job("stitch", datetime(1970, 1, 1, tzinfo=UTC))
    tenant_id = tenant_id or NO_TENANT
    _refuse_kept_reference(model, config)
    steps = _Steps(progress)
    connection = duckdb.connect() if con is None else con
    make_safe(connection)
    exchange = exchange or InProcess(connection)
    try:
        steps.begin("preprocess")
        raw = record_frame(records)
        clean, listed = _preprocess(raw, config, blocklist, nicknames, datasources, home, exchange)
        taken_out = clean.taken_out
        steps.begin("collapse")
        decided = _label_pairs(labels, label_rows, clean, datasources, config)
        labelled = decided.pairs.height > 0
        record_labels = of_records(decided.pairs, clean.keys) if labelled else None
        collapsed = _collapse(clean, config, record_labels, exchange)
        # Of a record that another one stands for, only keys are read again; at this point the texts
        # need the room.
        del clean
        match_records = resolve if config.run.matches else one_to_one.resolve
        resolution = match_records(
            collapsed.representatives,
            config,
            model=model,
            labels=record_labels,
            sizes=_sizes(collapsed),
            con=connection,
            exchange=exchange,
            progress=steps.begin,
        )
        steps.begin("assign stable ids")
        ids_of = _StableIds(previous, pins, tenant_id, config, connection)
        stable = ids_of.assigned(raw, collapsed.keys, resolution, record_labels)
        fitted = stable.generation if model is None else int(model["generation"][0])
        results = StageResults(
            raw=raw,
            representatives=collapsed.representatives,
            hard=collapsed.hard,
            keys=collapsed.keys,
            taken_out=taken_out,
            resolution=resolution,
            stable=stable,
            config=config,
            previous=previous,
            tenant_id=tenant_id,
            job=job,
            blocklist=listed.blocklist,
            labels=decided.pairs,
            fitted=fitted,
            refitted=model is None and previous is not None,
            provenance=provenance or Provenance(),
        )
        tables = StitchTables(results, con)
        steps.end()
    except (pl.exceptions.PolarsError, duckdb.Error) as error:
        # Their texts quote values of records.
        raise C360Error(
            f"Stitch failed at the step {steps.current!r} ({type(error).__name__})"
        ) from None
    finally:
        if con is None:
            connection.close()
    jitter = config.stable_ids.alert_from
    return StitchResult(
        tables,
        stable.generation,
        steps.seconds,
        jitter,
        resolution.drift,
        fitted,
        [*taken_out.warnings, *resolution.warnings],
        resolution.figures["shipped_weights"],
        [*listed.warnings, *decided.warnings, *_staple_warnings(resolution)],
    )


def _refuse_kept_reference(model: pl.DataFrame | None, config: StitchConfig) -> None:
    if model is not None and config.matching.model == "recordlinkage_ecm":
        raise C360Error(
            "stitch: the model of recordlinkage cannot be kept, it is fitted in every run"
        )


def _staple_warnings(resolution: Resolution) -> list[str]:
    n_stapled = resolution.figures["stapled"]
    if not n_stapled:
        return []
    return [f"{counted(n_stapled, 'record')} of too little to be matched by: stapled to a person"]


@dataclass(frozen=True)
class _Listed:
    """The managed blocklist that was applied, and what to say of it."""

    blocklist: pl.DataFrame | None
    warnings: list[str]


def _preprocess(
    raw: pl.DataFrame,
    config: StitchConfig,
    blocklist: pl.DataFrame | None,
    nicknames: pl.DataFrame | None,
    datasources: Sequence[str],
    home: Home | None,
    exchange: Exchange,
) -> tuple[Preprocessed, _Listed]:
    """Clean the records; rows of the managed blocklist that would block half of all values are left
    out."""

    def cleaned(managed: pl.DataFrame | None) -> Preprocessed:
        contradicting = _keys_may_contradict(config)
        return preprocess(
            raw,
            config.bad_values,
            managed,
            nicknames,
            home=home,
            contradicting_keys=contradicting,
            exchange=exchange,
        )

    clean = cleaned(blocklist)
    if blocklist is None or not blocklist.height:
        return clean, _Listed(blocklist, role_address_warnings(clean))
    tables = {*datasources, *raw["datasource"].unique()}
    judged = judge_blocklist(blocklist, clean, tables)
    if judged.refused:
        clean = cleaned(judged.managed)
    warnings = [*judged.warnings, *role_address_warnings(clean)]
    return clean, _Listed(judged.managed, warnings)


def _label_pairs(
    pairs: pl.DataFrame | None,
    rows: pl.DataFrame | None,
    clean: Preprocessed,
    datasources: Sequence[str],
    config: StitchConfig,
) -> LabelPairs:
    """The label pairs that were given, and those that label tables ask for; none in 1:1 mode, which
    takes the customer key at its word."""
    found = LabelPairs(pl.DataFrame(schema=PAIR_SCHEMA), [])
    if not config.run.matches:
        n_rows = 0 if rows is None else rows.height
        rows_told = counted(n_rows, "row is", "rows are")
        ignored = f"Stitch labels: {rows_told} not obeyed, as `run.one_to_one` is on"
        return LabelPairs(found.pairs, [ignored] if n_rows else [])
    if rows is not None and rows.height:
        records = clean.select("email", *clean.foreign_keys)
        named = {*datasources, *records["datasource"].unique()}
        found = label_pairs(rows, records, named)
    if pairs is None:
        return found
    given = pairs.select(pl.lit("").alias("label_id"), *list(PAIR_SCHEMA)[1:])
    return LabelPairs(pl.concat([given, found.pairs]), found.warnings)


def _keys_may_contradict(config: StitchConfig) -> bool:
    """Whether an equal foreign key may be outweighed: the documented rule and rules of the tenant's
    own take it at its word."""
    return config.blocking.preset != "documented" and not config.matching.rules


@dataclass(frozen=True)
class _Collapsed:
    """Trivial duplicates put together.

    `keys`: rid, datasource, pk, fk_… and rep (the rid of the representative) of every record.
    `hard`: the representatives by equal profile alone.
    """

    keys: pl.DataFrame
    representatives: pl.DataFrame
    hard: pl.Series


def _collapse(
    clean: Preprocessed, config: StitchConfig, labels: pl.DataFrame | None, exchange: Exchange
) -> _Collapsed:
    # People decided about these records one by one, so none of them may stand for another.
    kept_apart = [] if labels is None else [*labels["rid1"], *labels["rid2"]]
    if not config.run.matches:
        kept_apart = clean.keys["rid"].to_list()
    settings = config.trivial_duplicates
    duplicates = collapse(
        clean,
        size_threshold=settings.size_threshold,
        exclusions=settings.exclusions,
        kept_apart=kept_apart,
    )
    keys = clean.select(*clean.foreign_keys).with_columns(duplicates.rep)
    kept = representatives(clean, keys)
    return _Collapsed(exchange.set_aside(keys), exchange.set_aside(kept), duplicates.hard)


def _sizes(collapsed: _Collapsed) -> pl.Series:
    """How many source records each representative stands for, in their order."""
    counts = collapsed.keys.group_by(rid="rep").len("size")
    reps = collapsed.representatives.select("rid")
    return reps.join(counts, on="rid", how="left", maintain_order="left").get_column("size")


def record_frame(records: pl.DataFrame | duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """The records with all core columns, documented types, and rows in (datasource, pk) order.

    A birthdate or datetime given as text counts where it is ISO; anything else there counts as
    missing. Names and places that a system garbled are mended, as they are when files are loaded.
    """
    frame = records if isinstance(records, pl.DataFrame) else records.pl()
    frame = frame.rename(lambda column: column.replace("-", "_"))
    missing = [column for column in ("datasource", "pk") if column not in frame.columns]
    if missing:
        raise C360Error(
            f"the records lack the column {' and '.join(missing)}; "
            "both datasource and pk are needed"
        )
    keys = {"datasource": "VARCHAR", "pk": "VARCHAR"}
    further = sorted(set(frame.columns) - CORE_COLUMNS.keys() - keys.keys())
    columns = keys | CORE_COLUMNS | dict.fromkeys(further, "VARCHAR")
    typed = frame.select(_typed(frame, column, sql_type) for column, sql_type in columns.items())
    return in_key_order(typed.with_columns(mended(typed[column]) for column in MENDED))


def _typed(frame: pl.DataFrame, column: str, sql_type: str) -> pl.Expr:
    target = POLARS_TYPES[sql_type]
    if column not in frame.columns:
        return pl.lit(None, target).alias(column)
    value = pl.col(column)
    given = frame.schema[column]
    if given == pl.String and sql_type == "DATE":
        return value.str.to_date("%Y-%m-%d", strict=False)
    if sql_type == "TIMESTAMPTZ":
        return _instant(value, given)
    return value.cast(target, strict=False)


def _instant(value: pl.Expr, given: pl.DataType) -> pl.Expr:
    """A column of type `given` as instants; a time without a zone is taken for UTC."""
    if given == pl.String:
        return value.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    if given == pl.Date:
        return value.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if not isinstance(given, pl.Datetime):
        return value.cast(POLARS_TYPES["TIMESTAMPTZ"], strict=False)
    instant = value.dt.cast_time_unit("us")
    return instant if given.time_zone else instant.dt.replace_time_zone("UTC")


@dataclass(frozen=True)
class _StableIds:
    """How the clusters of a run get their ids."""

    previous: Previous | None
    pins: pl.DataFrame | None
    tenant_id: UUID
    config: StitchConfig
    con: duckdb.DuckDBPyConnection

    def assigned(
        self,
        raw: pl.DataFrame,
        records: pl.DataFrame,
        resolution: Resolution,
        labels: pl.DataFrame | None,
    ) -> StableIds:
        """`raw`: the records as received; `records`: rid, datasource, pk, rep in their order."""
        run = self.config.run
        if not run.matches:
            return one_to_one.ids(raw, self.previous, self.tenant_id, self.con)
        keep = self.config.stable_ids.enabled
        of_rep = resolution.clusters.select(rep="rid", cluster="cluster")
        matched = records.select("rep").join(of_rep, on="rep", how="left", maintain_order="left")
        numbers = matched.get_column("cluster")
        if run.type == "incremental" and self.previous is not None and keep:
            numbers = incremental.clusters(
                records.with_columns(numbers),
                resolution.pairs,
                self.previous.ids,
                self.config.matching.threshold,
                labels,
            )
        clusters = records.select("datasource", "pk").with_columns(numbers)

        def assign(free: pl.DataFrame, before: Previous | None) -> StableIds:
            return assign_ids(free, before, self.tenant_id, self.con, keep=keep)

        return assign_with_pins(clusters, self.previous, self.pins, assign)


class _Steps:
    """Reports what is being done, and records how many seconds each step took."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self.current = ""
        self._progress = progress
        self._started = perf_counter()

    def begin(self, step: str) -> None:
        self.end()
        self.current = step
        self._started = perf_counter()
        if self._progress is not None:
            self._progress(step)

    def end(self) -> None:
        if self.current:
            elapsed = perf_counter() - self._started
            self.seconds[self.current] = self.seconds.get(self.current, 0.0) + elapsed
        self.current = ""
