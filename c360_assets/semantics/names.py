"""Names of people and companies, generational suffixes, titles and gender, as Polars expressions.

All functions take a String expression and give a String expression with NULL for "nothing usable".
Nicknames are in `nicknames`; values that must be ignored are in `blocklist`.
"""

import polars as pl

from c360_assets.semantics.lookups import genders, generational_suffixes, titles
from c360_assets.semantics.text import fold_upper, missing_to_null, on_distinct, squeeze

_SUFFIX_TOKENS = "|".join(sorted(generational_suffixes()))
# Both need a neighbouring word, so that a name that consists of such a token alone stays (Junior is
# a given name).
_LEADING_TITLES = rf"^(?:(?:{'|'.join(sorted(titles()))}) )+"
_TRAILING_SUFFIXES = rf"(?: (?:{_SUFFIX_TOKENS}))+$"


def _words(expr: pl.Expr) -> pl.Expr:
    """Folded words without dots, commas and title; hyphens and generational suffix still there."""
    without_dots = fold_upper(expr).str.replace_all(r"[.\"]", "")
    words = squeeze(without_dots.str.replace_all(",", " ", literal=True))
    return words.str.replace(_LEADING_TITLES, "")


def clean_name(expr: pl.Expr) -> pl.Expr:
    """A name part as it is compared: folded letters and spaces, without title and suffix."""
    return on_distinct(expr, lambda value: _letters(_words(value)))


def _letters(words: pl.Expr) -> pl.Expr:
    bare = words.str.replace(_TRAILING_SUFFIXES, "").str.replace_all(r"['\p{Nd}]", "")
    return squeeze(bare.str.replace_all("-", " ", literal=True))


def split_full_name(expr: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """(given part, surname part) of a full name, each cleaned; a single word is a surname.

    The surname is the last word, so middle names and initials belong to the given part.
    """

    def part(pattern: str) -> pl.Expr:
        def clean(value: pl.Expr) -> pl.Expr:
            without_suffix = _words(value).str.replace(_TRAILING_SUFFIXES, "")
            return _letters(_words(without_suffix.str.extract(pattern)))

        return on_distinct(expr, clean)

    return part(r"^(.+) \S+$"), part(r"(\S+)$")


def generational_suffix(expr: pl.Expr) -> pl.Expr:
    """JR, SR, II, III or IV standing last in a name; NULL where there is none."""
    pattern = rf" ({_SUFFIX_TOKENS})$"
    canonical = generational_suffixes()

    def last_token(value: pl.Expr) -> pl.Expr:
        token = _words(value).str.extract(pattern)
        return token.replace_strict(canonical, default=None, return_dtype=pl.String)

    return on_distinct(expr, last_token)


def clean_suffix(expr: pl.Expr) -> pl.Expr:
    """A generational suffix held in a field of its own; anything else (`PhD`) is NULL."""
    token = squeeze(expr.str.to_uppercase().str.replace_all(r"[.,]", ""))
    return token.replace_strict(generational_suffixes(), default=None, return_dtype=pl.String)


def clean_gender(expr: pl.Expr) -> pl.Expr:
    """F, M or X; NULL for values outside the accepted ones."""
    value = missing_to_null(expr.str.to_uppercase())
    return value.replace_strict(genders(), default=None, return_dtype=pl.String)


def gender_from_title(expr: pl.Expr) -> pl.Expr:
    """The gender a form of address implies (`Mr. -> M`), NULL where it implies none."""
    value = missing_to_null(expr.str.to_uppercase().str.replace_all(".", "", literal=True))
    return value.replace_strict(titles(), default=None, return_dtype=pl.String)


def clean_company(expr: pl.Expr) -> pl.Expr:
    """A company name: folded, without dots and commas."""

    def clean(value: pl.Expr) -> pl.Expr:
        without_dots = fold_upper(value).str.replace_all(".", "", literal=True)
        return squeeze(without_dots.str.replace_all(",", " ", literal=True))

    return on_distinct(expr, clean)
