"""The assets of the published databases: the files, and the checks made before they replace the last ones.

What is published belongs to `customer_360.publish`, how to `warehouse.activated`.
"""

import time
from collections.abc import Iterator

import dagster as dg

from c360_assets.assets.metadata import (
    Result,
    asset_key,
    counts,
    documented,
    materialized,
    state_schema,
)
from c360_assets.assets.resources import WarehouseResource, as_of_date, forced
from c360_assets.customer_360.checks.data_checks import CHECKS
from c360_assets.customer_360.checks.run_data_checks import TABLE
from c360_assets.customer_360.destinations import send
from c360_assets.customer_360.publication.publish import meta_of, publish_database, unpublished
from c360_assets.customer_360.tables.databases import Database, databases, without_people
from c360_assets.customer_360.tables.run_records import RunFacts, record_refusal
from c360_assets.errors import C360Error
from c360_assets.run_tags import RUN_TAG
from c360_assets.tenant.models import Tenant
from c360_assets.validations.summary import report_specs
from c360_assets.warehouse.published_file import database_path
from c360_assets.warehouse.session import Session

GROUP = "activation"
DATABASE = "customer_360_database"
DESCRIPTION = (
    "The published database, one DuckDB file: built aside, checked, then put in place in one step. Readers see the last "
    "published one, whole, always; earlier ones are kept."
)


def activation_assets(tenant: Tenant) -> list[dg.AssetsDefinition]:
    """The databases below `activated/`, one file each, and their checks, after every table of the customer 360 stage."""
    owned = databases(tenant)
    specs = [spec for database in owned for spec in _specs(database)]
    checks = [spec for database in owned for spec in check_specs(database)]

    @dg.multi_asset(
        name=DATABASE, specs=specs, check_specs=checks, group_name=GROUP, can_subset=False
    )
    def customer_360_database(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[Result | dg.AssetCheckResult]:
        failed: list[str] = []
        with warehouse.session(context) as session:
            as_of = as_of_date(tenant, context, session.warehouse)
            stale = {d.name for d in unpublished(session, tenant, report_specs(session, tenant))}
            facts = run_facts(context)
            for database in owned:
                started = time.time()
                reused = database.name not in stale and not forced(context)
                if not reused:
                    try:
                        publish_database(
                            session,
                            tenant,
                            as_of=as_of,
                            specs=report_specs(session, tenant),
                            database=database,
                            facts=facts,
                        )
                    except C360Error as error:
                        # One brand's refusal must not keep the others from their database.
                        session.pending.clear()
                        record_refusal(session, database.name, str(error), started, facts, as_of)
                        session.commit()
                        failed.append(f"{database.name}: {error}")
                        continue
                    if told := without_people(session, database):
                        context.log.warning(told)
                yield from _results(session, database, reused)
                yield from check_results(session, database)
        if failed:
            raise C360Error("; ".join(failed))

    return [customer_360_database, *(_destination(tenant, name) for name in tenant.destinations)]


def destination_key(name: str) -> str:
    """Warehouse-style name of a destination's asset."""
    return f"destination/{name}"


def _destination(tenant: Tenant, name: str) -> dg.AssetsDefinition:
    """One receiver. A step of its own, so that its failure takes nothing with it and it can be tried again alone."""
    config = tenant.destinations[name]
    read = next(d for d in databases(tenant) if d.name == config.database)

    @dg.asset(
        key=asset_key(destination_key(name)),
        deps=[asset_key(read.own(DATABASE))],
        group_name=GROUP,
        kinds={"postgres" if config.type == "postgres" else config.format},
        description=f"Columns allowed in destinations.yaml, of {', '.join(config.tables)}, sent after each publication.",
    )
    def destination(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        with warehouse.session(context) as session:
            sent = send(session, tenant, name, force=forced(context))
        return dg.MaterializeResult(
            metadata={"dagster/row_count": sum(sent.rows.values()), "reused": sent.reused}
        )

    return destination


def run_facts(context: dg.AssetExecutionContext) -> RunFacts:
    """How the run came about, by the tags that Dagster and the command line give it."""
    told = (
        ("dagster/schedule_name", "schedule"),
        ("dagster/sensor_name", "sensor"),
        (RUN_TAG, "cli"),
    )
    trigger = next((name for tag, name in told if tag in context.run.tags), "ui")
    return RunFacts("full" if forced(context) else "normal", trigger)


def _specs(database: Database) -> list[dg.AssetSpec]:
    deps = [asset_key(node.table) for node in database.nodes]
    checks = database.own(TABLE)
    told = (
        DESCRIPTION
        if database.key is None
        else f"{DESCRIPTION} It holds the rows of {database.key} only."
    )
    return [
        dg.AssetSpec(
            asset_key(checks), deps=deps, kinds={"deltalake", "duckdb"}, **documented(TABLE)
        ),
        dg.AssetSpec(
            asset_key(database.own(DATABASE)),
            deps=[*deps, asset_key(checks)],
            kinds={"duckdb"},
            description=told,
        ),
    ]


def _results(session: Session, database: Database, reused: bool) -> Iterator[Result]:
    published, checked = (
        session.warehouse.manifest.meta[meta_of(database)],
        session.state(database.own(TABLE)),
    )
    schema = state_schema(TABLE, checked) if checked is not None else None
    yield materialized(database.own(TABLE), checked, reused=reused, schema=schema)
    path = dg.MetadataValue.path(str(database_path(database.tenant.root, database.name)))
    metadata = {"path": path, "reused": reused, **counts(published)}
    yield dg.MaterializeResult(asset_key=asset_key(database.own(DATABASE)), metadata=metadata)


def check_specs(database: Database) -> list[dg.AssetCheckSpec]:
    """One check for each numbered validation, and those of what the tenant's tables promise. They warn and stop nothing."""
    asset = asset_key(database.own(TABLE))
    return [
        dg.AssetCheckSpec(_slug(number), asset=asset, description=text, blocking=False)
        for number, text in _numbers().items()
    ]


def check_results(session: Session, database: Database) -> Iterator[dg.AssetCheckResult]:
    """What the last validation of the database found: counts and shares under names that stay, so that they plot."""
    session.bind(database.own(TABLE), "_c360_found")
    rows = session.rows(
        "SELECT validation_id, finding_count, finding_pct, status FROM _c360_found ORDER BY validation_id"
    )
    for number in _numbers():
        mine = [row for row in rows if row[0].split(".")[0] == number]
        figures = {f"{id_} {what}": float(value) for id_, *values, _ in mine
                   for what, value in zip(("findings", "%"), values, strict=True) if value is not None}  # fmt: skip
        warned = [
            f"{id_}: {count:,} ({share:.1f} %)"
            for id_, count, share, status in mine
            if status == "warning"
        ]
        yield dg.AssetCheckResult(
            asset_key=asset_key(database.own(TABLE)),
            check_name=_slug(number),
            passed=not warned,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(warned)
            or (None if figures else "not applicable: the tenant has no such data"),
            metadata=figures,
        )


def _numbers() -> dict[str, str]:
    """Number of a validation -> what it asks. Validations of one number ask the same of several columns."""
    found: dict[str, list[str]] = {}
    for check in CHECKS:
        found.setdefault(check.id.split(".")[0], []).append(check.question)
    told = {
        number: f"{number}: {' '.join(dict.fromkeys(questions))}"
        for number, questions in found.items()
    }
    promises = {
        "db/required": "must have a value in every row",
        "db/unique": "must not repeat a value",
    }
    return told | {
        number: f"Columns that database/*.yaml says {text}" for number, text in promises.items()
    }


def _slug(number: str) -> str:
    return number.replace("-", "_").replace("/", "_")
