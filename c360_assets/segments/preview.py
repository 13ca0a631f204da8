"""What a send would do before it is done: people by what becomes of them, what keeps it from being
sent, attributes that are missing, and the smallest effect that groups of this size can show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from c360_assets.errors import C360Error
from c360_assets.segments.audience import (
    Accounting,
    Campaign,
    accounting,
    attribute_columns,
    decide,
)
from c360_assets.segments.campaign_send import (
    check_limits,
    delivery_of,
    make_leaving,
    opened_for,
    the_list_before,
)
from c360_assets.segments.consent_state import consent_problems
from c360_assets.segments.consent_words import check_words
from c360_assets.segments.list_before import ListBefore, check_somebody_is_due
from c360_assets.segments.results import WINDOW_DAYS, smallest_lift
from c360_assets.segments.send_record import SendRecord, check_turn, last_send
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


@dataclass(frozen=True)
class PreviewedSend:
    """What a send to one receiver would do. `refused`: why it would not be made now; the figures
    are those of a send all the same.
    """

    destination: str
    accounting: Accounting
    added: int
    removed: int
    before: ListBefore
    refused: list[str]
    expected: Expected


def preview(
    session: Session, campaign: Campaign, day: date, *, now: datetime | None = None
) -> list[PreviewedSend]:
    """What a send would do now, for each of its receivers. Commits nothing.

    `day` is that by which feeds are late.
    """
    moment = now or datetime.now(UTC)
    problems = consent_problems(session, campaign, day)
    with opened_for(session, campaign):
        return [
            _of_receiver(session, campaign, destination, moment, problems)
            for destination in campaign.config.destination
        ]


def _of_receiver(
    session: Session, campaign: Campaign, destination: str, moment: datetime, problems: list[str]
) -> PreviewedSend:
    decide(session, campaign, destination, moment)
    last = last_send(session, campaign, destination)
    numbers = accounting(session)
    before = the_list_before(session, campaign, destination)
    make_leaving(session, campaign, delivery_of(campaign, destination, last))
    counts = dict(session.rows("SELECT action, count(*) FROM leaving GROUP BY action"))
    refused = list(_refusals(session, campaign, last, moment, before, numbers))
    return PreviewedSend(
        destination,
        numbers,
        counts.get("add", 0),
        counts.get("remove", 0),
        before,
        [*problems, *refused],
        _expected(session, campaign, numbers),
    )


def _refusals(
    session: Session,
    campaign: Campaign,
    last: SendRecord | None,
    moment: datetime,
    before: ListBefore,
    numbers: Accounting,
) -> Iterator[str]:
    """What the checks of a send say, each asked for itself."""
    checks: list[Callable[[], None]] = [
        lambda: check_turn(campaign, last, moment),
        lambda: check_limits(session, campaign),
        lambda: check_words(session, campaign),
    ]
    if last is None or last.state == "sent":
        checks.append(lambda: check_somebody_is_due(campaign, before, numbers))
    for check in checks:
        try:
            check()
        except C360Error as error:
            yield str(error)


def _expected(session: Session, campaign: Campaign, numbers: Accounting) -> Expected:
    columns = attribute_columns(campaign)
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
