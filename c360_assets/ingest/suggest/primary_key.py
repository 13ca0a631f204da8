"""The primary key of a feed, proposed from a sample: one column, or several unique together.

What a column is called and tagged decides before how many values it has: an amount that happens to
be unique in a sample is no key. What a column is (its type, its tags) is decided in `columns`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.column_names import (
    MONEY_NAME,
    NO_NAME,
    OTHER_ALPHABET,
    is_identifier_name,
)
from c360_assets.ingest.suggest.column_numbers import DAY_NAME
from c360_assets.ingest.suggest.column_types import present
from c360_assets.semantics.tags import is_profile, tag_info, without_marks
from c360_assets.tenant.feeds import RowNumberConfig

CANDIDATES = 5
# Columns whose pairs and triples are tried; each is a pass over the sample.
COMBINED = 6
# Tags whose values are of one person or thing, by themselves.
KEY_TAGS = frozenset({"loyalty-id", "customer-id", "ck"})
# What may be part of a key where nothing else tells rows apart, most stable first.
CONTENT_TAGS = (
    "email", "phone", "birthdate", "surname", "given-name", "full-name", "postal", "address",
)  # fmt: skip
# What tells the rows of a table of orders, consent or events apart, as its unified table has them:
# a return is not the purchase that it takes back.
GRAIN_TAGS = (
    "txn-item/order-id", "txn-item/product-id", "txn-item/is-return", "txn-item/is-cancellation",
    "email-opt/email", "email-opt/brand", "email-opt/region", "email-opt/email-program",
    "sms-opt/phone", "sms-opt/brand", "sms-opt/region", "sms-opt/sms-program",
    "email-event/email", "email-event/brand", "email-event/send-id", "email-event/event-type",
    "email-event/event-datetime",
    "email-summary/email", "email-summary/brand", "email-summary/region",
    "loy-event/loyalty-id", "loy-event/event-type", "loy-event/event-datetime",
)  # fmt: skip
CONSEQUENCES = "a row in which one of these changes counts as a new record"
FEWEST_BLOCKS = 3  # values of an identifier of which several rows may be lines
MOST_UNLIKE = 2  # values that repeat, for each one of them whose rows differ
CODE = (
    r"^#?[A-Za-z]{0,5}([-_/]?\d{2,})+$"
    r"|^\{?[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}\}?$"
)
FEWEST_CODES = 20  # whole numbers that all differ, from which on they may be codes


@dataclass(frozen=True)
class ProposedKey:
    """Output names of the key's columns, and what to say of them; the column that counts rows
    within another, where the key needs one."""

    columns: list[str]
    notes: list[str]
    row_number: RowNumberConfig | None = None


def propose_primary_key(columns: list[Column], frame: pl.DataFrame) -> ProposedKey:
    identifiers = [column for column in columns if is_identifier(column)]
    unique = [column for column in identifiers if column.unique == 1.0]
    notes = _about_left_out(columns)
    if frame.is_empty():
        best = (identifiers or columns)[0]
        return ProposedKey([best.output], ["CHECK: chosen by its name, as there are no rows"])
    if unique:
        return ProposedKey([unique[0].output], [*notes, _about_unique(unique)])
    gap_free = [column for column in identifiers if column.unique > 0]
    key = _unique_together(gap_free[:COMBINED], frame)
    if key:
        notes.append("no single identifier is unique; these are together in this sample")
        return ProposedKey(key, notes)
    return _content_key(columns, gap_free, frame, notes)


def _about_left_out(columns: Sequence[Column]) -> list[str]:
    """What looks like a key and is none."""
    notes = []
    for column in columns:
        if column.row_index:
            notes.append(f"{column.output} only counts the rows of this file, so it is no key")
        if column.lost_digits and is_identifier_name(column.name):
            notes.append(f"{column.output} has lost digits, so it is no key")
    return notes


def _about_unique(unique: Sequence[Column]) -> str:
    others = ", ".join(column.output for column in unique[1:CANDIDATES])
    if not others:
        return "the only identifier that is unique and never empty"
    return f"the first identifier that is unique and never empty; so are {others}"


def _content_key(
    columns: list[Column], identifiers: list[Column], frame: pl.DataFrame, notes: list[str]
) -> ProposedKey:
    """A key of what a row says, for a table whose identifiers do not tell its rows apart."""
    codes = [column for column in columns if _holds_codes(column, frame)]
    unique_code = next((column for column in codes if column.unique == 1.0), None)
    if unique_code is not None:
        notes.append("CHECK: no column is called an identifier; this one looks like one")
        return ProposedKey([unique_code.output], notes)
    grain = _grain(columns)
    if len(grain) > 1 and _tell_apart([column.name for column in grain], frame):
        notes.append(f"no identifier is unique; these are, in a table of its kind; {CONSEQUENCES}")
        return ProposedKey([column.output for column in grain], notes)
    identifiers = _once([*grain, *identifiers, *codes])
    contents = [column for column in _by_stability(columns) if _has_no_gaps(column, frame)]
    address = next((column for column in contents if _names_a_person(column)), None)
    if not identifiers and address is not None and address.unique == 1.0:
        notes.append("NO IDENTIFIER: a person who changes this address counts as a new record")
        return ProposedKey([address.output], notes)
    others = [column for column in columns if _may_be_content(column, frame)]
    key = _unique_key(_once([*identifiers, *contents]), others, frame)
    if not key:
        # Of a key of several, a part may be missing.
        with_gaps = _by_stability(columns)
        plain = [column for column in columns if _is_plain_content(column)]
        key = _unique_key(with_gaps, plain, frame)
    if key:
        notes.append(f"NO IDENTIFIER IS UNIQUE: a key of content; {CONSEQUENCES}")
        return ProposedKey(key, notes)
    lines_of = _lines_of(identifiers, frame)
    if lines_of is not None:
        return _counted_key(lines_of, columns, notes)
    return _ambiguous_key([*identifiers, *contents, *others], notes) or _no_key(
        columns, notes, frame
    )


def _unique_key(best: list[Column], others: list[Column], frame: pl.DataFrame) -> list[str]:
    """The fewest columns that tell all rows apart, [] where all do not."""
    return _unique_together(best[:COMBINED], frame) or _shortest_prefix([*best, *others], frame)


def _lines_of(identifiers: Sequence[Column], frame: pl.DataFrame) -> Column | None:
    """The identifier whose values stand in unlike rows that follow each other, as the number of an
    order stands in its lines; None where none does."""
    found = [
        column
        for column in identifiers
        if _has_no_gaps(column, frame) and _is_in_blocks(column.name, frame)
    ]
    return max(found, key=lambda column: frame[column.name].n_unique(), default=None)


def _is_in_blocks(name: str, frame: pl.DataFrame) -> bool:
    """Whether equal values of a column follow each other, and most that repeat are of unlike
    rows."""
    n_values = frame[name].n_unique()
    if frame[name].rle_id().n_unique() > n_values or n_values < FEWEST_BLOCKS:
        return False
    unlike = frame.unique().group_by(name).len("unlike")
    repeated = frame.group_by(name).len("rows").filter(pl.col("rows") > 1)
    with_unlike = repeated.join(unlike, on=name).filter(pl.col("unlike") > 1)
    return 0 < repeated.height <= MOST_UNLIKE * with_unlike.height


def _counted_key(lines_of: Column, columns: Sequence[Column], notes: list[str]) -> ProposedKey:
    """A key of the identifier and a column that counts its rows."""
    taken = {column.output.lower() for column in columns}
    names = ("line", "line_number", "row_number", "counted_line")
    counted = next(name for name in names if name not in taken)
    notes.append(
        f"NO COLUMNS TELL ALL ROWS APART: {counted} counts the rows of each {lines_of.output} of a "
        "file; a file must hold all of them, in an order that stays"
    )
    number = RowNumberConfig(column=counted, within=[lines_of.output])
    return ProposedKey([lines_of.output, counted], notes, number)


def _ambiguous_key(columns: list[Column], notes: list[str]) -> ProposedKey | None:
    """All of the columns, which do not tell all rows apart; None without any."""
    if not columns:
        return None
    notes.append(
        "NO COLUMNS TELL ALL ROWS APART: of rows that are equal in these the later stands; "
        f"{CONSEQUENCES}"
    )
    outputs = [column.output for column in columns]
    return ProposedKey(list(dict.fromkeys(outputs)), notes)


def _no_key(columns: list[Column], notes: list[str], frame: pl.DataFrame) -> ProposedKey:
    notes.append(
        "NO KEY: no column is an identifier without gaps; ask the sender for one; "
        "rows without a value here are rejected"
    )
    fullest = max(columns, key=lambda column: len(frame[column.name].drop_nulls()))
    return ProposedKey([fullest.output], notes)


def _grain(columns: Sequence[Column]) -> list[Column]:
    """The columns by whose tags the rows of such a table are told apart."""
    tagged = [column for column in columns if column.tags and column.tags[0] in GRAIN_TAGS]
    return sorted(tagged, key=lambda column: GRAIN_TAGS.index(column.tags[0]))


def _once(columns: Sequence[Column]) -> list[Column]:
    """The columns, each at its first place."""
    return list({column.name: column for column in columns}.values())


def is_identifier(column: Column) -> bool:
    """Whether a column may be a key by its name, tags and type."""
    if column.type not in {"string", "integer"} or column.row_index or column.lost_digits:
        return False
    if column.inferred.number is not None:
        return False
    if column.tags:
        tag = column.tags[0]
        if "/" in tag:
            return is_identifier_name(column.name) or is_identifier_name(column.output)
        return tag in KEY_TAGS or tag.endswith("-id") or not is_known_content(tag)
    return is_identifier_name(column.name) or is_identifier_name(column.output)


def is_known_content(tag: str) -> bool:
    """Whether a tag says what a record holds rather than which one it is."""
    return is_profile(tag) or tag_info(tag).type != "string"


def _by_stability(columns: Sequence[Column]) -> list[Column]:
    """The columns of contact data, those first that change least and differ most."""
    ranked = [column for column in columns if _base_tag(column) in CONTENT_TAGS]
    return sorted(ranked, key=lambda column: CONTENT_TAGS.index(_base_tag(column)))


def _names_a_person(column: Column) -> bool:
    """Whether a column holds an address that one person has, and in consent its number too."""
    return _base_tag(column) == "email" or column.tags[0] == "sms-opt/phone"


def _base_tag(column: Column) -> str:
    """The first tag without its group: `email-opt/email` is an e-mail address too."""
    return column.tags[0].rsplit("/", 1)[-1] if column.tags else ""


def _may_be_content(column: Column, frame: pl.DataFrame) -> bool:
    return _is_plain_content(column) and _has_no_gaps(column, frame)


def _is_plain_content(column: Column) -> bool:
    """Whether a column without a tag says what a row is, and no amount of it."""
    is_plain = column.type in {"string", "integer", "date", "datetime"} and not column.row_index
    is_money = MONEY_NAME.search(without_marks(column.name)) is not None
    return is_plain and not is_money and not column.lost_digits and not column.tags


def _has_no_gaps(column: Column, frame: pl.DataFrame) -> bool:
    values = frame[column.name]
    return not values.null_count() and not (values.cast(pl.String).str.strip_chars() == "").any()


def _holds_codes(column: Column, frame: pl.DataFrame) -> bool:
    """Whether a column that nothing is known of holds codes such as `#1001` or `A-17`.

    Whole numbers are codes where the column has no name that could say otherwise, or one that
    nothing here can read.
    """
    if is_identifier(column) or not _may_be_content(column, frame):
        return False
    if DAY_NAME.search(without_marks(column.name)):
        return False  # a birthday without its year is written like a code
    if column.type == "integer":
        return NO_NAME.fullmatch(column.name) is not None or _may_be_numbers(column, frame)
    values = present(frame[column.name])
    return column.type == "string" and bool(values.str.contains(CODE).all())


def _may_be_numbers(column: Column, frame: pl.DataFrame) -> bool:
    """Whether the first column, or one with a name of another alphabet, holds whole numbers that
    all differ, and does not count the rows."""
    is_first = column.name == frame.columns[0]
    is_foreign = OTHER_ALPHABET.search(without_marks(column.name)) is not None
    if not (is_first or is_foreign) or column.unique < 1.0:
        return False
    counts_rows = present(frame[column.name]).head(1).is_in(["0", "1"]).any()
    return frame.height >= FEWEST_CODES and not counts_rows


def _unique_together(columns: Sequence[Column], frame: pl.DataFrame) -> list[str]:
    """The output names of the first two or three columns that are unique together, else []."""
    for size in (2, 3):
        for some in combinations(columns, size):
            if _tell_apart([column.name for column in some], frame):
                return [column.output for column in some]
    return []


def _tell_apart(names: list[str], frame: pl.DataFrame) -> bool:
    """Whether no two rows are equal in these columns, and no row has none of them."""
    part = frame.select(pl.col(name).cast(pl.String) for name in names)
    has_value = part.select(pl.any_horizontal(pl.all().is_not_null()).all()).item()
    return bool(has_value) and bool(part.is_unique().all())


def _shortest_prefix(columns: Sequence[Column], frame: pl.DataFrame) -> list[str]:
    """As many of the columns, in order, as it takes to tell all rows apart; [] where all do not."""
    for count in range(1, len(columns) + 1):
        names = list(dict.fromkeys(column.name for column in columns[:count]))
        if count > 1 and _tell_apart(names, frame):
            outputs = [column.output for column in columns[:count]]
            return list(dict.fromkeys(outputs))
    return []
