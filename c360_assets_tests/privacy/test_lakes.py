"""Databases that are lakes beside one that is a file: every verb, and forgetting somebody."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from c360_assets.configuration import load_tenant
from c360_assets.privacy.receipts import read_receipts
from c360_assets.privacy.search import Searcher
from c360_assets.privacy.work import open_work
from c360_assets.warehouse.lake_folder import LocalStorage
from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.publications import LakePlace, place_of
from c360_assets_tests.day.command import Said, c360_here, here
from c360_assets_tests.privacy.tenants import (
    ACCOUNTS,
    FIRST,
    OTTILIE,
    SECOND,
    land,
    land_all,
    write_tenant,
)
from c360_assets_tests.privacy.test_forget import MAIL, found_in, ours
from c360_assets_tests.warehouse.s3 import s3_of_its_own

DATABASES = """
databases:
  group: {primary: true, format: delta}
  files: {format: parquet, address: lake}
  plain: {}
  hidden: {format: parquet, mask: true}
"""
SEGMENT = """
description: May be written to
database: %s
include:
  - contactable_email: true
"""
DESTINATIONS = """
destinations:
  to_%s:
    type: files
    database: %s
    path: exports/%s
    format: csv
    tables:
      customer_360: {columns: [amperity_id, given_name], name: people}
"""
NAMES = {"group": "customer_360", "files": "files", "plain": "plain"}
LAKES = ("group", "files")
pytestmark = pytest.mark.long  # lakes that fail and are taken over are of `warehouse`
VISITED = f"{ACCOUNTS[0].removesuffix(',3')},4"  # the second day's row of AC-700001


@pytest.fixture(scope="module")
def both_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenant of a Delta lake, a Parquet lake and a file, each published twice."""
    root = write_tenant(tmp_path_factory.mktemp("lakes") / "it's [1]")
    config = root / "tenant.yaml"
    config.write_text(config.read_text("utf-8") + DATABASES, "utf-8")
    (root / "segments").mkdir()
    destinations = ["destinations:"]
    for name, published in NAMES.items():
        (root / f"segments/of_{name}.yaml").write_text(SEGMENT % published, "utf-8")
        destinations += (DESTINATIONS % (name, published, name)).splitlines()[2:]
    (root / "destinations.yaml").write_text("\n".join(destinations) + "\n", "utf-8")
    land_all(root, FIRST)
    first = here("run", "--tenant", root)
    assert first.code == 0, first.text
    land(root, "web/accounts", SECOND, [VISITED, *ACCOUNTS[1:]])
    land(root, "web/orders", SECOND)
    second = here("run", "--tenant", root)
    assert second.code == 0, second.text
    return root


@pytest.fixture
def tenant(both_days: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(both_days, tmp_path / "tenant", symlinks=True))


def _one_id(root: Path) -> str:
    published = place_of(load_tenant(root), "plain").published()
    assert published is not None
    with published.opened() as con:
        ((one,),) = con.execute(
            "SELECT amperity_id FROM unified_coalesced GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
        ).fetchall()
    return str(one)


VERBS: list[list[str]] = [
    ["sql", "SELECT * FROM customer_360 ORDER BY ALL", "--json"],
    ["sql", "SELECT * FROM domain.Web_Orders ORDER BY ALL", "--json"],
    ["sql", "SELECT email_key(' A@b.c ') AS k", "--json"],
    ["sql", "--kept", "1", "SELECT * FROM merged_customers ORDER BY ALL", "--json"],
    ["profile", "ID", "--json"],
    ["diff", "--json"],
    ["diff", "1", "published", "--json"],
    ["database", "preview", "customer_360", "--json"],
]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(verb)[:30])
def test_a_verb_says_the_same_of_each_format(
    both_days: Path, monkeypatch: pytest.MonkeyPatch, verb: list[str]
) -> None:
    words = [_one_id(both_days) if word == "ID" else word for word in verb]
    said = {}
    for name in NAMES:
        outcome = c360_here(monkeypatch, *words, "--database", name, "--tenant", both_days)
        assert outcome.code == 0, outcome.text
        said[name] = json.loads(outcome.stdout)
    for name in LAKES:
        assert said[name] == said["plain"], name


def test_the_tables_are_those_of_the_file(both_days: Path) -> None:
    """Names, types, comments and rows, but for what tells of runs."""
    shown = {}
    for name in NAMES.values():
        published = place_of(load_tenant(both_days), name).published()
        assert published is not None
        with published.opened() as con:
            columns = con.execute(
                "SELECT schema_name, table_name, column_name, data_type, comment "
                "FROM duckdb_columns() WHERE database_name = 'opened' ORDER BY ALL"
            ).fetchall()
            shown[name] = set(columns)
    assert shown["files"] == shown["plain"]
    assert len(shown["plain"]) > 500


def test_segments_and_destinations(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def say(*words: str) -> Said:
        said = c360_here(monkeypatch, *words, "--tenant", tenant)
        assert said.code == 0, said.text
        return said

    listed = json.loads(say("segment", "list", "--json").stdout)
    people = {one["segment"]: one["people"] for one in listed}
    assert people.keys() == {f"of_{name}" for name in NAMES}
    assert len(set(people.values())) == 1
    assert people["of_plain"] > 0
    sizes = [json.loads(say("segment", "size", f"of_{name}", "--json").stdout) for name in NAMES]
    assert len({(size["people"], size["everybody"]) for size in sizes}) == 1
    say("send", "--force")
    sent = {(tenant / f"exports/{name}/people.csv").read_text("utf-8") for name in NAMES}
    assert len(sent) == 1


def test_history_and_rollback(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def history(name: str) -> list[dict[str, Any]]:
        words = ("database", "history", "--json", "--database", name)
        said = c360_here(monkeypatch, *words, "--tenant", tenant)
        assert said.code == 0, said.text
        shown: list[dict[str, Any]] = json.loads(said.stdout)
        same = ("number", "as_of", "customers", "published", "damaged")
        return [{key: version[key] for key in same} for version in shown]

    assert history("group") == history("files") == history("plain")
    assert [version["number"] for version in history("plain")] == [None, 1]
    for name in NAMES:
        said = c360_here(monkeypatch, "rollback", "--database", name, "--tenant", tenant)
        assert said.code == 0, said.text
        assert "kept as number 2" in said.text
    assert history("group") == history("files") == history("plain")
    assert [version["number"] for version in history("plain")] == [1, 2]
    head = DeltaTable(tenant / "activated/customer_360/domain/Web_Accounts")
    visits = {row["account"]: row["visits"] for row in head.to_pyarrow_table().to_pylist()}
    assert visits["AC-700001"] == 3
    again = c360_here(monkeypatch, "run", "--tenant", tenant)
    assert again.code == 0, again.text
    assert [version["number"] for version in history("plain")] == [None, 2, 1]
    assert history("group") == history("files") == history("plain")


def test_a_copy_of_the_tenant_has_its_own_lakes(tenant: Path, both_days: Path) -> None:
    noted = Manifest.load(tenant / "warehouse/manifest.json").meta["lakes"]
    assert noted.keys() == {"activated/customer_360", "activated/hidden", "lake"}
    place = place_of(load_tenant(tenant))
    assert isinstance(place, LakePlace)
    assert Path(place.lake.address).is_relative_to(tenant)


def _values(root: Path) -> dict[str, list[str]]:
    return ours(found_in(root))


def test_a_masked_lake_shows_nobody(both_days: Path) -> None:
    assert place_of(load_tenant(both_days), "hidden").is_published()
    # Numbers of orders tell of nobody to who sees no names.
    values = tuple(value for value in OTTILIE if value[:2] not in ("LN", "OR"))
    finds = found_in(both_days, values)["published lakes"]
    assert any(path.startswith("lake/") for path in finds)
    assert [path for path in finds if path.startswith("activated/hidden/")] == []


@pytest.fixture(scope="module")
def forgotten(both_days: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tenant after somebody was forgotten by a verb that was killed within each lake; not to be
    changed."""
    root = tmp_path_factory.mktemp("forgotten") / "tenant"
    shutil.copytree(both_days, root, symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        _kill_and_go_on(root, patch)
    return root


def test_forgotten_in_every_publication(both_days: Path, forgotten: Path) -> None:
    tenant = forgotten
    finds = _values(both_days)
    assert {"published lakes", "published databases", "kept databases"} <= finds.keys()
    before = _people(both_days)
    assert _values(tenant) == {}
    (receipt,) = read_receipts(tenant)
    lakes = [key for key in receipt.rows if key.startswith("lake ")]
    assert len(lakes) == 3
    assert receipt.remaining.keys() <= {"landed files"}
    after = _people(tenant)
    for name in NAMES.values():
        assert after[name] == {key: count - 1 for key, count in before[name].items()}, name
    place = place_of(load_tenant(tenant))
    assert isinstance(place, LakePlace)
    for document in place.lake.documents():
        for table in document.tables:
            if table.files:
                path = tenant / "activated/customer_360" / table.path
                assert DeltaTable(path, version=table.version).to_pyarrow_table().num_rows == (
                    table.rows
                )


def _people(root: Path) -> dict[str, dict[int | None, int]]:
    """Persons of everything that is published and kept."""
    counts: dict[str, dict[int | None, int]] = {}
    for name in NAMES.values():
        place = place_of(load_tenant(root), name)
        published = place.published()
        assert published is not None
        for one in (published, *place.kept()):
            with one.opened() as con:
                ((people,),) = con.execute("SELECT count(*) FROM merged_customers").fetchall()
            counts.setdefault(name, {})[one.number] = people
    return counts


class Killed(BaseException):
    pass


def _kill_and_go_on(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget, killed within each lake before its pointer is put; then once more."""
    put = LocalStorage.put
    for killed_at in ("history/1.json", "publication.json"):

        def killing(self: LocalStorage, name: str, content: bytes, at: str = killed_at) -> None:
            if name == at:
                raise Killed
            put(self, name, content)

        with monkeypatch.context() as patch:
            patch.setattr(LocalStorage, "put", killing)
            with pytest.raises(Killed):
                c360_here(patch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
        assert len(open_work(tenant)) == 1
        for name in NAMES.values():
            published = place_of(load_tenant(tenant), name).published()
            assert published is not None
            assert published.is_whole
    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
    assert said.code == 0, said.text
    assert open_work(tenant) == []


def test_what_comes_back_with_a_backup_goes_again(
    both_days: Path, forgotten: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tenant = Path(shutil.copytree(forgotten, tmp_path / "tenant", symlinks=True))
    shutil.copytree(both_days / "lake", tenant / "lake", dirs_exist_ok=True)
    assert "published lakes" in _values(tenant)
    run = c360_here(monkeypatch, "run", "--tenant", tenant)
    assert run.code == 0, run.text
    assert "held people who were forgotten" in run.text
    assert _values(tenant) == {}


IN_BUCKET = """
databases:
  group: {primary: true}
  few: {format: delta, address: "s3://brand/lake", tables: [merged_customers, customer_360]}
privacy: {hold: true}
"""


def test_forgotten_in_a_bucket_that_keeps_versions(
    first_day: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tenant = Path(shutil.copytree(first_day, tmp_path / "tenant", symlinks=True))
    with s3_of_its_own(keeps_versions=True) as s3:
        with (tenant / "tenant.yaml").open("a", encoding="utf-8") as config:
            config.write(IN_BUCKET)
        run = c360_here(monkeypatch, "run", "--tenant", tenant)
        assert run.code == 0, run.text
        assert _finds_of_versions(s3, tmp_path) > 2
        sql = ["sql", "SELECT count(*) AS n FROM merged_customers", "--json", "--database", "few"]
        (before,) = json.loads(c360_here(monkeypatch, *sql, "--tenant", tenant).stdout)
        said = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
        assert said.code == 0, said.text
        (after,) = json.loads(c360_here(monkeypatch, *sql, "--tenant", tenant).stdout)
        assert after["n"] == before["n"] - 1
        (receipt,) = read_receipts(tenant)
        assert receipt.rows["earlier versions of objects at s3://brand/lake"] > 3
        assert receipt.remaining.keys() <= {"landed files"}
        assert _finds_of_versions(s3, tmp_path) == 0


def _finds_of_versions(s3: Any, folder: Path) -> int:
    """In how many objects a value stands, versions that are not current too."""
    files = []
    pages = s3.get_paginator("list_object_versions").paginate(Bucket="brand")
    versions = [one for page in pages for one in page.get("Versions", ())]
    for number, one in enumerate(versions):
        file = folder / f"object-{number}"
        content = s3.get_object(Bucket="brand", Key=one["Key"], VersionId=one["VersionId"])
        file.write_bytes(content["Body"].read())
        files.append(file)
    return len(Searcher(OTTILIE).search(files).finds)


def test_a_database_that_moves(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tenant / "tenant.yaml"
    moved = DATABASES.replace("format: delta", "format: parquet, address: other")
    moved = moved.replace("plain: {}", "plain: {format: delta}")
    config.write_text(config.read_text("utf-8").replace(DATABASES, moved), "utf-8")
    run = c360_here(monkeypatch, "run", "--tenant", tenant)
    assert run.code == 0, run.text
    assert re.search(r"what stands at \S*activated/customer_360 gets no more updates", run.text)
    assert re.search(r"what stands at \S*plain\.duckdb gets no more updates", run.text)
    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
    assert said.code == 0, said.text
    assert _values(tenant) == {}
    _leave_long_ago(tenant)
    tidied = c360_here(monkeypatch, "tidy", "--tenant", tenant)
    assert tidied.code == 0, tidied.text
    assert not (tenant / "activated/customer_360").exists()
    assert not (tenant / "activated/plain.duckdb").exists()
    assert (tenant / "other/publication.json").exists()
    noted = Manifest.load(tenant / "warehouse/manifest.json").meta["lakes"]
    assert noted.keys() == {"other", "lake", "activated/plain", "activated/hidden"}


def _leave_long_ago(root: Path) -> None:
    path = root / "warehouse/manifest.json"
    text = path.read_text("utf-8")
    assert text.count('"left": "2') == 2
    path.write_text(re.sub(r'"left": "\d{4}', '"left": "2001', text), "utf-8")
