"""How a custom domain table makes values of texts that are nested in a feed's field.

A field's own text is read by `casts` when it is loaded; what is inside of an object or a list is
text until SQL reads it. The form of the text is `Inferred`.
"""

from __future__ import annotations

import polars as pl

from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.column_numbers import NumberForm
from c360_assets.ingest.suggest.column_types import DATES, JOINERS, TIMES, Inferred
from c360_assets.semantics.lookups import truth_words
from c360_assets.warehouse.sql import quote_literal

# Field type -> how its text becomes a value; other types stay texts.
CASTS = {
    "integer": "BIGINT", "decimal": "DECIMAL(38, {scale})", "float": "DOUBLE", "boolean": "BOOLEAN",
    "date": "DATE", "datetime": "TIMESTAMPTZ",
}  # fmt: skip
WORDS_OF_THE_ENGINE = {"true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"}
EPOCHS = {"epoch_s": "", "epoch_ms": " / 1000", "epoch_us": " / 1000000"}
SHORTEST_SCALE = 4
# Digits of ASCII with separators, what is around them without digits, brackets and points.
PLAIN_AMOUNT = r"^[^\d(.,]*[.]?[^\d(.,]*\d[\d.,' \x{A0}\x{202F}]*[^\d).,]*$"


def cast_sql(sql: str, column: Column, values: pl.Series) -> str | None:
    """SQL for the value of a nested text as the column's type; None where none is known. One that
    is not of the type stops the run, but where the sample holds such too."""
    inferred = column.inferred
    if column.type not in CASTS or inferred.calendar is not None:
        return None
    scale = max(SHORTEST_SCALE, inferred.scale or 0)
    kind = CASTS[column.type].format(scale=scale)
    if column.type == "boolean":
        return _truth_sql(sql, values)
    if inferred == Inferred(column.type, scale=inferred.scale):
        return f"({sql})::{kind}"
    if inferred.number is not None:
        is_plain = values.drop_nulls().str.contains(PLAIN_AMOUNT).all()
        return f"{_plain_number(sql, inferred.number)}::{kind}" if is_plain else None
    if inferred.format in EPOCHS:
        return f"to_timestamp(({sql})::DOUBLE{EPOCHS[inferred.format]})::{kind}"
    pattern = _pattern(inferred.format or "")
    if pattern is None:
        return None
    function = "try_strptime" if inferred.misfits else "strptime"
    return f"{function}({sql}, {quote_literal(pattern)})::{kind}"


def _truth_sql(sql: str, values: pl.Series) -> str:
    """A truth value of a text, whose words may be those of any language."""
    texts = values.drop_nulls().str.to_lowercase()
    if set(texts.unique()) <= WORDS_OF_THE_ENGINE:
        return f"({sql})::BOOLEAN"
    words = set(texts.str.strip_chars().unique()) - {""}
    known = [spoken for spoken in truth_words().values() if words <= spoken.all]
    said = known or list(truth_words().values())
    true, false = (
        ", ".join(map(quote_literal, sorted(set().union(*one))))
        for one in ([spoken.true for spoken in said], [spoken.false for spoken in said])
    )
    text = f"lower(trim({sql}))"
    # What is neither stops the run, as in other types.
    return (
        f"CASE WHEN {text} IN ({true}) THEN TRUE WHEN {text} IN ({false}) THEN FALSE"
        f" ELSE nullif({text}, '')::BOOLEAN END"
    )


def _plain_number(sql: str, form: NumberForm) -> str:
    other = "," if form.decimal == "." else "."
    digits = f"trim(regexp_replace({sql}, '[^0-9.,-]', '', 'g'), '.,')"
    whole = f"replace({digits}, '{other}', '')"
    return whole if form.decimal == "." else f"replace({whole}, ',', '.')"


def _pattern(joda: str) -> str | None:
    """The pattern of the engine for one that a feed's `format` would name."""
    for date in DATES:
        if joda == date.joda:
            return date.polars
        for joiner, joda_joiner in JOINERS.items():
            for time in TIMES:
                if joda == f"{date.joda}{joda_joiner}{time.joda}" and "%.f" not in time.polars:
                    return f"{date.polars}{joiner}{time.polars}"
    return None
