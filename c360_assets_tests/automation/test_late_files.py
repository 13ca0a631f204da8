"""`c360 status` counts the files that the published database does not hold."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from c360_assets.reporting.status import read_status
from c360_assets_tests.automation.tenants import DAY, tiny_tenant
from c360_assets_tests.automation.test_readiness import LOADED_AT, loaded

PUBLISHED_AT = LOADED_AT + timedelta(hours=1)


def test_a_file_that_was_loaded_again_with_its_day_is_no_late_one(tmp_path: Path) -> None:
    tiny_tenant(tmp_path)
    published = tmp_path / "activated/customer_360.duckdb"
    published.parent.mkdir()
    published.touch()
    os.utime(published, (PUBLISHED_AT.timestamp(), PUBLISHED_AT.timestamp()))

    def late_files() -> dict[str, int]:
        feeds = read_status(tmp_path, PUBLISHED_AT + timedelta(hours=9)).feeds
        return {feed.feed: feed.late_files for feed in feeds if feed.late_files}

    loaded(tmp_path, "Shop:Customers", DAY)
    assert late_files() == {}
    after = PUBLISHED_AT + timedelta(hours=1)
    loaded(tmp_path, "Shop:Customers", DAY, attempt=2, at=after)
    assert late_files() == {}
    loaded(tmp_path, "Loyalty:Members", DAY, at=after)
    loaded(tmp_path, "Loyalty:Members", DAY, attempt=2, at=after + timedelta(hours=1))
    assert late_files() == {"Loyalty:Members": 1}
