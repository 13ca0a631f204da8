"""Load delivery days of a feed into its domain table: read, judge, upsert, record.

A day loads whole or not at all; the good days of a batch load even if another fails. Table and
ledger become current together at the session's commit, so that a kill at any point leaves the state
before the load. Rows of files come from `formats`, typed by `incoming`; the good days come into the
table in `merge`, which of their rows stand is in `upsert`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

from c360_assets.ingest.domain_table import check_layout, domain_table, ensure_table
from c360_assets.ingest.failures import OVER_THRESHOLD, LoadError
from c360_assets.ingest.forgotten import leave_out, sentences
from c360_assets.ingest.formats.batches import Batch
from c360_assets.ingest.formats.readers import OpenedFiles, open_files
from c360_assets.ingest.garbled_values import mend_texts, with_lost_letters
from c360_assets.ingest.incoming import (
    INCOMING,
    count_rows,
    fill_incoming,
    rejected_rows,
)
from c360_assets.ingest.known_files import known_files
from c360_assets.ingest.load_batch import Load, PlainFile, fail, open_workspace, results_of
from c360_assets.ingest.merge import write_domain_table
from c360_assets.ingest.read_again import DayLoad, days_to_read_again, new_columns
from c360_assets.ingest.read_otherwise import otherwise_messages
from c360_assets.ingest.results import DayResult, FeedLoad
from c360_assets.ingest.row_errors import Rate, commonest, worst_file, write_logs
from c360_assets.semantics.garbled import LOST
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.ledger import LedgerEntry, record, session_ledger
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.wording import counted

# Tags of columns in whose values a question mark stands for a letter.
ASK_NOTHING = {"given-name", "surname", "full-name", "city"}


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
        check_layout(feed, stored)
    days = _with_days_to_read_again(session, tenant, feed, days, stored)
    if not days:
        current = FeedLoad(feed.name, table, [], ensure_table(session, feed))
        if commit and session.pending:
            session.commit()
        return current
    threshold = feed.error_threshold if threshold_override is None else threshold_override
    load = Load(
        session, tenant, feed, results_of(days), [], stored, progress or (lambda text: None)
    )
    _tell_new_columns(load, days)
    _tell_read_otherwise(load)
    with open_workspace(session, tenant, feed) as workspace:
        files = _open_files(load, workspace)
        _read_rows(load, files)
        _report_files(load, files)
        _count_rows(load)
        _mend_texts(load)
        _leave_out_forgotten(load)
        _judge_days(load, threshold)
        written = write_domain_table(load, stored)
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


def _tell_new_columns(load: Load, days: Sequence[DayLoad]) -> None:
    again = [day for day in days if day.new_columns]
    if again:
        columns = ", ".join(again[0].new_columns)
        count = counted(len(again), "delivery day is", "delivery days are")
        note = f"{columns} was declared or renamed after the feed was loaded: {count} read again"
        if not FilePattern(load.feed.files.pattern).has_date:
            note += "; rows that only an earlier content of a file brought keep NULL there"
        load.results[0].warnings.append(note)


def _tell_read_otherwise(load: Load) -> None:
    """Of loaded days that stay in the table as they are, beside days that are read otherwise."""
    if load.feed.load == "truncate_and_upsert":
        return
    loaded = known_files(session_ledger(load.session), load.feed).loaded_attempts
    staying = loaded.keys() - {day.day for day in load.results}
    load.results[0].warnings += otherwise_messages(load.feed, load.stored, staying)


def _open_files(load: Load, workspace: Path) -> OpenedFiles:
    """Unpack the days' files and look at their headers."""
    landed = [(day, result) for day in load.results for result in day.files]
    files = open_files(load.session, load.feed, [result.file for _, result in landed], workspace)
    for name, place in zip(files.names, files.origins, strict=True):
        day, result = landed[place]
        load.plain_files.append(PlainFile(day, result, name))
    return files


def _read_rows(load: Load, files: OpenedFiles) -> None:
    """Fill the incoming table with every row of every readable file; errors are marked."""
    session, feed = load.session, load.feed
    years = [file.day.day.year for file in load.plain_files]

    def reported() -> Iterator[Batch]:
        for batch in files.batches():
            yield batch
            load.report_progress(f"{feed.name}: reading {counted(len(files.readable), 'file')}")

    try:
        fill_incoming(session, load.tenant.config.id, feed, years, reported())
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise  # of the machine, not of the files
    except duckdb.Error as error:
        problem = f"its files cannot be read ({type(error).__name__})"
        raise LoadError("unreadable", f"feed {feed.name}: {problem}") from None


def _report_files(load: Load, files: OpenedFiles) -> None:
    """Fail the days with a file that cannot be read, and warn of columns that differ."""
    day_of_file = [day for day in load.results for _ in day.files]
    for place, failure in files.failures.items():
        fail(day_of_file[place], failure)
    for day in load.results:
        places = {place for place, its_day in enumerate(day_of_file) if its_day is day}
        day.warnings += files.warnings(places)
    for number, dropped in files.notes.dropped.items():
        load.plain_files[number].result.dropped += dropped
    for day in load.results:
        for file in day.files:
            if file.dropped:
                path = file.file.relative
                rows = counted(file.dropped, "row")
                day.warnings.append(f"file {path}: {rows} left out, as files.drop_rows says")
    for number, totals in files.notes.totals.items():
        plain_file = load.plain_files[number]
        words = "|".join(sorted(totals.words))
        rows = counted(totals.rows, "row looks", "rows look")
        plain_file.day.warnings.append(
            f"file {plain_file.name}: {rows} like a total, the first in "
            f"line {totals.line}; to leave such rows out say "
            f"`drop_rows: '^\\W*({words})\\b'` under files"
        )


def _count_rows(load: Load) -> None:
    for counts in count_rows(load.session):
        file = load.plain_files[counts.file]
        file.rows_read = counts.read
        file.result.read += counts.read
        file.result.rejected += counts.rejected
        file.result.rounded += counts.rounded
        file.result.guessed += counts.guessed
    # Once for all days: a feed that has such values has them every day.
    load.results[0].warnings += _inexact(load.feed, load.results)


def _inexact(feed: FeedConfig, days: Sequence[DayResult]) -> Iterator[str]:
    """What to say of values that are not quite what their texts say."""
    rounded = sum(day.rounded_values for day in days)
    if rounded:
        which = _days_text([day for day in days if day.rounded_values])
        yield (
            f"{counted(rounded, 'value is', 'values are')} rounded, with more decimals than the "
            f"field has ({which}); `scale` of the feed says how many it has"
        )
    guessed = sum(day.guessed_values for day in days)
    if guessed:
        which = _days_text([day for day in days if day.guessed_values])
        yield (
            f"{counted(guessed, 'time is', 'times are')} of the hour that "
            f"{feed.timezone or 'UTC'} has twice, as its clocks are put back, and taken for the "
            f"second ({which}); only an offset in the "
            "file, such as +02:00, tells the two apart"
        )


def _days_text(days: Sequence[DayResult]) -> str:
    more = f" and {len(days) - 1:,} more" if len(days) > 1 else ""
    return f"delivery day {days[0].day}{more}"


def _mend_texts(load: Load) -> None:
    """Mend garbled values of text; those of the key stay, as they say which row it is."""
    session, feed = load.session, load.feed
    texts = [name for name, field in feed.columns.items() if field.type == "string"]
    mended = mend_texts(session, INCOMING, [name for name in texts if name not in feed.primary_key])
    if mended:
        load.results[0].warnings.append(
            f"{counted(sum(mended.values()), 'value')} of {', '.join(mended)} came as a system "
            "writes them for another place, such as `Ã¼` or `&uuml;` for `ü`, and are mended"
        )
    names = [name for name in texts if ASK_NOTHING & set(feed.columns[name].tags)]
    lost = with_lost_letters(session, INCOMING, texts, names)
    if lost:
        values = counted(sum(lost.values()), "value holds", "values hold")
        load.results[0].warnings.append(
            f"{values} `{LOST}` or `?` within a word, of {', '.join(lost)}: letters were lost "
            "before the file was written; have it exported in UTF-8 again"
        )


def _leave_out_forgotten(load: Load) -> None:
    """Rows of people who were forgotten are in no table, no log and no rate of errors."""
    days = [file.day.day for file in load.plain_files]
    for number, counts in leave_out(load.session, load.tenant, load.feed, days).items():
        file = load.plain_files[number]
        file.result.rejected -= counts.erroneous
        file.result.forgotten += counts.rows
        file.day.warnings += [f"file {file.name}: {text}" for text in sentences(counts)]


def _judge_days(load: Load, threshold: int) -> None:
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
            fail(day, _over_threshold(load, day, rate, errors))
        elif not day.rows_read:
            day.status = "empty"
            day.warnings.append(f"delivery day {day.day} has no rows")


def _over_threshold(load: Load, day: DayResult, rate: Rate, errors: pl.DataFrame) -> LoadError:
    log = day.logs[0].relative_to(load.tenant.root)
    return LoadError(
        OVER_THRESHOLD,
        f"feed {load.feed.name}: {rate} on {day.day}, most in {worst_file(errors)}, "
        f"mainly {commonest(errors, load.feed)}; nothing of that day was loaded; see the error log "
        f"{log}, correct the file or the feed, or raise error_threshold",
    )


def _write_ledger(load: Load) -> None:
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
