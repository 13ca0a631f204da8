"""What goes wrong between a person and a record: typos, mixed choices, lost values.

Vectorised; each function takes the generator that decides and is deterministic in it. Which source
suffers from what belongs to `customers`.
"""

from __future__ import annotations

import numpy as np
import polars as pl

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))
DIGITS = np.array(list("0123456789"))


def pick(
    rng: np.random.Generator, values: pl.Series, n: int, shares: np.ndarray | None = None
) -> pl.Series:
    """`n` values drawn with replacement; `shares` sums to one, without it all are as frequent."""
    return values.gather(rng.choice(len(values), size=n, p=shares))


def hide(rng: np.random.Generator, values: pl.Series, share_kept: float) -> pl.Series:
    """Keep a value with the given probability, else NULL."""
    return values.set(pl.Series(rng.random(len(values)) >= share_kept), None)


def mix(rng: np.random.Generator, *choices: tuple[float, pl.Series | None]) -> pl.Series:
    """Per row one of the series, by weight.

    None stands for a missing value. A missing choice falls back to the first series.
    """
    first = choices[0][1]
    assert first is not None
    edges = np.cumsum([weight for weight, _ in choices])
    chosen = np.searchsorted(edges / edges[-1], rng.random(len(first)), side="right")
    mixed = first
    for number, (_, series) in enumerate(choices[1:], start=1):
        is_chosen = pl.Series(chosen == number)
        if series is None:
            mixed = mixed.set(is_chosen, None)
        else:
            mixed = series.fill_null(first).zip_with(is_chosen, mixed)
    return mixed.alias("")


def typo(
    rng: np.random.Generator, values: pl.Series, share: float, alphabet: np.ndarray = LETTERS
) -> pl.Series:
    """One slip of the keyboard in a share of the values: a wrong, lost, doubled or swapped
    character, never the first one.
    """
    n = len(values)
    frame = pl.DataFrame({"value": values}).with_columns(
        is_hit=pl.Series(rng.random(n) < share),
        kind=pl.Series(rng.integers(0, 4, n)),
        place=pl.Series(rng.random(n)),
        letter=pl.Series(alphabet[rng.integers(0, len(alphabet), n)]),
    )
    value, kind = pl.col("value"), pl.col("kind")
    length = value.str.len_chars().cast(pl.Int64)
    place = (1 + (pl.col("place") * (length - 1)).floor()).cast(pl.Int64)
    before = value.str.slice(0, place)
    character = value.str.slice(place, 1)
    next_character = value.str.slice(place + 1, 1)
    after = value.str.slice(place + 1)
    after_next = value.str.slice(place + 2)
    wrong = before + pl.col("letter") + after
    lost = before + after
    swapped = before + next_character + character + after_next
    doubled = before + character + character + after
    slipped = (
        pl.when(kind == 0)
        .then(wrong)
        .when(kind == 1)
        .then(lost)
        .when(kind == 2)
        .then(swapped)
        .otherwise(doubled)
    )
    is_slipped = pl.col("is_hit") & (length > 3)
    return frame.select(v=pl.when(is_slipped).then(slipped).otherwise(value)).to_series()


def recase(rng: np.random.Generator, values: pl.Series, upper: float, lower: float) -> pl.Series:
    """Shout or whisper a share of the values."""
    return mix(
        rng,
        (1 - upper - lower, values),
        (upper, values.str.to_uppercase()),
        (lower, values.str.to_lowercase()),
    )


def phone_format(rng: np.random.Generator, digits: pl.Series) -> pl.Series:
    """The ways in which people write ten digits."""
    area = digits.str.slice(0, 3)
    exchange = digits.str.slice(3, 3)
    line = digits.str.slice(6, 4)
    return mix(
        rng,
        (0.40, digits),
        (0.22, "(" + area + ") " + exchange + "-" + line),
        (0.20, area + "-" + exchange + "-" + line),
        (0.10, "+1" + digits),
        (0.08, area + "." + exchange + "." + line),
    )
