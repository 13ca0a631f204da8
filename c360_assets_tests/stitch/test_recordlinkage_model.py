"""The reference model of the package recordlinkage, as a setting."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from c360_assets.stitch import stitch
from c360_assets.tenant.models import StitchConfig
from c360_assets_tests.stitch.retail import retail


def same_pairs(frame: pl.DataFrame, by: str) -> set[tuple[int, int]]:
    groups = frame.group_by(by).agg("n")["n"].to_list()
    return {(a, b) for g in groups for a in g for b in g if a < b}


@pytest.mark.parametrize("model", ["three_class", "two_class", "recordlinkage_ecm"])
def test_each_model_finds_persons_and_is_a_table_of_weights(model: str) -> None:
    records = retail(300, seed=5)
    result = stitch(
        records.drop("person"), StitchConfig.model_validate({"matching": {"model": model}})
    )
    found = (
        result.tables["unified_coalesced"]
        .select("datasource", "pk", "amperity_id")
        .join(records, on=["datasource", "pk"])
    )
    found = found.with_row_index("n")
    truth, got = same_pairs(found, "person"), same_pairs(found, "amperity_id")
    assert len(truth & got) / len(got) > (0.9 if model == "three_class" else 0.5), (
        "two classes take relatives for one person"
    )
    assert len(truth & got) / len(truth) > (0.3 if model == "recordlinkage_ecm" else 0.8)
    table = result.tables["stitch_model"]
    assert table.select("feature", "level").is_unique().all()
    assert np.isfinite(table["weight_bits"].to_numpy()).all()
    agrees = table.filter(pl.col("feature") == "phone").sort("level")["weight_bits"]
    assert agrees[0] > 0, "an equal phone speaks for one person"


def test_the_package_is_not_imported_unless_it_is_asked_for() -> None:
    code = (
        "import sys, c360_assets.stitch; "
        "sys.exit('recordlinkage' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
