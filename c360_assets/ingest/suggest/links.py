"""Which feeds of a folder name the same customers, by the values of their columns.

Orders hold a customer's number, and the customers' own feed calls it another name. Equal numbers
are joined by a foreign key that both are tagged with; numbers that only look alike are left, as an
order of a stranger is worse than one of nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from c360_assets.ingest.suggest.column import NESTED, Column
from c360_assets.ingest.suggest.column_names import (
    is_bare_number_name,
    is_customer_number_name,
    is_identifier_name,
    plain_header,
)
from c360_assets.ingest.suggest.column_types import Inferred, present
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.feed import tried
from c360_assets.ingest.suggest.header_words import names_an_owner
from c360_assets.ingest.suggest.primary_key import propose_primary_key
from c360_assets.ingest.suggest.table_tags import is_member_number_name
from c360_assets.ingest.suggest.tagging import LINK, LINK_NOTE, MAY_LINK_NOTE
from c360_assets.semantics.tags import is_profile
from c360_assets.tenant.base_models import physical_name

LEAST_SHARED = 5  # different numbers that both columns hold
LEAST_SHARE = 0.5  # of those that orders name, as a sample of customers is not all of them
# Of numbers whose column is not called after customers, such as `requester_id`.
LEAST_SHARE_OF_ANY = 0.9
MOST_ROWS_OF_ANY = 20  # of one number: clerks and shops have more
# Shorter numbers are counted anew by each system, and agree by chance.
LEAST_LENGTH = 6
ALL_DIFFER = 0.98
MOST_GAPS = 3  # numbers that are counted, for each of them that is there
LOYALTY_LINK = "fk-loyalty-id"
# By which of a person's values rows of several persons are told from several rows of one.
NAMED_BY = ({"given-name"}, {"full-name"}, {"email"})
MOST_SHARED = 0.5  # of the numbers in several rows, as names are misspelt
SHARED_NOTE = (
    "not tagged, as rows of different persons have the same number: equal foreign keys would make "
    "one person of them"
)


@dataclass(frozen=True)
class _Numbers:
    """A column of customers' numbers: of which feed, its different values, and in how many rows
    there is one."""

    draft: Draft
    column: Column
    values: pl.Series
    rows: int

    @classmethod
    def of(cls, draft: Draft, column: Column) -> _Numbers:
        values = present(draft.sample.frame[column.name]).cast(pl.String).str.strip_chars()
        return cls(draft, column, values.unique(), len(values))

    @property
    def key(self) -> tuple[str, str]:
        return self.draft.name, self.column.name


def with_links(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts, of which the keys of customers and the numbers of them in orders are tagged
    alike; those whose columns change are tried again."""
    orders = [
        _Numbers.of(draft, column)
        for draft in drafts
        for column in draft.columns
        if LINK in column.tags or _may_name_another(column) or _is_of_ledger(draft, column)
    ]
    owners = [
        _Numbers.of(draft, column)
        for draft in drafts
        if _is_of_persons(draft)
        for column in _may_be_owners(draft)
    ]
    found = _of_one_owner({numbers.key: _owner_of(numbers, owners) for numbers in orders})
    found = _without_shared(found, orders)
    orders = [numbers for numbers in orders if numbers.key in found]
    for draft in drafts:
        own = [numbers for numbers in orders if numbers.draft is draft]
        for column in _passed_over(draft, [one.column for one in own if found[one.key]]):
            found.pop((draft.name, column.name), None)
            column.tags = [tag for tag in column.tags if tag != LINK]
            column.notes = [note for note in column.notes if note != LINK_NOTE]
    orders = [numbers for numbers in orders if numbers.key in found]
    known = {owner.key: owner for owner in found.values() if owner is not None}
    # One tag for all would make equal numbers of two systems one customer.
    strangers = [numbers for numbers in orders if found[numbers.key] is None]
    own = [owner for owner in known.values() if LOYALTY_LINK not in owner.column.tags]
    is_one = len(own) == 1 and not any(LINK in one.column.tags for one in strangers)
    changed = set()
    for owner in known.values():
        tag = LINK if is_one else f"fk-{physical_name(owner.draft.name).lower().replace('_', '-')}"
        named_by = [numbers for numbers in orders if found[numbers.key] is owner]
        alike = [owner.column, *(numbers.column for numbers in named_by)]
        tag = LOYALTY_LINK if any(LOYALTY_LINK in one.tags for one in alike) else tag
        _tag(owner, named_by, tag)
        changed |= {owner.draft.name, *(numbers.draft.name for numbers in named_by)}
    return [tried(draft) if draft.name in changed else draft for draft in drafts]


def _is_of_persons(draft: Draft) -> bool:
    return any(is_profile(tag) for column in draft.columns for tag in column.tags)


def _without_shared(
    found: dict[tuple[str, str], _Numbers | None], orders: Sequence[_Numbers]
) -> dict[tuple[str, str], _Numbers | None]:
    """The owners found, without those of numbers that persons share; their columns get a note."""
    kept = dict(found)
    for numbers in orders:
        column = numbers.column
        if found.get(numbers.key) is None or not _is_shared(numbers.draft, column):
            continue
        del kept[numbers.key]
        column.tags = [tag for tag in column.tags if tag != LINK]
        own_notes = [note for note in column.notes if note not in (LINK_NOTE, MAY_LINK_NOTE)]
        column.notes = [*own_notes, SHARED_NOTE]
    return kept


def _passed_over(draft: Draft, known: Sequence[Column]) -> list[Column]:
    """The columns of customers' numbers that a feed does without: those of nobody beside one that
    is known, and of several but one, as rows of no person belong to one."""
    is_of_persons = any(is_profile(tag) for column in draft.columns for tag in column.tags)
    marked = [column for column in draft.columns if LINK in column.tags]
    kept = known if is_of_persons else [column for column in known if LINK in column.tags][:1]
    by_numbers = sorted(known, key=lambda column: -draft.sample.frame[column.name].n_unique())
    kept = kept or by_numbers[:1] or marked[:1]
    numbers = [column for column in draft.columns if LINK in column.tags or column in known]
    return [column for column in numbers if all(column is not one for one in kept)]


def _may_be_owners(draft: Draft) -> list[Column]:
    """The columns in which rows of a feed of persons have numbers of their own."""
    key = propose_primary_key(draft.columns, draft.sample.frame).columns
    return [
        column
        for column in draft.columns
        if not (column.lost_digits or column.row_index)
        and (not column.tags or LOYALTY_LINK in column.tags)
        and _differ(draft, column)
        and ([column.output] == key or _is_called_a_number(column))
    ]


def _differ(draft: Draft, column: Column) -> bool:
    """Whether nearly all rows have a number of their own; who has no account has none."""
    values = present(draft.sample.frame[column.name])
    has_most = len(values) >= LEAST_SHARE * draft.sample.frame.height
    return has_most and len(values) > 0 and values.n_unique() >= ALL_DIFFER * len(values)


def _may_name_another(column: Column) -> bool:
    """Whether a column may hold the numbers by which another feed knows the same persons."""
    is_named = _is_called_a_number(column) or _tells_of_persons(column)
    return is_named and not (column.tags or column.lost_digits or column.type in NESTED)


def _is_of_ledger(draft: Draft, column: Column) -> bool:
    """Whether a column holds the numbers of members whose points are booked."""
    return LOYALTY_LINK in column.tags and not _is_of_persons(draft)


def _is_shared(draft: Draft, column: Column) -> bool:
    """Whether rows of persons with the same number are mostly of different ones, as the contacts of
    a company are."""
    frame = draft.sample.frame
    for tags in NAMED_BY:
        name = next((one.name for one in draft.columns if tags & set(one.tags)), None)
        if name is None or name == column.name:
            continue
        rows = frame.select(number=column.name, name=pl.col(name).cast(pl.String))
        rows = rows.drop_nulls().filter(pl.col("name") != "", pl.col("number") != "")
        groups = rows.group_by("number").agg(rows=pl.len(), names=pl.col("name").n_unique())
        several = groups.filter(pl.col("rows") > 1)
        return (several["names"] > 1).sum() > MOST_SHARED * several.height
    return False


def _is_called_a_number(column: Column) -> bool:
    return is_identifier_name(column.name) or _is_called_after_persons(column)


def _is_called_after_persons(column: Column) -> bool:
    return is_customer_number_name(column.name) or is_member_number_name(column.name)


def _tells_of_persons(column: Column) -> bool:
    # `customer` may be a name as well: the values tell.
    return _is_called_after_persons(column) or names_an_owner(column.name)


def _owner_of(numbers: _Numbers, owners: Sequence[_Numbers]) -> _Numbers | None:
    """Whose numbers they are: of the same source before others, then where they are called alike,
    then where they are the key; None where two are as likely."""
    likely: list[tuple[bool, bool, bool, int, _Numbers]] = []
    for owner in owners:
        if owner.draft is numbers.draft or _is_other_key(numbers, owner):
            continue
        shared = int(numbers.values.is_in(owner.values.implode()).sum())
        is_same_source = owner.draft.source == numbers.draft.source
        if shared < LEAST_SHARED or shared < LEAST_SHARE * len(numbers.values):
            continue
        if not (_tells_of_persons(numbers.column) or _must_be_of(owner, numbers, shared)):
            continue
        if is_same_source or _are_long(numbers.values):
            is_alike = _plain(owner.column) == _plain(numbers.column)
            likely.append((is_same_source, is_alike, _is_key(owner), shared, owner))
    best = max((rank[:-1] for rank in likely), default=None)
    fitting = [owner for *rank, owner in likely if tuple(rank) == best]
    same = [owner for owner in fitting[1:] if _are_same(owner.values, fitting[0].values)]
    return fitting[0] if fitting and len(same) == len(fitting) - 1 else None


def _must_be_of(owner: _Numbers, numbers: _Numbers, shared: int) -> bool:
    """Whether numbers are an owner's by their values alone: nearly all are, none stands in so many
    rows as that of a clerk does, and they cannot agree by chance: they are not counted, or not from
    1 and called `Code` or the like, as the owner's key is."""
    if shared < LEAST_SHARE_OF_ANY * len(numbers.values) or numbers.rows > MOST_ROWS_OF_ANY * len(
        numbers.values
    ):
        return False
    is_alike = _plain(owner.column) == _plain(numbers.column) and _is_key(owner)
    if is_alike and is_bare_number_name(numbers.column.name):
        return not _count_from_one(numbers.values)
    return _are_long(numbers.values) and not _are_counted(owner.values)


def _are_counted(values: pl.Series) -> bool:
    """Whether numbers go up by one or a few, behind letters that all have."""
    digits = values.str.extract(r"^\D*(\d{1,18})$").cast(pl.Int64)
    lowest, highest = digits.min(), digits.max()
    if not (isinstance(lowest, int) and isinstance(highest, int)):
        return False
    return highest - lowest < MOST_GAPS * digits.count()


def _are_same(values: pl.Series, others: pl.Series) -> bool:
    return bool(values.is_in(others.implode()).sum() >= ALL_DIFFER * max(len(values), len(others)))


def _of_one_owner(
    found: dict[tuple[str, str], _Numbers | None],
) -> dict[tuple[str, str], _Numbers | None]:
    """Each column's owner, of owners that name each other the same one for all; that one names
    nobody."""
    found = dict(found)
    for key in list(found):
        owner, seen = found[key], {key}
        while owner is not None and owner.key not in seen and found.get(owner.key) is not None:
            seen.add(owner.key)
            owner = found[owner.key]
        if owner is not None and owner.key == key:
            del found[key]
        else:
            found[key] = owner
    return found


def _is_other_key(numbers: _Numbers, owner: _Numbers) -> bool:
    """Whether numbers are the key of their own feed, and not that of the other: the first ones of
    both that count from 1 are equal by chance."""
    if not _is_key(numbers):
        return False
    is_alike = _plain(owner.column) == _plain(numbers.column)
    return not _is_key(owner) or (not is_alike and _count_from_one(numbers.values))


def _count_from_one(values: pl.Series) -> bool:
    largest = values.cast(pl.Int64, strict=False).max()
    return isinstance(largest, int) and largest <= MOST_GAPS * len(values)


def _plain(column: Column) -> str:
    return plain_header(column.name).lower()


def _is_key(numbers: _Numbers) -> bool:
    draft = numbers.draft
    return propose_primary_key(draft.columns, draft.sample.frame).columns == [numbers.column.output]


def _are_long(values: pl.Series) -> bool:
    return bool((values.str.len_chars() >= LEAST_LENGTH).mean() == 1.0)


def _tag(owner: _Numbers, named_by: Sequence[_Numbers], tag: str) -> None:
    owner.column.inferred = Inferred("string")
    if tag not in owner.column.tags:
        owner.column.tags = ["loyalty-id", tag] if tag == LOYALTY_LINK else [tag]
    names = ", ".join(numbers.draft.name for numbers in named_by)
    owner.column.notes = [f"{names} holds these numbers too"]
    for numbers in named_by:
        column = numbers.column
        if not column.tags:
            column.inferred = Inferred("string")
            column.tags = [LINK]
        column.tags = [tag if one == LINK else one for one in column.tags]
        if tag == LOYALTY_LINK and tag in column.tags and _is_of_persons(numbers.draft):
            column.tags = ["loyalty-id", tag]
        own_notes = [note for note in column.notes if note not in (LINK_NOTE, MAY_LINK_NOTE)]
        column.notes = [*own_notes, f"the numbers of {owner.draft.name}"]
