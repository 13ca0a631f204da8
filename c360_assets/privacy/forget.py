"""Forgets people: writes down what is to go, takes it out of every store, searches, and receipts.

The steps are in an order in which a kill at any instant loses nothing: the memory of who was
forgotten and the work are on the disk before the first row goes, and every step may be done twice.
So what was begun is ended by whatever touches the tenant next.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from c360_assets.customer_360.destinations import SENT
from c360_assets.ingest.personal_columns import CONTACTS, meanings
from c360_assets.privacy.erase_files import (
    clear_folder,
    drop_versions,
    erase_databases,
    erase_file,
)
from c360_assets.privacy.erase_tables import erase_tables
from c360_assets.privacy.people import Finder, Found, Identifiers
from c360_assets.privacy.planning import plan_work
from c360_assets.privacy.receipts import (
    Receipt,
    last_receipt,
    next_number,
    read_receipts,
    write_receipt,
)
from c360_assets.privacy.removals import (
    DELETION_FILES,
    note_received,
    pending_receivers,
    remove_at_receivers,
)
from c360_assets.privacy.restored import drop_returned_files, note_clean, unknown_files
from c360_assets.privacy.search import Searcher
from c360_assets.privacy.stores import all_files, orchestrator_home, store_of, stores
from c360_assets.privacy.work import Work, open_work
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.contact_forms import contact_forms
from c360_assets.warehouse.session import Session, Warehouse, open_session
from c360_assets.warehouse.suppression import (
    Kind,
    Line,
    Mode,
    Suppression,
    ensure_key,
    hashes,
    record_text,
    remember,
    replace_lines,
)

MARK = "privacy"  # the fact of the manifest that says up to which receipt the tables are clean
Progress = Callable[[str], None]


def unheard(_line: str) -> None:
    """Nobody follows the progress."""


@dataclass(frozen=True)
class Preview:
    """What a request would come to: rows by table, and what else is said before it is done."""

    people: list[str]
    rows: dict[str, int]
    already: list[str]
    notes: list[str]


def find(
    session: Session, tenant: Tenant, asked: Identifiers, strategy: str, mode: str = ""
) -> tuple[Finder, Found]:
    """The rows that a request is about; for `delete_pii` those that are not blank yet."""
    finder = Finder(session, tenant)
    found = finder.find(asked, strategy)
    if mode == "delete_pii":
        found = _without_blank(finder, found, Suppression.of(tenant.root))
    return finder, found


def _without_blank(finder: Finder, found: Found, suppression: Suppression) -> Found:
    rows = {}
    for name, keys in found.rows.items():
        blanked = _forgotten_keys(finder, suppression, name, sorted(keys))["delete_pii"]
        left = keys - set(blanked) | set(_not_blank(finder, name, blanked))
        if left:
            rows[name] = left
    return Found(rows, found.direct, found.ids if rows else [])


def preview(session: Session, tenant: Tenant, asked: Identifiers, found: Found) -> Preview:
    """What would be done, without doing it."""
    rows = {name: len(keys) for name, keys in sorted(found.rows.items()) if keys}
    names = meanings(tenant)
    already = already_forgotten(session, tenant, asked)
    return Preview(
        found.ids,
        {names[name].table.name: count for name, count in rows.items()},
        already,
        [],
    )


def already_forgotten(session: Session, tenant: Tenant, asked: Identifiers) -> list[str]:
    """Receipts by which somebody of these identifiers was forgotten earlier."""
    suppression = Suppression.of(tenant.root)
    if suppression.is_empty:
        return []
    con = session.con
    ids = pl.Series("value", list(asked.amperity_ids), dtype=pl.String)
    looked = [suppression.hits(con, "person", ids)]
    for kind, values in _hashed_values(asked, tenant).items():
        looked.append(suppression.hits(con, kind, values))
    return sorted({receipt for hits in looked for receipt in hits["receipt"]})


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
    note_received(finder.session, work)
    work.save(root)
    remember(root, _lines(finder.session, suppression, work))
    return work


def _lines(session: Session, suppression: Suppression, work: Work) -> list[Line]:
    """What keeps the people of a work from coming back."""
    con = session.con
    mode, receipt = work.mode, work.receipt
    pinned = {(datasource, pk): pin for datasource, pk, pin in work.pins}
    records = sorted({*work.records, *pinned})
    texts = [record_text(datasource, pk) for datasource, pk in records]
    pins = [pinned.get(record, "") for record in records]
    lines = suppression.lines_of(con, "record", texts, mode, receipt, pins)
    lines += suppression.lines_of(con, "person", work.ids, mode, receipt)
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
        erase_tables(session, tenant, work, known)
        _drop_requests(session, tenant, work)
        dropped = drop_versions(session.warehouse)
        if dropped:
            work.counts["earlier versions of tables (files)"] = dropped
        progress("databases")
        work.counts |= erase_databases(tenant, work)
        searcher = Searcher({*work.texts()})
        progress("files")
        _erase_files(tenant, work, searcher)
        work.save(root)  # its counts, should the rest be done by another process
        progress("receivers")
        failed = remove_at_receivers(session, tenant, work)
        progress("search")
        receipt = _receipt(tenant, work, session.warehouse, searcher)
        receipt.pending = failed
        receipt.requests = [
            line.hash
            for line in suppression.lines_of(
                session.con, "request", work.request_ids, work.mode, work.receipt
            )
        ]
        note_clean(root)
        write_receipt(root, receipt, suppression)
        session.commit(**{MARK: work.receipt})
    work.done(root)
    return receipt


def _erase_files(tenant: Tenant, work: Work, searcher: Searcher) -> None:
    """Clean or remove files that are no tables, by what the list of stores says of them."""
    clear_folder(tenant.root / ".tmp")
    listed = stores(tenant)
    tables = tenant.root.resolve() / "warehouse"
    for path in list(all_files(tenant)):
        store = store_of(tenant, path, listed)
        is_database = path.suffix == ".duckdb" or path.is_relative_to(tables)
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


def _drop_requests(session: Session, tenant: Tenant, work: Work) -> None:
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


def _receipt(tenant: Tenant, work: Work, warehouse: Warehouse, searcher: Searcher) -> Receipt:
    own = tenant.root.resolve() / "privacy"
    left_out = (own / "work", own / "pending")
    files = (
        path
        for path in all_files(tenant)
        if not any(path.is_relative_to(folder) for folder in left_out)
        and DELETION_FILES not in path.name
    )
    searched = searcher.search(files)
    remaining = _by_store(tenant, searched.finds)
    after = {name: state.digest for name, state in warehouse.manifest.tables.items()}
    changed = sorted(name for name in work.before if work.before[name] != after.get(name))
    return Receipt(
        work.receipt,
        datetime.now(UTC).isoformat(timespec="seconds"),
        work.asked_by,
        work.mode,
        work.strategy,
        work.people,
        rows=dict(sorted(work.counts.items())),
        searched={
            "values": len(searcher.values),
            "files": searched.files,
            "bytes": searched.size,
            "finds": len(searched.finds),
        },
        remaining=remaining,
        notes=_notes(tenant, work, remaining, warehouse.manifest.meta),
        before={name: work.before[name] for name in changed},
        after={name: after[name] for name in changed if name in after},
    )


def _by_store(tenant: Tenant, files: Sequence[Path]) -> dict[str, int]:
    """How many of the files are of which store."""
    listed = stores(tenant)
    found = [store_of(tenant, path, listed) for path in files]
    names = [store.name if store is not None else "files of no known store" for store in found]
    return dict(sorted(Counter(names).items()))


def _notes(
    tenant: Tenant, work: Work, remaining: dict[str, int], facts: Mapping[str, Any]
) -> list[str]:
    notes = []
    if work.unmarked:
        notes.append(
            f"{', '.join(work.unmarked)}: no field carries compliance/pii, so every field with a "
            "personal semantic was blanked"
        )
    landed = remaining.get("landed files", 0)
    if landed:
        notes.append(
            f"{landed} files below landing/ hold values: they are their sender's, are not written, "
            "and load without these people"
        )
    if remaining.get("configuration"):
        notes.append("a file of the configuration holds a value: edit it by hand")
    if _is_stored_elsewhere(tenant):
        notes.append(
            "the orchestrator's storage in PostgreSQL is not searched: by rule its messages hold "
            "no values"
        )
    campaigns = sorted({campaign for campaign, _, _ in work.received})
    if campaigns:
        notes.append(
            f"receivers of {', '.join(campaigns)} were sent rows that say remove; files "
            f"*{DELETION_FILES}{work.receipt[-5:]}* hold what they know the people by: delete them "
            "when they are taken"
        )
    left = sorted(name for name in tenant.destinations if f"{SENT}:{name}" in facts)
    if left:
        notes.append(
            f"receivers {', '.join(left)} were sent the data without these people; copies that "
            "they made themselves cannot be reached from here"
        )
    return notes


def let_in(tenant: Tenant, asked: Identifiers, day: date) -> int:
    """Let identifiers that were forgotten come in again with deliveries from a day on; how many.

    The caller owns the tenant.
    """
    suppression = Suppression.of(tenant.root)
    lines = suppression.lines
    changed = 0
    with duckdb.connect() as con:
        for kind, values in _hashed_values(asked, tenant).items():
            for name, key in suppression.keys.items():
                digests = hashes(con, key, kind, values).implode()
                is_meant = (
                    (pl.col("kind") == kind)
                    & (pl.col("key") == name)
                    & pl.col("hash").is_in(digests)
                )
                changed += lines.filter(is_meant).height
                allowed = pl.when(is_meant).then(pl.lit(day.isoformat())).otherwise("allowed_from")
                lines = lines.with_columns(allowed_from=allowed)
    if changed:
        replace_lines(tenant.root, lines)
    return changed


def _hashed_values(asked: Identifiers, tenant: Tenant) -> dict[Kind, pl.Series]:
    """Identifiers by kind, in the form in which they are hashed."""
    texts = [record_text(datasource, pk) for datasource, pk in asked.source_keys]
    values: dict[Kind, pl.Series] = {"record": pl.Series("value", texts, dtype=pl.String)}
    for kind in CONTACTS:
        spelt = pl.Series("value", list(asked.contacts(kind)), dtype=pl.String)
        values[kind] = contact_forms(kind, spelt, tenant.home)["form"]
    return values


def _is_stored_elsewhere(tenant: Tenant) -> bool:
    """Whether the orchestrator keeps its storage in a database server."""
    config = orchestrator_home(tenant) / "dagster.yaml"
    return config.is_file() and "postgres" in config.read_text("utf-8")


def enforce(tenant: Tenant, progress: Progress = unheard) -> list[str]:
    """What every run and every reading of a kept file begins with: nobody who was forgotten is
    there. Returns sentences about what had to be done.

    Ends work that was begun, and cleans a warehouse or a database file that is older than the last
    receipt. The caller owns the tenant. Costs nothing where nobody was ever forgotten.
    """
    root = tenant.root
    done = []
    for work in open_work(root):
        if work.receipt in {receipt.receipt for receipt in read_receipts(root)}:
            work.done(root)
            continue
        receipt = carry_out(tenant, work, progress)
        done.append(f"forgetting that was interrupted is done, receipt {receipt.receipt}")
    last = last_receipt(root)
    if not last:
        return done
    warehouse = Warehouse.open(root / "warehouse")
    is_older = bool(warehouse.manifest.tables) and warehouse.manifest.meta.get(MARK, "") != last
    if is_older:
        done += _clean_restored(tenant, last, progress)
    if unknown_files(root):
        done += _drop_restored_files(tenant)
    done += [
        f"receiver {name} has not confirmed a removal yet; `c360 privacy status` names it"
        for name in pending_receivers(root)
    ]
    return done


def _clean_restored(tenant: Tenant, last: str, progress: Progress) -> list[str]:
    """Take out whoever came back with a backup, by the keyed hashes of their source keys."""
    done = []
    suppression = Suppression.of(tenant.root)
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        finder = Finder(session, tenant)
        rows = _returned(finder, suppression)
    for mode, returned in rows.items():
        with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
            finder = Finder(session, tenant)
            found = Found(returned, returned, finder.ids_of(returned))
            work = begin(
                finder, tenant, found, mode, strategy="restored", asked_by="a restored backup"
            )
        receipt = carry_out(tenant, work, progress)
        last = receipt.receipt
        done.append(
            f"a restored warehouse held {receipt.people} people who were forgotten; they are taken "
            f"out again, receipt {receipt.receipt}"
        )
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        drop_versions(session.warehouse)
        session.commit(**{MARK: last})
    return done


def _drop_restored_files(tenant: Tenant) -> list[str]:
    dropped = drop_returned_files(tenant, Suppression.of(tenant.root))
    if not dropped:
        return []
    return [
        f"{', '.join(dropped)} held people who were forgotten, as a restored file does, and is "
        "removed; the next run publishes again"
    ]


def _returned(finder: Finder, suppression: Suppression) -> dict[Mode, dict[str, set[str]]]:
    """Rows of source tables whose key was forgotten and that hold values again, by mode."""
    found: dict[Mode, dict[str, set[str]]] = {}
    for name in finder.tables:
        keys = finder.session.frame(f"SELECT _pk FROM {finder.source(name)}")["_pk"]
        forgotten = _forgotten_keys(finder, suppression, name, keys.to_list())
        for mode, own in forgotten.items():
            if mode == "delete_pii":
                own = _not_blank(finder, name, own)
            if len(own):
                found.setdefault(mode, {})[name] = set(own)
    return found


def _forgotten_keys(
    finder: Finder, suppression: Suppression, name: str, keys: Sequence[str]
) -> dict[Mode, pl.Series]:
    """Those of a source table's keys that were forgotten, by mode."""
    prefix = record_text(finder.name_of(name), "")
    texts = pl.Series("value", [f"{prefix}{key}" for key in keys], dtype=pl.String)
    hits = suppression.hits(finder.session.con, "record", texts)
    hits = hits.with_columns(key=pl.col("value").str.strip_prefix(prefix))
    modes: tuple[Mode, ...] = ("delete", "delete_pii")
    return {mode: hits.filter(pl.col("mode") == mode)["key"] for mode in modes}


def _not_blank(finder: Finder, name: str, keys: pl.Series) -> pl.Series:
    """Those of the rows that hold a value which blanking takes."""
    columns = finder.stored(name, finder.meanings[name].blanked)
    if not columns or keys.is_empty():
        return keys.clear()
    finder.session.register("_c360_returned", keys.rename("pk").to_frame())
    filled = " OR ".join(f'"{column}" IS NOT NULL' for column in columns)
    rows = finder.session.frame(
        f"SELECT _pk FROM {finder.source(name)} WHERE ({filled}) "
        "AND _pk IN (SELECT pk FROM _c360_returned)"
    )
    return rows["_pk"]
