"""Which object of a nested row is the person that the row is about.

Events keep who did something in an object whose name says nothing of persons (`context.traits`,
`payload.visitor`). Where a row says nothing of a person elsewhere, and a single object does, what
is in it is called as it is there, without the names of the objects around it.
"""

from __future__ import annotations

from dataclasses import replace

from c360_assets.ingest.suggest.columns import describe_columns
from c360_assets.ingest.suggest.nested_leaves import Leaf, name_of, sample_of
from c360_assets.semantics.tags import is_profile
from c360_assets.tenant.check_tags import tell_apart

CONTACTS = {"email", "phone"}
# Rows for each of an object's different contacts: shops and clerks stand in more.
MOST_ROWS = 20

Path = tuple[str, ...]


def name_after_person(inner: list[Leaf], plain: list[Leaf]) -> list[Leaf]:
    """The nested leaves, of which those of the only person are named as they are in its object.

    `plain` are the leaves of the row that are not nested.
    """
    if not inner or _is_of_a_person([*plain, *inner]):
        return inner
    objects = {leaf.path[:depth] for leaf in inner for depth in range(1, len(leaf.path))}
    persons = [path for path in objects if _is_person(path, inner)]
    # An object around a person's is not it.
    nearest = [path for path in persons if not any(_is_around(path, other) for other in persons)]
    if len(nearest) != 1:
        return inner
    return [_named_within(leaf, nearest[0]) for leaf in inner]


def _is_around(path: Path, other: Path) -> bool:
    return path != other and other[: len(path)] == path


def _is_person(path: Path, inner: list[Leaf]) -> bool:
    own = [_named_within(leaf, path) for leaf in inner if leaf.path[: len(path)] == path]
    return _is_of_a_person(own, most_rows=MOST_ROWS)


def _named_within(leaf: Leaf, path: Path) -> Leaf:
    if leaf.path[: len(path)] != path:
        return leaf
    return replace(leaf, name=name_of(leaf.path[len(path) :]))


def _is_of_a_person(leaves: list[Leaf], most_rows: int | None = None) -> bool:
    """Whether leaves tell persons apart; with `most_rows` by contacts that are not of a few."""
    sample = sample_of(leaves)
    columns = describe_columns(sample)
    tags = {tag for column in columns for tag in column.tags[:1] if is_profile(tag)}
    if not tell_apart(tags):
        return False
    if most_rows is None:
        return True
    contacts = [column for column in columns if CONTACTS & set(column.tags)]
    values = [sample.frame[column.name].drop_nulls() for column in contacts]
    return any(len(texts) <= most_rows * texts.n_unique() for texts in values if len(texts))
