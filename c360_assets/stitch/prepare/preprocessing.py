"""From raw source records to the values Stitch compares, bad values removed.

Trim, derive, normalise, then remove values of the global list, of the tenant's lists and those that
are found by counting. Belongs here: the order of these steps, and what all records say between
them. What is local to a record is `cleaned_records` and `usable_records`; grouping equal records is
`trivial_duplicates`. Raw values stay with the caller, who publishes them unchanged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.semantics.countries import Home
from c360_assets.semantics.nicknames import known_given_names
from c360_assets.semantics.normalize import MULTI_VALUED
from c360_assets.stitch.exchange.in_process import InProcess
from c360_assets.stitch.exchange.rows import Exchange, Rows
from c360_assets.stitch.prepare import blocklist
from c360_assets.stitch.prepare.automatic_blocklist import detect
from c360_assets.stitch.prepare.cleaned_records import (
    NAMES,
    OTHERS,
    CleaningRules,
    CleanRecords,
    tag_of,
)
from c360_assets.stitch.prepare.contradicting_keys import contradictions
from c360_assets.stitch.prepare.copied_fields import copied_fields
from c360_assets.stitch.prepare.raw_texts import key_columns, raw_rows
from c360_assets.stitch.prepare.union import in_key_order
from c360_assets.stitch.prepare.usable_records import (
    OnlyColumns,
    OtherRecords,
    RemovedValues,
    RemoveKeys,
    RemoveValues,
    UsableRecords,
)

# Columns that have a `blv_` flag.
FLAGGED = ("address", "email", "given_name", "phone", "surname")
OUTPUT_COLUMNS = (
    "rid",
    "datasource",
    "pk",
    "given_name",
    "surname",
    "generational_suffix",
    "birthdate",
    "gender",
    "email",
    "phone",
    "address",
    "po_box",
    "city",
    "state",
    "postal",
    "company",
    "login_trimmed",
    "given_canonical",
)


class BadValues(Protocol):
    """What preprocessing reads of the tenant's `bad_values` settings."""

    @property
    def rules(self) -> Sequence[blocklist.BadValueRule]: ...
    @property
    def ignore(self) -> dict[str, list[str]]: ...
    @property
    def preprocessing_profiles(self) -> Sequence[str]: ...
    @property
    def case_sensitive_fks(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class TakenOut:
    """What was taken out of the records, and what to say of it.

    `removed`: `datasource, pk, semantic, raw_value, reason`, one row per value that was taken out;
    reason is global, manual, managed or automatic. `flags`: `datasource, pk, has_blv,
    blv_<FLAGGED>`, one row per source record; values of the global list raise no flag.
    `badvalues`: rows of `stitch_badvalues`. `warnings`: sentences about fields that are copies.
    """

    removed: pl.DataFrame
    flags: pl.DataFrame
    badvalues: pl.DataFrame
    warnings: list[str]


@dataclass(frozen=True)
class Preprocessed:
    """Result of `preprocess`.

    `records`: a row per source record, `OUTPUT_COLUMNS` but pk, and the `key_columns`, where they
    lie. `keys`: `rid, datasource, pk` of every record, sorted.
    """

    records: Rows
    keys: pl.DataFrame
    key_columns: list[str]
    taken_out: TakenOut

    @property
    def foreign_keys(self) -> list[str]:
        return [key for key in self.key_columns if key.startswith("fk_")]

    @property
    def frame(self) -> pl.DataFrame:
        """All records on this machine: `OUTPUT_COLUMNS` and the key columns, sorted by `rid`."""
        return self._collected(self.records)

    def without(self, rids: pl.Series) -> pl.DataFrame:
        """Those of the `frame` that are none of these records."""
        return self._collected(self.records.map(OtherRecords(rids.sort().to_numpy())))

    def select(self, *columns: str) -> pl.DataFrame:
        """`rid, datasource, pk` and these columns of all records, sorted by `rid`."""
        selected = self.records.map(OnlyColumns(("rid", *columns))).collect(["rid"])
        return self.keys.hstack(selected.drop("rid"))

    def _collected(self, records: Rows) -> pl.DataFrame:
        frame = records.collect(["rid"])
        pk = self.keys["pk"][frame["rid"]] if frame.height < self.keys.height else self.keys["pk"]
        return frame.with_columns(pk).select(*OUTPUT_COLUMNS, *self.key_columns)


def preprocess(
    records: pl.DataFrame,
    config: BadValues,
    managed: pl.DataFrame | None = None,
    nicknames: pl.DataFrame | None = None,
    *,
    home: Home | None = None,
    contradicting_keys: bool = False,
    exchange: Exchange | None = None,
) -> Preprocessed:
    """Preprocess all stitched records together.

    `records` holds `datasource`, `pk` and any of the raw semantic columns (a column that is absent
    counts as missing; `email` and `phone` may be comma-joined), `fk_*`, `bk_*`, `sk_*`. `managed`
    is the tenant's blocklist table (`datasource, semantic, value[, is_preprocessed]`), `nicknames`
    a replacement for the shipped list (`semantics.nicknames.nickname_map`). `home` is the country
    by whose rules phones, states and streets are read where a record names none; without it those
    of the United States hold for all. With
    `contradicting_keys`, records whose other values contradict those of the other holders of their
    foreign key lose it. `exchange` is where records are cleaned, by default this process. Raises
    C360Error when (datasource, pk) is NULL or not unique.
    """
    listed = blocklist.entries(config.ignore, managed, home)
    run = _Run(records, config, exchange or InProcess(duckdb.connect()))
    return run.result(listed, nicknames, home, contradicting_keys)


class _Run:
    """One preprocessing run: its records, sorted by (datasource, pk), where a record's position is
    its `rid`."""

    def __init__(self, records: pl.DataFrame, config: BadValues, exchange: Exchange) -> None:
        distinct_keys = records.select("datasource", "pk").drop_nulls().n_unique()
        without_key = records.height - distinct_keys
        if without_key:
            raise C360Error(
                f"{without_key} source records lack a (datasource, pk) of their own: "
                "check the primary keys"
            )
        self.records = in_key_order(records)
        self.config = config
        self.keys = key_columns(records.columns)
        self.foreign_keys = [key for key in self.keys if key.startswith("fk_")]
        self.profiles = frozenset(config.preprocessing_profiles)
        self.raw = exchange.spread(raw_rows(self.records))

    def result(
        self,
        listed: pl.DataFrame,
        nicknames: pl.DataFrame | None,
        home: Home | None,
        contradicting_keys: bool,
    ) -> Preprocessed:
        copies = copied_fields(self.raw, known_given_names())
        exact = tuple(self.config.case_sensitive_fks)
        rules = CleaningRules(listed, self.profiles, exact, home, tuple(copies))
        records = self.raw.map(CleanRecords(rules)).kept()
        del self.raw
        badvalues = detect(records, self._detected())
        if badvalues.height:
            records = records.map(RemoveValues(_by_column(badvalues))).kept()
        usable_records = UsableRecords(self.profiles, nicknames)
        if contradicting_keys:
            n_records = self.records.height
            lost = contradictions(records, n_records, self.foreign_keys, usable_records)
            if lost.height:
                records = records.map(RemoveKeys(_rids_by_key(lost))).kept()
                badvalues = pl.concat([badvalues, blocklist.contradicting(lost)])
                badvalues = badvalues.sort("semantic", "value")
        removed = records.map(RemovedValues()).collect(["rid", "semantic", "raw_value", "reason"])
        rid = pl.int_range(pl.len(), dtype=pl.Int64).alias("rid")
        return Preprocessed(
            records.map(usable_records).kept(),
            self.records.select(rid, "datasource", "pk"),
            self.keys,
            TakenOut(
                self._with_record_keys(removed),
                self._flags(removed),
                badvalues,
                [copy.warning() for copy in copies],
            ),
        )

    def _detected(self) -> list[blocklist.BadValueRule]:
        """The rules of automatic detection whose semantics the records have."""
        known = {tag_of(name) for name in (*NAMES, *OTHERS, *MULTI_VALUED, "po_box", *self.keys)}
        rules = blocklist.with_keys(self.config.rules, self.keys)
        return [rule for rule in rules if {rule.semantic, rule.proxy} <= known]

    def _with_record_keys(self, removed: pl.DataFrame) -> pl.DataFrame:
        keys = self.records.select("datasource", "pk")[removed["rid"]]
        order = ["datasource", "pk", "semantic", "raw_value", "reason"]
        return removed.hstack(keys).select(order).sort(order)

    def _flags(self, removed: pl.DataFrame) -> pl.DataFrame:
        by_tenant = removed.filter(pl.col("reason") != "global")
        flags = []
        for column in FLAGGED:
            flagged = by_tenant.filter(pl.col("semantic") == tag_of(column))["rid"]
            rid = pl.int_range(pl.len(), dtype=pl.Int64)
            flags.append(rid.is_in(flagged.implode()).alias(f"blv_{column}"))
        frame = self.records.select("datasource", "pk", *flags)
        names = [f"blv_{column}" for column in FLAGGED]
        return frame.select("datasource", "pk", pl.any_horizontal(names).alias("has_blv"), *names)


def _by_column(badvalues: pl.DataFrame) -> dict[str, list[str]]:
    """The bad values of each column."""
    by_semantic = badvalues.partition_by("semantic", as_dict=True, maintain_order=True)
    return {
        str(semantic).replace("-", "_"): rows["value"].to_list()
        for (semantic,), rows in by_semantic.items()
    }


def _rids_by_key(lost: pl.DataFrame) -> dict[str, list[int]]:
    """Which records lose each key."""
    by_key = lost.partition_by("key", as_dict=True, maintain_order=True)
    return {str(key): rows["rid"].to_list() for (key,), rows in by_key.items()}
