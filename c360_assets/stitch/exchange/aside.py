"""Rows that nobody reads for a while, on the disk of this machine instead of in its memory.

They are read from there by the pages that are asked for, and the system takes those away again
where it needs memory. Which rows these are is for the steps to say, where they lie for an exchange.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa

from c360_assets.errors import C360Error


def set_aside(frame: pl.DataFrame, folder: Path | None) -> pl.DataFrame:
    """The same rows, in a file below `folder`, by default where the system has such files. It has
    no name any more when this returns, so that it goes with the rows, or with a killed process.

    Raises C360Error where it cannot be written.
    """
    try:
        with TemporaryDirectory(dir=folder) as made:
            file = Path(made) / "rows.arrow"
            frame.write_ipc(file, compat_level=pl.CompatLevel.newest())
            with pa.memory_map(str(file)) as mapped:
                rows = pl.DataFrame(pl.from_arrow(pa.ipc.open_file(mapped).read_all()))
    except OSError as error:
        raise C360Error(
            f"stitch: rows could not be set aside in {folder or 'the folder of temporary files'} "
            f"({type(error).__name__}): make room there, and see that it may be written to"
        ) from None
    # Of a type that files name otherwise, such as categories, nothing may change.
    return rows if rows.schema == frame.schema else frame
