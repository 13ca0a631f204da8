"""Campaigns: consent, control, accounting, changes at a receiver, kills, and lists made again."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from c360_assets.customer_360.publication.consent import purpose_gate
from c360_assets.errors import C360Error
from c360_assets.reporting.summary import SentList
from c360_assets.segments import campaign_send
from c360_assets.segments.audience import Accounting, Campaign
from c360_assets.segments.campaign_recipes import SendCampaign
from c360_assets.segments.campaign_send import opened_for, send_campaign
from c360_assets.segments.preview import PreviewedSend, preview
from c360_assets.segments.replay import replay
from c360_assets.segments.results import results, smallest_lift, wilson
from c360_assets.segments.send_record import SENDS, NotDueError, sends_since
from c360_assets.tenant.models import CampaignConfig, WorkflowConfig
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.recipe import RunContext
from c360_assets.warehouse.session import Session
from c360_assets_tests.customer_360.world import put
from c360_assets_tests.segments.people import columns_of_table
from c360_assets_tests.segments.sending import (
    BASE,
    addresses,
    campaign,
    consent,
    is_control,
    listed,
    moves,
    publish,
    recipients,
    sending_tenant,
    sends,
)

MANY = {f"p{n:03}": f"p{n:03}@x.com" for n in range(200)}


def adds_up(numbers: Accounting) -> bool:
    parts = asdict(numbers)
    of_parts = ("sent", "control", "no_consent", "unreachable", "too_recent", "failed")
    return numbers.audience == sum(parts[name] for name in of_parts)


def previewed(session: Session, of: Campaign, now: datetime | None = None) -> PreviewedSend:
    """What a send to the first receiver would do; no feed is late on that day."""
    return preview(session, of, date(2026, 6, 30), now=now)[0]


def test_only_addresses_with_a_yes_of_their_own(session: Session, tmp_path: Path) -> None:
    """Any no is no, unknown is no, the spelling does not count, nor what was said elsewhere."""
    tenant = sending_tenant(tmp_path)
    people: dict[str, str | None] = {
        "ann": "Ann@X.com",
        "bob": "bob@x.com",
        "cleo": "cleo@x.com",
        "dan": None,
        "eve": "eve@x.com",
    }
    publish(tenant, people)
    consent(session, {" ann@x.COM ": True, "bob@x.com": True, "BOB@x.com": False})
    numbers = send_campaign(session, campaign(tenant), "crm").accounting
    assert addresses(tenant) == ["Ann@X.com"]
    assert (numbers.sent, numbers.no_consent, numbers.unreachable) == (1, 3, 1)
    assert adds_up(numbers)
    consent(session, {"ann@x.com": True}, brand="oskwell")
    assert previewed(session, campaign(tenant)).accounting.sent == 0
    consent(session, {"ann@x.com": True}, email_program="weekly")
    assert previewed(session, campaign(tenant)).accounting.sent == 0


def test_what_a_run_sent_is_told_once(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    publish(tenant, {"ann": "ann@x.com", "bob": "bob@x.com"})
    consent(session, {"ann@x.com": True, "bob@x.com": False})
    send_campaign(session, campaign(tenant), "crm")
    first = [SentList.of(send) for send in sends_since(session, None)]
    assert [str(one) for one in first] == [
        "Sent spring to crm (delivery 1): 1 row; 1 person is in it"
    ]
    before = session.state(SENDS)
    assert sends_since(session, before) == []
    send_campaign(session, campaign(tenant), "crm")
    assert [send.delivery for send in sends_since(session, before)] == [2]


def _as_text(path: Path) -> None:
    path.write_text("no database")


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _held(path: Path) -> subprocess.Popen[bytes]:
    """Another process has it open for writing."""
    code = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print(flush=True); input()"
    command = [sys.executable, "-c", code, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_as_text, r"cannot be opened \(IOException\).*`c360 run` publishes"),
        (_as_folder, "is a folder, where a file belongs: move it away"),
        (_held, "is open for writing in another program, and not damaged"),
    ],
)
def test_a_database_that_cannot_be_opened_is_named_with_the_remedy(
    session: Session,
    tmp_path: Path,
    spoil: Callable[[Path], subprocess.Popen[bytes] | None],
    told: str,
) -> None:
    tenant = sending_tenant(tmp_path)
    publish(tenant, {"ann": "ann@x.com"})
    consent(session, {"ann@x.com": True})
    holder = spoil(database_path(tmp_path))
    try:
        with pytest.raises(C360Error, match=told):
            send_campaign(session, campaign(tenant), "crm")
        with pytest.raises(C360Error, match=told):
            previewed(session, campaign(tenant))
    finally:
        if holder is not None:
            holder.communicate(b"\n")


def test_without_consent_only_for_a_reason(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    publish(tenant, {"ann": "ann@x.com"})
    consent(session, {})
    told = campaign(tenant, purpose=None, consent='none, because "recall of a product"')
    assert send_campaign(session, told, "crm").accounting.sent == 1
    assert sends(session, "consent") == [("none, because recall of a product",)]
    for wrong in ({"purpose": None}, {"purpose": None, "consent": "none"}, {"consent": "offers"}):
        with pytest.raises(ValidationError, match=r"consent|purpose"):
            CampaignConfig.model_validate({**BASE, **wrong})
    with pytest.raises(C360Error, match="says nothing of post"):
        previewed(session, campaign(tenant, channel="post"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"brand": "Larkmeer"},
            "no statement of email_opt_status has the brand Larkmeer: did you mean larkmere",
        ),
        ({"brand": "elsewhere"}, "has the brand elsewhere: there are larkmere, oskwell"),
        ({"purpose": "news"}, "has the email_program nwes: did you mean news"),
        (
            {"purpose": "tips"},
            "no statement of email_opt_status is of brand larkmere and email_program tips",
        ),
    ],
)
def test_a_word_that_no_statement_says_empties_no_list(
    session: Session, tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    programmes = {name: {"email": {"email_program": name}} for name in ("offers", "tips")}
    purposes = {**programmes, "news": {"email": {"email_program": "nwes"}}}
    workflow = WorkflowConfig.model_validate({"purposes": purposes})
    tenant = replace(sending_tenant(tmp_path), workflow=workflow)
    publish(tenant, {"ann": "ann@x.com"})
    said = {"email": "ann@x.com", "is_email_opted_in": True, "brand": "larkmere"}
    other = {"email": "eve@x.com", "is_email_opted_in": True, "brand": "oskwell"}
    rows = [
        {**said, "email_program": "offers"},
        {**said, "email_program": "news"},
        {**other, "email_program": "tips"},
    ]
    put(session, "email_opt_status", columns_of_table("email_opt_status"), rows)
    moves(session, [])
    send_campaign(session, campaign(tenant, brand=" LARKMERE"), "crm")
    wrong = campaign(tenant, **settings)
    with pytest.raises(C360Error, match=told):
        send_campaign(session, wrong, "crm")
    assert addresses(tenant) == ["ann@x.com"]
    (refused,) = previewed(session, wrong).refused
    assert told in refused


def test_post_asks_the_statements_of_its_brand(session: Session, tmp_path: Path) -> None:
    session.execute(
        "CREATE TEMP TABLE answers AS SELECT * FROM (VALUES "
        "('Eikenlaan 1', 'larkmere', TRUE), ('Eikenlaan 2', 'oskwell', TRUE), "
        "('Eikenlaan 3', 'Larkmere', TRUE), ('Eikenlaan 3', 'oskwell', FALSE)"
        ") AS t(address, seller, yes)"
    )
    post = {"table": "answers", "address": ["address"], "opted_in": "yes"}

    def agreed(**more: str) -> list[str]:
        workflow = WorkflowConfig.model_validate({"purposes": {"offers": {"post": post | more}}})
        tenant = replace(sending_tenant(tmp_path), workflow=workflow)
        gate = purpose_gate(tenant, "offers", "post", "larkmere")
        return [
            key
            for (key,) in session.rows(
                f"SELECT address_key FROM ({gate.answers}) WHERE is_yes ORDER BY 1"
            )
        ]

    assert agreed(brand="seller") == ["eikenlaan1", "eikenlaan3"]
    assert agreed() == ["eikenlaan1", "eikenlaan2"]


def test_control_is_a_hash_and_nobody_moves(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    consent(session, dict.fromkeys(MANY.values(), True))
    spring = campaign(tenant, control="20%")
    sides: dict[str, bool] = {}
    for count in (120, 200, 90):
        publish(tenant, dict(list(MANY.items())[:count]))
        send_campaign(session, spring, "crm")
    for person, control, _, _ in recipients(session):
        assert sides.setdefault(person, control) == control
        assert control == is_control(person, spring.salt, "20%")
    assert 20 <= sum(sides.values()) <= 60
    held_out = {MANY[person] for person, control in sides.items() if control}
    assert held_out.isdisjoint(addresses(tenant))


def test_treatments_and_audiences(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    publish(tenant, MANY, {"gold": ["p001", "p002"], "silver": ["p002", "p003"]})
    consent(session, dict.fromkeys(MANY.values(), True))
    spring = campaign(
        tenant,
        treatments={"a": "50%", "b": "50%"},
        audiences=[{"name": "best", "segments": "gold"}, {"name": "good", "segments": "silver"}],
        attributes=["email", "treatment", "audience"],
    )
    send_campaign(session, spring, "crm")
    rows = {row["email"]: row for row in listed(tenant)}
    found = {name: rows[f"{name}@x.com"]["audience"] for name in ("p001", "p002", "p003", "p004")}
    assert found == {"p001": "best", "p002": "best", "p003": "good", "p004": "rest"}
    treatments = [row["treatment"] for row in rows.values()]
    assert 70 <= treatments.count("a") <= 130
    assert set(treatments) == {"a", "b"}


def pair_of_sides(spring: Campaign) -> tuple[str, str]:
    """Two people of whom the first is control and the second is not."""
    share = spring.config.control
    control = next(one for one in MANY if is_control(one, spring.salt, share))
    treated = next(one for one in MANY if not is_control(one, spring.salt, share))
    return control, treated


def test_merged_of_both_sides_is_held_out(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    spring = campaign(tenant, control="30%")
    control, treated = pair_of_sides(spring)
    consent(session, dict.fromkeys(MANY.values(), True))
    publish(tenant, {control: MANY[control], treated: MANY[treated]})
    send_campaign(session, spring, "crm")
    assert addresses(tenant) == [MANY[treated]]
    publish(tenant, {treated: MANY[treated]})
    moves(session, [("1", control, treated)])
    for _ in range(2):
        numbers = send_campaign(session, spring, "crm").accounting
        assert (numbers.audience, numbers.control, numbers.held_out_merged) == (1, 1, 1)
        assert addresses(tenant) == []


def test_split_people_stay_on_their_side(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    spring = campaign(tenant, control="30%")
    control, treated = pair_of_sides(spring)
    consent(session, dict.fromkeys(MANY.values(), True) | {"new@x.com": True})
    publish(tenant, {control: MANY[control]})
    send_campaign(session, spring, "crm")
    # The new id would be treated by its own hash.
    publish(tenant, {control: MANY[control], treated: "new@x.com"})
    moves(session, [("1", control, treated)])
    numbers = send_campaign(session, spring, "crm").accounting
    assert (numbers.control, numbers.sent) == (2, 0)


def test_one_address_is_written_to_once_and_never_for_control(
    session: Session, tmp_path: Path
) -> None:
    tenant = sending_tenant(tmp_path)
    spring = campaign(tenant, control="30%")
    control, treated = pair_of_sides(spring)
    consent(session, {"both@x.com": True, "two@x.com": True})
    publish(tenant, {control: "both@x.com", treated: "Both@x.com"})
    numbers = send_campaign(session, spring, "crm").accounting
    assert addresses(tenant) == []
    assert (numbers.control, numbers.unreachable, numbers.shared_address) == (1, 1, 1)
    twins = [one for one in MANY if not is_control(one, spring.salt, "30%")][:2]
    publish(tenant, dict.fromkeys(twins, "two@x.com"))
    numbers = send_campaign(session, spring, "crm").accounting
    assert addresses(tenant) == ["two@x.com"]
    assert (numbers.sent, numbers.unreachable) == (1, 1)


def test_changes_at_a_receiver(session: Session, tmp_path: Path) -> None:
    """Each delivery has what changed; a withdrawn consent is removed where the address is."""
    tenant = sending_tenant(tmp_path)
    spring = campaign(tenant, mode="add_remove", hash_as="plain")

    def hashed(email: str) -> str:
        return hashlib.sha256(email.encode()).hexdigest()

    publish(tenant, {"ann": "ann@x.com", "bob": "bob@x.com"})
    consent(session, {"ann@x.com": True, "bob@x.com": True, "cleo@x.com": True})
    send_campaign(session, spring, "crm")
    publish(tenant, {"ann": "ann@x.com", "bob": "bob@x.com", "cleo": "cleo@x.com"})
    consent(session, {"ann@x.com": True, "bob@x.com": False, "cleo@x.com": True})
    done = send_campaign(session, spring, "crm")
    rows = [(row["action"], row["email"]) for row in listed(tenant, "spring-00002.csv")]
    assert sorted(rows) == [("add", hashed("cleo@x.com")), ("remove", hashed("bob@x.com"))]
    assert (done.added, done.removed, done.accounting.sent) == (1, 1, 2)
    assert send_campaign(session, spring, "crm").added == 0
    (again,) = replay(session, spring, 2, None)
    assert again.is_same
    assert again.rows == 2


class _KilledError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_send_goes_on_and_removes_what_may_be_there(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    tenant = sending_tenant(tmp_path)
    spring = campaign(tenant, mode="add_remove")
    publish(tenant, {"ann": "ann@x.com", "bob": "bob@x.com"})
    consent(session, {"ann@x.com": True, "bob@x.com": True})
    real = campaign_send.deliver

    def killed(*arguments: Any) -> None:
        if moment == "after":
            real(*arguments)
        raise _KilledError

    monkeypatch.setattr(campaign_send, "deliver", killed)
    with pytest.raises(_KilledError):
        send_campaign(session, spring, "crm")
    session.pending.clear()
    monkeypatch.setattr(campaign_send, "deliver", real)
    consent(session, {"ann@x.com": True, "bob@x.com": False})
    done = send_campaign(session, spring, "crm")
    assert (done.delivery, done.again) == (1, True)
    rows = [(row["action"], row["email"]) for row in listed(tenant, "spring-00001.csv")]
    assert sorted(rows) == [("add", "ann@x.com"), ("remove", "bob@x.com")]
    keys = recipients(session, "action = 'add'")
    assert keys == [("ann", False, "add", 1)]


def test_a_receiver_that_refuses_is_tried_again_alone(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    publish(tenant, {"ann": "ann@x.com"})
    consent(session, {"ann@x.com": True})
    (tmp_path / "exports").write_text("a file where the folder should be", "utf-8")
    spring = campaign(tenant)
    with pytest.raises(C360Error, match=r"did not take it.*tries it again"):
        send_campaign(session, spring, "crm")
    assert sends(session, "state, audience, sent, failed") == [("failed", 1, 0, 1)]
    (tmp_path / "exports").unlink()
    assert send_campaign(session, spring, "crm").delivery == 1
    assert sends(session, "state, audience, sent, failed") == [("sent", 1, 1, 0)]


def test_once_every_and_not_more_often(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    publish(tenant, {"ann": "ann@x.com"})
    consent(session, {"ann@x.com": True, "bob@x.com": True})
    rare = campaign(tenant, not_more_often_than="7d")
    send_campaign(session, rare, "crm")
    publish(tenant, {"ann": "ann@x.com", "bob": "bob@x.com"})
    numbers = send_campaign(session, rare, "crm").accounting
    assert (numbers.sent, numbers.too_recent) == (1, 1)
    assert addresses(tenant) == ["bob@x.com"]
    once = campaign(tenant, "once_only", once=True)
    send_campaign(session, once, "crm")
    with pytest.raises(C360Error, match="is sent once"):
        send_campaign(session, once, "crm")
    weekly = campaign(tenant, "weekly", every="7d")
    send_campaign(session, weekly, "crm")
    with pytest.raises(C360Error, match="every 7d"):
        send_campaign(session, weekly, "crm")
    later = datetime.now(UTC) + timedelta(days=8)
    assert send_campaign(session, weekly, "crm", now=later).delivery == 2


def test_who_is_held_back_stays_in_the_list_that_a_receiver_has(
    session: Session, tmp_path: Path
) -> None:
    """Unless somebody of it may no longer be written to: then it goes, and is told."""
    tenant = sending_tenant(tmp_path)
    publish(tenant, {"ann": "ann@x.com", "bob": "bob@x.com"})
    yes = {"ann@x.com": True, "bob@x.com": True, "cleo@x.com": True}
    consent(session, yes)
    rare = campaign(tenant, not_more_often_than="7d")
    send_campaign(session, rare, "crm")
    with pytest.raises(NotDueError, match=r"nobody to send to: 2 people got it less than 7d ago"):
        send_campaign(session, rare, "crm")
    assert addresses(tenant) == ["ann@x.com", "bob@x.com"]
    assert sends(session, "delivery, sent") == [(1, 2)]
    (reason,) = previewed(session, rare).refused
    assert reason.endswith("the receiver keeps delivery 1")

    publish(tenant, {"ann": "ann@x.com", "bob": "bob@x.com", "cleo": "cleo@x.com"})
    shown = previewed(session, rare)
    done = send_campaign(session, rare, "crm")
    assert (shown.refused, shown.added, shown.before) == ([], done.added, done.before)
    assert str(done.before) == ("2 people of the list before (delivery 1) not in it: too recent 2")
    assert "2 people held back" in str(SentList.of(sends_since(session, None)[-1]))

    consent(session, {**yes, "cleo@x.com": False})
    assert previewed(session, rare).refused == []
    done = send_campaign(session, rare, "crm")
    assert dict(done.before.left_out) == {"no_consent": 1}
    assert addresses(tenant) == []


def test_a_run_keeps_a_list_of_which_nobody_is_due(session: Session, tmp_path: Path) -> None:
    """That is no failure, and what is remembered of the last send stays."""
    tenant = sending_tenant(tmp_path)
    publish(tenant, {"ann": "ann@x.com"})
    moves(session, [])
    reason = 'none, because "recall of a product"'
    rare = campaign(tenant, not_more_often_than="7d", purpose=None, consent=reason)
    day = RunContext(date(2026, 6, 30))
    recipe = SendCampaign(rare, "crm")
    (facts,) = recipe.build(session, day).facts.values()
    session.commit(**{recipe.outputs[0]: facts})
    (later,) = recipe.build(session, day).facts.values()
    assert (later["delivery"], later["added"]) == (1, 1)
    assert addresses(tenant) == ["ann@x.com"]


def test_too_recent_is_a_person_and_an_address_under_whatever_id(
    session: Session, tmp_path: Path
) -> None:
    tenant = sending_tenant(tmp_path)
    rare = campaign(tenant, not_more_often_than="7d")
    consent(session, {"ann@x.com": True, "both@x.com": True, "new@x.com": True})
    publish(tenant, {"ann": "ann@x.com", "bob": "both@x.com"})
    send_campaign(session, rare, "crm")
    # Ann's records are one with Zoe's, and Bob's mailbox is Yan's too, who alone is a buyer now.
    people = {"zoe": "new@x.com", "bob": "both@x.com", "yan": "both@x.com"}
    publish(tenant, people, {"buyers": ["zoe", "yan"]})
    moves(session, [("1", "ann", "zoe")])
    assert previewed(session, rare).accounting.too_recent == 2
    later = datetime.now(UTC) + timedelta(days=8)
    assert previewed(session, rare, later).accounting.sent == 2


def test_a_preview_says_what_a_send_would(session: Session, tmp_path: Path) -> None:
    """Whatever keeps it from being sent; the rows of changes; each of its receivers."""
    tenant = sending_tenant(tmp_path)
    publish(tenant, {"ann": "ann@x.com"})
    consent(session, {"ann@x.com": True, "bob@x.com": True})
    settings: list[dict[str, Any]] = [{"once": True}, {"every": "7d"}]
    for place, setting in enumerate(settings):
        of = campaign(tenant, f"spring{place}", **setting)
        send_campaign(session, of, "crm")
        with pytest.raises(NotDueError) as refused:
            send_campaign(session, of, "crm")
        assert previewed(session, of).refused == [str(refused.value)]
    changes = campaign(tenant, "changes", mode="add_remove", destination=["crm", "other"])
    send_campaign(session, changes, "crm")
    publish(tenant, {"bob": "bob@x.com"})
    shown = preview(session, changes, date(2026, 6, 30))
    assert [(one.destination, one.added, one.removed) for one in shown] == [
        ("crm", 1, 1),
        ("other", 1, 0),
    ]


@pytest.mark.parametrize(
    "names",
    [
        {"include": ["buyers", "byers"]},
        {"exclude": "byers"},
        {"audiences": [{"name": "best", "segments": ["byers"]}]},
    ],
)
def test_a_segment_that_is_not_published_stops_the_list(
    session: Session, tmp_path: Path, names: dict[str, Any]
) -> None:
    """Of a misspelt exclusion nobody would be left out."""
    tenant = sending_tenant(tmp_path)
    publish(tenant, {"ann": "ann@x.com"})
    consent(session, {"ann@x.com": True})
    of = campaign(tenant, **names)
    for ask in (lambda: previewed(session, of), lambda: send_campaign(session, of, "crm")):
        with pytest.raises(C360Error, match=r"spring names what is no segment .*: byers;"):
            ask()
    assert not (tmp_path / "exports").exists()


def test_a_changed_salt_is_refused(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    publish(tenant, {"ann": "ann@x.com"})
    consent(session, {"ann@x.com": True})
    send_campaign(session, campaign(tenant), "crm")
    with pytest.raises(C360Error, match="would change sides"):
        send_campaign(session, campaign(tenant, salt="another salt"), "crm")


def test_changes_after_a_whole_list_are_refused(session: Session, tmp_path: Path) -> None:
    """Who is in that list and may no longer be written to would stay there."""
    tenant = sending_tenant(tmp_path)
    publish(tenant, {"ann": "ann@x.com"})
    consent(session, {"ann@x.com": True})
    send_campaign(session, campaign(tenant), "crm")
    changes = campaign(tenant, mode="add_remove")
    with pytest.raises(C360Error, match=r"was sent whole before.*have crm drop the old list"):
        send_campaign(session, changes, "crm")
    assert send_campaign(session, changes, "other").added == 1


def test_a_past_list_is_made_again_or_the_reason_is_named(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    publish(tenant, MANY)
    consent(session, dict.fromkeys(MANY.values(), True))
    spring = campaign(
        tenant,
        control="10%",
        treatments={"a": "40%", "b": "60%"},
        attributes=["email", "treatment"],
    )
    send_campaign(session, spring, "crm")
    # What is declared and said since does not count.
    consent(session, {})
    changed = campaign(tenant, attributes=["email"])
    (again,) = replay(session, changed, 1, tmp_path / "again")
    assert again.is_same
    assert again.path is not None
    assert again.path.read_bytes() == (tmp_path / "exports" / "spring.csv").read_bytes()
    publish(tenant, {"ann": "ann@x.com"})
    with pytest.raises(C360Error, match="no longer kept"):
        replay(session, changed, 1, None)
    with pytest.raises(C360Error, match="has no delivery 7; there are 1"):
        replay(session, changed, 7, None)


def test_results_leave_out_the_merged_and_have_intervals(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    consent(session, dict.fromkeys(MANY.values(), True))
    spring = campaign(tenant, control="30%")
    today = datetime.now(UTC).strftime("%Y-%m-%d 23:00:00")
    buyers = [(one, today, 50.0) for one in MANY if not is_control(one, spring.salt, "30%")]
    publish(tenant, MANY, orders=buyers[:100])
    send_campaign(session, spring, "crm")
    with opened_for(session, spring):
        found = results(session, spring, 7)
    control, treated = found.groups
    assert (control.treatment, control.purchasers, control.revenue) == ("control", 0, 0.0)
    assert treated.purchasers == 100
    assert control.recipients + treated.recipients == len(MANY)
    gain = treated.incremental_purchasers
    assert gain is not None
    assert gain.value == pytest.approx(100)
    assert gain.low < 100 < gain.high
    assert treated.lift is None, "control bought nothing"


def test_results_follow_people_to_the_ids_of_today(session: Session, tmp_path: Path) -> None:
    """Who was merged since buys under another id; control merged with treated is left out."""
    tenant = sending_tenant(tmp_path)
    consent(session, dict.fromkeys(MANY.values(), True))
    spring = campaign(tenant, control="30%")
    publish(tenant, MANY)
    send_campaign(session, spring, "crm")
    held = [one for one in MANY if is_control(one, spring.salt, "30%")]
    sent = [one for one in MANY if one not in held]
    ended = {sent[0]: sent[1], sent[2]: "new", held[0]: held[1], sent[3]: held[2]}
    moves(session, [(before, before, now) for before, now in ended.items()])
    today = datetime.now(UTC).strftime("%Y-%m-%d 23:00:00")
    living = {one: MANY[one] for one in MANY if one not in ended} | {"new": "new@x.com"}
    publish(tenant, living, orders=[(now, today, 50.0) for now in ended.values()])
    with opened_for(session, spring):
        found = results(session, spring, 7)
    assert {one.treatment: (one.recipients, one.purchasers) for one in found.groups} == {
        "control": (len(held) - 2, 1),
        "default": (len(sent) - 2, 2),
    }
    assert found.left_out_on_both_sides == 1


def test_results_leave_out_who_changed_sides(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    consent(session, dict.fromkeys(MANY.values(), True))
    publish(tenant, MANY)
    for share in ("10%", "30%"):
        spring = campaign(tenant, control=share)
        send_campaign(session, spring, "crm")
    moved = [one for one in MANY if is_control(one, spring.salt, "30%")]
    moved = [one for one in moved if not is_control(one, spring.salt, "10%")]
    with opened_for(session, spring):
        found = results(session, spring, 7)
    assert found.left_out_on_both_sides == len(moved)
    assert sum(one.recipients for one in found.groups) == len(MANY) - len(moved)


def test_results_say_of_how_many_the_days_are_not_over(session: Session, tmp_path: Path) -> None:
    tenant = sending_tenant(tmp_path)
    consent(session, dict.fromkeys(MANY.values(), True))
    spring = campaign(tenant, control="30%")
    publish(tenant, MANY)
    send_campaign(session, spring, "crm")
    session.con.execute("SET TimeZone = 'UTC'")
    today = datetime.now(UTC).date()
    for last_day, unfinished in ((6, 0), (5, len(MANY))):
        publish(tenant, MANY, day=today + timedelta(days=last_day))
        with opened_for(session, spring):
            assert results(session, spring, 7).unfinished == unfinished


def test_intervals_against_published_values() -> None:
    """Wilson's interval of 81 of 263 (Newcombe 1998, table I: 0.2553 to 0.3662)."""
    found = wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert smallest_lift(1000, 1000, 0.1) == pytest.approx(0.3759, abs=1e-3)
    assert smallest_lift(0, 10, 0.1) is None
