"""Street address, city, state and postal code as they are compared, as Polars expressions.

Stitch expands abbreviations to full words; the opposite direction, which householding takes, is SQL
in `customer_360` over the same tables (`lookups.street_abbreviations`). Without a country the
dictionary is American, yet its rules only ever replace whole words after the first, so an address
of another country keeps its own words; with one it is that of the country (`streets`).
"""

import polars as pl

from c360_assets.semantics.contact_marks import plain, quoted
from c360_assets.semantics.countries import subdivision_code
from c360_assets.semantics.lookups import address_expansions, state_codes, unit_words
from c360_assets.semantics.streets import StreetWords, rewritten, street_words
from c360_assets.semantics.text import fold_upper, missing_to_null, on_distinct, squeeze

_BOX_NUMBER = r"\b(?:P ?O ?BOX|POST OFFICE BOX|POB) ?(?:NO |NUMBER )?#? ?([0-9]+)\b"
_BOX = r"\b(?:P O ?BOX|POBOX|POST OFFICE BOX)\b"
_FIRST = "\x01"
_UNIT_AND_HASH = rf"\b({'|'.join(unit_words())}|BOX|NO) ?#"


def clean_address(
    address: pl.Expr, address2: pl.Expr | None = None, *, country: str | None = None
) -> pl.Expr:
    """One line in full words: street, unit and PO box (`1000 1st Ave. Ste. 1960 -> 1000 FIRST
    AVENUE SUITE 1960`).

    The words are those of the `country` by its ISO code, without it those of the United States.
    NULL when `address` is missing, unless `address2` holds a PO box: a unit alone says nothing.
    """

    def line(value: pl.Expr) -> pl.Expr:
        return _address_line(value, country)

    def lines(value: pl.Expr) -> pl.Expr:
        return _address_lines(value, country)

    if address2 is None:
        return on_distinct(address, line)
    # Without a street only a PO box of the second line is kept, so the join must show which line is
    # missing.
    both = pl.concat_str(
        [address.str.strip_chars().fill_null(""), address2.fill_null("")], separator="\n"
    )
    return on_distinct(both, lines)


def _address_lines(both: pl.Expr, country: str | None) -> pl.Expr:
    line = _address_line(both, country)
    return pl.when(~both.str.starts_with("\n") | line.str.contains(r"\bPO BOX [0-9]")).then(line)


def _address_line(line: pl.Expr, country: str | None) -> pl.Expr:
    text = fold_upper(line)
    is_american = country in (None, "US")
    if country is not None and not is_american:
        text = rewritten(text, country)
    # "AVE.STE" is two words, "P.O." and "N.W." are one.
    text = text.str.replace_all(r"(\p{L}{2})\.(\p{L}|\d)", "${1} ${2}")
    text = text.str.replace_all(r"[.'\"]", "").str.replace_all(r"[,;:()\s]+", " ")
    text = text.str.replace_all(_BOX_NUMBER, "PO BOX ${1}").str.replace_all(_BOX, "PO BOX")
    text = text.str.replace_all(_UNIT_AND_HASH, "${1} ")
    text = text.str.replace_all("#", " APARTMENT ", literal=True)
    if country is None or is_american:
        words = StreetWords({}, address_expansions())
    else:
        words = street_words(country)
    return squeeze(_expand(squeeze(text), words))


def _expand(text: pl.Expr, words: StreetWords) -> pl.Expr:
    """Replace whole words.

    One multi-pattern pass: a lookup per word costs four times as much.
    """
    # Every word gets spaces of its own, the first one a mark in front that only its patterns have.
    spaced = _FIRST + text.str.replace_all(" ", "  ", literal=True) + " "
    replaced = {f" {token} ": f" {word} " for token, word in words.later.items()}
    replaced |= {f"{_FIRST}{token} ": f"{_FIRST}{word} " for token, word in words.first.items()}
    expanded = spaced.str.replace_many(list(replaced), list(replaced.values()))
    return expanded.str.strip_prefix(_FIRST)


def po_box(expr: pl.Expr) -> pl.Expr:
    """Digits of the PO box within a cleaned address."""
    return expr.str.extract(r"\bPO BOX ([0-9]+)\b")


def clean_city(expr: pl.Expr) -> pl.Expr:
    """Folded city name without dots, commas and apostrophes."""
    return on_distinct(expr, _city)


def _city(value: pl.Expr) -> pl.Expr:
    without_dots = fold_upper(value).str.replace_all(r"[.']", "")
    return squeeze(without_dots.str.replace_all(",", " ", literal=True))


def clean_state(expr: pl.Expr, *, country: str | None = None) -> pl.Expr:
    """The code of a state or province of the `country`, else of a US state, territory or military
    region.

    Another value stays, in upper case.
    """
    codes = {name.replace("'", ""): code for name, code in state_codes().items()}

    def code_of(value: pl.Expr) -> pl.Expr:
        folded = squeeze(fold_upper(value).str.replace_all(r"[.']", ""))
        american = folded.replace(codes)
        if country is None or country == "US":
            return american
        return pl.coalesce(subdivision_code(folded, country), american)

    return on_distinct(expr, code_of)


# Country codes, of vehicles and of ISO 3166, that are written before a postal code of digits. Only
# these: letters belong to the codes of other countries (`AD500`, `SW1A 1AA`).
_POSTAL_COUNTRIES = (
    "EST|FIN|SLO|USA|AT|BE|BG|CH|CY|CZ|DE|DK|EE|ES|FI|FL|FR|GR|HR|HU|IS|IT|LI|LT|LU|LV|MC|NL|NO|PL"
    "|PT|RO|SE|SI|SK|TR|UA|US|A|B|D|E|F|H|I|L|N|P|S"
)
_BEFORE_POSTAL = rf"(?i)^(?:{_POSTAL_COUNTRIES}|〒)[ -]*"
_POSTAL_WITH_COUNTRY = (
    rf"(?i)^(?:(?:{_POSTAL_COUNTRIES}|〒)[ -]*(?:[0-9]{{4,9}}|[0-9]{{2,5}}[ -][0-9]{{2,4}})"
    r"|NL[ -]*[0-9]{4} ?[A-Z]{2})$"
)
_POSTAL_FLOAT = r"^[0-9]{2,9}[.,]0{1,3}$"
_FRACTION = r"[.,]0{1,3}$"
# What stands around a code is never a part of it.
_AROUND_POSTAL = r"""^[ \n'"=-]+|[ \n'"=.,;-]+$"""


def postal_text(expr: pl.Expr) -> pl.Expr:
    """The code as it is written, without the marks of a spreadsheet (`'03821`, `="03822"`,
    `3820.0`) and without the country before it (`D-01067`)."""
    text = plain(expr).str.replace_all(_AROUND_POSTAL, "")
    text = (
        pl.when(text.str.contains(_POSTAL_FLOAT))
        .then(text.str.replace(_FRACTION, ""))
        .when(text.str.contains(_POSTAL_WITH_COUNTRY))
        .then(text.str.replace(_BEFORE_POSTAL, ""))
        .otherwise(text)
    )
    return text.replace("", None)


def _postal_macro() -> str:
    text = f"regexp_replace(plain_contact(v), {quoted(_AROUND_POSTAL)}, '', 'g')"
    rule = (
        f"CASE WHEN regexp_matches(p, {quoted(_POSTAL_FLOAT)})"
        f" THEN regexp_replace(p, {quoted(_FRACTION)}, '')"
        f" WHEN regexp_matches(p, {quoted(_POSTAL_WITH_COUNTRY)})"
        f" THEN regexp_replace(p, {quoted(_BEFORE_POSTAL)}, '') ELSE nullif(p, '') END"
    )
    return (
        "CREATE OR REPLACE TEMP MACRO postal_text(v) AS"
        " CASE WHEN regexp_matches(v, '^[0-9A-Za-z]{3,9}$')"
        f" AND NOT regexp_matches(v, {quoted(_POSTAL_WITH_COUNTRY)}) THEN v"
        f" ELSE list_transform([{text}], lambda p: {rule})[1] END"
    )


POSTAL_MACROS = [_postal_macro()]  # after those of contacts, of which it uses one


def compact_postal(expr: pl.Expr) -> pl.Expr:
    """A code in upper case without spaces and hyphens, before any rule of a country."""
    return missing_to_null(postal_text(expr).str.to_uppercase().str.replace_all(r"[ \n\-]", ""))


def clean_postal(
    postal: pl.Expr, state: pl.Expr | None = None, country: pl.Expr | None = None
) -> pl.Expr:
    """The form that is compared: five digits in the US, else upper case without spaces and hyphens.

    A code that lost its leading zeros (three or four digits) gets them back where the cleaned
    `state` is American, unless the record's own `country` (any spelling) is another one.
    """

    def cleaned(value: pl.Expr) -> pl.Expr:
        text = postal_text(value).str.to_uppercase()
        compact = missing_to_null(text.str.replace_all(r"[ \n\-]", ""))
        is_zip = text.str.contains("^[0-9]{5}(?:[ -]*[0-9]{4})?$")
        return pl.when(is_zip).then(compact.str.head(5)).otherwise(compact)

    code = on_distinct(postal, cleaned)
    if state is None and country is None:
        return code
    is_american = pl.lit(False)
    if state is not None:
        is_american = state.is_in(sorted(set(state_codes().values()))).fill_null(False)
    if country is not None:
        named = country.str.to_uppercase().str.replace_all("[. ]", "").replace("", None)
        is_american = pl.coalesce(named.is_in(list(_AMERICA)), is_american)
    lost_zeros = code.str.contains("^[0-9]{3,4}$")
    return pl.when(lost_zeros & is_american).then(code.str.zfill(5)).otherwise(code)


# Digits of postal codes that may begin with a zero, by country; others keep what they have.
_POSTAL_DIGITS = {
    4: "NO AU NZ ZA PH BD AF TN GE AM",
    5: "DE FR IT ES FI EE LT MX KR SA EG MA KE PE MY TR PL SK UA HR LK DZ SN CU KW PR GP MQ GF RE",
    6: "RO KZ SG CN EC CO",
    7: "JP",
    8: "BR",
}
_DIGITS_OF = {code: digits for digits, codes in _POSTAL_DIGITS.items() for code in codes.split()}
_MOST_LOST_ZEROS = 2


def with_lost_zeros(code: pl.Expr, country: pl.Expr) -> pl.Expr:
    """A clean code of digits with the zeros before it that a spreadsheet took, by the ISO code of
    its country; others as they are."""
    digits = country.replace_strict(_DIGITS_OF, default=None, return_dtype=pl.Int64)
    lost = digits - code.str.len_chars().cast(pl.Int64)
    is_short = code.str.contains("^[1-9][0-9]*$") & lost.is_between(1, _MOST_LOST_ZEROS)
    zeros = pl.when(lost == 1).then(pl.lit("0")).otherwise(pl.lit("00"))
    return pl.when(is_short).then(zeros + code).otherwise(code)


# How records of the United States name their country, without dots and spaces.
_AMERICA = ("US", "USA", "840", "UNITEDSTATES", "UNITEDSTATESOFAMERICA", "AMERICA")
