"""Numbers read by a country's plan: as `phonenumbers` reads them, alike in Polars and SQL."""

from collections.abc import Sequence

import duckdb
import phonenumbers
import polars as pl
import pytest

from c360_assets.semantics.contact_marks import CONTACT_MACROS
from c360_assets.semantics.countries import Home
from c360_assets.semantics.phone_plans import (
    by_region,
    compared,
    international,
    phone_plan_macros,
    plan_of,
)

# Transformed numbers (AR, BR, JM), no trunk prefix (ES, DK, IT), short and long ones, prefixes of
# several digits abroad (AU, HK).
REGIONS = "AR AU AT BR CA CH CN DE DK ES FI FR GB HK HU IE IN IT JM JP MX NL NO NZ PL RU SE US ZA"
KINDS = (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)


def written(region: str) -> list[str]:
    """Numbers of a country in the forms that the library writes, and bare with its code."""
    texts = []
    for kind in KINDS:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        forms = phonenumbers.PhoneNumberFormat
        e164 = phonenumbers.format_number(number, forms.E164)
        texts += [
            phonenumbers.format_number(number, forms.NATIONAL),
            phonenumbers.format_number(number, forms.INTERNATIONAL),
            phonenumbers.format_out_of_country_calling_number(number, region),
            phonenumbers.national_significant_number(number),
            e164,
        ]
    return texts


def as_library(text: str, region: str) -> str:
    number = phonenumbers.parse(text, region)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]


def both(
    texts: Sequence[str | None], region: str, function: str = "international"
) -> list[list[str | None]]:
    """What Polars and SQL answer."""
    plan = plan_of(region)
    assert plan is not None
    frame = pl.DataFrame({"v": pl.Series(texts, dtype=pl.String)})
    expression = international if function == "international" else compared
    polars = frame.select(expression(pl.col("v"), plan)).to_series().to_list()
    with duckdb.connect() as con:
        for statement in [*CONTACT_MACROS, *phone_plan_macros(plan)]:
            con.execute(statement)
        con.register("frame", frame)
        rows = con.execute(f"SELECT phone_{function}(v) FROM frame").fetchall()
    return [polars, [value for (value,) in rows]]


@pytest.mark.parametrize("region", REGIONS.split())
def test_as_the_library_reads_them(region: str) -> None:
    texts = written(region)
    expected = [as_library(text, region) for text in texts]
    polars, sql = both(texts, region)
    assert polars == expected
    assert sql == expected


AUSTRALIAN = [
    ("02 9876 5432", "61298765432"),
    ("(02) 9876-5432 ext 7", "61298765432"),
    ("+61 2 9876 5432", "61298765432"),
    ("+61 (0)2 9876 5432", "61298765432"),
    ("0011 61 2 9876 5432", "61298765432"),
    ("0061298765432", "61298765432"),
    ("298765432", "61298765432"),
    ("+44 (0)20 7946 0958", "442079460958"),
    ("+39 06 6982 3456", "390669823456"),
    ("9876 5432", None),
    ("call me", None),
    ("", None),
    (None, None),
]


def test_forms_that_people_write() -> None:
    texts = [text for text, _ in AUSTRALIAN]
    expected = [digits for _, digits in AUSTRALIAN]
    assert both(texts, "AU") == [expected, expected]


def test_what_was_dialled_in_mexico_until_a_reform() -> None:
    texts = ["+52 1 81 9279 8623", "044 81 9279 8623", "01 81 9279 8623", "81 9279 8623"]
    expected = ["528192798623"] * len(texts)
    assert both(texts, "MX") == [expected, expected]


# Country -> number as it was before a reform, and as it is.
RENUMBERED = [
    ("VN", "0168 123 4567", "84381234567"),
    ("VN", "+84 120 123 4567", "84701234567"),
    ("VN", "84 186 1234567", "84561234567"),
    ("VN", "0381234567", "84381234567"),
    ("VN", "024 3825 1234", "842438251234"),
    ("BR", "(11) 8765-4321", "5511987654321"),
    ("BR", "+55 11 98765-4321", "5511987654321"),
    ("BR", "(11) 3765-4321", "551137654321"),
    ("CI", "07 12 34 56", "2250707123456"),
    ("CI", "+225 44123456", "2250544123456"),
    ("BJ", "97123456", "2290197123456"),
    ("UA", "8 (067) 123-45-67", "380671234567"),
    ("UA", "067 123 45 67", "380671234567"),
    ("UA", "+38 (067) 123-45-67", "380671234567"),
]


@pytest.mark.parametrize(("region", "text", "expected"), RENUMBERED)
def test_numbers_of_before_a_reform_are_those_of_today(
    region: str, text: str, expected: str
) -> None:
    assert both([text], region) == [[expected], [expected]]


@pytest.mark.parametrize("region", ["BR", "CO", "HK", "KH", "KR", "SG", "TH"])
def test_a_carrier_hides_no_code_of_ones_own(region: str) -> None:
    """Of 0082 in Korea, 008 chooses a carrier for calls abroad."""
    numbers = [phonenumbers.example_number_for_type(region, kind) for kind in KINDS]
    expected = [f"{one.country_code}{one.national_number}" for one in numbers if one is not None]
    assert both([f"00{text}" for text in expected], region) == [expected, expected]
    plan = plan_of(region)
    assert plan is not None
    assert plan.carriers_hide_code


def test_a_carrier_is_read_before_other_codes() -> None:
    texts = ["001 1 212 555 1234", "00700 82 10 1234 5678", "0049 171 1234567"]
    expected = ["12125551234", "821012345678", "491711234567"]
    assert both(texts, "KR") == [expected, expected]


def test_a_mobile_with_its_code_and_no_plus_is_no_line_of_a_small_town() -> None:
    assert both(["491711234567", "4915123456789"], "DE") == 2 * [["491711234567", "4915123456789"]]


def test_north_american_numbers_are_compared_by_ten_digits_and_others_by_all() -> None:
    texts = ["+1 (206) 555-0123", "206.555.0123", "12065550123", "555-0123", "+44 20 7946 0958"]
    expected = ["2065550123", "2065550123", "2065550123", "5550123", "442079460958"]
    assert both(texts, "US", "compared") == [expected, expected]
    # Two cities of Brazil whose last ten digits are equal.
    polars, sql = both(["+55 11 91234-5678", "021 91234-5678"], "BR", "compared")
    assert polars == sql == ["5511912345678", "5521912345678"]


def test_each_number_is_read_by_its_own_country() -> None:
    numbers = pl.Series(["030 1234567", "030 1234567", "02 9876 5432", None, "02 9876 5432"])
    regions = pl.Series(["DE", "CH", None, "DE", "AQ"])
    read = by_region(numbers, regions, Home("AU", "AU"))
    assert read.to_list() == ["49301234567", "41301234567", "61298765432", None, "61298765432"]
    e164 = by_region(numbers, regions, Home("AU", "AU"), e164=True)
    assert e164.to_list() == ["+49301234567", "+41301234567", "+61298765432", None, "+61298765432"]


def test_without_a_country_the_last_ten_digits_count() -> None:
    numbers = pl.Series(["+61 2 9876 5432", "0298765432"])
    assert by_region(numbers, None, None).to_list() == ["1298765432", "0298765432"]


def test_of_no_number_there_is_no_form() -> None:
    nothing = pl.Series([], dtype=pl.String)
    assert by_region(nothing, nothing, Home("AU", "AU")).to_list() == []
