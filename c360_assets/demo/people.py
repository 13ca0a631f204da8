"""Who exists: households, their people, their addresses and contacts. The truth, before anybody
writes it down.

People are made in chunks that know nothing of each other (numbers, e-mails and ids are disjoint by
construction), so that memory is bounded whatever the size. What a source records of a person
belongs to `customers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl

from .dirt import pick
from .values import EMAIL_DOMAINS, EXCHANGES, HOBBIES, STREET_TYPES, Values

CHUNK_PEOPLE = 25_000
FIRST_DAY = date(2026, 6, 1)
FIRST_MOMENT = datetime(2026, 6, 1)
HISTORY_DAYS = 1050

# Kinds of a household, and their shares.
SINGLE, COUPLE, FAMILY, SHARED_FLAT = range(4)
HOUSEHOLD_SHARES = np.array([0.34, 0.27, 0.32, 0.07])
# Roles within a household.
HEAD, PARTNER, CHILD, FLATMATE = range(4)


@dataclass(frozen=True)
class Households:
    """Who lives with whom: per person the kind of household, the role in it, and its number.

    `head` is the row of the household's head, who comes before the others.
    """

    kind: np.ndarray
    role: np.ndarray
    number: np.ndarray
    head: np.ndarray

    @property
    def count(self) -> int:
        return int(self.number.max()) + 1


def make_people(rng: np.random.Generator, values: Values, chunk: int, n: int) -> pl.DataFrame:
    """`n` people of one chunk, one row each, ordered by `person`.

    Columns: person, household (numbers unique over all chunks), role (0 head, 1 partner, 2 child, 3
    flatmate), gender, given, nick, surname, former_surname, renamed_on, suffix, birthdate, the
    address (street_line, street_short, unit, city, state, zip) and the one before it (former_*)
    with moved_on, mobile, old_mobile, landline, email, old_email, work_email, family_email.
    """
    households = _households(rng, n)
    people = pl.DataFrame(
        {
            "person": chunk * CHUNK_PEOPLE + np.arange(n),
            "household": chunk * CHUNK_PEOPLE + households.number,
            "role": households.role,
        }
    )
    people = people.with_columns(_names(rng, values, households))
    people = people.with_columns(_birthdates(rng, households))
    people = _addresses(rng, values, people, households)
    return people.with_columns(_contacts(rng, values, people, chunk, households))


def _households(rng: np.random.Generator, n: int) -> Households:
    """The households of `n` people; the last one may be cut short."""
    kinds = rng.choice(4, size=n, p=HOUSEHOLD_SHARES)
    others = rng.choice([1, 2, 3], size=n, p=[0.5, 0.38, 0.12])
    size = np.select(
        [kinds == SINGLE, kinds == COUPLE, kinds == FAMILY], [1, 2, 2 + others], default=1 + others
    )
    number = np.repeat(np.arange(n), size)[:n]
    head = np.searchsorted(number, number, side="left")
    position = np.arange(n) - head
    kind = kinds[number]
    role = np.select(
        [position == 0, kind == SHARED_FLAT, position == 1],
        [HEAD, FLATMATE, PARTNER],
        default=CHILD,
    )
    return Households(kind, role, number, head)


def _only_where(condition: np.ndarray, values: pl.Series) -> pl.Series:
    """The values where the condition holds, else NULL."""
    return values.set(pl.Series(~condition), None)


def _days_before_first(days: np.ndarray) -> pl.Series:
    return pl.Series(np.datetime64(FIRST_MOMENT, "us") - days.astype("timedelta64[D]"))


def _names(rng: np.random.Generator, values: Values, households: Households) -> list[pl.Series]:
    role, head = households.role, households.head
    n = len(role)
    is_male = rng.random(n) < 0.5
    is_partner = role == PARTNER
    has_same_gender = rng.random(int(is_partner.sum())) < 0.06
    is_male[is_partner] = ~is_male[head][is_partner] ^ has_same_gender
    male_names = pick(rng, values.male, n, values.male_shares)
    female_names = pick(rng, values.female, n, values.female_shares)
    given = male_names.zip_with(pl.Series(is_male), female_names)
    # The first child of some families bears the father's name: Sr and Jr. It stands third in its
    # household, behind the head and the partner.
    is_first_child = (role == CHILD) & (np.arange(n) - head == 2)
    is_junior = is_first_child & is_male & is_male[head] & (rng.random(n) < 0.14)
    given = given.gather(head).zip_with(pl.Series(is_junior), given)
    suffix = np.zeros(n, dtype=np.int64)
    suffix[is_junior] = 1
    suffix[head[is_junior]] = 2
    own_surname = pick(rng, values.surnames, n, values.surname_shares)
    shares_surname = (role == CHILD) | (is_partner & (rng.random(n) < 0.82))
    surname = own_surname.gather(head).zip_with(pl.Series(shares_surname), own_surname)
    # A marriage within the recorded years: a new surname, the old one still stands in older
    # records.
    is_renamed = is_partner & shares_surname & (rng.random(n) < 0.14)
    renamed_on = _days_before_first(rng.integers(60, HISTORY_DAYS - 100, n))
    return [
        pl.Series("gender", np.where(is_male, "M", "F")),
        given.alias("given"),
        _nicknames(rng, values, given).alias("nick"),
        surname.alias("surname"),
        _only_where(is_renamed, own_surname).alias("former_surname"),
        _only_where(is_renamed, renamed_on).alias("renamed_on"),
        pl.Series([None, "Jr", "Sr"]).gather(suffix).alias("suffix"),
    ]


def _nicknames(rng: np.random.Generator, values: Values, given: pl.Series) -> pl.Series:
    """One of the nicknames of each given name, the name itself where it has none."""
    names = pl.DataFrame({"given": given}).join(
        values.nicknames, on="given", how="left", maintain_order="left"
    )
    names = names.with_columns(choice=pl.Series(rng.integers(0, 12, len(given))))
    nicks = pl.col("nicks").list
    count = nicks.len().cast(pl.Int64).clip(1)
    chosen = nicks.get(pl.col("choice") % count, null_on_oob=True)
    nick = pl.when(nicks.len() > 0).then(chosen).otherwise(pl.col("given"))
    return names.select(nick=nick).to_series()


def _birthdates(rng: np.random.Generator, households: Households) -> pl.Series:
    role, head = households.role, households.head
    n = len(role)
    flatmate_age = rng.integers(19, 36, n)
    adult_age = np.clip(rng.normal(50, 14, n), 22, 88)
    age = np.where(households.kind == SHARED_FLAT, flatmate_age, adult_age).astype(int)
    is_partner = role == PARTNER
    difference = rng.integers(-6, 5, int(is_partner.sum()))
    age[is_partner] = np.clip(age[head][is_partner] + difference, 20, 90)
    child_age = np.clip(age[head] - rng.integers(22, 36, n), 16, 40)
    age = np.where(role == CHILD, child_age, age)
    days = (age * 365.25 + rng.integers(0, 365, n)).astype(int)
    is_second_child = (role == CHILD) & (np.arange(n) - head == 3)
    is_twin = is_second_child & (rng.random(n) < 0.12)
    days[is_twin] = days[np.flatnonzero(is_twin) - 1]
    dates = np.datetime64(FIRST_DAY) - days.astype("timedelta64[D]")
    return pl.Series("birthdate", dates).cast(pl.Date)


def _addresses(
    rng: np.random.Generator, values: Values, people: pl.DataFrame, households: Households
) -> pl.DataFrame:
    n = households.count
    now = _address(rng, values, n)
    before = _address(rng, values, n)
    # Most moves stay in town.
    is_same_town = pl.Series(rng.random(n) < 0.6)
    town = ("city", "state", "zip", "area")
    before = before.with_columns(
        now[column].zip_with(is_same_town, before[column]).alias(column) for column in town
    )
    is_moved = rng.random(n) < 0.2
    moved_on = _days_before_first(rng.integers(20, HISTORY_DAYS - 50, n))
    former = before.rename(lambda column: "former_" + column)
    homes = pl.concat([now, former], how="horizontal")
    homes = homes.with_columns(moved_on=_only_where(is_moved, moved_on))
    return pl.concat([people, homes[households.number]], how="horizontal")


def _address(rng: np.random.Generator, values: Values, n: int) -> pl.DataFrame:
    """Columns street_line ("12 Oak Street"), street_short ("12 Oak St"), unit, city, state, zip,
    area.
    """
    town = values.towns[rng.choice(len(values.towns), size=n, p=values.town_shares)]
    number = pl.Series(rng.integers(1, 2400, n)).cast(pl.String)
    street = pick(rng, values.streets, n, values.street_shares)
    type_shares = np.array([street_type.share for street_type in STREET_TYPES])
    chosen_type = rng.choice(len(STREET_TYPES), size=n, p=type_shares)
    names = pl.Series([street_type.name for street_type in STREET_TYPES])
    abbreviations = pl.Series([street_type.abbreviation for street_type in STREET_TYPES])
    long = names.gather(chosen_type)
    short = abbreviations.gather(chosen_type)
    units = "Apt " + pl.Series(rng.integers(1, 60, n)).cast(pl.String)
    unit = _only_where(rng.random(n) < 0.28, units)
    last_digits = pl.Series(rng.integers(1, 100, n)).cast(pl.String).str.zfill(2)
    return pl.DataFrame(
        {
            "street_line": number + " " + street + " " + long,
            "street_short": number + " " + street + " " + short,
            "unit": unit,
            "city": town["city"],
            "state": town["state"],
            "zip": town["zip3"] + last_digits,
            "area": town["area"],
        }
    )


def _numbers(area: pl.Series, index: np.ndarray) -> pl.Series:
    """Ten digits: the area code and a subscriber number that no other index has."""
    space = len(EXCHANGES) * 10_000
    place = (index * 4_567_891 + 1_234_577) % space
    exchange = pl.Series(EXCHANGES).gather(place // 10_000)
    return area + exchange + pl.Series(place % 10_000).cast(pl.String).str.zfill(4)


def _contacts(
    rng: np.random.Generator,
    values: Values,
    people: pl.DataFrame,
    chunk: int,
    households: Households,
) -> list[pl.Series]:
    n = len(people)
    index = people["person"].to_numpy()
    home = households.number
    mobile = _numbers(people["area"], index * 3)
    # A former number lives on in older records.
    has_old_mobile = rng.random(n) < 0.16
    old_mobile = _only_where(has_old_mobile, _numbers(people["area"], index * 3 + 1))
    has_landline = (rng.random(households.count) < 0.45)[home]
    household_number = people["household"].to_numpy() * 3 + 2
    landline = _only_where(has_landline, _numbers(people["area"], household_number))
    return [
        mobile.alias("mobile"),
        old_mobile.alias("old_mobile"),
        landline.alias("landline"),
        *_emails(rng, values, people, chunk, households),
    ]


def _emails(
    rng: np.random.Generator,
    values: Values,
    people: pl.DataFrame,
    chunk: int,
    households: Households,
) -> list[pl.Series]:
    # The order of the draws decides who is generated from a seed.
    n = len(people)
    index = people["person"].to_numpy()
    styles = _login_styles(rng, people)
    local = _choose(rng, styles, LOGIN_WEIGHTS)
    # The same weights over other styles: people preferred those of the end in earlier years.
    old_local = _choose(rng, styles[::-1], LOGIN_WEIGHTS)
    work_local = _choose(rng, styles[:2], np.array([0.7, 0.3]))
    family_email = _family_emails(rng, people, chunk, households)
    email = local + "@" + _domains(rng, n)
    old_email = old_local + "@old." + _domains(rng, n)
    old_email = _only_where(rng.random(n) < 0.24, old_email)
    work_email = work_local + "@" + pick(rng, values.firms, n) + ".example"
    work_email = _only_where(rng.random(n) < 0.14, work_email)
    return [
        _distinct(email, index, chunk).alias("email"),
        _distinct(old_email, index, chunk).alias("old_email"),
        _distinct(work_email, index, chunk).alias("work_email"),
        family_email.alias("family_email"),
    ]


LOGIN_WEIGHTS = np.array([0.2, 0.15, 0.16, 0.07, 0.14, 0.08, 0.12, 0.08])


def _login_styles(rng: np.random.Generator, people: pl.DataFrame) -> list[pl.Series]:
    """What people call themselves before the `@`, by style; the first two also at work."""
    given = people["given"].str.to_lowercase()
    surname = people["surname"].str.to_lowercase()
    nick = people["nick"].str.to_lowercase()
    birth_surname = people["former_surname"].str.to_lowercase().fill_null(surname)
    year = people["birthdate"].dt.strftime("%y")
    digits = pl.Series(rng.integers(1, 1000, len(people))).cast(pl.String)
    hobby = pl.Series(HOBBIES).gather(rng.integers(0, len(HOBBIES), len(people)))
    return [
        given + "." + surname,
        given.str.slice(0, 1) + surname,
        given + surname + year,
        surname + "." + given,
        nick + surname.str.slice(0, 1) + digits,
        given + "_" + birth_surname,
        hobby + digits,
        nick + year + digits,
    ]


def _family_emails(
    rng: np.random.Generator, people: pl.DataFrame, chunk: int, households: Households
) -> pl.Series:
    """The address that a household of several people may share: the.smiths12@example.com."""
    home = households.number
    domain = _domains(rng, households.count).gather(home)
    surname = people["surname"].str.to_lowercase()
    local = "the." + surname.gather(households.head) + "s"
    local += pl.Series(home % 97).cast(pl.String)
    email = _distinct(local + "@" + domain, people["household"].to_numpy(), chunk, by_owner=True)
    size = np.bincount(home, minlength=households.count)[home]
    shares_email = (rng.random(households.count) < 0.16)[home] & (size > 1)
    return _only_where(shares_email, email)


def _domains(rng: np.random.Generator, n: int) -> pl.Series:
    """So many domains of e-mail services, by how common they are."""
    names = pl.Series([domain for domain, _ in EMAIL_DOMAINS])
    shares = np.array([share for _, share in EMAIL_DOMAINS])
    return pick(rng, names, n, shares)


def _choose(rng: np.random.Generator, styles: list[pl.Series], weights: np.ndarray) -> pl.Series:
    """Per row one of the styles, by weight."""
    choice = rng.choice(len(styles), size=len(styles[0]), p=weights / weights.sum())
    chosen = styles[0]
    for number, style in enumerate(styles[1:], start=1):
        chosen = style.zip_with(pl.Series(choice == number), chosen)
    return chosen


def _distinct(
    emails: pl.Series, owner: np.ndarray, chunk: int, by_owner: bool = False
) -> pl.Series:
    """Give every address to one owner.

    Those that were met before get a number, those of later chunks the chunk's mark. `by_owner`: an
    owner has the address in several rows.
    """
    frame = pl.DataFrame({"email": emails, "owner": owner})
    if by_owner:
        rank = pl.col("owner").rank("dense").over("email")
    else:
        rank = pl.int_range(pl.len()).over("email") + 1
    frame = frame.with_columns(rank=rank)
    local = pl.col("email").str.split_exact("@", 1).struct.field("field_0")
    domain = pl.col("email").str.extract("(@.*)$", 1)
    number = pl.lit("-") + pl.col("rank").cast(pl.String)
    suffix = pl.when(pl.col("rank") > 1).then(number).otherwise(pl.lit(""))
    chunk_mark = pl.lit(f"_{chunk}" if chunk else "")
    return frame.select(email=local + suffix + chunk_mark + domain).to_series()
