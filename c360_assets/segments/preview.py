"""What a list would look like before it is sent: attributes that are missing, rows beyond people,
and the smallest effect that groups of this size can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from c360_assets.segments.audience import Accounting, Campaign, attribute_columns
from c360_assets.segments.campaign_send import opened_for
from c360_assets.segments.results import WINDOW_DAYS, smallest_lift
from c360_assets.warehouse.session import Session

BOUGHT_LATELY = """
    SELECT count(DISTINCT o.amperity_id) FILTER (WHERE o.amperity_id IS NOT NULL)
        / greatest(count(DISTINCT d.amperity_id), 1)
    FROM decided AS d
    LEFT JOIN (
        SELECT amperity_id FROM published.main.unified_transactions, published.main.run_context
        WHERE is_purchase_order AND CAST(order_datetime AS DATE) > as_of - {days}
            AND CAST(order_datetime AS DATE) <= as_of
    ) AS o ON o.amperity_id = d.amperity_id
    WHERE d.status IN ('sent', 'control')
"""


@dataclass(frozen=True)
class Expected:
    """`missing`: attribute -> people who are sent without it. `expansion`: rows beyond people."""

    missing: Mapping[str, int]
    expansion: int
    conversion: float
    window_days: int
    smallest_lift: float | None


def expected(session: Session, campaign: Campaign, numbers: Accounting) -> Expected:
    """`decided` is that of this session."""
    columns = attribute_columns(campaign)
    with opened_for(session, campaign):
        counts = ", ".join(f"count(*) FILTER (WHERE {sql} IS NULL)" for _, sql in columns)
        ((rows, *missing),) = session.rows(
            f"SELECT count(*), {counts} FROM decided AS d "
            "JOIN published.customer_360 AS p USING (amperity_id) WHERE d.status = 'sent'"
        )
        ((conversion,),) = session.rows(BOUGHT_LATELY.format(days=WINDOW_DAYS))
    names = [name for name, _ in columns]
    measured_control = numbers.control - numbers.held_out_merged
    return Expected(
        {name: count for name, count in zip(names, missing, strict=True) if count},
        rows - numbers.sent,
        float(conversion or 0.0),
        WINDOW_DAYS,
        smallest_lift(numbers.sent, measured_control, float(conversion or 0.0)),
    )
