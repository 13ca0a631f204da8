"""Forgets people: writes down what is to go, takes it out of every store, searches, and receipts.

The steps are in an order in which a kill at any instant loses nothing: the memory of who was
forgotten and the work are on the disk before the first row goes, and every step may be done twice.
So what was begun is ended by whatever touches the tenant next.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from c360_assets.customer_360.publication.lakes import lake_folders
from c360_assets.ingest.personal_columns import Meaning, meanings
from c360_assets.privacy.changes import Changes
from c360_assets.privacy.erase_files import (
    clear_folder,
    drop_versions,
    erase_databases,
    erase_file,
    versions_kept,
)
from c360_assets.privacy.erase_lakes import erase_lakes
from c360_assets.privacy.erase_listed import erase_rows
from c360_assets.privacy.erase_tables import erase_tables, erase_values
from c360_assets.privacy.identifiers import Found, Identifiers
from c360_assets.privacy.label_rows import erase_answers
from c360_assets.privacy.mentions import key_cells
from c360_assets.privacy.people import Finder
from c360_assets.privacy.planning import add_others, plan_work
from c360_assets.privacy.proof import prove
from c360_assets.privacy.receipts import (
    MARK,
    Receipt,
    next_number,
    write_receipt,
)
from c360_assets.privacy.remembered import already_forgotten
from c360_assets.privacy.removals import (
    note_received,
    remove_at_receivers,
)
from c360_assets.privacy.restored import note_clean
from c360_assets.privacy.search import Searcher, searcher_of
from c360_assets.privacy.stores import all_files, store_of, stores
from c360_assets.privacy.work import RESTORED, Work
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session, open_session
from c360_assets.warehouse.suppression import (
    Line,
    Mode,
    Suppression,
    ensure_key,
    foreign_key_text,
    record_text,
    remember,
)
from c360_assets.wording import counted

Progress = Callable[[str], None]


def unheard(_line: str) -> None:
    """Nobody follows the progress."""


@dataclass(frozen=True)
class Preview:
    """What a request would come to: people, rows by table, and receipts of who is gone already."""

    people: list[str]
    rows: dict[str, int]
    already: list[str]


def preview(finder: Finder, asked: Identifiers, found: Found) -> Preview:
    """What would be done, without doing it."""
    rows = {name: len(keys) for name, keys in sorted(found.rows.items()) if keys}
    already = already_forgotten(finder.session, finder.tenant, asked)
    return Preview(
        found.ids,
        {finder.name_of(name): count for name, count in rows.items()},
        already,
    )


def begin(
    finder: Finder,
    tenant: Tenant,
    found: Found,
    mode: Mode,
    *,
    strategy: str,
    asked_by: str,
    requests: dict[str, list[str]] | None = None,
    request_ids: list[str] | None = None,
    named: list[str] | None = None,
) -> Work:
    """Write down what is to be forgotten, and from now on keep it from coming back.

    `requests` are rows of compliance tables that are done with it, `request_ids` their ids, `named`
    what they said of people. The caller owns the tenant.
    """
    root = tenant.root
    ensure_key(root)
    suppression = Suppression.of(root)
    work = plan_work(
        finder,
        found,
        mode,
        strategy=strategy,
        asked_by=asked_by,
        receipt=next_number(root),
        suppression=suppression,
    )
    work.requests = requests or {}
    work.request_ids = request_ids or []
    for text in named or []:
        work.values.setdefault(text, "")
    work.notes += [
        f"{cells.table} has {counted(cells.rows, 'row')} of nobody whose column "
        f"{cells.column} is a key of theirs; it stays there: tag the column as that key is, and "
        "such rows go with the person"
        for cells in key_cells(finder, found)
    ]
    note_received(finder.session, tenant, work)
    add_others(finder, work)
    work.save(root)
    remember(root, _lines(finder.session, suppression, work))
    return work


def _lines(session: Session, suppression: Suppression, work: Work) -> list[Line]:
    """What keeps the people of a work from coming back, where it is not known already."""
    if work.strategy == RESTORED:
        return []  # to remember anew would undo that somebody was let in
    con = session.con
    mode, receipt = work.mode, work.receipt
    pinned = {(datasource, pk): pin for datasource, pk, pin in work.pins}
    records = sorted({*work.records, *pinned})
    texts = [record_text(datasource, pk) for datasource, pk in records]
    pins = [pinned.get(record, "") for record in records]
    lines = suppression.lines_of(con, "record", texts, mode, receipt, pins)
    lines += suppression.lines_of(con, "person", work.ids, mode, receipt)
    keys = [foreign_key_text(tag, form) for tag, form in work.suppress_fk]
    lines += suppression.lines_of(con, "fk", keys, mode, receipt)
    lines += suppression.lines_of(con, "email", work.suppress_email, mode, receipt)
    lines += suppression.lines_of(con, "phone", work.suppress_phone, mode, receipt)
    return lines + suppression.lines_of(con, "request", work.request_ids, mode, receipt)


def carry_out(tenant: Tenant, work: Work, progress: Progress = unheard) -> Receipt:
    """Take the work out of every store, search for it, and write the receipt.

    The caller owns the tenant. Raises C360Error when a store cannot be written, such as for a full
    disk: what is done stays done, and the next call goes on.
    """
    root = tenant.root
    with open_session(root / "warehouse", tenant.config.timezone) as session:
        suppression = Suppression.of(root)
        remember(root, _lines(session, suppression, work))
        progress("tables")
        known = meanings(tenant)
        # First: a request's own id is among the values, and its key could not be told afterwards.
        _drop_requests(session, work)
        changes = Changes(work)
        erase_tables(session, tenant, changes, known)
        dropped = drop_versions(session.warehouse)
        progress("values in other rows")
        searcher = searcher_of(tenant, work)
        clean = _erase_values(session, root, changes, known, searcher)
        progress("databases")
        work.counts |= erase_databases(tenant, changes)
        erase_lakes(tenant, changes)
        dropped += drop_versions(session.warehouse)
        if dropped:
            work.counts["earlier versions of tables (files)"] = dropped
        progress("files")
        answers = erase_answers(root, Suppression.of(root), work.new_keys)
        if answers:
            work.counts["answers of review (labels)"] = answers
        _erase_files(tenant, work, searcher)
        work.save(root)  # its counts, should the rest be done by another process
        progress("receivers")
        pending = remove_at_receivers(session, tenant, work)
        progress("search")
        kept_versions = versions_kept(session.warehouse)
        receipt = prove(tenant, work, session.warehouse, searcher, clean, pending)
        receipt.notes += kept_versions
        receipt.requests = [
            line.hash
            for line in suppression.lines_of(
                session.con, "request", work.request_ids, work.mode, work.receipt
            )
        ]
        note_clean(tenant)
        write_receipt(root, receipt, suppression)
        session.commit(**{MARK: work.receipt})
        versions_kept(session.warehouse)  # of the manifest, which was replaced just now
    work.done(root)
    return receipt


def _erase_values(
    session: Session,
    root: Path,
    changes: Changes,
    known: Mapping[str, Meaning],
    searcher: Searcher,
) -> set[Path]:
    """Take values out of rows that stay, in tables where a search finds one.

    Returns the data files in which it found none: they need not be searched again.
    """
    warehouse = session.warehouse
    warehouse.bring_all()
    stored = [path for path in warehouse.root.resolve().rglob("*") if path.is_file()]
    finds = set(searcher.search(stored).finds)
    names = [
        name
        for name in sorted(warehouse.manifest.tables)
        if any(path.is_relative_to(warehouse.path(name).resolve()) for path in finds)
    ]
    if names:
        erase_values(session, root, changes, names, known)
    # Others, such as the manifest, are written again.
    return {path for path in stored if path.suffix == ".parquet"} - finds


def _erase_files(tenant: Tenant, work: Work, searcher: Searcher) -> None:
    """Clean or remove files that are no tables, by what the list of stores says of them."""
    clear_folder(tenant.root / ".tmp")
    _erase_listed(work, tenant.config.timezone)
    listed = stores(tenant)
    tables = tenant.root.resolve() / "warehouse"
    lakes = lake_folders(tenant)
    for path in list(all_files(tenant)):
        store = store_of(tenant, path, listed)
        is_database = path.suffix == ".duckdb" or path.is_relative_to(tables)
        is_database = is_database or any(path.is_relative_to(lake) for lake in lakes)
        if store is None or is_database or store.treatment in ("kept", "reported"):
            continue
        if store.name == "open work of forgetting":
            continue
        if store.name == "answers to people":
            done = _removed_answer(path, searcher)
        elif store.treatment == "removed":
            done = _removed(path, searcher)
        else:
            done = erase_file(path, work, searcher)
        if done:
            key = f"{store.name} (files {done})"
            work.counts[key] = work.counts.get(key, 0) + 1


def _erase_listed(work: Work, timezone: str) -> None:
    """Take rows of theirs out of files of lists. What a file has no longer, as it was done before
    or a later list took its place, is not missed."""
    rows_of: dict[str, list[list[str]]] = {}
    for file, cells in work.listed:
        rows_of.setdefault(file, []).append(cells)
    erased = sum(erase_rows(Path(file), rows, timezone) for file, rows in rows_of.items())
    if erased:
        work.counts["lists of campaigns in exports (rows)"] = erased


def _removed_answer(path: Path, searcher: Searcher) -> str:
    """An answer goes whole: each of its files is about the same person."""
    if not path.exists() or not searcher.is_in(path):
        return ""
    shutil.rmtree(path.parent)
    return "removed"


def _removed(path: Path, searcher: Searcher) -> str:
    if not searcher.is_in(path):
        return ""
    path.unlink()
    return "removed"


def _drop_requests(session: Session, work: Work) -> None:
    """Take done requests out of their tables."""
    for physical, keys in work.requests.items():
        table = f"domain/{physical}"
        state = session.state(table)
        if state is None or not keys:
            continue
        session.register("_c360_done_requests", pl.DataFrame({"pk": keys}))
        source = session.warehouse.source(table, state)
        written = session.write(
            table,
            f"SELECT * FROM {source} ANTI JOIN _c360_done_requests d ON d.pk = _pk",
            fingerprint=state.fingerprint,
            figures=state.figures,
            columns=dict(state.columns),
        )
        work.counts[table] = state.rows - written.rows
    session.commit()
