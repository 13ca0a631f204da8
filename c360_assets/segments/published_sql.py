"""The SELECT of a segment as it runs on the published database: lists written out, SQL files in
place."""

from __future__ import annotations

from collections.abc import Mapping

from c360_assets.segments.compile import Compiled, compile_segments, in_order, with_referenced
from c360_assets.segments.conditions import ListTest, SqlTest
from c360_assets.segments.definition import Definition
from c360_assets.segments.lists import read_list
from c360_assets.segments.schema import PERSON
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.sql import quote_literal
from c360_assets.warehouse.statement import without_end


def published_sql(tenant: Tenant, definitions: Mapping[str, Definition], name: str) -> str:
    """The SELECT of the people of the segment `name`."""
    return compiled_for(tenant, definitions, name).people_of(name)


def compiled_for(tenant: Tenant, definitions: Mapping[str, Definition], name: str) -> Compiled:
    """The segment `name` and those that it is made of, compiled for the published database."""
    needed = with_referenced([name], definitions)
    ordered = in_order({one: definitions[one] for one in needed})
    return compile_segments(ordered, lambda leaf: written_out(tenant, leaf))


def written_out(tenant: Tenant, leaf: ListTest | SqlTest) -> str:
    """A FROM item with the people of a list or a SQL file, that needs neither file."""
    if isinstance(leaf, SqlTest):
        return f"(\n{without_end(tenant.segment_sql[leaf.name].text)}\n)"
    ids = ", ".join(quote_literal(one) for one in read_list(tenant.root, leaf.file))
    return f"(SELECT unnest([{ids}]) AS {PERSON})"
