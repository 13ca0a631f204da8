"""By what e-mails and persons may be ordered when addresses are assigned: terms of a merge policy.

Which tables the terms need is known here; the SQL they become is `email_values`' matter.
"""

from __future__ import annotations

import re
from functools import cache

from c360_assets.semantics.tables import table_spec

ENGAGEMENT = "email_engagement_summary"
ATTRIBUTES = "transaction_attributes_extended"
# Predictions are made elsewhere, from what was published before; a tenant that has them brings a
# table of this name.
PREDICTIONS = "predicted_clv_attributes"
ORDER = re.compile(r"([a-z_][a-z0-9_]*)(?:\s+(asc|desc))?", re.IGNORECASE)


def order_term(text: str) -> tuple[str, str]:
    """Column, and ASC or DESC, of a term such as `update_dt desc`. Raises ValueError for others."""
    match = ORDER.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be a column and a direction")
    column, direction = match.groups(default="asc")
    return column.lower(), direction.upper()


@cache
def order_columns() -> dict[str, str | None]:
    """Column to order by -> its table; None for what the records of e-mails and persons hold.

    A column whose name begins with `predicted_` may be one of PREDICTIONS, which is not known here.
    """
    tables: dict[str, str | None] = {}
    for name, column in table_spec(ENGAGEMENT).columns.items():
        if column.type in ("BIGINT", "TIMESTAMPTZ"):
            tables[name] = ENGAGEMENT
    for name in table_spec(ATTRIBUTES).columns:
        if name != "amperity_id":
            tables[name] = ATTRIBUTES
    tables["is_email_opted_in"] = "email_opt_status"
    tables["update_dt"] = None
    return tables


def order_table(column: str) -> str | None:
    """The table of a column to order by. Raises KeyError for a column that is in none."""
    return PREDICTIONS if column.startswith("predicted_") else order_columns()[column]
