"""SQL text of every table that ships: a template filled with what the tenant configured.

`render` gives the one SELECT that fills a table, formatted so that a person can read, paste and change it. What is
configurable stands in the tables of this module; the SQL itself in `templates/`. Dependencies belong to `graph`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from c360_assets.customer_360 import merge_policy
from c360_assets.customer_360.semantic_tables import (
    BY_NAME,
    DERIVED,
    SEMANTIC_TABLES,
    columns_of,
    contributors,
    parts_of,
    plain_ident,
)
from c360_assets.errors import C360Error
from c360_assets.semantics.lookups import household_unit_words, state_codes, street_abbreviations
from c360_assets.semantics.tables import table_spec
from c360_assets.semantics.validity import VALIDITY_MACROS
from c360_assets.tenant.models import CustomerAttributesConfig, Tenant
from c360_assets.warehouse.sql import quote_ident, quote_literal

WINDOWS = (
    ("l30d", "as_of - INTERVAL '30' DAY", "as_of"),
    ("l3m", "as_of - INTERVAL '3' MONTH", "as_of"),
    ("l6m", "as_of - INTERVAL '6' MONTH", "as_of"),
    ("l12m", "as_of - INTERVAL '12' MONTH", "as_of"),
    ("ly12m", "as_of - INTERVAL '24' MONTH", "CAST(as_of - INTERVAL '12' MONTH AS DATE) - INTERVAL '1' DAY"),
)
POSITIONS = (
    {"name": "first", "test": "nth = 1"},
    {"name": "second", "test": "nth = 2"},
    {"name": "latest", "test": "nth_from_latest = 1"},
)
POSITION_COLUMNS = (
    ("order_id", "<p>_order_id", None),
    ("order_datetime", "<p>_order_datetime", None),
    ("order_revenue", "<p>_order_revenue", None),
    ("order_quantity", "<p>_order_total_items", None),
    ("purchase_brand", "<p>_order_purchase_brand", None),
    ("purchase_channel", "<p>_order_purchase_channel", None),
    ("store_id", "<p>_order_store_id", None),
    ("order_cost", "<p>_order_cost", "order_cost"),
    ("net_order_revenue", "<p>_net_order_revenue", "net_order_revenue"),
)
DIMENSIONS = (
    {"column": "purchase_brand", "count": "purchase_brands", "preferred": "preferred_purchase_brand"},
    {"column": "purchase_channel", "count": "purchase_channels", "preferred": "preferred_purchase_channel"},
    {"column": "store_id", "count": "stores", "preferred": "preferred_store_id"},
)
WINDOW_MEASURES = (
    ("order_frequency", "BIGINT", None),
    ("order_revenue", "DECIMAL(38, 2)", None),
    ("total_items", "BIGINT", None),
    ("net_order_revenue", "DECIMAL(38, 2)", "net_order_revenue"),
    ("order_cost", "DECIMAL(38, 2)", "order_cost"),
)
UNDONE = (
    {
        "block": "cancellations",
        "name": "canceled",
        "title": "Cancellations",
        "test": "COALESCE(items.is_cancellation, FALSE)",
    },
    {
        "block": "returns",
        "name": "returned",
        "title": "Returns",
        "test": "COALESCE(items.is_return, FALSE) AND NOT COALESCE(items.is_cancellation, FALSE)",
    },
)
ORDER_TEXT_COLUMNS = (
    "currency",
    "customer_id",
    "digital_channel",
    "payment_method",
    "purchase_brand",
    "purchase_channel",
    "store_id",
    "database_key",
)
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
PUNCTUATION = r"[.,\\/#!$%^&*;:{}=_()~`-]"
RUN_CONTEXT = "run_context"
SUMMARY = "email_engagement_summary"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("c360_assets.customer_360"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        autoescape=False,  # SQL, not HTML: names and values pass the filters below
    )
    environment.filters["ident"] = plain_ident
    environment.filters["quoted"] = quote_ident
    environment.filters["literal"] = quote_literal
    return environment


def macro_statements(schema: str | None = None) -> list[str]:
    """Statements that create the functions the SQL uses: temporary ones, or in a database `schema` for publication."""
    text = (resources.files(__package__) / "templates" / "macros.sql").read_text("utf-8")
    own = [s.strip() for s in re.split(r";\s*(?:\n|$)", re.sub(r"(?m)^--.*$", "", text)) if s.strip()]
    temporary = [re.sub(r"^CREATE MACRO", "CREATE OR REPLACE TEMP MACRO", s) for s in own]
    temporary = [*VALIDITY_MACROS, *temporary]
    if schema is None:
        return temporary
    return [re.sub(r"^CREATE OR REPLACE TEMP MACRO ", f"CREATE OR REPLACE MACRO {schema}.", s) for s in temporary]


def available_tables(tenant: Tenant) -> frozenset[str]:
    """Tables that have data of this tenant behind them; the others exist too, empty."""
    found = {table.name for table in SEMANTIC_TABLES if contributors(tenant, table)} | set(tenant.database_sql)
    if summary_from_events(tenant):
        found.add("email_engagement_summary")
    if "unified_itemized_transactions" in found:
        found |= {"unified_transactions", "transaction_attributes_extended"}
    return frozenset(found)


def summary_from_events(tenant: Tenant) -> bool:
    """Whether engagement is counted from e-mail events: where there are events and no source sends a summary."""
    return not contributors(tenant, BY_NAME[SUMMARY]) and bool(contributors(tenant, BY_NAME["unified_email_events"]))


def template_of(name: str, tenant: Tenant) -> str:
    """The file of `templates/` that a shipped table is rendered from."""
    if name == SUMMARY and summary_from_events(tenant):
        return "email_events_summary"
    return "union_all" if name in BY_NAME else name


def render(name: str, tenant: Tenant, available: frozenset[str] | None = None) -> str:
    """The SELECT that fills the shipped table `name` for this tenant. Raises KeyError for a table that does not ship."""
    template = template_of(name, tenant)
    if template == "email_events_summary":
        values = _events_summary()
    elif name in BY_NAME:
        values = _union_values(name, tenant)
    else:
        values = TEMPLATES[name](tenant, available_tables(tenant) if available is None else available)
    text = _environment().get_template(f"{template}.sql").render(values)
    return re.sub(r"\n{2,}", "\n", text).strip() + "\n"


def _union_values(name: str, tenant: Tenant) -> dict[str, Any]:
    table = BY_NAME[name]
    parts = parts_of(tenant, table)
    return {
        "name": name,
        "prefix": table.prefix,
        "parts": parts,
        "columns": columns_of(tenant, table),
        "part_columns": [column for column, _ in parts[0].columns] if parts else list(columns_of(tenant, table)),
        "consent": table.consent,
        "derived": DERIVED,
    }


def order_options(tenant: Tenant) -> set[str]:
    """Options of unified_transactions, including those that blocks of the attributes need."""
    options = tenant.config.customer_360
    needed = set(options.transaction_attributes_extended.blocks) & {"net_order_revenue", "order_cost"}
    return set(options.unified_transactions.options) | needed


def _unified_transactions(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    config = tenant.config.customer_360.unified_transactions
    options = order_options(tenant)
    mode: Any = config.order_discount_mode
    items = BY_NAME["unified_itemized_transactions"]
    sources = contributors(tenant, items)
    discounted = any(source.columns_with("txn-item/order-discount-amount") for source in sources)
    if mode == "auto" and sources and not discounted and items.name not in {n.lower() for n in tenant.database_sql}:
        mode = "max"  # without such a column every source would be found to repeat nothing
    if mode in ("max", "sum"):
        mode = {source.name: mode for source in sources} or {"": mode}
    zeroed = [
        ("order_revenue", "item_revenue", "is_purchase"),
        ("order_returned_revenue", "item_revenue", "is_returned"),
        ("order_canceled_revenue", "item_revenue", "is_canceled"),
        ("sum_item_revenue", "item_revenue", "is_purchase"),
        ("sum_item_discount_amount", "item_discount_amount", "is_purchase"),
    ]
    counted = [
        ("order_quantity", "item_quantity", "is_purchase"),
        ("order_returned_quantity", "item_quantity", "is_returned"),
        ("order_canceled_quantity", "item_quantity", "is_canceled"),
    ]
    nullable = [
        ("order_list_price", "item_list_price"),
        ("order_subtotal", "item_subtotal"),
        ("order_profit", "item_profit"),
        ("order_tax_amount", "item_tax_amount"),
    ]
    if "order_cost" in options:
        nullable.append(("order_cost", "item_cost"))
    return {
        "key": [k for k in ("datasource", "order_id") if k in config.order_key],
        "discount_mode": mode,
        "default_mode": "max" if mode == "auto" else None,
        "options": options,
        "text_columns": ORDER_TEXT_COLUMNS,
        "counted": counted,
        "zeroed": zeroed,
        "nullable": nullable,
        "output_columns": [
            "order_quantity",
            "order_revenue",
            "order_returned_quantity",
            "order_returned_revenue",
            "order_canceled_quantity",
            "order_canceled_revenue",
            "sum_item_revenue",
            "sum_item_discount_amount",
            *(column for column, _ in nullable),
        ],
        "has_shipping": "order_shipping_amount" in columns_of(tenant, items),
    }


def _transaction_attributes(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    config = tenant.config.customer_360.transaction_attributes_extended
    blocks = set(config.blocks)
    measures = [
        {
            "output": f"<w>_{name}",
            "sql": f"CAST(COALESCE(MAX(measures.{name}) FILTER (WHERE measures.period = '<w>'), 0) AS {type_})",
        }
        for name, type_, block in WINDOW_MEASURES
        if block is None or block in blocks
    ]
    return {
        "windows": [
            {"name": name, "first_day": f"CAST({first} AS DATE)", "last_day": f"CAST({last} AS DATE)"}
            for name, first, last in WINDOWS
        ],
        "all_windows": [name for name, _, _ in WINDOWS] + ["lifetime"],
        "positions": POSITIONS,
        "position_columns": [
            {"source": source, "output": output} for source, output, block in POSITION_COLUMNS if block is None or block in blocks
        ],
        "dimensions": DIMENSIONS,
        "measures": measures,
        "window_columns": [
            *(name for name, _, block in WINDOW_MEASURES if block is None or block in blocks),
            *(dimension["count"] for dimension in DIMENSIONS),
            *(dimension["preferred"] for dimension in DIMENSIONS),
        ],
        "undone": [kind for kind in UNDONE if kind["block"] in blocks],
        "blocks": blocks,
        "key": tenant.config.customer_360.unified_transactions.order_key,
        "early_repeat_days": config.early_repeat_days,
        "retained_days": config.retained_days,
    }


PREDICTIONS = frozenset({"predicted_clv_next_365d"})
EMAIL_COLUMNS = {"is_email_opted_in": "email_opt_status", "update_dt": None}


def _email_assignment(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    config = tenant.merge_policy.email_ampid_assignment
    engagement = {name: column.type for name, column in table_spec("email_engagement_summary").columns.items()}
    bought = set(table_spec("transaction_attributes_extended").columns)
    attributes: list[tuple[str, str]] = []
    summary: list[tuple[str, str, str]] = []
    uses = dict.fromkeys(("email_opt_status", "email_engagement_summary", "transaction_attributes_extended"), False)

    def kept(order: list[str]) -> list[str]:
        """Order terms whose table has data; notes what they need."""
        terms: list[str] = []
        for column, direction in map(_order_term, order):
            if column in PREDICTIONS:
                continue
            table, alias = _assignment_source(column, engagement, bought)
            if table is not None and table not in available:
                continue
            if table is not None:
                uses[table] = True
                if (column, alias) not in attributes:
                    attributes.append((column, alias))
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
        "email_order": ", ".join([*email_terms, "email ASC"]),
        "amperity_id_order": ", ".join([*amperity_id_terms, "amperity_id ASC"]),
        "email_threshold": config.email_threshold,
        "amperity_id_threshold": config.amperity_id_threshold,
        "rounds": config.rounds,
    }


def _order_term(term: str) -> tuple[str, str]:
    column, _, direction = term.strip().lower().partition(" ")
    direction = direction.strip() or "asc"
    if not re.fullmatch("[a-z][a-z0-9_]*", column) or direction not in ("asc", "desc"):
        raise C360Error(f"merge_policy.yaml: email_ampid_assignment: {term!r} must be a column and asc or desc")
    return column, direction.upper()


def _assignment_source(column: str, engagement: dict[str, str], bought: set[str]) -> tuple[str | None, str]:
    """Table and alias that an order term's column comes from; None for the e-mail pair itself."""
    if column in EMAIL_COLUMNS:
        return EMAIL_COLUMNS[column], "opt_status"
    if column in bought and column != "amperity_id":
        return "transaction_attributes_extended", "bought"
    if column in engagement and engagement[column] in ("BIGINT", "TIMESTAMPTZ"):
        return "email_engagement_summary", "engagement"
    raise C360Error(
        f"merge_policy.yaml: email_ampid_assignment: no column {column!r} in email_opt_status, email_engagement_summary "
        "or transaction_attributes_extended"
    )


def _standard_words(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    words = [(before, convert, "STREET") for before, convert in sorted(street_abbreviations().items())]
    words += [(before, convert, "STATE") for before, convert in sorted(state_codes().items())]
    return {"words": words}


def _households(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    return {"punctuation": PUNCTUATION, "unit_words": household_unit_words()}


def _customer_attributes(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    config = tenant.config.customer_360.customer_attributes
    limits = [{"name": "outlier", "percentile": config.outlier_percentile}]
    if config.is_reseller is not None:
        limits.append({"name": "reseller", "percentile": config.is_reseller.percentile})
    return {
        "lifecycle": _lifecycle(config),
        "last_status": "Lost" if "dormant" in config.lifecycle_days else "Dormant",
        "limits": limits,
        "employee_domains": sorted({d.strip().lower() for d in config.is_employee.get("domains", [])}),
        "employee_exceptions": sorted({e.strip().lower() for e in config.is_employee.get("exceptions", [])}),
        "churn": _churn(config.churn),
        "business": _business(config),
        "gifts": _gifts(config, tenant, available),
        "reseller": config.is_reseller,
        "test": _test_accounts(config),
    }


def _churn(days: Mapping[str, int]) -> list[dict[str, Any]]:
    """Stages by rising number of days since the latest order; each begins the day after the one before it ends."""
    stages = sorted(days.items(), key=lambda item: (item[1], item[0]))
    before: list[int | None] = [None, *(limit for _, limit in stages)]
    return [{"name": name, "days": limit, "after": after} for (name, limit), after in zip(stages, before, strict=False)]


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


def _gifts(config: CustomerAttributesConfig, tenant: Tenant, available: frozenset[str]) -> dict[str, Any] | None:
    """Items say what they are, else the catalogue of products does; without either nothing is known."""
    rule = config.is_gift_giver
    described = "product_description" in columns_of(tenant, BY_NAME["unified_itemized_transactions"])
    if rule is None or not (described or "unified_product_catalog" in available):
        return None
    return {
        "from_catalog": not described,
        "column": "items.product_description" if described else "catalog.product_description",
        "words": "|".join(_pattern(word) for word in rule.words),
        "exceptions": "|".join(_pattern(word) for word in rule.exceptions),
    }


def _test_accounts(config: CustomerAttributesConfig) -> dict[str, str] | None:
    rule = config.is_test_account
    if rule is None:
        return None
    prefix = f"^({'|'.join(_pattern(word) for word in rule.words)})"
    return {"words": _literals(rule.words), "prefix": prefix, "exceptions": _literals(rule.exceptions)}


def _pattern(word: str) -> str:
    return re.escape(word.strip().lower())


def _whole_words(words: Sequence[str]) -> str:
    return f"(^|[^a-z0-9])({'|'.join(_pattern(word) for word in words)})([^a-z0-9]|$)"


def _literals(values: Sequence[str]) -> str:
    return ", ".join(quote_literal(value) for value in sorted({v.strip().lower() for v in values}))


def _lifecycle(config: CustomerAttributesConfig) -> list[dict[str, Any]]:
    """Status rules, first true decides: new by the first order, the others by the latest, by rising number of days."""
    days = sorted(config.lifecycle_days.items(), key=lambda item: (item[0] != "new", item[1], item[0]))
    return [
        {
            "status": name[:1].upper() + name[1:],
            "days": limit,
            "days_column": "days_since_first" if name == "new" else "days_since_latest",
        }
        for name, limit in days
    ]


def _customer_360(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    config = tenant.config.customer_360.customer_360
    return {
        "profile_columns": PROFILE_COLUMNS,
        "transaction_columns": TRANSACTION_COLUMNS if config.template == "transaction_attributes" else (),
        "hashed": config.hashed,
    }


def _events_summary() -> dict[str, Any]:
    days = [(f"last_{n}_days", f"CAST(as_of - INTERVAL '{n}' DAY AS DATE)") for n in (1, 3, 5, 7, 14, 30)]
    months = [(f"last_{n}_months", f"CAST(as_of - INTERVAL '{n}' MONTH AS DATE)") for n in (3, 6, 9, 12)]
    return {"periods": days + months, "recent": "CAST(as_of - INTERVAL '15' MONTH AS DATE)", "moments": EVENT_MOMENTS}


def _engagement_attributes(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    known = table_spec("email_engagement_attributes").columns
    return {"measures": [c for c in table_spec("email_engagement_summary").columns if c in known and c not in ("brand", "email")]}


def _pii_table(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    treated = {"birthdate", "state", "phone", "gender"}
    return {"columns": [c for c in PROFILE_COLUMNS if c not in treated], "wanted": tenant.config.customer_360.pii_table}


def _nothing(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    return {}


TEMPLATES: dict[str, Callable[[Tenant, frozenset[str]], dict[str, Any]]] = {
    "unified_transactions": _unified_transactions,
    "transaction_attributes_extended": _transaction_attributes,
    "email_ampid_assignment": _email_assignment,
    "merged_customers": merge_policy.values,
    "address_standardization": _standard_words,
    "merged_households": _households,
    "customer_attributes": _customer_attributes,
    "customer_360": _customer_360,
    "all_opted_in_emails": _nothing,
    "email_engagement_attributes": _engagement_attributes,
    "pii_table": _pii_table,
}
SHIPPED = (*BY_NAME, *TEMPLATES)
