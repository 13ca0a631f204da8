r"""What a well-formed e-mail address and phone number are, for Polars and, as macros, for DuckDB.

Validity is about form only. The two spellings of each rule are tested to agree. NULL gives NULL; a
blank value is not valid. Patterns avoid what only one of the two engines understands (`\s` covers
Unicode in one, ASCII in the other).
"""

import polars as pl

from c360_assets.semantics.blocklist import blocked_values
from c360_assets.semantics.contacts import EXTENSION

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+"
EMAIL_PATTERN = (
    rf"^{_ATOM}(\.{_ATOM})*@([A-Za-z0-9]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?\.)+[A-Za-z]{{2,63}}$"
)
# Characters of a whole address and of its local part (RFC 5321).
EMAIL_LENGTH = 254
LOCAL_LENGTH = 64
_BLANKS = " \t\r\n\f\v"
_EXTENSION = EXTENSION.replace(r"\s", r"[ \t\r\n\f\v]")
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


def email_valid(expr: pl.Expr) -> pl.Expr:
    """Boolean: the trimmed value is one well-formed address that is not too long."""
    value = expr.str.strip_chars(_BLANKS)
    local_part = value.str.split("@").list.first()
    fits = value.str.len_chars() <= EMAIL_LENGTH
    local_fits = local_part.str.len_chars() <= LOCAL_LENGTH
    return fits & local_fits & value.str.contains(EMAIL_PATTERN)


def phone_digits(expr: pl.Expr) -> pl.Expr:
    """All digits without the extension; NULL when there are none."""
    digits = expr.str.replace(_EXTENSION, "").str.replace_all("[^0-9]", "")
    return pl.when(digits != "").then(digits)


def phone_valid(expr: pl.Expr, region: str = "nanp") -> pl.Expr:
    """Boolean: allowed characters only and a possible number of the region that is no placeholder.

    `region` is one of `REGIONS`.
    """
    digits = phone_digits(expr)
    is_possible = digits.str.contains(_NANP if region == "nanp" else _ANY_REGION)
    is_placeholder = digits.str.contains(_NO_NUMBER)
    without_extension = expr.str.replace(_EXTENSION, "").str.strip_chars(_BLANKS)
    is_written_well = without_extension.str.contains(_ALLOWED)
    valid = (is_written_well & is_possible & ~is_placeholder).fill_null(False)
    return pl.when(expr.is_not_null()).then(valid)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _trim(sql: str) -> str:
    return f"trim({sql}, chr(32) || chr(9) || chr(13) || chr(10) || chr(12) || chr(11))"


_TRIMMED = _trim("v")
_CUT = f"regexp_replace(v, {_text(_EXTENSION)}, '', 'g')"

VALIDITY_MACROS: list[str] = [
    f"""CREATE OR REPLACE TEMP MACRO email_valid(v) AS
        length({_TRIMMED}) <= {EMAIL_LENGTH}
        AND length(split_part({_TRIMMED}, '@', 1)) <= {LOCAL_LENGTH}
        AND regexp_matches({_TRIMMED}, {_text(EMAIL_PATTERN)})""",
    # Most numbers come as bare digits: to see that takes a third of what it takes to look for
    # something else.
    f"""CREATE OR REPLACE TEMP MACRO phone_digits(v) AS
        CASE WHEN regexp_matches(v, '^[0-9]+$') THEN v
             ELSE nullif(regexp_replace({_CUT}, '[^0-9]', '', 'g'), '') END""",
    f"""CREATE OR REPLACE TEMP MACRO phone_valid(v, region) AS
        CASE WHEN v IS NULL THEN NULL ELSE coalesce(
            regexp_matches({_trim(_CUT)}, {_text(_ALLOWED)})
            AND CASE WHEN coalesce(region, 'nanp') = 'nanp'
                     THEN regexp_matches(phone_digits(v), {_text(_NANP)})
                     ELSE regexp_matches(phone_digits(v), {_text(_ANY_REGION)}) END
            AND NOT regexp_matches(phone_digits(v), {_text(_NO_NUMBER)}), FALSE) END""",
]
