"""What the templates of tables about persons are filled with.

Attributes, households, the customer 360 and the export of all values. Which record a person's data
come from is `merge_policy`; the SQL that these values become belongs to `templates/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from c360_assets.customer_360.rendering.gathered_tables import BY_NAME, columns_of
from c360_assets.customer_360.rendering.merge_policy import address_needs, has_local_forms
from c360_assets.customer_360.rendering.transaction_columns import (
    order_columns,
    transaction_attributes,
)
from c360_assets.semantics.lookups import household_unit_words, state_codes, street_abbreviations
from c360_assets.semantics.phone_plans import home_plan
from c360_assets.tenant.models import CustomerAttributesConfig, Tenant
from c360_assets.warehouse.sql import quote_literal

PROFILE_COLUMNS = (
    "given_name",
    "surname",
    "full_name",
    "generational_suffix",
    "email",
    "phone",
    "address",
    "address2",
    "city",
    "state",
    "postal",
    "country",
    "birthdate",
    "gender",
)
TRANSACTION_COLUMNS = (
    "multi_purchase_brand",
    "multi_purchase_channel",
    "one_and_done",
    "early_repeat_purchaser",
    *(
        f"{position}_order_{what}"
        for position in ("first", "second", "latest")
        for what in ("id", "datetime", "revenue", "total_items")
    ),
    "first_order_is_retained",
    "second_order_is_retained",
    "lifetime_preferred_purchase_brand",
    "lifetime_preferred_purchase_channel",
    "lifetime_order_revenue",
    "lifetime_order_frequency",
    "lifetime_total_items",
    "lifetime_largest_order_value",
    "lifetime_average_order_value",
    "lifetime_average_item_price",
    "lifetime_average_num_items",
)
PUNCTUATION = r"[.,\\/#!$%^&*;:{}=_()~`-]"


def address_standardization(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    """Words of addresses, what they become, and where in an address they are looked for."""
    streets = [(word, short, "STREET") for word, short in sorted(street_abbreviations().items())]
    states = [(word, short, "STATE") for word, short in sorted(state_codes().items())]
    return {"words": streets + states}


def merged_households(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    return {
        "punctuation": PUNCTUATION,
        "unit_words": household_unit_words(),
        "source": tenant.config.customer_360.merged_households.source,
        "address_needs": address_needs(tenant),
        "has_local_forms": has_local_forms(tenant),
    }


def customer_attributes(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    config = tenant.config.customer_360.customer_attributes
    limits = [{"name": "outlier", "percentile": config.outlier_percentile}]
    if config.is_reseller is not None:
        limits.append({"name": "reseller", "percentile": config.is_reseller.percentile})
    return {
        "lifecycle": _lifecycle(config),
        "last_status": "Lost" if "dormant" in config.lifecycle_days else "Dormant",
        "limits": limits,
        "employee_domains": _distinct(config.is_employee.domains),
        "employee_exceptions": _distinct(config.is_employee.exceptions),
        "churn": _churn(config.churn),
        "business": _business(config),
        "has_local_forms": has_local_forms(tenant),
        "gifts": _gifts(config, tenant, available),
        "reseller": config.is_reseller,
        "test": _test_accounts(config),
    }


def _churn(days: Mapping[str, int]) -> list[dict[str, Any]]:
    """Stages by rising number of days since the latest order.

    Each begins the day after the one before it ends.
    """
    stages = []
    end_of_last: int | None = None
    for name in sorted(days, key=lambda name: (days[name], name)):
        stages.append({"name": name, "days": days[name], "after": end_of_last})
        end_of_last = days[name]
    return stages


def _business(config: CustomerAttributesConfig) -> dict[str, str] | None:
    rule = config.is_business
    if rule is None:
        return None
    return {
        "words": _whole_words(rule.words),
        "address_words": _whole_words(rule.address_words),
        "exceptions": _literals(rule.exceptions),
        "address_exceptions": _literals(rule.address_exceptions),
    }


def _gifts(
    config: CustomerAttributesConfig, tenant: Tenant, available: frozenset[str]
) -> dict[str, Any] | None:
    """Items say what they are, else the catalogue of products does.

    Without either nothing is known.
    """
    rule = config.is_gift_giver
    items = columns_of(tenant, BY_NAME["unified_itemized_transactions"])
    if "product_description" in items:
        described_by = "items"
    elif "unified_product_catalog" in available:
        described_by = "catalog"
    else:
        return None
    if rule is None:
        return None
    return {
        "from_catalog": described_by == "catalog",
        "column": f"{described_by}.product_description",
        "words": _any_of(rule.words),
        "exceptions": _any_of(rule.exceptions),
    }


def _test_accounts(config: CustomerAttributesConfig) -> dict[str, str] | None:
    rule = config.is_test_account
    if rule is None:
        return None
    return {
        "words": _literals(rule.words),
        "prefix": f"^({_any_of(rule.words)})",
        "exceptions": _literals(rule.exceptions),
    }


def _any_of(words: Sequence[str]) -> str:
    """A pattern that matches each of the words, in lower case."""
    return "|".join(re.escape(word.strip().lower()) for word in words)


def _whole_words(words: Sequence[str]) -> str:
    return f"(^|[^a-z0-9])({_any_of(words)})([^a-z0-9]|$)"


def _distinct(values: Sequence[str]) -> list[str]:
    return sorted({value.strip().lower() for value in values})


def _literals(values: Sequence[str]) -> str:
    return ", ".join(quote_literal(value) for value in _distinct(values))


def _lifecycle(config: CustomerAttributesConfig) -> list[dict[str, Any]]:
    """Status rules, first true decides: new by the first order, the others by the latest.

    The others by rising number of days.
    """
    days = config.lifecycle_days
    names = sorted(days, key=lambda name: (name != "new", days[name], name))
    return [
        {
            "status": name[:1].upper() + name[1:],
            "days": days[name],
            "days_column": "days_since_first" if name == "new" else "days_since_latest",
        }
        for name in names
    ]


def customer_360(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    config = tenant.config.customer_360.customer_360
    has_transactions = config.template == "transaction_attributes"
    shipped = TRANSACTION_COLUMNS if has_transactions else ()
    further = [name.lower() for name in config.attributes]
    per_person = transaction_attributes(tenant)
    of_orders = [name for name in further if name not in per_person]
    return {
        "profile_columns": PROFILE_COLUMNS,
        "transaction_columns": [*shipped, *(name for name in further if name in per_person)],
        "latest_order_columns": of_orders,
        "hashed": config.hashed,
        "has_local_forms": has_local_forms(tenant),
        "country_code": _calling_code(tenant),
    }


def _calling_code(tenant: Tenant) -> str:
    """What a number of ten digits is taken to begin with abroad, empty where nobody knows."""
    plan = home_plan(tenant.home)
    return "1" if plan is None or plan.code == "1" else ""


def further_attributes(tenant: Tenant) -> dict[str, list[str]]:
    """Table -> the columns of it by which customer_360 can be extended."""
    shown = {"amperity_id", *PROFILE_COLUMNS, "household_id", "household_size"}
    if tenant.config.customer_360.customer_360.template == "transaction_attributes":
        shown |= set(TRANSACTION_COLUMNS)
    per_person = [name for name in transaction_attributes(tenant) if name not in shown]
    of_orders = [name for name in order_columns(tenant) if name not in {*shown, *per_person}]
    return {"transaction_attributes_extended": per_person, "unified_transactions": of_orders}


def pii_table(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    # These four have rules of their own in the template.
    treated = {"birthdate", "state", "phone", "gender"}
    return {
        "columns": [column for column in PROFILE_COLUMNS if column not in treated],
        "wanted": tenant.config.customer_360.pii_table,
        "has_country": tenant.home is not None,
    }
