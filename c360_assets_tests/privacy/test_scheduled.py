"""Requests that land are carried out by the scheduled asset, on a real instance."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from c360_assets.automation.instance import prepare_home
from c360_assets.automation.runs import launch, open_instance
from c360_assets.configuration import load_tenant
from c360_assets.definitions import build
from c360_assets.privacy.receipts import read_receipts
from c360_assets_tests.day.command import here
from c360_assets_tests.privacy.tenants import FIRST, land
from c360_assets_tests.privacy.test_forget import found_in, ours

BO = ("bo.winterstein", "Winterstein", "CL-8800192", "RQ-1001")


def _run_schedule(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Run what the schedule starts; the answers of its checks."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tenant)))
    definitions = build(load_tenant(tenant))
    schedule = definitions.get_repository_def().get_schedule_def("privacy_schedule")
    with open_instance() as instance:
        ran = launch(instance, definitions, schedule.job_name)
        assert ran.failed_steps == []
        kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
        events = instance.get_records_for_run(ran.run_id, of_type=kind).records
    answers = {}
    for record in events:
        event = record.event_log_entry.dagster_event
        assert event is not None
        answer = event.asset_check_evaluation_data
        answers[answer.check_name] = answer.passed
    return answers


def test_schedule_carries_requests_out(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ours(found_in(tenant, BO))
    land(
        tenant,
        "desk/requests",
        FIRST + timedelta(days=1),
        ["RQ-1003,delete,exact,nobody.at.all@example.com"],
    )
    assert here("load", "--tenant", tenant).code == 0
    answers = _run_schedule(tenant, monkeypatch)
    # The other request, of an unknown type, waits for a person and is late.
    assert answers == {"deadlines": False}
    (receipt,) = read_receipts(tenant)
    # A request that names nobody is done too, and may hold a typing error.
    assert any(note.startswith("1 request named nobody of whom anything") for note in receipt.notes)
    assert ours(found_in(tenant, BO)) == {}


def test_schedule_leaves_what_is_on_hold(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tenant / "tenant.yaml").open("a") as file:
        file.write("privacy: {hold: true}\n")
    assert _run_schedule(tenant, monkeypatch) == {"deadlines": False}
    assert read_receipts(tenant) == []
    assert ours(found_in(tenant, BO))
