"""Stored rows held against the memory of who was forgotten: which are somebody's, and how they are
blanked. Of a custom domain table too, as it is made.

Rows that land are judged in `forgotten`, and what was forgotten in a table's values is for
`forgotten_values` to say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import duckdb
import polars as pl

from c360_assets.ingest.custom_tables import computed_columns, custom_table_name
from c360_assets.ingest.forgotten import KEY_HASHES, OF_FORGOTTEN, with_key_hashes
from c360_assets.ingest.forgotten_values import ForgottenValues, forgotten_values
from c360_assets.ingest.personal_columns import Meaning, blanked_sql, meanings
from c360_assets.ingest.upsert import EPOCH, key_sql, uuid_digest_sql, uuid_sql
from c360_assets.semantics.column_types import DAY_BITS
from c360_assets.tenant.models import CustomTable, Tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.suppression import Kind, Mode, Suppression
from c360_assets.wording import counted

MODES: tuple[Mode, ...] = ("delete", "delete_pii")
COMPUTED = "_c360_computed"
GONE, BLANKED = "_c360_computed_gone", "_c360_computed_blanked"
EVERY_KIND: tuple[Kind, ...] = ("record", "fk", "email", "phone", "request")


def stored_rows(
    con: duckdb.DuckDBPyConnection,
    suppression: Suppression,
    tenant: Tenant,
    meaning: Meaning,
    source: str,
    columns: Collection[str],
    kinds: Collection[Kind] = EVERY_KIND,
) -> dict[Mode, set[str]]:
    """Keys of the rows of a stored source table that are somebody's who was forgotten, by mode.

    `source` is a FROM item with these columns, `_pk` and `_updated`. What is blank already is
    not among them. `kinds` are those of the identifiers that count.
    """
    modes: dict[str, str] = {}
    for found in forgotten_values(con, suppression, tenant, meaning, source, columns):
        if found.kind not in kinds:
            continue
        rows = _rows_with(con, source, found)
        if found.kind == "record":
            filled = filled_rows(con, meaning, source, columns, rows["pk"])
            rows = rows.filter((pl.col("mode") == "delete") | pl.col("pk").is_in(filled.implode()))
        for pk, mode in rows.iter_rows():
            # As at loading: a key that keeps its blanked row decides.
            modes[pk] = max(mode, modes.get(pk, ""))
    by_mode: dict[Mode, set[str]] = {
        mode: {pk for pk, own in modes.items() if own == mode} for mode in MODES
    }
    return {mode: keys for mode, keys in by_mode.items() if keys}


def _rows_with(con: duckdb.DuckDBPyConnection, source: str, found: ForgottenValues) -> pl.DataFrame:
    """Columns pk and mode of the rows with one of the values that were delivered before it was let
    in again. Rows of a custom table have no day: what they are computed from decides."""
    con.register("_c360_known", found.hits.to_arrow())
    day = f"CAST(DATE '{EPOCH}' + CAST(_updated >> {DAY_BITS} AS INTEGER) AS VARCHAR)"
    try:
        return con.sql(
            "SELECT DISTINCT r._pk AS pk, h.mode "
            f"FROM (SELECT _pk, _updated, {found.text_sql} AS _c360_text FROM {source}) r "
            "JOIN _c360_known h ON r._c360_text = h.value "
            f"WHERE h.allowed_from = '' OR (_updated > 0 AND {day} < h.allowed_from)"
        ).pl()
    finally:
        con.unregister("_c360_known")


def filled_rows(
    con: duckdb.DuckDBPyConnection,
    meaning: Meaning,
    source: str,
    columns: Collection[str],
    keys: pl.Series,
) -> pl.Series:
    """Those of the rows that hold a value which blanking takes."""
    blanked = [column for column in meaning.blanked if column in columns]
    if not blanked or keys.is_empty():
        return keys.clear()
    con.register("_c360_returned", keys.rename("pk").to_frame().to_arrow())
    filled = " OR ".join(f"{quote_ident(column)} IS NOT NULL" for column in blanked)
    try:
        return con.sql(
            f"SELECT _pk FROM {source} WHERE ({filled}) AND _pk IN (SELECT pk FROM _c360_returned)"
        ).pl()["_pk"]
    finally:
        con.unregister("_c360_returned")


def leave_out_computed(session: Session, tenant: Tenant, table: CustomTable) -> list[str]:
    """Take people who were forgotten out of a custom table that was made just now, as loading takes
    them out of feeds; returns what is to be said.

    Rows of feeds are known by their own keys and values. A key that the SQL makes of several rows,
    or tables, is known here only: those rows stay in their feeds.
    """
    suppression = Suppression.of(tenant.root)
    meaning = meanings(tenant)[table.physical] if not suppression.is_empty else None
    if meaning is None or meaning.is_requests:
        return []
    asset = custom_table_name(table)
    state = session.built(asset)
    session.bind(asset, COMPUTED)
    kinds = _kinds_of(tenant, table)
    con, columns = session.con, state.columns
    rows = stored_rows(con, suppression, tenant, meaning, COMPUTED, columns, kinds)
    if not rows:
        return []
    gone, blank = (sorted(rows.get(mode, ())) for mode in MODES)
    for name, keys in ((GONE, gone), (BLANKED, blank)):
        session.register(name, pl.DataFrame({"pk": keys}, schema={"pk": pl.String}))
    left = f"(SELECT * FROM {COMPUTED} WHERE _pk NOT IN (SELECT pk FROM {GONE}))"
    select = f"SELECT * FROM {left}"
    if blank:
        theirs = f"_pk IN (SELECT pk FROM {BLANKED})"
        select = blanked_select(session, tenant, suppression, meaning, columns, left, theirs)
    session.write(
        asset, select, fingerprint=state.fingerprint, figures=state.figures, columns=dict(columns)
    )
    session.execute(f"DROP TABLE IF EXISTS {KEY_HASHES}")
    what = [(gone, "left out"), (blank, "blank")]
    return [
        f"{table.name}: {counted(len(keys), *OF_FORGOTTEN)} {outcome}; a row of a feed that such a "
        "one is made of, and that is known by no key of its own, stays in its table"
        for keys, outcome in what
        if keys
    ]


def _kinds_of(tenant: Tenant, table: CustomTable) -> list[Kind]:
    """The identifiers by which rows of a custom table are known.

    Where each is made of one row of a feed, that row's own key decides, which may be let in again.
    """
    ways = computed_columns(tenant, table)
    is_of_one_row = all(ways.get(column) for column in table.config.primary_key)
    return [kind for kind in EVERY_KIND if kind != "record" or not is_of_one_row]


def blanked_select(
    session: Session,
    tenant: Tenant,
    suppression: Suppression,
    meaning: Meaning,
    columns: Mapping[str, str],
    source: str,
    theirs: str,
) -> str:
    """SQL for all rows of a source table, of which those where `theirs` holds lose what is personal
    in them; their keys are made anew where they were personal. It reads `KEY_HASHES`, which is made
    here and the caller drops.
    """
    table = meaning.table
    with_key_hashes(session, suppression, meaning, columns, f"{source} WHERE {theirs}")
    changes = blanked_sql(meaning, columns)
    kept = [name for name in columns if name not in ("_pk", "_uuid_pk")]
    blanked = ", ".join(
        f"{changes[name]} AS {quote_ident(name)}" if name in changes else quote_ident(name)
        for name in kept
    )
    listed = ", ".join(quote_ident(name) for name in kept)
    key = key_sql({name: columns[name] for name in table.primary_key})
    digest = uuid_digest_sql(tenant.config.id, table.name)
    everything = ", ".join(quote_ident(name) for name in columns)
    return f"""
        WITH theirs AS (SELECT {blanked} FROM {source} WHERE {theirs}),
        keyed AS (SELECT *, {key} AS _pk FROM theirs),
        hashed AS (SELECT *, {digest} AS _digest FROM keyed),
        named AS (SELECT {listed}, _pk, {uuid_sql("_digest")} AS _uuid_pk FROM hashed)
        SELECT {everything} FROM {source} WHERE NOT ({theirs})
        UNION ALL SELECT {everything} FROM named"""
