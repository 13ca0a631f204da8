"""Numbers as people and spreadsheets write them: separators, currencies, lost digits, days.

Which form a column of texts has, for a field's `number` or `format`; reading them is for `load`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from c360_assets.semantics.currencies import CURRENCY, NO_CENTS

FITS = 0.99  # share of the values that must have a form
# What may stand around a number and is no part of its value.
AROUND = r"(?i)^[\s\u00a0]*\(?|\)?[\s\u00a0]*$"
BLANKS = "[\u0020\u00a0\u202f\u2009]"
# A currency stands on either side, a sign on either side of that.
CURRENCY_AROUND = rf"^{BLANKS}*(?:{CURRENCY}){BLANKS}*|{BLANKS}*(?:{CURRENCY})$"
NO_CENTS_BEHIND = rf"([0-9]){NO_CENTS}"
SIGNS = r"^[-+\u2212]|[-\u2212]$"
THOUSANDS = {",": ",", ".": r"\.", " ": BLANKS, "'": "['\u2019]"}
SCIENTIFIC = r"^[+-]?\d+([.,]\d+)?[eE]\+?\d{1,3}$"
# What a spreadsheet or a float leaves around digits.
MARKED = r"^(=\"|'[\d+=(-]).*"
FLOAT_OF_WHOLE = r"^\d{4,}\.0$"
IN_GROUPS_OF_POINTS = r"^[+-]?\d{1,3}(\.\d{3})*$"
DAY_NAME = re.compile(
    r"date|datum|fecha|jour|(^|[ _])data([ _]|$)|day|dob|birth|born|naissance|nacim|nascim|geburt"
    r"|(?<!life)time|stamp|created|updated|modified|changed"
    r"|ordered|visit|joined|signup|sign.?up|registered|erstellt|angelegt"
    r"|geandert|last.?(seen|login|order|purchase)|(_| )(at|on|am|le|el)$"
    # The day, the time or the birth in languages whose word is none of the above.
    r"|(^|[ _])(kelte?|tarihi?|ngay|tanggal|tgl|datums?|kuupaev|dan|den|dzien|szul[a-z]*)([ _]|$)"
    r"|paiva|idopont|hatarido|erdat|aedat|audat|fkdat|gbdat|תאריך|תאריכי|تاريخ|تاریخ|дата|день"
    r"|ημερομηνια|วันที่|วันเกิด|日|时间|時間|時刻|날짜|일자|일시|(생|구매|주문|판매|가입|등록)일$",
    re.IGNORECASE,
)
FIRST_SERIAL, LAST_SERIAL = 3_000, 60_000  # days since 1899-12-30: of 1908 and of 2064
FIRST_SECOND, LAST_SECOND = 300_000_000, 2_500_000_000  # seconds since 1970: of 1979 and of 2049
PARTS_OF_SECONDS = {"epoch_ms": 1_000, "epoch_us": 1_000_000}


@dataclass(frozen=True)
class NumberForm:
    """How numbers are written: the decimal sign and what stands between groups of three digits.

    `scale` is the longest fraction, 0 for whole numbers.
    """

    decimal: str
    thousands: str | None
    scale: int

    @property
    def has_commas(self) -> bool:
        return self.decimal == ","


def number_form(values: pl.Series) -> NumberForm | None:
    """The form of numbers that are not plain digits with a point; None where they have none.

    `1,020` is a thousand and twenty, unless another value shows a decimal comma.
    """
    if _are_codes(values):
        return None
    bare = _without_currency(values)
    forms = [
        (".", ","), (",", "."), (",", " "), (".", " "), (".", "'"), (",", None), (".", None),
    ]  # fmt: skip
    for decimal, thousands in forms:
        mark = re.escape(decimal)
        whole = r"\d+"
        if thousands is not None:
            # Groups of two are those of India: 12,34,567.
            separator = THOUSANDS[thousands]
            whole = rf"(\d+|\d{{1,3}}({separator}\d{{2,3}})*{separator}\d{{3}})"
        fits = bare.str.contains(rf"^({whole}({mark}\d*)?|{mark}\d+)$")
        if fits.sum() >= FITS * len(bare) and _is_plausible(thousands, values, bare):
            digits = bare.filter(fits).str.extract(rf"{mark}(\d*)$").str.len_chars().max() or 0
            assert isinstance(digits, int)
            if decimal == "." and _are_whole_amounts(values, bare):
                return NumberForm(",", ".", 0)
            return NumberForm(decimal, _used(thousands, bare), digits)
    return None


def _is_plausible(thousands: str | None, values: pl.Series, bare: pl.Series) -> bool:
    """Groups with blanks alone are phone numbers; a currency or a fraction makes them amounts."""
    if thousands != " " or not bare.str.contains(BLANKS).any():
        return True
    is_amount = values.str.contains(f"{CURRENCY_AROUND}|{NO_CENTS_BEHIND}").any()
    return is_amount or bare.str.contains(r"[.,]\d+$").any()


def _are_codes(values: pl.Series) -> bool:
    """Whether letters stand at whole numbers, as in `R100` or `ALL00017`: those of a code as well
    as those of a currency, of which no amount shows a sign between its digits."""
    at_digits = values.str.contains(r"^[A-Za-z]{1,3}\d").any()
    return bool(at_digits and not values.str.contains(r"\d[^\dA-Za-z]").any())


def _are_whole_amounts(values: pl.Series, bare: pl.Series) -> bool:
    """Whether all of some amounts of money show three digits behind their only points: few
    currencies have thousandths, and of `45.000 ₫` they are thousands."""
    has_currency = values.str.contains(CURRENCY_AROUND).any()
    has_points = bare.str.contains(".", literal=True).any()
    return bool(has_currency and has_points) and are_groups_of_points(bare)


def _used(thousands: str | None, bare: pl.Series) -> str | None:
    """The separator of groups where any value has one."""
    if thousands is None or not bare.str.contains(THOUSANDS[thousands]).any():
        return None
    return thousands


def _without_currency(values: pl.Series) -> pl.Series:
    """The numbers without what may stand around them: brackets, signs, a currency."""
    bare = values.str.replace_all(AROUND, "").str.replace(NO_CENTS_BEHIND, "${1}")
    bare = bare.str.replace_all(SIGNS, "")
    bare = bare.str.replace_all(CURRENCY_AROUND, "").str.strip_chars()
    return bare.str.replace_all(SIGNS, "").str.strip_chars().str.replace_all(AROUND, "")


def is_scientific(values: pl.Series) -> bool:
    """Whether most values are in scientific notation, as a spreadsheet writes long numbers."""
    return len(values) > 0 and values.str.contains(SCIENTIFIC).sum() * 2 > len(values)


def marks_of(values: pl.Series) -> str | None:
    """What a spreadsheet or a float left on values that are no numbers, in words for a note."""
    if values.str.contains(MARKED).any():
        return "some values carry a spreadsheet's mark for texts (' or =\"...\")"
    if values.str.contains(FLOAT_OF_WHOLE).any():
        return "some values went through a number and end in .0"
    return None


def are_groups_of_points(values: pl.Series) -> bool:
    """Whether numbers with points may be whole ones in groups, such as `1.234`."""
    return bool(values.str.contains(IN_GROUPS_OF_POINTS).all())


def date_of_numbers(name: str, values: pl.Series) -> str | None:
    """The `format` of a column of numbers that are days or moments; its name must say so."""
    if DAY_NAME.search(name) is None:
        return None
    numbers = values.cast(pl.Float64, strict=False)
    if numbers.null_count():
        return None
    if numbers.is_between(FIRST_SERIAL, LAST_SERIAL).all():
        return "excel_serial"
    if numbers.is_between(FIRST_SECOND, LAST_SECOND).all():
        return "epoch_s"
    for form, parts in PARTS_OF_SECONDS.items():
        if numbers.is_between(FIRST_SECOND * parts, LAST_SECOND * parts).all():
            return form
    return None
