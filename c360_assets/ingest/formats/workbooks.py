"""Documents of office programs: how they are known, and what is said of them.

They are zip archives and yet no deliveries.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

OFFICE = "is an Excel workbook or another office document"
READABLE = "export it as CSV, JSON, Parquet, Avro or XML, plain or packed with gzip, zip or tar"


def is_workbook(path: Path) -> bool:
    """Whether a zip archive is a document of an office program."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "[Content_Types].xml" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
