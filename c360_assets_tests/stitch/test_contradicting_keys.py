"""Foreign keys that strangers share, and words that are no key."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest

from c360_assets.stitch.prepare.preprocessing import preprocess
from c360_assets.tenant.models import BadValuesConfig

NAMES = ["Susan", "Robert", "Deborah", "Thomas", "Patricia", "Walter"]
SURNAMES = ["Achterberg", "Oyelaran", "Quimby", "Fitzroy", "Munoz", "Tallis"]


def person(number: int, key: str | None, **values: str) -> dict[str, str | None]:
    name, surname = NAMES[number % 6], SURNAMES[number // 6 % 6]
    return {
        "given_name": name,
        "surname": surname,
        "email": f"{name}.{surname}@post{number}.example",
        "postal": f"{30000 + 911 * number}",
        "fk_card": key,
        **values,
    }


def keys_kept(
    people: Sequence[Mapping[str, str | None]], **options: Any
) -> tuple[list[str | None], pl.DataFrame]:
    records = pl.DataFrame(people, infer_schema_length=None).with_row_index("n")
    records = records.with_columns(datasource=pl.lit("s"), pk=pl.format("r{}", pl.col("n") + 1000))
    result = preprocess(records.drop("n"), BadValuesConfig(), **options)
    return result.frame["fk_card"].to_list(), result.taken_out.badvalues


@pytest.mark.parametrize("holders", [2, 6, 30])
def test_strangers_lose_the_key_they_share(holders: int) -> None:
    kept, badvalues = keys_kept(
        [person(7 * n, "B-17") for n in range(holders)], contradicting_keys=True
    )
    assert kept == [None] * holders
    assert badvalues.select("semantic", "value", "proxy").rows() == [
        ("fk-card", "B-17", "contradiction")
    ]


def test_the_documented_rule_takes_a_key_at_its_word() -> None:
    kept, badvalues = keys_kept([person(0, "B-17"), person(7, "B-17")])
    assert kept == ["B-17", "B-17"]
    assert not badvalues.height


def test_one_field_that_fits_holds_a_key_together() -> None:
    spouses = [person(0, "B-17"), person(7, "B-17", surname="Achterberg")]
    assert keys_kept(spouses, contradicting_keys=True)[0] == ["B-17", "B-17"]


def test_whom_the_key_stands_for_keeps_it() -> None:
    owner = person(0, "B-17")
    bare = dict.fromkeys(owner) | {"fk_card": "B-17"}
    kept, _ = keys_kept([owner, owner, owner, person(7, "B-17"), bare], contradicting_keys=True)
    assert kept == ["B-17", "B-17", "B-17", None, "B-17"]


def test_nobodys_key_links_nobody() -> None:
    bare = dict.fromkeys(person(0, None)) | {"fk_card": "B-17"}
    kept, _ = keys_kept([person(0, "B-17"), person(7, "B-17"), bare, bare], contradicting_keys=True)
    assert kept == [None] * 4


def test_names_in_each_others_column_do_not_contradict() -> None:
    swapped = person(7, "B-17", given_name="Achterberg", surname="Susan")
    assert keys_kept([person(0, "B-17"), swapped], contradicting_keys=True)[0] == ["B-17"] * 2


def test_two_fields_are_too_few_to_contradict() -> None:
    sparse = [
        {"given_name": "Susan", "surname": "Quimby", "fk_card": "B-17"},
        {"given_name": "Robert", "surname": "Tallis", "fk_card": "B-17"},
    ]
    assert keys_kept(sparse, contradicting_keys=True)[0] == ["B-17", "B-17"]


NO_KEYS = [
    *("0", "0.0", "-1", "guest", "Gäste", "undefined", "NaN", "(null)", "#N/A", "n/a", "—", "---",
     "00000000-0000-0000-0000-000000000000", "999999", "Анонім", "ゲスト", "TEST_USER"),
]  # fmt: skip


def test_words_that_are_no_key() -> None:
    people = [person(7 * number, word) for number, word in enumerate([*NO_KEYS, "sin-id"])]
    assert keys_kept(people)[0] == [*(None for _ in NO_KEYS), "SIN-ID"]


def test_keys_that_look_like_placeholders() -> None:
    keys = ["10", "100000", "-12", "GUEST17", "N1", "C0", "19999999"]
    assert keys_kept([person(7 * n, key) for n, key in enumerate(keys)])[0] == keys
