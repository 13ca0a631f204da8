"""`feed suggest` on files that are odd as a whole: shape, encoding, wrappers, keys, folders."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from c360_assets.errors import C360Error
from c360_assets.ingest.suggest.encodings import read_head
from c360_assets.ingest.suggest.feed import Proposal, propose_feed
from c360_assets.ingest.suggest.folder import propose_file, propose_folder, write_proposal
from c360_assets_tests.ingest.test_file_options import workbook

HEADER = "No;First Name;Last Name;Email;Phone;Zip;Spent"
ROWS = [
    f"{n};Ann{n};Lee;ann{n}@example.com;603-555-{n:04d};{n:05d};{n},50" for n in range(1001, 1101)
]


def propose(tmp_path: Path, content: str | bytes, name: str = "a-20260601.csv") -> Proposal:
    path = tmp_path / "landing" / "shop" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return propose_feed(path)


def settings(proposal: Proposal) -> dict[str, Any]:
    feed = yaml.safe_load(proposal.text)
    assert isinstance(feed, dict)
    return feed


@pytest.mark.parametrize(
    ("lines", "files", "rejected"),
    [
        ([HEADER, *ROWS, "1200;Bo"], {}, 1),
        ([HEADER, *ROWS[:50], ROWS[50] + ";x;y", *ROWS[51:]], {}, 1),
        (["Report", "", HEADER, *ROWS], {"skip_lines": 2}, 0),
        (["sep=;", HEADER, *ROWS], {"skip_lines": 1}, 0),
        ([HEADER, *ROWS, "Grand Total;;;;;;5150,00"], {"drop_rows": '^"? *Grand Total\\b'}, 0),
        ([HEADER, *ROWS, "ΣΥΝΟΛΟ;;;;;;5150,00"], {"drop_rows": '^"? *ΣΥΝΟΛΟ\\b'}, 0),
        (
            [HEADER, *ROWS, "* Összesen;;;;;;5150,00"],
            {"drop_rows": '^"? *\\* *Összesen\\b'},
            0,
        ),
        ([HEADER, *ROWS, "합계;;;;;;5150,00"], {"drop_rows": '^"? *합계\\b'}, 0),
        ([HEADER, *ROWS, "100 rows exported"], {"drop_rows": "^[^;]*$"}, 0),
        ([HEADER, ROWS[0].replace("Lee", 'Lee 5"'), *ROWS[1:]], {}, 0),
    ],
    ids=["short", "long", "title", "sep", "total", "Greek", "SAP", "Korean", "note", "inch"],
)
def test_one_odd_line_does_not_change_the_shape(
    tmp_path: Path, lines: list[str], files: dict[str, Any], rejected: int
) -> None:
    proposal = propose(tmp_path, "\n".join(lines) + "\n")
    feed = settings(proposal)
    assert {key: feed["files"].get(key) for key in files} == files
    assert feed["primary_key"] == ["No"]
    assert list(feed["fields"]) == HEADER.split(";")
    trial = proposal.trial
    assert trial.rejected == rejected
    assert trial.read - rejected >= len(ROWS) - rejected
    assert feed["fields"]["Spent"]["number"] == {"decimal": ","}


def test_texts_for_a_missing_value_are_told_by_contacts_and_days(tmp_path: Path) -> None:
    rows = [
        f"{n},{f'a{n}@example.com' if n % 3 else 'null'},{'1.2.1980' if n % 2 else '0.0.00'},None"
        for n in range(100, 160)
    ]
    text = "\n".join(["id,Email,Birthday,Last Name", *rows])
    feed = settings(propose(tmp_path, text))
    # A person may be called so.
    assert feed["null_values"] == ["0.0.00", "null"]
    assert feed["fields"]["Birthday"]["type"] == "date"


def test_phone_numbers_stand_in_lists_of_objects(tmp_path: Path) -> None:
    rows = [
        {"id": f"u{n}", "first_name": "Ann", "last_name": "Lee", "city": "Rome"}
        | {"mobile_numbers": [{"number": f"+3933312345{n}", "preferred": True}]}
        for n in range(10, 40)
    ]
    path = tmp_path / "landing" / "shop" / "a-20260601.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(map(json.dumps, rows)))
    tables = {
        table.name: yaml.safe_load(table.yaml) for table in propose_file(path, flatten=True).tables
    }
    assert tables["CDT_Shop_A"]["fields"]["mobile_number_1"]["tags"] == ["phone"]


def test_another_person_of_a_row_is_told(tmp_path: Path) -> None:
    rows = [
        f"{n},Ann,Lee,ann{n}@example.com,Bo,Fox,bo{n}@example.com,Sam,sam@example.com"
        for n in range(100, 160)
    ]
    header = "Order #,Buyer First Name,Buyer Last Name,Buyer Email,Attendee First Name"
    header += ",Attendee Last Name,Attendee Email,Agent Name,Agent Email"
    path = tmp_path / "landing" / "shop" / "a-20260601.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([header, *rows]))
    (told,) = propose_file(path).remarks
    assert "Attendee First Name: CHECK: with Attendee Last Name, Attendee Email it is of" in told


def test_rows_may_stand_in_an_object_of_each_line(tmp_path: Path) -> None:
    users = [{"user": {"id": f"u{n}", "email": f"a{n}@example.com"}} for n in range(30)]
    proposal = propose(tmp_path, "\n".join(map(json.dumps, users)), "a-20260601.jsonl")
    feed = settings(proposal)
    assert feed["files"]["records"] == "user"
    assert (feed["primary_key"], list(feed["fields"])) == (["id"], ["id", "email"])
    assert proposal.trial.loads


@pytest.mark.parametrize("first", ["#", "#No", "//No"])
def test_a_header_may_begin_like_a_comment(tmp_path: Path, first: str) -> None:
    header = HEADER.replace("No", first, 1)
    feed = settings(propose(tmp_path, "\n".join(["# of all shops", header, *ROWS]) + "\n"))
    assert feed["files"].get("skip_lines") == 1
    assert list(feed["fields"]) == header.split(";")
    assert feed["fields"]["Email"]["tags"] == ["email"]


def test_a_last_row_that_holds_the_sum_of_a_column_is_told_whatever_it_is_called(
    tmp_path: Path,
) -> None:
    amount = sum(range(1001, 1101)) + 50
    words = "1 row(s) look like totals or notes"
    lines = [HEADER, *ROWS, f"Kaikkiaan;;;;;;{amount}.00"]
    assert words in propose(tmp_path, "\n".join(lines) + "\n").text
    lines[-1] = f"1101;;;;;;{amount + 1}.00"
    assert words not in propose(tmp_path, "\n".join(lines) + "\n").text


@pytest.mark.parametrize(
    ("name", "pattern", "feed"),
    [
        ("sales-2026-01-01-2026-02-01.csv", "sales-*-'yyyy-MM-dd'*.csv", "Sales"),
        ("members_export_8c7b6a5d4e.csv", "members_export_*.csv", "Members Export"),
        ("list-1764460800.csv", "list-*.csv", "List"),
        ("x_3f2b8c1e-5a77-4c0d-9e1a-0b1c2d3e4f5a.csv", "x_*.csv", "X"),
        ("orders_20261101123045.csv", "orders_'yyyyMMdd'*.csv", "Orders"),
        ("25551234567020423.csv", "*.csv", "Feed"),
        ("20260601_customers.csv", "'yyyyMMdd'*.csv", "Customers"),
        ("store_17.csv", "store_17.csv", "Store 17"),
        ("Members 31052026.csv", "Members 'ddMMyyyy'*.csv", "Members"),
        ("guests_Jun_02_2026.csv", "guests_'MMM'_'dd'_'yyyy'*.csv", "Guests"),
        ("guests 02-june-2026.csv", "guests 'dd'-'MMM'-'yyyy'*.csv", "Guests"),
        ("guests June 2, 2026.csv", "guests 'MMM' 'd', 'yyyy'*.csv", "Guests"),
        ("sales_2026-06.csv", "sales_*.csv", "Sales"),
        ("Umsatz Juni 2026.csv", "Umsatz *.csv", "Umsatz"),
        ("20260602/Guests.csv", "'yyyyMMdd'/Guests*.csv", "Guests"),
        ("2026/06/02/part-0001.csv", "'yyyy/MM/dd'/part-*.csv", "Part 0001"),
        ("year=2026/month=06/day=02/a.csv", "year='yyyy'/month='MM'/day='dd'/a*.csv", "A"),
    ],
)
def test_what_the_next_delivery_has_otherwise_is_no_fixed_text(
    tmp_path: Path, name: str, pattern: str, feed: str
) -> None:
    proposal = propose(tmp_path, "\n".join([HEADER, *ROWS]), name)
    whole = f"'shop/{pattern}'".replace("''", "")
    assert (proposal.pattern, proposal.source, proposal.feed) == (whole, "Shop", feed)


def test_of_columns_that_may_mean_one_thing_the_better_name_is_it(tmp_path: Path) -> None:
    lines = [
        "Order #,order_date,item_id,item_sku,item_quantity,tax,item_tax,item_total,customer_id"
    ]
    lines += [f"{7 + n // 2},2026-03-01,{n},S{n % 5},1,9.00,4.50,2.50,C{n % 9}" for n in range(60)]
    fields = settings(propose(tmp_path, "\n".join(lines)))["fields"]
    tagged = {name: field["tags"][0] for name, field in fields.items() if "tags" in field}
    assert tagged["item_sku"] == "txn-item/product-id"
    assert tagged["item_tax"] == "txn-item/item-tax-amount"
    assert not {"item_id", "tax"} & tagged.keys()
    assert fields["Order #"]["type"] == "string"


def test_lines_of_an_order_that_nothing_tells_apart_are_counted(tmp_path: Path) -> None:
    lines = ["Name,Mail,Paid,Qty,Item"]
    for order in range(40):
        lines.append(f"#{1000 + order},a{order % 9}@x.example,yes,1,mug")
        lines += [f"#{1000 + order},a{order % 9}@x.example,,1,cap"] * (order % 3)
    feed = settings(propose(tmp_path, "\n".join(lines) + "\n"))
    assert feed["primary_key"] == ["Name", "line"]
    assert feed["row_number"] == {"column": "line", "within": ["Name"]}


def test_a_time_of_day_is_told_how_to_come_to_its_day(tmp_path: Path) -> None:
    lines = ["Till No,Date,Time"]
    lines += [f"T{number:03d},03/{number:02d}/2026,{number}:05:09" for number in range(1, 23)]
    text = propose(tmp_path, "\n".join(lines)).text
    (line,) = (line for line in text.splitlines() if line.startswith("  Time:"))
    assert "{type: string}" in line
    assert "day + time::TIME" in line


def test_rows_that_stand_twice_are_no_lines(tmp_path: Path) -> None:
    lines = [HEADER, *ROWS[:20], ROWS[3], ROWS[19]]
    assert "row_number" not in settings(propose(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("1;Łukasz;Łódź", "cp1250"),
        ("1;Szűcs Jenő;Győr", "cp1250"),
        ("1;João Simões;São Luís", "cp1252"),
        ("1;Õnne Mägi;Jõhvi", "cp1252"),
        ("1;Иван;Москва", "cp1251"),
        ("1;Γιώργος;Αθήνα", "cp1253"),
        ("1;Şükrü;İzmir", "cp1254"),
        ("1;Jürgen;Köln", "cp1252"),
        ("1;張偉;臺北", "big5"),
        ("1;Zoë;Ünal", "utf-8"),
        ("1;Zoë;Ünal", "utf-16"),
    ],
)
def test_encodings(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"id;name;city\n{text}\n".encode(encoding))
    head = read_head(path, packed=False)
    assert text in head.text
    assert head.encoding == encoding


@pytest.mark.parametrize(
    ("document", "path", "key"),
    [
        ({"customers": [{"id": 1, "email": "a@example.com"}]}, "customers", "id"),
        ({"data": {"items": [{"id": 1, "name": "Ann Lee"}], "n": 1}}, "data.items", "id"),
        ({"@odata.context": "x", "value": [{"contactid": "c1"}]}, "value", "contactid"),
        ({"people": {"k1": {"name": "A B"}, "k2": {"name": "C D"}}}, "people", "_key"),
    ],
)
def test_records_below_keys(tmp_path: Path, document: Any, path: str, key: str) -> None:
    text = json.dumps(document)
    packed = gzip.compress(text.encode())
    for content, name in ((text, "a-20260601.json"), (packed, "b-20260601.json.gz")):
        proposal = propose(tmp_path, content, name)
        assert settings(proposal)["files"]["records"] == path
        assert proposal.primary_key == [key]
        assert (proposal.trial.loads, proposal.trial.rejected) == (True, 0)


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("order no.,sku,amount_paid\n1,a,5.10\n1,b,7.20\n2,a,9.30\n", ["order_no", "sku"]),
        ("order,buyer_email,paid\nA1,a@x.de,1.5\nA1,b@x.de,2.5\nA2,b@x.de,3.5\n",
         ["order", "buyer_email"]),
        (",Email,Birthday\n0,a@x.de,1980-01-31\n1,b@x.de,1990-02-28\n", ["Email"]),
        ("customer_id,email\n7.71E+12,a@x.de\n7.72E+12,b@x.de\n", ["email"]),
        ("Zip,Email,Last Name\n03820,a@x.de,Lee\n03821,b@x.de,Oak\n", ["Email"]),
    ],
)  # fmt: skip
def test_a_key_is_no_amount_index_place_or_name(
    tmp_path: Path, content: str, key: list[str]
) -> None:
    assert propose(tmp_path, content).primary_key == key


def test_lost_digits_and_marks_are_told(tmp_path: Path) -> None:
    proposal = propose(
        tmp_path,
        "id,phone,zip\n1,1.60E+10,'03820\n2,1.60E+10,'03821\n3,1.61E+10,'03822\n",
    )
    fields = settings(proposal)["fields"]
    assert "LOST DIGITS" in proposal.text
    assert "tags" not in fields["phone"]
    assert fields["zip"]["tags"] == ["postal"]
    assert "spreadsheet's mark" in proposal.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("BEGIN:VCARD\nEND:VCARD\n", "vCard"),
        ("<!DOCTYPE html><html></html>", "an HTML page"),
        (gzip.compress(b"version: 1\n\ndn: uid=u1,dc=x\nuid: u1\n"), "LDIF"),
        ("1    ANN      03820\n2    BO       03821\n3    CY       03822\n", "fixed width"),
        (bytes(range(256)) * 20, "binary"),
    ],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(C360Error, match=words):
        propose(tmp_path, content)


def test_a_folder_is_proposed_once_for_each_kind_of_file(tmp_path: Path) -> None:
    folder = tmp_path / "landing"
    for name in ("orders-20260601.csv", "orders-20260602.csv", "people-20260601.csv"):
        propose(tmp_path, "\n".join([HEADER, *ROWS[:3]]), name)
    (folder / "shop" / "card.vcf").write_text("BEGIN:VCARD\n")
    proposals = propose_folder(folder)
    names = [proposal.sample_name for proposal in proposals.proposals]
    assert names == ["orders-20260602.csv", "people-20260601.csv"]
    assert list(proposals.unread) == ["shop/card.vcf"]
    written = write_proposal(proposals.proposals[0], tmp_path)
    assert written == [tmp_path / "feeds/shop/orders.yaml"]
    with pytest.raises(C360Error, match="is there already"):
        write_proposal(proposals.proposals[0], tmp_path)


def test_names_with_accents_keep_their_letters(tmp_path: Path) -> None:
    path = tmp_path / "landing" / "Käufer Köln" / "Straße-20260601.csv"
    path.parent.mkdir(parents=True)
    path.write_text("id\na\n")
    proposal = propose_feed(path)
    assert (settings(proposal)["source"], settings(proposal)["feed"]) == ("Kaufer Koln", "Strasse")
    assert proposal.path == Path("feeds/kaufer_koln/strasse.yaml")


MEMBERS = [
    ("M1", "İPEK YILMAZ", "03.01.1980", "ipek@example.com", '12" x, 5', "     7.50"),
    ("M22", "ALİ ÖZ", "13.02.1981", "", "", "  1234.50"),
    ("M333", "CAN-SU", "", "su@example.com", "DR", "    10.00"),
]
WIDTHS = (6, 14, 13, 18, 11, 12)
NAMES = ("NO", "FULL NAME", "BIRTH DATE", "EMAIL", "NOTES", "MIL POINTS")


def of_fixed_width(
    rows: Sequence[Sequence[str]], *, rule: bool, encoding: str | None = None
) -> str:
    """Lines of columns that are as wide in characters, or in bytes of the encoding."""

    def padded(value: str, width: int) -> str:
        more = len(value.encode(encoding)) - len(value) if encoding else 0
        return value.ljust(width - more)

    drawn = [["-" * (width - 1) for width in WIDTHS]] if rule else []
    lines = [NAMES, *drawn, *rows]
    pairs = (zip(line, WIDTHS, strict=True) for line in lines)
    return "".join(
        "".join(padded(value, width) for value, width in line).rstrip() + "\r\n" for line in pairs
    )


@pytest.mark.parametrize("rule", [True, False])
def test_columns_of_fixed_width_are_cut_where_all_lines_have_blanks(
    tmp_path: Path, *, rule: bool
) -> None:
    content = of_fixed_width(MEMBERS, rule=rule).encode("cp1254")
    proposal = propose(tmp_path, content, "MEMBERS-20260601.txt")
    files, fields = settings(proposal)["files"], settings(proposal)["fields"]
    assert (files["format"], files["columns_at"]) == ("fixed", [0, 6, 20, 33, 51, 62])
    assert proposal.trial.read == len(MEMBERS)
    assert tuple(fields) == NAMES
    tags = [fields[name].get("tags") for name in NAMES[1:4]]
    assert tags == [["full-name"], ["birthdate"], ["email"]]
    assert fields["BIRTH DATE"]["format"] == "dd.MM.yyyy"


@pytest.mark.parametrize("rule", [True, False])
def test_columns_of_fixed_width_may_be_as_wide_in_bytes(tmp_path: Path, *, rule: bool) -> None:
    content = of_fixed_width(MEMBERS, rule=rule, encoding="utf-8")
    feed = settings(propose(tmp_path, content, "MEMBERS-20260601.txt"))
    assert feed["files"]["columns_at"] == [0, 6, 20, 33, 51, 62]
    assert feed["files"]["columns_in_bytes"] is True
    assert feed["fields"]["EMAIL"]["tags"] == ["email"]


def test_the_questions_of_a_survey_are_no_rows(tmp_path: Path) -> None:
    header = ["StartDate", "Status", "ResponseId", "RecipientLastName", "RecipientEmail", "Q1"]
    names = [f'"{{""ImportId"":""{name}""}}"' for name in header]
    questions = '"Start Date",Status,"Response ID","Last Name",Email,"Why? In\nyour own words"'
    rows = [f"2026-01-02 09:00:00,0,R_{i},Lee,a{i}@example.com,9" for i in range(30)]
    text = "\n".join([",".join(header), questions, ",".join(names), *rows]) + "\n"
    proposal = propose(tmp_path, text)
    assert proposal.trial.read == proposal.trial.read - proposal.trial.rejected == len(rows)
    assert proposal.primary_key == ["ResponseId"]
    fields = settings(proposal)["fields"]
    assert fields["RecipientEmail"]["tags"] == ["email"]
    assert fields["StartDate"]["type"] == "datetime"
    assert "2 row(s) after the header are the survey's questions" in proposal.text


def test_rows_of_persons_without_a_header_are_told_by_their_values(tmp_path: Path) -> None:
    names = ["Jan", "Anna", "Piet", "Maria", "Emma", "Fenna"]
    rows = [
        f"26{i:010}|{names[i % 6]}|van den Berg|a{i}@example.com|061234{i:04}|{1950 + i}0203|{i:08}"
        for i in range(50)
    ]
    fields = settings(propose(tmp_path, "\n".join(rows), "LEDEN_20260601.txt"))["fields"]
    tags = ["", "given-name", "surname", "email", "phone", "birthdate", ""]
    assert ["".join(field.get("tags", [])) for field in fields.values()] == tags


def test_without_an_address_nothing_is_guessed_of_numbers_without_a_name(tmp_path: Path) -> None:
    rows = [f"2{i:010}|Jan|0612345{i:03}|{1950 + i}0203" for i in range(50)]
    fields = settings(propose(tmp_path, "\n".join(rows), "rows_20260601.txt"))["fields"]
    assert not any("tags" in field for field in fields.values())


def test_values_in_parts_of_columns_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "landing" / "shop" / "a-20260601.csv"
    path.parent.mkdir(parents=True)
    lines = [
        "会員番号,注文者姓,注文者名,メールアドレス,注文者電話番号1,注文者電話番号2,注文者電話番号3"
    ]
    lines += [f"K{i:03},佐藤,結衣,a{i}@x.example,090,{i:04},0012" for i in range(30)]
    path.write_text("\n".join(lines), "utf-8")
    proposal = propose_file(path, flatten=True)
    fields = settings(proposal)["fields"]
    assert fields["注文者名"]["tags"] == ["given-name"]
    assert fields["注文者電話番号2"] == {"type": "string", "rename": "field_2"}
    (table,) = proposal.tables
    assert """"field_1" || '-' || "field_2" || '-' || "field_3" AS "phone\"""" in table.sql
    assert "phone: {tags: [phone]}" in table.yaml


def test_each_kind_of_member_and_each_sheet_is_a_feed(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "shop"
    folder.mkdir(parents=True)
    people = "\n".join(["No,Mail", *(f"{i},a{i}@x.example" for i in range(30))])
    left = "\n".join(["No,Mail,Left on", *(f"{i},b{i}@x.example,2026-01-02" for i in range(30))])
    with zipfile.ZipFile(folder / "list_8c7b6a5d4e.zip", "w") as archive:
        archive.writestr("in_8c7b6a5d4e.csv", people)
        archive.writestr("out_8c7b6a5d4e.csv", left)
        archive.writestr("readme.txt", "x")
    with zipfile.ZipFile(folder / "parts-20260601.zip", "w") as archive:
        archive.writestr("p-001.csv", people)
        archive.writestr("p-002.csv", people)
    with zipfile.ZipFile(folder / "all-20260601.zip", "w") as archive:
        archive.writestr("export/people_1.csv", people)
        archive.writestr("export/people_2.csv", people)
        archive.writestr("export/tickets_1.csv", left)
        archive.writestr("export/tickets_2.csv", left)
    sheet = [["No", "Mail"], *([str(i), f"a{i}@x.example"] for i in range(9))]
    other = [["Bon", "Sum"], *([f"B{i}", f"{i}.50"] for i in range(9))]
    (folder / "till.xlsx").write_bytes(workbook({"People": sheet, "Bons": other}))
    found = propose_folder(tmp_path / "landing")
    assert not found.unread
    said = {proposal.feed: settings(proposal)["files"] for proposal in found.proposals}
    assert {feed: (files.get("contents"), files.get("sheet")) for feed, files in said.items()} == {
        "All": ({"people_*.csv": {}}, None),
        "All Tickets 1": ({"tickets_*.csv": {}}, None),
        "List": ({"in_*.csv": {}}, None),
        "List Out": ({"out_*.csv": {}}, None),
        "Parts": (None, None),
        "Till": (None, "People"),
        "Till Bons": (None, "Bons"),
    }


@pytest.mark.parametrize(
    ("header", "values", "field"),
    [
        ("Land (ISO)", ["DE", "FR"], {"type": "string", "tags": ["country"]}),
        ("Rechnungsadresse Ort", ["Kiel", "Ulm"], {"type": "string", "tags": ["city"]}),
        ("is_guest", ["0", "1"], {"type": "boolean"}),
        ("date_upd", ["2026-01-02 10:00:00"], {"type": "datetime", "tags": ["update-dt"]}),
        ("id_shop", ["1", "2"], {"type": "string"}),
        ("statecode", ["Active", "Inactive"], {"type": "string"}),
        ("DOB", ["03041990", "31121985"], {"type": "date", "tags": ["birthdate"]}),
        ("Quantity_SKU", ["1", "2"], {"type": "integer"}),
    ],
)
def test_names_of_other_systems(
    tmp_path: Path, header: str, values: list[str], field: dict[str, Any]
) -> None:
    lines = [f"No,Client Name,Client Last Name,Mail,{header}"]
    lines += [f"{i},Ann,Lee,a{i}@x.example,{values[i % len(values)]}" for i in range(30)]
    fields = settings(propose(tmp_path, "\n".join(lines)))["fields"]
    assert fields["Client Name"]["tags"] == ["given-name"]
    said = {key: value for key, value in fields[header].items() if key in ("type", "tags")}
    assert said == field


def test_a_column_called_customer_holds_their_names_where_no_other_does(tmp_path: Path) -> None:
    people = [f"{i},Ann Lee,a{i}@x.example,555-010-{i:04}" for i in range(1000, 1030)]
    lines = ["Check Id,Customer,Customer Email,Customer Phone,Customer Family"]
    lines += [f"{line}," for line in people]
    assert settings(propose(tmp_path, "\n".join(lines)))["fields"]["Customer"]["tags"] == [
        "full-name"
    ]
    lines[1:] = [line.replace("Ann Lee", f"Acme {at} Ltd") for at, line in enumerate(lines[1:])]
    assert "tags" not in settings(propose(tmp_path, "\n".join(lines)))["fields"]["Customer"]


def test_a_feed_is_not_called_like_a_documented_table(tmp_path: Path) -> None:
    path = tmp_path / "landing" / "segment" / "events-20260601.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([HEADER, *ROWS]))
    assert propose_feed(path).feed == "Events Feed"


def test_a_whole_address_is_none_beside_its_street(tmp_path: Path) -> None:
    lines = ["No,Mail,Name,Billing Address,Billing Address 1,City"]
    lines += [
        f'{i},a{i}@x.example,Ann Lee,"Ann Lee\n{i} Oak St\nUlm",{i} Oak St,Ulm' for i in range(30)
    ]
    fields = settings(propose(tmp_path, "\n".join(lines)))["fields"]
    assert fields["Billing Address 1"]["tags"] == ["address"]
    assert "tags" not in fields["Billing Address"]


def test_contacts_in_lists_of_objects_are_of_their_row(tmp_path: Path) -> None:
    lines = [
        json.dumps({
            "id": f"W{i}",
            "owner": {"name": "Ann Lee", "email": f"a{i}@x.example",
                      "phones": [{"type": "mobile", "number": f"+4917012345{i}"}]},
        })
        for i in range(10, 40)
    ]  # fmt: skip
    path = tmp_path / "landing" / "shop" / "a-20260601.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines))
    proposal = propose_feed(path, flatten=True)
    (table,) = proposal.tables
    assert "phones_mobile: {tags: [phone]}" in table.yaml
    assert "holds name (full-name), email (email), phones_mobile (phone)" in proposal.text


@pytest.mark.parametrize(
    ("header", "values", "rows"),
    [
        ("LOEVM", ["X", "", ""], 10),
        ("Deletion flag", ["1", "", "0"], 10),
        ("op", ["D", "I", "U"], 10),
        ("_change_type", ["insert", "delete", "update_postimage"], 10),
        ("__op", ["c", "d", "r"], 10),
        ("shape", ["D", "I", "U"], 0),
        ("action", ["call", "delete", "mail"], 0),
    ],
)
def test_tombstones_are_left_out(tmp_path: Path, header: str, values: list[str], rows: int) -> None:
    lines = [f"No,First Name,Last Name,Mail,{header}"]
    lines += [f"{i},Ann{'abc'[i % 3]},Lee,a{i}@x.example,{values[i % 3]}" for i in range(30)]
    path = tmp_path / "landing" / "shop" / "a-20260601.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines))
    tables = propose_feed(path, flatten=True).tables
    assert [f"{rows} rows of the sample" in table.sql for table in tables] == [True] * bool(rows)
    with duckdb.connect() as con:
        for table in tables:
            con.execute(
                f"CREATE TABLE Shop_A AS SELECT * FROM read_csv('{path}', all_varchar=true)"
            )
            con.execute('ALTER TABLE Shop_A RENAME "First Name" TO first_name')
            con.execute('ALTER TABLE Shop_A RENAME "Last Name" TO last_name')
            if header == "Deletion flag":
                con.execute('ALTER TABLE Shop_A RENAME "Deletion flag" TO deletion_flag')
            assert len(con.sql(table.sql).fetchall()) == 30 - rows


def test_full_and_partial_deliveries_are_one_feed(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "crm"
    folder.mkdir(parents=True)
    for kind, day in (("full", 1), ("delta", 2), ("delta", 3)):
        rows = [row.replace("603-", f"60{day}-") for row in ROWS[: 40 * (4 - day)]]
        (folder / f"customers_{kind}_2026060{day}.csv").write_text("\n".join([HEADER, *rows]))
    (folder / "delta_report_20260603.csv").write_text("\n".join(["Day;Sum", "2026-01-01;3"] * 9))
    slim = ["No;Zip", *(f"{n};12345" for n in range(1001, 1031))]
    (folder / "zips_full_20260601.csv").write_text("\n".join([HEADER, *ROWS]))
    (folder / "zips_delta_20260602.csv").write_text("\n".join(slim))
    found = propose_folder(tmp_path / "landing").proposals
    assert {proposal.feed: settings(proposal)["files"]["pattern"] for proposal in found} == {
        "Customers": "'crm/customers_*_'yyyyMMdd'*.csv'",
        "Delta Report": "'crm/delta_report_'yyyyMMdd'*.csv'",
        "Zips Delta": "'crm/zips_delta_'yyyyMMdd'*.csv'",
        "Zips Full": "'crm/zips_full_'yyyyMMdd'*.csv'",
    }
    assert "(delta, full): rows that a later" in found[0].text


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("CustomerSearchResults417.csv", "'shop/CustomerSearchResults*.csv'"),
        ("contacts (2).csv", "'shop/contacts*.csv'"),
        ("contacts - Copy.csv", "'shop/contacts*.csv'"),
        ("NPS Survey_June 3, 2026_10.12.csv", "'shop/NPS Survey_'MMM' 'd', 'yyyy'*.csv'"),
        ("Visits 12 Jun 2026.csv", "'shop/Visits 'd' 'MMM' 'yyyy'*.csv'"),
        ("KNA1.csv", "'shop/KNA1.csv'"),
    ],
)
def test_a_number_of_a_copy_or_an_export_is_left_open(
    tmp_path: Path, name: str, pattern: str
) -> None:
    assert propose(tmp_path, "\n".join([HEADER, *ROWS]), name).pattern == pattern
