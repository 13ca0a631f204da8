"""Tenants that have had their day, made once; a test that spoils one works on a copy."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from c360_assets.demo import generate_tenant
from c360_assets_tests.day.command import Said, c360, finish, here, start
from c360_assets_tests.day.findings import second_day
from c360_assets_tests.day.small import FIRST, copy_of, land_all, small_tenant

PEOPLE, DAYS, SEED = 220, 3, 1
FIRST_DELIVERY = date(2026, 6, 1)


@dataclass(frozen=True)
class Ran:
    """A tenant and what its last run said."""

    root: Path
    said: Said


@pytest.fixture(scope="session")
def hostile_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name is full of signs that some program gives a meaning of its own."""
    folder = tmp_path_factory.mktemp("day") / "Müller & Söhne #1 [50%] it's {a} *"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def landed(hostile_folder: Path) -> Path:
    """A generated tenant before its first run, not to be changed."""
    root = hostile_folder / "landed"
    generate_tenant(root, people=PEOPLE, days=DAYS, seed=SEED)
    return root


@pytest.fixture(scope="session")
def demo(landed: Path) -> Ran:
    """The generated tenant after its first run."""
    root = copy_of(landed, landed.with_name("tenant"))
    return Ran(root, c360("run", "--tenant", root))


@pytest.fixture(scope="session")
def otherwise(landed: Path) -> Ran:
    """The same tenant on one core, with one file split in two, loaded day by day."""
    root = copy_of(landed, landed.with_name("otherwise"))
    _split(root, "shop/customers-20260601.csv")
    one_core = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    for day in range(DAYS - 1):
        until = FIRST_DELIVERY + timedelta(days=day)
        said = finish(
            start("load", "--to", until, "--tenant", root, prefix=one_core, POLARS_MAX_THREADS="1")
        )
        assert said.code == 0, said.text
    said = finish(start("run", "--tenant", root, prefix=one_core, POLARS_MAX_THREADS="1"))
    return Ran(root, said)


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


@pytest.fixture(scope="session")
def small(hostile_folder: Path) -> Ran:
    """The small tenant after its first day."""
    root = small_tenant(hostile_folder / "small")
    land_all(root, FIRST)
    return Ran(root, here("run", "--tenant", root))


@pytest.fixture(scope="session")
def second(small: Ran, hostile_folder: Path) -> Ran:
    """The small tenant after a second day that nothing disturbed."""
    root = second_day(copy_of(small.root, hostile_folder / "second"))
    said = here("run", "--tenant", root)
    assert said.code == 0, said.text
    return Ran(root, said)
