"""`feed suggest`: what is proposed for a sample, and that it passes check as it is."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import fastavro
import polars as pl
import pytest
import yaml

from c360_assets.configuration import read_tenant
from c360_assets.errors import C360Error
from c360_assets.ingest.suggest.column_types import infer
from c360_assets.ingest.suggest.feed import propose_feed
from c360_assets.ingest.suggest.sample import read_sample

ROWS = [
    {
        "customer_id": f"{n:05}",
        "First Name": name,
        "last_name": "Lee",
        "e-mail": f"{name}@example.com",
        "zip": "01234",
        "dob": f"0{n}/28/1980",
        "updated_at": f"2024-01-0{n} 10:00:00",
        "total spend": f"{n}.50",
        "visits": str(n),
        "active": "yes",
    }
    for n, name in enumerate(("amy", "bo", "cy"), 1)
]


def csv(delimiter: str = ",", header: bool = True) -> str:
    lines = [delimiter.join(row.values()) for row in ROWS]
    return "\n".join([delimiter.join(ROWS[0]), *lines][not header :]) + "\n"


def write_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(csv().encode()))


def write_ndjson(path: Path) -> None:
    path.write_text("\n".join(json.dumps({**r, "visits": int(r["visits"])}) for r in ROWS))


def write_parquet(path: Path) -> None:
    frame = pl.DataFrame(ROWS).with_columns(
        pl.col("visits").cast(pl.Int32),
        pl.lit(datetime(2024, 1, 1, tzinfo=UTC)).alias("updated_at"),
    )
    frame.write_parquet(path)


def propose(tmp_path: Path, name: str, write: Callable[[Path], object]) -> dict[str, Any]:
    file = tmp_path / "landing" / "shop" / name
    file.parent.mkdir(parents=True)
    write(file)
    text = propose_feed(file).text
    assert "amy" not in text
    assert "example.com" not in text
    settings = "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\ncountry: US\n"
    (tmp_path / "tenant.yaml").write_text(settings)
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds/proposed.yaml").write_text(text)
    tenant, problems = read_tenant(tmp_path)
    assert [str(p) for p in problems] == []
    assert tenant is not None
    return yaml.safe_load(text)


def write_avro(path: Path) -> None:
    names = {n: f"f{i}" if not n.isidentifier() else n for i, n in enumerate(ROWS[0])}
    fields = [{"name": new, "type": "string"} for new in names.values()]
    schema = fastavro.parse_schema({"type": "record", "name": "Customer", "fields": fields})
    with path.open("wb") as file:
        fastavro.writer(file, schema, [{names[k]: v for k, v in row.items()} for row in ROWS])


def write_xml(path: Path) -> None:
    rows = "".join(
        f'<Customer customer_id="{r["customer_id"]}">'
        + "".join(f"<v{i}>{v}</v{i}>" for i, v in enumerate(r.values()))
        + "</Customer>"
        for r in ROWS
    )
    path.write_text(f"<Export><When>now</When>{rows}</Export>")


def packed_tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def packed_zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.psv", csv("|"))


FILES: dict[str, tuple[Callable[[Path], object], dict[str, object], str]] = {
    "customers-20240131.zip": (
        write_zip,
        {"format": "psv", "compression": "zip"},
        "'shop/customers-'yyyyMMdd'*.zip'",
    ),
    "customers-20240131.tgz": (
        lambda p: p.write_bytes(packed_tar({"a.json": json.dumps(ROWS).encode(), "z.csv": b"no"})),
        {"format": "json", "compression": "tar", "contents": {"a.json": {}}},
        "'shop/customers-'yyyyMMdd'*.tgz'",
    ),
    "customers-20240131.csv": (
        lambda p: p.write_text(csv()),
        {"format": "csv"},
        "'shop/customers-'yyyyMMdd'*.csv'",
    ),
    "customers_2024-01-31_1.csv": (
        lambda p: p.write_text(csv(";")),
        {"format": "csv", "delimiter": ";"},
        "'shop/customers_'yyyy-MM-dd'*.csv'",
    ),
    "customers.psv": (lambda p: p.write_text(csv("|")), {"format": "psv"}, "'shop/customers.psv'"),
    "customers-20240131.tsv": (
        lambda p: p.write_text(csv("\t"), "utf-16"),
        {"format": "tsv"},
        "'shop/customers-'yyyyMMdd'*.tsv'",
    ),
    "customers-20240131.csv.gz": (
        write_gzip,
        {"format": "csv"},
        "'shop/customers-'yyyyMMdd'*.csv.gz'",
    ),
    "customers-20240131.ndjson": (
        write_ndjson,
        {"format": "ndjson"},
        "'shop/customers-'yyyyMMdd'*.ndjson'",
    ),
    "customers-20240131.json": (
        lambda p: p.write_text(json.dumps(ROWS)),
        {"format": "json"},
        "'shop/customers-'yyyyMMdd'*.json'",
    ),
    "customers-20240131.json.json": (
        lambda p: p.write_text("\n".join(json.dumps(row, indent=1) for row in ROWS)),
        {"format": "json"},
        "'shop/customers-'yyyyMMdd'*.json.json'",
    ),
    "customers-20240131.parquet": (
        write_parquet,
        {"format": "parquet"},
        "'shop/customers-'yyyyMMdd'*.parquet'",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_formats(tmp_path: Path, name: str) -> None:
    write, files, pattern = FILES[name]
    feed = propose(tmp_path, name, write)
    assert feed["files"] == {"pattern": pattern, **files}
    assert (feed["source"], feed["feed"]) == ("Shop", "Customers")
    assert (feed["primary_key"], feed["last_updated"], feed["stitch"]) == (
        ["customer_id"],
        "updated_at",
        True,
    )
    assert feed["fields"] == {
        "customer_id": {"type": "string"},
        "First Name": {"type": "string", "rename": "first_name", "tags": ["given-name"]},
        "last_name": {"type": "string", "tags": ["surname"]},
        "e-mail": {"type": "string", "rename": "e_mail", "tags": ["email"]},
        "zip": {"type": "string", "tags": ["postal"]},
        "dob": {"type": "date", "format": "MM/dd/yyyy", "tags": ["birthdate"]},
        "updated_at": {"type": "datetime", "tags": ["update-dt"]},
        "total spend": {"type": "decimal", "rename": "total_spend", "scale": 2},
        "visits": {"type": "integer"},
        "active": {"type": "boolean"},
    }


def test_avro_and_xml(tmp_path: Path) -> None:
    avro = propose(tmp_path / "a", "customers-20240131.avro", write_avro)
    assert avro["files"]["format"] == "avro"
    assert (avro["primary_key"], avro["fields"]["dob"]["format"]) == (["customer_id"], "MM/dd/yyyy")
    xml = propose(tmp_path / "x", "customers-20240131.xml", write_xml)
    assert (xml["files"]["format"], xml["files"]["row_tag"]) == ("xml", "Customer")
    assert (xml["primary_key"], xml["fields"]["v5"]["format"]) == (["customer_id"], "MM/dd/yyyy")


def test_no_header(tmp_path: Path) -> None:
    feed = propose(tmp_path, "customers.csv", lambda p: p.write_text(csv(header=False)))
    assert feed["files"]["header"] is False
    assert list(feed["fields"])[:2] == ["column0", "column1"]


def test_composite_key(tmp_path: Path) -> None:
    text = "order_id,product_id,quantity\n" + "".join(
        f"{o},{p},1\n" for o in range(5) for p in range(3)
    )
    assert propose(tmp_path, "items.csv", lambda p: p.write_text(text))["primary_key"] == [
        "order_id",
        "product_id",
    ]


@pytest.mark.parametrize(
    ("line", "encoding", "proposed"),
    [
        ("1;Jürgen", "cp1252", "cp1252"),
        ("1;サクラ 高橋", "cp932", "cp932"),
        ("1;Jürgen", "utf-8", None),
        ("1;Ann", "cp1252", None),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_text_that_is_not_utf_8_names_its_encoding(
    tmp_path: Path, line: str, encoding: str, proposed: str | None, packed: bool
) -> None:
    content = "".join(f"{text}\n" for text in ("id;name", line, line.replace("1", "2"))).encode(
        encoding
    )
    path = tmp_path / ("people.csv.gz" if packed else "people.csv")
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    sample = read_sample(path)
    assert sample.options == ({"encoding": proposed} if proposed else {})
    assert sample.frame.rows() == [("1", line[2:]), ("2", line[2:])]
    assert (f"encoding: {proposed}" in propose_feed(path).text) is bool(proposed)


def test_accented_names_keep_their_letters(tmp_path: Path) -> None:
    path = tmp_path / "gaeste.csv"
    path.write_text("Straße,Geändert am,Endereço,Prénom,氏名\na,b,c,d,e\n", "utf-8")
    fields = yaml.safe_load(propose_feed(path).text)["fields"]
    assert [f["rename"] for f in fields.values()] == [
        "strasse",
        "geandert_am",
        "endereco",
        "prenom",
        "field",
    ]


OTHER_LANGUAGES = {
    "de": (
        "Kundennummer,Anrede,Vorname,Nachname,Straße,PLZ,Ort,Land,Geburtsdatum,"
        "Telefonnummer,E-Mail-Adresse,Geändert am",
        "10023,Frau,Ute,Groß,Am Tor 3,01067,Dresden,Deutschland,31.12.1980,"
        "0351 1234567,u@x.de,31.12.2025 08:00",
        "- title given-name surname address postal city country birthdate phone email update-dt",
    ),
    "fr": (
        "Code client,Prénom,Nom,Adresse,Code postal,Ville,Pays,Date de naissance,"
        "N° mobile,Courriel,Modifié le",
        "A1,Zoé,Lenoir,3 rue Foch,75001,Paris,France,31/12/1980,06 12 34 56 78,z@x.fr,"
        "31/12/2025 08:00:00",
        "- given-name surname address postal city country birthdate phone email update-dt",
    ),
    "es": (
        "Nº,Nombre,Apellidos,Dirección,Código postal,Población,Provincia,Teléfono,"
        "Correo electrónico,Fecha de actualización",
        "1,Iñaki,Peña Ruiz,Calle Mayor 3,48001,Bilbao,Bizkaia,612 345 678,i@x.es,31/12/2025 08:00",
        "- given-name surname address postal city state phone email update-dt",
    ),
    "pt": (
        "CPF,Nome Completo,Data de Nascimento,Celular,E-mail,Endereço,Complemento,"
        "Município,UF,CEP,Atualizado em",
        "111.444.777-35,Inês Dias,31/12/1980,(11) 98765-4321,i@x.br,Rua A 3,ap 2,"
        "São Paulo,SP,01310-100,01/02/2025 08:00:00",
        "- full-name birthdate phone email address address2 city state postal update-dt",
    ),
    "ja": (
        "会員番号,氏名,フリガナ,電話番号,メールアドレス,生年月日,郵便番号,都道府県,住所,ﾒｰﾙ,更新日時",
        "M1,佐藤太郎,サトウ タロウ,090-1234-5678,s@x.jp,1980/12/31,160-0022,"
        "東京都,新宿区本町1丁目,t@x.jp,2025/12/31 08:00:00",
        "- full-name - phone email birthdate postal state address email update-dt",
    ),
}


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_headers_in_other_languages_are_tagged(tmp_path: Path, language: str) -> None:
    header, row, tags = OTHER_LANGUAGES[language]
    feed = propose(tmp_path, "people.csv", lambda p: p.write_text(f"{header}\n{row}\n", "utf-8"))
    assert [f.get("tags", ["-"])[0] for f in feed["fields"].values()] == tags.split()
    assert feed["stitch"] is True
    if language == "ja":
        assert [f["rename"] for f in feed["fields"].values()][:5] == [
            "customer_number",
            "full_name",
            "field",
            "phone",
            "email",
        ]
    if language == "pt":  # of the two patterns that fit, the one that the birthdates show
        assert feed["fields"]["Atualizado em"]["format"] == "dd/MM/yyyy HH:mm:ss"


@pytest.mark.parametrize(
    ("name", "birthdate", "pattern", "warned_of"),
    [
        ("m 06-04-2026.csv", "01/31/1980", "'shop/m 'MM-dd-yyyy'*.csv'", True),
        ("m 06-04-2026.csv", "31/01/1980", "'shop/m 'dd-MM-yyyy'*.csv'", True),
        ("m_31.12.2026_2.csv", "", "'shop/m_'dd'.'MM'.'yyyy'*.csv'", False),
        ("m_06-31-2026.csv", "", "'shop/m_'MM-dd-yyyy'*.csv'", False),
    ],
)
def test_a_date_in_the_name_with_the_year_last(
    tmp_path: Path, name: str, birthdate: str, pattern: str, warned_of: bool
) -> None:
    feed = propose(tmp_path, name, lambda p: p.write_text(f"id,dob\n1,{birthdate}\n"))
    assert (feed["files"]["pattern"], feed["feed"]) == (pattern, "M")
    assert (
        "check which is first" in propose_feed(tmp_path / "landing/shop" / name).text
    ) is warned_of


def test_decimal_commas_are_declared_and_no_key(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_text("Número;Item;Total\nP1;1;1.234,56\nP1;2;7,50\nP2;1;1200,00\n", "utf-8")
    feed = yaml.safe_load(propose_feed(path).text)
    assert feed["fields"]["Total"] == {
        "type": "decimal", "scale": 2, "number": {"decimal": ",", "thousands": "."},
    }  # fmt: skip
    assert feed["primary_key"] == ["numero", "Item"]


def test_broken_bytes_in_utf_8_are_no_other_encoding(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("id;name\n1;Jürgen Müller\n2;Søren Ünal\n".encode() + b"3;J\xfcrgen\n")
    sample = read_sample(path)
    assert (sample.options, len(sample.frame)) == ({}, 2)
    assert "1 is rejected, each with its line in a log: encoding_error" in propose_feed(path).text


@pytest.mark.parametrize(
    ("values", "kind", "pattern", "scale"),
    [
        (["1", "2"], "integer", None, None),
        (["01", "2"], "string", None, None),
        (["1.5", "2.125"], "decimal", None, 3),
        (["10.00", "3"], "decimal", None, 2),
        (["1e5", "2"], "float", None, None),
        (["1,000.00"], "decimal", None, 2),
        (["yes", "No"], "boolean", None, None),
        (["2024-01-31", ""], "date", None, None),
        (["20240131", "20241231"], "date", "yyyyMMdd", None),
        (["20241331", "20241231"], "integer", None, None),
        (["31/01/2024", "01/02/2024"], "date", "dd/MM/yyyy", None),
        (["01/31/2024", "01/02/2024"], "date", "MM/dd/yyyy", None),
        (["31.01.2024"], "date", "dd.MM.yyyy", None),
        (["31-Jan-24"], "date", "dd-MMM-yy", None),
        (["2024. 01. 31.", "2024. 2. 1."], "date", "yyyy. MM. dd.", None),
        (["2024.01.31."], "date", "yyyy.MM.dd.", None),
        (["2024. január 31."], "date", "yyyy. MMM dd.", None),
        (["31. 1. 2024"], "date", "dd. MM. yyyy", None),
        (["31.01.2024."], "date", "dd.MM.yyyy.", None),
        (["2024년 1월 31일"], "date", "yyyy'년' MM'월' dd'일'", None),
        (["31 Ağustos 2024", "1 şubat 2024"], "date", "dd MMM yyyy", None),
        (["31/01/2024 14.05"], "datetime", "dd/MM/yyyy HH.mm", None),
        (["2024年1月31日 9時05分"], "datetime", "yyyy'年'MM'月'dd'日' HH'時'mm'分'", None),
        (["2024. 01. 31. 9:05"], "datetime", "yyyy. MM. dd. HH:mm", None),
        (["+819012345678", "+819012345679"], "string", None, None),
        (["1.234.567 ₫", "45.000 ₫"], "integer", None, None),
        (["45.000 ₫", "990 ₫"], "integer", None, None),
        (["45.000 ₫", "9.90 ₫"], "decimal", None, 3),
        (["\\1,234", "\\12"], "integer", None, None),  # yen, read as cp932
        (["Rp 1.250.000,50"], "decimal", None, 2),
        (["1 234,50 грн"], "decimal", None, 2),
        (["2024-01-31T10:00:00Z", "2024-01-31 10:00:00.123+02:00"], "datetime", None, None),
        (["01/31/2024 10:05"], "datetime", "MM/dd/yyyy HH:mm", None),
        (["01/31/2024 1:05 PM"], "datetime", "MM/dd/yyyy hh:mm a", None),
        (["31/01/2024 1:05 p. m."], "datetime", "dd/MM/yyyy hh:mm a", None),
        (["", None], "string", None, None),
        (["1"] * 199 + ["x"], "integer", None, None),
        (["1"] * 50 + ["x"], "string", None, None),
    ],
)
def test_infer(values: list[str | None], kind: str, pattern: str | None, scale: int | None) -> None:
    found = infer(pl.Series(values, dtype=pl.String))
    assert (found.type, found.format, found.scale) == (kind, pattern, scale)


def test_ambiguous_dates_are_told() -> None:
    assert infer(pl.Series(["01/02/2024", "03/04/2024"])).ambiguous
    assert not infer(pl.Series(["01/02/2024", "03/14/2024"])).ambiguous


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "is empty"),
        ("a.zip", b"PK\x03\x04", "cannot be read"),
        (
            "a.xlsx",
            packed_zip({"[Content_Types].xml": b"<a><b/></a>", "xl/workbook.xml": b"<a/>"}),
            "is no readable workbook; save it again",
        ),
        ("a.xml", b"<?xml version='1.0'?>", "cannot be read as XML"),
        ("a.xml", b"<!DOCTYPE a [<!ENTITY b 'secret'>]><a><b>&b;</b></a>", "cannot be read as XML"),
        ("a.avro", b"Obj\x01secret", "cannot be read as Avro"),
        ("a.tar", packed_tar({"__MACOSX/x": b""}), "holds no file"),
        ("a.tar", packed_tar({"x.csv": b""}), "its first member is empty"),
        ("a.json", b'[{"email": "jane@secret.example"', "cannot be read"),
        ("a.csv.gz", b"\x1f\x8b broken", "cannot be read"),
        ("missing.csv", None, "cannot be read"),
    ],
    ids=lambda value: (
        "bytes" if isinstance(value, bytes) else None
    ),  # packed bytes hold the time; a test's name must not
)
def test_unreadable_samples(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(C360Error, match=words) as raised:
        propose_feed(tmp_path / name)
    assert "secret" not in str(raised.value)


LINE = "order_id,product_id,customer_id,order_datetime,quantity,revenue,is_return,is_cancellation"
EVENT = "email,send_id,event_type,event_datetime,brand"
KEYS = {
    "a return is not its purchase": (
        LINE,
        [
            "O1,P1,C1,2026-03-01 10:00:00,1,10.00,false,false",
            "O1,P1,C1,2026-03-04 10:00:00,-1,-10.00,true,false",
            "O1,P2,C1,2026-03-01 10:00:00,1,12.00,false,false",
            "O2,P1,C2,2026-03-01 10:00:00,1,10.00,false,false",
        ],
        ["order_id", "product_id", "is_return", "is_cancellation"],
    ),
    "a click is not its opening": (
        EVENT,
        [
            "ann@x.com,S1,Open,2026-03-01T10:00:00Z,Acme",
            "ann@x.com,S1,Click,2026-03-01T10:00:00Z,Acme",
            "bob@x.com,S1,Open,2026-03-01T10:00:00Z,Acme",
            "ann@x.com,S2,Open,2026-03-01T10:00:00Z,Acme",
        ],
        ["email", "brand", "send_id", "event_type", "event_datetime"],
    ),
    "consent is given to a brand": (
        "email,is_email_opted_in,brand,email_program",
        ["ann@x.com,true,Acme,news", "bob@x.com,false,Acme,news"],
        ["email", "brand", "email_program"],
    ),
    "numbers of a programme, some twice": (
        "phone,is_sms_opted_in,sms_program",
        ["2065550123,true,promo", "2065550123,false,promo", "2065550124,false,news"],
        ["phone", "sms_program"],
    ),
}


@pytest.mark.parametrize("case", KEYS)
def test_rows_of_tagged_tables_are_told_apart_as_their_tables_have_them(
    tmp_path: Path, case: str
) -> None:
    header, rows, key = KEYS[case]
    file = tmp_path / "rows.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    assert yaml.safe_load(propose_feed(file).text)["primary_key"] == key


@pytest.mark.parametrize(
    ("zone", "times", "proposed"),
    [
        ("Asia/Tokyo", ("2026-04-01 20:00:00", "2026-04-02 08:15:30"), "Asia/Tokyo"),
        ("Asia/Tokyo", ("01/04/2026 8:00 PM", "02/04/2026 8:15 AM"), "Asia/Tokyo"),
        # One of them says where it is, the other does not.
        ("Asia/Tokyo", ("2026-04-01T20:00:00Z", "2026-04-02T08:15:30"), "Asia/Tokyo"),
        ("Asia/Tokyo", ("2026-04-01T20:00:00Z", "2026-04-02T08:15:30+09:00"), None),
        ("Asia/Tokyo", ("2026-04-01 20:00:00 UTC", "2026-04-02 08:15:30 UTC"), None),
        ("Asia/Tokyo", ("2026-04-01", "2026-04-02"), None),
        ("UTC", ("2026-04-01 20:00:00", "2026-04-02 08:15:30"), None),
    ],
)
def test_times_without_a_zone_are_proposed_to_be_the_tenants(
    tmp_path: Path, zone: str, times: tuple[str, str], proposed: str | None
) -> None:
    (tmp_path / "landing/shop").mkdir(parents=True)
    (tmp_path / "feeds").mkdir()
    (tmp_path / "tenant.yaml").write_text(f"id: {uuid4()}\ntimezone: {zone}\ncountry: JP\n")
    file = tmp_path / "landing/shop/visits-20260402.csv"
    file.write_text("visit_id,came_at\n" + "".join(f"V{n},{t}\n" for n, t in enumerate(times)))
    assert yaml.safe_load(propose_feed(file).text).get("timezone") == proposed


@pytest.mark.parametrize(
    ("column", "zone"),
    [
        ("Created date (UTC)", "UTC"),
        ("created_utc", "UTC"),
        ("Created (GMT+01:00)", "America/Denver"),
        ("Created", "America/Denver"),
    ],
)
def test_a_name_says_that_its_times_are_in_utc(tmp_path: Path, column: str, zone: str) -> None:
    (tmp_path / "landing/pay").mkdir(parents=True)
    (tmp_path / "feeds").mkdir()
    (tmp_path / "tenant.yaml").write_text(f"id: {uuid4()}\ntimezone: America/Denver\n")
    file = tmp_path / "landing/pay/charges-20260402.csv"
    file.write_text(f"charge_id,{column}\nC1,2026-04-01 20:00:00\nC2,2026-04-02 08:15:30\n")
    assert yaml.safe_load(propose_feed(file).text)["timezone"] == zone


def test_the_day_comes_first_where_the_tenants_country_writes_it_so(tmp_path: Path) -> None:
    text = "id,born\n1,03/04/1980\n2,05/06/1975\n"
    proposed = {}
    for country in ("GB", "US"):
        root = tmp_path / country
        (root / "landing/shop").mkdir(parents=True)
        (root / "feeds").mkdir()
        (root / "tenant.yaml").write_text(f"id: {uuid4()}\ncountry: {country}\n")
        file = root / "landing/shop/people-01-02-2026.csv"
        file.write_text(text)
        proposed[country] = yaml.safe_load(propose_feed(file).text)
    formats = [feed["fields"]["born"]["format"] for feed in proposed.values()]
    assert formats == ["dd/MM/yyyy", "MM/dd/yyyy"]
    patterns = [feed["files"]["pattern"] for feed in proposed.values()]
    assert patterns == ["'shop/people-'dd-MM-yyyy'*.csv'", "'shop/people-'MM-dd-yyyy'*.csv'"]
