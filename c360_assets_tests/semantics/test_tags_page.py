"""The page of all tags is what the catalogue says."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets.semantics.tags import CATALOGUE, suggest
from c360_assets.semantics.tags_page import tags_matching, tags_page
from c360_assets_tests.day.command import finish, start

PAGE = Path(__file__).parents[2] / "docs" / "tags.md"


def test_the_page_is_current() -> None:
    text = PAGE.read_text("utf-8")
    assert text == tags_page(), "write it again: c360 tags --markdown > docs/tags.md"
    assert all(f"`{tag}`" in text for tag in CATALOGUE)


def test_a_narrow_terminal_shows_names_and_meanings_whole() -> None:
    said = finish(start("tags", "email", COLUMNS="80"))
    lines = said.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    place = lines.index("txn-item/digital-channel  string")
    assert lines[place + 1].startswith("    feeds unified_itemized_transactions: What led to an ")
    assert {line.split(" ")[0] for line in lines} == {"", *(t.name for t in tags_matching("email"))}


def test_tags_are_found_by_name_meaning_and_table() -> None:
    assert "loy/current-tier" in {tag.name for tag in tags_matching("tier")}
    assert "postal" in {tag.name for tag in tags_matching("leading zeros")}
    assert {tag.group for tag in tags_matching("sms_opt_status")} == {"sms-opt"}


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("zip", "postal"),
        ("mobile", "phone"),
        ("loy/tier", "loy/current-tier"),
        ("txn/order-id", "txn-item/order-id"),
        ("email-opt/opted-in", "email-opt/is-email-opted-in"),
        ("item-revenue", "txn-item/item-revenue"),
        ("brand", None),
        ("loyalty-tier", None),
        ("txn-item/gift-wrap", None),
    ],
)
def test_what_was_meant(tag: str, meant: str | None) -> None:
    assert suggest(tag) == meant
