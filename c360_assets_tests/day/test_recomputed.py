"""The generated tenant's published tables are what an independent computation in Polars finds."""

from __future__ import annotations

from typing import Any

import duckdb
import polars as pl
import yaml

from c360_assets.warehouse.published_file import database_path
from c360_assets_tests.customer_360.recomputed import attributes, differences, merged, orders
from c360_assets_tests.day.conftest import Ran

ZONE = "America/New_York"


def test_polars_finds_the_same(demo: Ran) -> None:
    policy: dict[str, Any] = yaml.safe_load((demo.root / "merge_policy.yaml").read_text("utf-8"))
    ranks = {
        group: {source: n for n, source in enumerate(listed, 1)}
        for group, listed in policy["rank"].items()
    }
    with duckdb.connect(str(database_path(demo.root)), read_only=True) as con:
        con.execute(f"SET TimeZone = '{ZONE}'")

        def read(name: str) -> pl.DataFrame:
            return con.sql(f"SELECT * FROM {name}").pl()

        uc = read("unified_coalesced")
        again = merged(uc, read("email_ampid_assignment"), policy["source_priority"], ranks)
        assert differences(read("merged_customers"), again, ["amperity_id"]) == []
        made = orders(read("unified_itemized_transactions"), uc)
        assert differences(read("unified_transactions"), made, ["order_id"]) == []
        found = attributes(made, read("run_context")["as_of"].item(), ZONE)
        assert found.height > 50
        assert differences(read("transaction_attributes_extended"), found, ["amperity_id"]) == []
