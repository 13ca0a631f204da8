"""What every test run shares: generated inputs are drawn anew on a developer's machine, and are
always the same in CI; no test leaves anything in the environment; which tests run where and when,
and what was left out."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

# Files that a test has just written are whole: it is not to wait until they are a minute old.
os.environ.setdefault("C360_SETTLE_SECONDS", "0")

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

HERE = Path(__file__).parent
# Folders whose tests share tenants that have had their day: one process runs all of a folder.
TOGETHER = ("day", "privacy", "browser", "spark")
# What takes longest begins first, so that no process ends long after the others.
FIRST = (
    *TOGETHER,
    "automation",
    "warehouse/test_bucket_day.py",
    "stitch",
    "customer_360",
    "warehouse",
    "ingest",
    "segments",
    "validations",
    "assets",
    "demo",
)
# Processes of tests: one more than cores, as some of them wait for servers and processes that they
# started; no more than there are long files and folders, as each needs about a gigabyte.
MOST_PROCESSES = 6
LEFT_OUT = pytest.StashKey[int]()
LEFT_OUT_BY_WORKER = "c360_left_out"


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What a test, or the code under test, sets in the environment ends with the test.

    `prepare_home` and the commands set variables for the process; `monkeypatch` gives back only
    what it changed itself.
    """
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module", autouse=True)
def no_home() -> Iterator[None]:
    """No module finds the home of Dagster that a verb left which a longer-lived fixture ran."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAGSTER_HOME", raising=False)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of `FIRST` first, each file's as they stand."""

    def place(item: pytest.Item) -> int:
        name = item.path.relative_to(HERE).as_posix()
        return next((n for n, first in enumerate(FIRST) if name.startswith(first)), len(FIRST))

    items.sort(key=place)


class Together(LoadFileScheduling):
    """Gives a process the tests of a whole file, or of a whole folder of `TOGETHER`."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        folder = Path(file).parent
        return str(folder) if folder.name in TOGETHER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return min((os.cpu_count() or 1) + 1, MOST_PROCESSES)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return Together(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the tests marked `long` that the markers asked for leave out."""
    config = items[0].config
    if "long" in config.option.markexpr:
        count = sum(item.get_closest_marker("long") is not None for item in items)
        config.stash[LEFT_OUT] = count
        if hasattr(config, "workeroutput"):
            config.workeroutput[LEFT_OUT_BY_WORKER] = count


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Take over what a process of this run has counted: all of them collect the same tests."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get(LEFT_OUT_BY_WORKER, 0)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if count := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"left out: {count} marked `long`, which `.ci/run` runs")
