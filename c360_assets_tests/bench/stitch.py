"""How fast records become persons, against Splink on the same records, and what the whole stage
costs on top.

Records are those of a generated tenant. Each measurement is a process of its own, so that peak
memory means something; records are in memory before the clock starts, and Splink gets them
normalised, while ours normalises them itself. What a process does not measure it does not import,
since imports count as memory too. Splink is no dependency: without it only our own figures are
shown.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import polars as pl

from c360_assets_tests.bench.measure import Measure, seconds, show

PEER = Path(__file__).parent / "peers" / "splink_peer.py"
THROUGH = date(2030, 1, 1)
RECORDS_PER_PERSON = 1.28  # of the generated tenant
PREPARED = (
    *(
        "datasource",
        "pk",
        "given_name",
        "surname",
        "generational_suffix",
        "birthdate",
        "gender",
        "email",
        "phone",
    ),
    *("address", "city", "postal", "given_canonical"),
)


FIRST_RUN = (
    50_000,
    6.0,
)  # so many records are stitched in so many seconds by a process that has only imported the library


def splink_version(python: str) -> str | None:
    """Splink's version under that interpreter, None where it is not installed."""
    asked = subprocess.run(
        [python, "-c", "import splink; print(splink.__version__)"], capture_output=True, text=True
    )
    return asked.stdout.strip() if asked.returncode == 0 else None


def make_records(folder: Path, records: int) -> pl.DataFrame:
    """A tenant with its domain tables, and its records as one frame, also in `records.parquet`."""
    from c360_assets.configuration import load_tenant
    from c360_assets.demo.generate import generate_tenant
    from c360_assets.ingest.landing import pending
    from c360_assets.ingest.load import load_feed
    from c360_assets.stitch.prepare.union import union_records
    from c360_assets.warehouse.ledger import session_ledger
    from c360_assets.warehouse.session import open_session

    generate_tenant(folder / "tenant", people=max(int(records / RECORDS_PER_PERSON), 1), days=1)
    tenant = load_tenant(folder / "tenant")
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        for feed in tenant.feeds:
            load_feed(
                session,
                tenant,
                feed,
                pending(tenant, feed, session_ledger(session), THROUGH),
                commit=True,
            )
        frame = union_records(session, tenant).frame
    frame.write_parquet(folder / "records.parquet")
    return frame


def make(folder: Path, records: int) -> None:
    """A tenant with its domain tables, its records as one frame, and the same records
    normalised."""
    write_prepared(make_records(folder, records), folder)


def prepare_records(root: Path, folder: Path) -> None:
    """The records of a tenant's domain tables, normalised, in `prepared.parquet`."""
    from c360_assets.configuration import load_tenant
    from c360_assets.stitch.prepare.union import union_records
    from c360_assets.warehouse.session import open_session

    tenant = load_tenant(root)
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        write_prepared(union_records(session, tenant).frame, folder)


def write_prepared(records: pl.DataFrame, folder: Path) -> None:
    """What Splink is given: the records normalised, in `prepared.parquet`."""
    from c360_assets.stitch.prepare.preprocessing import preprocess
    from c360_assets.tenant.models import StitchConfig

    clean = preprocess(records, StitchConfig().bad_values).frame
    keys = [c for c in clean.columns if c.startswith("fk_")]
    clean.select(
        *PREPARED,
        *keys,
        unique_id="rid",
    ).with_columns(
        pl.col("birthdate").dt.to_string("%Y-%m-%d"), pl.col("email", "phone").list.first()
    ).write_parquet(folder / "prepared.parquet")


def matching(folder: Path) -> None:
    """Seconds of `stitch` from records in memory to persons with ids."""
    from c360_assets.stitch import stitch

    records = pl.read_parquet(folder / "records.parquet")
    result = []
    took = seconds(lambda: result.append(stitch(records)))
    peak = _peak()
    result[0].tables["unified_coalesced"].select(
        "datasource", "pk", cluster="amperity_id"
    ).write_parquet(folder / "ours.parquet")
    print(took, peak)


def stage(folder: Path) -> None:
    """Seconds of the stage as a run has it: domain tables read, every table written."""
    from c360_assets.configuration import load_tenant
    from c360_assets.stitch.tenant_run import stitch_recipes
    from c360_assets.warehouse.recipe import RunContext, make_current
    from c360_assets.warehouse.session import open_session

    tenant = load_tenant(folder / "tenant")
    run = RunContext(THROUGH, force=True)
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        took = seconds(
            lambda: [make_current(session, recipe, run) for recipe in stitch_recipes(tenant)]
        )
    print(took, _peak())


def quality(folder: Path) -> str:
    """Pairwise F1 and precision against the truth, and the largest cluster with more than one
    person."""
    truth = pl.read_parquet(folder / "tenant" / "truth" / "records.parquet")
    rows = truth.join(pl.read_parquet(folder / "ours.parquet"), on=["datasource", "pk"])

    def pairs(*by: str) -> int:
        return int(
            rows.group_by(by)
            .len()
            .select((pl.col("len").cast(pl.Int64) * (pl.col("len") - 1) // 2).sum())
            .item()
        )

    both, found, real = pairs("cluster", "person_id"), pairs("cluster"), pairs("person_id")
    mixed = rows.group_by("cluster").agg(pl.len(), pl.col("person_id").n_unique().alias("persons"))
    largest = max(mixed.filter(pl.col("persons") > 1)["len"], default=0)
    return (
        f"F1 {2 * both / (found + real):.3f}, precision {both / found:.3f}, "
        f"largest false cluster {largest}"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(*command: str) -> tuple[float, float]:
    """Seconds and MiB that a command prints in its last line."""
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout
    took, peak = output.splitlines()[-1].split()
    return float(took), float(peak)


def measures(folder: Path, records: int, splink: str | None) -> tuple[list[Measure], str]:
    """The lines of one number of records, and a sentence about the quality of that run."""
    own = (
        sys.executable,
        "-m",
        "c360_assets_tests.bench.stitch",
        "--folder",
        str(folder),
        "--work",
    )
    subprocess.run([*own, "make", "--records", str(records)], check=True)
    n = pl.scan_parquet(folder / "records.parquet").select(pl.len()).collect().item()
    took, peak = child(*own, "matching")
    whole, whole_peak = child(*own, "stage")
    note = f"{n:,} records"
    found = [
        Measure(
            "Stitch stage, all tables written",
            whole,
            took,
            3,
            note=f"{note}; reference: matching alone",
        ),
        Measure("peak memory of the stage", whole_peak / 1024, 6, 1, "GiB", note),
    ]
    if records == FIRST_RUN[0]:
        found.insert(
            0,
            Measure(
                "first run of a process",
                took,
                FIRST_RUN[1],
                1,
                note=f"{note}; reference: the limit",
            ),
        )
    if splink is not None:
        peer, peer_peak = child(splink, str(PEER), str(folder / "prepared.parquet"))
        found.insert(0, Measure("matching", took, peer, 0.65, note=f"{note}; reference: Splink"))
        found.insert(
            1,
            Measure(
                "peak memory of matching", peak, peer_peak, 1, "MiB", f"{note}; reference: Splink"
            ),
        )
    return found, f"{note}, without labels: {quality(folder)}"


def main(arguments: list[str]) -> bool:
    parser = argparse.ArgumentParser(prog="bench stitch", description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[50_000, 200_000])
    parser.add_argument(
        "--splink",
        default=os.environ.get("C360_SPLINK_PYTHON", sys.executable),
        help="a Python that has Splink 5",
    )
    parser.add_argument("--work", choices=["make", "matching", "stage"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args(arguments)
    if options.work == "make":
        make(options.folder, options.records[0])
        return True
    if options.work is not None:
        {"matching": matching, "stage": stage}[options.work](options.folder)
        return True
    peer = splink_version(options.splink)
    if peer is None:
        print(
            "Splink is not installed here, so there is no ratio to it; "
            "name a Python that has it: --splink PATH"
        )
    found: list[Measure] = []
    notes: list[str] = []
    for records in options.records:
        with tempfile.TemporaryDirectory(prefix="c360-bench-") as folder:
            lines, told = measures(Path(folder), records, options.splink if peer else None)
            found += lines
            notes.append(told)
    return show("stitch", found, [*notes, *([f"Splink {peer}"] if peer else [])])


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
