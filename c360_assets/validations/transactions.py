"""The documented reports on transactions. Checks beyond the documented ones are `additional`."""

from __future__ import annotations

from c360_assets.validations.declarations import (
    HAS_ORDER_ID,
    HAS_PRODUCT_ID,
    HAS_PURCHASE_CHANNEL,
    HAS_STORE_ID,
    MONEY_TOLERANCE,
    PURCHASE,
    RATE_TOLERANCE,
    RC,
    Count,
    Figure,
    Report,
    missing,
    txn,
)

REPORTS: tuple[Report, ...] = (
    Report(
        "IV-T01",
        "Every item has a product id",
        "transactions",
        "Items without a product cannot be analysed by product.",
        txn("product-id"),
        (Count("missing_product_id", missing("product_id")),),
    ),
    Report(
        "IV-T02",
        "Every order has a store id",
        "transactions",
        "Store attributes need the store of every order.",
        txn("store-id", "order-id"),
        (
            Count("missing_store_id", missing("store_id")),
            Figure(
                "orders_without_store_count",
                f"(SELECT count(*) FROM (SELECT order_id FROM t WHERE {HAS_ORDER_ID} GROUP BY order_id"
                f" HAVING bool_and(NOT ({HAS_STORE_ID}))))",
            ),
        ),
    ),
    Report(
        "IV-T03",
        "Every order has quantity, revenue and order date",
        "transactions",
        "Revenue, frequency and recency are computed from these three.",
        txn("item-quantity", "item-revenue", "order-datetime"),
        (
            Count("missing_quantity", "item_quantity IS NULL"),
            Count("missing_revenue", "item_revenue IS NULL"),
            Count("missing_order_datetime", "order_datetime IS NULL"),
            Count("missing_any", "item_quantity IS NULL OR item_revenue IS NULL OR order_datetime IS NULL"),
        ),
    ),
    Report(
        "IV-T04",
        "Every order has a unique order id",
        "transactions",
        "An order id that is missing or used again mixes orders of different people.",
        txn("order-id"),
        (
            Count("missing_order_id", missing("order_id")),
            Figure("unique_order_id_count", f"count(DISTINCT order_id) FILTER ({HAS_ORDER_ID})"),
            Figure(
                "reused_order_id_count",
                f"(SELECT count(*) FROM (SELECT order_id FROM t WHERE {PURCHASE} AND {HAS_ORDER_ID}"
                " AND order_datetime IS NOT NULL GROUP BY order_id HAVING count(DISTINCT CAST(order_datetime AS DATE)) > 1))",
                finding=True,
                tag="txn-item/order-datetime",
            ),
        ),
    ),
    Report(
        "IV-T05",
        "An item is not both returned and canceled",
        "transactions",
        "Such a row is counted once, as a cancellation.",
        txn("is-return", "is-cancellation"),
        (Count("return_and_cancel", "is_return AND is_cancellation"),),
    ),
    Report(
        "IV-T06",
        "Revenue of canceled items is negative",
        "transactions",
        "A cancellation takes revenue back; a positive amount adds it a second time.",
        txn("is-cancellation", "item-revenue"),
        (
            Count("canceled_row", "TRUE", scope="is_cancellation", share=False, finding=False),
            Count("canceled_positive_revenue", "item_revenue > 0", scope="is_cancellation", fields=("item_revenue",)),
            Count("canceled_zero_revenue", "item_revenue = 0", scope="is_cancellation", share=False, finding=False),
        ),
    ),
    Report(
        "IV-T07",
        "Discount amounts are positive",
        "transactions",
        "A negative discount on a purchase is a surcharge or a wrong sign.",
        txn("item-discount-amount"),
        (
            Count("negative_discount", "item_discount_amount < 0", scope=PURCHASE, fields=("item_discount_amount",)),
            Count("rc_positive_discount", "item_discount_amount > 0", scope=RC, share=False, finding=False),
        ),
    ),
    Report(
        "IV-T08",
        "Discount percent is discount amount divided by list price",
        "transactions",
        "The three columns must tell the same story, on a scale from 0 to 1.",
        txn("item-discount-percent", "item-discount-amount", "item-list-price"),
        (
            Count(
                "discount_percent_mismatch",
                f"abs(item_discount_percent - item_discount_amount / nullif(item_list_price, 0)) > {RATE_TOLERANCE}",
                scope="coalesce(item_list_price <> 0, TRUE)",
                fields=("item_discount_percent", "item_discount_amount", "item_list_price"),
            ),
            Count(
                "discount_percent_out_of_range",
                "item_discount_percent < 0 OR item_discount_percent > 1",
                share=False,
            ),
            Count("zero_list_price", "item_list_price = 0", share=False, finding=False),
        ),
    ),
    Report(
        "IV-T09",
        "From which store was the purchase made",
        "transactions",
        "One store that holds almost everything is often a default value.",
        txn("store-id"),
        (
            Figure("distinct_store_count", f"count(DISTINCT store_id) FILTER ({HAS_STORE_ID})"),
            Figure("top_store_id", "(SELECT arg_max(store_id, (n, store_id)) FROM stores)", text=True),
            Figure("top_store_pct", "pct((SELECT max(n) FROM stores), count(*))"),
        ),
    ),
    Report(
        "IV-T10",
        "Quantity of canceled or returned items is negative",
        "transactions",
        "A positive quantity of a return counts the item as sold.",
        txn("item-quantity", "is-return|is-cancellation"),
        (
            Count("rc_row", "TRUE", scope=RC, share=False, finding=False),
            Count("rc_positive_quantity", "item_quantity > 0", scope=RC, fields=("item_quantity",)),
            Count("rc_zero_quantity", "item_quantity = 0", scope=RC, share=False, finding=False),
        ),
    ),
    Report(
        "IV-T11",
        "Quantity of purchases is positive",
        "transactions",
        "A negative quantity without a return flag is a return in disguise.",
        txn("item-quantity"),
        (
            Count("purchase_negative_quantity", "item_quantity < 0", scope=PURCHASE, fields=("item_quantity",)),
            Count("purchase_zero_quantity", "item_quantity = 0", scope=PURCHASE, share=False, finding=False),
        ),
    ),
    Report(
        "IV-T12",
        "Revenue of returned items is negative",
        "transactions",
        "A return takes revenue back; a positive amount adds it a second time.",
        txn("is-return", "item-revenue"),
        (
            Count("returned_row", "TRUE", scope="is_return", share=False, finding=False),
            Count("returned_positive_revenue", "item_revenue > 0", scope="is_return", fields=("item_revenue",)),
            Count("returned_zero_revenue", "item_revenue = 0", scope="is_return", share=False, finding=False),
        ),
    ),
    Report(
        "IV-T13",
        "Revenue is list price minus discount amount",
        "transactions",
        "The three columns must tell the same story to the cent.",
        txn("item-revenue", "item-list-price", "item-discount-amount"),
        (
            Count(
                "revenue_mismatch",
                f"abs(item_revenue - (item_list_price - item_discount_amount)) > {MONEY_TOLERANCE}",
                fields=("item_revenue", "item_list_price", "item_discount_amount"),
            ),
            Figure(
                "revenue_mismatch_abs_sum",
                "coalesce(sum(abs(item_revenue - (item_list_price - item_discount_amount))) FILTER"
                f" (abs(item_revenue - (item_list_price - item_discount_amount)) > {MONEY_TOLERANCE}), 0)",
            ),
        ),
    ),
    Report(
        "IV-T14",
        "Revenue of purchases is positive",
        "transactions",
        "Negative revenue without a return flag is a return in disguise.",
        txn("item-revenue"),
        (
            Count("purchase_negative_revenue", "item_revenue < 0", scope=PURCHASE, fields=("item_revenue",)),
            Count("purchase_zero_revenue", "item_revenue = 0", scope=PURCHASE, share=False, finding=False),
        ),
    ),
    Report(
        "IV-T15",
        "Through which channel was the purchase made",
        "transactions",
        "Channel attributes need the channel of every purchase.",
        txn("purchase-channel"),
        (
            Count("missing_purchase_channel", missing("purchase_channel")),
            Figure("distinct_channel_count", f"count(DISTINCT purchase_channel) FILTER ({HAS_PURCHASE_CHANNEL})"),
            Figure(
                "channels",
                "(SELECT string_agg(purchase_channel || ': ' || n, ', ' ORDER BY n DESC, purchase_channel) FROM channels)",
                text=True,
            ),
        ),
    ),
    Report(
        "IV-T16",
        "The return and cancellation flags are true or false",
        "transactions",
        "An empty flag is read as a purchase.",
        txn("is-return|is-cancellation"),
        (
            Count("is_return_null", "is_return_raw IS NULL", tag="txn-item/is-return"),
            Count("is_return_true", "is_return", share=False, finding=False, tag="txn-item/is-return"),
            Count("is_cancellation_null", "is_cancellation_raw IS NULL", tag="txn-item/is-cancellation"),
            Count("is_cancellation_true", "is_cancellation", share=False, finding=False, tag="txn-item/is-cancellation"),
        ),
    ),
    Report(
        "IV-T17",
        "Share of unique product ids",
        "transactions",
        "Few products, or as many as rows, point to a wrong column.",
        txn("product-id"),
        (
            Figure("unique_product_id_count", f"count(DISTINCT product_id) FILTER ({HAS_PRODUCT_ID})"),
            Figure(
                "product_id_uniqueness_pct",
                f"pct(count(DISTINCT product_id) FILTER ({HAS_PRODUCT_ID}), count(*))",
            ),
        ),
    ),
)
