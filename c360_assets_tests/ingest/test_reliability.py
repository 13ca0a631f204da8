"""What a load leaves behind when it is killed, when the disk is full, and when a file may not be
read: the state before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from c360_assets.errors import C360Error
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Warehouse
from c360_assets_tests.ingest.tenants import feed_of, land, load, table, tenant_of

HEADER = "id,name,seen,spent\n"
ROWS = 20_000
KILLS = int(os.environ.get("C360_KILLS", "3"))
NOBODY = 65534
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root, to mount a small disk and to become somebody else"
)


def rows(start: int, stop: int, name: str) -> str:
    return HEADER + "".join(f"k{i},{name},2024-01-01 10:00:00,1.25\n" for i in range(start, stop))


def deliver(tenant: Tenant) -> None:
    land(tenant, "c-20240106.csv", rows(ROWS // 2, ROWS * 2, "Bob"))
    land(tenant, "c-20240107.csv", rows(0, 10, "Cyd"))


def digest(tenant: Tenant) -> str:
    state = Warehouse.open(tenant.root / "warehouse").state("domain/Shop_Customers")
    assert state is not None
    return state.digest


def started(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "c360_assets_tests.ingest.killed", str(root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_killed_at_any_point_and_loaded_again(tmp_path: Path) -> None:
    feed = feed_of()
    first = tenant_of(tmp_path / "first", feed)
    land(first, "c-20240105.csv", rows(0, ROWS, "Ann"))
    load(first, feed)
    before = digest(first)
    shutil.copytree(first.root, tmp_path / "whole")
    whole = tenant_of(tmp_path / "whole", feed)
    deliver(whole)
    begun = time.monotonic()
    assert started(whole.root).wait() == 0
    takes = time.monotonic() - begun
    for number in range(KILLS):
        root = tmp_path / f"killed-{number}"
        shutil.copytree(first.root, root)
        killed = tenant_of(root, feed)
        deliver(killed)
        process = started(root)
        time.sleep(takes * (number + 0.5) / KILLS)
        process.kill()
        process.wait()
        assert digest(killed) in (before, digest(whole))
        load(killed, feed)
        assert digest(killed) == digest(whole)
        shutil.rmtree(root)


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    path.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@as_root
@pytest.mark.parametrize("where", ["warehouse", "the load's workspace"])
def test_a_full_disk(tmp_path: Path, where: str) -> None:
    feed = feed_of(
        files={"pattern": "'c-'yyyyMMdd'*'", "compression": "zip"}
        if where != "warehouse"
        else {"pattern": "'c-'yyyyMMdd'*'"}
    )
    tenant = tenant_of(tmp_path, feed)
    folder = tmp_path / ("warehouse" if where == "warehouse" else ".tmp")
    with small_disk(folder, "300k"):
        if where == "warehouse":
            land(tenant, "c-20240105.csv", rows(0, 10, "Ann"))
            load(tenant, feed)
            land(tenant, "c-20240106.csv", rows(0, ROWS, os.urandom(6).hex()))
            with pytest.raises(C360Error, match="could not be written, and stays as it was"):
                load(tenant, feed)
            assert table(tenant, feed).height == 10
            subprocess.run(["mount", "-o", "remount,size=100m", str(folder)], check=True)
            load(tenant, feed)
            assert table(tenant, feed).height == ROWS
        else:
            with zipfile.ZipFile(
                tenant.root / "landing" / "c-20240105.zip", "w", zipfile.ZIP_DEFLATED
            ) as archive:
                archive.writestr("a.csv", rows(0, ROWS, "Ann"))
            (day,) = load(tenant, feed).days
            assert (day.status, day.kind) == ("failed", "disk")
            assert "no space left on device" in day.message
            assert list(folder.iterdir()) == []


@as_root
def test_a_file_that_may_not_be_read() -> None:
    root = Path(tempfile.mkdtemp(prefix="c360-nobody-"))
    try:
        feed = feed_of()
        tenant = tenant_of(root, feed)
        land(tenant, "c-20240105.csv", HEADER + "a,Ann,,\n")
        os.chmod(land(tenant, "c-20240106.csv", HEADER + "b,Bob,,\n"), 0o600)
        for path in (root, root / "landing", root / "landing" / "c-20240105.csv"):
            os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            result = load(tenant, feed)
            assert [(d.status, d.kind) for d in result.days] == [
                ("loaded", ""),
                ("failed", "changing"),
            ]
            assert "may not be read by this user; give it read permission" in result.days[1].message
        finally:
            os.seteuid(0)
    finally:
        shutil.rmtree(root)
