"""Ids are never lost: no run begins anew by accident, and they come back from a published file."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import duckdb
import polars as pl
import pytest

from c360_assets.errors import C360Error
from c360_assets.stitch.previous import GENERATION, ids_problem, take_over
from c360_assets.stitch.publish.generation import restamp
from c360_assets.stitch.tenant_run import stitch_tables
from c360_assets.tenant.models import Tenant, TenantConfig
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import open_session
from c360_assets_tests.stitch.tenants import load, tenant
from c360_assets_tests.stitch.test_tenant_run import (
    CLUB,
    CLUB_ROWS,
    SHOP,
    SHOP_ROWS,
    ZONE,
    read,
    run,
)

# A second day that merges nobody and splits nobody: one comes, one goes.
NEXT_ROWS = [
    *SHOP_ROWS[1:],
    {"id": "3", "first": "Omar", "last": "Diaz", "mail": "omar@example.org"},
]


def fill(brand: Tenant, rows: list[dict[str, str]]) -> None:
    with open_session(brand.root / "warehouse", ZONE) as session:
        load(session, SHOP, rows)
        load(session, CLUB, CLUB_ROWS)
        session.commit()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    """A tenant after two days, whose Stitch tables are published; not to be changed."""
    brand = tenant(tmp_path_factory.mktemp("made"), SHOP, CLUB)
    fill(brand, SHOP_ROWS)
    run(brand)
    fill(brand, NEXT_ROWS)
    run(brand, run_id="run-2", day=3)
    publish(brand)
    return brand


@pytest.fixture
def two_days(made: Tenant, tmp_path: Path) -> Tenant:
    """A copy to be changed."""
    return replace(made, root=Path(shutil.copytree(made.root, tmp_path / "two_days")))


def publish(brand: Tenant) -> Path:
    """The Stitch tables as a published file has them."""
    path = database_path(brand.root)
    path.parent.mkdir(exist_ok=True)
    frames = {table: read(brand, table) for table in stitch_tables()}
    with duckdb.connect(str(path)) as con:
        for table, frame in frames.items():
            con.register("frame", frame.to_arrow())
            con.execute(f"CREATE TABLE {table} AS SELECT * FROM frame")
    return path


def lose_warehouse(brand: Tenant) -> None:
    shutil.rmtree(brand.root / "warehouse")
    fill(brand, NEXT_ROWS)


def take(brand: Tenant, file: Path) -> tuple[int, int, int]:
    with open_session(brand.root / "warehouse", ZONE) as session:
        taken = take_over(session, brand, str(file))
        return taken.generation, taken.records, taken.not_loaded


def test_a_run_without_its_ids_stops_and_says_how_to_get_them_back(two_days: Tenant) -> None:
    lose_warehouse(two_days)
    with pytest.raises(C360Error, match=r"--ids-from .*customer_360\.duckdb.*--new-ids"):
        run(two_days, run_id="run-3", day=4)
    with open_session(two_days.root / "warehouse", ZONE) as session:
        assert str(database_path(two_days.root)) in ids_problem(session, two_days)
        assert session.state("unified_coalesced") is None


def test_a_warehouse_older_than_what_is_published_stops_a_run(two_days: Tenant) -> None:
    warehouse = two_days.root / "warehouse"
    backup = Path(shutil.copytree(warehouse, two_days.root / "backup"))
    run(two_days, run_id="run-3", day=4, force=True)
    database_path(two_days.root).unlink()
    publish(two_days)
    later = read(two_days, "unified_coalesced")
    assert not problem_of(two_days)
    shutil.rmtree(warehouse)
    shutil.copytree(backup, warehouse)
    with pytest.raises(C360Error, match=r"holds generation 2 .* generation 3, .*--ids-from"):
        run(two_days, run_id="run-4", day=5, force=True)
    assert take(two_days, database_path(two_days.root))[0] == 3
    assert not problem_of(two_days)
    assert run(two_days, run_id="run-4", day=5, force=True).meta[GENERATION] == 4
    assert read(two_days, "unified_coalesced").equals(later)


def test_a_kept_database_may_be_preferred_to_what_is_published(two_days: Tenant) -> None:
    path = database_path(two_days.root)
    kept = Path(shutil.copy2(path, two_days.root / "kept.duckdb"))
    run(two_days, run_id="run-3", day=4, force=True)
    path.unlink()
    publish(two_days)
    lose_warehouse(two_days)
    assert take(two_days, kept)[0] == 2
    assert not problem_of(two_days)


def problem_of(brand: Tenant) -> str:
    with open_session(brand.root / "warehouse", ZONE) as session:
        return ids_problem(session, brand)


def test_everything_comes_back_from_a_published_file(two_days: Tenant) -> None:
    names = [name for name in stitch_tables() if name != "stitch_metrics"]
    before = {name: read(two_days, name) for name in names}
    lose_warehouse(two_days)
    assert take(two_days, database_path(two_days.root)) == (2, 4, 0)
    done = run(two_days, run_id="run-3", day=4)
    assert done.model == "kept from generation 1"
    assert done.meta[GENERATION] == 3
    for name in names:
        if name not in (GENERATION, "stitch_benchmarks"):
            assert read(two_days, name).equals(before[name]), name
    assert read(two_days, GENERATION)["generation"].to_list() == [3]
    measured = read(two_days, "stitch_benchmarks")
    assert measured["generation"].unique().sort().to_list() == [1, 2, 3]


def test_records_that_are_not_loaded_are_counted(two_days: Tenant) -> None:
    shutil.rmtree(two_days.root / "warehouse")
    fill(two_days, NEXT_ROWS[:1])
    assert take(two_days, database_path(two_days.root)) == (2, 4, 1)


def test_new_ids_are_none_of_the_earlier_ones(two_days: Tenant) -> None:
    earlier = set(read(two_days, "stitch_ids")["amperity_id"])
    lose_warehouse(two_days)
    run(two_days, run_id="run-3", day=4, new_ids=True)
    assert earlier.isdisjoint(read(two_days, "unified_coalesced")["amperity_id"])
    assert earlier < set(read(two_days, "stitch_ids")["amperity_id"])
    with pytest.raises(C360Error, match="--new-ids"):
        run(two_days, run_id="run-4", day=4, new_ids=True, force=True)


def test_files_that_are_not_the_whole_database_of_the_tenant_are_refused(
    two_days: Tenant, tmp_path: Path
) -> None:
    published = database_path(two_days.root)
    lose_warehouse(two_days)

    def copy_with(name: str, sql: str) -> Path:
        copy = Path(shutil.copy(published, tmp_path / name))
        with duckdb.connect(str(copy)) as con:
            con.execute(sql)
        return copy

    no_database = tmp_path / "text.duckdb"
    no_database.write_text("hello")
    filtered = "DELETE FROM unified_coalesced WHERE pk = '2'"
    masked = "UPDATE unified_coalesced SET pk = pk || 'x'"
    for file, message in (
        (tmp_path / "none.duckdb", "there is no file"),
        (no_database, "cannot be opened"),
        (copy_with("chosen.duckdb", "DROP TABLE stitch_generation"), "which generation"),
        (copy_with("empty.duckdb", "DELETE FROM stitch_generation"), "which generation"),
        (copy_with("filtered.duckdb", filtered), "filtered, masked or changed"),
        (copy_with("masked.duckdb", masked), "filtered, masked or changed"),
    ):
        with pytest.raises(C360Error, match=message):
            take(two_days, file)
    config = TenantConfig(id=UUID("99999999-2222-5333-8444-555555555555"))
    other = replace(two_days, config=config)
    with pytest.raises(C360Error, match="another tenant"):
        take(other, published)


def test_a_warehouse_that_knows_its_ids_takes_none(two_days: Tenant) -> None:
    with pytest.raises(C360Error, match="generation 2 itself"):
        take(two_days, database_path(two_days.root))


def test_nothing_loaded_names_the_verb_that_loads(two_days: Tenant) -> None:
    shutil.rmtree(two_days.root / "warehouse")
    with pytest.raises(C360Error, match="c360 load"):
        take(two_days, database_path(two_days.root))


def test_an_empty_published_file_holds_no_ids(two_days: Tenant) -> None:
    with duckdb.connect(str(database_path(two_days.root))) as con:
        con.execute("DELETE FROM unified_coalesced")
    lose_warehouse(two_days)
    assert run(two_days, run_id="run-3", day=4).meta[GENERATION] == 1


def test_a_damaged_published_file_is_no_reason_to_begin_anew(two_days: Tenant) -> None:
    database_path(two_days.root).write_bytes(b"damaged")
    lose_warehouse(two_days)
    with pytest.raises(C360Error, match="lost the ids"):
        run(two_days, run_id="run-3", day=4)
    assert isinstance(read(two_days, "domain/Shop_Customers"), pl.DataFrame)


def test_a_manifest_that_knows_of_a_generation_without_tables_is_no_first_run(
    tmp_path: Path,
) -> None:
    brand = tenant(tmp_path, SHOP, CLUB)
    fill(brand, SHOP_ROWS)
    with open_session(brand.root / "warehouse", ZONE) as session:
        session.commit(**{GENERATION: 5})
    with pytest.raises(C360Error, match="lost the tables of generation 5"):
        run(brand)
    assert run(brand, new_ids=True).meta[GENERATION] == 1


def test_tables_without_their_generation_are_no_first_run(two_days: Tenant) -> None:
    with open_session(two_days.root / "warehouse", ZONE) as session:
        session.commit(**{GENERATION: None})
    with pytest.raises(C360Error, match=r"not its generation.*--ids-from"):
        run(two_days, run_id="run-3", force=True)


def test_a_file_that_people_were_taken_out_of_still_gives_its_ids(two_days: Tenant) -> None:
    published = database_path(two_days.root)
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{published}' AS draft")
        con.execute("DELETE FROM draft.main.unified_coalesced WHERE pk = '2'")
        restamp(con, "draft")
        con.execute("DETACH draft")
    shutil.rmtree(two_days.root / "warehouse")
    fill(two_days, NEXT_ROWS[1:])
    assert take(two_days, published) == (2, 2, 0)
