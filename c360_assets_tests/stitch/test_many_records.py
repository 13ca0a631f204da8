"""People with hundreds of records and no contact: one person each."""

from typing import Any

import numpy as np
import polars as pl

from c360_assets.stitch import stitch
from c360_assets_tests.stitch.test_organisations import pairs

GIVEN_NAMES = ["Agnes", "Bertil", "Clio", "Dorian", "Edda", "Falk", "Greta", "Henning", "Ilse"]
SYLLABLES = ["lund", "berg", "mann", "ström", "vik", "dal", "holm", "gren", "feld", "bach"]
CITIES = ["Gävle", "Kalmar", "Lübeck", "Aarhus", "Turku", "Vaasa", "Bergen", "Odense"]


def inventors(people: int, seed: int) -> pl.DataFrame:
    """Records of a name and a city; every tenth person has 300 of them. Middle initials come and
    go, letters change places, some people moved."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for person in range(people):
        given = str(rng.choice(GIVEN_NAMES))
        surname = "".join(rng.choice(SYLLABLES, 2)).capitalize() + "aeiouy"[person % 6]
        home = str(rng.choice(CITIES))
        initial = "ABCDE"[int(rng.integers(5))]
        for _ in range(300 if person % 10 == 0 else int(rng.integers(1, 9))):
            has_initial = rng.random() < 0.5
            swapped = surname[:2] + surname[3] + surname[2] + surname[4:]
            rows.append(
                {
                    "datasource": "Office:Patents",
                    "pk": str(len(rows)),
                    "given_name": f"{given} {initial}" if has_initial else given,
                    "surname": swapped if rng.random() < 0.02 else surname,
                    "city": home,
                    "person": person,
                }
            )
    return pl.DataFrame(rows)


def test_a_person_of_hundreds_of_records_without_a_contact_is_one() -> None:
    records = inventors(120, 7)
    result = stitch(records.drop("person"))
    ids = result.tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    rows = records.join(ids, on=["datasource", "pk"])
    both = pairs(rows, "amperity_id", "person")
    assert both / pairs(rows, "amperity_id") >= 0.97
    assert both / pairs(rows, "person") >= 0.9
