"""A disk that fills up at some point of a run, a real one of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from c360_assets_tests.day.findings import (
    Findings,
    Prepared,
    look_at_databases,
    look_at_the_end,
    run_to_the_end,
    second_day,
)
from c360_assets_tests.day.small import copy_of

# From 8 KiB to about 40 MiB in twenty steps, which is more than a run needs.
STEP = 1.57
POINTS = 20


def bytes_free(point: int) -> int:
    """How much room is left at a point."""
    return round(8192 * STEP**point)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path | None]:
    """A folder on a disk of its own; None where this user may mount none."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_disks(tenant: Prepared, folder: Path, points: int, findings: Findings) -> bool:
    """Let a run meet a disk that fills up, at so many points; whether a disk could be mounted."""
    with small_disk(folder, 400) as disk:
        for point in range(points if disk is not None else 0):
            assert disk is not None
            fill_disk(tenant, disk, bytes_free(point), findings)
            print(findings, flush=True)
        return disk is not None


def fill_disk(tenant: Prepared, disk: Path, free: int, findings: Findings) -> None:
    """Run with so many bytes of disk left; then with room again, which must end as the twin."""
    root = second_day(copy_of(tenant.base, disk / "tenant"))
    filler = disk / "filler"
    with filler.open("wb") as file:
        file.truncate(0)
        os.posix_fallocate(file.fileno(), 0, max(shutil.disk_usage(disk).free - free, 1))
    said = run_to_the_end(root)
    what = f"{free >> 10} KiB free"
    # Near the end there is room for all of it.
    if said.code != 0 and ("Traceback" in said.text or "disk is full" not in said.text):
        findings.failed.append(f"{what}: {said.text[-300:]}")
    findings.full += said.code != 0
    look_at_databases(root, what, findings)
    filler.unlink()
    look_at_the_end(root, tenant.twin, findings, what)
    shutil.rmtree(root)
