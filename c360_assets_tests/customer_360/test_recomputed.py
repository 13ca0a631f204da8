"""The SQL and an independent computation in Polars agree, on random people and orders that leave nothing out."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from c360_assets.warehouse.session import open_session
from c360_assets_tests.customer_360.recomputed import attributes, differences, merged, orders
from c360_assets_tests.customer_360.test_invariants import POLICY, build_world, items, records
from c360_assets_tests.customer_360.world import AS_OF


@pytest.mark.parametrize("seed", [1])
def test_polars_finds_the_same(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    build_world(tmp_path, records(dice), items(dice), threads=1)
    with open_session(tmp_path / "warehouse") as session:

        def read(name: str) -> pl.DataFrame:
            session.bind(name)
            return session.frame(f"SELECT * FROM {name}")

        uc, uit, assigned = read("unified_coalesced"), read("unified_itemized_transactions"), read("email_ampid_assignment")
        fields = {group: {s: p[group] for s, p in POLICY["field_priority"].items() if group in p} for group in ("phone",)}
        again = merged(uc, assigned, POLICY["source_priority"], fields)
        assert differences(read("merged_customers"), again, ["amperity_id"]) == []
        made = orders(uit, uc)
        assert differences(read("unified_transactions"), made, ["order_id"]) == []
        found = attributes(made, AS_OF, "UTC")
        assert found.height > 10
        assert len(found.columns) > 100
        assert differences(read("transaction_attributes_extended"), found, ["amperity_id"]) == []
