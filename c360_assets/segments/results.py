"""What a campaign brought: people who bought within some days of it, treated against control, each
difference with an interval.

Orders are those of the published database, by the id that somebody has there: who was sent under an
id that ended since is measured under the one that has most of its records. Who stands on both
sides, as people were merged or the share of control was changed, is no part of it, and is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from c360_assets.segments.audience import CONTROL, MOVED_RECORDS, Campaign
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal

WINDOW_DAYS = 7
Z_95 = 1.959964
POWER_80 = 0.841621

# Each person once, under the id of today.
SIDES = """
    SELECT coalesce(l.later_id, r.amperity_id) AS amperity_id,
        arg_min(r.treatment_name, r.launch_datetime) AS treatment_name,
        bool_or(r.is_control) AS is_control, min(r.launch_datetime) AS launch_datetime,
        bool_and(r.is_measured) AND count(DISTINCT r.is_control) = 1 AS is_on_one_side
    FROM campaign_recipients AS r
    LEFT JOIN (
        SELECT before AS earlier_id, now AS later_id FROM ({moved_records}) AS m
        ANTI JOIN published.main.customer_360 AS living ON living.amperity_id = m.before
        GROUP BY before, now
        QUALIFY row_number() OVER (PARTITION BY before ORDER BY count(*) DESC, now) = 1
    ) AS l ON l.earlier_id = r.amperity_id
    WHERE campaign_name = {campaign} AND (
        NOT is_measured OR is_control OR (action = 'add' AND delivery_datetime IS NOT NULL))
    GROUP BY ALL
"""
# From the first delivery, orders of its day and the days after it.
PEOPLE = """
    SELECT
        treatment_name, is_control, r.amperity_id,
        count(o.order_id) > 0 AS has_bought,
        coalesce(sum(o.revenue), 0)::DOUBLE AS revenue,
        CAST(r.launch_datetime AS DATE) + {days}
            > (SELECT as_of + 1 FROM published.main.run_context)
            AS is_unfinished
    FROM sides AS r
    LEFT JOIN (
        SELECT amperity_id, order_id, order_datetime, order_revenue
            + coalesce(order_returned_revenue, 0) + coalesce(order_canceled_revenue, 0) AS revenue
        FROM published.main.unified_transactions
        WHERE is_purchase_order
    ) AS o ON o.amperity_id = r.amperity_id
        AND CAST(o.order_datetime AS DATE) >= CAST(r.launch_datetime AS DATE)
        AND CAST(o.order_datetime AS DATE) < CAST(r.launch_datetime AS DATE) + {days}
    WHERE is_on_one_side
    GROUP BY ALL
"""


@dataclass(frozen=True)
class Interval:
    """A figure with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class GroupResult:
    """What a treatment, or control, did; differences are against control, None without one."""

    treatment: str
    recipients: int
    purchasers: int
    conversion: Interval
    revenue: float
    revenue_per_recipient: Interval
    revenue_deviation: float
    incremental_purchasers: Interval | None
    incremental_revenue: Interval | None
    lift: Interval | None


@dataclass(frozen=True)
class Results:
    """`left_out_on_both_sides`: people who were control and sent. `unfinished`: people of whom days
    of the window are after the date of the published database, so that their orders are not all
    known yet."""

    campaign: str
    window_days: int
    groups: list[GroupResult]
    left_out_on_both_sides: int
    unfinished: int


@dataclass(frozen=True)
class _Sums:
    people: int
    purchasers: int
    revenue: float
    squares: float
    unfinished: int

    @property
    def conversion(self) -> float:
        return self.purchasers / self.people if self.people else 0.0

    @property
    def mean(self) -> float:
        return self.revenue / self.people if self.people else 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation of the revenue of a person."""
        if self.people < 2:
            return 0.0
        spread = self.squares - self.people * self.mean**2
        return math.sqrt(max(spread, 0.0) / (self.people - 1))


def results(session: Session, campaign: Campaign, days: int = WINDOW_DAYS) -> Results:
    """The session has the published file attached and `campaign_recipients` bound."""
    sides = SIDES.format(campaign=quote_literal(campaign.name), moved_records=MOVED_RECORDS)
    session.execute(f"CREATE OR REPLACE TEMP TABLE sides AS {sides}")
    people = PEOPLE.format(days=days)
    rows = session.rows(
        "SELECT CASE WHEN is_control THEN 'control' ELSE treatment_name END AS name, count(*), "
        "count(*) FILTER (WHERE has_bought), sum(revenue), sum(revenue * revenue), "
        "count(*) FILTER (WHERE is_unfinished) "
        f"FROM ({people}) GROUP BY 1 ORDER BY 1"
    )
    sums = {name: _Sums(*figures) for name, *figures in rows}
    control = sums.get(CONTROL)
    order = sorted(sums, key=lambda name: (name != CONTROL, name))
    ((merged,),) = session.rows("SELECT count(*) FROM sides WHERE NOT is_on_one_side")
    groups = [_group(name, sums[name], control) for name in order]
    unfinished = sum(one.unfinished for one in sums.values())
    return Results(campaign.name, days, groups, merged, unfinished)


def _group(name: str, sums: _Sums, control: _Sums | None) -> GroupResult:
    compared = control if name != CONTROL else None
    half = Z_95 * sums.deviation / math.sqrt(sums.people) if sums.people else 0.0
    return GroupResult(
        treatment=name,
        recipients=sums.people,
        purchasers=sums.purchasers,
        conversion=wilson(sums.purchasers, sums.people),
        revenue=sums.revenue,
        revenue_per_recipient=Interval(sums.mean, sums.mean - half, sums.mean + half),
        revenue_deviation=sums.deviation,
        incremental_purchasers=_times(_conversion_gain(sums, compared), sums.people),
        incremental_revenue=_times(_revenue_gain(sums, compared), sums.people),
        lift=_lift(sums, compared),
    )


def wilson(successes: int, people: int) -> Interval:
    """A share with its interval after Wilson, which holds for few people and shares near 0 too."""
    if not people:
        return Interval(0.0, 0.0, 1.0)
    share = successes / people
    z2 = Z_95**2 / people
    middle = (share + z2 / 2) / (1 + z2)
    half = Z_95 / (1 + z2) * math.sqrt(share * (1 - share) / people + z2 / (4 * people))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def _conversion_gain(treated: _Sums, control: _Sums | None) -> Interval | None:
    """The difference of two shares, with Newcombe's interval."""
    if control is None or not control.people:
        return None
    gain = treated.conversion - control.conversion
    own = wilson(treated.purchasers, treated.people)
    other = wilson(control.purchasers, control.people)
    low = math.hypot(own.value - own.low, other.high - other.value)
    high = math.hypot(own.high - own.value, other.value - other.low)
    return Interval(gain, gain - low, gain + high)


def _revenue_gain(treated: _Sums, control: _Sums | None) -> Interval | None:
    if control is None or not control.people:
        return None
    gain = treated.mean - control.mean
    variance = treated.deviation**2 / treated.people + control.deviation**2 / control.people
    half = Z_95 * math.sqrt(variance)
    return Interval(gain, gain - half, gain + half)


def _times(gain: Interval | None, people: int) -> Interval | None:
    if gain is None:
        return None
    return Interval(gain.value * people, gain.low * people, gain.high * people)


def _lift(treated: _Sums, control: _Sums | None) -> Interval | None:
    """The gain in conversion as a share of control's; None where control bought nothing."""
    gain = _conversion_gain(treated, control)
    if gain is None or control is None or not control.purchasers:
        return None
    base = control.conversion
    return Interval(gain.value / base, gain.low / base, gain.high / base)


def smallest_lift(treated: int, control: int, conversion: float) -> float | None:
    """The smallest relative gain in conversion that groups of these sizes show with 80 % power at a
    level of 5 %, where control converts at `conversion`. None where nobody or no one is compared.
    """
    if not treated or not control or not 0 < conversion < 1:
        return None
    variance = conversion * (1 - conversion) * (1 / treated + 1 / control)
    return (Z_95 + POWER_80) * math.sqrt(variance) / conversion
