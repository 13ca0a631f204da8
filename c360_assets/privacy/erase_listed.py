"""Takes rows out of the file of a list by all their cells, where none of them is somebody's alone.

Which rows they are is `segments.rows_in_files`; values in files are `erase_files`.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from pathlib import Path

import duckdb
import polars as pl

from c360_assets.warehouse.files import put_in_place, sync_file, write_private
from c360_assets.warehouse.sql import quote_ident, quote_literal, quote_path

Rows = list[list[str]]
WORDS = {True: "true", False: "false", None: ""}


def erase_rows(path: Path, rows: Rows, timezone: str) -> int:
    """Take these rows out of a list in a file, each as often as it is given; how many there were.

    A row is its cells as text, times in the zone. The same row of somebody who stays, stays.
    """
    if not path.exists():
        return 0
    if path.suffix == ".parquet":
        return _from_parquet(path, rows, timezone)
    text = path.read_text("utf-8")
    if path.suffix == ".ndjson":
        lines = text.splitlines(keepends=True)
        kept = _others([_cells_of_json(line) for line in lines], rows)
        before, cleaned = len(lines), "".join(lines[place] for place in kept)
    else:
        records = list(csv.reader(io.StringIO(text, newline="")))
        kept = _others(records, rows)
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows(records[place] for place in kept)
        before, cleaned = len(records), out.getvalue()
    if len(kept) < before:
        write_private(path, cleaned)
    return before - len(kept)


def _others(cells: Rows, rows: Rows) -> list[int]:
    """The places of those that are none of the rows."""
    theirs = Counter(map(tuple, rows))
    kept = []
    for place, of_row in enumerate(map(tuple, cells)):
        if theirs[of_row]:
            theirs[of_row] -= 1
        else:
            kept.append(place)
    return kept


def _cells_of_json(line: str) -> list[str]:
    """The values of a line as text, numbers as they are written."""
    values = json.loads(line, parse_float=str, parse_int=str).values()
    return [value if isinstance(value, str) else WORDS[value] for value in values]


def _from_parquet(path: Path, rows: Rows, timezone: str) -> int:
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    source = f"read_parquet({quote_path(path)})"
    try:
        with duckdb.connect() as con:
            con.execute(f"SET TimeZone = {quote_literal(timezone)}")
            names = [row[0] for row in con.execute(f"DESCRIBE FROM {source}").fetchall()]
            texts = ", ".join(f"coalesce({quote_ident(name)}::VARCHAR, '')" for name in names)
            theirs = pl.DataFrame({"cells": rows}, schema={"cells": pl.List(pl.String)})
            con.register("theirs", theirs)
            con.execute(
                "CREATE TEMP TABLE others AS SELECT l.* EXCLUDE (cells, nth) FROM ("
                f"SELECT *, [{texts}] AS cells, row_number() OVER (PARTITION BY [{texts}]) AS nth "
                f"FROM {source}) AS l "
                "LEFT JOIN (SELECT cells, count(*) AS times FROM theirs GROUP BY cells) AS t "
                "ON t.cells = l.cells WHERE l.nth > coalesce(t.times, 0)"
            )
            ((erased,),) = con.execute(
                f"SELECT (SELECT count(*) FROM {source}) - (SELECT count(*) FROM others)"
            ).fetchall()
            if erased:
                target = quote_literal(str(aside))
                con.execute(f"COPY (FROM others ORDER BY ALL) TO {target} (FORMAT parquet)")
                aside.chmod(0o600)
                sync_file(aside)
                put_in_place(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return int(erased)
