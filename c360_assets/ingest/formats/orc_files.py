"""ORC files to Parquet copies of the same types, for samples and loads to read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc


def orc_to_parquet(source: Path, target: Path, rows: int | None = None) -> None:
    """Write the rows of `source`, or the first `rows`, to `target`, stripe by stripe.

    Raises what the libraries raise where the file is broken.
    """
    with source.open("rb") as opened:
        file = orc.ORCFile(opened)
        left = file.nrows if rows is None else min(rows, file.nrows)
        with pq.ParquetWriter(target, file.schema) as writer:
            for stripe in range(file.nstripes):
                if left == 0:
                    break
                table = pa.Table.from_batches([file.read_stripe(stripe)]).slice(0, left)
                writer.write_table(table)
                left -= table.num_rows
