"""What the generation before left: in the warehouse, or in a published file where that lost it.

Belongs here: whose ids a run goes on with, and the refusal to begin anew by accident. What is done
with them is `cluster.stable_ids`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.cluster.stable_ids import REGISTRY_SCHEMA, Previous
from c360_assets.stitch.publish.generation import KEYS_SQL
from c360_assets.stitch.publish.tables import content_sql
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.publications import Publication, place_of, publication_at
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal

GENERATION = "stitch_generation"  # the table, and the fact of the manifest
MODEL_BASIS = "stitch_model"  # the fact of the manifest that says what the model was fitted on
# The fact that lists components that lost records to forgetting, which no table tells any more.
LOST_RECORDS = "stitch_lost_records"
# The fact that names the generation of the database that was published when the ids of another were
# taken: who took them knew that it is newer.
PASSED_OVER = "stitch_passed_over"
# What a run reads of the generation before, and so takes over from a file.
TAKEN = (
    "unified_coalesced",
    "stitch_ids",
    "stitch_model",
    "stitch_generation",
    "stitch_ended_records",
    "stitch_labels",
    "stitch_households",
    "unified_changes_clusters",
    "unified_changes_pks",
    "stitch_identity_changes",
    "stitch_benchmarks",
)
_FILE = "_c360_ids_from"


def previous_generation(session: Session) -> Previous | None:
    """The last committed generation, None before the first."""
    if session.state("unified_coalesced") is None:
        return None
    generation = session.warehouse.manifest.meta.get(GENERATION)
    if generation is None:
        raise C360Error(
            "the warehouse holds unified_coalesced but not its generation; restore "
            "warehouse/manifest.json, or take the ids of a published file: "
            "`c360 stitch --ids-from FILE.duckdb`"
        )
    content = content_sql(_columns(session, "unified_coalesced"))
    columns = f"datasource, pk, amperity_id, component_id, {content} AS content"
    records = _stored(session, "unified_coalesced", columns).sort("datasource", "pk")
    facts = _history(session, GENERATION)
    return Previous(
        records.select("datasource", "pk", "amperity_id"),
        _stored(session, "stitch_ids").sort("amperity_id"),
        int(generation),
        _history(session, "unified_changes_clusters"),
        _history(session, "unified_changes_pks"),
        _history(session, "stitch_identity_changes"),
        _history(session, "stitch_households"),
        ended_records=_history(session, "stitch_ended_records"),
        records=pl.concat([records.drop("amperity_id"), _without_names(session, records)]),
        labels=_history(session, "stitch_labels"),
        settings=facts["settings"][0] if facts is not None and facts.height else "",
        benchmarks=_history(session, "stitch_benchmarks"),
    )


def _without_names(session: Session, records: pl.DataFrame) -> pl.DataFrame:
    """One record without a name for each component that lost some: causes see that it went."""
    components = session.warehouse.manifest.meta.get(LOST_RECORDS) or []
    return pl.DataFrame(
        {
            "datasource": [""] * len(components),
            "pk": [str(component) for component in components],
            "component_id": components,
            "content": [0] * len(components),
        },
        schema=records.select("datasource", "pk", "component_id", "content").schema,
    )


def lost_records(session: Session, forgotten: str) -> list[int]:
    """Components of the records of the relation `forgotten` (datasource, pk), and of those that
    went before them since Stitch ran."""
    if session.state("unified_coalesced") is None:
        return []
    session.bind("unified_coalesced", "_previous_unified_coalesced")
    rows = session.rows(
        "SELECT DISTINCT component_id FROM _previous_unified_coalesced "
        f"SEMI JOIN {forgotten} USING (datasource, pk) WHERE component_id IS NOT NULL"
    )
    earlier = session.warehouse.manifest.meta.get(LOST_RECORDS) or []
    return sorted({*earlier, *(component for (component,) in rows)})


def _columns(session: Session, table: str) -> list[str]:
    return list(session.built(table).columns)


def _history(session: Session, table: str) -> pl.DataFrame | None:
    return _stored(session, table) if session.state(table) is not None else None


def _stored(session: Session, table: str, columns: str = "*") -> pl.DataFrame:
    name = f"_previous_{table}"
    session.bind(table, name)
    return session.frame(f"SELECT {columns} FROM {name}")


def kept_model(session: Session) -> pl.DataFrame | None:
    """The table of the previous generation's model, None where there is none."""
    if session.state("stitch_model") is None:
        return None
    session.bind("stitch_model", "_previous_stitch_model")
    return session.frame("SELECT * FROM _previous_stitch_model ORDER BY ALL")


def ids_to_go_on_with(session: Session, tenant: Tenant, *, new_ids: bool) -> Previous | None:
    """The generation before, None where this is the first.

    Raises C360Error where the warehouse has none, or an older one, although a database is
    published, as then people would get another id; and for `new_ids` where there is one, whose ids
    would all end.
    With `new_ids` over a published database that can be read, its ids are not given again.
    """
    previous = previous_generation(session)
    if previous is not None and new_ids:
        raise C360Error(
            f"the warehouse holds the ids of generation {previous.generation}, and `--new-ids` "
            "would end them all; leave it out"
        )
    problem = "" if new_ids else ids_problem(session, tenant)
    if problem:
        raise C360Error(problem)
    if previous is not None:
        return previous
    published = _published_ids(tenant)
    if published is None:
        _refuse_forgotten(session, new_ids)
        return None
    return _registry_of(session, tenant, published)


def _refuse_forgotten(session: Session, new_ids: bool) -> None:
    """Raise C360Error where the manifest knows of a generation whose tables are gone."""
    known = session.warehouse.manifest.meta.get(GENERATION)
    if known is not None and not new_ids:
        raise C360Error(
            f"the warehouse has lost the tables of generation {known} of Stitch, and no published "
            "database holds its ids; restore warehouse/, or give everybody a new id with "
            "`--new-ids`"
        )


def ids_problem(session: Session, tenant: Tenant) -> str:
    """Why people would get other ids than those that are published; empty where they would not."""
    if not tenant.stitched_tables:
        return ""
    if session.state("unified_coalesced") is None:
        lost = _published_ids(tenant)
        return "" if lost is None else _lost_message(lost)
    published = place_of(tenant).published()
    if published is None:
        return ""
    known = session.warehouse.manifest.meta.get(GENERATION) or 0
    passed_over = session.warehouse.manifest.meta.get(PASSED_OVER) or 0
    generation = _published_generation(session, tenant, published)
    if generation <= max(known, passed_over):
        return ""
    reference = published.reference
    return (
        f"warehouse/ is older than the published database: it holds generation {known} of Stitch, "
        f"and {_shown(reference)} is of generation {generation}, whose new ids it does not know: "
        f"`c360 stitch --ids-from {shlex.quote(reference)}` goes on with those of the database; "
        "`c360 rollback` to an earlier one goes on with those of the warehouse"
    )


def _published_generation(session: Session, tenant: Tenant, published: Publication) -> int:
    """The generation of this tenant that a publication holds; 0 where it does not say so, or cannot
    be read now."""
    try:
        with _attached(session, published):
            facts = _facts(session)
    except C360Error:
        return 0
    is_own = facts is not None and facts["tenant_id"] == str(tenant.config.id)
    return int(facts["generation"]) if facts is not None and is_own else 0


def _lost_message(published: Publication) -> str:
    reference = published.reference
    return (
        f"the warehouse has lost the ids that {_shown(reference)} holds, and Stitch would give "
        f"everybody a new one: `c360 stitch --ids-from {shlex.quote(reference)}` takes them over, "
        "`--new-ids` (of `run` and `stitch`) gives new ones"
    )


def _shown(reference: str) -> str:
    """Where a publication stands: an address, or a path from the folder `activated` on."""
    _, folder, below = reference.rpartition("/activated/")
    return f"activated/{below}" if folder else reference


def _published_ids(tenant: Tenant) -> Publication | None:
    """The newest published or kept database of the group that holds ids, or that cannot be read:
    who knows what it holds."""
    place = place_of(tenant)
    published = place.published()
    candidates = [published] if published is not None else []
    for publication in [*candidates, *place.kept()]:
        try:
            with publication.opened() as con:
                if con.execute("SELECT 1 FROM unified_coalesced LIMIT 1").fetchall():
                    return publication
        except duckdb.CatalogException:
            continue  # one without records has no ids
        except duckdb.Error:
            return publication
    return None


def _registry_of(session: Session, tenant: Tenant, published: Publication) -> Previous | None:
    """Every id that a publication knows, all ended, so that none is given to somebody else; None
    where it cannot be read or is not this tenant's."""
    try:
        with _attached(session, published):
            facts = _facts(session)
            if facts is None or facts["tenant_id"] != str(tenant.config.id):
                return None
            registry = session.frame(f"SELECT * FROM {_FILE}.main.stitch_ids")
    except C360Error:
        return None
    generation = int(facts["generation"])
    ended = pl.coalesce("last_generation", pl.lit(generation, pl.Int64))
    registry = registry.with_columns(last_generation=ended).select(list(REGISTRY_SCHEMA))
    no_ids = pl.DataFrame(schema=dict.fromkeys(("datasource", "pk", "amperity_id"), pl.String))
    return Previous(no_ids, registry, generation)


@dataclass(frozen=True)
class TakenOver:
    """The generation that was taken from a file, its records, and how many of them are not
    loaded."""

    generation: int
    records: int
    not_loaded: int


def take_over(session: Session, tenant: Tenant, reference: str) -> TakenOver:
    """Make the generation that a published or kept database holds, by the file that stands for it
    (`Publication.reference`), the one that Stitch goes on with.

    Its ids, ended ones too, model and histories become current at once. Raises C360Error for a file
    that is no whole database of this tenant, and where the warehouse holds the same generation
    or a later one itself.
    """
    published = publication_at(reference, tenant.root / ".tmp")
    with _attached(session, published):
        facts = _checked_facts(session, tenant, published.name)
        _refuse_needless(session, facts["generation"])
        not_loaded = _count_not_loaded(session, tenant)
        present = _tables(session)
        for table in TAKEN:
            if table in present:
                figures = {"amperity_ids": facts["ids"]} if table == "unified_coalesced" else {}
                source = f"SELECT * FROM {_FILE}.main.{table}"
                session.write(table, source, figures=figures)
    basis = json.loads(facts["model_basis"]) if facts["model_basis"] else None
    current = place_of(tenant).published()
    passed_over = 0 if current is None else _published_generation(session, tenant, current)
    generation = facts["generation"]
    session.commit(**{GENERATION: generation, MODEL_BASIS: basis, PASSED_OVER: passed_over})
    return TakenOver(generation, facts["records"], not_loaded)


def _refuse_needless(session: Session, generation: int) -> None:
    """Raise C360Error where the warehouse knows that generation, or a later one."""
    if session.state("unified_coalesced") is None:
        return
    known = session.warehouse.manifest.meta.get(GENERATION)
    if known is not None and known >= generation:
        raise C360Error(
            f"the warehouse holds the ids of generation {known} itself; ids are taken from a file "
            "only where it has none, or those of an earlier generation"
        )


@contextmanager
def _attached(session: Session, published: Publication) -> Iterator[None]:
    """The publication as a read-only database of the session."""
    try:
        published.attach(session.con, _FILE)
    except duckdb.Error as error:
        reason = type(error).__name__
        raise C360Error(
            f"{published.name} cannot be opened as a DuckDB database ({reason})"
        ) from None
    try:
        yield
    finally:
        published.detach(session.con, _FILE)


def _tables(session: Session) -> set[str]:
    rows = session.rows(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_catalog = ? AND table_schema = 'main'",
        [_FILE],
    )
    return {name for (name,) in rows}


def _facts(session: Session) -> dict[str, Any] | None:
    """The row of `stitch_generation`, None where the file has none."""
    if GENERATION not in _tables(session):
        return None
    rows = session.frame(f"SELECT * FROM {_FILE}.main.{GENERATION}")
    return rows.row(0, named=True) if rows.height == 1 else None


def _checked_facts(session: Session, tenant: Tenant, name: str) -> dict[str, Any]:
    facts = _facts(session)
    needed = {"unified_coalesced", "stitch_ids", "stitch_model"}
    if facts is None or not needed <= _tables(session):
        raise C360Error(
            f"{name} does not say which generation of Stitch it holds: it is no published "
            "database, one of chosen tables or filtered by a key, or was published by a version "
            "that did not say it; give the primary database, such as "
            "activated/customer_360.duckdb"
        )
    if facts["tenant_id"] != str(tenant.config.id):
        raise C360Error(
            f"{name} is of another tenant: it was published for id {facts['tenant_id']}, and "
            f"tenant.yaml says {tenant.config.id}"
        )
    source = f"{_FILE}.main.unified_coalesced"
    found = session.frame(KEYS_SQL.format(source=source)).row(0, named=True)
    if any(found[name] != facts[name] for name in ("records", "ids", "keys")):
        raise C360Error(
            f"{name} does not hold the ids as they were published: its {found['records']:,} "
            f"records of {facts['records']:,} were filtered, masked or changed; give the primary "
            "database"
        )
    return facts


def _count_not_loaded(session: Session, tenant: Tenant) -> int:
    """Records of the file that no loaded table holds."""
    loaded = []
    for table in tenant.stitched_tables:
        state = session.state(table.asset)
        if state is not None and state.rows:
            name = f"_loaded_{table.physical}"
            session.bind(table.asset, name)
            loaded.append(
                f'SELECT {quote_literal(table.name)} AS datasource, _pk AS pk FROM "{name}"'
            )
    if not loaded:
        raise C360Error(
            "no table that Stitch reads is loaded; `c360 load` loads what landed, then take the "
            "ids over"
        )
    ((missing,),) = session.rows(
        f"SELECT count(*) FROM {_FILE}.main.unified_coalesced "
        f"ANTI JOIN ({' UNION ALL '.join(loaded)}) USING (datasource, pk)"
    )
    return int(missing)
