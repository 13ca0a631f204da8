"""The matcher as a whole: the golden sets, determinism, and what must never depend on anything."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pytest

from c360_assets.errors import C360Error
from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR
from c360_assets.stitch.resolve import resolve
from c360_assets.tenant.models import StitchConfig
from c360_assets_tests.stitch import golden
from c360_assets_tests.stitch.retail import retail
from c360_assets_tests.stitch.test_match_model import population

DOCUMENTED = {"blocking": {"preset": "documented"}, "clustering": {"algorithm": "hierarchical"}}
LONG_DOCUMENTED = pytest.param(DOCUMENTED, marks=pytest.mark.long, id="documented")
DEFAULT = pytest.param({}, id="default")
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "rid": pl.Int64,
    "given_name": pl.String,
    "surname": pl.String,
    "email": pl.List(pl.String),
    "phone": pl.List(pl.String),
}


@pytest.mark.parametrize("name", list(golden.G))
def test_golden_sets(name: str) -> None:
    raw = golden.records(name)
    assert golden.partition(golden.clusters(raw)) == golden.expected(raw)


@pytest.mark.parametrize(
    "others", [False, pytest.param(True, marks=pytest.mark.long)], ids=["as written", "other names"]
)
@pytest.mark.parametrize("preset", [DEFAULT, LONG_DOCUMENTED])
def test_golden_sets_together(preset: dict[str, object], others: bool) -> None:
    # Sets that share no value must not disturb each other; G9 needs its blocklisted e-mail, G16
    # given scores.
    raw = pl.concat([golden.records(name) for name in golden.G])
    raw = golden.of_others(raw) if others else raw
    found = golden.clusters(raw, StitchConfig.model_validate(preset))
    wrong = golden.expected(raw) ^ golden.partition(found)
    assert not wrong, sorted({source for group in wrong for source, _ in group})


@pytest.mark.parametrize(
    ("people", "others", "preset"),
    [
        pytest.param(
            people,
            others,
            preset,
            # Each preset once, and each kind of names.
            marks=[pytest.mark.long] * (people > 600 or others is not bool(preset)),
            id=f"{people}-{'other names' if others else 'as written'}-{name}",
        )
        for people in (600, 2000)
        for others in (False, True)
        for name, preset in (("default", {}), ("documented", DOCUMENTED))
    ],
)
def test_golden_sets_inside_a_retail_tenant(
    people: int, others: bool, preset: dict[str, object]
) -> None:
    raw = pl.concat([golden.records(name) for name in golden.G])
    raw = golden.of_others(raw) if others else raw
    found = golden.clusters(
        pl.concat([raw, retail(people, seed=8).drop("person")], how="diagonal"),
        StitchConfig.model_validate(preset),
    )
    wrong = golden.expected(raw) ^ golden.partition(
        {k: c for k, c in found.items() if k[0].startswith("Golden:")}
    )
    assert not wrong, sorted({source for group in wrong for source, _ in group})


def test_sk_priority_separates_before_keys_join() -> None:
    raw = golden.records("G11")
    config = StitchConfig.model_validate(
        {"matching": {"classifier": "general-ordinal-sk-priority"}}
    )
    found = golden.clusters(raw, config)
    ds = "Golden:G11"
    assert found[(ds, "1")] != found[(ds, "2")]
    assert found[(ds, "2")] == found[(ds, "3")]


def test_row_order_threads_and_connection_change_nothing() -> None:
    frame = population(80, 11, household=True)
    one = resolve(frame)
    con = duckdb.connect(config={"threads": 3})
    two = resolve(frame.sample(fraction=1.0, shuffle=True, seed=5), con=con)
    for name in ("clusters", "pairs", "strategies", "model", "decisions", "household"):
        assert getattr(one, name).equals(getattr(two, name)), name
    assert con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'er_%'"
    ).fetchall() == [(0,)]


def test_rids_need_not_be_dense_and_name_the_clusters() -> None:
    frame = population(30, 12, household=False).with_columns(rid=pl.col("rid") * 10 + 5)
    found = resolve(frame)
    assert found.clusters["rid"].to_list() == frame["rid"].to_list()
    smallest = found.clusters.group_by("cluster").agg(pl.col("rid").min())
    assert (smallest["cluster"] == smallest["rid"]).all()
    assert set(found.clusters["component"]) <= set(frame["rid"])


@pytest.mark.parametrize("records", [0, 1, 2])
def test_hardly_any_records(records: int) -> None:
    frame = pl.DataFrame([{"rid": n, "given_name": "ANN"} for n in range(records)], schema=SCHEMA)
    found = resolve(frame)
    assert found.clusters.height == records
    assert found.pairs.height in (0, 1)


def test_equal_names_bring_the_records_of_few_people_together() -> None:
    """One feed has e-mails, another phones: of two records of one person only the names agree."""
    at_the_till = pl.col("datasource").str.starts_with("Till")
    named = retail(50, seed=8).drop_nulls(["given_name", "surname"]).with_row_index("rid")
    records = named.with_columns(
        pl.col("rid").cast(pl.Int64),
        pl.col("given_name", "surname").str.to_uppercase(),
        email=pl.when(~at_the_till).then(pl.concat_list("email")),
        phone=pl.when(at_the_till).then(pl.concat_list("phone")),
        birthdate=pl.col("birthdate").str.to_date(),
    )
    found = resolve(records.drop("person")).clusters.select("rid", "cluster")
    one_name = records.join(found, on="rid").group_by("person", "given_name", "surname")
    several = one_name.agg(pl.len(), pl.col("cluster").n_unique()).filter(pl.col("len") > 1)
    assert several.height > 20
    together = several.filter(pl.col("cluster") == 1)
    assert together.height >= 0.9 * several.height


def test_a_repeated_rid_is_refused() -> None:
    with pytest.raises(C360Error, match="repeats"):
        resolve(pl.DataFrame({"rid": [1, 1]}))


def test_pairs_hold_together() -> None:
    found = resolve(population(80, 13, household=True))
    pairs = found.pairs
    assert pairs.select("rid1", "rid2").is_unique().all()
    assert (pairs["rid1"] < pairs["rid2"]).all()
    names = ["non_match", "weak", "moderate", "high", "excellent", "exact"]
    assert (
        pairs.select(
            pl.col("score").floor().cast(pl.Int64).replace_strict(dict(enumerate(names)))
            == pl.col("match_category")
        )
        .to_series()
        .all()
    )
    cluster = dict(found.clusters.select("rid", "cluster").rows())
    component = dict(found.clusters.select("rid", "component").rows())
    for one, two, score in pairs.select("rid1", "rid2", "score").rows():
        if score >= 3.0:
            assert component[one] == component[two]
    for rid, c in cluster.items():
        assert component[rid] == component[c]
    inside = {frozenset(p) for p in pairs.select("rid1", "rid2").rows()}
    members = found.clusters.group_by("component").agg("rid")["rid"].to_list()
    assert all(
        frozenset((a, b)) in inside for group in members for a in group for b in group if a < b
    )
    assert min(pairs.filter(pl.col("match_type") == "scored")["strategy_count"]) >= 1


def test_equal_keys_join_under_fk_priority_only() -> None:
    rows = [
        {"rid": 1, "given_name": "MARY", "surname": "STONE", "fk_loy": KEY_SEPARATOR.join("AB")},
        {"rid": 2, "given_name": "JOHN", "surname": "HART", "fk_loy": "B"},
    ]
    frame = pl.DataFrame(rows)
    found = resolve(frame)
    assert found.clusters["cluster"].to_list() == [1, 1]
    assert found.pairs.select("score", "match_category", "decided_by").rows() == [
        (5.0, "exact", "fk-loy")
    ]
    config = StitchConfig.model_validate(
        {"matching": {"classifier": "general-ordinal-sk-priority"}}
    )
    assert resolve(frame, config).clusters["cluster"].to_list() == [1, 2]


BROTHERS = (
    ("JOSE LUIS", "JOSE ANTONIO"),
    ("ABDUL RAHMAN", "ABDUL AZIZ"),
    ("MARIE ANNE", "MARIE LOU"),
)


FAMILIES = [
    *("ACEVEDO", "BUSTAMANTE", "CIFUENTES", "DOMINGUEZ", "ECHEVERRIA", "FIGUEROA", "GALLARDO"),
    *("HINOJOSA", "IZQUIERDO", "JARAMILLO", "KOWALSKI", "LIZARRAGA", "MONTOYA", "NAVARRETE"),
    *("OYARZUN", "PIZARRO", "QUIROGA", "RIQUELME", "SEPULVEDA", "TRUJILLO", "URRUTIA"),
]


def brothers() -> pl.DataFrame:
    """Two people of each home, whose names begin alike; each stands in two sources."""
    rows = []
    for home, family in enumerate(FAMILIES):
        names = BROTHERS[home % len(BROTHERS)]
        shared = {
            "surname": family,
            "phone": str(2065550000 + 7919 * home),
            "address": f"{100 + 37 * home} {FAMILIES[-home]} STREET",
            "city": "SEATTLE",
        }
        for number, name in enumerate(names):
            for source in ("Home:One", "Home:Two"):
                key = f"{home}-{number}"
                person = {"pk": key, "person": f"home {key}", "given_name": name}
                rows.append({"datasource": source, **person, **shared})
    return pl.DataFrame(rows)


def test_people_of_one_home_whose_names_begin_alike_are_two() -> None:
    others = retail(400, seed=5)
    frame = pl.concat([brothers(), others.cast({"person": pl.String})], how="diagonal")
    found = golden.clusters(frame.drop("person"))
    of_homes = frame.filter(pl.col("datasource").str.starts_with("Home:"))
    people = {(d, p): who for d, p, who in of_homes.select("datasource", "pk", "person").rows()}
    homes = {record: cluster for record, cluster in found.items() if record in people}
    assert golden.partition(homes) == golden.partition(people)


def test_oversized_split_and_purge_and_components() -> None:
    frame = population(60, 15, household=True)
    for extra in (
        {"blocking": {"oversized": "purge", "limit": 5}},
        {"clustering": {"algorithm": "components"}},
        {"matching": {"remaining": "none"}},
    ):
        found = resolve(frame, StitchConfig.model_validate(extra))
        assert found.clusters.height == frame.height
    assert found.clusters["cluster"].n_unique() == frame.height, (
        "without rules and model every record stands alone"
    )


def test_a_supersized_component_is_parted() -> None:
    frame = population(40, 16, household=True)
    found = resolve(
        frame,
        StitchConfig.model_validate(
            {"clustering": {"supersized": {"min_size": 3, "max_depth": 4}}}
        ),
    )
    parted = found.clusters.drop_nulls("supersized")
    assert parted.height > 0
    assert np.all(
        parted.group_by("cluster").agg(pl.col("supersized").n_unique())["supersized"].to_numpy()
        == 1
    )


@pytest.mark.parametrize("column", ["phone", "address", "company"])
def test_a_cluster_rule_decides_pairs_that_no_strategy_of_the_preset_brings_together(
    column: str,
) -> None:
    value = ["2065550155"] if column == "phone" else "ACME"
    frame = pl.DataFrame(
        [{"rid": 1, column: value, "gender": "F"}, {"rid": 2, column: value, "city": "ROME"}]
    )
    rules = [{"action": "cluster", "when": [{"present-and-equal": column}]}]
    config = {
        "blocking": {"preset": "documented"},
        "matching": {"rules": rules, "remaining": "none"},
    }
    assert resolve(frame, StitchConfig.model_validate(config)).clusters["cluster"].to_list() == [
        1,
        1,
    ]
    config["blocking"] = {
        "preset": "documented",
        "strategies": [{"name": column, "enabled": False}],
    }
    assert resolve(frame, StitchConfig.model_validate(config)).clusters["cluster"].to_list() == [
        1,
        2,
    ], "unless told otherwise"


@pytest.mark.parametrize("matching", [{"threshold": 3.0}, {"threshold": 3.5}, {"threshold": 5.0}])
def test_equal_keys_hold_a_supersized_component_together_at_any_threshold(
    matching: dict[str, float],
) -> None:
    names = ("ANN OAK", "BOB ELM", "CID FIR", "DAN ASH", "EVE BAY", "FAY ROE")
    rows = [
        {"rid": n, "given_name": name[:3], "surname": name[4:], "fk_loy": "1"}
        for n, name in enumerate(names)
    ]
    config = StitchConfig.model_validate(
        {"matching": matching, "clustering": {"supersized": {"min_size": 4}}}
    )
    found = resolve(pl.DataFrame(rows), config).clusters
    assert found["cluster"].to_list() == [0] * len(names)


def test_thousands_of_records_cluster_alike_in_any_order_and_on_any_number_of_threads() -> None:
    frame = population(3000, 11, household=True)
    with duckdb.connect(config={"threads": 1}) as con:
        one = resolve(frame, con=con)
    with duckdb.connect(config={"threads": 4}) as con:
        many = resolve(frame.sample(fraction=1.0, shuffle=True, seed=3), con=con)
    for name in ("clusters", "pairs", "strategies", "model", "decisions", "household"):
        assert getattr(one, name).equals(getattr(many, name)), name
