"""Blocking keys, limits and pairs on hand-made records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

import duckdb
import polars as pl
import pytest

from c360_assets.errors import C360Error
from c360_assets.stitch.compare import blocking
from c360_assets.stitch.compare.candidate_pairs import build_pairs
from c360_assets.stitch.compare.comparison_records import prepare_records, registered
from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR
from c360_assets.tenant.models import BlockingConfig, BlockingStrategy

JUSTIN = {
    "rid": 7,
    "given_name": "JUSTIN",
    "surname": "CURRIE",
    "birthdate": date(1981, 9, 8),
    "email": ["JCURRIE@EXAMPLE.COM"],
    "phone": ["2065550101"],
    "address": "123 WEST ELM STREET PO BOX 55",
    "po_box": "55",
    "postal": "98101",
    "company": "ACME",
    "login_trimmed": "JCURR",
    "fk_loyalty": KEY_SEPARATOR.join(("A-12", "B,13")),
}
KEYS = {
    "dnf1": {"JUS:C:1981-09-08"},
    "dnf2": {"JUSTIN:JCURRIE@EXAMPLE.COM"},
    "dnf3": {"JUS:CUR:98101"},
    "dnf4": {"JUS:123 WEST ELM STREET PO BOX 55"},
    "dnf5": {"JUS:2065550101"},
    "dnf6": {"JUS:CUR:JCURRIE"},
    "dnf7": {"JUS:ACME"},
    "dnf8": {"JUS:CUR:55"},
    "dnf9": {"CUR:123 WEST ELM STREET PO BOX 55"},
    "dnf10": {"2065550101:98101"},
    "email": {"JCURRIE@EXAMPLE.COM"},
    "fk-loyalty": {"A-12", "B,13"},
    "address": {"123 WEST ELM STREET PO BOX 55"},
    "company": {"ACME"},
    "login-partial": {"JCURRIE"},
    "login-trimmed": {"JCURR"},
    "name": {"CURRIE:JUSTIN"},
    "phone": {"2065550101"},
}


def blocked(
    rows: Sequence[Mapping[str, object]], config: BlockingConfig
) -> tuple[pl.DataFrame, pl.DataFrame, list[tuple[int, int]]]:
    frame = pl.DataFrame(rows)
    con = duckdb.connect()
    prepared = prepare_records(frame)
    strategies = blocking.chosen_strategies(config, frame)
    pairs = build_pairs(con, prepared, strategies, config.oversized)
    with registered(con, er_records=prepared):
        keys = (
            con.sql(blocking.keys_sql(strategies, "rid"))
            .pl()
            .select("rid", "strategy", "bk")
            .sort("strategy", "bk", "rid")
        )
        blocks = (
            con.sql(blocking.blocks_sql(strategies, config.oversized)).pl().sort("strategy", "bk")
        )
    return keys, blocks, list(zip(pairs.i.tolist(), pairs.j.tolist(), strict=True))


def test_documented_keys_of_the_sample_record() -> None:
    keys, _, _ = blocked([JUSTIN], BlockingConfig(strategies=list(KEYS)))
    found: dict[str, set[str]] = {}
    for rid, strategy, bk in keys.rows():
        assert rid == 7
        found.setdefault(strategy, set()).add(bk)
    assert {s: found[s] for s in KEYS} == KEYS


def test_default_list_of_the_documented_preset() -> None:
    frame = pl.DataFrame([JUSTIN])
    names = [s.name for s in blocking.chosen_strategies(BlockingConfig(preset="documented"), frame)]
    assert sorted(names) == sorted(
        ["dnf1", "dnf3", "dnf4", "dnf5", "dnf6", "dnf7", "dnf8", "email", "fk-loyalty"]
    )


def test_limits_and_switches() -> None:
    frame = pl.DataFrame([JUSTIN])
    config = BlockingConfig(
        limit=50,
        fk_limit=70,
        strategies=[
            BlockingStrategy(name="full-name", limit=9),
            BlockingStrategy(name="dnf7", enabled=False),
        ],
    )
    chosen = {s.name: s.limit for s in blocking.chosen_strategies(config, frame)}
    assert chosen["full-name"] == 9
    assert chosen["email"] == 50
    assert chosen["fk-loyalty"] == 70
    assert "dnf7" not in chosen
    with pytest.raises(C360Error, match="unknown blocking strategy"):
        blocking.chosen_strategies(BlockingConfig(strategies=["dnf11"]), frame)


def test_a_missing_part_gives_no_key_and_values_multiply() -> None:
    rows = [
        {"rid": 1, "given_name": "ANN", "surname": None, "phone": ["1", "2"]},
        {"rid": 2, "given_name": "ANN", "surname": "OX", "phone": ["2", "3"]},
    ]
    keys, _, pairs = blocked(rows, BlockingConfig(strategies=["dnf5"]))
    assert keys.filter(pl.col("strategy") == "dnf5")["bk"].to_list() == [
        "ANN:1",
        "ANN:2",
        "ANN:2",
        "ANN:3",
    ]
    assert pairs == [(0, 1)]


@pytest.mark.parametrize("oversized", ["split", "purge"])
def test_an_oversized_block_is_cut_or_dropped(oversized: str) -> None:
    rows = [{"rid": n, "given_name": None, "surname": f"S{n}", "company": "ACME"} for n in range(5)]
    config = BlockingConfig.model_validate(
        {
            "preset": "documented",
            "oversized": oversized,
            "strategies": [{"name": "company", "limit": 3}],
        }
    )
    _, blocks, found = blocked(rows, config)
    assert blocks.rows() == [("company", "ACME", 5, 2, 4 if oversized == "split" else 0, True)]
    assert len(found) == (4 if oversized == "split" else 0)


def test_pairs_are_unordered_and_single() -> None:
    rows = [
        {"rid": n, "given_name": "ANN", "surname": "OX", "email": ["A@B.C"], "phone": ["1"]}
        for n in range(4)
    ]
    _, _, pairs = blocked(rows, BlockingConfig())
    assert pairs == [(i, j) for i in range(4) for j in range(i + 1, 4)]


def test_a_login_meets_the_names_it_is_spelled_from() -> None:
    rows = [
        {"rid": 1, "given_name": None, "surname": None, "email": ["J.STONE7@X.COM"]},
        {"rid": 2, "given_name": "JANE", "surname": "STONE", "email": None},
        {"rid": 3, "given_name": "ANN", "surname": "STONE", "email": None},
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "rid": pl.Int64,
        "given_name": pl.String,
        "surname": pl.String,
        "email": pl.List(pl.String),
    }
    _, _, pairs = blocked(pl.DataFrame(rows, schema=schema).to_dicts(), BlockingConfig())
    assert pairs == [(0, 1)]


def test_a_login_does_not_bring_the_records_together_whose_names_it_spells() -> None:
    rows = [
        {"rid": 1, "given_name": None, "surname": None, "email": ["JSTONE@X.COM"]},
        {"rid": 2, "given_name": "JANE", "surname": "STONE", "email": None},
        {"rid": 3, "given_name": "JACK", "surname": "STONE", "email": None},
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "rid": pl.Int64,
        "given_name": pl.String,
        "surname": pl.String,
        "email": pl.List(pl.String),
    }
    only = [s.name for s in blocking.STRATEGIES if s.thorough and s.name != "email-names"]
    config = BlockingConfig(strategies=[BlockingStrategy(name=n, enabled=False) for n in only])
    _, _, pairs = blocked(pl.DataFrame(rows, schema=schema).to_dicts(), config)
    assert pairs == [(0, 1), (0, 2)]


@pytest.mark.parametrize(
    ("written", "strategies"),
    [
        (("JUTSIN", "CURRIE", "123 WEST ELMM ST"), {"initials-house"}),
        (("UJSTIN", "VURRIE", "132 VEST ELM STREET"), {"name-ends"}),
        (("JUSTNI", "VURIRE", "132 VEST ELM STREET"), {"name-city"}),
    ],
)
def test_typing_errors_in_names_and_street_leave_a_key(
    written: tuple[str, str, str], strategies: set[str]
) -> None:
    given_name, surname, address = written
    only = ("given_name", "surname", "address")
    rows: list[dict[str, object]] = [
        {"rid": 1, "city": "TACOMA", **{column: JUSTIN[column] for column in only}},
        {
            "rid": 2,
            "city": "TACOMA",
            "given_name": given_name,
            "surname": surname,
            "address": address,
        },
    ]
    _, blocks, pairs = blocked(rows, BlockingConfig())
    assert strategies <= set(blocks["strategy"])
    assert pairs == [(0, 1)]


def test_two_surnames_meet_by_each_word_and_single_ones_do_not() -> None:
    surnames = ["RUIZ", "RUIZ SOLER", "SOLER", "VAN DER MEER"]
    rows: list[dict[str, object]] = [
        {"rid": n, "given_name": "ANA", "surname": surname} for n, surname in enumerate(surnames)
    ]
    keys, _, pairs = blocked(rows, BlockingConfig())
    words = keys.filter(strategy="surname-words")
    assert set(words["bk"]) == {"ANA:RUIZ", "ANA:SOLER", "ANA:MEER"}
    assert pairs == [(0, 1), (1, 2)]


def test_records_of_an_organisation_meet_by_each_word_and_people_do_not() -> None:
    rows: list[dict[str, object]] = [
        {"rid": 1, "given_name": None, "surname": None, "company": "HARBOUR OPTICS LTD"},
        {"rid": 2, "given_name": None, "surname": None, "company": "THE OPTICS HOUSE"},
        {"rid": 3, "given_name": "ANN", "surname": "OX", "company": "HARBOUR OPTICS LTD"},
    ]
    keys, _, pairs = blocked(rows, BlockingConfig())
    words = keys.filter(strategy="organisation")
    assert sorted(words["bk"]) == ["HARBOUR", "HOUSE", "OPTICS", "OPTICS"]
    assert pairs == [(0, 1)]


@pytest.mark.parametrize("strategy", ["email-names", "full-name", "surname-words", "company"])
@pytest.mark.parametrize("oversized", ["split", "purge"])
def test_the_pairs_counted_per_block_are_the_pairs_that_are_formed(
    strategy: str, oversized: Literal["split", "purge"]
) -> None:
    rows: list[dict[str, object]] = [
        {"rid": n, "given_name": "ANN", "surname": "OX", "company": "ACME", "email": None}
        for n in range(37)
    ]
    rows += [
        {
            "rid": 37 + n,
            "given_name": None,
            "surname": None,
            "company": None,
            "email": [f"ANNOX{n}@X.COM"],
        }
        for n in range(14)
    ]
    others = [
        s.name for s in blocking.STRATEGIES if (s.thorough or s.documented) and s.name != strategy
    ]
    config = BlockingConfig(
        limit=10,
        oversized=oversized,
        strategies=[
            *(BlockingStrategy(name=n, enabled=False) for n in others),
            BlockingStrategy(name=strategy, limit=10),
        ],
    )
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "rid": pl.Int64,
        "given_name": pl.String,
        "surname": pl.String,
        "company": pl.String,
        "email": pl.List(pl.String),
    }
    _, blocks, pairs = blocked(pl.DataFrame(rows, schema=schema).to_dicts(), config)
    assert blocks.filter(strategy=strategy, bk=blocks.filter(strategy=strategy)["bk"][0])[
        "oversized"
    ].all()
    n_pairs = blocks.filter(strategy=strategy)["n_pairs"]
    if strategy == "email-names":
        assert max(n_pairs) <= len(pairs) <= sum(n_pairs)
    else:
        assert sum(n_pairs) == len(pairs)
