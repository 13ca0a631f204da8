"""Countries, states and streets as they are written around the world."""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from c360_assets.semantics.addresses import clean_address, clean_state
from c360_assets.semantics.countries import country_code, country_facts, country_names


def polars(
    expression: Callable[..., pl.Expr], values: Sequence[str | None], **options: Any
) -> list[Any]:
    frame = pl.DataFrame({"v": pl.Series(values, dtype=pl.String)})
    return frame.select(expression(pl.col("v"), **options)).to_series().to_list()


def test_countries_by_any_name() -> None:
    names = ["Deutschland", "germany", "DEU", "U.K.", "Great Britain", "276", "España", "日本"]
    assert polars(country_code, names) == ["DE", "DE", "DE", "GB", "GB", "DE", "ES", "JP"]
    assert polars(country_code, ["Atlantis", "", None, "N/A", "NA", "-"]) == [None] * 6


def test_every_name_of_the_table_is_in_the_letters_that_folding_leaves() -> None:
    names = country_names()
    assert polars(country_code, list(names)) == list(names.values())
    assert polars(country_code, ["الأردن", "الاردن", "الإمارات العربية المتحدة"]) == [
        "JO",
        "JO",
        "AE",
    ]


def test_facts() -> None:
    assert country_facts("GB").timezone == "Europe/London"
    assert country_facts("AU").timezone == ""
    assert [country_facts(code).first_in_dates for code in ("FR", "US")] == ["day", "month"]


def test_what_a_whole_address_holds() -> None:
    needed = {
        code: " ".join(country_facts(code).address_needs) for code in ("US", "NL", "AE", "SG")
    }
    assert needed == {
        "US": "address city state postal",
        "NL": "address city postal",
        "AE": "address state",
        "SG": "address postal",
    }


@pytest.mark.parametrize(
    ("country", "names", "code"),
    [
        ("CA", ["Ontario", "ON", "Ont.", "CA-ON", "ontario "], "ON"),
        ("CA", ["Québec", "Quebec", "QC", "P.Q."], "QC"),
        ("AU", ["New South Wales", "NSW", "N.S.W."], "NSW"),
        ("AU", ["Western Australia", "WA"], "WA"),
        ("DE", ["Bayern", "Bavaria", "BY"], "BY"),
        ("BR", ["São Paulo", "Sao Paulo", "SP"], "SP"),
        ("IN", ["Tamil Nadu", "TAMILNADU", "TN"], "TN"),
        ("MX", ["Jalisco", "JAL"], "JAL"),
    ],
)
def test_states(country: str, names: list[str], code: str) -> None:
    assert polars(clean_state, names, country=country) == [code] * len(names)


def test_states_elsewhere_stay_and_american_ones_are_known_everywhere() -> None:
    assert polars(clean_state, ["New York", "Ruritania"], country="CA") == ["NY", "RURITANIA"]
    assert polars(clean_state, ["Ontario", "Washington"]) == ["ONTARIO", "WA"]


@pytest.mark.parametrize(
    ("country", "spellings"),
    [
        (
            "DE",
            ["Hauptstr. 5", "Hauptstraße 5", "Haupt-Str. 5", "HAUPTSTRASSE 5"],
        ),
        ("AT", ["Mozartpl. 3", "Mozartplatz 3"]),
        ("CH", ["12, rte de Genève", "12 Route de Geneve"]),
        ("NL", ["Kerkstr. 12", "Kerkstraat 12"]),
        ("SE", ["Storg. 5", "Storgatan 5"]),
        ("FR", ["12 R. de la Paix", "12, rue de la Paix"]),
        ("FR", ["5 bd St-Michel", "5 Boulevard Saint Michel"]),
        ("ES", ["C/ Mayor, 5", "C/Mayor 5", "Calle Mayor nº 5"]),
        ("ES", ["Avda. de Europa 3", "Avenida de Europa, 3"]),
        ("BR", ["R. Augusta, 100", "R.Augusta 100", "Rua Augusta, 100"]),
        ("PT", ["Av. da Liberdade 7", "Avenida da Liberdade, 7"]),
        ("IT", ["V.le Monza 3", "Viale Monza, 3"]),
        ("IT", ["P.zza Dante 2", "Piazza Dante 2"]),
        ("PL", ["ul. Długa 5 m. 3", "Ulica Długa 5 m 3"]),
        ("RU", ["ул. Ленина, д. 5", "улица Ленина 5"]),
        ("TR", ["Atatürk Cad. No:12 D:3", "Atatürk Caddesi No: 12 Daire 3"]),
        ("GB", ["5 High St.", "5 High Street"]),
        ("AU", ["5 Beach Pde", "5 Beach Parade"]),
        ("CA", ["5 Main St", "5 Main Street"]),
    ],
)
def test_streets(country: str, spellings: list[str]) -> None:
    lines = polars(clean_address, spellings, country=country)
    assert len(set(lines)) == 1, lines


def test_an_address_of_no_country_keeps_its_words() -> None:
    assert polars(clean_address, ["Hauptstr. 5"]) == ["HAUPTSTR 5"]
    assert polars(clean_address, ["100 N Main St"], country="US") == ["100 NORTH MAIN STREET"]
