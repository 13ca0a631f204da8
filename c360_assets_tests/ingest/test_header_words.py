"""Headers of CRMs, shops, tills and address books: which tag each column's name means."""

from __future__ import annotations

import polars as pl
import pytest

from c360_assets.ingest.suggest.column_names import note_by_name
from c360_assets.ingest.suggest.column_tags import guess, guesses_beside, place_guesses
from c360_assets.ingest.suggest.header_words import Guess, guess_by_name, parts_of_whole_name
from c360_assets.ingest.suggest.opt_tables import OF_DATA
from c360_assets.ingest.suggest.table_tags import table_kinds

# Program -> `header=tag` of the columns of its customer export; `-` where no tag is right.
EXPORTS = {
    "hubspot": "Record ID=-|First Name=given-name|Last Name=surname|Email=email"
    "|Phone Number=phone|Mobile Phone Number=phone|Street Address=address|City=city"
    "|State/Region=state|Postal Code=postal|Country/Region=country|Company Name=company"
    "|Lifecycle Stage=-|Last Activity Date=-|Contact owner=-|Lead Status=-",
    "salesforce": "Salutation=title|First Name=given-name|Last Name=surname|Email=email|Phone=phone"
    "|Mobile=phone|Home Phone=phone|Mailing Street=address|Mailing City=city"
    "|Mailing State/Province=state|Mailing Zip/Postal Code=postal|Mailing Country=country"
    "|Account Name=company|Birthdate=birthdate|Lead Source=-|Contact Owner=-|Fax=-",
    "salesforce api": "FirstName=given-name|LastName=surname|MailingStreet=address"
    "|MailingPostalCode=postal|MailingStateCode=state|OtherPhone=phone|PersonEmail=email"
    "|PersonMailingCity=city|PersonBirthdate=birthdate|OwnerId=-|RecordTypeId=-",
    "pipedrive": "Person - Name=full-name|Person - Email - Work=email|Person - Email - Home=email"
    "|Person - Phone - Work=phone|Person - Postal address=address|Person - Open deals=-"
    "|Organization - Name=company",
    "zoho": "First Name=given-name|Last Name=surname|Email=email|Secondary Email=email|Mobile=phone"
    "|Mailing Street=address|Mailing Zip=postal|Date of Birth=birthdate|Email Opt Out=-",
    "typeform": "#=-|What's your first name?=given-name|And your last name?=surname"
    "|What's your email address?=email|What's your phone number?=phone|How happy are you?=-"
    "|Please enter your email=email|Wie lautet Ihre E-Mail-Adresse?=email|Network ID=-",
    "sign-in": "user_metadata_phone=phone|traits_email=email|answers_email=email|app_metadata=-",
    "mailchimp": "Email Address=email|First Name=given-name|Last Name=surname|Address=address"
    "|Phone Number=phone|MEMBER_RATING=-|OPTIN_IP=-|CONFIRM_TIME=-|LATITUDE=-|NOTES=-|TAGS=-",
    "klaviyo": "Email=email|First Name=given-name|Last Name=surname|Phone Number=phone"
    "|State / Region=state|Zip Code=postal|Email Marketing Consent=-|Last Open=-|Last Click=-"
    "|First Active=-|$email=email|$phone_number=phone|$address1=address|$zip=postal|$region=state",
    "shopify": "First Name=given-name|Last Name=surname|Email=email|Accepts Email Marketing=-"
    "|Default Address Address1=address|Default Address Address2=address2|Default Address City=city"
    "|Default Address Province Code=state|Default Address Country Code=country"
    "|Default Address Zip=postal|Default Address Phone=phone|Phone=phone|Note=-|Tax Exempt=-",
    "woocommerce": "billing_first_name=given-name|billing_last_name=surname|billing_company=company"
    "|billing_email=email|billing_phone=phone|billing_address_1=address|billing_address_2=address2"
    "|billing_city=city|billing_postcode=postal|billing_state=state|billing_country=country"
    "|user_login=-|Last Active=-|AOV=-",
    "magento": "Name=full-name|Email=email|Group=-|Phone=phone|ZIP=postal|Country=country"
    "|State/Province=state|Web Site=-|Date of Birth=birthdate|Gender=gender|Street Address=address",
    "square": "First Name=given-name|Last Name=surname|Email Address=email|Phone Number=phone"
    "|Street Address 1=address|Street Address 2=address2|City=city|State=state|Postal Code=postal"
    "|Birthday=birthdate|Company Name=company|First Visit=-|Last Visit=-|Nickname=-"
    "|Email Subscription Status=-",
    "lightspeed": "First Name=given-name|Last Name=surname|Company=company|Email 1=email"
    "|Email 2=email|Mobile=phone|Home=-|Address 1=address|Address 2=address2|City=city|State=state"
    "|ZIP=postal|Credit Account=-",
    "stripe": "Email=email|Name=full-name|Phone=phone|Description=-|Card Last4=-|Card Brand=-"
    "|Default Source=-|Delinquent=-|Address Line1=address|Address Line2=address2|Address City=city"
    "|Address State=state|Address Zip=postal|Address Country=country",
    "google contacts": "First Name=given-name|Middle Name=-|Last Name=surname"
    "|Phonetic First Name=-|Name Suffix=generational-suffix|E-mail 1 - Label=-"
    "|E-mail 1 - Value=email|E-mail 2 - Value=email|Phone 1 - Label=-|Phone 1 - Value=phone"
    "|Address 1 - Street=address|Address 1 - City=city|Address 1 - Region=state"
    "|Address 1 - Postal Code=postal|Address 1 - Country=country|Address 1 - Formatted=-"
    "|Organization Name=company|Organization Title=-|Birthday=birthdate",
    "outlook": "Title=title|First Name=given-name|Last Name=surname|Suffix=generational-suffix"
    "|Company=company|Business Street=address|Business Street 2=address2|Business City=city"
    "|Business Postal Code=postal|Home Country/Region=country|Business Fax=-|Business Phone=phone"
    "|Home Phone 2=phone|Mobile Phone=phone|E-mail Address=email|E-mail 2 Address=email"
    "|E-mail Display Name=-|Assistant's Phone=-|Manager's Name=-",
    "apple": "First name=given-name|Last name=surname|Email (home)=email|Email (work)=email"
    "|Phone (mobile)=phone|Phone (home)=phone|Street (home)=address|City (home)=city"
    "|ZIP (home)=postal|State (home)=state|Country (home)=country|Birthday=birthdate|Note=-",
    "bigcommerce": "First Name=given-name|Last Name=surname|Email=email|Company=company|Phone=phone"
    "|Address Line 1=address|Address Line 2=address2|City/Suburb=city|State/Province=state"
    "|Zip/Postcode=postal|Store Credit=-|Customer Group=-|Date Joined=-",
    "prestashop": "Social title=-|First name=given-name|Last name=surname|Email address=email"
    "|Birth date=birthdate|Address=address|Address (2)=address2|Zip/Postal code=postal|City=city"
    "|Home phone=phone|Mobile phone=phone|Newsletter=-|Last visit=-|Sales=-",
    "wix": "First Name=given-name|Last Name=surname|Email 1=email|Phone 1=phone"
    "|Address 1 - Street=address|Address 1 - City=city|Address 1 - Zip=postal|Labels=-|Language=-"
    "|Email subscriber status=-|Last Activity=-",
    "squarespace": "Email=email|Billing Name=full-name|Billing Address1=address"
    "|Billing Address2=address2|Billing City=city|Billing Zip=postal|Billing Province=state"
    "|Billing Country=country|Billing Phone=phone|Shipping Name=full-name|Shipping Zip=postal"
    "|Lineitem name=-|Discount Code=-|Payment Method=-",
    "toast": "Customer Name=full-name|Customer Phone=phone|Customer Email=email|Server=-|Table=-"
    "|Location=-|Tab Name=-",
    "eventbrite": "First Name=given-name|Last Name=surname|Email=email|Cell Phone=phone"
    "|Home Address 1=address|Home Address 2=address2"
    "|Home City=city|Home State=state|Home Zip=postal"
    "|Home Country=country|Ticket Type=-|Order #=-|Event Name=-|Venue Name=-",
    "zendesk": "Name=full-name|Email=email|Phone=phone|Organization=company|Locale=-|Time zone=-"
    "|Role=-|Last login=-|Tags=-",
    "sap": "Debitor=-|Straße=address|PLZ=postal|Ort=city|Land=country|Telefon 1=phone"
    "|E-Mail-Adresse=email|Anrede=title|Umsatz=-|Angelegt am=create-dt|Telefax=-",
    "dynamics": "firstname=given-name|lastname=surname|fullname=full-name|emailaddress1=email"
    "|emailaddress2=email|telephone1=phone|mobilephone=phone|address1_line1=address"
    "|address1_line2=address2|address1_city=city|address1_stateorprovince=state"
    "|address1_postalcode=postal|address1_country=country|birthdate=birthdate|ownerid=-",
    "odoo": "Name=full-name|Email=email|Phone=phone|Mobile=phone|Street=address|Street2=address2"
    "|City=city|Zip=postal|State=state|Country=country|Company Name=company|Salesperson=-",
    "stripe export": "Name=full-name|Card Name=full-name|Card Address Line1=address"
    "|Card Address City=city|Card Address State=state|Card Address Zip=postal"
    "|Card Address Country=country|Card Issue Country=-|Card Last4=-",
    "bitrix24": "Ім'я=given-name|По батькові=-|Робочий телефон=phone|Мобільний телефон=phone"
    "|Робочий e-mail=email|Поштовий індекс=postal|Дата створення=create-dt|Дата зміни=update-dt"
    "|Рабочий телефон=phone|Рабочий e-mail=email",
    "klaviyo api": "attributes_location_address1=address|attributes_location_city=city"
    "|attributes_location_zip=postal|attributes_location_country=country|location=-",
    "taobao": "收货人姓名=full-name|联系手机=phone|收货地址=address|买家留言=-",
    "turkish": "Yolcu Adı=full-name|adres_il=state|adres_posta_kodu=postal",
    "dutch": "Roepnaam=given-name|Telefoon vast=phone|Laatst gewijzigd=update-dt|Voorletters=-",
    "finnish": "Etunimet=given-name|Matkapuhelinnumero=phone|Henkilötunnus=-",
    "mexican": "Nombre(s)=given-name|C.P.=postal|Tel. Celular=phone|No. Ext=-|Colonia=-",
    "remarks": "Full Name (Surname first)=full-name|Name as per Emirates ID=full-name"
    "|DOB (G.C.)=birthdate|تاريخ الميلاد (هجري)=birthdate|Name (Nominee)=-",
    "numbers": "Nr. telefon=phone|Cep Tel=phone|Nº de Telemóvel=phone|No. Pedido=-|CEP=postal",
    "alternatives": "Delegación o Municipio=city|Straße, Hausnr.=address|Ulice a č.p.=address",
    "ethiopian": "የአባት ስም=surname|የሞባይል ቁጥር=phone",
    "south african": "HolderSurname=surname|HolderEmail=email|CellNo=phone|PhysicalCode=postal",
    "greek": "Τηλ.=phone|Επίθετο=surname|Ημ/νία Γέννησης=birthdate|Πατρώνυμο=-",
    "forms": "Email address 1=email|Emails=email|Customer Email (Required)=email|Tel. No.=phone"
    "|Zip/Postal Code=postal|Town/City=city|First / Given Name=given-name"
    "|Surname / Family Name=surname|E-mail/Username=email|First Name / Last Name=full-name"
    "|default_address/city=city|Submission Date=-|IP Address=-|Email Verified=-|Email Domain=-",
}  # fmt: skip


@pytest.mark.parametrize("program", EXPORTS)
def test_the_columns_of_an_export(program: str) -> None:
    columns = [column.rpartition("=") for column in EXPORTS[program].split("|")]
    expected = {name: tag for name, _, tag in columns}
    guesses = {name: guess_by_name(name) for name in expected}
    assert {name: guess.tag if guess else "-" for name, guess in guesses.items()} == expected


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("E-mail 2 - Value", "2"),
        ("Address 2 - Street", "2"),
        ("Street Address 1", ""),
        ("Billing: ZIP/Postal Code", "billing"),
        ("Person - Email - Work", "work"),
        ("Email", ""),
    ],
)
def test_what_tells_columns_of_a_tag_apart(name: str, namespace: str) -> None:
    guess = guess_by_name(name)
    assert guess is not None
    assert guess.namespace == namespace


# The columns of items of orders in a language, all that their rows need.
ORDERS = {
    "pt": "Nº Encomenda|Data Encomenda|Referência|Qtd.|Total c/ IVA",
    "es": "Nro. Comprobante|Fecha|Cód. Artículo|Cant.|Importe",
    "es, Mexico": "Folio|Fecha del Pedido|Clave Producto|Cantidad|Importe",
    "en, Nigeria": "Order No|Order Date|Item|Qty|Amount (N)",
    "am": "የትዕዛዝ ቁጥር|የትዕዛዝ ቀን|የዕቃ ኮድ|ብዛት|ጠቅላላ ዋጋ",
    "ar": "رقم الطلب|تاريخ الطلب|رمز المنتج|الكمية|المجموع شامل الضريبة",
    "ro": "Nr. comandă|Data comenzii|Cod produs|Cantitate|Valoare cu TVA",
    "cs": "Číslo objednávky|Datum objednávky|Kód zboží|Počet ks|Celkem s DPH",
}


@pytest.mark.parametrize("language", ORDERS)
def test_the_columns_of_orders(language: str) -> None:
    kind = next(one for one in table_kinds(ORDERS[language].split("|")) if one.prefix == "txn-item")
    assert kind.missing == ()


# A word for a place, values, the other tags of its table, and which it is there.
PLACE_WORDS = [
    ("Kraj", "Maribor", {"postal"}, "city"),
    ("Kraj", "Jihomoravský kraj", {"city"}, "state"),
    ("Kraj", "Polska", {"city"}, "country"),
    ("Distrito", "Miraflores", {"postal"}, "city"),
    ("Distrito", "Porto", {"city"}, "state"),
    ("Departamento", "Lima", {"city"}, "state"),
    ("Departamento", "Apto 32", {"city"}, None),
    ("Departamento", "Ventas", {"email"}, None),
]


@pytest.mark.parametrize(("word", "value", "beside", "tag"), PLACE_WORDS)
def test_a_word_for_a_place_means_what_its_table_lacks(
    word: str, value: str, beside: set[str], tag: str | None
) -> None:
    found = place_guesses(pl.DataFrame({word: [value]}), {one: Guess(one) for one in beside})
    assert found == ({} if tag is None else {word: Guess(tag)})


def test_a_column_of_contacts_is_one_of_phones_by_its_values() -> None:
    assert guess("Contacto", pl.Series(["912 345 678", "+351 912345678"])) == Guess("phone")
    assert guess("Contacto", pl.Series(["Ana Silva", "912 345 678"])) is None
    assert guess("Contact #", pl.Series(["00012345", "00012346"])) is None


def test_the_fathers_name_is_the_surname_where_there_is_no_other() -> None:
    frame = pl.DataFrame({"First Name": ["Abebe"], "Father's Name": ["Tefera"]})
    given, surname = Guess("given-name"), Guess("surname")
    assert guesses_beside(frame, {"First Name": given}) == {"Father's Name": surname}
    assert guesses_beside(frame, {"First Name": given, "Last Name": surname}) == {}


def test_a_remark_tells_that_the_surname_stands_first() -> None:
    assert parts_of_whole_name("Full Name (Surname first)") == ("surname", "given-name")


@pytest.mark.parametrize("name", ["セイ", "フリガナ", "氏名（カナ）", "Phonetic Last Name"])
def test_the_reading_of_a_name_is_told(name: str) -> None:
    assert "how a name is read" in str(note_by_name(name))


@pytest.mark.parametrize("name", ["Zgoda na przetwarzanie danych", "Souhlas GDPR", "privacy_ok"])
def test_leave_to_keep_data_is_none_to_send_news(name: str) -> None:
    assert OF_DATA.search(name)
