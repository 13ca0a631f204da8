"""Who of the whole list that a receiver has is left out of the next one, and why.

A whole list takes the place of the one before. Of changes each row says what becomes of somebody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from c360_assets.segments.audience import Accounting, Campaign
from c360_assets.segments.send_record import NotDueError, SendRecord
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal
from c360_assets.wording import counted

GONE = "no_longer_in_the_audience"
TOO_RECENT = "too_recent"

# Under whatever id somebody is in the audience now.
LEFT_OUT = """
    WITH of_list AS (
        SELECT DISTINCT amperity_id FROM campaign_recipients
        WHERE {receiver} AND delivery = {delivery} AND action = 'add'
            AND delivery_datetime IS NOT NULL
    ), ids AS (
        SELECT amperity_id, amperity_id AS now FROM of_list
        UNION SELECT l.amperity_id, v.later_id
        FROM of_list AS l JOIN moved AS v ON v.earlier_id = l.amperity_id
    )
    SELECT reason, count(*) FROM (
        SELECT i.amperity_id, CASE WHEN bool_or(d.status = 'sent') THEN 'sent'
            ELSE coalesce(min(d.status), {gone}) END AS reason
        FROM ids AS i LEFT JOIN decided AS d ON d.amperity_id = i.now
        GROUP BY i.amperity_id
    ) WHERE reason <> 'sent' GROUP BY reason ORDER BY reason
"""


@dataclass(frozen=True)
class ListBefore:
    """The list that a receiver has, by its `delivery`; 0 where it has none.

    `left_out`: reason -> people of it who are not in the next one.
    """

    delivery: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_only_held_back(self) -> bool:
        """Whether all who are left out fit as before, and got it too short a time ago."""
        return self.left_out.keys() <= {TOO_RECENT}

    def __str__(self) -> str:
        reasons = ", ".join(
            f"{reason.replace('_', ' ')} {people:,}" for reason, people in self.left_out.items()
        )
        people = counted(sum(self.left_out.values()), "person", "people")
        return f"{people} of the list before (delivery {self.delivery}) not in it: {reasons}"


def list_before(session: Session, campaign: Campaign, last: SendRecord | None) -> ListBefore:
    """What the next list takes the place of; `decided` is that of this session.

    `last` is the last delivery that the receiver took.
    """
    if last is None or campaign.config.mode != "full" or not last.is_whole_list:
        return ListBefore()
    rows = session.rows(
        LEFT_OUT.format(
            receiver=last.receiver_sql, delivery=last.delivery, gone=quote_literal(GONE)
        )
    )
    return ListBefore(last.delivery, dict(rows))


def check_somebody_is_due(campaign: Campaign, before: ListBefore, numbers: Accounting) -> None:
    """Raises NotDueError where the next list would be empty only because everybody got the last one
    too short a time ago: the receiver keeps what it has.
    """
    if campaign.config.mode != "full" or numbers.sent or not numbers.too_recent:
        return
    if not before.delivery or not before.is_only_held_back:
        return
    held_back = counted(numbers.too_recent, "person", "people")
    raise NotDueError(
        f"campaign {campaign.name} has nobody to send to: {held_back} got it less than "
        f"{campaign.config.not_more_often_than} ago; the receiver keeps delivery {before.delivery}"
    )
