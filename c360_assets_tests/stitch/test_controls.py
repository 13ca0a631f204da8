"""What people decide and list in a tenant's own files is obeyed, and said where it cannot be."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from c360_assets.tenant.models import StitchConfig, Tenant
from c360_assets.warehouse.session import open_session
from c360_assets_tests.examples import examples
from c360_assets_tests.stitch.tenants import LABELS, PROFILE, feed, load, tenant
from c360_assets_tests.stitch.test_tenant_run import ZONE, StitchRun, read, run

SHOP = feed("Shop:Customers", PROFILE)
BLOCKED = feed(
    "Own:Blocklist",
    {"ds": ["blv/datasource"], "sem": ["blv/semantic"], "val": ["blv/value"]},
    stitch=False,
)
NICKNAMES = feed(
    "Own:Nicknames",
    {
        "canonical": ["nicknames/canonical-name"],
        "nickname": ["nicknames/nickname"],
        "update": ["nicknames/update-type"],
    },
    stitch=False,
)
FEEDS = {"labels": LABELS, "blocklist": BLOCKED, "nicknames": NICKNAMES}
HOME = {"last": "Rivera", "tel": "2065550122", "street": "9 Fir Ave", "zip": "98102"}
# The household G2: 1 and 3 are one person, 2 lives with them.
G2 = [
    {"id": "1", "first": "John", "born": "1970-05-02", **HOME},
    {"id": "2", "first": "Mary", "born": "1973-11-19", **HOME},
    {"id": "3", "first": "John", "mail": "jrivera@example.com", **HOME},
]
Label = tuple[str, str, str]  # label, partition, value


def labels(*rows: Label, source: str = "Shop:Customers", what: str = "pk") -> list[dict[str, Any]]:
    return [
        {"id": f"{n}{source}{what}", "label": label, "part": part, "value": value}
        | {"source": source, "what": what}
        for n, (label, part, value) in enumerate(rows)
    ]


def stitched(
    root: Path, rows: list[dict[str, Any]], config: StitchConfig | None = None, **lists: Any
) -> tuple[Tenant, StitchRun]:
    """Run Stitch on these rows and lists, as a tenant has them in its warehouse."""
    brand = tenant(root, SHOP, *(FEEDS[name] for name in lists), stitch=config)
    with open_session(root / "warehouse", ZONE) as session:
        load(session, SHOP, rows)
        for name, listed in lists.items():
            load(session, FEEDS[name], listed)
        session.commit()
    return brand, run(brand)


def clusters(brand: Tenant) -> dict[str, str]:
    """Record -> the smallest record of its person."""
    ids = dict(read(brand, "unified_coalesced").select("pk", "amperity_id").iter_rows())
    firsts: dict[str, str] = {}
    for pk in sorted(ids):
        firsts.setdefault(ids[pk], pk)
    return {pk: firsts[id] for pk, id in ids.items()}


def groups(brand: Tenant) -> str:
    return "".join(person for _, person in sorted(clusters(brand).items()))


@pytest.mark.parametrize(
    "algorithm",
    [
        "mean_linkage",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("hierarchical", "components")),
    ],
)
def test_labels_of_a_feed_join_and_separate(tmp_path: Path, algorithm: str) -> None:
    config = StitchConfig.model_validate({"clustering": {"algorithm": algorithm}})
    brand, plain = stitched(tmp_path, G2, config)
    assert groups(brand) == "121"
    assert plain.warnings == []
    joined = labels(("L1", "1", "1"), ("L1", "1", "2"))
    assert groups(stitched(tmp_path, G2, config, labels=joined)[0]) == "111"
    apart = labels(("L2", "1", "1"), ("L2", "2", "3"))
    assert groups(stitched(tmp_path, G2, config, labels=apart)[0]) == "123"
    assert groups(stitched(tmp_path, G2, config, labels=[])[0]) == "121", "the label is gone"


def test_a_label_may_name_records_by_email_and_by_foreign_key(tmp_path: Path) -> None:
    rows = [{**G2[0], "member": "m7"}, {**G2[1], "mail": "Mary@Example.com"}, G2[2]]
    mixed = [
        *labels(("L", "1", "M7"), what="fk_member", source="Shop"),
        *labels(("L", "1", "mary@example.COM "), what="email", source="*"),
    ]
    brand, done = stitched(tmp_path, rows, labels=mixed)
    assert (groups(brand), done.warnings) == ("111", [])
    assert read(brand, "stitch_labels").drop("label_id").rows() == [
        ("Shop:Customers", "1", "Shop:Customers", "2", True)
    ]


def test_what_cannot_be_obeyed_is_told_with_the_run(tmp_path: Path) -> None:
    """Its kinds are those of `test_label_tables`."""
    brand, done = stitched(tmp_path, G2, labels=labels(("L", "1", "1"), ("L", "2", "1")))
    (warning,) = done.warnings
    assert warning.startswith("Stitch labels: 1 label is ignored, as it holds apart")
    assert done.states["stitch_generation"].figures["warnings"] == done.warnings
    assert groups(brand) == "121"


@pytest.mark.parametrize("days", [examples(6, 3), pytest.param(20, marks=pytest.mark.slow)])
def test_an_unmerge_stays_unmerged_over_random_days(tmp_path: Path, days: int) -> None:
    """Records come, change, go and come again, the model is fitted anew, ids change: the two that
    were held apart are never one person, and the two that were joined always are."""
    chance = random.Random(7)
    apart = labels(("A", "1", "1"), ("A", "2", "3"))
    joined = labels(("J", "1", "4"), ("J", "1", "5"))
    names = ["John", "Jon", "Mary", "J", "Johnny"]
    pool = [
        *G2,
        {"id": "4", "first": "Olga", "last": "Peters", "mail": "olga@example.com"},
        {"id": "5", "first": "Ivo", "last": "Kral", "tel": "2065550199"},
        *({"id": str(n), "first": chance.choice(names), **HOME} for n in range(6, 12)),
    ]
    for day in range(days):
        rows = [dict(row) for row in pool if chance.random() < 0.8]
        for row in rows:
            if chance.random() < 0.2:
                row["first"] = chance.choice(names)
            if chance.random() < 0.2:
                row["mail"] = "shared@example.com"
        rows = rows or [dict(pool[0])]
        brand = tenant(tmp_path, SHOP, LABELS)
        with open_session(tmp_path / "warehouse", ZONE) as session:
            load(session, SHOP, rows)
            load(session, LABELS, [*apart, *joined])
            session.commit()
        run(brand, run_id=f"run-{day}", day=1 + day, refit=chance.random() < 0.3)
        found = clusters(brand)
        if {"1", "3"} <= found.keys():
            assert found["1"] != found["3"], day
        if {"4", "5"} <= found.keys():
            assert found["4"] == found["5"], day


def blocked(*rows: tuple[str, str, str]) -> list[dict[str, Any]]:
    return [{"id": str(n), "ds": d, "sem": s, "val": v} for n, (d, s, v) in enumerate(rows)]


def test_rows_of_a_blocklist_that_do_nothing_are_counted(tmp_path: Path) -> None:
    rows = blocked(
        ("Shop", "email", "JRivera@example.com"),
        ("*", "email", "nobody@example.com"),
        ("Shop:Customers", "email", "jrivera@example.com"),
        ("*", "shoe-size", "42"),
        ("*", "email", ""),
    )
    brand, done = stitched(tmp_path, G2, blocklist=rows)
    removed = read(brand, "stitch_removed_values").select("pk", "semantic", "reason").rows()
    assert removed == [("3", "email", "managed")]
    assert [text.split(" of 5 rows ")[1][:25] for text in done.warnings] == [
        "lack a semantic or a valu",
        "name a semantic that no s",
        "name a source that is not",
        "fit no value",
    ]


def test_a_row_that_blocks_half_of_all_values_is_refused(tmp_path: Path) -> None:
    rows = [{"id": str(n), "first": f"N{n}", "last": "Roe", "tel": "2065550100"} for n in range(12)]
    brand, done = stitched(tmp_path, rows, blocklist=blocked(("*", "surname", "roe")))
    assert "1 of 1 rows would block half of all values or more, and are refused" in done.warnings[0]
    assert read(brand, "unified_preprocessed_raw")["surname"].null_count() == 0
    assert read(brand, "stitch_blocklistvalues").height == 0


def test_nicknames_of_a_feed_count_and_bad_ones_are_said(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "first": "Wolfgang", "last": "Stone", "mail": "w@example.com", "zip": "98105"},
        {"id": "2", "first": "Zwulf", "last": "Stone", "mail": "w@example.com", "zip": "98105"},
    ]
    names = [
        {"id": "1", "canonical": "Wolfgang", "nickname": "Zwulf", "update": "ADD"},
        {"id": "2", "canonical": "", "nickname": "Bob", "update": "ADD"},
        {"id": "3", "canonical": "Robert", "nickname": "Bobbles", "update": "drop"},
        {"id": "4", "canonical": "Robert", "nickname": "Nobody", "update": "remove"},
    ]
    assert groups(stitched(tmp_path / "without", rows)[0]) == "12"
    brand, done = stitched(tmp_path / "with", rows, nicknames=names)
    assert groups(brand) == "11"
    assert [text.split(" rows ")[1][:24] for text in done.warnings] == [
        "lack a name and are igno",
        "have an update type that",
        "remove a nickname that i",
    ]


def test_sparse_records_are_stapled_to_the_one_person_with_their_value(tmp_path: Path) -> None:
    rows = [
        *G2[:1],
        {"id": "2", "first": "Olga", "last": "Peters", "tel": "2065550100"},
        {"id": "3", "first": "Ivo", "last": "Kral", "tel": "2065550100"},
        {"id": "4", "tel": "(206) 555-0122"},
        {"id": "5", "tel": "2065550100"},
        {"id": "6", "tel": "2065550133"},
    ]
    plain, _ = stitched(tmp_path / "plain", rows)
    assert groups(plain) == "123456"
    config = StitchConfig.model_validate({"matching": {"staple": {"enabled": True}}})
    brand, done = stitched(tmp_path / "stapled", rows, config)
    assert groups(brand) == "123156", "5 might be two people, 6 is nobody's"
    assert done.warnings == ["1 record of too little to be matched by: stapled to a person"]
    (row,) = read(brand, "unified_scores").select("pk1", "pk2", "score", "decided_by").rows()
    assert row == ("1", "4", 3.0, "staple")
    component = read(brand, "unified_coalesced").filter(amperity_id=read_id(brand, "4"))
    assert component["component_id"].n_unique() == 1
    held = labels(("A", "1", "1"), ("A", "2", "4"))
    brand, _ = stitched(tmp_path / "labelled", rows, config, labels=held)
    assert groups(brand) == "123456", "a label beats it"


def read_id(brand: Tenant, pk: str) -> str:
    ids = dict(read(brand, "unified_coalesced").select("pk", "amperity_id").iter_rows())
    return str(ids[pk])


def test_scores_keep_what_a_veto_decided_against_the_model(tmp_path: Path) -> None:
    both = {"last": "Miller", "mail": "jm@example.com", "born": "1980-02-03", "zip": "98101"}
    rows = [{"id": "1", "first": "Jay", **both}, {"id": "2", "first": "Bruce", **both}]
    brand, _ = stitched(tmp_path, rows)
    assert groups(brand) == "12"
    (pair,) = read(brand, "stitch_scores").to_dicts()
    assert (pair["score"], pair["decided_by"]) == (0.0, "sk-given-name")
    assert pair["model_score"] >= 1


def test_decisions_name_people(tmp_path: Path) -> None:
    brand, _ = stitched(tmp_path, G2)
    steps = read(brand, "stitch_decisions")
    ids = set(read(brand, "unified_coalesced")["amperity_id"])
    assert set(steps["amperity_id1"]) | set(steps["amperity_id2"]) <= ids
    merged = steps.filter(action="merged")
    assert (merged["amperity_id1"] == merged["amperity_id2"]).all()


INCREMENTAL = StitchConfig.model_validate({"run": {"type": "incremental"}})


def generations_measured(brand: Tenant) -> set[int]:
    return set(read(brand, "stitch_benchmarks")["generation"])


def test_incremental_lets_no_record_move(tmp_path: Path) -> None:
    """A record that two known people would share is theirs who links strongest; what a full run
    would merge or split stays."""
    known = [G2[0], {"id": "2", "first": "Jon", "last": "Rivera", "mail": "other@example.com"}]
    brand, _ = stitched(tmp_path, known, INCREMENTAL)
    before = clusters(brand)
    assert before == {"1": "1", "2": "2"}
    changed = [G2[0], {**G2[0], "id": "2"}]
    new = [
        {**G2[0], "id": "3"},
        {"id": "4", "first": "Olga", "last": "Peters", "mail": "olga@example.com"},
        {"id": "5", "first": "Olga", "last": "Peters", "mail": "olga@example.com"},
    ]
    brand, _ = stitched(tmp_path, [*changed, *new], INCREMENTAL)
    # Record 3 says what both known people say: the smaller id has it.
    assert groups(brand) in ("12144", "12244")
    changes = read(brand, "unified_changes_pks").filter(change_type="updated")
    assert changes.height == 0
    assert generations_measured(brand) == {1}, "clusters were not looked at as a whole"
    full, _ = stitched(tmp_path, [*changed, *new])
    assert groups(full) == "11144", "a normal run repairs it"
    assert generations_measured(full) == {1, 3}


def test_incremental_attaches_nobody_whom_a_label_holds_apart(tmp_path: Path) -> None:
    stitched(tmp_path, G2[:2], INCREMENTAL, labels=[])
    apart = labels(("A", "1", "1"), ("A", "2", "3"))
    brand, _ = stitched(tmp_path, G2, INCREMENTAL, labels=apart)
    assert groups(brand) == "123"


KEYED = feed("Shop:Accounts", {"customer": ["ck"], "first": ["given-name"], "mail": ["email"]})


def test_one_to_one_takes_the_customer_key_for_the_person(tmp_path: Path) -> None:
    config = StitchConfig.model_validate({"run": {"one_to_one": True}})
    brand = tenant(tmp_path, KEYED, stitch=config)
    rows = [
        {"id": "1", "customer": "c1", "first": "Ann", "mail": "ann@example.com"},
        {"id": "2", "customer": " c1", "first": "Karl"},
        {"id": "3", "customer": "c2", "first": "Ann", "mail": "ann@example.com"},
        {"id": "4", "customer": "", "first": "Ann", "mail": "ann@example.com"},
    ]

    def day(rows: list[dict[str, str]], run_id: str) -> dict[str, str]:
        with open_session(tmp_path / "warehouse", ZONE) as session:
            load(session, KEYED, rows)
            session.commit()
        assert run(brand, run_id=run_id).model == "none, customer keys are persons"
        return dict(read(brand, "unified_coalesced").select("pk", "amperity_id").iter_rows())

    first = day(rows, "run-1")
    assert groups(brand) == "1134"
    assert read(brand, "unified_scores").height == 0
    unified = read(brand, "unified_coalesced")
    assert unified["component_id"].null_count() == 4
    gone = day(rows[2:], "run-2")
    assert gone == {pk: first[pk] for pk in ("3", "4")}
    assert day(rows, "run-3") == first, "the key is the id"
    registry = read(brand, "stitch_ids")
    assert registry["last_generation"].null_count() == 3
    metrics = read(brand, "stitch_metrics").filter(metric="deduplication_rate", datasource="*")
    assert metrics["value"].to_list() == [0.0]
