"""How the matcher grows on Spark, beside one machine on the same records, and that both find the
same.

Records are those of a generated tenant. Each measurement is a process of its own that calls
`stitch` on records in memory; the clock ends before tables are built and their digests taken.
Memory is read from `/proc`, so that the processes of Spark have to be below this one: masters
`local[N]` and `local-cluster[...]`. Bytes are counted from Spark's event log. Sizes in the folder
that have been measured are not measured again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import duckdb
import polars as pl

from c360_assets_tests.bench.measure import Section, machine, show_section
from c360_assets_tests.bench.processes import PROC, Seen, own_peak, watched

MODULE = "c360_assets_tests.bench.spark"
WORKER = "pyspark.daemon"  # in the command line of Python that runs kernels
JVM = "java"
COLUMNS = (
    *("records", "representatives", "pairs compared"),
    *("one machine: s", "its CPU s", "its MiB"),
    *("Spark: s", "all CPU s", "driver MiB", "JVM MiB", "largest worker MiB", "workers MiB"),
    *("shuffled MiB", "spilled MiB", "equal digests"),
)
BEYOND = [1_000_000, 10_000_000, 100_000_000]
UNKNOWN = "–"
MIB = 2**20


@dataclass(frozen=True)
class Run:
    """A call of `stitch`. `peak`: MiB of its process at the end of it."""

    records: int
    representatives: int
    pairs: int
    seconds: float
    cpu: float
    peak: float
    digests: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OnCluster:
    """What Spark took beside the process that called it, in MiB; `cpu` in seconds."""

    cpu: float
    jvm: float
    worker: float
    workers: float
    shuffled: float
    spilled: float


@dataclass(frozen=True)
class Grown:
    """One number of records on one machine and on Spark."""

    one: Run
    spark: Run
    cluster: OnCluster

    def equal_digests(self) -> int:
        """How many tables have the digest of one machine."""
        ours, theirs = self.one.digests, self.spark.digests
        return sum(theirs.get(table) == digest for table, digest in ours.items())

    @property
    def is_equal(self) -> bool:
        return self.one.digests == self.spark.digests

    def figures(self) -> dict[str, float]:
        """What is shown, by column, in the order of `COLUMNS`; without the digests."""
        one, spark, cluster = self.one, self.spark, self.cluster
        values = (
            *(one.records, one.representatives, one.pairs),
            *(one.seconds, one.cpu, one.peak),
            *(spark.seconds, spark.cpu + cluster.cpu, spark.peak),
            *(cluster.jvm, cluster.worker, cluster.workers),
            *(cluster.shuffled, cluster.spilled),
        )
        return dict(zip(NAMES, values, strict=True))


NAMES = (
    *("records", "representatives", "pairs", "one_seconds", "one_cpu", "one_peak"),
    *("seconds", "cpu", "driver", "jvm", "worker", "workers", "shuffled", "spilled"),
)


def call(folder: Path, master: str | None) -> Run:
    """`stitch` on the records of the folder, and the digests of its tables."""
    from c360_assets.stitch import stitch

    records = pl.read_parquet(folder / "records.parquet")
    with ExitStack() as stack:
        exchange = None
        if master is not None:
            from c360_assets.stitch.exchange.on_spark import OnSpark

            exchange = stack.enter_context(OnSpark.at_master(master, folder=folder / "spark"))
        started, cpu = time.perf_counter(), time.process_time()
        result = stitch(records, exchange=exchange)
        took, cpu = time.perf_counter() - started, time.process_time() - cpu
        peak = own_peak()
    figures = result.figures
    counts = int(figures["representatives"]), int(figures["related_pairs"])
    return Run(records.height, *counts, took, cpu, peak, _digests(result.tables))


def _digests(tables: object) -> dict[str, str]:
    """The digest of each table, as the warehouse would name it."""
    from c360_assets.stitch.publish.results import StitchTables
    from c360_assets.warehouse.digest import digest_sql

    assert isinstance(tables, StitchTables)
    found = {}
    for name in tables:
        with duckdb.connect() as con:
            con.register("rows", tables[name])
            columns = dict(
                con.sql("SELECT column_name, column_type FROM (DESCRIBE rows)").fetchall()
            )
            ((_, found[name]),) = con.sql(digest_sql(name, columns, "rows")).fetchall()
    return found


def measured(folder: Path, master: str) -> Grown:
    """Both runs on the records of the folder, each in a process of its own."""
    alone = watched(_command(folder), dict(os.environ), ())
    log = folder / "events"
    log.mkdir()
    there = watched(_command(folder, master), os.environ | _with_log(log), (WORKER,))
    one, spark = (Run(**json.loads(done.output.splitlines()[-1])) for done in (alone, there))
    return Grown(one, spark, _cluster(there.below, there.at_once[WORKER], log))


def _command(folder: Path, master: str | None = None) -> list[str]:
    at = ["--master", master] if master else []
    return [sys.executable, "-m", MODULE, "--folder", str(folder), "--work", *at]


def _with_log(folder: Path) -> dict[str, str]:
    """The environment in which a classic session writes down what its tasks did."""
    settings = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": folder.as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
    }
    options = " ".join(f"--conf {name}={value}" for name, value in settings.items())
    return {"PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell", "SPARK_LOCAL_IP": "127.0.0.1"}


def _cluster(below: Sequence[Seen], at_once: float, log: Path) -> OnCluster:
    def largest(word: str) -> float:
        return max((seen.peak for seen in below if word in seen.command), default=0.0)

    shuffled, spilled = _moved(log)
    cpu = sum(seen.cpu for seen in below)
    return OnCluster(cpu, largest(JVM), largest(WORKER), at_once, shuffled / MIB, spilled / MIB)


def _moved(log: Path) -> tuple[int, int]:
    """Bytes that tasks wrote for each other, and those for which memory was too small."""
    shuffled = spilled = 0
    (events,) = (path for path in log.iterdir() if path.is_file())
    with events.open() as lines:
        for line in lines:
            if '"SparkListenerTaskEnd"' not in line:
                continue
            metrics = json.loads(line).get("Task Metrics")
            if metrics:
                shuffled += metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"]
                spilled += metrics["Disk Bytes Spilled"]
    return shuffled, spilled


def grown(folder: Path, records: int, master: str) -> Grown:
    """The figures of so many records: those kept in the folder, or measured and kept."""
    from c360_assets_tests.bench.stitch import make_records

    place = folder / str(records)
    kept = place / "figures.json"
    if not kept.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        make_records(place, records)
        kept.write_text(json.dumps(asdict(measured(place, master))))
    found = json.loads(kept.read_text())
    return Grown(Run(**found["one"]), Run(**found["spark"]), OnCluster(**found["cluster"]))


def row(known: Grown) -> tuple[str, ...]:
    """The line of a size that was run."""
    figures = known.figures()
    equal = f"{known.equal_digests()} of {len(known.one.digests)}"
    return *(_shown(name, figures[name]) for name in NAMES), equal


Point = tuple[float, float]


def line(at: float, one: Point, other: Point) -> float:
    """The value there of the straight line through two points."""
    slope = (other[1] - one[1]) / (other[0] - one[0])
    return other[1] + slope * (at - other[0])


def power(at: float, one: Point, other: Point) -> float:
    """The value there of the power through two points."""
    exponent = math.log(other[1] / one[1]) / math.log(other[0] / one[0])
    return other[1] * (at / other[0]) ** exponent


# How figures go on, and with what: pairs faster than records, and bytes with the pairs. What the
# load of the machine decides, or a limit of the JVM, is not said of sizes that were not run.
GROWTH: dict[str, tuple[str, Callable[[float, Point, Point], float]]] = {
    "pairs": ("records", power),
    "shuffled": ("pairs", line),
    # A worker holds a bucket, which is no larger for more records.
    "worker": ("records", power),
    **dict.fromkeys(("representatives", "one_cpu", "one_peak", "cpu", "driver"), ("records", line)),
}


def beyond(records: int, smaller: Grown, larger: Grown) -> tuple[str, ...]:
    """The line of a size that was not run, going on from two that were."""
    before, after = smaller.figures(), larger.figures()
    reached = {"records": float(records)}
    for name, (by, goes_on) in GROWTH.items():
        ends = (before[by], before[name]), (after[by], after[name])
        reached[name] = goes_on(reached[by], *ends)
    cells = (_shown(name, reached[name]) if name in reached else UNKNOWN for name in NAMES[1:])
    return f"{records:,} (extrapolated)", *cells, UNKNOWN


def _shown(name: str, value: float) -> str:
    is_small = name.endswith(("seconds", "cpu")) and value < 100
    return f"{value:,.1f}" if is_small else f"{value:,.0f}"


def notes(master: str) -> list[str]:
    return [
        f"`stitch` on records in memory; master `{master}` (the JVM of `local` is driver and"
        " executor)",
        "extrapolated: nothing was run; from the two largest that were, pairs and the largest"
        " worker go on as a power of the number of records, shuffled bytes straight with the pairs,"
        " the rest straight with the records",
        "driver MiB: with pages of rows that are set aside, which the system may take back",
        f"load of the machine in the last 15 minutes: {os.getloadavg()[2]:.1f}; where others"
        " work too, compare CPU seconds",
        f"pyspark {version('pyspark')}; {machine()}",
    ]


def lacking() -> str | None:
    """What is missing here to run Spark, as a sentence."""
    if find_spec("pyspark") is None:
        return "needs the extra spark: pip install 'c360-assets[spark]'"
    if shutil.which("java") is None:
        return "needs Java 17 (Debian: apt install default-jre-headless)"
    if not PROC.exists():
        return "needs Linux: the memory of other processes is read from /proc"
    return None


def main(arguments: list[str]) -> bool:
    parser = argparse.ArgumentParser(prog="bench spark", description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 50_000, 200_000])
    parser.add_argument(
        "--beyond", type=int, nargs="*", default=BEYOND, help="sizes to extrapolate"
    )
    parser.add_argument("--master", help="default: local[2]")
    parser.add_argument("--folder", type=Path, help="keeps tenants and figures; default: none kept")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args(arguments)
    if options.work:
        print(json.dumps(asdict(call(options.folder, options.master))))
        return True
    if problem := lacking():
        print(problem)
        return False
    master = options.master or "local[2]"
    with tempfile.TemporaryDirectory(prefix="c360-bench-") as folder:
        place = (options.folder or Path(folder)).resolve()
        known = [grown(place, records, master) for records in sorted(options.records)]
    rows = [row(one) for one in known]
    if len(known) > 1:
        rows += [beyond(records, *known[-2:]) for records in options.beyond]
    show_section(Section("stitch on spark", rows, notes(master), COLUMNS))
    return all(one.is_equal for one in known)


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
