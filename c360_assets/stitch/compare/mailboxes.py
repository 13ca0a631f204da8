"""Which mailbox an e-mail address leads to, where several addresses lead to one.

Gmail reads no dots in the name of a mailbox and has two domains. Only what is compared and what
brings records together is written so: tables show addresses as they came. A domain with a typing
error is none that a provider has, and is told by the pair (`contact_comparisons`).
"""

from __future__ import annotations

import polars as pl

_GMAIL = r"@(GMAIL|GOOGLEMAIL)\.COM$"


def mailbox(email: pl.Expr) -> pl.Expr:
    """The cleaned address under which its mailbox is known."""
    name = email.str.replace(_GMAIL, "")
    undotted = name.str.replace_all(".", "", literal=True) + "@GMAIL.COM"
    return pl.when(email.str.contains(_GMAIL)).then(undotted).otherwise(email)
