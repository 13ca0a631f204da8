"""The page of all tags is what the catalogue says."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets.semantics.tags import CATALOGUE, suggest
from c360_assets.semantics.tags_page import tags_matching, tags_page

PAGE = Path(__file__).parents[2] / "docs" / "tags.md"


def test_the_page_is_current() -> None:
    text = PAGE.read_text("utf-8")
    assert text == tags_page(), "write it again: c360 tags --markdown > docs/tags.md"
    assert all(f"`{tag}`" in text for tag in CATALOGUE)


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
