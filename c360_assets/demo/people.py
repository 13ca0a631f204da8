"""Who exists: households, their people, their addresses and contacts. The truth, before anybody
writes it down.

People are made in chunks that know nothing of each other (numbers, e-mails and ids are disjoint by
construction), so that memory is bounded whatever the size. What a source records of a person
belongs to `customers`.
"""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl

from .dirt import pick
from .values import EMAIL_DOMAINS, EXCHANGES, HOBBIES, STREET_TYPES, Values

CHUNK_PEOPLE = 25_000
FIRST_DAY = date(2026, 6, 1)
FIRST_MOMENT = datetime(2026, 6, 1)
HISTORY_DAYS = 1050

SINGLE, COUPLE, FAMILY, SHARED_FLAT = range(4)
HOUSEHOLD_KINDS = np.array([0.34, 0.27, 0.32, 0.07])


def make_people(rng: np.random.Generator, values: Values, chunk: int, n: int) -> pl.DataFrame:
    """`n` people of one chunk, one row each, ordered by `person`.

    Columns: person, household (numbers unique over all chunks), role (0 head, 1 partner, 2 child, 3
    flatmate), gender, given, nick, surname, former_surname, renamed_on, suffix, birthdate, the
    address (street_line, street_short, unit, city, state, zip) and the one before it (former_*)
    with moved_on, mobile, old_mobile, landline, email, old_email, work_email, family_email.
    """
    kind, role, home = _households(rng, n)
    n_homes = int(home.max()) + 1
    frame = pl.DataFrame(
        {
            "person": chunk * CHUNK_PEOPLE + np.arange(n),
            "household": chunk * CHUNK_PEOPLE + home,
            "role": role,
        }
    )
    frame = frame.with_columns(_names(rng, values, kind, role, home))
    frame = frame.with_columns(_birthdates(rng, kind, role, home))
    frame = _addresses(rng, values, frame, home, n_homes)
    return frame.with_columns(_contacts(rng, values, frame, chunk, home, n_homes))


def _households(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kind, role and household number of each of `n` people."""
    kinds = rng.choice(4, size=n, p=HOUSEHOLD_KINDS)
    extra = rng.choice([1, 2, 3], size=n, p=[0.5, 0.38, 0.12])
    size = np.select(
        [kinds == SINGLE, kinds == COUPLE, kinds == FAMILY], [1, 2, 2 + extra], default=1 + extra
    )
    home = np.repeat(np.arange(n), size)[:n]
    position = np.arange(n) - np.searchsorted(home, home, side="left")
    kind = kinds[home]
    role = np.where(
        position == 0, 0, np.where(kind == SHARED_FLAT, 3, np.where(position == 1, 1, 2))
    )
    return kind, role, home


def _first_of(home: np.ndarray) -> np.ndarray:
    """Row of the head of each row's household."""
    return np.searchsorted(home, home, side="left")


def _names(
    rng: np.random.Generator, values: Values, kind: np.ndarray, role: np.ndarray, home: np.ndarray
) -> list[pl.Series]:
    n, head = len(home), _first_of(home)
    male = rng.random(n) < 0.5
    partner = role == 1
    male[partner] = ~male[head][partner] ^ (rng.random(int(partner.sum())) < 0.06)
    given = pick(rng, values.male, n, values.male_p).zip_with(
        pl.Series(male), pick(rng, values.female, n, values.female_p)
    )
    # the first child of some families bears the father's name: Sr and Jr
    first_child = (role == 2) & (np.arange(n) - head == 2)
    junior = first_child & male & male[head] & (rng.random(n) < 0.14)
    given = given.gather(head).zip_with(pl.Series(junior), given)
    suffix = np.zeros(n, dtype=np.int64)
    suffix[junior] = 1
    suffix[head[junior]] = 2
    own = pick(rng, values.surnames, n, values.surnames_p)
    shares = (role == 2) | (partner & (rng.random(n) < 0.82))
    surname = own.gather(head).zip_with(pl.Series(shares), own)
    # a marriage within the recorded years: a new surname, the old one still stands in older records
    renamed = partner & shares & (rng.random(n) < 0.14)
    days_ago = rng.integers(60, HISTORY_DAYS - 100, n)
    renamed_on = pl.Series(np.datetime64(FIRST_MOMENT, "us") - days_ago.astype("timedelta64[D]"))
    nicks = pl.DataFrame({"given": given}).join(
        values.nicknames, on="given", how="left", maintain_order="left"
    )["nicks"]
    at = pl.Series(rng.integers(0, 12, n))
    nick = pl.DataFrame({"nicks": nicks, "at": at, "given": given}).select(
        pl.when(pl.col("nicks").list.len() > 0)
        .then(
            pl.col("nicks").list.get(
                pl.col("at") % pl.col("nicks").list.len().cast(pl.Int64).clip(1), null_on_oob=True
            )
        )
        .otherwise(pl.col("given"))
    )
    return [
        pl.Series("gender", np.where(male, "M", "F")),
        given.alias("given"),
        nick.to_series().alias("nick"),
        surname.alias("surname"),
        own.set(pl.Series(~renamed), None).alias("former_surname"),
        renamed_on.set(pl.Series(~renamed), None).alias("renamed_on"),
        pl.Series([None, "Jr", "Sr"]).gather(suffix).alias("suffix"),
    ]


def _birthdates(
    rng: np.random.Generator, kind: np.ndarray, role: np.ndarray, home: np.ndarray
) -> pl.Series:
    n, head = len(home), _first_of(home)
    age = np.where(
        kind == SHARED_FLAT, rng.integers(19, 36, n), np.clip(rng.normal(50, 14, n), 22, 88)
    ).astype(int)
    age[role == 1] = np.clip(
        age[head][role == 1] + rng.integers(-6, 5, int((role == 1).sum())), 20, 90
    )
    child_age = np.clip(age[head] - rng.integers(22, 36, n), 16, 40)
    age = np.where(role == 2, child_age, age)
    days = (age * 365.25 + rng.integers(0, 365, n)).astype(int)
    second_child = (role == 2) & (np.arange(n) - head == 3)
    twin = second_child & (rng.random(n) < 0.12)
    days[twin] = days[np.flatnonzero(twin) - 1]
    return pl.Series("birthdate", np.datetime64(FIRST_DAY) - days.astype("timedelta64[D]")).cast(
        pl.Date
    )


def _addresses(
    rng: np.random.Generator, values: Values, people: pl.DataFrame, home: np.ndarray, n_homes: int
) -> pl.DataFrame:
    now = _address(rng, values, n_homes)
    before = _address(rng, values, n_homes)
    # most moves stay in town
    same_town = pl.Series(rng.random(n_homes) < 0.6)
    before = before.with_columns(
        now[c].zip_with(same_town, before[c]).alias(c) for c in ("city", "state", "zip", "area")
    )
    moved = rng.random(n_homes) < 0.2
    days_ago = rng.integers(20, HISTORY_DAYS - 50, n_homes)
    moved_on = pl.Series(np.datetime64(FIRST_MOMENT, "us") - days_ago.astype("timedelta64[D]")).set(
        pl.Series(~moved), None
    )
    homes = pl.concat([now, before.rename(lambda c: "former_" + c)], how="horizontal").with_columns(
        moved_on=moved_on
    )
    return pl.concat([people, homes[home]], how="horizontal")


def _address(rng: np.random.Generator, values: Values, n: int) -> pl.DataFrame:
    """Columns street_line ("12 Oak Street"), street_short ("12 Oak St"), unit, city, state, zip,
    area.
    """
    town = values.towns[rng.choice(len(values.towns), size=n, p=values.towns_p)]
    number = pl.Series(rng.integers(1, 2400, n)).cast(pl.String)
    street = pick(rng, values.streets, n, values.streets_p)
    kind = rng.choice(
        len(STREET_TYPES), size=n, p=np.array([street_type.share for street_type in STREET_TYPES])
    )
    long, short = (
        pl.Series([t[0] for t in STREET_TYPES]).gather(kind),
        pl.Series([t[1] for t in STREET_TYPES]).gather(kind),
    )
    unit = ("Apt " + pl.Series(rng.integers(1, 60, n)).cast(pl.String)).set(
        pl.Series(rng.random(n) >= 0.28), None
    )
    ends = pl.Series(rng.integers(1, 100, n)).cast(pl.String).str.zfill(2)
    return pl.DataFrame(
        {
            "street_line": number + " " + street + " " + long,
            "street_short": number + " " + street + " " + short,
            "unit": unit,
            "city": town["city"],
            "state": town["state"],
            "zip": town["zip3"] + ends,
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
    home: np.ndarray,
    n_homes: int,
) -> list[pl.Series]:
    n, index = len(people), people["person"].to_numpy()
    mobile = _numbers(people["area"], index * 3)
    # a former number lives on in older records
    old_mobile = _numbers(people["area"], index * 3 + 1).set(pl.Series(rng.random(n) >= 0.16), None)
    has_landline = (rng.random(n_homes) < 0.45)[home]
    landline = _numbers(people["area"], people["household"].to_numpy() * 3 + 2).set(
        pl.Series(~has_landline), None
    )
    given, surname, nick = (people[c].str.to_lowercase() for c in ("given", "surname", "nick"))
    maiden = people["former_surname"].str.to_lowercase().fill_null(surname)
    year, digits = (
        people["birthdate"].dt.strftime("%y"),
        pl.Series(rng.integers(1, 1000, n)).cast(pl.String),
    )
    styles = [
        given + "." + surname,
        given.str.slice(0, 1) + surname,
        given + surname + year,
        surname + "." + given,
        nick + surname.str.slice(0, 1) + digits,
        given + "_" + maiden,
        pl.Series(HOBBIES).gather(rng.integers(0, len(HOBBIES), n)) + digits,
        nick + year + digits,
    ]
    weights = np.array([0.2, 0.15, 0.16, 0.07, 0.14, 0.08, 0.12, 0.08])
    local, older = _choose(rng, styles, weights), _choose(rng, styles[::-1], weights)
    domain = pl.Series([d for d, _ in EMAIL_DOMAINS])
    domain_p = np.array([p for _, p in EMAIL_DOMAINS])
    work_local = _choose(
        rng, [given + "." + surname, given.str.slice(0, 1) + surname], np.array([0.7, 0.3])
    )
    family_at = pick(rng, domain, n_homes, domain_p).gather(home)
    family = (
        "the."
        + surname.gather(_first_of(home))
        + "s"
        + pl.Series(home % 97).cast(pl.String)
        + "@"
        + family_at
    )
    size = np.bincount(home, minlength=n_homes)[home]
    has_family = (rng.random(n_homes) < 0.16)[home] & (size > 1)
    emails = {
        "email": local + "@" + pick(rng, domain, n, domain_p),
        "old_email": (older + "@old." + pick(rng, domain, n, domain_p)).set(
            pl.Series(rng.random(n) >= 0.24), None
        ),
        "work_email": (work_local + "@" + pick(rng, values.firms, n) + ".example").set(
            pl.Series(rng.random(n) >= 0.14), None
        ),
    }
    unique = [_distinct(series, index, chunk).alias(name) for name, series in emails.items()]
    family = _distinct(family, people["household"].to_numpy(), chunk, by_owner=True).set(
        pl.Series(~has_family), None
    )
    return [
        mobile.alias("mobile"),
        old_mobile.alias("old_mobile"),
        landline.alias("landline"),
        *unique,
        family.alias("family_email"),
    ]


def _choose(rng: np.random.Generator, styles: list[pl.Series], weights: np.ndarray) -> pl.Series:
    chosen = rng.choice(len(styles), size=len(styles[0]), p=weights / weights.sum())
    out = styles[0]
    for i, style in enumerate(styles[1:], start=1):
        out = style.zip_with(pl.Series(chosen == i), out)
    return out


def _distinct(
    emails: pl.Series, owner: np.ndarray, chunk: int, by_owner: bool = False
) -> pl.Series:
    """Give every address to one owner: those met before get a number, those of later chunks the
    chunk's mark.
    """
    frame = pl.DataFrame({"email": emails, "owner": owner}).with_columns(
        rank=pl.col("owner").rank("dense").over("email")
        if by_owner
        else pl.int_range(pl.len()).over("email") + 1
    )
    local, at = (
        pl.col("email").str.split_exact("@", 1).struct.field("field_0"),
        pl.col("email").str.extract("(@.*)$", 1),
    )
    mark = pl.lit(f"_{chunk}" if chunk else "")
    again = (
        pl.when(pl.col("rank") > 1)
        .then(pl.lit("-") + pl.col("rank").cast(pl.String))
        .otherwise(pl.lit(""))
    )
    return frame.select((local + again + mark + at).alias("email")).to_series()
