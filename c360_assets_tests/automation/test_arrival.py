"""Files still being written, marks, and entries of the landing folder that are no files."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from c360_assets.automation.attempts import Attempts
from c360_assets.automation.day_options import DayOptions
from c360_assets.automation.due import Due
from c360_assets.automation.due_loads import loads_due
from c360_assets.automation.load_feeds import Loading, _Arrived, _whole_arrivals
from c360_assets.configuration import load_tenant
from c360_assets.errors import ConfigError
from c360_assets.ingest.arrival import is_open_for_writing
from c360_assets.ingest.delivery_days import EARLIEST_DAY
from c360_assets.ingest.landed_files import landed
from c360_assets.ingest.landing import pending
from c360_assets.ingest.odd_files import odd_entries, unclaimed, unmarked
from c360_assets.reporting.progress import Reporter
from c360_assets.reporting.status import read_status
from c360_assets.tenant.local_time import now
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.ledger import read_ledger
from c360_assets.warehouse.session import Warehouse
from c360_assets_tests.automation.tenants import DAY, SHOP, land, shop, tiny_tenant
from c360_assets_tests.automation.test_readiness import loaded


def never(tags: Mapping[str, str], jobs: Sequence[str]) -> Attempts:
    return Attempts(0, 0, 0)


def with_files(root: Path, settings: str) -> Tenant:
    """The tiny tenant whose shop has more settings of its files."""
    tiny_tenant(root)
    text = SHOP.replace("format: csv", f"format: csv, {settings}")
    (root / "feeds/shop/customers.yaml").write_text(text, "utf-8")
    return load_tenant(root)


def tick(tenant: Tenant) -> Due:
    today = now(tenant).date()
    return loads_due(tenant, shop(tenant), Warehouse.open(tenant.root / "warehouse"), today, never)


def arrivals(tenant: Tenant, loading: Loading) -> list[_Arrived]:
    ledger = read_ledger(Warehouse.open(tenant.root / "warehouse"))
    options = DayOptions(stage="load", feeds=["Shop:Customers"])
    with Reporter(Console(stderr=True)) as reporter:
        return _whole_arrivals(tenant, ledger, options, reporter, loading)


def set_age(path: Path, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


@pytest.mark.parametrize(
    ("first", "through", "told"),
    [
        (DAY - timedelta(days=2), DAY + timedelta(days=3), "4 of the 6 delivery days"),
        (DAY, None, "1 of the 3 delivery days"),
        (EARLIEST_DAY, DAY, ""),
    ],
)
def test_days_that_were_asked_for_and_have_no_file_are_told(
    tmp_path: Path, first: date, through: date | None, told: str
) -> None:
    """A range that is left open ends with the files."""
    tenant = tiny_tenant(tmp_path)
    for day in (DAY, DAY + timedelta(days=2)):
        land(tmp_path, "shop", day)
    ledger = read_ledger(Warehouse.open(tenant.root / "warehouse"))
    options = DayOptions(stage="load", feeds=["Shop:Customers"], first=first, through=through)
    with Reporter(Console(stderr=True)) as reporter:
        (arrived,) = _whole_arrivals(tenant, ledger, options, reporter, Loading())
    said = [text for text in arrived.warnings if "no file is there" in text]
    assert [told in text for text in said] == [True] * bool(told), said


@pytest.fixture
def settling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("C360_SETTLE_SECONDS")


@pytest.mark.usefixtures("settling")
def test_a_sensor_waits_until_a_file_stays_as_it_is_over_two_ticks(tmp_path: Path) -> None:
    tenant = with_files(tmp_path, "settle: 30s")
    file = land(tmp_path, "shop", DAY)
    other = land(tmp_path, "shop", DAY + timedelta(days=1))
    set_age(other, 10)
    assert list(tick(tenant).runs) == [], "seen for the first time"
    (run,) = tick(tenant).runs
    assert [load.day for load in run.days] == [DAY], "a day waits alone"
    with file.open("a") as more:
        more.write("c9,nobody@example.com,No,Body,1\n")
    set_age(file, 60)  # whoever copies may set the time back
    assert list(tick(tenant).runs) == []
    assert "files.settle" in tick(tenant).reason or tick(tenant).runs
    set_age(other, 31)
    tick(tenant)
    assert len(tick(tenant).runs[0].days) == 2


@pytest.mark.usefixtures("settling")
def test_a_writer_that_pauses_is_waited_for_and_loaded_whole(tmp_path: Path) -> None:
    tenant = with_files(tmp_path, "settle: 2s")
    loaded(tmp_path, "Loyalty:Members", DAY)  # not the first run
    file = land(tmp_path, "shop", DAY)
    set_age(file, 0)
    half = file.stat().st_size

    def write_on() -> None:
        time.sleep(0.7)
        with file.open("a") as more:
            more.write("c9,nobody@example.com,No,Body,1\n")

    writer = threading.Thread(target=write_on)
    writer.start()
    loading = Loading()
    (arrived,) = arrivals(tenant, loading)
    writer.join()
    # Either it settled in time with all its rows, or it was left and said so.
    sizes = [found.size for load in arrived.days for found in load.files]
    assert half not in sizes
    assert sizes or "still being written" in loading.warnings[0]


@pytest.mark.usefixtures("settling")
def test_a_first_run_waits_for_nothing_but_open_files(tmp_path: Path) -> None:
    tenant = with_files(tmp_path, "settle: 2s")
    files = [land(tmp_path, "shop", DAY + timedelta(days=i)) for i in range(2)]
    for file in files:
        set_age(file, 0)
    began = time.monotonic()
    assert len(arrivals(tenant, Loading())[0].days) == 2
    assert time.monotonic() - began < 1.5
    loading = Loading()
    with files[0].open("a"):
        assert is_open_for_writing(files[0])
        (arrived,) = arrivals(tenant, loading)
    assert [load.day for load in arrived.days] == [DAY + timedelta(days=1)]
    assert loading.left == ["shop/customers-20260302.csv"]


@pytest.mark.parametrize("mark", ["customers-20260302.csv.done", "customers-20260302.done"])
def test_a_mark_says_that_a_file_is_whole(tmp_path: Path, mark: str) -> None:
    tenant = with_files(tmp_path, "done: '*.done'")
    file = land(tmp_path, "shop", DAY)
    assert landed(tenant, shop(tenant)) == []
    assert unmarked(tenant, shop(tenant)) == ["shop/customers-20260302.csv"]
    (file.parent / mark).touch()
    assert [found.path for found in landed(tenant, shop(tenant))] == [file]
    assert len(tick(tenant).runs) == 1, "a mark is not waited for"
    assert unclaimed(tenant) == []
    os.utime(file, (time.time() + 60, time.time() + 60))
    assert landed(tenant, shop(tenant)) == [], "sent again, and its mark not yet"


def test_one_mark_may_stand_for_a_folder(tmp_path: Path) -> None:
    tenant = with_files(tmp_path, "done: _SUCCESS")
    for i in range(2):
        land(tmp_path, "shop", DAY + timedelta(days=i))
    assert landed(tenant, shop(tenant)) == []
    (tmp_path / "landing/shop/_SUCCESS").touch()
    assert len(landed(tenant, shop(tenant))) == 2


@pytest.mark.parametrize(
    ("settings", "key"),
    [("settle: soon", "files.settle"), ("done: 'x/*'", "files.done"), ("done: '*.csv'", "done")],
)
def test_settings_that_cannot_be(tmp_path: Path, settings: str, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        with_files(tmp_path, settings)


def test_odd_entries_are_named_and_stop_nothing(tmp_path: Path) -> None:
    tenant = tiny_tenant(tmp_path)
    good = land(tmp_path, "shop", DAY)
    folder = good.parent
    os.mkfifo(folder / "customers-20260303.csv")
    (folder / "customers-20260304.csv").symlink_to("customers-20260304.csv")
    (folder / "customers-20260305.csv").symlink_to("nowhere.csv")
    (folder / "customers-20260306.csv").mkdir()
    os.symlink("/etc/hostname", folder / "customers-20260307.csv")
    (folder / os.fsdecode(b"customers-20260308-\xff\xfe.csv")).write_text("x")
    (folder / "customers-20260309-\x1b[31m.csv").write_text("x")
    (folder / os.fsdecode(b"stray\xff")).write_text("x")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(folder)  # the name of a socket must be short
        listener.bind("customers-20260310.csv")
        os.chdir(here)
        assert [file.path for file in landed(tenant, shop(tenant))] == [good]
        problems = odd_entries(tenant, shop(tenant))
    for i, words in enumerate(
        ["a pipe", "link to itself", "link to nothing", "a folder", "leads out", "UTF-8", "UTF-8"]
    ):
        assert f"2026030{i + 3}" in problems[i]
        assert words in problems[i]
    assert "socket" in problems[-1]
    assert all(text.isprintable() for text in problems)
    assert unclaimed(tenant) == ["shop/stray\\udcff"], "what has been named is not named again"
    ledger = read_ledger(Warehouse.open(tmp_path / "warehouse"))
    assert [load.day for load in pending(tenant, shop(tenant), ledger)] == [DAY]
    (alert,) = [alert for alert in tick(tenant).alerts if alert.kind == "odd_entry"]
    assert "a pipe" in alert.message
    status = read_status(tmp_path, now(tenant))
    assert [feed.waiting_days for feed in status.feeds] == [0, 1]
    assert "a pipe" in "".join(status.feeds[1].odd_entries)
