"""Checks on a real instance: answered by the step of a run that finds them, and by a person who
asks again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from c360_assets.automation.instance import prepare_home
from c360_assets.automation.jobs import DAY as DAY_JOB
from c360_assets.automation.jobs import LOAD
from c360_assets.automation.runs import launch, open_instance
from c360_assets.definitions import build
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Warehouse
from c360_assets_tests.automation.tenants import CANARY_EMAIL, DAY, land, tiny_tenant

SHOP = dg.AssetKey(["domain", "Shop_Customers"])
SHOP_REPORTS = dg.AssetKey(["input_validations", "Shop_Customers"])
EMAILS = dg.AssetCheckKey(SHOP, "email_addresses_can_be_used")
HOUSEHOLDS = dg.AssetCheckKey(dg.AssetKey("merged_customers"), "full_addresses_are_in_a_household")
PEOPLE = dg.AssetCheckKey(dg.AssetKey("customer_360"), "every_merged_customer_is_there")
LOYALTY = dg.AssetKey(["domain", "Loyalty_Members"])
LOYALTY_REPORTS = dg.AssetKey(["input_validations", "Loyalty_Members"])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tenant")


@pytest.fixture(scope="module")
def tenant(root: Path) -> Tenant:
    return tiny_tenant(root)


@dataclass(frozen=True)
class Ran:
    """The instance of a tenant whose one day was run, and the ids of the runs."""

    instance: dg.DagsterInstance
    load: str
    day: str


@pytest.fixture(scope="module")
def ran(root: Path, tenant: Tenant) -> Iterator[Ran]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAGSTER_HOME", raising=False)
        patch.setenv("DAGSTER_HOME", str(prepare_home(root)))
        for feed in ("shop", "loyalty"):
            land(root, feed, DAY)
        definitions = build(tenant)
        loaded = [dg.AssetKey(["domain", feed.physical]) for feed in tenant.feeds]
        keys = [*loaded, SHOP_REPORTS, LOYALTY_REPORTS]
        with open_instance() as instance:
            load = launch(instance, definitions, LOAD, asset_keys=keys, days=(DAY, DAY))
            day = launch(instance, definitions, DAY_JOB)
            assert (load.failed_steps, day.failed_steps) == ([], [])
            yield Ran(instance, load.run_id, day.run_id)


def _answers(
    instance: dg.DagsterInstance, run_id: str
) -> dict[dg.AssetCheckKey, list[dg.AssetCheckEvaluation]]:
    """The answers that a run gave, by check."""
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    answers: dict[dg.AssetCheckKey, list[dg.AssetCheckEvaluation]] = {}
    for record in instance.get_records_for_run(run_id, of_type=kind).records:
        event = record.event_log_entry.dagster_event
        assert event is not None
        answer = event.asset_check_evaluation_data
        answers.setdefault(answer.asset_check_key, []).append(answer)
    return answers


def _steps(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    kind = dg.DagsterEventType.STEP_START
    records = instance.get_records_for_run(run_id, of_type=kind).records
    return {str(record.event_log_entry.step_key) for record in records}


def test_a_load_answers_the_checks_of_the_loaded_tables_once(ran: Ran) -> None:
    answers = _answers(ran.instance, ran.load)
    assert {key.asset_key for key in answers} == {SHOP, LOYALTY}
    assert {len(found) for found in answers.values()} == {1}
    assert EMAILS in answers
    assert not any(step.startswith("check_") for step in _steps(ran.instance, ran.load))


def test_a_day_answers_every_check_of_the_database_once(ran: Ran, tenant: Tenant) -> None:
    answers = _answers(ran.instance, ran.day)
    declared: set[dg.AssetCheckKey] = set()
    for step in build(tenant).asset_checks or []:
        declared |= {spec.key for spec in step.check_specs}
    assert set(answers) == declared
    assert {len(found) for found in answers.values()} == {1}
    (households,) = answers[HOUSEHOLDS]
    assert not households.passed or households.metadata
    assert CANARY_EMAIL not in str(answers)


def test_checks_hang_on_tables_that_the_tenant_has(tenant: Tenant) -> None:
    definitions = build(tenant)
    assets = {spec.key for spec in definitions.resolve_all_asset_specs()}
    for step in definitions.asset_checks or []:
        for spec in step.check_specs:
            assert spec.asset_key in assets
            assert spec.description


def test_a_person_asks_again_and_nothing_changes(ran: Ran, root: Path, tenant: Tenant) -> None:
    before = Warehouse.open(root / "warehouse").manifest
    job = build(tenant).resolve_implicit_global_asset_job_def()
    asked = {EMAILS, HOUSEHOLDS, PEOPLE}
    result = job.get_subset(asset_check_selection=asked).execute_in_process(instance=ran.instance)
    answers = _answers(ran.instance, result.run_id)
    assert set(answers) == asked
    assert answers[PEOPLE][0].passed
    assert Warehouse.open(root / "warehouse").manifest == before
