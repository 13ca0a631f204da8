"""What the templates about e-mail are filled with: the assignment of addresses to persons, and
engagement counted from events.

The SQL that these values become belongs to `templates/`; the configuration model is
`tenant.models.EmailAssignmentConfig`.
"""

from __future__ import annotations

from typing import Any

from c360_assets.semantics.tables import table_spec
from c360_assets.tenant.models import PREDICTIONS, Tenant, order_table, order_term

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
    config = tenant.merge_policy.email_ampid_assignment
    engagement = {
        name: column.type for name, column in table_spec("email_engagement_summary").columns.items()
    }
    attributes: list[tuple[str, str]] = []
    summary: list[tuple[str, str, str]] = []
    uses = dict.fromkeys(ALIASES, False)

    def kept(order: list[str]) -> list[str]:
        """Order terms whose table has data; notes what they need."""
        terms: list[str] = []
        for column, direction in map(order_term, order):
            table = order_table(column)
            if table is not None and table not in available:
                continue
            if table is not None:
                uses[table] = True
                if (column, ALIASES[table]) not in attributes:
                    attributes.append((column, ALIASES[table]))
                    if table == "email_engagement_summary":
                        aggregate = "SUM" if engagement[column] == "BIGINT" else "MAX"
                        summary.append((column, aggregate, engagement[column]))
            terms.append(f"{column} {direction} NULLS LAST")
        return terms

    email_terms = kept(config.email_order)
    amperity_id_terms = kept(config.amperity_id_order) or ["update_dt DESC NULLS LAST"]
    return {
        "use_blocklist": tenant.merge_policy.use_blocklist,
        "uses": uses,
        "attributes": attributes,
        "engagement_columns": summary,
        "predictions": PREDICTIONS,
        "predicted_columns": [column for column, alias in attributes if alias == "predictions"],
        "email_order": ", ".join([*email_terms, "email ASC"]),
        "amperity_id_order": ", ".join([*amperity_id_terms, "amperity_id ASC"]),
        "email_threshold": config.email_threshold,
        "amperity_id_threshold": config.amperity_id_threshold,
        "rounds": config.rounds,
    }


def events_summary() -> dict[str, Any]:
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
    known = table_spec("email_engagement_attributes").columns
    return {
        "measures": [
            c
            for c in table_spec("email_engagement_summary").columns
            if c in known and c not in ("brand", "email")
        ]
    }
