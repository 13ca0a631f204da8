"""Load delivery days of a feed into its domain table: read, judge, upsert, record.

A day loads whole or not at all; the good days of a batch load even if another fails. Table and
ledger become current together at the session's commit, so that a kill at any point leaves the state
before the load. Rows of files come from `formats`, typed by `incoming`; which of them stand is in
`upsert`.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest import upsert
from c360_assets.ingest.failures import OVER_THRESHOLD, LoadError, file_message
from c360_assets.ingest.forgotten import leave_out, sentences
from c360_assets.ingest.formats.readers import REGISTERED, OpenedFiles, open_files
from c360_assets.ingest.incoming import (
    DELIVERY_YEARS,
    INCOMING,
    count_rows,
    create_incoming,
    insert_rows,
    rejected_rows,
)
from c360_assets.ingest.landing import DayLoad, days_to_read_again, new_columns
from c360_assets.ingest.results import DayResult, FeedLoad, FileResult
from c360_assets.ingest.row_errors import Rate, commonest, write_logs
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.ledger import LEDGER, LedgerEntry, record, session_ledger
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

# `_pk` and `_updated` of the incoming rows that come into the domain table.
FRESH = "_c360_fresh"
# What `_updated` of a file's rows counts from, by the file's number.
BASES = "_c360_bases"
# Rows past it wait on disk, so that files of any size load on a small machine.
MEMORY_GIB = 2.0
# A file of whose rows more than one in so many shares its key with a later one of the file gets a
# warning: the key may be wrong.
ONE_IN = 4


@dataclass
class _PlainFile:
    """A file that rows were read from: its delivery day, the landed file it comes out of."""

    day: DayResult
    result: FileResult
    name: str
    rows_read: int = 0


@dataclass(frozen=True)
class _Load:
    """One batch of days on its way through the steps of a load.

    `results` are in order of days. `plain_files` is filled when the files are opened: over all days
    in order of day and path; a file's place in it is the number that its rows carry.
    """

    session: Session
    tenant: Tenant
    feed: FeedConfig
    results: list[DayResult]
    plain_files: list[_PlainFile]
    stored: TableState | None
    report_progress: Callable[[str], None]

    def numbers_of(self, day: DayResult) -> list[int]:
        """The numbers of a day's plain files."""
        return [number for number, file in enumerate(self.plain_files) if file.day is day]


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
    return _with_declared_columns(session, feed)


def _with_declared_columns(session: Session, feed: FeedConfig) -> TableState:
    """The table with the declared columns, NULL where its rows were loaded without."""
    table, layout = domain_table(feed), layout_fingerprint(feed)
    state = session.state(table)
    if state is not None:
        _check_layout(feed, state)
        if state.columns == upsert.columns_of(feed):
            if state.fingerprint == layout:
                return state
            return session.keep(table, fingerprint=layout, figures=_figures(feed))
    rows = _stored_sql(session, feed, state)
    return session.write(table, rows, fingerprint=layout, figures=_figures(feed))


def purge(session: Session, feed: FeedConfig) -> None:
    """Empty the domain table and forget the feed's loads. Pending until commit.

    So everything that landed is loaded again.
    """
    kept = session_ledger(session).filter(pl.col("feed") != feed.name)
    session.write(LEDGER, kept)
    session.write(
        domain_table(feed),
        _no_rows_sql(feed),
        fingerprint=layout_fingerprint(feed),
        figures=_figures(feed),
    )


def load_feed(
    session: Session,
    tenant: Tenant,
    feed: FeedConfig,
    days: Sequence[DayLoad],
    *,
    threshold_override: int | None = None,
    progress: Callable[[str], None] | None = None,
    commit: bool = False,
) -> FeedLoad:
    """Load `days` (what `landing.pending` gave) into the feed's domain table and ledger.

    Days that cannot be loaded have the status `failed` in the result and in the ledger; they raise
    nothing. Raises LoadError when the feed as a whole cannot be loaded: a changed column type or
    key. The caller commits, unless `commit` is true.
    """
    table = domain_table(feed)
    stored = session.state(table)
    if stored is not None:
        _check_layout(feed, stored)
    days = _with_days_to_read_again(session, tenant, feed, days, stored)
    if not days:
        current = FeedLoad(feed.name, table, [], ensure_table(session, feed))
        if commit and session.pending:
            session.commit()
        return current
    threshold = feed.error_threshold if threshold_override is None else threshold_override
    load = _Load(
        session, tenant, feed, _results_of(days), [], stored, progress or (lambda text: None)
    )
    _tell_new_columns(load, days)
    with _workspace(session, tenant, feed) as workspace:
        files = _open_files(load, workspace)
        _read_rows(load, files)
        _report_files(load, files)
        _count_rows(load)
        _leave_out_forgotten(load)
        _judge_days(load, threshold)
        written = _write_domain_table(load, stored)
        _write_ledger(load)
    if commit:
        session.commit()
    return FeedLoad(feed.name, table, load.results, written)


def _with_days_to_read_again(
    session: Session,
    tenant: Tenant,
    feed: FeedConfig,
    days: Sequence[DayLoad],
    stored: TableState | None,
) -> list[DayLoad]:
    """All loaded days too, where the table lacks a column: one day's rows must not stay without."""
    columns = new_columns(feed, stored)
    loads = {load.day: load for load in days}
    if columns:
        for load in days_to_read_again(tenant, feed, session_ledger(session), columns):
            loads[load.day] = load
    return [loads[day] for day in sorted(loads)]


def _results_of(days: Sequence[DayLoad]) -> list[DayResult]:
    """Nothing read yet, in order of days."""
    return [
        DayResult(
            load.day,
            load.attempt,
            [FileResult(file) for file in load.files],
            is_complete_again=bool(load.new_columns),
        )
        for load in sorted(days, key=lambda load: load.day)
    ]


def _tell_new_columns(load: _Load, days: Sequence[DayLoad]) -> None:
    again = [day for day in days if day.new_columns]
    if again:
        columns = ", ".join(again[0].new_columns)
        count = "1 delivery day is" if len(again) == 1 else f"{len(again)} delivery days are"
        note = f"{columns} was declared or renamed after the feed was loaded: {count} read again"
        if not FilePattern(load.feed.files.pattern).has_date:
            note += "; rows that only an earlier content of a file brought keep NULL there"
        load.results[0].warnings.append(note)


@contextmanager
def _workspace(session: Session, tenant: Tenant, feed: FeedConfig) -> Iterator[Path]:
    """A folder for copies and a limit of memory; both and the load's scratch tables are undone.

    Failures of the machine become a LoadError.
    """
    workspace = tenant.root / ".tmp" / f"ingest-{feed.physical}"
    ((memory_limit,),) = session.rows("SELECT current_setting('memory_limit')")
    if _gibibytes(memory_limit) > MEMORY_GIB:
        session.execute(f"SET memory_limit = '{MEMORY_GIB} GiB'")
    try:
        yield workspace
    except (duckdb.Error, OSError) as error:
        # The engine's text may quote a value.
        raise LoadError(
            "machine",
            f"feed {feed.name}: the load was given up, and nothing of it is kept "
            f"({type(error).__name__}); check disk space, memory and permissions below "
            f"{tenant.root}, then run again",
        ) from None
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
        for table in (INCOMING, FRESH):
            session.execute(f"DROP TABLE IF EXISTS {table}")
        for frame in (*REGISTERED, DELIVERY_YEARS, BASES):
            session.con.unregister(frame)
        session.execute(f"SET memory_limit = {quote_literal(memory_limit)}")


def _gibibytes(setting: str) -> float:
    """A size as the engine writes it (`1.9 GiB`), 0 for less than one GiB."""
    size, _, unit = setting.partition(" ")
    factors = {"GiB": 1.0, "TiB": 1024.0}
    return float(size) * factors[unit] if unit in factors else 0.0


def _fail(day: DayResult, error: LoadError) -> None:
    """Give a day up; of several reasons the first is kept."""
    if day.status != "failed":
        day.status, day.kind, day.message = "failed", error.kind, str(error)


def _open_files(load: _Load, workspace: Path) -> OpenedFiles:
    """Unpack the days' files and look at their headers."""
    landed = [(day, result) for day in load.results for result in day.files]
    files = open_files(load.session, load.feed, [result.file for _, result in landed], workspace)
    for name, place in zip(files.names, files.origins, strict=True):
        day, result = landed[place]
        load.plain_files.append(_PlainFile(day, result, name))
    return files


def _read_rows(load: _Load, files: OpenedFiles) -> None:
    """Fill the incoming table with every row of every readable file; errors are marked."""
    session, feed = load.session, load.feed
    create_incoming(session, feed, [file.day.day.year for file in load.plain_files])
    try:
        for batch in files.batches():
            insert_rows(session, load.tenant.config.id, feed, batch.sql, batch.typed)
            load.report_progress(f"{feed.name}: reading {len(files.readable)} files")
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise  # of the machine, not of the files
    except duckdb.Error as error:
        problem = f"its files cannot be read ({type(error).__name__})"
        raise LoadError("unreadable", f"feed {feed.name}: {problem}") from None


def _report_files(load: _Load, files: OpenedFiles) -> None:
    """Fail the days with a file that cannot be read, and warn of columns that differ."""
    day_of_file = [day for day in load.results for _ in day.files]
    for place, failure in files.failures.items():
        _fail(day_of_file[place], failure)
    for day in load.results:
        places = {place for place, its_day in enumerate(day_of_file) if its_day is day}
        day.warnings += files.warnings(places)
    for number, dropped in files.notes.dropped.items():
        load.plain_files[number].result.dropped += dropped
    for day in load.results:
        for file in day.files:
            if file.dropped:
                path = file.file.relative
                rows = _rows_text(file.dropped)
                day.warnings.append(f"file {path}: {rows} left out, as files.drop_rows says")
    for number, totals in files.notes.totals.items():
        plain_file = load.plain_files[number]
        words = "|".join(sorted(totals.words))
        verb = "looks" if totals.rows == 1 else "look"
        plain_file.day.warnings.append(
            f"file {plain_file.name}: {_rows_text(totals.rows)} {verb} like a total, the first in "
            f"line {totals.line}; to leave such rows out say "
            f"`drop_rows: '^\\W*({words})\\b'` under files"
        )


def _rows_text(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def _count_rows(load: _Load) -> None:
    for counts in count_rows(load.session):
        file = load.plain_files[counts.file]
        file.rows_read = counts.read
        file.result.read += counts.read
        file.result.rejected += counts.rejected
        file.result.rounded += counts.rounded


def _leave_out_forgotten(load: _Load) -> None:
    """Rows of people who were forgotten are in no table, no log and no rate of errors."""
    days = [file.day.day for file in load.plain_files]
    for number, counts in leave_out(load.session, load.tenant, load.feed, days).items():
        file = load.plain_files[number]
        file.result.rejected -= counts.erroneous
        file.result.forgotten += counts.rows
        file.day.warnings += [f"file {file.name}: {text}" for text in sentences(counts)]


def _judge_days(load: _Load, threshold: int) -> None:
    """Write the logs of all days with errors, and fail those whose error rate is too high."""
    rejected = rejected_rows(load.session)
    for day in load.results:
        numbers = load.numbers_of(day)
        names = [load.plain_files[number].name for number in numbers]
        schema = {"_file": pl.Int32, "file": pl.String}
        files = pl.DataFrame({"_file": numbers, "file": names}, schema=schema)
        errors = rejected.join(files, on="_file")
        day.logs = write_logs(load.tenant.root, load.feed, day.day, errors)
        if day.status == "failed":
            continue
        rate = Rate(day.rows_read - day.rows_forgotten, day.rows_rejected, threshold)
        if rate.exceeded:
            _fail(day, _over_threshold(load, day, rate, errors))
        elif not day.rows_read:
            day.status = "empty"
            day.warnings.append(f"delivery day {day.day} has no rows")


def _over_threshold(load: _Load, day: DayResult, rate: Rate, errors: pl.DataFrame) -> LoadError:
    log = day.logs[0].relative_to(load.tenant.root)
    return LoadError(
        OVER_THRESHOLD,
        f"feed {load.feed.name}: {rate} on {day.day}, mainly {commonest(errors, load.feed)}; "
        f"nothing of that day was loaded; see the error log {log}, correct the file or the feed, "
        "or raise error_threshold",
    )


def _write_domain_table(load: _Load, stored: TableState | None) -> TableState:
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


def _merge(load: _Load, stored: TableState | None) -> TableState:
    """Upsert the good days' rows into the stored ones; without a state they replace all."""
    session, feed = load.session, load.feed
    if stored is None:
        stored_rows = _no_rows_sql(feed)
    else:
        state = _with_declared_columns(session, feed)
        stored_rows = _stored_sql(session, feed, state)
    columns = ", ".join(quote_ident(name) for name in upsert.columns_of(feed) if name != "_updated")
    placed = f"""(
        SELECT {columns}, _base + _row AS _updated, _file
        FROM {INCOMING} JOIN {BASES} USING (_file) WHERE _error IS NULL)"""
    read_again = _read_again_sql(load)
    others = f"(SELECT * FROM ({stored_rows}) WHERE NOT {read_again})"
    fresh = upsert.fresh_sql(feed, placed, others)
    session.execute(f"CREATE OR REPLACE TEMP TABLE {FRESH} AS {fresh}")
    fresh_rows = f"{placed} SEMI JOIN {FRESH} USING (_updated)"
    loaded = session.rows(f"SELECT _file, count(*) FROM {fresh_rows} GROUP BY _file")
    for number, rows in loaded:
        load.plain_files[number].result.loaded += rows
    _count_replaced(load)
    _warn_of_shared_keys(load)
    table, layout, figures = domain_table(feed), layout_fingerprint(feed), _figures(feed)
    content = f"SELECT {columns}, _updated FROM {fresh_rows}"
    if feed.load == "truncate_and_upsert":
        return session.write(table, content, fingerprint=layout, figures=figures)
    keys = f"SELECT _pk FROM {FRESH} UNION SELECT _pk FROM ({stored_rows}) WHERE {read_again}"
    return session.upsert(table, content, keys, "_pk", fingerprint=layout, figures=figures)


def _read_again_sql(load: _Load) -> str:
    """SQL for the stored rows that good days bring once more, all of them with a new column.

    What such a day does not bring any more, for a value that is no value of the new column, goes,
    as in a first load.
    """
    attempts = [
        str(upsert.updated_base(day.day, day.attempt, 0) >> upsert.ATTEMPT_BITS)
        for day in load.results
        if day.is_complete_again and day.status != "failed"
    ]
    if not attempts:
        return "false"
    return f"(_updated >> {upsert.ATTEMPT_BITS}) IN ({', '.join(attempts)})"


def _register_bases(load: _Load, good_days: list[DayResult]) -> None:
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


def _newest(load: _Load, good_days: list[DayResult]) -> list[DayResult]:
    """Of a truncated feed only the newest delivery day counts, which may have been loaded before.

    Older ones are recorded and replaced by it.
    """
    is_loaded = (pl.col("feed") == load.feed.name) & (pl.col("status") != "failed")
    loaded_before = session_ledger(load.session).filter(is_loaded)["delivery_day"].to_list()
    newest = max([day.day for day in good_days] + loaded_before, default=None)
    return [day for day in good_days if day.day == newest]


def _count_replaced(load: _Load) -> None:
    for day in load.results:
        for file in day.files:
            is_read = day.status != "failed"
            known = file.rejected + file.loaded + file.forgotten
            file.replaced = file.read - known if is_read else 0


def _warn_of_shared_keys(load: _Load) -> None:
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
                f"has {sharing} of {rows} rows with the key of another row in it, "
                "of which one stands"
            )
            remedy = (
                f"check that primary_key ({', '.join(load.feed.primary_key)}) names the columns "
                "that tell two rows apart"
            )
            path = file.result.file.relative
            file.day.warnings.append(file_message(load.feed.name, path, problem, remedy))


def _write_ledger(load: _Load) -> None:
    now = datetime.now(UTC)
    entries = [
        LedgerEntry(
            feed=load.feed.name,
            delivery_day=day.day,
            path=result.file.relative,
            sha256=result.file.sha256,
            size=result.file.size,
            mtime_ns=result.file.mtime_ns,
            attempt=day.attempt,
            rows_read=result.read,
            rows_loaded=result.loaded,
            rows_rejected=result.rejected,
            rows_replaced=result.replaced,
            status=day.status,
            kind=day.kind,
            message=day.message,
            run_id=load.session.run_id,
            loaded_at=now,
        )
        for day in load.results
        for result in day.files
    ]
    record(load.session, entries)


def _figures(feed: FeedConfig) -> dict[str, object]:
    return {"primary_key": list(feed.primary_key)}


def _check_layout(feed: FeedConfig, state: TableState) -> None:
    """Refuse a changed type or key of a loaded table.

    Stored rows cannot be read as if they had been loaded with it.
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


def _no_rows_sql(feed: FeedConfig) -> str:
    """The declared columns without a row."""
    columns = ", ".join(
        f"CAST(NULL AS {kind}) AS {quote_ident(name)}"
        for name, kind in upsert.columns_of(feed).items()
    )
    return f"SELECT {columns} WHERE false"


def _stored_sql(session: Session, feed: FeedConfig, state: TableState | None) -> str:
    """The stored rows with the declared columns; no rows without a state."""
    if state is None:
        return _no_rows_sql(feed)
    stored_names = {name.lower(): quote_ident(name) for name in state.columns}
    columns = ", ".join(
        f"CAST({stored_names.get(name.lower(), 'NULL')} AS {kind}) AS {quote_ident(name)}"
        for name, kind in upsert.columns_of(feed).items()
    )
    try:
        source = session.warehouse.source(domain_table(feed), state)
    except Exception as error:
        problem = f"cannot be read at version {state.version} ({type(error).__name__})"
        raise C360Error(f"table {domain_table(feed)} {problem}") from None
    return f"SELECT {columns} FROM {source}"
