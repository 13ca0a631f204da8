"""What people buy: products, online order items, till receipt lines.

Money is whole cents until a file is written. Returns and cancellations are rows of their own. The
online shop delivers clean, typed rows; the till delivers unsigned cents and letters, which the
shipped custom domain table turns into tagged columns.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl

from .customers import BRANDS, STORE_SHARES, STORES
from .dirt import mix, pick
from .meetings import scramble
from .people import FIRST_MOMENT

PRODUCTS_PER_BRAND = 220
ORDERS_PER_CHUNK = 4_000_000  # order numbers of one chunk start here
# How receipt numbers are scrambled.
TILL_START = 40
TILL_FACTOR = 1_103_515_245
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
SEASONS = pl.Series(["spring", "summer", "autumn", "winter", "all year"])
COLORS = pl.Series(["moss", "slate", "rust", "chalk", "ink", "straw", "plum"])


def make_products(rng: np.random.Generator) -> pl.DataFrame:
    """The catalogue, brand by brand: product_id, brand, category, subcategory, color, gender,
    season, msrp, cost, name.
    """
    frames = []
    for prefix, brand in zip(("LM", "OS"), BRANDS, strict=True):
        frames.append(_brand_products(rng, prefix, brand))
    products = pl.concat(frames)
    color = pl.col("color").str.to_titlecase()
    number = pl.col("product_id").str.slice(3)
    return products.with_columns(name=color + " " + pl.col("subcategory") + " " + number)


def _brand_products(rng: np.random.Generator, prefix: str, brand: str) -> pl.DataFrame:
    n = PRODUCTS_PER_BRAND
    categories, subcategories = [], []
    for category, words in KINDS[brand].items():
        subcategories += words.split()
        categories += [category] * len(words.split())
    kind = np.sort(rng.integers(0, len(categories), n))
    whole = np.round(np.exp(rng.normal(3.4, 0.75, n))).astype(np.int64)
    msrp = np.maximum(whole * 100 + rng.choice([0, 50, 95, 99], n), 300)
    return pl.DataFrame(
        {
            "product_id": [f"{prefix}-{1000 + 7 * i}" for i in range(n)],
            "brand": [brand] * n,
            "category": pl.Series(categories).gather(kind),
            "subcategory": pl.Series(subcategories).gather(kind),
            "color": pick(rng, COLORS, n),
            "gender": pick(rng, GENDERS[brand], n),
            "season": pick(rng, SEASONS, n),
            "msrp": msrp,
            "cost": (msrp * rng.uniform(0.35, 0.65, n)).astype(np.int64),
        }
    )


def _orders(
    rng: np.random.Generator,
    accounts: pl.DataFrame,
    chunk: int,
    days: int,
    mean: float,
    start: int,
    factor: int,
) -> pl.DataFrame:
    """One row per order: account, brand_at (0 or 1), moment, number (nine digits).

    `mean` is the number of orders of an account of medium age; `start` and `factor` scramble the
    order numbers.
    """
    opened = accounts["_created"].to_numpy().astype("datetime64[s]")
    years = (np.datetime64(FIRST_MOMENT, "s") - opened).astype(np.int64) / (365 * 86_400)
    # Most buy little, a few much; older accounts have had more time.
    liking = rng.gamma(0.9, mean / 0.9, len(accounts))
    counts = rng.poisson(liking * np.clip(0.35 + 0.45 * years, 0.15, 1.6))
    account = np.repeat(np.arange(len(accounts)), counts)
    n = len(account)
    opened = opened[account]
    end = np.datetime64(FIRST_MOMENT, "s") + np.timedelta64(days - 1, "D")
    seconds_open = (end - opened).astype(np.int64)
    # The exponent makes recent orders more frequent.
    waited = (seconds_open * rng.random(n) ** 0.75).astype("timedelta64[s]")
    day = (opened + waited).astype("datetime64[D]").astype("datetime64[s]")
    moment = day + rng.integers(7 * 3600, 23 * 3600, n).astype("timedelta64[s]")
    number = scramble(chunk * ORDERS_PER_CHUNK + np.arange(n), factor, start)
    orders = accounts[account].select("_key", "brand_at")
    return orders.with_columns(moment=pl.Series(moment.astype("datetime64[us]")), number=number)


def _items(rng: np.random.Generator, orders: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """One row per order and product, prices in cents, with the order's columns."""
    n = len(orders)
    counts = np.minimum(rng.geometric(0.5, n), 6)
    order = np.repeat(np.arange(n), counts)
    line = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    # A popular first product, then steps that never come back to it within six lines.
    first = (PRODUCTS_PER_BRAND * rng.random(n) ** 1.7).astype(int)
    step = rng.integers(1, PRODUCTS_PER_BRAND // 6, n)
    within_brand = (first[order] + line * step[order]) % PRODUCTS_PER_BRAND
    product = orders["brand_at"].to_numpy()[order] * PRODUCTS_PER_BRAND + within_brand
    quantity = rng.choice([1, 2, 3, 4, 6], size=len(order), p=[0.76, 0.15, 0.05, 0.03, 0.01])
    bought = products[product]
    unit_price = bought["msrp"].to_numpy()
    percents = [0, 5, 10, 15, 20, 30]
    percent = rng.choice(percents, size=len(order), p=[0.62, 0.06, 0.12, 0.05, 0.1, 0.05])
    unit_discount = unit_price * percent // 100
    frame = orders[order].with_columns(
        line=pl.Series(line + 1),
        product_id=bought["product_id"],
        quantity=pl.Series(quantity),
        unit_list=pl.Series(unit_price),
        unit_discount=pl.Series(unit_discount),
        list=pl.Series(unit_price * quantity),
        discount=pl.Series(unit_discount * quantity),
        cost=bought["cost"] * pl.Series(quantity),
    )
    return _with_revenue(frame)


def _with_revenue(items: pl.DataFrame) -> pl.DataFrame:
    items = items.with_columns(revenue=pl.col("list") - pl.col("discount"))
    return items.with_columns(tax=pl.col("revenue") * 7 // 100)


def _undone(
    rng: np.random.Generator, items: pl.DataFrame, returned: float, cancelled: float, days: int
) -> pl.DataFrame:
    """Rows for what was returned (days later, sometimes only a part) or cancelled (at once).

    Column kind R or C, later moment.
    """
    draw = rng.random(len(items))
    is_undone = draw < returned + cancelled
    undone = items.filter(pl.Series(is_undone))
    is_return = (draw < returned)[is_undone]
    n = len(undone)
    # Seconds: a return takes days, a cancellation minutes.
    return_wait = rng.integers(3, 40, n) * 86_400
    cancellation_wait = rng.integers(300, 3000, n)
    waited = np.where(is_return, return_wait, cancellation_wait).astype("timedelta64[s]")
    moment = undone["moment"].to_numpy().astype("datetime64[s]") + waited
    is_part = (undone["quantity"] > 1) & pl.Series(rng.random(n) < 0.4) & pl.Series(is_return)
    one = pl.Series(np.ones(n, dtype=np.int64))
    unit_amounts = [
        (pl.col(amount) // pl.col("quantity") * pl.col("_quantity")).alias(amount)
        for amount in ("list", "discount", "cost")
    ]
    cancellations = pl.Series("kind", ["C"] * n, dtype=pl.String)
    undone = undone.with_columns(
        one.zip_with(is_part, undone["quantity"]).alias("_quantity"),
        pl.Series("moment", moment.astype("datetime64[us]")),
        cancellations.set(pl.Series(is_return), "R"),
    )
    undone = undone.with_columns(unit_amounts)
    undone = undone.with_columns(quantity=pl.col("_quantity")).drop("_quantity")
    end = FIRST_MOMENT + pl.duration(days=days - 1)
    return _with_revenue(undone).filter(pl.col("moment") < end)


def _decimal(cents: str, scale: int = 2) -> pl.Expr:
    """An amount of cents as a decimal of the currency's unit."""
    amount = pl.col(cents).cast(pl.Decimal(38, scale)) * pl.lit(Decimal("0.01"))
    return amount.cast(pl.Decimal(12, scale))


def online_items(
    rng: np.random.Generator, accounts: pl.DataFrame, products: pl.DataFrame, chunk: int, days: int
) -> pl.DataFrame:
    """Rows of the online shop's order items file; `_updated` is the local moment of the row."""
    orders = _online_orders(rng, accounts, chunk, days)
    bought = _items(rng, orders, products).with_columns(kind=pl.lit("S"))
    undone = _undone(rng, bought, 0.09, 0.02, days)
    # A bug of the shop: some returns are booked without the minus.
    sign = pl.Series(np.where(rng.random(len(undone)) < 0.02, 1, -1))
    signed = ["quantity", "list", "discount", "cost", "revenue", "tax"]
    undone = undone.with_columns(
        *(pl.col(amount) * sign for amount in signed), voucher=pl.lit(0, pl.Int64)
    )
    return _online_columns(pl.concat([bought, undone]))


def _online_orders(
    rng: np.random.Generator, accounts: pl.DataFrame, chunk: int, days: int
) -> pl.DataFrame:
    """`_orders` of the shop's accounts with voucher (cents), digital_channel, payment."""
    is_second_brand = pl.col("site") == "oskwell.example"
    shops = accounts.with_columns(brand_at=is_second_brand.cast(pl.Int64))
    orders = _orders(rng, shops, chunk, days, 3.3, 500, 22_695_477)
    n = len(orders)
    channels = pl.Series(["email", "search", "social", None])
    payments = pl.Series(["credit card", "wallet", "gift card", "invoice"])
    return orders.with_columns(
        voucher=pl.Series(rng.choice([0, 500, 1000], size=n, p=[0.9, 0.07, 0.03])),
        digital_channel=pick(rng, channels, n, np.array([0.3, 0.35, 0.15, 0.2])),
        payment=pick(rng, payments, n, np.array([0.6, 0.25, 0.05, 0.1])),
    )


def _online_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as the shop's file has them: amounts as decimals, moments in UTC."""
    is_sale = pl.col("kind") == "S"
    brand = pl.Series(BRANDS).gather(rows["brand_at"])
    order = "W" + pl.col("number")
    # A row of its own needs an id of its own: that of the sale with the letter behind it.
    undone_mark = pl.when(is_sale).then(pl.lit("")).otherwise(pl.col("kind"))
    local_moment = pl.col("moment").dt.replace_time_zone("America/New_York")
    return rows.select(
        order_item_id=order + "-" + pl.col("line").cast(pl.String) + undone_mark,
        order_id=order,
        account_id=pl.col("_key"),
        ordered_at=local_moment.dt.convert_time_zone("UTC"),
        brand=brand,
        product_id=pl.col("product_id"),
        is_return=pl.col("kind") == "R",
        is_cancellation=pl.col("kind") == "C",
        quantity=pl.col("quantity"),
        unit_list_price=pl.when(is_sale).then(_decimal("unit_list")),
        unit_discount_amount=pl.when(is_sale).then(_decimal("unit_discount")),
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
    """Rows of the till's receipt file, cents without sign; `_updated` is the row's local moment."""
    orders = _till_orders(rng, cards, chunk, days)
    sold = _till_sales(rng, orders, products)
    undone = _undone(rng, sold.filter(pl.col("product_id").is_not_null()), 0.06, 0.007, days)
    # A return has a receipt of its own that names the first one; a void line stands on the same
    # receipt.
    new_index = chunk * ORDERS_PER_CHUNK + len(orders) + np.arange(len(undone))
    own_number = scramble(new_index, TILL_FACTOR, TILL_START)
    is_return = undone["kind"] == "R"
    undone = undone.with_columns(
        original=undone["number"].set(~is_return, None),
        number=own_number.zip_with(is_return, undone["number"]),
        line=undone["line"] + 50 * (~is_return).cast(pl.Int64),
        kind=undone["kind"].replace("C", "V"),
    )
    return _till_columns(pl.concat([sold, undone.select(sold.columns)]))


def _till_orders(
    rng: np.random.Generator, cards: pl.DataFrame, chunk: int, days: int
) -> pl.DataFrame:
    """`_orders` of the cards with store, card (as the till writes it), tender."""
    # Which brand it is depends on the store, which is drawn afterwards.
    cards = cards.with_columns(brand_at=pl.lit(0, pl.Int64))
    orders = _orders(rng, cards, chunk, days, 3.9, TILL_START, TILL_FACTOR)
    n = len(orders)
    home = orders.select("_key").join(
        cards.select("_key", "home_store"), on="_key", how="left", maintain_order="left"
    )
    any_store = pick(rng, STORES, n, STORE_SHARES / STORE_SHARES.sum())
    store = mix(rng, (0.72, home["home_store"]), (0.28, any_store))
    # One in seven buys without showing the card; the old tills then write a zero.
    zero = pl.Series(["0"] * n, dtype=pl.String)
    card = mix(rng, (0.86, orders["_key"]), (0.11, None), (0.03, zero))
    tenders = pl.Series(["card", "cash", "voucher"])
    return orders.with_columns(
        store=store,
        brand_at=store.str.starts_with("O").cast(pl.Int64),
        card=card,
        tender=pick(rng, tenders, n, np.array([0.66, 0.3, 0.04])),
    )


def _till_sales(
    rng: np.random.Generator, orders: pl.DataFrame, products: pl.DataFrame
) -> pl.DataFrame:
    """`_items` of the orders, with the gaps and wrong amounts of an old till."""
    sold = _items(rng, orders, products).with_columns(
        kind=pl.lit("S"), original=pl.lit(None, pl.String)
    )
    is_unknown_article = pl.Series(rng.random(len(sold)) < 0.0015)
    has_lost_store = pl.Series(rng.random(len(sold)) < 0.004)
    is_not_reduced = pl.Series(rng.random(len(sold)) < 0.002)  # though the receipt says so
    return sold.with_columns(
        product_id=sold["product_id"].set(is_unknown_article, None),
        store=sold["store"].set(has_lost_store, None),
        revenue=sold["list"].zip_with(is_not_reduced, sold["revenue"]),
    )


def _till_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as the till's file has them: whole cents, texts, moments of the store's clock."""
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
