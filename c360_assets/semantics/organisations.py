"""Names of organisations as words: without legal forms and filler.

The library `cleanco` knows the legal forms of the world. What an agreement of words is worth, and
which records are organisations, belongs to Stitch.
"""

from __future__ import annotations

from functools import cache

import polars as pl
from cleanco.clean import get_unique_terms, normalized, strip_punct

FILLER = frozenset(
    (
        *("AND", "AT", "DAS", "DE", "DER", "DES", "DI", "DIE", "DU", "EL", "ET", "FOR", "IN"),
        *("LA", "LE", "LES", "LOS", "OF", "THE", "UND", "Y"),
    )
)
NO_WORD = r"[^\p{L}\p{N}]+"
MOST_WORDS_OF_A_FORM = 4  # as in GMBH & CO KG
# Legal forms by which no person is called, as SA, SAS, AS, AB and CO are; written without dots.
_BEHIND = (
    "GMBH|GGMBH|MBH|KG|KGAA|OHG|GBR|AG|LTD|LIMITED|LLC|LLP|PLC|INC|INCORPORATED|CORP|CORPORATION"
    "|PTY|SARL|EURL|SASU|SRL|SPA|SNC|LTDA|LDA|EIRELI|BV|BVBA|NV|OY|OYJ|APS|SRO|DOO|OOD|EOOD|KFT"
    "|ZRT|UAB|SP Z ?O ?O|S ?A ?R ?L|S ?P ?A|S ?R ?L|G ?M ?B ?H"
)
_OF_A_LEGAL_FORM = (
    rf"(?i)^\S.* (?:{_BEHIND})$|^(?:ООО|ОАО|ЗАО|ПАО) \S|^(?:株式会社|有限会社|合同会社)\S"
    r"|\S(?:株式会社|有限会社|合同会社)$"
)


@cache
def legal_form_words() -> frozenset[str]:
    """The words that legal forms are made of, in capitals, without dots; no single letters."""
    words: set[str] = set()
    for term in get_unique_terms():
        written = strip_punct(normalized(term)).replace("/", "").replace("&", " ")
        words.update(word.upper() for word in written.split() if len(word) > 1)
    return frozenset(words)


def has_legal_form(name: pl.Expr) -> pl.Expr:
    """Whether a written name is that of an organisation, as its legal form tells; NULL without
    one."""
    written = name.str.replace_all(r"[.,()\"]", " ").str.replace_all(r"\s+", " ")
    return written.str.strip_chars().str.contains(_OF_A_LEGAL_FORM)


def organisation_words(companies: pl.Series) -> pl.Series:
    """The words of clean company names (`clean_company`), as written, in their order.

    Legal forms at the end and filler anywhere are left out, unless nothing else is left.
    """
    name = pl.col("company")
    names = companies.rename("company").drop_nulls().unique().to_frame()
    written = name.str.replace_all("['’]", "").str.replace_all(NO_WORD, " ").str.strip_chars()
    words = names.with_columns(words=written.replace("", None).str.split(" "))
    is_filler = pl.element().is_in(sorted(FILLER))
    words = words.with_columns(telling=pl.col("words").list.eval(pl.element().filter(~is_filler)))
    has_telling = pl.col("telling").list.len() > 0
    words = words.select(name, words=pl.when(has_telling).then("telling").otherwise("words"))
    forms = sorted(legal_form_words())
    length = pl.col("words").list.len()
    # One step at a time: an expression of all steps would compute each of them many times.
    for _ in range(MOST_WORDS_OF_A_FORM):
        ends_in_form = pl.col("words").list.last().is_in(forms) & (length > 1)
        shorter = pl.col("words").list.head(length - 1)
        words = words.with_columns(words=pl.when(ends_in_form).then(shorter).otherwise("words"))
    matched = (
        companies.rename("company")
        .to_frame()
        .join(words, on="company", how="left", maintain_order="left")
    )
    return matched.get_column("words")
