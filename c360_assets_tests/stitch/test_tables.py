"""The documented tables of the library door: grain, columns, invariants, and independence of row
order.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import polars as pl
import pytest

from c360_assets.errors import C360Error
from c360_assets.semantics.tables import table_spec
from c360_assets.stitch import Previous, StitchResult, stitch
from c360_assets.stitch.publish import metrics
from c360_assets.stitch.quality.shares import Quality
from c360_assets.stitch.tenant_run import stitch_tables
from c360_assets.tenant.local_columns import LOCAL_COLUMNS
from c360_assets.tenant.models import BadValuesConfig, StitchConfig, TrivialDuplicatesConfig

NAMES = [
    "Tara Quill",
    "Ivo Kral",
    "Sue Marsh",
    "Omar Diaz",
    "Pia Lund",
    "Dana Wu",
    "Luis Ortega",
    "Nina Patel",
    "Laura Benson",
]
STREETS = [
    "Oak St",
    "Fir Ave",
    "Elm Ct",
    "Bay Rd",
    "Gull Way",
    "Ash Rd",
    "Pier St",
    "Ivy Ln",
    "Lake Dr",
]


def people() -> pl.DataFrame:
    """Two records each of nine people, a shop account and a club member.

    Tara has a third one, equal to the first.
    """
    rows: list[dict[str, Any]] = []
    for n, (name, street) in enumerate(zip(NAMES, STREETS, strict=True)):
        first, last = name.split()
        shared = {
            "phone": f"20655501{n:02d}",
            "address": f"{n + 1} {street}",
            "city": "Seattle",
            "state": "WA",
            "postal": f"981{n:02d}",
        }
        born = date(1970 + n, 1 + n, 3 + 2 * n)
        mail = f"{first}{last}{n}@example.org"
        rows.append(
            {
                "datasource": "Shop:Customers",
                "pk": f"s{n}",
                "given_name": first,
                "surname": last,
                "email": mail,
                **shared,
            }
        )
        rows.append(
            {
                "datasource": "Club:Members",
                "pk": f"c{n}",
                "full_name": name,
                "birthdate": born,
                "fk_member": f"m{n}",
                **shared,
            }
        )
    rows.append(
        {
            **rows[0],
            "pk": "s0-again",
            "given_name": "TARA",
            "email": "TaraQuill0@EXAMPLE.org",
            "ck": "K1",
        }
    )
    return pl.DataFrame(rows, infer_schema_length=None)


@pytest.fixture(scope="module")
def result() -> StitchResult:
    return stitch(people())


def test_every_record_is_in_unified_coalesced_once_with_an_id_and_its_values(
    result: StitchResult,
) -> None:
    unified, source = result.tables["unified_coalesced"], people()
    assert unified.select("datasource", "pk").rows() == sorted(
        source.select("datasource", "pk").rows()
    )
    assert unified["amperity_id"].null_count() == 0
    values = [
        "given_name",
        "surname",
        "email",
        "phone",
        "address",
        "postal",
        "birthdate",
        "fk_member",
        "ck",
    ]
    assert unified.select(values).equals(source.sort("datasource", "pk").select(values))
    by_pk = dict(unified.select("pk", "full_name").iter_rows())
    assert (by_pk["c1"], by_pk["s1"]) == ("Ivo Kral", "Ivo Kral")


def test_records_of_one_person_share_an_id(result: StitchResult) -> None:
    ids = dict(result.tables["unified_coalesced"].select("pk", "amperity_id").iter_rows())
    assert all(ids[f"s{n}"] == ids[f"c{n}"] for n in range(len(NAMES)))
    assert len(set(ids.values())) == len(NAMES)
    assert result.figures["amperity_ids"] == len(NAMES)


def test_a_trivial_duplicate_has_a_representative_and_a_pair_of_its_own(
    result: StitchResult,
) -> None:
    unified = result.tables["unified_coalesced"].filter(pk="s0-again")
    assert unified.select("rep_ds", "rep_pk").rows() == [("Shop:Customers", "s0")]
    scores = result.tables["unified_scores"].filter(match_type="trivial_duplicate")
    assert scores.select("pk1", "pk2", "score", "match_category").rows() == [
        ("s0", "s0-again", 5.0, "exact")
    ]
    raw = result.tables["unified_preprocessed_raw"]
    assert "s0-again" not in raw["pk"].to_list()
    joined = result.tables["unified_coalesced"].join(
        raw, left_on=["rep_ds", "rep_pk"], right_on=["datasource", "pk"], how="anti"
    )
    assert joined.height == 0


def test_a_soft_duplicate_scores_as_a_match_and_not_as_equal() -> None:
    rows = [
        {
            "datasource": "S",
            "pk": f"{n}",
            "given_name": "Ann",
            "phone": "2065550199",
            "email": f"a{n}@x.org",
        }
        for n in range(4)
    ]
    config = StitchConfig(
        trivial_duplicates=TrivialDuplicatesConfig(size_threshold=3, exclusions=["email"])
    )
    scores = (
        stitch(pl.DataFrame(rows), config)
        .tables["stitch_scores"]
        .filter(match_type="trivial_duplicate")
    )
    assert scores.select("pk1", "pk2", "score", "match_category").rows() == [
        ("0", f"{n}", 3.0, "high") for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("name", stitch_tables())
def test_each_table_has_its_documented_columns_and_key(result: StitchResult, name: str) -> None:
    spec, frame = table_spec(name), result.tables[name]
    documented = [column for column in spec.columns if column not in LOCAL_COLUMNS]
    assert [c for c in frame.columns if c != "fk_member"] == documented
    if spec.key:
        assert frame.select(spec.key).is_unique().all()


def test_scores_stay_inside_their_clusters_and_within_the_scale(result: StitchResult) -> None:
    inside, everything = result.tables["unified_scores"], result.tables["stitch_scores"]
    ids = result.tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    for end in ("1", "2"):
        found = inside.join(
            ids, left_on=[f"source{end}", f"pk{end}"], right_on=["datasource", "pk"]
        )
        assert (found["amperity_id"] == found["amperity_id_right"]).all()
    assert everything["score"].is_between(0, 5).all()
    assert all(
        row[:2] < row[2:] for row in everything.select("source1", "pk1", "source2", "pk2").rows()
    )


def test_unified_customer_drops_bad_values_alone(result: StitchResult) -> None:
    bad = people().with_columns(
        email=pl.when(pk="s1").then(pl.lit("noreply@x.org,ivo@x.org")).otherwise("email")
    )
    bad = bad.with_columns(
        phone=pl.when(pk="s2").then(pl.lit("555-555-5555")).otherwise("phone"),
        surname=pl.when(pk="s3").then(pl.lit("Reserved")).otherwise("surname"),
    )
    config = StitchConfig(bad_values=BadValuesConfig(ignore={"address": ["5 Gull Way"]}))
    tables = stitch(bad, config).tables
    customer = {row["pk"]: row for row in tables["unified_customer"].iter_rows(named=True)}
    raw = {row["pk"]: row for row in tables["unified_coalesced"].iter_rows(named=True)}
    assert customer["s1"]["email"] == "ivo@x.org"
    assert customer["s2"]["phone"] is None
    assert customer["s3"]["surname"] is None
    assert customer["s4"]["address"] is None
    assert (raw["s1"]["email"], raw["s2"]["phone"], raw["s3"]["surname"]) == (
        "noreply@x.org,ivo@x.org",
        "555-555-5555",
        "Reserved",
    )
    assert (raw["s4"]["address"], raw["s4"]["blv_address"], raw["s4"]["has_blv"]) == (
        "5 Gull Way",
        True,
        True,
    )
    assert customer["s0"] == {c: raw["s0"][c] for c in customer["s0"]}


def test_keys_of_a_customer_and_of_a_cluster(result: StitchResult) -> None:
    graph = (
        result.tables["identity_graph"]
        .filter(datasource="Shop:Customers")["customer_key"]
        .to_list()
    )
    assert sorted(graph) == sorted(["K1", *[f"s{n}" for n in range(len(NAMES))]])
    assert result.tables["cluster_fks"].select("fk_name", "fk_value", "n_records").sort(
        "fk_value"
    ).rows()[0] == (
        "fk-member",
        "M0",
        1,
    )


def test_a_comma_in_a_key_is_part_of_its_value() -> None:
    mail = {"datasource": "Shop:Customers", "email": "tara@x.example"}
    rows = [
        {"pk": "1", **mail, "fk_member": "A,1"},
        {"pk": "2", **mail, "fk_member": "C,1"},
        {
            "pk": "3",
            "datasource": "Shop:Customers",
            "given_name": "Omar",
            "surname": "Diaz",
            "fk_member": "B,1",
        },
        {
            "pk": "4",
            "datasource": "Shop:Customers",
            "given_name": "Pia",
            "surname": "Lund",
            "fk_member": "c,1",
        },
    ]
    tables = stitch(pl.DataFrame(rows, infer_schema_length=None)).tables
    ids = tables["unified_coalesced"]["amperity_id"].to_list()
    assert [ids.index(name) for name in ids] == [0, 0, 2, 0]
    compared = tables["unified_preprocessed_raw"].select("pk", "fk_member").rows()
    assert compared == [("1", "A,1,C,1"), ("3", "B,1"), ("4", "C,1")]
    keys = tables["stitch_blocking_keys"].filter(strategy="fk-member").select("bk", "pk").rows()
    assert keys == [("A,1", "1"), ("B,1", "3"), ("C,1", "1"), ("C,1", "4")]


def test_a_comma_does_not_make_separation_keys_alike() -> None:
    same = {
        "datasource": "Shop:Customers",
        "given_name": "Tara",
        "surname": "Quill",
        "email": "tara@x.example",
    }
    brands = [
        {"pk": "1", **same, "sk_brand": "Acme, Inc"},
        {"pk": "2", **same, "sk_brand": "Best, Inc"},
    ]
    found = stitch(
        pl.DataFrame(brands),
        StitchConfig.model_validate({"matching": {"classifier": "general-ordinal-sk-priority"}}),
    )
    assert found.figures["amperity_ids"] == 2


def test_figures_add_up(result: StitchResult) -> None:
    metrics = result.tables["stitch_metrics"]
    ids = result.figures["amperity_ids"]
    assert metrics.filter(metric="ids_by_size")["value"].sum() == ids
    assert metrics.filter(metric="ids_by_sources")["value"].sum() == ids
    assert result.figures["source_ids"] == result.figures["source_records"] == 2 * len(NAMES) + 1
    rate = metrics.filter(metric="deduplication_rate", datasource="*")["value"].item()
    assert rate == pytest.approx(100 * (2 * len(NAMES) + 1 - ids) / (2 * len(NAMES) + 1))
    assert result.figures["deduplication_rate"] == round(rate, 2) != int(rate)


def test_the_generation_counts_what_it_holds(result: StitchResult) -> None:
    generation = result.tables["stitch_generation"].row(0, named=True)
    assert generation["records"] == result.figures["source_records"]
    assert generation["ids"] == result.figures["amperity_ids"] < generation["records"]


def _measured(result: StitchResult, pairs: metrics.Pairs) -> metrics.Measured:
    return metrics.Measured(
        unified=result.tables["unified_coalesced"],
        scores=result.tables["unified_scores"],
        pairs=pairs,
        changes={"pks_updated": 1, "records_surviving": 8, "records_previous": 9},
        identities=result.tables["stitch_identity_changes"],
        causes={"context": 1},
        badvalues=result.tables["stitch_badvalues"],
        quality=Quality(),
        source_changes=metrics.source_changes(result.tables["unified_coalesced"], None),
    )


@pytest.mark.parametrize("threshold", [1.0, 3.0, 4.7])
def test_a_link_of_the_model_is_one_above_the_threshold(
    result: StitchResult, threshold: float
) -> None:
    measured = _measured(result, metrics.Pairs(compared=9, linked=4, threshold=threshold))
    shares = metrics.stitch_metrics(measured).filter(metric="ids_by_matching_strategy_percent")
    of_model = result.tables["unified_scores"].filter(match_type="scored", decided_by="model")
    linked = of_model.filter(pl.col("score") >= threshold)["amperity_id"].n_unique()
    expected = 100 * linked / result.figures["amperity_ids"]
    assert shares.filter(bucket="probabilistic")["value"].item() == pytest.approx(expected)


def test_jitter_is_of_the_records_that_were_there_before(result: StitchResult) -> None:
    measured = _measured(result, metrics.Pairs(compared=9, linked=4))
    figures = metrics.summary(metrics.stitch_metrics(measured))
    assert figures["jitter"] == 12.5
    assert (figures["related_pairs"], figures["filtered_related_pairs"]) == (9, 4)


def test_row_order_changes_nothing(result: StitchResult) -> None:
    shuffled = stitch(
        people().sample(fraction=1.0, shuffle=True, seed=4).select(reversed(people().columns))
    )
    assert shuffled.figures == result.figures
    for name, frame in result.tables.items():
        assert shuffled.tables[name].equals(frame), name


def test_thread_count_changes_nothing(result: StitchResult) -> None:
    with duckdb.connect(config={"threads": 1}) as con:
        alone = stitch(people(), con=con)
    for name, frame in result.tables.items():
        assert alone.tables[name].equals(frame), name


def test_an_engine_error_names_the_step_and_no_value() -> None:
    nested = people().with_columns(email=pl.lit(["secret@example.org"]))
    with pytest.raises(
        C360Error, match=r"failed at the step 'preprocess' \(InvalidOperationError\)"
    ) as caught:
        stitch(nested)
    assert "secret" not in str(caught.value)


def test_a_second_run_on_the_same_records_keeps_every_id_and_adds_no_change(
    result: StitchResult,
) -> None:
    tables = result.tables
    previous = Previous(
        tables["unified_coalesced"].select("datasource", "pk", "amperity_id"),
        tables["stitch_ids"],
        result.generation,
        tables["unified_changes_clusters"],
        tables["unified_changes_pks"],
        tables["stitch_identity_changes"],
        tables["stitch_households"],
    )
    again = stitch(people(), previous=previous, model=tables["stitch_model"])
    for name, frame in tables.items():
        tells_the_run = name in ("stitch_metrics", "stitch_generation", "stitch_benchmarks")
        assert tells_the_run or again.tables[name].equals(frame), name
    assert again.figures["jitter"] == 0
    assert again.alerts == []


def test_a_table_switched_off_keeps_its_columns(result: StitchResult) -> None:
    off = stitch(
        people(), StitchConfig(outputs={"unified_scores": False, "unified_changes": False})
    ).tables
    for name in ("unified_scores", "unified_changes_clusters", "unified_changes_pks"):
        assert off[name].height == 0
        assert off[name].schema == result.tables[name].schema


@pytest.mark.parametrize("name", ["nothing", "unified_coalesced", "stitch_ids"])
def test_a_table_that_later_runs_read_cannot_be_switched_off(name: str) -> None:
    with pytest.raises(C360Error, match=f"cannot switch off {name}"):
        stitch(people(), StitchConfig(outputs={name: False}))


def test_columns_may_be_spelt_as_tags_and_dates_as_text(result: StitchResult) -> None:
    text = (
        people()
        .with_columns(pl.col("birthdate").cast(pl.String))
        .rename({"given_name": "given-name", "fk_member": "fk-member"})
    )
    assert stitch(text).tables["unified_coalesced"].equals(result.tables["unified_coalesced"])


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (pl.DataFrame({"pk": ["1"]}), "lack the column datasource"),
        (pl.DataFrame({"datasource": ["A", "A"], "pk": ["1", "1"]}), "key"),
    ],
)
def test_records_without_keys_are_refused(records: pl.DataFrame, message: str) -> None:
    with pytest.raises(C360Error, match=message):
        stitch(records)
