"""The SQL type of each field type, and the columns that every domain table has beside its fields.

Only the agreement. Turning text into a value of a type is `ingest`; which field types a feed may
declare is `tenant.feeds`; columns of the documented tables are `tables`.
"""

from __future__ import annotations

from c360_assets.semantics.tables import ColumnSpec

# As DuckDB itself writes the type, so that the type of a stored column can be compared with it.
INSTANT = "TIMESTAMP WITH TIME ZONE"

# A decimal has the scale that its feed declares; here stands the type of a column that gathers
# the decimals of several feeds.
SQL_TYPES: dict[str, str] = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": INSTANT,
    "decimal": "DECIMAL(38,4)",
    "float": "DOUBLE",
    "integer": "BIGINT",
    # Element types are not declared, so these stay JSON text until a custom table flattens them.
    "array": "VARCHAR",
    "map": "VARCHAR",
    "struct": "VARCHAR",
}

PERSON_COLUMN = "amperity_id"
# `_updated` counts delivery days from 1970 above this bit; it is zero in a custom table.
DAY_BITS = 43

# What the platform adds to the fields of a domain table: a load adds all but the person, Stitch
# adds the person to its own version of the table.
GENERATED_COLUMNS: dict[str, ColumnSpec] = {
    "_pk": ColumnSpec("VARCHAR", "Key of the row: its primary key as text"),
    "_uuid_pk": ColumnSpec("VARCHAR", "Key of the row as a UUID"),
    "_updated": ColumnSpec(
        "BIGINT", "Which delivery the row came with: grows with delivery day, attempt and position"
    ),
    PERSON_COLUMN: ColumnSpec(
        "VARCHAR", "Stable id of the person the row belongs to; empty when none or several match"
    ),
}
SYSTEM_COLUMNS: dict[str, str] = {
    name: spec.type for name, spec in GENERATED_COLUMNS.items() if name != PERSON_COLUMN
}
