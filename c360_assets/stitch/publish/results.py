"""What a run of Stitch found, and the documented tables, each built when it is asked for.

Nobody needs all tables at once: a writer takes one, writes it and lets it go, a notebook asks for one or two. Column selection
and sort orders are `tables`, figures `quality`, histories `changes`; which records belong together is decided before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.cluster.stable_ids import Previous, StableIds
from c360_assets.stitch.compare import blocking
from c360_assets.stitch.compare.comparison_records import registered
from c360_assets.stitch.prepare.preprocessing import Preprocessed
from c360_assets.stitch.publish import identity_changes as changes
from c360_assets.stitch.publish import metrics as quality
from c360_assets.stitch.publish import tables
from c360_assets.stitch.resolve import Resolution
from c360_assets.stitch.score.stored_model import drift_warnings
from c360_assets.tenant.models import StitchConfig
from c360_assets.tenant.stitch import OPTIONAL_TABLES

BLOCKLIST_SCHEMA = {"datasource": pl.String, "semantic": pl.String, "value": pl.String}
NO_GENERATION = Previous(pl.DataFrame(), pl.DataFrame(), 0)


@dataclass(frozen=True)
class Found:
    """The results of the stages, from which the tables are built.

    `raw`: the records as received. `representatives`: preprocessed. `hard`: representatives by equal profile alone. The frame of
    `clean` holds rid, datasource, pk, fk_… and rep of every record. `fitted`: the generation in which the model was fitted.
    """

    raw: pl.DataFrame
    representatives: pl.DataFrame
    hard: pl.Series
    clean: Preprocessed
    resolution: Resolution
    stable: StableIds
    config: StitchConfig
    previous: Previous | None
    job: changes.Job
    blocklist: pl.DataFrame | None
    fitted: int


class StitchTables(Mapping[str, pl.DataFrame]):
    """The documented tables by name, sorted; each look-up builds the table anew. Raises C360Error without record values."""

    def __init__(self, found: Found, con: duckdb.DuckDBPyConnection | None) -> None:
        self._found = found
        # Tables outlive the connection that the matching ran on, but keep to its memory and its place for spilling.
        self._settings: dict[str, Any] = {}
        if con is not None:
            row = con.execute(
                "SELECT current_setting('temp_directory'), current_setting('memory_limit')"
            ).fetchall()[0]
            self._settings = dict(zip(("temp_directory", "memory_limit"), row, strict=True))
        self._skipped = _skipped(found.config)

    def __getitem__(self, name: str) -> pl.DataFrame:
        try:
            frame = self._builders[name]()
        except (
            pl.exceptions.PolarsError,
            duckdb.Error,
        ) as error:  # their texts quote values of records
            raise C360Error(f"Stitch failed at the table {name} ({type(error).__name__})") from None
        return frame.clear() if name in self._skipped else frame

    @contextmanager
    def source(self, name: str, con: duckdb.DuckDBPyConnection) -> Iterator[str | pl.DataFrame]:
        """The table as a writer takes it: a SELECT on the connection where the rows need never be in memory together."""
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
        found, resolution = self._found, self._found.resolution
        return {
            "unified_coalesced": self._unified,
            "unified_preprocessed_raw": self._preprocessed,
            "unified_customer": lambda: tables.unified_customer(
                self._unified(), found.clean.removed, found.config.clustering.supersized.min_size
            ),
            "unified_scores": lambda: tables.unified_scores(self._pairs(), self.groups),
            "stitch_scores": lambda: tables.stitch_scores(self._pairs(), self.groups),
            "stitch_blocking_keys": lambda: self._selected(
                "stitch_blocking_keys", "strategy", "bk", *tables.KEYS
            ),
            "stitch_blocks": lambda: self._selected("stitch_blocks", "strategy", "bk"),
            "stitch_strategies": lambda: resolution.strategies,
            "stitch_badvalues": lambda: found.clean.badvalues,
            "stitch_blocklistvalues": self._listed,
            "stitch_removed_values": lambda: found.clean.removed,
            "stitch_model": lambda: resolution.model.with_columns(
                generation=pl.lit(found.fitted, pl.Int64)
            ),
            "stitch_decisions": lambda: tables.decisions(resolution.decisions, found.clean.frame),
            "identity_graph": lambda: tables.identity_graph(self._accounts()),
            "cluster_fks": lambda: tables.cluster_fks(found.clean.frame, self.groups),
            "stitch_ids": lambda: found.stable.registry,
            "unified_changes_clusters": lambda: self._history(
                "clusters", "changes_clusters", changes.CLUSTER_SCHEMA
            ),
            "unified_changes_pks": lambda: self._history("pks", "changes_pks", changes.PK_SCHEMA),
            "stitch_identity_changes": lambda: self._history(
                "identities", "identity_changes", changes.IDENTITY_SCHEMA
            ),
            "stitch_metrics": lambda: self.metrics,
        }

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for the moment."""
        with duckdb.connect(config=self._settings) as con:
            yield con

    @cached_property
    def groups(self) -> pl.DataFrame:
        """What was decided about each record; see `tables.record_groups`."""
        found = self._found
        with self._connection() as con:
            return tables.record_groups(
                found.clean.frame, found.stable.ids["amperity_id"], found.resolution.clusters, con
            )

    @cached_property
    def changed(self) -> changes.Changes:
        """What differs from the previous generation."""
        previous = self._found.previous
        return changes.compare(self._found.stable.ids, previous.ids if previous else None)

    @cached_property
    def metrics(self) -> pl.DataFrame:
        """The table `stitch_metrics`."""
        resolution = self._found.resolution
        linked = resolution.pairs.filter(
            pl.col("score") >= self._found.config.matching.threshold
        ).height
        inside = tables.inside_pairs(self._pairs(), self.groups)
        pairs = quality.Pairs(resolution.figures["compared_pairs"], linked)
        return quality.stitch_metrics(
            self._accounts(), inside, pairs, self.changed.counts, self.changed.identities
        )

    def _accounts(self) -> pl.DataFrame:
        return self.groups.hstack(self._found.raw.select("ck"))

    def _unified(self) -> pl.DataFrame:
        return tables.unified_coalesced(self._found.raw, self.groups, self._found.clean.flags)

    def _preprocessed(self) -> pl.DataFrame:
        with self._connection() as con:
            return tables.unified_preprocessed_raw(self._found.representatives, self.groups, con)

    def _pairs(self) -> pl.DataFrame:
        trivial = tables.trivial_pairs(self._found.clean.frame, self._found.hard)
        scored = self._found.resolution.pairs.select("rid1", "rid2", *tables.SCORE_COLUMNS)
        return pl.concat([scored, trivial.cast(scored.schema)])

    @cached_property
    def _streamed(self) -> dict[str, Callable[[], str]]:
        """Tables with many rows for each record, as SELECTs over the view `er_records`."""
        used, oversized = self._found.resolution.used, self._found.config.blocking.oversized
        return {
            "stitch_blocking_keys": lambda: blocking.keys_sql(used, "datasource, pk"),
            "stitch_blocks": lambda: blocking.blocks_sql(used, oversized),
        }

    def _keyed_records(self) -> pl.DataFrame:
        """The comparison records with the keys of their source records."""
        records = self._found.resolution.records
        return records.hstack(self._found.clean.frame.select(*tables.KEYS)[records["rid"]])

    def _sql(self, name: str) -> str:
        sql = self._streamed[name]()
        return f"SELECT * FROM ({sql}) LIMIT 0" if name in self._skipped else sql

    def _selected(self, name: str, *order: str) -> pl.DataFrame:
        with self._connection() as con, registered(con, er_records=self._keyed_records()):
            return con.sql(self._sql(name)).pl().sort(order)

    def _listed(self) -> pl.DataFrame:
        listed = self._found.blocklist
        if listed is None:
            return pl.DataFrame(schema=BLOCKLIST_SCHEMA)
        return listed.select(*BLOCKLIST_SCHEMA).unique().sort(list(BLOCKLIST_SCHEMA))

    def _history(self, new: str, old: str, schema: Mapping[str, Any]) -> pl.DataFrame:
        before = self._found.previous or NO_GENERATION
        return changes.history(
            getattr(self.changed, new), getattr(before, old), schema, self._found.job
        )


def _skipped(config: StitchConfig) -> set[str]:
    """Tables that `outputs` switches off: they keep their schema and lose their rows, so that SQL over them still binds.

    Raises C360Error for a table that has to be there: without `unified_coalesced` the next run would give everybody a new id.
    """
    skipped = {name for name, wanted in config.outputs.items() if wanted is False}
    if "unified_changes" in skipped:
        skipped |= {"unified_changes_clusters", "unified_changes_pks"}
    if wrong := skipped - set(OPTIONAL_TABLES):
        raise C360Error(
            f"stitch.yaml: outputs cannot switch off {', '.join(sorted(wrong))}; tables that may be: {', '.join(OPTIONAL_TABLES)}"
        )
    return skipped


@dataclass(frozen=True)
class StitchResult:
    """`tables`: name -> frame, built when looked up. `seconds`: duration by step, in no table. `drift`: of a kept model.

    `fitted`: the generation in which the model was fitted.
    """

    tables: StitchTables
    generation: int
    seconds: dict[str, float]
    jitter_alert: float
    drift: dict[str, float]
    fitted: int

    @cached_property
    def figures(self) -> dict[str, float | int]:
        """The run's figures by name."""
        return quality.summary(self.tables.metrics)

    @cached_property
    def alerts(self) -> list[str]:
        """Sentences about a run that moved more than it should."""
        return [*quality.alerts(self.figures, self.jitter_alert), *drift_warnings(self.drift)]
