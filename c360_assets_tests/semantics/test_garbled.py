"""Text that a system wrote for another place."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_assets.semantics.garbled import LOST, mended, mended_text
from c360_assets.semantics.normalize import clean_name
from c360_assets.stitch.api import record_frame


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("name", ["Müller", "José Núñez", "Zoë Brontë", "Łódź", "Dvořák"])
def test_letters_read_as_others_are_read_again(name: str, encoding: str) -> None:
    garbled = name.encode().decode(encoding, "ignore")
    is_whole = garbled.encode(encoding) == name.encode()
    assert mended_text(garbled) == name or not is_whole


@given(st.text(st.characters(codec="ascii", exclude_characters="&%\\")))
def test_plain_text_stays(text: str) -> None:
    assert mended_text(text) == text


def test_a_text_with_half_a_letter_stays() -> None:
    for text in (r"Zo\ud83d", "M%C3%28ller", "100 % of %41", "Ã"):
        assert mended_text(text) == text


def test_records_are_mended_before_they_are_compared() -> None:
    records = pl.DataFrame({"datasource": "a", "pk": ["1&amp;2"], "surname": ["M&uuml;ller"]})
    frame = record_frame(records)
    assert frame.select("pk", "surname").row(0) == ("1&amp;2", "Müller")
    untouched = pl.Series(["Müller", None])
    assert mended(untouched) is untouched


def test_a_lost_letter_is_one_sign_however_it_is_written() -> None:
    names = pl.DataFrame({"name": [f"J{LOST}rgen", "J?rgen"]}).select(clean_name(pl.col("name")))
    assert names["name"].n_unique() == 1
