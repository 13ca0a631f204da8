"""Files of ids that a person of the tenant puts together: one CSV with a column `amperity_id`."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.segments.schema import PERSON
from c360_assets.semantics.closest import closest
from c360_assets.warehouse.digest import fingerprint


class ListProblemError(C360Error):
    """A file that holds no list of ids; `remedy` says what to do."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def list_path(root: Path, file: str) -> Path:
    """The path of a list. Raises ListProblemError for one outside the tenant's folder."""
    place = PurePosixPath(file)
    base = root.resolve()
    path = (root / file).resolve()
    if place.is_absolute() or not path.is_relative_to(base):
        raise ListProblemError(f"{file} lies outside the tenant's folder", "put it into lists/")
    if not path.is_file():
        folder = path.parent
        near = closest(path.name, [one.name for one in folder.iterdir()] if folder.is_dir() else [])
        remedy = f"did you mean {place.with_name(near)}?" if near else "put the file there"
        raise ListProblemError(f"there is no file {file}", remedy)
    return path


def read_list(root: Path, file: str) -> list[str]:
    """The ids of a list, each once, sorted. Raises ListProblemError."""
    path = list_path(root, file)
    try:
        if b"\0" in path.read_bytes():  # UTF-16, or no text at all
            raise UnicodeError
        frame = pl.read_csv(path, infer_schema=False, encoding="utf8")
    except pl.exceptions.NoDataError:
        raise ListProblemError(f"{file} is empty", "write a line amperity_id, then ids") from None
    except (pl.exceptions.PolarsError, UnicodeError, OSError):
        message = f"{file} is no CSV file in UTF-8"
        raise ListProblemError(message, "save it as CSV, UTF-8, with commas") from None
    columns = {column.strip().lower().lstrip("\ufeff"): column for column in frame.columns}
    if PERSON not in columns:
        near = closest(PERSON, columns, limit=4)
        remedy = (
            f"rename the column {columns[near]}" if near else "its first line names the columns"
        )
        raise ListProblemError(f"{file} has no column {PERSON}", remedy)
    ids = frame[columns[PERSON]].str.strip_chars().unique().drop_nulls()
    listed = sorted(one for one in ids.to_list() if one)
    if not listed:
        raise ListProblemError(f"{file} holds no id", "write ids below the line amperity_id")
    return listed


def list_digest(root: Path, file: str) -> str:
    """Digest of the file as it is; "missing" where it cannot be read."""
    try:
        return fingerprint(list_path(root, file).read_bytes().hex())
    except (ListProblemError, OSError):
        return "missing"
