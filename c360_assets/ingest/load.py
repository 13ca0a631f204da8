"""Load delivery days of a feed into its domain table: read, cast, reject, upsert, record.

A day loads whole or not at all; the good days of a batch load even if another fails. Table and ledger become current together
at the session's commit, so that a kill at any point leaves the state before the load.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest import upsert
from c360_assets.ingest.casts import AS_TEXT, cast_for, typed_sql
from c360_assets.ingest.failures import OVER_THRESHOLD, LoadError
from c360_assets.ingest.formats.batches import Batch, OpenedFile, about, column_warnings
from c360_assets.ingest.formats.readers import batches, open_part
from c360_assets.ingest.formats.unpack import parts_of
from c360_assets.ingest.landing import DayLoad
from c360_assets.ingest.results import DayResult, FeedLoad, FileResult
from c360_assets.ingest.row_errors import Rate, commonest, write_logs
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.ledger import LEDGER, LedgerEntry, record, session_ledger
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

INCOMING = "_c360_incoming"
# Rows past it wait on disk, so that files of any size load on a small machine.
MEMORY_GIB = 2.0
LOGGED_CHARACTERS = 10_000
# A file of whose rows more than one in so many shares its key with a later one of the file is told: the key may be wrong.
ONE_IN = 4


def domain_table(feed: FeedConfig) -> str:
    return f"domain/{feed.physical}"


def layout_fingerprint(feed: FeedConfig) -> str:
    """Changes when the domain table's columns, types, key or order of rows change, not when its rows do."""
    return fingerprint(
        "domain", upsert.columns_of(feed), feed.primary_key, feed.last_updated, feed.load
    )


def ensure_table(session: Session, feed: FeedConfig) -> TableState:
    """Give the feed's domain table the declared columns: empty where it was never loaded, new columns NULL, others dropped.

    Nothing is written where it has them. Raises LoadError when a loaded column's type or the primary key was changed.
    """
    table, mark = domain_table(feed), layout_fingerprint(feed)
    state = session.state(table)
    if state is None:
        return session.write(
            table, _stored_sql(session, feed, None), fingerprint=mark, figures=_figures(feed)
        )
    _check_layout(feed, state)
    if state.columns == upsert.columns_of(feed):
        return (
            state
            if state.fingerprint == mark
            else session.keep(table, fingerprint=mark, figures=_figures(feed))
        )
    return session.write(
        table, _stored_sql(session, feed, state), fingerprint=mark, figures=_figures(feed)
    )


def purge(session: Session, feed: FeedConfig) -> None:
    """Empty the domain table and forget the feed's loads, so that everything landed is loaded again. Pending until commit."""
    kept = session_ledger(session).filter(pl.col("feed") != feed.name)
    session.write(LEDGER, kept)
    session.write(
        domain_table(feed),
        _stored_sql(session, feed, None),
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
    """Load `days` (what `landing.pending` gave) into the feed's domain table and record them in the ledger.

    Days that cannot be loaded have the status `failed` in the result and in the ledger; they raise nothing. Raises LoadError
    when the feed as a whole cannot be loaded: a changed column type or key. The caller commits, unless `commit` is true.
    """
    table = domain_table(feed)
    state = session.state(table)
    if state is not None:
        _check_layout(feed, state)
    if not days:
        current = FeedLoad(feed.name, table, [], ensure_table(session, feed))
        if commit and session.pending:
            session.commit()
        return current
    workspace = tenant.root / ".tmp" / f"ingest-{feed.physical}"
    ((limit,),) = session.rows("SELECT current_setting('memory_limit')")
    if limit.endswith(("GiB", "TiB")) and (
        limit.endswith("TiB") or float(limit.split()[0]) > MEMORY_GIB
    ):
        session.execute(f"SET memory_limit = '{MEMORY_GIB} GiB'")
    try:
        load = _Load(session, tenant, feed, sorted(days, key=lambda d: d.day), workspace, progress)
        load.read()
        load.judge(feed.error_threshold if threshold_override is None else threshold_override)
        after = load.upsert(state)
        load.write_ledger()
    except (duckdb.Error, OSError) as error:
        # The engine's text may quote a value.
        what = f"feed {feed.name}: the load was given up, and nothing of it is kept ({type(error).__name__})"
        raise LoadError(
            "machine",
            f"{what}; see to disk space, memory and permissions below {tenant.root}, then run again",
        ) from None
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
        for name in (INCOMING, "_c360_fresh"):
            session.execute(f"DROP TABLE IF EXISTS {name}")
        for name in ("_c360_text", "_c360_json", "_c360_lines", "_c360_file_years", "_c360_bases"):
            session.con.unregister(name)
        session.execute(f"SET memory_limit = {quote_literal(limit)}")
    if commit:
        session.commit()
    return FeedLoad(feed.name, table, load.results, after)


@dataclass
class _Part:
    """A plain file: of which day and landed file it is, what logs call it, how many rows it has."""

    day: DayResult
    result: FileResult
    name: str
    read: int = 0


class _Load:
    """One batch of days on its way through the stages of a load."""

    def __init__(
        self,
        session: Session,
        tenant: Tenant,
        feed: FeedConfig,
        days: Sequence[DayLoad],
        workspace: Path,
        progress: Callable[[str], None] | None,
    ) -> None:
        self.session, self.tenant, self.feed, self.workspace = session, tenant, feed, workspace
        self.tell = progress or (lambda text: None)
        self.results = [DayResult(d.day, d.attempt, [FileResult(f) for f in d.files]) for d in days]
        # What is read is numbered over all days, in day and path order; a number is what rows carry.
        self.parts: list[_Part] = []

    def _fail(self, day: DayResult, error: LoadError) -> None:
        if day.status != "failed":
            day.status, day.kind, day.message = "failed", error.kind, str(error)

    def read(self) -> None:
        """Fill the incoming table with every row of every readable file, errors marked; count per file."""
        opened: list[OpenedFile] = []
        for day, result in [(d, f) for d in self.results for f in d.files]:
            try:
                for part in parts_of(self.feed, result.file, self.workspace / str(len(self.parts))):
                    self.parts.append(_Part(day, result, part.file.relative))
                    opened.append(open_part(self.session, len(self.parts) - 1, part))
            except LoadError as error:
                self._fail(day, error)
        self._create_incoming()
        failures: dict[int, LoadError] = {}
        seen: dict[int, Sequence[str]] = {}
        try:
            for batch in batches(self.session, opened, failures, seen):
                self.session.execute(f"INSERT INTO {INCOMING} {self._typed_sql(batch)}")
                self.tell(f"{self.feed.name}: reading {len(opened)} files")
        except (duckdb.IOException, duckdb.OutOfMemoryException):
            raise
        except duckdb.Error as error:
            raise LoadError(
                "unreadable",
                f"feed {self.feed.name}: its files cannot be read ({type(error).__name__})",
            ) from None
        for file in opened:
            day, result = self.parts[file.number].day, self.parts[file.number].result
            if file.number in failures:
                self._fail(day, failures[file.number])
            elif result.file.changed():
                message = about(
                    self.feed,
                    result.file,
                    "changed while it was read",
                    "run again when it is complete",
                )
                self._fail(day, LoadError("changing", message))
        for day in self.results:
            mine = [file for file in opened if self.parts[file.number].day is day]
            day.warnings += column_warnings(self.feed, mine, seen)
        counts = f"SELECT _file, count(*), count(_error), sum(_rounded)::BIGINT FROM {INCOMING} GROUP BY _file"
        for number, read, rejected, rounded in self.session.rows(counts):
            part = self.parts[number]
            part.read = read
            part.result.read += read
            part.result.rejected += rejected
            part.result.rounded += rounded or 0

    def _create_incoming(self) -> None:
        columns = {
            **upsert.columns_of(self.feed),
            "_file": "INTEGER",
            "_row": "BIGINT",
            "_line": "BIGINT",
        }
        columns |= {
            "_error": "VARCHAR",
            "_field": "VARCHAR",
            "_raw": "VARCHAR",
            "_rounded": "BIGINT",
        }
        listed = ", ".join(
            f"{quote_ident(name)} {kind}" for name, kind in columns.items() if name != "_updated"
        )
        self.session.execute(f"CREATE OR REPLACE TEMP TABLE {INCOMING} ({listed})")
        days = [(n, part.day.day.year) for n, part in enumerate(self.parts)]
        frame = pl.DataFrame(days, schema={"_file": pl.Int32, "_year": pl.Int32}, orient="row")
        self.session.register("_c360_file_years", frame)

    def _typed_sql(self, batch: Batch) -> str:
        """From rows of text to the incoming table's rows: texts, values, key, first error; one idea per level."""
        feed = self.feed
        items = list(feed.fields.values())
        casts = [
            cast_for(feed, item, i, "_year", typed=i in batch.typed) for i, item in enumerate(items)
        ]
        wrong = {
            i: f"t{i} IS NOT NULL AND v{i} IS NULL"
            for i, item in enumerate(items)
            if item.type not in AS_TEXT
        }
        names = list(feed.fields)
        wrong_field = _case({condition: quote_literal(names[i]) for i, condition in wrong.items()})
        wrong_text = _case({condition: f"r{i}" for i, condition in wrong.items()})
        rounded = (
            " + ".join(f"coalesce(({c.rounded})::INTEGER, 0)" for c in casts if c.rounded) or "0"
        )
        outputs = list(feed.outputs)
        named = ", ".join(f"v{i} AS {quote_ident(name)}" for i, name in enumerate(outputs))
        types = upsert.columns_of(feed)
        key = upsert.key_sql({name: types[name] for name in feed.primary_key})
        plain = ", ".join(quote_ident(name) for name in outputs)
        digest = upsert.uuid_digest_sql(self.tenant.config.id, feed.name)
        return f"""
            WITH typed AS ({typed_sql(casts, f"({batch.sql}) JOIN _c360_file_years USING (_file)")}),
            judged AS (
                SELECT {named}, _file, _row, _line, _reject, {wrong_field} AS _cast, coalesce(_record, {wrong_text}) AS _text,
                       {rounded} AS _rounded
                FROM typed),
            keyed AS (SELECT *, {key} AS _pk FROM judged),
            erred AS (
                SELECT *, CASE WHEN _reject IS NOT NULL THEN _reject WHEN _cast IS NOT NULL THEN 'cast_error'
                               WHEN _pk IS NULL THEN 'missing_primary_key' END AS _error
                FROM keyed),
            hashed AS (SELECT *, CASE WHEN _error IS NULL THEN {digest} END AS _digest FROM erred)
            SELECT {plain}, _pk, {upsert.uuid_sql("_digest")}, _file, _row, _line, _error, _cast, _text,
                   CASE WHEN _error IS NULL THEN _rounded ELSE 0 END
            FROM hashed"""

    def judge(self, threshold: int) -> None:
        """Fail the days whose error rate is over the threshold, and write the logs of all days with errors."""
        logged = f"SELECT _file, _line, _field, _error, left(_raw, {LOGGED_CHARACTERS}) AS _raw FROM {INCOMING}"
        wrong = self.session.frame(f"{logged} WHERE _error IS NOT NULL")
        for day in self.results:
            names = [
                (number, part.name) for number, part in enumerate(self.parts) if part.day is day
            ]
            files = pl.DataFrame(names, schema={"_file": pl.Int32, "file": pl.String}, orient="row")
            of_day = wrong.join(files, on="_file")
            errors = of_day.rename(
                {"_line": "line_no", "_field": "field", "_error": "error_type", "_raw": "raw_value"}
            )
            day.logs = write_logs(self.tenant.root, self.feed, day.day, errors)
            rate = Rate(day.rows_read, day.rows_rejected, threshold)
            if day.status != "failed" and rate.exceeded:
                log = day.logs[0].relative_to(self.tenant.root)
                remedy = (
                    f"see the error log {log}, mend the file or the feed, or raise error_threshold"
                )
                what = f"{rate} on {day.day}, mainly {commonest(errors, self.feed)}; nothing of that day was loaded"
                self._fail(
                    day, LoadError(OVER_THRESHOLD, f"feed {self.feed.name}: {what}; {remedy}")
                )
            elif day.status != "failed" and not day.rows_read:
                day.status = "empty"
                day.warnings.append(f"delivery day {day.day} has no rows")

    def upsert(self, state: TableState | None) -> TableState:
        """Write the domain table's new content; without a good day only its layout is made current."""
        good = [d for d in self.results if d.status != "failed"]
        if self.feed.load == "truncate_and_upsert":
            good = self._newest(good)
        if not good:
            self._count_replaced()
            return ensure_table(self.session, self.feed)
        bases = []
        for day in good:
            offset = 0
            for number, part in enumerate(self.parts):
                if part.day is day:
                    bases.append((number, upsert.updated_base(day.day, day.attempt, offset)))
                    offset += part.read
        schema = {"_file": pl.Int32, "_base": pl.Int64}
        self.session.register("_c360_bases", pl.DataFrame(bases, schema=schema, orient="row"))
        self.tell(f"{self.feed.name}: merging")
        truncated = self.feed.load == "truncate_and_upsert"
        if truncated or state is None:
            stored = _stored_sql(self.session, self.feed, None)
        else:
            stored = _stored_sql(self.session, self.feed, ensure_table(self.session, self.feed))
        names = ", ".join(
            quote_ident(name) for name in upsert.columns_of(self.feed) if name != "_updated"
        )
        good_rows = f"{INCOMING} JOIN _c360_bases USING (_file) WHERE _error IS NULL"
        placed = f"(SELECT {names}, _base + _row AS _updated, _file FROM {good_rows})"
        self.session.execute(
            f"CREATE OR REPLACE TEMP TABLE _c360_fresh AS {upsert.fresh_sql(self.feed, placed, f'({stored})')}"
        )
        loaded_rows = f"SELECT _file, count(*) FROM {placed} SEMI JOIN _c360_fresh USING (_updated) GROUP BY _file"
        for number, loaded in self.session.rows(loaded_rows):
            self.parts[number].result.loaded += loaded
        self._count_replaced()
        self._tell_shared_keys()
        fresh = f"SELECT {names}, _updated FROM {placed} SEMI JOIN _c360_fresh USING (_updated)"
        table, mark, figures = (
            domain_table(self.feed),
            layout_fingerprint(self.feed),
            _figures(self.feed),
        )
        if truncated:
            return self.session.write(table, fresh, fingerprint=mark, figures=figures)
        replaced = "SELECT _pk FROM _c360_fresh"
        return self.session.upsert(table, fresh, replaced, "_pk", fingerprint=mark, figures=figures)

    def _newest(self, good: list[DayResult]) -> list[DayResult]:
        """A truncated feed shows its newest delivery day only; older ones are recorded and replaced by it."""
        before = session_ledger(self.session).filter(
            (pl.col("feed") == self.feed.name) & (pl.col("status") != "failed")
        )
        known = before["delivery_day"].to_list()
        newest = max([d.day for d in good] + known, default=None)
        return [d for d in good if d.day == newest]

    def _count_replaced(self) -> None:
        for day in self.results:
            for file in day.files:
                file.replaced = (
                    0 if day.status == "failed" else file.read - file.rejected - file.loaded
                )

    def _tell_shared_keys(self) -> None:
        """Warn of files that hold many rows of one key, of which one stands. Only those that lost as many rows are counted."""
        lost = [
            (number, part)
            for number, part in enumerate(self.parts)
            if part.day.status != "failed" and ONE_IN * part.result.replaced > part.result.read
        ]
        for number, part in lost:
            counted = f"SELECT count(*), count(*) - count(DISTINCT _pk) FROM {INCOMING} WHERE _file = {number} AND _error IS NULL"
            ((rows, shared),) = self.session.rows(counted)
            if ONE_IN * shared > rows:
                what = f"has {shared} of {rows} rows with the key of another row in it, of which one stands"
                remedy = f"check that primary_key ({', '.join(self.feed.primary_key)}) names the columns that tell two rows apart"
                part.day.warnings.append(about(self.feed, part.result.file, what, remedy))

    def write_ledger(self) -> None:
        now = datetime.now(UTC)
        entries = [
            LedgerEntry(
                feed=self.feed.name,
                delivery_day=day.day,
                path=f.file.relative,
                sha256=f.file.sha256,
                size=f.file.size,
                mtime_ns=f.file.mtime_ns,
                attempt=day.attempt,
                rows_read=f.read,
                rows_loaded=f.loaded,
                rows_rejected=f.rejected,
                rows_replaced=f.replaced,
                status=day.status,
                kind=day.kind,
                message=day.message,
                run_id=self.session.run_id,
                loaded_at=now,
            )
            for day in self.results
            for f in day.files
        ]
        record(self.session, entries)


def _case(branches: dict[str, str]) -> str:
    """SQL for the value of the first condition that holds."""
    return (
        f"CASE {' '.join(f'WHEN {c} THEN {v}' for c, v in branches.items())} END"
        if branches
        else "NULL::VARCHAR"
    )


def _figures(feed: FeedConfig) -> dict[str, object]:
    return {"primary_key": list(feed.primary_key)}


def _check_layout(feed: FeedConfig, state: TableState) -> None:
    """Refuse a changed type or key of a loaded table: stored rows cannot be read as if they had been loaded with it."""
    if not state.rows:
        return
    stored = {name.lower(): (name, kind) for name, kind in state.columns.items()}
    for name, kind in upsert.columns_of(feed).items():
        before = stored.get(name.lower(), (name, kind))[1]
        if before != kind:
            message = (
                f"feed {feed.name}: column {name} was loaded as {before} and is now declared as {kind}; "
                f"give it a new output name with rename, or {_loaded_again(feed)}"
            )
            raise LoadError("type_change", message)
    before_key = state.figures.get("primary_key")
    if before_key is not None and list(before_key) != list(feed.primary_key):
        raise LoadError(
            "key_change",
            f"feed {feed.name}: the primary key of a loaded table was changed; {_loaded_again(feed)}",
        )


def _loaded_again(feed: FeedConfig) -> str:
    return f"`c360 feed purge {shlex.quote(feed.name)}` empties the table, and the next load reads all that is in landing/ again"


def _stored_sql(session: Session, feed: FeedConfig, state: TableState | None) -> str:
    """The stored rows with the declared columns; no rows without a state."""
    declared = upsert.columns_of(feed)
    if state is None:
        return f"SELECT {', '.join(f'CAST(NULL AS {t}) AS {quote_ident(c)}' for c, t in declared.items())} WHERE false"
    stored = {name.lower(): name for name in state.columns}
    chosen = ", ".join(
        f"CAST({quote_ident(stored[c.lower()]) if c.lower() in stored else 'NULL'} AS {t}) AS {quote_ident(c)}"
        for c, t in declared.items()
    )
    try:
        source = session.warehouse.source(domain_table(feed), state)
    except Exception as error:
        raise C360Error(
            f"table {domain_table(feed)} cannot be read at version {state.version} ({type(error).__name__})"
        ) from None
    return f"SELECT {chosen} FROM {source}"
