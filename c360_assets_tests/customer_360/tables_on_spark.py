"""Tables of a database computed on Spark, and held against those built here, row for row.

Each is computed from what was built here before it, so that one difference is told once. As a
command, over a tenant that has had its day, or one that is generated for it: the SQL of a tenant's
own is compared too. What a translation is belongs to `customer_360.tables.spark`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from c360_assets.configuration import load_tenant
from c360_assets.customer_360.tables.build import prepare
from c360_assets.customer_360.tables.graph import TableNode, plan
from c360_assets.customer_360.tables.spark import spark_sql
from c360_assets.demo.generate import generate_tenant
from c360_assets.ingest.delivery_days import as_of_date
from c360_assets.warehouse.session import Session, open_session
from c360_assets.warehouse.sql import quote_ident, quote_literal

# Rows of one file in many tasks, and groups of rows in several: what rests on an order shows.
SPREAD = {"spark.sql.shuffle.partitions": "4", "spark.sql.files.maxPartitionBytes": str(2**16)}


def begin_session(master: str, zone: str, folder: Path, further: Mapping[str, str]) -> Any:
    """The session of PySpark of this process, whose own files are in the folder."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": zone,
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.warehouse.dir": str(folder),
        "spark.driver.memory": "2g",
        **further,
    }
    builder = SparkSession.builder.master(master).appName("c360")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


@contextmanager
def spark_session(
    master: str, zone: str, folder: Path, further: Mapping[str, str]
) -> Iterator[Any]:
    """That session, which ends with the block."""
    session = begin_session(master, zone, folder, further)
    try:
        yield session
    finally:
        session.stop()


def differences(
    session: Session, spark: Any, node: TableNode, folder: Path, as_of: date
) -> list[str]:
    """What Spark's rows of a built table have that DuckDB's lack, and the other way about."""
    prepare(session, node, as_of)
    for called, stored in node.binds:
        file = folder / f"{stored.replace('/', '_')}.parquet"
        if not file.exists():
            session.execute(
                f"COPY (SELECT * FROM {quote_ident(called)}) TO "
                f"{quote_literal(str(file))} (FORMAT parquet)"
            )
        spark.read.parquet(str(file)).createOrReplaceTempView(called)
    spark.sql(f"SELECT DATE '{as_of.isoformat()}' AS as_of").createOrReplaceTempView("run_context")
    try:
        rows = spark.sql(spark_sql(node.sql)).toArrow()
    except Exception as error:  # whatever Spark says: the others are compared all the same
        return [f"{node.name}: {str(error)[:300]}"]
    return _apart(session, node, rows)


def _apart(session: Session, node: TableNode, rows: pa.Table) -> list[str]:
    """By column, how many rows of the built table and of Spark's are not alike."""
    columns = session.built(node.table).columns
    session.bind(node.table, "_duck")
    session.register("_spark", rows)
    found = rows.column_names
    if found != list(columns):
        unlike = sorted(set(found) ^ set(columns)) or "in another order"
        return [f"{node.name}: columns {unlike}"]
    values = {name: f"CAST({quote_ident(name)} AS {kind})" for name, kind in columns.items()}
    if _only_in_one(session, ", ".join(values.values())) == (0, 0):
        return []
    by_column = {name: _only_in_one(session, value) for name, value in values.items()}
    unlike = [
        f"{node.name}.{name}: rows only on DuckDB, only on Spark: {counts}"
        for name, counts in by_column.items()
        if any(counts)
    ]
    return unlike or [f"{node.name}: rows differ in several columns together"]


def _only_in_one(session: Session, values: str) -> tuple[int, int]:
    ours, theirs = f"SELECT {values} FROM _duck", f"SELECT {values} FROM _spark"
    only, extra = (
        session.rows(f"SELECT count(*) FROM ({one} EXCEPT ALL {other})")[0][0]
        for one, other in ((ours, theirs), (theirs, ours))
    )
    return only, extra


def compared(root: Path, master: str) -> bool:
    """Whether every table of the tenant's database is equal; prints a line for each."""
    tenant = load_tenant(root)
    zone = tenant.config.timezone
    with (
        tempfile.TemporaryDirectory() as folder,
        spark_session(master, zone, Path(folder), SPREAD) as spark,
        open_session(root / "warehouse", zone) as session,
    ):
        as_of = as_of_date(tenant, session.warehouse, None)
        nodes = plan(tenant)
        unlike = 0
        for node in nodes:
            found = differences(session, spark, node, Path(folder), as_of)
            unlike += bool(found)
            rows = session.built(node.table).rows
            print(*(found or [f"{node.name}: {rows:,} rows, equal"]), sep="\n", flush=True)
    print(f"{len(nodes)} tables on {master}, of which {unlike} are not equal")
    return not unlike


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tenant", type=Path, nargs="?", help="has had its day; default: generated")
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--people", type=int, default=60, help="of the generated tenant")
    options = parser.parse_args()
    if options.tenant is not None:
        return compared(options.tenant, options.master)
    with tempfile.TemporaryDirectory(prefix="c360-tables-") as folder:
        root = Path(folder) / "tenant"
        generate_tenant(root, people=options.people, days=2)
        verb = [str(Path(sys.executable).parent / "c360"), "run", "--tenant", str(root)]
        subprocess.run(verb, check=True, stdout=subprocess.DEVNULL)
        return compared(root, options.master)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
