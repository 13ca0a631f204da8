"""Which tag a column deserves: guessed from its name, dropped where its values speak against it.

The names that mean a tag by themselves are in the catalogue of `semantics`; here are the words around them, and what values of a
tag look like. Whether a table may carry the tag, and how often, is for `suggest` to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from c360_assets.semantics.tags import tag_for_column, without_marks

# Words before a name that say whose or which it is, and not what: `billing_city` is a city. The person that a record is about
# is its customer; clerks, managers and stores are somebody else, and their words are not here.
OWNERS = frozenset(
    {
        "buyer",
        "client",
        "consumer",
        "contact",
        "cust",
        "customer",
        "guest",
        "home",
        "lead",
        "main",
        "member",
        "own",
        "person",
    }
    | {"personal", "primary", "profile", "shopper", "subscriber", "user"}
)
PLAIN = frozenset(
    {"address", "addr", "default", "mail", "to"}
)  # as `KINDS`, but telling nothing apart
KINDS = PLAIN | {
    "alternate", "billing", "bill", "business", "cell", "delivery", "invoice", "mailing", "mobile", "office", "other",
    "permanent", "postal", "residential", "secondary", "ship", "shipping", "work",
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
    "gender": r"^(m|f|w|d|x|u|male|female|man|woman|non.?binary|diverse|other|unknown|not .*)$",
    "title": r"^(mr|mrs|ms|miss|mx|dr|prof|sir|madam|m|mme|mlle|herr|frau|rev|hon)\.?$",
    "generational-suffix": r"^(jr|junior|sr|senior|ii|iii|iv|2nd|3rd|4th)\.?$",
}
BORNE_OUT = 0.6  # share of the values that must look like the tag
EMAILS = 0.95  # share of values from which on a column of any name is one of e-mail addresses


@dataclass(frozen=True)
class Guess:
    """A tag and, for one of several columns of it, what tells this one apart (`billing`; empty where nothing does)."""

    tag: str
    namespace: str = ""


def guess(name: str, values: pl.Series) -> Guess | None:
    """The tag of a column by its name, if its values do not speak against it; a column without values has its name only."""
    words = [w.lower() for w in WORD.findall(without_marks(name))]
    found: Guess | None = None
    for begin in range(len(words)):
        tag = tag_for_column("".join(words[begin:]))
        if tag is not None and (found is None or tag == found.tag):
            found = Guess(tag, "-".join(w for w in words[:begin] if w in KINDS - PLAIN))
        if words[begin] not in OWNERS | KINDS:
            break
    return (
        found
        if found is not None and _share(values, LOOKS.get(found.tag, "")) >= BORNE_OUT
        else None
    )


def are_emails(values: pl.Series) -> bool:
    """Whether nearly all of some values are e-mail addresses, whatever their column is called."""
    return _texts(values).len() > 0 and _share(values, LOOKS["email"]) >= EMAILS


def _texts(values: pl.Series) -> pl.Series:
    texts = values.cast(pl.String).str.strip_chars().str.to_lowercase().drop_nulls()
    return texts.filter(texts != "")


def _share(values: pl.Series, look: str) -> float:
    texts = _texts(values)
    return float(texts.str.contains(look).sum()) / len(texts) if look and len(texts) else 1.0
