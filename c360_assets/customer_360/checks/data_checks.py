"""The checks of a built database, as a table: what each asks, of which rows, and when it warns.

Running them belongs to `run_data_checks`. A check reads tables of the database by name; a column a
tenant does not have makes it not applicable. Findings are counted, and their query gives keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PURCHASE = "NOT COALESCE(is_return, FALSE) AND NOT COALESCE(is_cancellation, FALSE)"
UNDONE = "(COALESCE(is_return, FALSE) OR COALESCE(is_cancellation, FALSE))"
ITEMS = "unified_itemized_transactions"


@dataclass(frozen=True)
class Check:
    """One question.

    `scope` is the rows looked at (a table, or a SELECT), `where` narrows them, `finding` counts.
    `{region}` in a finding stands for the tenant's numbering plan, a name of `SHARED` in a scope
    for rows that are shared, one of `order_words` for what tells orders apart. `keys` are the
    columns that the check's query shows, `reads` the tables that its scope names; it is about the
    first of them. It warns above `threshold` percent.
    """

    id: str
    question: str
    reads: tuple[str, ...]
    finding: str
    keys: tuple[str, ...]
    scope: str = ""
    where: str = "TRUE"
    threshold: float = 0.0

    @property
    def table(self) -> str:
        return self.reads[0]

    def source(self, shared: Mapping[str, str]) -> str:
        """What the check counts in, as a FROM item.

        `shared` says where the rows of each name of `SHARED` are, and the words of `order_words`.
        """
        return f"({self.scope.format_map(shared)}) AS checked" if self.scope else self.table


# Rows that several checks read, by the name they have in braces there. Several values are a lowest
# and a highest that differ: counting different ones would take three times as long.
SHARED = {
    "orders_of_items": "SELECT {source}clean(order_id) AS order_id, "
    "COALESCE(MIN(amperity_id) <> MAX(amperity_id), FALSE) AS has_several_people, "
    "BOOL_OR(is_purchase) AS has_purchase, COALESCE(MIN(CASE WHEN is_purchase THEN datasource END) "
    "<> MAX(CASE WHEN is_purchase THEN datasource END), FALSE) AS has_several_sources, "
    "COALESCE(CAST(MIN(CASE WHEN is_purchase THEN order_datetime END) AS DATE) "
    "<> CAST(MAX(CASE WHEN is_purchase THEN order_datetime END) AS DATE), FALSE) "
    "AS has_several_days, "
    "SUM(CASE WHEN is_purchase THEN item_revenue END) AS item_revenue, "
    "SUM(CASE WHEN is_purchase THEN item_quantity END) AS item_quantity "
    f"FROM (SELECT *, {PURCHASE} AS is_purchase FROM {ITEMS}) AS items "
    "WHERE NOT is_blank(order_id) GROUP BY {source}clean(order_id)",
}


def order_words(order_key: Sequence[str]) -> dict[str, str]:
    """What stands in SQL where orders are told apart by their source too; nothing otherwise."""
    words = {
        "source": "datasource, ",
        "and_same_source": " AND orders.datasource = items.datasource",
    }
    return words if "datasource" in order_key else dict.fromkeys(words, "")


ITEM_KEYS = ("datasource", "pk", "order_id")
PERSON = ("amperity_id",)


def _items(
    id_: str, question: str, finding: str, where: str = "TRUE", threshold: float = 0.0
) -> Check:
    return Check(id_, question, (ITEMS,), finding, ITEM_KEYS, where=where, threshold=threshold)


def _consent(kind: str, contact: str, status: str) -> Check:
    program = f"{kind}_program"
    return Check(
        f"CV-E04.{kind}",
        "Are statements of consent free of contradiction?",
        (f"{kind}_opt_status",),
        "agreed AND refused",
        (contact, "brand", "region", program),
        f"SELECT {contact}_key({contact}) AS {contact}, brand, region, {program}, "
        f"BOOL_OR({status}) AS agreed, BOOL_OR(NOT {status}) AS refused "
        f"FROM {kind}_opt_status GROUP BY {contact}_key({contact}), brand, region, {program}",
    )


def _loyalty_pair(id_: str, what: str) -> Check:
    amount, moment = f"{what}_amount", f"{what}_datetime"
    return Check(
        id_,
        f"Does every {what} have an amount and a time?",
        ("unified_loyalty_events",),
        f"({amount} IS NULL) <> ({moment} IS NULL) "
        f"OR (LOWER(event_type) = '{what}' AND {amount} IS NULL AND {moment} IS NULL)",
        ("datasource", "pk"),
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "CV-A01",
        "Does every record belong to one person?",
        ("unified_coalesced",),
        "has_several_people",
        ("datasource", "pk"),
        "SELECT datasource, pk, "
        "COALESCE(MIN(amperity_id) <> MAX(amperity_id), FALSE) AS has_several_people "
        "FROM unified_coalesced GROUP BY datasource, pk",
    ),
    Check(
        "CV-A02",
        "Is no purchaser a prospect?",
        ("customer_attributes",),
        "is_purchaser AND is_prospect",
        PERSON,
    ),
    Check(
        "CV-A03",
        "Do prospects have no orders?",
        ("customer_attributes", "unified_transactions"),
        "is_prospect AND has_order",
        PERSON,
        "SELECT ca.amperity_id, ca.is_prospect, bought.amperity_id IS NOT NULL AS has_order "
        "FROM customer_attributes AS ca "
        "LEFT JOIN "
        "(SELECT DISTINCT amperity_id FROM unified_transactions WHERE is_purchase_order) AS bought "
        "ON bought.amperity_id = ca.amperity_id",
    ),
    Check(
        "CV-A04",
        "Are addresses complete?",
        ("merged_customers",),
        "address_completion BETWEEN 1 AND 3",
        PERSON,
        threshold=10.0,
    ),
    Check(
        "CV-A05",
        "Are e-mails well formed?",
        ("merged_customers",),
        "NOT email_valid(email)",
        PERSON,
        where="email IS NOT NULL",
    ),
    Check(
        "CV-A06",
        "Are phone numbers possible?",
        ("merged_customers",),
        "NOT phone_valid(phone, '{region}')",
        PERSON,
        where="phone IS NOT NULL",
    ),
    Check(
        "CV-A07",
        "Is everyone with a surname and a whole address in a household?",
        ("merged_customers", "merged_households"),
        "household_id IS NULL",
        PERSON,
        "SELECT mc.amperity_id, mh.household_id FROM merged_customers AS mc "
        "LEFT JOIN merged_households AS mh ON mh.amperity_id = mc.amperity_id "
        "WHERE mc.address_completion = 4 AND mc.surname IS NOT NULL",
    ),
    # More are a business or a school, or one address that stands where others are not known.
    Check(
        "CV-A07.size",
        "Do at most 20 people live in a household?",
        ("merged_households",),
        "household_size > 20",
        ("household_id", "household_size", "amperity_id"),
    ),
    Check(
        "CV-E01",
        "Does the e-mail of an event belong to one person?",
        ("unified_email_events", "unified_coalesced"),
        "people > 1",
        ("email",),
        "SELECT events.email, COUNT(DISTINCT uc.amperity_id) AS people "
        "FROM (SELECT DISTINCT email_key(email) AS email FROM unified_email_events) AS events "
        "INNER JOIN (SELECT amperity_id, UNNEST(email_values(email)) AS value "
        "FROM unified_coalesced WHERE email IS NOT NULL) AS uc "
        "ON email_key(uc.value) = events.email GROUP BY events.email",
    ),
    Check(
        "CV-E02.events",
        "Is every e-mail event there once?",
        ("unified_email_events",),
        "copies > 1",
        ("email", "brand", "send_id", "event_type", "event_datetime"),
        "SELECT email_key(email) AS email, clean(brand) AS brand, send_id, event_type, "
        "event_datetime, COUNT(*) AS copies FROM unified_email_events "
        "GROUP BY email_key(email), clean(brand), send_id, event_type, event_datetime",
    ),
    Check(
        "CV-E02.summary",
        "Is there one engagement summary per e-mail and brand?",
        ("email_engagement_summary",),
        "copies > 1",
        ("email", "brand"),
        "SELECT email_key(email) AS email, clean(brand) AS brand, COUNT(*) AS copies "
        "FROM email_engagement_summary GROUP BY email_key(email), clean(brand)",
    ),
    Check(
        "CV-E03",
        "Do e-mail events have a known type?",
        ("unified_email_events",),
        "event_type IS NULL OR event_type NOT IN "
        "('Open', 'Click', 'Sent', 'Optin', 'Bounce', 'Converted', 'Unsubscribe')",
        ("datasource", "pk"),
    ),
    _consent("email", "email", "is_email_opted_in"),
    _consent("sms", "phone", "is_sms_opted_in"),
    Check(
        "CV-L01",
        "Is a loyalty id one membership of one person?",
        ("unified_loyalty",),
        "memberships > 1 OR people > 1",
        ("loyalty_id",),
        "SELECT loyalty_id, COUNT(*) AS memberships, COUNT(DISTINCT amperity_id) AS people "
        "FROM unified_loyalty GROUP BY loyalty_id",
    ),
    Check(
        "CV-L02",
        "Is the opt-in of members known?",
        ("unified_loyalty",),
        "is_opted_in IS NULL",
        ("datasource", "pk"),
    ),
    _loyalty_pair("CV-L03", "accrual"),
    _loyalty_pair("CV-L04", "redemption"),
    Check(
        "CV-L05",
        "Do tier changes name both tiers?",
        ("unified_loyalty_events",),
        "current_tier IS NULL OR previous_tier IS NULL",
        ("datasource", "pk"),
        where="LOWER(event_type) = 'tier change'",
    ),
    Check(
        "CV-F01",
        "Is every fiscal day there once?",
        ("fiscal_calendar",),
        "copies > 1",
        ("calendar_date",),
        "SELECT calendar_date, COUNT(*) AS copies FROM fiscal_calendar GROUP BY calendar_date",
    ),
    Check(
        "CV-F02",
        "Does the fiscal calendar cover all orders?",
        ("unified_transactions",),
        "fiscal_year IS NULL",
        ("order_id",),
        where="order_datetime IS NOT NULL",
    ),
    _items("CV-T01", "Do item rows belong to a person?", "amperity_id IS NULL", threshold=20.0),
    Check(
        "CV-T02",
        "Does every order belong to one person?",
        (ITEMS,),
        "has_several_people",
        ("order_id",),
        "SELECT * FROM {orders_of_items} AS orders",
    ),
    _items("CV-T03", "Do item rows name their order?", "is_blank(order_id)"),
    Check(
        "CV-T04",
        "Does an order id mean one order of one source and day?",
        (ITEMS,),
        "has_several_sources OR has_several_days",
        ("order_id",),
        "SELECT * FROM {orders_of_items} AS orders",
        "has_purchase",
    ),
    Check(
        "CV-T05",
        "Do orders have a store?",
        ("unified_transactions",),
        "store_id IS NULL",
        ("order_id",),
        threshold=100.0,
    ),
    *(
        _items(
            f"CV-T06.{column}",
            f"Do purchased items have a {column.replace('_', ' ')}?",
            f"is_blank({column})",
            PURCHASE,
        )
        for column in (
            "product_id",
            "product_category",
            "product_subcategory",
            "product_description",
        )
    ),
    *(
        _items(
            f"CV-T07.{column}",
            f"Is {column} of returns and cancellations zero or less?",
            f"{column} > 0",
            UNDONE,
        )
        for column in ("item_cost", "item_quantity", "item_revenue")
    ),
    Check(
        "CV-T08",
        "Do returns and cancellations belong to a known order?",
        (ITEMS, "unified_transactions"),
        "NOT is_purchase_order",
        ITEM_KEYS,
        "SELECT items.datasource, items.pk, items.order_id, orders.is_purchase_order "
        f"FROM {ITEMS} AS items "
        "INNER JOIN unified_transactions AS orders ON orders.order_id = clean(items.order_id)"
        f"{{and_same_source}} WHERE {UNDONE}",
    ),
    *(
        _items(
            f"CV-T09.{column}",
            f"Is {column} of purchases zero or more?",
            f"{column} < 0",
            PURCHASE,
        )
        for column in (
            "item_cost",
            "item_list_price",
            "item_discount_amount",
            "item_discount_percent",
            "item_subtotal",
            "item_revenue",
        )
    ),
    Check(
        "CV-T10",
        "Is no more returned and cancelled than was bought?",
        ("unified_transactions",),
        "ABS(order_returned_revenue + order_canceled_revenue) > order_revenue + 0.01",
        ("order_id",),
    ),
    _items(
        "CV-T11",
        "Is list price minus revenue the discount?",
        "ABS(item_list_price - item_revenue - item_discount_amount) > 0.01",
        f"{PURCHASE} AND item_list_price IS NOT NULL AND item_revenue IS NOT NULL "
        "AND item_discount_amount IS NOT NULL",
    ),
    _items(
        "CV-T12",
        "Is revenue cost plus profit?",
        "ABS(item_revenue - item_cost - item_profit) > 0.01",
        "item_revenue IS NOT NULL AND item_cost IS NOT NULL AND item_profit IS NOT NULL",
    ),
    _items(
        "CV-T13",
        "Is the discount's percentage right?",
        "ABS(item_discount_percent * item_list_price - item_discount_amount) "
        "> 0.01 * ABS(item_list_price)",
        f"{PURCHASE} AND item_list_price <> 0 AND item_discount_percent IS NOT NULL "
        "AND item_discount_amount IS NOT NULL",
    ),
    _items("CV-T14", "Is revenue known?", "item_revenue IS NULL"),
    _items(
        "CV-T15",
        "Is the quantity of purchases above zero?",
        "item_quantity IS NULL OR item_quantity <= 0",
        PURCHASE,
    ),
    _items(
        "CV-T16",
        "Are order times known and past?",
        # Which day a time falls on is asked only of the few that can be of a day to come.
        "order_datetime IS NULL "
        "OR (order_datetime > (SELECT CAST(as_of AS TIMESTAMPTZ) FROM run_context) "
        "AND CAST(order_datetime AS DATE) > (SELECT as_of FROM run_context))",
    ),
    Check(
        "CV-R01",
        "Do orders add up to their items, month by month?",
        ("unified_transactions", ITEMS),
        "ABS(order_revenue - item_revenue) > 0.01 OR order_quantity <> item_quantity",
        ("year", "month"),
        "SELECT YEAR(orders.order_datetime) AS year, MONTH(orders.order_datetime) AS month, "
        "SUM(orders.order_revenue) AS order_revenue, SUM(orders.order_quantity) AS order_quantity, "
        "SUM(COALESCE(items.item_revenue, 0)) AS item_revenue, "
        "SUM(COALESCE(items.item_quantity, 0)) AS item_quantity "
        "FROM unified_transactions AS orders LEFT JOIN {orders_of_items} AS items "
        "ON items.order_id = orders.order_id{and_same_source} "
        "GROUP BY YEAR(orders.order_datetime), MONTH(orders.order_datetime)",
    ),
    Check(
        "CV-R02.merged_customers",
        "Is there one merged customer per person?",
        ("merged_customers", "unified_coalesced"),
        "merged <> people",
        ("merged", "people"),
        "SELECT (SELECT COUNT(*) FROM merged_customers) AS merged, "
        "(SELECT COUNT(DISTINCT amperity_id) FROM unified_coalesced) AS people",
    ),
    Check(
        "CV-R02.customer_360",
        "Does the customer 360 have every merged customer?",
        ("customer_360", "merged_customers"),
        "profiles <> merged",
        ("profiles", "merged"),
        "SELECT (SELECT COUNT(*) FROM customer_360) AS profiles, "
        "(SELECT COUNT(*) FROM merged_customers) AS merged",
    ),
    # What people bought is added up, whatever the currency.
    Check(
        "CV-R03",
        "Are all orders in one currency?",
        ("unified_transactions",),
        "UPPER(currency) <> usual",
        ("order_id", "currency"),
        "SELECT orders.order_id, orders.currency, usual.currency AS usual "
        "FROM unified_transactions AS orders CROSS JOIN (SELECT UPPER(currency) AS currency "
        "FROM unified_transactions WHERE currency IS NOT NULL GROUP BY UPPER(currency) "
        "ORDER BY COUNT(*) DESC, UPPER(currency) ASC LIMIT 1) AS usual",
        "currency IS NOT NULL",
    ),
)
