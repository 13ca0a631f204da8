"""What the templates of unified_transactions and transaction_attributes_extended are filled with.

Measures, periods and positions stand here as tables; the SQL that they become belongs to
`templates/`, running it to `build`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from c360_assets.customer_360.rendering.gathered_tables import BY_NAME, columns_of, contributors
from c360_assets.tenant.models import Tenant

# Name, first moment and last moment of each period.
WINDOWS = (
    ("l30d", "as_of - INTERVAL '30' DAY", "as_of"),
    ("l3m", "as_of - INTERVAL '3' MONTH", "as_of"),
    ("l6m", "as_of - INTERVAL '6' MONTH", "as_of"),
    ("l12m", "as_of - INTERVAL '12' MONTH", "as_of"),
    (
        "ly12m",
        "as_of - INTERVAL '24' MONTH",
        "CAST(as_of - INTERVAL '12' MONTH AS DATE) - INTERVAL '1' DAY",
    ),
)
POSITIONS = (
    {"name": "first", "test": "nth = 1"},
    {"name": "second", "test": "nth = 2"},
    {"name": "latest", "test": "nth = order_count"},
)
# Column of unified_transactions, its name in the output (`<p>` is the position), and the block that
# it belongs to; None stands for columns that every tenant has.
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
    {
        "column": "purchase_brand",
        "count": "purchase_brands",
        "preferred": "preferred_purchase_brand",
    },
    {
        "column": "purchase_channel",
        "count": "purchase_channels",
        "preferred": "preferred_purchase_channel",
    },
    {"column": "store_id", "count": "stores", "preferred": "preferred_store_id"},
)
# Name, aggregate, type, and block as above.
WINDOW_MEASURES = (
    ("order_frequency", "COUNT(*)", "BIGINT", None),
    ("order_revenue", "SUM(order_revenue)", "DECIMAL(38, 2)", None),
    ("total_items", "SUM(order_quantity)", "BIGINT", None),
    ("net_order_revenue", "SUM(net_order_revenue)", "DECIMAL(38, 2)", "net_order_revenue"),
    ("order_cost", "SUM(order_cost)", "DECIMAL(38, 2)", "order_cost"),
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


# Output column, the amount of items that it adds up, and the kind of items.
AMOUNTS = (
    ("order_revenue", "item_revenue", "is_purchase"),
    ("order_returned_revenue", "item_revenue", "is_returned"),
    ("order_canceled_revenue", "item_revenue", "is_canceled"),
    ("sum_item_revenue", "item_revenue", "is_purchase"),
    ("sum_item_discount_amount", "item_discount_amount", "is_purchase"),
)
QUANTITIES = (
    ("order_quantity", "item_quantity", "is_purchase"),
    ("order_returned_quantity", "item_quantity", "is_returned"),
    ("order_canceled_quantity", "item_quantity", "is_canceled"),
)
# Output column and the amount of purchased items that it adds up; NULL where no item has one.
NULLABLE_AMOUNTS = (
    ("order_list_price", "item_list_price"),
    ("order_subtotal", "item_subtotal"),
    ("order_profit", "item_profit"),
    ("order_tax_amount", "item_tax_amount"),
)
COST = ("order_cost", "item_cost")
FIGURE_COLUMNS = (
    "order_quantity",
    "order_revenue",
    "order_returned_quantity",
    "order_returned_revenue",
    "order_canceled_quantity",
    "order_canceled_revenue",
    "sum_item_revenue",
    "sum_item_discount_amount",
)


def order_options(tenant: Tenant) -> set[str]:
    """Options of unified_transactions, including those that blocks of the attributes need."""
    options = tenant.config.customer_360
    blocks = set(options.transaction_attributes_extended.blocks)
    needed = blocks & {"net_order_revenue", "order_cost"}
    return set(options.unified_transactions.options) | needed


def unified_transactions(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    """Values of the template of unified_transactions."""
    options = order_options(tenant)
    nullable = list(NULLABLE_AMOUNTS)
    if "order_cost" in options:
        nullable.append(COST)
    absent = _absent_columns(tenant, nullable)
    default_mode, configured_modes = _discount_modes(tenant)
    items = BY_NAME["unified_itemized_transactions"]
    spoken_columns = [
        column
        for column in (*ORDER_TEXT_COLUMNS, "datasource")
        if column not in tenant.order_key and column not in absent
    ]
    return {
        "absent": absent,
        "key": tenant.order_key,
        "discount_mode": default_mode,
        "configured_modes": configured_modes,
        "options": options,
        "text_columns": ORDER_TEXT_COLUMNS,
        "spoken_columns": spoken_columns,
        "counted": QUANTITIES,
        "zeroed": AMOUNTS,
        "nullable": nullable,
        "output_columns": [*FIGURE_COLUMNS, *(column for column, _ in nullable)],
        "has_shipping": "order_shipping_amount" in columns_of(tenant, items),
    }


def _discount_modes(tenant: Tenant) -> tuple[str, Mapping[str, str]]:
    """How sources write an order's discount: the mode of all, and of those that are configured."""
    configured = tenant.config.customer_360.unified_transactions.order_discount_mode
    by_source = configured if isinstance(configured, dict) else {}
    mode = "auto" if isinstance(configured, dict) else configured
    if mode == "auto" and _no_item_has(tenant, "order_discount_amount"):
        # Without such a column every source would be found to repeat nothing.
        mode = "max"
    return mode, by_source


def _no_item_has(tenant: Tenant, column: str) -> bool:
    """Whether it is known that no item has a value in the column.

    Of items that the tenant's own SQL makes nothing is known.
    """
    items = BY_NAME["unified_itemized_transactions"]
    own_tables = {name.lower() for name in tenant.database_sql}
    sources = contributors(tenant, items)
    if not sources or items.name in own_tables:
        return False
    tag = f"txn-item/{column.replace('_', '-')}"
    return not any(source.columns_with(tag) for source in sources)


def _absent_columns(tenant: Tenant, nullable: list[tuple[str, str]]) -> dict[str, str]:
    """Output columns known to be NULL, with their types.

    To add up and to search what is known to be NULL would take a third of the time.
    """
    absent = {column: "VARCHAR" for column in ORDER_TEXT_COLUMNS if _no_item_has(tenant, column)}
    for column, item_column in nullable:
        if column != "order_list_price" and _no_item_has(tenant, item_column):
            absent[column] = "DECIMAL(38, 2)"
    return absent


def _windows() -> list[dict[str, str]]:
    return [
        {"name": name, "first_day": f"CAST({first} AS DATE)", "last_day": f"CAST({last} AS DATE)"}
        for name, first, last in WINDOWS
    ]


def _window_columns(measures: list[dict[str, str]]) -> list[str]:
    """The columns that every window has: its measures, then what is counted and preferred."""
    columns = [measure["name"] for measure in measures]
    columns += [dimension["count"] for dimension in DIMENSIONS]
    columns += [dimension["preferred"] for dimension in DIMENSIONS]
    return columns


def transaction_attributes_extended(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    """Values of the template of transaction_attributes_extended."""
    config = tenant.config.customer_360.transaction_attributes_extended
    # None marks what belongs to no block and is always there.
    blocks = {None, *config.blocks}
    measures = [
        {"name": name, "sql": sql, "type": type_}
        for name, sql, type_, block in WINDOW_MEASURES
        if block in blocks
    ]
    position_columns = [
        {"source": source, "output": output}
        for source, output, block in POSITION_COLUMNS
        if block in blocks
    ]
    windows = _windows()
    return {
        "windows": windows,
        "all_windows": [*(window["name"] for window in windows), "lifetime"],
        "positions": POSITIONS,
        "position_columns": position_columns,
        "dimensions": DIMENSIONS,
        "measures": measures,
        "window_columns": _window_columns(measures),
        "undone": [kind for kind in UNDONE if kind["block"] in blocks],
        "blocks": set(config.blocks),
        "key": tenant.order_key,
        "early_repeat_days": config.early_repeat_days,
        "retained_days": config.retained_days,
    }
