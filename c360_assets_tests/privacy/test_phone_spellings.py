"""A phone number is looked for as people write it."""

from __future__ import annotations

import pytest

from c360_assets.privacy.phone_spellings import phone_spellings


@pytest.mark.parametrize(
    ("form", "region", "written"),
    [
        ("601234567", "PL", {"601 234 567", "601-234-567", "601234567", "+48 601 234 567"}),
        ("48601234567", "PL", {"601-234-567", "+48601234567", "0048 601234567"}),
        ("4155550101", "US", {"(415) 555-0101", "415.555.0101", "+1 415-555-0101"}),
        ("2079460958", "GB", {"020 7946 0958", "02079460958", "+44 20 7946 0958"}),
    ],
)
def test_spellings_of_a_number(form: str, region: str, written: set[str]) -> None:
    assert written <= phone_spellings(form, region)


def test_digits_that_are_no_number_have_none() -> None:
    assert phone_spellings("12345", "PL") == set()
