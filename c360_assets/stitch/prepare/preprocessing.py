"""From raw source records to the values Stitch compares, bad values removed.

One pass over all stitched records: trim, derive, normalise, then remove values of the global list,
of the tenant's lists and those found by counting. What a value looks like when it is clean is
`semantics.normalize`; which values are bad is `blocklist`; grouping equal records is
`trivial_duplicates`. Raw values stay with the caller, who publishes them unchanged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.semantics.addresses import compact_postal
from c360_assets.semantics.countries import Home, country_code
from c360_assets.semantics.keys import is_case_sensitive
from c360_assets.semantics.nicknames import known_given_names, with_given_canonical
from c360_assets.semantics.normalize import (
    CLEANERS,
    MULTI_VALUED,
    clean_email,
    clean_key,
    clean_phone,
    clean_postal,
    cleaner,
    email_login,
    email_values,
    gender_from_title,
    generational_suffix,
    name_number,
    phone_values,
    po_box,
    split_full_name,
)
from c360_assets.semantics.phone_plans import by_region
from c360_assets.semantics.text import missing_to_null
from c360_assets.stitch.prepare import blocklist
from c360_assets.stitch.prepare.contradicting_keys import (
    LOST_SCHEMA,
    contradictions,
    holders_of_shared,
)
from c360_assets.stitch.prepare.copied_fields import (
    FIELDS,
    NAME,
    CopiedField,
    copied_fields,
    is_copied,
)
from c360_assets.stitch.prepare.local_forms import standard_addresses
from c360_assets.stitch.prepare.union import in_key_order

_SINGLE = (
    "given_name",
    "surname",
    "generational_suffix",
    "birthdate",
    "gender",
    "address",
    "city",
    "state",
    "postal",
)
_KEY_PREFIXES = ("fk_", "bk_", "sk_")
# Cleaning maps a placeholder of these to NULL or to another value before any list could see it.
_RAW_CHECKED = ("generational_suffix", "birthdate", "gender", "postal")
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
class Preprocessed:
    """Result of `preprocess`.

    `frame`: one row per source record, `OUTPUT_COLUMNS` and the key columns, sorted by (datasource,
    pk). `removed`: `datasource, pk, semantic, raw_value, reason`, one row per value that was taken
    out of `frame`; reason is global, manual, managed or automatic. `flags`: `datasource, pk,
    has_blv, blv_<FLAGGED>`, one row per source record; values of the global list raise no flag.
    `badvalues`: rows of `stitch_badvalues`. `warnings`: sentences about fields that are copies.
    """

    frame: pl.DataFrame
    removed: pl.DataFrame
    flags: pl.DataFrame
    badvalues: pl.DataFrame
    warnings: list[str]


def preprocess(
    records: pl.DataFrame,
    config: BadValues,
    managed: pl.DataFrame | None = None,
    nicknames: pl.DataFrame | None = None,
    *,
    home: Home | None = None,
    contradicting_keys: bool = False,
) -> Preprocessed:
    """Preprocess all stitched records together.

    `records` holds `datasource`, `pk` and any of the raw semantic columns (a column that is absent
    counts as missing; `email` and `phone` may be comma-joined), `fk_*`, `bk_*`, `sk_*`. `managed`
    is the tenant's blocklist table (`datasource, semantic, value[, is_preprocessed]`), `nicknames`
    a replacement for the shipped list (`semantics.nicknames.nickname_map`). `home` is the country
    by whose rules phones, states and streets are read where a record names none; without it those
    of the United States hold for all. With
    `contradicting_keys`, records whose other values contradict those of the other holders of their
    foreign key lose it. Raises C360Error when (datasource, pk) is NULL or not unique.
    """
    return _Run(records, config, managed, nicknames, home).result(contradicting_keys)


def tag_of(column: str) -> str:
    """Tag spelling of a semantic column (`given_name -> given-name`)."""
    return column.replace("_", "-")


class _Run:
    """The state of one preprocessing run.

    `work` holds, per semantic column c, `c` clean and `why:c`, the reason not to use the value.
    Raw values stay in `records`, from which the few that are reported are read again; `rid` is the
    position there. `values` holds the single values of each consolidated column.
    """

    def __init__(
        self,
        records: pl.DataFrame,
        config: BadValues,
        managed: pl.DataFrame | None,
        nicknames: pl.DataFrame | None,
        home: Home | None,
    ) -> None:
        self.config = config
        self.home = home
        self.profiles = set(config.preprocessing_profiles)
        self.nicknames = nicknames
        self.listed = blocklist.entries(config.ignore, managed, home)
        self.keys = sorted(key for key in records.columns if key.startswith(_KEY_PREFIXES))
        self.singles = [*_SINGLE, "company", *self.keys]
        distinct_keys = records.select("datasource", "pk").drop_nulls().n_unique()
        without_key = records.height - distinct_keys
        if without_key:
            raise C360Error(
                f"{without_key} source records lack a (datasource, pk) of their own: "
                "check the primary keys"
            )
        self.records = in_key_order(records)
        self.countries = self._own_countries()
        keys = self.records.select("datasource", "pk").with_row_index("rid")
        self.work = keys.with_columns(pl.col("rid").cast(pl.Int64)).hstack(self._names())
        # One column at a time, so that only its text is in memory twice. The state comes first, as
        # the postal code reads it.
        self.standard = self._standard_addresses()
        columns = ("state", "address", "city", "postal", "company", "birthdate", "gender")
        for column in (*columns, *self.keys):
            self.work = self.work.hstack(self._single(column))
        del self.standard
        self.work = self.work.with_columns(po_box=po_box(pl.col("address")))
        self.values = {column: self._multi_values(column) for column in MULTI_VALUED}

    def result(self, contradicting_keys: bool) -> Preprocessed:
        copies = self._remove_copies()
        rules = blocklist.with_keys(self.config.rules, self.keys)
        badvalues = blocklist.detect(self._cells, self._proxies, rules)
        self._remove_automatic(badvalues)
        if contradicting_keys:
            lost = self._contradicting()
            self._remove_keys(lost)
            badvalues = pl.concat([badvalues, blocklist.contradicting(lost)])
            badvalues = badvalues.sort("semantic", "value")
        removed = self._removed()
        frame = self._frame()
        flags = self._flags(removed)
        removed = removed.join(frame.select("rid", "datasource", "pk"), on="rid").drop("rid")
        order = ["datasource", "pk", "semantic", "raw_value", "reason"]
        return Preprocessed(
            frame.select(*OUTPUT_COLUMNS, *self.keys),
            removed.select(order).sort(order),
            flags,
            badvalues,
            [copy.warning() for copy in copies],
        )

    def _remove_copies(self) -> list[CopiedField]:
        """Take out values that are another field's again, and tell which."""
        name = pl.concat_str(
            self._text("given_name"), self._text("surname"), separator=" ", ignore_nulls=True
        )
        texts = self.records.select(
            "datasource",
            *[self._text(field).str.to_uppercase().alias(field) for field in FIELDS],
            pl.coalesce(self._text("full_name"), name).str.to_uppercase().alias(NAME),
        )
        copies = copied_fields(texts, known_given_names())
        automatic = pl.lit("automatic", blocklist.REASON)
        for copy in copies:
            why = f"why:{copy.copy}"
            is_copied_here = texts.select(is_copied(copy)).to_series()
            combined = pl.coalesce(why, pl.when(is_copied_here).then(automatic)).alias(why)
            self.work = self.work.with_columns(combined)
        return copies

    def _own_countries(self) -> pl.Series | None:
        """ISO codes of the countries that the records name, None where nobody asks for them."""
        if self.home is None:
            return None
        return self.records.select(country=country_code(self._text("country"))).to_series()

    def _text(self, column: str) -> pl.Expr:
        """A column of the records, trimmed; NULL where they lack it."""
        if column not in self.records.columns:
            return pl.lit(None, dtype=pl.String)
        return missing_to_null(pl.col(column).cast(pl.String))

    def _raw(self, column: str) -> pl.Expr:
        """The text that the values of a semantic column were made of, over the records."""
        if column in ("given_name", "surname"):
            return pl.coalesce(self._text(column), self._text("full_name"))
        if column == "address":
            return pl.concat_str(
                self._text("address"), self._text("address2"), separator=" ", ignore_nulls=True
            )
        return self._text(column)

    def _raw_of(self, column: str, rid: pl.Series) -> pl.Series:
        return self.records.select("pk", raw=self._raw(column)).get_column("raw").gather(rid)

    def _why(self, column: str, value: pl.Expr) -> pl.Expr:
        """Why a value is on a list, NULL where it is on none; over `datasource` and the value."""
        business = "allow-business-email" in self.profiles
        source = pl.col("datasource").str.split(":").list.first()
        return blocklist.reason(tag_of(column), value, source, self.listed, business)

    def _why_column(self, column: str, value: pl.Expr, raw: pl.Expr) -> pl.Expr:
        """The column `why:<column>` for a clean value, and for its text where lists name that."""
        why = self._why(column, value)
        if column in _RAW_CHECKED:
            raw = compact_postal(raw) if column == "postal" else raw.str.to_uppercase()
            why = pl.coalesce(why, self._why(column, raw))
        return why.alias(f"why:{column}")

    def _names(self) -> pl.DataFrame:
        """Names and suffix, from full names only if nobody blocked these.

        `lone_word`: the first word of the full name of a record without a given name, a surname if
        it is the only one.
        """
        texts = ("given_name", "surname", "full_name", "generational_suffix")
        raw = [self._text(column).alias(f"raw:{column}") for column in texts]
        work = self.records.select("datasource", *raw)
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
            name_number(raw_surname),
            name_number(usable),
            name_number(raw_given),
        )
        clean = cleaner("given-name")
        work = work.with_columns(
            given_name=pl.when(raw_given.is_null()).then(given).otherwise(clean(raw_given)),
            surname=pl.when(raw_surname.is_null()).then(surname).otherwise(clean(raw_surname)),
            generational_suffix=suffix,
        )
        nameless = pl.col("given_name").is_null() & pl.col("why:full_name").is_null()
        names = ("given_name", "surname", "generational_suffix")
        reasons = [
            self._why_column(column, pl.col(column), pl.col(f"raw:{column}")) for column in names
        ]
        return work.select(
            *names,
            "why:full_name",
            *reasons,
            lone_word=pl.when(nameless).then("full_name").str.extract(r"^(\S+)"),
        )

    def _single(self, column: str) -> pl.DataFrame:
        """A clean column, and why its values must not be used."""
        raw = self._text(column)
        records = self.records
        if column in ("address", "state"):
            records = records.hstack([self.standard[column].alias(f"clean:{column}")])
            value = pl.col(f"clean:{column}")
        elif column == "postal":
            records = records.hstack([self.work["state"].alias("clean:state")])
            value = clean_postal(raw, pl.col("clean:state"), self._text("country"))
        elif column == "gender" and "normalize-gender" not in self.profiles:
            value = clean_key(raw)
        elif self._is_exact(column):
            value = raw
        else:
            value = cleaner(tag_of(column))(raw)
        frame = records.select("datasource", value.alias(column), raw.alias("raw"))
        return frame.select(column, self._why_column(column, pl.col(column), pl.col("raw")))

    def _standard_addresses(self) -> pl.DataFrame:
        """Clean `address` and `state` by the rules of each record's country."""
        text = {column: self._text(column) for column in ("address", "address2", "state")}
        home = self.home.country if self.home else None
        countries = pl.Series([home], dtype=pl.String).new_from_index(0, self.records.height)
        if self.countries is not None:
            countries = self.countries.fill_null(home)
        return standard_addresses(self.records.select(**text, country=countries))

    def _is_exact(self, column: str) -> bool:
        """Whether a foreign key was listed as case-sensitive."""
        if not column.startswith("fk_"):
            return False
        return is_case_sensitive(tag_of(column), self.config.case_sensitive_fks)

    def _multi_values(self, column: str) -> pl.DataFrame:
        """`rid, raw, value, why`: one row per single value of a consolidated column."""
        is_email = column == "email"
        values_of = email_values if is_email else phone_values
        own_countries = pl.lit(None, dtype=pl.String)
        if self.countries is not None:
            own_countries = pl.lit(self.countries)
        rows = self.records.with_row_index("rid").select(
            pl.col("rid").cast(pl.Int64),
            "datasource",
            raw=self._text(column),
            country=own_countries,
        )
        rows = rows.drop_nulls("raw")
        rows = rows.with_columns(text=values_of(pl.col("raw")))
        # The field is the raw text of its only value, and of a text that holds none.
        is_single = pl.col("text").list.len() <= 1
        rows = rows.with_columns(is_single=is_single).explode("text")
        raw = pl.when("is_single").then("raw").otherwise("text")
        rows = rows.with_columns(raw=raw)
        if is_email:
            rows = rows.with_columns(value=clean_email(pl.col("text")))
            why = self._why(column, pl.col("value"))
        else:
            number = by_region(rows["text"], rows["country"], self.home)
            rows = rows.with_columns(value=number)
            # Lists hold the digits as they are written in their own country.
            why = pl.coalesce(
                self._why(column, pl.col("value")), self._why(column, clean_phone(pl.col("text")))
            )
        # What is no address at all is bad as such; a phone field may hold a placeholder in words.
        if is_email:
            why_no_value = pl.lit("global", blocklist.REASON)
        else:
            why_no_value = self._why(column, pl.col("raw").str.to_uppercase())
        has_no_value = pl.col("value").is_null()
        return rows.select(
            "rid", "raw", "value", why=pl.when(has_no_value).then(why_no_value).otherwise(why)
        )

    def _cells(self, semantic: str) -> pl.DataFrame | None:
        """The usable values of a semantic, see `blocklist.Cells`."""
        column = semantic.replace("-", "_")
        if column in self.values:
            rows = self.values[column].filter(pl.col("why").is_null()).drop_nulls("value")
            return rows.select("rid", "value", "raw", place=pl.lit(None, dtype=pl.String))
        if column not in (*self.singles, "po_box"):
            return None
        # Addresses are counted per town; the postal code stays out, since one place occurs with
        # five and nine digits.
        town = pl.concat_str("city", "state", separator="\x1f", ignore_nulls=True)
        place = town if column == "address" else pl.lit(None, dtype=pl.String)
        is_usable = pl.col(f"why:{column}").is_null() if column != "po_box" else pl.lit(True)
        kept = self.work.select("rid", value=pl.when(is_usable).then(column), place=place)
        kept = kept.drop_nulls("value")
        raw = kept["value"] if column == "po_box" else self._raw_of(column, kept["rid"])
        return kept.hstack([raw.alias("raw")])

    def _proxies(self, semantic: str) -> pl.DataFrame | None:
        if semantic != "given-name":
            return self._cells(semantic)
        named = self._cells("given_name")
        # A full name of one word is a surname for matching, yet it still tells people apart when
        # counting.
        words = self.work.select("rid", value="lone_word").drop_nulls()
        return words if named is None else pl.concat([named.select("rid", "value"), words])

    def _remove_automatic(self, badvalues: pl.DataFrame) -> None:
        automatic = pl.lit("automatic", blocklist.REASON)
        by_semantic = badvalues.partition_by("semantic", as_dict=True, maintain_order=True)
        for (semantic,), rows in by_semantic.items():
            column = str(semantic).replace("-", "_")
            bad = rows["value"].to_list()
            if column in self.values:
                why = pl.when(pl.col("value").is_in(bad)).then(automatic)
                self.values[column] = self.values[column].with_columns(why=pl.coalesce("why", why))
            elif column == "po_box":
                # A PO box is part of the address, whose values have a reason of their own.
                good = pl.when(~pl.col("po_box").is_in(bad)).then("po_box")
                self.work = self.work.with_columns(po_box=good)
            else:
                why = pl.when(pl.col(column).is_in(bad)).then(automatic)
                combined = pl.coalesce(f"why:{column}", why).alias(f"why:{column}")
                self.work = self.work.with_columns(combined)

    def _contradicting(self) -> pl.DataFrame:
        """The foreign keys that records lose, see `contradicting_keys.contradictions`."""
        names = ("given_name", *(key for key in self.keys if key.startswith("fk_")))
        usable = self.work.select("rid", *(self._usable(name, name) for name in names))
        held = holders_of_shared(usable, self.keys)
        if not held.height:
            return pl.DataFrame(schema=LOST_SCHEMA)
        return contradictions(held, self._frame())

    def _remove_keys(self, lost: pl.DataFrame) -> None:
        automatic = pl.lit("automatic", blocklist.REASON)
        for (key,), rows in lost.partition_by("key", as_dict=True, maintain_order=True).items():
            why = pl.when(pl.col("rid").is_in(rows["rid"].implode())).then(automatic)
            combined = pl.coalesce(f"why:{key}", why).alias(f"why:{key}")
            self.work = self.work.with_columns(combined)

    def _removed(self) -> pl.DataFrame:
        """`rid, semantic, raw_value, reason` of everything taken out."""
        parts = []
        for column in ("full_name", *self.singles):
            gone = self.work.select("rid", reason=f"why:{column}").drop_nulls("reason")
            raw = self._raw_of(column, gone["rid"]).alias("raw_value")
            gone = gone.with_columns(raw, semantic=pl.lit(tag_of(column)))
            parts.append(gone.select("rid", "semantic", "raw_value", "reason"))
        for column, rows in self.values.items():
            gone = rows.filter(pl.col("why").is_not_null())
            semantic = pl.lit(tag_of(column))
            parts.append(gone.select("rid", semantic=semantic, raw_value="raw", reason="why"))
        return pl.concat(parts).with_columns(pl.col("reason").cast(pl.String))

    def _flags(self, removed: pl.DataFrame) -> pl.DataFrame:
        by_tenant = removed.filter(pl.col("reason") != "global")
        flags = []
        for column in FLAGGED:
            flagged = by_tenant.filter(pl.col("semantic") == tag_of(column))["rid"]
            flags.append(pl.col("rid").is_in(flagged.implode()).alias(f"blv_{column}"))
        frame = self.work.select("datasource", "pk", *flags)
        names = [f"blv_{column}" for column in FLAGGED]
        return frame.select("datasource", "pk", pl.any_horizontal(names).alias("has_blv"), *names)

    def _frame(self) -> pl.DataFrame:
        frame = self.work.select(
            "rid",
            "datasource",
            "pk",
            self._usable("po_box", "address"),
            *(self._usable(column, column) for column in self.singles),
        )
        for column, rows in self.values.items():
            # A join copies every column it carries, so only the key goes through it.
            matched = frame.select("rid").join(
                _lists_of(rows, column), on="rid", how="left", maintain_order="left"
            )
            frame = frame.with_columns(matched.get_column(column))
        titles = self.records.select("pk", derived=gender_from_title(self._text("title")))
        frame = frame.with_columns(titles.get_column("derived"))
        frame = frame.with_columns(
            pl.col("birthdate").str.to_date("%Y-%m-%d", strict=False),
            self._gender(),
            login_trimmed=email_login(pl.col("email").list.first()).str.head(5),
        )
        return with_given_canonical(frame, self.nicknames)

    def _usable(self, column: str, judged: str) -> pl.Expr:
        """The column, NULL where there is a reason not to use the value of the column `judged`."""
        is_untouched = self.work[f"why:{judged}"].null_count() == self.work.height
        if is_untouched:  # then the text need not be copied
            return pl.col(column)
        return pl.when(pl.col(f"why:{judged}").is_null()).then(column).alias(column)

    def _gender(self) -> pl.Expr:
        if "skip-derive-gender" in self.profiles:
            return pl.col("gender")
        if "prioritize-derived-gender" in self.profiles:
            return pl.coalesce("derived", "gender").alias("gender")
        return pl.coalesce("gender", "derived")


def _lists_of(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """`rid` and `column`: each record's distinct usable values, sorted."""
    usable = rows.filter(pl.col("why").is_null()).select("rid", "value").drop_nulls()
    # Sorted, so that neither finding repeats nor grouping needs a table of all values.
    ordered = usable.sort("rid", "value")
    pair = pl.struct("rid", "value")
    distinct = ordered.filter(pair.ne_missing(pair.shift())).set_sorted("rid")
    return distinct.group_by("rid", maintain_order=True).agg(pl.col("value").alias(column))
