"""What each sensor and the schedule ask for, and why they wait; on a real instance, without running
anything."""

from __future__ import annotations

import os
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from c360_assets.automation.activation_time import was_due
from c360_assets.automation.attempts import attempts_on
from c360_assets.automation.due import MAX_ATTEMPTS, DueRun
from c360_assets.automation.due_stages import activation_due
from c360_assets.automation.jobs import ACTIVATE, LOAD, STITCH
from c360_assets.automation.sensors import landing_sensor, stitch_sensor
from c360_assets.ingest.landing import pending
from c360_assets.run_tags import DAY_TAG, FEED_TAG, LANDED_TAG
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.ledger import LedgerEntry, read_ledger, record
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets_tests.automation.tenants import DAY, days, land, tiny_tenant
from c360_assets_tests.automation.test_readiness import loaded

START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def asked(sensor: dg.SensorDefinition, instance: dg.DagsterInstance) -> list[dg.RunRequest] | str:
    """The requests of one tick, or the reason why there is none."""
    data = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
    return data.skip_message or [*(data.run_requests or [])]


def shop(tenant: Tenant) -> dg.SensorDefinition:
    feed = tenant.feed("Shop:Customers")
    assert feed is not None
    return landing_sensor(tenant, feed)


def ran(
    instance: dg.DagsterInstance, job: str, tags: dict[str, str], status: dg.DagsterRunStatus
) -> None:
    """Put a run of `job` into the instance, as if the daemon had done it."""
    instance.add_run(dg.DagsterRun(job_name=job, run_id=str(uuid4()), tags=tags, status=status))


def test_nothing_landed_says_so(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    assert "nothing new of Shop:Customers" in str(asked(shop(tiny_tenant(tmp_path)), instance))


def test_one_request_per_contiguous_range(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    tenant = tiny_tenant(tmp_path)
    for day in [*days(3), DAY + timedelta(days=5)]:
        land(tmp_path, "shop", day)
    requests = asked(shop(tenant), instance)
    assert [(r.tags[START], r.tags[END]) for r in requests if isinstance(r, dg.RunRequest)] == [
        ("2026-03-02", "2026-03-04"),
        ("2026-03-07", "2026-03-07"),
    ]
    assert asked(shop(tenant), instance) == requests  # looking twice asks for the same runs


def test_days_since_the_last_run_are_caught_up_with_in_one(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """Nobody looked for three days: one load brings them all, one Stitch follows, and what was
    loaded is not asked for."""
    tenant = tiny_tenant(tmp_path)
    feed = tenant.feed("Shop:Customers")
    assert feed is not None
    land(tmp_path, "shop", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY)
    known(tenant, feed)
    assert isinstance(asked(stitch_sensor(tenant), instance), list)
    for day in days(3, DAY + timedelta(days=1)):
        land(tmp_path, "shop", day)
    (request,) = asked(shop(tenant), instance)
    assert isinstance(request, dg.RunRequest)
    assert (request.tags[START], request.tags[END]) == ("2026-03-03", "2026-03-05")
    assert "landed, not loaded yet" in str(asked(stitch_sensor(tenant), instance))
    known(tenant, feed)
    assert "nothing new" in str(asked(shop(tenant), instance))
    for day in days(3, DAY + timedelta(days=1)):
        loaded(tmp_path, "Loyalty:Members", day)
    assert len(asked(stitch_sensor(tenant), instance)) == 1


def known(tenant: Tenant, feed: FeedConfig) -> None:
    """Put what has landed of a feed into the ledger, as loading it does."""
    news = pending(tenant, feed, read_ledger(Warehouse.open(tenant.root / "warehouse")))
    moment = datetime(2026, 3, 2, 11, tzinfo=UTC)
    entries = [
        LedgerEntry(
            *(
                feed.name,
                day.day,
                f.relative,
                f.sha256,
                f.size,
                f.mtime_ns,
                day.attempt,
                5,
                5,
                0,
                0,
            ),
            *("loaded", "", "", "run", moment),
        )
        for day in news
        for f in day.files
    ]
    with open_session(tenant.root / "warehouse") as session:
        record(session, entries)
        session.commit()


def test_a_day_before_the_first_one_is_not_asked_for(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    tenant = tiny_tenant(tmp_path)
    land(tmp_path, "shop", date(2026, 2, 1))
    assert isinstance(asked(shop(tenant), instance), str)


def test_a_file_that_is_being_written_waits(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("C360_SETTLE_SECONDS")
    tenant = tiny_tenant(tmp_path)
    os.utime(land(tmp_path, "shop", DAY), (time.time(), time.time()))
    assert "still being written" in str(asked(shop(tenant), instance))


def test_a_load_under_way_is_not_asked_for_again(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    tenant = tiny_tenant(tmp_path)
    land(tmp_path, "shop", DAY)
    (request,) = asked(shop(tenant), instance)
    assert isinstance(request, dg.RunRequest)
    tags = {key: request.tags[key] for key in (FEED_TAG, LANDED_TAG)}
    ran(instance, LOAD, tags, dg.DagsterRunStatus.STARTED)
    assert "queued or running" in str(asked(shop(tenant), instance))


def test_a_crashed_load_is_asked_for_three_times(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    tenant = tiny_tenant(tmp_path)
    land(tmp_path, "shop", DAY)
    keys = set()
    for _ in range(3):
        (request,) = asked(shop(tenant), instance)
        assert isinstance(request, dg.RunRequest)
        keys.add(request.run_key)
        ran(
            instance,
            LOAD,
            {k: request.tags[k] for k in (FEED_TAG, LANDED_TAG)},
            dg.DagsterRunStatus.FAILURE,
        )
    assert len(keys) == 3
    assert "failed 3 times" in str(asked(shop(tenant), instance))


def test_stitch_waits_then_asks_once_per_digest(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    tenant = tiny_tenant(tmp_path)
    loaded(tmp_path, "Shop:Customers", DAY)
    assert "waiting" in str(asked(stitch_sensor(tenant), instance))
    loaded(tmp_path, "Loyalty:Members", DAY)
    (request,) = asked(stitch_sensor(tenant), instance)
    assert isinstance(request, dg.RunRequest)
    assert asked(stitch_sensor(tenant), instance) == [request]
    ran(instance, STITCH, {LANDED_TAG: request.tags[LANDED_TAG]}, dg.DagsterRunStatus.FAILURE)
    (again,) = asked(stitch_sensor(tenant), instance)
    assert isinstance(again, dg.RunRequest)
    assert again.run_key != request.run_key
    ran(instance, STITCH, {LANDED_TAG: request.tags[LANDED_TAG]}, dg.DagsterRunStatus.SUCCESS)
    assert "has read everything" in str(asked(stitch_sensor(tenant), instance))
    loaded(tmp_path, "Shop:Customers", DAY, attempt=2)
    assert isinstance(asked(stitch_sensor(tenant), instance), list)


def at(hour: int) -> datetime:
    return datetime(2026, 3, 2, hour, 0, tzinfo=ZoneInfo("America/New_York"))


def wants(
    tenant: Tenant, instance: dg.DagsterInstance, hour: int, publish_stale: bool = False
) -> DueRun | str:
    due = activation_due(
        tenant,
        Warehouse.open(tenant.root / "warehouse"),
        at(hour),
        attempts_on(instance),
        publish_stale=publish_stale,
    )
    return due.runs[0] if due.runs else due.reason


def test_activation_follows_stitch_once_a_day(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    tenant = tiny_tenant(tmp_path)
    loaded(tmp_path, "Shop:Customers", DAY)
    assert "Loyalty:Members" in str(wants(tenant, instance, 7))
    assert isinstance(wants(tenant, instance, 7, publish_stale=True), DueRun)
    loaded(tmp_path, "Loyalty:Members", DAY)
    assert "Stitch has not run yet" in str(wants(tenant, instance, 7))
    (request,) = asked(stitch_sensor(tenant), instance)
    assert isinstance(request, dg.RunRequest)
    ran(instance, STITCH, {LANDED_TAG: request.tags[LANDED_TAG]}, dg.DagsterRunStatus.SUCCESS)
    assert isinstance(wants(tenant, instance, 7), DueRun)
    ran(instance, ACTIVATE, {DAY_TAG: "2026-03-02"}, dg.DagsterRunStatus.STARTED)
    assert "queued or running" in str(wants(tenant, instance, 7))
    ran(instance, ACTIVATE, {DAY_TAG: "2026-03-02"}, dg.DagsterRunStatus.SUCCESS)
    assert "activated already" in str(wants(tenant, instance, 7))


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("campaign__offers__web", "(campaign__offers__web); run it again once the cause is "),
        ("campaign__offers__web", "the database is published, these receivers did not take it"),
        ("customer_360_database", "the earlier database stays published"),
    ],
)
def test_an_activation_that_failed_for_good_says_where(
    tmp_path: Path, instance: dg.DagsterInstance, step: str, told: str
) -> None:
    @dg.op(name=step)
    def failing() -> None:
        raise dg.Failure("it is down")

    @dg.job(name=ACTIVATE)
    def activate() -> None:
        failing()

    for _ in range(MAX_ATTEMPTS):
        tags = {DAY_TAG: "2026-03-02"}
        activate.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    assert told in str(wants(tiny_tenant(tmp_path), instance, 7))


@pytest.mark.parametrize(("hour", "passed"), [(6, False), (7, True), (23, True)])
def test_the_clock_of_the_activation(tmp_path: Path, hour: int, passed: bool) -> None:
    assert was_due(tiny_tenant(tmp_path), at(hour)) is passed
