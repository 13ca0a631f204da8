"""merged_customers, unified_transactions and transaction_attributes_extended computed a second
time, in Polars, from the rules.

Shares nothing with the SQL: no template, no configuration model, money in whole cents. Default
options and blocks only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from c360_assets_tests.semantics.valid_in_polars import phone_valid

ADDRESS = ["address", "address2", "city", "state", "postal", "country"]
TEXT = [
    "currency",
    "customer_id",
    "digital_channel",
    "payment_method",
    "purchase_brand",
    "purchase_channel",
    "store_id",
    "database_key",
]
WINDOWS = ["l30d", "l3m", "l6m", "l12m", "ly12m", "lifetime"]
USES = {
    "purchase_brand": "purchase_brands",
    "purchase_channel": "purchase_channels",
    "store_id": "stores",
}


def clean(column: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text).alias(column)


def present(*columns: str) -> pl.Expr:
    return pl.sum_horizontal(pl.col(c).is_not_null().cast(pl.Int64) for c in columns)


def cents(column: str) -> pl.Expr:
    return (pl.col(column).cast(pl.Decimal(38, 2)) * 100).cast(pl.Int64)


def divided(amount: pl.Expr, by: pl.Expr) -> pl.Expr:
    """Whole cents, halves away from zero, nothing where `by` is zero."""
    whole = (2 * amount.abs() + by.abs()) // (2 * by.abs())
    return pl.when(by != 0).then(pl.when((amount < 0) != (by < 0)).then(-whole).otherwise(whole))


TITLES = {"mr", "mrs", "ms", "miss", "dr", "prof"}
SUFFIXES = {"jr", "sr", "ii", "iii", "iv"}
PARTICLES = {"de", "la", "del", "van", "von", "der", "den", "di", "da", "st"}


def name_parts(full_name: str | None) -> dict[str, str | None]:
    """Given name and surname of a full name as it is written; both None for a single word."""
    words = (full_name or "").replace(",", " , ").split()

    def bare(word: str) -> str:
        return word.rstrip(".").lower()

    while len(words) > 1 and bare(words[0]) in TITLES:
        words = words[1:]
    while len(words) > 1 and (words[-1] == "," or bare(words[-1]) in SUFFIXES):
        words = words[:-1]
    if "," in words:
        cut = words.index(",")
        return {"given_name": " ".join(words[cut + 1 :]), "surname": " ".join(words[:cut])}
    if len(words) < 2:
        return {"given_name": None, "surname": None}
    cut = len(words) - 1
    while cut > 1 and bare(words[cut - 1]) in PARTICLES:
        cut -= 1
    return {"given_name": " ".join(words[:cut]), "surname": " ".join(words[cut:])}


def completed_names(ranked: pl.DataFrame) -> pl.DataFrame:
    """Given name and surname per person, of records that stand in the order of the name group.

    The best record's full name is split; what is then missing comes from the first other record
    that has it and says the same of the other part.
    """
    split = pl.Series(
        [name_parts(name) for name in ranked["full_name"]],
        dtype=pl.Struct({"given_name": pl.String, "surname": pl.String}),
    ).struct.unnest()
    both = ranked.select("amperity_id", "pk", "datasource", "given_name", "surname").with_columns(
        pl.coalesce("given_name", split["given_name"]), pl.coalesce("surname", split["surname"])
    )
    best = both.unique("amperity_id", keep="first", maintain_order=True)
    beside = both.join(best, on="amperity_id", suffix="_best", maintain_order="left")

    def fills(missing: str, known: str) -> pl.Expr:
        same = pl.col(known).str.to_uppercase() == pl.col(f"{known}_best").str.to_uppercase()
        return pl.col(f"{missing}_best").is_null() & pl.col(missing).is_not_null() & same

    filling = beside.filter(fills("given_name", "surname") | fills("surname", "given_name"))
    other = filling.unique("amperity_id", keep="first", maintain_order=True)
    joined = best.join(other, on="amperity_id", how="left", suffix="_other")
    return joined.select(
        "amperity_id",
        pl.coalesce("given_name", "given_name_other").alias("given_name"),
        pl.coalesce("surname", "surname_other").alias("surname"),
        pl.col("pk_other").alias("name_completed_pk"),
        pl.col("datasource_other").alias("name_completed_datasource"),
    )


def merged(
    uc: pl.DataFrame,
    assigned: pl.DataFrame,
    source_priority: Mapping[str, int],
    field_priority: Mapping[str, Mapping[str, int]],
) -> pl.DataFrame:
    """One row per person; `field_priority` maps a group to the priority of datasources."""
    texts = [
        "given_name",
        "surname",
        "full_name",
        "generational_suffix",
        *ADDRESS,
        "gender",
        "title",
        "company",
    ]
    values = pl.col("phone").str.split(",").list.eval(pl.element().str.strip_chars())
    valid = values.list.eval(pl.element().filter(phone_valid(pl.element()))).list.first()
    records = uc.filter(pl.col("amperity_id").is_not_null()).with_columns(
        *[clean(c) for c in texts],
        pl.coalesce(
            valid, values.list.eval(pl.element().filter(pl.element() != "")).list.first()
        ).alias("phone"),
    )
    two = pl.col("given_name").is_not_null() & pl.col("surname").is_not_null()
    words = pl.col("full_name").str.contains(r"\s").fill_null(False)
    named = pl.any_horizontal(
        pl.col(c).is_not_null() for c in ("given_name", "surname", "full_name")
    )
    flags = {
        "name": ["blv_given_name", "blv_surname"],
        "address": ["blv_address"],
        "phone": ["blv_phone"],
    }
    groups: dict[str, tuple[list[str], pl.Expr]] = {
        "name": (
            ["given_name", "surname", "full_name", "generational_suffix"],
            pl.when(two | words).then(2).when(named).then(1).otherwise(0),
        ),
        "address": (ADDRESS, present("address", "city", "state", "postal")),
        **{c: ([c], present(c)) for c in ("phone", "birthdate", "gender", "title", "company")},
    }
    result = records.select("amperity_id").unique()
    general = pl.col("datasource").replace_strict(
        source_priority, default=None, return_dtype=pl.Int64
    )
    for group, (columns, completion) in groups.items():
        own = pl.col("datasource").replace_strict(
            field_priority.get(group, {}) or {"": 0}, default=None, return_dtype=pl.Int64
        )
        blocked = (
            pl.any_horizontal([pl.col(f).fill_null(False) for f in flags[group]])
            if group in flags
            else pl.lit(False)
        )
        ranked = records.with_columns(
            completion.cast(pl.Int64).alias("_completion"),
            blocked.alias("_blv"),
            pl.coalesce(own, general, 999).alias("_priority"),
        ).sort(
            ["_completion", "_blv", "_priority", "update_dt", "pk", "datasource"],
            descending=[True, False, False, True, False, False],
            nulls_last=True,
        )
        best = ranked.unique("amperity_id", keep="first", maintain_order=True)
        if group == "name":
            names = completed_names(ranked)
            best = best.drop("given_name", "surname").join(names, on="amperity_id")
            columns = [*columns, "name_completed_pk", "name_completed_datasource"]
        told = {
            "pk": "pk",
            "datasource": "datasource",
            "update_dt": "update_dt",
            "_priority": "priority",
            "_completion": "completion",
        }
        told |= {"_blv": "blv"} if group in flags else {}
        where = (
            []
            if group in ("title", "company")
            else [pl.col(c).alias(f"{group}_{name}") for c, name in told.items()]
        )
        result = result.join(best.select("amperity_id", *columns, *where), on="amperity_id")
    spans = records.group_by("amperity_id").agg(
        pl.col("create_dt").min(), pl.col("update_dt").max()
    )
    emails = assigned.select("amperity_id", "email")
    return result.join(spans, on="amperity_id").join(emails, on="amperity_id", how="left")


def orders(uit: pl.DataFrame, uc: pl.DataFrame) -> pl.DataFrame:
    """One row per order, money in cents."""
    returned, canceled = (
        pl.col("is_return").fill_null(False),
        pl.col("is_cancellation").fill_null(False),
    )
    rows = uit.with_columns(
        *[clean(c) for c in ["order_id", *TEXT]],
        (~returned & ~canceled).alias("buy"),
        (returned & ~canceled).alias("back"),
        canceled.alias("off"),
        *[
            cents(c)
            for c in (
                "item_revenue",
                "item_discount_amount",
                "item_list_price",
                "item_subtotal",
                "item_profit",
                "item_tax_amount",
            )
        ],
    ).filter(pl.col("order_id").is_not_null())
    rows = rows.sort(
        ["buy", "order_datetime", "item_revenue", "product_id", "datasource", "pk"],
        descending=[True, False, True, False, False, False],
        nulls_last=True,
    )

    def total(column: str, kind: str) -> pl.Expr:
        return pl.col(column).filter(pl.col(kind)).sum()

    def known(column: str) -> pl.Expr:
        mine = pl.col(column).filter(pl.col("buy"))
        return pl.when(mine.count() > 0).then(mine.sum())

    summed = rows.group_by("order_id", maintain_order=True).agg(
        pl.col("buy").any().alias("is_purchase_order"),
        pl.when(pl.col("buy").any())
        .then(pl.col("order_datetime").filter(pl.col("buy")).min())
        .otherwise(pl.col("order_datetime").min())
        .alias("order_datetime"),
        *[pl.col(c).drop_nulls().first().alias(c) for c in TEXT],
        pl.col("datasource").first(),
        total("item_quantity", "buy").alias("order_quantity"),
        total("item_revenue", "buy").alias("order_revenue"),
        total("item_quantity", "back").alias("order_returned_quantity"),
        total("item_revenue", "back").alias("order_returned_revenue"),
        total("item_quantity", "off").alias("order_canceled_quantity"),
        total("item_revenue", "off").alias("order_canceled_revenue"),
        total("item_revenue", "buy").alias("sum_item_revenue"),
        total("item_discount_amount", "buy").alias("sum_item_discount_amount"),
        *[
            known(f"item_{c}").alias(f"order_{c}")
            for c in ("list_price", "subtotal", "profit", "tax_amount")
        ],
    )
    newest = uc.group_by("amperity_id").agg(pl.col("update_dt").max())
    owners = (
        rows.select("order_id", "amperity_id")
        .drop_nulls()
        .unique()
        .join(newest, on="amperity_id", how="left")
    )
    owners = owners.sort(["update_dt", "amperity_id"], descending=[True, False], nulls_last=True)
    owners = owners.unique("order_id", keep="first", maintain_order=True).select(
        "order_id", "amperity_id"
    )
    return summed.join(owners, on="order_id", how="left")


def months_before(day: date, months: int) -> date:
    return pl.Series([day]).dt.offset_by(f"-{months}mo").item()


def attributes(made: pl.DataFrame, as_of: date, zone: str) -> pl.DataFrame:
    """One row per buyer from the frame of `orders`, money in cents."""
    base = made.filter(
        pl.col("amperity_id").is_not_null()
        & pl.col("is_purchase_order")
        & pl.col("order_datetime").is_not_null()
    )
    base = base.with_columns(
        pl.col("order_datetime").dt.convert_time_zone(zone).dt.date().alias("day")
    )
    base = base.sort("amperity_id", "order_datetime", "order_id")
    place = {"first": 0, "second": 1, "latest": -1}
    sources = {
        "order_id": "order_id",
        "order_datetime": "order_datetime",
        "order_revenue": "order_revenue",
    }
    sources |= {"order_quantity": "order_total_items", **{c: f"order_{c}" for c in USES}}
    result = base.group_by("amperity_id", maintain_order=True).agg(
        *[
            pl.col(source).get(n, null_on_oob=True).alias(f"{name}_{target}")
            for name, n in place.items()
            for source, target in sources.items()
        ],
        *[
            pl.col("day").get(n, null_on_oob=True).alias(f"_{name}")
            for name, n in {**place, "third": 2}.items()
        ],
    )

    def days(start: pl.Expr, end: pl.Expr) -> pl.Expr:
        return (end - start).dt.total_days()

    today = pl.lit(as_of)

    def kept(start: str, end: str, limit: int) -> pl.Expr:
        span = days(pl.col(start), pl.col(end))
        waited = pl.coalesce(span, days(pl.col(start), today))
        return pl.when(span <= limit).then(True).when(waited > limit).then(False)

    result = result.with_columns(
        pl.col("second_order_id").is_null().alias("one_and_done"),
        kept("_first", "_second", 84).alias("early_repeat_purchaser"),
        kept("_first", "_second", 365).alias("first_order_is_retained"),
        pl.when(pl.col("_second").is_not_null())
        .then(kept("_second", "_third", 365))
        .alias("second_order_is_retained"),
        days(pl.col("_latest"), today).alias("days_since_latest_order"),
        days(pl.col("_first"), pl.col("_latest")).alias("first_to_latest_order_days"),
        days(pl.col("_first"), pl.col("_second")).alias("first_to_second_order_days"),
    )
    year, two = months_before(as_of, 12), months_before(as_of, 24)
    starts = {
        "l30d": as_of.fromordinal(as_of.toordinal() - 30),
        "l3m": months_before(as_of, 3),
        "l6m": months_before(as_of, 6),
        "l12m": year,
    }
    for window in WINDOWS:
        inside = base
        if window == "ly12m":
            inside = base.filter((pl.col("day") >= two) & (pl.col("day") < year))
        elif window != "lifetime":
            inside = base.filter(pl.col("day").is_between(starts[window], as_of))
        sums = inside.group_by("amperity_id").agg(
            pl.len().cast(pl.Int64).alias(f"{window}_order_frequency"),
            pl.col("order_revenue").sum().alias(f"{window}_order_revenue"),
            pl.col("order_quantity").sum().alias(f"{window}_total_items"),
            *[
                pl.col(c).drop_nulls().n_unique().cast(pl.Int64).alias(f"{window}_{name}")
                for c, name in USES.items()
            ],
            pl.col("order_revenue")
            .filter(pl.col("order_revenue") > 0)
            .max()
            .alias(f"{window}_largest_order_value"),
        )
        result = result.join(sums, on="amperity_id", how="left")
        for column in USES:
            used = (
                inside.filter(pl.col(column).is_not_null())
                .group_by("amperity_id", column)
                .agg(pl.len(), pl.col("order_datetime").max())
            )
            used = used.sort(
                ["len", "order_datetime", column], descending=[True, True, False]
            ).unique("amperity_id", keep="first", maintain_order=True)
            preferred = used.select(
                "amperity_id", pl.col(column).alias(f"{window}_preferred_{column}")
            )
            result = result.join(preferred, on="amperity_id", how="left")
        counted = [
            f"{window}_{name}"
            for name in ("order_frequency", "order_revenue", "total_items", *USES.values())
        ]
        result = result.with_columns(pl.col(c).fill_null(0) for c in counted)
        frequency, revenue, units = (pl.col(c) for c in counted[:3])
        result = result.with_columns(
            divided(revenue, frequency).alias(f"{window}_average_order_value"),
            divided(revenue, units).alias(f"{window}_average_item_price"),
            divided(units * 100, frequency).alias(f"{window}_average_num_items"),
        )
    return result.with_columns(
        (pl.col("lifetime_purchase_brands") > 1).alias("multi_purchase_brand"),
        (pl.col("lifetime_purchase_channels") > 1).alias("multi_purchase_channel"),
    ).select(pl.exclude("^_.*$", "^l(3m|6m|12m|y12m)_largest_order_value$"))


def differences(
    built: pl.DataFrame, again: pl.DataFrame, key: Sequence[str]
) -> list[tuple[Any, ...]]:
    """(column, rows that differ) of the columns that both have; amounts of `built` are compared in
    cents."""
    money = [
        c for c, t in built.schema.items() if isinstance(t, pl.Decimal) and again.schema.get(c) != t
    ]
    built = built.with_columns((pl.col(c) * 100).cast(pl.Int64) for c in money).sort(key)
    again = again.sort(key)
    found: list[tuple[Any, ...]] = (
        [] if built.height == again.height else [("rows", built.height, again.height)]
    )
    for column in again.columns if not found else []:
        left, right = built[column], again[column]
        if left.dtype != right.dtype:
            left, right = left.cast(pl.String), right.cast(pl.String)
        if unlike := int((~left.eq_missing(right)).sum()):
            found.append((column, unlike))
    return found
