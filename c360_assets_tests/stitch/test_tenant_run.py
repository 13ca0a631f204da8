"""Stitch over a warehouse: what is written, when it is reused, and that a killed run repeats with
the same result."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from c360_assets.stitch.previous import MODEL_BASIS
from c360_assets.stitch.publish.stitched_domain_tables import stitched_tables
from c360_assets.stitch.tenant_run import (
    GENERATION,
    StitchTables,
    stitch_recipes,
    stitch_tables,
)
from c360_assets.tenant.models import BadValuesConfig, MatchingConfig, StitchConfig, Tenant
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.recipe import RunContext, make_current
from c360_assets.warehouse.session import Session, open_session
from c360_assets_tests.stitch.tenants import PROFILE, feed, load, tenant

SHOP = feed("Shop:Customers", PROFILE)
CLUB = feed("Club:Members", {"nr": ["fk-member"], "name": ["full-name"], "mail": ["email"]})
ORDERS = feed("Shop:Orders", {"who": ["fk-member"], "order": ["txn-item/order-id"]}, stitch=False)
TWO_KEYS = feed("Shop:Visits", {"who": ["fk-member"], "device": ["fk-device"]}, stitch=False)
PRODUCTS = feed("Shop:Products", {"sku": ["pc/product-id"]}, stitch=False)
BLOCKED = feed(
    "Amperity:Blocklist",
    {"ds": ["blv/datasource"], "sem": ["blv/semantic"], "val": ["blv/value"]},
    stitch=False,
)

SHOP_ROWS = [
    {
        "id": "1",
        "first": "Ann",
        "last": "Ode",
        "mail": "ann.ode@example.org",
        "tel": "2065550101",
        "member": "m1",
    },
    {
        "id": "2",
        "first": "Karl",
        "last": "Weiss",
        "mail": "karl@example.org",
        "tel": "2065550102",
        "member": "m2",
    },
]
CLUB_ROWS = [
    {"id": "1", "nr": "M1", "name": "Ann Ode", "mail": "ann.ode@example.org"},
    {"id": "2", "nr": "m9", "name": "Rosa Field", "mail": "rosa@example.org"},
]
ORDER_ROWS = [
    {"id": "a", "who": " m1", "order": "1"},
    {"id": "b", "who": "none", "order": "2"},
    {"id": "c", "order": "3"},
]


@pytest.fixture
def brand(tmp_path: Path) -> Tenant:
    return tenant(tmp_path, SHOP, CLUB, ORDERS, TWO_KEYS, PRODUCTS)


def fill(session: Session) -> None:
    load(session, SHOP, SHOP_ROWS)
    load(session, CLUB, CLUB_ROWS)
    load(session, ORDERS, ORDER_ROWS)
    load(session, TWO_KEYS, [{"id": "v", "who": "m1", "device": "d"}])
    load(session, PRODUCTS, [{"id": "p", "sku": "p"}])
    session.commit()


# Not UTC: instants read back carry the session's zone.
ZONE = "America/New_York"


def mark(session: Session, brand: Tenant) -> str | None:
    """The fingerprint of the tables of Stitch."""
    return StitchTables(brand).fingerprint(session, date(2026, 1, 2))


@dataclass(frozen=True)
class StitchRun:
    """What became of all recipes of a run."""

    states: dict[str, TableState]
    meta: dict[str, Any]
    written: list[str]
    warnings: list[str]

    @property
    def reused(self) -> bool:
        return not self.written

    @property
    def metrics(self) -> dict[str, Any]:
        return self.states["unified_coalesced"].figures

    @property
    def model(self) -> str:
        return str(self.states["stitch_model"].figures["model"])


def run(
    tenant: Tenant, *, run_id: str = "run-1", day: int = 2, killed: bool = False, **options: Any
) -> StitchRun:
    """Run all recipes; `killed`: until the moment before the first commit."""
    states: dict[str, TableState] = {}
    facts: dict[str, Any] = {}
    written: list[str] = []
    warnings: list[str] = []
    context = RunContext(date(2024, 5, day), **options)
    with open_session(tenant.root / "warehouse", ZONE, run_id=run_id) as session:
        if killed:
            stitch_tables_recipe = stitch_recipes(tenant)[0]
            built = stitch_tables_recipe.build(session, context)
            return StitchRun(dict(session.pending), dict(built.facts), [], [])
        for recipe in stitch_recipes(tenant):
            outcome = make_current(session, recipe, context)
            states |= outcome.states
            facts |= outcome.facts
            warnings += outcome.warnings
            written += () if outcome.reused else outcome.states
    return StitchRun(states, facts, written, warnings)


def read(tenant: Tenant, table: str) -> pl.DataFrame:
    with open_session(tenant.root / "warehouse", ZONE) as session:
        session.bind(table, "t")
        return session.frame("SELECT * FROM t ORDER BY ALL")


def digests(done: StitchRun) -> dict[str, str]:
    return {name: state.digest for name, state in done.states.items()}


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StitchRun]:
    root = tmp_path_factory.mktemp("first")
    with open_session(root / "warehouse", ZONE) as session:
        fill(session)
    return root, run(tenant(root, SHOP, CLUB, ORDERS, TWO_KEYS, PRODUCTS))


@pytest.fixture
def stitched(brand: Tenant, first_run: tuple[Path, StitchRun]) -> tuple[Tenant, StitchRun]:
    root, done = first_run
    shutil.copytree(root, brand.root, dirs_exist_ok=True)
    return brand, done


def test_a_first_run_writes_every_table_and_the_generation(
    stitched: tuple[Tenant, StitchRun],
) -> None:
    brand, done = stitched
    links = [t.stitched_asset for t in stitched_tables(brand)]
    assert set(done.states) == {*stitch_tables(), *links}
    assert links == [
        "stitched/Club_Members",
        "stitched/Shop_Customers",
        "stitched/Shop_Orders",
        "stitched/Shop_Visits",
    ]
    assert done.meta[GENERATION] == 1
    assert done.model.startswith("fitted, as none is kept yet")
    assert read(brand, "stitch_model")["generation"].unique().to_list() == [1]
    assert done.metrics["source_records"] == 4
    assert done.metrics["amperity_ids"] == 3
    changed = read(brand, "unified_changes_pks")
    assert changed["change_type"].to_list() == ["added"] * 4
    assert set(changed["job_id"]) == {"run-1"}


def test_domain_tables_get_the_id_of_their_record_or_of_their_only_foreign_key(
    stitched: tuple[Tenant, StitchRun],
) -> None:
    brand, _ = stitched
    profile = dict(read(brand, "stitched/Shop_Customers").select("id", "amperity_id").iter_rows())
    orders = dict(read(brand, "stitched/Shop_Orders").select("id", "amperity_id").iter_rows())
    assert orders == {"a": profile["1"], "b": None, "c": None}
    assert read(brand, "stitched/Shop_Visits")["amperity_id"].to_list() == [None]
    added = set(read(brand, "stitched/Shop_Orders").columns) - set(
        read(brand, "domain/Shop_Orders").columns
    )
    assert added == {"amperity_id"}


def test_a_blocklisted_key_links_nobody_although_one_record_holds_it(brand: Tenant) -> None:
    rows = [
        *SHOP_ROWS,
        {"id": "3", "first": "Sam", "last": "Roe", "member": "N/A"},
        {"id": "4", "first": "Eve", "member": "K-77"},
    ]
    orders = [{"id": n, "who": who} for n, who in enumerate(("m1", "N/A", "n/a", "K-77"))]
    listed = StitchConfig(bad_values=BadValuesConfig(ignore={"fk": ["K-77"]}))
    with open_session(brand.root / "warehouse", ZONE) as session:
        load(session, SHOP, rows)
        load(session, ORDERS, orders, {"id": pl.Int64})
        session.commit()

    def linked() -> list[int]:
        return read(brand, "stitched/Shop_Orders").drop_nulls("amperity_id")["id"].to_list()

    run(tenant(brand.root, SHOP, ORDERS))
    assert linked() == [0, 3]
    run(tenant(brand.root, SHOP, ORDERS, stitch=listed))
    assert linked() == [0], (
        "a longer list changes the links, though unified_coalesced stays as it is"
    )


def test_a_key_is_found_in_spite_of_the_marks_of_a_spreadsheet(brand: Tenant) -> None:
    people = [("Ann", "Ode", "'m1"), ("Karl", "Weiss", '="m2"'), ("Mia", "Lund", " M3 ")]
    shop = [
        {"id": str(number), "first": first, "last": last, "member": key}
        for number, (first, last, key) in enumerate(people, 1)
    ]
    with open_session(brand.root / "warehouse", ZONE) as session:
        load(session, SHOP, shop)
        load(session, ORDERS, [{"id": n, "who": f"m{n}", "order": f"o{n}"} for n in "123"])
        session.commit()
    run(tenant(brand.root, SHOP, ORDERS))
    profiles = read(brand, "stitched/Shop_Customers").select("id", "amperity_id").rows()
    assert read(brand, "stitched/Shop_Orders").select("id", "amperity_id").rows() == profiles
    assert len({amperity_id for _, amperity_id in profiles} - {None}) == 3


def test_a_key_that_two_people_share_links_nobody(brand: Tenant) -> None:
    rows = [
        {"id": "1", "first": "Ann", "last": "Ode", "born": "1950-01-02", "member": "m1"},
        {"id": "2", "first": "Karl", "last": "Weiss", "born": "1990-07-08", "member": "m1"},
    ]
    rules = MatchingConfig.model_validate(
        {
            "rules": [{"action": "cluster", "when": [{"present-and-equal": "email"}]}],
            "remaining": "none",
        }
    )
    apart = tenant(brand.root, SHOP, ORDERS, stitch=StitchConfig(matching=rules))
    with open_session(apart.root / "warehouse", ZONE) as session:
        load(session, SHOP, rows)
        load(session, ORDERS, ORDER_ROWS)
        session.commit()
    assert run(apart).metrics["amperity_ids"] == 2
    assert read(apart, "stitched/Shop_Orders")["amperity_id"].null_count() == 3


def test_a_second_run_with_nothing_new_writes_nothing(stitched: tuple[Tenant, StitchRun]) -> None:
    brand, first = stitched
    again = run(brand, run_id="run-2", day=3)
    assert again.reused
    assert again.meta == {}
    assert again.states == first.states
    assert again.metrics == first.metrics


def test_a_forced_run_keeps_ids_and_adds_no_change(stitched: tuple[Tenant, StitchRun]) -> None:
    brand, first = stitched
    forced = run(brand, run_id="run-2", day=3, force=True)
    assert forced.meta == {GENERATION: 2}
    before, after = digests(first), digests(forced)
    differing = {name for name in before if before[name] != after[name]}
    assert differing == {"stitch_generation", "stitch_metrics", "stitch_benchmarks"}
    assert forced.model == "kept from generation 1"


def test_a_model_is_fitted_when_it_is_asked_for_or_a_table_is_new(
    stitched: tuple[Tenant, StitchRun],
) -> None:
    brand, first = stitched
    refitted = run(brand, run_id="run-2", day=3, refit=True)
    assert refitted.model.startswith("fitted, as it was asked for")
    assert refitted.meta[GENERATION] == 2
    before, after = digests(first), digests(refitted)
    assert {name for name in before if before[name] != after[name]} == {
        "stitch_generation",
        "stitch_benchmarks",
        "stitch_metrics",
        "stitch_model",
    }
    news = feed("News:Readers", {"mail": ["email"]})
    with open_session(brand.root / "warehouse", ZONE) as session:
        load(session, news, [{"id": "1", "mail": "rosa@example.org"}])
        session.commit()
    larger = run(
        tenant(brand.root, SHOP, CLUB, ORDERS, TWO_KEYS, PRODUCTS, news), run_id="run-3", day=3
    )
    assert larger.model.startswith("fitted, as stitched tables are new: News:Readers")
    assert read(brand, "stitch_model")["generation"].unique().to_list() == [3]


def test_a_run_killed_before_the_commit_repeats_with_the_same_content(
    stitched: tuple[Tenant, StitchRun],
) -> None:
    brand, _ = stitched
    with open_session(brand.root / "warehouse", ZONE) as session:
        load(
            session,
            SHOP,
            [
                *SHOP_ROWS[1:],
                {"id": "3", "first": "Omar", "last": "Diaz", "mail": "omar@example.org"},
            ],
        )
        session.commit()
    killed = run(brand, run_id="run-2", day=3, killed=True)
    repeated = run(brand, run_id="run-2b", day=3)
    assert killed.meta == repeated.meta == {GENERATION: 2}
    assert digests(killed).items() <= digests(repeated).items()
    changed = read(brand, "unified_changes_pks").filter(job_id="run-2b")
    assert sorted(changed.select("pk", "change_type").rows()) == [("1", "deleted"), ("3", "added")]
    assert "run-2" not in read(brand, "unified_changes_clusters")["job_id"]


def test_new_orders_alone_do_not_match_anew(stitched: tuple[Tenant, StitchRun]) -> None:
    brand, first = stitched
    with open_session(brand.root / "warehouse", ZONE) as session:
        load(session, ORDERS, [*ORDER_ROWS, {"id": "d", "who": "m2", "order": "4"}])
        session.commit()
    again = run(brand, run_id="run-2")
    assert again.written == ["stitched/Shop_Orders"]
    assert again.states["unified_coalesced"] == first.states["unified_coalesced"]


def test_the_fingerprint_follows_settings_tags_and_content(
    stitched: tuple[Tenant, StitchRun],
) -> None:
    brand, _ = stitched
    retagged = feed("Club:Members", {"nr": ["fk-member"], "name": ["surname"], "mail": ["email"]})
    with open_session(brand.root / "warehouse", ZONE) as session:
        keys = {
            mark(session, brand),
            mark(
                session,
                tenant(
                    brand.root, SHOP, CLUB, stitch=StitchConfig(outputs={"unified_scores": False})
                ),
            ),
            mark(session, tenant(brand.root, SHOP, retagged)),
        }
        load(session, CLUB, CLUB_ROWS[:1])
        keys.add(mark(session, brand))
    assert len(keys) == 4


def test_tags_that_stitch_does_not_read_change_nothing(
    stitched: tuple[Tenant, StitchRun],
) -> None:
    brand, _ = stitched
    private = {**PROFILE, "mail": ["compliance/pii", "email", "opt/email"], "id": ["source/shop"]}
    shop = feed("Shop:Customers", private)
    bought = {"who": ["compliance/custom-key", "fk-member"], "order": ["txn-item/order-id"]}
    orders = feed("Shop:Orders", bought, stitch=False)
    again = run(tenant(brand.root, shop, CLUB, orders, TWO_KEYS, PRODUCTS), run_id="run-2")
    assert again.written == []


def test_what_stitch_does_not_read_of_its_tables_matches_nobody_anew(
    stitched: tuple[Tenant, StitchRun],
) -> None:
    """A delivery of the same rows gives them other places, and changes fields without a tag."""
    brand, first = stitched
    again = run_after(brand, _updated=pl.lit(7_000), note=pl.lit("seen today"))
    assert again.written == ["stitched/Shop_Customers"]
    assert again.states["unified_coalesced"] == first.states["unified_coalesced"]
    assert "unified_coalesced" in run_after(brand, tel=pl.lit("2065550199")).written


def run_after(brand: Tenant, **columns: pl.Expr) -> StitchRun:
    """A run after the shop's customers got other values in these columns."""
    with open_session(brand.root / "warehouse", ZONE) as session:
        session.bind("domain/Shop_Customers", "before")
        frame = session.frame("SELECT * FROM before")
        session.write("domain/Shop_Customers", frame.with_columns(**columns))
        session.commit()
    return run(brand, run_id=f"run of {sorted(columns)}")


def test_a_tag_that_is_not_compared_fits_no_model(stitched: tuple[Tenant, StitchRun]) -> None:
    brand, _ = stitched
    tags = {"nr": ["fk-member", "update-dt"], "name": ["full-name"], "mail": ["email", "likes"]}
    club = feed("Club:Members", tags)
    told = run(tenant(brand.root, SHOP, club, ORDERS, TWO_KEYS, PRODUCTS), run_id="run-2")
    assert told.model == "kept from generation 1"
    assert "likes" in read(brand, "unified_coalesced").columns
    retagged = feed("Club:Members", {**tags, "name": ["surname"]})
    fitted = run(tenant(brand.root, SHOP, retagged, ORDERS, TWO_KEYS, PRODUCTS), run_id="run-3")
    assert fitted.model.startswith("fitted, as tags changed: Club:Members")


def test_a_basis_of_an_earlier_version_is_kept_as_it_is_read_now(
    stitched: tuple[Tenant, StitchRun],
) -> None:
    """So that the next change of a tag is told."""
    brand, _ = stitched
    others = (ORDERS, TWO_KEYS, PRODUCTS)
    with open_session(brand.root / "warehouse", ZONE) as session:
        basis = session.warehouse.manifest.meta[MODEL_BASIS]
        tables = dict.fromkeys(basis["tables"], "digest of all tags")
        session.commit(**{MODEL_BASIS: {"tables": tables, "settings": "x", "records": 4}})
    kept = run(tenant(brand.root, SHOP, CLUB, *others), run_id="run-2", force=True)
    assert kept.model == "kept from generation 1"
    retagged = feed("Club:Members", {"nr": ["fk-member"], "name": ["surname"], "mail": ["email"]})
    fitted = run(tenant(brand.root, SHOP, retagged, *others), run_id="run-3")
    assert fitted.model.startswith("fitted, as tags changed: Club:Members")


def test_the_order_of_fields_counts_where_the_first_of_them_is_taken(
    stitched: tuple[Tenant, StitchRun],
) -> None:
    brand, _ = stitched
    fields = {"name": ["full-name"], "nick": ["full-name"]}
    orders = [dict(fields), dict(reversed(fields.items())), {**fields, "mail": ["email"]}]
    with open_session(brand.root / "warehouse", ZONE) as session:
        keys = [
            mark(session, tenant(brand.root, SHOP, feed("Club:Members", tags)))
            for tags in (*orders, {"mail": ["email"], **fields})
        ]
    assert len(set(keys)) == 3
    assert keys[2] == keys[3]


def test_the_managed_blocklist_blocks_and_is_an_input(stitched: tuple[Tenant, StitchRun]) -> None:
    brand, _ = stitched
    blocking = tenant(brand.root, SHOP, CLUB, BLOCKED)
    with open_session(brand.root / "warehouse", ZONE) as session:
        load(
            session, BLOCKED, [{"id": "1", "ds": "Shop", "sem": "email", "val": "Karl@example.org"}]
        )
        session.commit()
    assert not run(blocking, run_id="run-2").reused
    flags = (
        read(blocking, "unified_coalesced")
        .filter(pl.col("blv_email"))
        .select("datasource", "pk")
        .rows()
    )
    assert flags == [("Shop:Customers", "2")]
    assert read(blocking, "stitch_blocklistvalues").rows() == [
        ("Shop", "email", "Karl@example.org")
    ]


def test_a_manual_list_of_foreign_keys_does_not_stop_the_run(
    stitched: tuple[Tenant, StitchRun],
) -> None:
    brand, _ = stitched
    listed = StitchConfig(
        bad_values=BadValuesConfig(ignore={"fk": ["m1"]}, case_sensitive_fks=["fk-member"])
    )
    assert (
        run(tenant(brand.root, SHOP, CLUB, ORDERS, stitch=listed), run_id="run-2").metrics[
            "source_records"
        ]
        == 4
    )
