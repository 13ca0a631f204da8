"""`feed suggest` on exports of other languages, encodings and damages, and of other tables."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml

from c360_assets.configuration import all_problems
from c360_assets.errors import C360Error
from c360_assets.ingest.suggest.feed import Proposal, propose_feed
from c360_assets.ingest.suggest.folder import propose_folder, write_proposal
from c360_assets.tenant.init_tenant import init_tenant
from c360_assets_tests.ingest.tenants import feed_of, land, load, table, tenant_of

ROWS = 30
HEADER = ["Cust ID", "First Name", "Last Name", "E-Mail", "Phone No", "ZIP"]


def people() -> list[list[str]]:
    return [
        [f"C{i:03}", "Ada", "Fox", f"ada{i}@example.com", f"603-555-{i:04}", f"0{3801 + i}"]
        for i in range(ROWS)
    ]


def text_of(header: list[str], rows: list[list[str]], cut: str = ",") -> str:
    return "".join(cut.join(cells) + "\n" for cells in [header, *rows])


def proposed(tmp_path: Path, content: str | bytes, name: str = "list-20260601.csv") -> Proposal:
    folder = tmp_path / "landing" / "shop"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return propose_feed(path)


def fields_of(proposal: Proposal) -> dict[str, dict[str, Any]]:
    fields: dict[str, dict[str, Any]] = yaml.safe_load(proposal.text)["fields"]
    return fields


def loaded(proposal: Proposal) -> int:
    trial = proposal.trial
    assert trial.loads, trial
    return trial.read - trial.rejected - trial.same_key


PEOPLE = text_of(HEADER, people())
RULE = "+-----+------+\n"


@pytest.mark.parametrize(
    "content",
    [
        text_of(HEADER, people(), ":"),
        text_of(HEADER, people(), "|").replace("\n", "\n---+---+---\n", 1) + "(30 rows)\n",
        RULE + text_of(HEADER, people(), "|").replace("\n", "\n" + RULE, 1) + RULE,
        PEOPLE.replace("\n", "\nvarchar,string,string,string,string,int\n", 1),
        PEOPLE.replace("C010,", "Subtotal,,,,,\nC010,"),
        PEOPLE.replace("C010,Ada", 'C010,"Ada'),
        "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in [HEADER, *people()])
        .replace('"Fox"', '"Fox 5" tall"'),
    ],
    ids=["colons", "psql", "mysql", "types", "subtotal", "open_quote", "inch_marks"],
)  # fmt: skip
def test_every_row_of_people_loads_with_its_tags(tmp_path: Path, content: str) -> None:
    proposal = proposed(tmp_path, content)
    assert loaded(proposal) == ROWS
    tags = [item.get("tags") for item in fields_of(proposal).values()]
    assert tags[1:] == [["given-name"], ["surname"], ["email"], ["phone"], ["postal"]]
    assert proposal.primary_key == ["cust_id"]


@pytest.mark.parametrize(
    ("encoding", "header", "row", "tags"),
    [
        ("mac_roman", "id;Prénom;Nom;Ville", "Élodie;Lefèvre;Besançon", "given-name surname city"),
        ("euc_jp", "id;氏名;メールアドレス;備考", "山田太郎;a@ex.jp;あり", "full-name email -"),
        ("koi8_r", "id;Имя;Фамилия;Город", "Иван;Петров;Москва", "given-name surname city"),
        ("cp1250", "id;Imię;Nazwisko;Miasto", "Łukasz;Wójcik;Łódź", "given-name surname city"),
        ("cp1252", "id;Prénom;Nom;Montant", "Ada;Fox;12,50 €", "given-name surname -"),
        ("gb18030", "id;姓名;邮箱;手机号", "王小明;a@ex.cn;13800130001", "full-name email phone"),
        ("utf-8", "id;买家会员名;姓名;邮箱", "tb93144;王小明;a@ex.cn", "- full-name email"),
        ("utf-8", "id;이름;이메일;우편번호", "김철수;a@example.kr;04524", "full-name email postal"),
        ("utf-8", "id;Ad;Soyad;Şehir", "Çağrı;Yıldız;İzmir", "given-name surname city"),
    ],
)  # fmt: skip
def test_languages_and_encodings(
    tmp_path: Path, encoding: str, header: str, row: str, tags: str
) -> None:
    lines = [header, *(f"{i};{row}" for i in range(ROWS))]
    proposal = proposed(tmp_path, ("\n".join(lines) + "\n").encode(encoding))
    assert loaded(proposal) == ROWS
    fields = fields_of(proposal)
    assert list(fields) == header.split(";")
    given = [" ".join(item.get("tags", ["-"])) for item in fields.values()]
    assert given[1:] == tags.split()


@pytest.mark.parametrize(
    ("value", "kind", "pattern"),
    [
        ("{d}. März 2025", "date", "dd'.' MMM yyyy"),
        ("{d} févr. 2025 08:15", "datetime", "dd MMM yyyy HH:mm"),
        ("{d} de agosto de 2025", "date", "dd 'de' MMM 'de' yyyy"),
        ("{d:02}-ott-2025", "date", "dd-MMM-yyyy"),
        ("{d} stycznia 2025", "date", "dd MMM yyyy"),
        ("202501{d:02}081509", "datetime", "yyyyMMddHHmmss"),
        ("456{d:02},25", "datetime", "excel_serial"),
        ("2025. 3. {d:02}.", "date", "yyyy. MM. dd."),
        ("2025. augusztus {d}. 08:15", "datetime", "yyyy. MMM dd. HH:mm"),
        ("{d}. 3. 2025 08.15", "datetime", "dd. MM. yyyy HH.mm"),
        ("{d} Ağustos 2025", "date", "dd MMM yyyy"),
        ("Sept {d}, 2025", "date", "MMM dd, yyyy"),
    ],
)
def test_days_in_other_languages_load(tmp_path: Path, value: str, kind: str, pattern: str) -> None:
    lines = ["id;ordered at", *(f"O{i};{value.format(d=i % 28 + 1)}" for i in range(ROWS))]
    proposal = proposed(tmp_path, "\n".join(lines) + "\n")
    field = fields_of(proposal)["ordered at"]
    assert (field["type"], field["format"]) == (kind, pattern)
    assert loaded(proposal) == ROWS


@pytest.mark.parametrize(
    ("zero", "day"),
    [
        ("0000-00-00 00:00:00", "2025-01-{d:02} 10:00:00"),
        ("00000000", "202501{d:02}"),
        ("00000000000000", "202501{d:02}100000"),
    ],
)
def test_zero_days_are_missing_values(tmp_path: Path, zero: str, day: str) -> None:
    days = [zero if i % 7 == 0 else day.format(d=i % 28 + 1) for i in range(ROWS)]
    lines = ["id,updated at", *(f"U{i},{text}" for i, text in enumerate(days))]
    proposal = proposed(tmp_path, "\n".join(lines) + "\n")
    assert fields_of(proposal)["updated at"]["type"] == "datetime"
    assert loaded(proposal) == ROWS


def test_columns_without_a_name_can_be_read(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, PEOPLE.replace("E-Mail", ""))
    assert fields_of(proposal)["unnamed_4"]["tags"] == ["email"]
    assert loaded(proposal) == ROWS


def test_a_file_without_header_gets_tags_of_what_is_sure(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, text_of(people()[0], people()[1:]))
    tagged = {name: item["tags"] for name, item in fields_of(proposal).items() if "tags" in item}
    names = {"column1": ["given-name"], "column2": ["surname"]}
    assert tagged == names | {"column3": ["email"], "column4": ["phone"]}


def test_a_threshold_lets_good_rows_of_a_small_file_load(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, "ID,Name,Email\n1,Ina Holt,ina@example.com\n2,Bo Lind\n")
    assert yaml.safe_load(proposal.text)["error_threshold"] == 50
    assert "DECIDE" in proposal.text


def test_one_column_of_decimals_is_one_column(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, "Betrag\n" + "".join(f"{i},50\n" for i in range(ROWS)))
    assert list(fields_of(proposal)) == ["Betrag"]
    assert loaded(proposal) == ROWS


def test_a_key_of_columns_with_gaps(tmp_path: Path) -> None:
    rows = [
        [f"a{i}@example.com" if i % 3 else "", f"603-555-{i:04}" if i % 5 else "", "Ada"]
        for i in range(1, 15)
    ]
    proposal = proposed(tmp_path, text_of(["Email", "Phone", "First Name"], rows))
    assert proposal.primary_key == ["Email", "Phone"]
    assert loaded(proposal) == 14


@pytest.mark.parametrize(
    ("header", "row", "tags"),
    [
        (
            "Belegnummer,Belegdatum,Artikelnummer,Menge,Betrag,Kundennummer",
            "B{i},2026-01-05,P7,2,3.50,C{i}",
            "txn-item/order-id txn-item/order-datetime txn-item/product-id txn-item/item-quantity "
            "txn-item/item-revenue fk-customer-id",
        ),
        (
            "SKU,Title,Vendor,Category",
            "P{i},Shirt {i},Acme,Tops",
            "pc/product-id pc/product-name pc/product-brand pc/product-category",
        ),
        (
            "email,event,timestamp,message_id",
            "a{i}@example.com,open,2026-01-02T10:00:00Z,m{i}",
            "email-event/email email-event/event-type email-event/event-datetime "
            "email-event/send-id",
        ),
        (
            "Member ID,Tier,Points Balance",
            "M{i},Gold,{i}",
            "loy/loyalty-id+fk-loyalty-id loy/current-tier loy/current-balance",
        ),
        (
            "Email Address,Opt-In,Brand",
            "a{i}@example.com,yes,Acme",
            "email-opt/email email-opt/is-email-opted-in email-opt/brand",
        ),
        (
            "Member ID,First Name,Last Name,Tier,Points",
            "M{i},Ada,Fox,Gold,{i}",
            "loyalty-id+fk-loyalty-id given-name surname - -",
        ),
        ("order_id,customer_id,order_date,total", "O{i},C{i},2026-01-05,3.50", "- - - -"),
    ],
    ids=["orders", "products", "events", "loyalty", "consent", "members", "orders_without_items"],
)
def test_tags_of_other_tables(tmp_path: Path, header: str, row: str, tags: str) -> None:
    lines = [header, *(row.format(i=i) for i in range(ROWS))]
    proposal = proposed(tmp_path, "\n".join(lines) + "\n")
    given = ["+".join(item.get("tags", ["-"])) for item in fields_of(proposal).values()]
    assert given == tags.split()
    assert loaded(proposal) == ROWS


def test_nested_fields_are_flattened_into_tables_that_check(tmp_path: Path) -> None:
    tenant = tmp_path / "tenant"
    init_tenant(tenant)
    folder = tenant / "landing" / "api"
    folder.mkdir(parents=True)
    customers = [
        {"id": i, "first_name": "Ada", "email": f"a{i}@example.com",
         "default_address": {"address1": f"{i} Pine St", "city": "Dover", "zip": "03820"}}
        for i in range(ROWS)
    ]  # fmt: skip
    orders = [
        {"id": i, "created_at": "2026-02-02T03:04:05Z", "customer": {"id": i},
         "line_items": [{"sku": "S1", "quantity": 2, "price": "3.50"}]}
        for i in range(ROWS)
    ]  # fmt: skip
    (folder / "customers-20260601.json").write_text(json.dumps({"data": customers}))
    (folder / "orders-20260601.json").write_text(json.dumps({"orders": orders}))
    for proposal in propose_folder(tenant / "landing", flatten=True).proposals:
        write_proposal(proposal, tenant)
    assert [p for p in all_problems(tenant) if p.severity == "error"] == []
    persons = yaml.safe_load((tenant / "domain_tables" / "CDT_Api_Customers.yaml").read_text())
    assert persons["stitch"] is True
    assert persons["fields"]["default_address_city"] == {"tags": ["city"]}
    items = yaml.safe_load(
        (tenant / "domain_tables" / "CDT_Api_Orders_line_items.yaml").read_text()
    )
    assert items["primary_key"] == ["order_id", "line_no"]
    tags = {tag for item in items["fields"].values() for tag in item["tags"]}
    assert {"txn-item/order-id", "txn-item/item-revenue", "fk-customer-id"} <= tags
    feed = yaml.safe_load((tenant / "feeds" / "api" / "customers.yaml").read_text())
    assert feed["stitch"] is False
    with pytest.raises(C360Error, match="already and was kept"):
        write_proposal(propose_folder(tenant / "landing").proposals[0], tenant)


PERSON = {"email", "name", "address_city"}


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({}, PERSON),
        (
            {"shop": {"email": "shop@example.com", "name": "Ana Lee"}},
            PERSON,
        ),
        ({"sender": {"traits": {"email": "{}b@example.com", "name": "Bo{} Day"}}}, set()),
    ],
    ids=["only one", "beside a shop", "beside another"],
)
def test_the_only_person_in_a_nested_row_is_whom_it_is_about(
    tmp_path: Path, others: dict[str, Any], expected: set[str]
) -> None:
    def event(n: int) -> str:
        person = {"email": f"p{n}@example.com", "name": f"Ana{n} Lee", "address": {"city": "Ulm"}}
        row = {"messageId": f"m{n}", "context": {"traits": person, "page": {"title": "x"}}}
        return json.dumps(row | others).replace("{}", str(n))

    file = tmp_path / "landing/app/hits-20260601.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(map(event, range(60))))
    (table,) = propose_feed(file, flatten=True).tables
    tagged = {column.output for column in table.columns if column.tags}
    assert tagged == expected
    assert table.has_persons == bool(expected)


def test_flattening_keeps_all_digits_and_leaves_nothing_out(tmp_path: Path) -> None:
    file = tmp_path / "landing" / "api" / "shops-20260601.ndjson"
    file.parent.mkdir(parents=True)
    shop = {
        "id": "s1",
        "labels": ["new"],
        "place": {
            "lat": 52.2296756,
            "mails": ["a@example.com"],
            "a": {"b": {"c": {"d": {"e": {"f": 1}}}}},
        },
    }
    file.write_text(json.dumps(shop) + "\n")
    (table,) = propose_feed(file, flatten=True).tables
    assert """ ->> '$."lat"')::DECIMAL(38, 7) AS "place_lat\"""" in table.sql
    assert (
        "-- JSON text, for SQL of yours to flatten: place_mails, place_a_b_c_d_e, labels\n"
        in table.sql
    )
    with duckdb.connect() as con:
        text = json.dumps(shop["place"])
        con.execute("CREATE TABLE Api_Shops (id VARCHAR, labels VARCHAR, place VARCHAR)")
        con.execute("INSERT INTO Api_Shops VALUES ('s1', '[\"new\"]', ?)", [text])
        (row,) = con.execute(table.sql).fetchall()
    mails = ('["a@example.com"]', '{"f":1}', "a@example.com")
    assert row == ("s1", Decimal("52.2296756"), *mails, '["new"]')


def test_a_partitioned_folder_is_one_feed(tmp_path: Path) -> None:
    for store in ("007", "1.50"):
        folder = tmp_path / "landing" / "lake" / "orders_20260601" / f"Store={store}"
        folder.mkdir(parents=True)
        pl.DataFrame({"id": [store]}).write_parquet(folder / "part-0.parquet")
    (folder.parent / "_SUCCESS").touch()
    found = propose_folder(tmp_path / "landing")
    (proposal,) = found.proposals
    assert found.unread == {}
    assert (proposal.source, proposal.feed) == ("Lake", "Orders")
    assert proposal.pattern == "'lake/orders_'yyyyMMdd'*'"
    assert fields_of(proposal)["Store"] == {"type": "string"}


@pytest.mark.parametrize(
    ("content", "records"),
    [
        ({"7": {"id": 1, "email": "a@example.com"}, "8": {"id": 2, "email": "b@example.com"}}, "."),
        (
            {"data": {"customers": {"edges": [{"node": {"id": 1, "email": "a@example.com"}}]}}},
            "data.customers.edges.node",
        ),
    ],
)
def test_where_records_are(tmp_path: Path, content: object, records: str) -> None:
    proposal = proposed(tmp_path, json.dumps(content), "people-20260601.json")
    assert yaml.safe_load(proposal.text)["files"]["records"] == records
    assert loaded(proposal) == (2 if records == "." else 1)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"var data = [{}];", "script"),
        (b'[["id", "email"], [1, "a"]]', "whose values have names"),
        ('[{"id": 1}]'.encode("utf-16"), "JSON in utf-16"),
    ],
)
def test_what_is_refused_by_its_name(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(C360Error, match=what):
        proposed(tmp_path, content, "x-20260601.json")


def test_an_undated_file_is_read_again_for_a_new_column(tmp_path: Path) -> None:
    files = {"pattern": "'people.csv'"}
    tenant = tenant_of(tmp_path, feed_of(files=files, fields={"id": {}, "name": {}}))
    land(tenant, "people.csv", "id,name,city\n1,Ada,Dover\n2,Bo,Bern\n")
    load(tenant, tenant.feeds[0])
    # The column comes with a delivery that takes the place of the one before.
    wider = feed_of(files=files, fields={"id": {}, "name": {}, "city": {}})
    tenant = tenant_of(tmp_path, wider)
    land(tenant, "people.csv", "id,name,city\n1,Ada,Dover\n3,Cy,Graz\n")
    result = load(tenant, wider)
    assert {day.status for day in result.days} == {"loaded"}
    rows = table(tenant, wider).select("id", "city").sort("id").rows()
    assert rows == [("1", "Dover"), ("2", None), ("3", "Graz")]
    assert any("keep NULL there" in warning for day in result.days for warning in day.warnings)
