"""Records without a person: organisations, told apart by their names, and the people in them."""

import numpy as np
import polars as pl
import pytest

from c360_assets.stitch import stitch
from c360_assets_tests.stitch.retail import retail

COLUMNS = ("given_name", "surname", "company", "email", "phone", "address", "city", "postal")
SYLLABLES = ["BRO", "KEL", "VAN", "MOR", "DAS", "TIL", "QUE", "NOR", "FEN", "LU", "SA", "PRI"]
TRADES = ["Bakery", "Logistics", "Dental", "Garage", "Optics", "Printing", "Kitchen", "Tools"]
FORMS = ["", " Ltd", " GmbH", " S.A.", " Inc."]


def records(rows: list[dict[str, str | None]]) -> pl.DataFrame:
    """One record per row, of two sources in turn; `expected` names who it is of."""
    columns = {column: [row.get(column) for row in rows] for column in (*COLUMNS, "expected")}
    keys = {
        "datasource": [f"Crm{number % 2}:Accounts" for number in range(len(rows))],
        "pk": [str(number) for number in range(len(rows))],
    }
    return pl.DataFrame({**keys, **columns}, schema_overrides=dict.fromkeys(COLUMNS, pl.String))


def clusters(frame: pl.DataFrame) -> pl.DataFrame:
    result = stitch(frame.drop("expected"))
    ids = result.tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    return frame.join(ids, on=["datasource", "pk"])


def pairs(rows: pl.DataFrame, *by: str) -> int:
    n = pl.col("len").cast(pl.Int64)
    return int(rows.group_by(by).len().select((n * (n - 1) // 2).sum()).item())


def quality(rows: pl.DataFrame) -> tuple[float, float]:
    """Pairwise precision and F1."""
    both = pairs(rows, "amperity_id", "expected")
    joined = pairs(rows, "amperity_id")
    return both / max(joined, 1), 2 * both / (joined + pairs(rows, "expected"))


def firms(n: int, seed: int, *, reached: bool) -> list[dict[str, str | None]]:
    """Two or three records of each of `n` firms: legal forms come and go, words are left out, every
    tenth is behind the switchboard of another. `reached`: whether they have phone and address."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, str | None]] = []
    site: dict[str, str | None] = {}
    for number in range(n):
        stem = "".join(rng.choice(SYLLABLES, 3)).capitalize() + str(number % 7)
        name = f"{stem} {rng.choice(TRADES)}"
        if number % 10 or not site:
            site = {
                "phone": str(rng.integers(2_060_000_000, 2_069_999_999)),
                "address": f"{rng.integers(1, 4000)} Larch Road",
                "city": "Tacoma",
                "postal": str(rng.integers(98_000, 99_000)),
            }
        for copy in range(int(rng.integers(2, 4))):
            written = f"The {name}" if copy == 1 else name
            written = (written.upper() if copy else written) + str(rng.choice(FORMS))
            held = site if reached else {}
            rows.append({"company": written, "expected": f"firm-{number}", **held})
    return rows


def test_organisations_are_matched_by_name_alone() -> None:
    precision, f1 = quality(clusters(records(firms(150, 3, reached=False))))
    assert precision >= 0.95
    assert f1 >= 0.9


def test_organisations_behind_one_switchboard_stay_apart() -> None:
    precision, f1 = quality(clusters(records(firms(150, 4, reached=True))))
    assert precision >= 0.97
    assert f1 >= 0.95


SHOP = {"company": "Juniper Dental GmbH", "phone": "2065550172", "address": "12 Quay Street"}
CASES = {
    "the same name in other words of law": (
        [{"company": "Juniper Dental"}, {"company": "JUNIPER DENTAL GMBH"}],
        True,
    ),
    "another name at one phone and address": (
        [SHOP, {**SHOP, "company": "Orchard Print House"}],
        False,
    ),
    "a typing error at one phone": (
        [SHOP, {"company": "Juniper Dentla", "phone": SHOP["phone"]}],
        True,
    ),
    "a person and the company they write from": (
        [SHOP, {**SHOP, "given_name": "Wilhelmina", "surname": "Achterberg"}],
        False,
    ),
    "a record without a name that shares the person's e-mail": (
        [
            {"company": "Juniper Dental", "email": "wilhelmina.achterberg@example.net"},
            {
                "given_name": "Wilhelmina",
                "surname": "Achterberg",
                "company": "Juniper Dental",
                "email": "wilhelmina.achterberg@example.net",
            },
        ],
        True,
    ),
    "two branches of one name": (
        [
            {"company": "Juniper", "phone": "2065550172", "address": "12 Quay Street"},
            {"company": "Juniper", "phone": "5095550118", "address": "840 Fell Avenue"},
        ],
        False,
    ),
}


def are_one(rows: pl.DataFrame, case: str) -> bool:
    return rows.filter(expected=case)["amperity_id"].n_unique() == 1


@pytest.mark.parametrize("case", CASES)
def test_who_is_one_organisation(case: str) -> None:
    two, together = CASES[case]
    rows = clusters(records([{**row, "expected": case} for row in two]))
    assert are_one(rows, case) is together


# A name for each case, so that all of them fit into one tenant.
WORDS = ("Juniper", "Hemlock", "Tamarack", "Sycamore", "Hawthorn", "Mulberry")


def _renamed(value: str, word: str) -> str:
    return value.replace("Juniper", word).replace("JUNIPER", word.upper())


def of_its_own(row: dict[str, str], number: int) -> dict[str, str]:
    """A row of the case of this number, which shares no value with those of the others."""
    own = {key: _renamed(value, WORDS[number]) for key, value in row.items()}
    own |= {key: f"{int(own[key]) + 1000 * number}" for key in own if key == "phone"}
    own |= {key: f"{number}{own[key]}" for key in own if key == "address"}
    return own


def test_who_is_one_organisation_among_people() -> None:
    rows: list[dict[str, str | None]] = [
        {**of_its_own(row, number), "expected": case}
        for number, (case, (two, _)) in enumerate(CASES.items())
        for row in two
    ]
    usual = retail(300, seed=9).rename({"person": "expected"}).cast({"expected": pl.String})
    found = clusters(pl.concat([records(rows), usual], how="diagonal_relaxed"))
    assert {case: are_one(found, case) for case in CASES} == {
        case: together for case, (_, together) in CASES.items()
    }


def test_firms_among_people_do_not_change_who_the_people_are() -> None:
    people = retail(300, seed=9).rename({"person": "expected"}).cast({"expected": pl.String})
    alone = quality(clusters(people))
    both = pl.concat([people, records(firms(60, 5, reached=True))], how="diagonal_relaxed")
    rows = clusters(both)
    among_firms = quality(rows.filter(~pl.col("expected").str.starts_with("firm")))
    assert among_firms[1] >= alone[1] - 0.01
    precision, f1 = quality(rows.filter(pl.col("expected").str.starts_with("firm")))
    assert precision >= 0.95
    assert f1 >= 0.9
