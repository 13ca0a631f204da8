"""The reports counted again with Polars, from their documented wording, without their SQL.

Values are taken from the stored domain tables; what a well-formed address or number is comes from
`semantics.validity`, whose two spellings are held against each other elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from c360_assets.semantics.blocklist import blocked_values
from c360_assets.semantics.contact_marks import phone_digits
from c360_assets.semantics.tags import column_for
from c360_assets.tenant.models import SourceTable
from c360_assets_tests.semantics.valid_in_polars import email_valid, phone_valid

Numbers = dict[str, float | str | None]
RC = pl.col("is_return") | pl.col("is_cancellation")
PURCHASE = ~pl.col("is_return") & ~pl.col("is_cancellation")
BLANK = r"^[\s\p{Z}]*$"


@dataclass
class Table:
    """A table with columns by documented name, flags never null.

    `tags` are those it carries, `newest` its newest delivery day, `zone` its time zone.
    """

    frame: pl.DataFrame
    tags: set[str]
    emails: list[str]
    phones: list[str]
    newest: date
    zone: str

    def has(self, *names: str) -> bool:
        return all(name in self.frame.columns for name in names)

    def count(self, test: pl.Expr) -> int:
        return int(self.frame.select(test.fill_null(False).sum()).item() or 0)


def table_of(source: SourceTable, stored: pl.DataFrame, newest: date, zone: str) -> Table:
    columns: dict[str, pl.Expr] = {}
    for column, tags in source.tags.items():
        for tag in tags:
            columns.setdefault(column_for(tag), pl.col(column))
            if tag.startswith("fk-"):
                columns.setdefault("customer_key", pl.col(column))
    frame = stored.select(**columns)
    for flag in ("is_return", "is_cancellation"):
        raw = (
            frame[flag]
            if flag in frame.columns
            else pl.Series([None] * frame.height, dtype=pl.Boolean)
        )
        frame = frame.with_columns(raw.alias(f"{flag}_raw"), raw.fill_null(False).alias(flag))
    present = {tag for tags in source.tags.values() for tag in tags}
    contacts = {
        tag: [f"_{tag}_{c}" for c in source.columns_with(tag)] for tag in ("email", "phone")
    }
    frame = frame.with_columns(
        stored[c].alias(f"_{tag}_{c}") for tag in contacts for c in source.columns_with(tag)
    )
    return Table(frame, present, contacts["email"], contacts["phone"], newest, zone)


def missing(name: str) -> pl.Expr:
    return pl.col(name).is_null() | pl.col(name).str.contains(BLANK)


def pct(part: float, of: float) -> float | None:
    return 100 * part / of if of else None


def rule(
    table: Table,
    name: str,
    test: pl.Expr,
    scope: pl.Expr | None = None,
    fields: tuple[str, ...] = (),
    share: bool = True,
) -> Numbers:
    judged = pl.lit(True) if scope is None else scope
    for field in fields:
        judged = judged & pl.col(field).is_not_null()
    hits = table.count(judged & test)
    of = table.frame.height if scope is None and not fields else table.count(judged)
    return {f"{name}_count": hits} | ({f"{name}_pct": pct(hits, of)} if share else {})


def unknown(table: Table, *fields: str) -> Numbers:
    return {
        "not_evaluated_count": table.count(pl.any_horizontal(pl.col(f).is_null() for f in fields))
    }


def email_key(table: Table) -> pl.Series:
    values = pl.concat([table.frame[c] for c in table.emails]).drop_nulls()
    values = values.filter(~values.str.contains(BLANK))
    return values.str.strip_chars(" ").str.to_lowercase()


def phone_key(table: Table) -> pl.Series:
    values = pl.concat([table.frame[c] for c in table.phones]).drop_nulls()
    return (
        values.to_frame("v")
        .select(phone_digits(pl.col("v")).str.slice(-10))
        .to_series()
        .drop_nulls()
    )


def profiles(table: Table) -> dict[str, Numbers]:
    figures: dict[str, Numbers] = {}
    n = table.frame.height
    if table.emails:
        values = pl.concat([table.frame[c] for c in table.emails]).drop_nulls()
        values = values.filter(~values.str.contains(BLANK))
        invalid = int((~values.to_frame("v").select(email_valid(pl.col("v"))).to_series()).sum())
        absent = table.count(pl.all_horizontal(missing(c) for c in table.emails))
        unique = email_key(table).n_unique() if len(values) else 0
        plain = values.str.strip_chars(" ").str.to_uppercase().str.replace_all(r"\+[^@]*@", "@")
        login, domain = plain.str.extract("^([^@]*)@"), plain.str.extract("^[^@]*@(.*)$")
        logins = (*blocked_values("email", "local"), *blocked_values("email", "word"))
        hit = plain.is_in(blocked_values("email")) & plain.str.contains("@")
        hit |= login.is_in(logins).fill_null(False) | domain.is_in(
            blocked_values("email", "domain")
        ).fill_null(False)
        figures["IV-P01"] = {
            "missing_email_count": absent,
            "missing_email_pct": pct(absent, n),
            "invalid_email_count": invalid,
            "invalid_email_pct": pct(invalid, len(values)),
            "unique_email_count": unique,
            "email_uniqueness_pct": pct(unique, n),
            "blocklisted_email_count": int(hit.sum()),
        }
    if table.phones:
        values = pl.concat([table.frame[c] for c in table.phones]).drop_nulls()
        values = values.filter(~values.str.contains(BLANK))
        frame = values.to_frame("v").with_columns(
            d=phone_digits(pl.col("v")).fill_null(""), ok=phone_valid(pl.col("v"), "nanp")
        )
        lengths = frame["d"].str.len_chars()
        absent = table.count(pl.all_horizontal(missing(c) for c in table.phones))
        invalid, off = int((~frame["ok"]).sum()), int((lengths != 10).sum())
        unique = phone_key(table).n_unique()
        figures["IV-P02"] = {
            "missing_phone_count": absent,
            "missing_phone_pct": pct(absent, n),
            "invalid_phone_count": invalid,
            "invalid_phone_pct": pct(invalid, len(values)),
            "unique_phone_count": unique,
            "phone_uniqueness_pct": pct(unique, n),
            "not_10_digits_count": off,
            "not_10_digits_pct": pct(off, n),
            "more_than_10_digits_count": int((lengths > 10).sum()),
            "fewer_than_10_digits_count": int((lengths < 10).sum()),
            "eleven_digits_leading_1_count": int(
                ((lengths == 11) & frame["d"].str.starts_with("1")).sum()
            ),
            "blocklisted_phone_count": int(
                frame["d"].str.slice(-10).is_in(blocked_values("phone")).sum()
            ),
        }
    return figures


def orders(table: Table) -> pl.DataFrame:
    return table.frame.filter(~missing("order_id"))


def transactions(table: Table) -> dict[str, Numbers]:
    figures: dict[str, Numbers] = {}
    n = table.frame.height
    quantity, revenue, listed = (
        pl.col("item_quantity"),
        pl.col("item_revenue"),
        pl.col("item_list_price"),
    )
    discount = pl.col("item_discount_amount")
    if table.has("product_id"):
        figures["IV-T01"] = rule(table, "missing_product_id", missing("product_id"))
        unique = table.frame.filter(~missing("product_id"))["product_id"].n_unique()
        figures["IV-T17"] = {
            "unique_product_id_count": unique,
            "product_id_uniqueness_pct": pct(unique, n),
        }
    if table.has("store_id"):
        sizes = (
            table.frame.filter(~missing("store_id"))
            .group_by("store_id")
            .len()
            .sort(["len", "store_id"], descending=True)
        )
        figures["IV-T09"] = {
            "distinct_store_count": sizes.height,
            "top_store_id": sizes["store_id"][0] if sizes.height else None,
            "top_store_pct": pct(sizes["len"][0] if sizes.height else 0, n),
        }
    if table.has("store_id", "order_id"):
        without = orders(table).group_by("order_id").agg(missing("store_id").all().alias("none"))
        figures["IV-T02"] = rule(table, "missing_store_id", missing("store_id")) | unknown(
            table, "store_id", "order_id"
        )
        figures["IV-T02"]["orders_without_store_count"] = int(without["none"].sum())
    if table.has("item_quantity", "item_revenue", "order_datetime"):
        empty = {
            c: pl.col(c).is_null() for c in ("item_quantity", "item_revenue", "order_datetime")
        }
        names = ("missing_quantity", "missing_revenue", "missing_order_datetime")
        parts = [rule(table, name, test) for name, test in zip(names, empty.values(), strict=True)]
        parts.append(rule(table, "missing_any", pl.any_horizontal(empty.values())))
        figures["IV-T03"] = {k: v for part in parts for k, v in part.items()} | unknown(
            table, *empty
        )
    if table.has("order_id"):
        figures["IV-T04"] = rule(table, "missing_order_id", missing("order_id"))
        figures["IV-T04"]["unique_order_id_count"] = orders(table)["order_id"].n_unique()
        if table.has("order_datetime"):
            local = (
                orders(table)
                .filter(PURCHASE)
                .with_columns(d=pl.col("order_datetime").dt.convert_time_zone(table.zone).dt.date())
            )
            days = local.drop_nulls("d").group_by("order_id").agg(pl.col("d").n_unique())
            figures["IV-T04"]["reused_order_id_count"] = int((days["d"] > 1).sum())
    if {"txn-item/is-return", "txn-item/is-cancellation"} <= table.tags:
        both = pl.col("is_return") & pl.col("is_cancellation")
        figures["IV-T05"] = rule(table, "return_and_cancel", both) | {"not_evaluated_count": 0}
    for report, flag, word in (
        ("IV-T06", "is_cancellation", "canceled"),
        ("IV-T12", "is_return", "returned"),
    ):
        if f"txn-item/{flag.replace('_', '-')}" in table.tags and table.has("item_revenue"):
            scope = pl.col(flag)
            figures[report] = {f"{word}_row_count": table.count(scope)}
            figures[report] |= rule(
                table, f"{word}_positive_revenue", revenue > 0, scope, ("item_revenue",)
            )
            figures[report] |= rule(
                table, f"{word}_zero_revenue", revenue == 0, scope, share=False
            ) | unknown(table, "item_revenue")
    if table.has("item_discount_amount"):
        figures["IV-T07"] = rule(
            table, "negative_discount", discount < 0, PURCHASE, ("item_discount_amount",)
        )
        figures["IV-T07"] |= rule(
            table, "rc_positive_discount", discount > 0, RC, share=False
        ) | unknown(table, "item_discount_amount")
    if table.has("item_discount_percent", "item_discount_amount", "item_list_price"):
        fields = ("item_discount_percent", "item_discount_amount", "item_list_price")
        share = pl.col("item_discount_percent").cast(pl.Float64)
        apart = (share - discount.cast(pl.Float64) / listed.cast(pl.Float64)).abs().round(9) > 0.01
        figures["IV-T08"] = rule(
            table, "discount_percent_mismatch", apart, (listed != 0).fill_null(True), fields
        )
        figures["IV-T08"] |= rule(
            table, "discount_percent_out_of_range", (share < 0) | (share > 1), share=False
        )
        figures["IV-T08"] |= rule(table, "zero_list_price", listed == 0, share=False) | unknown(
            table, *fields
        )
    if table.has("item_quantity"):
        if {"txn-item/is-return", "txn-item/is-cancellation"} & table.tags:
            figures["IV-T10"] = {"rc_row_count": table.count(RC)} | rule(
                table, "rc_positive_quantity", quantity > 0, RC, ("item_quantity",)
            )
            figures["IV-T10"] |= rule(
                table, "rc_zero_quantity", quantity == 0, RC, share=False
            ) | unknown(table, "item_quantity")
        figures["IV-T11"] = rule(
            table, "purchase_negative_quantity", quantity < 0, PURCHASE, ("item_quantity",)
        )
        figures["IV-T11"] |= rule(
            table, "purchase_zero_quantity", quantity == 0, PURCHASE, share=False
        ) | unknown(table, "item_quantity")
    if table.has("item_revenue", "item_list_price", "item_discount_amount"):
        fields = ("item_revenue", "item_list_price", "item_discount_amount")
        gap = (revenue - (listed - discount)).cast(pl.Float64).abs().round(4)
        figures["IV-T13"] = rule(table, "revenue_mismatch", gap > 0.01, None, fields) | unknown(
            table, *fields
        )
        figures["IV-T13"]["revenue_mismatch_abs_sum"] = (
            table.frame.select(gap.filter(gap > 0.01).sum()).item() or 0
        )
    if table.has("item_revenue"):
        figures["IV-T14"] = rule(
            table, "purchase_negative_revenue", revenue < 0, PURCHASE, ("item_revenue",)
        )
        figures["IV-T14"] |= rule(
            table, "purchase_zero_revenue", revenue == 0, PURCHASE, share=False
        ) | unknown(table, "item_revenue")
    if table.has("purchase_channel"):
        sizes = table.frame.filter(~missing("purchase_channel")).group_by("purchase_channel").len()
        sizes = sizes.sort(["len", "purchase_channel"], descending=[True, False])
        figures["IV-T15"] = rule(table, "missing_purchase_channel", missing("purchase_channel"))
        figures["IV-T15"] |= {
            "distinct_channel_count": sizes.height,
            "channels": ", ".join(f"{c}: {k}" for c, k in sizes.rows()) or None,
        }
    flags = {
        f
        for f in ("is_return", "is_cancellation")
        if f"txn-item/{f.replace('_', '-')}" in table.tags
    }
    if flags:
        figures["IV-T16"] = {}
        for flag in sorted(flags):
            figures["IV-T16"] |= rule(table, f"{flag}_null", pl.col(f"{flag}_raw").is_null()) | {
                f"{flag}_true_count": table.count(pl.col(flag))
            }
    return figures


SIGNED = (
    *(
        "item_list_price",
        "item_subtotal",
        "item_tax_amount",
        "item_cost",
        "item_profit",
        "unit_cost",
        "unit_profit",
    ),
    *("unit_list_price", "unit_discount_amount", "unit_subtotal", "unit_tax_amount"),
)
PAIRS = ("discount_amount", "revenue", "cost", "profit", "tax_amount", "list_price")


def additional(table: Table) -> dict[str, Numbers]:
    figures: dict[str, Numbers] = {}
    future = table.newest + timedelta(days=2)
    is_txn = any(tag.startswith("txn-item/") for tag in table.tags)
    key = (
        "customer_key"
        if table.has("customer_key")
        else "customer_id"
        if table.has("customer_id")
        else None
    )
    if is_txn and key:
        figures["IV-X02"] = rule(table, "missing_customer_key", missing(key)) | rule(
            table, "zero_customer_key", pl.col(key).str.strip_chars(" ") == "0", share=False
        )
        if table.has("order_id"):
            many = (
                orders(table).filter(~missing(key)).group_by("order_id").agg(pl.col(key).n_unique())
            )
            figures["IV-X02"]["orders_with_many_customer_keys_count"] = int((many[key] > 1).sum())
    if table.has("order_id", "product_id"):
        rows = (
            orders(table)
            .filter(~missing("product_id"))
            .group_by("order_id", "product_id", "is_return", "is_cancellation")
            .len()
        )
        figures["IV-X03"] = {"duplicate_order_product_count": int((rows["len"] > 1).sum())}
    if table.has("order_datetime"):
        local = pl.col("order_datetime").dt.convert_time_zone(table.zone).dt.date()
        figures["IV-X04"] = rule(
            table, "future_order_datetime", local >= future, None, ("order_datetime",)
        )
        figures["IV-X04"] |= rule(
            table, "before_1970", local < date(1970, 1, 1), None, ("order_datetime",)
        )
    signed = [c for c in (*SIGNED, "unit_revenue") if table.has(c)]
    if signed:
        figures["IV-X05"] = {}
        for c in signed:
            wrong = (RC & (pl.col(c) > 0)) | (
                PURCHASE & (pl.col(c) < 0) if c != "unit_revenue" else pl.lit(False)
            )
            figures["IV-X05"] |= rule(table, f"{c}_sign_violation", wrong, share=False)
    pairs = [(f"unit_{x}", f"item_{x}") for x in PAIRS] + [("unit_list_price", "item_subtotal")]
    pairs = [(u, i) for u, i in pairs if table.has("item_quantity", u, i)]
    if pairs:
        figures["IV-X06"] = unknown(table, "item_quantity")
        for u, i in pairs:
            gap = pl.col(i).cast(pl.Float64) - pl.col("item_quantity") * pl.col(u).cast(pl.Float64)
            figures["IV-X06"] |= rule(
                table, f"{i}_mismatch", gap.abs().round(6) > 0.01, None, (i, "item_quantity", u)
            )
    if table.has("order_id", "order_discount_amount"):
        sizes = (
            orders(table).filter(PURCHASE).drop_nulls("order_discount_amount").group_by("order_id")
        )
        many = sizes.agg(
            pl.len(),
            pl.col("order_discount_amount").n_unique().alias("different"),
            (pl.col("order_discount_amount") != 0).any().alias("discounted"),
        ).filter((pl.col("len") > 1) & pl.col("discounted"))
        same = int((many["different"] == 1).sum())
        figures["IV-X09"] = {
            "multi_row_order_count": many.height,
            "repeated_order_count": same,
            "order_discount_mode": None
            if not many.height
            else "repeated"
            if same >= 0.95 * many.height
            else "prorated",
        }
    if table.has("currency"):
        known = ~missing("currency")
        figures["IV-X10"] = rule(
            table, "invalid_currency", known & ~pl.col("currency").str.contains("^[A-Z]{3}$")
        )
        figures["IV-X10"]["distinct_currency_count"] = table.frame.filter(known)[
            "currency"
        ].n_unique()
    if table.has("digital_channel", "purchase_channel"):
        words = (
            pl.col("purchase_channel")
            .str.to_lowercase()
            .str.contains("online|web|app|internet|digital|commerce|mobile|site|market")
        )
        test = ~missing("digital_channel") & ~missing("purchase_channel") & ~words
        figures["IV-X11"] = rule(table, "digital_channel_offline", test) | unknown(
            table, "digital_channel", "purchase_channel"
        )
    if table.has("order_id") and {"txn-item/is-return", "txn-item/is-cancellation"} & table.tags:
        bought = orders(table).filter(PURCHASE)["order_id"].unique().to_list()
        lost = orders(table).filter(RC).filter(~pl.col("order_id").is_in(bought)).height
        figures["IV-X12"] = {"orphan_rc_count": lost, "orphan_rc_pct": pct(lost, table.count(RC))}
    if table.has("birthdate"):
        born = pl.col("birthdate")
        old = date(table.newest.year - 120, table.newest.month, table.newest.day)
        figures["IV-X13"] = rule(table, "future_birthdate", born >= future, None, ("birthdate",))
        figures["IV-X13"] |= rule(
            table, "birthdate_over_120_years", born < old, None, ("birthdate",)
        )
        listed = born.dt.to_string("%Y-%m-%d").is_in(blocked_values("birthdate"))
        figures["IV-X13"] |= rule(table, "blocklisted_birthdate", listed, None, ("birthdate",))
    filled = [c for c in ("given_name", "surname", "address", "postal", "state") if table.has(c)]
    if filled:
        figures["IV-X14"] = {}
        for c in filled:
            listed = (
                pl.col(c)
                .str.strip_chars(" ")
                .str.to_uppercase()
                .is_in(blocked_values(c.replace("_", "-")))
            )
            figures["IV-X14"] |= rule(table, f"missing_{c}", missing(c)) | rule(
                table, f"blocklisted_{c}", listed, share=False
            )
    if {"email-opt/email", "email-opt/is-email-opted-in"} <= table.tags:
        figures["IV-X15"] = rule(table, "missing_email", missing("email")) | rule(
            table, "missing_status", pl.col("is_email_opted_in").is_null()
        )
        keyed = table.frame.filter(~missing("email")).drop_nulls("is_email_opted_in")
        keyed = keyed.with_columns(pl.col("email").str.strip_chars(" ").str.to_lowercase())
        by = ["email", *(c for c in ("brand", "region", "email_program") if table.has(c))]
        figures["IV-X15"]["conflicting_status_count"] = int(
            (
                keyed.group_by(by).agg(pl.col("is_email_opted_in").n_unique().alias("n"))["n"] > 1
            ).sum()
        )
    if table.has("update_dt"):
        late = pl.col("update_dt").dt.convert_time_zone(table.zone).dt.date() >= future
        figures["IV-X18"] = rule(table, "missing_update_dt", pl.col("update_dt").is_null())
        figures["IV-X18"] |= rule(table, "future_update_dt", late, None, ("update_dt",))
    return figures


def recount(table: Table) -> dict[tuple[str, str], float | str | None]:
    """(report, figure) -> value, of reports that one table of the shipped tenant can answer."""
    parts: list[Callable[[Table], dict[str, Numbers]]] = [profiles, transactions, additional]
    figures = {
        (report, name): v
        for part in parts
        for report, numbers in part(table).items()
        for name, v in numbers.items()
    }
    return figures | {(report, "record_count"): table.frame.height for report, _ in list(figures)}
