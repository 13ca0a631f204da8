"""One column of a sample on its way to a field of a feed."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from c360_assets.ingest.suggest.column_names import CHANGED_NAME
from c360_assets.ingest.suggest.column_types import Inferred
from c360_assets.semantics.tags import without_marks
from c360_assets.tenant.feeds import NameOrder

NUMBERS = {"integer", "decimal", "float"}
PURCHASE = "txn-item/"  # how the tags of what was bought begin
NESTED = {"array", "map", "struct"}
LOST_DIGITS = (
    "LOST DIGITS: a spreadsheet wrote long numbers in scientific notation, so that different ones "
    "became equal; export again with this column as text"
)
NO_YEAR = "some dates have no year (0000 or --05-17), so this stays text and has no tag"
YEARLESS = r"^(0000-|--)\d{2}-\d{2}|^0{1,2}[-/.]"
HALF_DAY = r"[AaPp]\.?[Mm]\.?\s*$"  # how a time of twelve hours ends
TIME_OF_DAY = rf"^\s*([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?\s*($|{HALF_DAY})"
MONEY_SCALE_OF_FLOATS = 4
MONEY_SCALE_OF_INTEGERS = 2


@dataclass
class Column:
    """One column on its way to a field.

    `unique` is the share of distinct values among the rows, 0 where a value is missing.
    `lost_digits` says that its numbers are no longer whole, `row_index` that it only counts the
    rows. `name_order` says how the words of whole names stand, where it was found out. `notes` are
    what a person should check. `bought_elsewhere` says that what its tags say of purchases is said
    by a custom domain table made of it.
    """

    name: str
    output: str
    inferred: Inferred
    unique: float
    lost_digits: bool = False
    row_index: bool = False
    bought_elsewhere: bool = False
    name_order: NameOrder | None = None
    tags: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def type(self) -> str:
        return self.inferred.type

    @property
    def written_tags(self) -> list[str]:
        """The tags that its field has in the feed."""
        if not self.bought_elsewhere:
            return self.tags
        return [tag for tag in self.tags if not tag.startswith(PURCHASE)]


def column_of_changes(columns: list[Column]) -> Column | None:
    """The column that says when a row was changed last: tagged so, else by its name."""
    for column in columns:
        if column.type == "datetime" and "update-dt" in column.tags:
            return column
    # Among names alike a datetime is better than a counter.
    for kind in ("datetime", "integer"):
        for column in columns:
            if column.type == kind and CHANGED_NAME.search(without_marks(column.name)):
                return column
    return None


def are_whole(values: pl.Series) -> bool:
    numbers = values.cast(pl.Float64, strict=False)
    return len(numbers) > 0 and bool((numbers == numbers.floor()).fill_null(False).all())
