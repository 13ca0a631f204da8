"""Sends tables as files to a folder or an object store: all of them aside first, then each in
place, a manifest last.

What may leave is decided by `customer_360.destinations`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from c360_assets.tenant.models import DestinationConfig, Tenant
from c360_assets.warehouse.files import replaced_file, shared_folder
from c360_assets.warehouse.remote_places import EXTRAS, open_place, scheme_of
from c360_assets.warehouse.session import private_folder
from c360_assets.warehouse.spreadsheets import marked, marked_sql
from c360_assets.warehouse.sql import quote_ident, quote_literal

# Format -> suffix of its files, and what DuckDB calls it.
FORMATS = {
    "csv": ("csv", "FORMAT csv, HEADER"),
    "parquet": ("parquet", "FORMAT parquet"),
    "ndjson": ("ndjson", "FORMAT json"),
}
COPIED_BYTES = 1 << 20  # at a time


def send_to_folder(
    con: duckdb.DuckDBPyConnection,
    tenant: Tenant,
    config: DestinationConfig,
    queries: Mapping[str, str],
    run_id: str,
) -> dict[str, int]:
    """Write the rows of each query to a file of its table; returns rows by table.

    The manifest comes last, so that its presence says that all is there. Raises what the file
    system raises.
    """
    place = _Place.of(tenant, config)
    with TemporaryDirectory(dir=private_folder(tenant.root / ".tmp")) as aside:
        files, rows = _write_aside(con, Path(aside), config, queries)
        manifest = Path(aside) / "manifest.json"
        facts = {"run_id": run_id, "database": config.database, "rows": rows}
        manifest.write_text(json.dumps(facts, indent=1) + "\n")
        for file in [*files, manifest]:
            place.put(file)
    return rows


def put_file(tenant: Tenant, config: DestinationConfig, file: Path) -> None:
    """Put one file in place under its own name."""
    _Place.of(tenant, config).put(file)


def optional_part(config: DestinationConfig) -> str:
    """The part of this package that a receiver needs and that is not installed."""
    by_type = {"postgres": "postgres", "saas": "saas"}
    extra = by_type.get(config.type) or EXTRAS.get(scheme_of(str(config.path)), "")
    return f"an optional part of this package: pip install 'c360-assets[{extra}]'"


@dataclass(frozen=True)
class _Place:
    """The folder of a receiver, here or on another machine that `system` reaches."""

    folder: str
    system: Any = None

    @classmethod
    def of(cls, tenant: Tenant, config: DestinationConfig) -> _Place:
        if not scheme_of(str(config.path)):
            return cls(str(tenant.root / str(config.path)))
        system, folder = open_place(str(config.path))
        return cls(folder, system)

    def put(self, file: Path) -> None:
        file.chmod(0o600)
        if self.system is None:
            shared_folder(Path(self.folder))
            _copy(file, Path(self.folder) / file.name)
            return
        target = f"{self.folder.rstrip('/')}/{file.name}"
        if "sftp" not in self.system.protocol:
            self.system.put_file(str(file), target)
            return
        # An object store shows a file when it is whole; a folder shows what has come so far.
        aside = f"{target}.part"
        self.system.put_file(str(file), aside)
        self.system.mv(aside, target)


def _write_aside(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    config: DestinationConfig,
    queries: Mapping[str, str],
) -> tuple[list[Path], dict[str, int]]:
    """The files of all tables in `folder`, and rows by table."""
    suffix, options = FORMATS[config.format]
    files = []
    rows: dict[str, int] = {}
    for table, query in queries.items():
        if config.neutralise_formulas:
            query = _neutralised(con, query)
        file = folder / f"{config.tables[table].name or table}.{suffix}"
        copied = con.execute(f"COPY ({query}) TO {quote_literal(str(file))} ({options})")
        ((rows[table],),) = copied.fetchall()
        files.append(file)
    return files, rows


def _neutralised(con: duckdb.DuckDBPyConnection, query: str) -> str:
    """The query with a mark before texts that a spreadsheet would run as formulas."""
    columns = []
    for name, type_, *_ in con.execute(f"DESCRIBE {query}").fetchall():
        column = quote_ident(name)
        value = marked_sql(column) if type_ == "VARCHAR" else column
        columns.append(f"{value} AS {quote_ident(marked(name))}")
    return f"SELECT {', '.join(columns)} FROM ({query})"


def _copy(file: Path, target: Path) -> None:
    """Put a file in place in one step, also from another file system."""
    with file.open("rb") as source, replaced_file(target) as copy:
        shutil.copyfileobj(source, copy, COPIED_BYTES)
