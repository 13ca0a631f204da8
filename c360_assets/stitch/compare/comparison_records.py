"""Comparison records: the preprocessed frame with what blocking and comparison read of its values.

Splitting an address into house, street and unit, letters of a login, frequency bins and established
names belong here, and how frames reach the SQL engine. What a value means for a match is decided in
`comparisons`; which values a record has at all is decided by preprocessing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import duckdb
import polars as pl
import pyarrow as pa

from c360_assets.stitch.compare.chinese_spellings import with_chinese_spellings
from c360_assets.stitch.compare.mailboxes import mailbox
from c360_assets.stitch.compare.organisations import with_organisations, with_word_weights
from c360_assets.stitch.compare.scripts import one_spelling, with_latin_names
from c360_assets.stitch.compare.surname_words import (
    rarest_word,
    several_words,
    with_surnames_whole,
)
from c360_assets.stitch.compare.value_counts import count_of, frequency_bin

UNIT = (
    r"\s*\b(APARTMENT|APT|UNIT|SUITE|STE|FLOOR|FL|ROOM|RM|BUILDING|BLDG|LOT|TRAILER|TRLR|SPACE|SPC"
    r"|PO BOX|#|WOHNUNG|MIESZKANIE|APARTAMENTO|APARTAMENT|APPARTEMENT|DEPARTAMENTO|LAGENHET|ASUNTO"
    r"|INTERNO|DAIRE|КВАРТИРА)\b.*$"
)
# Before the street, or, as in most countries, behind it: HAUPTSTRASSE 12 B, DLUGA 5/7.
HOUSE_BEFORE = r"^([0-9][^ ]*) "
HOUSE_BEHIND = r"^(.*\p{L}[^ ]*) ([0-9]+ ?\p{L}?)(?:[/-][^ ]+)?$"
INITIALS = r"^(\S{2,}.*?)(?: \p{L})+$"  # of further names, after a given name
FIRST_NAME = r"^(\S+)"
# The first of further given names or initials; DEL CARMEN is one name.
MIDDLE_NAME = r"^\S+ (?:(?:DE|DEL|DE LA|DE LOS|DE LAS|LA|DA|DO|DOS|DI) )*(\S+)"
# How many times the records of its first part hold a name in one word that a space tore apart.
TORN_APART = 10
KEY_PREFIXES = ("fk_", "bk_", "sk_")
MOST_THREADS = 4  # of the work between SQL statements; each holds arrays of its own
FEW_ROWS = 1_000_000  # up to so many are no work for several threads
BATCH_ROWS = 16_384  # of a batch that one thread of the SQL engine takes
ESTABLISHED_RECORDS = 10  # hold a given name at least, before it counts as one that people have
ESTABLISHED_SHARE = 0.00005  # and so large a share of all records
SEVERAL_FAMILIES = 4  # among whom a middle name is one that people have
# Numbers that agree in all but so many digits, and how many of them are no typing errors.
COUNTED_DIGITS = 2
COUNTED_VALUES = 4
# A crowd holds a name: of each contact that at least so many of its records hold there are at least
# so many values, with at most so many records to a value. Few people have four e-mail addresses and
# four phones.
CROWD_VALUES = 4
CROWD_RECORDS_PER_VALUE = 4
CROWD_CONTACTS = ("email", "phone")
BIRTHDAYS = 20_000  # of the people of a tenant: those of some 55 years
USUAL_FAMILIES = 8  # hold a date that is none of birth, and so many times more than are born on it
PREPROCESSED_TYPES: dict[str, pl.DataType] = {
    "given_name": pl.String(),
    "surname": pl.String(),
    "generational_suffix": pl.String(),
    "gender": pl.String(),
    "address": pl.String(),
    "po_box": pl.String(),
    "city": pl.String(),
    "state": pl.String(),
    "postal": pl.String(),
    "company": pl.String(),
    "login_trimmed": pl.String(),
    "email": pl.List(pl.String),
    "phone": pl.List(pl.String),
    "given_canonical": pl.List(pl.String),
    "birthdate": pl.Date(),
}
Item = TypeVar("Item")
Result = TypeVar("Result")


def columns_with(frame: pl.DataFrame, prefix: str) -> list[str]:
    """Columns of the frame that hold a key of this kind (`fk_`, `bk_`, `sk_`), in name order."""
    return sorted(column for column in frame.columns if column.startswith(prefix))


def arrow(frame: pl.DataFrame) -> pa.Table:
    """The frame for the SQL engine, without a copy of its strings.

    In batches, so that several threads can read it.
    """
    table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
    if table.num_rows <= BATCH_ROWS:
        return table
    batches = table.to_batches(max_chunksize=BATCH_ROWS)
    return pa.Table.from_batches(batches, table.schema)


@contextmanager
def registered(con: duckdb.DuckDBPyConnection, **frames: pl.DataFrame) -> Iterator[None]:
    """The frames as views of the connection while the block runs."""
    try:
        for name, frame in frames.items():
            con.register(name, arrow(frame))
        yield
    finally:
        for name in frames:
            con.unregister(name)


def in_threads(
    con: duckdb.DuckDBPyConnection,
    work: Callable[[duckdb.DuckDBPyConnection, Item], Result],
    items: Iterable[Item],
    rows: int,
) -> list[Result]:
    """The results of the work on each item, in their order, each on a cursor of its own.

    On as many threads as the connection has: the SQL engine uses all threads by itself, but what
    NumPy does between its statements runs on one. For few `rows` that is nothing, and every thread
    keeps memory.
    """
    threads = 1
    if rows > FEW_ROWS:
        threads = con.execute("SELECT current_setting('threads')").fetchall()[0][0]
    if threads == 1:
        return [work(con, item) for item in items]

    def on_cursor(item: Item) -> Result:
        with con.cursor() as cursor:
            return work(cursor, item)

    with ThreadPoolExecutor(min(threads, MOST_THREADS)) as pool:
        return list(pool.map(on_cursor, items))


@dataclass(frozen=True)
class OfAllRecords:
    """What is told of all records of a tenant, where a frame holds some of them: how many hold a
    birthdate, and which further given names are surnames."""

    birthdates: int
    surname_words: pl.Series


def prepare_records(
    frame: pl.DataFrame,
    known_names: frozenset[str] = frozenset(),
    *,
    population: int | None = None,
    of_all: OfAllRecords | None = None,
) -> pl.DataFrame:
    """The comparison records, one per row of the frame, in rid order; `i` is the rank of `rid`.

    `known_names`: given names that are established whatever their frequency here. `population`: the
    number of records that frequencies are shares of, by default those of the frame. `of_all`: for a
    frame that holds some of the records. The frame may be in any order. `emails`, `phones` and
    `variants` are NULL unless there are several values; `email` and `phone` are the first ones.
    """
    records = own_parts(frame if frame["rid"].is_sorted() else frame.sort("rid"))
    size = frame.height if population is None else population
    return _with_what_others_hold(records, size, known_names, of_all)


def own_parts(frame: pl.DataFrame) -> pl.DataFrame:
    """What comparison records say whatever the others hold. Local to a record."""
    return _with_parts_of_values(_named_values(frame))


def _with_what_others_hold(
    records: pl.DataFrame,
    population: int,
    known_names: frozenset[str],
    of_all: OfAllRecords | None,
) -> pl.DataFrame:
    """Adds the place of each record as `i`, and what follows from how many hold a value. Needs all
    records."""
    records = records.with_row_index("i").with_columns(pl.col("i").cast(pl.Int32))
    surname_words = None if of_all is None else of_all.surname_words
    records = with_surnames_whole(_with_torn_names_whole(records), surname_words)
    birthdates = records["birthdate"].count() if of_all is None else of_all.birthdates
    records = records.with_columns(usual_birthdate=_usual_birthdate(birthdates))
    records = with_chinese_spellings(records)
    records = with_latin_names(records)
    records = with_organisations(records, population)
    return _with_frequencies(records, population, known_names)


def _named_values(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that are compared, under the names SQL knows them by. Local to a record."""
    missing = [
        pl.lit(None, dtype=dtype).alias(column)
        for column, dtype in PREPROCESSED_TYPES.items()
        if frame.schema.get(column, pl.Null()) == pl.Null()
    ]
    keys: list[str] = []
    for prefix in KEY_PREFIXES:
        keys += columns_with(frame, prefix)
    given_name = pl.col("given_name").replace("", None)
    further = given_name.str.contains(" ", literal=True)
    # Names that some write as two words and some as one (MARY ANN, MARYANN).
    in_one = pl.when(further).then(pl.concat_list(given_name.str.replace_all(" ", "")))
    first_words = pl.col("given_canonical").list.eval(pl.element().str.extract(FIRST_NAME))
    none = pl.lit([], dtype=pl.List(pl.String))
    variants = pl.concat_list(first_words.fill_null(none), in_one.fill_null(none)).list.unique()
    return frame.with_columns(missing).select(
        "rid",
        given_name.str.extract(FIRST_NAME).alias("given"),
        given_name.str.replace(INITIALS, "$1").alias("whole_given"),
        given_name.str.extract(MIDDLE_NAME).alias("middle"),
        given_name.str.replace_all(" ", "", literal=True).alias("in_one"),
        pl.col("surname").replace("", None),
        pl.col("generational_suffix")
        .str.replace_all("[^A-Za-z0-9]", "")
        .str.to_uppercase()
        .alias("suffix"),
        pl.col("birthdate").dt.to_string("%Y-%m-%d"),
        *("gender", "company", "po_box", "login_trimmed", "address", "city", "state", "postal"),
        _several("email").list.eval(mailbox(pl.element())).alias("emails"),
        mailbox(pl.col("email").list.first()),
        _several("phone").alias("phones"),
        pl.col("phone").list.first(),
        pl.when(variants.list.len() > 1).then(variants.list.sort()).alias("variants"),
        *keys,
    )


def _with_torn_names_whole(records: pl.DataFrame) -> pl.DataFrame:
    """Names that a stray space tore apart (KATEL BYN) as one: where it is one word in far more
    records than its first part is."""
    is_single = pl.col("middle").is_null()
    names = records.select("given", "middle", "in_one")
    single = names.filter(is_single).group_by("given").len().drop_nulls()
    several = names.filter(~is_single).select("given", "in_one").unique()
    counted = several.join(single, on="given", how="left").join(
        single, left_on="in_one", right_on="given", how="inner", suffix="_in_one"
    )
    is_torn = pl.col("len_in_one") > TORN_APART * pl.col("len").fill_null(0)
    torn = counted.filter(is_torn).select(pair=pl.struct("given", "in_one")).get_column("pair")
    whole = pl.struct("given", "in_one").is_in(torn.implode()) & ~is_single
    return records.with_columns(
        given=pl.when(whole).then("in_one").otherwise("given"),
        middle=pl.when(~whole).then("middle"),
    ).drop("in_one")


def _several(column: str) -> pl.Expr:
    """The values where there is more than one; most records have one, in a column of its own."""
    return pl.when(pl.col(column).list.len() > 1).then(column)


def _with_parts_of_values(records: pl.DataFrame) -> pl.DataFrame:
    """Adds the parts of address, e-mail, postal code and surname. Local to a record."""
    address = pl.col("address")
    has_unit = address.str.contains(UNIT)
    without_unit = pl.when(has_unit).then(address.str.replace(UNIT, "")).otherwise("address")
    unit = pl.when(has_unit).then(address.str.extract(f"({UNIT})").str.strip_chars())
    login = pl.col("email").str.extract("^([^@]*)")
    records = records.with_columns(
        building=without_unit.str.strip_chars().replace("", None),
        unit=unit.replace("", None),
        login=login,
        domain=pl.col("email").str.extract("@([^@]*)"),
        area=pl.col("postal").str.head(3),
        letters=login.str.replace_all(r"[^\p{L}]", "").replace("", None),
        surname_tokens=several_words(pl.col("surname")),
    )
    building = pl.col("building")
    is_before = building.str.contains(HOUSE_BEFORE)
    behind = building.str.extract(HOUSE_BEHIND, 2).str.replace(" ", "", literal=True)
    return records.with_columns(
        house=pl.when(is_before).then(building.str.extract(HOUSE_BEFORE)).otherwise(behind),
        street=pl.when(is_before)
        .then(building.str.replace(HOUSE_BEFORE, ""))
        .otherwise(pl.coalesce(building.str.extract(HOUSE_BEHIND, 1), building)),
    )


def _with_frequencies(
    records: pl.DataFrame, population: int, known_names: frozenset[str]
) -> pl.DataFrame:
    """Adds how many records hold each value, and what follows from it. Local to a value."""
    records = _with_name_frequencies(records)
    records = records.join(rarest_word(records), on="surname", how="left", maintain_order="left")
    expected = pl.col("given_often") * (pl.col("surname_often") / population)
    records = records.with_columns(
        given_bin=frequency_bin(pl.col("given_often"), population),
        surname_bin=frequency_bin(pl.col("surname_often"), population),
        surname_word_bin=frequency_bin(pl.col("word_often"), population),
        company_bin=frequency_bin(count_of("company"), population),
        postal_bin=frequency_bin(count_of("postal"), population),
        city_bin=frequency_bin(count_of("city"), population),
        name_expected=expected.cast(pl.Float32),
        name_n=pl.len().over(one_spelling("given"), one_spelling("surname")).cast(pl.Int32),
        email_n=count_of("email"),
        domain_n=count_of("domain"),
        phone_n=count_of("phone"),
        address_n=count_of("address"),
    )
    given = pl.col("given")
    given_records = count_of("given")
    named = pl.col("variants").is_not_null() | given.is_in(sorted(known_names))
    frequent = (given_records >= ESTABLISHED_RECORDS) & (
        given_records >= ESTABLISHED_SHARE * population
    )
    established = (given.str.len_chars() > 1) & (named | frequent)
    records = _with_numbered_phones(_with_crowds(records))
    records = _with_middle_names(records, population, known_names)
    return with_word_weights(records, population).with_columns(
        name_rarity=pl.col("given_bin") + pl.col("surname_bin"),
        established=established.fill_null(False),
    )


def _with_middle_names(
    records: pl.DataFrame, population: int, known_names: frozenset[str]
) -> pl.DataFrame:
    """Adds of the middle name `middle_established`, whether people are called by it, and
    `middle_variants`, what it may be short for. Local to a word.

    People of several families are; one that is a surname more often is a maiden name in the middle
    too.
    """
    middle = pl.col("middle")
    held = pl.concat(
        records.select("surname", word=column).drop_nulls("word") for column in ("middle", "given")
    )
    named = held.group_by(middle="word").agg(
        named=pl.len(), families=pl.col("surname").drop_nulls().n_unique()
    )
    surnames = records.group_by(middle="surname").len("surnames").drop_nulls()
    called = records.select("given", "middle", "variants")
    alone = called.filter(middle.is_null()).group_by(middle="given")
    variants = alone.agg(middle_variants=pl.col("variants").first()).drop_nulls()
    words = records.select("middle").drop_nulls().unique()
    for of_word in (named, surnames, variants):
        words = words.join(of_word, on="middle", how="left")
    several = pl.col("families") >= max(SEVERAL_FAMILIES, ESTABLISHED_SHARE * population)
    is_name = several | middle.is_in(sorted(known_names))
    is_surname = pl.col("surnames").fill_null(0) > pl.col("named")
    established = (middle.str.len_chars() > 1) & is_name & ~is_surname
    words = words.select("middle", "middle_variants", middle_established=established)
    return records.join(words, on="middle", how="left", maintain_order="left").with_columns(
        pl.col("middle_established").fill_null(False)
    )


def _with_numbered_phones(records: pl.DataFrame) -> pl.DataFrame:
    """Adds `phone_numbered`: whether the phone is one of several that count on in two digits side
    by side, as those of a switchboard or of a small town do. Local to all digits but those.

    Typing errors look alike, but beside the number that they are made from they are few.
    """
    phone = pl.col("phone")
    phones = records.select("phone").drop_nulls().group_by("phone").agg(held=pl.len())
    longest = phones.select(phone.str.len_chars().max()).item() or 0
    numbered = []
    for place in range(longest - COUNTED_DIGITS + 1):
        others = phone.str.head(place) + "*" + phone.str.slice(place + COUNTED_DIGITS)
        long_enough = phones.filter(phone.str.len_chars() >= place + COUNTED_DIGITS)
        lines = long_enough.group_by(others.alias("others"))
        line = lines.agg("phone", "held").filter(
            pl.col("phone").list.len() >= COUNTED_VALUES,
            pl.col("held").list.max() * 2 < pl.col("held").list.sum(),
        )
        numbered.append(line.select(pl.col("phone").explode()))
    if not numbered:
        return records.with_columns(phone_numbered=pl.lit(False))
    found = pl.concat(numbered)["phone"].unique()
    return records.with_columns(phone_numbered=phone.is_in(found.implode()).fill_null(False))


def _with_crowds(records: pl.DataFrame) -> pl.DataFrame:
    """Adds `crowd`: whether several people hold the name, by the contacts that go with it. Local to
    a name."""
    by_name = pl.col("name_n") >= CROWD_VALUES
    read = records.select("given", "surname", "name_n", *CROWD_CONTACTS)
    names = read.filter(by_name).drop_nulls(["given", "surname"]).group_by("given", "surname")
    held = names.agg(
        *(pl.col(contact).count().alias(f"{contact}_held") for contact in CROWD_CONTACTS),
        *(pl.col(contact).drop_nulls().n_unique().alias(contact) for contact in CROWD_CONTACTS),
    )
    told_apart = []
    allowed = []
    for contact in CROWD_CONTACTS:
        values = pl.col(contact)
        records_held = pl.col(f"{contact}_held")
        several = (values >= CROWD_VALUES) & (values * CROWD_RECORDS_PER_VALUE >= records_held)
        told_apart.append(several)
        allowed.append(several | (records_held < CROWD_VALUES))
    crowds = held.filter(pl.all_horizontal(allowed), pl.any_horizontal(told_apart))
    is_crowd = crowds.select("given", "surname", crowd=pl.lit(True))
    joined = records.join(is_crowd, on=["given", "surname"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("crowd").fill_null(False))


def _with_name_frequencies(records: pl.DataFrame) -> pl.DataFrame:
    """Adds `given_often` and `surname_often`: how many records hold the name, in the role in which
    it is more frequent.

    Names are entered in each other's field: SMITH as a given name is not rare.
    """
    in_each_role = [
        records.group_by(name=one_spelling(column)).len("often").drop_nulls()
        for column in ("given", "surname")
    ]
    often = pl.concat(in_each_role).group_by("name").agg(pl.col("often").max().cast(pl.Int32))
    for column in ("given", "surname"):
        often_of_column = often.rename({"name": column, "often": f"{column}_often"})
        matched = records.select(one_spelling(column)).join(
            often_of_column, on=column, how="left", maintain_order="left"
        )
        records = records.with_columns(matched.get_column(f"{column}_often"))
    return records


def _usual_birthdate(birthdates: int) -> pl.Expr:
    """Whether the birthdate is one that is typed in where nobody knows it: the first of January, or
    one of far more surnames than people are born on a day. NULL without one. Local to a date.

    `birthdates`: how many records hold one."""
    birthdate = pl.col("birthdate")
    born_on_a_day = birthdates / BIRTHDAYS
    families = pl.col("surname").n_unique().over("birthdate")
    is_of_many = families > USUAL_FAMILIES * (1 + born_on_a_day)
    return pl.when(birthdate.is_not_null()).then(birthdate.str.ends_with("-01-01") | is_of_many)
