"""Text helpers every semantic shares: missing values, case and accent folding, spaces.

Nothing here knows a semantic. Folding is built so that names and places of any country survive:
Latin, Greek and Cyrillic letters lose their accents, Arabic ones the marks that people leave out,
while vowel signs, voicing marks and syllables of other scripts stay as they are.
"""

import unicodedata
from collections.abc import Callable

import polars as pl

from c360_assets.semantics.letters import PLAIN_LETTERS

# Arabic letters that keyboards and people write in two ways: alef with and without hamza or madda,
# the final yeh and teh marbuta with and without dots, and the Persian and Urdu yeh, kaf and heh.
_ARABIC = dict.fromkeys("أإآٱ", "ا") | dict.fromkeys("ىی", "ي") | {"ک": "ك"}
_ARABIC |= dict.fromkeys("ةہھۀ", "ه")
# Vowel marks, and the stroke that makes a word longer.
_ARABIC_MARKS = r"[\u{64B}-\u{653}\u{656}-\u{65F}\u{670}\u{640}]"
# The acute accent and its kin decompose to a space plus a mark: they must become apostrophes before
# that.
_APOSTROPHES = dict.fromkeys("’‘‛`´ʼʹ′＇", "'")
_HYPHENS = dict.fromkeys("‐‑‒–—―−", "-")
_QUOTES = dict.fromkeys("“”„«»", '"')
# What stands for a lost letter is one sign, as it is where a system writes `?`, and no three bytes.
_LOST = {"\ufffd": "?"}
_PUNCTUATION = _APOSTROPHES | _HYPHENS | _QUOTES | _LOST
_INVISIBLE = r"[\u{200B}-\u{200F}\u{2060}\u{FEFF}\u{AD}]"
# What Unicode holds for white space, as a class for regular expressions in SQL: `\s` is ASCII
# there, and neither it nor the separators have the vertical tab and the next line. Polars' own
# trimming and its `\s` know all of it.
WHITE_SPACE = r"\s\x0b\x85\p{Z}"
NOT_ASCII = r"[^\x00-\x7F]"
# Digits of all scripts, each with its ASCII character.
DIGITS = {
    chr(code): str(unicodedata.decimal(chr(code)))
    for code in range(0x80, 0x10000)
    if unicodedata.category(chr(code)) == "Nd"
}


def _fold(expr: pl.Expr) -> pl.Expr:
    plain = expr.str.replace_many(_PUNCTUATION).str.replace_all(_INVISIBLE, "")
    decomposed = plain.str.normalize("NFKD")
    # Only the block "combining diacritical marks": \p{M} would also delete the vowels of Devanagari
    # or Thai. Composing again gives Hangul and kana back their usual form.
    unmarked = decomposed.str.replace_all(r"[\u{300}-\u{36F}]", "").str.normalize("NFC")
    unmarked = unmarked.str.replace_all(_ARABIC_MARKS, "")
    return unmarked.str.to_uppercase().str.replace_many(PLAIN_LETTERS | _ARABIC)


def _fold_series(values: pl.Series) -> pl.Series:
    foreign = values.str.contains(NOT_ASCII).fill_null(False)
    upper = values.str.to_uppercase()
    if not foreign.any():
        return upper
    # Unicode work takes some ten times as long as ASCII work, and few rows need it.
    folded = values.filter(foreign).to_frame("value").select(_fold(pl.col("value"))).to_series()
    return upper.scatter(foreign.arg_true(), folded)


def fold_upper(expr: pl.Expr) -> pl.Expr:
    """Upper case without accents; String in, String out."""
    return expr.map_batches(_fold_series, return_dtype=pl.String, is_elementwise=True)


def missing_to_null(expr: pl.Expr) -> pl.Expr:
    """Trim; an empty or blank value becomes NULL."""
    # Not when/then: naming an expression twice computes it twice, and rules are nested several
    # deep.
    return expr.str.strip_chars().replace("", None)


def squeeze(expr: pl.Expr) -> pl.Expr:
    """One space between words, none outside, control characters counting as space.

    NULL when nothing is left.
    """
    return missing_to_null(expr.str.replace_all(r"[\s\p{Cc}]+", " "))


def in_plain_digits(values: pl.Series) -> pl.Series:
    """The texts with digits of other scripts as those of ASCII."""
    is_foreign = values.str.contains(NOT_ASCII).fill_null(False)
    if not is_foreign.any():
        return values
    changed = values.filter(is_foreign).str.replace_many(DIGITS)
    return values.scatter(is_foreign.arg_true(), changed)


def in_steps(expr: pl.Expr, *rules: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """Apply the rules (String to String) one after the other, each to a column.

    A rule that names its text several times would compute all that comes before as often.
    """

    def run(values: pl.Series) -> pl.Series:
        column = values.rename("value").to_frame()
        for rule in rules:
            column = column.select(rule(pl.col("value")).alias("value"))
        return column.to_series().rename(values.name)

    return expr.map_batches(run, return_dtype=pl.String, is_elementwise=True)


def on_distinct(expr: pl.Expr, rule: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """Apply `rule` (String to String) to each distinct value once.

    Names, towns and addresses repeat, and finding the distinct ones costs a tenth of cleaning them.
    """

    def clean(values: pl.Series) -> pl.Series:
        column = values.rename("value").to_frame()
        distinct = column.unique().with_columns(clean=rule(pl.col("value")))
        joined = column.join(
            distinct, on="value", how="left", nulls_equal=True, maintain_order="left"
        )
        return joined["clean"].rename(values.name)

    return expr.map_batches(clean, return_dtype=pl.String, is_elementwise=True)
