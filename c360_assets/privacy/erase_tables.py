"""Takes people out of the tables of the warehouse, all of them in one commit.

A derived table is left as if the rows had gone; what it adds up is right again when the next run
builds it. What goes is `changes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from c360_assets.ingest.forgotten import KEY_HASHES
from c360_assets.ingest.forgotten_cells import is_worth_knowing
from c360_assets.ingest.forgotten_stored import blanked_select
from c360_assets.ingest.personal_columns import Meaning
from c360_assets.ingest.upsert import with_first_places
from c360_assets.privacy.changes import (
    BLOCKING_KEYS,
    RECORDS,
    ROWS,
    Changes,
    register_work,
)
from c360_assets.privacy.work import Work
from c360_assets.stitch.previous import LOST_RECORDS, MODEL_BASIS, lost_records
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.ledger import LEDGER, session_ledger
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.suppression import Suppression, remember

PEOPLE = "amperity_ids"  # the figure of a table that counts them


def erase_tables(
    session: Session, tenant: Tenant, changes: Changes, meanings: Mapping[str, Meaning]
) -> None:
    """Take the rows of the work out of every table of the warehouse, and commit.

    The tables become current together: a run that is killed before has changed nothing.
    """
    work = changes.work
    register_work(session.con, work)
    suppression = Suppression.of(tenant.root)
    components = lost_records(session, RECORDS) if work.mode == "delete" else []
    feeds = {
        meaning.table.asset: meaning for meaning in meanings.values() if not meaning.table.custom
    }
    loaded: list[pl.DataFrame] = []
    for name, state in sorted(session.warehouse.manifest.tables.items()):
        if not state.rows:
            continue
        feed = feeds.get(name)
        if feed is not None and work.mode == "delete_pii" and feed.table.physical in work.rows:
            _blank_source(session, tenant, work, feed, suppression)
        else:
            if feed is not None:
                loaded.append(_places(session, name, state, feed))
            _erase_table(session, changes, name, state, is_feed=feed is not None)
    _correct_ledger(session, loaded)
    session.commit(**_facts_of_stitch(session, work, components))


def _erase_table(
    session: Session, changes: Changes, name: str, state: TableState, *, is_feed: bool
) -> None:
    folder, _, physical = name.rpartition("/")
    source = session.warehouse.source(name, state)
    is_copy = folder in ("domain", "stitched")
    keys = session.state(BLOCKING_KEYS)
    beside = session.warehouse.source(BLOCKING_KEYS, keys) if keys is not None else None
    copied = physical if is_copy else ""
    change = changes.by_keys(session.con, name, state.columns, source, copied, beside)
    if not change.is_none:
        changes.work.counts[name] = change.rows
        _rewrite(session, name, state, change.select(list(state.columns), source), is_feed=is_feed)


def _places(session: Session, name: str, state: TableState, feed: Meaning) -> pl.DataFrame:
    """Feed and `_updated` of the rows of a feed's table that are to go."""
    source = session.warehouse.source(name, state)
    theirs = f"SELECT pk FROM {ROWS} WHERE name = ?"
    return session.frame(
        f"SELECT ? AS feed, _updated FROM {source} WHERE _pk IN ({theirs})",
        [feed.table.name, feed.table.physical],
    )


def _correct_ledger(session: Session, loaded: Sequence[pl.DataFrame]) -> None:
    """Rows that went were not loaded: else a report tells that others of their keys replaced them.

    What was read stays, as where a file lands again.
    """
    gone = pl.concat(loaded).sort("_updated") if loaded else pl.DataFrame()
    if not gone.height:
        return
    ledger = session_ledger(session)
    files = with_first_places(ledger.filter(pl.col("status") == "loaded")).sort("_updated")
    placed = gone.join_asof(files, on="_updated", by="feed", check_sortedness=False)
    file = ["feed", "delivery_day", "attempt", "path"]
    counts = placed.group_by(file).len("_gone")
    left = pl.col("rows_loaded") - pl.col("_gone").fill_null(0).cast(pl.Int64)
    corrected = ledger.join(counts, on=file, how="left").with_columns(left.alias("rows_loaded"))
    session.write(LEDGER, corrected.select(ledger.columns).sort(file))


def erase_values(
    session: Session,
    root: Path,
    changes: Changes,
    names: Sequence[str],
    meanings: Mapping[str, Meaning],
) -> None:
    """Take the values of the work out of cells of other rows in these tables, and commit.

    Texts of feeds that are emptied are remembered, as they may be delivered again.
    """
    feeds = {meaning.table.asset for meaning in meanings.values() if not meaning.table.custom}
    for name in names:
        state = session.built(name)
        source = session.warehouse.source(name, state)
        change = changes.by_values(session.con, state.columns, source)
        if not change.is_none:
            if name in feeds:
                _remember_texts(session, root, changes.work, change.texts)
            changes.work.counts.setdefault(name, change.cells)
            select = change.select(list(state.columns), source)
            _rewrite(session, name, state, select, is_feed=name in feeds)
    session.commit()


def _remember_texts(session: Session, root: Path, work: Work, texts: Sequence[str]) -> None:
    suppression = Suppression.of(root)
    known = [text for text in texts if is_worth_knowing(text)]
    remember(root, suppression.lines_of(session.con, "cell", known, work.mode, work.receipt))


def _rewrite(session: Session, name: str, state: TableState, select: str, *, is_feed: bool) -> None:
    session.write(
        name,
        select,
        # A derived table that was touched is not what its inputs give: the next run makes it.
        fingerprint=state.fingerprint if is_feed else "",
        figures=_figures(session, state, select),
        columns=dict(state.columns),
    )


def _figures(session: Session, state: TableState, select: str) -> Mapping[str, Any]:
    """The table's figures, with as many people as are left: others show that count beside the rows
    that are left, before the next Stitch counts anew."""
    if PEOPLE not in state.figures:
        return state.figures
    ((people,),) = session.rows(f"SELECT count(DISTINCT amperity_id) FROM ({select})")
    return {**state.figures, PEOPLE: people}


def _facts_of_stitch(session: Session, work: Work, components: list[int]) -> dict[str, Any]:
    """The kept match model stays, and what it was fitted on counts without the records that went:
    a run must not fit it anew for the difference. Where they were, the next run tells of those that
    hang together no more."""
    if work.mode != "delete" or not session.pending:
        return {}
    facts: dict[str, Any] = {LOST_RECORDS: components} if components else {}
    basis = session.warehouse.manifest.meta.get(MODEL_BASIS)
    if basis:
        facts[MODEL_BASIS] = {**basis, "records": max(basis["records"] - work.stitched, 0)}
    return facts


def _blank_source(
    session: Session, tenant: Tenant, work: Work, meaning: Meaning, suppression: Suppression
) -> None:
    """Blank the rows of a feed's table, whose keys are made anew where they were personal."""
    table = meaning.table
    state = session.built(table.asset)
    source = session.warehouse.source(table.asset, state)
    theirs = f"_pk IN (SELECT pk FROM {ROWS} WHERE name = '{table.physical}')"
    sql = blanked_select(session, tenant, suppression, meaning, state.columns, source, theirs)
    work.counts[table.asset] = len(work.rows[table.physical])
    session.write(
        table.asset,
        sql,
        fingerprint=state.fingerprint,
        figures=state.figures,
        columns=dict(state.columns),
    )
    session.execute(f"DROP TABLE {KEY_HASHES}")
