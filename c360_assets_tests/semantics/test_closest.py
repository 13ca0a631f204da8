"""Which word was meant: by edits, whatever the capitals, never the word itself."""

from __future__ import annotations

import pytest

from c360_assets.semantics.closest import closest, instead_of

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


@pytest.mark.parametrize(
    ("word", "known", "remedy"),
    [
        ("emial", KNOWN, "did you mean email?"),
        ("nothing_like_it", ["b", "a"], "there are b, a"),
        ("nothing_like_it", [], "write one"),
    ],
)
def test_what_to_say_of_a_name_that_is_not_there(word: str, known: list[str], remedy: str) -> None:
    assert instead_of(word, known, none="write one") == remedy
