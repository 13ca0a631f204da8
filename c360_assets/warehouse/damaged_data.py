"""Which data file was changed on its disk, asked where a query has failed to read one.

A file that is missing or was cut short is found before it is read (`storage`); of one that kept its
size the engine's error names nothing.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.storage import MANIFEST

# What the engine raises where it cannot decode; SQL and values that do not fit are other classes.
OF_READING = (
    duckdb.Error,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.InvalidInputException,
    duckdb.IOException,
    duckdb.SerializationException,
)


def damage(root: Path, error: Exception) -> str:
    """A sentence where a damaged data file of the warehouse at `root` is behind an error, else
    empty. Reads every data file, unless the error is of another class.
    """
    if type(error) not in OF_READING:
        return ""
    for table, state in sorted(Manifest.load(root / MANIFEST).tables.items()):
        for name in state.files or ():
            path = root / table / name
            if path.is_file() and not _is_readable(path):
                return (
                    f"{path} is damaged, a data file of {table}: put back the folder warehouse/ of "
                    "your last backup, then run again; without one, `c360 feed purge FEED` loads "
                    "a feed again, and `c360 run --force` builds other tables; what is published "
                    "stays"
                )
    return ""


def _is_readable(path: Path) -> bool:
    try:
        with pq.ParquetFile(path) as file:
            for _ in file.iter_batches():
                pass
    except (OSError, pa.ArrowException):
        return False
    return True
