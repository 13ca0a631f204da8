"""What forgetting comes to in a table, whatever the table: rows that go, columns that change.

By the keys that its columns are, then by values. Works on any relation with named columns, a table
of the warehouse or of a database file, so that a stage that is added later is cleaned like the
others. The change is made in `erase_tables` and `erase_files`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import polars as pl

from c360_assets.privacy.patterns import Patterns
from c360_assets.privacy.search import spellings, text_sql
from c360_assets.privacy.work import Work
from c360_assets.semantics.tables import all_tables
from c360_assets.warehouse.sql import quote_ident, quote_literal

RECORDS = "_c360_forget_records"
IDS = "_c360_forget_ids"
ROWS = "_c360_forget_rows"
HITS = "_c360_forget_hits"
BATCH = 200_000
# Tables of Stitch: the keys by which records met, and what met by each, without the records.
BLOCKING_KEYS = "stitch_blocking_keys"
BLOCKS = "stitch_blocks"
# Tables whose rows the next run needs: who had which id. Their rows of blanked records stay.
IDENTITY = frozenset(
    {"unified_coalesced", "unified_customer", "stitch_ids", "identity_graph", "unified_changes_pks"}
)
ID_COLUMN = re.compile(r"(.*_)?amperity_id(_prev|\d*)$")
PAIRS = (("datasource", "pk"), ("source", "pk"))


@dataclass
class Change:
    """What is to be done to one relation: rows that go, and SQL of the columns that change.

    `rows` is how many go or are blanked, `cells` how many hold a value elsewhere, of which `texts`
    are emptied.
    """

    removed: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    cells: int = 0
    texts: list[str] = field(default_factory=list)

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


class Changes:
    """What a work comes to, relation by relation. Knows the values, so it is made once."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.finder = ValueFinder(work)

    def by_keys(
        self,
        con: duckdb.DuckDBPyConnection,
        name: str,
        columns: Mapping[str, str],
        source: str,
        physical: str = "",
        keys: str | None = None,
    ) -> Change:
        """What is to be done to rows of theirs: `columns` (name -> type) of the FROM item `source`.

        `name` is the table's documented name, `physical` the source table that it is a copy of, if
        it is one; `keys` the FROM item of the same place's keys of blocks. The connection has the
        keys of the work (`register_work`).
        """
        change = Change()
        theirs = _theirs(self.work, columns, physical)
        if name.rpartition("/")[2] == BLOCKS:
            theirs.append(_has_no_record_left(keys))
        if theirs:
            condition = " OR ".join(theirs)
            rows = con.execute(f"SELECT count(*) FROM {source} WHERE {condition}").fetchall()
            ((change.rows,),) = rows
            if change.rows:
                _by_keys(self.work, change, name, columns, condition, physical)
        return change

    def by_values(
        self,
        con: duckdb.DuckDBPyConnection,
        columns: Mapping[str, str],
        source: str,
        change: Change | None = None,
    ) -> Change:
        """What is to be done to cells of other rows that hold a value of theirs, added to `change`.

        Reads every text of the relation.
        """
        change = change or Change()
        _by_values(con, self.finder, change, columns, source)
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


def _has_no_record_left(keys: str | None) -> str:
    """The condition that a block has no record of others: its key is made of names, addresses and
    e-mails. Where the keys of records are not kept, nobody can tell, and every block goes."""
    if keys is None:
        return "TRUE"
    theirs = f"(datasource, pk) IN (SELECT (datasource, pk) FROM {RECORDS})"
    of_others = f"SELECT (strategy, bk) FROM {keys} AS k WHERE bk IS NOT NULL AND NOT {theirs}"
    return f"(bk IS NULL OR (strategy, bk) NOT IN ({of_others}))"


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
    finder: ValueFinder,
    change: Change,
    columns: Mapping[str, str],
    source: str,
) -> None:
    """Cells of other rows that hold a value that is theirs alone lose it."""
    if not finder.work.values or not any(map(_may_hold_text, columns.values())):
        return
    hits = _hits(con, finder, change, columns, source)
    change.cells = len(hits)
    change.texts = sorted({text for _, text, replacement in hits if replacement is None})
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
    finder: ValueFinder,
    change: Change,
    columns: Mapping[str, str],
    source: str,
) -> list[tuple[str, str, str | None]]:
    """Column, text and what takes its place, of each distinct text that is or holds a value."""
    names = [name for name, type_ in columns.items() if _may_hold_text(type_)]
    texts = ", ".join(f"{text_sql(name, columns[name])} AS {quote_ident(name)}" for name in names)
    where = f" WHERE NOT coalesce({change.removed}, false)" if change.removed else ""
    reader = con.sql(f"SELECT {texts} FROM {source}{where}").to_arrow_reader(BATCH)
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
        self.texts = Patterns(spellings(work.texts()), work.short_cells(), spellings(work.others))

    def hits(self, series: pl.Series) -> set[str]:
        """The distinct texts that are a value or hold one."""
        return set(self.texts.holders(series))

    def replacement(self, text: str) -> str | None:
        """What takes the place of a text: the hash of a key, else nothing."""
        return self.work.values.get(text) or None
