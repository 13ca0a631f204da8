"""Who is held out, and who gets which treatment: by a hash of the person's first id, so that nobody
moves when the audience grows or shrinks.

u = SHA-256(salt, id) / 2**256; control where u < p. Treatments divide a second such number.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from c360_assets.tenant.segments import percent
from c360_assets.warehouse.sql import quote_literal

HASH_BITS = 256
# After the last hash: every one comes before it.
BEYOND = "g"


def threshold(share: Fraction) -> str:
    """The hash in hexadecimal before which lie `share` of all."""
    bound = share.numerator * 2**HASH_BITS // share.denominator
    return BEYOND if bound >= 2**HASH_BITS else f"{bound:064x}"


def _share(text: str) -> Fraction:
    return Fraction(str(percent(text))) / 100


def control_sql(unit: str, salt: str, control: str) -> str:
    """Whether the id `unit` (SQL) is control."""
    bound = quote_literal(threshold(_share(control)))
    return f"sha256({quote_literal(salt + '|')} || {unit}) < {bound}"


def treatment_sql(unit: str, salt: str, treatments: Mapping[str, str]) -> str:
    """The treatment of the id `unit`."""
    drawn = f"sha256({quote_literal(salt + '|treatment|')} || {unit})"
    cases = []
    below = Fraction(0)
    for name, share in treatments.items():
        below += _share(share)
        cases.append(f"WHEN {drawn} < {quote_literal(threshold(below))} THEN {quote_literal(name)}")
    last = list(treatments)[-1]
    return f"CASE {' '.join(cases)} ELSE {quote_literal(last)} END"
