"""The domain table of a feed: its name, its columns, what is stored in it, and emptying it.

Which rows come into it is for `merge`, what a load does for `load`.
"""

from __future__ import annotations

import shlex

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest import upsert
from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.read_again import new_columns
from c360_assets.ingest.read_otherwise import reading
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.ledger import LEDGER, session_ledger
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident


def domain_table(feed: FeedConfig) -> str:
    return f"domain/{feed.physical}"


def layout_fingerprint(feed: FeedConfig) -> str:
    """Changes when the domain table's columns, types, key or order of rows change.

    It does not change with its rows.
    """
    return fingerprint(
        "domain", upsert.columns_of(feed), feed.primary_key, feed.last_updated, feed.load
    )


def ensure_table(session: Session, feed: FeedConfig) -> TableState:
    """Give the feed's domain table the declared columns.

    It is empty where it was never loaded, and columns that are not declared are dropped; nothing is
    written where it has them. Raises LoadError when a loaded column's type or the primary key was
    changed, and where a column was declared after rows were loaded, which a load reads again.
    """
    columns = new_columns(feed, session.state(domain_table(feed)))
    if columns:
        raise LoadError(
            "column_added",
            f"feed {feed.name}: {', '.join(columns)} was declared or renamed after the feed was "
            f"loaded; `c360 load {shlex.quote(feed.name)}` reads what is in landing/ again",
        )
    return with_declared_columns(session, feed)


def with_declared_columns(session: Session, feed: FeedConfig) -> TableState:
    """The table with the declared columns in their order, NULL in rows loaded without them."""
    table, layout = domain_table(feed), layout_fingerprint(feed)
    state = session.state(table)
    if state is not None:
        check_layout(feed, state)
        if list(state.columns.items()) == list(upsert.columns_of(feed).items()):
            if state.fingerprint == layout:
                return state
            return session.keep(table, fingerprint=layout, figures=_figures_as_read(feed, state))
    rows = stored_sql(session, feed, state)
    figures = _figures_as_read(feed, state)
    return session.write(table, rows, fingerprint=layout, figures=figures)


def purge(session: Session, feed: FeedConfig) -> None:
    """Empty the domain table and forget the feed's loads. Pending until commit.

    So everything that landed is loaded again.
    """
    kept = session_ledger(session).filter(pl.col("feed") != feed.name)
    session.write(LEDGER, kept)
    session.write(
        domain_table(feed),
        no_rows_sql(feed),
        fingerprint=layout_fingerprint(feed),
        figures=figures_of(feed),
    )


def figures_of(feed: FeedConfig) -> dict[str, object]:
    """What is kept with a loaded table: its key, the column of the file behind each column, and how
    values were read.
    """
    return {
        "primary_key": list(feed.primary_key),
        "sources": _sources(feed),
        "reading": reading(feed),
    }


def _figures_as_read(feed: FeedConfig, state: TableState | None) -> dict[str, object]:
    """The same where stored rows are kept: how they were read stays."""
    figures = figures_of(feed)
    if state is not None and state.rows:
        figures["reading"] = state.figures.get("reading", figures["reading"])
    return figures


def _sources(feed: FeedConfig) -> dict[str, str]:
    """Column -> the column of the file that fills it, in lower case: they are compared so."""
    return {feed.output_name(name): name.lower() for name in feed.fields}


def check_layout(feed: FeedConfig, state: TableState) -> None:
    """Refuse a changed type or key of a loaded table, and columns that took each other's place.

    Stored rows cannot be read as if they had been loaded with it. That a file calls a column by
    another name now is no such change: none of its columns is what filled this one.
    """
    if not state.rows:
        return
    loaded_types = {name.lower(): kind for name, kind in state.columns.items()}
    for name, declared in upsert.columns_of(feed).items():
        loaded = loaded_types.get(name.lower(), declared)
        if loaded != declared:
            raise LoadError(
                "type_change",
                f"feed {feed.name}: column {name} was loaded as {loaded} and is now declared as "
                f"{declared}; give it a new output name with rename, or {_load_again(feed)}",
            )
    loaded_sources = state.figures.get("sources", {})
    sources = _sources(feed)
    for name, source in sources.items():
        loaded_source = loaded_sources.get(name, source)
        if loaded_source != source and loaded_source in sources.values():
            raise LoadError(
                "rename_change",
                f"feed {feed.name}: column {name} was loaded from {loaded_source} and is now filled"
                f" from {source}; give it a new output name with rename, or {_load_again(feed)}",
            )
    loaded_key = state.figures.get("primary_key")
    if loaded_key is not None and list(loaded_key) != list(feed.primary_key):
        problem = "the primary key of a loaded table was changed"
        raise LoadError("key_change", f"feed {feed.name}: {problem}; {_load_again(feed)}")


def _load_again(feed: FeedConfig) -> str:
    purge_command = f"c360 feed purge {shlex.quote(feed.name)}"
    return (
        f"`{purge_command}` empties the table, and the next load reads all that is in landing/ "
        "again"
    )


def no_rows_sql(feed: FeedConfig) -> str:
    """The declared columns without a row."""
    columns = ", ".join(
        f"CAST(NULL AS {kind}) AS {quote_ident(name)}"
        for name, kind in upsert.columns_of(feed).items()
    )
    return f"SELECT {columns} WHERE false"


def stored_sql(session: Session, feed: FeedConfig, state: TableState | None) -> str:
    """The stored rows with the declared columns; no rows without a state."""
    if state is None:
        return no_rows_sql(feed)
    stored_names = {name.lower(): quote_ident(name) for name in state.columns}
    columns = ", ".join(
        f"CAST({stored_names.get(name.lower(), 'NULL')} AS {kind}) AS {quote_ident(name)}"
        for name, kind in upsert.columns_of(feed).items()
    )
    try:
        source = session.warehouse.source(domain_table(feed), state)
    except C360Error:
        raise
    except Exception as error:
        problem = f"cannot be read at version {state.version} ({type(error).__name__})"
        raise C360Error(f"table {domain_table(feed)} {problem}") from None
    return f"SELECT {columns} FROM {source}"
