"""Days of campaigns with withdrawn consent, merges, splits, receivers that fail and sends that are
killed: what may never happen is looked for after each day, and every list is made again at the end.

A kill is an exception that nothing of ours catches, at a moment inside the send: before or after a
commit or a delivery. What was committed before it is all that the next send knows, as of a process
that ended there.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from c360_assets.errors import C360Error
from c360_assets.segments import campaign_send
from c360_assets.segments.audience import Campaign
from c360_assets.segments.campaign_send import send_campaign
from c360_assets.segments.replay import replay
from c360_assets.segments.send_record import NotDueError, SendRecord, sends_since
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import Session
from c360_assets_tests.segments.sending import (
    addresses,
    campaign,
    consent,
    listed,
    moves,
    publish,
    recipients,
    sending_tenant,
    sends,
)

FIRST = date(2026, 6, 1)
START = datetime(2026, 6, 1, 8, tzinfo=UTC)


class _KilledError(BaseException):
    """The process ends here."""


@dataclass
class World:
    """People by id with their e-mail, and what each address last said."""

    random: random.Random
    people: dict[str, str | None] = field(default_factory=dict)
    says_yes: dict[str, bool] = field(default_factory=dict)
    moved: list[tuple[str, str, str]] = field(default_factory=list)
    number: int = 0

    def somebody(self) -> str:
        self.number += 1
        name = f"p{self.number:03}"
        self.people[name] = f"{name}@x.com" if self.random.random() < 0.95 else None
        if self.random.random() < 0.8:
            self.says_yes[f"{name}@x.com"] = self.random.random() < 0.9
        return name

    def pass_a_day(self) -> None:
        for _ in range(3):
            self.somebody()
        for email in self.random.sample(sorted(self.says_yes), 3):
            self.says_yes[email] = not self.says_yes[email]
        ended, kept = self.random.sample(sorted(self.people), 2)
        self.moved.append((f"k{len(self.moved)}", ended, kept))
        del self.people[ended]
        parent = self.random.choice(sorted(self.people))
        self.moved.append((f"k{len(self.moved)}", parent, self.somebody()))


@dataclass
class Receiver:
    """What a receiver of changes has after all files that are there, read in their order."""

    has: set[str] = field(default_factory=set)

    def read(self, rows: list[dict[str, str]]) -> None:
        for row in rows:
            if row["action"] == "add":
                self.has.add(row["email"])
            else:
                self.has.discard(row["email"])


@dataclass
class Chance:
    """What goes wrong inside a send, by dice; `kills` counts how often the process ended."""

    random: random.Random
    is_sending: bool = False
    kills: int = 0

    def maybe_end(self, share: float) -> None:
        if self.is_sending and self.random.random() < share:
            self.kills += 1
            raise _KilledError


@pytest.fixture
def chance(monkeypatch: pytest.MonkeyPatch) -> Chance:
    """Sends of which many end before or after a commit or a delivery, and some are refused."""
    chance = Chance(random.Random(7))
    real_deliver, real_commit = campaign_send.deliver, Session.commit

    def deliver(*arguments: Any) -> list[int]:
        chance.maybe_end(0.2)
        if chance.random.random() < 0.1:
            raise C360Error("the receiver did not take it")
        refused = real_deliver(*arguments)
        chance.maybe_end(0.2)
        return refused

    def commit(session: Session) -> None:
        chance.maybe_end(0.1)
        real_commit(session)
        chance.maybe_end(0.1)

    monkeypatch.setattr(campaign_send, "deliver", deliver)
    monkeypatch.setattr(Session, "commit", commit)
    return chance


def sent_at_last(
    session: Session, campaign: Campaign, chance: Chance, now: datetime, read: Callable[[], None]
) -> SendRecord:
    """Send, again and again, until it is known to be done; the receiver reads whatever arrives.

    A send that ended after its last commit is done: then nobody is due.
    """
    chance.is_sending = True
    try:
        for _ in range(40):
            try:
                send_campaign(session, campaign, "crm", now=now)
                return _last_send(session, campaign)
            except NotDueError:
                return _last_send(session, campaign)
            except (_KilledError, C360Error):
                session.pending.clear()
                session.warehouse.reload()
            finally:
                read()
    finally:
        chance.is_sending = False
    raise AssertionError("never done")


def _last_send(session: Session, campaign: Campaign) -> SendRecord:
    return [one for one in sends_since(session, None) if one.campaign_name == campaign.name][-1]


def _plain_hash(email: str) -> str:
    return hashlib.sha256(email.encode()).hexdigest()


@pytest.mark.parametrize(
    ("days", "least_kills"),
    [
        pytest.param(5, 10, marks=pytest.mark.long),
        pytest.param(30, 100, marks=pytest.mark.slow),
    ],
)
def test_thirty_days(
    session: Session, tmp_path: Path, chance: Chance, days: int, least_kills: int
) -> None:
    tenant = sending_tenant(tmp_path)
    world = World(random.Random(3))
    for _ in range(40):
        world.somebody()
    whole = campaign(tenant, "mail", control="20%", not_more_often_than="3d")
    changes = campaign(tenant, "ads", mode="add_remove", control="20%", attributes=["email"])
    hashed = campaign(
        tenant, "pixel", mode="add_remove", control="20%", attributes=["email"], hash_as="plain"
    )
    receivers = {one.name: Receiver() for one in (changes, hashed)}
    sides: dict[str, bool] = {}
    files: dict[tuple[str, int], bytes] = {}
    for step in range(days):
        world.pass_a_day()
        _keep_published(tenant.root, step)
        publish(tenant, world.people, day=FIRST + timedelta(days=step))
        consent(session, world.says_yes)
        moves(session, world.moved)
        session.commit()
        may_be_used = {email for email, yes in world.says_yes.items() if yes}
        for spring in (whole, changes, hashed):
            done = sent_at_last(
                session,
                spring,
                chance,
                START + timedelta(days=step),
                partial(_let_read, spring, receivers),
            )
            numbers = done.accounting
            of_parts = numbers.sent + numbers.control + numbers.no_consent
            of_parts += numbers.unreachable + numbers.too_recent + numbers.failed
            assert numbers.audience == of_parts == len(world.people)
            if spring is whole:
                name = "mail.csv"
                delivered = set(addresses(tenant, name))
            else:
                name = f"{spring.name}-{done.delivery:05}.csv"
                delivered = receivers[spring.name].has
            files[spring.name, done.delivery] = (tenant.root / "exports" / name).read_bytes()
            assert len(delivered) == numbers.sent
            form = _plain_hash if spring is hashed else str
            assert delivered <= {form(email) for email in may_be_used}, "no address without a yes"
            _check_sides(session, spring, sides, delivered, form, world)
    assert chance.kills >= least_kills
    keys = "campaign_name, destination_name, delivery, count(*)"
    assert all(row[-1] == 1 for row in sends(session, f"{keys} OVER (PARTITION BY {keys[:-10]})"))
    session.bind("segments/campaign_recipients", "all_recipients")
    ((rows, distinct),) = session.rows("SELECT count(*), count(DISTINCT pk) FROM all_recipients")
    assert rows == distinct, "nobody is delivered twice"
    consent(session, {})  # what is said since then does not count
    for spring in (whole, changes, hashed):
        for delivery in [number for name, number in files if name == spring.name]:
            (again,) = replay(session, spring, delivery, tmp_path / "again")
            assert again.is_same
            assert again.path is not None
            assert again.path.read_bytes() == files[spring.name, delivery]


def _keep_published(root: Path, number: int) -> None:
    """Keep the database of the day before, as publishing does: linked, not copied."""
    published = database_path(root, "customer_360")
    if published.exists():
        history = published.parent / "history"
        history.mkdir(exist_ok=True)
        os.link(published, history / f"customer_360.{number:06}.duckdb")


def _let_read(spring: Campaign, receivers: dict[str, Receiver]) -> None:
    receiver = receivers.get(spring.name)
    if receiver is not None:
        folder = spring.tenant.root / "exports"
        for file in sorted(folder.glob(f"{spring.name}-*.csv")):
            receiver.read(listed(spring.tenant, file.name))


def _check_sides(
    session: Session,
    spring: Campaign,
    sides: dict[str, bool],
    delivered: set[str],
    form: Callable[[str], str],
    world: World,
) -> None:
    """Nobody changes sides but the merged, who are held out; and control is in no list."""
    where = f"campaign_name = '{spring.name}' AND is_measured AND coalesce(action, '') <> 'remove'"
    for person, is_control, _, _ in recipients(session, where):
        key = f"{spring.name}/{person}"
        assert sides.setdefault(key, is_control) == is_control
    session.bind("segments/campaign_sends", "last_sends")
    ((last,),) = session.rows(
        "SELECT max(delivery) FROM last_sends WHERE campaign_name = ?", [spring.name]
    )
    held_out = recipients(
        session, f"campaign_name = '{spring.name}' AND is_control AND delivery = {last}"
    )
    emails = [world.people.get(person) for person, *_ in held_out]
    assert delivered.isdisjoint(form(email) for email in emails if email)
