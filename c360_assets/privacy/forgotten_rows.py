"""Which stored rows a request is still about, and which were forgotten once and hold values again.

Whom a request names is found by `people`; what is done with the rows belongs to `forget`.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from c360_assets.privacy.people import Finder, Found, Identifiers
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.suppression import Mode, Suppression, record_text


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
        left = keys - set(blanked) | set(_not_blank(finder, name, blanked))
        if left:
            rows[name] = left
    return Found(rows, found.direct, found.ids if rows else [])


def returned_rows(finder: Finder, suppression: Suppression) -> dict[Mode, dict[str, set[str]]]:
    """Rows of source tables whose key was forgotten and that hold values again, by mode."""
    found: dict[Mode, dict[str, set[str]]] = {}
    for name in finder.tables:
        keys = finder.session.frame(f"SELECT _pk FROM {finder.source(name)}")["_pk"]
        forgotten = _forgotten_keys(finder, suppression, name, keys.to_list())
        for mode, own in forgotten.items():
            if mode == "delete_pii":
                own = _not_blank(finder, name, own)
            if len(own):
                found.setdefault(mode, {})[name] = set(own)
    return found


def _forgotten_keys(
    finder: Finder, suppression: Suppression, name: str, keys: Sequence[str]
) -> dict[Mode, pl.Series]:
    """Those of a source table's keys that were forgotten, by mode."""
    prefix = record_text(finder.name_of(name), "")
    texts = pl.Series("value", [f"{prefix}{key}" for key in keys], dtype=pl.String)
    hits = suppression.hits(finder.session.con, "record", texts)
    hits = hits.with_columns(key=pl.col("value").str.strip_prefix(prefix))
    modes: tuple[Mode, ...] = ("delete", "delete_pii")
    return {mode: hits.filter(pl.col("mode") == mode)["key"] for mode in modes}


def _not_blank(finder: Finder, name: str, keys: pl.Series) -> pl.Series:
    """Those of the rows that hold a value which blanking takes."""
    columns = finder.stored(name, finder.meanings[name].blanked)
    if not columns or keys.is_empty():
        return keys.clear()
    finder.session.register("_c360_returned", keys.rename("pk").to_frame())
    filled = " OR ".join(f'"{column}" IS NOT NULL' for column in columns)
    rows = finder.session.frame(
        f"SELECT _pk FROM {finder.source(name)} WHERE ({filled}) "
        "AND _pk IN (SELECT pk FROM _c360_returned)"
    )
    return rows["_pk"]
