"""Sends tables of a published database to where others use them: files in a folder or object store, tables in PostgreSQL.

Reads the published file only, never the warehouse, and sends each publication once; a destination that failed is sent again
alone. A column leaves when the tenant lists it, or when the table asks for all that hold nothing personal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from c360_assets.customer_360.publication.publish import META
from c360_assets.customer_360.tables.databases import GROUP
from c360_assets.errors import C360Error, Problem
from c360_assets.tenant.models import DestinationConfig, DestinationTable, Tenant
from c360_assets.warehouse.engine import make_safe
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import Session, private_folder
from c360_assets.warehouse.sql import quote_ident, quote_literal

SENT = "sent"
FORMATS = {
    "csv": ("csv", "FORMAT csv, HEADER"),
    "parquet": ("parquet", "FORMAT parquet"),
    "ndjson": ("ndjson", "FORMAT json"),
}
REFUSALS = {
    "2BP01": "a view or another table depends on a table whose columns have changed: drop it first, or send under another name",
    "42501": "its user may not do this: it must own the tables, or may not make the schema",
    "42809": "the target is no table: send under another name",
    "53100": "its disk is full",
}


@dataclass(frozen=True)
class Sent:
    """What a destination received: rows by table. `reused`: it has this publication already."""

    name: str
    rows: dict[str, int]
    reused: bool = False


def due(session: Session, tenant: Tenant) -> list[str]:
    """Destinations that have not received what is published now."""
    return [
        name
        for name, item in tenant.destinations.items()
        if _mark(session, item) != _sent(session, name).get("mark")
    ]


def send(session: Session, tenant: Tenant, name: str, *, force: bool = False) -> Sent:
    """Send what is published to one destination and commit that it was sent.

    Raises C360Error when there is no such destination, nothing is published, or the receiver refuses; what was published stays.
    """
    config = tenant.destinations.get(name)
    if config is None:
        raise C360Error(
            f"no destination {name}; there are {', '.join(tenant.destinations) or 'none'} (destinations.yaml)"
        )
    mark, known = _mark(session, config), _sent(session, name)
    if known.get("mark") == mark and not force:
        return Sent(name, known["rows"], True)
    path = database_path(tenant.root, config.database)
    if not path.exists():
        raise C360Error(f"destination {name}: the database {config.database} is not published yet")
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute(f"SET TimeZone = {quote_literal(tenant.config.timezone)}")
        make_safe(con)
        queries = {table: _query(con, name, table, item) for table, item in config.tables.items()}
        with _told(name, config):
            rows = (_send_postgres if config.type == "postgres" else _send_files)(
                con, tenant, config, queries, session.run_id
            )
    session.commit(**{f"{SENT}:{name}": {"mark": mark, "rows": rows}})
    return Sent(name, rows)


def check_destinations(
    tenant: Tenant, names: Sequence[str], tables: dict[str, dict[str, str]]
) -> list[Problem]:
    """Problems of destinations.yaml. `names` are the databases, `tables` the columns of the group's tables."""
    known = {table.lower(): {c.lower() for c in columns} for table, columns in tables.items()}
    found = []
    for name, config in tenant.destinations.items():
        key = f"destinations.{name}"
        if config.database not in names:
            found.append(_problem(key, f"there is no database {config.database}"))
        for table, item in config.tables.items():
            columns = known.get(table.lower())
            if columns is None:
                found.append(
                    _problem(f"{key}.tables.{table}", f"there is no table {table} in the database")
                )
                continue
            missing = [c for c in item.columns or [] if c.lower() not in columns]
            if missing:
                found.append(
                    _problem(
                        f"{key}.tables.{table}.columns",
                        f"{table} has no column {', '.join(missing)}",
                    )
                )
            if twice := _repeated((c, c.lower()) for c in item.columns or []):
                found.append(
                    _problem(
                        f"{key}.tables.{table}.columns",
                        f"{table} would send {', '.join(twice[0])}: one column twice",
                    )
                )
    places = (
        place
        for name, config in tenant.destinations.items()
        for place in _places(tenant, name, config)
    )
    for first, *others in _repeated(places):
        found.append(
            _problem(
                others[-1],
                f"{' and '.join([first, *others])} would overwrite each other: give each its own place",
            )
        )
    return found


def _places(
    tenant: Tenant, name: str, config: DestinationConfig
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Key in the configuration, and what is overwritten there: files of a folder, which has one manifest, or tables."""
    if config.type == "files":
        path = str(config.path)
        folder = path.rstrip("/") if "://" in path else os.path.realpath(tenant.root / path)
        yield f"destinations.{name}", ("files", folder)
    for table, item in config.tables.items():
        # Which of two names of a folder's files are one depends on the file system; those of PostgreSQL are told apart.
        target = item.name or table
        at = (
            (str(config.url_env), config.schema_name, target)
            if config.type == "postgres"
            else (name, target.lower())
        )
        yield f"destinations.{name}.tables.{table}", at


def _repeated(items: Iterable[tuple[str, Hashable]]) -> list[list[str]]:
    """Names of those `(name, value)` whose value is not theirs alone."""
    found: dict[Hashable, list[str]] = {}
    for name, value in items:
        found.setdefault(value, []).append(name)
    return [names for names in found.values() if len(names) > 1]


def _problem(key: str, message: str) -> Problem:
    return Problem("error", "destinations.yaml", message, key=key)


def _mark(session: Session, config: DestinationConfig) -> str:
    """Which publication a destination would receive now, and how it is configured."""
    meta = META if config.database == GROUP else f"{META}:{config.database}"
    published = (session.warehouse.manifest.meta.get(meta) or {}).get("fingerprint", "")
    return f"{published}/{config.model_dump_json()}"


def _sent(session: Session, name: str) -> dict[str, Any]:
    return session.warehouse.manifest.meta.get(f"{SENT}:{name}") or {}


def _query(con: duckdb.DuckDBPyConnection, name: str, table: str, item: DestinationTable) -> str:
    """The SELECT of what may leave, in the order of the columns so that equal content gives equal files."""
    rows = con.execute(
        'SELECT "column", is_pii FROM c360_catalog WHERE "schema" = \'main\' AND lower("table") = lower(?) ORDER BY position',
        [table],
    ).fetchall()
    if not rows:
        raise C360Error(f"destination {name}: there is no table {table} in the published database")
    by_name = {column.lower(): column for column, _ in rows}
    if item.columns is None:
        allowed = [column for column, is_pii in rows if not is_pii]
        if not allowed:
            raise C360Error(
                f"destination {name}: every column of {table} is personal; list those that may leave (tables.{table}.columns)"
            )
    else:
        missing = [c for c in item.columns if c.lower() not in by_name]
        if missing:
            raise C360Error(f"destination {name}: {table} has no column {', '.join(missing)}")
        allowed = [by_name[c.lower()] for c in item.columns]
    return f"SELECT {', '.join(quote_ident(c) for c in allowed)} FROM main.{quote_ident(table)} ORDER BY ALL"


@contextmanager
def _told(name: str, config: DestinationConfig) -> Iterator[None]:
    """Whatever a receiver says may quote values or credentials, so only its kind is told."""
    try:
        yield
    except C360Error as error:
        raise C360Error(f"destination {name}: {error}") from None
    except ImportError:
        scheme = str(config.path).partition("://")[0]
        if config.type == "files" and scheme != "s3":
            raise C360Error(
                f"destination {name}: what sends to {scheme}:// is not installed; a path is a folder or s3:// (destinations.yaml)"
            ) from None
        raise C360Error(
            f"destination {name} needs an optional part of this package: pip install 'c360-assets[postgres]' or 'c360-assets[s3]'"
        ) from None
    except Exception as error:
        raise C360Error(
            f"destination {name} did not take the data: {_kind(error, config)}; `c360 send {name}` tries again"
        ) from None


def _kind(error: Exception, config: DestinationConfig) -> str:
    """The kind of an error in words of this module or of the operating system, none of the receiver's."""
    kind = type(error).__name__
    if isinstance(error, OSError) and error.errno:
        return f"{kind}, {os.strerror(error.errno)}"
    if config.type != "postgres":
        return kind
    state = getattr(error, "sqlstate", None)
    if state:
        return f"{kind}, SQLSTATE {state}" + (f", {REFUSALS[state]}" if state in REFUSALS else "")
    if kind == "OperationalError":
        return f"{kind}, no connection: is the server up, and are host, port, user, password and database in {config.url_env} right?"
    return kind


def _send_files(
    con: duckdb.DuckDBPyConnection,
    tenant: Tenant,
    config: DestinationConfig,
    queries: dict[str, str],
    run_id: str,
) -> dict[str, int]:
    """Write each table aside and then put all in place; the manifest comes last, so its presence says that all is there."""
    import fsspec

    suffix, options = FORMATS[config.format]
    remote = "://" in (config.path or "")
    place = str(config.path) if remote else str(tenant.root / str(config.path))
    caching = (
        {"use_listings_cache": False, "skip_instance_cache": True}
        if place.startswith("s3://")
        else {}
    )
    system, folder = fsspec.url_to_fs(place, **caching)
    rows: dict[str, int] = {}
    with TemporaryDirectory(dir=private_folder(tenant.root / ".tmp")) as aside:
        files = []
        for table, query in queries.items():
            file = Path(aside) / f"{config.tables[table].name or table}.{suffix}"
            ((rows[table],),) = con.execute(
                f"COPY ({query}) TO {quote_literal(str(file))} ({options})"
            ).fetchall()
            files.append(file)
        manifest = Path(aside) / "manifest.json"
        manifest.write_text(
            json.dumps({"run_id": run_id, "database": config.database, "rows": rows}, indent=1)
            + "\n"
        )
        if (
            not remote and not Path(folder).is_dir()
        ):  # who may read a folder that is there already, others have decided
            private_folder(Path(folder))
        for file in [*files, manifest]:
            os.chmod(file, 0o600)
            if remote:
                system.put_file(str(file), f"{folder.rstrip('/')}/{file.name}")
            else:
                _replace(file, Path(folder) / file.name)
    return rows


def _replace(file: Path, target: Path) -> None:
    """Put a file in place in one step, also from another file system."""
    aside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        aside.write_bytes(b"")
        os.chmod(aside, 0o600)
        with file.open("rb") as source, aside.open("wb") as copy:
            while block := source.read(1 << 20):
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)  # half a file would keep a full disk full


def _send_postgres(
    con: duckdb.DuckDBPyConnection,
    tenant: Tenant,
    config: DestinationConfig,
    queries: dict[str, str],
    run_id: str,
) -> dict[str, int]:
    """Replace the content of every table in one transaction; a table of the same columns keeps its grants and views."""
    from adbc_driver_postgresql import dbapi

    address = os.environ.get(config.url_env or "")
    if not address:
        raise C360Error(
            f"the environment variable {config.url_env} is not set; put PostgreSQL's address there"
        )
    for table, query in queries.items():
        _check_types(con, table, query)
    rows: dict[str, int] = {}
    with dbapi.connect(address) as receiver:
        with receiver.cursor() as cursor:
            _ensure_schema(cursor, config.schema_name)
            for table, query in queries.items():
                target = config.tables[table].name or table
                fresh = f"{target}__c360_new"
                # DuckDB may wait for ever to close a connection on which a result that nobody reads to its end is open.
                with con.sql(query).to_arrow_reader() as reader:
                    rows[table] = cursor.adbc_ingest(
                        fresh, reader, mode="create", db_schema_name=config.schema_name
                    )
                _swap(cursor, config.schema_name, fresh, target)
        receiver.commit()
    return rows


def _ensure_schema(cursor: Any, schema: str) -> None:
    """IF NOT EXISTS would ask for the right to make schemas even where this one is there."""
    cursor.execute(
        "SELECT has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE') "
        f"FROM pg_namespace WHERE nspname = {quote_literal(schema)}"
    )
    found = cursor.fetchall()
    if not found:
        cursor.execute(f"CREATE SCHEMA {quote_ident(schema)}")
    elif found == [(False,)]:
        raise C360Error(
            f"its user may not make tables in schema {schema}: grant it USAGE and CREATE there"
        )


def _check_types(con: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    nested = [f"{column} is {type_.split('(')[0]}" for column, type_, *_ in con.execute(f"DESCRIBE {query}").fetchall()
              if type_.startswith(("STRUCT", "MAP", "UNION"))]  # fmt: skip
    if nested:
        raise C360Error(
            f"{table}: {', '.join(nested)}, which PostgreSQL cannot take: cast it to JSON, or leave it out of `columns`"
        )


def _swap(cursor: Any, schema: str, fresh: str, target: str) -> None:
    new, old = (f"{quote_ident(schema)}.{quote_ident(name)}" for name in (fresh, target))
    if _columns(cursor, schema, fresh) == _columns(cursor, schema, target):
        cursor.execute(f"TRUNCATE {old}")
        cursor.execute(f"INSERT INTO {old} SELECT * FROM {new}")
        cursor.execute(f"DROP TABLE {new}")
        return
    cursor.execute(f"DROP TABLE IF EXISTS {old}")
    cursor.execute(f"ALTER TABLE {new} RENAME TO {quote_ident(target)}")


def _columns(cursor: Any, schema: str, table: str) -> list[tuple[Any, ...]]:
    cursor.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = {quote_literal(schema)} AND table_name = {quote_literal(table)} ORDER BY ordinal_position"
    )
    return list(cursor.fetchall())
