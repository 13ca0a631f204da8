"""The lists that people, addresses and firms are made of.

Names are common ones; towns, firms and e-mail domains are invented or reserved, and every phone
number starts with an area code that is held back from use (second digit 9), so nothing here reaches
a real person. How values are drawn belongs to `people`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import polars as pl

# Domain, and its share among people.
EMAIL_DOMAINS = [
    ("example.com", 0.36),
    ("mailbox.example", 0.20),
    ("example.net", 0.12),
    ("post.example", 0.10),
    ("example.org", 0.08),
    ("fastline.example", 0.06),
    ("webmail.example", 0.05),
    ("cable.example", 0.03),
]


class StreetType(NamedTuple):
    """How a kind of street is written, in full and short, and its share."""

    name: str
    abbreviation: str
    share: float


STREET_TYPES = [
    StreetType("Street", "St", 0.3),
    StreetType("Avenue", "Ave", 0.2),
    StreetType("Road", "Rd", 0.15),
    StreetType("Drive", "Dr", 0.12),
    StreetType("Lane", "Ln", 0.09),
    StreetType("Court", "Ct", 0.06),
    StreetType("Boulevard", "Blvd", 0.05),
    StreetType("Place", "Pl", 0.03),
]
HOBBIES = [
    "runner",
    "gardener",
    "skier",
    "cookie",
    "gadget",
    "hiker",
    "pilot",
    "reader",
    "banjo",
    "tulip",
    "falcon",
    "sailor",
    "biscuit",
    "otter",
    "pepper",
    "willow",
    "rocket",
    "pixel",
    "maple",
    "comet",
]
# The second digit 9 is held back from use in the North American numbering plan.
AREA_CODES = [f"{code}" for code in range(200, 1000) if code // 10 % 10 == 9]
# Without those that end in 11, which are service codes.
EXCHANGES = [f"{code}" for code in range(200, 1000) if code % 100 != 11]


@dataclass(frozen=True)
class Values:
    """Value lists and the share of each value; `*_shares` sum to one."""

    female: pl.Series
    female_shares: np.ndarray
    male: pl.Series
    male_shares: np.ndarray
    nicknames: pl.DataFrame  # given, nicks (a list)
    surnames: pl.Series
    surname_shares: np.ndarray
    streets: pl.Series
    street_shares: np.ndarray
    towns: pl.DataFrame  # city, state, zip3, area
    town_shares: np.ndarray
    firms: pl.Series


def _lines(name: str) -> list[str]:
    text = (files("c360_assets.demo") / "values" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _falling(n: int, power: float) -> np.ndarray:
    """Weights of a list ordered by popularity (Zipf-like), summing to one."""
    weight = 1.0 / (np.arange(n) + 4.0) ** power
    return weight / weight.sum()


@cache
def load_values() -> Values:
    """Read the lists that ship in `values/`."""
    given_names = _given_names()
    female = [line.name for line in given_names if line.gender == "F"]
    male = [line.name for line in given_names if line.gender == "M"]
    composed = _composed_names()
    common = " ".join(_lines("surnames.txt")).split()
    rare = sorted(set(composed) - set(common))
    # 78 % of people have a common surname; the others are spread evenly over the rare ones.
    common_weights = 0.78 * _falling(len(common), 0.75)
    rare_weights = np.full(len(rare), 0.22 / len(rare))
    surname_weights = np.concatenate([common_weights, rare_weights])
    towns = _towns(composed)
    town_weights = [town.weight for town in towns]
    town_frame = pl.DataFrame(
        [(town.city, town.state, town.zip3, town.area) for town in towns],
        schema=["city", "state", "zip3", "area"],
        orient="row",
    )
    # The file may repeat a street.
    streets = list(dict.fromkeys(" ".join(_lines("streets.txt")).split()))
    nicknames = pl.DataFrame(
        {
            "given": [line.name for line in given_names],
            "nicks": [line.nicknames for line in given_names],
        },
        schema={"given": pl.String, "nicks": pl.List(pl.String)},
    )
    return Values(
        female=pl.Series(female),
        female_shares=_falling(len(female), 0.6),
        male=pl.Series(male),
        male_shares=_falling(len(male), 0.6),
        nicknames=nicknames,
        surnames=pl.Series(common + rare),
        surname_shares=surname_weights / surname_weights.sum(),
        streets=pl.Series(streets),
        street_shares=_falling(len(streets), 0.5),
        towns=town_frame,
        town_shares=np.array(town_weights) / sum(town_weights),
        firms=pl.Series(_firms(composed)),
    )


class _GivenName(NamedTuple):
    name: str
    gender: str  # F or M
    nicknames: list[str]


def _given_names() -> list[_GivenName]:
    names = []
    for line in _lines("given_names.txt"):
        name, gender, *nicknames = line.split()
        names.append(_GivenName(name, gender, nicknames))
    return names


def _composed_names() -> list[str]:
    """Names of towns, rare surnames and firms: each beginning with each end that fits it."""
    parts: dict[str, list[str]] = {}
    for line in _lines("place_parts.txt"):
        key, words = line.split(":")
        parts[key.strip()] = words.split()
    names = []
    for beginning in parts["begin"]:
        names += [beginning + end for end in parts["end"] if beginning[-1] != end[0]]
    return names


class _Town(NamedTuple):
    city: str
    state: str
    zip3: str  # the first three digits of its ZIP codes
    area: str
    weight: float


def _towns(composed: list[str]) -> list[_Town]:
    """Four towns per state, each smaller than the one before; two share an area code."""
    towns = []
    for number, line in enumerate(_lines("states.txt")):
        state, zip3, weight = line.split()
        for rank in range(4):
            city = composed[(number * 4 + rank) * 8 % len(composed)]
            area = AREA_CODES[(number * 3 + rank // 2) % len(AREA_CODES)]
            towns.append(_Town(city, state, zip3, area, float(weight) / (rank + 1)))
    return towns


def _firms(composed: list[str]) -> list[str]:
    firms = []
    for name in composed[5::11]:
        firms += [name.lower() + kind for kind in ("works", "logistics", "clinic")]
    return firms
