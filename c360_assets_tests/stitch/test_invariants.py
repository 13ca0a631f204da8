"""What holds of every result, whatever the tenant: checked on random retail tenants, row by row, against plain Python."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import polars as pl
import pytest

from c360_assets.stitch import stitch
from c360_assets.stitch.results import StitchResult
from c360_assets.tenant.models import StitchConfig
from c360_assets_tests.stitch.retail import retail

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "documented": {"blocking": {"preset": "documented"}, "clustering": {"algorithm": "hierarchical"}},
    "sk priority": {"matching": {"classifier": "general-ordinal-sk-priority"}, "clustering": {"algorithm": "hierarchical"}},
    "parted": {"clustering": {"supersized": {"min_size": 4}}, "blocking": {"limit": 5}},
}


def records(seed: int) -> pl.DataFrame:
    """A tenant with a loyalty card that some relatives share, and suffixes."""
    home = pl.col("person") // 3
    return retail(150, seed).select(
        pl.exclude("person"),
        fk_card=pl.when(pl.col("person") % 4 == 0).then(home.cast(pl.String)),
        generational_suffix=pl.when(pl.col("person") % 7 == 0)
        .then(pl.lit("Jr"))
        .when(pl.col("person") % 7 == 1)
        .then(pl.lit("Sr")),
    )


def run(seed: int, preset: str, **more: Any) -> StitchResult:
    config = StitchConfig.model_validate(PRESETS[preset] | {"outputs": {"stitch_scores": "all"}} | more)
    return stitch(records(seed), config)


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("seed", [21, 22, 23])
def test_tables_agree_with_each_other(seed: int, preset: str) -> None:
    given, result = records(seed), run(seed, preset)
    unified, scores, every = (result.tables[t] for t in ("unified_coalesced", "unified_scores", "stitch_scores"))
    rows = {(r["datasource"], r["pk"]): r for r in unified.iter_rows(named=True)}
    # Every source record once, with an id; records that one stands for share its cluster and component.
    assert set(rows) == set(given.select("datasource", "pk").iter_rows())
    assert len(rows) == given.height == unified.height
    for row in rows.values():
        rep = rows[row["rep_ds"], row["rep_pk"]]
        assert row["amperity_id"] == rep["amperity_id"] is not None
        assert (row["component_id"], row["supersized_id"]) == (rep["component_id"], rep["supersized_id"])
    # A cluster lies inside one component and one part.
    for column in ("component_id", "supersized_id"):
        assert unified.group_by("amperity_id").agg(pl.col(column).n_unique())[column].max() == 1
    # Pairs: each once, the smaller first, no record with itself, score and category in step.
    pair = ("source1", "pk1", "source2", "pk2")
    assert every.select(pair).is_unique().all()
    names = ["non_match", "weak", "moderate", "high", "excellent", "exact"]
    for r in every.iter_rows(named=True):
        assert (r["source1"], r["pk1"]) < (r["source2"], r["pk2"])
        assert 0 <= r["score"] <= 5
        assert names[int(r["score"])] == r["match_category"]
        one, two = rows[r["source1"], r["pk1"]], rows[r["source2"], r["pk2"]]
        assert (r["amperity_id1"], r["amperity_id2"]) == (one["amperity_id"], two["amperity_id"])
        if r["score"] >= 3 and not (one["is_supersized"] or two["is_supersized"]):
            assert one["component_id"] == two["component_id"]
        if one["fk_card"] and one["fk_card"] == two["fk_card"]:
            assert r["score"] == 5.0 or preset == "sk priority"
    # Scores inside clusters are scores, and their ends share the id.
    assert scores.join(every, on=[*pair, "score"], how="anti").is_empty()
    assert scores.join(every.filter(pl.col("amperity_id1") == pl.col("amperity_id2")), on=list(pair), how="anti").is_empty()
    assert scores.height == every.filter(pl.col("amperity_id1") == pl.col("amperity_id2")).height


@pytest.mark.parametrize("preset", ["documented", "sk priority"])
@pytest.mark.parametrize("seed", [21, 22, 23])
def test_no_cluster_holds_suffixes_that_conflict_unless_a_key_joined_them(seed: int, preset: str) -> None:
    result = run(seed, preset)
    for (_,), group in result.tables["unified_coalesced"].group_by("amperity_id"):
        for one, two in combinations(group.drop_nulls("generational_suffix").iter_rows(named=True), 2):
            if one["generational_suffix"] != two["generational_suffix"]:
                assert preset == "documented"
                assert group.drop_nulls("fk_card").height > 1, "only equal keys may join them, and only where keys come first"


@pytest.mark.parametrize("seed", [21, 22])
def test_a_higher_threshold_splits_components_and_never_joins_them(seed: int) -> None:
    parts = []
    for threshold in (2.0, 3.0, 4.0, 4.8):
        matching = {"threshold": threshold}
        unified = run(seed, "documented", matching=matching).tables["unified_coalesced"]
        parts.append(dict(zip(unified["datasource"] + "|" + unified["pk"], unified["component_id"], strict=True)))
    for coarse, fine in pairwise(parts):
        home: dict[int, int] = {}
        assert all(home.setdefault(fine[record], coarse[record]) == coarse[record] for record in fine)


@pytest.mark.parametrize("seed", [21, 22])
def test_refused_merges_name_a_conflict_and_nothing_blocked_is_compared(seed: int) -> None:
    result = run(seed, "documented")
    refused = result.tables["stitch_decisions"].filter(action="refused")
    assert set(refused["field"]) <= {"given-name", "generational-suffix", "birthdate"}
    blocks, keys = result.tables["stitch_blocks"], result.tables["stitch_blocking_keys"]
    sizes = dict(keys.group_by("strategy", "bk").len().select(pl.concat_str("strategy", "bk", separator="|"), "len").iter_rows())
    for block in blocks.iter_rows(named=True):
        n = block["n_records"]
        assert n == sizes[f"{block['strategy']}|{block['bk']}"]
        assert block["n_pairs"] <= n * (n - 1) // 2
    compared = result.tables["stitch_scores"].filter(match_type="scored").height
    assert compared <= blocks["n_pairs"].sum()
