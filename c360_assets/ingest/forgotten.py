"""Rows of people who were forgotten, as they land again: left out, or blanked.

Between reading and judging a load, so that such a row is in no table, no log and no rate. Which
values were forgotten is for `forgotten_values` to say, what is personal in a table for
`personal_columns`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from c360_assets.ingest import upsert
from c360_assets.ingest.forgotten_cells import cell_hits, empty_cells, naming_keys
from c360_assets.ingest.forgotten_values import (
    ForgottenValues,
    column_text,
    forgotten_values,
    key_texts,
    known,
)
from c360_assets.ingest.incoming import INCOMING
from c360_assets.ingest.personal_columns import (
    CONTACTS,
    KEYED,
    Meaning,
    blanked_sql,
    foreign_key_form,
    meanings,
)
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.contact_forms import contact_forms
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.suppression import (
    Kind,
    Suppression,
    hashes,
    record_text,
)
from c360_assets.wording import counted

HITS = "_c360_forgotten"
KEY_HASHES = "_c360_key_hashes"
# Parts of a record that could not be read, as they may hold a key, an address or a number.
PARTS = r"[^\s,;|\"'<>]+"
CELLS = r"[^,;|\t\"]+"


# One row, and several, of a sentence.
OF_FORGOTTEN = ("row of people who were forgotten is", "rows of people who were forgotten are")


@dataclass(frozen=True)
class LeftOut:
    """Rows of one file that people who were forgotten had: left out, of them with an error, and
    loaded without their values; `cells` of rows of others that name them, emptied."""

    rows: int = 0
    erroneous: int = 0
    blanked: int = 0
    cells: int = 0


def leave_out(
    session: Session, tenant: Tenant, feed: FeedConfig, days: Sequence[date]
) -> dict[int, LeftOut]:
    """Take forgotten people's rows out of the incoming table; number of the file -> how many.

    `days` are the delivery days of the files, by number.
    """
    suppression = Suppression.of(tenant.root)
    if suppression.is_empty:
        return {}
    meaning = meanings(tenant)[feed.physical]
    session.register(
        "_c360_days",
        pl.DataFrame(
            {"_file": range(len(days)), "day": [day.isoformat() for day in days]},
            schema={"_file": pl.Int32, "day": pl.String},
        ),
    )
    try:
        left_out = _leave_out_rows(session, suppression, tenant, feed, meaning)
        cells = {}
        if not meaning.is_requests:
            cells = empty_cells(session, suppression, tenant, feed, meaning)
        return {
            file: replace(left_out.get(file, LeftOut()), cells=cells.get(file, 0))
            for file in sorted({*left_out, *cells})
        }
    finally:
        session.con.unregister("_c360_days")
        session.execute(f"DROP TABLE IF EXISTS {HITS}")


def _leave_out_rows(
    session: Session, suppression: Suppression, tenant: Tenant, feed: FeedConfig, meaning: Meaning
) -> dict[int, LeftOut]:
    _find(session, suppression, tenant, feed, meaning)
    counts = session.rows(
        f"SELECT _file, count(*) FILTER (mode = 'delete'), "
        f"count(*) FILTER (mode = 'delete' AND _error IS NOT NULL), "
        f"count(*) FILTER (mode <> 'delete') FROM {HITS} GROUP BY _file"
    )
    if not counts:
        return {}
    _blank(session, tenant, feed, meaning, suppression)
    session.execute(
        f"DELETE FROM {INCOMING} WHERE (_file, _row) IN "
        f"(SELECT (_file, _row) FROM {HITS} WHERE mode = 'delete')"
    )
    return {file: LeftOut(rows, wrong, blanked) for file, rows, wrong, blanked in counts}


def _find(
    session: Session,
    suppression: Suppression,
    tenant: Tenant,
    feed: FeedConfig,
    meaning: Meaning,
) -> None:
    """Fill `HITS` with file, row, error and mode of every row of somebody forgotten."""
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE {HITS}_all "
        "(_file INTEGER, _row BIGINT, _error VARCHAR, mode VARCHAR)"
    )
    source, columns = INCOMING, upsert.columns_of(feed)
    for found in forgotten_values(session.con, suppression, tenant, meaning, source, columns):
        _add(session, found)
    if not meaning.is_requests:
        _add_unreadable(session, suppression, tenant, feed, meaning)
        for found in naming_keys(session, suppression, tenant, feed, meaning):
            _add(session, found)
    # A row may be hit by its key and by its address; a key that keeps its blanked row decides.
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE {HITS} AS SELECT _file, _row, any_value(_error) AS _error, "
        f"max(mode) AS mode FROM {HITS}_all GROUP BY _file, _row"
    )
    session.execute(f"DROP TABLE {HITS}_all")


def _add_unreadable(
    session: Session,
    suppression: Suppression,
    tenant: Tenant,
    feed: FeedConfig,
    meaning: Meaning,
) -> None:
    """Rows with an error, by any part of their text: it would stand in the log."""
    rejected = session.frame(
        f"SELECT DISTINCT _raw AS value FROM {INCOMING} WHERE _raw IS NOT NULL"
    )
    if rejected.is_empty():
        return
    parts = rejected.with_columns(part=pl.col("value").str.extract_all(PARTS)).explode("part")
    parts = parts.drop_nulls("part")
    texts: list[tuple[Kind, pl.DataFrame]] = [
        ("record", parts.select("value", text=pl.lit(record_text(feed.name, "")) + pl.col("part")))
    ]
    session.register("_c360_parts", parts)
    for _, tag in meaning.foreign_keys:
        form = foreign_key_form(tenant, "part", tag)
        forms = session.frame(f"SELECT value, {form} AS form FROM _c360_parts")
        texts.append(("fk", key_texts(forms, tag)))
    session.con.unregister("_c360_parts")
    for kind in CONTACTS:
        forms = contact_forms(kind, parts["part"], tenant.home)
        forms = forms.rename({"value": "part", "form": "text"})
        texts.append((kind, parts.join(forms, on="part")))
    _add_naming_texts(session, suppression, tenant, rejected["value"])
    for own_kind, own in texts:
        found = known(session.con, suppression, own_kind, column_text("_raw"), own)
        if found is not None:
            _add(session, found)


def _add_naming_texts(
    session: Session, suppression: Suppression, tenant: Tenant, raw: pl.Series
) -> None:
    """The same by an address or number within blanks, and by cells that were emptied once."""
    cells = raw.to_frame("value").with_columns(cell=pl.col("value").str.extract_all(CELLS))
    cells = cells.explode("cell").drop_nulls("cell")
    cells = cells.with_columns(cell=pl.col("cell").str.strip_chars())
    hits = cell_hits(session, suppression, tenant, cells["cell"].unique())
    named = cells.join(hits.rename({"value": "cell"}), on="cell")
    if named.height:
        named = named.select("value", "allowed_from", mode=pl.lit("delete"))
        _add(session, ForgottenValues("record", column_text("_raw"), named.unique()))


def _add(session: Session, found: ForgottenValues) -> None:
    """Add the rows in whose column one of the values stands."""
    session.register("_c360_hits", found.hits)
    rows = f"SELECT _file, _row, _error, {found.text_sql} AS _c360_text FROM {INCOMING}"
    session.execute(
        f"INSERT INTO {HITS}_all SELECT i._file, i._row, i._error, h.mode FROM ({rows}) i "
        "JOIN _c360_hits h ON i._c360_text = h.value "
        "JOIN _c360_days d ON d._file = i._file "
        "WHERE h.allowed_from = '' OR d.day < h.allowed_from"
    )
    session.con.unregister("_c360_hits")


def _blank(
    session: Session,
    tenant: Tenant,
    feed: FeedConfig,
    meaning: Meaning,
    suppression: Suppression,
) -> None:
    """Take the values out of rows that are kept; their key is made anew of what is left."""
    kept = f"(_file, _row) IN (SELECT (_file, _row) FROM {HITS} WHERE mode <> 'delete')"
    ((rows,),) = session.rows(f"SELECT count(*) FROM {INCOMING} WHERE {kept}")
    if not rows:
        return
    types = upsert.columns_of(feed)
    key = upsert.key_sql({name: types[name] for name in feed.primary_key})
    with_key_hashes(session, suppression, meaning, types, f"{INCOMING} WHERE {kept}")
    changes = {**blanked_sql(meaning, types), "_raw": "NULL"}
    assigned = ", ".join(f"{quote_ident(name)} = {sql}" for name, sql in changes.items())
    session.execute(f"UPDATE {INCOMING} SET {assigned} WHERE {kept}")
    session.execute(f"UPDATE {INCOMING} SET _pk = {key} WHERE {kept}")
    digest = upsert.uuid_digest_sql(tenant.config.id, feed.name)
    uuid = upsert.uuid_sql("_digest")
    session.execute(
        f"UPDATE {INCOMING} SET _uuid_pk = u.id FROM (SELECT _file, _row, {uuid} AS id FROM "
        f"(SELECT _file, _row, {digest} AS _digest FROM {INCOMING} WHERE {kept})) u "
        f"WHERE {INCOMING}._file = u._file AND {INCOMING}._row = u._row"
    )
    session.execute(f"DROP TABLE {KEY_HASHES}")


def with_key_hashes(
    session: Session,
    suppression: Suppression,
    meaning: Meaning,
    types: Mapping[str, str],
    source: str,
) -> None:
    """Make the table of keys and their hashes that `blanked_sql` reads, of the rows of `source`."""
    frames = [
        session.frame(f"SELECT DISTINCT {form} AS value FROM {source}")
        for name, form in meaning.hashed.items()
        if types.get(name) == "VARCHAR"
    ]
    empty = pl.DataFrame(schema={"value": pl.String})
    values = pl.concat([empty, *frames]).drop_nulls().unique()["value"]
    # The first key, so that the hash of a customer number is one in all tables after a rotation.
    key = suppression.keys[min(suppression.keys)]
    hashed = pl.DataFrame({"value": values, "hash": hashes(session.con, key, KEYED, values)})
    session.register("_c360_hashed", hashed)
    session.execute(f"CREATE OR REPLACE TEMP TABLE {KEY_HASHES} AS SELECT * FROM _c360_hashed")
    session.con.unregister("_c360_hashed")


def sentences(counts: LeftOut) -> list[str]:
    """What is said about a file."""
    said = []
    if counts.rows:
        said.append(f"{counted(counts.rows, *OF_FORGOTTEN)} not loaded")
    if counts.cells:
        texts = counted(counts.cells, "text that names", "texts that name")
        said.append(f"{texts} people who were forgotten, in rows of others, left empty")
    if counts.blanked:
        said.append(f"{counted(counts.blanked, *OF_FORGOTTEN)} loaded blank")
    return said
