"""What each source writes down of a person: the five customer feeds, with the dirt that is typical
of each.

A source takes a view of its people at the moment of the record (old surname, old address) and
renders its own columns; a share of the records is changed again while the files are being
delivered. Orders belong to `orders`, files and rejected rows to `landing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from .dirt import DIGITS, hide, mix, phone_format, pick, recase, typo
from .people import FIRST_MOMENT, HISTORY_DAYS

BRANDS = ("larkmere", "oskwell")
STORES = pl.Series([f"L{n:02d}" for n in range(1, 9)] + [f"O{n:02d}" for n in range(1, 7)])
STORE_P = np.array(
    [0.2, 0.12, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02, 0.16, 0.09, 0.06, 0.04, 0.03, 0.02]
)
# clerks in a hurry type the shop's own number, or an address that no customer has
STORE_PHONES = pl.Series(["2935550140", "4935550162"])
JUNK_EMAILS = pl.Series(
    [
        "noemail@larkmere.example",
        "none@none.example",
        "info@oskwell.example",
        "customer@larkmere.example",
    ]
)
SURNAME_SUFFIX_SHARE = 0.45

PRIME = 999_999_937


def scramble(index: np.ndarray, factor: int, start: int) -> pl.Series:
    """Nine digits for each index below 10^9: one to one, and without the order of the index."""
    return pl.Series((index.astype(np.int64) * factor + start) % PRIME).cast(pl.String).str.zfill(9)


@dataclass(frozen=True)
class Source:
    """How a source meets people: the share of people it knows, of second records among them, and
    how it writes them down.
    """

    datasource: str  # the table that goes to Stitch: truth is written in its name
    share: float
    again: float
    changed: float
    key: Callable[[np.ndarray], pl.Series]
    render: Callable[[np.random.Generator, pl.DataFrame], pl.DataFrame]
    groups: tuple[tuple[str, ...], ...]  # columns that change together
    history: int = HISTORY_DAYS
    copies: int = 2


def make_records(
    rng: np.random.Generator, source: Source, people: pl.DataFrame, days: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records of one source over the whole delivery time.

    Returns (rows, base): `rows` has every version to deliver with the source's columns and `_key`,
    `_created`, `_updated` (local time), `_person`, `_household`; `base` the first version of each
    record, which orders are made for.
    """
    row, copy = _meetings(rng, source, len(people))
    n = len(row)
    index = people["person"].to_numpy()[row] * 4 + copy
    created = _moments(rng, n, source.history, days)
    touched = _between(rng, created)
    who = people[row].with_columns(_key=source.key(index), _copy=pl.Series(copy), _created=created)
    base = pl.concat(
        [_frame(who, touched), source.render(rng, view(who, created))], how="horizontal"
    )
    if days < 2:
        return base, base
    later = _later(rng, source, who, base, days)
    return pl.concat([base, later]), base


def _frame(who: pl.DataFrame, updated: pl.Series) -> pl.DataFrame:
    return who.select(
        "_key",
        "_created",
        updated.alias("_updated"),
        pl.col("person").alias("_person"),
        pl.col("household").alias("_household"),
    )


def _meetings(rng: np.random.Generator, source: Source, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Row of the person and number of the record, for each record."""
    rows, copies = [], []
    known = np.flatnonzero(rng.random(n) < source.share)
    for copy in range(source.copies):
        rows.append(known)
        copies.append(np.full(len(known), copy))
        known = known[rng.random(len(known)) < source.again]
    return np.concatenate(rows), np.concatenate(copies)


def _daytime(rng: np.random.Generator, day: np.ndarray) -> pl.Series:
    """A moment of opening hours on the given day (days after the first delivery day.

    Negative before it).
    """
    seconds = day.astype(np.int64) * 86_400 + rng.integers(7 * 3600, 23 * 3600, len(day))
    return pl.Series(np.datetime64(FIRST_MOMENT, "us") + seconds.astype("timedelta64[s]"))


def _moments(rng: np.random.Generator, n: int, history: int, days: int) -> pl.Series:
    """When a record was made: in the years before, or (4 % for a fortnight) on a delivered day."""
    past = -rng.integers(1, history, n)
    fresh = rng.random(n) < 0.003 * (days - 1)
    return _daytime(rng, np.where(fresh, rng.integers(0, max(days - 1, 1), n), past))


def _between(rng: np.random.Generator, created: pl.Series) -> pl.Series:
    """Last change up to the first delivery: often the creation itself."""
    start = (created - FIRST_MOMENT).dt.total_days().to_numpy()
    waited = (-start * rng.random(len(start)) * (rng.random(len(start)) < 0.5)).astype(np.int64)
    changed = pl.Series((start < 0) & (waited > 0))
    return _daytime(rng, np.minimum(start + waited, -1)).zip_with(changed, created)


def view(who: pl.DataFrame, at: pl.Series) -> pl.DataFrame:
    """The people as they were at `at`: surname and address of that time."""
    who = who.with_columns(at.alias("_at"))
    since = {"surname": "renamed_on"} | dict.fromkeys(
        ("street_line", "street_short", "unit", "city", "state", "zip"), "moved_on"
    )
    return who.with_columns(
        pl.when(pl.col("_at") < pl.col(moment))
        .then(pl.col("former_" + c))
        .otherwise(pl.col(c))
        .alias(c)
        for c, moment in since.items()
    )


def _later(
    rng: np.random.Generator, source: Source, who: pl.DataFrame, base: pl.DataFrame, days: int
) -> pl.DataFrame:
    """New versions of existing records: one group of columns is written anew."""
    old = np.flatnonzero(
        (who["_created"] < FIRST_MOMENT).to_numpy()
        & (rng.random(len(who)) < source.changed * (days - 1) / 13)
    )
    at = _daytime(rng, rng.integers(0, days - 1, len(old)))
    fresh = source.render(rng, view(who[old], at))
    kept = base[old]
    group = pl.Series(rng.integers(0, len(source.groups) + 1, len(old)))
    for i, columns in enumerate(source.groups):
        hit = group == i
        kept = kept.with_columns(
            fresh[c].zip_with(hit & fresh[columns[0]].is_not_null(), kept[c]).alias(c)
            for c in columns
        )
    return kept.with_columns(at.alias("_updated"))


def _with_suffix(rng: np.random.Generator, v: pl.DataFrame, surname: pl.Series) -> pl.Series:
    """Jr and Sr behind the surname, as people do where a form has no field for it."""
    suffix = hide(rng, v["suffix"], SURNAME_SUFFIX_SHARE)
    return pl.select(pl.concat_str(surname, suffix, separator=" ", ignore_nulls=True)).to_series()


def _street(rng: np.random.Generator, v: pl.DataFrame, keep: float, long: float) -> pl.DataFrame:
    """Columns address, address2, city, state, zip.

    Kept or missing together; the unit sometimes stands in the first line.
    """
    n = len(v)
    line = typo(rng, mix(rng, (long, v["street_line"]), (1 - long, v["street_short"])), 0.012)
    inline = pl.Series(rng.random(n) < 0.4)
    joined = pl.select(
        pl.concat_str(line, v["unit"], separator=", ", ignore_nulls=True)
    ).to_series()
    kept = pl.Series(rng.random(n) < keep)
    return pl.DataFrame(
        {
            "address": joined.zip_with(inline, line),
            "address2": v["unit"].set(inline, None),
            "city": typo(rng, v["city"], 0.015),
            "state": v["state"],
            "zip": typo(rng, v["zip"], 0.008, DIGITS),
        }
    ).with_columns(pl.when(kept).then(pl.all()))


def _slipped_date(
    rng: np.random.Generator, birthdate: pl.Series, swapped: float, year_off: float
) -> pl.Series:
    """Day and month swapped, or the year wrong by one."""
    u = pl.Series(rng.random(len(birthdate)))
    frame = pl.DataFrame({"d": birthdate, "u": u})
    day, month = pl.col("d").dt.day(), pl.col("d").dt.month()
    swap = (
        pl.when(day <= 12).then(pl.date(pl.col("d").dt.year(), day, month)).otherwise(pl.col("d"))
    )
    out = (
        pl.when(pl.col("u") < swapped)
        .then(swap)
        .when(pl.col("u") < swapped + year_off)
        .then(pl.col("d").dt.offset_by("1y"))
    )
    return frame.select(out.otherwise(pl.col("d")).alias("d")).to_series()


def _shop(rng: np.random.Generator, v: pl.DataFrame) -> pl.DataFrame:
    first = typo(rng, mix(rng, (0.86, v["given"]), (0.14, v["nick"])), 0.015)
    last = _with_suffix(rng, v, typo(rng, v["surname"], 0.02))
    email = mix(
        rng,
        (0.66, v["email"]),
        (0.15, v["old_email"]),
        (0.09, v["work_email"]),
        (0.10, v["family_email"]),
    )
    phone = mix(
        rng, (0.42, v["mobile"]), (0.08, v["old_mobile"]), (0.18, v["landline"]), (0.32, None)
    )
    home = pl.Series(v["person"].to_numpy() * 7 % 10 < 6)
    other = pl.Series(v["_copy"].to_numpy() > 0) ^ home
    return pl.DataFrame(
        {
            "first_name": recase(rng, first, 0.03, 0.08),
            "last_name": recase(rng, last, 0.03, 0.08),
            "email": recase(rng, typo(rng, email, 0.012), 0.02, 0.5),
            "phone": phone_format(rng, typo(rng, phone, 0.01, DIGITS)),
            "birth_date": hide(rng, _slipped_date(rng, v["birthdate"], 0.01, 0.01), 0.33),
            "loyalty_no": hide(rng, v["member_no"], 0.24),
            "site": pl.Series(["oskwell.example", "larkmere.example"]).gather(
                other.cast(pl.UInt32)
            ),
            "marketing_ok": pl.Series(rng.random(len(v)) < 0.55),
        }
    ).hstack(_street(rng, v, 0.84, 0.5))


def _till(rng: np.random.Generator, v: pl.DataFrame) -> pl.DataFrame:
    n = len(v)
    first = mix(
        rng, (0.76, v["given"]), (0.14, v["nick"]), (0.06, v["given"].str.slice(0, 1)), (0.04, None)
    )
    last = _with_suffix(rng, v, typo(rng, v["surname"], 0.05))
    shout = pl.Series(rng.random(n) < 0.35)
    first = typo(rng, first, 0.04)
    shop_phone = pick(rng, STORE_PHONES, n)
    phone = mix(
        rng,
        (0.46, v["mobile"]),
        (0.10, v["old_mobile"]),
        (0.18, v["landline"]),
        (0.06, shop_phone),
        (0.20, None),
    )
    junk = pick(rng, JUNK_EMAILS, n)
    email = mix(
        rng,
        (0.36, v["email"]),
        (0.08, v["old_email"]),
        (0.05, v["family_email"]),
        (0.03, junk),
        (0.48, None),
    )
    street = _street(rng, v, 0.4, 0.15)
    # a ZIP is asked for more often than the street
    zip_code = street["zip"].zip_with(
        street["zip"].is_not_null() | pl.Series(rng.random(n) < 0.55), v["zip"]
    )
    frame = pl.DataFrame(
        {
            "first_name": first.str.to_uppercase().zip_with(shout, first),
            "last_name": last.str.to_uppercase().zip_with(shout, last),
            "phone": typo(rng, phone, 0.02, DIGITS),
            "email": recase(rng, typo(rng, email, 0.03), 0.2, 0.6),
            "birthdate": hide(rng, _slipped_date(rng, v["birthdate"], 0.02, 0.02), 0.18),
            "club_no": hide(rng, v["member_no"], 0.33),
            "home_store": pick(rng, STORES, n, STORE_P / STORE_P.sum()),
        }
    ).hstack(street.with_columns(zip_code.alias("zip")))
    return _nobodies(rng, frame, shop_phone)


def _nobodies(rng: np.random.Generator, frame: pl.DataFrame, shop_phone: pl.Series) -> pl.DataFrame:
    """Cards made for nobody in particular: guests and the cashier's tests.

    Column `_nobody` marks them.
    """
    u = pl.Series("u", rng.random(len(frame)))
    guest, test = u < 0.005, (u >= 0.005) & (u < 0.008)
    blank = [
        c for c in frame.columns if c not in ("first_name", "last_name", "phone", "home_store")
    ]
    any_of = guest | test
    return frame.with_columns(
        pl.when(guest)
        .then(pl.lit("Guest"))
        .when(test)
        .then(pl.lit("Test"))
        .otherwise(pl.col("first_name"))
        .alias("first_name"),
        pl.when(guest)
        .then(pl.lit("Cardholder"))
        .when(test)
        .then(pl.lit("Test"))
        .otherwise(pl.col("last_name"))
        .alias("last_name"),
        shop_phone.zip_with(any_of, frame["phone"]).alias("phone"),
        *(frame[c].set(any_of, None).alias(c) for c in blank),
        any_of.alias("_nobody"),
    )


def _loyalty(rng: np.random.Generator, v: pl.DataFrame) -> pl.DataFrame:
    n = len(v)
    phone = mix(
        rng, (0.60, v["mobile"]), (0.08, v["old_mobile"]), (0.10, v["landline"]), (0.22, None)
    )
    email = mix(
        rng,
        (0.54, v["email"]),
        (0.13, v["old_email"]),
        (0.04, v["work_email"]),
        (0.07, v["family_email"]),
        (0.22, None),
    )
    return pl.DataFrame(
        {
            "given_name": typo(rng, mix(rng, (0.93, v["given"]), (0.07, v["nick"])), 0.025),
            "surname": typo(rng, v["surname"], 0.03),
            "suffix": hide(rng, v["suffix"], 0.7),
            "email": typo(rng, email, 0.02).str.to_lowercase(),
            "mobile": phone_format(rng, phone),
            "birthdate": hide(rng, _slipped_date(rng, v["birthdate"], 0.015, 0.015), 0.86),
            "gender": hide(rng, v["gender"], 0.9),
            "home_brand": pl.Series(BRANDS).gather(rng.choice(2, size=n, p=[0.6, 0.4])),
            "tier": pick(
                rng, pl.Series(["quill", "silver", "gold"]), n, np.array([0.7, 0.22, 0.08])
            ),
            "points": pl.Series(rng.integers(0, 9000, n)),
        }
    ).hstack(_street(rng, v, 0.9, 0.7))


def _newsletter(rng: np.random.Generator, v: pl.DataFrame) -> pl.DataFrame:
    n = len(v)
    email = mix(
        rng,
        (0.70, v["email"]),
        (0.16, v["old_email"]),
        (0.08, v["work_email"]),
        (0.06, v["family_email"]),
    )
    name = mix(rng, (0.82, v["given"]), (0.18, v["nick"])) + " " + typo(rng, v["surname"], 0.015)
    home = v["person"].to_numpy() % 10 < 6
    return pl.DataFrame(
        {
            "email": recase(rng, typo(rng, email, 0.008), 0.01, 0.8),
            "name": recase(rng, hide(rng, name, 0.6), 0.01, 0.12),
            "zip": hide(rng, v["zip"], 0.55),
            "brand": pl.Series(BRANDS).gather(np.where((v["_copy"].to_numpy() > 0) ^ home, 0, 1)),
            "status": pick(
                rng,
                pl.Series(["subscribed", "unsubscribed", "pending"]),
                n,
                np.array([0.76, 0.2, 0.04]),
            ),
            "program": pick(rng, pl.Series(["weekly", "offers"]), n, np.array([0.7, 0.3])),
        }
    )


def _calls(rng: np.random.Generator, v: pl.DataFrame) -> pl.DataFrame:
    n = len(v)
    caller = mix(rng, (0.72, v["given"]), (0.22, v["nick"]), (0.06, v["given"].str.slice(0, 1)))
    name = caller + " " + typo(rng, v["surname"], 0.07)
    phone = mix(
        rng, (0.52, v["mobile"]), (0.06, v["old_mobile"]), (0.26, v["landline"]), (0.16, None)
    )
    email = mix(rng, (0.30, v["email"]), (0.04, v["family_email"]), (0.66, None))
    reasons = pl.Series(
        ["where is my order", "return", "complaint", "product question", "address change"]
    )
    two = (v["_account_count"].fill_null(0) > 1).to_numpy() & (v["_copy"].to_numpy() == 0)
    asks = np.zeros(n, dtype=bool)
    asks[np.flatnonzero(two)[:1]] = True  # one customer wants the two accounts kept apart
    reason = pick(rng, reasons, n).zip_with(
        ~pl.Series(asks), pl.Series(["keep my two accounts apart"] * n, dtype=pl.String)
    )
    return pl.DataFrame(
        {
            "caller": hide(rng, name, 0.95),
            "phone": phone_format(rng, phone),
            "email": typo(rng, email, 0.04),
            "city": hide(rng, typo(rng, v["city"], 0.04), 0.7),
            "state": hide(rng, v["state"], 0.7),
            "zip": hide(rng, v["zip"], 0.55),
            "shop_account": hide(rng, v["account_no"], 0.16).zip_with(
                ~pl.Series(asks), v["account_no"]
            ),
            "brand": pl.Series(BRANDS).gather(rng.choice(2, size=n, p=[0.6, 0.4])),
            "reason": reason,
        }
    )


ADDRESS = ("address", "address2", "city", "state", "zip")
LOYALTY = Source(
    "Loyalty:Members",
    share=0.43,
    again=0.03,
    changed=0.06,
    key=lambda index: "QC" + scramble(index, 7_368_787, 11),
    render=_loyalty,
    groups=(ADDRESS, ("email",), ("mobile",), ("tier", "points")),
)
SHOP = Source(
    "CDT_Shop_Customers",
    share=0.62,
    again=0.05,
    changed=0.06,
    key=lambda index: "C" + scramble(index, 48_271_003, 77),
    render=_shop,
    groups=(ADDRESS, ("email",), ("phone",), ("last_name",)),
)
TILL = Source(
    "CDT_Till_Customers",
    share=0.60,
    again=0.13,
    changed=0.04,
    key=lambda index: "4" + scramble(index, 16_807_777, 5),
    render=_till,
    groups=(ADDRESS, ("email",), ("phone",)),
)
NEWSLETTER = Source(
    "Newsletter:Subscribers",
    share=0.47,
    again=0.11,
    changed=0.05,
    key=lambda index: "n" + scramble(index, 69_621_049, 31),
    render=_newsletter,
    groups=(("email",), ("status",), ("zip",)),
)
CALLS = Source(
    "CallCentre:Contacts",
    share=0.21,
    again=0.36,
    changed=0.0,
    key=lambda index: "T" + scramble(index, 39_373_111, 901),
    render=_calls,
    groups=(),
    history=365,
    copies=4,
)
