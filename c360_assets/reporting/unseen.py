"""Which loaded rows Stitch has not seen, by what is in the tables of feeds now and was when it ran.

Nothing of it depends on clocks or times of files: a load that ended while Stitch ran counts too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from c360_assets.errors import C360Error
from c360_assets.ingest.day_feeds import day_feeds
from c360_assets.ingest.domain_table import domain_table
from c360_assets.stitch.previous import GENERATION
from c360_assets.stitch.tenant_run import SEEN
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session, Warehouse, open_session


def unseen_by_stitch(tenant: Tenant, warehouse: Warehouse) -> dict[str, int]:
    """Feed that Stitch depends on -> its rows that are new or other than when Stitch ran."""
    generation = warehouse.state(GENERATION)
    seen = generation.figures.get(SEEN, {}) if generation is not None else {}
    feeds = sorted(day_feeds(tenant).of_stitch)
    tables = {feed.name: domain_table(feed) for feed in tenant.feeds if feed.name in feeds}
    states = {name: warehouse.state(tables[name]) for name in feeds}
    changed = {
        name: state
        for name, state in states.items()
        if state is not None and seen.get(tables[name], {}).get("digest") != state.digest
    }
    if not changed:
        return {}
    with open_session(warehouse.root, tenant.config.timezone) as session:
        counts = {
            name: _new_rows(session, tables[name], state, seen.get(tables[name], {}))
            for name, state in changed.items()
        }
    return {name: count for name, count in counts.items() if count}


def _new_rows(session: Session, table: str, now: TableState, seen: Mapping[str, Any]) -> int:
    """The rows of a table that are not in the version that was seen; all where it had other
    columns."""
    if seen.get("fingerprint") != now.fingerprint or not seen.get("rows"):
        return now.rows
    rows = session.warehouse.source(table, now)
    before = now.at_version(seen["version"], seen["rows"])
    seen_rows = _source_that_is_there(session, table, before)
    if seen_rows is None:
        return _rows_without_id(session, table, now, seen["rows"])
    # Rows that were read again from the same bytes keep key and place.
    new = f"SELECT count(*) FROM {rows} ANTI JOIN {seen_rows} USING (_pk, _updated)"
    changed = f"SELECT count(*) FROM (SELECT * FROM {rows} EXCEPT SELECT * FROM {seen_rows})"
    ((count,),) = session.rows(new)
    if not count:
        ((count,),) = session.rows(changed)
    return int(count)


def _source_that_is_there(session: Session, table: str, state: TableState) -> str | None:
    """A FROM item over a version, None where tidying or forgetting removed its files."""
    try:
        files = session.warehouse.files(table, state)
    except (C360Error, OSError):
        return None
    if not all(Path(file).exists() for file in files):
        return None
    return session.warehouse.source(table, state)


def _rows_without_id(session: Session, table: str, now: TableState, seen_rows: int) -> int:
    """New rows where the version that was seen has gone: those that the table with ids lacks; of a
    table that has none, how many more there are."""
    stitched = f"stitched/{table.partition('/')[2]}"
    state = session.state(stitched)
    if state is None or not {"_pk", "_updated"} <= state.columns.keys():
        return max(now.rows - seen_rows, 0)
    rows = session.warehouse.source(table, now)
    with_ids = session.warehouse.source(stitched, state)
    ((count,),) = session.rows(
        f"SELECT count(*) FROM {rows} ANTI JOIN {with_ids} USING (_pk, _updated)"
    )
    return int(count)


def unseen_text(unseen: Mapping[str, int]) -> str:
    """In a sentence which loaded rows Stitch has not seen."""
    feeds = ", ".join(f"{feed} {rows:,}" for feed, rows in unseen.items())
    return f"Stitch has not seen rows that were loaded ({feeds}); `c360 run` takes them in"
