"""Stable ids: which cluster carries which `amperity_id` of yesterday, and new ids for the rest.

After Yan, Meyles, Haghighi, Suciu, "Entity Matching in the Wild" (SIGMOD 2020): greedy one-to-one
matching on the overlap of previous and current clusters. Unlike there, an id is never handed to a
cluster that shares no record with its former owner. What changed between the two clusterings
belongs to `identity_changes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.prepare.union import in_key_order

# Two SHA-1 prefixes do not meet in practice; the limit only keeps a defect from looping.
SALTS = 8
SLICE = 65_536  # names hashed at a time: their hashes as text take ten times the room of an id


@dataclass(frozen=True)
class Previous:
    """What the previous generation left behind, an explicit input of the next one.

    `ids`: datasource, pk, amperity_id (one row per source record). `registry`: amperity_id,
    first_generation, last_generation (NULL while in use), every id ever given. `changes_clusters`,
    `changes_pks`, `identity_changes`: the history tables as they stand, `households`: the table
    `stitch_households`; None where there is none. `ended_records`: the table
    `stitch_ended_records`. `records`, `labels`, `settings`: by what causes of changes are told, see
    `causes`. `benchmarks`: the table `stitch_benchmarks`.
    """

    ids: pl.DataFrame
    registry: pl.DataFrame
    generation: int
    changes_clusters: pl.DataFrame | None = None
    changes_pks: pl.DataFrame | None = None
    identity_changes: pl.DataFrame | None = None
    households: pl.DataFrame | None = None
    ended_records: pl.DataFrame | None = None
    records: pl.DataFrame | None = None
    labels: pl.DataFrame | None = None
    settings: str = ""
    benchmarks: pl.DataFrame | None = None

    @property
    def last_generation(self) -> int:
        """The generation, or a later one that the registry names: numbers are never used again."""
        if not self.registry.height:
            return self.generation
        named = pl.concat([self.registry["first_generation"], self.registry["last_generation"]])
        latest: int = named.cast(pl.Int64).fill_null(0).sort().item(-1)
        return max(self.generation, latest)

    def whole_registry(self) -> pl.DataFrame:
        """The registry, and ids in use that it lacks: one of those given again would name two
        people."""
        registry = self.registry.select(list(REGISTRY_SCHEMA)) if self.registry.width else None
        if registry is None:
            registry = pl.DataFrame(schema=REGISTRY_SCHEMA)
        in_use = self.ids.select("amperity_id").unique()
        lacking = in_use.join(registry, on="amperity_id", how="anti").with_columns(
            first_generation=pl.lit(self.last_generation, pl.Int64),
            last_generation=pl.lit(None, pl.Int64),
        )
        return pl.concat([registry, lacking])


REGISTRY_SCHEMA = {
    "amperity_id": pl.String,
    "first_generation": pl.Int64,
    "last_generation": pl.Int64,
}


@dataclass(frozen=True)
class StableIds:
    """`ids`: datasource, pk, cluster, amperity_id per source record.

    `registry`: every id ever given, this run's included.
    """

    ids: pl.DataFrame
    registry: pl.DataFrame
    generation: int


def assign_ids(
    clusters: pl.DataFrame,
    previous: Previous | None,
    tenant_id: UUID,
    con: duckdb.DuckDBPyConnection,
    *,
    keep: bool = True,
) -> StableIds:
    """Give every cluster its id.

    `clusters`: datasource, pk, cluster (any integer), one row per source record. With `keep=False`
    no previous id is carried over. The generation is the previous one plus 1. The result is sorted
    by (datasource, pk).
    """
    generation = (previous.last_generation if previous else 0) + 1
    records = in_key_order(clusters).with_row_index("_position")
    # A cluster is known by its first record, so that numbering of clusters by the matcher cannot
    # matter.
    records = records.with_columns(pl.col("_position").min().over("cluster").alias("_first"))
    is_first = pl.col("_position") == pl.col("_first")
    first_records = records.filter(is_first).select("_first", "datasource", "pk")
    if previous and keep:
        current = records.select("datasource", "pk", cluster="_first")
        kept = map_ids(current, previous.ids, previous.ended_records)
    else:
        kept = pl.DataFrame(schema={"cluster": records.schema["_first"], "amperity_id": pl.String})
    named = first_records.join(kept, left_on="_first", right_on="cluster", how="left")
    named = named.sort("_first")
    registry = _registry_before(previous)
    fresh = named.filter(pl.col("amperity_id").is_null()).select("_first", "datasource", "pk")
    new_ids = derive_ids(fresh, registry["amperity_id"], tenant_id, generation, con)
    fresh = fresh.select("_first", new_ids.alias("new_id"))
    named = named.join(fresh, on="_first", how="left").select(
        "_first", amperity_id=pl.coalesce("amperity_id", "new_id")
    )
    matched = records.select("_first").join(named, on="_first", how="left", maintain_order="left")
    ids = records.select("datasource", "pk", "cluster")
    ids = ids.with_columns(matched.get_column("amperity_id"))
    return StableIds(ids, _register(registry, named["amperity_id"], generation), generation)


def _registry_before(previous: Previous | None) -> pl.DataFrame:
    if previous is None:
        return pl.DataFrame(schema=REGISTRY_SCHEMA)
    return previous.whole_registry()


def registered_ids(previous: Previous | None, live: pl.Series, generation: int) -> pl.DataFrame:
    """The registry after a generation that gives the ids `live`; one that ended before and is given
    again, as its name says, is in use again."""
    registry = _registry_before(previous)
    again = pl.col("amperity_id").is_in(live.implode())
    in_use = pl.when(~again).then("last_generation").alias("last_generation")
    return _register(registry.with_columns(in_use), live, generation)


def map_ids(
    current: pl.DataFrame, previous_ids: pl.DataFrame, ended_records: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Current cluster -> previous id, one to one, only where they share a record: columns cluster,
    amperity_id.

    `current`: datasource, pk, cluster, where the cluster's number orders clusters by their smallest
    key. Edges are taken by shared records descending, then by those of them that came from no ended
    id, so that a merge which is undone gives the id back to whose it was, then by previous id and
    cluster; an edge is dropped once a better one touched either end. Taking in each round every
    edge that is the best at both its ends gives the same result as one pass over the sorted edges.
    Unchanged sets need no step of their own: their edge is the only one at both ends.
    """
    edges = (
        current.join(_with_origin(previous_ids, ended_records), on=["datasource", "pk"])
        .group_by("amperity_id", "cluster")
        .agg(pl.len().alias("shared"), pl.col("is_own").sum().alias("own"))
        .sort(["shared", "own", "amperity_id", "cluster"], descending=[True, True, False, False])
        .with_row_index("rank")
    )
    taken = []
    while edges.height:
        best = pl.col("rank").min()
        is_best_of_id = pl.col("rank") == best.over("amperity_id")
        is_best_of_cluster = pl.col("rank") == best.over("cluster")
        mutual = edges.filter(is_best_of_id & is_best_of_cluster)
        taken.append(mutual.select("cluster", "amperity_id"))
        edges = edges.join(mutual, on="amperity_id", how="anti")
        edges = edges.join(mutual, on="cluster", how="anti")
    return pl.concat(taken) if taken else edges.select("cluster", "amperity_id")


def _with_origin(previous_ids: pl.DataFrame, ended_records: pl.DataFrame | None) -> pl.DataFrame:
    """The previous ids of records, and whether a record came to its id from no other."""
    keys = previous_ids.select("datasource", "pk", "amperity_id")
    if ended_records is None or not ended_records.height:
        return keys.with_columns(is_own=pl.lit(True))
    came = ended_records.select("datasource", "pk").unique().with_columns(is_own=pl.lit(False))
    with_origin = keys.join(came, on=["datasource", "pk"], how="left")
    return with_origin.with_columns(pl.col("is_own").fill_null(True))


def derive_ids(
    names: pl.DataFrame,
    registry: pl.Series,
    tenant_id: UUID,
    generation: int,
    con: duckdb.DuckDBPyConnection,
) -> pl.Series:
    """A UUIDv5 per row of `names`, in row order, that is not in `registry`.

    `names` holds datasource and pk of each cluster's first record.
    """
    given: pl.Series = pl.Series("amperity_id", [None] * names.height, dtype=pl.String)
    texts = names.select(
        pl.concat_str(pl.lit(str(generation)), "datasource", "pk", separator="\x1f").alias("name")
    )
    for salt in range(SALTS):
        salted = texts["name"] if salt == 0 else texts["name"] + f"\x1f{salt}"
        ids = uuid5(salted, tenant_id, con)
        is_taken = ids.is_in(registry.implode()) | ids.is_duplicated()
        free_ids = pl.select(pl.when(~is_taken).then(ids)).to_series()
        given = given.zip_with(given.is_not_null(), free_ids).alias("amperity_id")
        if given.null_count() == 0:
            return given
    raise C360Error(
        f"{given.null_count()} new ids are taken already; "
        "the id registry does not belong to this tenant"
    )


def uuid5(names: pl.Series, namespace: UUID, con: duckdb.DuckDBPyConnection) -> pl.Series:
    """`uuid.uuid5(namespace, name)` of every name, in order, without a loop over names."""
    # RFC 4122: digit 13 is the version, digit 17 holds the variant in its two highest bits.
    sql = """
        WITH hashed AS (SELECT i, sha1(from_hex($namespace) || encode(name)) AS h FROM _uuid5_names)
        SELECT concat_ws('-', h[1:8], h[9:12], '5' || h[14:16],
                         translate(h[17], '0123456789abcdef', '89ab89ab89ab89ab') || h[18:20],
                         h[21:32]) AS id
        FROM hashed ORDER BY i"""
    parts = [pl.Series([], dtype=pl.String)]
    for part in pl.DataFrame({"name": names}).iter_slices(SLICE):
        con.register("_uuid5_names", part.with_row_index("i").to_arrow())
        parts.append(con.sql(sql, params={"namespace": namespace.hex}).pl()["id"])
        con.unregister("_uuid5_names")
    return pl.concat(parts).alias("amperity_id")


def _register(registry: pl.DataFrame, live: pl.Series, generation: int) -> pl.DataFrame:
    """The registry after this generation.

    New ids enter, ids that are no longer in use get their last generation.
    """
    fresh = pl.DataFrame({"amperity_id": live}).join(registry, on="amperity_id", how="anti")
    fresh = fresh.with_columns(
        first_generation=pl.lit(generation, pl.Int64), last_generation=pl.lit(None, pl.Int64)
    )
    is_live = pl.col("amperity_id").is_in(live.implode())
    is_retired = ~is_live & pl.col("last_generation").is_null()
    last_in_use = pl.lit(generation - 1, pl.Int64)
    ended = registry.with_columns(
        last_generation=pl.when(is_retired).then(last_in_use).otherwise("last_generation")
    )
    whole = pl.concat([ended, fresh.select(list(REGISTRY_SCHEMA))])
    return whole.sort("amperity_id")
