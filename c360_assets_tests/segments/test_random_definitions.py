"""Membership of random definitions, computed a second time in Polars from the same rows."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c360_assets.warehouse.session import open_session
from c360_assets_tests.customer_360.world import table
from c360_assets_tests.examples import examples
from c360_assets_tests.segments.people import DAY, compute, with_segments, write_tables

PEOPLE = 60
TOGETHER = 20  # definitions in one scan
CITIES = ["Boston", "Austin", "boston", "New York", None]
BRANDS = ["larkmere", "oskwell"]


def people_rows() -> list[dict[str, Any]]:
    return [
        {
            "amperity_id": f"p{n:03}",
            "city": CITIES[n % len(CITIES)],
            "lifetime_order_revenue": None if n % 7 == 0 else (n * 37) % 400,
            "one_and_done": None if n % 11 == 0 else n % 3 == 0,
            "birthdate": None if n % 5 == 0 else date(1960 + n % 40, 1 + n % 12, 1 + n % 28),
            "latest_order_datetime": None
            if n % 4 == 0
            else datetime(2026, 6, 30, n % 24) - timedelta(days=(n * 29) % 400),
        }
        for n in range(PEOPLE)
    ]


def item_rows() -> list[dict[str, Any]]:
    return [
        {
            "amperity_id": f"p{(n * 13) % PEOPLE:03}",
            "order_id": f"o{n // 2}",
            "product_id": f"x{n % 5}",
            "order_datetime": datetime(2026, 6, 30, n % 24) - timedelta(days=(n * 17) % 900),
            "item_revenue": (n * 7) % 90,
            "purchase_brand": BRANDS[n % 2],
            "is_return": n % 9 == 0,
        }
        for n in range(150)
    ]


Judge = Callable[[], pl.Expr]
COMPARISONS = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
DAYS = st.integers(0, 900)


@st.composite
def column_condition(draw: st.DrawFn) -> tuple[Any, pl.Expr]:
    """A condition on a column as YAML has it, and what it means in Polars."""
    kind = draw(st.sampled_from(["text", "number", "truth", "date", "instant", "empty"]))
    if kind == "empty":
        column = draw(st.sampled_from(["city", "lifetime_order_revenue", "latest_order_datetime"]))
        if draw(st.booleans()):
            return {column: {"is_null": True}}, pl.col(column).is_null()
        return {column: {"is_not_null": True}}, pl.col(column).is_not_null()
    if kind == "text":
        return draw(text_condition())
    if kind == "truth":
        value = draw(st.booleans())
        return {"one_and_done": value}, pl.col("one_and_done") == value
    if kind == "number":
        return draw(number_condition())
    return draw(date_condition(kind))


@st.composite
def text_condition(draw: st.DrawFn) -> tuple[Any, pl.Expr]:
    city = pl.col("city")
    name = draw(st.sampled_from(["in", "not_in", "contains", "starts_with", "ends_with", "eq"]))
    if name in ("in", "not_in"):
        cities = st.sampled_from(CITIES[:-1])
        values = draw(st.lists(cities, min_size=1, max_size=3, unique=True))
        inside = city.is_in(values)
        return {"city": {name: values}}, inside if name == "in" else ~inside
    part = draw(st.sampled_from(["B", "ost", "n", "Austin", "%", "_"]))
    tests = {
        "contains": city.str.contains(part, literal=True),
        "starts_with": city.str.starts_with(part),
        "ends_with": city.str.ends_with(part),
        "eq": city == part,
    }
    return {"city": {name: part}}, tests[name]


@st.composite
def number_condition(draw: st.DrawFn) -> tuple[Any, pl.Expr]:
    column = pl.col("lifetime_order_revenue")
    low = draw(st.integers(0, 400))
    high = low + draw(st.integers(1, 200))
    name = draw(st.sampled_from([*COMPARISONS, "between", "between_inclusive"]))
    if name == "between":
        return {"lifetime_order_revenue": {name: [low, high]}}, (column > low) & (column < high)
    if name == "between_inclusive":
        inside = (column >= low) & (column <= high)
        return {"lifetime_order_revenue": {name: [low, high]}}, inside
    return {"lifetime_order_revenue": {name: low}}, COMPARISONS[name](column, low)


@st.composite
def date_condition(draw: st.DrawFn, kind: str) -> tuple[Any, pl.Expr]:
    name = "birthdate" if kind == "date" else "latest_order_datetime"
    column = pl.col(name) if kind == "date" else pl.col(name).dt.date()
    days = draw(DAYS)
    end = DAY - timedelta(days=days)
    word = draw(st.sampled_from(["before", "after", "within", "gte", "absolute"]))
    if word == "within":
        return {name: {word: f"{days} days"}}, (column >= end) & (column <= DAY)
    if word == "absolute":
        return {name: {"lt": end}}, column < end
    tests = {"before": column < end, "after": column > end, "gte": column >= end}
    return {name: {word: f"{days} days ago"}}, tests[word]


@st.composite
def behaviour_condition(draw: st.DrawFn) -> tuple[Any, pl.Expr]:
    items = pl.DataFrame(item_rows(), infer_schema_length=None).filter(~pl.col("is_return"))
    wanted: dict[str, Any] = {}
    if draw(st.booleans()):
        days = draw(DAYS)
        wanted["within"] = f"{days} days"
        day = pl.col("order_datetime").dt.date()
        items = items.filter((day >= DAY - timedelta(days=days)) & (day <= DAY))
    if draw(st.booleans()):
        brand = draw(st.sampled_from(BRANDS))
        wanted["purchase_brand"] = brand
        items = items.filter(pl.col("purchase_brand") == brand)
    by_person = items.group_by("amperity_id")
    person = pl.col("amperity_id")
    if draw(st.booleans()):
        limit = draw(st.integers(0, 150))
        wanted["sum"] = {"item_revenue": {"lt": limit}}
        most = by_person.agg(pl.col("item_revenue").sum()).filter(pl.col("item_revenue") >= limit)
        if limit == 0:
            return {"bought": wanted}, pl.lit(value=False)
        return {"bought": wanted}, ~person.is_in(most["amperity_id"].to_list())
    least = draw(st.integers(1, 3))
    wanted["at_least"] = least
    enough = by_person.agg(pl.col("order_id").n_unique()).filter(pl.col("order_id") >= least)
    return {"bought": wanted}, person.is_in(enough["amperity_id"].to_list())


def filled(expression: pl.Expr) -> pl.Expr:
    return expression.fill_null(value=False)


@st.composite
def condition(draw: st.DrawFn, depth: int = 2) -> tuple[Any, pl.Expr]:
    """Any condition: of a column, a behaviour, or groups of them."""
    kind = draw(st.sampled_from(["column"] * 3 + ["behaviour"] + (["group"] * 2 if depth else [])))
    if kind == "behaviour":
        item, expression = draw(behaviour_condition())
        return item, filled(expression)
    if kind == "column":
        item, expression = draw(column_condition())
        return item, filled(expression)
    inner = draw(st.lists(condition(depth=depth - 1), min_size=1, max_size=3))
    items = [item for item, _ in inner]
    expressions = [expression for _, expression in inner]
    word = draw(st.sampled_from(["list", "any", "all", "not"]))
    if word == "list":
        return items, functools.reduce(operator.or_, expressions)
    if word == "any":
        return {"any": items}, functools.reduce(operator.or_, expressions)
    if word == "all":
        return {"all": items}, functools.reduce(operator.and_, expressions)
    return {"not": items}, ~functools.reduce(operator.or_, expressions)


@st.composite
def definition(draw: st.DrawFn) -> tuple[dict[str, Any], pl.Expr]:
    """A whole definition. Conditions stand in groups, as two of one column may contradict; what is
    asked for is not left out as well, which is refused."""
    included = draw(st.lists(condition(), min_size=1, max_size=3))
    excluded = draw(st.lists(condition(depth=1), max_size=2))
    include = [{"any": [item]} for item, _ in included]
    excluded = [(item, one) for item, one in excluded if repr(item) not in repr(include)]
    expression = functools.reduce(operator.and_, [one for _, one in included])
    for _, one in excluded:
        expression = expression & ~one
    return {"include": include, "exclude": [item for item, _ in excluded]}, expression


@settings(
    max_examples=examples(6, 2),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(definition(), min_size=TOGETHER, max_size=TOGETHER))
def test_two_engines_agree(definitions: list[tuple[dict[str, Any], pl.Expr]]) -> None:
    people = pl.DataFrame(people_rows(), infer_schema_length=None)
    configs = {f"s{n}": config for n, (config, _) in enumerate(definitions)}
    configs["of_segments"] = {
        "include": [[{"segment": "s0"}, {"segment": "s1"}]],
        "exclude": [{"segment": "s2"}],
    }
    expressions = {f"s{n}": expression for n, (_, expression) in enumerate(definitions)}
    expressions["of_segments"] = (expressions["s0"] | expressions["s1"]) & ~expressions["s2"]
    with TemporaryDirectory() as folder, open_session(Path(folder) / "warehouse") as session:
        write_tables(session, customer_360=people_rows(), unified_itemized_transactions=item_rows())
        compute(session, with_segments(Path(folder), configs))
        rows = table(session, "segments/segment_membership", "segment, amperity_id")
        sizes = table(session, "segments/segment_sizes", "segment, people")
    found: dict[str, set[str]] = {name: set() for name in configs}
    for row in rows:
        found[row["segment"]].add(row["amperity_id"])
    for name, expression in expressions.items():
        expected = set(people.filter(expression)["amperity_id"])
        assert found[name] == expected, configs[name]
    assert {row["segment"]: row["people"] for row in sizes} == {
        name: len(people) for name, people in found.items()
    }
