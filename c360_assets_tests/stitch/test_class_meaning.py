"""The classes of the match model keep their meaning, whatever one field of the data holds."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from c360_assets.stitch import stitch
from c360_assets.stitch.api import StitchResult
from c360_assets.stitch.compare.comparisons import COMPARISON_BY_NAME, COMPARISONS, PLACE_VALUES
from c360_assets.stitch.score.class_meaning import (
    HOUSEHOLD,
    PERSON,
    STRANGERS,
    Symptoms,
    household_warnings,
    log_factors,
    why_too_few,
    why_wrong,
)
from c360_assets_tests.stitch.retail import retail

ROLES = ("info", "kontakt", "vente", "bestellung", "team", "hallo")
TENANTS = (3, 11, 12)
PEOPLE = 700


Rows = pl.DataFrame


def figures(records: pl.DataFrame, result: StitchResult) -> tuple[float, float]:
    """Pairwise precision and F1."""
    ids = result.tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    rows = records.join(ids, on=["datasource", "pk"])

    def pairs(*by: str) -> int:
        n = pl.col("len").cast(pl.Int64)
        return int(rows.group_by(by).len().select((n * (n - 1) // 2).sum()).item())

    both = pairs("amperity_id", "person")
    joined = pairs("amperity_id")
    return both / max(joined, 1), 2 * both / (joined + pairs("person"))


def numbered(column: str) -> pl.Expr:
    """A number of each distinct value."""
    return pl.col(column).rank("dense").cast(pl.Int64).cast(pl.String)


def held(column: str, value: pl.Expr) -> pl.Expr:
    """The value where the record holds the column."""
    return pl.when(pl.col(column).is_not_null()).then(value).alias(column)


def of_roles(records: pl.DataFrame) -> pl.DataFrame:
    """Three of ten people write from `info@` and the like at a domain of their own."""
    number = pl.col("person") % len(ROLES)
    role = number.replace_strict(range(len(ROLES)), ROLES, return_dtype=pl.String)
    address = role + "@d" + numbered("email") + ".example.com"
    in_share = pl.col("person") % 10 < 3
    return records.with_columns(held("email", pl.when(in_share).then(address).otherwise("email")))


def of_digits(records: pl.DataFrame) -> pl.DataFrame:
    """Every provider numbers its logins."""
    domain = pl.col("email").str.extract("@(.*)")
    login = pl.col("email").rank("dense").over(domain).cast(pl.String)
    return records.with_columns(held("email", login + "@" + domain))


BENDS = {
    "role logins": of_roles,
    "digit logins": of_digits,
    "one surname": lambda r: r.with_columns(held("surname", pl.lit("Nguyen"))),
    "one city": lambda r: r.with_columns(
        held("city", pl.lit("Aarau")), held("postal", pl.lit("50001"))
    ),
    "the shop's phone": lambda r: r.with_columns(
        phone=pl.when(pl.int_range(pl.len()) % 10 == 0)
        .then(pl.lit("2065550143"))
        .otherwise("phone")
    ),
    "first of January": lambda r: r.with_columns(
        held("birthdate", pl.col("birthdate").str.head(4) + "-01-01")
    ),
    "a constant company": lambda r: r.with_columns(company=pl.lit("Corner Store")),
    "company a copy of the surname": lambda r: r.with_columns(company=pl.col("surname")),
}
# What the bend destroys: the tenant without the column is what there is left to find.
DESTROYED = {"one surname": "surname"}


@cache
def straight(seed: int, destroyed: str | None) -> tuple[Rows, StitchResult]:
    records = retail(PEOPLE, seed=seed)
    if destroyed:
        records = records.with_columns(pl.lit(None, pl.String).alias(destroyed))
    return records, stitch(records.drop("person"))


@pytest.mark.parametrize(
    "bend", [pytest.param(bend, marks=[pytest.mark.long] * (n > 0)) for n, bend in enumerate(BENDS)]
)
def test_a_bent_field_takes_over_no_class(bend: str) -> None:
    # Each bend on one tenant, in turn: all of them on all tenants take minutes.
    seed = TENANTS[list(BENDS).index(bend) % len(TENANTS)]
    bent = BENDS[bend](retail(PEOPLE, seed=seed))
    precision, f1 = figures(bent, stitch(bent.drop("person")))
    assert precision >= 0.96
    _, straight_f1 = figures(*straight(seed, DESTROYED.get(bend)))
    assert f1 >= straight_f1 - 0.03


NAMES = [
    ("Ingeborg", "Thorvaldsen"),
    ("Ottoline", "Marchbanks"),
    ("Casimir", "Dubrovnik"),
    ("Perpetua", "Quillfeather"),
    ("Leontine", "Abernathy"),
]


def crowd(people: int, seed: int, *, name: tuple[str, str] = NAMES[0], held: float = 1.0) -> Rows:
    """People of one name and street, born on one day of a month of one year, alike in nothing
    else. `held`: the share of values that are there."""
    rng = np.random.default_rng([seed, people, *name[1].encode()])
    months = rng.integers(1, 13, people)
    records = pl.DataFrame(
        {
            "datasource": "Crowd:Members",
            "pk": [f"{name[1]}-{number}" for number in range(people)],
            "person": [f"{name[1]}-{number}" for number in range(people)],
            "given_name": name[0],
            "surname": name[1],
            "birthdate": [f"1971-{month:02d}-14" for month in months],
            "email": [f"m{number}@example.org" for number in rng.integers(0, 10**7, people)],
            "phone": rng.integers(2_060_000_000, 2_069_999_999, people).astype(str),
            "address": [f"{number} Larch Road" for number in rng.integers(1, 4000, people)],
            "postal": f"9813{len(name[0]) % 10}",
            "fk_card": rng.integers(0, 10**8, people).astype(str),
        }
    )
    there = [
        pl.when(pl.Series(rng.random(people) < held)).then(column).alias(column)
        for column in ("birthdate", "email", "phone", "address", "fk_card")
    ]
    return records.with_columns(there)


def among_usual(usual: Rows, *more: Rows) -> Rows:
    return pl.concat([usual.with_columns(pl.col("person").cast(pl.String)), *more], how="diagonal")


def false_pairs(records: Rows, result: StitchResult) -> int:
    """Pairs of the crowd that became one person and are two."""
    ids = result.tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    in_crowd = records.filter(datasource="Crowd:Members").join(ids, on=["datasource", "pk"])
    sizes = in_crowd.group_by("amperity_id").len()
    return int(sizes.select((pl.col("len") * (pl.col("len") - 1) // 2).sum()).item())


@pytest.mark.parametrize("people", [20, 120])
def test_a_crowd_of_one_name_is_not_one_person(people: int) -> None:
    records = among_usual(retail(people, seed=8), crowd(40, people))
    assert false_pairs(records, stitch(records.drop("person"))) <= 2


LARGER_CROWDS = [(3, 50, 0.8), (2, 100, 0.9)]
CROWDS = [(5, 8, 0.8), *(pytest.param(*case, marks=pytest.mark.long) for case in LARGER_CROWDS)]


@pytest.mark.parametrize(("crowds", "people", "held"), CROWDS)
def test_crowds_that_lack_values_teach_nobody_what_a_person_is(
    crowds: int, people: int, held: float
) -> None:
    several = [crowd(people, 4, name=name, held=held) for name in NAMES[:crowds]]
    records = among_usual(retail(250, seed=8), *several)
    result = stitch(records.drop("person"))
    assert false_pairs(records, result) <= 2
    precision, _ = figures(records, result)
    assert precision >= 0.96


def test_a_record_that_fits_several_people_of_one_name_does_not_join_them() -> None:
    namesakes = crowd(3, 4)
    name_and_place = namesakes.head(1).select(
        "given_name", "surname", "postal", datasource=pl.lit("Crowd:Newsletter"), pk=pl.lit("1")
    )
    records = among_usual(retail(120, seed=8), namesakes, name_and_place)
    assert false_pairs(records, stitch(records.drop("person"))) == 0


HUSBANDS = ("John", "Robert", "Michael", "William", "David", "Richard", "Joseph", "Thomas")
WIVES = ("Mary", "Patricia", "Jennifer", "Linda", "Barbara", "Susan", "Karen", "Nancy")


def couples(homes: int, *, twins: bool = False) -> Rows:
    """Two people of a home, who differ in the given name alone: an old couple with one e-mail, or
    twins; each of them twice."""
    home = np.arange(homes)
    one = pl.DataFrame(
        {
            "given_name": [HUSBANDS[n % 8] for n in home],
            "other": [WIVES[n * 3 % 8] for n in home],
            "surname": [f"{NAMES[n % 5][1]}{'en' * (n // 5 % 3)}" for n in home],
            "phone": [f"20255501{n:02d}" for n in home],
            "address": [f"{n + 1} Larch Road" for n in home],
            "postal": [f"{30000 + n}" for n in home],
            "email": [None if twins else f"home{n}@example.org" for n in home],
            "birthdate": [f"1999-03-{n % 28 + 1:02d}" if twins else None for n in home],
        },
        schema_overrides={"email": pl.String, "birthdate": pl.String},
    )
    other = one.with_columns(given_name="other")
    each = pl.concat([one, other]).drop("other").with_row_index("number")
    person = pl.col("number").cast(pl.String) + ("-twin" if twins else "-spouse")
    sources = [
        each.select(pl.exclude("number"), person=person, pk=person, datasource=pl.lit(source))
        for source in ("Crowd:Members", "Crowd:Orders")
    ]
    return pl.concat(sources)


def merged_homes(records: Rows, result: StitchResult) -> int:
    """Ids of the homes that hold two people."""
    ids = result.tables["unified_coalesced"].select("datasource", "pk", "amperity_id")
    at_home = records.filter(pl.col("datasource").str.starts_with("Crowd:"))
    people = at_home.join(ids, on=["datasource", "pk"]).group_by("amperity_id")
    return people.agg(pl.col("person").n_unique()).filter(pl.col("person") > 1).height


@pytest.mark.parametrize("twins", [pytest.param(False, marks=pytest.mark.long), True])
def test_people_who_share_all_but_the_given_name_teach_nobody_that_a_person_has_two(
    twins: bool,
) -> None:
    records = among_usual(retail(600, seed=8), couples(40, twins=twins))
    result = stitch(records.drop("person"))
    assert not result.shipped_weights
    assert merged_homes(records, result) == 0


def relatives(homes: int, *, rare: bool) -> Rows:
    """Two of a home, born years apart; in every fifth home two of one name, or, with names that
    nobody else has, two born on one day. Each of them twice."""
    home = pl.col("address").str.extract(r"(\d+)").cast(pl.Int64)
    is_alike = home % 5 == 0
    is_second = pl.int_range(pl.len()).over("address", "datasource") == 1
    is_later = is_second & ~is_alike if rare else is_second
    born = pl.date(1940 + home % 31, 1 + home * 7 % 12, 1 + home * 5 % 28)
    born_later = born.dt.offset_by("28y") + pl.duration(days=97 + home % 11)
    name = pl.col("given_name")
    of_one_name = pl.when(is_alike).then(name.first().over("address")).otherwise(name)
    letters = home.cast(pl.String).str.replace_many([*"0123456789"], [*"aeioulnrst"])
    return couples(homes, twins=True).with_columns(
        given_name=name.str.head(3) + letters if rare else of_one_name,
        surname=pl.col("surname") + letters,
        phone=pl.lit(None, pl.String),
        birthdate=pl.when(is_later).then(born_later).otherwise(born).cast(pl.String),
    )


@pytest.mark.parametrize(("rare", "field"), [(False, "given_name"), (True, "birthdate")])
def test_how_many_relatives_are_namesakes_or_twins_is_learned(rare: bool, field: str) -> None:
    records = among_usual(retail(600, seed=8), relatives(150, rare=rare))
    result = stitch(records.drop("person"))
    is_equal = (pl.col("feature") == field) & pl.col("label").str.starts_with("equal")
    share = result.tables["stitch_model"].filter(is_equal)["h"].sum()
    assert 0.1 < share < 0.3
    assert merged_homes(records, result) < 5


def test_too_few_records_to_learn_from_keep_the_shipped_weights_and_say_so() -> None:
    result = stitch(retail(12, seed=5).drop("person"))
    assert "too few" in result.shipped_weights
    assert not result.model_warnings
    _, learned = straight(TENANTS[0], None)
    assert not learned.shipped_weights
    assert not learned.model_warnings


def test_a_kept_model_whose_household_class_is_taken_over_is_told() -> None:
    records = of_roles(retail(PEOPLE, seed=3)).drop("person")
    table = stitch(records).tables["stitch_model"]
    is_login = (pl.col("feature") == "email") & (pl.col("label") == "equal login")
    is_other_surname = (pl.col("feature") == "surname") & (pl.col("label") == "different")
    taken_over = table.with_columns(
        h=pl.when(is_login | is_other_surname).then(0.99).otherwise("h")
    )
    result = stitch(records, model=taken_over)
    assert any("household pairs" in sentence for sentence in result.alerts)
    assert result.figures["household_pairs_apart_percent"] > 10


def pattern(**levels: str) -> int:
    """The pattern with these levels, by comparison and beginning of the label."""
    packed = 0
    for name, label in levels.items():
        packed += COMPARISON_BY_NAME[name].level_numbers(label)[0] * PLACE_VALUES[name]
    return packed


def test_relatives_share_a_surname_or_a_home() -> None:
    login_alone = pattern(surname="different", email="equal login")
    one_home = pattern(surname="different", address="equal, few")
    factors = log_factors(np.array([login_alone, one_home]))[:, HOUSEHOLD]
    assert factors[0] < 0
    assert factors[1] == 0


def test_colleagues_share_a_company_and_its_phone_as_relatives_share_a_home() -> None:
    strangers = {"surname": "different", "company": "equal 3"}
    at_work = pattern(**strangers, phone="equal, few")
    where_they_shop = pattern(**strangers, phone="different")
    factors = log_factors(np.array([at_work, where_they_shop]))[:, HOUSEHOLD]
    assert factors[0] == 0
    assert factors[1] < 0


def test_one_person_does_not_contradict_itself_in_all_it_holds() -> None:
    moved = {"email": "different", "address": "different"}
    cases = [pattern(**moved), pattern(**moved, phone="different")]
    with_phone = pattern(**moved, phone="equal, few", birthdate="different")
    factors = log_factors(np.array([*cases, with_phone]))
    assert (factors[1, :STRANGERS] < -10).all()
    assert (factors[[0, 2]] == 0).all()
    assert (factors[:, STRANGERS] == 0).all()


def test_contacts_of_a_workplace_contradict_none_of_a_home() -> None:
    contacts = {"email": "different", "address": "different", "phone": "different"}
    home_and_work = pattern(**contacts, home_held="a home and a workplace")
    assert (log_factors(np.array([home_and_work])) == 0).all()


def test_one_person_is_rarely_found_at_home_under_two_names() -> None:
    names = {"given_name": "different, established"}
    relatives = [
        pattern(**names, address="equal, few"),
        pattern(**names, phone="equal, few", birthdate="equal"),
        pattern(**names, email="equal, few"),
    ]
    anybody = [
        pattern(**names, birthdate="equal"),
        pattern(**names, email="equal, few", foreign_keys="equal"),
        pattern(given_name="different, rare", address="equal, few"),
    ]
    factors = log_factors(np.array([*relatives, *anybody]))[:, PERSON]
    assert (factors[:3] < 0).all()
    assert (factors[3:] == 0).all()


def test_a_class_that_is_not_what_it_means_is_bound() -> None:
    assert not why_wrong(Symptoms(0.01, 0.05, 900.0))
    assert "given names" in why_wrong(Symptoms(0.01, 0.2, 900.0))
    assert "surname" in why_wrong(Symptoms(0.5, 0.05, 900.0))
    assert "too few" in why_too_few(Symptoms(0.0, 0.0, 5.0), 30)
    assert not why_too_few(Symptoms(0.0, 0.0, 500.0), 300)
    assert household_warnings(Symptoms(0.5, 0.0, 900.0))


def test_every_level_says_who_may_learn_it_and_why() -> None:
    for comparison in COMPARISONS:
        for level in comparison.levels:
            sources = level.sources()
            assert set(sources) == {"m", "u", "h"}
            assert all(source.reason for source in sources.values())


GIVEN = ("Mary", "Faith", "Grace", "James", "John", "Peter", "David", "Kevin", "Lucy", "Esther")
FAMILY = ("Barasa", "Otieno", "Mutua", "Kariuki", "Omondi", "Nafula", "Njeri", "Mwende")


def of_families_with_names_of_their_own(people: int, seed: int) -> pl.DataFrame:
    """Two or three at one home, half of whom have a surname of their own and half the phone of the
    first; only the shop knows their address, payers are called by a middle name too."""
    draw = np.random.default_rng(seed)
    person = pl.Series("person", np.arange(people))
    home = np.sort(draw.integers(0, people // 2, people))
    first = np.searchsorted(home, home)
    own_phone, own_surname = draw.random(people) < 0.5, draw.random(people) < 0.5
    surnames = draw.integers(0, len(FAMILY), people)
    surname = pl.Series([FAMILY[number] for number in np.where(own_surname, surnames, home % 8)])
    given = pl.Series([GIVEN[number] for number in draw.integers(0, len(GIVEN), people)])
    middle = pl.Series([FAMILY[number] for number in draw.integers(0, len(FAMILY), people)])
    phones = draw.permutation(people) + 254_712_000_000
    phone = pl.Series(np.where(own_phone, phones, phones[first])).cast(pl.String)
    known = pl.DataFrame({
        "person": person, "given_name": given, "surname": surname, "phone": phone, "home": home,
    })  # fmt: skip
    at_home = pl.format("P.O. Box {}", pl.col("home") + 1000)
    feeds = {
        "Shop": known.with_columns(address=at_home, city=pl.lit("Nairobi")),
        "Payers": known.with_columns(given_name=given + " " + middle),
        "Cards": known,
    }
    rows = [
        frame.drop("home").filter(pl.Series(draw.random(people) < 0.7))
        .with_columns(datasource=pl.lit(feed), pk=pl.format("{}", "person"))
        for feed, frame in feeds.items()
    ]  # fmt: skip
    return pl.concat(rows, how="diagonal")


@pytest.mark.parametrize("seed", [1, 2])
def test_relatives_of_other_surnames_do_not_take_what_was_learned_of_one_person(seed: int) -> None:
    records = of_families_with_names_of_their_own(400, seed)
    result = stitch(records.drop("person"))
    assert any("shipped weights of relatives" in sentence for sentence in result.model_warnings)
    precision, f1 = figures(records, result)
    assert precision > 0.85
    assert f1 > 0.93
