"""A field that is another one again, by source: found, told, and not compared."""

from __future__ import annotations

from typing import Any

import polars as pl

from c360_assets.stitch import stitch
from c360_assets_tests.stitch.retail import retail

N = 30
GIVEN = ["Ann", "Robert", "Maria", "James", "Linda", "Peter"]


def landed(**fields: Any) -> pl.DataFrame:
    """N people of one source with two names, an e-mail and a town each; `fields` instead of these,
    by row."""
    rows = []
    for n in range(N):
        usual = {
            "datasource": "CRM",
            "pk": str(n),
            "given_name": GIVEN[n % len(GIVEN)],
            "surname": f"Oakby{chr(97 + n % 26)}",
            "email": f"p{n}@example.org",
            "city": f"Town {chr(97 + n % 26)}",
        }
        rows.append(usual | {name: value(n, usual) for name, value in fields.items()})
    return pl.DataFrame(rows)


def told(records: pl.DataFrame) -> list[str]:
    return [text.split(";")[0] for text in stitch(records).alerts if " again in " in text]


# Of a source by name: its fields, and what is told of it.
CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "company is the e-mail": (
        {"company": lambda n, usual: usual["email"].upper()},
        [f"company is email again in {N} of {N} records that hold both"],
    ),
    "company is the person": (
        {"company": lambda n, usual: f"{usual['given_name']} {usual['surname']}"},
        [f"company is full_name again in {N} of {N} records that hold both"],
    ),
    "phone is the e-mail": (
        {"phone": lambda n, usual: usual["email"]},
        [f"phone is email again in {N} of {N} records that hold both"],
    ),
    "given name is the surname": (
        {"given_name": lambda n, usual: usual["surname"]},
        [f"given_name is surname again in {N} of {N} records that hold both"],
    ),
    "surname is the given name": (
        {"surname": lambda n, usual: usual["given_name"]},
        [f"surname is given_name again in {N} of {N} records that hold both"],
    ),
    "a few are named twice alike": (
        {"surname": lambda n, usual: usual["given_name"] if n % 5 == 0 else usual["surname"]},
        [],
    ),
    "a half of them": (
        {"postal": lambda n, usual: usual["email"] if n % 2 else f"8950{n % 10}"},
        [f"postal is email again in {N // 2} of {N} records that hold both"],
    ),
    "too few hold both": (
        {"company": lambda n, usual: usual["email"] if n < 19 else None},
        [],
    ),
    "a city that is a state": ({"state": lambda n, usual: usual["city"]}, []),
}


def test_copies_are_told_with_counts() -> None:
    sources = [
        landed(**fields).with_columns(datasource=pl.lit(name))
        for name, (fields, _) in CASES.items()
    ]
    expected = [f"{name}: {text}" for name, (_, texts) in CASES.items() for text in texts]
    assert sorted(told(pl.concat(sources, how="diagonal"))) == sorted(expected)


def test_only_the_copies_of_that_source_are_taken_out() -> None:
    copying = landed(company=lambda n, usual: usual["email"] if n else "Acme")
    other = landed(company=lambda n, usual: f"Firm {n}").with_columns(datasource=pl.lit("ERP"))
    tables = stitch(pl.concat([copying, other])).tables
    removed = tables["stitch_removed_values"].filter(semantic="company")
    assert removed["datasource"].unique().to_list() == ["CRM"]
    assert removed.height == N - 1
    assert removed["reason"].unique().to_list() == ["automatic"]
    kept = tables["unified_coalesced"].filter(datasource="CRM")
    assert kept["company"].null_count() == 0


def test_a_phone_that_is_the_email_is_taken_out() -> None:
    copying = landed(phone=lambda n, usual: f"555 0100 {n:03}" if n < 3 else usual["email"])
    removed = stitch(copying).tables["stitch_removed_values"].filter(semantic="phone")
    assert removed["reason"].to_list() == ["automatic"] * (N - 3)


def test_a_copied_name_does_not_melt_those_of_one_surname() -> None:
    records = retail(600, 5)
    bent = records.with_columns(given_name="surname").drop("person")
    ids = stitch(bent).tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    pairs = records.select("datasource", "pk", "person").join(ids, on=["datasource", "pk"])
    pairs = pairs.with_row_index("record")
    found = pairs.join(pairs, on="amperity_id").filter(pl.col("record") < pl.col("record_right"))
    assert found.height > 100
    assert found.filter(pl.col("person") == pl.col("person_right")).height >= 0.9 * found.height
