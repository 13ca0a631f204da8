"""What type a column of texts has: the most exact one that nearly all of its values fit.

Date patterns are tried in the documented order, then day-first ones, which only a `format` can
name. Files and tags are not known here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import polars as pl

from c360_assets.ingest.calendars import common_texts, english_clock
from c360_assets.ingest.casts import FOREIGN_SIGNS
from c360_assets.ingest.month_words import MONTH_NUMBERS, ORDINAL_DAY
from c360_assets.ingest.suggest.column_numbers import NumberForm, is_scientific, number_form
from c360_assets.semantics.lookups import truth_words

FITS = 0.99  # share of the values that must fit a type; the rest would be row errors
ZERO_DAYS = (
    "0000-00-00", "0000-00-00 00:00:00", "0000-00-00t00:00:00", "00/00/0000", "00.00.0000",
    "0/0/00", "0.0.00", "0-0-00", "0000/00/00", "0000.00.00", "00000000", "00000000000000",
)  # fmt: skip
MISSING = (*ZERO_DAYS, "null", "n/a", "#n/a", "na", "nan", "none", "nil", "-", "\\n", "?")
NUMBERED_TRUTH = {"0", "1"}
ENGLISH_WORDS = "en"
INTEGER = r"^[+-]?\d{1,18}$"
LEADING_ZERO = r"^0\d"
CONTACT = r"^(\S+@\S+\.\S+|\+?[\d(][\d ().+/-]{5,}\d)$"
DIALLED = r"^\+\d{7,}$"
DECIMAL = r"^[+-]?\d{0,30}\.\d+$|^[+-]?\d{1,30}$"
FLOAT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
ISO_DATETIME = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?$"
# The name of a month with what is around it; a word such as `de` is shorter.
MONTH_NAME = r"^([^\pL]*(?:de |gada \d+\. |m\. )?)([\pL\pM]{2,}|\pL\pM?\.\pL)\.?(.*)$"
ENGLISH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ENGLISH_MONTHS = {name: ENGLISH_NAMES[number - 1] for name, number in MONTH_NUMBERS.items()}
# How a date of any pattern begins, with names of months in any language.
ANY_DATE = (
    r"^(\d{4}(?: m)?[-/.年년]|\d{1,2}[-/.] ?\d|\d{1,2}[-/.]? ?\pL|\d{8}"
    r"|\pL{3,}[-.,]? ?\pL*,? ?\d)"
)
# A number of any form: a currency has a few letters.
ANY_NUMBER = r"^\P{L}*\d\P{L}*(\pL[\pL\pM.]{0,4}\P{L}*)?$|^\P{L}*\pL[\pL\pM.]{0,4}\P{L}*\d\P{L}*$"
# Whole dates with years that tell their calendar: from 1957 to 2056 in the Buddhist era, with the
# name of an era in Japan, of three digits in Taiwan, of the Islamic calendar or the Iranian one.
CALENDAR_DATES = {
    "buddhist": (
        r"^(\d{1,2}[-/. ]\d{1,2}[-/. ]25\d{2}|25\d{2}[-/. ]\d{1,2}[-/. ]\d{1,2}"
        r"|25\d{2}[01]\d[0-3]\d|\d{1,2} ?[\u0e00-\u0e7f.]{3,} ?25\d{2})(\D|$)"
    ),
    "japanese": (
        r"^(令和|平成|昭和|大正|明治|[RHSTMＲＨＳＴＭ])[.]? ?(元|\d{1,2})"
        r"[-/.年] ?\d{1,2}[-/.月] ?\d{1,2}(\D|$)"
    ),
    "roc": r"^((中華)?民國 ?\d{1,3}年\d{1,2}月\d{1,2}日|1\d{2}([-/.])\d{1,2}[-/.]\d{1,2})(\D|$)",
    "persian": (r"^(\d{1,2}[-/.]\d{1,2}[-/.]1[34]\d{2}|1[34]\d{2}[-/.]\d{1,2}[-/.]\d{1,2})(\D|$)"),
}
# Years of Taiwan before its hundredth are those of other people too, with the day behind.
REPUBLIC_DATE = r"^\d{2,3}[-/.]\d{1,2}[-/.]\d{1,2}(\D|$)"
REPUBLIC_DATE_IN_DIGITS = r"^[01]?\d{2}[01]\d[0-3]\d$"
DOTTED_HALF = "([AaPp])[.][ \u00a0\u202f]?([Mm])[.]?$"  # as in Spanish: `3:05 p. m.`
# In such a column a day of the year 0 is none of its calendar.
NO_DAY = r"^0000|\D0000(\D|$)"
LOOKED_AT = 200  # values by which patterns are ruled out
SHORTEST_SCALE, LONGEST_SCALE = 2, 37


class PatternShape(NamedTuple):
    """A Joda pattern, the same for Polars, and the shape that a value must have."""

    joda: str
    polars: str
    shape: str


DATES = (
    PatternShape("yyyyMMdd", "%Y%m%d", r"(?:19|20)\d{6}"),
    PatternShape("ddMMyyyy", "%d%m%Y", r"[0-3]\d[01]\d(?:19|20)\d{2}"),
    PatternShape("MMddyyyy", "%m%d%Y", r"[01]\d[0-3]\d(?:19|20)\d{2}"),
    PatternShape("yyyy-MM-dd", "%Y-%m-%d", r"\d{4}-\d{2}-\d{2}"),
    PatternShape("yyyy/MM/dd", "%Y/%m/%d", r"\d{4}/\d{1,2}/\d{1,2}"),
    PatternShape("MM/dd/yyyy", "%m/%d/%Y", r"\d{1,2}/\d{1,2}/\d{4}"),
    PatternShape("MM/dd/yy", "%m/%d/%y", r"\d{1,2}/\d{1,2}/\d{2}"),
    PatternShape("dd-MMM-yyyy", "%d-%b-%Y", r"\d{1,2}-[A-Za-z]{3}-\d{4}"),
    PatternShape("dd-MMM-yy", "%d-%b-%y", r"\d{1,2}-[A-Za-z]{3}-\d{2}"),
    PatternShape("dd MMM yyyy", "%d %b %Y", r"\d{1,2} [A-Za-z]{3} \d{4}"),
    PatternShape("ddMMMyyyy", "%d%b%Y", r"\d{2}[A-Za-z]{3}\d{4}"),
    PatternShape("dd/MM/yyyy", "%d/%m/%Y", r"\d{1,2}/\d{1,2}/\d{4}"),
    PatternShape("dd.MM.yyyy", "%d.%m.%Y", r"\d{1,2}\.\d{1,2}\.\d{4}"),
    PatternShape("dd-MM-yyyy", "%d-%m-%Y", r"\d{1,2}-\d{1,2}-\d{4}"),
    PatternShape("MM-dd-yyyy", "%m-%d-%Y", r"\d{1,2}-\d{1,2}-\d{4}"),
    PatternShape("yyyy.MM.dd", "%Y.%m.%d", r"\d{4}\.\d{1,2}\.\d{1,2}"),
    PatternShape("dd/MM/yy", "%d/%m/%y", r"\d{1,2}/\d{1,2}/\d{2}"),
    PatternShape("dd.MM.yy", "%d.%m.%y", r"\d{1,2}\.\d{1,2}\.\d{2}"),
    PatternShape("MMM dd, yyyy", "%b %d, %Y", r"[A-Za-z]{3,9} \d{1,2}, \d{4}"),
    PatternShape("MMM dd yyyy", "%b %d %Y", r"[A-Za-z]{3,9} \d{1,2} \d{4}"),
    PatternShape("dd MMMM yyyy", "%d %B %Y", r"\d{1,2} [A-Za-z]{4,9} \d{4}"),
    PatternShape("dd/MMM/yyyy", "%d/%b/%Y", r"\d{1,2}/[A-Za-z]{3}/\d{4}"),
    PatternShape("dd'.' MMM yyyy", "%d. %b %Y", r"\d{1,2}\. [A-Za-z]{3} \d{4}"),
    PatternShape("dd 'de' MMM 'de' yyyy", "%d de %b de %Y", r"\d{1,2} de [A-Za-z]{3} de \d{4}"),
    PatternShape("dd MMM, yyyy", "%d %b, %Y", r"\d{1,2} [A-Za-z]{3,9}, \d{4}"),
    PatternShape("dd.MMM.yyyy", "%d.%b.%Y", r"\d{1,2}\.[A-Za-z]{3}\.\d{4}"),
    PatternShape("yyyy-MMM-dd", "%Y-%b-%d", r"\d{4}-[A-Za-z]{3}-\d{1,2}"),
    PatternShape("MMM-dd-yyyy", "%b-%d-%Y", r"[A-Za-z]{3}-\d{1,2}-\d{4}"),
    PatternShape("MMM-dd-yy", "%b-%d-%y", r"[A-Za-z]{3}-\d{1,2}-\d{2}"),
    PatternShape("EEE, dd MMM yyyy", "%a, %d %b %Y", r"[A-Za-z]{3}, \d{1,2} [A-Za-z]{3} \d{4}"),
    PatternShape("EEE MMM dd yyyy", "%a %b %d %Y", r"[A-Za-z]{3} [A-Za-z]{3} \d{1,2} \d{4}"),
    PatternShape("yyyy'年'MM'月'dd'日'", "%Y年%m月%d日", r"\d{4}年\d{1,2}月\d{1,2}日"),
    PatternShape("yyyy'년' MM'월' dd'일'", "%Y년 %m월 %d일", r"\d{4}년 \d{1,2}월 \d{1,2}일"),
    PatternShape(
        "yyyy'. gada' dd'.' MMM", "%Y. gada %d. %b", r"\d{4}\. gada \d{1,2}\. [A-Za-z]{3}"
    ),
    PatternShape("yyyy 'm.' MMM dd 'd.'", "%Y m. %b %d d.", r"\d{4} m\. [A-Za-z]{3} \d{1,2} d\."),
    PatternShape("dd 'tháng' MM, yyyy", "%d tháng %m, %Y", r"\d{1,2} tháng \d{1,2}, \d{4}"),
    # Hungary and Korea put a point behind each number, Bohemia and the Balkans behind the day.
    PatternShape("yyyy. MM. dd.", "%Y. %m. %d.", r"\d{4}\. \d{1,2}\. \d{1,2}\."),
    PatternShape("yyyy. MM. dd", "%Y. %m. %d", r"\d{4}\. \d{1,2}\. \d{1,2}"),
    PatternShape("yyyy.MM.dd.", "%Y.%m.%d.", r"\d{4}\.\d{1,2}\.\d{1,2}\."),
    PatternShape("yyyy. MMM dd.", "%Y. %b %d.", r"\d{4}\. [A-Za-z]{3} \d{1,2}\."),
    PatternShape("dd. MM. yyyy", "%d. %m. %Y", r"\d{1,2}\. \d{1,2}\. \d{4}"),
    PatternShape("dd. MM. yyyy.", "%d. %m. %Y.", r"\d{1,2}\. \d{1,2}\. \d{4}\."),
    PatternShape("dd.MM.yyyy.", "%d.%m.%Y.", r"\d{1,2}\.\d{1,2}\.\d{4}\."),
)
TIMES = (
    PatternShape("HH:mm:ss.SSS", "%H:%M:%S%.f", r"\d{1,2}:\d{2}:\d{2}\.\d+"),
    PatternShape("HH:mm:ss", "%H:%M:%S", r"\d{1,2}:\d{2}:\d{2}"),
    PatternShape("HH:mm", "%H:%M", r"\d{1,2}:\d{2}"),
    PatternShape("hh:mm:ss a", "%I:%M:%S %p", r"\d{1,2}:\d{2}:\d{2} [AaPp][Mm]"),
    PatternShape("hh:mm a", "%I:%M %p", r"\d{1,2}:\d{2} [AaPp][Mm]"),
    PatternShape("hh:mm:ssa", "%I:%M:%S%p", r"\d{1,2}:\d{2}:\d{2}[AaPp][Mm]"),
    PatternShape("hh:mma", "%I:%M%p", r"\d{1,2}:\d{2}[AaPp][Mm]"),
    PatternShape("HH:mm:ss Z", "%H:%M:%S %z", r"\d{1,2}:\d{2}:\d{2} [+-]\d{2}:?\d{2}"),
    PatternShape("HH:mm:ss z", "%H:%M:%S UTC", r"\d{1,2}:\d{2}:\d{2} UTC"),
    PatternShape("HH:mm 'Uhr'", "%H:%M Uhr", r"\d{1,2}:\d{2} Uhr"),
    PatternShape("HH:mm:ss 'GMT'Z", "%H:%M:%S GMT%z", r"\d{1,2}:\d{2}:\d{2} GMT[+-]\d{4}"),
    PatternShape("HH:mm:ssZ", "%H:%M:%S%z", r"\d{1,2}:\d{2}:\d{2}[+-]\d{2}:?\d{2}"),
    PatternShape(
        "hh.mm.ss.SSSSSSSSS a", "%I.%M.%S%.f %p", r"\d{1,2}\.\d{2}\.\d{2}\.\d+ [AaPp][Mm]"
    ),
    PatternShape("HH.mm.ss", "%H.%M.%S", r"\d{1,2}\.\d{2}\.\d{2}"),
    PatternShape("HH.mm", "%H.%M", r"\d{1,2}\.\d{2}"),
    PatternShape("HH'時'mm'分'", "%H時%M分", r"\d{1,2}時\d{1,2}分"),
    PatternShape("HH'時'mm'分'ss'秒'", "%H時%M分%S秒", r"\d{1,2}時\d{1,2}分\d{1,2}秒"),
    PatternShape("HHmmss", "%H%M%S", r"\d{6}"),
    PatternShape("HHmm", "%H%M", r"\d{4}"),
    PatternShape("HHmmssZ", "%H%M%SZ", r"\d{6}Z"),
)
# What may stand between a date and a time, and how a pattern writes it.
JOINERS = {" ": " ", "T": "'T'", ", ": ", ", "": ""} | {
    f" {word} ": f" '{word}' "
    for word in ("at", "klo", "kl.", "kl", "um", "à", "às", "a las", "om", "godz.", "o", "v", "u")
}
COMPACT = "yyyyMMdd"
ALL_DIGITS = {
    COMPACT, f"{COMPACT}HHmmss", f"{COMPACT}HHmm", "ddMMyyyy", "MMddyyyy",
}  # fmt: skip


@dataclass(frozen=True)
class Inferred:
    """A field type, and how many of the values do not fit it.

    `format` is its date pattern (None when it needs none), `calendar` that of its years where it is
    another one, `scale` that of a decimal, `number` how its digits are written where that is not
    plain. `others` are what else fits where day and month could be either.
    """

    type: str
    format: str | None = None
    scale: int | None = None
    number: NumberForm | None = None
    misfits: int = 0
    calendar: str | None = None
    others: tuple[Inferred, ...] = ()

    @property
    def ambiguous(self) -> bool:
        return bool(self.others)


def infer(column: pl.Series) -> Inferred:
    """The type of a text column; empty values do not count, and a column without is a string."""
    values = present(column)
    if values.is_empty():
        return Inferred("string")
    if _are_truth_words(values):
        return Inferred("boolean")
    for calendar, shape in CALENDAR_DATES.items():
        has_two_digits = calendar == "roc" and _has_republic_years(values)
        if has_two_digits or _most_look_like(values, shape):
            return of_calendar(values, calendar)
    return _date_or_datetime(values) or _number(values) or Inferred("string")


def _has_republic_years(values: pl.Series) -> bool:
    """Whether values have the year first, of two digits and in some of them of three."""
    return bool(
        _most_look_like(values, REPUBLIC_DATE) and values.str.contains(CALENDAR_DATES["roc"]).any()
    )


def of_calendar(values: pl.Series, calendar: str) -> Inferred:
    """The type of dates of a calendar, or of what only looks so.

    Years of Iran are those of Islam too, so that `others` has what also fits: months of 31 days are
    Iran's alone.
    """
    calendars = ("persian", "islamic") if calendar == "persian" else (calendar,)
    fitting: list[Inferred] = []
    for each in calendars:
        common = common_texts(values, each)
        inferred = _date_or_datetime(common.set(common.str.contains(NO_DAY), "-"))
        if inferred is not None:
            fitting += [replace(one, calendar=each) for one in (inferred, *inferred.others)]
    if not fitting:
        return _number(values) or Inferred("string")
    best = min(fitting, key=lambda inferred: inferred.misfits)
    best = replace(best, others=())
    return replace(best, others=tuple(replace(one, others=()) for one in fitting if one != best))


def _are_truth_words(values: pl.Series) -> bool:
    """Whether values are words of one language for what is so and what is not. Both are asked for
    beside English, as `da` and `no` may also be languages, and `Si` a name."""
    first_words = set(values.head(LOOKED_AT).str.to_lowercase())
    for language, words in truth_words().items():
        if first_words & NUMBERED_TRUTH or not first_words <= words.all:
            continue
        found = set(values.str.to_lowercase().unique())
        has_both = bool(found & words.true and found & words.false)
        if found <= words.all and (has_both or language == ENGLISH_WORDS):
            return True
    return False


def missing_texts(frame: pl.DataFrame) -> list[str]:
    """Which of the usual texts for a missing value the frame uses as one, in lower case.

    They stand in columns that are of no type but for them, or of e-mail addresses or phone numbers.
    A column that is text anyway does not count: there they may be names.
    """
    missing: set[str] = set()
    for column in frame.iter_columns():
        if column.dtype == pl.String:
            missing |= _missing_texts_of(column)
    return sorted(missing)


def _missing_texts_of(column: pl.Series) -> set[str]:
    texts = column.str.strip_chars().str.to_lowercase()
    is_missing = texts.is_in(MISSING)
    present = set(texts.filter(is_missing).unique().to_list())
    if not present:
        return set()
    if infer(column).type != "string":
        # They have the shape of a day and are none.
        return present & set(ZERO_DAYS)
    others = column.filter(~is_missing)
    is_text_anyway = infer(others).type == "string" and not _are_contacts(others)
    return set() if is_text_anyway else present


def _are_contacts(column: pl.Series) -> bool:
    """Whether a column of texts holds e-mail addresses or phone numbers and nothing else."""
    values = column.str.strip_chars().drop_nulls()
    values = values.filter(values != "")
    return bool(len(values)) and bool(values.str.contains(CONTACT).all())


def without(frame: pl.DataFrame, missing: list[str]) -> pl.DataFrame:
    """The frame with those texts as missing values."""
    if not missing:
        return frame
    texts = pl.col(pl.String)
    is_missing = texts.str.strip_chars().str.to_lowercase().is_in(missing)
    return frame.with_columns(pl.when(~is_missing).then(texts))


def present(column: pl.Series) -> pl.Series:
    """The values of a column as `load` reads them: texts without blanks around them, their digits
    those of ASCII; missing ones are left out."""
    values = as_loaded(column.cast(pl.String)).str.strip_chars().drop_nulls()
    return values.filter(values != "")


def as_loaded(texts: pl.Series) -> pl.Series:
    """The texts with digits of other scripts as those of ASCII, without marks of direction."""
    is_foreign = texts.str.contains(r"[^\x00-\xFF]").fill_null(False)
    if not is_foreign.any():
        return texts
    # The same signs as `load` reads.
    changed = texts.filter(is_foreign).str.replace_many(FOREIGN_SIGNS)
    return texts.scatter(is_foreign.arg_true(), changed)


def _misfits(fits: pl.Series) -> int | None:
    """The number of values that do not fit, None when they are too many."""
    misfits = len(fits) - int(fits.fill_null(False).sum())
    return misfits if misfits <= len(fits) * (1 - FITS) else None


def _most_look_like(values: pl.Series, shape: str) -> bool:
    """Whether half or more of the first values have the shape; a few rule most shapes out."""
    first_values = values.head(LOOKED_AT)
    return first_values.str.contains(shape).sum() * 2 >= len(first_values)


def _number(values: pl.Series) -> Inferred | None:
    if not _most_look_like(values, ANY_NUMBER):
        return None
    if values.str.contains(LEADING_ZERO).any():
        return None  # an identifier: its zeros would be lost
    if values.str.contains(DIALLED).all():
        return None  # phone numbers: those without a country would lose their zeros
    misfits = _misfits(values.str.contains(INTEGER))
    if misfits is not None:
        return Inferred("integer", misfits=misfits)
    misfits = _misfits(values.str.contains(DECIMAL))
    if misfits is not None:
        digits = values.str.extract(r"\.(\d+)$").str.len_chars().max() or 0
        assert isinstance(digits, int)
        return Inferred("decimal", scale=_scale(digits), misfits=misfits)
    misfits = _misfits(values.str.contains(FLOAT))
    if misfits is not None and not is_scientific(values):
        return Inferred("float", misfits=misfits)
    form = number_form(values)
    if form is None:
        return None
    if form.scale == 0:
        return Inferred("integer", number=form)
    return Inferred("decimal", scale=_scale(form.scale), number=form)


def _scale(digits: int) -> int:
    return min(LONGEST_SCALE, max(SHORTEST_SCALE, digits))


def _date_or_datetime(values: pl.Series) -> Inferred | None:
    misfits = _misfits(_are_dates(values, "%Y-%m-%d", ISO_DATE))
    if misfits is not None:
        return Inferred("date", misfits=misfits)
    misfits = _misfits(values.str.contains(ISO_DATETIME))
    if misfits is not None:
        return Inferred("datetime", misfits=misfits)
    # Most columns hold no dates, and to look for each pattern takes long.
    if not _most_look_like(values, ANY_DATE):
        return None
    fitting: list[Inferred] = []
    plain_days = values.str.replace(ORDINAL_DAY, "${1}${2}${3}")
    plain_halves = plain_days.str.replace(DOTTED_HALF, "${1}${2}")
    values = english_clock(_with_english_months(plain_halves))
    for date in DATES:
        if not _most_look_like(values, f"^{date.shape}"):
            continue
        misfits = _misfits(_are_dates(values, date.polars, f"^{date.shape}$"))
        if misfits is not None:
            fitting.append(Inferred("date", date.joda, misfits=misfits))
        fitting += _datetimes(values, date)
    if not fitting:
        return None
    best = min(fitting, key=lambda inferred: inferred.misfits)
    return replace(best, others=tuple(other for other in fitting if other is not best))


def _with_english_months(values: pl.Series) -> pl.Series:
    """The values with names of months as short English ones, where nearly all begin with one."""
    parts = values.head(LOOKED_AT).str.extract(MONTH_NAME, 2).str.to_lowercase()
    known = parts.drop_nulls().is_in(list(MONTH_NUMBERS))
    if known.sum() * 2 < min(len(values), LOOKED_AT):
        return values
    names = values.str.extract(MONTH_NAME, 2).str.to_lowercase()
    english = names.replace_strict(ENGLISH_MONTHS, default=None, return_dtype=pl.String)
    written = values.str.extract(MONTH_NAME, 1) + english + values.str.extract(MONTH_NAME, 3)
    return written.zip_with(written.is_not_null(), values)


def _are_dates(values: pl.Series, polars_format: str, shape: str) -> pl.Series:
    parsed = values.str.to_date(polars_format, strict=False).is_not_null()
    return values.str.contains(shape) & parsed


def _datetimes(values: pl.Series, date: PatternShape) -> list[Inferred]:
    """The patterns of date and time that fit, of those that begin with the date."""
    fitting: list[Inferred] = []
    for joiner, joda_joiner in JOINERS.items():
        begins = values.str.contains(f"^{date.shape}{joiner}")
        if not begins.any() or (not joiner and date.joda != COMPACT):
            continue
        for time in TIMES:
            shaped = values.str.contains(f"^{date.shape}{joiner}{time.shape}$")
            if not shaped.any():
                continue
            pattern = f"{date.polars}{joiner}{time.polars}"
            parsed = values.str.to_datetime(pattern, strict=False).is_not_null()
            misfits = _misfits(shaped & parsed)
            if misfits is not None:
                joda = f"{date.joda}{joda_joiner}{time.joda}"
                fitting.append(Inferred("datetime", joda, misfits=misfits))
    return fitting
