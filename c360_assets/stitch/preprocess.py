"""From raw source records to the values Stitch compares, bad values removed.

One pass over all stitched records: trim, derive, normalise, then remove values of the global list, of the tenant's lists
and those found by counting. What a value looks like when it is clean is `semantics.normalize`; which values are bad is
`blocklist`; grouping equal records is `duplicates`. Raw values stay with the caller, who publishes them unchanged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.semantics.addresses import compact_postal
from c360_assets.semantics.nicknames import with_given_canonical
from c360_assets.semantics.normalize import (
    CLEANERS,
    MULTI_VALUED,
    clean_address,
    clean_email,
    clean_gender,
    clean_key,
    clean_phone,
    clean_postal,
    cleaner,
    email_login,
    gender_from_title,
    generational_suffix,
    po_box,
    split_full_name,
    split_values,
)
from c360_assets.semantics.text import missing_to_null
from c360_assets.stitch import blocklist

_RAW_COLUMNS = (
    "given_name",
    "surname",
    "full_name",
    "generational_suffix",
    "title",
    "email",
    "phone",
    "address",
    "address2",
    "city",
    "state",
    "postal",
    "birthdate",
    "gender",
    "company",
)
_SINGLE = ("given_name", "surname", "generational_suffix", "birthdate", "gender", "address", "city", "state", "postal")
_KEY_PREFIXES = ("fk_", "bk_", "sk_")
# Cleaning maps a placeholder of these to NULL or to another value before any list could see it.
_RAW_CHECKED = ("generational_suffix", "birthdate", "gender", "postal")
FLAGGED = ("address", "email", "given_name", "phone", "surname")
"""Columns that have a `blv_` flag."""
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
class Preprocessed:
    """Result of `preprocess`.

    frame: one row per source record, `OUTPUT_COLUMNS` and the key columns, sorted by (datasource, pk).
    removed: `datasource, pk, semantic, raw_value, reason`, one row per value that was taken out of `frame`; reason is
        global, manual, managed or automatic.
    flags: `datasource, pk, has_blv, blv_<FLAGGED>`, one row per source record; values of the global list raise no flag.
    badvalues: rows of `stitch_badvalues`.
    """

    frame: pl.DataFrame
    removed: pl.DataFrame
    flags: pl.DataFrame
    badvalues: pl.DataFrame


def preprocess(
    records: pl.DataFrame,
    config: BadValues,
    managed: pl.DataFrame | None = None,
    nicknames: pl.DataFrame | None = None,
) -> Preprocessed:
    """Preprocess all stitched records together.

    `records` holds `datasource`, `pk` and any of the raw semantic columns (a column that is absent counts as missing;
    `email` and `phone` may be comma-joined), `fk_*`, `bk_*`, `sk_*`. `managed` is the tenant's blocklist table
    (`datasource, semantic, value[, is_preprocessed]`), `nicknames` a replacement for the shipped list
    (`semantics.nicknames.nickname_map`). Raises C360Error when (datasource, pk) is NULL or not unique.
    """
    return _Run(records, config, managed, nicknames).result()


def tag_of(column: str) -> str:
    """Tag spelling of a semantic column (`given_name -> given-name`)."""
    return column.replace("_", "-")


class _Run:
    """The state of one preprocessing run: `work` holds, per semantic column c, `c` clean, `raw:c`, and `why:c`."""

    def __init__(
        self,
        records: pl.DataFrame,
        config: BadValues,
        managed: pl.DataFrame | None,
        nicknames: pl.DataFrame | None,
    ) -> None:
        self.config = config
        self.profiles = set(config.preprocessing_profiles)
        self.nicknames = nicknames
        self.listed = blocklist.entries(config.ignore, managed)
        self.keys = sorted(c for c in records.columns if c.startswith(_KEY_PREFIXES))
        self.singles = [*_SINGLE, "company", *self.keys]
        self.work = self._clean_names(self._raw(records))
        self.work = self._judge_singles(self._clean_singles())
        self.values = {column: self._multi_values(column) for column in MULTI_VALUED}

    def result(self) -> Preprocessed:
        badvalues = blocklist.detect(self._cells, self._proxies, self.config.rules)
        self._remove_automatic(badvalues)
        removed = self._removed()
        frame = self._frame()
        flags = self._flags(removed)
        removed = removed.join(frame.select("rid", "datasource", "pk"), on="rid").drop("rid")
        order = ["datasource", "pk", "semantic", "raw_value", "reason"]
        return Preprocessed(frame.select(*OUTPUT_COLUMNS, *self.keys), removed.select(order).sort(order), flags, badvalues)

    def _raw(self, records: pl.DataFrame) -> pl.DataFrame:
        key = ["datasource", "pk"]
        wrong = records.height - records.select(key).drop_nulls().n_unique()
        if wrong:
            raise C360Error(f"{wrong} source records lack a (datasource, pk) of their own: check the primary keys")
        known = set(records.columns)
        texts = [
            missing_to_null(pl.col(c).cast(pl.String)).alias(f"raw:{c}")
            if c in known
            else pl.lit(None, dtype=pl.String).alias(f"raw:{c}")
            for c in (*_RAW_COLUMNS, *self.keys)
        ]
        frame = records.sort(key).with_row_index("rid").with_columns(pl.col("rid").cast(pl.Int64))
        source = pl.col("datasource").str.split(":").list.first().alias("source")
        return frame.select("rid", *key, source, *texts)

    def _why(self, column: str, value: pl.Expr) -> pl.Expr:
        business = "allow-business-email" in self.profiles
        return blocklist.reason(tag_of(column), value, pl.col("source"), self.listed, business)

    def _clean_names(self, work: pl.DataFrame) -> pl.DataFrame:
        """Full names first: nothing is derived from a blocked one."""
        full = pl.col("raw:full_name")
        work = work.with_columns(full_name=CLEANERS["full-name"](full))
        work = work.with_columns(self._why("full_name", pl.col("full_name")).alias("why:full_name"))
        usable = pl.when(pl.col("why:full_name").is_null()).then(full)
        given, surname = split_full_name(usable)
        raw_given, raw_surname = pl.col("raw:given_name"), pl.col("raw:surname")
        suffix = pl.coalesce(
            cleaner("generational-suffix")(pl.col("raw:generational_suffix")),
            generational_suffix(raw_surname),
            generational_suffix(usable),
            generational_suffix(raw_given),
        )
        clean = cleaner("given-name")
        return work.with_columns(
            given_name=pl.when(raw_given.is_null()).then(given).otherwise(clean(raw_given)),
            surname=pl.when(raw_surname.is_null()).then(surname).otherwise(clean(raw_surname)),
            generational_suffix=suffix,
        ).with_columns(
            pl.coalesce("raw:given_name", "raw:full_name").alias("raw:given_name"),
            pl.coalesce("raw:surname", "raw:full_name").alias("raw:surname"),
        )

    def _clean_singles(self) -> pl.DataFrame:
        def raw(column: str) -> pl.Expr:
            return pl.col(f"raw:{column}")

        gender = clean_gender if "normalize-gender" in self.profiles else clean_key
        work = self.work.with_columns(
            address=clean_address(raw("address"), raw("address2")),
            state=CLEANERS["state"](raw("state")),
            city=CLEANERS["city"](raw("city")),
            company=CLEANERS["company"](raw("company")),
            birthdate=CLEANERS["birthdate"](raw("birthdate")),
            gender=gender(raw("gender")),
            **{column: self._clean_key(column) for column in self.keys},
        )
        return work.with_columns(
            pl.concat_str("raw:address", "raw:address2", separator=" ", ignore_nulls=True).alias("raw:address"),
            postal=clean_postal(raw("postal"), pl.col("state")),
            po_box=po_box(pl.col("address")),
        )

    def _clean_key(self, column: str) -> pl.Expr:
        raw, tag = pl.col(f"raw:{column}"), tag_of(column)
        sensitive = {name.replace("_", "-").removeprefix("fk-") for name in self.config.case_sensitive_fks}
        if column.startswith("fk_") and tag.removeprefix("fk-") in sensitive:
            return raw
        return cleaner(tag)(raw)

    def _judge_singles(self, work: pl.DataFrame) -> pl.DataFrame:
        reasons = []
        for column in self.singles:
            why = self._why(column, pl.col(column))
            if column in _RAW_CHECKED:
                raw = pl.col(f"raw:{column}")
                raw = compact_postal(raw) if column == "postal" else raw.str.to_uppercase()
                why = pl.coalesce(why, self._why(column, raw))
            reasons.append(why.alias(f"why:{column}"))
        return work.with_columns(reasons)

    def _multi_values(self, column: str) -> pl.DataFrame:
        """`rid, source, raw, value, why`: one row per single value of a consolidated column."""
        clean = clean_email if column == "email" else clean_phone
        rows = self.work.select("rid", "source", raw=f"raw:{column}").drop_nulls("raw")
        rows = rows.with_columns(raw=split_values(pl.col("raw"))).explode("raw")
        rows = rows.with_columns(raw=missing_to_null(pl.col("raw"))).drop_nulls("raw")
        rows = rows.with_columns(value=clean(pl.col("raw")))
        why = self._why(column, pl.col("value"))
        # What is no address at all is bad as such; a phone field may hold a placeholder in words.
        junk = pl.lit("global", blocklist.REASON)
        unusable = junk if column == "email" else self._why(column, pl.col("raw").str.to_uppercase())
        rows = rows.with_columns(why=pl.when(pl.col("value").is_null()).then(unusable).otherwise(why))
        return rows

    def _cells(self, semantic: str) -> pl.DataFrame | None:
        column = semantic.replace("-", "_")
        if column in self.values:
            rows = self.values[column].filter(pl.col("why").is_null()).drop_nulls("value")
            return rows.select("rid", "value", "raw", place=pl.lit(None, dtype=pl.String))
        if column == "po_box":
            kept = self.work.with_columns(pl.col("po_box").alias("raw:po_box"))
        elif column in self.singles:
            kept = self.work.filter(pl.col(f"why:{column}").is_null())
        else:
            return None
        # Addresses are counted per town; the postal code stays out, since one place occurs with five and nine digits.
        place = pl.concat_str("city", "state", separator="\x1f", ignore_nulls=True)
        return kept.drop_nulls(column).select(
            "rid",
            value=pl.col(column),
            raw=pl.col(f"raw:{column}"),
            place=place if column == "address" else pl.lit(None, dtype=pl.String),
        )

    def _proxies(self, semantic: str) -> pl.DataFrame | None:
        if semantic != "given-name":
            return self._cells(semantic)
        named = self._cells("given_name")
        # A full name of one word is a surname for matching, yet it still tells people apart when counting.
        nameless = self.work.filter(pl.col("given_name").is_null() & pl.col("why:full_name").is_null())
        words = nameless.select("rid", value=pl.col("full_name").str.extract(r"^(\S+)")).drop_nulls()
        return words if named is None else pl.concat([named.select("rid", "value"), words])

    def _remove_automatic(self, badvalues: pl.DataFrame) -> None:
        for (semantic,), rows in badvalues.partition_by("semantic", as_dict=True, maintain_order=True).items():
            column, bad = str(semantic).replace("-", "_"), rows["value"].to_list()
            if column in self.values:
                hit = pl.when(pl.col("value").is_in(bad)).then(pl.lit("automatic", blocklist.REASON))
                self.values[column] = self.values[column].with_columns(why=pl.coalesce("why", hit))
            elif column == "po_box":
                self.work = self.work.with_columns(po_box=pl.when(~pl.col("po_box").is_in(bad)).then("po_box"))
            else:
                hit = pl.when(pl.col(column).is_in(bad)).then(pl.lit("automatic", blocklist.REASON))
                self.work = self.work.with_columns(pl.coalesce(f"why:{column}", hit).alias(f"why:{column}"))

    def _removed(self) -> pl.DataFrame:
        """`rid, semantic, raw_value, reason` of everything taken out."""
        parts = [
            self.work.filter(pl.col(f"why:{column}").is_not_null()).select(
                "rid", semantic=pl.lit(tag_of(column)), raw_value=f"raw:{column}", reason=f"why:{column}"
            )
            for column in ("full_name", *self.singles)
        ]
        parts += [
            rows.filter(pl.col("why").is_not_null()).select("rid", semantic=pl.lit(tag_of(column)), raw_value="raw", reason="why")
            for column, rows in self.values.items()
        ]
        return pl.concat(parts).with_columns(pl.col("reason").cast(pl.String))

    def _flags(self, removed: pl.DataFrame) -> pl.DataFrame:
        tenant = removed.filter(pl.col("reason") != "global")
        flags = [
            pl.col("rid").is_in(tenant.filter(pl.col("semantic") == tag_of(c))["rid"].implode()).alias(f"blv_{c}")
            for c in FLAGGED
        ]
        frame = self.work.select("datasource", "pk", *flags)
        names = [f"blv_{c}" for c in FLAGGED]
        return frame.select("datasource", "pk", pl.any_horizontal(names).alias("has_blv"), *names)

    def _frame(self) -> pl.DataFrame:
        kept = [pl.when(pl.col(f"why:{column}").is_null()).then(column).alias(column) for column in self.singles]
        box = pl.when(pl.col("why:address").is_null()).then("po_box").alias("po_box")
        frame = self.work.select("rid", "datasource", "pk", "raw:title", box, *kept)
        for column, rows in self.values.items():
            clean = rows.filter(pl.col("why").is_null()).select("rid", "value").drop_nulls().unique()
            lists = clean.sort("rid", "value").group_by("rid", maintain_order=True).agg(pl.col("value").alias(column))
            frame = frame.join(lists, on="rid", how="left", maintain_order="left")
        frame = frame.with_columns(
            pl.col("birthdate").str.to_date("%Y-%m-%d", strict=False),
            gender=self._gender(),
            login_trimmed=email_login(pl.col("email").list.first()).str.head(5),
        )
        return with_given_canonical(frame, self.nicknames)

    def _gender(self) -> pl.Expr:
        derived = gender_from_title(pl.col("raw:title"))
        if "skip-derive-gender" in self.profiles:
            return pl.col("gender")
        if "prioritize-derived-gender" in self.profiles:
            return pl.coalesce(derived, "gender")
        return pl.coalesce("gender", derived)
