"""In which feed each order of some items has a row, told by names of columns and equal values."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from c360_assets.ingest.suggest.column import NESTED, Column
from c360_assets.ingest.suggest.column_names import (
    is_customer_number_name,
    is_identifier_name,
    plain_header,
)
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.purchases import names_customer
from c360_assets.semantics.tags import is_profile

LEAST_SHARED, LEAST_SHARE = 5, 0.5
ALL_DIFFER = 0.98
MOST_OF_SEVERAL = 0.1  # of a column's values in rows of several orders, by mistake


def heads_of(
    items: Draft, order_id: Column, drafts: Sequence[Draft]
) -> list[tuple[Draft, Column, Column]]:
    """The feeds in which each of these orders has a row, with the column that says which and that
    of the items: those that call it by the same name first, as short numbers of other things are
    equal by chance, then those that say most of persons. What is not called an order's number, as
    that of a check, has to be called alike, and one of several orders is that of who bought."""
    own_keys = [
        column
        for column in items.columns
        if column is order_id
        or (
            (column.type not in NESTED and is_identifier_name(column.name))
            and not is_customer_number_name(column.name)
            and not _is_of_several(order_id, column, items.sample.frame)
        )
    ]
    found = [
        (head, column, own)
        for own in own_keys
        for head in drafts
        if head is not items
        for column in head.columns
        if _may_be_key_of_head(column)
        and (own is order_id or _plain(own) == _plain(column))
        and shares(values_of(items, own), head.sample.frame[column.name])
    ]
    return sorted(found, key=_rank_of_head)


def _rank_of_head(found: tuple[Draft, Column, Column]) -> tuple[bool, int]:
    head, column, own = found
    of_persons = [
        len(present(head.sample.frame[one.name]))
        for one in head.columns
        if any(map(is_profile, one.tags))
    ]
    return _plain(column) != _plain(own), -sum(of_persons)


def _is_of_several(order_id: Column, column: Column, frame: pl.DataFrame) -> bool:
    """Whether values of a column stand in rows of several orders, as those of who buys do."""
    rows = pl.DataFrame({"order": frame[order_id.name], "value": frame[column.name]}).drop_nulls()
    orders = rows.group_by("value").agg(pl.col("order").n_unique())["order"]
    return int((orders > 1).sum()) > MOST_OF_SEVERAL * len(orders)


def _plain(column: Column) -> str:
    return plain_header(column.name).lower()


def values_of(draft: Draft, column: Column) -> pl.Series:
    return present(draft.sample.frame[column.name]).cast(pl.String).unique()


def _may_be_key_of_head(column: Column) -> bool:
    is_plain = column.type not in NESTED and column.unique >= ALL_DIFFER
    return is_plain and not is_customer_number_name(column.name)


def shares(wanted: pl.Series, values: pl.Series) -> bool:
    shared = int(wanted.is_in(present(values).cast(pl.String).implode()).sum())
    return shared >= LEAST_SHARED and shared >= LEAST_SHARE * len(wanted)


def take_links(elements: Draft, feed: Draft) -> None:
    """Give elements of a feed's lists the number of the customer that their row has in the feed."""
    for owner in feed.columns:
        links = [tag for tag in owner.tags if tag.startswith("fk-")]
        name = owner.output.lower()
        own = [one for one in elements.columns if one.output.lower().endswith(name)]
        if links and own and owner.type not in NESTED:
            own[0].tags += links


def may_name_customer(column: Column) -> bool:
    """Whether a column says who bought, by a number that a feed knows or by its name."""
    return names_customer(column) or (
        is_customer_number_name(column.name) and not column.lost_digits
    )
