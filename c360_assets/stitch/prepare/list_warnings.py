"""What lists of values, blocklist and nicknames, ask for in vain: counts of rows, in sentences.

Belongs here: which rows do nothing, and which would do too much. What a row does is `blocklist` and
`configuration_tables`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import polars as pl

from c360_assets.semantics.blocklist import is_blocked
from c360_assets.semantics.normalize import clean_email, cleaner
from c360_assets.stitch.exchange.rows import Side
from c360_assets.stitch.prepare.preprocessing import Preprocessed

# A listed value that so large a share of the holders of its semantic hold is a mistake: without it
# half of the records would lose what they are told apart by.
TOO_LARGE_SHARE = 0.5
FEW_HOLDERS = 10  # of which half says nothing
LISTABLE = (
    *("email", "phone", "given-name", "surname", "full-name", "generational-suffix"),
    *("birthdate", "gender", "address", "city", "state", "postal", "company", "fk"),
)
UPDATE_TYPES = ("ADD", "REMOVE")
ROLE_SHARE = 0.05  # of organisations that lose the address of a role, from which it is said


@dataclass(frozen=True)
class ListedValues:
    """The managed blocklist without rows that would block too much, and what to say of the rest.

    `refused`: how many rows were taken out.
    """

    managed: pl.DataFrame
    warnings: list[str]
    refused: int


def judge_blocklist(
    managed: pl.DataFrame, clean: Preprocessed, tables: Iterable[str]
) -> ListedValues:
    """Judge the rows of a managed blocklist by what they removed.

    `managed`: datasource, semantic, value, perhaps is_preprocessed. `clean`: the records, without
    what was taken out with it. `tables`: names of the stitched tables.
    """
    rows = _judged(managed, clean, tables)
    n_rows = managed.height
    warnings = []
    sources = "a source is the part of a table's name before the colon, or *"
    for fault, what in (
        ("lacks", "lack a semantic or a value"),
        ("unknown_semantic", "name a semantic that no stitched table has"),
        ("unknown_source", f"name a source that is not stitched ({sources})"),
        ("too_large", "would block half of all values or more, and are refused"),
        ("idle", "fit no value"),
    ):
        count = rows.filter(fault=fault).height
        if count:
            warnings.append(f"managed blocklist: {count:,} of {n_rows:,} rows {what}")
    is_kept = (rows["fault"] != "too_large").fill_null(True)
    return ListedValues(managed.filter(is_kept), warnings, int((~is_kept).sum()))


def _judged(managed: pl.DataFrame, clean: Preprocessed, tables: Iterable[str]) -> pl.DataFrame:
    """Per row of the list, in its order: `fault`, NULL where it does what it asks for."""
    known = {*LISTABLE, *(key.replace("_", "-") for key in clean.foreign_keys)}
    known_sources = sorted({"*", *(name.partition(":")[0] for name in tables)})
    rows = managed.with_row_index("row").with_columns(
        semantic=pl.col("semantic").str.strip_chars().str.replace_all("_", "-"),
        source=pl.col("datasource").str.strip_chars(),
    )
    found = _found(rows, clean.taken_out.removed)
    holders = _holders(clean)
    rows = rows.join(found, on="row", how="left", maintain_order="left")
    rows = rows.join(holders, on="semantic", how="left", maintain_order="left")
    n_found = pl.col("n_found").fill_null(0)
    share = n_found / pl.col("n_holders")
    is_large = (pl.col("n_holders") >= FEW_HOLDERS) & (share >= TOO_LARGE_SHARE)
    fault = (
        pl.when(pl.any_horizontal(pl.col("semantic", "value").fill_null("") == ""))
        .then(pl.lit("lacks"))
        .when(~pl.col("semantic").is_in(sorted(known)))
        .then(pl.lit("unknown_semantic"))
        .when(~pl.col("source").is_in(known_sources).fill_null(False))
        .then(pl.lit("unknown_source"))
        .when(is_large)
        .then(pl.lit("too_large"))
        .when(n_found == 0)
        .then(pl.lit("idle"))
    )
    return rows.select("row", fault=fault)


def _found(rows: pl.DataFrame, removed: pl.DataFrame) -> pl.DataFrame:
    """row, n_found: how many records held the value of each row."""
    gone = removed.with_columns(
        source=pl.col("datasource").str.split(":").list.first(),
        listed=pl.when(pl.col("semantic").str.starts_with("fk-"))
        .then(pl.lit("fk"))
        .otherwise("semantic"),
    )
    parts = [pl.DataFrame(schema={"row": pl.UInt32, "n_found": pl.UInt32})]
    for (semantic,), of_semantic in rows.partition_by("semantic", as_dict=True).items():
        if semantic is None:
            continue
        clean = cleaner(str(semantic))
        column = "listed" if semantic == "fk" else "semantic"
        of_values = gone.filter(pl.col(column) == semantic)
        values = of_values.select("source", "datasource", "pk", value=clean(pl.col("raw_value")))
        # Values may be listed as they are compared, or in any spelling.
        wanted = of_semantic.select("row", "source", value=clean(pl.col("value")))
        as_listed = of_semantic.select("row", "source", "value")
        wanted = pl.concat([wanted, as_listed]).unique()
        met = wanted.join(values, on="value", suffix="_of_record")
        met = met.filter(
            (pl.col("source") == "*") | (pl.col("source") == pl.col("source_of_record"))
        )
        counted = met.unique(["row", "datasource", "pk"]).group_by("row").len("n_found")
        parts.append(counted.cast({"row": pl.UInt32, "n_found": pl.UInt32}))
    return pl.concat(parts)


@dataclass(frozen=True)
class HeldValues:
    """`semantic`, `held`: how many of the rows hold a value of it, in parts that add up."""

    def __call__(self, _con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        held = []
        for column, dtype in records.frame.schema.items():
            value = pl.col(column)
            is_held = value.list.len() > 0 if dtype == pl.List else value.is_not_null()
            held.append(is_held.sum().cast(pl.Int64).alias(column.replace("_", "-")))
        return records.frame.select(held).unpivot(variable_name="semantic", value_name="held")


def _holders(clean: Preprocessed) -> pl.DataFrame:
    """semantic, n_holders: records that hold a value of it, before anything was removed."""
    gone = clean.taken_out.removed.group_by("semantic").agg(
        gone=pl.struct("datasource", "pk").n_unique()
    )
    parts = clean.records.map(HeldValues()).collect(["semantic"])
    kept = parts.group_by("semantic").agg(pl.col("held").sum())
    both = kept.join(gone, on="semantic", how="full", coalesce=True)
    total = pl.col("held").fill_null(0) + pl.col("gone").fill_null(0)
    return both.select("semantic", n_holders=total)


def role_address_warnings(clean: Preprocessed) -> list[str]:
    """What to say where organisations lose the address of a role (`info@`), which is their usual
    one, to the list that is shipped: they are compared without it and its domain.
    """
    address = clean_email(pl.col("raw_value"))
    is_of_role = is_blocked("email", address) & ~is_blocked("email", address, True)
    lost = clean.taken_out.removed.filter(semantic="email", reason="global").filter(is_of_role)
    if lost.is_empty():
        return []
    is_nameless = pl.all_horizontal(pl.col("given_name", "surname").is_null())
    is_organisation = pl.col("company").is_not_null() & is_nameless
    organisations = clean.select("company", "given_name", "surname").filter(is_organisation)
    count = organisations.join(lost, on=["datasource", "pk"], how="semi").height
    if count < ROLE_SHARE * organisations.height or not count:
        return []
    return [
        f"{count:,} of {organisations.height:,} records of organisations are compared without "
        "their address, which is one of a role such as info@; where organisations are who is "
        "matched, list allow-business-email under bad_values.preprocessing_profiles of stitch.yaml"
    ]


def nickname_warnings(rows: pl.DataFrame | None, shipped: pl.DataFrame) -> list[str]:
    """What to say of a tenant's nicknames: `canonical_name`, `nickname`, `update_type`.

    `shipped`: nickname, canonical (lists), the list that the rows change.
    """
    if rows is None:
        return []
    name = pl.col("canonical_name", "nickname").fill_null("") == ""
    update_type = pl.col("update_type").fill_null("").str.strip_chars().str.to_uppercase()
    is_removal = update_type == "REMOVE"
    pairs = shipped.explode("canonical").select(
        key=pl.concat_str(pl.col("canonical", "nickname").str.to_uppercase(), separator="\x1f")
    )
    key = pl.concat_str(pl.col("canonical_name", "nickname").str.to_uppercase(), separator="\x1f")
    is_unknown = ~key.is_in(pairs["key"].implode()).fill_null(False)
    empty = rows.filter(pl.any_horizontal(name)).height
    odd = rows.filter((update_type != "") & ~update_type.is_in(UPDATE_TYPES)).height
    vain = rows.filter(is_removal & is_unknown & ~pl.any_horizontal(name)).height
    counted = (
        (empty, "lack a name and are ignored"),
        (odd, f"have an update type that is none of {', '.join(UPDATE_TYPES)} and count as ADD"),
        (vain, "remove a nickname that is not on the list"),
    )
    return [
        f"nicknames: {count:,} of {rows.height:,} rows {what}" for count, what in counted if count
    ]
