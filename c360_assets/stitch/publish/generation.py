"""`stitch_generation`: what a published file has to say of itself so that a later run can take its
ids over.

Reading it back belongs to `previous`.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import duckdb
import polars as pl

from c360_assets.tenant.models import StitchConfig

GENERATION_SCHEMA = {
    "tenant_id": pl.String,
    "generation": pl.Int64,
    "model_generation": pl.Int64,
    "model_basis": pl.String,
    "settings": pl.String,
    "config": pl.String,
    "records": pl.Int64,
    "ids": pl.Int64,
    "keys": pl.String,
}
# Adds up the hashes of all (datasource, pk, amperity_id), so that a file of which rows were left
# out or changed is told from a whole one. MD5, as the engine's own hash changes with its version.
KEYS_SQL = """
    SELECT count(*) AS records, count(DISTINCT amperity_id) AS ids,
           printf('%016x', (coalesce(sum(md5_number_lower(
               concat_ws(chr(31), datasource, pk, amperity_id)
           )), 0) % 18446744073709551616)::UBIGINT) AS keys
    FROM {source}
"""


@dataclass(frozen=True)
class Provenance:
    """What a generation was made with: a digest of all that people set, and what the model was
    fitted on, as JSON. Lists of values are in the digest alone: they are personal."""

    settings: str = ""
    model_basis: str = ""


def generation_table(
    ids: pl.DataFrame,
    provenance: Provenance,
    con: duckdb.DuckDBPyConnection,
    *,
    tenant_id: UUID,
    generation: int,
    fitted: int,
    config: StitchConfig,
) -> pl.DataFrame:
    """The one row of `stitch_generation`.

    `ids`: datasource, pk, amperity_id of every record. `fitted`: the generation of the model.
    """
    con.register("_generation_ids", ids.to_arrow())
    counted = con.sql(KEYS_SQL.format(source="_generation_ids")).pl()
    con.unregister("_generation_ids")
    row = {
        "tenant_id": str(tenant_id),
        "generation": generation,
        "model_generation": fitted,
        "model_basis": provenance.model_basis,
        "settings": provenance.settings,
        "config": config.model_dump_json(exclude={"bad_values"}, exclude_defaults=True),
        **counted.row(0, named=True),
    }
    return pl.DataFrame([row], schema=GENERATION_SCHEMA)


def restamp(con: duckdb.DuckDBPyConnection, database: str) -> None:
    """Let a database file say again what it holds, after rows were taken out on request: its ids
    can then still be taken over. A file that never said it is left alone."""
    tables = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = 'main'",
        [database],
    ).fetchall()
    if not {("stitch_generation",), ("unified_coalesced",)} <= set(tables):
        return
    counted = KEYS_SQL.format(source=f"{database}.main.unified_coalesced")
    con.execute(
        f"UPDATE {database}.main.stitch_generation "
        f"SET records = c.records, ids = c.ids, keys = c.keys FROM ({counted}) AS c"
    )
