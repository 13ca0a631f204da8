"""What destinations have of the published tables, for `c360 status`.

How they are sent to belongs to `customer_360.destinations`, lists of campaigns to `campaigns`.
"""

from __future__ import annotations

from dataclasses import dataclass

from c360_assets.customer_360.destinations import destination_recipes, due
from c360_assets.customer_360.publication.publish import published_facts
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session
from c360_assets.wording import counted


@dataclass(frozen=True)
class ReceiverStatus:
    """A destination of tables: rows by table that it was sent last, and whether that is what is
    published now. Before the first publication it lacks nothing.
    """

    name: str
    rows: dict[str, int]
    is_current: bool

    @property
    def received(self) -> str:
        """What it has; empty where it lacks what is published."""
        tables = ", ".join(f"{table} {counted(rows, 'row')}" for table, rows in self.rows.items())
        return f"{self.name} has what is published: {tables}" if tables and self.is_current else ""

    @property
    def lacks(self) -> str:
        """What it lacks and how it gets it; empty where it lacks nothing."""
        if self.is_current:
            return ""
        has = "an earlier publication" if self.rows else "nothing yet"
        return f"{self.name} lacks what is published and has {has}: `c360 send {self.name}`"


def receiver_statuses(session: Session, tenant: Tenant) -> list[ReceiverStatus]:
    """The destinations of tables in the order of destinations.yaml."""
    lacking = due(session, tenant)
    statuses = []
    for recipe in destination_recipes(tenant):
        is_published = bool(published_facts(session, recipe.config.database))
        is_current = recipe.name not in lacking or not is_published
        rows = dict(recipe.received(session).get("rows", {}))
        statuses.append(ReceiverStatus(recipe.name, rows, is_current))
    return statuses
