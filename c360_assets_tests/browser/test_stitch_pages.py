"""The Stitch report and the page of an explanation in a real browser: readable by everybody, drawn
and alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.common.by import By

from c360_assets_tests.automation.tenants import CANARY_EMAIL, CANARY_NAME
from c360_assets_tests.browser.test_validation_page import c360

PAGES = ("stitch.html", "explain.html")


@pytest.fixture(scope="module")
def pages(root: Path) -> Path:
    """The folder of the pages of a tenant that has had its day."""
    query = (
        "SELECT a.datasource || '/' || a.pk AS one, b.datasource || '/' || b.pk AS other "
        "FROM unified_coalesced a JOIN unified_coalesced b USING (amperity_id) "
        "WHERE a.datasource < b.datasource ORDER BY ALL LIMIT 1"
    )
    (pair,) = json.loads(c360(root, "sql", query, "--json"))
    c360(root, "explain", pair["one"], pair["other"], "--html")
    return root / "reports"


def opened(driver: webdriver.Chrome, page: Path, scheme: str, width: int) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page.as_uri())
    driver.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_everybody_can_read_them(
    driver: webdriver.Chrome, pages: Path, page: str, scheme: str, width: int
) -> None:
    opened(driver, pages / page, scheme, width)
    violations = Axe().run(driver)["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"][:3]]) for v in violations] == []
    wide = driver.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width, "nothing but tables scrolls sideways"


BROKEN_WORDS = """
const letters = document.createElement('canvas').getContext('2d');
return [...document.querySelectorAll('th, td')].filter(cell => {
  const style = getComputedStyle(cell);
  letters.font = style.font;
  const room = cell.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return cell.textContent.split(/\\s+/).some(word => letters.measureText(word).width > room + 2);
}).map(cell => cell.textContent)
"""


@pytest.mark.parametrize("page", PAGES)
def test_a_narrow_window_breaks_no_word_of_a_table(
    driver: webdriver.Chrome, pages: Path, page: str
) -> None:
    opened(driver, pages / page, "light", 400)
    assert driver.execute_script(BROKEN_WORDS) == []


@pytest.mark.parametrize("page", PAGES)
def test_their_charts_are_drawn_and_need_nothing_from_anywhere(
    driver: webdriver.Chrome, pages: Path, page: str
) -> None:
    driver.get_log("performance")
    opened(driver, pages / page, "light", 1280)
    charts = driver.find_elements(By.CSS_SELECTOR, ".chart")
    assert charts
    for chart in charts:
        assert chart.find_elements(By.CSS_SELECTOR, "svg .point, svg .points path"), chart.id
    events = [json.loads(e["message"])["message"] for e in driver.get_log("performance")]
    asked = {
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    }
    assert asked == {(pages / page).as_uri()}
    assert (pages / page).stat().st_mode & 0o777 == 0o600


def test_values_of_people_are_masked_unless_they_are_asked_for(root: Path, pages: Path) -> None:
    def shown(page: str) -> str:
        # The script of the library holds every word there is.
        return (pages / page).read_text("utf-8").partition("<script>")[0]

    for page in PAGES:
        for value in (CANARY_EMAIL, CANARY_NAME, "Archer", "ann@"):
            assert value not in shown(page)
    c360(root, "stitch", "--report", "--show-pii")
    assert "Archer" in shown("stitch.html")
    c360(root, "stitch", "--report")
    assert "Archer" not in shown("stitch.html")
