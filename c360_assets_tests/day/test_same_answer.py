"""The same files give the same tables: on one core, with files split, and day by day instead of at once."""

from __future__ import annotations

from c360_assets_tests.day.command import differing, digests
from c360_assets_tests.day.conftest import Ran, Ways


def test_a_clean_run_on_one_core_over_split_files_gives_equal_tables(demo: Ran, ways: Ways) -> None:
    assert ways.one_core.said.code == 0, ways.one_core.said.text
    assert differing(digests(demo.root), digests(ways.one_core.root)) == []


def test_days_loaded_one_by_one_give_equal_tables(demo: Ran, ways: Ways) -> None:
    assert ways.day_by_day.said.code == 0, ways.day_by_day.said.text
    assert differing(digests(demo.root), digests(ways.day_by_day.root)) == []


def test_digests_name_every_table_of_the_day(demo: Ran) -> None:
    found = digests(demo.root)
    assert {"unified_coalesced", "stitch_scores", "merged_customers", "customer_360", "domain/Shop_Customers"} <= found.keys()
    assert "ingest_files" not in found
