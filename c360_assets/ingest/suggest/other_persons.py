"""Persons beside the one that a row is about: attendees, recipients, travellers.

Their columns say whose they are (`Attendee Email` beside `Buyer Email`), and are left untagged, as
a row is one person. That they stand there is said on the page of the feed.
"""

from __future__ import annotations

import re
from collections import defaultdict

from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.column_names import CAMEL, plain_header
from c360_assets.ingest.suggest.column_tags import guess
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.nested_persons import CONTACTS, MOST_ROWS
from c360_assets.tenant.check_tags import tell_apart

FIRST_WORD = re.compile(r"[\W_]*([^\W\d_]+)[\W_]+(.+)")
NAMES = {"given-name", "surname", "full-name"}


def note_other_persons(draft: Draft) -> None:
    """Say of columns that hold contacts and names of another person whose they are."""
    if not tell_apart({tag for column in draft.columns for tag in column.tags}):
        return
    groups: dict[str, list[tuple[Column, str]]] = defaultdict(list)
    for column in draft.columns:
        match = FIRST_WORD.fullmatch(CAMEL.sub("_", plain_header(column.name)))
        if match is None or column.tags or column.type != "string":
            continue
        guessed = guess(match[2], present(draft.sample.frame[column.name]))
        if guessed is not None:
            groups[match[1].lower()].append((column, guessed.tag))
    for word, found in groups.items():
        if _is_a_person(draft, found):
            others = ", ".join(column.name for column, _ in found[1:])
            found[0][0].notes.append(
                f"CHECK: with {others} it is of another person than the row's, its {word}, whom "
                "Stitch does not read: a custom domain table makes rows of them"
            )


def _is_a_person(draft: Draft, found: list[tuple[Column, str]]) -> bool:
    """Whether there are a name and contacts that are not of a few, as those of staff are."""
    tags = {tag for _, tag in found}
    if not tags & NAMES or not tags & CONTACTS:
        return False
    contacts = [column for column, tag in found if tag in CONTACTS]
    values = [present(draft.sample.frame[column.name]) for column in contacts]
    return any(len(texts) <= MOST_ROWS * texts.n_unique() for texts in values if len(texts))
