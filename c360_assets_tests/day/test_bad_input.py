"""What arrives broken or was asked wrongly: told in a sentence with the remedy, nothing of it
loaded, the rest as it was."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from c360_assets.warehouse.published_file import database_path
from c360_assets_tests.day.command import Said, ask, c360_here, written
from c360_assets_tests.day.conftest import Ran
from c360_assets_tests.day.small import (
    CLUB,
    CLUB_ROWS,
    FIRST,
    POST_ROWS,
    SECOND,
    SHOP_ROWS,
    copy_of,
    land,
    land_all,
    small_tenant,
)


@pytest.fixture
def ran(small: Ran, tmp_path: Path) -> Path:
    """A tenant with a published database, to be spoiled."""
    return copy_of(small.root, tmp_path / "tenant")


def refused(said: Said, *told: str) -> None:
    """The verb failed, says all of `told`, and shows no inner workings."""
    assert said.code == 1, said.text
    assert "Traceback" not in said.text
    assert [part for part in told if part not in said.text] == [], said.text


def test_the_small_tenant_has_its_day(small: Ran) -> None:
    assert small.said.code == 0, small.said.text
    assert ask(
        small.root, "SELECT count(*), count(DISTINCT amperity_id) FROM unified_coalesced"
    ) == [(10, 6)]


def test_nothing_landed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = small_tenant(tmp_path / "tenant")
    refused(
        c360_here(monkeypatch, "run", "--tenant", root),
        "nothing has landed",
        str(root / "landing"),
        "files.pattern",
    )
    assert not database_path(root).exists()


def test_a_tenant_without_customers(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (ran / "feeds").rglob("*.yaml"):
        file.write_text(file.read_text("utf-8").replace("stitch: true", "stitch: false"), "utf-8")
    (ran / "stitch.yaml").unlink(missing_ok=True)
    said = c360_here(monkeypatch, "check", "--tenant", ran)
    assert "no table has customers for Stitch" in said.text
    refused(c360_here(monkeypatch, "run", "--tenant", ran), "✗ no table has customers for Stitch")


def test_a_misspelt_key_of_a_feed(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(ran)
    (ran / "feeds/club/members.yaml").write_text(
        CLUB.lstrip().replace("primary_key:", "primery_key:"), "utf-8"
    )
    land_all(ran, SECOND)
    line = CLUB.lstrip().splitlines().index("primary_key: [member]") + 1
    told = (f"feeds/club/members.yaml:{line}", "primery_key", "primary_key", "nothing was run")
    refused(c360_here(monkeypatch, "run", "--tenant", ran), *told)
    refused(c360_here(monkeypatch, "check", "--tenant", ran), *told[:3])
    assert written(ran) == before


def test_the_name_of_a_feed_is_shown_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither square brackets nor `:star:` mean anything on the screen."""
    root = small_tenant(tmp_path / "tenant")
    (root / "workflow.yaml").unlink()
    odd = {
        "shop/customers": ("Shop", "Star [/b]"),
        "club/members": ("Club", "Star [EU]"),
        "post/letters": ("Post", "Star"),
    }
    for file, (_, name) in odd.items():
        feed = root / f"feeds/{file}.yaml"
        declared = re.sub("(?m)^feed: .*$", f'feed: "{name}"', feed.read_text("utf-8"))
        feed.write_text(declared, "utf-8")
    land_all(root, FIRST)
    land(root, "shop/customers", FIRST, [*SHOP_ROWS, ("c9", "no address", "Gus", "Gray", 1)])
    land(root, "club/members", FIRST, [*CLUB_ROWS, ("m9", "no address", "Gus", "Gray")])
    said = c360_here(monkeypatch, "load", "--tenant", root)
    assert said.code == 0, said.text
    names = [f"{source}:{name}" for source, name in odd.values()]
    for name, rows in zip(names, (7, 5, 6), strict=True):
        assert f"loaded {name}: {rows} rows" in said.text
    # What is validated is shown where something was found, and letters are nobody's.
    for verb, shown in (("status", names), ("validate", names[:2])):
        said = c360_here(monkeypatch, verb, "--tenant", root)
        assert said.code == 0, said.text
        assert [name for name in shown if name not in said.text] == [], verb


def test_sql_that_names_an_unknown_column(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(ran)
    (ran / "database").mkdir()
    (ran / "database/big_spenders.sql").write_text(
        "SELECT amperity_id,\n  spending\nFROM customer_360\n", "utf-8"
    )
    refused(
        c360_here(monkeypatch, "run", "--tenant", ran),
        "database/big_spenders.sql",
        "spending",
        "nothing was run",
    )
    assert written(ran) == before


def test_required_feeds_that_cannot_be_read(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = database_path(ran).read_bytes()
    columns = land(
        ran,
        "shop/customers",
        SECOND,
        [("c9", "Gus", "Gray", 1)],
        columns="customer_id,first,last,visits",
    )
    corrupt = land(ran, "club/members", SECOND)
    corrupt.write_bytes(corrupt.read_bytes()[:-12])
    land(ran, "post/letters", SECOND, [("l9", "Hello", 1)])
    said = c360_here(monkeypatch, "run", "--tenant", ran)
    refused(
        said, "Shop:Customers", columns.name, "email", "Club:Members", corrupt.name, "send it again"
    )
    refused(
        said,
        "loaded Post:Letters: 1 row ",
        "not published: Club:Members, Shop:Customers",
        "left as it is",
    )
    assert database_path(ran).read_bytes() == published
    land(ran, "shop/customers", SECOND, [("c9", "gus@example.com", "Gus", "Gray", 1)])
    land(ran, "club/members", SECOND)
    # That the day is published then is of the next test.
    mended = c360_here(monkeypatch, "load", "--tenant", ran)
    assert mended.code == 0, mended.text
    for loaded in ("Shop:Customers: 1 row", "Club:Members: 4 rows"):
        assert f"loaded {loaded}" in mended.text


def test_a_changed_key_names_its_feed_alone_and_a_purge_loads_it_again(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ran / "feeds/club/members.yaml").write_text(
        CLUB.lstrip().replace("primary_key: [member]", "primary_key: [mail]"), "utf-8"
    )
    # Nothing new has landed.
    refused(c360_here(monkeypatch, "load", "--tenant", ran), "Club:Members: the primary key")
    land(ran, "shop/customers", SECOND, [("c9", "gus@example.com", "Gus", "Gray", 1)])
    land(ran, "club/members", SECOND, [("m9", "gus@example.com", "Gus", "Gray")])
    said = c360_here(monkeypatch, "run", "--tenant", ran)
    refused(
        said,
        "Club:Members: the primary key",
        "c360 feed purge Club:Members",
        "loaded Shop:Customers: 1 row ",
    )
    assert "not published: Club:Members could not be read" in said.text
    refused(
        c360_here(monkeypatch, "feed", "purge", "Club:Member", "--tenant", ran),
        "Club:Member",
        "Club:Members",
    )
    (first,) = (ran / "landing").rglob(f"*members*{FIRST:%Y%m%d}*")
    aside = first.rename(ran / "aside")
    refused(
        c360_here(monkeypatch, "feed", "purge", "Club:Members", "--tenant", ran),
        f"{first.name}, which is gone",
        "--yes",
    )
    aside.rename(first)
    purged = c360_here(monkeypatch, "feed", "purge", "Club:Members", "--tenant", ran)
    assert (purged.code, "emptied Club:Members" in purged.text) == (0, True), purged.text
    assert ask(ran, "SELECT count(*) FROM merged_customers") == [(6,)]
    mended = c360_here(monkeypatch, "run", "--tenant", ran)
    assert mended.code == 0, mended.text
    assert ask(ran, 'SELECT _pk FROM "domain".Club_Members ORDER BY 1 LIMIT 1') == [
        ("ann@example.com",)
    ]
    assert ask(ran, "SELECT count(*) FROM merged_customers") == [(7,)]


def test_too_many_errors_and_feeds_nobody_waits_for_do_not_hold_up_the_rest(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(ran, "shop/customers", SECOND, [(*row[:4], "often") for row in SHOP_ROWS])
    optional = land(
        ran, "post/letters", SECOND, [row[1:] for row in POST_ROWS], columns="subject,pages"
    )
    land(ran, "club/members", SECOND, [("m9", "gus@example.com", "Gus", "Gray")])
    said = c360_here(monkeypatch, "run", "--tenant", ran)
    refused(said, "Shop:Customers: 6 of 6 rows have errors", "error log", "raise error_threshold")
    refused(said, "Post:Letters", optional.name, "letter", "Published:")
    assert "often" not in said.text
    assert ask(ran, 'SELECT count(*), min(visits), max(visits) FROM "domain".Shop_Customers') == [
        (6, 0, 5)
    ]
    assert ask(ran, 'SELECT count(*) FROM "domain".Post_Letters') == [(6,)]
    assert ask(ran, "SELECT count(*) FROM merged_customers") == [(7,)]
    log = "".join(p.read_text("utf-8") for p in (ran / "logs").glob("*row_errors.csv"))
    assert "shop/customers-20260303.csv,2,visits" in log
    accepted = c360_here(
        monkeypatch, "load", "Shop:Customers", "--error-threshold", "100", "--tenant", ran
    )
    assert accepted.code == 0, accepted.text


def test_the_next_run_sends_what_a_destination_lacks(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = "tables: {customer_360: {columns: [amperity_id]}}"
    (ran / "destinations.yaml").write_text(
        f"destinations:\n  crm: {{path: blocked/here, {table}}}\n"
    )
    (ran / "blocked").write_text("a file where a folder should be")
    stray = ran / "landing" / "stray.csv"
    stray.write_text("a\n")
    refused(
        c360_here(monkeypatch, "run", "--tenant", ran),
        "destination crm (blocked/here) did not take the data",
    )
    status = c360_here(monkeypatch, "status", "--tenant", ran).text
    for told in (
        "! crm lacks what is published and has nothing yet: `c360 send crm`",
        "✗ destination crm (blocked/here) did not take the data",
        "1 file below landing/ is of no feed and not loaded, such as stray.csv",
    ):
        assert told in status
    (ran / "blocked").unlink()
    stray.unlink()
    sent = c360_here(monkeypatch, "run", "--tenant", ran)
    assert (sent.code, "Sent to crm: customer_360 6 rows" in sent.text) == (0, True), sent.text
    assert (ran / "blocked/here/manifest.json").exists()
    again = json.loads(c360_here(monkeypatch, "run", "--json", "--tenant", ran).stdout)
    assert again["sent_tables"] == []
    status = c360_here(monkeypatch, "status", "--tenant", ran).text
    assert "Sent crm has what is published: customer_360 6 rows" in status


def test_feeds_without_files_are_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = small_tenant(tmp_path / "tenant")
    (root / "domain_tables").mkdir()
    (root / "domain_tables/CDT_Friends.sql").write_text(
        "SELECT member, mail FROM Club_Members", "utf-8"
    )
    (root / "domain_tables/CDT_Friends.yaml").write_text("primary_key: [member]\n", "utf-8")
    land(root, "shop/customers", SECOND)
    said = c360_here(monkeypatch, "run", "--tenant", root)
    assert said.code == 0, said.text
    assert "Club:Members: no file has landed yet" in said.text
    assert ask(root, "SELECT count(*) FROM merged_customers") == [(6,)]
    again = c360_here(monkeypatch, "run", "--tenant", root)
    assert (again.code, "Nothing new landed" in again.text) == (0, True), again.text


def test_a_tenant_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(
        c360_here(monkeypatch, "run", "--tenant", tmp_path / "none"),
        "no tenant folder",
        "c360 init",
    )
    refused(
        c360_here(monkeypatch, "stitch", "--tenant", small_tenant(tmp_path / "new")),
        "nothing is loaded yet",
        "c360 load",
    )


@pytest.mark.parametrize("verb", [["sql", "SELECT 1"], ["profile", "00000000"], ["rollback"]])
def test_questions_before_anything_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: list[str]
) -> None:
    said = c360_here(monkeypatch, *verb, "--tenant", small_tenant(tmp_path / "tenant"))
    refused(said)
    assert any(told in said.text for told in ("c360 run", "no kept database")), said.text


@pytest.mark.parametrize(
    "args",
    [
        ["walk"],
        ["run", "--date", "yesterday"],
        ["run", "--error-threshold", "200"],
        ["load", "--from", "2026-06-09", "--to", "2026-06-01"],
        ["ui", "--port", "99999"],
        ["run", "--no-such-option"],
        ["sql"],
        ["profile"],
        ["demo"],
        ["demo", "x", "--people", "0"],
        ["feed", "suggest", "no-such-file.csv"],
    ],
    ids=" ".join,
)
def test_wrong_use(small: Ran, monkeypatch: pytest.MonkeyPatch, args: list[str]) -> None:
    said = c360_here(monkeypatch, "--tenant", small.root, *args)
    assert said.code == 2, said.text
    assert "Usage: " in said.text


def test_unknown_names_are_answered_with_the_known_ones(
    small: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(
        c360_here(monkeypatch, "load", "Shop:Custmers", "--tenant", small.root),
        "Shop:Custmers",
        "Shop:Customers",
    )
    refused(
        c360_here(monkeypatch, "run", "--only", "customer_36", "--tenant", small.root),
        "customer_36",
        "customer_360",
    )
    refused(
        c360_here(monkeypatch, "sql", "--show", "nothing", "--tenant", small.root),
        "nothing",
        "merged_customers",
    )
    refused(
        c360_here(monkeypatch, "sql", "SELECT nothing FROM customer_360", "--tenant", small.root),
        "nothing",
    )
    refused(c360_here(monkeypatch, "profile", "ffffffff-0000", "--tenant", small.root), "nobody")
