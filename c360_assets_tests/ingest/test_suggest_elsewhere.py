"""`feed suggest` on exports of countries and programmes whose words and scripts are their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml

from c360_assets.ingest.suggest.column_names import (
    is_customer_number_name,
    is_identifier_name,
    is_national_number_name,
)
from c360_assets.ingest.suggest.encodings import read_head
from c360_assets.ingest.suggest.feed import Proposal, propose_feed
from c360_assets.ingest.suggest.header_words import guess_by_name
from c360_assets.ingest.suggest.table_tags import sales_tags
from c360_assets.tenant.init_tenant import init_tenant

ROWS = 30


def proposed(tmp_path: Path, text: str, name: str = "list-20260601.csv") -> Proposal:
    path = tmp_path / "landing" / "shop" / name
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    return propose_feed(path, flatten=name.endswith("l"))


def lines_of(header: str, row: str) -> str:
    return (
        "\n".join([header, *(row.format(i=i, d=i % 28 + 1) for i in range(10, 10 + ROWS))]) + "\n"
    )


def fields_of(proposal: Proposal) -> dict[str, dict[str, Any]]:
    fields: dict[str, dict[str, Any]] = yaml.safe_load(proposal.text)["fields"]
    return fields


# Where from -> header, row, the first tag of each column, the key.
PEOPLE = {
    "sap": (
        "MANDT|KUNNR|LAND1|NAME1|NAME2|ORT01|PSTLZ|REGIO|STRAS|TELF1|SMTP_ADDR|ERDAT|AEDAT|ANRED",
        "100|00000100{i}|DE|Ode|Ute|Köln|01067|SN|Am Tor {i}|+49 351 12345{i}|U{i}@X.DE"
        "|202601{d:02}|00000000|Hölgy",
        "- - country surname given-name city postal state address phone email create-dt - title",
        ["KUNNR"],
    ),
    "hungary": (
        "Azonosító;Vezetéknév;Keresztnév;Neme;Születési dátum;Irányítószám;Település;Utca, házszám",
        "T{i};Kis;Éva;nő;1985. 03. {d:02}.;4024;Eger;Fő utca {i}.",
        "- surname given-name gender birthdate postal city address",
        ["azonosito"],
    ),
    "vietnam": (
        "Mã khách hàng,Họ và tên,Giới tính,Ngày sinh,Điện thoại di động,Địa chỉ,Ngày tạo",
        "KH{i},Lê Thị Mai,Nữ,{d}/03/1985,0901234{i}0,{i} Lê Lợi,{d}/03/2025 10:00",
        "- full-name gender birthdate phone address create-dt",
        ["ma_khach_hang"],
    ),
    "israel": (
        'מספר לקוח,שם פרטי,שם משפחה,מין,תאריך לידה,טלפון נייד,"דוא""ל",רחוב ומספר,עיר',
        "500{i},נועה,לוי,נקבה,{d}/03/1985,052-12345{i},n{i}@example.com,הרצל {i},חיפה",
        "- given-name surname gender birthdate phone email address city",
        ["customer_number"],
    ),
    "arabic": (
        "رقم العميل,الاسم الأول,اسم العائلة,الجنس,تاريخ الميلاد,رقم الجوال,المدينة",
        "500{i},سعاد,حداد,أنثى,{d}/03/1985,05012345{i},الرياض",
        "- given-name surname gender birthdate phone city",
        ["customer_number"],
    ),
    "japan": (
        "顧客コード,姓,名,性別,生年月日,携帯電話,累計購入金額",
        "0000{i},佐藤,葵,女性,1985年3月{d}日,090-1234-56{i},\"¥1,2{i}\"",
        "- surname given-name gender birthdate phone -",
        ["customer_number"],
    ),
    "brazil": (
        "CPF;Nome do Cliente;Sexo;Nascimento;Celular;UF",
        "111.444.7{i}-35;Ana Dias;Feminino;{d}/03/1985;11 98765-43{i};SP",
        "- full-name gender birthdate phone state",
        ["CPF"],
    ),
    "poland": (
        "Numer klienta;Imię;Nazwisko;Płeć;Data urodzenia;Telefon komórkowy",
        "K{i};Ewa;Nowak;K;{d:02}.03.1985;501 234 5{i}",
        "- given-name surname gender birthdate phone",
        ["numer_klienta"],
    ),
    "nigeria": (
        "S/N,Customer Code,Surname,Other Names,Sex,Phone No.,Email Add,House Address,msisdn",
        "{i},LAG/000{i},OBI,Ngozi,F,080312345{i},n{i}@example.com,{i} Broad Str,23480312345{i}",
        "- - surname given-name gender phone email address phone",
        ["customer_code"],
    ),
    "magento": (
        "entity_id,firstname,lastname,gender,billing_country_id,billing_telephone",
        "{i},Noa,Levi,2,IL,05212345{i}",
        "- given-name surname - country phone",
        ["entity_id"],
    ),
    "unread": (  # Georgian: nothing here can read the name of its number
        "მომხმარებელი,Email,First Name,Last Name",
        "500{i},n{i}@example.com,Nino,Beri",
        "- email given-name surname",
        ["field"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", PEOPLE)
def test_people_of_other_places(tmp_path: Path, place: str) -> None:
    header, row, tags, key = PEOPLE[place]
    proposal = proposed(tmp_path, lines_of(header, row))
    assert [f.get("tags", ["-"])[0] for f in fields_of(proposal).values()] == tags.split()
    assert proposal.primary_key == key
    assert (proposal.trial.read, proposal.trial.rejected) == (ROWS, 0)


ORDERS = {
    "hungary": (
        "Nyugtaszám;Kelt;Vevő azonosító;Cikkszám;Mennyiség;Bruttó érték;Pénznem",
        "NY{i};460{i},5;T{i};A-7;2;12 990,50 Ft;HUF",
    ),
    "vietnam": (
        "Mã hóa đơn;Ngày bán;Mã khách hàng;Mã hàng;Số lượng;Thành tiền",
        "HD{i};460{i}.25;KH{i};SP7;2;1.250.000 ₫",
    ),
    "sap": (
        "VBELN;AUDAT;KUNNR;MATNR;KWMENG;NETWR;WAERK",
        "00900000{i};202601{d:02};00000100{i};M7;2;12.50;EUR",
    ),
    "israel": (
        "מספר הזמנה;תאריך הזמנה;מספר לקוח;מקט;כמות;סכום",
        "70{i};460{i};500{i};P7;2;₪12.50",
    ),
    "poland": (
        "Nr zamówienia;Data sprzedaży;ID klienta;Kod towaru;Ilość;Wartość brutto",
        "Z{i};460{i},25;K{i};P7;2;1 234,50 zł",
    ),
}


@pytest.mark.parametrize("place", ORDERS)
def test_orders_of_other_places(tmp_path: Path, place: str) -> None:
    proposal = proposed(tmp_path, lines_of(*ORDERS[place]))
    tags = [field.get("tags", ["-"])[0] for field in fields_of(proposal).values()]
    needed = ["order-id", "order-datetime", "fk-customer-id", "product-id", "item-quantity",
              "item-revenue"]  # fmt: skip
    assert [tag.removeprefix("txn-item/") for tag in tags][: len(needed)] == needed
    assert (proposal.trial.read, proposal.trial.rejected) == (ROWS, 0)


@pytest.mark.parametrize("letters", ["H M", "F N", "F P", "S V"])
def test_letters_that_would_be_read_as_the_wrong_gender_are_not_tagged(
    tmp_path: Path, letters: str
) -> None:
    first, second = letters.split()
    rows = [f"C{i},Ana,Ode,{first if i % 2 else second}" for i in range(ROWS)]
    proposal = proposed(tmp_path, "\n".join(["id,First Name,Last Name,Sexo", *rows]) + "\n")
    assert "tags" not in fields_of(proposal)["Sexo"]
    assert "CHECK: looks like gender" in proposal.text


def test_a_letter_for_no_gender_beside_both_is_no_hindrance(tmp_path: Path) -> None:
    rows = [f"C{i},Ana,Ode,{'FMMN'[i % 4]}" for i in range(ROWS)]
    proposal = proposed(tmp_path, "\n".join(["id,First Name,Last Name,Sex", *rows]) + "\n")
    assert fields_of(proposal)["Sex"]["tags"] == ["gender"]


def test_of_a_time_that_is_there_twice_that_in_utc_is_tagged(tmp_path: Path) -> None:
    header = "id,email,first_name,last_name,date_created,date_created_gmt"
    row = "{i},a{i}@example.com,Ana,Ode,2026-01-{d:02}T10:00:00,2026-01-{d:02}T13:00:00"
    fields = fields_of(proposed(tmp_path, lines_of(header, row)))
    assert fields["date_created_gmt"]["tags"] == ["create-dt"]
    assert "tags" not in fields["date_created"]


def test_lines_of_orders_are_no_catalogue_and_keep_their_own_total(tmp_path: Path) -> None:
    orders = [
        {
            "id": i,
            "date_created_gmt": "2026-02-02T03:04:05",
            "customer_id": i,
            "line_items": [
                {"name": "Cup", "product_id": 7, "quantity": 2, "price": "9.90", "total": "17.80"}
            ],
            "defaultAddress": {"street": f"Am Tor {i}", "phoneNumber": f"+4935112345{i}"},
        }
        for i in range(10, 10 + ROWS)
    ]
    text = "\n".join(json.dumps(order) for order in orders)
    proposal = proposed(tmp_path, text, "orders-20260601.jsonl")
    lines = next(table for table in proposal.tables if table.name.endswith("line_items"))
    tags = {tag for f in yaml.safe_load(lines.yaml)["fields"].values() for tag in f["tags"]}
    assert {"txn-item/product-id", "txn-item/order-datetime", "txn-item/item-revenue"} <= tags
    assert not any(tag.startswith("pc/") for tag in tags)
    assert """(item ->> '$."total"')::DECIMAL(38, 4) AS "item_revenue\"""" in lines.sql
    persons = yaml.safe_load(next(t for t in proposal.tables if t is not lines).yaml)
    assert persons["fields"]["default_address_street"] == {"tags": ["address"]}
    assert persons["fields"]["default_address_phone_number"] == {"tags": ["phone"]}


@pytest.mark.parametrize(
    ("name", "identifier", "customer", "national"),
    [
        ("Azonosító", True, False, False),
        ("Vevőkód", True, True, False),
        ("Darabszám", False, False, False),
        ("Irányítószám", False, False, False),
        ("Mã hàng", True, False, False),
        ("Mã khách hàng", True, True, False),
        ("رقم العميل", True, True, False),
        ("KUNNR", True, True, False),
        ("No Pelanggan", True, True, False),
        ("Nº do CPF", True, False, True),
        ("No. Cliente", True, True, False),
        ("Medlemsnr", True, True, False),
        ("Контакт: ID", True, True, False),
        ("Κωδικός Πελάτη", True, True, False),
        ("Üye No", True, True, False),
        ("Viðskiptamannanúmer", True, True, False),
        ("Шифра купца", True, True, False),
        ("کد مشتری", True, True, False),
        ("N. tessera", True, False, False),
        ("Codice cliente", True, True, False),
        ("Kundenr", True, True, False),
        ("Kliento nr.", True, True, False),
        ("Törzsvásárlói szám", True, False, False),
        ("Prekės kodas", True, False, False),
        ("Primary_Contact__c", False, True, False),
        ("Dinner", False, False, False),
        ("Consumable", False, False, False),
    ],
)
def test_identifiers(name: str, identifier: bool, customer: bool, national: bool) -> None:
    found = is_identifier_name(name), is_customer_number_name(name), is_national_number_name(name)
    assert found == (identifier, customer, national)


# Language -> columns, and the tag of each.
NAMES_OF_COLUMNS = {
    "is": ("Nafn, Fornafn, Netfang, Farsími, Heimilisfang, Póstnúmer, Staður, Fæðingardagur, Kyn",
           "full-name given-name email phone address postal city birthdate gender"),
    "sr": ("Име и презиме, Презиме, Е-пошта, Мобилни телефон, Поштански број, Место, Датум рођења",
           "full-name surname email phone postal city birthdate"),
    "lt": ("Vardas ir pavardė, El. paštas, Mob. tel., Gimimo data",
           "full-name email phone birthdate"),
    "lv": ("Vārds uzvārds, E-pasts, Tālrunis, Dzimšanas datums", "full-name email phone birthdate"),
    "ms": ("Nama Penuh, E-mel, No. Telefon, Poskod, Bandar, Negeri, Tarikh Lahir, Jantina",
           "full-name email phone postal city state birthdate gender"),
    "fa": ("نام و نام خانوادگی, تلفن همراه, کد پستی, تاریخ تولد",
           "full-name phone postal birthdate"),
    "ka": ("სახელი, გვარი, მისამართი, ქალაქი", "given-name surname address city"),
    "hy": ("Անուն, Ազգանուն, Հեռախոս, Հասցե", "given-name surname phone address"),
    "kk": ("Аты, Тегі, Ұялы телефон, Мекенжайы", "given-name surname phone address"),
    "az": ("Ad soyad, E-poçt, Mobil nömrə, Doğum tarixi", "full-name email phone birthdate"),
    "sw": ("Jina kamili, Nambari ya simu, Barua pepe, Anwani", "full-name phone email address"),
    "am": ("ሙሉ ስም, ስልክ ቁጥር, ኢሜይል, ከተማ", "full-name phone email city"),
    "fr": ("Né(e) le, Date de naissance (AAAA-MM-JJ), Localité, Cellulaire",
           "birthdate birthdate city phone"),
    "nl": ("Straat + nr, Gsm, Familienaam", "address phone surname"),
    "vi": ("Họ đệm, Tên", "surname given-name"),
    "zh": ("縣市, 手機號碼", "city phone"),
}  # fmt: skip


@pytest.mark.parametrize("language", NAMES_OF_COLUMNS)
def test_names_of_columns_of_more_languages(language: str) -> None:
    columns, tags = NAMES_OF_COLUMNS[language]
    guesses = [guess_by_name(column) for column in columns.split(", ")]
    assert " ".join(guess.tag if guess else "-" for guess in guesses) == tags


def test_a_name_and_a_phone_are_enough_to_be_matched(tmp_path: Path) -> None:
    text = lines_of("card;name;phone", "C{i};Ann Ode;+4930123456{i}")
    assert "\nstitch: true  # 2 profile tags suggested\n" in proposed(tmp_path, text).text


def test_nothing_is_guessed_of_a_column_that_counts_its_rows_in_another_script(
    tmp_path: Path,
) -> None:
    lines = ["ნომერი,Email,First Name", *(f"{i},n{i}@example.com,Nino" for i in range(1, ROWS))]
    proposal = proposed(tmp_path, "\n".join(lines) + "\n")
    assert proposal.primary_key == ["Email"]


CONTACT_LISTS = {
    "kinds": (
        [{"system": "Phone", "value": "+4935112345{i}"}, {"system": "email", "value": "u{i}@x.de"}],
        {"contacts_phone": ["phone"], "contacts_email": ["email"]},
    ),
    "kinds_of_nothing_known": (
        [{"type": "mobile", "value": "+4935112345{i}"}, {"type": "fax", "value": "+49351543{i}"}],
        {"mobile": ["phone"]},
    ),
    "texts": (["u{i}@x.de", "v{i}@x.de"], {"emails_1": ["email"], "emails_2": ["email"]}),
    "objects": ([{"number": "+4935112345{i}", "type": "home"}], {"phones_1": ["phone"]}),
    "labels": (["new", "vip"], {}),
}


@pytest.mark.parametrize("shape", CONTACT_LISTS)
def test_contacts_in_lists_become_columns_of_the_person(tmp_path: Path, shape: str) -> None:
    items, tags = CONTACT_LISTS[shape]
    column = next(iter(tags), "labels_1").rpartition("_")[0] or "reach"
    people = [
        {"id": f"P{i}", "person": {"first_name": "Ute", "last_name": "Ode", "zip": "01067"}}
        | {column: json.loads(json.dumps(items).replace("{i}", str(i)))}
        for i in range(10, 10 + ROWS)
    ]
    text = "\n".join(json.dumps(person) for person in people)
    proposal = proposed(tmp_path, text, "people-20260601.jsonl")
    persons = next(table for table in proposal.tables if table.has_persons)
    fields = yaml.safe_load(persons.yaml)["fields"]
    others = {"person_first_name", "person_last_name", "person_zip"}
    found = {name: field["tags"][:1] for name, field in fields.items() if name not in others}
    assert found == tags
    with duckdb.connect() as con:
        feed = pl.DataFrame(
            {"id": ["P10"], "person": [json.dumps(people[0]["person"])]}
            | {column: [json.dumps(people[0][column])]}
        )
        con.register("Shop_People", feed.to_arrow())
        row = con.sql(persons.sql).pl()
    assert all(row[name].null_count() == 0 for name in tags)


def test_lines_of_an_order_belong_to_the_person_who_placed_it_also_as_a_guest(
    tmp_path: Path,
) -> None:
    orders = [
        {
            "id": i,
            "order_date": "2026-02-02T03:04:05Z",
            "customer_id": 0,
            "billing": {"first_name": "Ute", "last_name": "Ode", "email": f"u{i}@example.com"},
            "items": [{"sku": "S1", "quantity": 2, "total": "7.00"}],
        }
        for i in range(10, 10 + ROWS)
    ]
    text = "\n".join(json.dumps(order) for order in orders)
    persons, lines = proposed(tmp_path, text, "orders-20260601.jsonl").tables
    assert yaml.safe_load(persons.yaml)["fields"]["id"] == {"tags": ["fk-shop-orders"]}
    fields = yaml.safe_load(lines.yaml)["fields"]
    assert fields["order_id"] == {"tags": ["txn-item/order-id", "fk-shop-orders"]}
    assert "order_customer_id" not in fields


# Values of a column -> what its field says of them.
WRITTEN = {
    "codes are no amounts": (["RES100234", "RES100235"], {"type": "string"}),
    **{
        f"amounts in {sign}": (
            [f"{sign} 1,250.50", f"{sign} 20.00"],
            {"type": "decimal", "scale": 2, "number": {"decimal": ".", "thousands": ","}},
        )
        for sign in ("KSh", "S/.", "FCFA", "Dhs.", "Br")
    },
    "whole amounts beside none with a comma": (
        ["12.900 kr.", "990 kr."],
        {"type": "integer", "number": {"decimal": ",", "thousands": "."}},
    ),
    "codes of a currency's letters": (["ALL00017", "ALL00018"], {"type": "string"}),
    "amounts with a code": (
        ["EUR12,50", "EUR1,00"],
        {"type": "decimal", "scale": 2, "number": {"decimal": ","}},
    ),
    "arabic": (
        ["١٬٢٣٤٫٥٠ ر.س", "٢٠٫٠٠ ر.س"],
        {"type": "decimal", "scale": 2, "number": {"decimal": ".", "thousands": ","}},
    ),
    "days in arabic": (["٢٥/١٢/١٩٩٠", "٠١/٠٢/١٩٨٠"], {"type": "date", "format": "dd/MM/yyyy"}),
    "days in thailand": (
        ["29/02/2531", "13/01/2520"],
        {"type": "date", "format": "dd/MM/yyyy", "calendar": "buddhist"},
    ),
    "days in thai words": (
        ["5 พฤษภาคม 2567", "14 ธ.ค. 2530"],
        {"type": "date", "format": "dd MMM yyyy", "calendar": "buddhist"},
    ),
    "days in hindi": (["05 मई 1980", "15 जनवरी 1990"], {"type": "date", "format": "dd MMM yyyy"}),
    "days in indonesian": (["3 Mei 1954", "7 Ags 1980"], {"type": "date", "format": "dd MMM yyyy"}),
    "days in lithuanian": (
        ["2024 m. gegužės 5 d.", "1980 m. sausio 15 d."],
        {"type": "date", "format": "yyyy 'm.' MMM dd 'd.'"},
    ),
    "days in latvian": (
        ["2024. gada 5. maijs", "1980. gada 15. janvāris"],
        {"type": "date", "format": "yyyy'. gada' dd'.' MMM"},
    ),
    "days that are counted": (
        ["1er mai 2024", "15 août 1980"],
        {"type": "date", "format": "dd MMM yyyy"},
    ),
    "amounts without cents": (
        ["€ 1.234,50", "€ 99,-"],
        {"type": "decimal", "scale": 2, "number": {"decimal": ",", "thousands": "."}},
    ),
    "whole amounts with a dash": (
        ["12 000,-", "500,-"],
        {"type": "integer", "number": {"decimal": ",", "thousands": " "}},
    ),
    # Of Iran or of Islam: the country would say.
    "days of two calendars": (["12/05/1410", "25/01/1399"], {"type": "string"}),
    "days of iran": (
        ["۱۴۰۳/۰۵/۳۱", "۱۳۶۲/۰۲/۰۱"],
        {"type": "date", "format": "yyyy/MM/dd", "calendar": "persian"},
    ),
    "days of japan's eras": (
        ["令和6年5月12日", "昭和64年1月7日"],
        {"type": "date", "format": "yyyy'年'MM'月'dd'日'", "calendar": "japanese"},
    ),
    "days of japan's eras in letters": (
        ["R6.5.12", "S64.1.7"],
        {"type": "date", "format": "yyyy.MM.dd", "calendar": "japanese"},
    ),
    "days of taiwan": (
        ["113/05/12", "78/12/31"],
        {"type": "date", "format": "yyyy/MM/dd", "calendar": "roc"},
    ),
    "halves of a day in chinese": (
        ["2025/1/2 上午 10:30:05", "2025/1/22 下午 1:30:05"],
        {"type": "datetime", "format": "yyyy/MM/dd hh:mm:ss a"},
    ),
    "times of finland": (
        ["12.3.2025 klo 14.30", "25.3.2025 klo 9.05"],
        {"type": "datetime", "format": "dd.MM.yyyy 'klo' HH.mm"},
    ),
    "truth": (["Sim", "Não"], {"type": "boolean"}),
    "truth in japanese": (["希望する", "希望しない"], {"type": "boolean"}),
    "codes of languages": (["da", "no"], {"type": "string"}),
    "names": (["Si", "Si"], {"type": "string"}),
}


@pytest.mark.parametrize("what", WRITTEN)
def test_values_as_they_are_written_elsewhere(tmp_path: Path, what: str) -> None:
    values, field = WRITTEN[what]
    rows = [f"C{i};{values[i % 2]}" for i in range(ROWS)]
    proposal = proposed(tmp_path, "\n".join(["id;thing", *rows]) + "\n")
    assert fields_of(proposal)["thing"] == field
    assert (proposal.trial.read, proposal.trial.rejected) == (ROWS, 0)


# Country, values -> type, calendar.
AT_HOME = [
    ("IR", ["12/05/1410", "25/01/1399"], ("date", "persian")),
    ("SA", ["12/05/1410", "25/01/1399"], ("date", "islamic")),
    ("TW", ["78/05/12", "51/12/31"], ("date", "roc")),
    ("TW", ["0780512", "0511231"], ("date", "roc")),
    ("KR", ["78/05/12", "51/12/31"], ("string", None)),
]


@pytest.mark.parametrize(("country", "values", "expected"), AT_HOME)
def test_the_country_tells_the_calendar(
    tmp_path: Path, country: str, values: list[str], expected: tuple[str, str | None]
) -> None:
    tenant = tmp_path / "tenant"
    init_tenant(tenant, country=country)
    path = tenant / "landing" / "list-20260601.csv"
    rows = [f"C{i};{values[i % 2]}" for i in range(ROWS)]
    path.write_text("\n".join(["id;birthday", *rows]) + "\n", "utf-8")
    field = fields_of(propose_feed(path))["birthday"]
    assert (field["type"], field.get("calendar")) == expected


def test_whole_amounts_in_groups_of_blanks_are_amounts_by_their_name_only(tmp_path: Path) -> None:
    rows = [f"C{i};{i} 234 567;{i} 234 567;{i % 2 == 0}" for i in range(ROWS)]
    proposal = proposed(tmp_path, "\n".join(["id;Kwota;kontakt;IsDeleted", *rows]) + "\n")
    fields = fields_of(proposal)
    form = {"decimal": ".", "thousands": " "}
    assert fields["Kwota"] == {"type": "decimal", "number": form, "scale": 2}
    assert fields["kontakt"]["type"] == "string"
    assert "15 rows are deleted in their system" in proposal.text


@pytest.mark.parametrize(
    ("text", "encoding", "country"),
    [
        ("ukončená;výpověď", "cp1250", "CZ"),
        ("ukončená;výpověď", "cp1250", "DE"),
        ("ukončená;dne", "cp1250", "CZ"),
        ("durée;cédé", "cp1252", "FR"),
        ("รหัสสมาชิก;สมชาย ใจดี", "cp874", ""),
        ("מספר לקוח;נועה לוי", "cp1255", "IL"),
        ("Užsakymas;19,50 €;39,00 €", "cp1257", "LT"),
        ("Užsakymas;19,50 €;Įvykdytas;Būsena", "cp1257", "LT"),
        ("Città;Nicolò;Forlì", "cp1252", ""),
        ("Gràcia;Martínez;Ònia·però", "cp1252", ""),
        ("Þóra;Sigurðardóttir", "cp1252", "IS"),
        ("Ποσότητα;19,50 €;39,00 €;2 €;3 €", "cp1253", "GR"),
    ],
)
def test_encodings_of_a_few_words(tmp_path: Path, text: str, encoding: str, country: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"id;name\n{text}\n".encode(encoding))
    assert read_head(path, packed=False, country=country).encoding == encoding


def test_words_for_yes_inside_of_objects_are_read_in_any_language(tmp_path: Path) -> None:
    rows = [
        {"id": f"M{i:05}", "ad": "Işıl", "soyad": "Yılmaz", "cinsiyet": ["Erkek", "Kadın"][i % 2]}
        | {"adres": {"il": "İzmir"}, "izin": {"eposta": ["Evet", "Hayır"][i % 2]}}
        for i in range(ROWS)
    ]
    folder = tmp_path / "landing" / "call"
    folder.mkdir(parents=True)
    path = folder / "members-20260601.json"
    path.write_text(json.dumps(rows), "utf-8")
    proposal = propose_feed(path, flatten=True)
    (table,) = proposal.tables
    assert yaml.safe_load(table.yaml)["fields"]["cinsiyet"]["tags"] == ["gender"]
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE Call_Members AS SELECT * FROM read_json('{path}')")
        values = con.sql(f"SELECT izin_eposta, count(*) FROM ({table.sql}) GROUP BY ALL ORDER BY 1")
        assert values.fetchall() == [(False, ROWS // 2), (True, ROWS // 2)]


def test_names_inside_of_objects_may_be_in_any_script(tmp_path: Path) -> None:
    rows = [
        {"openid": f"o{i:05}", "会员信息": {"姓名": "王小明", "手机号": f"138001{i:05}"}}
        for i in range(ROWS)
    ]
    path = tmp_path / "landing" / "wechat" / "users-20260601.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    proposal = propose_feed(path, flatten=True)
    (table,) = proposal.tables
    fields = yaml.safe_load(table.yaml)["fields"]
    assert fields == {"full_name": {"tags": ["full-name"]}, "phone": {"tags": ["phone"]}}
    assert proposal.primary_key == ["openid"]


@pytest.mark.parametrize("name", ["Tussenvoegsel", "Apellido Materno", "segundo_apellido"])
def test_a_part_of_a_surname_is_named(tmp_path: Path, name: str) -> None:
    lines = [f"id,email,{name}", *(f"{i},a{i}@example.com,van den" for i in range(ROWS))]
    assert "a part of the surname: SQL" in proposed(tmp_path, "\n".join(lines)).text


def test_an_apostrophe_before_letters_is_no_mark_of_a_spreadsheet(tmp_path: Path) -> None:
    lines = ["id,email,Plaats", *(f"{i},a{i}@example.com,'s-Gravenhage" for i in range(ROWS))]
    assert "spreadsheet's mark" not in proposed(tmp_path, "\n".join(lines)).text


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("Моб. телефон", "phone"),
        ("Κινητό Τηλ.", "phone"),
        ("Mob. tālr.", "phone"),
        ("Дата народж.", "birthdate"),
        ("Dzim. dat.", "birthdate"),
        ("Fecha Nac.", "birthdate"),
        ("Kod poczt.", "postal"),
        ("Emp. name", None),
        ("Order No.", None),
        ("St.", None),
        ("Dat.", None),
    ],
)
def test_words_cut_short_by_a_dot_mean_what_all_words_that_begin_so_do(
    header: str, tag: str | None
) -> None:
    guess = guess_by_name(header)
    assert (guess.tag if guess else None) == tag


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("№ замовлення", "order-id"),
        ("Αρ. Παραγγελίας", "order-id"),
        ("Nº Pedido", "order-id"),
        ("N° commande", "order-id"),
        ("Št. naročila", "order-id"),
        ("Cant.", "item-quantity"),
    ],
)
def test_numbers_of_orders_are_called_by_a_sign_or_a_word_cut_short(header: str, tag: str) -> None:
    assert sales_tags([header]) == {header: f"txn-item/{tag}"}


@pytest.mark.parametrize(
    ("header", "is_customers"),
    [
        ("Kunden-Nr.", True),
        ("Réf. client", True),
        ("Šifra stranke", True),
        ("Αρ. Πελάτη", True),
        ("গ্রাহক নম্বর", True),
        ("Client Name", False),
        ("Customer", False),
        ("No. of members", False),
        ("Order No", False),
    ],
)
def test_a_word_for_a_customer_and_one_for_a_number(header: str, is_customers: bool) -> None:
    assert is_customer_number_name(header) == is_customers


def test_a_first_column_of_different_whole_numbers_is_the_key_whatever_it_is_called(
    tmp_path: Path,
) -> None:
    lines = lines_of("Kartensatz,nom,prenom,email", "3{i},Ode,Ute,u{i}@example.com")
    assert proposed(tmp_path, lines).primary_key == ["Kartensatz"]
