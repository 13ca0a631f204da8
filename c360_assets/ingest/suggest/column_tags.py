"""Which tag a column deserves: guessed from its name, dropped where its values speak against it.

The names that mean a tag by themselves are in the catalogue of `semantics`; here are the words
around them, and what values of a tag look like. Whether a table may carry the tag, and how often,
is for `feed` to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from c360_assets.semantics.tags import tag_for_column, without_marks

# Words before a name that say whose or which it is, and not what: `billing_city` is a city. The
# person that a record is about is its customer; clerks, managers and stores are somebody else, and
# their words are not here.
OWNERS = frozenset({
    "buyer", "client", "consumer", "contact", "cust", "customer", "guest", "home", "lead", "main",
    "member", "own", "person", "personal", "primary", "profile", "shopper", "subscriber", "user",
})  # fmt: skip
# As `KINDS`, but telling nothing apart.
PLAIN = frozenset({"address", "addr", "default", "mail", "to"})
KINDS = PLAIN | {
    "alternate", "billing", "bill", "business", "cell", "delivery", "invoice", "mailing", "mobile",
    "office", "other", "permanent", "postal", "residential", "secondary", "ship", "shipping",
    "work",
}  # fmt: skip
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
# What most values of a tag look like, in lower case without blanks around them.
LOOKS = {
    "email": r"^[^@\s]+@[^@\s]+$",
    "phone": r"^'?[+(]?[\d\s().\-/+x]{6,30}$",
    "postal": r"^'?〒?[a-z0-9][a-z0-9 -]{1,10}$",
    "given-name": r"^[^\d@#]+$",
    "surname": r"^[^\d@#]+$",
    "full-name": r"^[^\d@#]+\s[^\d@#]+$|^[\p{Han}\p{Hiragana}\p{Katakana}]{2,}$",
    "city": r"^[^\d@]+$",
    "state": r"^[^\d@]+$",
    "country": r"^[^\d@]+$",
    "address": r"[^\W\d_]",
    "gender": (r"^(m|f|w|d|x|u|male|female|man|woman|non.?binary|diverse|other|unknown|not .*)$"),
    "title": r"^(mr|mrs|ms|miss|mx|dr|prof|sir|madam|m|mme|mlle|herr|frau|rev|hon)\.?$",
    "generational-suffix": r"^(jr|junior|sr|senior|ii|iii|iv|2nd|3rd|4th)\.?$",
}
BORNE_OUT = 0.6  # share of the values that must look like the tag
EMAILS = 0.95  # share of values from which on a column of any name is one of e-mail addresses


@dataclass(frozen=True)
class Guess:
    """A tag and, for one of several columns of it, what tells this one apart.

    `namespace` is a word such as `billing`, or empty where nothing does.
    """

    tag: str
    namespace: str = ""


def guess(name: str, values: pl.Series) -> Guess | None:
    """The tag of a column by its name, if its values do not speak against it.

    A column without values has its name only.
    """
    by_name = _guess_by_name(name)
    if by_name is None or _share(values, LOOKS.get(by_name.tag, "")) < BORNE_OUT:
        return None
    return by_name


def _guess_by_name(name: str) -> Guess | None:
    """The tag of a name, or of what is left of it without the words before.

    The shortest rest that means the same tag counts, so that the words before it tell it apart.
    """
    words = [word.lower() for word in WORD.findall(without_marks(name))]
    best: Guess | None = None
    for begin, word in enumerate(words):
        tag = tag_for_column("".join(words[begin:]))
        if tag is not None and (best is None or tag == best.tag):
            telling = [before for before in words[:begin] if before in KINDS - PLAIN]
            best = Guess(tag, "-".join(telling))
        if word not in OWNERS | KINDS:
            break
    return best


def are_emails(values: pl.Series) -> bool:
    """Whether nearly all of some values are e-mail addresses, whatever their column is called."""
    return _texts(values).len() > 0 and _share(values, LOOKS["email"]) >= EMAILS


def _texts(values: pl.Series) -> pl.Series:
    texts = values.cast(pl.String).str.strip_chars().str.to_lowercase().drop_nulls()
    return texts.filter(texts != "")


def _share(values: pl.Series, look: str) -> float:
    """The share of values that look so; all of them where there are none, or no look is known."""
    texts = _texts(values)
    if not look or texts.is_empty():
        return 1.0
    return float(texts.str.contains(look).sum()) / len(texts)
