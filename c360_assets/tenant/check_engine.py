"""Checks of `engine` in `tenant.yaml`: that it names one cluster, and that this machine can ask it.

Whether the cluster answers is seen when a run starts: a check goes through no network.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from c360_assets.tenant.check_tenant import FILE
from c360_assets.tenant.config_check import ConfigCheck
from c360_assets.tenant.document import KeyPath
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import Tenant

ADDRESSES = {
    "master": (
        re.compile(r"local\[(\d+|\*)\]|local-cluster\[\d+,\d+,\d+\]|spark://[^\s/:]+:\d+"),
        "local[2], or spark://host:7077",
    ),
    "remote": (re.compile(r"sc://[^\s/:]+(:\d+)?(/\S*)?"), "sc://host:15002"),
}
EXTRA = "pip install 'c360-assets[spark]'"
# What a session imports on this machine: a classic one, and one through Spark Connect.
PACKAGES = {"master": ("pyspark",), "remote": ("pyspark", "grpc", "grpc_status", "zstandard")}
OLDEST_SPARK = 4
OLDEST_JAVA = 17
WHERE = "docs/spark.md says what runs where"


def check_engine(check: ConfigCheck) -> None:
    engine = check.tenant.config.engine
    _check_wait(check, engine.wait)
    given = {"master": engine.master, "remote": engine.remote}
    named = [key for key, value in given.items() if value is not None]
    if engine.type == "local":
        for key in [*named, *sorted(engine.model_fields_set & {"wait", "tables"})]:
            check.error(FILE, ("engine", key), "is of an engine of type spark", "type: spark")
    elif len(named) != 1:
        said = "both are given" if named else "neither is given"
        message = f"needs exactly one of `master` and `remote`, and {said}"
        remedy = "such as {type: spark, master: 'local[2]'} or {type: spark, remote: sc://host}"
        check.error(FILE, ("engine",), message, remedy)
    else:
        (key,) = named
        _check_address(check, key, given[key] or "")
        if _nothing_to_match(check) is None or engine.computes_tables:
            _check_machine(check, key)
        check.warning(FILE, ("engine", "type"), _who_does_what(check), WHERE)


def _who_does_what(check: ConfigCheck) -> str:
    """What of this tenant Spark does, and what is done on this machine all the same."""
    tenant = check.tenant
    here = f"with the same result: {', '.join(_done_here(tenant))}"
    tables = ", ".join(table.name for table in tenant.stitched_tables) or "tables not read here"
    database = (
        " and answers validations and SQL of tables" if tenant.config.engine.computes_tables else ""
    )
    if reason := _nothing_to_match(check):
        if database:
            return f"Spark matches nothing, as {reason},{database}; the rest is done here, {here}"
        return f"nothing runs on Spark, as {reason}; this machine does everything, {here}"
    return (
        f"Spark cleans and matches the records of {tables}{database}; this machine, whose memory"
        f" must hold them, does the rest, {here}"
    )


def _nothing_to_match(check: ConfigCheck) -> str | None:
    """Why no record of the tenant is matched, None where some are."""
    stitch = check.tenant.stitch
    if not stitch.run.matches:
        return "`run.one_to_one` of stitch.yaml matches no records"
    # A table that could not be read may be one.
    if check.tenant.stitched_tables or not check.all_tables_read:
        return None
    if stitch.tables is not None:
        return "`tables` of stitch.yaml lists none that is available to Stitch"
    return "no table has `stitch: true`"


def _done_here(tenant: Tenant) -> list[str]:
    """What is not done on Spark, with how many the tenant declares."""
    engine = tenant.config.engine
    is_own_sql_here = not engine.computes_tenants_sql
    declared = {
        "feeds": len(tenant.feeds),
        "custom domain tables": len(tenant.custom_tables) if is_own_sql_here else 0,
        "SQL files of the database": len(tenant.database_sql) if is_own_sql_here else 0,
        "segments": len(tenant.segments) + len(tenant.segment_sql),
        "campaigns": len(tenant.campaigns),
    }
    counted = [f"{name} ({count})" for name, count in declared.items() if count]
    shipped = ["the shipped tables of the database, validations"]
    compared = ["what validations compare between tables"]
    return [*counted, *(compared if engine.computes_tables else shipped)]


def _check_wait(check: ConfigCheck, wait: str) -> None:
    try:
        duration(wait)
    except ValueError:
        check.error(FILE, ("engine", "wait"), "must be a duration", "such as 5m or 1 hour")


def _check_address(check: ConfigCheck, key: str, address: str) -> None:
    pattern, example = ADDRESSES[key]
    if not pattern.fullmatch(address):
        check.error(FILE, ("engine", key), f"{address!r} is no address of it", f"such as {example}")
    elif address.startswith("local-cluster"):
        message = (
            "is for trials on this machine: its executors write their logs into the folder `work`"
            " of the package pyspark (of SPARK_HOME, where it is set), and nobody removes them"
        )
        check.warning(FILE, ("engine", key), message, f"such as {example}")


def _check_machine(check: ConfigCheck, key: str) -> None:
    path: KeyPath = ("engine", key)
    lacking = [package for package in PACKAGES[key] if find_spec(package) is None]
    if lacking:
        check.error(FILE, path, f"needs the package {lacking[0]}, which is not installed", EXTRA)
    elif (spark := installed("pyspark")) is not None and spark < OLDEST_SPARK:
        check.error(
            FILE, path, f"needs Spark {OLDEST_SPARK} or later, and pyspark is {spark}", EXTRA
        )
    if key == "master" and (lack := _lack_of_java()) is not None:
        remedy = "Debian: apt install default-jre-headless"
        check.error(FILE, path, f"needs Java {OLDEST_JAVA} or later on this machine{lack}", remedy)


def installed(package: str) -> int | None:
    """The first number of a package's version; None where it is not installed."""
    try:
        return int(version(package).partition(".")[0])
    except PackageNotFoundError:
        return None


def _lack_of_java() -> str | None:
    """What to say further of a Java that Spark would not start with; None where it may do."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        return f": JAVA_HOME is {home}, where none is" if home else ""
    known = java_version(Path(found))
    return f": {found} is Java {known}" if known is not None and known < OLDEST_JAVA else None


def java_version(java: Path) -> int | None:
    """The number of a Java by the file `release` beside the folder of its program; None where
    nothing says it."""
    with suppress(OSError):
        release = (java.resolve().parents[1] / "release").read_text("utf-8", "replace")
        # Before 9 it was called 1.8.
        if found := re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release, re.MULTILINE):
            return int(found[1])
    return None


CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (check_engine,)
