"""The tags of a sample's columns: where names, values and types allow, and a table may carry them.

What one column's name and values say is in `column_tags`, what makes a kind of table in
`table_tags`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import polars as pl

from c360_assets.ingest.suggest.column import (
    MONEY_SCALE_OF_FLOATS,
    MONEY_SCALE_OF_INTEGERS,
    NESTED,
    NO_YEAR,
    YEARLESS,
    Column,
    are_whole,
    column_of_changes,
)
from c360_assets.ingest.suggest.column_names import (
    BRAND_NAME,
    NO_NAME,
    is_customer_number_name,
    is_national_number_name,
    note_by_name,
    says_utc,
)
from c360_assets.ingest.suggest.column_numbers import marks_of
from c360_assets.ingest.suggest.column_tags import (
    are_emails,
    are_full_names,
    are_given_names,
    guess,
    guesses_beside,
    holds_other,
)
from c360_assets.ingest.suggest.column_types import Inferred, present
from c360_assets.ingest.suggest.header_words import Guess, guess_by_name, names_an_owner
from c360_assets.ingest.suggest.line_totals import REVENUE, is_of_whole_order
from c360_assets.ingest.suggest.split_values import NOTE, split_values
from c360_assets.ingest.suggest.table_tags import TableKind, needed_tags, table_kinds
from c360_assets.ingest.suggest.unnamed_columns import guess_unnamed
from c360_assets.semantics.lookups import order_states, truth_words
from c360_assets.semantics.tags import CATALOGUE, is_profile, without_marks

ISO_SECONDS = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"
# Tags of persons that may stand in a table of a kind and be something else there: a product has a
# name too. Tables that are not here may hold any.
MAY_STAND_BESIDE = {
    "loy-event": {"email"},
    "email-event": {"email"},
    "email-opt": {"email", "country"},
    "sms-opt": {"phone", "country"},
    "loy": {"email", "birthdate"},
    "pc": {"full-name", "title", "gender", "company"},
}
# Tags that a name alone means: of others, such as a name or a title, things have columns too.
SAID_BY_VALUES = {
    "email", "phone", "gender", "birthdate", "postal", "city", "state", "country", "given-name",
    "surname", "address",
}  # fmt: skip
# Rows of a product, by size and colour, in a catalogue.
MOST_ROWS_OF_A_PRODUCT = 10
NAME_1, NAME_2 = Guess("full-name", "1"), Guess("full-name", "2")
NAMES = {"given-name", "surname", "full-name"}
NO_GUESS = Guess("")
WHOLE_ADDRESS = "holds a whole address"
LINK = "fk-customer-id"  # of a customer's number in orders, until it is known whose feed has it
LINK_NOTE = f"the customers' feed has to tag the same number {LINK}"
MAY_LINK_NOTE = f"tag it {LINK} where other tables hold the same number"
ADDRESS = ("address", "address2", "city", "state", "postal", "country")


def tag_columns(columns: list[Column], frame: pl.DataFrame) -> None:
    """Tags where name, values and type allow; of several columns the first gets a single tag."""
    guesses = _guesses(columns, frame)
    guesses = _without_parts(guesses, columns, frame)
    guesses = _tag_other_tables(columns, frame, guesses)
    profile = {guessed.tag for guessed in guesses.values() if is_profile(guessed.tag)}
    if profile == {"state"} or _are_states_of_orders(guesses, frame):
        # In many languages it is also the word for what became of an order.
        guesses = _without_tag(guesses, "state")
    if profile == {"full-name"}:
        # A name and nothing else of a person is more likely the name of a thing.
        guesses = _without_tag(guesses, "full-name")
    guesses = _without_local_twins(guesses)
    given: set[str] = set()
    for column in columns:
        guessed = guesses.get(column.name)
        if guessed is None:
            if not column.tags and not _is_noted_part(column):
                _note_possible_tag(column, frame[column.name])
            continue
        if _give_tag(column, guessed.tag, frame[column.name], given):
            given.add(guessed.tag)
    tagged = [column for column in columns if column.tags and column.name in guesses]
    _add_namespaces(tagged, guesses)
    if profile and "update-dt" not in given:
        _tag_time_of_change(columns)


def _is_noted_part(column: Column) -> bool:
    return any(note.startswith(("a part of a ", WHOLE_ADDRESS)) for note in column.notes)


def _without_parts(
    guesses: dict[str, Guess], columns: list[Column], frame: pl.DataFrame
) -> dict[str, Guess]:
    """The guesses without those of columns that hold parts of values, which become texts."""
    parts: set[str] = set()
    for split in split_values(columns, frame):
        for column in split.columns:
            column.inferred = Inferred("string")
            column.notes = [NOTE.format(tag=split.tag)]
            parts.add(column.name)
    return {name: guess for name, guess in guesses.items() if name not in parts}


def _tag_other_tables(
    columns: list[Column], frame: pl.DataFrame, guesses: dict[str, Guess]
) -> dict[str, Guess]:
    """Tag what orders, products, events, loyalty and consent say; the guesses that are left.

    A table that lacks what such rows need gets notes only, as `check` would refuse it.
    """
    usable = [column.name for column in columns if column.type not in NESTED]
    personal = {guess.tag for guess in guesses.values() if is_profile(guess.tag)}
    for kind in table_kinds(usable):
        if not personal <= MAY_STAND_BESIDE.get(kind.prefix, personal):
            if kind.prefix == "loy":
                _tag_member_number(kind, columns)
            continue
        if kind.prefix == "pc" and _repeats_products(kind, columns, frame):
            continue
        missing = [*kind.missing, *_unfitting(kind, columns, frame)]
        links = [column for column in columns if _is_link(column, kind)]
        if kind.prefix == "txn-item" and is_of_whole_order(_by_tag(kind, columns), frame):
            missing.append(f"{REVENUE} (the amount repeats that of the whole order)")
        if kind.prefix == "txn-item" and not links:
            missing.append("the customer's number (fk-customer-id)")
        if missing:
            _note_kind(kind, columns, missing)
            continue
        for column in columns:
            tag = kind.tags.get(column.name)
            if tag is not None and take_type(column, CATALOGUE[tag].type, frame[column.name]):
                column.tags.append(tag)
        for column in links[:1]:
            _tag_link(column, frame[column.name])
        return {name: guess for name, guess in guesses.items() if name not in kind.tags}
    return guesses


def _by_tag(kind: TableKind, columns: list[Column]) -> dict[str, Column]:
    return {kind.tags[column.name]: column for column in columns if column.name in kind.tags}


def _repeats_products(kind: TableKind, columns: list[Column], frame: pl.DataFrame) -> bool:
    """Whether products stand in so many rows that these are sales of them and no catalogue."""
    products = [column for column in columns if kind.tags.get(column.name) == "pc/product-id"]
    return any(
        frame[column.name].n_unique() * MOST_ROWS_OF_A_PRODUCT < frame.height for column in products
    )


def _unfitting(kind: TableKind, columns: list[Column], frame: pl.DataFrame) -> list[str]:
    """The kind's needed tags whose column holds values of another type."""
    needed = needed_tags(kind.prefix)
    unfitting = []
    for column in columns:
        tag = kind.tags.get(column.name)
        if tag in needed and typed(column, CATALOGUE[tag].type, frame[column.name]) is None:
            unfitting.append(tag)
    return unfitting


def _is_link(column: Column, kind: TableKind) -> bool:
    """Whether a column of such a table names the person that its rows belong to."""
    if column.lost_digits:
        return False
    if kind.prefix in {"loy", "loy-event"}:
        return kind.tags.get(column.name) == f"{kind.prefix}/loyalty-id"
    is_customer = is_customer_number_name(column.name) and column.name not in kind.tags
    return kind.prefix == "txn-item" and is_customer


def _tag_link(column: Column, values: pl.Series) -> None:
    if column.tags:
        column.tags.append("fk-loyalty-id")
        return
    take_type(column, "string", values)
    column.tags.append(LINK)
    column.notes.append(LINK_NOTE)


def _tag_member_number(kind: TableKind, columns: list[Column]) -> None:
    """Of persons with their standing in a programme, their number in it."""
    for column in columns:
        if _is_link(column, kind):
            column.inferred = Inferred("string")
            column.tags += ["loyalty-id", "fk-loyalty-id"]


def _note_kind(kind: TableKind, columns: list[Column], missing: list[str]) -> None:
    for column in columns:
        tag = kind.tags.get(column.name)
        if tag in needed_tags(kind.prefix):
            lacking = ", ".join(missing)
            column.notes.append(f"looks like {tag}; not tagged, as no column fits {lacking}")
            return


def _without_tag(guesses: dict[str, Guess], tag: str) -> dict[str, Guess]:
    return {name: guessed for name, guessed in guesses.items() if guessed.tag != tag}


def _are_states_of_orders(guesses: dict[str, Guess], frame: pl.DataFrame) -> bool:
    named = [name for name, guess in guesses.items() if guess.tag == "state"]
    found = {text for name in named for text in present(frame[name]).str.to_lowercase().unique()}
    return any(found & (words.cancelled | words.returned) for words in order_states().values())


def _without_local_twins(guesses: dict[str, Guess]) -> dict[str, Guess]:
    """The guesses without those of times that another column has in UTC, as shops write both."""
    in_utc = {guess.tag for name, guess in guesses.items() if says_utc(name)}
    return {
        name: guess
        for name, guess in guesses.items()
        if guess.tag not in in_utc & {"create-dt", "update-dt"} or says_utc(name)
    }


def _give_tag(column: Column, tag: str, values: pl.Series, given: set[str]) -> bool:
    """Tag the column, or note why not and give False. `given` are the tags of columns before it."""
    info = CATALOGUE[tag]
    if tag in given and not info.multi:
        column.notes.append(f"another field is tagged {tag} already")
        return False
    if not take_type(column, info.type, values):
        yearless = present(values).str.contains(YEARLESS).any()
        why_not = NO_YEAR if yearless else f"looks like {tag}, which needs type {info.type}"
        if why_not not in column.notes:
            column.notes.append(why_not)
        return False
    column.tags.append(tag)
    return True


def _guesses(columns: list[Column], frame: pl.DataFrame) -> dict[str, Guess]:
    """The guess of each column that has one, by the column's name."""
    guesses = guess_unnamed([column for column in columns if column.type not in NESTED], frame)
    for column in columns:
        if column.type in NESTED or NO_NAME.fullmatch(column.name) is not None:
            continue
        guessed = guess(column.name, frame[column.name])
        if guessed is not None:
            guesses[column.name] = guessed
    for name, guessed in list(guesses.items()):
        # `注文者名` beside `注文者姓` is the name that comes after it.
        beside = guesses.get(re.sub("名$", "姓", name))
        if guessed.tag == "full-name" and beside is not None and beside.tag == "surname":
            guesses[name] = Guess("given-name")
    guesses |= guesses_beside(frame, guesses)
    guesses |= _names_beside_surnames(columns, frame, guesses)
    guesses = _without_whole_addresses(guesses, columns, frame)
    return guesses | _names_in_two_columns(columns, frame)


def _without_whole_addresses(
    guesses: dict[str, Guess], columns: list[Column], frame: pl.DataFrame
) -> dict[str, Guess]:
    """The guesses without those of addresses that hold a street of another column, with name and
    town around it."""
    streets = [column for column in columns if guesses.get(column.name, NO_GUESS).tag == "address"]
    kept = dict(guesses)
    for column in streets:
        for other in streets:
            if column is not other and holds_other(frame, column.name, other.name):
                kept.pop(column.name, None)
                column.notes.append(f"{WHOLE_ADDRESS}, of which {other.name} is the street")
    return kept


def _names_beside_surnames(
    columns: list[Column], frame: pl.DataFrame, guesses: dict[str, Guess]
) -> dict[str, Guess]:
    """`Client Name` with a word each, beside `Client Last Name`; or `Customer` with whole names,
    where no other column has any."""
    tags = {guess.tag for name, guess in guesses.items() if len(present(frame[name]))}
    of_owners = [] if tags & NAMES else [one for one in columns if names_an_owner(one.name)]
    for column in of_owners:
        if column.type == "string" and are_full_names(frame[column.name]):
            return {column.name: Guess("full-name")}
    if "surname" not in tags or not {"given-name", "full-name"}.isdisjoint(tags):
        return {}
    for column in columns:
        named = guess_by_name(column.name) if column.type == "string" else None
        is_whole = column.name not in guesses and named is not None and named.tag == "full-name"
        if is_whole and are_given_names(frame[column.name]):
            return {column.name: Guess("given-name")}
    return {}


def _names_in_two_columns(columns: list[Column], frame: pl.DataFrame) -> dict[str, Guess]:
    """`Name 1` and `Name 2` with a word each, as ERP systems keep surname and first name."""
    names = {column.name: guess_by_name(column.name) for column in columns}
    two = [name for name, named in names.items() if named in (NAME_1, NAME_2)]
    if len(two) != len((NAME_1, NAME_2)):
        return {}
    for name in two:
        if guess(name, frame[name]) is not None or present(frame[name]).str.contains(r"\d").any():
            return {}
    first, second = two
    return {first: Guess("surname"), second: Guess("given-name")}


def _tag_time_of_change(columns: list[Column]) -> None:
    changed = column_of_changes(columns)
    if changed is not None and changed.type == "datetime":
        changed.tags.append("update-dt")


def _note_possible_tag(column: Column, values: pl.Series) -> None:
    if column.type == "string" and are_emails(values):
        column.notes.append("holds e-mail addresses: tag it email if they are the customer's")
    elif BRAND_NAME.fullmatch(without_marks(column.name).strip()):
        column.notes.append("tag it database-key where each brand has a database of its own")
    elif (note := note_by_name(column.name)) is not None:
        column.notes.append(note)
    elif is_customer_number_name(column.name) and not column.lost_digits:
        column.notes.append(MAY_LINK_NOTE)
    elif is_national_number_name(column.name):
        column.notes.append(
            "a person's number of the state, personal data: tag it fk-national-id where other "
            "tables hold it, written alike"
        )
    else:
        column.notes += _why_untagged(column, values)


def _why_untagged(column: Column, values: pl.Series) -> list[str]:
    """What to say of a column whose name means a tag that its values speak against."""
    named = guess_by_name(column.name) if column.type not in NESTED else None
    if named is None or named.tag not in SAID_BY_VALUES or present(values).is_empty():
        return []
    if named.tag != "gender":
        return [f"its name says {named.tag}, its values do not look so: tag it if they are"]
    return [
        "CHECK: looks like gender, in words or codes that are not sure to mean one (1 and 2, or H "
        "beside M): SQL of a custom domain table writes F, M or X"
    ]


def take_type(column: Column, wanted: str, values: pl.Series) -> bool:
    """Give the column the type that its tag asks for; False where its values are of another."""
    inferred = typed(column, wanted, values)
    if inferred is None:
        return False
    column.inferred = inferred
    if wanted == "string":
        column.notes = []
        marks = marks_of(present(values))
        if marks is not None:
            column.notes.append(f"{marks}: they stay here and are normalised for Stitch")
    return True


def typed(column: Column, wanted: str, values: pl.Series) -> Inferred | None:
    """How the column's values are read as the wanted type, None where they cannot be."""
    inferred = column.inferred
    if wanted == "string":
        return Inferred("string")
    if wanted in {"any", column.type}:
        return inferred
    if wanted == "datetime" and column.type == "date":
        return replace(inferred, type="datetime")
    if wanted == "date" and column.type == "datetime":
        pattern = _pattern_of_datetimes(column, values)
        return None if pattern is None else replace(inferred, type="date", format=pattern)
    if wanted == "decimal" and column.type in {"integer", "float"}:
        scale = MONEY_SCALE_OF_INTEGERS if column.type == "integer" else MONEY_SCALE_OF_FLOATS
        return replace(inferred, type="decimal", scale=scale)
    if wanted == "integer" and column.type in {"decimal", "float"}:
        numbers = present(values)
        if inferred.number is not None:
            numbers = numbers.str.replace_all(r"[.,]0*$", "")
            is_whole = numbers.str.contains(r"^[-+]?\d{1,18}$").all()
        else:
            is_whole = are_whole(numbers)
        return Inferred("integer", number=inferred.number) if is_whole else None
    texts = present(values).str.to_lowercase()
    if wanted == "boolean" and not texts.is_empty() and _are_truth_values(texts):
        return Inferred("boolean")
    return None


def _are_truth_values(texts: pl.Series) -> bool:
    found = set(texts.unique())
    return any(found <= words.all for words in truth_words().values())


def _pattern_of_datetimes(column: Column, values: pl.Series) -> str | None:
    """The pattern by which a field of type date reads texts with a time, None without one."""
    if column.inferred.format:
        return column.inferred.format
    texts = values.cast(pl.String).drop_nulls()
    return "yyyy-MM-dd HH:mm:ss" if texts.str.contains(ISO_SECONDS).all() else None


def _add_namespaces(columns: list[Column], guesses: dict[str, Guess]) -> None:
    """Where several fields carry a tag, each gets a variant of it too.

    The variant is the same for all fields of an address, of which each has a tag once.
    """
    uses = Counter(column.tags[0] for column in columns)
    several_addresses = any(uses[tag] > 1 for tag in ADDRESS)
    taken: set[str] = set()
    for column in columns:
        tag = column.tags[0]
        variant = f"{tag}-{guesses[column.name].namespace or 'main'}"
        in_address = tag in ADDRESS
        if in_address and variant in taken:
            column.notes.append(f"another field of this address is tagged {tag} already")
            column.tags = []
        elif uses[tag] > 1 or (in_address and several_addresses):
            column.tags.append(_untaken(variant, tag, taken))
        taken.add(variant)


def _untaken(variant: str, tag: str, taken: set[str]) -> str:
    if variant not in taken:
        return variant
    variants = sum(other.startswith(f"{tag}-") for other in taken)
    return f"{tag}-{variants + 1}"
