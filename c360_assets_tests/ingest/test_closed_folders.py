"""A folder that may not be looked into is not an empty one: what is not seen is told of."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from c360_assets.configuration import all_problems, load_tenant
from c360_assets.errors import C360Error
from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.landing import pending
from c360_assets.ingest.odd_files import shared, unclaimed
from c360_assets.privacy.stores import all_files
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.listing import listing_of
from c360_assets.warehouse.ledger import SCHEMA
from c360_assets_tests.automation.tenants import DAY, land, tiny_tenant
from c360_assets_tests.ingest.tenants import ledger, load

NOBODY = 65534


@pytest.fixture
def root() -> Iterator[Path]:
    """A tenant where every user may look; pytest's own folders are closed to all but one."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        tiny_tenant(root)
        land(root, "shop", DAY)
        yield root


@contextmanager
def _closed(folder: Path) -> Iterator[None]:
    """Nobody may look into the folder, also where the test is run by who may everything."""
    folder.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_files_of_a_closed_folder_are_not_taken_for_none(root: Path) -> None:
    tenant = load_tenant(root)
    shop, loyalty = tenant.feed("Shop:Customers"), tenant.feed("Loyalty:Members")
    assert shop is not None
    assert loyalty is not None
    nothing = pl.DataFrame(schema=SCHEMA)
    with _closed(root / "landing" / "shop"):
        with pytest.raises(LoadError, match="landing/shop may not be looked into by this user"):
            pending(tenant, shop, nothing)
        assert pending(tenant, loyalty, nothing) == []
        assert unclaimed(tenant) == []
    assert [load.day for load in pending(tenant, shop, nothing)] == [DAY]


@pytest.mark.parametrize(
    ("pattern", "closed"),
    [
        ("'shop/c-'yyyyMMdd'.csv'", ["shop"]),
        ("'*/c-'yyyyMMdd'.csv'", ["shop"]),
        ("'c-'yyyyMMdd'.csv'", []),
        ("'club/c-'yyyyMMdd'.csv'", []),
    ],
)
def test_a_closed_folder_concerns_feeds_that_may_have_files_in_it(
    root: Path, pattern: str, closed: list[str]
) -> None:
    landing = root / "landing"
    with _closed(landing / "shop"):
        files = FilePattern(pattern)
        assert files.closed_folders(listing_of(landing, files.glob_root)) == closed


def test_settings_in_a_closed_folder_are_not_taken_out(root: Path) -> None:
    with _closed(root / "feeds" / "shop"):
        problems = all_problems(root)
    told = [str(problem) for problem in problems if problem.severity == "error"]
    assert told[0].startswith("feeds/shop: is a folder that may not be looked into")


def test_nobody_is_searched_for_where_a_folder_is_closed(root: Path) -> None:
    tenant = load_tenant(root)
    found = list(all_files(tenant))
    with (
        _closed(root / "landing" / "shop"),
        pytest.raises(C360Error, match=r"landing/shop may not be looked into .* overlooked"),
    ):
        list(all_files(tenant))
    assert list(all_files(tenant)) == found


@pytest.mark.parametrize("pattern", ["'shop/c-'yyyyMMdd'.csv'", "'*/c-'yyyyMMdd'.csv'"])
def test_a_folder_that_is_a_link_is_told_of(root: Path, pattern: str) -> None:
    landing = root / "landing"
    (landing / "shop").rename(root / "elsewhere")
    (landing / "shop").symlink_to(root / "elsewhere")
    (landing / "club").symlink_to(root / "elsewhere")
    files = FilePattern(pattern)
    odd = {entry.path: entry.problem for entry in files.odd_entries(landing)}
    assert odd["shop"].startswith("is a link to a folder, which is not followed")
    assert ("club" in odd) == ("*" in pattern)
    assert FilePattern("'c-'yyyyMMdd'.csv'").odd_entries(landing) == []


def test_a_linked_folder_of_two_feeds_is_no_file_of_both(root: Path) -> None:
    feed = root / "feeds" / "shop" / "orders.yaml"
    text = (feed.parent / "customers.yaml").read_text()
    feed.write_text(text.replace("feed: Customers", "feed: Orders").replace("customers-", "o-"))
    (root / "landing" / "shop").rename(root / "elsewhere")
    (root / "landing" / "shop").symlink_to(root / "elsewhere")
    assert shared(load_tenant(root)) == {}


def test_a_folder_that_is_not_mounted_is_not_a_day_without_files(root: Path) -> None:
    tenant = load_tenant(root)
    shop = tenant.feed("Shop:Customers")
    assert shop is not None
    load(tenant, shop, DAY)
    known = ledger(tenant)
    shutil.rmtree(root / "landing")
    with pytest.raises(LoadError, match="landing is not there, and files of it were loaded before"):
        pending(tenant, shop, known)
    assert pending(tenant, shop, pl.DataFrame(schema=SCHEMA)) == [], "one that is new has none yet"
    (root / "landing").mkdir()
    assert pending(tenant, shop, known) == []
