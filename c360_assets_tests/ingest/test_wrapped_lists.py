"""Lists that stand in an object of their own, and contacts in lists with names of their own."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import polars as pl
import pytest

from c360_assets.ingest.suggest.columns import describe_columns
from c360_assets.ingest.suggest.contact_lists import contacts_of
from c360_assets.ingest.suggest.flatten import flat_tables
from c360_assets.ingest.suggest.sample import Sample
from c360_assets.ingest.suggest.wrapped_lists import unwrapped

ONE, TWO = {"sku": "cap"}, {"sku": "mug"}


def sample_of(*objects: Any) -> Sample:
    texts = [None if value is None else json.dumps(value) for value in objects]
    frame = pl.DataFrame({"id": [str(n) for n in range(len(texts))], "lines": texts})
    return Sample(frame, "json", {"lines": "struct"}, {})


@pytest.mark.parametrize(
    ("objects", "lists"),
    [
        (
            [{"line": [ONE, TWO]}, {"line": ONE}, None, {"line": None}],
            [[ONE, TWO], [ONE], None, None],
        ),
        ([{"@count": 2, "line": [ONE, TWO]}], [[ONE, TWO]]),
        # An object that stands once in all rows, one of other values too, lists of texts.
        ([{"line": ONE}, {"line": TWO}], None),
        ([{"line": [ONE], "total": 3}], None),
        ([{"line": ["cap", "mug"]}], None),
    ],
)
def test_an_object_around_a_list_is_the_list(objects: list[Any], lists: list[Any] | None) -> None:
    sample = sample_of(*objects)
    plain, columns, sql = unwrapped(sample, describe_columns(sample))
    if lists is None:
        assert ([column.type for column in columns][1], sql) == ("struct", {})
        return
    assert columns[1].type == "array"
    texts = plain.frame["lines"].to_list()
    assert [None if text is None else json.loads(text) for text in texts] == lists
    # The SQL says the same of what the feed loads.
    con = duckdb.connect()
    con.register("loaded", sample.frame.to_arrow())
    found = con.execute(f"SELECT {sql['lines']} FROM loaded").fetchall()
    assert [None if text is None else json.loads(text) for (text,) in found] == lists


def test_lines_in_such_an_object_are_rows() -> None:
    objects = [{"line": [{"sku": f"s{n}", "qty": "1", "price": "2.50"}] * 2} for n in range(6)]
    sample = sample_of(*objects, {"line": {"sku": "s9", "qty": "1", "price": "2.50"}})
    (table,) = flat_tables(sample, describe_columns(sample), "Shop:Orders", ["id"])
    assert table.key == ("order_id", "line_no")
    assert table.frame is not None
    assert len(table.frame) == 13


def test_contacts_in_a_list_are_called_by_what_they_are() -> None:
    lists = [[{"address": f"a{n}@x.example", "useType": "Primary"}] for n in range(9)]
    (contact,) = contacts_of("ContactEmail", lists)
    assert (contact.suffix, contact.name) == ("1", "email_1")
