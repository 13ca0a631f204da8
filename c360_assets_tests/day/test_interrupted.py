"""Runs that are killed, and runs that meet: the answer is the same, and readers never see half a
database."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import duckdb
import pytest

from c360_assets.warehouse.published_file import database_path
from c360_assets_tests.day.chaos import kill_verb
from c360_assets_tests.day.command import ask, differing, digests, here
from c360_assets_tests.day.conftest import Ran
from c360_assets_tests.day.findings import Findings, look_at_the_end, output_of, second_day
from c360_assets_tests.day.prepared import Verb
from c360_assets_tests.day.small import copy_of

# Lines of progress after which a run is killed, each a step further: while feeds load and while
# tables are built; within Stitch and before the end.
MOMENTS = (
    "loaded Club:",
    "built unified_coalesced",
    "built merged_customers",
    "built customer_attributes",
)
pytestmark = pytest.mark.long  # that a killed run is gone on with is of `test_new_stage`


def kill_after(root: Path, line: str) -> bool:
    """Kill a run as soon as it has said `line`; whether it still ran then."""
    output = output_of(root)
    output.unlink(missing_ok=True)  # what a run said that was killed before
    verb = Verb(output, "run", "--tenant", root)
    while not verb.ended_within(0.02):
        if line in _written(output):
            break
    alive = not verb.ended_within(0)
    verb.kill()
    return alive


def _written(output: Path) -> str:
    return output.read_text("utf-8") if output.exists() else ""


class Reader(threading.Thread):
    """An analyst who connects and asks again and again; holds the answers and what went wrong."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self.path, self.answers, self.errors, self.enough = (
            database_path(root),
            [],
            [],
            threading.Event(),
        )

    answers: list[tuple[int, int]]
    errors: list[str]

    def run(self) -> None:
        sql = "SELECT (SELECT count(*) FROM merged_customers), (SELECT count(*) FROM customer_360)"
        while not self.enough.is_set():
            try:
                with duckdb.connect(str(self.path), read_only=True) as con:
                    self.answers += con.execute(sql).fetchall()
            except duckdb.Error as error:
                self.errors.append(str(error))
            time.sleep(0.05)

    def __enter__(self) -> Reader:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.enough.set()
        self.join()


@pytest.fixture(scope="module")
def undisturbed(second: Ran) -> dict[str, str]:
    """Digests after a second day that nothing disturbed."""
    return digests(second.root)


def test_a_run_killed_again_and_again_ends_as_if_undisturbed(
    small: Ran, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    root = second_day(copy_of(small.root, tmp_path / "tenant"))
    with Reader(root) as reader:
        killed = [line for line in MOMENTS if kill_after(root, line)]
        said = here("run", "--tenant", root)
    assert said.code == 0, said.text
    assert "waiting" not in said.text, "a lock dies with its holder"
    assert len(killed) >= len(MOMENTS) - 1, killed
    assert reader.errors == []
    assert set(reader.answers) == {(6, 6), (7, 7)}
    assert differing(digests(root), undisturbed) == []
    leftovers = [p.name for p in (root / "activated").iterdir() if "building" in p.name]
    assert leftovers == []


def test_two_runs_at_once_wait_for_each_other(
    small: Ran, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    root = second_day(copy_of(small.root, tmp_path / "tenant"))
    first = Verb(root.with_name("first.txt"), "run", "--tenant", root)
    deadline = time.monotonic() + 60
    while not (root / ".lock.holder").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    second = Verb(root.with_name("second.txt"), "run", "--tenant", root)
    ended = [first.finish(), second.finish()]
    assert [said.code for said in ended] == [0, 0], [said.text for said in ended]
    assert f"waiting for `c360 run` (process {first.process.pid})" in ended[1].text
    assert "waiting for" not in ended[0].text
    assert "Nothing new landed" in ended[1].text
    assert differing(digests(root), undisturbed) == []
    assert ask(root, "SELECT count(*) FROM merged_customers") == [(7,)]
    assert not (root / ".lock.holder").exists()


def test_verbs_killed_at_random_instants_leave_nothing_behind(
    small: Ran, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    """A sample of `make chaos`."""
    root = second_day(copy_of(small.root, tmp_path / "tenant"))
    findings = Findings()
    chance = random.Random(7)
    for verb in ("load", "tidy", "publish"):
        kill_verb(root, verb, chance.uniform(1, 5), findings)
    look_at_the_end(root, undisturbed, findings, "sample")
    assert findings.is_clean, vars(findings)
