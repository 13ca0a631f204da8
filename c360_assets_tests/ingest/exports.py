"""Exports as shops, CRMs and spreadsheets write them, generated from a seed: header families times
dialects, damages and forms of values. What each must become is known.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

# Kind of column -> the tag that it must get; kinds that are not here need none.
TAG_OF_KIND = {
    "given": "given-name", "surname": "surname", "full": "full-name", "email": "email",
    "phone": "phone", "street": "address", "street2": "address2", "city": "city",
    "state": "state", "postal": "postal", "country": "country", "birth": "birthdate",
    "company": "company",
}  # fmt: skip
# Header families: `header=kind` of each column, `-` where nothing is expected of it.
FAMILIES = {
    "hubspot": "Record ID=id|First Name=given|Last Name=surname|Email=email|Phone Number=phone"
    "|Street Address=street|City=city|State/Region=state|Postal Code=postal|Country/Region=country"
    "|Company Name=company|Create Date=moment|Lifetime Value=amount",
    "salesforce": "Id=id|FirstName=given|LastName=surname|Email=email|MobilePhone=phone"
    "|MailingStreet=street|MailingCity=city|MailingState=state|MailingPostalCode=postal"
    "|MailingCountry=country|Birthdate=birth|AnnualRevenue=amount",
    "pipedrive": "Person - ID=id|Person - Name=full|Person - Email - Work=email"
    "|Person - Phone - Mobile=phone|Person - Postal address=street|Organization - Name=company"
    "|Person - Person created=moment",
    "zoho": "Contact Id=id|First Name=given|Last Name=surname|Email=email|Mobile=phone"
    "|Mailing Street=street|Mailing City=city|Mailing State=state|Mailing Zip=postal"
    "|Mailing Country=country|Account Name=company|Date of Birth=birth",
    "mailchimp": "Email Address=email|First Name=given|Last Name=surname|Address=street"
    "|Phone Number=phone|Birthday=text|MEMBER_RATING=count|OPTIN_TIME=moment|LEID=id",
    "klaviyo": "Email=email|Klaviyo ID=id|First Name=given|Last Name=surname|Phone Number=phone"
    "|Address=street|City=city|State / Region=state|Country=country|Zip Code=postal"
    "|Historic Customer Lifetime Value=amount|Profile Created On=moment",
    "shopify": "Customer ID=id|First Name=given|Last Name=surname|Email=email"
    "|Default Address Company=-|Default Address Address1=street|Default Address Address2=street2"
    "|Default Address City=city|Default Address Province Code=state"
    "|Default Address Country Code=country|Default Address Zip=postal|Phone=phone"
    "|Total Spent=amount|Total Orders=count",
    "woocommerce": "customer_id=id|billing_first_name=given|billing_last_name=surname"
    "|billing_company=company|billing_email=email|billing_phone=phone|billing_address_1=street"
    "|billing_address_2=street2|billing_city=city|billing_state=state|billing_postcode=postal"
    "|billing_country=country|total_spent=amount|orders=count",
    "magento": "ID=id|Name=full|Email=email|Phone=phone|ZIP=postal|Country=country"
    "|State/Province=state|Customer Since=moment|Street Address=street|City=city"
    "|Date of Birth=birth",
    "square": "Reference ID=id|First Name=given|Last Name=surname|Email Address=email"
    "|Phone Number=phone|Company Name=company|Street Address 1=street|Street Address 2=street2"
    "|City=city|State=state|Postal Code=postal|Birthday=birth|Total Spend=amount",
    "google": "First Name=given|Last Name=surname|E-mail 1 - Label=-|E-mail 1 - Value=email"
    "|Phone 1 - Label=-|Phone 1 - Value=phone|Address 1 - Street=street|Address 1 - City=city"
    "|Address 1 - Region=state|Address 1 - Postal Code=postal|Address 1 - Country=country"
    "|Organization Name=company",
    "outlook": "First Name=given|Last Name=surname|Company=company|Home Street=street"
    "|Home City=city|Home State=state|Home Postal Code=postal|Home Country/Region=country"
    "|Mobile Phone=phone|E-mail Address=email|Birthday=birth",
    "stripe": "id=id|Email=email|Name=full|Created (UTC)=moment|Card ID=text"
    "|Card Address Line1=-|Card Address City=-|Total Spend=amount|Payment Count=count"
    "|Phone=phone",
    "dynamics": "contactid=id|firstname=given|lastname=surname|emailaddress1=email"
    "|telephone1=phone|address1_line1=street|address1_line2=street2|address1_city=city"
    "|address1_stateorprovince=state|address1_postalcode=postal|address1_country=country"
    "|birthdate=birth|createdon=moment",
    "forms": "Submission ID=id|First / Given Name=given|Surname / Family Name=surname"
    "|Customer Email (Required)=email|Tel. No.=phone|Address Line 1=street|Town/City=city"
    "|Postcode/ZIP=postal|Date of birth=birth",
    "till": "Customer No=id|Name=full|E-mail=email|Telephone=phone|Street=street|Suburb=city"
    "|Zip/Postal Code=postal|Points=count|Balance=amount|Last Visit=moment",
    "german": "Kundennummer=id|Vorname=given|Nachname=surname|E-Mail-Adresse=email"
    "|Telefon=phone|Straße=street|PLZ=postal|Ort=city|Land=country|Geburtsdatum=birth"
    "|Firma=company|Umsatz=amount|Angelegt am=moment",
    "french": "Code client=id|Prénom=given|Nom=surname|Courriel=email|Téléphone=phone"
    "|Adresse=street|Code postal=postal|Ville=city|Pays=country|Date de naissance=birth"
    "|Montant total=amount",
    "spanish": "Código=id|Nombre=given|Apellidos=surname|Correo electrónico=email"
    "|Teléfono=phone|Dirección=street|Código postal=postal|Población=city|Provincia=state"
    "|Fecha de nacimiento=birth|Importe=amount",
    "orders": "Order ID=id|Customer Name=full|Customer Email=email|Billing Phone=phone"
    "|Billing Street=street|Billing City=city|Billing Zip=postal|Billing Country=country"
    "|Order Total=amount|Ordered At=moment|Items=count",
}  # fmt: skip
GIVEN = [
    "Ada",
    "Bo",
    "Cleo",
    "Dora",
    "Emil",
    "Finn",
    "Gus",
    "Hana",
    "Ivo",
    "Jana",
    "Kai",
    "Lena",
    "Milo",
    "Nora",
    "Otto",
    "Pia",
]
SURNAMES = [
    "Abbott",
    "Brandt",
    "Costa",
    "Dunn",
    "Eriksen",
    "Fox",
    "Gruber",
    "Hale",
    "Ito",
    "Jensen",
    "Kern",
    "Lopez",
    "Moss",
]
CITIES = ["Dover", "Leipzig", "Lyon", "Porto", "Leeds", "Graz", "Turin", "Bern", "Gent", "Malmo"]
STATES = ["NH", "VT", "ME", "MA", "NY", "CA", "TX", "WA"]
STREETS = ["Pine St", "Oak Rd", "Mill Lane", "High Street", "Ring", "Quai Ouest"]


@dataclass(frozen=True)
class Forms:
    """How the values of an export are written."""

    name: str
    amount: Callable[[float], str]
    day: str
    moment: Callable[[datetime], str]
    postal: str = "{:05d}"
    phone: str = "603-555-{:04d}"


def _german(amount: float) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def _serial(moment: datetime) -> str:
    return f"{(moment - datetime(1899, 12, 30)).total_seconds() / 86400:.5f}"


FORMS = (
    Forms("plain", "{:.2f}".format, "%Y-%m-%d", "{:%Y-%m-%d %H:%M:%S}".format),
    Forms(
        "us", "${:,.2f}".format, "%m/%d/%Y", "{:%m/%d/%Y %H:%M}".format, phone="(603) 555-{:04d}",
    ),
    Forms(
        "german", lambda amount: f"{_german(amount)} €", "%d.%m.%Y", "{:%d.%m.%Y %H:%M}".format,
        phone="0351/55{:04d}",
    ),
    Forms(
        "excel", "{:.2f}".format, "%d/%m/%Y", _serial, postal="'{:05d}", phone="'+1603555{:04d}",
    ),
    Forms(
        "floats", "{:,.2f}".format, "%d %b %Y", lambda moment: str(int(moment.timestamp())),
        postal="1{:04d}.0", phone="1603555{:04d}.0",
    ),
    Forms(
        "sap", lambda amount: f"{_german(amount)}-", "%Y%m%d", "{:%b %d, %Y %I:%M %p}".format,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Dialect:
    name: str
    delimiter: str = ","
    encoding: str = "utf-8"
    line_end: str = "\n"
    quote_all: bool = False


DIALECTS = (
    Dialect("comma"),
    Dialect("semicolon", ";", "cp1252", "\r\n"),
    Dialect("tab", "\t", "utf-16"),
    Dialect("pipe", "|", "utf-8-sig"),
    Dialect("quoted", quote_all=True, line_end="\r\n"),
)
DAMAGES = (
    "none", "title", "preamble", "sep", "comment", "total", "note", "short_row", "long_row",
    "trailing_header", "trailing_rows", "trailing_both", "repeated_header", "blank_lines",
    "mixed_ends", "inch_marks", "index_column", "duplicate_column", "gaps", "padding",
)  # fmt: skip


@dataclass(frozen=True)
class Export:
    """A generated file. `tags` are those of its columns, `good_rows` are to be loaded."""

    family: str
    dialect: str
    damage: str
    forms: str
    content: bytes
    good_rows: int
    tags: dict[str, str]


def export(number: int, rows: int = 40) -> Export:
    """Export number `number` of the corpus, always the same."""
    random_ = random.Random(number)
    family = list(FAMILIES)[number % len(FAMILIES)]
    dialect = random_.choice(DIALECTS)
    damage = DAMAGES[number // len(FAMILIES) % len(DAMAGES)]
    forms = random_.choice(FORMS)
    columns = [column.rsplit("=", 1) for column in FAMILIES[family].split("|")]
    kinds = [kind for _, kind in columns]
    header = [name for name, _ in columns]
    tags = {name: TAG_OF_KIND[kind] for name, kind in columns if kind in TAG_OF_KIND}
    table = [[_value(kind, row, forms, random_) for kind in kinds] for row in range(rows)]
    lines = _damaged(header, table, damage, dialect, random_)
    good = rows - (damage in {"short_row", "long_row"})
    text = dialect.line_end.join(lines) + dialect.line_end
    if damage == "mixed_ends":
        text = text.replace(dialect.line_end, "\r\n", rows // 3)
    content = text.encode(dialect.encoding, "replace")
    return Export(family, dialect.name, damage, forms.name, content, good, tags)


def _value(kind: str, row: int, forms: Forms, random_: random.Random) -> str:
    given, surname = GIVEN[row % len(GIVEN)], random_.choice(SURNAMES)
    moment = datetime(2025, 1, 13, 8, 5, 9) + timedelta(hours=7 * row, minutes=row)
    born = date(1950, 1, 13) + timedelta(days=row * 389)
    plain = {
        "id": f"{7001 + row}",
        "given": given,
        "surname": surname,
        "full": f"{given} {surname}",
        "email": f"{given.lower()}{row}@example.com",
        "phone": forms.phone.format(row * 37 % 10_000),
        "street": f"{row + 1} {random_.choice(STREETS)}",
        "street2": f"Apt {row}" if row % 3 else "",
        "city": random_.choice(CITIES),
        "state": random_.choice(STATES),
        "postal": forms.postal.format(3801 + row),
        "country": random_.choice(["US", "DE", "FR"]),
        "birth": born.strftime(forms.day),
        "moment": forms.moment(moment),
        "amount": forms.amount(3.5 + row * 137.25),
        "count": str(row % 9),
        "company": f"{surname} Ltd" if row % 2 else "",
        "text": f"note {row}",
        "-": random_.choice(["Home", "Work"]),
    }
    return plain[kind]


def _damaged(
    header: list[str],
    table: list[list[str]],
    damage: str,
    dialect: Dialect,
    random_: random.Random,
) -> list[str]:
    middle = len(table) // 2
    if damage == "gaps":
        table = [_with_gaps(row, random_) for row in table]
    if damage == "padding":
        table = [[f" {value} " for value in row] for row in table]
    if damage == "index_column":
        header = ["", *header]
        table = [[str(number), *row] for number, row in enumerate(table)]
    if damage == "duplicate_column":
        header = [*header, header[-1]]
        table = [[*row, row[-1]] for row in table]
    if damage == "short_row":
        table[middle] = table[middle][:-2]
    if damage == "long_row":
        table[middle] = [*table[middle], "x", "y"]
    cut = dialect.delimiter
    width = len(header)
    lines = [_line(cells, dialect) for cells in [header, *table]]
    if damage == "inch_marks":
        lines = [line.replace("Oak Rd", 'Oak 5" Rd') for line in lines]
    if damage in {"trailing_header", "trailing_both"}:
        lines[0] += cut
    if damage in {"trailing_rows", "trailing_both"}:
        lines[1:] = [line + cut for line in lines[1:]]
    if damage == "repeated_header":
        lines.insert(middle, lines[0])
    if damage == "blank_lines":
        lines.insert(middle, "")
    before = {
        "title": ["Customer report"],
        "preamble": ["Customer report", "Store: North Street 12", "Period: May 2026", ""],
        "sep": [f"sep={cut}"],
        "comment": ["# exported 2026-06-01", "# by the till"],
    }
    after = {
        "total": [cut.join(["Total", *[""] * (width - 2), "215.75"])],
        "note": [f"{len(table)} rows exported"],
    }
    return [*before.get(damage, []), *lines, *after.get(damage, [])]


def _with_gaps(row: list[str], random_: random.Random) -> list[str]:
    """A row of whose values, but for two, one in five is missing."""
    kept = {0, len(row) - 1}
    return [v if i in kept or random_.random() > 0.2 else "" for i, v in enumerate(row)]


def _line(cells: list[str], dialect: Dialect) -> str:
    buffer = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if dialect.quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(buffer, delimiter=dialect.delimiter, quoting=quoting, lineterminator="")
    writer.writerow(cells)
    return buffer.getvalue()
