"""Phone numbers and postal codes that stand in several columns, a part in each.

Shops of Japan keep `電話番号1`, `電話番号2` and `電話番号3`; a part alone is no phone number,
and as a number it would lose its zeros. Tables that join them are made by `flatten`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from c360_assets.ingest.suggest.column import NESTED, Column
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.header_words import guess_by_name
from c360_assets.warehouse.sql import quote_ident

PARTED = {"phone", "postal"}
COUNTED = re.compile(r"(.*\D)([1-4])")
SHORT_DIGITS = r"^\d{1,5}$"
FEWEST_PARTS = 2
MOST = 0.95
NOTE = "a part of a {tag}: --flatten --write makes a table that joins it with the others"


@dataclass(frozen=True)
class SplitValue:
    """The columns of the parts of one value, in order, and the tag of the whole."""

    tag: str
    columns: tuple[Column, ...]

    @property
    def sql(self) -> str:
        """The whole value, NULL where a part is."""
        return " || '-' || ".join(quote_ident(column.output) for column in self.columns)

    def values(self, frame: pl.DataFrame) -> list[str | None]:
        parts = [pl.col(column.name).cast(pl.String) for column in self.columns]
        return frame.select(pl.concat_str(parts, separator="-")).to_series().to_list()


def split_values(columns: Sequence[Column], frame: pl.DataFrame) -> list[SplitValue]:
    """The values in several columns whose names are alike but for the number at their end."""
    parts: dict[str, list[Column]] = {}
    for column in columns:
        counted = COUNTED.fullmatch(column.name.strip())
        if counted is None or column.type in NESTED:
            continue
        found = parts.setdefault(counted[1], [])
        if int(counted[2]) == len(found) + 1:
            found.append(column)
    split = []
    for stem, found in parts.items():
        named = guess_by_name(stem) if len(found) >= FEWEST_PARTS else None
        if named is None or named.tag not in PARTED:
            continue
        if all(_are_short_digits(frame[column.name]) for column in found):
            split.append(SplitValue(named.tag, tuple(found)))
    return split


def _are_short_digits(values: pl.Series) -> bool:
    texts = present(values)
    short = int(texts.str.contains(SHORT_DIGITS).sum())
    return not texts.is_empty() and short >= MOST * len(texts)
