"""What tables have in common: for e-mail addresses, phone numbers and order ids, which table has
which of the others' values.

One pass over each kind: every different value is grouped once, with the set of tables that have it;
everything else is counted on those sets, of which there are few. Exact, whatever the number of
tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from c360_assets.semantics.validity import VALIDITY_MACROS
from c360_assets.tenant.models import SourceTable
from c360_assets.validations.compile import comparable, pct
from c360_assets.validations.declarations import Across
from c360_assets.validations.relation import relation
from c360_assets.warehouse.session import Session

OVERLAP = pl.Schema(
    {"semantic": pl.String, "datasource": pl.String, "other": pl.String, "shared_count": pl.Int64}
)


@dataclass
class Common:
    """How many different values of one kind tables have: each, all together, alone, with another,
    and any two of them.
    """

    own: dict[str, int] = field(default_factory=dict)
    every: int = 0
    exclusive: dict[str, int] = field(default_factory=dict)
    pairs: dict[tuple[str, str], int] = field(default_factory=dict)
    rows: int = 0

    def figure(self, item: Across, table: str) -> float | None:
        """The value of a declared figure for one of the tables."""
        own, exclusive = self.own.get(table, 0), self.exclusive.get(table, 0)
        if item.show == "all_share":
            return pct(self.every, self.rows)
        return float(
            {"all": self.every, "exclusive": exclusive, "shared": own - exclusive}[item.show]
        )

    def overlap(self, semantic: str) -> pl.DataFrame:
        """The matrix as rows: for each ordered pair of tables, the values that both have; a table
        with itself, its own.
        """
        rows = [(semantic, a, b, n) for (a, b), n in self.pairs.items()]
        return pl.DataFrame(rows, schema=OVERLAP, orient="row").sort(
            "semantic", "datasource", "other"
        )


def alone(table: str, own: int, rows: int) -> Common:
    """What a table without another to compare with has: its `own` values, as its reports counted
    them.
    """
    return Common({table: own}, own, {table: own}, {(table, table): own}, rows)


def compare(session: Session, tables: Sequence[SourceTable], column: str) -> Common:
    """Compare the values of `column` (`email`, `phone` or a text column of transactions) between
    `tables`, which all have it.
    """
    for macro in VALIDITY_MACROS:
        session.execute(macro)
    found = Common()
    parts = []
    for number, table in enumerate(tables):
        state = session.state(table.asset)
        shape = relation(table, state.columns if state else None)
        name = f"_c360_across_{number}"
        session.bind(table.asset, name)
        found.rows += state.rows if state else 0
        for value in shape.values.get(column, [column]):
            inner = shape.sql(name, [comparable(column, value), f"{value}_missing"])
            chosen = f"SELECT {number} AS place, {comparable(column, value)} AS value"
            parts.append(f"{chosen} FROM ({inner}) WHERE NOT {value}_missing")
    if not parts:
        return found
    sets = (
        f"SELECT bitstring_agg(place, 0, {max(len(tables) - 1, 1)}) AS places FROM ({' UNION ALL '.join(parts)})"
        " WHERE value <> '' GROUP BY value"
    )
    for places, count in session.rows(
        f"SELECT places::VARCHAR, count(*) FROM ({sets}) GROUP BY ALL ORDER BY ALL"
    ):
        holders = [table.name for table, bit in zip(tables, places, strict=False) if bit == "1"]
        found.every += count
        for one in holders:
            found.own[one] = found.own.get(one, 0) + count
            for other in holders:
                found.pairs[one, other] = found.pairs.get((one, other), 0) + count
        if len(holders) == 1:
            found.exclusive[holders[0]] = found.exclusive.get(holders[0], 0) + count
    return found
