"""Why a statement failed on the data, without the engine's text: that quotes values of rows.

Which file the statement is from, and what is to be done about it, its caller knows.
"""

from __future__ import annotations

import duckdb

from c360_assets.warehouse.session import Session
from c360_assets.wording import counted

KINDS: dict[type[duckdb.Error], str] = {
    duckdb.ConversionException: "a value does not fit the type it is cast to",
    duckdb.OutOfRangeException: "a number is out of range",
    duckdb.BinderException: "a column does not exist or has another type; run `c360 check`",
    duckdb.CatalogException: "a table or function does not exist; run `c360 check`",
    duckdb.OutOfMemoryException: "not enough memory",
}
SHOWN = 3
REMEDY = (
    "declare the type of the field in its feed, which reports such rows as they load, or use "
    "TRY_CAST in SQL of your own"
)


def reason(session: Session, sql: str, error: duckdb.Error) -> str:
    """What went wrong with the SELECT `sql`, whose names are still bound; the casts that failed
    with their columns and counts."""
    failed_casts: list[str] = []
    if isinstance(error, duckdb.ConversionException):
        # What reads the casts is slow to import, and seldom needed.
        from c360_assets.warehouse.failed_casts import misfits

        failed_casts = list(misfits(session, sql))
    if not failed_casts:
        return KINDS.get(type(error), type(error).__name__)
    sentences = failed_casts[:SHOWN]
    if len(failed_casts) > SHOWN:
        sentences.append(f"{counted(len(failed_casts) - SHOWN, 'more cast')} failed")
    return "; ".join([*sentences, REMEDY])
