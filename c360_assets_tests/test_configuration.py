"""All problems of a configuration at once: what a broken file hides, and who refuses a broken
tenant."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from c360_assets.configuration import all_problems, load_tenant
from c360_assets.definitions import defs
from c360_assets.errors import ConfigError
from c360_assets.tenant.models import DEFAULT_TENANT_ID
from c360_assets.warehouse.manifest import TENANT as TENANT_FACT
from c360_assets.warehouse.manifest import Manifest
from c360_assets_tests.tenant.right_tenant import CUSTOMERS, LINES, ORDERS, SHOP, write_tenant

TENANT = "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\n"
KEYED = "primary_key: [id]\n"
BROKEN_FEED = {LINES: ORDERS + "unknown: 1\n"}
CYCLE = {
    "domain_tables/A.sql": "SELECT id FROM B",
    "domain_tables/A.yaml": KEYED,
    "domain_tables/B.sql": "SELECT id FROM A",
    "domain_tables/B.yaml": KEYED,
}
MISSING_COLUMN = {
    "domain_tables/C.sql": "SELECT customer_id AS id,\n  famly FROM Shop_Customers",
    "domain_tables/C.yaml": KEYED,
}
UNKNOWN_TABLE = {"merge_policy.yaml": "source_priority: {Shop:Customer: 1}\n"}


def error_places(root: Path) -> list[tuple[str, int | None]]:
    """File and line of every error."""
    return [(p.file, p.line) for p in all_problems(root) if p.severity == "error"]


def test_a_broken_feed_hides_nothing(tmp_path: Path) -> None:
    write_tenant(tmp_path, {**BROKEN_FEED, **UNKNOWN_TABLE, **CYCLE})
    assert error_places(tmp_path) == [
        (LINES, 18),
        ("merge_policy.yaml", 1),
        ("domain_tables/A.sql", None),
    ]


def test_a_broken_feed_does_not_hide_that_a_column_is_missing(tmp_path: Path) -> None:
    write_tenant(tmp_path, {**BROKEN_FEED, **MISSING_COLUMN})
    assert error_places(tmp_path) == [(LINES, 18), ("domain_tables/C.sql", 2)]


def test_nothing_is_missed_in_a_file_that_was_not_taken(tmp_path: Path) -> None:
    """Its defaults stand in for it, and to warn of those would be untrue."""
    write_tenant(tmp_path, {SHOP: CUSTOMERS + "  mobile: {type: string, tags: [phone]}\n"})
    tenant = tmp_path / "tenant.yaml"
    whole = tenant.read_text("utf-8") + "\ncountry: GB\n"

    def said(text: str) -> list[tuple[str, str | None]]:
        tenant.write_text(text, "utf-8")
        return [(p.severity, p.key) for p in all_problems(tmp_path) if p.file == "tenant.yaml"]

    assert said(whole.replace("country: GB", "")) == [("warning", "country")]
    assert said(whole) == []
    assert said(whole + "colour: blue\n") == [("error", "colour")]


# Everything below names the feed that is left out, by one or the other of its names.
FOLLOWING = {
    "workflow.yaml": "feeds: {Shop:Orders: {}}\n",
    "stitch.yaml": "tables: [Shop:Customers, Shop:Orders]\n",
    "merge_policy.yaml": "source_priority: {Shop:Customers: 1, Shop:Orders: 2}\n",
    "domain_tables/D.sql": "SELECT line_id AS id FROM shop_orders",
    "domain_tables/D.yaml": KEYED,
    "domain_tables/E.sql": "SELECT id FROM D",
    "domain_tables/E.yaml": KEYED,
    "database/lines.sql": "SELECT * FROM Shop_Orders",
    "tenant.yaml": TENANT
    + "customer_360: {passthrough: {copy: {source: 'Shop:Orders', columns: [sku]}}}\n",
}


@pytest.mark.parametrize(
    "broken",
    [
        ORDERS + "unknown: 1\n",
        ORDERS.replace("fields:", "fields: ["),
        ORDERS.replace("primary_key: [line_id]\n", ""),
        "'",
    ],
)
def test_what_follows_from_a_broken_feed_is_not_told(tmp_path: Path, broken: str) -> None:
    write_tenant(tmp_path, {**FOLLOWING, LINES: broken})
    assert {file for file, _ in error_places(tmp_path)} == {LINES}


def test_what_follows_from_a_broken_file_of_settings_is_not_told(tmp_path: Path) -> None:
    campaign = "include: all\nchannel: email\npurpose: offers\ndestination: crm\n"
    changes = {
        "workflow.yaml": "purposes: {offers: {email: {email_program: x}}}\nlate: again\n",
        "destinations.yaml": "destinations: {crm: {path: out, tabls: {}}}\n",
        "segments/all.yaml": "include: [{given_name: Ann}]\n",
        "campaigns/c.yaml": campaign + "attributes: [email]\n",
    }
    write_tenant(tmp_path, changes)
    assert {file for file, _ in error_places(tmp_path)} == {"workflow.yaml", "destinations.yaml"}


OWN_TABLES = "  passthrough:\n    {}: {{source: '{}',\n      columns: [sku, {}]}}\n"


@pytest.mark.parametrize(
    ("file", "text", "line", "words"),
    [
        (
            "merge_policy.yaml",
            "email_ampid_assignment:\n  email_order: [nothing desc]\n",
            2,
            "there is no column nothing",
        ),
        ("merge_policy.yaml", "email_ampid_assignment:\n  email_order: ['']\n", 2, "must be a"),
        (
            "tenant.yaml",
            TENANT + "customer_360:\n  customer_360:\n    attributes: [nothing]\n",
            4,
            "nothing is no further column",
        ),
        (
            "tenant.yaml",
            TENANT + "customer_360:\n" + OWN_TABLES.format("copy", "Shop:Order", "sku"),
            4,
            "there is no table Shop:Order",
        ),
        (
            "tenant.yaml",
            TENANT + "customer_360:\n" + OWN_TABLES.format("copy", "Shop:Orders", "skU2"),
            5,
            "Shop:Orders has no column skU2 — did you mean 'sku'?",
        ),
        (
            "tenant.yaml",
            TENANT + "customer_360:\n  validations:\n    blocking: [CV-X]\n",
            4,
            "there is no check CV-X",
        ),
        (
            "tenant.yaml",
            TENANT + "customer_360:\n  customer_attributes:\n    is_employee: {domain: [x.y]}\n",
            4,
            "did you mean 'domains'?",
        ),
        (
            "tenant.yaml",
            TENANT + "customer_360:\n  customer_attributes:\n"
            "    lifecycle_days: {new: -1, active: 1, lapsed: 2}\n",
            4,
            "must be at least 0",
        ),
    ],
)
def test_a_setting_of_the_database_is_one_error_with_its_line(
    tmp_path: Path, file: str, text: str, line: int, words: str
) -> None:
    write_tenant(tmp_path, {file: text})
    (problem,) = (p for p in all_problems(tmp_path) if p.severity == "error")
    assert (problem.file, problem.line) == (file, line)
    assert words in str(problem)


def test_sql_is_not_bound_on_a_table_that_cannot_be_made(tmp_path: Path) -> None:
    twice = CUSTOMERS + "  MAIL: {rename: GIVEN}\n"
    write_tenant(tmp_path, {SHOP: twice, **MISSING_COLUMN, **CYCLE})
    assert error_places(tmp_path) == [(SHOP, 13), (SHOP, 13), ("domain_tables/A.sql", None)]


def test_settings_of_the_day_do_not_hide_what_is_wrong_with_the_database(tmp_path: Path) -> None:
    changes = {
        "workflow.yaml": "activation: {cron: noon}\n",
        "database/extra.sql": "SELECT nothing FROM merged_customers",
    }
    write_tenant(tmp_path, changes)
    assert error_places(tmp_path) == [("workflow.yaml", 1), ("database/extra.sql", 1)]


@pytest.mark.parametrize(
    "changes",
    [
        {SHOP: CUSTOMERS.replace("[customer_id]", "[customer]")},
        {SHOP: CUSTOMERS.replace("stitch: true", "stitch: true\nblock_if: {IV-P99.a: 1}")},
        {"workflow.yaml": "activation: {cron: '30 6 * *'}\n"},
        {"stitch.yaml": "blocking: {strategies: [dnf99]}\n"},
        UNKNOWN_TABLE,
    ],
)
def test_a_broken_tenant_is_loaded_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]
) -> None:
    write_tenant(tmp_path, changes)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("C360_TENANT_DIR", str(tmp_path))
    for load in (lambda: load_tenant(tmp_path), defs):
        with pytest.raises(ConfigError) as raised:
            load()
        assert [
            problem.file for problem in raised.value.problems if problem.severity == "error"
        ] == list(changes)


def test_pages_name_tables_that_the_shipped_tenant_has() -> None:
    home = Path(__file__).parents[1]
    known = {table.physical for table in load_tenant(home / "data").tables}
    text = "".join(
        page.read_text("utf-8") for page in [home / "README.md", *home.glob("docs/*.md")]
    )
    assert set(re.findall(r"'domain\.(\w+)'", text)) <= known


@pytest.mark.parametrize(
    "spoil", [lambda f: f.write_bytes(b"warehouse: \xff"), Path.mkdir, os.mkfifo]
)
def test_a_file_that_cannot_be_read_is_told_of_once(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    write_tenant(tmp_path, {})
    settings = tmp_path / "tenant.yaml"
    settings.unlink()
    spoil(settings)
    assert error_places(tmp_path) == [("tenant.yaml", None)]


OWN = TENANT.split()[1]
OTHER = "id: 00000000-0000-4000-8000-000000000001\n"


@pytest.mark.parametrize(
    ("noted", "settings", "is_refused"),
    [
        (OWN, TENANT, False),
        (OWN, OTHER, True),
        (OWN, None, True),
        (OWN, "", True),
        (OWN, "name: Brand\n", True),
        # One that worked without an id may be given one.
        (str(DEFAULT_TENANT_ID), OTHER, False),
        ("", OTHER, False),
    ],
)
def test_a_tenant_that_has_published_keeps_its_id(
    tmp_path: Path, noted: str, settings: str | None, is_refused: bool
) -> None:
    write_tenant(tmp_path, {})
    Manifest(meta={TENANT_FACT: noted} if noted else {}).save(tmp_path / "warehouse/manifest.json")
    (tmp_path / "tenant.yaml").unlink()
    if settings is not None:
        (tmp_path / "tenant.yaml").write_text(settings, "utf-8")
    found = [p for p in all_problems(tmp_path) if p.severity == "error"]
    assert bool(found) == is_refused
    assert all(f"`id: {OWN}`" in str(problem) for problem in found)
