"""Data that tempt a matcher to join everything: families that share all contacts, placeholders, one
name ten thousand times.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from c360_assets.stitch import stitch
from c360_assets_tests.stitch.retail import retail

SURNAMES = [
    beginning + end
    for beginning in ("Hol", "Bran", "Quin", "Thor", "Mar", "Wes", "Gar", "Den", "Pel", "Zim")
    for end in ("ton", "wick", "berg", "dale")
]
MEMBERS: dict[str, list[tuple[str, str | None, str | None]]] = {
    "father and son by suffix": [("Robert", "Sr", None), ("Robert", "Jr", None)],
    "father and son by birthdate": [("Robert", None, "1950-01-20"), ("Robert", None, "1978-06-30")],
    "twins": [("Emma", None, "1999-03-03"), ("Jill", None, "1999-03-03")],
    "parents and child": [("John", None, None), ("Mary", None, None), ("Peter", None, None)],
}


def families(
    members: list[tuple[str, str | None, str | None]], copies: int, homes: int = 150
) -> pl.DataFrame:
    """Each member in `copies` records, all with the family's surname, e-mail, phone and address."""
    rng = np.random.default_rng(4)
    rows = []
    for home in range(homes):
        surname, number = (
            SURNAMES[home % len(SURNAMES)] + "aeiou"[home // len(SURNAMES)],
            rng.integers(1, 9000),
        )
        shared = {
            "surname": surname,
            "email": f"{surname.lower()}{home}@example.com",
            "phone": str(rng.integers(2_010_000_000, 9_890_000_000)),
            "address": f"{number} {SURNAMES[int(rng.integers(len(SURNAMES)))]} Street",
            "postal": str(rng.integers(10_000, 99_999)),
        }
        for n, (given, suffix, born) in enumerate(members):
            birthdate = born
            if born:
                year = int(born[:4]) + home % 20
                month = home % 12 + 1
                day = (home + int(born[-2:])) % 28 + 1
                birthdate = f"{year}-{month:02d}-{day:02d}"
            person = {
                "given_name": given,
                "generational_suffix": suffix,
                "birthdate": birthdate,
                "person": home * 10 + n,
            }
            rows += [
                {"datasource": f"Source:{c}", "pk": f"{home}-{n}", **shared, **person}
                for c in range(copies)
            ]
    return pl.DataFrame(
        rows, schema_overrides={"generational_suffix": pl.String, "birthdate": pl.String}
    )


def persons(records: pl.DataFrame) -> pl.DataFrame:
    """One row per id: `n_records` of `n_persons`."""
    tables = stitch(records.drop("person")).tables
    ids = tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    with_truth = ids.join(records, on=["datasource", "pk"])
    return with_truth.group_by("amperity_id").agg(
        n_records=pl.len(), n_persons=pl.col("person").n_unique()
    )


@pytest.mark.parametrize("copies", [1, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", list(MEMBERS))
def test_families_that_share_every_contact_stay_apart(kind: str, copies: int) -> None:
    # With one record each, or with equal copies that collapse, no pair of one person is compared at
    # all.
    ids = persons(families(MEMBERS[kind], copies))
    assert max(ids["n_persons"]) <= 2
    assert ids.filter(n_persons=1, n_records=copies).height >= 0.85 * ids.height


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("fk_card", "0"),
        ("phone", "2065550100"),
        pytest.param("phone", "5555555555", marks=pytest.mark.long),
        pytest.param("email", "noreply@shop.example.com", marks=pytest.mark.long),
        pytest.param("birthdate", "1970-01-01", marks=pytest.mark.long),
        ("birthdate", "1900-01-01"),
        ("address", "1 Store Street"),
    ],
)
def test_a_placeholder_in_every_fifth_record_joins_nobody(column: str, value: str) -> None:
    records = retail(1500, seed=6).with_columns(fk_card=pl.lit(None, dtype=pl.String))
    fifth = pl.int_range(pl.len()) % 5 == 0
    ids = persons(
        records.with_columns(pl.when(fifth).then(pl.lit(value)).otherwise(column).alias(column))
    )
    assert max(ids["n_persons"]) <= 3
    assert ids.filter(pl.col("n_persons") > 1).height < 0.06 * ids.height


@pytest.mark.parametrize("further", [{}, {"postal": "98101", "city": "Seattle"}])
def test_one_name_ten_thousand_times_is_not_one_person(further: dict[str, str]) -> None:
    crowd = pl.DataFrame({"pk": [str(n) for n in range(10_000)]}).with_columns(
        datasource=pl.lit("Crowd:Names"),
        given_name=pl.lit("John"),
        surname=pl.lit("Smith"),
        person=pl.int_range(pl.len()) + 10**6,
        **{column: pl.lit(value) for column, value in further.items()},
    )
    ids = persons(
        pl.concat(
            [retail(300, seed=6).with_columns(pl.col("person").cast(pl.Int64)), crowd],
            how="diagonal_relaxed",
        )
    )
    assert max(ids["n_persons"]) <= 6
