"""What a day is made of: feeds that Stitch depends on, also by SQL, and what comes too late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from c360_assets.automation.attempts import Attempts
from c360_assets.automation.due_stages import activation_due, stitch_due, tags_of_stage
from c360_assets.automation.readiness import readiness
from c360_assets.automation.sensors import configuration_alerts
from c360_assets.configuration import load_tenant
from c360_assets.ingest.day_feeds import day_feeds, required_feeds
from c360_assets.run_tags import ACTIVATE, COMPLETE_TAG, DAY_TAG, LANDED_TAG
from c360_assets.tenant.models import Tenant
from c360_assets_tests.automation.tenants import DAY, SHOP, tiny_tenant, warehouse
from c360_assets_tests.automation.test_readiness import loaded
from c360_assets_tests.automation.test_waiting import at


def with_guests(root: Path, workflow: str = "", optional: bool = False, **tenant: str) -> Tenant:
    """The tiny tenant, of which a feed reaches Stitch by two custom tables, one over the other."""
    tiny_tenant(root, **tenant)
    files = "optional: true, " if optional else ""
    guests = SHOP.replace("feed: Customers", "feed: Guests").replace("stitch: true\n", "")
    guests = guests.replace("{pattern: \"'shop/customers-", "{" + files + "pattern: \"'guests/g-")
    texts = {
        "workflow.yaml": workflow,
        "feeds/shop/guests.yaml": guests,
        "domain_tables/Inner_Guests.sql": "SELECT * FROM Shop_Guests WHERE email IS NOT NULL",
        "domain_tables/Inner_Guests.yaml": "primary_key: [customer_id]",
        "domain_tables/Named_Guests.sql": "WITH g AS (SELECT * FROM Inner_Guests) SELECT * FROM g",
        "domain_tables/Named_Guests.yaml": (
            "{primary_key: [customer_id], stitch: true, fields: {email: {tags: [email]}}}"
        ),
    }
    for file, text in texts.items():
        (root / file).write_text(text, "utf-8")
    return load_tenant(root)


def test_a_feed_that_reaches_stitch_through_sql_is_required(tmp_path: Path) -> None:
    tenant = with_guests(tmp_path)
    names = ["Loyalty:Members", "Shop:Customers", "Shop:Guests"]
    assert [feed.name for feed in required_feeds(tenant)] == names
    reason = day_feeds(tenant).feeds["Shop:Guests"].reason
    assert reason == "Stitch reads Named_Guests, which depends on it"
    assert "Shop:Guests" in readiness(tenant, warehouse(tenant), DAY).missing


@pytest.mark.parametrize(
    ("workflow", "optional"), [("feeds: {Shop:Guests: {required: false}}", False), ("", True)]
)
def test_what_is_declared_optional_is_not(tmp_path: Path, workflow: str, optional: bool) -> None:
    tenant = with_guests(tmp_path, workflow, optional)
    assert "Shop:Guests" not in [feed.name for feed in required_feeds(tenant)]


def test_a_table_that_stitch_yaml_leaves_out_is_not_waited_for(tmp_path: Path) -> None:
    with_guests(tmp_path)
    (tmp_path / "stitch.yaml").write_text('tables: ["Shop:Customers"]', "utf-8")
    tenant = load_tenant(tmp_path)
    assert [feed.name for feed in required_feeds(tenant)] == ["Shop:Customers"]


def test_lists_that_stitch_obeys_are_not_waited_for_and_said_to_be_obeyed(tmp_path: Path) -> None:
    tiny_tenant(tmp_path)
    labels = (
        "source: Own\nfeed: Labels\nfiles: {pattern: \"'labels.csv'\", format: csv}\n"
        "primary_key: [row]\nfields: {row: {type: string}, label: {type: string, tags: "
        "[sl/label-id]}}\n"
    )
    (tmp_path / "feeds/own.yaml").write_text(labels, "utf-8")
    found = day_feeds(load_tenant(tmp_path)).feeds["Own:Labels"]
    assert not found.expected.required
    assert found.reason == "Stitch obeys what has come of it so far"


def test_only_what_stitch_depends_on_sets_it_off_again(tmp_path: Path) -> None:
    tenant = with_guests(tmp_path, "feeds: {Shop:Guests: {required: false}}")
    stray = SHOP.replace("source: Shop", "source: Web").replace("stitch: true\n", "")
    stray = stray.replace("shop/", "web/").replace(", tags: [fk-customer-id]", "")
    (tmp_path / "feeds/web.yaml").write_text(stray, "utf-8")
    tenant = load_tenant(tmp_path)
    loaded(tmp_path, "Shop:Customers", DAY)
    before = readiness(tenant, warehouse(tenant), DAY).digest
    loaded(tmp_path, "Web:Customers", DAY)
    assert readiness(tenant, warehouse(tenant), DAY).digest == before
    loaded(tmp_path, "Shop:Guests", DAY)
    assert readiness(tenant, warehouse(tenant), DAY).digest != before


@pytest.mark.parametrize("tag", ["sl/label-id", "blv/value", "nicknames/nickname"])
def test_lists_that_stitch_obeys_set_it_off_again(tmp_path: Path, tag: str) -> None:
    tiny_tenant(tmp_path, "activation: {late: again}", as_of="today")
    listed = (
        "source: Own\nfeed: Lists\nfiles: {pattern: \"'lists.csv'\", format: csv}\n"
        "primary_key: [row]\nfields: {row: {type: string}, value: {type: string}}\n"
    )
    (tmp_path / "feeds/own.yaml").write_text(listed, "utf-8")
    (tmp_path / "domain_tables/Own_Lists_Read.sql").write_text("SELECT * FROM Own_Lists", "utf-8")
    (tmp_path / "domain_tables/Own_Lists_Read.yaml").write_text(
        f"{{primary_key: [row], fields: {{value: {{tags: [{tag}]}}}}}}", "utf-8"
    )
    tenant = load_tenant(tmp_path)
    beside = {table.physical for table in day_feeds(tenant).beside_stitch}
    assert "Own_Lists_Read" not in beside
    loaded(tmp_path, "Shop:Customers", DAY)
    loaded(tmp_path, "Loyalty:Members", DAY)
    before = readiness(tenant, warehouse(tenant), DAY)
    assert before.complete
    loaded(tmp_path, "Own:Lists", DAY)
    assert readiness(tenant, warehouse(tenant), DAY).digest != before.digest


class Runs:
    """Runs that have succeeded, found by their tags as the instance finds them."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Mapping[str, str]]] = []

    def __call__(self, tags: Mapping[str, str], jobs: Sequence[str]) -> Attempts:
        fitting = [t for job, t in self.done if job in jobs and tags.items() <= t.items()]
        return Attempts(0, len(fitting), 0)


@pytest.mark.parametrize("late", ["wait", "again"])
def test_files_after_the_activation_wait_or_set_off_both_again(tmp_path: Path, late: str) -> None:
    tenant = tiny_tenant(tmp_path, f"activation: {{late: {late}}}", as_of="today")
    runs = Runs()

    def stitch() -> list[str]:
        due = stitch_due(tenant, warehouse(tenant), at("09:00"), runs).runs
        runs.done += [(run.job, run.tags) for run in due]
        return [run.key for run in due]

    def activate() -> list[str]:
        due = activation_due(tenant, warehouse(tenant), at("09:00"), runs, publish_stale=False).runs
        runs.done += [(run.job, run.tags) for run in due]
        return [run.key for run in due]

    for feed in ("Shop:Customers", "Loyalty:Members"):
        loaded(tmp_path, feed, DAY)
    assert [len(stitch()), len(activate()), len(stitch()), len(activate())] == [1, 1, 0, 0]
    loaded(tmp_path, "Loyalty:Members", DAY, attempt=2)
    again = 1 if late == "again" else 0
    assert [len(stitch()), len(activate()), len(stitch()), len(activate())] == [again, again, 0, 0]
    tomorrow = stitch_due(tenant, warehouse(tenant), at("09:00", 1), runs)
    assert "waiting" in tomorrow.reason


def test_a_stale_activation_does_not_hold_up_the_stitch_of_its_day(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path, "activation: {on_stale: publish}", as_of="today")
    loaded(tmp_path, "Shop:Customers", DAY)
    runs = Runs()
    (stale,) = activation_due(tenant, warehouse(tenant), at("06:30"), runs, publish_stale=True).runs
    assert COMPLETE_TAG not in stale.tags
    runs.done.append((ACTIVATE, stale.tags))
    loaded(tmp_path, "Loyalty:Members", DAY)
    assert len(stitch_due(tenant, warehouse(tenant), at("07:00"), runs).runs) == 1


def test_a_persons_run_of_an_incomplete_day_does_not_end_it(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path, "activation: {cron: '0 0 * * *'}", as_of="today")
    loaded(tmp_path, "Shop:Customers", DAY)
    today = datetime.now(UTC).date()
    tags = tags_of_stage(tenant, warehouse(tenant), stitches=True, publishes=True, as_of=today)
    assert {LANDED_TAG, DAY_TAG} <= tags.keys() | {DAY_TAG}
    assert COMPLETE_TAG not in tags


def test_an_added_feed_names_the_click_that_picks_it_up(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    assert configuration_alerts(tenant, DAY) == []
    with_guests(tmp_path)
    (alert,) = configuration_alerts(tenant, DAY)
    assert "feeds/shop/guests.yaml" in alert.message
    assert "Reload" in alert.message


@pytest.mark.parametrize("file", ["segments/vip/busy.yaml", "campaigns/hello.yaml"])
def test_so_does_an_added_segment_or_campaign(tmp_path: Path, file: str) -> None:
    tenant = tiny_tenant(tmp_path)
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    (alert,) = configuration_alerts(tenant, DAY)
    assert alert.message.startswith(f"{file}: ")
