"""What a newcomer sees in the UI: the pipeline as five groups, tables that explain themselves,
automation that is on."""

from __future__ import annotations

import json
import socket

import duckdb
import pytest
import yaml
from selenium.webdriver.common.by import By

from c360_assets.semantics.tables import table_spec
from c360_assets.warehouse.published_file import database_path
from c360_assets_tests.automation.tenants import CANARY_EMAIL, CANARY_NAME
from c360_assets_tests.browser.conftest import Page, Ui

GROUPS = ("domain_tables", "input_validations", "stitch", "customer_360", "activation")
AUTOMATION = (
    "activation_schedule",
    "landing_Loyalty_Members",
    "landing_Shop_Customers",
    "late_activation_sensor",
    "stitch_sensor",
)
OVERLAYS = "[role=dialog], .bp5-overlay-open, .bp5-dialog"
FOREIGN = (
    "return performance.getEntriesByType('resource').map(e => e.name).filter(n => "
    "!n.startsWith(location.origin) && !n.startsWith('data:'))"
)


def test_the_first_page_is_the_pipeline_and_nothing_covers_it(page: Page) -> None:
    page.open("/asset-groups/", *GROUPS)
    assert page.driver.find_elements(By.CSS_SELECTOR, OVERLAYS) == []


def test_a_table_explains_itself(page: Page, ui: Ui) -> None:
    spec = table_spec("merged_customers")
    with duckdb.connect(str(database_path(ui.root)), read_only=True) as con:
        ((rows,),) = con.execute("SELECT count(*) FROM merged_customers").fetchall()
    wanted = [
        spec.description.split(":")[0],
        spec.grain,
        f"Row count {rows}",
        "pii semantic: given-name",
    ]
    page.open(
        "/assets/merged_customers",
        *wanted,
        *(spec.columns[c].description for c in ("amperity_id", "given_name")),
    )


@pytest.mark.parametrize(
    ("asset", "texts"),
    [
        ("domain/Shop_Customers", ("Online shop accounts", "semantic: email", "pii", "Partitions")),
        ("domain/Busy_Customers", ("domain_tables/Busy_Customers.sql", "visits")),
        ("input_validations/Shop_Customers", ("Shop:Customers", "is_finding")),
        ("unified_coalesced", (table_spec("unified_coalesced").grain, "Row count 10")),
        ("customer_360_database", ("The published database",)),
    ],
)
def test_an_asset_of_each_stage_has_its_page(
    page: Page, asset: str, texts: tuple[str, ...]
) -> None:
    shown = page.open(f"/assets/{asset}", "Latest materialization", *texts)
    assert CANARY_EMAIL not in shown
    assert CANARY_NAME not in shown


def test_a_report_is_a_check_whose_figures_can_be_followed(page: Page) -> None:
    page.open(
        "/assets/domain/Shop_Customers?view=checks&checkDetail=email_addresses_can_be_used",
        "email_addresses_can_be_used",
        "IV-P01",
        "Passed",
    )


def test_automation_is_listed_and_on(page: Page) -> None:
    page.open("/automation", *AUTOMATION)

    def switched_on() -> bool:
        boxes = page.driver.find_elements(By.CSS_SELECTOR, "input[type=checkbox]")
        return sum(box.is_selected() for box in boxes) == len(AUTOMATION)

    page.wait("not every sensor and schedule is switched on", switched_on)


def test_runs_of_the_command_line_are_listed(page: Page) -> None:
    shown = page.open("/runs", "refresh_and_activate", "load", "Success")
    assert shown.count("Success") == 3  # two feeds, then the rest of the day
    assert "Failure" not in shown


def test_runs_of_the_command_line_are_found_under_their_job(page: Page) -> None:
    page.driver.get(f"{page.ui.url}/locations/c360/jobs/refresh_and_activate/runs")
    page.wait(
        "neither runs nor their absence",
        lambda: "Success" in page.text or "No runs found" in page.text,
    )
    assert "Success" in page.text


def test_the_server_answers_this_machine_by_one_address_only(ui: Ui) -> None:
    socket.create_connection(("127.0.0.1", ui.port), timeout=5).close()
    with pytest.raises(OSError):  # noqa: PT011  (refused, or no such address: by system)
        socket.create_connection(("127.0.0.2", ui.port), timeout=5).close()


def test_nothing_is_told_to_anybody(page: Page, ui: Ui) -> None:
    settings = yaml.safe_load((ui.root / ".dagster" / "dagster.yaml").read_text("utf-8"))
    assert settings["telemetry"] == {"enabled": False}
    page.open("/asset-groups/", *GROUPS)
    started = page.driver.find_element(By.ID, "initialization-data").get_attribute("textContent")
    assert json.loads(str(started))["telemetryEnabled"] is False
    assert page.driver.execute_script(FOREIGN) == []
