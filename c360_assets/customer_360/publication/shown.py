"""What a publication shows of each table, and all that decides it: the SELECT that fills it, its
mark, the fingerprint of the whole.

Which tables there are belongs to `entries`, writing them to `publish`. `c360_catalog` describes
every column of all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from c360_assets.customer_360.publication.entries import CATALOGUE_TABLE, Entry, entries
from c360_assets.customer_360.publication.lakes import noted_address
from c360_assets.customer_360.publication.masking import masked_select, prepare_masking
from c360_assets.customer_360.rendering.render import RUN_CONTEXT
from c360_assets.customer_360.tables.build import own_code, prepare_context
from c360_assets.customer_360.tables.databases import (
    FILTER_TABLE,
    UNIFIED,
    Database,
    condition_of,
)
from c360_assets.semantics.tables import TableSpec
from c360_assets.warehouse.delta import nothing
from c360_assets.warehouse.digest import RUN_TABLES, fingerprint
from c360_assets.warehouse.publications import lake_of
from c360_assets.warehouse.published_file import PublishedTable
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.suppression import Suppression

Personal = Mapping[str, Collection[str]]
NOTHING: Personal = {}


def publish_plan(
    database: Database,
    session: Session,
    shown: Sequence[Entry],
    *,
    as_of: date,
    personal: Personal,
) -> list[PublishedTable]:
    """What to write for the tables `shown`; their sources are named in a session by `bind_shown`.

    `run_context` holds the date of the run, so that the SQL of a table runs on the published file
    as it stands.
    """
    made = {
        RUN_CONTEXT: f"SELECT DATE '{as_of.isoformat()}' AS as_of",
        CATALOGUE_TABLE: "SELECT * FROM _c360_catalogue",
    }
    if database.key is not None:
        made[FILTER_TABLE] = f"SELECT * FROM {FILTER_TABLE}"
    decides_all = fingerprint(own_code(), *_decides_all(session, database))
    tables = []
    for number, entry in enumerate(shown):
        view = _view_name(number)
        hashed = _hashed(entry, personal)
        masked = None
        if database.masked:
            is_source = entry.schema == "domain"
            masked = masked_select(entry.columns, entry.meaning, view, hashed, is_source=is_source)
        mark = _mark(session, database, entry, decides_all, hashed)
        tables.append(_published_table(session, entry, view, made.get(entry.name), masked, mark))
    return tables


def _mark(
    session: Session, database: Database, entry: Entry, decides_all: str, hashed: Sequence[str]
) -> str:
    """All that decides what the file shows of a table; '' of one that is written each time.

    Of stored rows their version, as columns about runs do not count in a digest. A view over other
    tables of the file shows the rows that are stored of it.
    """
    state = session.state(entry.stored) if entry.stored is not None else None
    if state is None:
        return ""
    stored = (entry.stored, state.version, state.digest)
    return fingerprint(decides_all, stored, _shown(session, database, entry), list(hashed))


def _published_table(
    session: Session,
    entry: Entry,
    stored_view: str,
    made: str | None,
    masked: str | None,
    mark: str,
) -> PublishedTable:
    """What to write for one table: `stored_view` names its stored rows, `made` is the SELECT of one
    that is made at publication."""
    # A documented table without data is published with its columns and no rows.
    source = entry.view or made or nothing(entry.columns)
    blank: frozenset[str] = frozenset()
    rows = 0
    if entry.is_copied:
        source = masked or f"SELECT * FROM {stored_view}"
        blank = session.blank_columns(entry.stored or "")
        state = session.state(entry.stored or "")
        rows = state.rows if state is not None else 0
    descriptions = {
        column: spec.description for column, spec in entry.meaning.items() if spec.description
    }
    return PublishedTable(
        entry.schema,
        entry.name,
        source,
        entry.description,
        descriptions,
        view=bool(entry.view),
        blank=blank,
        rows=rows,
        mark=mark,
        semantics={column: spec.semantic for column, spec in entry.meaning.items()},
        personal=frozenset(column for column, spec in entry.meaning.items() if spec.pii),
    )


def _view_name(number: int) -> str:
    return f"_c360_published_{number}"


def bind_shown(session: Session, database: Database, shown: Sequence[Entry], as_of: date) -> None:
    """Give a session the functions of the SQL, and what the sources of `publish_plan` name."""
    prepare_context(session, as_of, database.tenant.home)
    if database.masked:
        prepare_masking(session, database.tenant.root)
    session.register("_c360_catalogue", catalogue(shown))
    database.prepare(session)
    for number, entry in enumerate(shown):
        if entry.is_copied:
            database.bind(session, entry.stored or "", _view_name(number))


def catalogue(shown: Sequence[Entry]) -> pl.DataFrame:
    """`c360_catalog`: one row per column of every table, in table order."""
    rows = []
    for entry in shown:
        for position, (column, type_) in enumerate(entry.columns.items(), 1):
            meaning = entry.meaning[column]
            row = {
                "schema": entry.schema,
                "table": entry.name,
                "column": column,
                "position": position,
                "type": type_,
                "description": meaning.description,
                "semantic": meaning.semantic,
                "is_pii": meaning.pii,
            }
            rows.append(row)
    return pl.DataFrame(rows)


def published_fingerprint(
    session: Session,
    database: Database,
    specs: Mapping[str, TableSpec],
    personal: Personal,
) -> str:
    """Digest of all that the published file shows, computes and is checked by; run and log tables
    count only by their being there.
    """
    shown: list[Any] = [
        (_shown(session, database, entry), _hashed(entry, personal))
        for entry in entries(session, database, specs)
    ]
    settings = database.tenant.config.customer_360.validations
    home = database.tenant.home  # of the functions in the file
    lake = lake_of(database.tenant, database.name)
    place = [lake.format, noted_address(database.tenant, lake.address)] if lake else None
    return fingerprint(own_code(), settings, home, place, shown, *_decides_all(session, database))


def _hashed(entry: Entry, personal: Personal) -> list[str]:
    """The columns that a masked database hashes beside those that are tagged themselves."""
    return sorted(personal.get(entry.name, ())) if entry.schema == "domain" else []


def _decides_all(session: Session, database: Database) -> list[Any]:
    """What decides the rows and statistics of every table, beside what it is made from."""
    decides: list[Any] = [session.timezone]  # in which examples are written
    if database.key is not None:
        # Filters by person read the records, whether or not they are shown.
        records = session.state(UNIFIED)
        decides.append((database.key, records.digest if records is not None else None))
    if database.masked:  # a new key gives new hashes
        decides.append(sorted(Suppression.of(database.tenant.root).keys))
    return decides


def _shown(session: Session, database: Database, entry: Entry) -> Sequence[Any]:
    """All that decides what people see of one table."""
    state = session.state(entry.stored) if entry.stored is not None else None
    content = None
    # Tables about runs differ after every run: by their content, nothing would ever be current.
    if state is not None and entry.name not in RUN_TABLES:
        content = state.digest
    meanings = {
        column: (spec.description, spec.semantic, spec.pii)
        for column, spec in entry.meaning.items()
    }
    return (
        entry.schema,
        entry.name,
        content,
        dict(entry.columns),
        entry.description,
        meanings,
        condition_of(database.keeps, entry.stored or ""),
        entry.view,
    )
