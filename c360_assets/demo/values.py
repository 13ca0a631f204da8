"""The lists that people, addresses and firms are made of.

Names are common ones; towns, firms and e-mail domains are invented or reserved, and every phone
number starts with an area code that is held back from use (second digit 9), so nothing here reaches
a real person. How values are drawn belongs to `people`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl

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
STREET_TYPES = [
    ("Street", "St", 0.3),
    ("Avenue", "Ave", 0.2),
    ("Road", "Rd", 0.15),
    ("Drive", "Dr", 0.12),
    ("Lane", "Ln", 0.09),
]
STREET_TYPES += [("Court", "Ct", 0.06), ("Boulevard", "Blvd", 0.05), ("Place", "Pl", 0.03)]
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
]
HOBBIES += ["biscuit", "otter", "pepper", "willow", "rocket", "pixel", "maple", "comet"]
AREA_CODES = [f"{first}9{last}" for first in range(2, 10) for last in range(10)]
EXCHANGES = [f"{n:03d}" for n in range(200, 1000) if n % 100 != 11]


@dataclass(frozen=True)
class Values:
    """Value lists with the weight of each value; `*_p` sums to one."""

    female: pl.Series
    female_p: np.ndarray
    male: pl.Series
    male_p: np.ndarray
    nicknames: pl.DataFrame  # given, nicks List(String)
    surnames: pl.Series
    surnames_p: np.ndarray
    streets: pl.Series
    streets_p: np.ndarray
    towns: pl.DataFrame  # city, state, zip3, area
    towns_p: np.ndarray
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
    given = [line.split() for line in _lines("given_names.txt")]
    female = [g[0] for g in given if g[1] == "F"]
    male = [g[0] for g in given if g[1] == "M"]
    parts = {
        key.strip(): words.split()
        for key, words in (line.split(":") for line in _lines("place_parts.txt"))
    }
    composed = [b + e for b in parts["begin"] for e in parts["end"] if b[-1] != e[0]]
    common = " ".join(_lines("surnames.txt")).split()
    rare = sorted(set(composed) - set(common))
    surnames_p = np.concatenate(
        [0.78 * _falling(len(common), 0.75), np.full(len(rare), 0.22 / len(rare))]
    )
    states = [line.split() for line in _lines("states.txt")]
    towns, weights = [], []
    for i, (state, zip3, weight) in enumerate(states):
        for k in range(4):
            towns.append(
                (
                    composed[(i * 4 + k) * 8 % len(composed)],
                    state,
                    zip3,
                    AREA_CODES[(i * 3 + k // 2) % len(AREA_CODES)],
                )
            )
            weights.append(float(weight) / (k + 1))
    streets = list(dict.fromkeys(" ".join(_lines("streets.txt")).split()))
    firms = [
        word.lower() + kind for word in composed[5::11] for kind in ("works", "logistics", "clinic")
    ]
    return Values(
        female=pl.Series(female),
        female_p=_falling(len(female), 0.6),
        male=pl.Series(male),
        male_p=_falling(len(male), 0.6),
        nicknames=pl.DataFrame(
            {"given": [g[0] for g in given], "nicks": [g[2:] for g in given]},
            schema={"given": pl.String, "nicks": pl.List(pl.String)},
        ),
        surnames=pl.Series(common + rare),
        surnames_p=surnames_p / surnames_p.sum(),
        streets=pl.Series(streets),
        streets_p=_falling(len(streets), 0.5),
        towns=pl.DataFrame(towns, schema=["city", "state", "zip3", "area"], orient="row"),
        towns_p=np.array(weights) / sum(weights),
        firms=pl.Series(firms),
    )
