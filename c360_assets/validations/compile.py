"""From the reports that apply to a table to few scans of it, and from answers to figures.

However many reports apply, a table is read once for everything that is counted row by row (by day,
so that trends come with it), once for what has to see the whole table, once by order; and once more
for each column whose different values are listed and for each key that must not repeat. Equal
expressions of several reports are computed once. Running the scans belongs to `run`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
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

LISTED = 100
"""Values that a listing shows at most."""
RECORDS = "count(*)"


@dataclass(frozen=True)
class Place:
    """Which answer of which scan a number is: `grain` names the scan, `alias` its column."""

    grain: str
    alias: str


@dataclass(frozen=True)
class Groups:
    """A question to rows in groups.

    `rows` is a SELECT from `{source}`; those of one `key` are a group, of which `each` is computed
    and which is left out unless it is `having`; `answers` are aggregates over the groups.
    """

    rows: str
    key: str
    each: str
    answers: str
    having: str = "TRUE"

    def sql(self) -> str:
        """The whole question, over `{source}`."""
        return self.over(f"({self.rows})")

    def over(self, rows: str) -> str:
        """The question over a FROM item that has `rows`, all of each group."""
        groups = f"SELECT {self.each} FROM {rows} GROUP BY {self.key} HAVING {self.having}"
        return f"SELECT {self.answers} FROM ({groups})"


@dataclass(frozen=True)
class Figure:
    """One figure of one report: `part` as it is, or in percent of `of`. A `text` is no number: of
    two numbers of orders it is a word."""

    report: Report
    name: str
    item: Item
    part: Place
    of: Place | None = None
    text: bool = False
    finding: bool = False


@dataclass
class Scans:
    """The questions to one table, and how figures are put together from the answers.

    `grains` are scan -> expression -> alias, `inner` expressions over one order -> alias,
    `different` (value, test) -> alias of those of the scan `whole` that count different values, and
    `keys` scans of keys that must not repeat.
    """

    shape: Relation
    context: Mapping[str, str]
    reports: Sequence[Report] = ()
    grains: dict[str, dict[str, str]] = field(default_factory=dict)
    inner: dict[str, str] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    different: dict[tuple[str, str], str] = field(default_factory=dict)
    keys: dict[str, Groups] = field(default_factory=dict)

    def ask(self, grain: str, sql: str) -> Place:
        sql = filled(sql, self.context)
        aliases = self.grains.setdefault(grain, {})
        return Place(grain, aliases.setdefault(sql, f"m{len(aliases)}"))

    def records(self) -> Place:
        """How many rows the table has."""
        return self.ask("rows", RECORDS)

    def ask_different(self, value: str, present: str) -> Place:
        """How many different values the rows have for which the test is true."""
        value, present = filled(value, self.context), filled(present, self.context)
        place = self.ask("whole", f"count(DISTINCT {value}) FILTER ({present})")
        self.different[value, present] = place.alias
        return place

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
    """The scans that answer `reports` on a table.

    `context` fills `{region}` and `{newest}`, both SQL literals.
    """
    reports = list(reports)
    scans = Scans(shape, context, reports)
    # How many rows a table has is asked even where no report applies to it.
    scans.records()
    for report in reports:
        records = Item(name="record_count")
        scans.figures.append(Figure(report, records.name, records, scans.records()))
        for item in report.items:
            figures_of = FIGURES_OF.get(type(item))
            if figures_of is not None and applies(item, shape.tags):
                scans.figures += figures_of(scans, report, item)
        if report.unknown:
            unknown = Item(name="not_evaluated_count")
            place = scans.ask("rows", _unknown(report.unknown))
            scans.figures.append(Figure(report, unknown.name, unknown, place))
    return scans


def _count_figures(scans: Scans, report: Report, item: Count) -> Iterator[Figure]:
    counted = scans.ask("rows", counting(count_test(item)))
    yield Figure(report, f"{item.name}_count", item, counted, finding=item.finding)
    if item.share:
        judged = scans.ask("rows", _judged(item))
        yield Figure(report, f"{item.name}_pct", item, counted, judged)


def _values_figures(scans: Scans, report: Report, item: Values) -> Iterator[Figure]:
    names = scans.shape.values[item.tag]
    hits = scans.ask("rows", " + ".join(counting(value_test(item, name)) for name in names))
    yield Figure(report, f"{item.name}_count", item, hits, finding=item.finding)
    if item.share:
        values = scans.ask("rows", " + ".join(counting(f"NOT {name}_missing") for name in names))
        whole = scans.records() if item.of_rows else values
        yield Figure(report, f"{item.name}_pct", item, hits, whole)


def _total_figures(scans: Scans, report: Report, item: Total) -> Iterator[Figure]:
    yield Figure(report, item.name, item, scans.ask("rows", item.sql))


def _whole_figures(scans: Scans, report: Report, item: Whole) -> Iterator[Figure]:
    place = scans.ask("whole", item.sql)
    yield Figure(report, item.name, item, place, finding=item.finding)


def _unique_figures(scans: Scans, report: Report, item: Unique) -> Iterator[Figure]:
    place = _unique(scans, item)
    yield Figure(report, item.name, item, place, finding=item.finding)
    if item.share:
        yield Figure(report, item.share, item, place, scans.records())


def _orders_figures(scans: Scans, report: Report, item: Orders) -> Iterator[Figure]:
    is_chosen = scans.per_order(item.when)
    if not item.rows:
        orders = scans.ask("orders", f"count(*) FILTER ({is_chosen})")
        yield Figure(report, item.name, item, orders, finding=item.finding)
        return
    rows = scans.per_order(counting(item.rows))
    rows_of_chosen = scans.ask("orders", f"coalesce(sum({rows}) FILTER ({is_chosen}), 0)")
    yield Figure(report, item.name, item, rows_of_chosen, finding=item.finding)
    all_rows = scans.ask("rows", counting(item.rows))
    yield Figure(report, item.share, item, rows_of_chosen, all_rows)


def _ratio_figures(scans: Scans, report: Report, item: Ratio) -> Iterator[Figure]:
    part, whole = (
        scans.ask("orders", f"count(*) FILTER ({scans.per_order(test)})")
        for test in (item.part, item.whole)
    )
    yield Figure(report, item.name, item, part, whole, text=True)


def _listing_figures(scans: Scans, report: Report, item: Listing) -> Iterator[Figure]:
    place = scans.ask(f"list {item.column}", _listing(item))
    if item.show == "top_share":
        yield Figure(report, item.name, item, place, scans.records())
    else:
        yield Figure(report, item.name, item, place, text=True)


def _keys_figures(scans: Scans, report: Report, item: Keys) -> Iterator[Figure]:
    grain = f"keys {item.name}"
    scans.keys[grain] = _repeated(scans.shape, item)
    yield Figure(report, item.name, item, Place(grain, "m0"), finding=item.finding)


# Kind of declared figure -> what it asks. Figures over several tables and of the load log are not
# among them: `summary` and `run` compute those.
FIGURES_OF: dict[type[Item], Callable[[Scans, Report, Any], Iterator[Figure]]] = {
    Count: _count_figures,
    Values: _values_figures,
    Total: _total_figures,
    Whole: _whole_figures,
    Unique: _unique_figures,
    Orders: _orders_figures,
    Ratio: _ratio_figures,
    Listing: _listing_figures,
    Keys: _keys_figures,
}


def counting(test: str) -> str:
    """An aggregate that counts the rows of which the test is true.

    Half the work of a count with a filter. Of unknowns alone the engine's would be unknown.
    """
    return f"coalesce(count_if({test}), 0)"


def _unknown(columns: Sequence[str]) -> str:
    """How many rows lack one of the columns."""
    if len(columns) == 1:
        return f"{RECORDS} - count({columns[0]})"
    return counting(" OR ".join(f"{column} IS NULL" for column in columns))


def _judged(item: Count) -> str:
    """How many rows a Count can judge.

    Written so that rows it cannot judge are counted once for all figures.
    """
    if item.scope != "TRUE":
        return counting(item.judged)
    return f"{RECORDS} - ({_unknown(item.fields)})" if item.fields else RECORDS


def count_test(item: Count) -> str:
    """The rows that a Count counts."""
    return f"({item.when})" if item.judged == "TRUE" else f"{item.judged} AND ({item.when})"


def value_test(item: Values, name: str) -> str:
    """The rows whose value `name` a Values figure counts."""
    return f"NOT {name}_missing AND ({item.when.replace('{v}', name)})"


def comparable(column: str, name: str) -> str:
    """A value as it is compared between records.

    An address in lower case, a number as `semantics.phone_plans` compares it.
    """
    if column == "email":
        return f"lower(trim({name}))"
    return f"phone_as_compared({name}, {name}_digits)" if column == "phone" else name


def _unique(scans: Scans, item: Unique) -> Place:
    names = scans.shape.values.get(item.column)
    if _is_listed(scans, item.column):
        return scans.ask(f"list {item.column}", "(SELECT count(*) FROM listed)")
    if names is None:
        return scans.ask_different(item.column, f"NOT {item.column}_missing")
    if len(names) == 1:
        value = comparable(item.column, names[0])
        return scans.ask_different(value, f"NOT {names[0]}_missing AND {value} <> ''")
    return scans.ask(f"values {item.column}", "count(DISTINCT value)")


def _is_listed(scans: Scans, column: str) -> bool:
    """Whether some report lists the values of the column, which are then grouped anyway."""
    items = [item for report in scans.reports for item in report.items]
    return any(isinstance(item, Listing) and item.column == column for item in items)


def _listing(item: Listing) -> str:
    if item.show == "top":
        return "(SELECT arg_max(value, (n, value)) FROM listed)"
    if item.show == "top_share":
        return "(SELECT coalesce(max(n), 0) FROM listed)"
    shown = "value || ': ' || n" if item.show == "all" else "value"
    order = "n DESC, value" if item.show == "all" else "value"
    kept = ""
    if item.allowed:
        allowed = ", ".join(map(quote_literal, item.allowed))
        kept = f" WHERE trim(value) NOT IN ({allowed})"
    rest = f"', and ' || (count(*) - {LISTED}) || ' more'"
    return (
        f"(SELECT string_agg({shown}, ', ' ORDER BY {order}) FILTER (place <= {LISTED})"
        f" || CASE WHEN count(*) > {LISTED} THEN {rest} ELSE '' END"
        f" FROM (SELECT *, row_number() OVER (ORDER BY {order}) AS place FROM listed{kept}))"
    )


def _repeated(shape: Relation, item: Keys) -> Groups:
    """How many keys fulfil the condition.

    Rows are grouped by two hashes of the key, 128 bits, instead of the key itself, which would have
    to be kept in memory: that two keys share both is out of the question.
    """
    key = [*item.key, *(name for name in item.optional if name in shape.columns)]
    hashes = f"hash({', '.join(key)}), hash({', '.join(reversed(key))}, 1)"
    inner = shape.sql("{source}", [*key, item.where, item.having])
    rows = f"SELECT * FROM ({inner}) WHERE {item.where}"
    return Groups(rows, hashes, "1", "count(*) AS m0", item.having)


def queries(scans: Scans, source: str) -> dict[str, str]:
    """Scan -> its SQL over the bound table `source`.

    The scan `rows` has one row per day, every other one a single row.
    """
    by_grain: dict[str, str] = {}
    for grain, expressions in scans.grains.items():
        kind, _, column = grain.partition(" ")
        answers_sql = _aliased(expressions)
        if kind == "rows":
            by_grain[grain] = rows_by_day(scans, source)
        elif kind == "orders":
            by_grain[grain] = orders(scans).sql().replace("{source}", source)
        elif kind == "values":
            by_grain[grain] = f"SELECT {answers_sql} FROM ({all_values(scans, source, column)})"
        elif kind == "list":
            by_grain[grain] = listings(scans, grain, value_counts(scans, source, column))
        else:
            by_grain[grain] = f"SELECT {answers_sql} FROM ({scans.shape.sql(source, expressions)})"
    for grain, groups in scans.keys.items():
        by_grain[grain] = groups.sql().replace("{source}", source)
    return {grain: filled(sql, scans.context) for grain, sql in by_grain.items()}


def _aliased(expressions: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} AS {alias}" for sql, alias in expressions.items())


def rows_by_day(scans: Scans, source: str) -> str:
    """The scan `rows`: what adds up, by day."""
    expressions = scans.grains["rows"]
    day, _ = day_sql(scans.shape)
    inner = scans.shape.sql(source, expressions, [f"{day} AS day"])
    answers_sql = _aliased(expressions)
    return f"SELECT day, {answers_sql} FROM ({inner}) GROUP BY day ORDER BY day NULLS FIRST"


def orders(scans: Scans) -> Groups:
    """The scan `orders`: what is asked of the rows of an order, and of all orders."""
    inner = scans.shape.sql("{source}", [*scans.inner, "order_id order_id_missing"])
    rows = f"SELECT * FROM ({inner}) WHERE NOT order_id_missing"
    return Groups(rows, "order_id", _aliased(scans.inner), _aliased(scans.grains["orders"]))


def all_values(scans: Scans, source: str, tag: str) -> str:
    """The column `value`: those of all columns with the tag, one below the other."""
    selects = []
    for name in scans.shape.values[tag]:
        value = comparable(tag, name)
        inner = scans.shape.sql(source, [value, f"{name}_missing"])
        present = f"NOT {name}_missing AND {value} <> ''"
        selects.append(f"SELECT {value} AS value FROM ({inner}) WHERE {present}")
    return " UNION ALL ".join(selects)


def value_counts(scans: Scans, source: str, column: str) -> str:
    """`value`, `n`: the different values of a text column with their rows."""
    inner = scans.shape.sql(source, [column, f"{column}_missing"])
    values = f"SELECT {column} AS value, count(*) AS n FROM ({inner})"
    return f"{values} WHERE NOT {column}_missing GROUP BY ALL"


def listings(scans: Scans, grain: str, counts: str) -> str:
    """What a scan `list …` asks of the counts of values."""
    answers_sql = _aliased(scans.grains[grain])
    return f"WITH listed AS MATERIALIZED ({counts}) SELECT {answers_sql}"


Answers = Mapping[str, Mapping[str, Any]]


def value_of(figure: Figure, answers: Answers) -> Any:
    """The figure's value: a number, a text, or None where there was nothing to divide by."""
    part = answers[figure.part.grain].get(figure.part.alias)
    if figure.of is None or part is None:
        return part
    whole = answers[figure.of.grain].get(figure.of.alias)
    return _word(figure.item, part, whole) if isinstance(figure.item, Ratio) else pct(part, whole)


def _word(item: Ratio, part: Any, whole: Any) -> str | None:
    """The word for this share; None of nothing."""
    if not whole:
        return None
    high, low = item.words
    return high if part >= Decimal(str(item.least)) * whole else low


def pct(part: Any, whole: Any) -> float | None:
    """`part` of `whole` in percent to three places, halves away from zero; None of nothing."""
    if not whole:
        return None
    # As SQL rounds; Python's `round` takes halves to the even digit.
    thousandths = math.floor(100_000.0 * float(part) / float(whole) + 0.5)
    return thousandths / 1000


def added(days: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answers of the whole table from those of its days: what the scan `rows` asks adds up."""
    total: dict[str, Any] = {}
    for day in days:
        for alias, value in day.items():
            total[alias] = total.get(alias, 0) + value
    return total
