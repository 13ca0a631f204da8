"""Requests that landed in compliance tables: what they ask, carrying them out, taking them out of
their table.

Several requests of one kind are one piece of work: the tables are rewritten once. Finding rows is
`people`, forgetting `forget`, answering `dsar`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from c360_assets.ingest.personal_columns import Meaning, meanings
from c360_assets.ingest.upsert import EPOCH
from c360_assets.privacy.dsar import answer, lying_answers
from c360_assets.privacy.forget import Progress, begin, carry_out, unheard
from c360_assets.privacy.identifiers import (
    ADDRESS,
    CONNECTED,
    CUSTOM_KEYS,
    EXACT,
    Found,
    Identifiers,
    merge,
)
from c360_assets.privacy.label_rows import rows_of_labels
from c360_assets.privacy.people import Finder
from c360_assets.privacy.receipts import Receipt
from c360_assets.privacy.remembered import already_forgotten
from c360_assets.semantics.column_types import DAY_BITS
from c360_assets.tenant.local_time import now
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session, open_session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.suppression import Mode, Suppression
from c360_assets.wording import counted

DSAR = "dsar"
MOST_SHOWN = 10
MODES: dict[str, Mode] = {"delete": "delete", "delete_pii": "delete_pii"}
SHOWN = 8  # characters of the hash by which an open request is told apart


@dataclass(frozen=True)
class Request:
    """One row of a compliance table: `table` its physical name, `pk` the row's key.

    `problem` says why it cannot be carried out, empty where it can. `landed` is its delivery day.
    """

    table: str
    pk: str
    request_id: str
    kind: str
    strategy: str
    asked: Identifiers
    landed: date
    problem: str = ""

    def is_late(self, today: date, deadline_days: int) -> bool:
        return self.landed + timedelta(days=deadline_days) < today


@dataclass
class Outcome:
    """What became of the requests: receipts, answers that were written, and what stays open;
    `waiting` says why of those that wait for an answer to be handed over."""

    receipts: list[Receipt] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    open: list[Request] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """For scripts: what a person asked by is left out."""
        return {
            "receipts": self.receipts,
            "answers": self.answers,
            "open": [f"{request.table}: {request.problem}" for request in self.open],
        }


def read_requests(session: Session, tenant: Tenant) -> list[Request]:
    """Every request that stands in a compliance table, oldest first."""
    requests: list[Request] = []
    for meaning in meanings(tenant).values():
        if meaning.is_requests and session.state(meaning.table.asset) is not None:
            requests += _of_table(session, meaning)
    return sorted(requests, key=lambda request: (request.landed, request.table, request.pk))


def _of_table(session: Session, meaning: Meaning) -> list[Request]:
    asset = meaning.table.asset
    state = session.built(asset)
    tagged = {
        tag.removeprefix("compliance/request-"): column
        for column, tags in meaning.tags.items()
        for tag in tags
        if tag.startswith("compliance/request-") and column in state.columns
    }
    names = list(tagged)
    texts = [f"CAST({quote_ident(tagged[name])} AS VARCHAR)" for name in names]
    source = session.warehouse.source(asset, state)
    rows = session.rows(
        f"SELECT _pk, _updated >> {DAY_BITS}, {', '.join(texts)} FROM {source} ORDER BY _pk"
    )
    return [
        _request(meaning.table.physical, pk, EPOCH + timedelta(days=day), _filled(names, cells))
        for pk, day, *cells in rows
    ]


def _filled(names: Sequence[str], cells: Iterable[str | None]) -> dict[str, str]:
    filled = {}
    for name, cell in zip(names, cells, strict=True):
        text = (cell or "").strip()
        if text:
            filled[name] = text
    return filled


def _request(table: str, pk: str, landed: date, cells: dict[str, str]) -> Request:
    strategy = cells.get("strategy", EXACT).lower()
    kind = cells.get("type", "").lower()
    asked = Identifiers(
        emails=[cells["email"]] if "email" in cells else (),
        phones=[cells["phone"]] if "phone" in cells else (),
        custom_keys={key: cells[key] for key in CUSTOM_KEYS if key in cells},
        address={part: cells[part] for part in ADDRESS if part in cells},
    )
    problem = _problem(cells, kind, strategy, asked)
    return Request(table, pk, cells.get("id", ""), kind, strategy, asked, landed, problem)


def _problem(cells: Mapping[str, str], kind: str, strategy: str, asked: Identifiers) -> str:
    if kind not in (*MODES, DSAR):
        return "its type is none of delete, delete_pii and dsar"
    if strategy not in (EXACT, CONNECTED):
        return "its strategy is neither exact nor connected_pii"
    if "id" not in cells:
        return "it has no request id"
    if asked.is_empty:
        return "it names nobody: no e-mail, phone, address or custom key"
    return ""


def carry_out_requests(tenant: Tenant, progress: Progress = unheard) -> Outcome:
    """Carry out every request that can be, and take it out of its table.

    The caller owns the tenant. What has a problem stays and is told.
    """
    outcome = Outcome()
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        requests = read_requests(session, tenant)
    outcome.open = [request for request in requests if request.problem]
    able = [request for request in requests if not request.problem]
    for kind in (DSAR, *MODES):
        chosen = [request for request in able if request.kind == kind]
        if kind in MODES:
            chosen = _without_waiting(tenant, chosen, outcome)
        if not chosen:
            continue
        progress(f"{counted(len(chosen), 'request')} of type {kind}")
        outcome.receipts.append(_carry_out(tenant, kind, chosen, outcome, progress))
    return outcome


def _without_waiting(
    tenant: Tenant, requests: Sequence[Request], outcome: Outcome
) -> list[Request]:
    """The requests that need not wait. To forget somebody takes their answer away: who asked for
    one, too, is forgotten once it was handed over."""
    lying = lying_answers(tenant.root)
    if not lying:
        return list(requests)
    ready = []
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        finder = Finder(session, tenant, with_past=True)
        for request in requests:
            found = finder.find(request.asked, request.strategy)
            folders = sorted({lying[one] for one in found.ids if one in lying})
            if folders:
                problem = (
                    f"the answer to the same person lies in {', '.join(folders)}: hand it over and "
                    "delete it, then `c360 privacy requests --carry-out`"
                )
                outcome.open.append(replace(request, problem=problem))
                outcome.waiting.append(problem)
            else:
                ready.append(request)
    return ready


def _carry_out(
    tenant: Tenant, kind: str, requests: Sequence[Request], outcome: Outcome, progress: Progress
) -> Receipt:
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        finder = Finder(session, tenant, with_past=True)
        everything, of_nobody = _found_for(finder, kind, requests, outcome)
        tables: dict[str, list[str]] = {}
        for request in requests:
            tables.setdefault(request.table, []).append(request.pk)
        work = begin(
            finder,
            tenant,
            everything,
            MODES.get(kind, "delete"),
            strategy=", ".join(sorted({request.strategy for request in requests})),
            asked_by=f"compliance table ({kind})",
            requests=tables,
            request_ids=[request.request_id for request in requests],
            named=[text for request in requests for text in _texts(request)],
        )
        if of_nobody:
            work.notes.append(_note_of_nobody(session, tenant, of_nobody))
            work.save(tenant.root)
    return carry_out(tenant, work, progress)


def _found_for(
    finder: Finder, kind: str, requests: Sequence[Request], outcome: Outcome
) -> tuple[Found, list[Request]]:
    """What is to go for the requests, and those that named nobody who is held or was forgotten."""
    rows: dict[str, set[str]] = {}
    ids: set[str] = set()
    of_nobody = []
    for request in requests:
        found = finder.find(request.asked, request.strategy)
        if kind == DSAR:
            outcome.answers.append(answer(finder, found, request.request_id))
        is_held = any(found.rows.values())
        if not is_held and not already_forgotten(finder.session, finder.tenant, request.asked):
            of_nobody.append(request)
        merge(rows, found.rows)
        ids.update(found.ids)
    if kind == DSAR:
        return Found({}, {}, []), of_nobody  # answered, and nothing goes but the request itself
    if MODES[kind] == "delete":
        merge(rows, rows_of_labels(finder, rows))
    return Found(rows, {}, sorted(ids)), of_nobody


def _note_of_nobody(session: Session, tenant: Tenant, requests: Sequence[Request]) -> str:
    suppression = Suppression.of(tenant.root)
    shown = [_short_id(suppression, session, request) for request in requests[:MOST_SHOWN]]
    more = f" and {len(requests) - MOST_SHOWN:,} more" if len(requests) > MOST_SHOWN else ""
    return (
        f"{counted(len(requests), 'request')} named nobody of whom anything is held, such as by a "
        f"typing error: {', '.join(shown)}{more}, as `c360 privacy requests` calls them; ask their "
        "sender, `c360 find` looks for who may be meant"
    )


def _texts(request: Request) -> list[str]:
    """What the request itself says of somebody: it is to go with them, from logs too."""
    if request.kind == DSAR:
        return [request.request_id]
    return [request.request_id, *request.asked.emails, *request.asked.phones]


@dataclass(frozen=True)
class OpenRequest:
    """A request that stands, for people and scripts: `request` names it without saying whose it
    is."""

    table: str
    request: str
    type: str
    strategy: str
    landed: date
    late: bool
    problem: str


def open_requests(session: Session, tenant: Tenant) -> list[OpenRequest]:
    """The requests that stand in compliance tables, oldest first."""
    suppression = Suppression.of(tenant.root)
    today = now(tenant).date()
    deadline_days = tenant.config.privacy.deadline_days
    return [
        OpenRequest(
            request.table,
            _short_id(suppression, session, request),
            request.kind,
            request.strategy,
            request.landed,
            request.is_late(today, deadline_days),
            request.problem,
        )
        for request in read_requests(session, tenant)
    ]


def _short_id(suppression: Suppression, session: Session, request: Request) -> str:
    if not suppression.keys:
        return "not carried out yet"
    ids = [request.request_id]
    (line,) = suppression.lines_of(session.con, "request", ids, "delete", "")
    return line.hash[:SHOWN]
