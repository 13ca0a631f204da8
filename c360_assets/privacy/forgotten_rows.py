"""Which stored rows a request is still about, and which were forgotten once and hold values again.

Whom a request names is found by `people`; what is done with the rows belongs to `forget`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import duckdb
import polars as pl

from c360_assets.ingest.forgotten_values import ForgottenValues, forgotten_values
from c360_assets.ingest.personal_columns import Meaning
from c360_assets.ingest.upsert import EPOCH
from c360_assets.privacy.people import Finder, Found, Identifiers
from c360_assets.semantics.column_types import DAY_BITS
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.suppression import Mode, Suppression, record_text

MODES: tuple[Mode, ...] = ("delete", "delete_pii")


def find(
    session: Session, tenant: Tenant, asked: Identifiers, strategy: str, mode: str = ""
) -> tuple[Finder, Found]:
    """The rows that a request is about; for `delete_pii` those that are not blank yet."""
    finder = Finder(session, tenant, with_past=True)
    found = finder.find(asked, strategy)
    if mode == "delete_pii":
        found = _without_blank(finder, found, Suppression.of(tenant.root))
    return finder, found


def _without_blank(finder: Finder, found: Found, suppression: Suppression) -> Found:
    rows = {}
    for name, keys in found.rows.items():
        blanked = _forgotten_keys(finder, suppression, name, sorted(keys))["delete_pii"]
        meaning, source = finder.meanings[name], finder.source(name)
        columns = finder.columns(name)
        filled = _filled(finder.session.con, meaning, source, columns, blanked)
        left = keys - set(blanked) | set(filled)
        if left:
            rows[name] = left
    return Found(rows, found.direct, found.ids if rows else [])


def returned_rows(finder: Finder, suppression: Suppression) -> dict[Mode, dict[str, set[str]]]:
    """Rows of source tables that loading would not take as they are, by mode.

    They came back with a backup: a key, an address or a number in them was forgotten, and was not
    let in again by the day of their delivery.
    """
    found: dict[Mode, dict[str, set[str]]] = {}
    for name, meaning in finder.tables.items():
        columns = finder.columns(name)
        rows = stored_rows(
            finder.session.con,
            suppression,
            finder.tenant,
            meaning,
            finder.source(name),
            columns,
        )
        for mode, keys in rows.items():
            found.setdefault(mode, {})[name] = keys
    return found


def stored_rows(
    con: duckdb.DuckDBPyConnection,
    suppression: Suppression,
    tenant: Tenant,
    meaning: Meaning,
    source: str,
    columns: Collection[str],
) -> dict[Mode, set[str]]:
    """Keys of the rows of a stored source table that are somebody's who was forgotten, by mode.

    `source` is a FROM item with these columns, `_pk` and `_updated`. What is blank already is
    not among them.
    """
    modes: dict[str, str] = {}
    for found in forgotten_values(con, suppression, tenant, meaning, source, columns):
        rows = _rows_with(con, source, found)
        if found.kind == "record":
            filled = _filled(con, meaning, source, columns, rows["pk"])
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


def _forgotten_keys(
    finder: Finder, suppression: Suppression, name: str, keys: Sequence[str]
) -> dict[Mode, pl.Series]:
    """Those of a source table's keys that were forgotten, by mode."""
    prefix = record_text(finder.name_of(name), "")
    texts = pl.Series("value", [f"{prefix}{key}" for key in keys], dtype=pl.String)
    hits = suppression.hits(finder.session.con, "record", texts)
    hits = hits.with_columns(key=pl.col("value").str.strip_prefix(prefix))
    return {mode: hits.filter(pl.col("mode") == mode)["key"] for mode in MODES}


def _filled(
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
