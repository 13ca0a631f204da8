"""A small tenant after one day, the UI that `c360 ui` starts for it, and a browser that looks at
it.

The tenant is made once, the server and the browser once per module. The server gets a session of
its own, so that nothing of it outlives the tests.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from c360_assets_tests.automation.tenants import DAY, land, tiny_tenant
from c360_assets_tests.day.command import clean_environment, command, end_group, here

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
LATE_IN_THE_DAY = (
    "activation: {cron: '59 23 * * *'}"  # so that no catching-up run starts beside the tests
)
START_SECONDS = 180
PAGE_SECONDS = 60
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--window-size=1700,1150",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and skip them with a remedy where there is no browser."""
    here = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    for item in here:
        item.add_marker(pytest.mark.browser)
        if CHROMIUM is None or DRIVER is None:
            item.add_marker(
                pytest.mark.skip(
                    reason="no Chromium: install the packages chromium and chromium-driver"
                )
            )


@dataclass(frozen=True)
class Ui:
    """The running server: where it answers, its tenant, and its process."""

    url: str
    port: int
    root: Path


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenant whose one day was run from the command line."""
    root = tmp_path_factory.mktemp("tenant")
    tiny_tenant(root, LATE_IN_THE_DAY)
    land(root, "shop", DAY)
    land(root, "loyalty", DAY)
    said = here("run", "--tenant", root)
    assert said.code == 0, said.text
    return root


@pytest.fixture(scope="module")
def ui(root: Path) -> Iterator[Ui]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with (root / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            command("ui", "--tenant", root, "--port", port),
            env=clean_environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _until_listening(process, port, root / "ui.log")
            yield Ui(f"http://127.0.0.1:{port}", port, root)
        finally:
            end_group(process)


def _until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text("utf-8", "replace")[-3000:]
            assert time.monotonic() < deadline, log.read_text("utf-8", "replace")[-3000:]
            time.sleep(0.3)


class Page:
    """A browser on the UI."""

    def __init__(self, driver: webdriver.Chrome, ui: Ui) -> None:
        self.driver, self.ui = driver, ui

    def open(self, path: str, *texts: str) -> str:
        """Go to `path`, wait until all of `texts` are to be read, and return the page's text, its
        white space as one blank."""
        self.driver.get(self.ui.url + path)
        self.wait(f"{path} does not show {texts}", lambda: all(text in self.text for text in texts))
        return self.text

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", self.driver.find_element(By.TAG_NAME, "body").text)

    def wait(self, complaint: str, holds: Callable[[], bool]) -> None:
        def looked(_: object) -> bool:
            return holds()

        WebDriverWait(self.driver, PAGE_SECONDS, ignored_exceptions=[Exception]).until(
            looked, complaint
        )


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    """A Chromium that writes down every request it makes (log `performance`)."""
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def page(ui: Ui, driver: webdriver.Chrome) -> Page:
    return Page(driver, ui)
