"""Clean values of source records, and why some of them must not be used. Local to a record.

Belongs here: the kernel that cleans, and how its rows are read and changed by those that go on with
them (`usable_records`, `automatic_blocklist`). What a value looks like when it is clean is
`semantics.normalize`, which values are listed is `blocklist`; what takes all records to know comes
later.

| column of a row | what |
|---|---|
| `rid`, `datasource` | which record it is |
| `raw:<column>` | see `raw_texts` |
| `<column>`, `why:<column>` | the clean value, and the reason not to use it |
| `email`, `phone` | lists of the single values, with lists `raws:<column>` and `why:<column>` |
| `why:full_name` | why the full name gives no names |
| `lone_word` | the first word of the full name of a record without a given name |
| `po_box` | of the address |
| `title_gender` | of the title |
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import polars as pl

from c360_assets.semantics.addresses import compact_postal
from c360_assets.semantics.countries import Home, country_code
from c360_assets.semantics.keys import is_case_sensitive
from c360_assets.semantics.normalize import (
    CLEANERS,
    MULTI_VALUED,
    clean_email,
    clean_key,
    clean_phone,
    clean_postal,
    cleaner,
    email_values,
    gender_from_title,
    generational_suffix,
    name_number,
    phone_values,
    po_box,
    split_full_name,
    with_lost_zeros,
)
from c360_assets.semantics.organisations import has_legal_form
from c360_assets.semantics.phone_plans import by_region
from c360_assets.stitch.exchange.rows import Side
from c360_assets.stitch.prepare import blocklist
from c360_assets.stitch.prepare.copied_fields import CopiedField, compared_texts, is_copied
from c360_assets.stitch.prepare.local_forms import standard_addresses
from c360_assets.stitch.prepare.raw_texts import RAW, key_columns, text

NAMES = ("given_name", "surname", "generational_suffix")
# One column at a time is cleaned. The state comes first, as the postal code reads it.
OTHERS = ("state", "address", "city", "postal", "company", "birthdate", "gender")
# Cleaning maps a placeholder of these to NULL or to another value before any list could see it.
_RAW_CHECKED = ("generational_suffix", "birthdate", "gender", "postal")


@dataclass(frozen=True)
class CleaningRules:
    """By what values are cleaned and judged.

    `listed` comes from `blocklist.entries`, `copies` from `copied_fields`. `profiles` and
    `case_sensitive_fks` are settings of `bad_values`; `home` is the country by whose rules a record
    is read that names none.
    """

    listed: pl.DataFrame
    profiles: frozenset[str]
    case_sensitive_fks: tuple[str, ...]
    home: Home | None
    copies: tuple[CopiedField, ...]


@dataclass(frozen=True)
class CleanRecords:
    """`raw_rows` with their clean values. Local to a record."""

    rules: CleaningRules

    def __call__(self, _con: duckdb.DuckDBPyConnection, records: Side) -> pl.DataFrame:
        return _Cleaning(self.rules, records.frame).rows()


def tag_of(column: str) -> str:
    """Tag spelling of a semantic column (`given_name -> given-name`)."""
    return column.replace("_", "-")


def keys_of(rows: pl.DataFrame) -> list[str]:
    """The columns of clean keys, sorted."""
    raw = (column for column in rows.columns if column.startswith(RAW))
    return key_columns(column.removeprefix(RAW) for column in raw)


def single_values(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """`rid, raw, value, why`: one row per single value of `email` or `phone`."""
    lists = rows.select("rid", raw=f"raws:{column}", value=column, why=f"why:{column}")
    return lists.filter(pl.col("raw").is_not_null()).explode("raw", "value", "why")


def with_single_values(rows: pl.DataFrame, column: str, values: pl.DataFrame) -> pl.DataFrame:
    """The rows with these `single_values`, which are sorted by `rid`."""
    lists = values.group_by("rid", maintain_order=True).agg("raw", "value", "why")
    # A join copies every column it carries, so only the key goes through it.
    matched = rows.select("rid").join(lists, on="rid", how="left", maintain_order="left")
    return rows.with_columns(
        matched["raw"].alias(f"raws:{column}"),
        matched["value"].alias(column),
        matched["why"].alias(f"why:{column}"),
    )


def usable(rows: pl.DataFrame, column: str, judged: str = "") -> pl.Expr:
    """A column of clean values, NULL where there is a reason not to use the value of the column
    `judged`, by default its own."""
    why = f"why:{judged or column}"
    if rows[why].null_count() == rows.height:  # then the text need not be copied
        return pl.col(column)
    return pl.when(pl.col(why).is_null()).then(column).alias(column)


def also_automatic(why: str, is_bad: pl.Expr) -> pl.Expr:
    """The column of reasons `why`, automatic where the value is bad and has none yet."""
    automatic = pl.lit("automatic", blocklist.REASON)
    return pl.coalesce(why, pl.when(is_bad).then(automatic)).alias(why)


class _Cleaning:
    """What one call of the kernel has made of its records."""

    def __init__(self, rules: CleaningRules, records: pl.DataFrame) -> None:
        self.rules = rules
        self.records = records
        self.clean = records.select("rid", "datasource")

    def rows(self) -> pl.DataFrame:
        self.countries = self._own_countries()
        self.clean = self.clean.hstack(self._names())
        # One column at a time, so that only its text is in memory twice.
        self.standard = self._standard_addresses()
        for column in (*OTHERS, *keys_of(self.records)):
            self.clean = self.clean.hstack(self._single(column))
        del self.standard
        for column in MULTI_VALUED:
            self.clean = with_single_values(self.clean, column, self._multi_values(column))
        self._judge_copies()
        gender = gender_from_title(self._text("title"))
        of_title = self.records.with_columns(title_gender=gender).drop("rid", "datasource")
        return self.clean.with_columns(po_box=po_box(pl.col("address"))).hstack(of_title)

    def _judge_copies(self) -> None:
        """Tell of values that are another field's again."""
        if not self.rules.copies:
            return
        texts = compared_texts(self.records)
        for copy in self.rules.copies:
            is_copy = texts.select(is_copied(copy)).to_series()
            if copy.copy in MULTI_VALUED:
                values = single_values(self.clean, copy.copy)
                is_bad = values["rid"].is_in(self.clean["rid"].filter(is_copy).implode())
                values = values.with_columns(also_automatic("why", pl.lit(is_bad)))
                self.clean = with_single_values(self.clean, copy.copy, values)
            else:
                why = also_automatic(f"why:{copy.copy}", pl.lit(is_copy))
                self.clean = self.clean.with_columns(why)

    def _own_countries(self) -> pl.Series | None:
        """ISO codes of the countries that the records name, None where nobody asks for them."""
        if self.rules.home is None:
            return None
        return self.records.select(country=country_code(self._text("country"))).to_series()

    def _text(self, column: str) -> pl.Expr:
        return text(self.records, column)

    def _why(self, column: str, value: pl.Expr) -> pl.Expr:
        """Why a value is on a list, NULL where it is on none; over `datasource` and the value."""
        business = "allow-business-email" in self.rules.profiles
        source = pl.col("datasource").str.split(":").list.first()
        return blocklist.reason(tag_of(column), value, source, self.rules.listed, business)

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
        work = self._without_organisations(work)
        full = pl.col("raw:full_name")
        work = work.with_columns(full_name=CLEANERS["full-name"](full))
        work = work.with_columns(self._why("full_name", pl.col("full_name")).alias("why:full_name"))
        usable = pl.when(pl.col("why:full_name").is_null()).then(full)
        given, surname = split_full_name(usable, self.rules.home)
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
        reasons = [
            self._why_column(column, pl.col(column), pl.col(f"raw:{column}")) for column in NAMES
        ]
        return work.select(
            *NAMES,
            "why:full_name",
            *reasons,
            lone_word=pl.when(nameless).then("full_name").str.extract(r"^(\S+)"),
        )

    def _without_organisations(self, names: pl.DataFrame) -> pl.DataFrame:
        """The texts of names without those that are an organisation's, which are kept to be its
        company where the record names none."""
        raw_given, surname, full = (
            pl.col(f"raw:{column}") for column in ("given_name", "surname", "full_name")
        )
        name = pl.when(raw_given.is_null()).then(pl.coalesce(surname, full))
        organisation = names.select(pl.when(has_legal_form(name)).then(name)).to_series()
        self.organisation = organisation.alias("organisation")
        if not organisation.count():
            return names
        is_person = pl.lit(organisation.is_null())
        return names.with_columns(
            pl.when(is_person).then(column).alias(column)
            for column in ("raw:surname", "raw:full_name")
        )

    def _single(self, column: str) -> pl.DataFrame:
        """A clean column, and why its values must not be used."""
        raw = self._text(column)
        records = self.records
        if column in ("address", "state"):
            records = records.hstack([self.standard[column].alias(f"clean:{column}")])
            value = pl.col(f"clean:{column}")
        elif column == "postal":
            records = records.hstack([self.clean["state"].alias("clean:state")])
            records = records.hstack([self._own_or_home().alias("own:country")])
            value = clean_postal(raw, pl.col("clean:state"), self._text("country"))
            value = with_lost_zeros(value, pl.col("own:country"))
        elif column == "gender" and "normalize-gender" not in self.rules.profiles:
            value = clean_key(raw)
        elif column == "company":
            records = records.hstack([self.organisation])
            value = cleaner(column)(pl.coalesce(raw, "organisation"))
        elif self._is_exact(column):
            value = raw
        else:
            value = cleaner(tag_of(column))(raw)
        frame = records.select("datasource", value.alias(column), raw.alias("raw"))
        return frame.select(column, self._why_column(column, pl.col(column), pl.col("raw")))

    def _standard_addresses(self) -> pl.DataFrame:
        """Clean `address` and `state` by the rules of each record's country."""
        text = {column: self._text(column) for column in ("address", "address2", "state")}
        return standard_addresses(self.records.select(**text, country=self._own_or_home()))

    def _own_or_home(self) -> pl.Series:
        """The country of each record, by its ISO code: its own, else the tenant's, else NULL."""
        home = self.rules.home.country if self.rules.home else None
        if self.countries is not None:
            return self.countries.fill_null(home)
        return pl.Series([home], dtype=pl.String).new_from_index(0, self.records.height)

    def _is_exact(self, column: str) -> bool:
        """Whether a foreign key was listed as case-sensitive."""
        if not column.startswith("fk_"):
            return False
        return is_case_sensitive(tag_of(column), self.rules.case_sensitive_fks)

    def _multi_values(self, column: str) -> pl.DataFrame:
        """`rid, raw, value, why`: one row per single value of a consolidated column."""
        is_email = column == "email"
        values_of = email_values if is_email else phone_values
        own_countries = pl.lit(None, dtype=pl.String)
        if self.countries is not None:
            own_countries = pl.lit(self.countries)
        rows = self.records.select(
            "rid", "datasource", raw=self._text(column), country=own_countries
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
            number = by_region(rows["text"], rows["country"], self.rules.home)
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
