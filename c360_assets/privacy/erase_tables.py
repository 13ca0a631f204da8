"""Takes people out of tables, whatever the table: by the keys that its columns are, then by values.

Works on any relation with named columns, a table of the warehouse or of a database file, so that a
stage that is added later is cleaned like the others. A derived table is left as if the rows had
gone; what it adds up is right again when the next run builds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import polars as pl

from c360_assets.ingest.forgotten import KEY_HASHES, with_key_hashes
from c360_assets.ingest.personal_columns import Meaning, blanked_sql
from c360_assets.ingest.upsert import key_sql, uuid_digest_sql, uuid_sql
from c360_assets.privacy.search import spellings, text_sql
from c360_assets.privacy.work import Work
from c360_assets.semantics.tables import all_tables
from c360_assets.stitch.tenant_run import MODEL_BASIS
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal
from c360_assets.warehouse.suppression import Suppression

RECORDS = "_c360_forget_records"
IDS = "_c360_forget_ids"
ROWS = "_c360_forget_rows"
HITS = "_c360_forget_hits"
BATCH = 200_000
# Tables whose rows the next run needs: who had which id. Their rows of blanked records stay.
IDENTITY = frozenset(
    {"unified_coalesced", "unified_customer", "stitch_ids", "identity_graph", "unified_changes_pks"}
)
ID_COLUMN = re.compile(r"(.*_)?amperity_id(_prev|\d*)$")
PAIRS = (("datasource", "pk"), ("source", "pk"))


@dataclass
class Change:
    """What is to be done to one relation: rows that go, and SQL of the columns that change.

    `rows` is how many go or are blanked, `cells` how many hold a value elsewhere.
    """

    removed: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    cells: int = 0

    @property
    def is_none(self) -> bool:
        return not self.rows and not self.cells

    def select(self, columns: Sequence[str], source: str) -> str:
        listed = ", ".join(
            f"{self.columns[name]} AS {quote_ident(name)}"
            if name in self.columns
            else quote_ident(name)
            for name in columns
        )
        where = f" WHERE NOT coalesce({self.removed}, false)" if self.removed else ""
        return f"SELECT {listed} FROM {source}{where}"


def register_work(con: duckdb.DuckDBPyConnection, work: Work) -> None:
    """Give SQL of the connection the keys of the work."""
    pairs = {"datasource": pl.String, "pk": pl.String}
    frames = {
        RECORDS: pl.DataFrame(work.records, schema=pairs, orient="row"),
        IDS: pl.DataFrame({"id": work.ids}, schema={"id": pl.String}),
        ROWS: pl.DataFrame(
            [(name, pk) for name, keys in work.rows.items() for pk in keys],
            schema={"name": pl.String, "pk": pl.String},
            orient="row",
        ),
    }
    for name, frame in frames.items():
        con.register(name, frame.to_arrow())


def change_of(
    con: duckdb.DuckDBPyConnection,
    work: Work,
    name: str,
    columns: Mapping[str, str],
    source: str,
    physical: str = "",
) -> Change:
    """What the work comes to in one relation: `columns` (name -> type) of the FROM item `source`.

    `name` is the table's documented name, `physical` the source table that it is a copy of, if it
    is one.
    """
    theirs = _theirs(work, columns, physical)
    change = Change()
    if theirs:
        condition = " OR ".join(theirs)
        rows = con.execute(f"SELECT count(*) FROM {source} WHERE {condition}").fetchall()
        ((change.rows,),) = rows
        if change.rows:
            _by_keys(work, change, name, columns, condition, physical)
    _by_values(con, work, change, columns, source)
    return change


def _theirs(work: Work, columns: Mapping[str, str], physical: str) -> list[str]:
    """Conditions of which each says that a row is about somebody who is forgotten."""
    found = []
    names = {column.lower(): column for column in columns}
    found += [f"{quote_ident(name)} IN (SELECT id FROM {IDS})" for name in id_columns_of(columns)]
    for source, key in _key_columns(names):
        pair = f"({quote_ident(source)}, {quote_ident(key)})"
        found.append(f"{pair} IN (SELECT (datasource, pk) FROM {RECORDS})")
    if physical in work.rows and "_pk" in columns:
        rows = f"SELECT pk FROM {ROWS} WHERE name = {quote_literal(physical)}"
        found.append(f"_pk IN ({rows})")
    return found


def id_columns_of(columns: Mapping[str, str]) -> list[str]:
    """Columns (of name -> type) that hold a person's id."""
    return [
        name
        for name, type_ in columns.items()
        if type_ == "VARCHAR" and ID_COLUMN.fullmatch(name.lower())
    ]


def _key_columns(names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pairs of columns that are the source key of a record that the row is about."""
    for source, key in PAIRS:
        for number in ("", "1", "2"):
            if f"{source}{number}" in names and f"{key}{number}" in names:
                yield names[f"{source}{number}"], names[f"{key}{number}"]


def _by_keys(
    work: Work,
    change: Change,
    name: str,
    columns: Mapping[str, str],
    condition: str,
    physical: str,
) -> None:
    """Rows of theirs go, or lose what is personal in them."""
    short = name.rpartition("/")[2]
    spec = all_tables().get(short)
    # What is known about pairs and blocks of blanked records is about values they had.
    is_about_values = spec is not None and spec.stage == "stitch" and short not in IDENTITY
    if work.mode == "delete" or is_about_values:
        change.removed = f"({condition})"
        return
    for column, type_ in columns.items():
        if physical in work.personal:
            is_personal = column in work.personal[physical]
        elif spec is not None and column in spec.columns:
            is_personal = spec.columns[column].pii
        else:
            is_personal = type_ == "VARCHAR" and not _is_key(column)
        if is_personal:
            null = f"CAST(NULL AS {type_})"
            change.columns[column] = (
                f"CASE WHEN {condition} THEN {null} ELSE {quote_ident(column)} END"
            )


def _is_key(column: str) -> bool:
    lower = column.lower()
    is_id = bool(ID_COLUMN.fullmatch(lower))
    return is_id or lower.endswith(("pk", "_id", "datasource")) or lower.startswith(("_", "source"))


def _by_values(
    con: duckdb.DuckDBPyConnection,
    work: Work,
    change: Change,
    columns: Mapping[str, str],
    source: str,
) -> None:
    """Cells of other rows that hold a value that is theirs alone lose it."""
    if not work.values or not any(map(_may_hold_text, columns.values())):
        return
    hits = _hits(con, work, change, columns, source)
    change.cells = len(hits)
    if not hits:
        return
    schema = {"name": pl.String, "value": pl.String, "replacement": pl.String}
    con.register("_c360_hits", pl.DataFrame(hits, schema=schema, orient="row").to_arrow())
    # A table of its own for each relation: several are rewritten with one connection.
    table = f"{HITS}_{id(change)}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM _c360_hits")
    con.unregister("_c360_hits")
    if any(name == "_pk" and replacement is None for name, _, replacement in hits):
        # A row cannot stand without its key, such as one of a blocklist whose key is the address.
        keys = f"SELECT value FROM temp.{table} WHERE name = '_pk' AND replacement IS NULL"
        is_without_key = f"_pk IN ({keys})"
        change.removed = (
            f"({change.removed} OR {is_without_key})" if change.removed else is_without_key
        )
    for name in sorted({row[0] for row in hits}):
        own = change.columns.get(name, quote_ident(name))
        change.columns[name] = _without_hits(name, columns[name], own, table)


def _hits(
    con: duckdb.DuckDBPyConnection,
    work: Work,
    change: Change,
    columns: Mapping[str, str],
    source: str,
) -> list[tuple[str, str, str | None]]:
    """Column, text and what takes its place, of each distinct text that is or holds a value."""
    names = [name for name, type_ in columns.items() if _may_hold_text(type_)]
    texts = ", ".join(f"{text_sql(name, columns[name])} AS {quote_ident(name)}" for name in names)
    where = f" WHERE NOT coalesce({change.removed}, false)" if change.removed else ""
    reader = con.sql(f"SELECT {texts} FROM {source}{where}").to_arrow_reader(BATCH)
    finder = ValueFinder(work)
    hits: dict[str, set[str]] = {name: set() for name in names}
    for batch in reader:
        frame = pl.DataFrame(batch)
        for name in names:
            hits[name] |= finder.hits(frame[name])
    return [
        (name, text, finder.replacement(text))
        for name, column_hits in hits.items()
        for text in sorted(column_hits)
    ]


def _without_hits(name: str, type_: str, own: str, table: str) -> str:
    """SQL for the column: a text of the table of hits is replaced, any other value is `own`."""
    text = text_sql(name, type_)
    hits = f"(SELECT * FROM temp.{table} WHERE name = {quote_literal(name)})"
    replacement = f"(SELECT h.replacement FROM {hits} h WHERE h.value = {text})"
    return (
        f"CASE WHEN {text} IN (SELECT value FROM {hits}) "
        f"THEN TRY_CAST({replacement} AS {type_}) ELSE {own} END"
    )


def _may_hold_text(type_: str) -> bool:
    return "VARCHAR" in type_ or type_ in ("JSON", "DATE")


class ValueFinder:
    """Finds the values of a work in texts, all at once."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.cells = pl.Series("value", work.cells(), dtype=pl.String)
        self.texts = sorted(spellings(work.texts()))

    def hits(self, series: pl.Series) -> set[str]:
        """The distinct texts that are a value or hold one."""
        texts = series.drop_nulls()
        if texts.is_empty():
            return set()
        found = texts.is_in(self.cells.implode())
        if self.texts:
            found = found | texts.str.contains_any(self.texts)
        return set(texts.filter(found))

    def replacement(self, text: str) -> str | None:
        """What takes the place of a text: the hash of a key, else nothing."""
        return self.work.values.get(text) or None


def erase_tables(
    session: Session, tenant: Tenant, work: Work, meanings: Mapping[str, Meaning]
) -> None:
    """Rewrite every table of the warehouse that holds something of the work, and commit.

    The tables become current together: a run that is killed before has changed nothing.
    """
    register_work(session.con, work)
    suppression = Suppression.of(tenant.root)
    feeds = {
        meaning.table.asset: meaning for meaning in meanings.values() if not meaning.table.custom
    }
    for name, state in sorted(session.warehouse.manifest.tables.items()):
        if not state.rows:
            continue
        feed = feeds.get(name)
        if feed is not None and work.mode == "delete_pii" and feed.table.physical in work.rows:
            _blank_source(session, tenant, work, feed, suppression)
        else:
            _erase_table(session, work, name, state, is_feed=feed is not None)
    session.commit(**_corrected_counts(session, work))


def _erase_table(
    session: Session, work: Work, name: str, state: TableState, *, is_feed: bool
) -> None:
    folder, _, physical = name.rpartition("/")
    source = session.warehouse.source(name, state)
    is_copy = folder in ("domain", "stitched")
    change = change_of(session.con, work, name, state.columns, source, physical if is_copy else "")
    if change.is_none:
        return
    work.counts[name] = change.rows or change.cells
    session.write(
        name,
        change.select(list(state.columns), source),
        # A derived table that was touched is not what its inputs give: the next run makes it.
        fingerprint=state.fingerprint if is_feed else "",
        figures=state.figures,
        columns=dict(state.columns),
    )


def _corrected_counts(session: Session, work: Work) -> dict[str, Any]:
    """The kept match model stays, and what it was fitted on counts without the records that went:
    a run must not fit it anew for the difference."""
    basis = session.warehouse.manifest.meta.get(MODEL_BASIS)
    if not basis or work.mode != "delete" or not session.pending:
        return {}
    return {MODEL_BASIS: {**basis, "records": max(basis["records"] - work.stitched, 0)}}


def _blank_source(
    session: Session, tenant: Tenant, work: Work, meaning: Meaning, suppression: Suppression
) -> None:
    """Blank the rows of a feed's table, whose keys are made anew where they were personal."""
    table = meaning.table
    state = session.built(table.asset)
    source = session.warehouse.source(table.asset, state)
    theirs = f"_pk IN (SELECT pk FROM {ROWS} WHERE name = '{table.physical}')"
    with_key_hashes(session, suppression, meaning, state.columns, f"{source} WHERE {theirs}")
    changes = blanked_sql(meaning, state.columns)
    columns = [name for name in state.columns if name not in ("_pk", "_uuid_pk")]
    blanked = ", ".join(
        f"{changes[name]} AS {quote_ident(name)}" if name in changes else quote_ident(name)
        for name in columns
    )
    listed = ", ".join(quote_ident(name) for name in columns)
    key = key_sql({name: state.columns[name] for name in table.primary_key})
    digest = uuid_digest_sql(tenant.config.id, table.name)
    everything = ", ".join(quote_ident(name) for name in state.columns)
    sql = f"""
        WITH theirs AS (SELECT {blanked} FROM {source} WHERE {theirs}),
        keyed AS (SELECT *, {key} AS _pk FROM theirs),
        hashed AS (SELECT *, {digest} AS _digest FROM keyed),
        named AS (SELECT {listed}, _pk, {uuid_sql("_digest")} AS _uuid_pk FROM hashed)
        SELECT {everything} FROM {source} WHERE NOT ({theirs})
        UNION ALL SELECT {everything} FROM named"""
    work.counts[table.asset] = len(work.rows[table.physical])
    session.write(
        table.asset,
        sql,
        fingerprint=state.fingerprint,
        figures=state.figures,
        columns=dict(state.columns),
    )
    session.execute(f"DROP TABLE {KEY_HASHES}")
