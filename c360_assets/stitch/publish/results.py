"""What a run of Stitch results, and the documented tables, each built when it is asked for.

Nobody needs all tables at once: a writer takes one, writes it and lets it go, a notebook asks for
one or two. Column selection and sort orders are `tables`, figures
`metrics`, histories `identity_changes`; which records belong together is decided before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from uuid import UUID

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.cluster.stable_ids import Previous, StableIds
from c360_assets.stitch.compare import blocking
from c360_assets.stitch.compare.comparison_records import registered
from c360_assets.stitch.prepare.label_tables import PAIR_SCHEMA
from c360_assets.stitch.prepare.preprocessing import TakenOut
from c360_assets.stitch.publish import causes, ended_ids, identity_changes, metrics, tables
from c360_assets.stitch.publish.benchmarks import BENCHMARK_SCHEMA, benchmarks
from c360_assets.stitch.publish.generation import Provenance, generation_table
from c360_assets.stitch.publish.households import stitch_households
from c360_assets.stitch.quality.shares import Quality
from c360_assets.stitch.resolve import Resolution
from c360_assets.stitch.score.stored_model import drift_warnings
from c360_assets.tenant.models import StitchConfig
from c360_assets.tenant.stitch import OPTIONAL_TABLES

BLOCKLIST_SCHEMA = {"datasource": pl.String, "semantic": pl.String, "value": pl.String}
NO_GENERATION = Previous(pl.DataFrame(), pl.DataFrame(), 0)


@dataclass(frozen=True)
class StageResults:
    """The results of the stages, from which the tables are built.

    `raw`: the records as received. `representatives`: preprocessed. `hard`: representatives by
    equal profile alone. `keys`: rid, datasource, pk, fk_… and rep of every record. `labels`: the
    label pairs that were obeyed, by record keys. `fitted`: the generation in which the model was
    fitted, `refitted`: whether this run fitted it.
    """

    raw: pl.DataFrame
    representatives: pl.DataFrame
    hard: pl.Series
    keys: pl.DataFrame
    taken_out: TakenOut
    resolution: Resolution
    stable: StableIds
    config: StitchConfig
    previous: Previous | None
    tenant_id: UUID
    job: identity_changes.Job
    blocklist: pl.DataFrame | None
    labels: pl.DataFrame | None
    fitted: int
    refitted: bool
    provenance: Provenance


class StitchTables(Mapping[str, pl.DataFrame]):
    """The documented tables by name, sorted.

    Each look-up builds the table anew. Raises C360Error without record values.
    """

    def __init__(self, results: StageResults, con: duckdb.DuckDBPyConnection | None) -> None:
        self._results = results
        # Tables outlive the connection that the matching ran on, but keep to its memory and its
        # place for spilling.
        self._settings: dict[str, Any] = {}
        if con is not None:
            ((temp_directory, memory_limit),) = con.execute(
                "SELECT current_setting('temp_directory'), current_setting('memory_limit')"
            ).fetchall()
            self._settings = {"temp_directory": temp_directory, "memory_limit": memory_limit}
        self._skipped = _skipped(results.config)

    def __getitem__(self, name: str) -> pl.DataFrame:
        try:
            frame = self._builders[name]()
        except (pl.exceptions.PolarsError, duckdb.Error) as error:
            # Their texts quote values of records.
            raise C360Error(f"Stitch failed at the table {name} ({type(error).__name__})") from None
        return frame.clear() if name in self._skipped else frame

    @contextmanager
    def source(self, name: str, con: duckdb.DuckDBPyConnection) -> Iterator[str | pl.DataFrame]:
        """The table as a writer takes it: a SELECT on the connection where the rows need never be
        in memory together.
        """
        if name not in self._streamed:
            yield self[name]
            return
        with registered(con, er_records=self._keyed_records()):
            yield self._sql(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._builders)

    def __len__(self) -> int:
        return len(self._builders)

    @cached_property
    def _builders(self) -> dict[str, Callable[[], pl.DataFrame]]:
        results = self._results
        resolution = results.resolution
        before = results.previous or NO_GENERATION
        return {
            "unified_coalesced": self._unified,
            "unified_preprocessed_raw": self._preprocessed,
            "unified_customer": lambda: tables.unified_customer(
                self._unified(),
                results.taken_out.removed,
                results.config.clustering.supersized.min_size,
            ),
            "unified_scores": lambda: tables.unified_scores(self._pairs(), self.groups),
            "stitch_scores": lambda: tables.stitch_scores(self._pairs(), self.groups),
            "stitch_blocking_keys": lambda: self._selected(
                "stitch_blocking_keys", "strategy", "bk", *tables.KEYS
            ),
            "stitch_blocks": lambda: self._selected("stitch_blocks", "strategy", "bk"),
            "stitch_strategies": lambda: resolution.strategies,
            "stitch_badvalues": lambda: results.taken_out.badvalues,
            "stitch_blocklistvalues": self._blocklist_values,
            "stitch_removed_values": lambda: results.taken_out.removed,
            "stitch_model": lambda: resolution.model.with_columns(
                generation=pl.lit(results.fitted, pl.Int64)
            ),
            "stitch_decisions": lambda: tables.decisions(resolution.decisions, self.groups),
            "identity_graph": lambda: tables.identity_graph(self._accounts()),
            "cluster_fks": lambda: tables.cluster_fks(results.keys, self.groups),
            "stitch_households": self._households,
            "stitch_ids": lambda: results.stable.registry,
            "stitch_generation": self._generation,
            "stitch_ended_records": lambda: self.ended_records,
            "stitch_id_redirects": lambda: ended_ids.redirects(
                self.ended_records, results.stable.registry, results.stable.ids
            ),
            "stitch_labels": self._labels,
            "unified_changes_clusters": lambda: self._history(
                self.changed.clusters, before.changes_clusters, identity_changes.CLUSTER_SCHEMA
            ),
            "unified_changes_pks": lambda: self._history(
                self.changed.pks, before.changes_pks, identity_changes.PK_SCHEMA
            ),
            "stitch_identity_changes": lambda: self._history(
                self.changed.identities, before.identity_changes, identity_changes.IDENTITY_SCHEMA
            ),
            "stitch_metrics": lambda: self.metrics,
            "stitch_benchmarks": self._benchmarks,
        }

    def _connection(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own for building one table; the caller closes it."""
        return duckdb.connect(config=self._settings)

    @cached_property
    def groups(self) -> pl.DataFrame:
        """What was decided about each record; see `tables.record_groups`."""
        results = self._results
        with self._connection() as con:
            return tables.record_groups(
                results.keys,
                results.stable.ids["amperity_id"],
                results.resolution.clusters,
                con,
            )

    @cached_property
    def changed(self) -> identity_changes.Changes:
        """What differs from the previous generation, and why."""
        results = self._results
        before = results.previous
        changes = identity_changes.compare(results.stable.ids, before.ids if before else None)
        pks = self._with_causes(changes.pks)
        identities = identity_changes.with_causes(changes.identities, pks)
        return replace(changes, pks=pks, identities=identities)

    def _with_causes(self, pks: pl.DataFrame) -> pl.DataFrame:
        results = self._results
        previous = results.previous
        before = None
        if previous is not None and previous.records is not None:
            before = causes.Generation(previous.records, previous.labels, previous.settings)
        records = self.groups.select(*tables.KEYS, "component_id")
        if before is not None and pks.filter(pl.col("change_type") == "updated").height:
            with self._connection() as con:
                content = tables.record_content(results.raw, con)
            records = records.with_columns(content)
        now = causes.Generation(records, results.labels, results.provenance.settings)
        return causes.with_causes(pks, now, before, refitted=results.refitted)

    @cached_property
    def ended_records(self) -> pl.DataFrame:
        """The table `stitch_ended_records`."""
        stable = self._results.stable
        before = self._results.previous
        if before is None or not before.ids.height:
            return pl.DataFrame(schema=ended_ids.ENDED_SCHEMA)
        return ended_ids.ended_records(
            before.ids, stable.registry, before.ended_records, before.changes_pks
        )

    def _generation(self) -> pl.DataFrame:
        results = self._results
        with self._connection() as con:
            return generation_table(
                results.stable.ids.select(*tables.KEYS, "amperity_id"),
                results.provenance,
                con,
                tenant_id=results.tenant_id,
                generation=results.stable.generation,
                fitted=results.fitted,
                config=results.config,
            )

    def _labels(self) -> pl.DataFrame:
        labels = self._results.labels
        if labels is None:
            return pl.DataFrame(schema=PAIR_SCHEMA)
        return labels.select(list(PAIR_SCHEMA)).unique().sort(list(PAIR_SCHEMA))

    @cached_property
    def metrics(self) -> pl.DataFrame:
        """The table `stitch_metrics`."""
        resolution = self._results.resolution
        threshold = self._results.config.matching.threshold
        linked = resolution.pairs.filter(pl.col("score") >= threshold).height
        inside = tables.inside_pairs(self._pairs(), self.groups)
        of_model = resolution.figures["symptoms"]
        pairs = metrics.Pairs(
            resolution.figures["compared_pairs"],
            linked,
            of_model.household_apart if of_model is not None else 0.0,
            threshold,
        )
        measured = metrics.Measured(
            unified=self._accounts(),
            scores=inside,
            pairs=pairs,
            changes=self.changed.counts,
            identities=self.changed.identities,
            causes=causes.counts(self.changed.pks),
            badvalues=self._results.taken_out.badvalues,
            quality=self._quality(),
            source_changes=self._source_changes(),
        )
        return metrics.stitch_metrics(measured)

    def _source_changes(self) -> pl.DataFrame:
        before = self._results.previous
        return metrics.source_changes(self._results.stable.ids, before.ids if before else None)

    def _quality(self) -> Quality:
        """Nothing is said of an incremental run: its clusters are not those that were compared."""
        return self._results.resolution.quality if self._looks_at_all else Quality()

    def _benchmarks(self) -> pl.DataFrame:
        """A run that does not look at everybody anew has none; those of earlier runs stay."""
        results = self._results
        earlier = None if results.previous is None else results.previous.benchmarks
        if not self._looks_at_all:
            nothing = pl.DataFrame(schema=BENCHMARK_SCHEMA)
            return nothing if earlier is None else earlier.cast(BENCHMARK_SCHEMA)
        with self._connection() as con:
            return benchmarks(
                results.representatives,
                self.groups,
                con,
                generation=results.stable.generation,
                timestamp=results.job.timestamp,
                bands=results.config.benchmarks,
                earlier=earlier,
            )

    @property
    def _looks_at_all(self) -> bool:
        results = self._results
        is_incremental = results.config.run.type == "incremental"
        return results.previous is None or not is_incremental

    def _accounts(self) -> pl.DataFrame:
        return self.groups.hstack(self._results.raw.select("ck"))

    def _unified(self) -> pl.DataFrame:
        return tables.unified_coalesced(
            self._results.raw, self.groups, self._results.taken_out.flags
        )

    def _households(self) -> pl.DataFrame:
        results = self._results
        with self._connection() as con:
            return stitch_households(
                self.groups,
                results.representatives,
                results.resolution.household,
                results.previous if results.config.stable_ids.enabled else None,
                results.tenant_id,
                results.stable.generation,
                con,
            )

    def _preprocessed(self) -> pl.DataFrame:
        with self._connection() as con:
            return tables.unified_preprocessed_raw(self._results.representatives, self.groups, con)

    def _pairs(self) -> pl.DataFrame:
        trivial = tables.trivial_pairs(self._results.keys, self._results.hard)
        scored = self._results.resolution.pairs.select("rid1", "rid2", *tables.SCORE_COLUMNS)
        return pl.concat([scored, trivial.cast(scored.schema)])

    @cached_property
    def _streamed(self) -> dict[str, Callable[[], str]]:
        """Tables with many rows for each record, as SELECTs over the view `er_records`."""
        used = self._results.resolution.used
        oversized = self._results.config.blocking.oversized
        return {
            "stitch_blocking_keys": lambda: blocking.keys_sql(used, "datasource, pk"),
            "stitch_blocks": lambda: blocking.blocks_sql(used, oversized),
        }

    def _keyed_records(self) -> pl.DataFrame:
        """The comparison records with the keys of their source records."""
        records = self._results.resolution.records
        return records.hstack(self._results.keys.select(*tables.KEYS)[records["rid"]])

    def _sql(self, name: str) -> str:
        sql = self._streamed[name]()
        return f"SELECT * FROM ({sql}) LIMIT 0" if name in self._skipped else sql

    def _selected(self, name: str, *order: str) -> pl.DataFrame:
        with self._connection() as con, registered(con, er_records=self._keyed_records()):
            return con.sql(self._sql(name)).pl().sort(order)

    def _blocklist_values(self) -> pl.DataFrame:
        blocklist = self._results.blocklist
        if blocklist is None:
            return pl.DataFrame(schema=BLOCKLIST_SCHEMA)
        return blocklist.select(*BLOCKLIST_SCHEMA).unique().sort(list(BLOCKLIST_SCHEMA))

    def _history(
        self, fresh: pl.DataFrame, earlier: pl.DataFrame | None, schema: Mapping[str, Any]
    ) -> pl.DataFrame:
        return identity_changes.history(fresh, earlier, schema, self._results.job)


def _skipped(config: StitchConfig) -> set[str]:
    """Tables that `outputs` switches off: they keep their schema and lose their rows, so that SQL
    over them still binds.

    Raises C360Error for a table that has to be there: without `unified_coalesced` the next run
    would give everybody a new id.
    """
    skipped = {name for name, wanted in config.outputs.items() if wanted is False}
    if "unified_changes" in skipped:
        skipped |= {"unified_changes_clusters", "unified_changes_pks"}
    needed = skipped - set(OPTIONAL_TABLES)
    if needed:
        raise C360Error(
            f"stitch.yaml: outputs cannot switch off {', '.join(sorted(needed))}; "
            f"tables that may be: {', '.join(OPTIONAL_TABLES)}"
        )
    return skipped


@dataclass(frozen=True)
class StitchResult:
    """`tables`: name -> frame, built when looked up. `seconds`: duration by step, in no table.
    `drift`: of a kept model.

    `fitted`: the generation in which the model was fitted. `model_warnings`: about its classes.
    """

    tables: StitchTables
    generation: int
    seconds: dict[str, float]
    jitter_alert: float
    drift: dict[str, float]
    fitted: int
    model_warnings: list[str]
    shipped_weights: str  # why they decide, empty where learned ones do
    control_warnings: list[str]  # about labels and lists that fit nothing

    @cached_property
    def figures(self) -> dict[str, float | int]:
        """The run's figures by name."""
        return metrics.summary(self.tables.metrics)

    @cached_property
    def alerts(self) -> list[str]:
        """Sentences about a run that moved more than it should."""
        moved = metrics.alerts(self.figures, self.jitter_alert)
        drifted = drift_warnings(self.drift)
        return [*self.control_warnings, *moved, *drifted, *self.model_warnings]
