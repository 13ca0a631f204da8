"""The verbs that only look, and demo, which writes to new folders only."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from c360_assets_tests.day.command import ask, c360_here, written
from c360_assets_tests.day.conftest import Ran
from c360_assets_tests.day.small import (
    FIRST,
    SECOND,
    SHOP_ROWS,
    copy_of,
    land,
    land_all,
    small_tenant,
)


def test_status_names_feeds_stitch_and_what_is_published(
    small: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_of(small.root, tmp_path / "tenant")
    land(root, "shop/customers", SECOND)
    page = c360_here(monkeypatch, "status", "--tenant", root)
    assert page.code == 0
    for told in (
        "Shop:Customers 2026-03-02",
        "1 day",
        "10 source records → 6 people",
        "Published",
        "30 6 * * *",
        "16 rows of 3 files loaded, stitched",
        "tables built, published",
    ):
        assert told in page.text, page.text
    status = json.loads(c360_here(monkeypatch, "status", "--json", "--tenant", root).stdout)
    feeds = {
        f["feed"]: (f["last_day"], f["rows"], f["rejected"], f["waiting_days"])
        for f in status["feeds"]
    }
    assert feeds["Shop:Customers"] == ("2026-03-02", 6, 0, 1)
    assert feeds["Club:Members"] == ("2026-03-02", 4, 0, 0)
    assert (status["stitch"]["source_records"], status["stitch"]["people"]) == (10, 6)
    last = status["last_run"]
    assert (last["what"], last["options"], last["failures"]) == ("`c360 run`", [], 0)
    assert status["check_warnings"] == []


def test_people_are_told_before_any_table_of_theirs_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_all(small_tenant(tmp_path), FIRST)
    assert c360_here(monkeypatch, "load", "--tenant", tmp_path).code == 0
    stitched = c360_here(monkeypatch, "stitch", "--tenant", tmp_path)
    assert "10 source records → 6 people" in stitched.text, stitched.text


def test_what_is_loaded_can_be_asked_compared_and_previewed_before_it_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = small_tenant(tmp_path)
    land_all(root, FIRST)
    land(root, "shop/customers", FIRST, [*SHOP_ROWS, ("c9", "no address", "Guy", "Grey", 1)])
    loaded = c360_here(monkeypatch, "load", "--tenant", root)
    unseen = "Stitch has not seen rows that were loaded (Club:Members 4, Shop:Customers 7)"
    assert unseen in loaded.text, loaded.text
    assert c360_here(monkeypatch, "validate", "--tenant", root).code == 0
    shown = c360_here(monkeypatch, "validate", "--sql", 1, "--tenant", root)
    for query in (shown.stdout, "-"):
        args = ("sql", "--csv", query, "--tenant", root)
        rows = c360_here(monkeypatch, *args, stdin=shown.stdout)
        assert rows.stdout.count("\n") > 1, rows.text
    before = written(root)
    difference = c360_here(monkeypatch, "diff", "--tenant", root)
    assert "People: 7 added, 0 dropped, 0 changed" in difference.text, difference.text
    preview = c360_here(monkeypatch, "database", "preview", "customer_360", "--tenant", root)
    assert "7 rows; nothing was written" in preview.text, preview.text
    assert written(root) == before


def test_rows_that_stitch_has_not_seen_are_counted(
    small: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_of(small.root, tmp_path / "tenant")

    def unseen() -> dict[str, int]:
        status = c360_here(monkeypatch, "status", "--json", "--tenant", root)
        counts: dict[str, int] = json.loads(status.stdout)["unseen"]
        return counts

    assert unseen() == {}
    land(root, "shop/customers", SECOND, [*SHOP_ROWS[:2], ("c9", "guy@x.org", "Guy", "Grey", 1)])
    land(root, "post/letters", SECOND)
    assert c360_here(monkeypatch, "load", "--tenant", root).code == 0
    assert unseen() == {"Shop:Customers": 3}
    assert c360_here(monkeypatch, "stitch", "--tenant", root).code == 0
    assert unseen() == {}


def test_digests_are_one_line_per_table(small: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = c360_here(
        monkeypatch, "--tenant", small.root, "status", "--digests"
    ).stdout.splitlines()
    rows = {name: int(count) for name, count, _ in (line.split() for line in lines)}
    assert (rows["unified_coalesced"], rows["merged_customers"], rows["domain/Shop_Customers"]) == (
        10,
        6,
        6,
    )


def test_sql_answers_as_table_json_and_csv(small: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    query = (
        "SELECT given_name, surname, NULL AS nothing FROM customer_360 ORDER BY given_name LIMIT 2"
    )
    table = c360_here(monkeypatch, "sql", query, "--tenant", small.root)
    assert (table.code, table.stdout.split()) == (
        0,
        ["given_name", "surname", "nothing", "Ann", "Archer", "Bob", "Baker"],
    )
    as_json = c360_here(monkeypatch, "sql", "--json", query, "--tenant", small.root)
    assert json.loads(as_json.stdout)[1] == {
        "given_name": "Bob",
        "surname": "Baker",
        "nothing": None,
    }
    as_csv = c360_here(monkeypatch, "sql", "--csv", query, "--tenant", small.root)
    assert list(csv.reader(io.StringIO(as_csv.stdout)))[1:] == [
        ["Ann", "Archer", ""],
        ["Bob", "Baker", ""],
    ]


def test_sql_cannot_change_the_published_database(
    small: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written(small.root)
    said = c360_here(monkeypatch, "sql", "DELETE FROM customer_360", "--tenant", small.root)
    assert (said.code, "Traceback" in said.text) == (1, False)
    assert written(small.root) == before


def test_the_sql_of_a_table_runs_on_the_published_database(
    demo: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = c360_here(monkeypatch, "sql", "--show", "merged_households", "--tenant", demo.root)
    assert shown.code == 0
    counted = c360_here(
        monkeypatch,
        "sql",
        "--json",
        f"SELECT count(*) AS n FROM ({shown.stdout})",
        "--tenant",
        demo.root,
    )
    assert counted.code == 0, counted.text
    assert [(json.loads(counted.stdout)[0]["n"],)] == ask(
        demo.root, "SELECT count(*) FROM merged_households"
    )
    own = c360_here(monkeypatch, "sql", "--show", "brand_crossover", "--tenant", demo.root)
    # Its SQL begins with a comment.
    assert c360_here(monkeypatch, "sql", own.stdout.rstrip(), "--tenant", demo.root).code == 0
    assert (
        own.stdout.strip()
        == (demo.root / "database/brand_crossover.sql").read_text("utf-8").strip()
    )


def test_the_sql_of_a_segment_runs_on_the_published_database(
    demo: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = c360_here(monkeypatch, "segment", "sql", "one_time_buyers", "--tenant", demo.root)
    # As a shell hands it on, with the comment that it begins with.
    query = shown.stdout.rstrip()
    found = c360_here(monkeypatch, "sql", "--csv", query, "--tenant", demo.root)
    assert found.code == 0, found.text
    members = ask(
        demo.root,
        "SELECT amperity_id FROM segments.segment_membership WHERE segment = 'one_time_buyers'",
    )
    assert sorted(found.stdout.split()[1:]) == sorted(person for (person,) in members)


def test_profile_opens_one_customer_by_the_beginning_of_the_id(
    demo: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((person, records, surname),) = ask(
        demo.root,
        """SELECT amperity_id, count(*), any_value(m.surname)
           FROM unified_coalesced JOIN merged_customers m USING (amperity_id)
           WHERE m.surname IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1""",
    )
    page = c360_here(monkeypatch, "profile", person[:8], "--tenant", demo.root)
    assert page.code == 0, page.text
    assert person in page.text
    assert surname in page.text
    assert f"{records} source records" in page.text
    found = json.loads(
        c360_here(monkeypatch, "profile", person, "--json", "--tenant", demo.root).stdout
    )
    assert (found["amperity_id"], len(found["records"])) == (person, records)
    short = c360_here(monkeypatch, "profile", person[:3], "--tenant", demo.root)
    assert short.code == 1


def test_check_prints_problems_as_json(
    small: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_of(small.root, tmp_path / "tenant")
    file = root / "feeds/shop/customers.yaml"
    file.write_text(file.read_text("utf-8").replace("tags: [surname]", "tags: [surnaem]"), "utf-8")
    said = c360_here(monkeypatch, "check", "--json", "--tenant", root)
    problems = json.loads(said.stdout)
    assert said.code == 0, "a misspelt tag may be a custom one: a warning"
    assert {p["severity"] for p in problems} == {"warning"}
    misspelt = [p for p in problems if "surnaem" in p["message"] + str(p["key"]) + str(p["remedy"])]
    assert [(p["file"], p["line"]) for p in misspelt] == [("feeds/shop/customers.yaml", 12)]


def test_demo_refuses_a_folder_that_holds_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    said = c360_here(monkeypatch, "demo", tmp_path, "--people", "20", "--days", "2")
    assert (said.code, "is not empty" in said.text) == (1, True)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    made = c360_here(monkeypatch, "demo", tmp_path / "new", "--people", "20", "--days", "2")
    assert made.code == 0, made.text
    assert c360_here(monkeypatch, "check", "--tenant", tmp_path / "new").code == 0
