"""Tables of what was bought that `feed suggest --flatten` makes of feeds that do not say it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from c360_assets.ingest.suggest.feed import Proposal
from c360_assets.ingest.suggest.folder import propose_file, propose_folder

CUSTOMERS = ["Customer ID,Email,First Name,Last Name"]
CUSTOMERS += [f"C{i:06},a{i}@example.com,Ann,Lee" for i in range(30)]


def proposals(tmp_path: Path, *, flatten: bool = True, **files: list[str]) -> dict[str, Proposal]:
    folder = tmp_path / "landing" / "shop"
    folder.mkdir(parents=True)
    for name, lines in files.items():
        (folder / f"{name}-20260601.csv").write_text("\n".join(lines) + "\n", "utf-8")
    found = propose_folder(tmp_path / "landing", flatten=flatten).proposals
    assert all(proposal.trial.loads for proposal in found)
    return {proposal.feed: proposal for proposal in found}


def fields_of(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = yaml.safe_load(text)["fields"]
    return fields


def bought(sql: str, **tables: str) -> list[tuple[Any, ...]]:
    """Order, quantity, revenue, is_return, is_cancellation of the rows that the SQL gives."""
    with duckdb.connect() as con:
        for name, rows in tables.items():
            con.execute(f"CREATE TABLE {name} AS {rows}")
        columns = "order_id, item_quantity, item_revenue, is_return, is_cancellation"
        return con.sql(f"SELECT {columns} FROM ({sql}) ORDER BY ALL").fetchall()


# Language -> its word for a cancelled order, for a returned one, the name of the column.
STATES = {
    "en": ("Cancelled", "Refunded", "status"),
    "pt": ("Cancelada", "Devolvida", "Estado"),
    "cs": ("stornováno", "vráceno", "Stav"),
    "tr": ("iptal", "iade", "Durum"),
    "th": ("ยกเลิก", "คืนเงิน", "สถานะ"),
    "ar": ("ملغي", "مرتجع", "الحالة"),
    "ja": ("キャンセル", "返品", "ステータス"),
    "lt, by the words alone": ("Atšauktas", "Grąžintas", "Būsena"),
}


@pytest.mark.parametrize("language", STATES)
def test_cancelled_orders_are_no_purchases_and_returned_ones_come_back(
    tmp_path: Path, language: str
) -> None:
    cancelled, returned, name = STATES[language]
    states = ["ok", "ok", cancelled, returned]
    lines = [f"Order ID,Order Date,Customer ID,SKU,Quantity,Line Total,{name}"]
    lines += [f"O{i:05},2026-01-02,C{i:06},S1,2,9.50,{states[i % 4]}" for i in range(28)]
    found = proposals(tmp_path, customers=CUSTOMERS, orders=lines)
    assert "txn-item" not in found["Orders"].text
    (table,) = found["Orders"].tables
    assert "7 rows are cancelled or failed, 7 returned" in table.sql
    tags = {tag for field in fields_of(table.yaml).values() for tag in field["tags"]}
    assert {"fk-customer-id", "txn-item/is-cancellation", "txn-item/is-return"} <= tags
    outputs = [field.get("rename", key) for key, field in fields_of(found["Orders"].text).items()]
    names = ", ".join(f'"{output}"' for output in outputs)
    words = [f"('{w}', '2026-01-02', 'C', 'S1', 2, 9.50, '{w}')" for w in states[1:]]
    rows = bought(table.sql, Shop_Orders=f"SELECT * FROM (VALUES {', '.join(words)}) t({names})")
    assert sorted(rows, key=str) == sorted(
        [
            ("ok", 2, 9.5, False, False),
            (cancelled, -2, -9.5, False, True),
            (returned, 2, 9.5, False, False),
            (returned, -2, -9.5, True, False),
        ],
        key=str,
    )


def test_without_a_table_it_is_said_how_many_count_although_they_were_cancelled(
    tmp_path: Path,
) -> None:
    lines = ["Order ID,Order Date,Customer ID,SKU,Quantity,Line Total,Status"]
    lines += [f"O{i},2026-01-02,C{i:06},S1,2,9.50,{'paid' if i % 4 else 'void'}" for i in range(28)]
    text = proposals(tmp_path, flatten=False, customers=CUSTOMERS, orders=lines)["Orders"].text
    assert propose_file(tmp_path / "landing/shop/orders-20260601.csv").text.count("7 rows are") == 1
    assert "7 rows are cancelled or failed, 0 returned, and count as bought" in text
    assert "txn-item/order-id" in text


def test_items_have_the_day_and_the_customer_of_their_order(tmp_path: Path) -> None:
    heads = ["Id,OrderNumber,AccountId,CustomerId,EffectiveDate,Status"]
    heads += [
        f"H{i:05},{i:06},001,C{i:06},2026-01-02,{'Done' if i % 7 else 'Void'}" for i in range(28)
    ]
    items = ["Id,OrderId,ProductCode,Quantity,TotalPrice"]
    items += [f"I{i:05},H{i // 2:05},S{i % 3},1,9.50" for i in range(56)]
    found = proposals(tmp_path, customers=CUSTOMERS, orders=heads, items=items)
    (table,) = found["Items"].tables
    assert not found["Orders"].tables
    fields = fields_of(found["Orders"].text)
    assert fields["CustomerId"]["tags"] == ["fk-customer-id"]
    assert "tags" not in fields["AccountId"]
    head = "SELECT 'H1' AS Id, '1' AS OrderNumber, 'C1' AS CustomerId, DATE '2026-01-02' AS \
        EffectiveDate, 'Void' AS Status"
    item = (
        "SELECT 'I1' AS Id, 'H1' AS OrderId, 'S' AS ProductCode, 1 AS Quantity, 9.5 AS TotalPrice"
    )
    rows = bought(table.sql, Shop_Orders=head, Shop_Items=item)
    assert rows == [("H1", -1, -9.5, False, True)]


def test_an_order_without_items_is_one_unit_and_that_is_said(tmp_path: Path) -> None:
    lines = ["Booking No,Booking Date,Customer ID,Total Amount"]
    lines += [f"B{i:05},2026-01-02,C{i:06},9.50" for i in range(28)]
    found = proposals(tmp_path, customers=CUSTOMERS, bookings=lines)
    (table,) = found["Bookings"].tables
    assert "GUESSED" in table.sql
    names = [field.get("rename", key) for key, field in fields_of(found["Bookings"].text).items()]
    row = dict(zip(names, ("'B1'", "DATE '2026-01-02'", "'C1'", "9.5"), strict=True))
    source = "SELECT " + ", ".join(f"{value} AS {name}" for name, value in row.items())
    assert bought(table.sql, Shop_Bookings=source) == [("B1", 1, 9.5, False, False)]


def test_of_numbers_that_no_feed_knows_the_first_is_the_customers(tmp_path: Path) -> None:
    lines = ["Booking No,Booking Date,Customer ID,Account ID,Total Amount"]
    lines += [f"B{i:05},2026-01-02,X{i:06},Y{i:06},9.50" for i in range(28)]
    text = proposals(tmp_path, bookings=lines)["Bookings"].text
    assert fields_of(text)["Customer ID"]["tags"] == ["fk-customer-id"]
    assert "tags" not in fields_of(text)["Account ID"]


def test_guests_stand_in_their_order(tmp_path: Path) -> None:
    lines = ["Order ID,Order Date,Billing Email,Billing First Name,Billing Last Name,"]
    lines[0] += "Order Total,Order Status"
    lines += [
        f"O{i:05},2026-01-02,a{i % 9}@example.com,Ann,Lee,9.50,{'failed' if i % 4 else 'done'}"
        for i in range(28)
    ]
    found = proposals(tmp_path, orders=lines)["Orders"]
    assert fields_of(found.text)["Order ID"]["tags"] == ["fk-shop-orders"]
    assert "stitch: true" in found.text
    (table,) = found.tables
    assert fields_of(table.yaml)["fk_shop_orders"]["tags"] == ["fk-shop-orders"]
    assert "21 rows are cancelled or failed" in table.sql


def test_a_number_by_which_another_feed_knows_its_persons_is_a_foreign_key(tmp_path: Path) -> None:
    contacts = ["Id,Email,First_Name__c,Last_Name__c"]
    contacts += [f"003{i:06},a{i}@example.com,Ann,Lee" for i in range(30)]
    subscribers = ["SubscriberKey,EmailAddress", *(f"003{i:06},b{i}@x.org" for i in range(20))]
    found = proposals(tmp_path, contacts=contacts, subscribers=subscribers)
    assert fields_of(found["Subscribers"].text)["SubscriberKey"]["tags"] == ["fk-customer-id"]
    fields = fields_of(found["Contacts"].text)
    assert fields["Id"]["tags"] == ["fk-customer-id"]
    assert fields["First_Name__c"]["tags"] == ["given-name"]
    assert "stitch: true" in found["Subscribers"].text


def test_orders_that_stand_in_their_customer_are_the_customers(tmp_path: Path) -> None:
    people = [
        {
            "memberId": f"M{i:05}",
            "profile": {"first": "Ann", "last": "Lee", "email": f"a{i}@example.com"}
            | {"dob": f"{i % 28 + 1:02}-Mar-1985", "consents": {"email": i % 2 == 0}},
            "orders": [
                {
                    "orderId": f"O{i:05}",
                    "placedAt": "2026-01-02T10:00:00+05:30",
                    "status": "CANCELLED" if i % 4 == 0 else "DELIVERED",
                    "total": "₹1,23,456.50",
                }
            ],
        }
        for i in range(28)
    ]
    folder = tmp_path / "landing" / "app"
    folder.mkdir(parents=True)
    (folder / "people-20260601.json").write_text(json.dumps(people), "utf-8")
    (proposal,) = propose_folder(tmp_path / "landing", flatten=True).proposals
    tables = {table.name.removeprefix("CDT_App_People"): table for table in proposal.tables}
    assert set(tables) == {"", "_orders", "_orders_Purchases", "_Email_Opt_In"}
    links = [fields_of(tables[name].yaml) for name in ("", "_orders_Purchases")]
    assert "fk-app-people" in links[0]["memberId"]["tags"]
    assert links[1]["fk_app_people"]["tags"] == ["fk-app-people"]
    assert links[0]["profile_dob"]["tags"] == ["birthdate"]
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        file = folder / "people-20260601.json"
        con.execute(
            "CREATE TABLE App_People AS SELECT json ->> 'memberId' AS \"memberId\", "
            "json -> 'profile' AS profile, json -> 'orders' AS orders "
            f"FROM read_json_objects('{file}', format = 'array')"
        )
        for name in ("", "_orders", "_orders_Purchases"):
            con.execute(f"CREATE TABLE CDT_App_People{name} AS {tables[name].sql}")
        totals = "sum(item_revenue) FILTER (NOT is_cancellation), count(*)"
        found = con.execute(f"SELECT {totals} FROM CDT_App_People_orders_Purchases").fetchall()
        born = con.execute("SELECT max(profile_dob)::VARCHAR FROM CDT_App_People").fetchall()
    assert [(float(revenue), count) for revenue, count in found] == [(21 * 123456.5, 28)]
    assert born == [("1985-03-28",)]


@pytest.mark.parametrize(
    "header",
    [
        "Bonnummer;Datum;Klantnr;Artikelnr;Aantal;Bedrag",
        "Номер чека;Дата чека;Номер картки;Код товару;Кількість;Сума",
        "Αρ. Απόδειξης;Ημερομηνία;Κωδικός Πελάτη;Κωδικός Είδους;Ποσότητα;Αξία",
        "Transaction ID;Date;Customer ID;SKU;Qty;Net Sales",
        "订单编号;日期;会员号;商品编号;数量;金额",
    ],
    ids=["nl", "uk", "el", "en", "zh"],
)
def test_a_date_is_the_day_of_a_sale_where_nothing_else_is(tmp_path: Path, header: str) -> None:
    lines = [header, *(f"B{i // 2};02-01-2026;C{i:06};S{i};2;9.50" for i in range(28))]
    text = proposals(tmp_path, customers=CUSTOMERS, sales=lines)["Sales"].text
    tags = [tag for field in fields_of(text).values() for tag in field.get("tags", [])]
    wanted = ["order-id", "order-datetime", "product-id", "item-quantity", "item-revenue"]
    assert [tag for tag in tags if tag.startswith("txn")] == [f"txn-item/{one}" for one in wanted]
    assert "fk-customer-id" in tags


def test_a_date_says_nothing_of_a_catalogue(tmp_path: Path) -> None:
    lines = ["sku,product_name,price,created_at"]
    lines += [f"S{i},Mug,9.50,2026-01-02" for i in range(28)]
    text = proposals(tmp_path, products=lines)["Products"].text
    assert "txn-item" not in text
    assert fields_of(text)["sku"]["tags"] == ["pc/product-id"]


def purchase_rows(tmp_path: Path, header: str, rows: list[str]) -> tuple[str, list[Any]]:
    """The SQL of what was bought in a file of sales, and the different rows that it gives."""
    lines = [header, *(f"P{i:05},C{i:06},{rows[i % len(rows)]}" for i in range(28))]
    found = proposals(tmp_path, customers=CUSTOMERS, payments=lines)["Payments"]
    (table,) = found.tables
    fields = fields_of(found.text)
    types = {"decimal": "DECIMAL(38, 2)", "datetime": "TIMESTAMPTZ", "integer": "BIGINT"}
    types |= {"boolean": "BOOLEAN"}
    columns = [
        f'"{key}"::{types.get(field["type"], "VARCHAR")} AS "{field.get("rename", key)}"'
        for key, field in fields.items()
    ]
    file = tmp_path / "landing/shop/payments-20260601.csv"
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        read = f"read_csv('{file}', all_varchar = true)"
        con.execute(f"CREATE TABLE Shop_Payments AS SELECT {', '.join(columns)} FROM {read}")
        order = "min(order_id), order_datetime::VARCHAR, item_quantity, item_revenue::DOUBLE"
        rest = "is_return, is_cancellation FROM"
        given = con.sql(f"SELECT {order}, {rest} ({table.sql}) GROUP BY ALL ORDER BY ALL")
        return table.sql, given.fetchall()


def test_payments_and_deals_are_orders_by_their_own_key(tmp_path: Path) -> None:
    header = "id,Customer ID,Created (UTC),Amount,Amount Refunded,Status"
    rows = ["2026-01-02,99,0,Paid", "2026-01-02,49,0,Failed", "2026-01-02,29,29,Refunded"]
    sql, given = purchase_rows(tmp_path, header, [*rows, "2026-01-02,19,5,Paid"])
    day = "2026-01-02 00:00:00+00"
    assert given == [
        ("P00000", day, 1, 99.0, False, False),
        ("P00001", day, -1, -49.0, False, True),
        ("P00002", day, -1, -29.0, True, False),
        ("P00002", day, 1, 29.0, False, False),
        ("P00003", day, 0, -5.0, True, False),
        ("P00003", day, 1, 19.0, False, False),
    ]
    assert all(line.count("'") % 2 == 0 for line in sql.splitlines())  # words stay whole


def test_two_feeds_of_sales_of_one_source_would_say_them_twice(tmp_path: Path) -> None:
    lines = ["id,Customer ID,Created,Amount"]
    lines += [f"P{i:05},C{i:06},2026-01-02,9.50" for i in range(28)]
    found = proposals(tmp_path, customers=CUSTOMERS, payments=lines, invoices=lines)
    assert not found["Payments"].tables
    assert not found["Invoices"].tables
    assert "CHECK: sales, as in Shop:Payments: no purchases" in found["Invoices"].text


def test_a_person_who_has_an_id_a_day_and_an_amount_is_no_sale(tmp_path: Path) -> None:
    lines = ["Record ID,Email,First Name,Last Name,Create Date,Total Revenue"]
    lines += [f"R{i:05},a{i}@example.com,Ann,Lee,2026-01-02,9.50" for i in range(28)]
    found = proposals(tmp_path, contacts=lines)["Contacts"]
    assert not found.tables
    assert "txn-item/order-id" not in found.text


def test_the_time_of_a_sale_in_a_column_of_its_own_is_put_to_its_day(tmp_path: Path) -> None:
    header = "Receipt No,Customer ID,Date,Time,SKU,Qty,Net Sales"
    _, given = purchase_rows(tmp_path, header, ["2026-01-02,9:05,S1,1,9.50"])
    assert given == [("P00000", "2026-01-02 09:05:00+00", 1, 9.5, False, False)]


def test_rows_below_zero_are_returns_and_weights_count_as_units(tmp_path: Path) -> None:
    header = "Receipt No,Customer ID,Date,SKU,Qty,Net Sales"
    rows = ["2026-01-02,S1,0.35,3.50", "2026-01-02,S1,-2,-19.00", "2026-01-02,S1,2.6,1.00"]
    sql, given = purchase_rows(tmp_path, header, [*rows, "2026-01-02,DISCOUNT,1,-1.00"])
    assert [row[2:] for row in given] == [
        (1, 3.5, False, False),
        (-2, -19.0, True, False),
        (3, 1.0, False, False),
        (1, -1.0, False, False),
    ]
    assert "GUESSED: quantities with fractions are weights" in sql


def test_a_source_may_be_called_by_a_number(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "1c"
    folder.mkdir(parents=True)
    lines = ["Order ID,Order Date,Email,First Name,Last Name,Total Amount"]
    lines += [f"O{i},2026-01-02,a{i}@example.com,Ann,Lee,9.50" for i in range(28)]
    (folder / "orders-20260601.csv").write_text("\n".join(lines), "utf-8")
    (proposal,) = propose_folder(tmp_path / "landing", flatten=True).proposals
    (table,) = proposal.tables
    assert 'FROM "1c_Orders" AS items' in table.sql


def test_of_deals_the_won_ones_are_sales_and_what_was_deleted_is_none(tmp_path: Path) -> None:
    header = "Id,Customer ID,Stage Name,Amount,Close Date,Is Deleted"
    stages = ["Closed Won,9.50,2026-01-02,false", "Closed Won,8.00,2026-01-02,true"]
    stages += ["Negotiation,7.00,2026-01-02,false", "Closed Lost,6.00,2026-01-02,false"]
    lines = [header, *(f"D{i:05},C{i:06},{stages[i % 4]}" for i in range(28))]
    found = proposals(tmp_path, customers=CUSTOMERS, deals=lines)["Deals"]
    (table,) = found.tables
    assert "7 rows of the sample are marked as is_deleted, and left out." in table.sql
    assert "14 rows of the sample were not won, and left out." in table.sql
    names = [field.get("rename", key) for key, field in fields_of(found.text).items()]
    rows = ", ".join(
        f"('D', 'C', '{stage}', {amount}, '{day}', {deleted})"
        for stage, amount, day, deleted in (line.split(",") for line in stages)
    )
    columns = ", ".join(f'"{name}"' for name in names)
    given = bought(table.sql, Shop_Deals=f"SELECT * FROM (VALUES {rows}) t({columns})")
    assert [row[1:] for row in given] == [(1, 9.5, False, False)]


@pytest.mark.parametrize(
    ("kind", "shipping"),
    [("Positionstyp", "Versandposition"), ("line_type", "shipping"), ("LineItemType", "ShipItem")],
)
def test_what_is_paid_for_shipping_is_no_goods(tmp_path: Path, kind: str, shipping: str) -> None:
    header = f"Order ID,Customer ID,Order Date,SKU,{kind},Quantity,Item Total"
    rows = ["2026-01-02,S1,Artikel,2,19.00", f"2026-01-02,DHL,{shipping},1,4.90"]
    sql, given = purchase_rows(tmp_path, header, rows)
    assert "14 rows of the sample are of shipping, no goods, and left out." in sql
    assert {row[2:4] for row in given} == {(2, 19.0)}


def test_of_orders_that_are_shipped_all_lines_are_goods(tmp_path: Path) -> None:
    header = "Order ID,Customer ID,Order Date,SKU,Order Type,Quantity,Item Total,Status"
    rows = ["2026-01-02,S1,Shipping,2,19.00,done", "2026-01-02,S1,Pickup,1,9.50,void"]
    _, given = purchase_rows(tmp_path, header, rows)
    assert {abs(row[3]) for row in given} == {19.0, 9.5}


def test_deleted_persons_are_left_out_and_their_orders_still_find_the_others(
    tmp_path: Path,
) -> None:
    lines = ["Id,IsDeleted,FirstName,LastName,Email,HasOptedOutOfEmail"]
    lines += [
        f"003{i:06},{'true' if i % 10 == 3 else 'false'},Ann,Lee,a{i}@example.com,false"
        for i in range(30)
    ]
    orders = ["Order ID,Order Date,ContactId,Order Total"]
    orders += [f"O{i:05},2026-01-02,003{i:06},9.50" for i in range(28)]
    found = proposals(tmp_path, contacts=lines, orders=orders)
    people, consent = found["Contacts"].tables
    assert "3 rows of the sample are marked as IsDeleted, and left out." in people.sql
    assert people.sql.endswith('FROM Shop_Contacts\nWHERE NOT coalesce("IsDeleted", FALSE)\n')
    assert fields_of(people.yaml)["Id"]["tags"] == ["fk-customer-id"]
    assert "stitch: true" in people.yaml
    assert "stitch: false" in found["Contacts"].text
    assert "FROM CDT_Shop_Contacts\n" in consent.sql
    (bought_table,) = found["Orders"].tables
    assert "fk-customer-id" in bought_table.yaml


def test_a_turkish_capital_is_the_letter_of_a_word(tmp_path: Path) -> None:
    lines = ["Bilet No,Satış Tarihi,Müşteri No,Tutar,Durum"]
    lines += [f"B{i},2026-01-02,C{i:06},9.50,{['Onay', 'İPTAL'][i % 2]}" for i in range(28)]
    (table,) = proposals(tmp_path, customers=CUSTOMERS, tickets=lines)["Tickets"].tables
    assert "14 rows are cancelled or failed" in table.sql
    row = "SELECT 'B1' AS bilet_no, DATE '2026-01-02' AS satis_tarihi, 'C1' AS musteri_no, "
    row += '9.5 AS "Tutar", \'İptal\' AS "Durum"'
    assert bought(table.sql, Shop_Tickets=row) == [("B1", -1, -9.5, False, True)]


def test_an_amount_that_repeats_on_each_line_of_an_order_is_that_of_the_order(
    tmp_path: Path,
) -> None:
    lines = ["Order No,Ordered on,Customer ID,Item code,Unit price,Qty,Amount"]
    for i in range(12):
        total = 5 * 2 + 7 + i
        lines.append(f"O{i:03},2026-01-02,C{i:06},S1,5.00,2,{total}.00")
        lines.append(f"O{i:03},2026-01-02,C{i:06},S2,{7 + i}.00,1,{total}.00")
    found = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"]
    assert "txn-item" not in found.text
    (table,) = found.tables
    assert "unit_price times the quantity" in " ".join(table.sql.replace("--", "").split())
    names = 'order_no, ordered_on, "Customer ID", item_code, unit_price, "Qty", "Amount"'
    rows = (
        "('O1', '2026-01-02', 'C', 'S1', 5.00, 2, 17), ('O1', '2026-01-02', 'C', 'S2', 7.00, 1, 17)"
    )
    sql = table.sql.replace('"customer_id"', '"Customer ID"')
    assert bought(sql, Shop_Orders=f"SELECT * FROM (VALUES {rows}) t({names})") == [
        ("O1", 1, 7.0, False, False),
        ("O1", 2, 10.0, False, False),
    ]
    text = proposals(tmp_path / "plain", flatten=False, customers=CUSTOMERS, orders=lines)
    assert "repeats that of the whole order" in text["Orders"].text


def test_the_amount_of_a_line_is_price_times_quantity_whatever_it_is_called(tmp_path: Path) -> None:
    lines = ["Order No,Ordered on,Customer ID,Item code,Unit price,Qty,Freight,Xyz"]
    lines += [
        f"O{i:03},2026-01-02,C{i:06},S1,{i}.50,{1 + i % 3},4.00,{(i + 0.5) * (1 + i % 3):.2f}"
        for i in range(20)
    ]
    (table,) = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"].tables
    assert '"Xyz" AS "item_revenue"' in table.sql


def test_the_numbers_of_orders_are_no_numbers_of_customers_that_are_equal_by_chance(
    tmp_path: Path,
) -> None:
    people = ["id_customer,email,first_name,last_name,date_add"]
    people += [f"{i},a{i}@example.com,Ann,Lee,2020-01-01 10:00:00" for i in range(1, 31)]
    heads = ["id_order,id_customer,date_add,valid"]
    heads += [f"{i},{i},2026-01-02 10:00:00,{i % 2}" for i in range(1, 31)]
    items = ["id_order_detail,id_order,product_reference,product_quantity,total_price_tax_incl"]
    items += [f"{i},{i},P{i % 3},2,9.500000" for i in range(1, 31)]
    found = proposals(tmp_path, a_people=people, items=items, orders=heads)
    (table,) = found["Items"].tables
    assert "JOIN Shop_Orders AS head" in table.sql
    assert "15 rows of the sample are not marked as valid, and left out." in table.sql
    assert fields_of(found["Orders"].text)["id_customer"]["tags"] == ["fk-customer-id"]
    assert yaml.safe_load(found["A People"].text)["primary_key"] == ["id_customer"]


def test_orders_of_tests_are_left_out(tmp_path: Path) -> None:
    lines = ["Order ID,Order Date,Customer ID,SKU,Quantity,Line Total,is_test"]
    lines += [f"O{i},2026-01-02,C{i:06},S1,2,9.50,{int(i == 3)}" for i in range(20)]
    (table,) = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"].tables
    assert "1 row of the sample are marked as is_test, and left out." in table.sql
    assert 'NOT coalesce(items."is_test", FALSE)' in table.sql


def test_items_of_events_have_the_number_of_the_order_that_is_nested_beside_them(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "landing" / "web"
    folder.mkdir(parents=True)
    item = {"item_id": "S1", "quantity": "2", "item_revenue": 9.5}
    params = [
        {"key": "page", "value": {"string_value": "/x", "int_value": None}},
        {"key": "visit", "value": {"string_value": None, "int_value": "7"}},
    ]
    events = [
        {
            "event_timestamp": str(1_780_122_540_250_001 + i),
            "user_id": f"U{i:06}",
            "event_params": params[: 1 + i % 2],
            "purchase": {"transaction_id": f"T{i}"} if i % 2 else None,
            "items": [item] if i % 2 else [],
        }
        for i in range(20)
    ]
    text = "\n".join(map(json.dumps, events)) + "\n"
    (folder / "events-20260601.jsonl").write_text(text, "utf-8")
    (proposal,) = propose_folder(tmp_path / "landing", flatten=True).proposals
    assert fields_of(proposal.text)["event_timestamp"]["format"] == "epoch_us"
    tables = {table.name: table for table in proposal.tables}
    fields = fields_of(tables["CDT_Web_Events_items"].yaml)
    assert fields["transaction_id"]["tags"] == ["txn-item/order-id"]
    assert fields["event_user_id"]["tags"] == ["fk-customer-id"]
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE Web_Events AS SELECT to_timestamp(0) AS event_timestamp, 'U' AS user_id, "
            "$params AS event_params, '{}' AS purchase, '[]' AS items",
            {"params": json.dumps(params)},
        )
        columns = "event_params_page, event_params_visit"
        rows = con.sql(f"SELECT {columns} FROM ({tables['CDT_Web_Events'].sql})").fetchall()
    assert rows == [("/x", 7)]


def test_of_an_order_of_which_a_part_was_paid_back_each_row_has_its_share(tmp_path: Path) -> None:
    lines = [
        "Order ID,Order Date,Customer ID,SKU,Quantity,Line Total,Order Total,order_refunded_total"
    ]
    lines += [f"O{i},2026-01-02,C{i:06},S1,2,9.50,9.50,{9.5 if i == 3 else 0}" for i in range(20)]
    (table,) = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"].tables
    names = 'order_id, order_date, customer_id, "SKU", "Quantity", line_total, order_total'
    names += ", order_refunded_total"
    rows = ", ".join(f"('O{i}', 'd', 'C', 'S', 2, 9.5, 9.5, {i})" for i in (0, 5, 10))
    assert bought(table.sql, Shop_Orders=f"SELECT * FROM (VALUES {rows}) t({names})") == [
        ("O0", 2, 9.5, False, False),
        ("O10", -2, -9.5, True, False),
        ("O10", 2, 9.5, False, False),
        ("O5", 0, -5.0, True, False),
        ("O5", 2, 9.5, False, False),
    ]


def test_the_brand_of_a_thing_is_not_that_of_the_shop(tmp_path: Path) -> None:
    lines = ["Order ID,Order Date,Customer ID,SKU,Quantity,Line Total,item_brand"]
    lines += [f"O{i},2026-01-02,C{i:06},S1,2,9.50,Acme" for i in range(20)]
    assert (
        "purchase-brand"
        not in proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"].text
    )


def test_nested_orders_that_say_all_of_their_items_say_too_what_became_of_them(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "landing" / "shop"
    folder.mkdir(parents=True)
    item = {"sku": "S1", "qty_ordered": 2, "row_total": 9.5}
    orders = [
        {
            "order_id": f"O{i:04}",
            "created_at": "2026-01-02 10:00:00",
            "email": f"a{i}@example.com",
            "firstname": "Ann",
            "lastname": "Lee",
            "status": "canceled" if i % 3 else "complete",
            "lines": [item],
        }
        for i in range(20)
    ]
    text = "\n".join(map(json.dumps, orders)) + "\n"
    (folder / "orders-20260601.jsonl").write_text(text, "utf-8")
    (proposal,) = propose_folder(tmp_path / "landing", flatten=True).proposals
    tables = {table.name.removeprefix("CDT_Shop_Orders"): table for table in proposal.tables}
    assert "txn-item" not in tables["_lines"].yaml
    assert "13 rows are cancelled" in tables["_lines_Purchases"].sql
    assert "qty_ordered" in tables["_lines_Purchases"].sql
    link = "{tags: [fk-shop-orders]}"
    assert f"order_id: {link}" in tables[""].yaml
    assert f"fk_shop_orders: {link}" in tables["_lines_Purchases"].yaml


def test_a_customers_code_called_like_any_is_no_number_of_an_order(tmp_path: Path) -> None:
    customers = ["Código,Correo,Nombres,Apellidos"]
    customers += [f"{20000 + i},a{i}@example.com,Ana,Rojas" for i in range(30)]
    orders = ["N° Pedido,Fecha Pedido,Código,SKU,Cant.,Importe"]
    orders += [f"{700 + i},02/01/2026,{20000 + i % 20 if i % 5 else ''},A1,1,9" for i in range(60)]
    found = proposals(tmp_path, clientes=customers, pedidos=orders)
    assert fields_of(found["Clientes"].text)["Código"]["tags"] == ["fk-customer-id"]
    assert fields_of(found["Pedidos"].text)["Código"]["tags"][0] == "fk-customer-id"
    assert all("JOIN" not in table.sql for table in found["Pedidos"].tables)


def test_sales_in_words_that_are_not_known_are_told(tmp_path: Path) -> None:
    lines = ["Customer ID,Qrst,Uvw,Xyz"]
    lines += [f"C{i:06},2026-01-02,A1,9.50" for i in range(28)]
    found = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"]
    assert "CHECK: rows with a customer's number, a day and money, and no purchases" in found.text


def test_a_number_of_sales_is_that_of_the_order(tmp_path: Path) -> None:
    lines = ["numer;data;klient;wartosc"]
    lines += [f"ZAM/{i:04};{1 + i:02}.05.2026;C{i:06};{i},50" for i in range(28)]
    (table,) = proposals(tmp_path, customers=CUSTOMERS, zamowienia=lines)["Zamowienia"].tables
    assert '"numer" AS "order_id"' in table.sql
    assert '"wartosc"' in table.sql


def test_units_are_told_by_price_times_units_whatever_they_are_called(tmp_path: Path) -> None:
    lines = ["Order ID,Order Date,Customer ID,SKU,Qrs,Tuv,Wxy"]
    lines += [
        f"O{i:05},2026-01-02,C{i:06},S1,{1 + i % 3},{9 + i}.50,{(1 + i % 3) * (9.5 + i):.2f}"
        for i in range(28)
    ]
    found = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"]
    (table,) = found.tables
    assert '"Wxy" AS "item_revenue"' in table.sql
    assert '"Qrs" AS "item_quantity"' in table.sql
    assert "GUESSED: how many were bought, as Tuv times it is Wxy" in found.text


def test_rows_that_are_called_refunds_take_back_what_others_sold(tmp_path: Path) -> None:
    header = "Transaction ID,Transaction Date,Transaction Type,Customer ID,SKU,Quantity,Line Total"
    lines = [header]
    kinds = ["Sale", "Sale", "Sale", "Refund"]
    lines += [f"T{i:05},2026-01-02,{kinds[i % 4]},C{i:06},S1,2,9.50" for i in range(28)]
    (table,) = proposals(tmp_path, customers=CUSTOMERS, sales=lines)["Sales"].tables
    assert "7 rows of the sample that transaction_type calls so took back" in table.sql
    names = "transaction_id, transaction_date, transaction_type, customer_id, sku, quantity"
    kinds = ["Sale", " refund"]
    rows = ", ".join(f"('{n}', '2026-01-02', '{k}', 'C', 'S', 2, 9.5)" for n, k in enumerate(kinds))
    source = f"SELECT * FROM (VALUES {rows}) t({names}, line_total)"
    assert bought(table.sql, Shop_Sales=source) == [
        ("0", 2, 9.5, False, False),
        ("1", -2, -9.5, True, False),
    ]


def test_an_amount_without_taxes_is_the_one_that_is_called_as_that_with_them(
    tmp_path: Path,
) -> None:
    """No other column is its tax, as one that holds nothing would make it."""
    lines = [
        "order_id,order_date,customer_id,sku,qty,unit_tax_incl,total_tax_incl,total_tax_excl,off"
    ]
    for i in range(30):
        units, price = 1 + i % 3, 10 + i % 7
        total = f"{units * price * 1.2:.2f},{units * price:.2f},0.00"
        lines.append(f"O{i},2026-01-02,C{i:06},S{i % 7},{units},{price * 1.2:.2f},{total}")
    (table,) = proposals(tmp_path, customers=CUSTOMERS, orders=lines)["Orders"].tables
    assert '"total_tax_excl" AS "item_revenue"' in table.sql
    assert "total_tax_incl is total_tax_excl with taxes" in table.sql


def test_what_orders_leave_open_beside_their_items_is_told(tmp_path: Path) -> None:
    orders = ["order_id,customer_id,date_added,order_status_id,total_discounts"]
    rows = [(i, f"{(5, 7, 11)[i % 3]},{i % 2}.50") for i in range(30)]
    orders += [f"{i + 1},C{i:06},2026-01-02 10:00:00,{rest}" for i, rest in rows]
    items = ["order_product_id,order_id,product_id,quantity,price,total"]
    items += [f"{i + 1},{i + 1},S{i % 7},{1 + i % 2},9.50,{9.5 * (1 + i % 2)}" for i in range(30)]
    found = proposals(tmp_path, customers=CUSTOMERS, orders=orders, order_products=items)
    assert len(found["Order Products"].tables) == 1
    assert "CHECK: 3 numbers say what became of orders" in found["Orders"].text
    assert "CHECK: 30 orders of the sample have a discount here" in found["Orders"].text
