"""Which rows of tables of labels name records of somebody, as answers of `c360 review` do.

What a label is, and what it asks of Stitch, is `stitch.prepare.label_tables`.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from c360_assets.ingest.personal_columns import Meaning
from c360_assets.privacy.people import FOUND, Finder
from c360_assets.warehouse.sql import quote_ident

TAGS = ("sl/datasource", "sl/semantic", "sl/value")
NAMES_A_RECORD = "pk"  # what the semantic of such a row says


def rows_of_labels(finder: Finder, rows: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Physical name -> keys of the rows of label tables that name one of the rows by its key."""
    records = [(finder.name_of(name), pk) for name, keys in rows.items() for pk in keys]
    schema = {"datasource": pl.String, "pk": pl.String}
    finder.session.register(FOUND, pl.DataFrame(records, schema=schema, orient="row"))
    found = {}
    for name, meaning in finder.tables.items():
        columns = _columns(finder, meaning)
        if len(columns) < len(TAGS):
            continue
        datasource, semantic, value = (f"CAST({quote_ident(one)} AS VARCHAR)" for one in columns)
        keys = finder.session.rows(
            f"SELECT _pk FROM {finder.all_rows(name)} "
            f"WHERE lower(trim({semantic})) = '{NAMES_A_RECORD}' "
            f"AND ({datasource}, {value}) IN (SELECT (datasource, pk) FROM {FOUND})"
        )
        if keys:
            found[name] = {pk for (pk,) in keys}
    return found


def _columns(finder: Finder, meaning: Meaning) -> list[str]:
    """The columns that carry the tags, in their order."""
    tagged = [column for tag in TAGS for column, own in meaning.tags.items() if tag in own]
    return finder.stored(meaning.table.physical, tagged)
