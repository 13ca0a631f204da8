"""What each source writes down of a person: the five customer feeds, with the dirt that is typical
of each.

A source renders its own columns of people as they were at the moment of the record. Who is met when
belongs to `meetings`, orders to `orders`, files and rejected rows to `landing`.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from .dirt import DIGITS, hide, mix, phone_format, pick, recase, typo
from .meetings import Source, scramble

BRANDS = ("larkmere", "oskwell")
BRAND_SHARES = np.array([0.6, 0.4])
# Stores of the two brands, and their shares of the customers.
STORES = pl.Series([f"L{n:02d}" for n in range(1, 9)] + [f"O{n:02d}" for n in range(1, 7)])
STORE_SHARES = np.array(
    [0.2, 0.12, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02, 0.16, 0.09, 0.06, 0.04, 0.03, 0.02]
)
# Clerks in a hurry type the shop's own number, or an address that no customer has
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


def _share(rng: np.random.Generator, n: int, share: float) -> pl.Series:
    """Whether each of `n` rows is in the share, drawn row by row."""
    return pl.Series(rng.random(n) < share)


def _with_suffix(rng: np.random.Generator, people: pl.DataFrame, surname: pl.Series) -> pl.Series:
    """Jr and Sr behind the surname, as people do where a form has no field for it."""
    suffix = hide(rng, people["suffix"], SURNAME_SUFFIX_SHARE)
    return pl.select(pl.concat_str(surname, suffix, separator=" ", ignore_nulls=True)).to_series()


def _street(
    rng: np.random.Generator, people: pl.DataFrame, keep: float, long: float
) -> pl.DataFrame:
    """Columns address, address2, city, state, zip; kept or missing together.

    `keep` is the share that is kept, `long` that of street types in full. The unit sometimes stands
    in the first line.
    """
    n = len(people)
    written = mix(rng, (long, people["street_line"]), (1 - long, people["street_short"]))
    line = typo(rng, written, 0.012)
    is_inline = _share(rng, n, 0.4)
    joined = pl.concat_str(line, people["unit"], separator=", ", ignore_nulls=True)
    is_kept = _share(rng, n, keep)
    address = pl.DataFrame(
        {
            "address": pl.select(joined).to_series().zip_with(is_inline, line),
            "address2": people["unit"].set(is_inline, None),
            "city": typo(rng, people["city"], 0.015),
            "state": people["state"],
            "zip": typo(rng, people["zip"], 0.008, DIGITS),
        }
    )
    return address.with_columns(pl.when(is_kept).then(pl.all()))


def _slipped_date(
    rng: np.random.Generator, birthdate: pl.Series, swapped: float, year_off: float
) -> pl.Series:
    """Day and month swapped in one share, the year wrong by one in another."""
    draw = pl.Series(rng.random(len(birthdate)))
    frame = pl.DataFrame({"date": birthdate, "draw": draw})
    date = pl.col("date")
    day = date.dt.day()
    swapped_date = pl.date(date.dt.year(), month=day, day=date.dt.month())
    with_swap = pl.when(day <= 12).then(swapped_date).otherwise(date)
    slipped = (
        pl.when(pl.col("draw") < swapped)
        .then(with_swap)
        .when(pl.col("draw") < swapped + year_off)
        .then(date.dt.offset_by("1y"))
        .otherwise(date)
    )
    return frame.select(date=slipped).to_series()


def _shop(rng: np.random.Generator, people: pl.DataFrame) -> pl.DataFrame:
    called = mix(rng, (0.86, people["given"]), (0.14, people["nick"]))
    first_name = typo(rng, called, 0.015)
    last_name = _with_suffix(rng, people, typo(rng, people["surname"], 0.02))
    email = mix(
        rng,
        (0.66, people["email"]),
        (0.15, people["old_email"]),
        (0.09, people["work_email"]),
        (0.10, people["family_email"]),
    )
    phone = mix(
        rng,
        (0.42, people["mobile"]),
        (0.08, people["old_mobile"]),
        (0.18, people["landline"]),
        (0.32, None),
    )
    # Six of ten people prefer one brand; a second account is with the other.
    sites = pl.Series(["oskwell.example", "larkmere.example"])
    prefers_first = pl.Series(people["person"].to_numpy() * 7 % 10 < 6)
    is_second_account = pl.Series(people["_copy"].to_numpy() > 0)
    is_at_other = is_second_account ^ prefers_first
    first_name = recase(rng, first_name, 0.03, 0.08)
    last_name = recase(rng, last_name, 0.03, 0.08)
    typed_email = typo(rng, email, 0.012)
    typed_email = recase(rng, typed_email, 0.02, 0.5)
    typed_phone = typo(rng, phone, 0.01, DIGITS)
    typed_phone = phone_format(rng, typed_phone)
    birth_date = _slipped_date(rng, people["birthdate"], 0.01, 0.01)
    customers = pl.DataFrame(
        {
            "first_name": first_name,
            "last_name": last_name,
            "email": typed_email,
            "phone": typed_phone,
            "birth_date": hide(rng, birth_date, 0.33),
            "loyalty_no": hide(rng, people["member_no"], 0.24),
            "site": sites.gather(is_at_other.cast(pl.UInt32)),
            "marketing_ok": _share(rng, len(people), 0.55),
        }
    )
    return customers.hstack(_street(rng, people, 0.84, 0.5))


def _till(rng: np.random.Generator, people: pl.DataFrame) -> pl.DataFrame:
    n = len(people)
    first_name = mix(
        rng,
        (0.76, people["given"]),
        (0.14, people["nick"]),
        (0.06, people["given"].str.slice(0, 1)),
        (0.04, None),
    )
    last_name = _with_suffix(rng, people, typo(rng, people["surname"], 0.05))
    is_shouted = _share(rng, n, 0.35)
    first_name = typo(rng, first_name, 0.04)
    shop_phone = pick(rng, STORE_PHONES, n)
    phone = mix(
        rng,
        (0.46, people["mobile"]),
        (0.10, people["old_mobile"]),
        (0.18, people["landline"]),
        (0.06, shop_phone),
        (0.20, None),
    )
    junk = pick(rng, JUNK_EMAILS, n)
    email = mix(
        rng,
        (0.36, people["email"]),
        (0.08, people["old_email"]),
        (0.05, people["family_email"]),
        (0.03, junk),
        (0.48, None),
    )
    street = _street(rng, people, 0.4, 0.15)
    # A ZIP is asked for more often than the street.
    keeps_own = street["zip"].is_not_null() | _share(rng, n, 0.55)
    zip_code = street["zip"].zip_with(keeps_own, people["zip"])
    typed_phone = typo(rng, phone, 0.02, DIGITS)
    typed_email = typo(rng, email, 0.03)
    typed_email = recase(rng, typed_email, 0.2, 0.6)
    birthdate = _slipped_date(rng, people["birthdate"], 0.02, 0.02)
    cards = pl.DataFrame(
        {
            "first_name": first_name.str.to_uppercase().zip_with(is_shouted, first_name),
            "last_name": last_name.str.to_uppercase().zip_with(is_shouted, last_name),
            "phone": typed_phone,
            "email": typed_email,
            "birthdate": hide(rng, birthdate, 0.18),
            "club_no": hide(rng, people["member_no"], 0.33),
            "home_store": pick(rng, STORES, n, STORE_SHARES / STORE_SHARES.sum()),
        }
    )
    cards = cards.hstack(street.with_columns(zip_code.alias("zip")))
    return _nobodies(rng, cards, shop_phone)


def _nobodies(rng: np.random.Generator, frame: pl.DataFrame, shop_phone: pl.Series) -> pl.DataFrame:
    """Cards made for nobody in particular: guests and the cashier's tests.

    The column `_nobody` marks them.
    """
    draw = pl.Series("draw", rng.random(len(frame)))
    is_guest = draw < 0.005
    is_test = (draw >= 0.005) & (draw < 0.008)
    is_nobody = is_guest | is_test
    filled = ("first_name", "last_name", "phone", "home_store")
    blank = [column for column in frame.columns if column not in filled]

    def name(column: str, guest: str, test: str) -> pl.Expr:
        of_test = pl.when(is_test).then(pl.lit(test)).otherwise(pl.col(column))
        return pl.when(is_guest).then(pl.lit(guest)).otherwise(of_test).alias(column)

    return frame.with_columns(
        name("first_name", "Guest", "Test"),
        name("last_name", "Cardholder", "Test"),
        shop_phone.zip_with(is_nobody, frame["phone"]).alias("phone"),
        *(frame[column].set(is_nobody, None).alias(column) for column in blank),
        is_nobody.alias("_nobody"),
    )


def _loyalty(rng: np.random.Generator, people: pl.DataFrame) -> pl.DataFrame:
    n = len(people)
    phone = mix(
        rng,
        (0.60, people["mobile"]),
        (0.08, people["old_mobile"]),
        (0.10, people["landline"]),
        (0.22, None),
    )
    email = mix(
        rng,
        (0.54, people["email"]),
        (0.13, people["old_email"]),
        (0.04, people["work_email"]),
        (0.07, people["family_email"]),
        (0.22, None),
    )
    called = mix(rng, (0.93, people["given"]), (0.07, people["nick"]))
    given_name = typo(rng, called, 0.025)
    surname = typo(rng, people["surname"], 0.03)
    suffix = hide(rng, people["suffix"], 0.7)
    typed_email = typo(rng, email, 0.02)
    mobile = phone_format(rng, phone)
    birthdate = _slipped_date(rng, people["birthdate"], 0.015, 0.015)
    tiers = pl.Series(["quill", "silver", "gold"])
    tier_shares = np.array([0.7, 0.22, 0.08])
    members = pl.DataFrame(
        {
            "given_name": given_name,
            "surname": surname,
            "suffix": suffix,
            "email": typed_email.str.to_lowercase(),
            "mobile": mobile,
            "birthdate": hide(rng, birthdate, 0.86),
            "gender": hide(rng, people["gender"], 0.9),
            "home_brand": pick(rng, pl.Series(BRANDS), n, BRAND_SHARES),
            "tier": pick(rng, tiers, n, tier_shares),
            "points": pl.Series(rng.integers(0, 9000, n)),
        }
    )
    return members.hstack(_street(rng, people, 0.9, 0.7))


def _newsletter(rng: np.random.Generator, people: pl.DataFrame) -> pl.DataFrame:
    n = len(people)
    email = mix(
        rng,
        (0.70, people["email"]),
        (0.16, people["old_email"]),
        (0.08, people["work_email"]),
        (0.06, people["family_email"]),
    )
    called = mix(rng, (0.82, people["given"]), (0.18, people["nick"]))
    name = called + " " + typo(rng, people["surname"], 0.015)
    prefers_second = people["person"].to_numpy() % 10 < 6
    is_further_record = people["_copy"].to_numpy() > 0
    brand = np.where(is_further_record ^ prefers_second, 0, 1)
    typed_email = typo(rng, email, 0.008)
    typed_email = recase(rng, typed_email, 0.01, 0.8)
    name = hide(rng, name, 0.6)
    statuses = pl.Series(["subscribed", "unsubscribed", "pending"])
    programs = pl.Series(["weekly", "offers"])
    return pl.DataFrame(
        {
            "email": typed_email,
            "name": recase(rng, name, 0.01, 0.12),
            "zip": hide(rng, people["zip"], 0.55),
            "brand": pl.Series(BRANDS).gather(brand),
            "status": pick(rng, statuses, n, np.array([0.76, 0.2, 0.04])),
            "program": pick(rng, programs, n, np.array([0.7, 0.3])),
        }
    )


def _calls(rng: np.random.Generator, people: pl.DataFrame) -> pl.DataFrame:
    n = len(people)
    caller = mix(
        rng,
        (0.72, people["given"]),
        (0.22, people["nick"]),
        (0.06, people["given"].str.slice(0, 1)),
    )
    name = caller + " " + typo(rng, people["surname"], 0.07)
    phone = mix(
        rng,
        (0.52, people["mobile"]),
        (0.06, people["old_mobile"]),
        (0.26, people["landline"]),
        (0.16, None),
    )
    email = mix(rng, (0.30, people["email"]), (0.04, people["family_email"]), (0.66, None))
    reasons = pl.Series(
        ["where is my order", "return", "complaint", "product question", "address change"]
    )
    # One customer wants two accounts kept apart.
    has_two_accounts = (people["_account_count"].fill_null(0) > 1).to_numpy()
    is_first_call = people["_copy"].to_numpy() == 0
    asks = np.zeros(n, dtype=bool)
    asks[np.flatnonzero(has_two_accounts & is_first_call)[:1]] = True
    does_not_ask = ~pl.Series(asks)
    request = pl.Series(["keep my two accounts apart"] * n, dtype=pl.String)
    reason = pick(rng, reasons, n).zip_with(does_not_ask, request)
    name = hide(rng, name, 0.95)
    phone = phone_format(rng, phone)
    email = typo(rng, email, 0.04)
    city = typo(rng, people["city"], 0.04)
    city = hide(rng, city, 0.7)
    state = hide(rng, people["state"], 0.7)
    zip_code = hide(rng, people["zip"], 0.55)
    account = hide(rng, people["account_no"], 0.16)
    return pl.DataFrame(
        {
            "caller": name,
            "phone": phone,
            "email": email,
            "city": city,
            "state": state,
            "zip": zip_code,
            "shop_account": account.zip_with(does_not_ask, people["account_no"]),
            "brand": pick(rng, pl.Series(BRANDS), n, BRAND_SHARES),
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
