"""What the templates about e-mail are filled with: assignment of addresses, engagement from events.

The SQL that these values become belongs to `templates/`; the configuration model is
`tenant.models.EmailAssignmentConfig`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from c360_assets.customer_360.rendering.email_order import PREDICTIONS, order_table, order_term
from c360_assets.semantics.tables import table_spec
from c360_assets.tenant.models import Tenant

# Output column, which of its moments, and the type of event.
EVENT_MOMENTS = (
    ("first_email_send_datetime", "MIN", "Sent"),
    ("first_email_open_datetime", "MIN", "Open"),
    ("first_email_click_datetime", "MIN", "Click"),
    ("most_recent_email_send_datetime", "MAX", "Sent"),
    ("most_recent_email_open_datetime", "MAX", "Open"),
    ("most_recent_email_click_datetime", "MAX", "Click"),
    ("most_recent_email_optin_datetime", "MAX", "Optin"),
    ("most_recent_email_optout_datetime", "MAX", "Unsubscribe"),
    ("most_recent_bounce_datetime", "MAX", "Bounce"),
)
# What the template calls the tables that e-mails and persons may be ordered by.
ALIASES = {
    "email_opt_status": "opt_status",
    "email_engagement_summary": "engagement",
    "transaction_attributes_extended": "bought",
    PREDICTIONS: "predictions",
}


def email_ampid_assignment(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    """Values of the template of email_ampid_assignment.

    Of the configured order terms those count whose table has data.
    """
    config = tenant.merge_policy.email_ampid_assignment
    email_order = _known_terms(config.email_order, available)
    amperity_id_order = _known_terms(config.amperity_id_order, available)
    wanted = [
        (term.column, ALIASES[term.table])
        for term in (*email_order, *amperity_id_order)
        if term.table is not None
    ]
    # Each attribute once, in the order in which it is first asked for.
    attributes = list(dict.fromkeys(wanted))
    read = {alias for _, alias in attributes}
    # The last term makes either order total, so that equal inputs give equal choices.
    email_terms = [*(term.sql for term in email_order), "email ASC"]
    amperity_id_terms = [term.sql for term in amperity_id_order]
    if not amperity_id_terms:
        amperity_id_terms = ["update_dt DESC NULLS LAST"]
    amperity_id_terms.append("amperity_id ASC")
    return {
        "use_blocklist": tenant.merge_policy.use_blocklist,
        "uses": {table: alias in read for table, alias in ALIASES.items()},
        "attributes": attributes,
        "engagement_columns": _engagement_columns(attributes),
        "predictions": PREDICTIONS,
        "predicted_columns": [column for column, alias in attributes if alias == "predictions"],
        "email_order": ", ".join(email_terms),
        "amperity_id_order": ", ".join(amperity_id_terms),
        "email_threshold": config.email_threshold,
        "amperity_id_threshold": config.amperity_id_threshold,
        "rounds": config.rounds,
    }


@dataclass(frozen=True)
class _OrderTerm:
    """A column to order by; `table` is where it comes from, None for the records themselves."""

    column: str
    direction: str
    table: str | None

    @property
    def sql(self) -> str:
        return f"{self.column} {self.direction} NULLS LAST"


def _known_terms(order: list[str], available: frozenset[str]) -> list[_OrderTerm]:
    terms = []
    for text in order:
        column, direction = order_term(text)
        table = order_table(column)
        if table is None or table in available:
            terms.append(_OrderTerm(column, direction, table))
    return terms


def _engagement_columns(attributes: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Columns of the engagement summary, how a person's rows become one, and their types."""
    documented = table_spec("email_engagement_summary").columns
    columns = []
    for column, alias in attributes:
        if alias == ALIASES["email_engagement_summary"]:
            type_ = documented[column].type
            # Counts of several brands add up; of moments the last one counts.
            aggregate = "SUM" if type_ == "BIGINT" else "MAX"
            columns.append((column, aggregate, type_))
    return columns


def events_summary() -> dict[str, Any]:
    """Values of the template that counts engagement from events."""
    days = [
        (f"last_{n}_days", f"CAST(as_of - INTERVAL '{n}' DAY AS DATE)")
        for n in (1, 3, 5, 7, 14, 30)
    ]
    months = [
        (f"last_{n}_months", f"CAST(as_of - INTERVAL '{n}' MONTH AS DATE)") for n in (3, 6, 9, 12)
    ]
    return {
        "periods": days + months,
        "recent": "CAST(as_of - INTERVAL '15' MONTH AS DATE)",
        "moments": EVENT_MOMENTS,
    }


def email_engagement_attributes(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    """Values of the template of email_engagement_attributes."""
    published = table_spec("email_engagement_attributes").columns
    summary = table_spec("email_engagement_summary").columns
    keys = ("brand", "email")
    measures = [column for column in summary if column in published and column not in keys]
    return {"measures": measures}
