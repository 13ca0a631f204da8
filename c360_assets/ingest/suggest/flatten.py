"""Custom domain tables that make columns of a feed's nested fields, proposed from its sample.

What is in an object becomes columns beside those of its row; a list of objects becomes a table of
its own, one row per element. Names and types of what is nested come from `columns`, as those of a
flat file do; here are the SELECT and its YAML. The paths are in `nested_leaves`. No value goes into
any of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from c360_assets.ingest.suggest.column import NESTED, PURCHASE, Column
from c360_assets.ingest.suggest.column_names import is_customer_number_name
from c360_assets.ingest.suggest.column_types import Inferred
from c360_assets.ingest.suggest.columns import describe_columns
from c360_assets.ingest.suggest.contact_lists import contacts_of
from c360_assets.ingest.suggest.header_words import guess_by_name
from c360_assets.ingest.suggest.key_values import is_of_consents, keyed_values
from c360_assets.ingest.suggest.left_out import deleted_rows, says_state
from c360_assets.ingest.suggest.nested_casts import cast_sql
from c360_assets.ingest.suggest.nested_leaves import (
    Leaf,
    distinct,
    leaves_in,
    name_of,
    sample_of,
)
from c360_assets.ingest.suggest.nested_persons import name_after_person
from c360_assets.ingest.suggest.sample import Sample
from c360_assets.ingest.suggest.split_values import split_values
from c360_assets.ingest.suggest.table_tags import may_be_orders
from c360_assets.ingest.suggest.wrapped_lists import unwrapped
from c360_assets.semantics.tags import is_profile
from c360_assets.tenant.base_models import physical_name
from c360_assets.tenant.check_feeds import tidy_name
from c360_assets.tenant.check_tags import tell_apart
from c360_assets.tenant.schemas import schema_line
from c360_assets.warehouse.sql import quote_ident
from c360_assets.wording import counted

LOOKED_AT = 1000
LINK = "fk-customer-id"
FOLDER = "domain_tables"
PLACE = "line_no"
REVENUES = {"line_total", "revenue", "item_revenue", "row_total"}
ORDER_NUMBER = re.compile(r"(transaction|order)_?(id|no|number)$", re.IGNORECASE)
PLAIN_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class FlatTable:
    """A custom domain table: its name, SELECT and YAML, and whether persons are in it.

    `columns` and `frame` are what it gives of the sample, where another may be made of it.
    """

    name: str
    sql: str
    yaml: str
    has_persons: bool
    key: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    frame: pl.DataFrame | None = None

    @property
    def files(self) -> dict[Path, str]:
        """The table's files below the tenant's folder."""
        folder = Path(FOLDER)
        return {folder / f"{self.name}.sql": self.sql, folder / f"{self.name}.yaml": self.yaml}


def note_nested(sample: Sample, columns: list[Column]) -> None:
    """Say of each nested field what contact data it holds, and how to make columns of it."""
    plain, unwrapped_columns, _ = unwrapped(sample, columns)
    for noted, column in zip(columns, unwrapped_columns, strict=True):
        if column.type not in NESTED:
            continue
        # Contacts of a list are of its row, the other leaves of its elements.
        leaves = _leaves_of(plain, column)
        leaves = leaves if column.type == "array" else name_after_person(leaves, [])
        groups = [leaves, [*_contacts(plain, [column], {}), *_nested_contacts(leaves)]]
        inner = [leaf for group in groups if group for leaf in describe_columns(sample_of(group))]
        if not inner:
            continue
        tagged = [f"{leaf.name} ({leaf.tags[0]})" for leaf in inner if leaf.tags]
        holds = f"holds {', '.join(tagged)}" if tagged else f"holds {counted(len(inner), 'value')}"
        noted.notes.append(f"{holds}: --flatten --write makes columns of them")


def _json_texts(leaves: list[Leaf]) -> str:
    """A line that names the lists and objects that stay JSON text, where there are any."""
    names = ", ".join(leaf.name for leaf in leaves if leaf.type == "array")
    return f"-- JSON text, for SQL of yours to flatten: {names}\n" if names else ""


def flat_tables(
    sample: Sample, columns: list[Column], name: str, key: list[str]
) -> list[FlatTable]:
    """The tables that flatten a feed `name` (as `Source:Feed`) with this key."""
    tables: list[FlatTable] = []
    sample, columns, list_sql = unwrapped(sample, columns)
    objects = [column for column in columns if column.type in {"struct", "map"}]
    inner = [leaf for column in objects for leaf in _leaves_of(sample, column)]
    inner = name_after_person(inner, _plain(sample, columns))
    contacts = [
        *_contacts(sample, columns, list_sql),
        *_nested_contacts(inner),
        *_joined(sample, columns),
    ]
    row_leaves: list[Leaf] = []
    source = physical_name(name)
    source_sql = table_sql(source)
    # What is bought says itself what it leaves out.
    has_purchases = any(PURCHASE in f"{column.tags}" for column in columns)
    left_out = [] if has_purchases else deleted_rows(columns, sample.frame)
    said = [rows.in_words for rows in left_out]
    if left_out:
        source_sql += "\nWHERE " + " AND ".join(rows.sql() for rows in left_out)
    lines = {
        column.output: _lines_of(sample, column, columns, inner, name)
        for column in columns
        if column.type == "array"
    }
    is_bought = any(may_be_orders([leaf.name for leaf in leaves]) for leaves in lines.values())
    if inner or contacts or ((left_out or is_bought) and _are_of_persons(columns)):
        lists = _plain_lists(sample, columns)
        row_leaves = [*_plain(sample, columns), *inner, *contacts, *lists]
        rows_are = f"each row of {source}"
        tables.append(_table(f"CDT_{source}", row_leaves, source_sql, rows_are, key, said=said))
    # Rows that are persons by themselves own their lines, whoever has no number as a customer.
    owners = tables[:1] if len(key) == 1 and tables and tables[0].has_persons else []
    link = f"fk-{source.lower().replace('_', '-')}" if owners else None
    if any(link in column.tags for column in columns):
        link = None  # their number as orders is it already
    for output, leaves in lines.items():
        if leaves:
            texts_sql = list_sql.get(output, quote_ident(output))
            elements_sql = f"from_json({texts_sql}, '[\"JSON\"]')"
            unnested = (
                f"(\n  SELECT *, unnest({elements_sql}) AS item,\n"
                f"    generate_subscripts({elements_sql}, 1) AS {PLACE}\n  FROM {source_sql}\n)"
            )
            lines_key = [*(_parent_name(part, name) for part in key), PLACE]
            table = f"CDT_{source}_{tidy_name(output)}"
            rows_are = f"each element of {output} of {source}"
            tables.append(_table(table, leaves, unnested, rows_are, lines_key, link))
    if link is not None and any(link in table.yaml for table in tables):
        tables[0] = _table(
            f"CDT_{source}", row_leaves, source_sql, f"each row of {source}", key, link, said
        )
    return tables


def _lines_of(
    sample: Sample, column: Column, columns: list[Column], inner: list[Leaf], name: str
) -> list[Leaf]:
    """What stands in the elements of a list, beside what their row says; [] without elements."""
    elements = _leaves_of(sample, column)
    if not elements:
        return []
    # Of what is nested beside the list only the numbers of customer and order are repeated, and
    # what became of it.
    links = [
        leaf
        for leaf in inner
        if is_customer_number_name(leaf.name) or says_state(leaf.name, leaf.values)
    ]
    rows = _lengths(sample.frame[column.name])
    repeated = [_as_parent(leaf, rows, name) for leaf in (*_plain(sample, columns), *links)]
    repeated += [
        replace(_as_parent(leaf, rows, name), name=number[0])
        for leaf in inner
        if (number := ORDER_NUMBER.search(leaf.name)) is not None
    ]
    return [*repeated, *elements]


def _plain(sample: Sample, columns: Iterable[Column]) -> list[Leaf]:
    """The columns that are not nested."""
    leaves = []
    for column in columns:
        if column.type not in NESTED:
            values = sample.frame[column.name].cast(pl.String).head(LOOKED_AT).to_list()
            sql = quote_ident(column.output)
            links = tuple(tag for tag in column.tags if tag.startswith(("fk-", "loyalty-id")))
            leaves.append(Leaf(column.output, sql, values, column.type, links))
    return leaves


def _plain_lists(sample: Sample, columns: Iterable[Column]) -> list[Leaf]:
    """The lists that hold no objects."""
    no_values: list[str | None] = [None] * len(sample.frame.head(LOOKED_AT))
    return [
        Leaf(column.output, quote_ident(column.output), no_values, "array")
        for column in columns
        if column.type == "array" and not _leaves_of(sample, column)
    ]


def _contacts(
    sample: Sample, columns: Iterable[Column], list_sqls: Mapping[str, str]
) -> list[Leaf]:
    """The e-mail addresses and phone numbers of the row in its lists, and values by their keys."""
    leaves = []
    for column in columns:
        if column.type != "array":
            continue
        texts = sample.frame[column.name].cast(pl.String).head(LOOKED_AT)
        lists = [_parsed(text) for text in texts]
        list_sql = list_sqls.get(column.output, quote_ident(column.output))
        contacts = _contacts_in(column.name, column.output, list_sql, lists)
        leaves += contacts
        if not contacts:
            leaves += _keyed(column.name, column.output, list_sql, lists)
    return leaves


def _keyed(name: str, output: str, list_sql: str, lists: list[Any]) -> list[Leaf]:
    """The values by key in a column's lists, given by `list_sql`."""
    return [
        Leaf(
            tidy_name(f"{output}_{keyed.key}"), keyed.sql.replace("{list}", list_sql), keyed.values
        )
        for keyed in keyed_values(name, lists)
    ]


def _nested_contacts(inner: Iterable[Leaf]) -> list[Leaf]:
    """Contacts and consents in lists that stand in objects of the row."""
    leaves = []
    for leaf in inner:
        if leaf.type == "array" and leaf.path:
            lists = [_parsed(text) for text in leaf.values]
            leaves += _contacts_in(leaf.path[-1], leaf.name, f"({leaf.sql})", lists)
            if is_of_consents(leaf.path[-1]):
                leaves += _keyed(leaf.path[-1], leaf.name, f"({leaf.sql})", lists)
    return leaves


def _contacts_in(name: str, output: str, list_sql: str, lists: list[Any]) -> list[Leaf]:
    """The contacts in a column's lists, given by `list_sql`."""
    leaves = []
    for contact in contacts_of(name, lists):
        sql = contact.sql.replace("{list}", list_sql)
        # A list that is called after nothing known leaves it to the kind to say what it holds.
        names = [name_of((whole, contact.suffix)) for whole in (output, output.rstrip("s"), name)]
        known = (each for each in names if guess_by_name(each) is not None)
        leaf_name = next(known, contact.name)
        leaves.append(Leaf(leaf_name, sql, contact.values))
    return leaves


def _joined(sample: Sample, columns: list[Column]) -> list[Leaf]:
    """The values whose parts stand in several columns."""
    frame = sample.frame.head(LOOKED_AT)
    return [
        Leaf(split.tag, split.sql, split.values(frame)) for split in split_values(columns, frame)
    ]


def _as_parent(leaf: Leaf, rows: list[int], name: str) -> Leaf:
    """A value of a row beside each of the row's elements, named after what the row is."""
    pairs = zip(leaf.values, rows, strict=True)
    values = [value for value, count in pairs for _ in range(count)]
    return replace(leaf, name=_parent_name(leaf.name, name), values=values)


def _parent_name(column: str, feed: str) -> str:
    """`id` of the feed `Shop:Orders` is its `order_id`."""
    thing = tidy_name(feed.rpartition(":")[2]).lower().removesuffix("s")
    return column if column.lower().startswith(thing) else f"{thing}_{column}"


def _lengths(values: pl.Series) -> list[int]:
    objects = [_parsed(text) for text in values.cast(pl.String).head(LOOKED_AT)]
    return [len(items) if isinstance(items, list) else 0 for items in objects]


def _leaves_of(sample: Sample, column: Column) -> list[Leaf]:
    """What is in the objects of a field, or in the elements of its lists of objects."""
    texts = sample.frame[column.name].cast(pl.String).head(LOOKED_AT)
    parsed = [_parsed(text) for text in texts]
    if column.type == "array":
        items = [item for items in parsed if isinstance(items, list) for item in items]
        if not items or not all(isinstance(item, dict) for item in items):
            return []
        return leaves_in(items, "item", "")
    return leaves_in(parsed, quote_ident(column.output), column.output)


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _table(
    name: str,
    leaves: list[Leaf],
    source: str,
    rows_are: str,
    key: list[str],
    link: str | None = None,
    said: Sequence[str] = (),
) -> FlatTable:
    """`rows_are` says in words what a row is; the key ends in `PLACE` for elements of lists, and
    `link` is the foreign key by which lines of orders belong to the person of their row. `said` are
    lines of the comment."""
    of_a_list = key[-1:] == [PLACE]
    leaves = _with_revenue(distinct(leaves))
    sample = sample_of(leaves)
    columns = describe_columns(sample)
    profile = {column.tags[0] for column in columns if column.tags and is_profile(column.tags[0])}
    # The elements of a list would be records of the same persons again.
    stitched = tell_apart(profile) and not of_a_list
    if link is not None:
        _link_lines(columns, key[0], link, of_a_list=of_a_list)
    _keep_links(leaves, columns, of_a_list=of_a_list)
    pairs = zip(leaves, columns, strict=True)
    lines = [_column_sql(leaf, column) for leaf, column in pairs]
    if of_a_list:
        lines.append(PLACE)
    comment = "".join(f"-- {line}\n" for line in said)
    sql = (
        f"-- One row for {rows_are}, with what is nested in it as columns.\n"
        "-- A value that is not of its column's type stops the run: TRY_CAST(...) makes it NULL.\n"
        f"{comment}"
        f"{_json_texts(leaves)}"
        "SELECT\n  " + ",\n  ".join(lines) + f"\nFROM {source}\n"
    )
    tagged = [column for column in columns if column.tags]
    tags = [f"  {column.output}: {{tags: [{', '.join(column.tags)}]}}" for column in tagged]
    yaml = [
        schema_line("domain_table", Path(FOLDER) / f"{name}.yaml"),
        f"# Written by `c360 feed suggest --flatten`: {len(profile)} profile tags suggested.",
        'description: ""',
        f"primary_key: [{', '.join(key)}]",
        f"stitch: {str(stitched).lower()}",
        *(["fields:", *tags] if tags else []),
    ]
    text = "\n".join(yaml) + "\n"
    return FlatTable(name, sql, text, stitched, tuple(key), tuple(columns), sample.frame)


def _keep_links(leaves: list[Leaf], columns: list[Column], *, of_a_list: bool) -> None:
    """Give the numbers by which other feeds know a row the tags that they have in its feed."""
    for leaf, column in zip(leaves, columns, strict=True):
        if leaf.links and (not of_a_list or LINK in column.tags):
            column.tags = [tag for tag in column.tags if tag not in {LINK, *leaf.links}]
            column.tags += leaf.links


def _are_of_persons(columns: Sequence[Column]) -> bool:
    """Whether the rows of a feed are stitched."""
    profile = {tag for column in columns for tag in column.tags[:1] if is_profile(tag)}
    return tell_apart(profile)


def _link_lines(columns: list[Column], key: str, link: str, *, of_a_list: bool) -> None:
    """Tag the key of a row of persons, and of what was bought in it, as the same foreign key."""
    owner = next((column for column in columns if column.output == key), None)
    has_items = any(tag.startswith(PURCHASE) for column in columns for tag in column.tags)
    has_items = has_items or may_be_orders(_names(columns))
    if owner is None or owner.type != "string" or (of_a_list and not has_items):
        return
    for column in columns:
        # Guests have none, or all the same.
        column.tags = [tag for tag in column.tags if tag != "fk-customer-id"]
    owner.tags.append(link)


def _names(columns: Iterable[Column]) -> list[str]:
    return [column.name for column in columns if column.type not in NESTED]


def _column_sql(leaf: Leaf, column: Column) -> str:
    """A value as the type that its tag needs; without a plain cast it stays text and untagged."""
    name = quote_ident(column.output)
    if leaf.type is not None:
        return leaf.sql if leaf.sql == name else f"{leaf.sql} AS {name}"
    value_sql = cast_sql(leaf.sql, column, pl.Series(leaf.values, dtype=pl.String))
    if value_sql is not None:
        return f"{value_sql} AS {name}"
    if column.type != "string":
        column.tags = []
        column.inferred = Inferred("string")
    return f"{leaf.sql} AS {name}"


def _with_revenue(leaves: list[Leaf]) -> list[Leaf]:
    """The leaves of items with their revenue, where none is called so: what they call their total,
    else price times quantity."""
    by_name = {leaf.name.lower(): leaf for leaf in leaves}
    total = by_name.get("total")
    if total is not None and "quantity" in by_name and "revenue" not in by_name:
        return [
            *leaves,
            Leaf("item_revenue", f"({total.sql})::DECIMAL(38, 4)", total.values, "decimal"),
        ]
    quantity, price = by_name.get("quantity"), by_name.get("price")
    if quantity is None or price is None or REVENUES & by_name.keys():
        return leaves
    product = f"(({quantity.sql})::BIGINT * ({price.sql})::DECIMAL(38, 2))::DECIMAL(38, 2)"
    return [*leaves, Leaf("item_revenue", product, price.values, "decimal")]


def table_sql(table: str) -> str:
    """A table's name as SQL has it, in quotes where it is no plain word (`1c_Receipts`)."""
    return table if PLAIN_NAME.fullmatch(table) else quote_ident(table)


def table_yaml(name: str, key: Sequence[str], fields: Sequence[str]) -> str:
    """The YAML of a proposed custom domain table that is not stitched; `fields` are its lines."""
    lines = [
        schema_line("domain_table", Path(FOLDER) / f"{name}.yaml"),
        "# Written by `c360 feed suggest --flatten`.",
        'description: ""',
        f"primary_key: [{', '.join(key)}]",
        "stitch: false",
        "fields:",
        *fields,
    ]
    return "\n".join(lines) + "\n"
