"""Sizes of segments, what their people bought, and how many people each two have in common.

All from one pass over the people in blocks: the answers as a matrix, multiplied with itself and
with the figures of the people. Whole numbers below 2**53 stay exact in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

BLOCK_ROWS = 100_000
FIGURES = (
    "active",
    "cents",
    "orders",
    "units",
    "reachable_email",
    "reachable_phone",
    "reachable_post",
)
# What each person bought in the 12 months to the day, both ends counted.
BOUGHT = """
    SELECT
        amperity_id,
        1 AS active,
        count(*) AS orders,
        sum(coalesce(order_quantity, 0) + coalesce(order_returned_quantity, 0)
            + coalesce(order_canceled_quantity, 0)) AS units,
        sum(CAST(round(100 * (coalesce(order_revenue, 0) + coalesce(order_returned_revenue, 0)
            + coalesce(order_canceled_revenue, 0))) AS BIGINT)) AS cents
    FROM unified_transactions
    WHERE amperity_id IS NOT NULL AND is_purchase_order
        AND CAST(order_datetime AS DATE) >= CAST({day} - INTERVAL 12 MONTH AS DATE)
        AND CAST(order_datetime AS DATE) <= {day}
    GROUP BY amperity_id
"""
PEOPLE_WITH_FIGURES = """
    SELECT {segments}, {figures}
    FROM {source} AS wide
    LEFT JOIN ({bought}) AS bought ON bought.amperity_id = wide.amperity_id
    LEFT JOIN (
        SELECT amperity_id, contactable_email AS reachable_email,
            contactable_phone AS reachable_phone, contactable_address AS reachable_post
        FROM customer_attributes
    ) AS reach ON reach.amperity_id = wide.amperity_id
"""
SIZES: dict[str, Any] = {
    "segment": pl.String,
    "day": pl.Date,
    "people": pl.Int64,
    "active_12m": pl.Int64,
    "net_revenue_12m": pl.Decimal(38, 2),
    "orders_12m": pl.Int64,
    "units_12m": pl.Int64,
    "revenue_per_customer": pl.Float64,
    "orders_per_customer": pl.Float64,
    "average_order_value": pl.Float64,
    "units_per_order": pl.Float64,
    "average_unit_revenue": pl.Float64,
    "reachable_email": pl.Int64,
    "reachable_phone": pl.Int64,
    "reachable_post": pl.Int64,
}
OVERLAP: dict[str, Any] = {
    "segment": pl.String,
    "other_segment": pl.String,
    "day": pl.Date,
    "people": pl.Int64,
    "jaccard": pl.Float64,
}


@dataclass(frozen=True)
class Measured:
    """Frames of one day: `sizes` without who came and went, and `overlap`."""

    sizes: pl.DataFrame
    overlap: pl.DataFrame


def measure(session: Session, source: str, segments: Sequence[str], day: date) -> Measured:
    """Count the segments, which are boolean columns of the table `source` with one row a person."""
    if not segments:
        return Measured(pl.DataFrame(schema=SIZES), pl.DataFrame(schema=OVERLAP))
    together, sums = _multiplied(session, source, segments, day)
    sizes = [
        _size_row(name, day, together[place, place], sums[place])
        for place, name in enumerate(segments)
    ]
    pairs = []
    for i, first in enumerate(segments):
        for j in range(i + 1, len(segments)):
            shared = int(together[i, j])
            if shared:
                either = int(together[i, i] + together[j, j]) - shared
                names = sorted((first, segments[j]))
                pairs.append((*names, day, shared, shared / either))
    return Measured(
        pl.DataFrame(sizes, schema=SIZES, orient="row"),
        pl.DataFrame(pairs, schema=OVERLAP, orient="row").sort("segment", "other_segment"),
    )


def _multiplied(
    session: Session, source: str, segments: Sequence[str], day: date
) -> tuple[np.ndarray, np.ndarray]:
    """People by pair of segments, and the sum of each figure by segment."""
    together = np.zeros((len(segments), len(segments)), dtype=np.int64)
    sums = np.zeros((len(segments), len(FIGURES)))
    query = PEOPLE_WITH_FIGURES.format(
        segments=", ".join(f"wide.{quote_ident(name)}" for name in segments),
        figures=", ".join(f"coalesce({name}::DOUBLE, 0) AS figure_{name}" for name in FIGURES),
        source=source,
        bought=BOUGHT.format(day=f"DATE '{day.isoformat()}'"),
    )
    reader = session.con.sql(query).to_arrow_reader(BLOCK_ROWS)
    for block in reader:
        # Not by Arrow's own `to_numpy`, which imports pandas, nor column by column, by which Polars
        # imports what Arrow computes with.
        columns = [column.to_numpy() for column in pl.DataFrame(block).get_columns()]
        answers = np.stack(columns[: len(segments)], axis=1)
        figures = np.stack(columns[len(segments) :], axis=1)
        # Below 2**24 rows a block, sums of ones are exact in single precision, at twice the speed.
        ones = answers.astype(np.float32)
        together += (ones.T @ ones).astype(np.int64)
        sums += answers.astype(np.float64).T @ figures
    return together, sums


def _size_row(name: str, day: date, people: int, sums: np.ndarray) -> tuple[object, ...]:
    figures = dict(zip(FIGURES, (int(value) for value in sums), strict=True))
    revenue = figures["cents"] / 100
    return (
        name,
        day,
        int(people),
        figures["active"],
        Decimal(figures["cents"]).scaleb(-2),
        figures["orders"],
        figures["units"],
        _per(revenue, figures["active"]),
        _per(figures["orders"], figures["active"]),
        _per(revenue, figures["orders"]),
        _per(figures["units"], figures["orders"]),
        _per(revenue, figures["units"]),
        figures["reachable_email"],
        figures["reachable_phone"],
        figures["reachable_post"],
    )


def _per(amount: float, count: int) -> float | None:
    return amount / count if count else None
