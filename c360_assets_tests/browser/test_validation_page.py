"""The page of the input validations, in a real browser: readable by everybody, in both schemes and
widths, and alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.common.by import By

from c360_assets.reporting.validation_page import page_path
from c360_assets_tests.automation.tenants import (
    CANARY_EMAIL,
    CANARY_NAME,
    DAY,
    days,
    land,
    tiny_tenant,
)
from c360_assets_tests.day.command import here

BROKEN = [
    "c1,not an address,Ann,Archer,3",
    f"c2,{CANARY_EMAIL},{CANARY_NAME},Drover,2",
    "c3,,Guest,,1",
    "c4,info@x.org,Bob,,5",
]


def c360(root: Path, *args: str) -> str:
    """What a verb that does not fail prints."""
    said = here(*args, "--tenant", root)
    assert said.code == 0, said.text
    return said.stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenant of two days with broken values, loaded and looked at before any Stitch run."""
    root = tmp_path_factory.mktemp("tenant")
    tiny_tenant(root)
    land(root, "shop", DAY)
    land(root, "shop", days(2)[1], BROKEN)
    land(root, "loyalty", DAY)
    c360(root, "load")
    c360(root, "validate")
    return root


def test_findings_are_shown_before_stitch_has_run_and_their_queries_run_once_published(
    root: Path,
) -> None:
    told = c360(root, "validate", "Shop:Customers")
    assert "invalid email" in told
    assert "mended in the source" in " ".join(told.split())
    found = json.loads(c360(root, "validate", "--json"))["findings"]
    assert {f["metric"] for f in found} >= {
        "invalid_email_count",
        "blocklisted_email_count",
        "blocklisted_given_name_count",
    }
    assert CANARY_EMAIL not in told + json.dumps(found)
    c360(root, "run")
    rows = c360(root, "sql", c360(root, "validate", "--sql", "1"), "--csv").splitlines()
    assert len(rows) == found[0]["count"] + 1


def opened(driver: webdriver.Chrome, root: Path, scheme: str, width: int) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page_path(root).as_uri())
    driver.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_everybody_can_read_it(
    driver: webdriver.Chrome, root: Path, scheme: str, width: int
) -> None:
    opened(driver, root, scheme, width)
    violations = Axe().run(driver)["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"][:3]]) for v in violations] == []
    wide = driver.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width, "nothing but tables and queries scrolls sideways"


def test_it_needs_nothing_from_anywhere(driver: webdriver.Chrome, root: Path) -> None:
    driver.get_log("performance")
    opened(driver, root, "light", 1280)
    events = [json.loads(e["message"])["message"] for e in driver.get_log("performance")]
    asked = {
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    }
    assert asked == {page_path(root).as_uri()}
    assert page_path(root).stat().st_mode & 0o777 == 0o600


def test_it_says_what_is_wrong_and_shows_no_value(driver: webdriver.Chrome, root: Path) -> None:
    opened(driver, root, "light", 1280)
    text = driver.find_element(By.TAG_NAME, "body").text
    for words in (
        "Findings, worst first",
        "invalid email",
        "Overlap between sources",
        "By delivery day",
        "Not applicable",
        "FROM t",
    ):
        assert words in text
    source = page_path(root).read_text("utf-8")
    for value in (CANARY_EMAIL, CANARY_NAME, "not an address", "info@x.org"):
        assert value not in source
