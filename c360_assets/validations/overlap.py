"""What tables have in common: which has which of the others' e-mails, phones and order ids.

One pass over each kind: every different value is grouped once, with the set of tables that have it;
everything else is counted on those sets, of which there are few. Exact, whatever the number of
tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.validations.compile import comparable, pct
from c360_assets.validations.declarations import Across
from c360_assets.validations.phones import prepare_functions
from c360_assets.validations.relation import Relation, relation
from c360_assets.warehouse.session import Session

OVERLAP = pl.Schema(
    {"semantic": pl.String, "datasource": pl.String, "other": pl.String, "shared_count": pl.Int64}
)


@dataclass
class Common:
    """How many different values of one kind tables have.

    `own` of each, `every` of all together, `exclusive` to one of them, `pairs` of any two; `rows`
    is how many rows the tables have together.
    """

    own: dict[str, int] = field(default_factory=dict)
    every: int = 0
    exclusive: dict[str, int] = field(default_factory=dict)
    pairs: dict[tuple[str, str], int] = field(default_factory=dict)
    rows: int = 0

    def figure(self, item: Across, table: str) -> float | None:
        """The value of a declared figure for one of the tables."""
        if item.show == "all_share":
            return pct(self.every, self.rows)
        if item.show == "all":
            return float(self.every)
        exclusive = self.exclusive.get(table, 0)
        if item.show == "exclusive":
            return float(exclusive)
        return float(self.own.get(table, 0) - exclusive)

    def overlap(self, semantic: str) -> pl.DataFrame:
        """The matrix as rows: for each ordered pair of tables, the values that both have.

        A table with itself has its own.
        """
        rows = [(semantic, table, other, count) for (table, other), count in self.pairs.items()]
        matrix = pl.DataFrame(rows, schema=OVERLAP, orient="row")
        return matrix.sort("semantic", "datasource", "other")

    def add(self, holders: Sequence[str], count: int) -> None:
        """Note `count` more values that exactly the tables `holders` have."""
        self.every += count
        for table in holders:
            self.own[table] = self.own.get(table, 0) + count
            for other in holders:
                self.pairs[table, other] = self.pairs.get((table, other), 0) + count
        if len(holders) == 1:
            (table,) = holders
            self.exclusive[table] = self.exclusive.get(table, 0) + count


def alone(table: str, own: int, rows: int) -> Common:
    """What a table without another to compare with has: `own` values, as its reports counted."""
    return Common({table: own}, own, {table: own}, {(table, table): own}, rows)


def compare(session: Session, tenant: Tenant, tables: Sequence[SourceTable], column: str) -> Common:
    """Compare the values of `column` between `tables`, which all have it.

    `column` is `email`, `phone` or a text column of transactions.
    """
    prepare_functions(session, tenant)
    common = Common()
    selects: list[str] = []
    for number, table in enumerate(tables):
        state = session.state(table.asset)
        bound = f"_c360_across_{number}"
        session.bind(table.asset, bound)
        common.rows += state.rows if state else 0
        shape = relation(table, state.columns if state else None)
        selects += _value_selects(shape, bound, column, number)
    if not selects:
        return common
    sets = (
        f"SELECT bitstring_agg(place, 0, {max(len(tables) - 1, 1)}) AS places"
        f" FROM ({' UNION ALL '.join(selects)}) WHERE value <> '' GROUP BY value"
    )
    counts = session.rows(
        f"SELECT places::VARCHAR, count(*) FROM ({sets}) GROUP BY ALL ORDER BY ALL"
    )
    for places, count in counts:
        # One character for each table, and one more where there is a single table.
        has_value = zip(tables, places, strict=False)
        common.add([table.name for table, bit in has_value if bit == "1"], count)
    return common


def _value_selects(shape: Relation, source: str, column: str, number: int) -> list[str]:
    """SELECTs of the values of one table, with its `number` as their place."""
    selects = []
    for name in shape.values.get(column, [column]):
        value = comparable(column, name)
        inner = shape.sql(source, [value, f"{name}_missing"])
        chosen = f"SELECT {number} AS place, {value} AS value"
        selects.append(f"{chosen} FROM ({inner}) WHERE NOT {name}_missing")
    return selects
