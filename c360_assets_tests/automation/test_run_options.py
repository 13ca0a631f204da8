"""Options of a run: what the Launchpad shows, and what they do in a run on a real instance."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from c360_assets.assets import recipe_assets
from c360_assets.automation.due import Due, DueRun
from c360_assets.automation.evaluations import request
from c360_assets.automation.instance import prepare_home
from c360_assets.automation.jobs import ACTIVATE, LOAD, STITCH
from c360_assets.automation.runs import RunOutcome, launch, open_instance
from c360_assets.definitions import build
from c360_assets.ingest import delivery_days
from c360_assets.reporting.last_run import last_run_line
from c360_assets.run_options import RunOptions
from c360_assets.warehouse.last_run import last_run
from c360_assets.warehouse.recipe import Outcome, Recipe, RunContext, make_current
from c360_assets.warehouse.session import Session
from c360_assets_tests.automation.tenants import DAY, land, tiny_tenant

USUAL = {"force": False, "refit": False, "new_ids": False, "as_of": None, "error_threshold": None}
SHOP = dg.AssetKey(["domain", "Shop_Customers"])
BUSY = dg.AssetKey(["domain", "Busy_Customers"])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", "")
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    return tmp_path


def options_of(job: dg.JobDefinition, run_config: dict[str, Any]) -> Any:
    """What Dagster makes of a run configuration, as the Launchpad does before it starts a run."""
    return dg.validate_run_config(job, run_config)["resources"]["run_options"]["config"]


def test_every_job_runs_without_anything_typed(tmp_path: Path) -> None:
    definitions = build(tiny_tenant(tmp_path))
    for job in (LOAD, "validate", STITCH, ACTIVATE, "refresh_and_activate"):
        assert options_of(definitions.resolve_job_def(job), {}) == USUAL


def test_every_option_is_explained() -> None:
    assert RunOptions.model_fields.keys() == USUAL.keys()
    for name, option in RunOptions.model_fields.items():
        assert option.description, name
        assert not option.is_required()


def test_options_are_the_form_that_a_job_takes(tmp_path: Path) -> None:
    job = build(tiny_tenant(tmp_path)).resolve_job_def(ACTIVATE)
    given = RunOptions(force=True, as_of="2026-03-02")
    assert options_of(job, given.run_config()) == {**USUAL, "force": True, "as_of": "2026-03-02"}
    assert RunOptions().run_config() == {}
    with pytest.raises(dg.DagsterInvalidConfigError, match="forced"):
        options_of(job, {"resources": {"run_options": {"config": {"forced": True}}}})


def test_a_request_carries_the_date_of_its_day(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    run = DueRun(STITCH, "key", {"c360/landed": "digest"}, as_of=date(2026, 3, 2))
    asked = request(tenant, run)
    assert asked.run_config == {"resources": {"run_options": {"config": {"as_of": "2026-03-02"}}}}
    assert asked.tags == {"c360/landed": "digest"}, "tags are for what is searched for"
    assert request(tenant, DueRun(STITCH, "key", {})).run_config == {}
    assert Due().runs == ()


def run(
    root: Path, job: str, keys: list[dg.AssetKey], options: RunOptions, **more: Any
) -> RunOutcome:
    with open_instance() as instance:
        definitions = build(tiny_tenant(root))
        return launch(instance, definitions, job, asset_keys=keys, options=options, **more)


def test_force_computes_again_what_is_current(home: Path) -> None:
    tiny_tenant(home)
    land(home, "shop", DAY)
    assert run(home, LOAD, [SHOP], RunOptions(), days=(DAY, DAY)).success
    reused = [
        run(home, STITCH, [BUSY], RunOptions(force=force)).tables[0].reused
        for force in (False, False, True)
    ]
    assert reused == [False, True, False]
    last = last_run(home)
    assert last is not None
    known = (last.what, last.options, last.files, last.stitched, last.published, last.failures)
    assert known == (f"job {STITCH}", ["force"], 0, False, False, 0)
    assert last_run_line(last, ZoneInfo("UTC")).startswith(f"job {STITCH} (force) at 20")


def test_a_threshold_is_accepted_for_one_run(home: Path) -> None:
    tiny_tenant(home)
    half_of_them_wrong = ["c1,a@example.com,A,B,1", "c2,b@example.com,A,B,many"]
    land(home, "shop", DAY, half_of_them_wrong)
    refused = run(home, LOAD, [SHOP], RunOptions(), days=(DAY, DAY))
    assert not refused.success
    failed = last_run(home)
    assert failed is not None
    assert (failed.what, failed.failures > 0) == (f"job {LOAD}", True)
    (message,) = failed.messages
    assert message.startswith("domain__Shop_Customers: feed Shop:Customers: 1 of 2 rows")
    accepted = run(home, LOAD, [SHOP], RunOptions(error_threshold=50), days=(DAY, DAY))
    assert accepted.success, accepted.failed_steps


def test_a_date_that_is_none_is_told(home: Path) -> None:
    tiny_tenant(home)
    for feed in ("shop", "loyalty"):
        land(home, feed, DAY)
    table = dg.AssetKey(["unified_coalesced"])
    outcome = run(home, STITCH, stitch_keys(home, table), RunOptions(as_of="yesterday"))
    assert [message for _, message in outcome.failed_steps] == [
        "the run option `as_of` is no date; give one as 2026-06-14"
    ]


def test_a_run_that_crosses_midnight_stands_at_one_day(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for feed in ("shop", "loyalty"):
        land(home, feed, DAY)
    assert run(home, LOAD, [SHOP], RunOptions(), days=(DAY, DAY)).success
    tenant = tiny_tenant(home, as_of="today")
    days = (date(2026, 3, 2) + timedelta(days=n) for n in count())
    monkeypatch.setattr(delivery_days, "today", lambda tenant: next(days))
    stood_at = []

    def noted(session: Session, recipe: Recipe, context: RunContext) -> Outcome:
        stood_at.append(context.as_of)
        return make_current(session, recipe, context)

    monkeypatch.setattr(recipe_assets, "make_current", noted)
    table = dg.AssetKey(["unified_coalesced"])
    keys = [BUSY, *stitch_keys(home, table)]
    with open_instance() as instance:
        outcome = launch(instance, build(tenant), STITCH, asset_keys=keys)
    assert outcome.success, outcome.failed_steps
    assert len(stood_at) > 1
    assert len(set(stood_at)) == 1, stood_at


def stitch_keys(root: Path, table: dg.AssetKey) -> list[dg.AssetKey]:
    """All assets of the step that makes `table`."""
    from c360_assets.automation.jobs import whole_steps

    return whole_steps(build(tiny_tenant(root)), {table})
