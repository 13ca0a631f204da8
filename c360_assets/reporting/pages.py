"""Writing a page of `reports/`: one file that only its owner may read, replaced whole."""

from __future__ import annotations

import os
from pathlib import Path

from c360_assets.warehouse.session import private_folder


def replace_page(path: Path, html: str) -> Path:
    """Put the page at `path`, so that a reader never sees half of one; returns the path."""
    private_folder(path.parent)
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(html)
    os.replace(aside, path)
    return path
