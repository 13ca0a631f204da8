"""What holds of every result, whatever the tenant: checked on random retail tenants, row by row,
against plain Python."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import combinations, pairwise
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.stitch import Previous, stitch
from c360_assets.stitch.api import record_frame
from c360_assets.stitch.compare.agreement_patterns import compare, compared_columns
from c360_assets.stitch.compare.blocking import STRATEGIES
from c360_assets.stitch.compare.comparison_records import prepare_records
from c360_assets.stitch.prepare.preprocessing import preprocess
from c360_assets.stitch.publish.results import StitchResult
from c360_assets.stitch.resolve import resolve
from c360_assets.stitch.score.conflicts import DOCUMENTED_CONFLICTS, Conflicts, conflict_states
from c360_assets.tenant.models import StitchConfig
from c360_assets_tests.stitch.retail import retail
from c360_assets_tests.stitch.test_match_model import population

SEEDS = [21, pytest.param(22, marks=pytest.mark.long)]
PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "documented": {
        "blocking": {"preset": "documented"},
        "clustering": {"algorithm": "hierarchical"},
    },
    "sk priority": {
        "matching": {"classifier": "general-ordinal-sk-priority"},
        "clustering": {"algorithm": "hierarchical"},
    },
    "parted": {"clustering": {"supersized": {"min_size": 4}}, "blocking": {"limit": 5}},
}


@cache
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


def settings_of(preset: str, **more: Any) -> StitchConfig:
    return StitchConfig.model_validate(
        PRESETS[preset] | {"outputs": {"stitch_scores": "all"}} | more
    )


@cache
def run(seed: int, preset: str) -> StitchResult:
    return stitch(records(seed), settings_of(preset))


Key = tuple[str, str]


def partition(unified: pl.DataFrame, group: str = "amperity_id") -> set[frozenset[Key]]:
    found: dict[str, set[Key]] = {}
    for datasource, pk, name in unified.select("datasource", "pk", group).iter_rows():
        found.setdefault(name, set()).add((datasource, pk))
    return {frozenset(keys) for keys in found.values()}


def connected(keys: set[Key], edges: list[tuple[Key, Key]]) -> set[frozenset[Key]]:
    """Connected components, by moving one record at a time."""
    home = {key: {key} for key in keys}
    for one, two in edges:
        if home[one] is not home[two]:
            home[one] |= home[two]
            for key in home[two]:
                home[key] = home[one]
    return {frozenset(group) for group in home.values()}


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("seed", SEEDS)
def test_tables_agree_with_each_other(seed: int, preset: str) -> None:
    given, result = records(seed), run(seed, preset)
    unified, scores, every = (
        result.tables[t] for t in ("unified_coalesced", "unified_scores", "stitch_scores")
    )
    rows = {(r["datasource"], r["pk"]): r for r in unified.iter_rows(named=True)}
    removed = result.tables["stitch_removed_values"].filter(pl.col("semantic") == "fk-card")
    taken_out = set(removed["raw_value"])
    # Every source record once, with an id; records that one stands for share its cluster and
    # component.
    assert set(rows) == set(given.select("datasource", "pk").iter_rows())
    assert len(rows) == given.height == unified.height
    # Its values as they came.
    values = [c for c in given.columns if c in unified.columns]
    same = (
        unified.sort("datasource", "pk").select(values),
        given.sort("datasource", "pk").select(values),
    )
    assert same[0].with_columns(pl.col("birthdate").cast(pl.String)).equals(same[1])
    for row in rows.values():
        rep = rows[row["rep_ds"], row["rep_pk"]]
        assert row["amperity_id"] == rep["amperity_id"] is not None
        assert (row["component_id"], row["supersized_id"]) == (
            rep["component_id"],
            rep["supersized_id"],
        )
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
        if one["fk_card"] not in (None, *taken_out) and one["fk_card"] == two["fk_card"]:
            assert r["score"] == 5.0 or preset == "sk priority"
    # Without parts, components are what pairs at or above the cut connect.
    if preset != "parted":
        edges = [
            ((r[0], r[1]), (r[2], r[3]))
            for r in every.filter(pl.col("score") >= 3).select(pair).iter_rows()
        ]
        assert partition(unified, "component_id") == connected(set(rows), edges)
    # Scores inside clusters are scores, and their ends share the id.
    assert scores.join(every, on=[*pair, "score"], how="anti").is_empty()
    assert scores.join(
        every.filter(pl.col("amperity_id1") == pl.col("amperity_id2")), on=list(pair), how="anti"
    ).is_empty()
    assert scores.height == every.filter(pl.col("amperity_id1") == pl.col("amperity_id2")).height


@pytest.mark.parametrize("preset", ["documented", "sk priority"])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_cluster_holds_suffixes_that_conflict_unless_a_key_joined_them(
    seed: int, preset: str
) -> None:
    result = run(seed, preset)
    for (_,), group in result.tables["unified_coalesced"].group_by("amperity_id"):
        for one, two in combinations(
            group.drop_nulls("generational_suffix").iter_rows(named=True), 2
        ):
            if one["generational_suffix"] != two["generational_suffix"]:
                assert preset == "documented"
                assert group.drop_nulls("fk_card").height > 1, (
                    "only equal keys may join them, and only where keys come first"
                )


def test_a_higher_threshold_splits_components_and_never_joins_them() -> None:
    frame = population(80, 13, household=True)
    model, parts = resolve(frame).model, []
    for threshold in (1.0, 3.0, 3.5, 4.0):
        config = StitchConfig.model_validate({"matching": {"threshold": threshold}})
        parts.append(
            dict(
                resolve(frame, config, model=model).clusters.select("rid", "component").iter_rows()
            )
        )
    assert len({len(set(p.values())) for p in parts}) == 4, "each cut finds other components"
    for coarse, fine in pairwise(parts):
        home: dict[int, int] = {}
        assert all(
            home.setdefault(fine[record], coarse[record]) == coarse[record] for record in fine
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_refused_merges_name_a_conflict_and_nothing_blocked_is_compared(seed: int) -> None:
    result = run(seed, "documented")
    refused = result.tables["stitch_decisions"].filter(action="refused")
    known = {"given-name", "middle-name", "generational-suffix", "birthdate"}
    assert set(refused["field"]) <= known
    blocks, keys = result.tables["stitch_blocks"], result.tables["stitch_blocking_keys"]
    sizes = dict(
        keys.group_by("strategy", "bk")
        .len()
        .select(pl.concat_str("strategy", "bk", separator="|"), "len")
        .iter_rows()
    )
    for block in blocks.iter_rows(named=True):
        n = block["n_records"]
        assert n == sizes[f"{block['strategy']}|{block['bk']}"]
        assert block["n_pairs"] <= n * (n - 1) // 2
    compared = result.tables["stitch_scores"].filter(match_type="scored").height
    assert compared <= blocks["n_pairs"].sum()


@pytest.mark.parametrize("preset", list(PRESETS))
def test_figures_add_up_to_the_number_of_ids(preset: str) -> None:
    result = run(21, preset)
    unified, metrics = result.tables["unified_coalesced"], result.tables["stitch_metrics"]
    held = Counter(unified["amperity_id"])
    of = {
        name: dict(
            metrics.filter(metric=name, datasource="*").select("bucket", "value").iter_rows()
        )
        for name in set(metrics["metric"])
    }
    assert of["amperity_ids"][""] == len(held)
    assert sum(of["ids_by_size"].values()) == sum(of["ids_by_sources"].values()) == len(held)
    assert of["ids_by_size"]["1"] == sum(n == 1 for n in held.values())
    assert of["deduplication_rate"][""] == pytest.approx(
        100 * (unified.height - len(held)) / unified.height
    )
    sources: dict[str, set[str]] = {}
    for source, name in unified.select("datasource", "amperity_id").iter_rows():
        sources.setdefault(name, set()).add(source)
    assert of["ids_by_sources"] == Counter(" + ".join(sorted(s)) for s in sources.values())


# So many that shares of values would move, were they not taken of the number that the model was
# fitted on.
STRANGERS = pl.DataFrame(
    {
        "datasource": "Zoo:Visitors" if n % 2 else "Aaa:First",
        "pk": str(n),
        "given_name": f"Xq{chr(97 + n % 26)}{chr(97 + n // 26)}o",
        "surname": f"Zw{chr(97 + n // 26)}{chr(97 + n % 26)}{n % 7 * 'u'}",
        "email": f"xz{n}@zoo{n}.example",
    }
    for n in range(600)
)


@pytest.mark.parametrize("preset", ["default", "documented"])
def test_records_unlike_all_others_change_nothing_about_them_while_the_model_is_kept(
    preset: str,
) -> None:
    before = run(21, preset).tables
    given = pl.concat([records(21), STRANGERS], how="diagonal")
    after = stitch(given, settings_of(preset), model=before["stitch_model"]).tables
    for table, sides in (
        ("unified_coalesced", ("",)),
        ("unified_preprocessed_raw", ("",)),
        ("stitch_scores", ("1", "2")),
    ):
        ours = after[table]
        for side in sides:
            source = f"source{side}" if side else "datasource"
            ours = ours.filter(~pl.col(source).is_in(["Zoo:Visitors", "Aaa:First"]))
        assert ours.equals(before[table]), table


@pytest.mark.parametrize("preset", ["default", "documented"])
def test_a_copy_is_where_its_original_is_whether_it_collapses_or_not(preset: str) -> None:
    given, model = records(21), run(21, preset).tables["stitch_model"]
    copies = given.sample(fraction=0.3, seed=1).with_columns(pk=pl.col("pk") + "-again")
    both = stitch(pl.concat([given, copies]), settings_of(preset), model=model).tables[
        "unified_coalesced"
    ]
    assert partition(both.filter(~pl.col("pk").str.ends_with("-again"))) == partition(
        run(21, preset).tables["unified_coalesced"]
    )
    twins = both.filter(pl.col("pk") != pl.col("rep_pk")).select("datasource", "pk", "rep_pk")
    assert twins.height > 50
    # Every one for itself, in blocks that are large enough: a profile that qualifies matches its
    # own copy.
    roomy = [{"name": s.name, "limit": 10_000} for s in STRATEGIES if s.thorough]
    config = settings_of(preset, blocking={"strategies": roomy, "limit": 10_000})
    clean = preprocess(record_frame(pl.concat([given, copies])), config.bad_values).frame
    found = resolve(clean.with_columns(rep="rid"), config, model=model).clusters
    home = {
        (d, p): c
        for d, p, c in clean.select("datasource", "pk", cluster=found["cluster"]).iter_rows()
    }
    assert all(home[source, pk] == home[source, rep] for source, pk, rep in twins.iter_rows())


@pytest.mark.parametrize("seed", SEEDS)
def test_no_value_that_was_taken_out_is_compared_and_all_are_kept_as_they_came(seed: int) -> None:
    given = records(seed).with_row_index("n").with_columns(
        email=pl.when(pl.col("n") % 5 == 0).then(pl.lit("Office@Shop.example")).otherwise("email"),
        phone=pl.when(pl.col("n") % 6 == 1).then(pl.lit("206-555-0100")).otherwise("phone"),
        given_name=pl.when(pl.col("n") % 50 == 3).then(pl.lit("unknown")).otherwise("given_name"),
    ).drop("n")  # fmt: skip
    tables = stitch(given).tables
    removed = tables["stitch_removed_values"]
    # The card of number 0 is a known placeholder.
    assert set(removed["semantic"]) - {"fk-card"} == {"email", "phone", "given-name"}
    compared = {
        (r["datasource"], r["pk"]): r
        for r in tables["unified_preprocessed_raw"].iter_rows(named=True)
    }
    unified = {
        (r["datasource"], r["pk"]): r for r in tables["unified_coalesced"].iter_rows(named=True)
    }
    for r in removed.iter_rows(named=True):
        raw = unified[r["datasource"], r["pk"]]
        column = r["semantic"].replace("-", "_")
        assert compared[raw["rep_ds"], raw["rep_pk"]][column] is None
        assert raw[column] == r["raw_value"]
        if r["semantic"] != "fk-card":  # no key has a flag of its own
            assert raw[f"blv_{column}"] == (r["reason"] != "global")
    for r in tables["stitch_badvalues"].iter_rows(named=True):
        assert r["value"] not in {c[r["semantic"].replace("-", "_")] for c in compared.values()}


def ids_of(result: StitchResult) -> dict[Key, str]:
    unified = result.tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    return {(datasource, pk): name for datasource, pk, name in unified.iter_rows()}


def carried(result: StitchResult) -> Previous:
    tables = result.tables
    ids = tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    return Previous(
        ids,
        tables["stitch_ids"],
        result.generation,
        tables["unified_changes_clusters"],
        tables["unified_changes_pks"],
        tables["stitch_identity_changes"],
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_ids_are_carried_over_and_the_change_tables_account_for_every_difference(seed: int) -> None:
    given = records(seed)
    yesterday = stitch(given.gather_every(2))
    today = stitch(
        given.tail(-40), previous=carried(yesterday), model=yesterday.tables["stitch_model"]
    )
    before, now = (ids_of(result) for result in (yesterday, today))
    old = {group: before[min(group)] for group in partition(yesterday.tables["unified_coalesced"])}
    new = {group: now[min(group)] for group in partition(today.tables["unified_coalesced"])}
    assert len(set(new.values())) == len(new), "one id, one person"
    was, now_holds = ({name: group for group, name in side.items()} for side in (old, new))
    for group, name in new.items():
        assert old.get(group, name) == name, "an unchanged person keeps the id"
        assert name not in was or was[name] & group, (
            "an id goes to nobody without a record of its owner"
        )
    registry = dict(
        today.tables["stitch_ids"].select("amperity_id", "first_generation").iter_rows()
    )
    assert {name for name, first in registry.items() if first == 2} == set(now.values()) - set(
        before.values()
    )
    changed = today.tables["unified_changes_pks"].tail(-len(before))
    columns = ("datasource", "pk", "change_type", "amperity_id_prev", "amperity_id")
    moved = {
        (source, pk): (kind, before_id, after_id)
        for source, pk, kind, before_id, after_id in changed.select(columns).iter_rows()
    }
    expected: dict[tuple[str, str], tuple[str, str | None, str | None]]
    expected = {k: ("added", None, now[k]) for k in now.keys() - before.keys()}
    expected |= {k: ("deleted", before[k], None) for k in before.keys() - now.keys()}
    expected |= {
        k: ("updated", before[k], now[k]) for k in now.keys() & before.keys() if before[k] != now[k]
    }
    assert moved == expected
    clusters = today.tables["unified_changes_clusters"].tail(-len(old))
    kinds = dict(clusters.select("amperity_id", "change_type").iter_rows())
    both = now_holds.keys() & was.keys()
    assert kinds == {
        **dict.fromkeys(now_holds.keys() - was.keys(), "added"),
        **dict.fromkeys(was.keys() - now_holds.keys(), "deleted"),
        **{name: "updated" for name in both if now_holds[name] != was[name]},
    }


FIELDS = ["given_name", "generational_suffix", "birthdate", "surname", "email", "phone", "address"]
PEOPLE = population(25, 31, household=True).with_columns(
    generational_suffix=pl.when(pl.col("rid") % 7 == 0)
    .then(pl.lit("JR"))
    .when(pl.col("rid") % 5 == 1)
    .then(pl.lit("SR")),
    birthdate=pl.date(1950 + pl.col("rid") // 3 % 40, 1 + pl.col("rid") % 12, 3),
)
ALWAYS = Conflicts(dict(DOCUMENTED_CONFLICTS), {}, ())


def compared(frame: pl.DataFrame, *, turned: bool = False) -> Any:
    """The patterns of all pairs."""
    columns = compared_columns(prepare_records(frame))
    i, j = (side.astype(np.int32) for side in np.triu_indices(frame.height, 1))
    if turned:
        i, j = j, i
    with duckdb.connect() as con:
        return compare(con, columns, i, j).pattern


@settings(max_examples=8, deadline=None)
@given(
    st.sets(
        st.tuples(st.integers(0, PEOPLE.height - 1), st.sampled_from(FIELDS)),
        min_size=1,
        max_size=60,
    )
)
def test_emptying_fields_never_creates_a_conflict(emptied: set[tuple[int, str]]) -> None:
    poorer = PEOPLE.with_columns(
        pl.when(~pl.col("rid").is_in(sorted(n for n, f in emptied if f == field)))
        .then(field)
        .alias(field)
        for field in sorted({f for _, f in emptied})
    )
    before = conflict_states(ALWAYS, compared(PEOPLE), {}).incompatible
    after = conflict_states(ALWAYS, compared(poorer), {}).incompatible
    assert before.any()
    assert not (after & ~before).any()


def test_a_pair_is_alike_from_either_side() -> None:
    given = preprocess(record_frame(records(23).head(150)), StitchConfig().bad_values).frame
    assert np.array_equal(compared(given), compared(given, turned=True))
