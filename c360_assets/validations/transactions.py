"""The documented reports on transactions. Those beyond the documented ones: `extra_reports`."""

from __future__ import annotations

from c360_assets.validations.declarations import (
    MONEY_TOLERANCE,
    PURCHASE,
    RATE_TOLERANCE,
    RC,
    Across,
    Count,
    Listing,
    Orders,
    Report,
    Series,
    Total,
    Unique,
    apart,
    txn,
)

ORDER_DATE = "txn-item/order-datetime"
REVENUE_GAP = "item_revenue - (item_list_price - item_discount_amount)"
SIGNS = (
    "Returns and cancellations are rows with negative amounts: "
    "turn the sign in a custom domain table."
)


_report = Series("IV-T", "transactions").report

REPORTS: tuple[Report, ...] = (
    _report(
        1,
        "Every item has a product id",
        "Items without a product cannot be analysed by product.",
        "Fees and gift cards often have none: give them a product id of their own.",
        txn("product-id"),
        Count(name="missing_product_id", when="product_id_missing"),
    ),
    _report(
        2,
        "Every order has a store id",
        "Store attributes need the store of every order.",
        "Give online orders a store id of their own, so that a missing one means something.",
        txn("store-id", "order-id"),
        Count(name="missing_store_id", when="store_id_missing"),
        Orders(name="orders_without_store_count", when="bool_and(store_id_missing)"),
        unknown=("store_id", "order_id"),
    ),
    _report(
        3,
        "Every order has quantity, revenue and order date",
        "Revenue, frequency and recency are computed from these three.",
        "Ask the source for the rows without them; they count nowhere until they are filled.",
        txn("item-quantity", "item-revenue", "order-datetime"),
        Count(name="missing_quantity", when="item_quantity IS NULL"),
        Count(name="missing_revenue", when="item_revenue IS NULL"),
        Count(name="missing_order_datetime", when="order_datetime IS NULL"),
        Count(
            name="missing_any",
            when="item_quantity IS NULL OR item_revenue IS NULL OR order_datetime IS NULL",
            finding=False,
        ),
        unknown=("item_quantity", "item_revenue", "order_datetime"),
    ),
    _report(
        4,
        "Every order has a unique order id",
        "An order id that is missing or used again mixes orders of different people.",
        "Where ids are used again, "
        "make the id of order id and order date in a custom domain table.",
        txn("order-id"),
        Count(name="missing_order_id", when="order_id_missing"),
        Orders(name="unique_order_id_count", when="TRUE"),
        Orders(
            name="reused_order_id_count",
            when=(
                f"CAST(min(order_datetime) FILTER ({PURCHASE}) AS DATE) "
                f"< CAST(max(order_datetime) FILTER ({PURCHASE}) AS DATE)"
            ),
            finding=True,
            needs=(ORDER_DATE,),
        ),
        Across(name="order_ids_in_other_sources_count", column="order_id", show="shared"),
    ),
    _report(
        5,
        "An item is not both returned and canceled",
        "Such a row is counted once, as a cancellation.",
        "Ask the source which of the two the row is.",
        txn("is-return", "is-cancellation"),
        Count(name="return_and_cancel", when="is_return AND is_cancellation"),
        unknown=("is_return", "is_cancellation"),
    ),
    _report(
        6,
        "Revenue of canceled items is negative",
        "A cancellation takes revenue back; a positive amount adds it a second time.",
        SIGNS,
        txn("is-cancellation", "item-revenue"),
        Count(
            name="canceled_row", when="TRUE", scope="is_cancellation", share=False, finding=False
        ),
        Count(
            name="canceled_positive_revenue",
            when="item_revenue > 0",
            scope="is_cancellation",
            fields=("item_revenue",),
        ),
        Count(
            name="canceled_zero_revenue",
            when="item_revenue = 0",
            scope="is_cancellation",
            share=False,
            finding=False,
        ),
        unknown=("is_cancellation", "item_revenue"),
    ),
    _report(
        7,
        "Discount amounts are positive",
        "A negative discount on a purchase is a surcharge or a wrong sign.",
        "Send discounts as positive amounts, or turn the sign in a custom domain table.",
        txn("item-discount-amount"),
        Count(
            name="negative_discount",
            when="item_discount_amount < 0",
            scope=PURCHASE,
            fields=("item_discount_amount",),
        ),
        Count(
            name="rc_positive_discount",
            when="item_discount_amount > 0",
            scope=RC,
            share=False,
            finding=False,
        ),
        unknown=("item_discount_amount",),
    ),
    _report(
        8,
        "Discount percent is discount amount divided by list price",
        "The three columns must tell the same story, on a scale from 0 to 1.",
        "A percent from 0 to 100 is divided by 100 in a custom domain table; "
        "else ask which of the three is right.",
        txn("item-discount-percent", "item-discount-amount", "item-list-price"),
        Count(
            name="discount_percent_mismatch",
            when=apart(
                "item_discount_percent - item_discount_amount / nullif(item_list_price, 0)",
                RATE_TOLERANCE,
            ),
            scope="coalesce(item_list_price <> 0, TRUE)",
            fields=("item_discount_percent", "item_discount_amount", "item_list_price"),
        ),
        Count(
            name="discount_percent_out_of_range",
            when="item_discount_percent < 0 OR item_discount_percent > 1",
            share=False,
        ),
        Count(name="zero_list_price", when="item_list_price = 0", share=False, finding=False),
        unknown=("item_discount_percent", "item_discount_amount", "item_list_price"),
    ),
    _report(
        9,
        "From which store was the purchase made",
        "One store that holds almost everything is often a default value.",
        "Compare the number of stores with the ones you know.",
        txn("store-id"),
        Unique(name="distinct_store_count", column="store_id"),
        Listing(name="top_store_id", column="store_id", show="top"),
        Listing(name="top_store_pct", column="store_id", show="top_share"),
    ),
    _report(
        10,
        "Quantity of canceled or returned items is negative",
        "A positive quantity of a return counts the item as sold.",
        SIGNS,
        txn("item-quantity", "is-return|is-cancellation"),
        Count(name="rc_row", when="TRUE", scope=RC, share=False, finding=False),
        Count(
            name="rc_positive_quantity",
            when="item_quantity > 0",
            scope=RC,
            fields=("item_quantity",),
        ),
        Count(
            name="rc_zero_quantity", when="item_quantity = 0", scope=RC, share=False, finding=False
        ),
        unknown=("item_quantity",),
    ),
    _report(
        11,
        "Quantity of purchases is positive",
        "A negative quantity without a return flag is a return in disguise.",
        "Have the source flag its returns, "
        "or set the flag where the quantity is negative in a custom domain table.",
        txn("item-quantity"),
        Count(
            name="purchase_negative_quantity",
            when="item_quantity < 0",
            scope=PURCHASE,
            fields=("item_quantity",),
        ),
        Count(
            name="purchase_zero_quantity",
            when="item_quantity = 0",
            scope=PURCHASE,
            share=False,
            finding=False,
        ),
        unknown=("item_quantity",),
    ),
    _report(
        12,
        "Revenue of returned items is negative",
        "A return takes revenue back; a positive amount adds it a second time.",
        SIGNS,
        txn("is-return", "item-revenue"),
        Count(name="returned_row", when="TRUE", scope="is_return", share=False, finding=False),
        Count(
            name="returned_positive_revenue",
            when="item_revenue > 0",
            scope="is_return",
            fields=("item_revenue",),
        ),
        Count(
            name="returned_zero_revenue",
            when="item_revenue = 0",
            scope="is_return",
            share=False,
            finding=False,
        ),
        unknown=("is_return", "item_revenue"),
    ),
    _report(
        13,
        "Revenue is list price minus discount amount",
        "The three columns must tell the same story to the cent.",
        "Often the list price is that of one unit, "
        "or a discount of the whole order is left out: see to the custom domain table.",
        txn("item-revenue", "item-list-price", "item-discount-amount"),
        Count(
            name="revenue_mismatch",
            when=apart(REVENUE_GAP, MONEY_TOLERANCE),
            fields=("item_revenue", "item_list_price", "item_discount_amount"),
        ),
        Total(
            name="revenue_mismatch_abs_sum",
            sql=f"coalesce(sum(TRY_CAST(abs({REVENUE_GAP}) AS DECIMAL(38, 4)))"
            f" FILTER ({apart(REVENUE_GAP, MONEY_TOLERANCE)}), 0)",
        ),
        unknown=("item_revenue", "item_list_price", "item_discount_amount"),
    ),
    _report(
        14,
        "Revenue of purchases is positive",
        "Negative revenue without a return flag is a return in disguise.",
        "Have the source flag its returns, "
        "or set the flag where the revenue is negative in a custom domain table.",
        txn("item-revenue"),
        Count(
            name="purchase_negative_revenue",
            when="item_revenue < 0",
            scope=PURCHASE,
            fields=("item_revenue",),
        ),
        Count(
            name="purchase_zero_revenue",
            when="item_revenue = 0",
            scope=PURCHASE,
            share=False,
            finding=False,
        ),
        unknown=("item_revenue",),
    ),
    _report(
        15,
        "Through which channel was the purchase made",
        "Channel attributes need the channel of every purchase.",
        "A source with one channel gets it as a constant in a custom domain table.",
        txn("purchase-channel"),
        Count(name="missing_purchase_channel", when="purchase_channel_missing"),
        Unique(name="distinct_channel_count", column="purchase_channel"),
        Listing(name="channels", column="purchase_channel", show="all"),
    ),
    _report(
        16,
        "The return and cancellation flags are true or false",
        "An empty flag is read as a purchase.",
        "Where empty means no, write so in a custom domain table: coalesce(flag, FALSE).",
        txn("is-return|is-cancellation"),
        Count(name="is_return_null", when="is_return_raw IS NULL", needs=txn("is-return")),
        Count(
            name="is_return_true",
            when="is_return",
            share=False,
            finding=False,
            needs=txn("is-return"),
        ),
        Count(
            name="is_cancellation_null",
            when="is_cancellation_raw IS NULL",
            needs=txn("is-cancellation"),
        ),
        Count(
            name="is_cancellation_true",
            when="is_cancellation",
            share=False,
            finding=False,
            needs=txn("is-cancellation"),
        ),
    ),
    _report(
        17,
        "Share of unique product ids",
        "Few products, or as many as rows, point to a wrong column.",
        "Compare with the number of products you sell.",
        txn("product-id"),
        Unique(
            name="unique_product_id_count", column="product_id", share="product_id_uniqueness_pct"
        ),
    ),
)
