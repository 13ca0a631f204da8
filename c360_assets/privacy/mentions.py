"""Where somebody stands besides their own rows: cells of rows that are nobody's or of others, and
files.

A note of a call that names an address, an account number in a column without a tag: no identifier
leads to such a row, and `forget` empties the cell. Rows of theirs are found by `people`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from c360_assets.privacy.changes import ValueFinder
from c360_assets.privacy.identifiers import Found
from c360_assets.privacy.label_rows import are_labels
from c360_assets.privacy.people import Finder
from c360_assets.privacy.search import searcher_of
from c360_assets.privacy.stores import all_files, store_of, stores
from c360_assets.privacy.work import CELL_LENGTH, Work
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.sql import quote_ident

NAMED = "_c360_named"
# Answered by rows, or not about what is held.
NOT_SEARCHED = frozenset(
    {
        "tables",
        "kept databases",
        "published databases",
        "published lakes",
        "working files",
        "open work of forgetting",
        "answers to people",
        "memory of forgetting",
    }
)


@dataclass(frozen=True)
class KeyCells:
    """Rows that are nobody's and name a key of theirs: table, column, how many."""

    table: str
    column: str
    rows: int


def key_cells(finder: Finder, found: Found) -> list[KeyCells]:
    """Where rows of nobody name a key that is theirs alone, in a column whose tags do not say so.

    The key stays there when they are forgotten: it may be any number. Labels say what they name.
    """
    keys = own_keys(finder, found)
    finder.session.register(NAMED, pl.DataFrame({"value": keys}, schema={"value": pl.String}))
    cells = []
    for name in _tables_of_nobody(finder):
        if are_labels(finder, finder.tables[name]):
            continue
        is_nobodys = _is_not(finder, found, name)
        for column in _texts(finder, name):
            ((rows,),) = finder.session.rows(
                f"SELECT count(*) FROM {finder.source(name)} WHERE {is_nobodys} "
                f"AND {quote_ident(column)} IN (SELECT value FROM {NAMED})"
            )
            if rows:
                cells.append(KeyCells(finder.name_of(name), column, rows))
    return cells


def own_keys(finder: Finder, found: Found) -> list[str]:
    """Keys in records of customers among the rows that no other record names, sorted; shorter ones
    may be anything."""
    theirs: set[str] = set()
    others: set[str] = set()
    for name, meaning in finder.tables.items():
        if not meaning.is_of_customers:
            continue
        is_other = _is_not(finder, found, name)
        columns = {*meaning.table.primary_key, *(column for column, _ in meaning.foreign_keys)}
        for column in finder.stored(name, sorted(columns)):
            text = f"CAST({quote_ident(column)} AS VARCHAR)"
            rows = finder.session.rows(
                f"SELECT DISTINCT {text}, {is_other} FROM {finder.all_rows(name)} "
                f"WHERE length({text}) >= {CELL_LENGTH}"
            )
            theirs |= {value for value, is_others in rows if not is_others}
            others |= {value for value, is_others in rows if is_others}
    return sorted(theirs - others)


def mentions(finder: Finder, found: Found, work: Work) -> dict[str, pl.DataFrame]:
    """Table -> columns _pk, column and text: the cells of rows that are nobody's in which a value
    of theirs stands."""
    keys = set(own_keys(finder, found))
    values = ValueFinder(work)
    frames = {}
    for name in _tables_of_nobody(finder):
        cells = [
            _cells(finder, found, name, column, values, keys) for column in _texts(finder, name)
        ]
        frame = pl.concat(cells) if cells else pl.DataFrame()
        if frame.height:
            frames[finder.name_of(name)] = frame.sort("_pk", "column")
    return frames


def cells_of_others(finder: Finder, found: Found, work: Work) -> pl.DataFrame:
    """Columns table, column and rows: how many rows of other people hold a value of theirs, such
    as a note in a neighbour's row; the rows themselves are not theirs to see."""
    keys = set(own_keys(finder, found))
    values = ValueFinder(work)
    of_nobody = set(_tables_of_nobody(finder))
    counts = []
    for name in sorted(finder.tables.keys() - of_nobody):
        for column in _texts(finder, name):
            cells = _cells(finder, found, name, column, values, keys)
            if cells.height:
                counts.append((finder.name_of(name), column, cells.height))
    schema = {"table": pl.String, "column": pl.String, "rows": pl.Int64}
    return pl.DataFrame(counts, schema=schema, orient="row")


def _cells(
    finder: Finder, found: Found, name: str, column: str, values: ValueFinder, keys: set[str]
) -> pl.DataFrame:
    text = quote_ident(column)
    is_nobodys = f"{text} IS NOT NULL AND {_is_not(finder, found, name)}"
    distinct = finder.session.frame(
        f"SELECT DISTINCT {text} AS text FROM {finder.source(name)} WHERE {is_nobodys}"
    )["text"]
    named = values.hits(distinct) | (keys & set(distinct))
    finder.session.register(
        NAMED, pl.DataFrame({"value": sorted(named)}, schema={"value": pl.String})
    )
    return finder.session.frame(
        f"SELECT _pk, ? AS column, {text} AS text FROM {finder.source(name)} "
        f"WHERE {is_nobodys} AND {text} IN (SELECT value FROM {NAMED})",
        [column],
    )


def _tables_of_nobody(finder: Finder) -> Iterator[str]:
    """Tables whose rows have no person: neither records of people nor what hangs on their keys,
    also where Stitch has not run since the table came."""
    meanings = finder.tables
    keys = {
        tag
        for meaning in meanings.values()
        if meaning.is_of_customers
        for _, tag in meaning.foreign_keys
    }
    for name, meaning in sorted(meanings.items()):
        has_people = finder.session.state(meaning.table.stitched_asset) is not None
        names_people = any(tag in keys for _, tag in meaning.foreign_keys)
        if not (meaning.is_of_customers or has_people or names_people):
            yield name


def _texts(finder: Finder, name: str) -> list[str]:
    return [
        column
        for column, type_ in finder.columns(name).items()
        if type_ == "VARCHAR" and not column.startswith("_")
    ]


def _is_not(finder: Finder, found: Found, name: str) -> str:
    """SQL for the condition that a row of the table is none of theirs."""
    view = f"_c360_own_rows_{name}"
    keys = sorted(found.rows.get(name, ()))
    finder.session.register(view, pl.DataFrame({"pk": keys}, schema={"pk": pl.String}))
    return f"_pk NOT IN (SELECT pk FROM {quote_ident(view)})"


@dataclass(frozen=True)
class NamedFiles:
    """Files beside tables and databases, also landed ones and exports, as columns store and file:
    those that hold a value of theirs, and those that are packed and could not be opened. Paths are
    relative to the tenant's folder where they are below it.
    """

    holding: pl.DataFrame
    unopened: pl.DataFrame


def files_with(tenant: Tenant, work: Work) -> NamedFiles:
    """The files that name them, or may."""
    listed = stores(tenant)
    names = {}
    for path in all_files(tenant):
        store = store_of(tenant, path, listed)
        if store is not None and store.name not in NOT_SEARCHED:
            names[path] = store.name
    searched = searcher_of(tenant, work).search(names)
    return NamedFiles(
        _listed(tenant, names, searched.finds), _listed(tenant, names, searched.unopened)
    )


def _listed(tenant: Tenant, stores_of: Mapping[Path, str], files: Sequence[Path]) -> pl.DataFrame:
    root = tenant.root.resolve()
    rows = [
        (stores_of[path], str(path.relative_to(root) if path.is_relative_to(root) else path))
        for path in files
    ]
    schema = {"store": pl.String, "file": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("store", "file")
