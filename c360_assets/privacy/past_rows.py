"""Rows that source tables had, and that are kept all the same: in earlier versions of the tables,
in published and kept databases.

A delivery that holds everything leaves out who is gone, and a custom table is computed anew: then
nothing current leads to the person. Whom a request is about is found by `people`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb
import polars as pl

from c360_assets.customer_360.tables.databases import databases
from c360_assets.errors import C360Error
from c360_assets.ingest.personal_columns import Meaning
from c360_assets.ingest.removed_tables import removed_meaning
from c360_assets.semantics.column_types import SYSTEM_COLUMNS
from c360_assets.tenant.base_models import physical_name
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.publications import FilePublication, Publication, place_of
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_path

ID = "amperity_id"
IS_LIKE = f"({ID} = $1 OR (length($1) >= 8 AND starts_with({ID}, $1)))"
WANTED = "_c360_wanted_past"
REDIRECTS = "stitch_id_redirects"
RECORDS = "unified_coalesced"
# An id that ended stands for the one that has all of its records that are left.
FOLLOW = """
    UPDATE {past} AS p SET amperity_id = r.now FROM (
        SELECT amperity_id, min(current_amperity_id) AS now FROM _c360_redirects
        GROUP BY amperity_id HAVING count(*) = 1
    ) AS r WHERE r.amperity_id = p.amperity_id AND r.now IS NOT NULL"""


class PastRows:
    """Rows whose key no current row of their table has, by the table's physical name.

    Each table of them is a temporary one of the session, with the columns of the current table and
    `amperity_id`, whose the row was. `removed` are the source tables that are in published and kept
    databases only, with what may be personal in them, `columns` theirs (name -> type). Without
    `tables` nothing is looked for. Raises C360Error for a database that cannot be read.
    """

    def __init__(
        self, session: Session, tenant: Tenant, tables: Iterable[SourceTable] | None
    ) -> None:
        self._session = session
        self.tables: dict[str, str] = {}
        self.removed: dict[str, Meaning] = {}
        self.columns: dict[str, dict[str, str]] = {}
        if tables is None:
            return
        tables = list(tables)
        stored = [file.name for file in session.warehouse.storage.stored()]
        redirects = session.state(REDIRECTS) is not None
        if redirects:
            session.bind(REDIRECTS, "_c360_redirects")
        with _attached(session, tenant) as published:
            for table in tables:
                name = f"_c360_past_{table.physical}"
                files = _earlier_files(session, table, stored)
                sources = [*files, *published.tables.get(table.physical, ())]
                if _keep_past(session, table, sources, name):
                    self.tables[table.physical] = quote_ident(name)
            self._keep_removed(tenant, {table.physical for table in tables}, published)
        if redirects:
            for past in self.tables.values():
                session.execute(FOLLOW.format(past=past))

    def _keep_removed(self, tenant: Tenant, known: Collection[str], published: Published) -> None:
        """Tables that were removed here: what databases hold of them is all that is left."""
        names = _names_of(self._session, published.datasources)
        declared = {table.physical for table in tenant.tables}
        for physical, sources in sorted(published.tables.items()):
            sources = [source for source in sources if "_pk" in source[1]]
            if physical in known or physical in declared or not sources:
                continue
            columns = dict(SYSTEM_COLUMNS)
            for _, stored in sources:
                columns = {**stored, **columns}
            columns.pop(ID, None)
            rows = " UNION ALL ".join(
                _as_now({**columns, ID: "VARCHAR"}, stored, source) for source, stored in sources
            )
            target = quote_ident(f"_c360_past_{physical}")
            self._session.execute(
                f"CREATE OR REPLACE TEMP TABLE {target} AS SELECT DISTINCT * FROM ({rows})"
            )
            self.tables[physical] = target
            self.columns[physical] = columns
            self.removed[physical] = removed_meaning(
                names.get(physical, physical), physical, columns
            )

    def ids(self, name: str, keys: Iterable[str]) -> set[str]:
        """Who rows of a table were."""
        return self._column(name, ID, "_pk", keys)

    def rows_of(self, ids: Sequence[str]) -> dict[str, set[str]]:
        """Keys of the rows that were of these people, by table."""
        found = {name: self._column(name, "_pk", ID, ids) for name in self.tables}
        return {name: keys for name, keys in found.items() if keys}

    def successors(self, text: str) -> list[str]:
        """Who has records of people whose ids are that, or begin so, and ended."""
        if self._session.state(REDIRECTS) is None:
            return []
        self._session.bind(REDIRECTS, "_c360_redirects")
        rows = self._session.rows(
            f"SELECT DISTINCT current_amperity_id FROM _c360_redirects WHERE {IS_LIKE} "
            "AND current_amperity_id IS NOT NULL ORDER BY 1",
            [text],
        )
        return [id_ for (id_,) in rows]

    def ids_like(self, text: str) -> list[str]:
        """People who had a row, by their id or its first eight characters: two at most."""
        found: set[str] = set()
        for past in self.tables.values():
            rows = self._session.rows(
                f"SELECT DISTINCT {ID} FROM {past} WHERE {IS_LIKE} LIMIT 2", [text]
            )
            found |= {id_ for (id_,) in rows}
        return sorted(found)[:2]

    def _column(self, name: str, wanted: str, given: str, values: Iterable[str]) -> set[str]:
        past = self.tables.get(name)
        if past is None:
            return set()
        frame = pl.DataFrame({"value": sorted(values)}, schema={"value": pl.String})
        self._session.register(WANTED, frame)
        rows = self._session.rows(
            f"SELECT DISTINCT {wanted} FROM {past} "
            f"WHERE {given} IN (SELECT value FROM {WANTED}) AND {wanted} IS NOT NULL"
        )
        return {value for (value,) in rows}


def _keep_past(
    session: Session,
    table: SourceTable,
    sources: Sequence[tuple[str, Mapping[str, str]]],
    name: str,
) -> bool:
    """Make the temporary table of the past rows; False where there are none."""
    state = session.built(table.asset)
    current = session.warehouse.source(table.asset, state)
    gone = f"ANTI JOIN (SELECT _pk FROM {current}) _c360_now USING (_pk)"
    sources = [source for source in sources if "_pk" in source[1]]
    keys = " UNION ALL ".join(f"SELECT CAST(_pk AS VARCHAR) AS _pk FROM {s}" for s, _ in sources)
    # Nearly always there is none: then only keys are read.
    if not sources or not session.rows(f"SELECT 1 FROM ({keys}) {gone} LIMIT 1"):
        return False
    columns = {**state.columns, ID: "VARCHAR"}
    rows = " UNION ALL ".join(_as_now(columns, stored, source) for source, stored in sources)
    target = quote_ident(name)
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE {target} AS SELECT DISTINCT * FROM ({rows}) {gone}"
    )
    return True


def _as_now(columns: Mapping[str, str], stored: Mapping[str, str], source: str) -> str:
    """A SELECT of `columns` (name -> type) from rows that may lack some of them, or hold others."""
    casts = [
        f"TRY_CAST({quote_ident(name) if name in stored else 'NULL'} AS {type_}) "
        f"AS {quote_ident(name)}"
        for name, type_ in columns.items()
    ]
    return f"SELECT {', '.join(casts)} FROM {source}"


def _earlier_files(
    session: Session, table: SourceTable, stored: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """FROM items over those of the `stored` data files that the current version does not name,
    with their columns."""
    warehouse = session.warehouse
    for asset in (table.asset, table.stitched_asset):
        state = session.state(asset)
        current = set(warehouse.file_names(asset, state)) if state is not None else set()
        names = [
            name
            for name in stored
            if name.startswith(f"{asset}/")
            and name.endswith(".parquet")
            and name.removeprefix(f"{asset}/") not in current
        ]
        warehouse.storage.bring(names)
        for name in sorted(names):
            source = f"read_parquet({quote_path(str(warehouse.root / name))})"
            yield source, session.stored_columns(f"SELECT * FROM {source}")


@dataclass
class Published:
    """FROM items over the source tables of every publication, with their columns, by physical name,
    and the names of source tables that its records tell."""

    tables: dict[str, list[tuple[str, Mapping[str, str]]]] = field(default_factory=dict)
    datasources: set[str] = field(default_factory=set)


def _names_of(session: Session, datasources: Iterable[str]) -> dict[str, str]:
    """Physical name -> the name that a source table had."""
    feeds = session_ledger(session)["feed"].unique()
    return {physical_name(name): name for name in [*datasources, *feeds]}


@contextmanager
def _attached(session: Session, tenant: Tenant) -> Iterator[Published]:
    """What is published and kept, while it lasts."""
    found = Published()
    aliases: list[tuple[Publication, str]] = []
    try:
        for number, publication in enumerate(_publications(tenant)):
            alias = f"_c360_publication_{number}"
            publication.attach(session.con, alias)
            aliases.append((publication, alias))
            for source, columns in publication.stored_tables(session.con, alias):
                _, schema, name = (part.strip('"') for part in source.split('"."'))
                if schema == "domain":
                    found.tables.setdefault(name, []).append((source, columns))
                elif name == RECORDS and "datasource" in columns:
                    rows = session.rows(f"SELECT DISTINCT datasource FROM {source}")
                    found.datasources |= {name for (name,) in rows if name}
        yield found
    except duckdb.Error as error:
        raise C360Error(
            f"a published or kept database cannot be read ({type(error).__name__}): close what has "
            "it open, or remove it if it is damaged, and try again"
        ) from None
    finally:
        for publication, alias in aliases:
            publication.detach(session.con, alias)


def _publications(tenant: Tenant) -> list[Publication]:
    """What is published and kept, each once, also files of databases that the settings no longer
    have; what a mask hashes names nobody."""
    found: dict[str, Publication] = {}
    masked = set()
    for database in databases(tenant):
        place = place_of(tenant, database.name)
        published = place.published()
        for publication in [*([published] if published is not None else []), *place.kept()]:
            if database.masked:
                masked.add(publication.version)
            else:
                found[publication.version] = publication
    for path in sorted((tenant.root / "activated").rglob("*.duckdb")):
        one = FilePublication.of(path, None)
        if one.version not in masked:
            found.setdefault(one.version, one)
    return list(found.values())
