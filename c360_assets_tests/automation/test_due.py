"""What is due, as plain answers: without Dagster, the same however often one asks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from c360_assets.automation.attempts import Attempts
from c360_assets.automation.due import DueRun
from c360_assets.automation.due_loads import load_runs, loads_due
from c360_assets.automation.due_stages import (
    activation_due,
    late_activation_due,
    stitch_due,
    tags_of_stage,
)
from c360_assets.ingest.landing import pending
from c360_assets.run_tags import DAY_TAG, FEED_TAG, LANDED_TAG
from c360_assets.tenant.local_time import zone
from c360_assets.warehouse.ledger import read_ledger
from c360_assets_tests.automation.tenants import (
    DAY,
    days,
    land,
    shop,
    tiny_tenant,
    warehouse,
)
from c360_assets_tests.automation.test_readiness import loaded
from c360_assets_tests.automation.test_waiting import at


def never(tags: Mapping[str, str], jobs: Sequence[str]) -> Attempts:
    """Nothing was ever run."""
    return Attempts(0, 0, 0)


def always(tags: Mapping[str, str], jobs: Sequence[str]) -> Attempts:
    """Whatever one asks for has succeeded."""
    return Attempts(0, 1, 0)


def test_a_day_with_nothing_to_do_does_not_import_dagster() -> None:
    code = (
        "import sys, c360_assets.automation.run_command; "
        "from c360_assets.automation import due_loads, due_stages; "
        "print('dagster' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"


def test_a_sensor_and_a_person_load_by_the_same_runs(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    for day in [*days(3), DAY + timedelta(days=5)]:
        land(tmp_path, "shop", day)
    asked_by_sensor = loads_due(
        tenant, shop(tenant), warehouse(tenant), at("09:00", 9).date(), never
    )
    landed = pending(tenant, shop(tenant), read_ledger(warehouse(tenant)))
    assert load_runs(shop(tenant), landed) == asked_by_sensor.runs
    first, second = asked_by_sensor.runs
    assert [load.day for load in first.days] == days(3)
    assert first.tags.keys() == {FEED_TAG, LANDED_TAG}
    assert first.tags[LANDED_TAG] != second.tags[LANDED_TAG]


def test_an_answer_is_a_run_or_a_reason(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path, as_of="today")
    waiting = stitch_due(tenant, warehouse(tenant), at("09:00"), never)
    assert (list(waiting.runs), waiting.reason[:10]) == ([], "2026-03-02")
    loaded(tmp_path, "Shop:Customers", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY)
    (run,) = stitch_due(tenant, warehouse(tenant), at("09:00"), never).runs
    assert run.as_of == DAY, "what a run calls today is the day that it is for"
    assert stitch_due(tenant, warehouse(tenant), at("09:00"), never).runs == [run]
    done = stitch_due(tenant, warehouse(tenant), at("09:00"), always)
    assert (list(done.runs), "has read everything" in done.reason) == ([], True)


def test_figures_at_the_last_delivery_need_no_date(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    loaded(tmp_path, "Shop:Customers", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY)
    (run,) = stitch_due(tenant, warehouse(tenant), at("09:00"), never).runs
    assert run.as_of is None


@pytest.mark.parametrize(
    ("moment", "is_due"),
    [
        (at("06:31"), False),  # the schedule's own request comes first
        (at("06:32"), True),
        (at("00:01", 1), False),  # yesterday's tick activates yesterday only
        (at("23:59"), True),
    ],
)
def test_the_sensor_leaves_the_schedule_its_time(
    tmp_path: Path, moment: datetime, is_due: bool
) -> None:
    tenant = tiny_tenant(tmp_path)
    loaded(tmp_path, "Shop:Customers", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY)

    def stitched_only(tags: Mapping[str, str], jobs: Sequence[str]) -> Attempts:
        return always(tags, jobs) if LANDED_TAG in tags else never(tags, jobs)

    answer = late_activation_due(tenant, warehouse(tenant), moment, stitched_only)
    assert [type(run) for run in answer.runs] == ([DueRun] if is_due else [])
    assert ("has not been due yet today" in answer.reason) is not is_due


@pytest.mark.parametrize(
    ("stitch", "minutes", "is_told"),
    [
        (Attempts(0, 0, 0), 1, False),  # the next tick asks for it
        (Attempts(0, 0, 0), 9, True),  # nobody has: its sensor is off
        (Attempts(1, 0, 0), 9, False),
        (Attempts(1, 0, 1), 1, True),
    ],
)
def test_a_stitch_that_begins_after_the_last_file_wakes_nobody(
    tmp_path: Path, stitch: Attempts, minutes: int, is_told: bool
) -> None:
    tenant = tiny_tenant(tmp_path, "activation: {cron: '0 0 * * *'}")
    loaded(tmp_path, "Shop:Customers", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY)
    last_load = read_ledger(warehouse(tenant))["loaded_at"].max()
    assert isinstance(last_load, datetime)

    def attempts(tags: Mapping[str, str], _: Sequence[str]) -> Attempts:
        return stitch if LANDED_TAG in tags else Attempts(0, 0, 0)

    moment = (last_load + timedelta(minutes=minutes)).astimezone(zone(tenant))
    due = activation_due(tenant, warehouse(tenant), moment, attempts, publish_stale=False)
    assert not due.runs
    assert [alert.kind for alert in due.alerts] == (["late"] if is_told else [])


def test_a_run_that_a_person_starts_counts_as_what_is_due(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path, "activation: {cron: '0 0 * * *'}")
    loaded(tmp_path, "Shop:Customers", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY)
    (stitch,) = stitch_due(tenant, warehouse(tenant), at("09:00"), never).runs
    tags = tags_of_stage(tenant, warehouse(tenant), stitches=True, publishes=True, as_of=DAY)
    assert tags[LANDED_TAG] == stitch.tags[LANDED_TAG]
    assert DAY_TAG in tags
    assert (
        tags_of_stage(tenant, warehouse(tenant), stitches=False, publishes=False, as_of=DAY) == {}
    )
