"""A source that comes later, on the shipped tenant's shape: declared, its past days loaded in one
run, and stitched next."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from c360_assets.automation.instance import prepare_home
from c360_assets.automation.jobs import LOAD, STITCH, load_keys
from c360_assets.automation.runs import launch, open_instance
from c360_assets.automation.sensors import landing_sensor, stitch_sensor
from c360_assets.configuration import load_tenant
from c360_assets.definitions import build
from c360_assets.demo import generate_tenant
from c360_assets.ingest.landing import pending
from c360_assets.ingest.load import load_feed
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.session import open_session
from c360_assets_tests.automation.test_sensors import END, START, asked

PEOPLE, DAYS = 40, 9
LATE, FIRST = "CallCentre:Contacts", date(2026, 6, 8)
REPORT = re.compile("input_validation|iv_")
TABLE = dg.AssetKey(["domain", "CallCentre_Contacts"])


def without_late_source(root: Path) -> dict[Path, bytes]:
    """Take the late source's files and every word about it out of the tenant, and return what was
    there."""
    files = [*root.glob("feeds/callcentre/*"), *root.glob("landing/callcentre/*")]
    settings = [root / "workflow.yaml", root / "merge_policy.yaml"]
    kept = {path: path.read_bytes() for path in (*files, *settings)}
    for path in files:
        path.unlink()
    for path in settings:
        lines = path.read_text("utf-8").replace(f'"{LATE}", ', "").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if LATE not in line), "utf-8")
    return kept


def load_what_is_there(tenant: Tenant) -> None:
    """All feeds without Dagster: their runs are no part of this."""
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        for feed in tenant.feeds:
            load_feed(
                session, tenant, feed, pending(tenant, feed, session_ledger(session)), commit=True
            )


def people(root: Path, comparison: str) -> set[str]:
    """The people with a record of the late source, or of another one."""
    with open_session(root / "warehouse", "UTC") as session:
        session.bind("unified_coalesced")
        rows = session.rows(
            f"SELECT amperity_id FROM unified_coalesced WHERE datasource {comparison} ?", (LATE,)
        )
    return {who for (who,) in rows}


@pytest.mark.long  # past days in one run, and a Stitch that waits for all, are of `test_sensors`
def test_a_late_source_joins_with_its_past_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    generate_tenant(tmp_path, people=PEOPLE, days=DAYS, seed=3)
    kept = without_late_source(tmp_path)
    load_what_is_there(load_tenant(tmp_path))
    assert TABLE not in build(load_tenant(tmp_path)).resolve_all_asset_keys()

    for path, content in kept.items():
        path.write_bytes(content)
    tenant = load_tenant(tmp_path)
    definitions = build(tenant)
    assert TABLE in definitions.resolve_all_asset_keys(), (
        "the asset is there when the code location is loaded again"
    )
    feed = tenant.feed(LATE)
    assert feed is not None
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(tmp_path)))
    with open_instance() as instance:
        (request,) = asked(landing_sensor(tenant, feed), instance)
        assert isinstance(request, dg.RunRequest)
        past = [FIRST + timedelta(days=i) for i in range(DAYS - 7)]
        assert (request.tags[START], request.tags[END]) == (
            past[0].isoformat(),
            past[-1].isoformat(),
        )
        loaded = launch(
            instance,
            definitions,
            LOAD,
            asset_keys=load_keys(tenant, feed),
            days=(past[0], past[-1]),
        )
        assert loaded.success, loaded.failed_steps
        assert instance.get_materialized_partitions(TABLE) == {day.isoformat() for day in past}
        assert "nothing new" in str(asked(landing_sensor(tenant, feed), instance))
        (wanted,) = asked(stitch_sensor(tenant), instance)
        assert isinstance(wanted, dg.RunRequest)
        # Reports on the other feeds are no part of this.
        keys = [
            k
            for k in definitions.resolve_job_def(STITCH).asset_layer.executable_asset_keys
            if not REPORT.match(k.path[0])
        ]
        stitched = launch(instance, definitions, STITCH, asset_keys=keys, tags=wanted.tags)
        assert stitched.success, stitched.failed_steps
        assert "has read everything" in str(asked(stitch_sensor(tenant), instance))
    known, came = people(tmp_path, "<>"), people(tmp_path, "=")
    assert came
    assert known & came, "some of those who call are known from other sources"
