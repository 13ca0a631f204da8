"""What the templates of unified_transactions and transaction_attributes_extended are filled with.

Measures, periods and positions stand here as tables; the SQL that they become belongs to
`templates/`, running it to `build`.
"""

from __future__ import annotations

from typing import Any

from c360_assets.customer_360.rendering.gathered_tables import BY_NAME, columns_of, contributors
from c360_assets.tenant.models import Tenant

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


def order_options(tenant: Tenant) -> set[str]:
    """Options of unified_transactions, including those that blocks of the attributes need."""
    options = tenant.config.customer_360
    needed = set(options.transaction_attributes_extended.blocks) & {
        "net_order_revenue",
        "order_cost",
    }
    return set(options.unified_transactions.options) | needed


def unified_transactions(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    config = tenant.config.customer_360.unified_transactions
    options = order_options(tenant)
    told = config.order_discount_mode if isinstance(config.order_discount_mode, dict) else {}
    mode = "auto" if isinstance(config.order_discount_mode, dict) else config.order_discount_mode
    items = BY_NAME["unified_itemized_transactions"]
    sources = contributors(tenant, items)
    known = bool(sources) and items.name not in {n.lower() for n in tenant.database_sql}

    def lacks(column: str) -> bool:
        """Whether it is known that no item has a value in the column."""
        return known and not any(
            source.columns_with(f"txn-item/{column.replace('_', '-')}") for source in sources
        )

    if mode == "auto" and lacks("order_discount_amount"):
        mode = "max"  # without such a column every source would be found to repeat nothing
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
    # Sums and searches of what is known to be NULL would take a third of the time.
    absent = {column: "VARCHAR" for column in ORDER_TEXT_COLUMNS if lacks(column)}
    absent |= {
        column: "DECIMAL(38, 2)"
        for column, source in nullable
        if column != "order_list_price" and lacks(source)
    }
    return {
        "absent": absent,
        "key": [k for k in ("datasource", "order_id") if k in config.order_key],
        "discount_mode": mode,
        "told_modes": told,
        "options": options,
        "text_columns": ORDER_TEXT_COLUMNS,
        "spoken_columns": [
            c for c in (*ORDER_TEXT_COLUMNS, "datasource") if c not in {*config.order_key, *absent}
        ],
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


def transaction_attributes_extended(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    config = tenant.config.customer_360.transaction_attributes_extended
    blocks = set(config.blocks)
    measures = [m for m in WINDOW_MEASURES if m[-1] is None or m[-1] in blocks]
    return {
        "windows": [
            {
                "name": name,
                "first_day": f"CAST({first} AS DATE)",
                "last_day": f"CAST({last} AS DATE)",
            }
            for name, first, last in WINDOWS
        ],
        "all_windows": [name for name, _, _ in WINDOWS] + ["lifetime"],
        "positions": POSITIONS,
        "position_columns": [
            {"source": source, "output": output}
            for source, output, block in POSITION_COLUMNS
            if block is None or block in blocks
        ],
        "dimensions": DIMENSIONS,
        "measures": [{"name": name, "sql": sql, "type": type_} for name, sql, type_, _ in measures],
        "window_columns": [
            *(name for name, *_ in measures),
            *(dimension["count"] for dimension in DIMENSIONS),
            *(dimension["preferred"] for dimension in DIMENSIONS),
        ],
        "undone": [kind for kind in UNDONE if kind["block"] in blocks],
        "blocks": blocks,
        "key": tenant.config.customer_360.unified_transactions.order_key,
        "early_repeat_days": config.early_repeat_days,
        "retained_days": config.retained_days,
    }
