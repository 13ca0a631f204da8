"""The global blocklist: values that are never evidence, whatever the tenant (`data/blocklist.csv`).

A value matches as a whole, never by a word inside it (a surname Travel is ignored, Travelstead is
not). E-mail patterns name a local part, a domain, or a word that is either the local part or the
whole value. Lists of one tenant and values found by counting belong to `stitch`.
"""

from functools import cache

import polars as pl

from c360_assets.semantics.lookups import read_rows
from c360_assets.semantics.text import fold_upper

# Keys of no letters and digits (`-`, `--`), zero in any spelling, -1, a field full of nines, and
# the UUIDs of nobody (all zeros, all ones).
_NO_KEY = (
    r"^(?:[^\p{L}\p{N}]*|[+-]?0+(?:[.,]0+)?|-[19]+(?:[.,]0+)?|9{6,}(?:[.,]0+)?"
    r"|[{(]?(?:0{8}-?0{4}-?0{4}-?0{4}-?0{12}|F{8}-?F{4}-?F{4}-?F{4}-?F{12})[)}]?)$"
)
LEAST_LETTERS_IN_ONE = 6  # of a local part that is written with dots, hyphens or underscores
_AROUND_WORD = r"^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$"


@cache
def placeholder_keys() -> frozenset[str]:
    """Words that stand in a key where there is none, in the form `is_placeholder_key` compares."""
    words = pl.Series([row["word"] for row in read_rows("placeholder_keys.csv")])
    return frozenset(words.to_frame("word").select(_bare_word(pl.col("word"))).to_series())


def _bare_word(value: pl.Expr) -> pl.Expr:
    """Folded, its words one space or sign apart, without what stands around it (`(null)`)."""
    bare = fold_upper(value).str.replace_all(_AROUND_WORD, "")
    return bare.str.replace_all(r"[\s_\-]+", " ")


def is_placeholder_key(expr: pl.Expr) -> pl.Expr:
    """Whether a key says that there is none, in any case and language; false for NULL."""

    def judge(values: pl.Series) -> pl.Series:
        column = values.rename("value").to_frame()
        word = _bare_word(pl.col("value"))
        text = fold_upper(pl.col("value")).str.strip_chars()
        is_placeholder = word.is_in(sorted(placeholder_keys())) | text.str.contains(_NO_KEY)
        # Most keys are a customer's own, and each is looked at once.
        distinct = column.unique().with_columns(answer=is_placeholder.fill_null(False))
        joined = column.join(
            distinct, on="value", how="left", nulls_equal=True, maintain_order="left"
        )
        return joined["answer"].rename(values.name)

    return expr.map_batches(judge, return_dtype=pl.Boolean, is_elementwise=True)


@cache
def blocked_values(
    semantic: str, match: str = "whole", allow_business_email: bool = False
) -> tuple[str, ...]:
    """Blocked values of a semantic in upper case, those of all semantics included, sorted.

    `match` picks the kind of an e-mail pattern: whole, local, domain or word. With
    `allow_business_email` the shorter list is meant, which lets `INFO@` and its like pass.
    """
    values = set()
    for row in read_rows("blocklist.csv"):
        applies = row["match"] == match and row["semantic"] in (semantic, "*")
        is_allowed = allow_business_email and row["business"] == "true"
        if applies and not is_allowed:
            values.add(row["value"])
    return tuple(sorted(values))


def is_blocked(semantic: str, expr: pl.Expr, allow_business_email: bool = False) -> pl.Expr:
    """Whether a normalised String value is on the global list; false for NULL."""

    def among(value: pl.Expr, match: str) -> pl.Expr:
        return value.is_in(blocked_values(semantic, match, allow_business_email)).fill_null(False)

    is_listed = among(expr, "whole")
    if semantic.startswith(("fk-", "bk-")):
        return is_listed | is_placeholder_key(expr)
    if semantic != "email":
        return is_listed
    local = expr.str.extract("^([^@]*)@")
    # NO-REPLY and DO_NOT_REPLY; in shorter ones letters may be initials.
    in_one = local.str.replace_all("[._-]", "")
    in_one = pl.when(in_one.str.len_chars() >= LEAST_LETTERS_IN_ONE).then(in_one)
    domain = expr.str.extract("@([^@]*)$")
    return (
        is_listed
        | among(expr, "word")
        | among(local, "word")
        | among(local, "local")
        | among(in_one, "local")
        | among(domain, "domain")
    )
