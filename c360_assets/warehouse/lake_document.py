"""What a publication of a lake says of itself: its tables, the files and the version of each, what
they mean, when it was made.

Plain JSON, so that a reader needs nothing of this platform. Where it stands, and when it is
replaced, belongs to `published_lake`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from c360_assets.errors import C360Error
from c360_assets.warehouse.kept_tables import TableName
from c360_assets.warehouse.lease import LEASE

POINTER = "publication.json"
HISTORY = re.compile(r"history/(\d+)\.json")
# Only files of this name are ever removed: whatever else is at the address is somebody else's.
DATA_FILE = re.compile(r"[^/]+/[^/]+/part-[0-9a-f]{32}\.parquet")
LOG_FILE = re.compile(r"([^/]+/[^/]+)/_delta_log/[^/]+")
FORM = "c360-publication-1"


class DamagedDocumentError(C360Error):
    """What a lake says of a publication cannot be read."""


@dataclass(frozen=True)
class LakeColumn:
    """A column: its type in the engine, and what people read about it."""

    name: str
    type: str
    description: str = ""
    semantic: str = ""
    is_pii: bool = False


@dataclass(frozen=True)
class LakeTable:
    """A table: its folder and files, relative to the lake's address.

    `version` is that of a Delta table, None where the lake has none. `view` is the SELECT, in
    DuckDB's dialect, of one that is computed from the others; it has no files. `mark` is
    `PublishedTable.mark`.
    """

    schema: str
    table: str
    rows: int | None
    columns: tuple[LakeColumn, ...]
    description: str = ""
    path: str = ""
    version: int | None = None
    files: tuple[str, ...] = ()
    bytes: int = 0
    mark: str = ""
    view: str = ""

    @property
    def key(self) -> TableName:
        return (self.schema, self.table)

    def is_in(self, present: Mapping[str, int]) -> bool:
        """Whether its files are among those `present` (name -> bytes) as they were put."""
        sizes = [present.get(file) for file in self.files]
        return None not in sizes and sum(size or 0 for size in sizes) == self.bytes

    @property
    def types(self) -> dict[str, str]:
        return {column.name: column.type for column in self.columns}


@dataclass(frozen=True)
class Document:
    """One publication. `functions` are statements that make the functions its users may call;
    `published` in them is the name of the database."""

    database: str
    tenant: str
    format: str
    id: str
    number: int
    published_at: str
    as_of: str
    tables: tuple[LakeTable, ...]
    functions: tuple[str, ...] = ()
    form: str = field(default=FORM, kw_only=True)

    @property
    def files(self) -> dict[str, LakeTable]:
        """File -> the table that it is of."""
        return {file: table for table in self.tables for file in table.files}

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(table.bytes for table in self.tables)

    @property
    def written_at(self) -> datetime:
        return datetime.fromisoformat(self.published_at)

    @property
    def by_name(self) -> Mapping[TableName, LakeTable]:
        return {table.key: table for table in self.tables}

    def with_tables(self, tables: Iterable[LakeTable]) -> Document:
        """The publication with other files or versions of its tables; it stays the same one."""
        return replace(self, tables=tuple(tables))

    def to_json(self) -> bytes:
        content = asdict(self)
        tables = content.pop("tables")
        head = json.dumps(content, ensure_ascii=False)[1:-1]
        # A line for each table: readable, and differences of two publications too.
        lines = ",\n".join(json.dumps(table, ensure_ascii=False) for table in tables)
        return f'{{{head},\n"tables": [\n{lines}\n]}}\n'.encode()

    @classmethod
    def from_json(cls, content: bytes, place: str) -> Document:
        """Raises DamagedDocumentError where it was cut short or written by hand, C360Error where it
        is of a later version."""
        try:
            told = json.loads(content)
            if told["form"] != FORM:
                raise C360Error(
                    f"{place} is of another version of this platform: use that, or give the "
                    "database another address"
                )
            tables = tuple(_table(table) for table in told.pop("tables"))
            functions = tuple(told.pop("functions"))
            return cls(**told, tables=tables, functions=functions)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DamagedDocumentError(
                f"{place} is damaged; `c360 run` publishes a damaged `publication.json` again, "
                "one of `history/` has to be removed by hand"
            ) from None


def _table(told: dict[str, Any]) -> LakeTable:
    columns = tuple(LakeColumn(**column) for column in told.pop("columns"))
    files: Sequence[str] = told.pop("files")
    return LakeTable(**told, columns=columns, files=tuple(files))


def publication_id(document: Document) -> str:
    """What tells a publication from all others of the lake."""
    told = [document.database, document.tenant, document.number, document.published_at]
    files = sorted(document.files)
    return hashlib.sha256(json.dumps([told, files]).encode()).hexdigest()[:32]


def kept_name(number: int) -> str:
    return f"history/{number}.json"


def is_own(name: str) -> bool:
    """Whether a file at the address is the lake's own."""
    patterns = (HISTORY, DATA_FILE, LOG_FILE)
    return name in (POINTER, LEASE) or any(pattern.fullmatch(name) for pattern in patterns)
