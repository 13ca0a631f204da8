"""The difference a build makes: told before publishing, it is what publishing then does; previews
write nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.tables.build import build
from c360_assets.customer_360.tables.databases import databases
from c360_assets.errors import C360Error, ConfigError
from c360_assets.reporting.diff import TableDiff, database_diff
from c360_assets.reporting.history import versions
from c360_assets.reporting.preview import preview_table
from c360_assets.reporting.published import RolledBack, open_published, roll_back, table_sql
from c360_assets.warehouse import published_file
from c360_assets.warehouse.session import open_session
from c360_assets_tests.customer_360.world import (
    AS_OF,
    is_published,
    plan_all,
    publish_database,
    put_unified,
    unpublished,
)

TENANT = "id: 00000000-0000-4000-8000-000000000001\n"
PEOPLE = [{"amperity_id": f"A{n}", "given_name": "Ann", "email": f"{n}@x.com"} for n in range(4)]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    (root / "tenant.yaml").write_text(TENANT)
    (root / "database" / "drafts").mkdir(parents=True)
    publish(root, PEOPLE)
    return root


@pytest.fixture
def root(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "tenant"))


def stitch(root: Path, people: list[dict[str, Any]]) -> None:
    with open_session(root / "warehouse") as session:
        session.execute("SET threads = 1")
        put_unified(session, people)
        session.commit()


def publish(root: Path, people: list[dict[str, Any]] | None = None, as_of: date = AS_OF) -> None:
    tenant = load_tenant(root)
    if people is not None:
        stitch(root, people)
    with open_session(root / "warehouse") as session:
        session.execute("SET threads = 1")
        build(session, plan_all(tenant), as_of=as_of)
        session.commit()
        publish_database(session, tenant, as_of=as_of)


def test_the_difference_before_is_what_publishing_does(root: Path) -> None:
    assert database_diff(root) == []
    changed = [
        {**PEOPLE[0], "given_name": "Anna"},
        *PEOPLE[2:],
        {"amperity_id": "A9", "surname": "Lee"},
    ]
    stitch(root, changed)
    (root / "database" / "merged_customers.sql").write_text(
        "SELECT *, 1 AS score FROM merged_customers"
    )
    manifest = (root / "warehouse" / "manifest.json").read_bytes()
    before = {diff.table: diff for diff in database_diff(root)}
    assert (root / "warehouse" / "manifest.json").read_bytes() == manifest
    assert before["customer_360"] == TableDiff("customer_360", 1, 1, 1, {"given_name": 1})
    assert before["merged_customers"].new_columns == ["score"]
    assert before["unified_coalesced"].changed == 4
    publish(root)
    assert {diff.table: diff for diff in database_diff(root, "1", "published")} == before
    assert database_diff(root) == []


def test_after_a_rollback_the_next_run_publishes_again(root: Path) -> None:
    publish(root, PEOPLE[:2])
    roll_back(root, None)
    assert database_diff(root, "1", "published") == []
    tenant = load_tenant(root)
    with open_session(root / "warehouse") as session:
        session.execute("SET threads = 1")
        assert not is_published(session, tenant)
        publish_database(session, tenant, as_of=AS_OF)
        assert is_published(session, tenant)
    people = next(
        diff for diff in database_diff(root, "1", "published") if diff.table == "customer_360"
    )
    assert (people.added, people.dropped) == (0, 2)


def test_after_a_rollback_a_build_is_compared_as_of_the_date_of_what_is_published(
    root: Path,
) -> None:
    publish(root, PEOPLE[:2], AS_OF + timedelta(days=9))
    roll_back(root, None)
    found = {diff.table: diff for diff in database_diff(root)}
    assert found == {diff.table: diff for diff in database_diff(root, as_of=AS_OF)}
    assert (found["customer_360"].dropped, found["customer_360"].changed) == (2, 0)
    dated = root / "database" / "dated.sql"
    dated.write_text("SELECT as_of FROM run_context")
    assert preview_table(root, "dated").sample == [(AS_OF,)]


def test_times_are_those_of_the_tenants_clock(root: Path) -> None:
    file = root / "activated" / "customer_360.duckdb"
    os.utime(file, (0, 0))
    declared = root / "tenant.yaml"
    declared.write_text(f"{declared.read_text()}\ntimezone: Asia/Kolkata\n")
    assert str(versions(root)[0].written_at) == "1970-01-01 05:30:00+05:30"


@pytest.mark.parametrize(
    "damage", [lambda whole: b"x" * len(whole), lambda whole: whole[:-4096], lambda whole: b""]
)
def test_a_file_damaged_by_hand_is_told_and_published_again(
    root: Path, damage: Callable[[bytes], bytes]
) -> None:
    file, tenant = root / "activated" / "customer_360.duckdb", load_tenant(root)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert versions(root)[0].bytes == file.stat().st_size
    with open_session(root / "warehouse") as session:
        session.execute("SET threads = 1")
        assert not is_published(session, tenant)
        publish_database(session, tenant, as_of=AS_OF)
        assert is_published(session, tenant)
    with duckdb.connect(str(file), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM customer_360").fetchall() == [(4,)]


class Killed(BaseException):
    pass


def test_a_file_whose_run_was_killed_before_it_was_noted_is_not_taken_for_the_one_before(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: Any) -> int:
        published_file.publish(*args)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("c360_assets.customer_360.publication.publish.publish", killed)
        with pytest.raises(Killed):
            publish(root, [{**person, "given_name": "Bob"} for person in PEOPLE])
    stitch(root, PEOPLE)
    with open_session(root / "warehouse") as session:
        session.execute("SET threads = 1")
        build(session, plan_all(load_tenant(root)), as_of=AS_OF)
        session.commit()
        assert not is_published(session, load_tenant(root))


def test_questions_to_a_damaged_file_say_what_helps(root: Path) -> None:
    file = root / "activated" / "customer_360.duckdb"
    publish(root, PEOPLE[:2])
    damaged = b"x" * 100_000
    file.write_bytes(damaged)
    for ask in (
        database_diff,
        lambda root: preview_table(root, "customer_360"),
        lambda root: open_published(root).__enter__(),
    ):
        with pytest.raises(
            C360Error,
            match=(
                r"customer_360.duckdb cannot be opened .*`c360 run` publishes a damaged one "
                r"again"
            ),
        ):
            ask(root)
    publish(root)
    assert [(v.number, v.customers, v.damaged) for v in versions(root)] == [
        (None, 2, False),
        (2, None, True),
        (1, 4, False),
    ]
    with pytest.raises(
        C360Error, match=r"customer_360.2.duckdb is damaged and cannot be published"
    ):
        roll_back(root, None)
    assert [v.customers for v in versions(root)] == [2, None, 4]
    assert roll_back(root, 1).replaced == 3
    assert [(v.number, v.customers) for v in versions(root)] == [(1, 4), (3, 2), (2, None)]


def test_a_file_that_another_program_writes_to_is_not_called_damaged(root: Path) -> None:
    file = root / "activated" / "customer_360.duckdb"
    hold = f"import duckdb; con = duckdb.connect({str(file)!r}); print('open'); input()"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"open"
        for ask in (database_diff, lambda root: preview_table(root, "customer_360")):
            with pytest.raises(C360Error, match=r"open for writing in another program, and not"):
                ask(root)
        assert [(v.held, v.damaged) for v in versions(root)] == [(True, False)]
        other.communicate(b"\n")
    assert database_diff(root) == []


def test_a_full_disk_leaves_what_was_published_and_nothing_half_written(root: Path) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are those of Unix")
    file = root / "activated" / "customer_360.duckdb"
    before, limit = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    with duckdb.connect(
        str(file), read_only=True
    ) as reader:  # a reader keeps what it opened, and keeps nobody from publishing
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limit[1]))
        try:
            with pytest.raises(
                C360Error, match=r"could not be written: .*; what was published before stays"
            ):
                publish(root, PEOPLE[:1])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        assert file.read_bytes() == before
        assert [p.name for p in file.parent.iterdir()] == [file.name]
        publish(root, PEOPLE[:1])
        after = file.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limit[1]))
        try:
            with pytest.raises(
                C360Error,
                match=r"could not be written: File too large; what was published before stays",
            ):
                roll_back(root, None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        assert file.read_bytes() == after
        assert sorted(p.name for p in file.parent.iterdir()) == [file.name, "history"]
        assert reader.execute("SELECT count(*) FROM customer_360").fetchall() == [(4,)]
    assert database_diff(root, "1", "published")


def test_what_is_not_there_is_told(root: Path) -> None:
    (root / "activated" / "customer_360.duckdb").rename(root / "elsewhere.duckdb")
    notes: list[str] = []
    (customers,) = [
        diff for diff in database_diff(root, note=notes.append) if diff.table == "customer_360"
    ]
    assert (customers.added, customers.dropped, customers.changed) == (4, 0, 0)
    assert notes == ["nothing is published yet: all that a build gives is new"]
    with pytest.raises(C360Error, match="there is no database published"):
        database_diff(root, "published", "published")
    with pytest.raises(C360Error, match="no database 7; published are: published, kept: none"):
        database_diff(root, "7", "published")
    with pytest.raises(C360Error, match="no database jp"):
        database_diff(root, database="jp")
    with pytest.raises(C360Error, match="no SQL builds a table named nope"):
        preview_table(root, "nope")


def test_a_draft_is_previewed_and_nothing_is_written(root: Path) -> None:
    draft = root / "database" / "drafts" / "customer_360.sql"
    draft.write_text(
        "SELECT amperity_id, given_name, 1 AS score FROM customer_360 WHERE amperity_id > 'A1'"
    )
    files = sorted(p for p in root.rglob("*") if p.is_file())
    found = preview_table(root, "customer_360", as_of=AS_OF, rows=1)
    assert (found.rows, found.rows_before, found.sample) == (2, 4, [("A2", "Ann", 1)])
    assert found.file == "database/drafts/customer_360.sql"
    assert found.before is not None
    assert [c for c in found.columns if c not in found.before] == ["score"]
    assert sorted(p for p in root.rglob("*") if p.is_file()) == files
    draft.write_text("SELECT nope FROM customer_360")
    with pytest.raises(ConfigError, match=r"database/drafts/customer_360.sql"):
        preview_table(root, "customer_360")


def test_each_database_is_read_previewed_and_rolled_back_by_itself(tmp_path: Path) -> None:
    databases_of = (
        "databases: {group: {primary: true}, brand: {merge_policy: other.yaml, tables: "
        "[merged_customers]}}\n"
    )
    (tmp_path / "tenant.yaml").write_text(TENANT + databases_of)
    (tmp_path / "other.yaml").write_text("best_email: priority\n")
    tenant = load_tenant(tmp_path)
    for people in (PEOPLE, PEOPLE[:1]):
        stitch(tmp_path, people)
        with open_session(tmp_path / "warehouse") as session:
            session.execute("SET threads = 1")
            build(session, plan_all(tenant), as_of=AS_OF)
            session.commit()
            for database in databases(tenant):
                publish_database(session, tenant, as_of=AS_OF, database=database)
    assert roll_back(tmp_path, None, "brand") == RolledBack(
        str(tmp_path / "activated" / "brand.duckdb"), 1, 2
    )

    def people_of(database: str) -> int:
        with open_published(tmp_path, database) as con:
            return int(con.execute("SELECT count(*) FROM merged_customers").fetchall()[0][0])

    assert [(v.number, v.as_of, v.customers) for v in versions(tmp_path)] == [
        (None, AS_OF, 1),
        (1, AS_OF, 4),
    ]
    assert [(v.number, v.published) for v in versions(tmp_path, "brand")] == [(1, True), (2, False)]
    with open_published(tmp_path, number=1) as con:
        assert con.execute("SELECT count(*) FROM customer_360").fetchall() == [(4,)]
    with (
        pytest.raises(C360Error, match="no database number 7 is kept"),
        open_published(tmp_path, number=7),
    ):
        pass
    assert [people_of(name) for name in ("customer_360", "group", "brand")] == [1, 1, 4]
    with open_session(tmp_path / "warehouse") as session:
        assert unpublished(session, tenant) == ["brand"]
    found = preview_table(tmp_path, "merged_customers", as_of=AS_OF, database="brand")
    assert (found.rows, found.rows_before) == (1, 4)
    assert "email_blv" in table_sql(tmp_path, "MERGED_customers", "brand")
    assert "REGEXP_REPLACE" in table_sql(tmp_path, "merged_customers", spark=True)
    with (
        pytest.raises(C360Error, match="no database jp; there are customer_360, brand"),
        open_published(tmp_path, "jp"),
    ):
        pass
