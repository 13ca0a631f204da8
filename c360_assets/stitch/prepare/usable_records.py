"""What Stitch compares of cleaned records, and what was taken out of them. Local to a record.

Belongs here: the kernels that go on with rows of `cleaned_records` once it is known which values
are bad. Which ones are, is said by `automatic_blocklist` and `contradicting_keys`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.semantics.nicknames import with_given_canonical
from c360_assets.semantics.normalize import MULTI_VALUED, email_login
from c360_assets.stitch.exchange.rows import Side
from c360_assets.stitch.prepare.cleaned_records import (
    NAMES,
    OTHERS,
    also_automatic,
    keys_of,
    single_values,
    tag_of,
    usable,
    with_single_values,
)
from c360_assets.stitch.prepare.raw_texts import RAW, text_of_values


@dataclass(frozen=True)
class RemoveValues:
    """Cleaned records without bad values. `bad`: column -> values. Local to a record."""

    bad: Mapping[str, Sequence[str]]

    def __call__(self, _con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        rows = records.frame
        for column, bad in self.bad.items():
            if column in MULTI_VALUED:
                values = single_values(rows, column)
                values = values.with_columns(also_automatic("why", pl.col("value").is_in(bad)))
                rows = with_single_values(rows, column, values)
            elif column == "po_box":
                # A PO box is part of the address, whose values have a reason of their own.
                good = pl.when(~pl.col("po_box").is_in(bad)).then("po_box")
                rows = rows.with_columns(po_box=good)
            else:
                rows = rows.with_columns(also_automatic(f"why:{column}", pl.col(column).is_in(bad)))
        return rows


@dataclass(frozen=True)
class RemoveKeys:
    """Cleaned records without the keys that some lose. `lost`: column -> rids. Local to a
    record."""

    lost: Mapping[str, Sequence[int]]

    def __call__(self, _con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        reasons = [
            also_automatic(f"why:{key}", pl.col("rid").is_in(rids))
            for key, rids in self.lost.items()
        ]
        return records.frame.with_columns(reasons)


@dataclass(frozen=True)
class OnlyRecords:
    """Those of the rows that are of these records, whose numbers ascend."""

    rids: npt.NDArray[np.int64]

    def __call__(self, _con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        return records.frame.filter(pl.col("rid").is_in(pl.Series(self.rids).implode()))


@dataclass(frozen=True)
class OtherRecords:
    """Those of the rows that are of none of these records, whose numbers ascend."""

    rids: npt.NDArray[np.int64]

    def __call__(self, _con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        return records.frame.filter(~pl.col("rid").is_in(pl.Series(self.rids).implode()))


@dataclass(frozen=True)
class OnlyColumns:
    """These columns of the rows."""

    columns: tuple[str, ...]

    def __call__(self, _con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        return records.frame.select(self.columns)


@dataclass(frozen=True)
class RemovedValues:
    """`rid, semantic, raw_value, reason` of everything taken out of cleaned records. Local to a
    record."""

    def __call__(self, _con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        rows = records.frame
        parts = []
        for column in ("full_name", *NAMES, *OTHERS, *keys_of(rows)):
            raw = rows.select("rid", f"why:{column}", pl.col(f"^{RAW}.*$"))
            gone = raw.lazy().filter(pl.col(f"why:{column}").is_not_null())
            parts.append(
                gone.select(
                    "rid",
                    semantic=pl.lit(tag_of(column)),
                    raw_value=text_of_values(rows, column),
                    reason=f"why:{column}",
                ).collect()
            )
        for column in MULTI_VALUED:
            bad = single_values(rows, column).filter(pl.col("why").is_not_null())
            semantic = pl.lit(tag_of(column))
            parts.append(bad.select("rid", semantic=semantic, raw_value="raw", reason="why"))
        return pl.concat(parts).with_columns(pl.col("reason").cast(pl.String))


@dataclass(frozen=True)
class UsableRecords:
    """The values of cleaned records that may be used, as they are compared. Local to a record.

    `profiles`: the setting of `bad_values`. `nicknames`: a replacement for the shipped list.
    """

    profiles: frozenset[str]
    nicknames: pl.DataFrame | None

    def __call__(self, _con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        rows = records.frame
        frame = rows.select(
            "rid",
            "datasource",
            "title_gender",
            usable(rows, "po_box", "address"),
            *(usable(rows, column) for column in (*NAMES, *OTHERS, *keys_of(rows))),
        )
        for column in MULTI_VALUED:
            # A join copies every column it carries, so only the key goes through it.
            matched = frame.select("rid").join(
                _lists_of(rows, column), on="rid", how="left", maintain_order="left"
            )
            frame = frame.with_columns(matched.get_column(column))
        frame = frame.with_columns(
            pl.col("birthdate").str.to_date("%Y-%m-%d", strict=False),
            self._gender(),
            login_trimmed=email_login(pl.col("email").list.first()).str.head(5),
        )
        return with_given_canonical(frame.drop("title_gender"), self.nicknames)

    def _gender(self) -> pl.Expr:
        if "skip-derive-gender" in self.profiles:
            return pl.col("gender")
        if "prioritize-derived-gender" in self.profiles:
            return pl.coalesce("title_gender", "gender").alias("gender")
        return pl.coalesce("gender", "title_gender")


def _lists_of(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """`rid` and `column`: each record's distinct usable values, sorted."""
    values = single_values(rows, column)
    good = values.filter(pl.col("why").is_null()).select("rid", "value").drop_nulls()
    # Sorted, so that neither finding repeats nor grouping needs a table of all values.
    ordered = good.sort("rid", "value")
    pair = pl.struct("rid", "value")
    distinct = ordered.filter(pair.ne_missing(pair.shift())).set_sorted("rid")
    return distinct.group_by("rid", maintain_order=True).agg(pl.col("value").alias(column))
