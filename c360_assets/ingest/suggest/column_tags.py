"""Which tag a column deserves: guessed from its name, dropped where its values speak against it.

What a name means is in `header_words`; here is what values of a tag look like, with the marks that
spreadsheets and floats leave on them. Whether a table may carry the tag, and how often, is for
`columns` to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import polars as pl

from c360_assets.ingest.suggest.column_names import plain_header
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.header_words import ADDRESS_PARTS, Guess, guess_by_name
from c360_assets.semantics.countries import country_code
from c360_assets.semantics.lookups import genders, titles
from c360_assets.semantics.organisations import legal_form_words


def _known(values: Iterable[str]) -> str:
    """The alternatives of a regular expression that fits these values in lower case."""
    return "|".join(re.escape(value.lower()) for value in values)


# What most values of a tag look like, in lower case without blanks around them.
LOOKS = {
    # Lists of addresses in one value too, as address books write them.
    "email": r"^(mailto:)?[^@\s]+@[^@\s]+(( ::: |[;,|] ?| )[^@\s]+@[^@\s]+)*$",
    "phone": r"^(=?\"|'|tel:)?[+(]?[\d\s().\-/+:;,|]{6,60}((x|ext\.?|#) ?\d{1,6})?\"?$",
    "postal": r"^(=?\"|')?〒?[a-z0-9][a-z0-9 .-]{1,10}\"?$",
    # One word with digits is what people call themselves in a shop.
    "given-name": r"^[^@#\d]*[^\W\d_][^@#\d]*$|^[^@#]*[^\W\d_][^@#]*\s[^@#]+$",
    "surname": r"^[^@#\d]*[^\W\d_][^@#\d]*$|^[^@#]*[^\W\d_][^@#]*\s[^@#]+$",
    "full-name": (
        r"^[^@#]*[^\W\d_][^@#]*\s[^@#]+$|^[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]{2,}$"
    ),
    "city": r"^[^@]*[^\W\d_][^@]*$",
    "state": r"^[^@]*[^\W\d_][^@]*$",
    "country": r"^[^@]*[^\W\d_][^@]*$",
    "address": r"[^\W\d_]",
    "gender": rf"^({_known(genders())}|u|n|unknown|not .*)\.?$",
    "title": rf"^({_known(titles())}|madam|m|rev|hon)\.?$",
    "generational-suffix": r"^(jr|junior|sr|senior|ii|iii|iv|2nd|3rd|4th)\.?$",
}
# A phone number and nothing else: no date, no code, no number.
PHONE_WITH_SIGNS = (
    r"^(tel:)?(\+[\d\s().-]{7,20}|\(\d{2,5}\)\s?[\d\s-]{5,12}|\d{3}[-. ]\d{3}[-. ]\d{4})$"
)
PHONE_DIGITS = (8, 15)
# Letters of which one means a woman in one language and a man in another, and what tells it is in
# no value: hombre and mujer, sieviete and virietis, female and what one prefers not to say. In
# Hungarian an F is a man; beside an M, an N is none.
MISLEADING_LETTERS = ({"h", "m"}, {"f", "p"}, {"s", "v"})
FERFI_AND_NO = {"f", "n"}
BORNE_OUT = 0.6  # share of the values that must look like the tag
# What a record's state is, and no state of a country.
STATES_OF_RECORDS = frozenset({
    "active", "inactive", "enabled", "disabled", "open", "closed", "new", "pending", "deleted",
    "archived", "draft", "done", "resolved", "in progress", "on hold",
})  # fmt: skip
MOST_ORGANISATIONS = 0.5  # of the names in a column, as many do without a legal form
HOLDING = 0.9  # of the rows with a part
# Words for places that mean another one in the next country, and the tags that are tried in turn: a
# country in Polish, a town in Slovene, a region in Czech. Only beside other parts of an address.
PLACES = {
    "kraj": ("country", "city", "state"),
    "distrito": ("city", "state"),
    "departamento": ("state",),
    "department": ("state",),
}
FATHERS_NAME = re.compile(r"father'?s?[ _]?name|اسم الأب|اسم الاب", re.IGNORECASE)
# A column of numbers is called so too.
CONTACT = re.compile(
    r"(numeros? de )?(contact[oe]?s?|kontakte?|contato|contatto|контакты?)( ?#)?", re.IGNORECASE
)
EMAILS = 0.95  # share of values from which on a column of any name is one of e-mail addresses


def guess(name: str, values: pl.Series) -> Guess | None:
    """The tag of a column by its name, if its values do not speak against it.

    A column without values has its name only.
    """
    by_name = guess_by_name(name)
    if by_name is not None and by_name.tag == "gender" and _are_misleading(values):
        return None
    if by_name is not None and by_name.tag == "state" and _are_states_of_records(values):
        return None
    if by_name is None and CONTACT.fullmatch(plain_header(name)):
        return Guess("phone") if _are_phones(values) else None
    if by_name is None or _share(values, LOOKS.get(by_name.tag, "")) < BORNE_OUT:
        return None
    if by_name.tag == "full-name" and are_organisations(values):
        return Guess("company", by_name.namespace)
    return by_name


def guess_by_values(values: pl.Series) -> Guess | None:
    """The tag of a column without a name, where nothing else looks like its values."""
    if are_emails(values):
        return Guess("email")
    texts = _texts(values)
    if texts.is_empty() or not _share(values, PHONE_WITH_SIGNS) >= EMAILS:
        return None
    digits = texts.str.replace_all(r"\D", "").str.len_chars()
    return Guess("phone") if digits.is_between(*PHONE_DIGITS).all() else None


def guesses_beside(frame: pl.DataFrame, guesses: Mapping[str, Guess]) -> dict[str, Guess]:
    """The guesses of columns whose names mean what the other columns of their table do not say."""
    return place_guesses(frame, guesses) | _fathers_names(frame, guesses)


def _fathers_names(frame: pl.DataFrame, guesses: Mapping[str, Guess]) -> dict[str, Guess]:
    """The father's name as surname where persons have a given name and no other: in Ethiopia and
    elsewhere it is what stands second."""
    tags = {guess.tag for guess in guesses.values()}
    if "given-name" not in tags or tags & {"surname", "full-name"}:
        return {}
    found = [name for name in frame.columns if FATHERS_NAME.fullmatch(plain_header(name))]
    return {name: Guess("surname") for name in found[:1] if are_given_names(frame[name])}


def place_guesses(frame: pl.DataFrame, guesses: Mapping[str, Guess]) -> dict[str, Guess]:
    """The guesses of columns whose word for a place means another one in each country: the first
    of its tags that values allow and no other column has."""
    found = {
        name: PLACES[plain_header(name).lower()]
        for name in frame.columns
        if plain_header(name).lower() in PLACES and not present(frame[name]).is_empty()
    }
    others = {guess.tag for name, guess in guesses.items() if name not in found}
    if others.isdisjoint(ADDRESS_PARTS | {"address"}):
        return {}
    placed: dict[str, Guess] = {}
    for name, tags in found.items():
        taken = others | {guess.tag for guess in placed.values()}
        fitting = [tag for tag in tags if tag not in taken and _may_be_place(frame[name], tag)]
        if fitting:
            placed[name] = Guess(fitting[0])
    return placed


def _may_be_place(values: pl.Series, tag: str) -> bool:
    texts = _texts(values)
    if tag != "country":
        return not texts.str.contains(r"\d").any()
    known = texts.to_frame("text").select(country_code(pl.col("text")))["text"]
    return known.count() >= BORNE_OUT * len(texts)


def _are_phones(values: pl.Series) -> bool:
    """Whether values are numbers of phones, and not those that a system gave to contacts."""
    texts = _texts(values)
    digits = texts.str.replace_all(r"\D", "")
    are_long = len(texts) > 0 and (digits.str.len_chars() >= PHONE_DIGITS[0]).mean() == 1.0
    are_long = are_long and bool((digits != texts).any())
    return are_long and _share(values, LOOKS["phone"]) >= EMAILS


def _are_states_of_records(values: pl.Series) -> bool:
    texts = _texts(values)
    return texts.len() > 0 and set(texts.unique()) <= STATES_OF_RECORDS


def _are_misleading(values: pl.Series) -> bool:
    """Whether letters for genders would be read as the wrong ones."""
    letters = set(_texts(values).unique())
    is_hungarian = letters.issuperset(FERFI_AND_NO) and "m" not in letters
    return is_hungarian or any(pair <= letters for pair in MISLEADING_LETTERS)


def are_emails(values: pl.Series) -> bool:
    """Whether nearly all of some values are e-mail addresses, whatever their column is called."""
    return _texts(values).len() > 0 and _share(values, LOOKS["email"]) >= EMAILS


def are_given_names(values: pl.Series) -> bool:
    """Whether there are values, and most look like the names that a person is called by."""
    return _texts(values).len() > 0 and _share(values, LOOKS["given-name"]) >= BORNE_OUT


def are_full_names(values: pl.Series) -> bool:
    """Whether nearly all of some values look like names of several words, without digits."""
    texts = _texts(values)
    has_digits = texts.str.contains(r"\d").any()
    return len(texts) > 0 and not has_digits and _share(values, LOOKS["full-name"]) >= EMAILS


def are_organisations(values: pl.Series) -> bool:
    """Whether most of some values end in a legal form, as names of companies do."""
    last_words = _texts(values).str.replace_all(r"\.", "").str.extract(r"(\w+)\W*$")
    is_legal_form = last_words.str.to_uppercase().is_in(sorted(legal_form_words()))
    return is_legal_form.sum() > MOST_ORGANISATIONS * len(is_legal_form)


def holds_other(frame: pl.DataFrame, name: str, other: str) -> bool:
    """Whether nearly all texts of a column hold that of another column, and more around it."""
    texts, parts = (pl.col(each).cast(pl.String).str.strip_chars() for each in (name, other))
    rows = frame.select(text=texts, part=parts).drop_nulls().filter(pl.col("part") != "")
    is_longer = pl.col("text").str.len_chars() > pl.col("part").str.len_chars()
    held = rows.filter(is_longer & pl.col("text").str.contains(pl.col("part"), literal=True))
    return rows.height > 0 and held.height >= HOLDING * rows.height


def _texts(values: pl.Series) -> pl.Series:
    return present(values).str.to_lowercase()


def _share(values: pl.Series, look: str) -> float:
    """The share of values that look so; all of them where there are none, or no look is known."""
    texts = _texts(values)
    if not look or texts.is_empty():
        return 1.0
    plain = texts.str.normalize("NFKD").str.replace_all("[\u0300-\u036f]", "")
    plain = plain.str.replace_all("ı", "i", literal=True)
    return float((texts.str.contains(look) | plain.str.contains(look)).sum()) / len(texts)
