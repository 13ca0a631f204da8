"""Checks beyond the documented reports: each holds a rule of a tag against the data. A tenant can switch the group off."""

from __future__ import annotations

from c360_assets.validations.declarations import PURCHASE, RC, Count, Figure, Report, missing, txn

REPORTS: tuple[Report, ...] = (
    Report(
        "IV-X02",
        "Transactions name their customer",
        "additional",
        "A row without a customer key belongs to nobody.",
        ("txn-item/order-id", "fk-*|txn-item/customer-id"),
        (
            Count("missing_customer_key", missing("customer_key")),
            Count("zero_customer_key", "trim(customer_key) = '0'", share=False),
            Figure(
                "orders_with_many_customer_keys_count",
                "(SELECT count(*) FROM (SELECT order_id FROM t WHERE NOT "
                + missing("order_id")
                + " AND NOT "
                + missing("customer_key")
                + ""
                " GROUP BY order_id HAVING count(DISTINCT customer_key) > 1))",
                finding=True,
            ),
        ),
    ),
    Report(
        "IV-X03",
        "One row per order, product and kind",
        "additional",
        "Several rows of one product in one order count it twice.",
        txn("order-id", "product-id"),
        (
            Figure(
                "duplicate_order_product_count",
                "(SELECT count(*) FROM (SELECT 1 FROM t WHERE NOT "
                + missing("order_id")
                + " AND NOT "
                + missing("product_id")
                + ""
                " GROUP BY order_id, product_id, is_return, is_cancellation HAVING count(*) > 1))",
                finding=True,
            ),
        ),
    ),
    Report(
        "IV-X12",
        "Returns and cancellations have a purchase",
        "additional",
        "A return whose order is unknown lowers nobody's revenue.",
        txn("order-id", "is-return|is-cancellation"),
        (
            Count(
                "orphan_rc",
                f"NOT {missing('order_id')} AND order_id NOT IN"
                f" (SELECT order_id FROM t WHERE {PURCHASE} AND order_id IS NOT NULL)",
                scope=RC,
            ),
        ),
    ),
)
