"""E-mail addresses and phone numbers without the marks that exports and spreadsheets add.

A field becomes its single values as people would write them: zero-width characters, full-width and
foreign digits, `mailto:`, a float's `.0` and the like are gone, and several values in one field are
told apart. Each rule is a pattern that is written once and used by both engines: as a Polars
expression, and as a macro for SQL (DuckDB, and Spark by translation). So patterns hold neither what
one engine lacks (look-around) nor what they read differently (`\\s`, `\\v`).

Which form of a value is compared is `contacts`; whether it is well formed is `validity`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import polars as pl

from c360_assets.semantics.lookups import extension_words
from c360_assets.semantics.text import DIGITS

# Nothing that is seen: joiners, marks of direction (phone numbers copied from a contact list have
# them), byte order marks, soft hyphens, control characters.
_INVISIBLE = (
    r"[\x00-\x08\x0e-\x1f\x7f\x{AD}\x{200B}-\x{200F}\x{202A}-\x{202E}"
    r"\x{2060}-\x{2064}\x{2066}-\x{2069}\x{FEFF}]"
)
_SPACES = r"[\t\r\x0b\x0c\x{85}\p{Z}]"
_NOT_PLAIN = "[^ -~]"
_HYPHENS = "‐‑‒–—―−﹣－"

USUAL_EMAIL = r"^[A-Za-z0-9_][A-Za-z0-9._+-]*@[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9]$"
_SEVERAL_EMAILS = "(?s)@.*[@,;|]|[,;|].*@"
_BETWEEN_EMAILS = r'[ \n,;|/<>()"\[\]]+'
_IN_BRACKETS = "<([^<> ]+@[^<> ]+)>"
# "Work: ann@example.com", `="ann@example.com"`; the last is a byte order mark read as Latin-1.
_BEFORE_EMAIL = r"""^(?:[ \n'"<>()\[\]=,;|/]|%20|[A-Za-z-]+: *|ï»¿)+"""
# The query of a mailto, a comment; Â is what is left of a no-break space read as Latin-1.
_AFTER_EMAIL = r"""(?:[ \n'"<>()\[\],;|/.\\Â]|%20|\?[^@]*|\([^()@]*\))+$"""

# Of 5 to 18 such characters nothing is cut and nothing is split; a dot among the last four might be
# a float's.
USUAL_PHONE = "^[0-9+(][0-9 +()./-]{0,13}[0-9 +()/-]{3}[0-9]$"
_BEFORE_PHONE = "(?i)^[ '\"=]*(?:(?:tel|callto|sms): *)?"
_FLOAT = r"""^[ '"=]*\+?(?:[0-9]{5,}|[0-9]{1,3}(?:,[0-9]{3}){2,})(?:[.,]0{1,3})?[ '"]*$"""
_FRACTION = r"""[.,]0{1,3}[ '"]*$"""
_SCIENTIFIC = r"^[ '\"=]*[0-9][.,][0-9]+[eE]\+?[0-9]+[ '\"]*$"
_EXPONENT = r"[eE]\+?[0-9]+[ '\"]*$"
# A number of E.164 has at most 15 digits; one more for the (0) that people add.
_MOST_DIGITS = 16
_BETWEEN_PHONES = r"[\n,;|]+| +(?i:or|oder|ou|o|und|and|et|y|e|&) +"
_BETWEEN_MANY_DIGITS = _BETWEEN_PHONES + r"| */ *|  +"
_NATIONAL = r"\+?1?[ .-]?\(?[2-9][0-9]{2}\)?[ ./-]?[0-9]{3}[ .-]?[0-9]{4}"
_NUMBER = rf"(?:{_NATIONAL}|\+?[0-9]{{7,15}})"
_TWO_PHONES = rf"^[^0-9+(]*({_NUMBER})[ /.-]*({_NUMBER})[^0-9]*$"


def _extension_pattern() -> str:
    """What announces an extension, up to its digits at the end of a number."""
    words = sorted(extension_words(), key=lambda word: (-len(word), word))
    # A blank of any number may stand before it, and a comma: "555-0153, ext. 12".
    return rf"(?i)[ ,;(]*(?:{'|'.join(words)}|#)[ .:=]*[0-9]{{1,6}}[ )]*$"


# An extension is cut before digits are counted, else "415-290-5727 x12" would be another number.
EXTENSION = _extension_pattern()


@cache
def _translation() -> dict[str, str]:
    """Digits of all scripts, full-width ASCII and hyphens, each to its ASCII character."""
    table = dict.fromkeys(_HYPHENS, "-")
    for code in range(0xFF01, 0xFF5F):
        table[chr(code)] = chr(code - 0xFEE0)
    return table | DIGITS


def _lossless_scientific() -> str:
    """Numbers in scientific notation that hold all their digits, as Java prints a float."""
    forms = [rf"[0-9]{{{n}}}[eE]\+?0?{n}" for n in range(6, 15)]
    return rf"^[ '\"=]*[0-9][.,](?:{'|'.join(forms)})[ '\"]*$"


_LOSSLESS = _lossless_scientific()


def _where_unusual(expr: pl.Expr, usual: str, rule: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """Apply the rule (String to String) to the values that are not of the usual form."""

    def apply(values: pl.Series) -> pl.Series:
        is_unusual = ~values.str.contains(usual).fill_null(True)
        if not is_unusual.any():
            return values
        frame = values.filter(is_unusual).to_frame("value")
        changed = frame.select(rule(pl.col("value"))).to_series()
        return values.scatter(is_unusual.arg_true(), changed)

    return expr.map_batches(apply, return_dtype=pl.String, is_elementwise=True)


def _values_where_unusual(expr: pl.Expr, usual: str, rule: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """Apply the rule (String to List) to values that are not of the usual form.

    One of the usual form is itself a list of one.
    """

    def apply(values: pl.Series) -> pl.Series:
        frame = values.rename("value").to_frame().with_row_index("row")
        is_usual = pl.col("value").str.contains(usual)
        single = frame.select("row", values=pl.when(is_usual).then(pl.concat_list("value")))
        unusual = frame.filter(~is_usual)
        if not unusual.height:
            return single["values"].rename(values.name)
        several = unusual.select("row", several=rule(pl.col("value")))
        joined = single.join(several, on="row", how="left", maintain_order="left")
        return joined.select(pl.coalesce("values", "several")).to_series().rename(values.name)

    return expr.map_batches(apply, return_dtype=pl.List(pl.String), is_elementwise=True)


def plain(expr: pl.Expr) -> pl.Expr:
    """The text without invisible characters, its spaces, hyphens and digits those of ASCII."""

    def in_ascii(values: pl.Series) -> pl.Series:
        is_foreign = values.str.contains(_NOT_PLAIN).fill_null(False)
        if not is_foreign.any():
            return values
        text = pl.col("value").str.replace_all(_INVISIBLE, "").str.replace_all(_SPACES, " ")
        frame = values.filter(is_foreign).to_frame("value")
        changed = frame.select(text.str.replace_many(_translation())).to_series()
        return values.scatter(is_foreign.arg_true(), changed)

    return expr.map_batches(in_ascii, return_dtype=pl.String, is_elementwise=True)


def _blank_to_null(expr: pl.Expr) -> pl.Expr:
    return expr.str.strip_chars(" \n").replace("", None)


def email_text(expr: pl.Expr) -> pl.Expr:
    """One address as it is written, without what is around it; NULL where nothing is left."""

    def unwrapped(value: pl.Expr) -> pl.Expr:
        text = plain(value)
        text = pl.coalesce(text.str.extract(_IN_BRACKETS), text)
        bare = text.str.replace(_BEFORE_EMAIL, "").str.replace(_AFTER_EMAIL, "")
        return _blank_to_null(bare)

    return _where_unusual(expr, USUAL_EMAIL, unwrapped)


def email_values(expr: pl.Expr) -> pl.Expr:
    """The addresses of a field as List(String), each as `email_text`; NULL without any text.

    Beside addresses, other text (`n/a, ann@example.com`) is no value.
    """

    def values(field: pl.Expr) -> pl.Expr:
        text = plain(field)
        several = text.str.replace_all(_BETWEEN_EMAILS, ",").str.split(",")
        with_address = several.list.filter(pl.element().str.contains("@", literal=True))
        addresses = with_address.list.eval(email_text(pl.element())).list.drop_nulls()
        single = pl.concat_list(email_text(field)).list.drop_nulls()
        is_several = text.str.contains(_SEVERAL_EMAILS)
        return pl.when(is_several).then(addresses).otherwise(single)

    return _values_where_unusual(expr, USUAL_EMAIL, values)


def phone_text(expr: pl.Expr) -> pl.Expr:
    """One number as it is written, with its extension, without the fraction of a float.

    NULL where digits were lost (`6.04E+09`), and where nothing is left.
    """

    def without_fraction(value: pl.Expr) -> pl.Expr:
        text = plain(value)
        mantissa = text.str.replace(_EXPONENT, "").str.replace_all("[^0-9]", "")
        whole = text.str.replace(_FRACTION, "").str.replace_all("[^0-9+]", "")
        number = (
            pl.when(text.str.contains(_LOSSLESS))
            .then(mantissa)
            .when(text.str.contains(_SCIENTIFIC))
            .then(None)
            .when(text.str.contains(_FLOAT))
            .then(whole)
            .otherwise(text.str.replace(_BEFORE_PHONE, ""))
        )
        return _blank_to_null(number)

    return _where_unusual(expr, USUAL_PHONE, without_fraction)


def phone_digits(expr: pl.Expr) -> pl.Expr:
    """All digits of one number without its extension; NULL when there are none."""
    number = phone_text(expr).str.replace(EXTENSION, "")
    return number.str.replace_all("[^0-9]", "").replace("", None)


def _digits_before_extension(text: pl.Expr) -> pl.Expr:
    return text.str.replace(EXTENSION, "").str.replace_all("[^0-9]", "").str.len_chars()


def _of_many_digits(part: pl.Expr) -> pl.Expr:
    """The numbers of a part of a field: several where it has more digits than one can have."""
    two = [part.str.extract(_TWO_PHONES, number) for number in (1, 2)]
    plus_apart = part.str.replace_all("+", ",+", literal=True)
    many = plus_apart.str.replace_all(_BETWEEN_MANY_DIGITS, ",").str.split(",")
    return (
        pl.when(part.str.replace_all("[^0-9]", "").str.len_chars() <= _MOST_DIGITS)
        .then(pl.concat_list(part))
        .when(two[0].is_not_null())
        .then(pl.concat_list(*two))
        .otherwise(many)
    )


def phone_values(expr: pl.Expr) -> pl.Expr:
    """The numbers of a field as List(String), each as `phone_text`; NULL without any text."""

    def values(field: pl.Expr) -> pl.Expr:
        text = plain(field)
        is_single = text.str.contains(_FLOAT) | text.str.contains(_SCIENTIFIC)
        is_several = text.str.contains(_BETWEEN_PHONES) | (
            _digits_before_extension(text) > _MOST_DIGITS
        )
        parts = text.str.replace(EXTENSION, "").str.replace_all(_BETWEEN_PHONES, ",").str.split(",")
        # Nested, as the parts of a part are told apart by other signs.
        apart = parts.list.eval(_of_many_digits(pl.element()).list.join(",")).list.join(",")
        separated = (
            pl.when(is_several & ~is_single)
            .then(apart.str.split(","))
            .otherwise(pl.concat_list(text))
        )
        return separated.list.eval(phone_text(pl.element())).list.drop_nulls()

    return _values_where_unusual(expr, USUAL_PHONE, values)


def quoted(value: str) -> str:
    """The text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def _macro(signature: str, body: str) -> str:
    return f"CREATE OR REPLACE TEMP MACRO {signature} AS {body}"


def _where_unusual_sql(usual: str, as_it_is: str, rule: str) -> str:
    """The rule, over the plain text `p` of a value `v` that is not of the usual form."""
    # A list of one gives the text a name, so that it is computed and written once.
    return (
        f"CASE WHEN regexp_matches(v, {quoted(usual)}) THEN {as_it_is}"
        f" ELSE list_transform([plain_contact(v)], lambda p: {rule})[1] END"
    )


def _plain_macro() -> str:
    table = _translation()
    source = quoted("".join(table))
    target = quoted("".join(table.values()))
    seen = f"regexp_replace(v, {quoted(_INVISIBLE)}, '', 'g')"
    spaced = f"regexp_replace({seen}, {quoted(_SPACES)}, ' ', 'g')"
    in_ascii = f"translate({spaced}, {source}, {target})"
    is_foreign = f"regexp_matches(v, {quoted(_NOT_PLAIN)})"
    return _macro("plain_contact(v)", f"CASE WHEN {is_foreign} THEN {in_ascii} ELSE v END")


def _trimmed_sql(sql: str) -> str:
    return f"nullif(trim({sql}, ' ' || chr(10)), '')"


def _email_text_macro() -> str:
    inside = f"nullif(regexp_extract(p, {quoted(_IN_BRACKETS)}, 1), '')"
    started = f"regexp_replace(coalesce({inside}, p), {quoted(_BEFORE_EMAIL)}, '')"
    bare = f"regexp_replace({started}, {quoted(_AFTER_EMAIL)}, '')"
    return _macro("email_text(v)", _where_unusual_sql(USUAL_EMAIL, "v", _trimmed_sql(bare)))


def _email_values_macro() -> str:
    separated = f"string_split(regexp_replace(p, {quoted(_BETWEEN_EMAILS)}, ',', 'g'), ',')"
    addresses = f"list_filter({separated}, lambda part: contains(part, '@'))"
    values = (
        f"CASE WHEN p IS NULL THEN NULL WHEN regexp_matches(p, {quoted(_SEVERAL_EMAILS)})"
        f" THEN list_transform({addresses}, lambda part: email_text(part)) ELSE [email_text(p)] END"
    )
    filled = f"list_filter({values}, lambda part: part IS NOT NULL)"
    return _macro("email_values(v)", _where_unusual_sql(USUAL_EMAIL, "[v]", filled))


def _phone_text_macro() -> str:
    mantissa = f"regexp_replace(p, {quoted(_EXPONENT)}, '')"
    whole = f"regexp_replace(p, {quoted(_FRACTION)}, '')"
    unlabelled = f"regexp_replace(p, {quoted(_BEFORE_PHONE)}, '')"
    number = (
        f"CASE WHEN regexp_matches(p, {quoted(_LOSSLESS)})"
        f" THEN regexp_replace({mantissa}, '[^0-9]', '', 'g')"
        f" WHEN regexp_matches(p, {quoted(_SCIENTIFIC)}) THEN NULL"
        f" WHEN regexp_matches(p, {quoted(_FLOAT)})"
        f" THEN regexp_replace({whole}, '[^0-9+]', '', 'g')"
        f" ELSE {_trimmed_sql(unlabelled)} END"
    )
    return _macro("phone_text(v)", _where_unusual_sql(USUAL_PHONE, "v", number))


def _phone_digits_macro() -> str:
    number = f"regexp_replace(phone_text(v), {quoted(EXTENSION)}, '')"
    digits = f"nullif(regexp_replace({number}, '[^0-9]', '', 'g'), '')"
    # Most numbers come as bare digits: to see that takes a third of what it takes to look for
    # something else.
    return _macro(
        "phone_digits(v)", f"CASE WHEN regexp_matches(v, '^[0-9]+$') THEN v ELSE {digits} END"
    )


def _phone_values_macro() -> str:
    cut = f"regexp_replace(p, {quoted(EXTENSION)}, '')"
    is_long = f"length(regexp_replace({cut}, '[^0-9]', '', 'g')) > {_MOST_DIGITS}"
    is_separated = f"regexp_matches(p, {quoted(_BETWEEN_PHONES)})"
    is_number = f"regexp_matches(p, {quoted(_FLOAT)}) OR regexp_matches(p, {quoted(_SCIENTIFIC)})"
    parts = f"string_split(regexp_replace({cut}, {quoted(_BETWEEN_PHONES)}, ',', 'g'), ',')"
    two = quoted(_TWO_PHONES)
    many = f"regexp_replace(replace(part, '+', ',+'), {quoted(_BETWEEN_MANY_DIGITS)}, ',', 'g')"
    of_part = (
        f"CASE WHEN length(regexp_replace(part, '[^0-9]', '', 'g')) <= {_MOST_DIGITS} THEN [part]"
        f" WHEN regexp_matches(part, {two})"
        f" THEN [regexp_extract(part, {two}, 1), regexp_extract(part, {two}, 2)]"
        f" ELSE string_split({many}, ',') END"
    )
    values = (
        f"CASE WHEN p IS NULL THEN NULL"
        f" WHEN {is_number} OR NOT {is_separated} AND NOT {is_long} THEN [p]"
        f" ELSE flatten(list_transform({parts}, lambda part: {of_part})) END"
    )
    numbers = f"list_transform({values}, lambda part: phone_text(part))"
    filled = f"list_filter({numbers}, lambda part: part IS NOT NULL)"
    return _macro("phone_values(v)", _where_unusual_sql(USUAL_PHONE, "[v]", filled))


# Each macro uses those before it.
CONTACT_MACROS: list[str] = [
    _plain_macro(),
    _email_text_macro(),
    _email_values_macro(),
    _phone_text_macro(),
    _phone_digits_macro(),
    _phone_values_macro(),
]
