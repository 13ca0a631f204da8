"""From the reports that apply to a table to few scans of it, and from the scans' answers to
figures.

However many reports apply, a table is read once for everything that is counted row by row (by day,
so that trends come with it), once for what has to see the whole table, once by order; and once more
for each column whose different values are listed and for each key that must not repeat. Equal
expressions of several reports are computed once. Running the scans belongs to `run`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from c360_assets.validations.declarations import (
    Count,
    Item,
    Keys,
    Listing,
    Orders,
    Ratio,
    Report,
    Total,
    Unique,
    Values,
    Whole,
)
from c360_assets.validations.relation import Relation, day_sql
from c360_assets.validations.reports import applies
from c360_assets.warehouse.sql import quote_literal

LISTED = 100  # values that a listing shows at most
RECORDS = "count(*)"


@dataclass(frozen=True)
class Place:
    """Which answer of which scan a number is: `grain` names the scan, `alias` its column."""

    grain: str
    alias: str


@dataclass(frozen=True)
class Figure:
    """One figure of one report: `part` as it is, or as percentage of `of`. A `text` is no number."""

    report: Report
    name: str
    item: Item
    part: Place
    of: Place | None = None
    text: bool = False
    finding: bool = False


@dataclass
class Scans:
    """The questions to one table: scan -> expression -> alias, and how figures are put together
    from the answers.
    """

    shape: Relation
    context: Mapping[str, str]
    reports: Sequence[Report] = ()
    grains: dict[str, dict[str, str]] = field(default_factory=dict)
    inner: dict[str, str] = field(default_factory=dict)  # per-order expressions -> alias
    figures: list[Figure] = field(default_factory=list)
    whole_queries: dict[str, str] = field(default_factory=dict)  # grain -> a query of its own

    def ask(self, grain: str, sql: str) -> Place:
        sql = filled(sql, self.context)
        known = self.grains.setdefault(grain, {})
        return Place(grain, known.setdefault(sql, f"m{len(known)}"))

    def per_order(self, sql: str) -> str:
        """The alias of an aggregate over the rows of one order."""
        sql = filled(sql, self.context)
        return self.inner.setdefault(sql, f"o{len(self.inner)}")


def filled(sql: str, context: Mapping[str, str]) -> str:
    """`sql` with what the tenant decides in place of its placeholders."""
    for name, value in context.items():
        sql = sql.replace(f"{{{name}}}", value)
    return sql


def compile_reports(
    reports: Iterable[Report], shape: Relation, context: Mapping[str, str]
) -> Scans:
    """The scans that answer `reports` on a table. `context` fills `{region}` and `{newest}`, both
    SQL literals.
    """
    reports = list(reports)
    scans = Scans(shape, context, reports)
    scans.ask("rows", RECORDS)
    for report in reports:
        scans.figures.append(
            Figure(report, "record_count", Item(name="record_count"), scans.ask("rows", RECORDS))
        )
        for item in report.items:
            if applies(item, shape.tags):
                _add(scans, report, item)
        if report.unknown:
            place = scans.ask("rows", _unknown(report.unknown))
            scans.figures.append(
                Figure(report, "not_evaluated_count", Item(name="not_evaluated_count"), place)
            )
    return scans


def _add(scans: Scans, report: Report, item: Item) -> None:
    """The figures of one declared item, with the expressions they need."""

    def figure(
        name: str,
        part: Place,
        of: Place | None = None,
        *,
        text: bool = False,
        finding: bool = False,
    ) -> None:
        scans.figures.append(Figure(report, name, item, part, of, text, finding))

    records = scans.ask("rows", RECORDS)
    if isinstance(item, Count):
        counted = scans.ask("rows", counting(count_test(item)))
        figure(f"{item.name}_count", counted, finding=item.finding)
        if item.share:
            figure(f"{item.name}_pct", counted, scans.ask("rows", _judged(item)))
    elif isinstance(item, Values):
        names = scans.shape.values[item.tag]
        hits = scans.ask("rows", " + ".join(counting(value_test(item, name)) for name in names))
        figure(f"{item.name}_count", hits, finding=item.finding)
        if item.share:
            values = scans.ask(
                "rows", " + ".join(counting(f"NOT {name}_missing") for name in names)
            )
            figure(f"{item.name}_pct", hits, records if item.of_rows else values)
    elif isinstance(item, Total):
        figure(item.name, scans.ask("rows", item.sql))
    elif isinstance(item, Whole):
        figure(item.name, scans.ask("whole", item.sql), finding=item.finding)
    elif isinstance(item, Unique):
        place = _unique(scans, item)
        figure(item.name, place, finding=item.finding)
        if item.share:
            figure(item.share, place, records)
    elif isinstance(item, Orders):
        chosen = scans.per_order(item.when)
        if not item.rows:
            figure(
                item.name, scans.ask("orders", f"count(*) FILTER ({chosen})"), finding=item.finding
            )
            return
        rows = scans.per_order(counting(item.rows))
        part = scans.ask("orders", f"coalesce(sum({rows}) FILTER ({chosen}), 0)")
        figure(item.name, part, finding=item.finding)
        figure(item.share, part, scans.ask("rows", counting(item.rows)))
    elif isinstance(item, Ratio):
        few, all_ = (
            f"count(*) FILTER ({scans.per_order(test)})" for test in (item.part, item.whole)
        )
        high, low = map(quote_literal, item.words)
        words = f"CASE WHEN {few} >= {item.least} * {all_} THEN {high} ELSE {low} END"
        figure(item.name, scans.ask("orders", f"CASE WHEN {all_} > 0 THEN {words} END"), text=True)
    elif isinstance(item, Listing):
        place = scans.ask(f"list {item.column}", _listing(item))
        share = item.show == "top_share"
        figure(item.name, place, records if share else None, text=not share)
    elif isinstance(item, Keys):
        grain = f"keys {item.name}"
        scans.whole_queries[grain] = _repeated(scans.shape, item)
        figure(item.name, Place(grain, "m0"), finding=item.finding)


def counting(test: str) -> str:
    """An aggregate that counts the rows of which the test is true: half the work of a count with a
    filter. Of unknowns alone the engine's would be unknown.
    """
    return f"coalesce(count_if({test}), 0)"


def _unknown(columns: Sequence[str]) -> str:
    """How many rows lack one of the columns."""
    if len(columns) == 1:
        return f"{RECORDS} - count({columns[0]})"
    return counting(" OR ".join(f"{column} IS NULL" for column in columns))


def _judged(item: Count) -> str:
    """How many rows a Count can judge; written so that rows it cannot judge are counted once for
    all figures.
    """
    if item.scope == "TRUE":
        return f"{RECORDS} - ({_unknown(item.fields)})" if item.fields else RECORDS
    return counting(item.judged)


def count_test(item: Count) -> str:
    """The rows that a Count counts."""
    return f"({item.when})" if item.judged == "TRUE" else f"{item.judged} AND ({item.when})"


def value_test(item: Values, name: str) -> str:
    """The rows whose value `name` a Values figure counts."""
    return f"NOT {name}_missing AND ({item.when.replace('{v}', name)})"


def comparable(column: str, name: str) -> str:
    """A value as it is compared between records: an address in lower case, the last ten digits of a
    number.
    """
    if column == "email":
        return f"lower(trim({name}))"
    return f"right({name}_digits, 10)" if column == "phone" else name


def _unique(scans: Scans, item: Unique) -> Place:
    names = scans.shape.values.get(item.column)
    if f"list {item.column}" in _listed_columns(scans):
        return scans.ask(f"list {item.column}", "(SELECT count(*) FROM listed)")
    if names is None:
        return scans.ask(
            "whole", f"count(DISTINCT {item.column}) FILTER (NOT {item.column}_missing)"
        )
    if len(names) == 1:
        value = comparable(item.column, names[0])
        return scans.ask(
            "whole", f"count(DISTINCT {value}) FILTER (NOT {names[0]}_missing AND {value} <> '')"
        )
    return scans.ask(f"values {item.column}", "count(DISTINCT value)")


def _listed_columns(scans: Scans) -> set[str]:
    """The scans of columns whose values some report lists."""
    return {
        f"list {item.column}"
        for report in scans.reports
        for item in report.items
        if isinstance(item, Listing)
    }


def _listing(item: Listing) -> str:
    if item.show == "top":
        return "(SELECT arg_max(value, (n, value)) FROM listed)"
    if item.show == "top_share":
        return "(SELECT coalesce(max(n), 0) FROM listed)"
    shown = "value || ': ' || n" if item.show == "all" else "value"
    order = "n DESC, value" if item.show == "all" else "value"
    allowed = ", ".join(map(quote_literal, item.allowed))
    kept = f" WHERE trim(value) NOT IN ({allowed})" if item.allowed else ""
    return (
        f"(SELECT string_agg({shown}, ', ' ORDER BY {order}) FILTER (place <= {LISTED})"
        f" || CASE WHEN count(*) > {LISTED} THEN ', and ' || (count(*) - {LISTED}) || ' more' ELSE '' END"
        f" FROM (SELECT *, row_number() OVER (ORDER BY {order}) AS place FROM listed{kept}))"
    )


def _repeated(shape: Relation, item: Keys) -> str:
    """How many keys fulfil the condition. Rows are grouped by two hashes of the key, 128 bits,
    instead of the key itself, which would have to be kept in memory: that two keys share both is
    out of the question.
    """
    parts = [*item.key, *(name for name in item.optional if name in shape.columns)]
    hashes = f"hash({', '.join(parts)}), hash({', '.join(reversed(parts))}, 1)"
    inner = shape.sql("{source}", [*parts, item.where, item.having])
    return f"SELECT count(*) AS m0 FROM (SELECT 1 FROM ({inner}) WHERE {item.where} GROUP BY {hashes} HAVING {item.having})"


def queries(scans: Scans, source: str) -> dict[str, str]:
    """Scan -> its SQL over the bound table `source`. The scan `rows` has one row per day, every
    other one a single row.
    """
    found: dict[str, str] = {}
    for grain, asked in scans.grains.items():
        listed = ", ".join(f"{sql} AS {alias}" for sql, alias in asked.items())
        if grain == "rows":
            day, _ = day_sql(scans.shape)
            inner = scans.shape.sql(source, asked, [f"{day} AS day"])
            found[grain] = (
                f"SELECT day, {listed} FROM ({inner}) GROUP BY day ORDER BY day NULLS FIRST"
            )
        elif grain == "orders":
            per_order = ", ".join(f"{sql} AS {alias}" for sql, alias in scans.inner.items())
            inner = scans.shape.sql(source, [*scans.inner, "order_id order_id_missing"])
            grouped = (
                f"SELECT {per_order} FROM ({inner}) WHERE NOT order_id_missing GROUP BY order_id"
            )
            found[grain] = f"SELECT {listed} FROM ({grouped})"
        elif grain.startswith("values "):
            tag = grain.removeprefix("values ")
            parts = [
                f"SELECT {value} AS value FROM ({scans.shape.sql(source, [value, f'{name}_missing'])})"
                f" WHERE NOT {name}_missing AND {value} <> ''"
                for name in scans.shape.values[tag]
                for value in (comparable(tag, name),)
            ]
            found[grain] = f"SELECT {listed} FROM ({' UNION ALL '.join(parts)})"
        elif grain.startswith("list "):
            column = grain.removeprefix("list ")
            inner = scans.shape.sql(source, [column, f"{column}_missing"])
            rows = f"SELECT {column} AS value, count(*) AS n FROM ({inner}) WHERE NOT {column}_missing GROUP BY ALL"
            found[grain] = f"WITH listed AS MATERIALIZED ({rows}) SELECT {listed}"
        else:
            found[grain] = f"SELECT {listed} FROM ({scans.shape.sql(source, asked)})"
    found |= {grain: sql.replace("{source}", source) for grain, sql in scans.whole_queries.items()}
    return {grain: filled(sql, scans.context) for grain, sql in found.items()}


Answers = Mapping[str, Mapping[str, Any]]


def value_of(figure: Figure, answers: Answers) -> Any:
    """The figure's value: a number, a text, or None where there was nothing to divide by."""
    part = answers[figure.part.grain].get(figure.part.alias)
    if figure.of is None or part is None:
        return part
    return pct(part, answers[figure.of.grain].get(figure.of.alias))


def pct(part: Any, of: Any) -> float | None:
    """`part` of `of` in percent to three places, halves away from zero; None of nothing."""
    return math.floor(100_000.0 * float(part) / float(of) + 0.5) / 1000 if of else None


def added(days: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answers of the whole table from those of its days: everything in the scan `rows` adds up."""
    total: dict[str, Any] = {}
    for day in days:
        for alias, value in day.items():
            total[alias] = total.get(alias, 0) + value
    return total
