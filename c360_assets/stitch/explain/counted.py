"""Whoever shares a value that is counted with one of two records of a published database.

How rare a value is follows from all who hold it, in whatever spelling: those are read, and no
others. What is counted is for `compare` to say, whose modules are used wherever SQL cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from c360_assets.semantics.organisations import organisation_words
from c360_assets.stitch.compare.chinese_spellings import HAN, with_chinese_spellings
from c360_assets.stitch.compare.comparison_records import COUNTED_DIGITS
from c360_assets.stitch.compare.mailboxes import mailbox
from c360_assets.stitch.compare.organisations import SHOP_SHARE
from c360_assets.stitch.compare.scripts import OTHER_SCRIPT, one_spelling, with_latin_names
from c360_assets.stitch.compare.value_counts import PHANTOM_RECORDS
from c360_assets.warehouse.sql import quote_ident

REPRESENTATIVES = "unified_preprocessed_raw"
LISTS = ("email", "phone", "given_canonical")
NAMES = ("given_name", "surname")
# Columns of which nothing is counted; half of a tenant may share one.
NOT_COUNTED = {
    *("amperity_id", "datasource", "pk", "int_id", "component_id", "supersized_id"),
    *("sk_given_name", "sk_generational_suffix", "gender", "state", "login_trimmed", "po_box"),
    "given_canonical",
}
# Each word of an organisation's name is counted, as `organisation_words` finds it, unless the
# company is where people shop.
SHARES_A_WORD = rf"""
    given_name IS NULL AND surname IS NULL AND list_has_any(
        regexp_split_to_array(regexp_replace(company, '[''’]', '', 'g'), '[^\p{{L}}\p{{N}}]+'),
        ?::VARCHAR[])
    AND company NOT IN (
        SELECT company FROM {REPRESENTATIVES} WHERE company IS NOT NULL GROUP BY company
        HAVING count(*) >= ? AND 2 * count(*) FILTER (coalesce(given_name, surname) IS NULL)
            < count(*))"""
HOLDS_A_WORD = r"""
    list_has_any(
        regexp_split_to_array(concat_ws(' ', given_name, surname), '[ -]'), ?::VARCHAR[])"""
GMAIL = "@GMAIL.COM"
FIRST_EMAIL = "split_part(email, ',', 1)"
FIRST_PHONE = "split_part(phone, ',', 1)"
OF_GMAIL = rf"""
    regexp_matches({FIRST_EMAIL}, '@(GMAIL|GOOGLEMAIL)\.COM$') AND list_contains(
        ?::VARCHAR[], replace(split_part({FIRST_EMAIL}, '@', 1), '.', ''))"""
DOMAIN = f"regexp_replace(split_part({FIRST_EMAIL}, '@', 2), '^GOOGLEMAIL\\.COM$', 'GMAIL.COM')"
OF_DOMAINS = f"list_contains(?::VARCHAR[], {DOMAIN})"
IN_OTHER_SCRIPT = f"regexp_matches(concat_ws(' ', given_name, surname), '{OTHER_SCRIPT}')"
IN_CHINESE = f"regexp_matches(concat_ws(' ', given_name, surname), '{HAN}')"
EVERY_NAME = f"""
    SELECT split_part(given_name, ' ', 1) AS name FROM {REPRESENTATIVES}
    UNION SELECT replace(given_name, ' ', '') FROM {REPRESENTATIVES}
    UNION SELECT surname FROM {REPRESENTATIVES}"""
# What a typing error leaves as it is at either end of a phone.
PHONE_END = 4
Read = Callable[[str, Sequence[Any]], pl.DataFrame]


def sharing(read: Read, columns: Sequence[str], two: pl.DataFrame, population: int) -> pl.DataFrame:
    """The representatives that share a counted value with one of `two`.

    `read`: what asks the database. `columns`: of the representatives. `population`: the number of
    records that frequencies are shares of.
    """
    asked = _Asked()
    _ask_names(read, asked, two)
    _ask_mailboxes(asked, two)
    _ask_numbered_phones(asked, two)
    _ask_organisations(asked, two, population)
    for column in columns:
        if column in NOT_COUNTED or column in NAMES or column.startswith(("fk_", "bk_", "sk_")):
            continue
        name = quote_ident(column)
        if column in LISTS:
            asked.among(f"split_part({name}, ',', 1)", _first(two, column))
        else:
            asked.among(name, two[column])
    found = asked.rows(read) if asked.conditions else two.clear()
    return pl.concat([found, *_some_that_tell(read, two)])


class _Asked:
    """Conditions, of which a row meets one, and their parameters in order."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.parameters: list[Any] = []

    def add(self, sql: str, *parameters: Any) -> None:
        self.conditions.append(sql)
        self.parameters.extend(parameters)

    def among(self, sql: str, values: pl.Series) -> None:
        distinct = values.drop_nulls().unique().sort().to_list()
        if distinct:
            self.add(f"{sql} IN ({', '.join('?' for _ in distinct)})", *distinct)

    def rows(self, read: Read) -> pl.DataFrame:
        met = ") OR (".join(self.conditions)
        return read(f"SELECT * FROM {REPRESENTATIVES} WHERE ({met})", self.parameters)


def _first(two: pl.DataFrame, column: str) -> pl.Series:
    """The first of several values."""
    return two[column].cast(pl.String).str.extract("^([^,]+)")


def _ask_names(read: Read, asked: _Asked, two: pl.DataFrame) -> None:
    """A name counts in the role in which it is more frequent: by its first word, or, where a blank
    tore it apart, as one; and in all scripts in which it is spelt alike."""
    whole = pl.concat([two[column].cast(pl.String) for column in NAMES])
    in_one = whole.str.replace_all(" ", "", literal=True)
    first_words = whole.str.extract(r"^(\S+)")
    forms = pl.concat([whole, in_one, first_words]).drop_nulls().unique()
    forms = pl.concat([forms, _spelt_alike(read, forms)])
    asked.among("split_part(given_name, ' ', 1)", forms)
    asked.among("replace(given_name, ' ', '')", forms)
    asked.among("surname", forms)
    # A further given name may be a surname, and surnames have words in common.
    several = whole.filter(whole.str.contains("[ -]"))
    words = several.str.replace_all("-", " ", literal=True).str.split(" ").explode().drop_nulls()
    if words.len():
        asked.add(HOLDS_A_WORD, words.unique().sort().to_list())


def _spelt_alike(read: Read, forms: pl.Series) -> pl.Series:
    """The names of the tenant whose one spelling is that of one of the forms; none where no name is
    in another script."""
    foreign = f"SELECT 1 FROM {REPRESENTATIVES} WHERE {IN_OTHER_SCRIPT} LIMIT 1"
    if not read(foreign, []).height:
        return forms.clear()
    every = read(EVERY_NAME, [])["name"].drop_nulls()
    names = pl.concat([forms, every]).unique().alias("surname").to_frame()
    nothing = pl.lit(None, dtype=pl.String)
    names = names.with_columns(given="surname", whole_given=nothing, middle=nothing)
    spelt = with_latin_names(with_chinese_spellings(names))
    spelt = spelt.select("given", spelling=one_spelling("given"))
    wanted = spelt.filter(pl.col("given").is_in(forms.implode())).select("spelling")
    return spelt.join(wanted.unique(), on="spelling", how="semi")["given"]


def _ask_mailboxes(asked: _Asked, two: pl.DataFrame) -> None:
    """Who has one of the two mailboxes by another address, and, where the logins are equal and the
    domains are not, whoever has one of these: they are counted."""
    boxes = _mailboxes(two).drop_nulls()
    at_gmail = boxes.filter(boxes.str.ends_with(GMAIL))
    if at_gmail.len():
        asked.add(OF_GMAIL, at_gmail.str.strip_suffix(GMAIL).unique().sort().to_list())
    parts = boxes.str.split("@")
    logins, domains = parts.list.first(), parts.list.last()
    if logins.len() > logins.n_unique() and domains.n_unique() > 1:
        asked.add(OF_DOMAINS, domains.unique().sort().to_list())


def _mailboxes(two: pl.DataFrame) -> pl.Series:
    return _first(two, "email").to_frame("email").select(mailbox(pl.col("email"))).to_series()


def _ask_numbered_phones(asked: _Asked, two: pl.DataFrame) -> None:
    """Where a typing error may tell two phones apart: whoever has one that is equal but for two
    digits side by side, as those that count on are no errors."""
    phones = _first(two, "phone").drop_nulls().unique().sort()
    alike = phones.str.head(PHONE_END).n_unique() == 1 or phones.str.tail(PHONE_END).n_unique() == 1
    if phones.len() < 2 or not alike:
        return
    counted = "_" * COUNTED_DIGITS
    patterns = {
        phone[:place] + counted + phone[place + COUNTED_DIGITS :]
        for phone in phones
        for place in range(len(phone) - COUNTED_DIGITS + 1)
    }
    likes = " OR ".join([f"{FIRST_PHONE} LIKE ?"] * len(patterns))
    asked.add(likes, *sorted(patterns))


def _ask_organisations(asked: _Asked, two: pl.DataFrame, population: int) -> None:
    nobody = pl.all_horizontal(pl.col(*NAMES).is_null())
    company = two.select(pl.when(nobody).then(pl.col("company").cast(pl.String))).to_series()
    words = organisation_words(company).explode().drop_nulls().unique().sort()
    if words.len():
        asked.add(SHARES_A_WORD, words.to_list(), SHOP_SHARE * (population + PHANTOM_RECORDS))


def _some_that_tell(read: Read, two: pl.DataFrame) -> list[pl.DataFrame]:
    """Records of which a few tell as much as all: that names are in Chinese letters here, and that
    most who have an e-mail of a domain are not of one company."""
    chinese = f"SELECT * FROM {REPRESENTATIVES} WHERE {IN_CHINESE} ORDER BY datasource, pk LIMIT 1"
    some = [read(chinese, [])]
    employed = two.select("company", domain=_mailboxes(two).str.extract("@(.*)"))
    for company, domain in employed.drop_nulls().unique().sort("company", "domain").iter_rows():
        colleagues = f"SELECT count(*) AS n FROM {REPRESENTATIVES} WHERE company = ?"
        most = 2 * read(colleagues, [company])["n"][0]
        holders = f"SELECT * FROM {REPRESENTATIVES} WHERE {DOMAIN} = ? LIMIT {most}"
        some.append(read(holders, [domain]))
    return some
