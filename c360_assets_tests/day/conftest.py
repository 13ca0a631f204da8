"""Tenants that have had their day, made once; a test that spoils one works on a copy."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from c360_assets.demo import generate_tenant
from c360_assets_tests.day.command import Said, c360, c360_here, finish, start
from c360_assets_tests.day.small import FIRST, copy_of, land_all, small_tenant

PEOPLE, DAYS, SEED = 220, 3, 1
FIRST_DELIVERY = date(2026, 6, 1)


@dataclass(frozen=True)
class Ran:
    """A tenant and what its last run said."""

    root: Path
    said: Said


@dataclass(frozen=True)
class Ways:
    """The same files on other ways through the day."""

    one_core: Ran
    day_by_day: Ran


@dataclass(frozen=True)
class _Days:
    demo: Ran
    ways: Ways


@pytest.fixture(scope="session")
def _days(tmp_path_factory: pytest.TempPathFactory) -> _Days:
    """One generated tenant, run in three ways side by side."""
    root = tmp_path_factory.mktemp("demo") / "tenant"
    generate_tenant(root, people=PEOPLE, days=DAYS, seed=SEED)
    split, daily = copy_of(root, root.with_name("split")), copy_of(root, root.with_name("daily"))
    _split(split, "shop/customers-20260601.csv")
    one_core = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    processes = (
        start("run", "--tenant", root),
        start("run", "--tenant", split, prefix=one_core, POLARS_MAX_THREADS="1"),
    )
    by_day = _day_by_day(daily)
    demo, other = (finish(process) for process in processes)
    return _Days(Ran(root, demo), Ways(Ran(split, other), Ran(daily, by_day)))


def _split(root: Path, name: str) -> None:
    """Two files in place of one; the order of their paths keeps the order of the rows."""
    file = root / "landing" / name
    header, *rows = file.read_text("utf-8").splitlines(keepends=True)
    half = len(rows) // 2
    for part, lines in (("a", rows[:half]), ("b", rows[half:])):
        file.with_name(f"{file.stem}-{part}.csv").write_text(header + "".join(lines), "utf-8")
    file.unlink()
    feed = root / "feeds/shop/customers.yaml"
    feed.write_text(feed.read_text("utf-8").replace("yyyyMMdd'.csv'", "yyyyMMdd'*.csv'"), "utf-8")


def _day_by_day(root: Path) -> Said:
    with pytest.MonkeyPatch.context() as environment:
        for day in range(DAYS - 1):
            said = c360_here(environment, "load", "--to", FIRST_DELIVERY + timedelta(days=day), "--tenant", root)
            assert said.code == 0, said.text
        return c360_here(environment, "run", "--tenant", root)


@pytest.fixture(scope="session")
def demo(_days: _Days) -> Ran:
    """A generated tenant after its first run."""
    return _days.demo


@pytest.fixture(scope="session")
def ways(_days: _Days) -> Ways:
    return _days.ways


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The small tenant after its first day."""
    root = small_tenant(tmp_path_factory.mktemp("small") / "tenant")
    land_all(root, FIRST)
    return Ran(root, c360("run", "--tenant", root))
