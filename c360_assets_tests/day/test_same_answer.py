"""The same files give the same tables, whatever the cores, the split of files, and the runs that
the days came in."""

from __future__ import annotations

import pytest

from c360_assets_tests.day.command import differing, digests
from c360_assets_tests.day.conftest import Ran


@pytest.mark.long
def test_one_core_split_files_and_single_days_give_equal_tables(demo: Ran, otherwise: Ran) -> None:
    assert otherwise.said.code == 0, otherwise.said.text
    assert differing(digests(demo.root), digests(otherwise.root)) == []


def test_digests_name_every_table_of_the_day(demo: Ran) -> None:
    found = digests(demo.root)
    assert {
        "unified_coalesced",
        "stitch_scores",
        "merged_customers",
        "customer_360",
        "domain/Shop_Customers",
    } <= found.keys()
    assert "ingest_files" not in found
