"""Fields that hold another field's value again, as a wrong mapping or an export fills them.

`company` that is the e-mail, `given_name` that is the surname: two fields agree wherever one does,
and the match model would count one piece of evidence twice. A source is judged by itself. Belongs
here: finding them; their values are taken out by `preprocessing`.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

# Of two fields the later one is the copy. Not state and city, which are equal in a city that is a
# state, and no keys, which may well be an e-mail address.
FIELDS = ("email", "phone", "surname", "given_name", "address", "postal", "city", "company")
# A first field that is made of others, for a company that is the person's name.
NAME = "full_name"
FEWEST = 20  # records of a source that hold both
COPIED_SHARE = 0.3  # of those, from which a field is a copy; people named twice alike are rarer


@dataclass(frozen=True)
class CopiedField:
    """`copy` of a source holds the value of `original` again in `equal` of `both` records."""

    datasource: str
    copy: str
    original: str
    equal: int
    both: int

    def warning(self) -> str:
        return (
            f"{self.datasource}: {self.copy} is {self.original} again in {self.equal:,} of"
            f" {self.both:,} records that hold both; Stitch leaves it out of these;"
            " look at the tags of the feed"
        )


def copied_fields(texts: pl.DataFrame, given_names: frozenset[str]) -> list[CopiedField]:
    """The copies in each source, by source and field.

    `texts`: datasource, `FIELDS` and `NAME` as they are written, upper case, NULL where empty.
    `given_names`: names that decide which of given name and surname is the copy.
    """
    pairs = [
        (original, copy)
        for place, copy in enumerate(FIELDS)
        for original in (*FIELDS[:place], NAME)
        if copy != original and (original != NAME or copy == "company")
    ]
    counted = texts.group_by("datasource", maintain_order=True).agg(
        *[_both(*pair).sum().alias(f"both:{'='.join(pair)}") for pair in pairs],
        *[_equal(*pair).sum().alias(f"equal:{'='.join(pair)}") for pair in pairs],
        pl.col("surname").is_in(list(given_names)).mean().alias("called_so"),
    )
    found = []
    for row in counted.sort("datasource").iter_rows(named=True):
        for original, copy in pairs:
            both = row[f"both:{original}={copy}"]
            equal = row[f"equal:{original}={copy}"]
            if both < FEWEST or equal < COPIED_SHARE * both:
                continue
            names = {original, copy} == {"surname", "given_name"}
            if names and (row["called_so"] or 0.0) > 0.5:
                original, copy = copy, original
            found.append(CopiedField(row["datasource"], copy, original, equal, both))
    return found


def is_copied(field: CopiedField) -> pl.Expr:
    """Where a record of `texts` holds that copy."""
    is_source = pl.col("datasource") == field.datasource
    return is_source & _equal(field.original, field.copy).fill_null(False)


def _both(one: str, other: str) -> pl.Expr:
    return pl.col(one).is_not_null() & pl.col(other).is_not_null()


def _equal(one: str, other: str) -> pl.Expr:
    return pl.col(one) == pl.col(other)
