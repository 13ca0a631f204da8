"""Ids through the command line: what a run would change, a warehouse that lost its ids, ids that
ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from c360_assets.warehouse.published_file import database_path
from c360_assets_tests.day.command import ask, c360_here, written
from c360_assets_tests.day.conftest import Ran
from c360_assets_tests.day.small import FIRST, SECOND, SHOP_ROWS, copy_of, land, land_all

IDS = "SELECT datasource, pk, amperity_id FROM unified_coalesced ORDER BY ALL"
LABELS = """
source: Own
feed: Labels
files: {pattern: "'own/labels-'yyyyMMdd'.csv'"}
primary_key: [row]
fields:
  row: {}
  label: {tags: [sl/label-id]}
  part: {type: integer, tags: [sl/partition-id]}
  source: {tags: [sl/datasource]}
  what: {tags: [sl/semantic]}
  value: {tags: [sl/value]}
"""
# Two accounts of one shop are one person, and a row fits nobody.
LABEL_ROWS = """row,label,part,source,what,value
1,L,1,Shop:Customers,pk,c4
2,L,1,Shop:Customers,pk,c5
3,M,1,Shop:Customers,pk,nobody
"""


def test_a_dry_run_says_what_would_change_and_writes_nothing(
    small: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written(small.root)
    options = ("stitch", "--dry-run", "--threshold", "5", "--tenant", small.root)
    said = c360_here(monkeypatch, *options, "--json")
    assert said.code == 0, said.text
    trial = json.loads(said.stdout)
    assert trial["people"] >= trial["people_before"] > 0
    assert set(trial["records"].get("updated", {})) <= {"setting"}
    assert sum(trial["identities"].values()) == len(trial["changed"])
    said = c360_here(monkeypatch, "stitch", "--dry-run", "--tenant", small.root)
    assert "Nobody would change. Nothing was written." in said.text
    assert written(small.root) == before
    for wrong in (("--threshold", "4"), ("--dry-run", "--new-ids"), ("--show-pii",)):
        assert c360_here(monkeypatch, "stitch", *wrong, "--tenant", small.root).code == 2


@pytest.mark.long
def test_a_warehouse_that_lost_its_ids_gets_them_back(
    small: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_of(small.root, tmp_path / "lost ids")
    ids = ask(root, IDS)
    published = database_path(root)
    (root / "warehouse/manifest.json").unlink()
    said = c360_here(monkeypatch, "run", "--tenant", root)
    assert said.code == 1
    assert "--ids-from" in said.text
    assert "--new-ids" in said.text
    assert c360_here(monkeypatch, "activate", "--tenant", root).code == 1
    assert c360_here(monkeypatch, "stitch", "--tenant", root).code == 1
    said = c360_here(monkeypatch, "stitch", "--ids-from", published, "--tenant", root)
    assert said.code == 0, said.text
    assert "took over generation 1 with 10 records" in said.text
    said = c360_here(monkeypatch, "run", "--tenant", root)
    assert said.code == 0, said.text
    assert ask(root, IDS) == ids
    said = c360_here(monkeypatch, "run", "--new-ids", "--tenant", root)
    assert said.code == 1
    assert "this one knows them" in said.text


def test_labels_of_a_feed_are_obeyed_and_ended_ids_are_followed(
    small: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_of(small.root, tmp_path / "labelled")
    before = {pk: id for source, pk, id in ask(root, IDS) if source.startswith("Shop")}
    (root / "feeds/own").mkdir()
    (root / "feeds/own/labels.yaml").write_text(LABELS.lstrip(), "utf-8")
    (root / "landing/own").mkdir()
    (root / f"landing/own/labels-{FIRST:%Y%m%d}.csv").write_text(LABEL_ROWS, "utf-8")
    said = c360_here(monkeypatch, "run", "--json", "--tenant", root)
    assert said.code == 0, said.text
    warnings = json.loads(said.stdout)["warnings"]
    (lost,) = (text for text in warnings if "names no record that is there: " in text)
    after = {pk: id for source, pk, id in ask(root, IDS) if source.startswith("Shop")}
    assert after["c4"] == after["c5"]
    changed = ask(root, "SELECT pk, cause FROM unified_changes_pks WHERE change_type = 'updated'")
    assert {cause for _, cause in changed} == {"label"}
    status = c360_here(monkeypatch, "status", "--json", "--tenant", root)
    standing = json.loads(status.stdout)["stitch"]["warnings"]
    assert lost in standing
    assert set(standing) <= set(warnings)
    (ended,) = {before["c4"], before["c5"]} - {after["c4"]}
    profile = c360_here(monkeypatch, "profile", ended, "--json", "--tenant", root)
    assert json.loads(profile.stdout)["amperity_id"] == after["c4"]
    explained = c360_here(monkeypatch, "explain", ended, "--json", "--tenant", root)
    assert json.loads(explained.stdout)["amperity_id"] == after["c4"]
    pair = ("Shop:Customers/c4", "Shop:Customers/c5")
    told = c360_here(monkeypatch, "explain", *pair, "--tenant", root)
    assert "One person: decided by label, score 5.00" in told.text
    assert "by the label L" in told.text


@pytest.mark.long
def test_a_delivery_without_new_people_moves_nobody(
    small: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_of(small.root, tmp_path / "next day")
    ids = ask(root, IDS)
    land_all(root, SECOND)
    land(
        root, "shop/customers", SECOND, [*SHOP_ROWS, ("c9", "zoe@example.com", "Zoe", "Zimmer", 1)]
    )
    said = c360_here(monkeypatch, "run", "--tenant", root)
    assert said.code == 0, said.text
    assert set(ids) < set(ask(root, IDS))
    rows = ask(
        root,
        "SELECT pk, cause FROM unified_changes_pks WHERE job_id IN "
        "(SELECT max_by(job_id, timestamp) FROM unified_changes_pks)",
    )
    assert ("c9", "record_added") in rows
