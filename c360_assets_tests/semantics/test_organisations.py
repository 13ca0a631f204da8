"""Words of organisations' names."""

import polars as pl
import pytest

from c360_assets.semantics.normalize import clean_company
from c360_assets.semantics.organisations import has_legal_form, organisation_words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Harbour Freight Ltd", ["HARBOUR", "FREIGHT"]),
        ("HARBOUR FREIGHT, LTD.", ["HARBOUR", "FREIGHT"]),
        ("Köhler & Brüder GmbH & Co. KG", ["KOHLER", "BRUDER"]),
        ("The Blue Door", ["BLUE", "DOOR"]),
        ("Aguas del Sur S. de R.L. de C.V.", ["AGUAS", "DEL", "SUR", "S"]),
        ("Rosa's Bakery", ["ROSAS", "BAKERY"]),
        ("Rosa’s Bakery", ["ROSAS", "BAKERY"]),
        # A name of nothing else keeps what it has.
        ("The Limited", ["LIMITED"]),
        ("S.A.", ["SA"]),
        ("And", ["AND"]),
        ("Дом книги ООО", ["ДОМ", "КНИГИ"]),
        ("  ", None),
        (None, None),
    ],
)
def test_legal_forms_and_filler_are_no_words_of_a_name(
    written: str | None, words: list[str] | None
) -> None:
    names = pl.DataFrame({"company": [written]}, schema={"company": pl.String})
    clean = names.select(clean_company(pl.col("company"))).to_series()
    assert organisation_words(clean).to_list() == [words]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Huber Bau GmbH & Co. KG", True),
        ("Rossi S.p.A.", True),
        ("ACME, INC.", True),
        ("Dom Meble sp. z o.o.", True),
        ("ООО Ромашка", True),
        ("株式会社山田", True),
        ("GmbH", False),
        # People are called so.
        ("Anna Ek", False),
        ("Ana Sá", False),
        ("Piet Sas", False),
        (None, None),
    ],
)
def test_a_legal_form_tells_an_organisation(name: str | None, expected: bool | None) -> None:
    names = pl.DataFrame({"name": [name]}, schema={"name": pl.String})
    assert names.select(has_legal_form(pl.col("name"))).item() is expected
