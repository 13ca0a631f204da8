"""Digests: of a table's content, and of the things a table was computed from.

Both decide whether work can be reused and whether two runs agree, so they depend on values and the
names and types of their columns only: never on row order, file names, versions or clocks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from pydantic import BaseModel

from c360_assets.semantics.tables import all_tables
from c360_assets.warehouse.sql import quote_ident

# Whose hash function digests are made with; the last number is that of what is hashed by it.
ENGINE = f"duckdb{duckdb.__version__}.2"

# Columns of documented tables that tell about a run and not about the data; a digest leaves them
# out. In a table of a tenant a column of that name is data as any other.
RUN_COLUMNS = frozenset({"job_id", "run_id", "timestamp", "started_at", "finished_at", "seconds"})

# Of the warehouse: tables of sources, whose names and columns are the tenant's.
SOURCE_FOLDERS = frozenset({"domain", "stitched"})

# What a table's content can depend on: the code, and the data that it ships with.
CODE_SUFFIXES = {".py", ".sql", ".yaml", ".csv"}

# Tables that tell about runs; two runs over the same data differ in them.
RUN_TABLES = frozenset(
    {
        "ingest_files",
        "custom_table_run",
        "input_validation_metric",
        "input_validation_run",
        "database_run",
        "database_table_run",
        "database_warning",
        "campaign_recipients",
        "campaign_sends",
        "activation_states",
        "segments/campaign_recipients",
        "segments/campaign_sends",
        "segments/activation_states",
        "segments/receiver_state",
        "segments/consent_read",
    }
)


def digest_sql(table: str, columns: Mapping[str, str], source: str) -> str:
    """A query for (row count, digest text) of the relation `source`, the rows of the warehouse's
    `table`, independent of row order; `columns` maps column to type.

    Each row is hashed over all its columns; hashes are combined by XOR and by sum, so that equal
    rows do not cancel out. Names and types stand beside them: values that change places with a name
    are others, a table without rows has columns too, and to the engine 100 and the DECIMAL 1.00 are
    the same bits. The hash is the engine's, ten times as fast as one that all engines
    share, so the digest ends in the engine's version: digests of different engines are different,
    and a table that is written again after an update of the engine counts as changed. It is hashed
    twice because the engine's hash of several columns is linear in the last one: values that two
    rows of it swap would leave the XOR as it was.
    """
    about_run = _run_columns(table)
    counted = [(column, kind) for column, kind in columns.items() if column not in about_run]
    hashed = ", ".join(quote_ident(column) for column, _ in counted)
    row = f"hash(hash({hashed}))" if hashed else "0::UBIGINT"
    layout = fingerprint(counted)[:16]
    return (
        "SELECT count(*)::BIGINT, count(*)::VARCHAR "
        "|| '-' || printf('%016x', coalesce(bit_xor(h), 0)) "
        "|| '-' || printf('%016x', (coalesce(sum(h), 0) % 18446744073709551616)::UBIGINT) "
        f"|| '-{layout}-{ENGINE}' FROM (SELECT {row} AS h FROM {source})"
    )


def _run_columns(table: str) -> frozenset[str]:
    folder, _, name = table.rpartition("/")
    spec = None if folder in SOURCE_FOLDERS else all_tables().get(name)
    return RUN_COLUMNS.intersection(spec.columns) if spec is not None else frozenset()


def is_comparable(digest: str) -> bool:
    """Whether digests of this engine may be equal to the digest, or be taken off it."""
    return digest.endswith(f"-{ENGINE}")


def changed_digest(before: str, removed: str, added: str) -> str:
    """The digest of the table `before` without the rows `removed` and with the rows `added`, all of
    the same columns.

    All are given by their digests. Counts and sums are taken back by subtraction, XOR by itself, so
    that no unchanged row is looked at.
    """
    old = _parts(before)
    out = _parts(removed)
    new = _parts(added)
    rows = old.rows - out.rows + new.rows
    xor = old.xor ^ out.xor ^ new.xor
    total = (old.total - out.total + new.total) % (1 << 64)
    return f"{rows}-{xor:016x}-{total:016x}-{new.layout}-{ENGINE}"


def digest_rows(digest: str) -> int:
    """The number of rows of the table that has this digest."""
    return _parts(digest).rows


class _Parts(NamedTuple):
    """A digest taken apart: number of rows, XOR and sum of their hashes, digest of the columns."""

    rows: int
    xor: int
    total: int
    layout: str


def _parts(digest: str) -> _Parts:
    rows, xor, total, layout, _ = digest.split("-")
    return _Parts(int(rows), int(xor, 16), int(total, 16), layout)


def fingerprint(*parts: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `parts`.

    Dictionaries by sorted key, models by their declared values.
    """
    text = json.dumps(parts, sort_keys=True, default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_version(*packages: Path) -> str:
    """A digest of the source files below `packages`: what a table's code was."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(package.rglob("*")):
            if path.suffix in CODE_SUFFIXES:
                name = path.relative_to(package).as_posix()
                digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
