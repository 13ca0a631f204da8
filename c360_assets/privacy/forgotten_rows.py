"""Which stored rows a request is still about, and which were forgotten once and hold values again.

Whom a request names is found by `people`; what is done with the rows belongs to `forget`.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from c360_assets.ingest.forgotten_stored import MODES, filled_rows, stored_rows
from c360_assets.privacy.identifiers import merge
from c360_assets.privacy.label_rows import rows_of_labels
from c360_assets.privacy.people import Finder, Found, Identifiers
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.suppression import Mode, Suppression, record_text


def find(
    session: Session, tenant: Tenant, asked: Identifiers, strategy: str, mode: str = ""
) -> tuple[Finder, Found]:
    """The rows that a request is about; for `delete_pii` those that are not blank yet.

    Labels that name records of theirs go with the records: blanked ones keep theirs.
    """
    finder = Finder(session, tenant, with_past=True)
    found = finder.find(asked, strategy)
    if mode == "delete_pii":
        return finder, _without_blank(finder, found, Suppression.of(tenant.root))
    merge(found.rows, rows_of_labels(finder, found.rows))
    return finder, found


def _without_blank(finder: Finder, found: Found, suppression: Suppression) -> Found:
    rows = {}
    for name, keys in found.rows.items():
        blanked = _forgotten_keys(finder, suppression, name, sorted(keys))["delete_pii"]
        meaning, source = finder.meanings[name], finder.source(name)
        columns = finder.columns(name)
        filled = filled_rows(finder.session.con, meaning, source, columns, blanked)
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


def _forgotten_keys(
    finder: Finder, suppression: Suppression, name: str, keys: Sequence[str]
) -> dict[Mode, pl.Series]:
    """Those of a source table's keys that were forgotten, by mode."""
    prefix = record_text(finder.name_of(name), "")
    texts = pl.Series("value", [f"{prefix}{key}" for key in keys], dtype=pl.String)
    hits = suppression.hits(finder.session.con, "record", texts)
    hits = hits.with_columns(key=pl.col("value").str.strip_prefix(prefix))
    return {mode: hits.filter(pl.col("mode") == mode)["key"] for mode in MODES}
