"""Which source wins for which field of a person: `merge_policy.yaml`.

How the winner is found belongs to the room `customer_360`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from c360_assets.tenant.base_models import Strict

GROUPS = ("name", "address", "email", "phone", "birthdate", "gender")


class EmailAssignmentConfig(Strict):
    email_order: list[str] = Field(
        default_factory=lambda: [
            "is_email_opted_in desc",
            "email_clicks_last_30_days desc",
            "most_recent_email_click_datetime desc",
            "update_dt desc",
        ]
    )
    amperity_id_order: list[str] = Field(
        default_factory=lambda: [
            "predicted_clv_next_365d desc",
            "l12m_order_revenue desc",
            "latest_order_datetime desc",
        ]
    )
    email_threshold: int = Field(default=10, ge=1)
    amperity_id_threshold: int = Field(default=10, ge=1)
    rounds: int = Field(default=2, ge=0)


class CustomGroup(Strict):
    columns: list[str] = Field(min_length=1)


# Strict: YAML reads a table's `yes` as true, which is a 1 to pydantic, the best priority.
Priority = Annotated[int, Field(ge=1, le=999_999, strict=True)]


class MergePolicy(Strict):
    """`merge_policy.yaml`: which source wins for which group of fields of merged_customers."""

    best_email: Literal["email_ampid_assignment", "priority"] = "email_ampid_assignment"
    use_blocklist: bool = True
    name_completion: Literal["intent", "binary"] = "intent"
    order: Literal["completion_first", "rank_first"] = "completion_first"
    source_priority: dict[str, Priority | None] = Field(default_factory=dict)
    field_priority: dict[str, dict[str, Priority | None]] = Field(default_factory=dict)
    rank: dict[str, list[str]] = Field(default_factory=dict)
    multi_value: dict[str, list[str]] = Field(default_factory=dict)
    custom_groups: dict[str, CustomGroup] = Field(default_factory=dict)
    full_name: Literal["as_tagged", "concat"] = "as_tagged"
    name_parts: Literal["complete", "as_ranked"] = "complete"
    email_ampid_assignment: EmailAssignmentConfig = Field(default_factory=EmailAssignmentConfig)
