"""The landing files of the eight shipped feeds: path, format and how each column is written.

The other half of the agreement, how a file is read, stands in `template/feeds/`.
"""

from __future__ import annotations

import polars as pl

from .landing import FeedFiles, in_utc, local, text


def _as_is(*columns: str) -> dict[str, pl.Expr]:
    return {column: pl.col(column) for column in columns}


def _as_text(*columns: str) -> dict[str, pl.Expr]:
    return {column: text(column) for column in columns}


SHOP_CUSTOMERS = FeedFiles(
    name="Shop:Customers",
    path="shop/customers-{day}.csv",
    format="csv",
    key=("customer_id",),
    bad={"birth_date": "0000-00-00", "updated_at": "yesterday"},
    columns={
        "customer_id": pl.col("_key"),
        **_as_is("first_name", "last_name", "email", "phone"),
        "birth_date": text("birth_date"),
        "address1": pl.col("address"),
        **_as_is("address2", "city", "state", "zip"),
        "country": pl.when(pl.col("address").is_not_null()).then(pl.lit("US")),
        "loyalty_no": pl.col("loyalty_no"),
        "site": pl.col("site"),
        "marketing_ok": pl.when(pl.col("marketing_ok")).then(pl.lit("yes")).otherwise(pl.lit("no")),
        "created_at": local("_created", "%Y-%m-%d %H:%M:%S"),
        "updated_at": local("_updated", "%Y-%m-%d %H:%M:%S"),
    },
)
SHOP_ITEMS = FeedFiles(
    name="Shop:Order_Items",
    path="shop/order_items-{day}.parquet",
    format="parquet",
    key=("order_item_id",),
)
TILL_CUSTOMERS = FeedFiles(
    name="Till:Customers",
    path="till/customers_{day}.csv",
    format="csv",
    delimiter=";",
    key=("card_no",),
    bad={"birthdate": "31.02.1980", "changed": "gestern"},
    columns={
        "card_no": pl.col("_key"),
        **_as_is("first_name", "last_name", "phone", "email"),
        "street": pl.col("address"),
        "unit": pl.col("address2"),
        **_as_is("city", "state", "zip"),
        "birthdate": local("birthdate", "%d.%m.%Y"),
        "club_no": pl.col("club_no"),
        "home_store": pl.col("home_store"),
        "opened": local("_created", "%d.%m.%Y %H:%M:%S"),
        "changed": local("_updated", "%d.%m.%Y %H:%M:%S"),
    },
)
TILL_LINES = FeedFiles(
    name="Till:Receipt_Lines",
    path="till/receipt_lines_{day}.csv.gz",
    format="csv.gz",
    key=("receipt_no", "line_no"),
    bad={"list_cents": "12,5O", "printed_at": "13/32/2026 25:00"},
    columns={
        "receipt_no": pl.col("receipt_no"),
        "line_no": text("line_no"),
        "kind": pl.col("kind"),
        "sku": pl.col("sku"),
        **_as_text("qty", "list_cents", "discount_cents", "paid_cents", "cost_cents", "tax_cents"),
        **_as_is("store", "customer_no", "printed_at", "tender", "original_receipt"),
    },
)
LOYALTY_MEMBERS = FeedFiles(
    name="Loyalty:Members",
    path="loyalty/members-{day}.parquet",
    format="parquet",
    key=("member_id",),
    late_day=6,
    columns={
        "member_id": pl.col("_key"),
        **_as_is("given_name", "surname", "suffix", "email", "mobile"),
        **_as_is("address", "address2", "city", "state", "zip"),
        **_as_is("birthdate", "gender", "home_brand", "tier", "points"),
        "joined_at": pl.col("_created"),
        "changed_at": pl.col("_updated"),
    },
)
NEWSLETTER = FeedFiles(
    name="Newsletter:Subscribers",
    path="newsletter/subscribers-{day}.ndjson",
    format="ndjson",
    key=("subscriber_id",),
    bad={"changed_at": "2026-13-01T00:00:00Z"},
    columns={
        "subscriber_id": pl.col("_key"),
        **_as_is("email", "name", "zip", "brand", "program", "status"),
        "subscribed_at": in_utc("_created"),
        "changed_at": in_utc("_updated"),
    },
)
CALLS = FeedFiles(
    name="CallCentre:Contacts",
    path="callcentre/contacts-{day}.psv",
    format="csv",
    delimiter="|",
    first_day=8,
    key=("contact_id",),
    columns={
        "contact_id": pl.col("_key"),
        **_as_is(
            "caller", "phone", "email", "city", "state", "zip", "shop_account", "brand", "reason"
        ),
        "called_at": local("_updated", "%Y-%m-%d %H:%M"),
    },
)
PRODUCTS = FeedFiles(
    name="Catalogue:Products",
    path="catalogue/products-{day}.csv",
    format="csv",
    key=("product_id",),
    columns={
        **_as_is(
            "product_id", "name", "brand", "category", "subcategory", "color", "gender", "season"
        ),
        "msrp": pl.concat_str(
            pl.col("msrp") // 100,
            (pl.col("msrp") % 100).cast(pl.String).str.zfill(2),
            separator=".",
        ),
    },
)
FEEDS = [SHOP_CUSTOMERS, SHOP_ITEMS, TILL_CUSTOMERS, TILL_LINES, LOYALTY_MEMBERS, NEWSLETTER, CALLS]
CATALOGUE_DAYS = (1, 8)
