"""Which tag a column's name means, read as words rather than as one text.

`E-mail 1 - Value`, `Customer Email (Required)` and `Billing: ZIP/Postal Code` are an e-mail address
and a postal code with words around them. The names that mean a tag by themselves are in the
catalogue of `semantics`; what a column's values say is for `column_tags`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby, product

from c360_assets.ingest.suggest.column_names import plain_header
from c360_assets.ingest.suggest.header_parts import by_abbreviation, without_number_words
from c360_assets.semantics.tags import COLUMN_TAGS, tag_for_column

# Words that say whose a value is, and not what: `customer city` is a city. The person that a record
# is about is its customer; clerks, managers and stores are somebody else and not here.
OWNERS = frozenset({
    "account", "buyer", "client", "cliente", "consumer", "contact", "contacto", "contacts",
    "cust", "customer", "guest", "home", "klant", "klient", "klienta", "kund", "kunde", "kunden",
    "kundens", "lead", "main", "member", "musteri", "own", "patient", "person", "personal",
    "applicant", "cardholder", "donor", "holder", "insured", "payer", "policyholder", "remitter",
    "primary", "privat", "private", "profile", "shopper", "subscriber", "traveller", "user",
    "zakaznik", "zakaznika", "ugyfel", "vasarlo", "vevo", "pelanggan", "клиент", "клиента",
    "клієнта", "πελατη", "πελατης", "klients", "klientas", "pircejs", "pirkejas", "asiakas",
    "kupac", "kupec", "stranka", "klijent", "mijoz", "клијент", "купац", "العميل", "الزبون",
    "مشتری", "ደንበኛ", "ลูกค้า",
    "покупатель", "покупателя", "покупця", "контакт", "контакта", "контакту",
    "my", "your", "ihr", "ihre", "dein", "deine", "votre", "su", "tu", "vostro", "vostra", "tuo",
    "tua", "uw", "jouw", "seu", "sua", "din", "ditt",
    "주문자", "구매자", "注文者", "購入者", "买家", "買家", "订购人", "訂購人",
    "客户", "客戶", "顾客", "顧客", "会员", "會員", "会員", "お客様", "고객", "회원",
})  # fmt: skip
# Words that say which one of several a value is, and so tell two columns of a tag apart.
KINDS = frozenset({
    "alt", "alternate", "alternative", "bill", "billing", "business", "cell", "delivery",
    "dienstlich",
    "entrega", "envio", "facturacion", "facturation", "geschaftlich", "invoice", "lieferung",
    "livraison", "mailing", "mobile", "office", "other", "permanent", "physical",
    "rechnung", "rechnungsadresse", "rechnungsanschrift", "lieferadresse", "lieferanschrift",
    "residential",
    "secondary", "ship", "shipping", "szallitasi", "szamlazasi", "work", "werk", "zakelijk",
    "рабочии", "робочии", "домашнии", "основнои",
})  # fmt: skip
# Words that say nothing about a value.
PLAIN = frozenset({
    "addr", "address", "addresses", "adres", "adresa", "adresse", "alamat", "answer", "answers",
    "attributes", "current", "custom", "data", "default", "detail", "details", "direccion",
    "endereco", "field", "fields", "gmt", "indirizzo", "info", "iso", "line", "location", "mail",
    "mandatory", "metadata", "obbligatorio", "obligatoire", "obligatorio", "optional", "osoite",
    "pflichtfeld", "postal", "preferred", "properties", "property", "raw", "required", "text",
    "to", "traits", "utc", "value", "values", "verplicht", "wymagane", "διευθυνση", "адрес",
    "адреса", "信息", "資料", "資訊", "资料",
})  # fmt: skip
ORDINAL = re.compile(r"\d|\d(?:st|nd|rd|th)")
# Words of other alphabets are what stands together, but for the person that it begins with.
WORD = re.compile(
    r"\d(?:st|nd|rd|th)\b|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+"
    r"|(?:주문자|구매자|注文者|購入者|买家|買家|订购人|訂購人|客户|客戶|顾客|顧客|会员|會員|会員|お客様|고객|회원)|[^\W\d_A-Za-z]+"
)
# What forms and surveys ask before they name a value: `What's your first name?`
QUESTION = re.compile(
    r"\W*((and|please|enter|type|tell us|bitte|geben sie|what(['’]?s| is| are)?|wie (lautet|ist)"
    r"|was ist|quel(le)? est|cual es|qual e|wat is|vad ar|hvad er|hva er)\s+)+",
    re.IGNORECASE,
)
# What a header says of how a value is written, or after which paper.
REMARK = re.compile(
    r"\W*\b(as|like) (per|on|in|it appears|printed|shown|given|written)\b.*$"
    r"|\(((sur|last|family|given|first)[ _]?(names?)?[ _-]first|[gead]\.? ?[cd]\.?"
    r"|(in )?(block|capital) letters|capitals|hijri|gregorian|(بال)?(هجري|ميلادي)[ةه]?"
    r"|apellidos? primero|nom en premier)\)",
    re.IGNORECASE,
)
SURNAME_FIRST = re.compile(
    r"\(((sur|last|family)[ _]?names?[ _-]first|apellidos? primero|nom en premier)\)", re.I
)
# Between words of which any may mean the tag, as does a slash.
OR = re.compile(r" (?:or|o|ou|oder|of|eller|lub|nebo|vagy|sau|veya|ya da|или|або|ή|أو) ", re.I)
ADDRESS_PARTS = frozenset({"address2", "city", "state", "postal", "country"})
NAME_PARTS = ("surname", "given-name")
# Their letters are those of surname, given name and patronymic.
SURNAME_FIRST_WORDS = frozenset({"фио", "піб", "fio"})
MOST_WORDS_OF_A_PART = 3
# Each optional word doubles the readings that are tried.
MOST_OPTIONAL_WORDS = 8


@dataclass(frozen=True)
class Guess:
    """A tag and, for one of several columns of it, what tells this one apart.

    `namespace` is a word such as `billing`, or empty where nothing does.
    """

    tag: str
    namespace: str = ""


def guess_by_name(name: str) -> Guess | None:
    """The tag that a column's name means, None for a name that means none.

    The parts of a name such as `Town/City` are alternatives, of which any may mean the tag.
    """
    plain = _without_question(REMARK.sub("", plain_header(name)))
    whole = _guess_words(plain)
    if whole is None and parts_of_whole_name(plain):
        return Guess("full-name")
    if whole is None:
        tag = _tag_of_each_word(plain) or by_abbreviation(plain, COLUMN_TAGS)
        # An employee's name begins as an employer's.
        whole = None if tag in (None, "company") else Guess(tag)
    if whole is None and tag_for_column(without_number_words(plain)) == "phone":
        return Guess("phone")
    alternatives = OR.sub("/", plain)
    if whole is not None or "/" not in alternatives:
        return whole
    readings = [_guess_words(part) for part in alternatives.split("/")]
    guesses = [reading for reading in readings if reading is not None]
    if not guesses:
        return None
    tags = {guess.tag for guess in guesses}
    if {"given-name", "surname"} <= tags:
        return Guess("full-name", guesses[0].namespace)
    # `default_address/city` is a path to a city.
    parts = [guess for guess in guesses if guess.tag in ADDRESS_PARTS]
    if guesses[0].tag == "address" and parts:
        return Guess(parts[0].tag, guesses[0].namespace or parts[0].namespace)
    return guesses[0]


def _without_question(plain: str) -> str:
    asked = QUESTION.match(plain)
    return plain if asked is None else plain[asked.end() :]


def parts_of_whole_name(name: str) -> tuple[str, ...]:
    """The tags `surname` and `given-name` in the order in which a header names them, such as
    `Cognome e nome`; empty where it does not name one of each.

    A word for a name beside one of the two is the other one: `Name, Vorname`.
    """
    words = [word.lower() for word in WORD.findall(plain_header(name))]
    if SURNAME_FIRST.search(name) or (len(words) == 1 and words[0] in SURNAME_FIRST_WORDS):
        return NAME_PARTS
    tags: list[str] = []
    place = length = 0
    while place < len(words):
        for length in range(MOST_WORDS_OF_A_PART, 0, -1):
            tag = tag_for_column("".join(words[place : place + length]))
            # Several words of a whole name are its parts.
            if tag in NAME_PARTS or (tag == "full-name" and length == 1):
                tags.append(tag)
                break
        place += length
    if len(tags) != len(NAME_PARTS) or not set(tags) & set(NAME_PARTS):
        return ()
    (missing,) = set(NAME_PARTS).difference(tags) or {""}
    parts = tuple(missing if tag == "full-name" else tag for tag in tags)
    return parts if set(parts) == set(NAME_PARTS) else ()


def names_an_owner(name: str) -> bool:
    """Whether a column is called after the person that a record is about, and nothing else."""
    words = [word.lower() for word in WORD.findall(plain_header(name))]
    return bool(words) and all(word in OWNERS for word in words)


def _guess_words(text: str) -> Guess | None:
    words = [word.lower() for word in WORD.findall(text)]
    # `salutation.salutationKey` repeats what its object is called.
    words = [word for word, _ in groupby(words)]
    if len(words) > 2 and words[0] == "order" and words[1] in OWNERS:
        words = words[1:]  # `orderCustomer.email` is the customer's
    optional = [_is_optional(word) for word in words]
    if not words or sum(optional) > MOST_OPTIONAL_WORDS:
        return None
    choices = [(True, False) if is_optional else (True,) for is_optional in optional]
    tag_of_reading: dict[tuple[bool, ...], str] = {}
    for kept in product(*choices):
        letters = "".join(word for word, is_kept in zip(words, kept, strict=True) if is_kept)
        tag = tag_for_column(letters) if letters else None
        if tag is not None:
            tag_of_reading[kept] = tag
    if not tag_of_reading:
        return None
    # The last words say what a value is: `address 1 line 2` is a second line, and `postal address`
    # an address.
    best_reading = max(tag_of_reading, key=lambda kept: kept[::-1])
    tag = tag_of_reading[best_reading]
    same_tag = [kept for kept, other in tag_of_reading.items() if other == tag]
    shortest = min(same_tag, key=lambda kept: (sum(kept), kept))
    return Guess(tag, _namespace(words, shortest, tag))


def _tag_of_each_word(plain: str) -> str | None:
    """The tag that each word of a name means by itself: `Моб. телефон`, `Κινητό Τηλ.`"""
    words = [word.lower() for word in WORD.findall(plain)]
    tags = {tag_for_column(word) for word in words}
    return tags.pop() if len(words) > 1 and len(tags) == 1 else None


def _is_optional(word: str) -> bool:
    return word in OWNERS | KINDS | PLAIN or ORDINAL.fullmatch(word) is not None


def _namespace(words: list[str], kept: tuple[bool, ...], tag: str) -> str:
    """What tells a column apart: the words left out that say which one it is.

    The number at the end of a street's name is that of the line and not of the address.
    """
    telling: list[str] = []
    for place, word in enumerate(words):
        is_line_number = tag in {"address", "address2"} and place == len(words) - 1
        is_ordinal = ORDINAL.fullmatch(word) is not None and not is_line_number
        if not kept[place] and (word in KINDS or is_ordinal):
            telling.append(word)
    return "-".join(telling)
