"""Which word was meant: by edits, whatever the capitals, never the word itself."""

from __future__ import annotations

import pytest

from c360_assets.semantics.closest import closest

KNOWN = ["lapsed_good_customers", "Shop:Customers", "email"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Lapsed_Good_Customers", "lapsed_good_customers"),
        ("shop:customers", "Shop:Customers"),
        ("emial", "email"),
        ("email", None),
        ("nothing_like_it", None),
    ],
)
def test_the_nearest_word(word: str, meant: str | None) -> None:
    assert closest(word, KNOWN) == meant
