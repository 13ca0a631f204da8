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
    rng: np.random.Generator, values: pl.Series, n: int, p: np.ndarray | None = None
) -> pl.Series:
    """`n` values drawn with replacement."""
    return values.gather(rng.choice(len(values), size=n, p=p))


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
    out = first
    for i, (_, series) in enumerate(choices[1:], start=1):
        hit = pl.Series(chosen == i)
        out = out.set(hit, None) if series is None else series.fill_null(first).zip_with(hit, out)
    return out.alias("")


def typo(
    rng: np.random.Generator, values: pl.Series, share: float, alphabet: np.ndarray = LETTERS
) -> pl.Series:
    """One slip of the keyboard in a share of the values: a wrong, lost, doubled or swapped
    character, never the first one.
    """
    n = len(values)
    frame = pl.DataFrame({"v": values}).with_columns(
        hit=pl.Series(rng.random(n) < share),
        kind=pl.Series(rng.integers(0, 4, n)),
        at=pl.Series(rng.random(n)),
        letter=pl.Series(alphabet[rng.integers(0, len(alphabet), n)]),
    )
    length = pl.col("v").str.len_chars().cast(pl.Int64)
    at = (1 + (pl.col("at") * (length - 1)).floor()).cast(pl.Int64)
    head, tail = pl.col("v").str.slice(0, at), pl.col("v").str.slice(at + 1)
    a, b, rest = (
        pl.col("v").str.slice(at, 1),
        pl.col("v").str.slice(at + 1, 1),
        pl.col("v").str.slice(at + 2),
    )
    slipped = (
        pl.when(pl.col("kind") == 0)
        .then(head + pl.col("letter") + tail)
        .when(pl.col("kind") == 1)
        .then(head + tail)
        .when(pl.col("kind") == 2)
        .then(head + b + a + rest)
        .otherwise(head + a + a + tail)
    )
    return frame.select(
        pl.when(pl.col("hit") & (length > 3)).then(slipped).otherwise(pl.col("v")).alias("v")
    ).to_series()


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
    area, exchange, line = digits.str.slice(0, 3), digits.str.slice(3, 3), digits.str.slice(6, 4)
    return mix(
        rng,
        (0.40, digits),
        (0.22, "(" + area + ") " + exchange + "-" + line),
        (0.20, area + "-" + exchange + "-" + line),
        (0.10, "+1" + digits),
        (0.08, area + "." + exchange + "." + line),
    )
