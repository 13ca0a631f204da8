"""Days of campaigns with withdrawn consent, merges, splits, receivers that fail and sends that are
killed: what may never happen is looked for after each day.

A kill is an exception that nothing of ours catches, at a moment inside the send; what was committed
before it is all that the next send knows, as of a process that ended there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from c360_assets.errors import C360Error
from c360_assets.segments import campaign_send
from c360_assets.segments.audience import Campaign
from c360_assets.segments.campaign_send import SentCampaign, send_campaign
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

DAYS = 5  # thirty of them take a minute
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


@pytest.fixture
def unreliable(monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """Deliveries of which some are killed before, some after they arrived, and some refused."""
    chance = random.Random(7)
    real = campaign_send.deliver

    def deliver(*arguments: Any) -> None:
        what = chance.random()
        if what < 0.2:
            raise _KilledError
        if what < 0.3:
            raise C360Error("the receiver did not take it")
        real(*arguments)
        if what < 0.5:
            raise _KilledError

    monkeypatch.setattr(campaign_send, "deliver", deliver)
    return chance


def sent_at_last(
    session: Session, spring: Campaign, receiver: Receiver | None, now: datetime
) -> SentCampaign:
    """Send, again and again, until it is done; the receiver reads whatever arrives."""
    for _ in range(40):
        try:
            return send_campaign(session, spring, "crm", now=now)
        except (_KilledError, C360Error):
            session.pending.clear()
            session.warehouse.reload()
        finally:
            if receiver is not None:
                _let_read(spring, receiver)
    raise AssertionError("never done")


def _let_read(spring: Campaign, receiver: Receiver) -> None:
    folder = spring.tenant.root / "exports"
    for file in sorted(folder.glob(f"{spring.name}-*.csv")):
        receiver.read(listed(spring.tenant, file.name))


@pytest.mark.usefixtures("unreliable")
def test_thirty_days(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    world = World(random.Random(3))
    for _ in range(40):
        world.somebody()
    changes = campaign(tenant, "ads", mode="add_remove", control="20%", attributes=["email"])
    whole = campaign(tenant, "mail", control="20%", not_more_often_than="3d")
    receiver = Receiver()
    sides: dict[str, bool] = {}
    for step in range(DAYS):
        world.pass_a_day()
        publish(tenant, world.people, day=FIRST + timedelta(days=step))
        consent(session, world.says_yes)
        moves(session, world.moved)
        session.commit()
        for spring in (changes, whole):
            is_changes = spring is changes
            now = START + timedelta(days=step)
            done = sent_at_last(session, spring, receiver if is_changes else None, now)
            numbers = done.accounting
            of_parts = numbers.sent + numbers.control + numbers.no_consent
            of_parts += numbers.unreachable + numbers.too_recent + numbers.failed
            assert numbers.audience == of_parts == len(world.people)
            delivered = receiver.has if is_changes else set(addresses(tenant, "mail.csv"))
            assert len(delivered) == numbers.sent
            assert all(world.says_yes.get(email) for email in delivered), "no address without a yes"
            _check_sides(session, spring, sides, delivered, world)
    keys = "campaign_name, destination_name, delivery, count(*)"
    assert all(row[-1] == 1 for row in sends(session, f"{keys} OVER (PARTITION BY {keys[:-10]})"))
    session.bind("segments/campaign_recipients", "all_recipients")
    ((rows, distinct),) = session.rows("SELECT count(*), count(DISTINCT pk) FROM all_recipients")
    assert rows == distinct, "nobody is delivered twice"


def _check_sides(
    session: Session,
    spring: Campaign,
    sides: dict[str, bool],
    delivered: set[str],
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
    assert delivered.isdisjoint(world.people.get(person) for person, *_ in held_out)
