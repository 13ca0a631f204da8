"""What goods cost, of amounts that an export says in several ways: told by arithmetic, or said."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import polars as pl
import pytest

from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.column_numbers import NumberForm
from c360_assets.ingest.suggest.column_types import Inferred
from c360_assets.ingest.suggest.folder import propose_folder
from c360_assets.ingest.suggest.line_totals import numbers
from c360_assets_tests.ingest.test_order_tables import (
    CUSTOMERS,
    fields_of,
    proposals,
    purchase_rows,
)

DAY = "2026-01-02"
# Name -> the columns after order and customer, rows of them, what the purchases are as quantity and
# amount (returns with a sign), what is said.
CASES: dict[str, tuple[str, list[str], set[tuple[int, float]], str]] = {
    "a discount that is not taken off": (
        "Order Date,SKU,Quantity,Unit Price,row_total,discount_amount",
        ["S1,2,10.00,20.00,3.00", "S2,1,5.00,5.00,0", "S1,1,10.00,10.00,1.50"],
        {(2, 17.0), (1, 5.0), (1, 8.5)},
        "row_total is before discount_amount, which is taken off.",
    ),
    "a column that is after the discount": (
        "Order Date,SKU,Qty,Gross Price,Discount,Net Price",
        ["S1,2,20.00,3.00,17.00", "S1,1,10.00,0,10.00", "S2,3,15.00,1.00,14.00"],
        {(2, 17.0), (1, 10.0), (3, 14.0)},
        "is after Discount",
    ),
    "a price that is that of all units": (
        "Order Date,SKU,Quantity,item-price,promotion-discount",
        ["S1,2,20.00,1.00", "S1,1,10.00,", "S2,3,15.00,"],
        {(2, 19.0), (1, 10.0), (3, 15.0)},
        "GUESSED: item_price is before promotion_discount",
    ),
    "a discount in percent": (
        "Order Date,SKU,Quantity,Unit Price,Discount (%)",
        ["S1,2,10.00,10", "S2,1,5.00,0", "S1,1,10.00,5"],
        {(2, 18.0), (1, 5.0), (1, 9.5)},
        "which is taken off (percent)",
    ),
    "a discount that cannot be told": (
        "Order Date,SKU,Quantity,Line Total,Discount,Status",
        ["S1,2,20.00,3.00,ok", "S2,1,5.00,0,ok", "S1,1,10.00,1.50,void"],
        {(2, 20.0), (1, 5.0), (-1, -10.0)},
        "CHECK: it cannot be told whether line_total is before or after Discount",
    ),
    "taxes": (
        "Order Date,SKU,Quantity,Subtotal,Sales Tax,Total",
        ["S1,2,20.00,1.65,21.65", "S2,1,5.00,0.41,5.41", "S1,1,10.00,0.83,10.83"],
        {(2, 20.0), (1, 5.0), (1, 10.0)},
        "Total is Subtotal with sales_tax: that without.",
    ),
    "shipping in a line": (
        "Order Date,SKU,Quantity,Unit Price,Shipping,Line Total",
        ["S1,2,10.00,4.00,24.00", "S2,1,5.00,0,5.00", "S1,1,10.00,4.00,14.00"],
        {(2, 20.0), (1, 5.0), (1, 10.0)},
        "line_total holds Shipping, as sums show",
    ),
    "units that came back": (
        "Order Date,SKU,Quantity,Line Total,qty_refunded",
        ["S1,2,20.00,1", "S2,1,5.00,0", "S1,1,10.00,1"],
        {(2, 20.0), (-1, -10.0), (1, 5.0), (1, 10.0)},
        "Units that came back are qty_refunded",
    ),
    "units that were called off": (
        "Order Date,SKU,Quantity,Line Total,qty_canceled",
        ["S1,2,20.00,1", "S2,1,5.00,0", "S1,3,30.00,1"],
        {(1, 10.0), (1, 5.0), (2, 20.0)},
        "Units that were called off are qty_canceled",
    ),
    "money back of a line": (
        "Order Date,SKU,Quantity,Line Total,Refund Amount",
        ["S1,2,20.00,4.00", "S2,1,5.00,0", "S1,1,10.00,10.00"],
        {(2, 20.0), (0, -4.0), (1, 5.0), (1, 10.0), (-1, -10.0)},
        "What was paid back is refund_amount",
    ),
    "a column of yes and no": (
        "Order Date,SKU,Quantity,Line Total,Void?",
        ["S1,2,20.00,false", "S2,1,5.00,true"],
        {(2, 20.0), (-1, -5.0)},
        "Rows of which void is true are cancelled.",
    ),
    "what an order cost with all": (
        "Order Date,Subtotal,Discount,Shipping,Tax Total,Tip,Order Total",
        ["20.00,2.00,4.00,1.49,1.00,24.49", "5.00,0,0,0.41,0,5.41", "9.00,1.00,4.00,0.66,2,14.66"],
        {(1, 18.0), (1, 5.0), (1, 8.0)},
        "order_total holds Shipping, tax_total, Tip, as sums show",
    ),
    "cents": (
        "Order Date,Amount,Currency",
        ["1999,usd", "725,usd", "4933,usd", "12047,usd"],
        {(1, 19.99), (1, 7.25), (1, 49.33), (1, 120.47)},
        "GUESSED: Amount is in cents, as no prices are: divided by 100.",
    ),
    "whole numbers that may be prices": (
        "Order Date,Amount,Currency",
        ["1999,inr", "725,inr", "4933,inr", "12047,inr"],
        {(1, 1999.0), (1, 725.0), (1, 4933.0), (1, 12047.0)},
        "CHECK: Amount has whole numbers only, as amounts in cents have",
    ),
    "gift cards": (
        "Order Date,SKU,Item,Quantity,Line Total",
        ["S1,Shirt,2,20.00", "S9,Gift Card,1,50.00"],
        {(2, 20.0)},
        "14 rows of the sample are of shipping, fees, tips or gift cards, no goods, and left out.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_goods_are_what_they_cost_after_discounts(tmp_path: Path, case: str) -> None:
    columns, rows, wanted, said = CASES[case]
    header = f"Order ID,Customer ID,{columns}"
    sql, given = purchase_rows(tmp_path, header, [f"{DAY},{row}" for row in rows])
    assert {(quantity, amount) for _, _, quantity, amount, _, _ in given} == wanted
    assert said in " ".join(sql.replace("--", "").split())


def test_amounts_written_for_readers_are_not_in_cents(tmp_path: Path) -> None:
    lines = ["Order ID,Order Date,Customer ID,Amount"]
    lines += [f"O{i:03},2026-01-02,C{i:06},{1981 + 37 * i}円" for i in range(28)]
    (table,) = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"].tables
    assert "cents" not in table.sql


@pytest.mark.parametrize("written", ["Rs. {}/-", "{} ر.س", "kr. {}", "S/. {}"])
def test_the_dot_of_a_currency_is_none_of_a_number(written: str) -> None:
    inferred = Inferred("decimal", number=NumberForm(decimal=".", thousands=",", scale=2))
    amount = Column("Amount", "amount", inferred, unique=1.0)
    texts = [written.format(number) for number in ("1,250.50", "990")]
    assert numbers(amount, pl.DataFrame({"Amount": texts})).to_list() == [1250.5, 990.0]


def test_a_time_of_twelve_hours_is_put_to_its_day(tmp_path: Path) -> None:
    header = "Order ID,Customer ID,Date,Time,SKU,Qty,Net Sales"
    rows = ["2026-01-02,9:05 PM,S1,1,9.50", "2026-01-02,12:30 AM,S1,1,9.50"]
    _, given = purchase_rows(tmp_path, header, rows)
    assert {row[1] for row in given} == {"2026-01-02 21:05:00+00", "2026-01-02 00:30:00+00"}


def amounts_of(tmp_path: Path, sql: str, feed: str) -> dict[str, float]:
    """What each order's rows come to, of a file whose columns are numbers as they stand."""
    with duckdb.connect() as con:
        file = next((tmp_path / "landing/shop").glob(f"{feed.lower()}-*.csv"))
        con.execute(f"CREATE TABLE Shop_{feed} AS FROM read_csv('{file}', normalize_names = true)")
        rows = con.sql(
            f"SELECT order_id, sum(item_revenue)::DOUBLE FROM ({sql}) GROUP BY 1"
        ).fetchall()
    return dict(rows)


def test_the_discount_of_an_order_is_shared_among_its_rows(tmp_path: Path) -> None:
    lines = ["order_id,order_date,customer_id,sku,qty,unit_price,total_discount"]
    for i in range(12):
        lines.append(f"O{i:03},2026-01-02,C{i:06},S1,2,10.00,3.00")
        lines.append(f"O{i:03},2026-01-02,C{i:06},S{2 + i},1,10.00,3.00")
    (table,) = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"].tables
    assert "of the whole order, shared among its rows" in " ".join(table.sql.split())
    assert set(amounts_of(tmp_path, table.sql, "Orders").values()) == {27.0}


def test_the_sum_of_an_order_beside_its_lines_is_left_out(tmp_path: Path) -> None:
    lines = ["order_id,order_date,customer_id,line_type,sku,qty,total"]
    for i in range(12):
        person = f"O{i:03},2026-01-02,C{i:06}"
        lines += [f"{person},Sale,,3,{20 + i}.00", f"{person},Sale Line,S1,2,20.00"]
        lines += [f"{person},Sale Line,S2,1,{i}.00", f"{person},Money,,,"]
    (table,) = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"].tables
    assert "24 rows of the sample name no product and hold the sum or payment" in table.sql
    amounts = amounts_of(tmp_path, table.sql, "Orders")
    assert amounts == {f"O{i:03}": 20.0 + i for i in range(12)}


def test_items_find_their_day_and_customer_by_the_check_and_payments_are_not_bought_again(
    tmp_path: Path,
) -> None:
    items = ["Order Id,Order Date,Check Id,Menu Item,SKU,Qty,Net Price"]
    checks = ["Check Id,Customer,Customer Email,Opened Date"]
    payments = ["Payment Id,Order Id,Paid Date,Amount,Email,Phone"]
    for i in range(20):
        items.append(f"{70000 + i},2026-01-02,{90000 + i},Fries,,1,4.00")
        items.append(f"{70000 + i},2026-01-02,{90000 + i},Salad,,2,14.00")
        checks.append(f"{90000 + i},Ann Lee,a{i}@example.com,2026-01-02")
        payments.append(f"{80000 + i},{70000 + i},2026-01-02,19.00,,")
    found = proposals(tmp_path, items=items, checks=checks, payments=payments)
    (table,) = found["Items"].tables
    assert 'head."check_id"::VARCHAR = items."check_id"::VARCHAR' in table.sql
    assert fields_of(found["Checks"].text)["Check Id"]["tags"] == ["fk-shop-checks"]
    assert not found["Payments"].tables


@pytest.mark.parametrize("nobody", ["", "0", "guest"])
def test_orders_of_guests_are_those_of_the_person_in_them(tmp_path: Path, nobody: str) -> None:
    lines = [
        "Order ID,Order Date,Customer ID,Email,First Name,Last Name,SKU,Quantity,Line Total,Void"
    ]
    lines += [
        f"O{i},2026-01-02,{number},a{i}@example.com,Ann,Lee,S1,2,9.50,{i == 3}"
        for i, number in enumerate([nobody, *(f"C{i:06}" for i in range(1, 20))])
    ]
    found = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"]
    (table,) = found.tables
    tags = [tag for field in fields_of(table.yaml).values() for tag in field["tags"]]
    assert [tag for tag in tags if tag.startswith("fk-")] == ["fk-shop-orders"]
    assert fields_of(found.text)["Order ID"]["tags"] == ["fk-shop-orders"]
    assert fields_of(found.text)["Customer ID"]["tags"] == ["fk-customer-id"]


def test_what_is_guessed_is_said_with_the_proposals(tmp_path: Path) -> None:
    lines = ["Order ID,Order Date,Customer ID,SKU,Quantity,Line Total,Discount"]
    lines += [f"O{i},2026-01-02,C{i:06},S1,2,9.50,{i % 3}" for i in range(20)]
    (remark,) = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"].remarks
    assert remark.startswith("feeds/shop/orders.yaml: Line Total: CHECK: it cannot be told")


def test_lines_below_the_first_that_has_the_orders_number_are_told_of(tmp_path: Path) -> None:
    lines = ["Order Reference,Order Date,Customer/Email,Order Lines/Product,Order Lines/Quantity"]
    for i in range(12):
        lines += [f"S{i:05},2026-01-02,a{i}@example.com,P{i},1", f",,,Q{i},2"]
    note = "CHECK: empty in 12 rows of the sample"
    assert note in proposals(tmp_path, orders=lines)["Orders"].text


def test_what_became_of_an_order_is_nested_beside_its_lines(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "shop"
    folder.mkdir(parents=True)
    orders = [
        {
            "id": f"{i:032x}",
            "orderDateTime": "2026-01-02T10:00:00.000+00:00",
            "state": {"name": "cancelled" if i % 4 == 0 else "done"},
            "orderCustomer": {"email": f"a{i}@example.com", "firstName": "Ann", "lastName": "Lee"},
            "lineItems": [{"productId": "P1", "quantity": 2, "totalPrice": 9.5}],
        }
        for i in range(20)
    ]
    text = "\n".join(map(json.dumps, orders)) + "\n"
    (folder / "orders-20260601.jsonl").write_text(text, "utf-8")
    (proposal,) = propose_folder(tmp_path / "landing", flatten=True).proposals
    tables = {table.name.removeprefix("CDT_Shop_Orders"): table for table in proposal.tables}
    assert "order_customer_email: {tags: [email]}" in tables[""].yaml
    assert "5 rows are cancelled" in tables["_lineitems_Purchases"].sql


def test_payments_of_orders_whose_items_are_tagged_are_not_bought_again(tmp_path: Path) -> None:
    names = "Order ID,Order Date,Customer ID,SKU,Quantity,Line Total,Is Return,Is Cancellation"
    items, payments = [names], ["Order ID,Date,Customer ID,Total Amount"]
    for i in range(20):
        items.append(f"O{i:05},2026-01-02,C{i:06},S1,2,9.50,false,false")
        payments.append(f"O{i:05},2026-01-02,C{i:06},10.28")
    found = proposals(tmp_path, customers=CUSTOMERS, items=items, payments=payments)
    assert not found["Payments"].tables
    assert "CHECK: no purchases are made of these rows" in found["Payments"].text
