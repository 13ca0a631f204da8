"""Thirty days unattended: what runs, what is published, who is told, day by day."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from c360_assets.automation import pending as pending_module
from c360_assets.run_tags import ACTIVATE, STITCH
from c360_assets_tests.automation.month import FIRST, LOOKS, Clock, Month

FEEDS = {
    "shop": "Shop:Customers",  # waited for an hour; then the day goes on, and somebody is told
    "club": "Club:Members",  # the same after three hours
    "till": "Till:Visitors",  # the day stops without it, and somebody is told
    "news": "News:Readers",  # the day goes on, and nobody is told
    "desk": "Desk:Callers",  # the day stops: that is always told
}
WORKFLOW = """
feeds:
  Shop:Customers: {wait: 1h}
  Club:Members: {wait: 3h}
  Till:Visitors: {wait: 1h, stop: true}
  News:Readers: {wait: 1h, notify: false}
  Desk:Callers: {wait: 1h, notify: false, stop: true}
"""
NEW = "Extra:Leads"
ALL = [FEEDS[folder] for folder in sorted(FEEDS, key=lambda folder: FEEDS[folder])]
USUAL = [STITCH, ACTIVATE]
# When each of the thirty days is published that is not at its usual time.
UNUSUAL = {
    2: ["07:12"],
    3: ["08:53"],
    4: ["07:35"],
    5: [],
    7: ["07:35"],
    8: [],
    13: ["07:35"],
    15: ["07:35"],
    19: ["06:33"],
    20: [],
    22: ["06:33"],
}


@pytest.fixture
def month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Month:
    monkeypatch.setenv("C360_SETTLE_SECONDS", "60")
    monkeypatch.setattr(pending_module, "_seen", {})
    return Month(tmp_path, FEEDS, WORKFLOW, Clock(monkeypatch))


class Script:
    """What lands when; everything at five in the morning unless it is told otherwise."""

    def __init__(self, month: Month) -> None:
        self.month = month

    def on_time(self, number: int, *without: str) -> None:
        for folder in self.month.folders:
            if folder not in without:
                self.at(folder, number, "05:00")()

    def at(self, folder: str, number: int, clock: str, **content: Any) -> Callable[[], object]:
        moment = self.month.moment(number, clock)
        return partial(self.month.land, folder, number, moment, **content)

    def day(self, number: int, *events: tuple[str, Callable[[], object]], without: str = ""):  # type: ignore[no-untyped-def]
        self.on_time(number, *without.split())
        is_quiet = not events and not without
        return self.month.live_through(number, events, quiet=is_quiet)


def published_at(month: Month, number: int) -> list[str]:
    return [f"{at:%H:%M}" for at in month.days[number].published]


def test_a_few_days(month: Month) -> None:
    """On time, late, missing where the day stops, too many bad rows, and mended."""
    script = Script(month)
    assert script.day(1).runs == [*sorted(ALL, key=landing_order), *USUAL]
    day = script.day(2, ("07:10", script.at("shop", 2, "07:10")), without="shop")
    assert (day.runs[-3:], published_at(month, 2)) == (["Shop:Customers", *USUAL], ["07:12"])
    script.day(3, without="till")
    assert published_at(month, 3) == []
    script.at("till", 3, "04:00")()
    script.day(4, ("05:01", script.at("shop", 4, "05:00", bad=2)))
    assert published_at(month, 4) == ["07:35"]
    script.at("shop", 4, "04:00")()
    day = script.day(5)
    assert (day.runs.count("Shop:Customers"), published_at(month, 5)) == (1, ["06:30"])
    assert month.alerts == [
        ("stopped", "Till:Visitors", 3),
        ("load_failed", "Shop:Customers", 4),
        ("missing", "Shop:Customers", 4),
    ]
    assert month.recovered == {("Till:Visitors", 3), ("Shop:Customers", 4)}


def landing_order(feed: str) -> str:
    """Sensors are asked in the order of the feeds' files."""
    return next(folder for folder, name in FEEDS.items() if name == feed)


@pytest.mark.slow
def test_thirty_days(month: Month) -> None:
    script = Script(month)

    # 1: everything on time. One load per feed, one Stitch, one publication at its time.
    day = script.day(1)
    assert sorted(day.runs[:5]) == ALL
    assert day.runs[5:] == USUAL
    assert published_at(month, 1) == ["06:30"]

    # 2: the shop is late and within its wait: published as soon as it is there.
    day = script.day(2, ("07:10", script.at("shop", 2, "07:10")), without="shop")
    assert published_at(month, 2) == ["07:12"]
    assert day.runs[-3:] == ["Shop:Customers", *USUAL]

    # 3: the club may be later than the shop may.
    script.day(3, ("08:51", script.at("club", 3, "08:51")), without="club")
    assert published_at(month, 3) == ["08:53"]

    # 4 to 8: each cell of the table of missing files.
    day = script.day(4, without="shop")
    assert published_at(month, 4) == ["07:35"]
    day = script.day(5, without="till")
    assert (published_at(month, 5), STITCH in day.runs) == ([], False)
    assert "does not begin" not in day.reasons["stitch_sensor"]
    assert "deliver its file, or go on without it" in day.reasons["stitch_sensor"]
    script.at("till", 5, "04:00")()
    script.day(6)
    assert published_at(month, 6) == ["06:30"]
    script.day(7, without="news")
    assert published_at(month, 7) == ["07:35"]
    day = script.day(8, without="desk")
    assert published_at(month, 8) == []
    script.at("desk", 8, "04:00")()
    script.day(9)
    assert published_at(month, 9) == ["06:30"]

    # 10: a feed is added with the history of ten days, and is told of until somebody reloads.
    month.declare("extra", NEW)
    for number in range(1, 11):
        script.at("extra", number, "04:00")()
    month.clock.at = month.moment(10, "04:59")
    month.look(10)
    assert month.alerts[-1][0] == "configuration"
    month.reload()
    day = script.day(10)
    assert day.runs.count(NEW) == 1, "ten days in one run"
    assert published_at(month, 10) == ["06:30"]

    # 11: a file is sent again after the publication, with other content: loaded, and it waits.
    day = script.day(11, ("12:00", script.at("shop", 11, "12:00", rows=5)))
    assert day.runs[-1] == "Shop:Customers"
    assert (day.runs.count(STITCH), published_at(month, 11)) == (1, ["06:30"])
    assert "waits for the next day's" in day.reasons["stitch_sensor"]

    # 12: an empty file is a delivery.
    script.day(12, ("05:01", script.at("club", 12, "05:00", rows=0)))
    assert published_at(month, 12) == ["06:30"]

    # 13: more bad rows than allowed: refused once, the day goes on without. Mended the next day.
    day = script.day(13, ("05:01", script.at("shop", 13, "05:00", bad=2)))
    assert day.runs.count("Shop:Customers failed") == 1
    assert "has not been delivered again" in day.reasons["landing_Shop_Customers"]
    assert published_at(month, 13) == ["07:35"]
    script.at("shop", 13, "04:00")()
    day = script.day(14)
    assert day.runs.count("Shop:Customers") == 1, "both days in one run"
    assert published_at(month, 14) == ["06:30"]

    # 15: a file grows until ten past seven, and is loaded once two looks see it the same.
    grows = [(clock, script.at("shop", 15, clock, rows=i + 1)) for i, clock in enumerate(LOOKS[:4])]
    day = script.day(15, *grows, without="shop")
    assert day.runs.count("Shop:Customers") == 1
    assert published_at(month, 15) == ["07:35"]

    # 16 to 18: the clocks go forward on the second; it is half past six all the same.
    for number in (16, 17, 18):
        script.day(number)
    utc = [month.days[number].published[0].utctimetuple().tm_hour for number in (16, 17, 18)]
    assert utc == [11, 10, 10]

    # 19: Stitch fails once, and is tried again.
    month.fail_next[STITCH] = 1
    day = script.day(19)
    assert day.runs[-3:] == [f"{STITCH} failed", *USUAL]
    assert published_at(month, 19) == ["06:33"]

    # 20: it fails for good: nothing is published, three attempts, one alert. 21: it is mended.
    month.fail_next[STITCH] = 3
    day = month.live_through(20, [("05:00", partial(script.on_time, 20))])
    assert (day.runs.count(f"{STITCH} failed"), published_at(month, 20)) == (3, [])
    assert "failed 3 times" in day.reasons["stitch_sensor"]
    script.day(21)
    assert published_at(month, 21) == ["06:30"]

    # 22: the activation fails once.
    month.fail_next[ACTIVATE] = 1
    script.day(22)
    assert published_at(month, 22) == ["06:33"]

    for number in range(23, 31):
        day = script.day(number)
        assert day.runs[-2:] == USUAL
        assert len(day.runs) == len(month.folders) + 2
        assert published_at(month, number) == ["06:30"]

    print(month.table())
    published = {number: published_at(month, number) for number in range(1, 31)}
    assert published == {number: UNUSUAL.get(number, ["06:30"]) for number in range(1, 31)}
    assert month.alerts == [
        ("missing", "Shop:Customers", 4),
        ("stopped", "Till:Visitors", 5),
        ("stopped", "Desk:Callers", 8),
        ("configuration", "", 10),
        ("load_failed", "Shop:Customers", 13),
        ("missing", "Shop:Customers", 13),
        ("late", "", 19),
        ("late", "", 20),
        ("stitch_failed", "", 20),
    ]
    assert month.recovered >= {("Till:Visitors", 5), ("Desk:Callers", 8), ("Shop:Customers", 13)}
    by_status = {
        status: len(month.instance.get_runs(dg.RunsFilter(statuses=[status])))
        for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)
    }
    failed = sum(run.endswith("failed") for day in month.days.values() for run in day.runs)
    assert by_status[dg.DagsterRunStatus.FAILURE] == failed == 6
    assert (month.clock.at.date() - FIRST).days == 29
