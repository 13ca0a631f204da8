r"""What a well-formed e-mail address and phone number are: macros for DuckDB, and for Polars what
Stitch asks of a phone number.

Validity is about form only. The rules are tested to agree with a second spelling in Polars. NULL
gives NULL; a blank value is not valid. Patterns avoid what only one of the two engines understands
(`\s` covers Unicode in one, ASCII in the other).
"""

import polars as pl

from c360_assets.semantics.blocklist import blocked_values
from c360_assets.semantics.contact_marks import (
    CONTACT_MACROS,
    EXTENSION,
    phone_digits,
    phone_text,
    phone_values,
    quoted,
)

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+"
EMAIL_PATTERN = (
    rf"^{_ATOM}(\.{_ATOM})*@([A-Za-z0-9]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?\.)+[A-Za-z]{{2,63}}$"
)
# Characters of a whole address and of its local part (RFC 5321).
EMAIL_LENGTH = 254
LOCAL_LENGTH = 64
_ALLOWED = r"^[0-9 +.()/-]+$"
# North American Numbering Plan: area code and exchange start with 2 to 9; the country's 1 may stand
# before them.
_NANP = "^1?[2-9][0-9]{2}[2-9][0-9]{6}$"
# Without a numbering plan only the length that E.164 allows can be held against a number.
_ANY_REGION = "^[0-9]{7,15}$"


def _no_number_pattern() -> str:
    """One digit all along, or a placeholder that the blocklist names."""
    # Neither engine knows a back-reference, so there is an alternative per digit.
    alternatives = [f"{digit}+" for digit in range(10)]
    for value in sorted(blocked_values("phone")):
        if value.isdigit():
            country_code = "1?" if len(value) == 10 else ""
            alternatives.append(country_code + value)
    return f"^({'|'.join(alternatives)})$"


_NO_NUMBER = _no_number_pattern()
REGIONS = ("nanp", "any")


def first_phone(expr: pl.Expr, region: str = "nanp") -> pl.Expr:
    """Of several numbers of a field the first that is valid, else the first there is."""

    def first(values: pl.Series) -> pl.Series:
        numbers = values.rename("value").to_frame().select(phone_values(pl.col("value")))
        chosen = numbers.select(pl.col("value").list.first()).to_series()
        several = (numbers["value"].list.len() > 1).fill_null(False)
        if not several.any():
            return chosen.rename(values.name)
        is_valid = number_valid(pl.element(), region).fill_null(False)
        valid = pl.col("value").list.eval(pl.element().filter(is_valid)).list.first()
        best = numbers.filter(several).select(pl.coalesce(valid, pl.col("value").list.first()))
        return chosen.scatter(several.arg_true(), best.to_series()).rename(values.name)

    return expr.map_batches(first, return_dtype=pl.String, is_elementwise=True)


def number_valid(value: pl.Expr, region: str) -> pl.Expr:
    """Boolean: one number has allowed characters only, is a possible number of the region (one of
    `REGIONS`), and no placeholder."""
    digits = phone_digits(value)
    is_possible = digits.str.contains(_NANP if region == "nanp" else _ANY_REGION)
    is_placeholder = digits.str.contains(_NO_NUMBER)
    without_extension = phone_text(value).str.replace(EXTENSION, "").str.strip_chars(" ")
    return without_extension.str.contains(_ALLOWED) & is_possible & ~is_placeholder


_WRITTEN = f"trim(regexp_replace(phone_text(number), {quoted(EXTENSION)}, ''))"
_POSSIBLE = (
    f"CASE WHEN coalesce(region, 'nanp') = 'nanp' THEN regexp_matches(digits, {quoted(_NANP)})"
    f" ELSE regexp_matches(digits, {quoted(_ANY_REGION)}) END"
)
_NUMBER_VALID = (
    f"list_transform([phone_digits(number)], lambda digits: coalesce({_POSSIBLE}"
    f" AND regexp_matches({_WRITTEN}, {quoted(_ALLOWED)})"
    f" AND NOT regexp_matches(digits, {quoted(_NO_NUMBER)}), FALSE))[1]"
)
_ADDRESS_VALID = (
    f"length(address) <= {EMAIL_LENGTH} AND length(split_part(address, '@', 1)) <= {LOCAL_LENGTH}"
    f" AND regexp_matches(address, {quoted(EMAIL_PATTERN)})"
)


def _every_sql(values: str, name: str, is_valid: str) -> str:
    """Whether the field `v` has values and each is valid, which `is_valid` says of one."""
    invalid = f"list_filter(every_value, lambda {name}: NOT {is_valid})"
    answer = f"array_length(every_value) > 0 AND array_length({invalid}) = 0"
    return (
        "CASE WHEN v IS NULL THEN NULL"
        f" ELSE list_transform([{values}], lambda every_value: {answer})[1] END"
    )


_EMAIL_VALID = _every_sql("email_values(v)", "address", f"({_ADDRESS_VALID})")
_PHONE_VALID = _every_sql("phone_values(v)", "number", _NUMBER_VALID)

VALIDITY_MACROS: list[str] = [
    *CONTACT_MACROS,
    f"CREATE OR REPLACE TEMP MACRO email_valid(v) AS {_EMAIL_VALID}",
    f"CREATE OR REPLACE TEMP MACRO phone_valid(v, region) AS {_PHONE_VALID}",
]
