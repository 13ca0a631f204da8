"""Data files whose name holds a checksum of what was written, so that a byte which a disk has
changed since is found before it is read.

Parquet as DuckDB writes it has none, and a changed value is as readable as the right one. Files of
earlier versions of this package have no checksum in their name, and are taken as they are.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path

CHUNK = 1 << 20
SEALED = re.compile(r"-([0-9a-f]{8})\.parquet")
# Of the files that this process has written or read, by what tells them from others.
_checksums: dict[tuple[int, int, int, int], str] = {}


def seal(file: Path) -> Path:
    """Put the checksum of a data file into its name, and return the file's new path."""
    sealed = file.with_name(f"{file.stem}-{_checksum(file)}.parquet")
    return file.rename(sealed)


def is_unchanged(file: Path) -> bool:
    """Whether a data file holds what was written. Raises OSError where it cannot be read."""
    sealed = SEALED.search(file.name)
    return sealed is None or sealed[1] == _checksum(file)


def _checksum(file: Path) -> str:
    facts = file.stat()
    identity = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
    if identity not in _checksums:
        checksum = 0
        with file.open("rb") as opened:
            while chunk := opened.read(CHUNK):
                checksum = zlib.crc32(chunk, checksum)
        _checksums[identity] = f"{checksum:08x}"
    return _checksums[identity]
