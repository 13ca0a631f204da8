"""Full and partial deliveries of the same rows, which are one feed.

A system sends everything once and then what changed, under names that differ in a word:
`customers_full_20260601.csv`, `customers_delta_20260602.csv`. As two feeds they would be the same
persons twice, and what a partial one deletes would stay in the full one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.feed import feed_name, tried
from c360_assets.ingest.suggest.pattern import KIND_OF_DELIVERY, name_without_day
from c360_assets.ingest.suggest.primary_key import propose_primary_key

JOINED_NOTE = (
    "full and partial deliveries are one feed, by a word of their names ({words}): rows that a "
    "later full one lacks stay"
)


def join_deliveries(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts, of which those of full and partial deliveries with the same key are one: that
    with the most columns, of several the one with the most rows."""
    groups: dict[tuple[str, str], list[Draft]] = defaultdict(list)
    for draft in drafts:
        groups[_place(draft)].append(draft)
    joined: list[Draft] = []
    for draft in drafts:
        group = groups[_place(draft)]
        if len(group) == 1 or not _are_of_the_same_rows(group):
            joined.append(draft)
        elif draft is max(group, key=_size):
            taken = {one.name.lower() for one in drafts if _place(one) != _place(draft)}
            joined.append(_joined(draft, group, taken))
    return joined


def _place(draft: Draft) -> tuple[str, str]:
    """The folder and the name of a draft's files without day and kind of delivery."""
    name = name_without_day(draft.delivery)
    if KIND_OF_DELIVERY.search(name) is None or draft.sample.other_parts:
        return draft.relative.as_posix(), draft.feed
    return draft.relative.parent.as_posix(), _without_kind(name)


def _without_kind(name: str) -> str:
    return re.sub(r"[\W_]+", " ", KIND_OF_DELIVERY.sub(" ", name)).strip().lower()


def _size(draft: Draft) -> tuple[int, int]:
    return len(draft.columns), draft.sample.frame.height


def _are_of_the_same_rows(group: Sequence[Draft]) -> bool:
    """Whether files have the same key and the same columns with tags, as one that lacks a column
    would empty it."""
    largest = max(group, key=_size)
    names = {column.name for column in largest.columns}
    tagged = {column.name for column in largest.columns if column.tags}
    keys = {tuple(propose_primary_key(one.columns, one.sample.frame).columns) for one in group}
    columns = [{column.name for column in one.columns} for one in group]
    has_name = _without_kind(name_without_day(largest.delivery)) != ""
    return has_name and len(keys) == 1 and all(tagged <= own <= names for own in columns)


def _joined(draft: Draft, group: Sequence[Draft], taken: set[str]) -> Draft:
    words = sorted(_kinds(one) for one in group)
    notes = (*draft.sample.notes, JOINED_NOTE.format(words=", ".join(words)))
    sample = replace(draft.sample, notes=notes)
    name = feed_name(draft.source, KIND_OF_DELIVERY.sub(" ", name_without_day(draft.delivery)))
    if f"{draft.source}:{name}".lower() in taken:
        name = f"{name} Deliveries"
    return tried(replace(draft, feed=name, sample=sample, is_any_kind=True))


def _kinds(draft: Draft) -> str:
    return " ".join(KIND_OF_DELIVERY.findall(name_without_day(draft.delivery))).lower()
