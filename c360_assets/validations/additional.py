"""Checks beyond the documented reports: each holds a rule of a tag against the data. A tenant can switch the group off."""

from __future__ import annotations

from c360_assets.validations.declarations import (
    HAS_ORDER_ID,
    MONEY_TOLERANCE,
    PURCHASE,
    RC,
    Count,
    Figure,
    Report,
    missing,
    txn,
)

SIGNED = (
    "item_list_price",
    "item_subtotal",
    "item_tax_amount",
    "item_cost",
    "item_profit",
    "unit_cost",
    "unit_profit",
    "unit_list_price",
    "unit_discount_amount",
    "unit_subtotal",
    "unit_revenue",
    "unit_tax_amount",
)
UNIT_AND_ITEM = (
    ("unit_discount_amount", "item_discount_amount"),
    ("unit_revenue", "item_revenue"),
    ("unit_cost", "item_cost"),
    ("unit_profit", "item_profit"),
    ("unit_tax_amount", "item_tax_amount"),
    ("unit_list_price", "item_list_price"),
    ("unit_list_price", "item_subtotal"),
)
FILLED = ("given_name", "surname", "address", "postal", "state")
# Purchase rows of orders with several of them: how many different discounts the rows of one order name.
DISCOUNTS = (
    f"SELECT count(DISTINCT order_discount_amount) AS different FROM t WHERE {PURCHASE} AND {HAS_ORDER_ID}"
    " AND order_discount_amount IS NOT NULL GROUP BY order_id HAVING count(*) > 1"
)

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
    Report(
        "IV-X05",
        "Amounts have the sign of their row",
        "additional",
        "Amounts of purchases are positive, those of returns and cancellations negative.",
        txn("is-return|is-cancellation"),
        tuple(
            Count(
                f"{name}_sign_violation",
                f"CASE WHEN {RC} THEN {name} > 0 ELSE {name} < 0 END",
                fields=(name,),
                share=False,
                tag=f"txn-item/{name.replace('_', '-')}",
            )
            for name in SIGNED
        ),
    ),
    *(
        Report(
            f"IV-X06{letter}",
            f"The item's {unit.replace('_', ' ')} times quantity is its {item.replace('_', ' ')}",
            "additional",
            "Amounts of one unit and of all units must tell the same story to the cent.",
            txn("item-quantity", unit.replace("_", "-"), item.replace("_", "-")),
            (
                Count(
                    f"{item}_mismatch",
                    f"abs({item} - item_quantity * {unit}) > {MONEY_TOLERANCE}",
                    fields=(item, "item_quantity", unit),
                ),
            ),
        )
        for letter, (unit, item) in zip("abcdefg", UNIT_AND_ITEM, strict=True)
    ),
    Report(
        "IV-X07",
        "A unit's list price is its discount and subtotal",
        "additional",
        "The three amounts of one unit must add up to the cent.",
        txn("unit-list-price", "unit-discount-amount", "unit-subtotal"),
        (
            Count(
                "unit_list_price_mismatch",
                f"abs(unit_list_price - (unit_discount_amount + unit_subtotal)) > {MONEY_TOLERANCE}",
                fields=("unit_list_price", "unit_discount_amount", "unit_subtotal"),
            ),
        ),
    ),
    Report(
        "IV-X08",
        "Revenue is cost plus profit",
        "additional",
        "The three amounts must add up to the cent.",
        txn("item-revenue", "item-cost", "item-profit"),
        (
            Count(
                "cost_profit_mismatch",
                f"abs(item_revenue - item_cost - item_profit) > {MONEY_TOLERANCE}",
                fields=("item_revenue", "item_cost", "item_profit"),
            ),
        ),
    ),
    Report(
        "IV-X09",
        "How an order's discount is written",
        "additional",
        "A discount repeated on every row is taken once, one that is spread over the rows is added up.",
        txn("order-id", "order-discount-amount"),
        (
            Figure("multi_row_order_count", f"(SELECT count(*) FROM ({DISCOUNTS}))"),
            Figure("repeated_order_count", f"(SELECT count(*) FROM ({DISCOUNTS}) WHERE different = 1)"),
            Figure(
                "order_discount_mode",
                f"(SELECT CASE WHEN count(*) FILTER (different = 1) >= 0.95 * count(*) THEN 'repeated' ELSE 'prorated' END"
                f" FROM ({DISCOUNTS}))",
                text=True,
            ),
        ),
    ),
    Report(
        "IV-X10",
        "Currencies are three letters",
        "additional",
        "Amounts of different currencies must not be added up.",
        txn("currency"),
        (
            Count("invalid_currency", f"NOT {missing('currency')} AND NOT regexp_matches(currency, '^[A-Z]{{3}}$')"),
            Figure("distinct_currency_count", f"count(DISTINCT currency) FILTER (NOT {missing('currency')})"),
        ),
    ),
    Report(
        "IV-X14",
        "Names and addresses are filled and real",
        "additional",
        "Stitch ignores placeholders and finds nothing in what is missing.",
        ("given-name|surname|address|postal|state",),
        tuple(
            metric
            for name in FILLED
            for metric in (
                Count(f"missing_{name}", missing(name), finding=False, tag=name.replace("_", "-")),
                Count(
                    f"blocklisted_{name}",
                    f"value_blocked('{name.replace('_', '-')}', {name})",
                    share=False,
                    tag=name.replace("_", "-"),
                ),
            )
        ),
    ),
    Report(
        "IV-X15",
        "Opt-in status is clear",
        "additional",
        "Nobody may be written to on a status that is empty or contradicts another.",
        ("email-opt/email", "email-opt/is-email-opted-in"),
        (
            Count("missing_email", missing("email")),
            Count("missing_status", "is_email_opted_in IS NULL"),
            Figure(
                "conflicting_status_count",
                f"(SELECT count(*) FROM (SELECT lower(trim(email)) FROM t WHERE NOT {missing('email')}"
                " AND is_email_opted_in IS NOT NULL GROUP BY ALL HAVING count(DISTINCT is_email_opted_in) > 1))",
                finding=True,
            ),
        ),
    ),
    Report(
        "IV-X16",
        "E-mail events have a known type",
        "additional",
        "An unknown type counts nowhere.",
        ("email-event/event-type",),
        (
            Count(
                "unknown_event_type",
                "event_type IS NULL OR event_type NOT IN"
                " ('Open', 'Click', 'Sent', 'Optin', 'Bounce', 'Converted', 'Unsubscribe')",
            ),
        ),
    ),
    Report(
        "IV-X17",
        "The fiscal calendar has every day once",
        "additional",
        "A missing day leaves its orders without a fiscal period, a day twice counts them twice.",
        ("fiscal/calendar-date",),
        (
            Figure("duplicate_day_count", "count(calendar_date) - count(DISTINCT calendar_date)", finding=True),
            Figure(
                "missing_day_count",
                "coalesce(date_diff('day', min(calendar_date), max(calendar_date)) + 1 - count(DISTINCT calendar_date), 0)",
                finding=True,
            ),
        ),
    ),
)
