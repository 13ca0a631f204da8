"""Checks beyond the documented reports: each holds a rule of a tag against the data.

A tenant can switch the group off.
"""

from __future__ import annotations

from c360_assets.validations.declarations import (
    MONEY_TOLERANCE,
    PURCHASE,
    RC,
    Count,
    Keys,
    Loaded,
    Orders,
    Ratio,
    Report,
    Series,
    Unique,
    Whole,
    apart,
    blocked,
    txn,
)

# Amounts with a sign rule: at least zero on purchases, at most zero on returns and cancellations.
SIGNED = ("item_list_price", "item_subtotal", "item_tax_amount", "item_cost", "item_profit")
SIGNED_UNITS = (
    "unit_cost",
    "unit_profit",
    "unit_list_price",
    "unit_discount_amount",
    "unit_subtotal",
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
EVENT_TYPES = ("Open", "Click", "Sent", "Optin", "Bounce", "Converted", "Unsubscribe")
ONLINE = "(?i)\\b(online|web\\w*|internet|e-?com\\w*|digital|app|mobile|site|marketplace)\\b"
CUSTOMER_KEY = "fk-*|txn-item/customer-id|customer-id"
# What was delivered by the newest delivery day cannot have happened much later; `{newest}` stands
# for that day.
FUTURE = "CAST({newest} AS DATE) + INTERVAL 2 DAY"
# An order without a discount has the same zero on all rows however its source writes discounts.
MULTI_ROW = (
    f"count_if({PURCHASE} AND order_discount_amount IS NOT NULL) > 1"
    f" AND count_if({PURCHASE} AND order_discount_amount <> 0) > 0"
)
ONE_DISCOUNT = (
    f"min(order_discount_amount) FILTER ({PURCHASE})"
    f" = max(order_discount_amount) FILTER ({PURCHASE})"
)


def _tag(column: str) -> str:
    return f"txn-item/{column.replace('_', '-')}"


def _sign(name: str, when: str) -> Count:
    return Count(
        name=f"{name}_sign_violation", when=when, fields=(name,), share=False, needs=(_tag(name),)
    )


def _filled_and_real(name: str) -> tuple[Count, Count]:
    tag = name.replace("_", "-")
    return (
        Count(
            name=f"missing_{name}",
            when=f"{name}_missing",
            mild=True,
            needs=(tag,),
            advice=(
                "Ask whether the source has it in another field; "
                "if it has none, nothing needs to be done."
            ),
        ),
        Count(
            name=f"blocklisted_{name}",
            when=blocked(tag, name),
            share=False,
            needs=(tag,),
        ),
    )


_report = Series("IV-X", "additional").report

REPORTS: tuple[Report, ...] = (
    _report(
        1,
        "Every record has a key of its own",
        "A row without a key is rejected, and of rows that share a key only one stands.",
        "Rejected rows are in logs/, by feed and day; "
        "check that primary_key names the columns that tell two records apart.",
        ("personal data",),
        Loaded(name="duplicate_pk_count", show="replaced"),
        Loaded(name="null_pk_count", show="without_key", finding=True),
        feeds_only=True,
    ),
    _report(
        2,
        "Transactions name their customer",
        "A row without a customer key belongs to nobody.",
        "Purchases without a card or account have none; a key of 0 is better left empty.",
        ("txn-item/*", CUSTOMER_KEY),
        Count(name="missing_customer_key", when="customer_key_missing", mild=True),
        Count(name="zero_customer_key", when="trim(customer_key) = '0'", share=False),
        Orders(
            name="orders_with_many_customer_keys_count",
            # Texts are slow to order; of two that differ, the hashes do too.
            when="min(hash(customer_key)) FILTER (NOT customer_key_missing)"
            " <> max(hash(customer_key)) FILTER (NOT customer_key_missing)",
            finding=True,
            needs=txn("order-id"),
            advice="Look whether order ids are used again, or whether the key names a household.",
        ),
    ),
    _report(
        3,
        "One row per order, product and kind",
        "Several rows of one product in one order count it twice.",
        "Add the rows up in a custom domain table, with their quantity.",
        txn("order-id", "product-id"),
        Keys(
            name="duplicate_order_product_count",
            key=("order_id", "product_id"),
            optional=("is_return", "is_cancellation"),
            where="NOT order_id_missing AND NOT product_id_missing",
            finding=True,
        ),
    ),
    _report(
        4,
        "Order dates are possible",
        "An order of the future, or of a time before computers, is in no window of any attribute.",
        "Check the date pattern of the field (day and month swapped, "
        "two-digit years) and its time zone.",
        txn("order-datetime"),
        Count(
            name="future_order_datetime",
            when=f"order_datetime >= {FUTURE}",
            fields=("order_datetime",),
        ),
        Count(
            name="before_1970",
            when="order_datetime < DATE '1970-01-01'",
            fields=("order_datetime",),
        ),
    ),
    _report(
        5,
        "Amounts have the sign of their row",
        "Amounts of purchases are positive, those of returns and cancellations negative.",
        "Turn the sign in a custom domain table, or set the return flag.",
        ("|".join(map(_tag, (*SIGNED, *SIGNED_UNITS, "unit_revenue"))),),
        *(
            _sign(name, f"CASE WHEN {RC} THEN {name} > 0 ELSE {name} < 0 END")
            for name in (*SIGNED, *SIGNED_UNITS)
        ),
        _sign("unit_revenue", f"{RC} AND unit_revenue > 0"),
    ),
    _report(
        6,
        "Amounts of an item are those of a unit times quantity",
        "Amounts of one unit and of all units must tell the same story to the cent.",
        "Look which of the two columns holds the other one's amount, and swap the tags.",
        ("txn-item/item-quantity",),
        *(
            Count(
                name=f"{item}_mismatch",
                when=apart(f"{item} - item_quantity * {unit}", MONEY_TOLERANCE),
                fields=(item, "item_quantity", unit),
                needs=(_tag(unit), _tag(item)),
            )
            for unit, item in UNIT_AND_ITEM
        ),
        unknown=("item_quantity",),
    ),
    _report(
        7,
        "A unit's list price is its discount and subtotal",
        "The three amounts of one unit must add up to the cent.",
        "Look whether one of the three is that of the whole item.",
        txn("unit-list-price", "unit-discount-amount", "unit-subtotal"),
        Count(
            name="unit_list_price_mismatch",
            when=apart("unit_list_price - (unit_discount_amount + unit_subtotal)", MONEY_TOLERANCE),
            fields=("unit_list_price", "unit_discount_amount", "unit_subtotal"),
        ),
        unknown=("unit_list_price", "unit_discount_amount", "unit_subtotal"),
    ),
    _report(
        8,
        "Revenue is cost plus profit",
        "The three amounts must add up to the cent.",
        "Look whether tax or the order's discount is part of one and not of the others.",
        txn("item-revenue", "item-cost", "item-profit"),
        Count(
            name="cost_profit_mismatch",
            when=apart("item_revenue - item_cost - item_profit", MONEY_TOLERANCE),
            fields=("item_revenue", "item_cost", "item_profit"),
        ),
        unknown=("item_revenue", "item_cost", "item_profit"),
    ),
    _report(
        9,
        "How an order's discount is written",
        "A discount repeated on every row is taken once, "
        "one that is spread over the rows is added up.",
        "Nothing needs to be done: the unified tables follow this.",
        txn("order-id", "order-discount-amount"),
        Orders(name="multi_row_order_count", when=MULTI_ROW),
        Orders(name="repeated_order_count", when=f"{MULTI_ROW} AND {ONE_DISCOUNT}"),
        Ratio(
            name="order_discount_mode",
            part=f"{MULTI_ROW} AND {ONE_DISCOUNT}",
            whole=MULTI_ROW,
            least=0.95,
            words=("repeated", "prorated"),
        ),
    ),
    _report(
        10,
        "Currencies are three letters",
        "Amounts of different currencies must not be added up.",
        "Write the ISO 4217 code, and one currency a source.",
        txn("currency"),
        Count(
            name="invalid_currency",
            when="NOT currency_missing AND NOT regexp_matches(currency, '^[A-Z][A-Z][A-Z]$')",
        ),
        Unique(name="distinct_currency_count", column="currency", finding=True, over=1),
    ),
    _report(
        11,
        "Digital channels belong to online purchases",
        "A digital channel on a purchase in a store is a wrong channel or a wrong column.",
        "Leave the digital channel empty for purchases that were not made online.",
        txn("digital-channel", "purchase-channel"),
        Count(
            name="digital_channel_offline",
            when=f"NOT digital_channel_missing AND NOT purchase_channel_missing"
            f" AND NOT regexp_matches(purchase_channel, '{ONLINE}')",
        ),
        unknown=("digital_channel", "purchase_channel"),
    ),
    _report(
        12,
        "Returns and cancellations have a purchase",
        "A return whose order is unknown lowers nobody's revenue.",
        "A return names the order of the purchase, "
        "not one of its own; older orders may not have been delivered.",
        txn("order-id", "is-return|is-cancellation"),
        Orders(
            name="orphan_rc_count",
            when=f"NOT bool_or({PURCHASE})",
            rows=RC,
            share="orphan_rc_pct",
            finding=True,
        ),
    ),
    _report(
        13,
        "Birthdates are possible",
        "A wrong birthdate keeps records of one person apart.",
        "Let the source leave an unknown birthdate empty, and check the date pattern of the field.",
        ("birthdate",),
        Count(name="future_birthdate", when=f"birthdate >= {FUTURE}", fields=("birthdate",)),
        Count(
            name="birthdate_over_120_years",
            when="birthdate < CAST({newest} AS DATE) - INTERVAL 120 YEAR",
            fields=("birthdate",),
        ),
        Count(
            name="blocklisted_birthdate",
            when=blocked("birthdate", "CAST(birthdate AS VARCHAR)"),
            fields=("birthdate",),
        ),
    ),
    _report(
        14,
        "Names and addresses are filled and real",
        "Stitch ignores placeholders and finds nothing in what is missing.",
        "Let the source leave the field empty instead of writing a placeholder.",
        ("|".join(name.replace("_", "-") for name in FILLED),),
        *(item for name in FILLED for item in _filled_and_real(name)),
    ),
    _report(
        15,
        "Opt-in status is clear",
        "Nobody may be written to on a status that is empty or contradicts another.",
        "Keep the newest status per address, brand, region and programme in a custom domain table.",
        ("email-opt/email", "email-opt/is-email-opted-in"),
        Count(name="missing_email", when="email_missing"),
        Count(name="missing_status", when="is_email_opted_in IS NULL"),
        Keys(
            name="conflicting_status_count",
            key=("lower(trim(email))",),
            optional=("brand", "region", "email_program"),
            where="NOT email_missing AND is_email_opted_in IS NOT NULL",
            having="bool_or(is_email_opted_in) AND NOT bool_and(is_email_opted_in)",
            finding=True,
        ),
    ),
    _report(
        16,
        "E-mail events have a known type",
        "An unknown type counts nowhere.",
        f"Write one of {', '.join(EVENT_TYPES)} in a custom domain table.",
        ("email-event/event-type",),
        Count(
            name="unknown_event_type",
            when="event_type_missing OR event_type NOT IN ("
            + ", ".join(f"'{word}'" for word in EVENT_TYPES)
            + ")",
        ),
    ),
    _report(
        17,
        "The fiscal calendar has every day once",
        "A missing day leaves its orders without a fiscal period, a day twice counts them twice.",
        "Send the calendar again, whole.",
        ("fiscal/calendar-date",),
        Whole(
            name="duplicate_day_count",
            sql="count(calendar_date) - count(DISTINCT calendar_date)",
            finding=True,
        ),
        Whole(
            name="missing_day_count",
            sql=(
                "coalesce(date_diff('day', min(calendar_date), "
                "max(calendar_date)) + 1 - count(DISTINCT calendar_date), 0)"
            ),
            finding=True,
        ),
    ),
    _report(
        18,
        "Records say when they changed",
        "The newest record of a source wins in merge rules; one without a date never does.",
        "Ask the source for its change date, and check the pattern and time zone of the field.",
        ("update-dt",),
        Count(name="missing_update_dt", when="update_dt IS NULL"),
        Count(name="future_update_dt", when=f"update_dt >= {FUTURE}", fields=("update_dt",)),
    ),
)
