"""The input validation reports, as declarations: what each one asks, which tags it needs, which figures it gives.

A predicate reads columns by the documented name of their tag (`item_revenue`), whatever the feed calls them; `compile` turns a
declaration and a table into SQL, `run` executes and stores it. Reports inform: nothing here passes, fails or stops a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from c360_assets.semantics.tables import ColumnSpec, TableSpec
from c360_assets.tenant.models import SourceTable

RC = "(is_return OR is_cancellation)"
PURCHASE = "(NOT is_return AND NOT is_cancellation)"
MONEY_TOLERANCE = "0.01"
RATE_TOLERANCE = "0.01"


@dataclass(frozen=True)
class Count:
    """Rows in `scope` for which `when` is true: `<name>_count` and, unless `share` is off, `<name>_pct`.

    Rows of the scope in which a column of `fields` is NULL cannot be judged: they are neither counted nor in the
    denominator. A `finding` is something the reader should mend; other counts explain.
    """

    name: str
    when: str
    scope: str = "TRUE"
    fields: tuple[str, ...] = ()
    share: bool = True
    finding: bool = True
    tag: str = ""  # left out on tables without this tag


@dataclass(frozen=True)
class Figure:
    """One aggregate over the whole table. `kind` is how it is stored: a number or a text."""

    name: str
    sql: str
    text: bool = False
    finding: bool = False
    tag: str = ""


@dataclass(frozen=True)
class Report:
    """One report. `needs` are full tags that must all be on the table; `a|b` is satisfied by either."""

    id: str
    title: str
    category: str
    reason: str
    needs: tuple[str, ...]
    metrics: tuple[Count | Figure, ...]
    values: str = ""  # `email` or `phone`: the metrics also see that tag's values one per row, as relation `vals`

    @property
    def table(self) -> str:
        return self.id.lower().replace("-", "_")

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(tag for need in self.needs for tag in need.split("|"))


def missing(column: str) -> str:
    """The test that a text column holds nothing: NULL or white space, whatever the script."""
    return f"({column} IS NULL OR NOT regexp_matches({column}, '[^\\s\\p{{Z}}]'))"


HAS_ORDER_ID = f"NOT {missing('order_id')}"
HAS_PRODUCT_ID = f"NOT {missing('product_id')}"
HAS_PURCHASE_CHANNEL = f"NOT {missing('purchase_channel')}"
HAS_STORE_ID = f"NOT {missing('store_id')}"


def _others(column: str, allowed: str) -> str:
    """The distinct values of `column` outside `allowed`, as one text."""
    return (
        f"(SELECT string_agg(v, ', ' ORDER BY v) FROM (SELECT DISTINCT trim({column}) AS v FROM t"
        f" WHERE NOT {missing(column)} AND trim({column}) NOT IN ({allowed})))"
    )


def _txn(*names: str) -> tuple[str, ...]:
    return tuple("|".join(f"txn-item/{n}" for n in name.split("|")) for name in names)


REPORTS: tuple[Report, ...] = (
    Report(
        "IV-P01",
        "Email addresses",
        "customer profiles",
        "Stitch links records by e-mail address; missing, invalid or shared ones weaken it.",
        ("email",),
        (
            Count("missing_email", "email_missing"),
            Figure("invalid_email_count", "(SELECT count(*) FROM vals WHERE NOT email_valid(value))", finding=True),
            Figure(
                "invalid_email_pct",
                "pct((SELECT count(*) FROM vals WHERE NOT email_valid(value)), (SELECT count(*) FROM vals))",
            ),
            Figure("unique_email_count", "(SELECT count(DISTINCT key) FROM vals)"),
            Figure("email_uniqueness_pct", "pct((SELECT count(DISTINCT key) FROM vals), count(*))"),
            Figure("blocklisted_email_count", "(SELECT count(*) FROM vals WHERE blocked)", finding=True),
        ),
        values="email",
    ),
    Report(
        "IV-P02",
        "Phone numbers",
        "customer profiles",
        "Stitch compares the last ten digits of a phone number; other shapes and placeholders weaken it.",
        ("phone",),
        (
            Count("missing_phone", "phone_missing"),
            Figure("invalid_phone_count", "(SELECT count(*) FROM vals WHERE NOT phone_valid_here(value))", finding=True),
            Figure(
                "invalid_phone_pct",
                "pct((SELECT count(*) FROM vals WHERE NOT phone_valid_here(value)), (SELECT count(*) FROM vals))",
            ),
            Figure("unique_phone_count", "(SELECT count(DISTINCT key) FROM vals)"),
            Figure("phone_uniqueness_pct", "pct((SELECT count(DISTINCT key) FROM vals), count(*))"),
            Figure("not_10_digits_count", "(SELECT count(*) FROM vals WHERE length(digits) <> 10)", finding=True),
            Figure("not_10_digits_pct", "pct((SELECT count(*) FROM vals WHERE length(digits) <> 10), count(*))"),
            Figure("more_than_10_digits_count", "(SELECT count(*) FROM vals WHERE length(digits) > 10)"),
            Figure("fewer_than_10_digits_count", "(SELECT count(*) FROM vals WHERE length(digits) < 10)"),
            Figure(
                "eleven_digits_leading_1_count",
                "(SELECT count(*) FROM vals WHERE length(digits) = 11 AND starts_with(digits, '1'))",
            ),
            Figure("blocklisted_phone_count", "(SELECT count(*) FROM vals WHERE blocked)", finding=True),
        ),
        values="phone",
    ),
    Report(
        "IV-T01",
        "Every item has a product id",
        "transactions",
        "Items without a product cannot be analysed by product.",
        _txn("product-id"),
        (Count("missing_product_id", missing("product_id")),),
    ),
    Report(
        "IV-T02",
        "Every order has a store id",
        "transactions",
        "Store attributes need the store of every order.",
        _txn("store-id", "order-id"),
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
        _txn("item-quantity", "item-revenue", "order-datetime"),
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
        _txn("order-id"),
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
        _txn("is-return", "is-cancellation"),
        (Count("return_and_cancel", "is_return AND is_cancellation"),),
    ),
    Report(
        "IV-T06",
        "Revenue of canceled items is negative",
        "transactions",
        "A cancellation takes revenue back; a positive amount adds it a second time.",
        _txn("is-cancellation", "item-revenue"),
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
        _txn("item-discount-amount"),
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
        _txn("item-discount-percent", "item-discount-amount", "item-list-price"),
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
        _txn("store-id"),
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
        _txn("item-quantity", "is-return|is-cancellation"),
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
        _txn("item-quantity"),
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
        _txn("is-return", "item-revenue"),
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
        _txn("item-revenue", "item-list-price", "item-discount-amount"),
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
        _txn("item-revenue"),
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
        _txn("purchase-channel"),
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
        _txn("is-return|is-cancellation"),
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
        _txn("product-id"),
        (
            Figure("unique_product_id_count", f"count(DISTINCT product_id) FILTER ({HAS_PRODUCT_ID})"),
            Figure(
                "product_id_uniqueness_pct",
                f"pct(count(DISTINCT product_id) FILTER ({HAS_PRODUCT_ID}), count(*))",
            ),
        ),
    ),
    Report(
        "IV-C01",
        "Requests have an id",
        "privacy requests",
        "A request without an id cannot be answered.",
        ("compliance/request-id",),
        (Count("missing_request_id", missing("request_id")),),
    ),
    Report(
        "IV-C02",
        "Requests have a type",
        "privacy requests",
        "Without a type nobody knows what to do.",
        ("compliance/request-type",),
        (Count("missing_request_type", missing("request_type")),),
    ),
    Report(
        "IV-C03",
        "Requests have a strategy",
        "privacy requests",
        "An empty strategy is read as exact.",
        ("compliance/request-strategy",),
        (Count("missing_request_strategy", missing("request_strategy")),),
    ),
    Report(
        "IV-C04",
        "Phone numbers of requests",
        "privacy requests",
        "A request is matched by its phone number.",
        ("compliance/request-phone",),
        (
            Count("missing_phone", missing("request_phone")),
            Count("invalid_phone", f"NOT {missing('request_phone')} AND NOT phone_valid_here(request_phone)", share=False),
            Count(
                "not_10_digits",
                f"NOT {missing('request_phone')} AND length(coalesce(phone_digits(request_phone), '')) <> 10",
            ),
        ),
    ),
    Report(
        "IV-C05",
        "The strategy is exact or connected_pii",
        "privacy requests",
        "Another word means that the request cannot be carried out.",
        ("compliance/request-strategy",),
        (
            Count(
                "invalid_strategy",
                f"NOT {missing('request_strategy')} AND trim(request_strategy) NOT IN ('exact', 'connected_pii')",
            ),
            Figure("invalid_values", _others("request_strategy", "'exact', 'connected_pii'"), text=True),
        ),
    ),
    Report(
        "IV-C06",
        "The type is delete, delete_pii or dsar",
        "privacy requests",
        "Another word means that the request cannot be carried out.",
        ("compliance/request-type",),
        (
            Count(
                "invalid_type",
                f"NOT {missing('request_type')} AND trim(request_type) NOT IN ('delete', 'delete_pii', 'dsar')",
            ),
            Figure("invalid_values", _others("request_type", "'delete', 'delete_pii', 'dsar'"), text=True),
        ),
    ),
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
        _txn("order-id", "product-id"),
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
        _txn("order-id", "is-return|is-cancellation"),
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

# Figures of a report that compare one table with all others; `run` computes them over all tables together.
ACROSS: dict[str, tuple[str, ...]] = {
    "IV-P01": ("all_sources_unique_email_count", "all_sources_email_uniqueness_pct", "exclusive_email_count"),
    "IV-P02": ("all_sources_phone_uniqueness_pct",),
    "IV-T04": ("order_ids_in_other_sources_count",),
}


def reports_for(table: SourceTable, extra: bool = True) -> Sequence[Report]:
    """The reports whose tags the table carries, in declared order; `extra` off leaves out the IV-X group."""
    present = {tag for tags in table.tags.values() for tag in tags}

    def has(need: str) -> bool:
        return any(
            any(tag.startswith(option[:-1]) for tag in present) if option.endswith("*") else option in present
            for option in need.split("|")
        )

    return [r for r in REPORTS if (extra or not r.id.startswith("IV-X")) and all(has(need) for need in r.needs)]


def report_specs() -> dict[str, TableSpec]:
    """The descriptions of all wide tables, by table name."""
    return {report.table: report_spec(report) for report in REPORTS}


def report_spec(report: Report) -> TableSpec:
    """The description of a report's wide table, computed from its declaration."""
    columns = {
        "run_id": ColumnSpec("VARCHAR", "Run that wrote the row"),
        "report_id": ColumnSpec("VARCHAR", "Short name of the report"),
        "datasource": ColumnSpec("VARCHAR", "Table the row is about"),
        "record_count": ColumnSpec("BIGINT", "Rows of the table"),
        "not_evaluated_count": ColumnSpec("BIGINT", "Rows in which a column that the rule reads is empty"),
    }
    for item in report.metrics:
        words = item.name.replace("_", " ")
        if isinstance(item, Figure):
            kind = "VARCHAR" if item.text else "BIGINT" if item.name.endswith("_count") else "DOUBLE"
            columns[item.name] = ColumnSpec(kind, _sentence(words))
            continue
        columns[f"{item.name}_count"] = ColumnSpec("BIGINT", f"Rows: {words}")
        if item.share:
            columns[f"{item.name}_pct"] = ColumnSpec("DOUBLE", f"Share of the rows that can be judged, in percent: {words}")
    for name in ACROSS.get(report.id, ()):
        kind = "BIGINT" if name.endswith("_count") else "DOUBLE"
        columns[name] = ColumnSpec(kind, _sentence(name.replace("_", " ")) + ", compared with the other tables")
    return TableSpec(
        report.table, f"{report.title}. {report.reason}", "one row per data source", ("datasource",), columns, "validations"
    )


def _sentence(words: str) -> str:
    return (words[0].upper() + words[1:]).replace(" pct", " in percent").removesuffix(" count")
