"""Which labels name records of somebody, as answers of `c360 review` do: rows of tables, and the
file in which the answers are kept.

What a label is, and what it asks of Stitch, is `stitch.prepare.label_tables`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import polars as pl

from c360_assets.ingest.personal_columns import Meaning
from c360_assets.privacy.people import FOUND, Finder
from c360_assets.stitch.review.answers import (
    ANSWERS_FILE,
    LABEL_COLUMNS,
    answers_csv,
    answers_held,
    kept_answers,
    labels_of,
    without_labels,
)
from c360_assets.warehouse.files import write_private
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.suppression import Suppression, record_text

TAGS = ("sl/datasource", "sl/semantic", "sl/value")
NAMES_A_RECORD = "pk"  # what the semantic of such a row says


def rows_of_labels(finder: Finder, rows: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Physical name -> keys of the rows of label tables that name one of the rows by its key."""
    records = [(finder.name_of(name), pk) for name, keys in rows.items() for pk in keys]
    schema = {"datasource": pl.String, "pk": pl.String}
    finder.session.register(FOUND, pl.DataFrame(records, schema=schema, orient="row"))
    found = {}
    for name, meaning in finder.tables.items():
        if not are_labels(finder, meaning):
            continue
        columns = _columns(finder, meaning)
        datasource, semantic, value = (f"CAST({quote_ident(one)} AS VARCHAR)" for one in columns)
        keys = finder.session.rows(
            f"SELECT _pk FROM {finder.all_rows(name)} "
            f"WHERE lower(trim({semantic})) = '{NAMES_A_RECORD}' "
            f"AND ({datasource}, {value}) IN (SELECT (datasource, pk) FROM {FOUND})"
        )
        if keys:
            found[name] = {pk for (pk,) in keys}
    return found


def are_labels(finder: Finder, meaning: Meaning) -> bool:
    """Whether the rows of a table are labels, whose values name records."""
    return len(_columns(finder, meaning)) == len(TAGS)


def _columns(finder: Finder, meaning: Meaning) -> list[str]:
    """The columns that carry the tags, in their order."""
    tagged = [column for tag in TAGS for column, own in meaning.tags.items() if tag in own]
    return finder.stored(meaning.table.physical, tagged)


def forgotten_labels(
    suppression: Suppression, rows: Mapping[str, tuple[str, ...]], con: duckdb.DuckDBPyConnection
) -> set[str]:
    """The labels among label rows of `c360 review` that name a record which was forgotten with all
    its rows, and was not let in again."""
    if not rows or not suppression.has("record"):
        return set()
    frame = pl.DataFrame(list(rows.values()), schema=list(LABEL_COLUMNS), orient="row")
    pairs = frame.select("datasource", "value").rows()
    named = frame.with_columns(text=pl.Series([record_text(*pair) for pair in pairs]))
    hits = suppression.without_let_in().hits(con, "record", named["text"])
    gone = hits.filter(pl.col("mode") == "delete")
    return set(named.join(gone, left_on="text", right_on="value", how="semi")["label_id"])


def erase_answers(
    root: Path, suppression: Suppression, new_keys: Sequence[tuple[str, str, str]]
) -> int:
    """Take answers that name forgotten records out of the file in which `c360 review` keeps them,
    each whole; how many labels it concerns.

    `new_keys`: table, key and new key of records that stay without values, whose key was one.
    """
    path = root / ANSWERS_FILE
    if not path.exists():
        return 0
    with answers_held(root), duckdb.connect() as con:
        rows = kept_answers(path)
        gone = forgotten_labels(suppression, rows, con)
        renamed = {(datasource, pk): new for datasource, pk, new in new_keys}
        changed = {}
        for row_id, row in without_labels(rows, gone).items():
            *others, datasource, semantic, value = row
            if (datasource, value) in renamed:
                new = renamed[datasource, value]
                changed[row_id] = (*others, datasource, semantic, new)
        if gone or changed:
            write_private(path, answers_csv(without_labels(rows, gone) | changed))
    return len(gone | labels_of(changed))
