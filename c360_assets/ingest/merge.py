"""Bring the good days of a batch into the domain table: the rows that stand, by key and by place.

Which of two rows of one key stands is decided in `upsert`.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from c360_assets.ingest import upsert
from c360_assets.ingest.domain_table import (
    domain_table,
    ensure_table,
    figures_of,
    layout_fingerprint,
    no_rows_sql,
    stored_sql,
    with_declared_columns,
)
from c360_assets.ingest.failures import file_message
from c360_assets.ingest.incoming import (
    INCOMING,
)
from c360_assets.ingest.load_batch import BASES, FRESH, Load
from c360_assets.ingest.read_again import new_columns
from c360_assets.ingest.results import DayResult
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.sql import quote_ident
from c360_assets.wording import counted

# A file of whose rows more than one in so many shares its key with a later one of the file gets a
# warning: the key may be wrong.
ONE_IN = 4


def write_domain_table(load: Load, stored: TableState | None) -> TableState:
    """Write the domain table's new content; without a good day only its layout is made current."""
    good_days = [day for day in load.results if day.status != "failed"]
    if load.feed.load == "truncate_and_upsert":
        good_days = _newest(load, good_days)
        stored = None
    if not good_days:
        _count_replaced(load)
        if load.stored is not None and new_columns(load.feed, load.stored):
            return load.stored
        return ensure_table(load.session, load.feed)
    load.report_progress(f"{load.feed.name}: merging")
    _register_bases(load, good_days)
    return _merge(load, stored)


def _merge(load: Load, stored: TableState | None) -> TableState:
    """Upsert the good days' rows into the stored ones; without a state they replace all."""
    session, feed = load.session, load.feed
    if stored is None:
        stored_rows = no_rows_sql(feed)
    else:
        state = with_declared_columns(session, feed)
        stored_rows = stored_sql(session, feed, state)
    columns = ", ".join(quote_ident(name) for name in upsert.columns_of(feed) if name != "_updated")
    placed = f"""(
        SELECT {columns}, _base + _row AS _updated, _file
        FROM {INCOMING} JOIN {BASES} USING (_file) WHERE _error IS NULL)"""
    good_days = [day for day in load.results if day.status != "failed"]
    # A row is not held against what was read of itself before, in other settings.
    again = _rows_of_sql(day for day in good_days if day.is_again or day.is_complete_again)
    # What such a day does not bring any more, for a value that is no value of the new column, goes,
    # as in a first load.
    complete = _rows_of_sql(day for day in good_days if day.is_complete_again)
    others = f"(SELECT * FROM ({stored_rows}) WHERE NOT {again})"
    fresh = upsert.fresh_sql(feed, placed, others)
    session.execute(f"CREATE OR REPLACE TEMP TABLE {FRESH} AS {fresh}")
    fresh_rows = f"{placed} SEMI JOIN {FRESH} USING (_updated)"
    loaded = session.rows(f"SELECT _file, count(*) FROM {fresh_rows} GROUP BY _file")
    for number, rows in loaded:
        load.plain_files[number].result.loaded += rows
    _count_replaced(load)
    _warn_of_shared_keys(load)
    if feed.load == "upsert":
        _tell_withdrawn_rows(load, stored_rows)
    table, layout, figures = domain_table(feed), layout_fingerprint(feed), figures_of(feed)
    content = f"SELECT {columns}, _updated FROM {fresh_rows}"
    if feed.load == "truncate_and_upsert":
        return session.write(table, content, fingerprint=layout, figures=figures)
    keys = f"SELECT _pk FROM {FRESH} UNION SELECT _pk FROM ({stored_rows}) WHERE {complete}"
    return session.upsert(table, content, keys, "_pk", fingerprint=layout, figures=figures)


def _rows_of_sql(days: Iterable[DayResult]) -> str:
    """SQL for the stored rows that the same attempts at the days brought."""
    attempts = [
        str(upsert.updated_base(day.day, day.attempt, 0) >> upsert.ATTEMPT_BITS) for day in days
    ]
    if not attempts:
        return "false"
    return f"(_updated >> {upsert.ATTEMPT_BITS}) IN ({', '.join(attempts)})"


def _register_bases(load: Load, good_days: list[DayResult]) -> None:
    """Give the rows of the good days' files their places; rows of other files have none."""
    numbers: list[int] = []
    bases: list[int] = []
    for day in good_days:
        rows_before = 0
        for number in load.numbers_of(day):
            numbers.append(number)
            bases.append(upsert.updated_base(day.day, day.attempt, rows_before))
            rows_before += load.plain_files[number].rows_read
    schema = {"_file": pl.Int32, "_base": pl.Int64}
    load.session.register(BASES, pl.DataFrame({"_file": numbers, "_base": bases}, schema=schema))


def _tell_withdrawn_rows(load: Load, stored_rows: str) -> None:
    """Say how many stored rows files brought that are delivered again without them.

    Of files that are no longer there nothing is known: their days are passed over.
    """
    ledger = session_ledger(load.session)
    for day in load.results:
        earlier = ledger.filter(
            pl.col("feed") == load.feed.name,
            pl.col("delivery_day") == day.day,
            pl.col("status") == "loaded",
            pl.col("attempt") < day.attempt,
        )
        delivered = {file.file.relative for file in day.files}
        is_whole = not earlier.is_empty() and delivered.issuperset(earlier["path"])
        if day.status == "failed" or day.is_complete_again or not is_whole:
            continue
        first = upsert.updated_base(day.day, 0, 0)
        until = upsert.updated_base(day.day, day.attempt, 0)
        ((rows,),) = load.session.rows(
            f"SELECT count(*) FROM ({stored_rows}) ANTI JOIN {INCOMING} USING (_pk) "
            f"WHERE _updated BETWEEN {first} AND {until}"
        )
        if rows:
            of_day = counted(rows, f"row of {day.day} is", f"rows of {day.day} are")
            day.warnings.append(
                f"{of_day} not in the files as they were delivered again, and stay: load: upsert "
                "removes no row"
            )


def _newest(load: Load, good_days: list[DayResult]) -> list[DayResult]:
    """Of a truncated feed only the newest delivery day counts, which may have been loaded before.

    Older ones are recorded and replaced by it.
    """
    is_loaded = (pl.col("feed") == load.feed.name) & (pl.col("status") != "failed")
    loaded_before = session_ledger(load.session).filter(is_loaded)["delivery_day"].to_list()
    newest = max([day.day for day in good_days] + loaded_before, default=None)
    return [day for day in good_days if day.day == newest]


def _count_replaced(load: Load) -> None:
    for day in load.results:
        for file in day.files:
            is_read = day.status != "failed"
            known = file.rejected + file.loaded + file.forgotten
            file.replaced = file.read - known if is_read else 0


def _warn_of_shared_keys(load: Load) -> None:
    """Warn of files that hold many rows of one key, of which one stands.

    Rows may also be replaced by other files', so keys are counted; but only in files that lost as
    many rows.
    """
    for number, file in enumerate(load.plain_files):
        if file.day.status == "failed" or ONE_IN * file.result.replaced <= file.result.read:
            continue
        ((rows, sharing),) = load.session.rows(
            f"SELECT count(*), count(*) - count(DISTINCT _pk) FROM {INCOMING} "
            f"WHERE _file = {number} AND _error IS NULL"
        )
        if ONE_IN * sharing > rows:
            problem = (
                f"has {sharing} of {counted(rows, 'row')} with the key of another row in it, "
                "of which one stands"
            )
            remedy = (
                f"check that primary_key ({', '.join(load.feed.primary_key)}) names the columns "
                "that tell two rows apart; where none do, `row_number` counts them"
            )
            path = file.result.file.relative
            file.day.warnings.append(file_message(load.feed.name, path, problem, remedy))
