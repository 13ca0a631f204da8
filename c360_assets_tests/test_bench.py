"""What benchmarks say of sizes that were not run, and of processes that are none of theirs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from c360_assets_tests.bench import measure
from c360_assets_tests.bench.processes import PROC, watched
from c360_assets_tests.bench.spark import COLUMNS, Grown, OnCluster, Run, beyond, line, power, row

# A process that starts another one, which holds 64 MiB for as long as two looks take.
HOLDS = "held = bytearray(64 << 20); import time; time.sleep(1.5)"
STARTS = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLDS!r}]); print('done')"


Point = tuple[float, float]


@pytest.mark.parametrize(
    ("goes_on", "small", "large", "at", "expected"),
    [
        (line, (10, 7), (20, 9), 40, 13),
        (line, (10, 7), (20, 7), 40, 7),
        (power, (10, 1), (20, 2), 80, 8),
        (power, (10, 1), (20, 4), 40, 16),
    ],
)
def test_how_sizes_go_on(
    goes_on: Callable[[float, Point, Point], float],
    small: Point,
    large: Point,
    at: float,
    expected: float,
) -> None:
    assert goes_on(at, small, large) == pytest.approx(expected)


def grown(records: int, **digests: str) -> Grown:
    one = Run(records, records, 3 * records, 1.0, 2.0, 300.0, {"unified_coalesced": "a"})
    spark = Run(records, records, 3 * records, 9.0, 1.0, 310.0, digests)
    return Grown(one, spark, OnCluster(8.0, 900.0, 200.0, 400.0, records / 1000, 0.0))


def test_a_size_that_was_not_run_is_marked_and_says_no_more_than_it_can() -> None:
    small, large = grown(1000, unified_coalesced="a"), grown(2000, unified_coalesced="b")
    assert small.is_equal
    assert not large.is_equal
    assert [row(one)[-1] for one in (small, large)] == ["1 of 1", "0 of 1"]
    said = dict(zip(COLUMNS, beyond(4000, small, large), strict=True))
    assert said["records"] == "4,000 (extrapolated)"
    assert said["pairs compared"] == "12,000"
    assert said["shuffled MiB"] == "4"
    assert said["Spark: s"] == said["spilled MiB"] == said["equal digests"] == "–"


@pytest.mark.skipif(not PROC.exists(), reason="needs Linux: memory is read from /proc")
def test_processes_below_another_one_are_seen() -> None:
    done = watched([sys.executable, "-c", STARTS], dict(os.environ), ["bytearray", "nowhere"])
    assert done.output == "done\n"
    (held,) = done.below
    assert 64 < held.peak < 200
    assert done.at_once["bytearray"] > 64
    assert done.at_once["nowhere"] == 0


def test_a_section_has_the_columns_of_its_own(tmp_path: Path) -> None:
    page, readme = tmp_path / "page.md", tmp_path / "README.md"
    readme.touch()
    section = measure.Section("growth", [("10", "1.5", "yes")], [], ("records", "s", "equal"))
    measure.write([section], page, readme)
    assert "| records | s | equal |\n| --- | ---: | --- |\n| 10 | 1.5 | yes |" in page.read_text()
