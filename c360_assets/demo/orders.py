"""What people buy: products, online order items, till receipt lines.

Money is whole cents until a file is written. Returns and cancellations are rows of their own. The
online shop delivers clean, typed rows; the till delivers unsigned cents and letters, which the
shipped custom domain table turns into tagged columns.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl

from .customers import BRANDS, STORE_P, STORES, scramble
from .dirt import mix, pick
from .people import FIRST_MOMENT

PRODUCTS_PER_BRAND = 220
ORDERS_PER_CHUNK = 4_000_000  # order numbers of one chunk start here
KINDS = {
    "larkmere": {
        "Kitchen": "Pan Kettle Knife Bowl",
        "Table": "Plate Glass Carafe Spoon",
        "Bed": "Sheet Duvet Pillow Blanket",
        "Bath": "Towel Mat Soap Basket",
        "Light": "Lamp Lantern Candle Shade",
        "Living": "Cushion Throw Vase Frame",
        "Storage": "Box Shelf Hook Jar",
        "Office": "Desk Chair Tray Clock",
        "Garden": "Pot Trowel Bench Hose",
        "Baking": "Tin Whisk Scale Rack",
        "Coffee": "Grinder Press Mug Filter",
        "Laundry": "Hamper Line Iron Peg",
    },
    "oskwell": {
        "Jackets": "Parka Shell Fleece Vest",
        "Trousers": "Chino Legging Short Bib",
        "Shirts": "Tee Flannel Polo Base",
        "Footwear": "Boot Sandal Runner Clog",
        "Packs": "Daypack Duffel Pouch Frame",
        "Sleep": "Bag Mat Hammock Liner",
        "Tents": "Dome Tarp Pole Peg",
        "Cooking": "Stove Pot Flask Mug",
        "Lights": "Headlamp Lantern Torch Beacon",
        "Climb": "Rope Harness Sling Chalk",
        "Bike": "Pump Lock Helmet Glove",
        "Snow": "Goggle Mitten Pole Wax",
    },
}
GENDERS = {
    "larkmere": pl.Series([None], dtype=pl.String),
    "oskwell": pl.Series(["F", "M", "unisex"]),
}
COLORS = pl.Series(["moss", "slate", "rust", "chalk", "ink", "straw", "plum"])


def make_products(rng: np.random.Generator) -> pl.DataFrame:
    """The catalogue, brand by brand: product_id, brand, category, subcategory, color, gender,
    season, msrp, cost, name.
    """
    n = PRODUCTS_PER_BRAND
    frames = []
    for prefix, brand in zip(("LM", "OS"), BRANDS, strict=True):
        pairs = [
            (category, word) for category, words in KINDS[brand].items() for word in words.split()
        ]
        at = np.sort(rng.integers(0, len(pairs), n))
        msrp = np.round(np.exp(rng.normal(3.4, 0.75, n))).astype(np.int64) * 100 + rng.choice(
            [0, 50, 95, 99], n
        )
        frames.append(
            pl.DataFrame(
                {
                    "product_id": [f"{prefix}-{1000 + 7 * i}" for i in range(n)],
                    "brand": [brand] * n,
                    "category": [pairs[i][0] for i in at],
                    "subcategory": [pairs[i][1] for i in at],
                    "color": pick(rng, COLORS, n),
                    "gender": pick(rng, GENDERS[brand], n),
                    "season": pick(
                        rng, pl.Series(["spring", "summer", "autumn", "winter", "all year"]), n
                    ),
                    "msrp": np.maximum(msrp, 300),
                    "cost": (np.maximum(msrp, 300) * rng.uniform(0.35, 0.65, n)).astype(np.int64),
                }
            )
        )
    products = pl.concat(frames)
    color, number = pl.col("color").str.to_titlecase(), pl.col("product_id").str.slice(3)
    return products.with_columns(name=color + " " + pl.col("subcategory") + " " + number)


def _orders(
    rng: np.random.Generator,
    accounts: pl.DataFrame,
    chunk: int,
    days: int,
    mean: float,
    start: int,
    factor: int,
) -> pl.DataFrame:
    """One row per order: account, brand_at (0 or 1), moment, number (nine digits)."""
    opened = accounts["_created"].to_numpy().astype("datetime64[s]")
    years = (np.datetime64(FIRST_MOMENT, "s") - opened).astype(np.int64) / (365 * 86_400)
    wanted = rng.poisson(
        rng.gamma(0.9, mean / 0.9, len(accounts)) * np.clip(0.35 + 0.45 * years, 0.15, 1.6)
    )
    at = np.repeat(np.arange(len(accounts)), wanted)
    n = len(at)
    made = opened[at]
    room = (np.datetime64(FIRST_MOMENT, "s") + np.timedelta64(days - 1, "D") - made).astype(
        np.int64
    )
    day = (
        (made + (room * rng.random(n) ** 0.75).astype("timedelta64[s]"))
        .astype("datetime64[D]")
        .astype("datetime64[s]")
    )
    moment = day + rng.integers(7 * 3600, 23 * 3600, n).astype("timedelta64[s]")
    number = scramble(chunk * ORDERS_PER_CHUNK + np.arange(n), factor, start)
    return (
        accounts[at]
        .select("_key", "brand_at")
        .with_columns(moment=pl.Series(moment.astype("datetime64[us]")), number=number)
    )


def _items(rng: np.random.Generator, orders: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """One row per order and product, prices in cents, with the order's columns."""
    n = len(orders)
    lines = np.minimum(rng.geometric(0.5, n), 6)
    at = np.repeat(np.arange(n), lines)
    line = np.arange(len(at)) - np.repeat(np.cumsum(lines) - lines, lines)
    per = PRODUCTS_PER_BRAND
    # a popular first product, then steps that never come back to it within six lines
    first, step = (per * rng.random(n) ** 1.7).astype(int), rng.integers(1, per // 6, n)
    product = orders["brand_at"].to_numpy()[at] * per + (first[at] + line * step[at]) % per
    quantity = rng.choice([1, 2, 3, 4, 6], size=len(at), p=[0.76, 0.15, 0.05, 0.03, 0.01])
    bought = products[product]
    unit = bought["msrp"].to_numpy()
    share = rng.choice([0, 5, 10, 15, 20, 30], size=len(at), p=[0.62, 0.06, 0.12, 0.05, 0.1, 0.05])
    unit_discount = unit * share // 100
    frame = orders[at].with_columns(
        line=pl.Series(line + 1),
        product_id=bought["product_id"],
        quantity=pl.Series(quantity),
        unit_list=pl.Series(unit),
        unit_discount=pl.Series(unit_discount),
        list=pl.Series(unit * quantity),
        discount=pl.Series(unit_discount * quantity),
        cost=bought["cost"] * pl.Series(quantity),
    )
    return frame.with_columns(revenue=pl.col("list") - pl.col("discount")).with_columns(
        tax=pl.col("revenue") * 7 // 100
    )


def _undone(
    rng: np.random.Generator, items: pl.DataFrame, returned: float, cancelled: float, days: int
) -> pl.DataFrame:
    """Rows for what was returned (days later, sometimes only a part) or cancelled (at once).

    Column kind R or C, later moment.
    """
    u = rng.random(len(items))
    back = items.filter(pl.Series(u < returned + cancelled))
    is_return = pl.Series((u < returned)[u < returned + cancelled])
    n = len(back)
    wait = np.where(
        is_return.to_numpy(), rng.integers(3, 40, n) * 86_400, rng.integers(300, 3000, n)
    ).astype("timedelta64[s]")
    moment = pl.Series(
        (back["moment"].to_numpy().astype("datetime64[s]") + wait).astype("datetime64[us]")
    )
    part = (back["quantity"] > 1) & pl.Series(rng.random(n) < 0.4) & is_return
    part_quantity = pl.Series(np.ones(n, dtype=np.int64)).zip_with(part, back["quantity"])
    money = [
        (pl.col(c) // pl.col("quantity") * pl.col("_q")).alias(c)
        for c in ("list", "discount", "cost")
    ]
    out = back.with_columns(
        part_quantity.alias("_q"),
        moment.alias("moment"),
        pl.Series("kind", ["C"] * n, dtype=pl.String).set(is_return, "R"),
    )
    out = (
        out.with_columns(money)
        .with_columns(revenue=pl.col("list") - pl.col("discount"), quantity=pl.col("_q"))
        .drop("_q")
    )
    out = out.with_columns(tax=pl.col("revenue") * 7 // 100)
    return out.filter(pl.col("moment") < FIRST_MOMENT + pl.duration(days=days - 1))


def _decimal(cents: str, scale: int = 2) -> pl.Expr:
    return (pl.col(cents).cast(pl.Decimal(38, scale)) * pl.lit(Decimal("0.01"))).cast(
        pl.Decimal(12, scale)
    )


def online_items(
    rng: np.random.Generator, accounts: pl.DataFrame, products: pl.DataFrame, chunk: int, days: int
) -> pl.DataFrame:
    """Rows of the online shop's order items file; `_updated` is the local moment of the row."""
    shops = accounts.with_columns(brand_at=(pl.col("site") == "oskwell.example").cast(pl.Int64))
    orders = _orders(rng, shops, chunk, days, 3.3, 500, 22_695_477)
    n = len(orders)
    orders = orders.with_columns(
        voucher=pl.Series(rng.choice([0, 500, 1000], size=n, p=[0.9, 0.07, 0.03])),
        digital_channel=pick(
            rng, pl.Series(["email", "search", "social", None]), n, np.array([0.3, 0.35, 0.15, 0.2])
        ),
        payment=pick(
            rng,
            pl.Series(["credit card", "wallet", "gift card", "invoice"]),
            n,
            np.array([0.6, 0.25, 0.05, 0.1]),
        ),
    )
    bought = _items(rng, orders, products).with_columns(kind=pl.lit("S"))
    undone = _undone(rng, bought, 0.09, 0.02, days)
    # a bug of the shop: some returns are booked without the minus
    sign = pl.Series(np.where(rng.random(len(undone)) < 0.02, 1, -1))
    signed = ["quantity", "list", "discount", "cost", "revenue", "tax"]
    undone = undone.with_columns(*(pl.col(c) * sign for c in signed), voucher=pl.lit(0, pl.Int64))
    rows = pl.concat([bought, undone])
    sale = pl.col("kind") == "S"
    brand = pl.Series(BRANDS).gather(rows["brand_at"])
    order = "W" + pl.col("number")
    return rows.select(
        order_item_id=order
        + "-"
        + pl.col("line").cast(pl.String)
        + pl.when(sale).then(pl.lit("")).otherwise(pl.col("kind")),
        order_id=order,
        account_id=pl.col("_key"),
        ordered_at=pl.col("moment")
        .dt.replace_time_zone("America/New_York")
        .dt.convert_time_zone("UTC"),
        brand=brand,
        product_id=pl.col("product_id"),
        is_return=pl.col("kind") == "R",
        is_cancellation=pl.col("kind") == "C",
        quantity=pl.col("quantity"),
        unit_list_price=pl.when(sale).then(_decimal("unit_list")),
        unit_discount_amount=pl.when(sale).then(_decimal("unit_discount")),
        item_list_price=_decimal("list"),
        item_discount_amount=_decimal("discount"),
        item_discount_percent=(pl.col("discount") / pl.col("list")).round(4),
        item_revenue=_decimal("revenue"),
        item_cost=_decimal("cost"),
        item_tax_amount=_decimal("tax"),
        order_discount_amount=_decimal("voucher"),
        currency=pl.lit("USD"),
        channel=pl.lit("online"),
        digital_channel=pl.col("digital_channel"),
        store_id="WEB-" + brand.str.to_uppercase(),
        payment_method=pl.col("payment"),
        _updated=pl.col("moment"),
    )


def till_lines(
    rng: np.random.Generator, cards: pl.DataFrame, products: pl.DataFrame, chunk: int, days: int
) -> pl.DataFrame:
    """Rows of the till's receipt file, unsigned cents.

    `_updated` is the local moment of the row.
    """
    cards = cards.with_columns(brand_at=pl.lit(0, pl.Int64))
    orders = _orders(rng, cards, chunk, days, 3.9, 40, 1_103_515_245)
    n = len(orders)
    home = orders.select("_key").join(
        cards.select("_key", "home_store"), on="_key", how="left", maintain_order="left"
    )
    store = mix(
        rng, (0.72, home["home_store"]), (0.28, pick(rng, STORES, n, STORE_P / STORE_P.sum()))
    )
    # one in seven buys without showing the card; the old tills then write a zero
    card = mix(
        rng, (0.86, orders["_key"]), (0.11, None), (0.03, pl.Series(["0"] * n, dtype=pl.String))
    )
    orders = orders.with_columns(
        store=store,
        brand_at=store.str.starts_with("O").cast(pl.Int64),
        card=card,
        tender=pick(rng, pl.Series(["card", "cash", "voucher"]), n, np.array([0.66, 0.3, 0.04])),
    )
    sold = _items(rng, orders, products).with_columns(
        kind=pl.lit("S"), original=pl.lit(None, pl.String)
    )
    sold = sold.with_columns(
        # unknown article, store setting lost, reduction printed but not deducted
        product_id=sold["product_id"].set(pl.Series(rng.random(len(sold)) < 0.0015), None),
        store=sold["store"].set(pl.Series(rng.random(len(sold)) < 0.004), None),
        revenue=sold["list"].zip_with(pl.Series(rng.random(len(sold)) < 0.002), sold["revenue"]),
    )
    undone = _undone(rng, sold.filter(pl.col("product_id").is_not_null()), 0.06, 0.007, days)
    # a return has a receipt of its own that names the first one; a void line stands on the same
    # receipt
    own = scramble(chunk * ORDERS_PER_CHUNK + n + np.arange(len(undone)), 1_103_515_245, 40)
    is_return = undone["kind"] == "R"
    undone = undone.with_columns(
        original=undone["number"].set(~is_return, None),
        number=own.zip_with(is_return, undone["number"]),
        line=undone["line"] + 50 * (~is_return).cast(pl.Int64),
        kind=undone["kind"].replace("C", "V"),
    )
    rows = pl.concat([sold, undone.select(sold.columns)])
    return rows.select(
        receipt_no=pl.col("number"),
        line_no=pl.col("line"),
        kind=pl.col("kind"),
        sku=pl.col("product_id"),
        qty=pl.col("quantity"),
        list_cents=pl.col("list"),
        discount_cents=pl.col("discount"),
        paid_cents=pl.col("revenue"),
        cost_cents=pl.col("cost"),
        tax_cents=pl.col("tax"),
        store=pl.col("store"),
        customer_no=pl.col("card"),
        printed_at=pl.col("moment").dt.strftime("%m/%d/%Y %H:%M"),
        tender=pl.col("tender"),
        original_receipt=pl.col("original"),
        _updated=pl.col("moment"),
    )
