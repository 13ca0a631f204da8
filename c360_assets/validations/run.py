"""Runs the input validation reports over domain tables and stores what they found.

Per table one long result (`input_validations/<table>`); over all tables the wide results, one table per report, the list of
reports and a long copy for trends. What is asked is in `reports`, how it becomes SQL in `compile`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl

from c360_assets.semantics.blocklist import BLOCKLIST_MACROS
from c360_assets.semantics.validity import VALIDITY_MACROS
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.validations.compile import drilldown_sql, metrics, relation_sql, values_sql
from c360_assets.validations.declarations import Report, missing
from c360_assets.validations.reports import ACROSS, REPORTS, reports_for
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

RESULT = pl.Schema(
    {
        "report_id": pl.String,
        "datasource": pl.String,
        "ordinal": pl.Int64,
        "metric": pl.String,
        "value": pl.Float64,
        "text": pl.String,
        "is_finding": pl.Boolean,
    }
)
HELPERS = (
    "CREATE OR REPLACE TEMP MACRO pct(a, b) AS round(100.0 * a / nullif(b, 0), 3)",
    "CREATE OR REPLACE TEMP MACRO phone_valid_here(v) AS phone_valid(v, {region})",
)


@dataclass(frozen=True)
class Finding:
    """A finding as a person reads it: how many rows of which table, and which report says so."""

    report_id: str
    title: str
    datasource: str
    metric: str
    count: int
    share: float


def validation_table(table: SourceTable) -> str:
    """The name of the table that holds the long result of `table`."""
    return f"input_validations/{table.physical}"


def phone_region(tenant: Tenant) -> str:
    """The numbering plan that phone numbers are held against: North American rules only where the tenant is at home there."""
    home = tenant.config.country.upper() in ("US", "CA", "")
    return tenant.config.phone_region if home else "any"


def _prepare(session: Session, tenant: Tenant) -> None:
    for statement in (*VALIDITY_MACROS, *BLOCKLIST_MACROS, *HELPERS):
        session.execute(statement.replace("{region}", quote_literal(phone_region(tenant))))


@cache
def _code() -> str:
    """What the figures depend on beside data and tags; read once a process, as the files cannot change under it."""
    here = Path(__file__).parent
    return code_version(here, here.parent / "semantics")


def table_fingerprint(session: Session, tenant: Tenant, table: SourceTable) -> str:
    """Of everything that the reports of one table depend on."""
    state = session.state(table.asset)
    return fingerprint(
        "input_validations",
        _code(),
        table.tags,
        phone_region(tenant),
        tenant.config.extra_validations,
        tenant.config.timezone,
        state.digest if state else None,
    )


def validate_table(session: Session, tenant: Tenant, table: SourceTable, *, force: bool = False) -> TableState:
    """Run every report that applies to `table` and write the long result; the pinned result stands where nothing changed."""
    name = validation_table(table)
    mark = table_fingerprint(session, tenant, table)
    current = session.state(name)
    if current is not None and current.fingerprint == mark and not force:
        return current
    _prepare(session, tenant)
    session.bind(table.asset, "_validated")
    session.execute(f"CREATE OR REPLACE TEMP TABLE t AS {relation_sql(table, '_validated')}")
    results = [_run_report(session, table, report) for report in reports_for(table, tenant.config.extra_validations)]
    for relation in ("t", "vals", "stores", "channels"):
        session.execute(f"DROP TABLE IF EXISTS temp.{relation}")
    frame = pl.concat([pl.DataFrame(schema=RESULT), *results])
    found = frame.filter(pl.col("is_finding") & (pl.col("value") > 0)).height
    return session.write(name, frame, fingerprint=mark, figures={"reports": len(results), "findings": found})


def _run_report(session: Session, table: SourceTable, report: Report) -> pl.DataFrame:
    if report.values:
        session.execute(f"CREATE OR REPLACE TEMP TABLE vals AS {values_sql(table, report.values, '_validated')}")
    if report.id in COUNTED:
        relation, column = COUNTED[report.id]
        session.execute(
            f"CREATE OR REPLACE TEMP TABLE {relation} AS SELECT {column}, count(*) AS n FROM t"
            f" WHERE NOT {missing(column)} GROUP BY {column}"
        )
    wanted = list(metrics(report, table))
    select = ", ".join(f"{m.sql} AS {quote_ident(m.name)}" for m in wanted)
    ((record_count, *values),) = session.rows(f"SELECT count(*), {select} FROM t")
    rows = [("record_count", record_count, False, False)]
    rows += [(m.name, v, m.text, m.finding) for m, v in zip(wanted, values, strict=True)]
    return pl.DataFrame(
        {
            "report_id": [report.id] * len(rows),
            "datasource": [table.name] * len(rows),
            "ordinal": list(range(len(rows))),
            "metric": [name for name, *_ in rows],
            "value": [None if text or value is None else float(value) for _, value, text, _ in rows],
            "text": [value if text else None for _, value, text, _ in rows],
            "is_finding": [finding for *_, finding in rows],
        },
        schema=RESULT,
    )


# Reports that look at the counts of one column's values.
COUNTED = {"IV-T09": ("stores", "store_id"), "IV-T15": ("channels", "purchase_channel")}


def report_tables(tenant: Tenant) -> list[SourceTable]:
    """The tables that have at least one report."""
    return [t for t in tenant.tables if reports_for(t, tenant.config.extra_validations)]


def report_fingerprint(session: Session, tenant: Tenant) -> str:
    """Of everything that the summary over all tables depends on."""
    inputs = [(validation_table(t), getattr(session.state(validation_table(t)), "digest", None)) for t in report_tables(tenant)]
    data = [(t.asset, getattr(session.state(t.asset), "digest", None)) for t in report_tables(tenant)]
    return fingerprint("input_validation_report", _code(), inputs, data)


def build_report(
    session: Session, tenant: Tenant, *, run_id: str = "", progress: Callable[[str], None] | None = None
) -> dict[str, TableState]:
    """Write the summary: `input_validation_report`, `input_validation_metric` and one wide table per report.

    The tables' own results must have been written. Figures that compare a table with all others are computed here.
    """
    mark = report_fingerprint(session, tenant)
    current = session.state("input_validation_report")
    if current is not None and current.fingerprint == mark:
        return {}
    _prepare(session, tenant)
    tables = report_tables(tenant)
    parts = [pl.DataFrame(schema=RESULT)]
    for table in tables:
        session.bind(validation_table(table), "_result")
        parts.append(session.frame("SELECT * FROM _result").cast(RESULT))
    parts += [_across(session, tables, report) for report in REPORTS if report.id in ACROSS]
    long = pl.concat(parts).sort("report_id", "datasource", "ordinal")
    states = {
        "input_validation_report": session.write("input_validation_report", _listing(long, tables, run_id), fingerprint=mark)
    }
    numbers = long.filter(pl.col("text").is_null()).select(
        pl.lit(run_id).alias("run_id"), "report_id", "datasource", "metric", "value"
    )
    states["input_validation_metric"] = session.write("input_validation_metric", numbers, fingerprint=mark)
    run = pl.DataFrame({"run_id": [run_id], "tables_scanned": [len(tables)], "status": ["succeeded"]})
    states["input_validation_run"] = session.write("input_validation_run", run, fingerprint=mark)
    for report in REPORTS:
        rows = long.filter(pl.col("report_id") == report.id)
        if rows.height:
            states[report.table] = session.write(report.table, _wide(rows, run_id), fingerprint=mark)
        if progress is not None:
            progress(report.id)
    return states


def _wide(rows: pl.DataFrame, run_id: str) -> pl.DataFrame:
    """One row per datasource, one column per figure, in declared order; counts stay whole numbers."""
    order = rows.group_by("metric").agg(pl.col("ordinal").min()).sort("ordinal", "metric")["metric"].to_list()
    texts = set(rows.filter(pl.col("text").is_not_null())["metric"].to_list())
    numbers = rows.pivot("metric", index=["report_id", "datasource"], values="value", sort_columns=True)
    words = rows.pivot("metric", index=["report_id", "datasource"], values="text", sort_columns=True)
    columns = []
    for name in order:
        if name in texts:
            columns.append(words[name])
        elif name.endswith("_count"):
            columns.append(numbers[name].cast(pl.Int64))
        else:
            columns.append(numbers[name])
    wide = numbers.select(pl.lit(run_id).alias("run_id"), "report_id", "datasource").with_columns(columns)
    return wide.sort("datasource")


def _listing(long: pl.DataFrame, tables: list[SourceTable], run_id: str) -> pl.DataFrame:
    rows = []
    for report in REPORTS:
        mine = long.filter(pl.col("report_id") == report.id)
        if not mine.height:
            continue
        holders = [t for t in tables if report in reports_for(t)]
        rows.append(
            {
                "run_id": run_id,
                "report_id": report.id,
                "title": report.title,
                "category": report.category,
                "reason": report.reason,
                "semantic_tags": ", ".join(report.tags),
                "datasource_count": mine["datasource"].n_unique(),
                "has_findings": mine.filter(pl.col("is_finding") & (pl.col("value") > 0)).height > 0,
                "drilldown_sql": ";\n\n".join(sql for t in holders if (sql := drilldown_sql(report, t))),
            }
        )
    schema = {
        "run_id": pl.String,
        "report_id": pl.String,
        "title": pl.String,
        "category": pl.String,
        "reason": pl.String,
        "semantic_tags": pl.String,
        "datasource_count": pl.Int64,
        "has_findings": pl.Boolean,
        "drilldown_sql": pl.String,
    }
    return pl.DataFrame(rows, schema=schema)


def _across(session: Session, tables: list[SourceTable], report: Report) -> pl.DataFrame:
    holders = [t for t in tables if report in reports_for(t)]
    if not holders:
        return pl.DataFrame(schema=RESULT)
    parts = []
    for number, table in enumerate(holders):
        session.bind(table.asset, f"_across_{number}")
        if report.values:
            keys = f"SELECT DISTINCT key FROM ({values_sql(table, report.values, f'_across_{number}')}) WHERE key IS NOT NULL"
        else:
            column = quote_ident(table.columns_with("txn-item/order-id")[0])
            keys = f"SELECT DISTINCT CAST({column} AS VARCHAR) AS key FROM _across_{number} WHERE {column} IS NOT NULL"
        parts.append(f"SELECT {quote_literal(table.name)} AS datasource, key FROM ({keys})")
    session.execute(f"CREATE OR REPLACE TEMP TABLE a AS {' UNION ALL '.join(parts)}")
    rows_all = sum(state.rows for t in holders if (state := session.state(t.asset)) is not None)
    ((all_keys,),) = session.rows("SELECT count(DISTINCT key) FROM a")
    shared = dict(
        session.rows(
            "SELECT datasource, count(*) FROM a WHERE key IN (SELECT key FROM a GROUP BY key HAVING count(*) > 1)"
            " GROUP BY datasource"
        )
    )
    own = dict(session.rows("SELECT datasource, count(*) FROM a GROUP BY datasource"))
    session.execute("DROP TABLE a")
    share = round(100.0 * all_keys / rows_all, 3) if rows_all else None
    out = []
    for table in holders:
        mine, met = own.get(table.name, 0), shared.get(table.name, 0)
        figures = {
            "all_sources_unique_email_count": all_keys,
            "all_sources_email_uniqueness_pct": share,
            "all_sources_phone_uniqueness_pct": share,
            "exclusive_email_count": mine - met,
            "order_ids_in_other_sources_count": met,
        }
        for place, name in enumerate(ACROSS[report.id]):
            value = figures[name]
            out.append((report.id, table.name, 100 + place, name, None if value is None else float(value), None, False))
    return pl.DataFrame(out, schema=RESULT, orient="row")


def worst_findings(session: Session, limit: int = 3) -> list[Finding]:
    """The findings that concern the largest share of a table's rows, worst first; values that are wrong before values that lack.

    A source that never asks for an e-mail address misses it in every row, and nobody can mend that.
    """
    if session.state("input_validation_metric") is None:
        return []
    session.bind("input_validation_metric")
    titles = {
        (report.id, metric.name if metric.name.endswith("_count") else f"{metric.name}_count"): report.title
        for report in REPORTS
        for metric in report.metrics
        if metric.finding
    }
    found = session.rows(
        "SELECT m.report_id, m.datasource, m.metric, m.value, m.value / nullif(r.value, 0) AS share"
        " FROM input_validation_metric m JOIN input_validation_metric r"
        " ON r.report_id = m.report_id AND r.datasource = m.datasource AND r.metric = 'record_count'"
        " WHERE m.value > 0 AND m.metric <> 'record_count'"
        " ORDER BY starts_with(m.metric, 'missing_'), share DESC, m.report_id, m.datasource, m.metric"
    )
    worst = [
        Finding(report_id, titles[report_id, metric], datasource, metric, int(value), share)
        for report_id, datasource, metric, value, share in found
        if (report_id, metric) in titles
    ]
    return worst[:limit]
