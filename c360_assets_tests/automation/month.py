"""A month of a tenant in seconds: files land by the clock, sensors and the schedule are asked as
the daemon asks them, on an instance of Dagster, and what they ask for is done.

Loads are real. Of Stitch and the activation, which take long and decide nothing of this, it is only
recorded that they ran, and how they ended.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from croniter import croniter

from c360_assets.automation.schedules import schedules
from c360_assets.automation.sensors import sensors
from c360_assets.configuration import load_tenant
from c360_assets.ingest import arrival, load
from c360_assets.ingest.landing import pending
from c360_assets.run_tags import ACTIVATE, FEED_TAG, LOAD, RANGE_END_TAG, RANGE_START_TAG, STITCH
from c360_assets.tenant import local_time
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.session import open_session

ZONE = ZoneInfo("America/New_York")
FIRST = date(2026, 2, 20)  # clocks go forward on day 17, 8 March
TENANT = """
id: 5f0c2b1e-8a3d-4a55-9c1b-3f6f1a7e2d10
name: A month
timezone: America/New_York
first_day: 2026-02-20
"""
FEED = """
source: {source}
feed: {feed}
files: {{pattern: "'{folder}/'yyyyMMdd'.csv'", format: csv, settle: 60s}}
primary_key: [id]
stitch: true
error_threshold: 1
fields:
  id: {{type: string, tags: [fk-{folder}]}}
  mail: {{type: string, tags: [email]}}
  visits: {{type: integer}}
"""
HEADER = "id,mail,visits\n"
# When the daemon looks, besides the schedule's own time.
LOOKS = ("05:05", "05:06", "06:33", "07:11", "07:12", "07:35", "08:52", "08:53", "09:35", "12:01")
LAST_LOOK = "12:02"
RECOVERED = "recovered"
# When it looks on days of which everything is there in the morning: more would see nothing else.
QUIET_LOOKS = ("05:05", "05:06", "06:33")


class Clock:
    """The simulated time, for all that asks for it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.at = datetime.combine(FIRST, datetime.min.time(), ZONE)
        clock = self

        class Simulated(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return clock.at.astimezone(tz)

        class Seconds:
            @staticmethod
            def time() -> float:
                return clock.at.timestamp()

        patch.setattr(local_time, "datetime", Simulated)
        patch.setattr(load, "datetime", Simulated)
        patch.setattr(arrival, "time", Seconds)


@dataclass
class Day:
    """What became of a day: runs that ended well or not, in order, and why nothing ran at last."""

    runs: list[str] = field(default_factory=list)
    published: list[datetime] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)


class Month:
    """The tenant at `root` and its daemon. `feeds` are folder -> `Source:Feed`."""

    def __init__(self, root: Path, feeds: dict[str, str], workflow: str, clock: Clock) -> None:
        self.root = root
        self.clock = clock
        self.folders: dict[str, str] = {}
        self.days: dict[int, Day] = defaultdict(Day)
        self.fail_next: dict[str, int] = defaultdict(int)  # job -> how many runs of it fail
        self._keys: set[str] = set()
        (root / "tenant.yaml").write_text(TENANT)
        (root / "workflow.yaml").write_text(workflow)
        for folder, name in feeds.items():
            self.declare(folder, name)
        (root / ".dagster").mkdir()
        self.instance = dg.DagsterInstance.local_temp(str(root / ".dagster"))
        self.reload()

    def declare(self, folder: str, name: str) -> None:
        """Add a feed's file; the service knows it after `reload`."""
        source, feed = name.split(":")
        path = self.root / "feeds" / f"{folder}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(FEED.format(source=source, feed=feed, folder=folder))
        self.folders[folder] = name

    def reload(self) -> None:
        """What a click on Reload in the UI does."""
        self.tenant = load_tenant(self.root)
        self._sensors = sensors(self.tenant)
        (self._schedule,) = schedules(self.tenant)

    # What happens outside.

    def moment(self, number: int, clock: str) -> datetime:
        day = FIRST + timedelta(days=number - 1)
        return datetime.combine(day, datetime.strptime(clock, "%H:%M").time(), ZONE)

    def land(
        self, folder: str, number: int, at: datetime, rows: int = 3, bad: int = 0, tail: str = ""
    ) -> Path:
        """A file of a delivery day, last changed at that moment."""
        day = FIRST + timedelta(days=number - 1)
        path = self.root / "landing" / folder / f"{day:%Y%m%d}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        good = [f"{folder}{i},{folder}{i}@example.com,{number}\n" for i in range(rows)]
        wrong = [f"x{i},x{i}@example.com,many\n" for i in range(bad)]
        path.write_text(HEADER + "".join(good + wrong) + tail)
        os.utime(path, (at.timestamp(), at.timestamp()))
        return path

    # What the daemon does.

    def live_through(
        self, number: int, events: Sequence[tuple[str, Any]] = (), quiet: bool = False
    ) -> Day:
        """One day: looks and ticks by the clock, and `events` (time, what happens)."""
        looks = (*(QUIET_LOOKS if quiet else LOOKS), LAST_LOOK)
        timeline: list[tuple[datetime, Any]] = [
            (self.moment(number, clock), lambda: self.look(number)) for clock in looks
        ]
        timeline += [(self.moment(number, clock), happens) for clock, happens in events]
        midnight = self.moment(number, "00:00")
        cron = self.tenant.workflow.activation.cron
        due = croniter(cron, midnight).get_next(datetime)
        timeline.append((due, lambda: self.tick(number, due)))
        for at, happens in sorted(timeline, key=lambda item: item[0].astimezone(ZoneInfo("UTC"))):
            self.clock.at = at
            happens()
        return self.days[number]

    def look(self, number: int) -> None:
        """One round of all sensors."""
        for sensor in self._sensors:
            data = sensor.evaluate_tick(dg.build_sensor_context(instance=self.instance))
            self._settle(number, sensor.name, data)

    def tick(self, number: int, due: datetime) -> None:
        context = dg.build_schedule_context(instance=self.instance, scheduled_execution_time=due)
        data = self._schedule.evaluate_tick(context)
        self._settle(number, self._schedule.name, data)

    def _settle(self, number: int, name: str, data: Any) -> None:
        """Do what a tick asked for, as often as the daemon would: once per key."""
        self.days[number].reasons[name] = data.skip_message or ""
        for request in data.run_requests or []:
            key = f"{name} {request.run_key}"
            if key not in self._keys:
                self._keys.add(key)
                self._run(number, request)

    def _run(self, number: int, request: dg.RunRequest) -> None:
        day = self.days[number]
        job = request.job_name or self._job_of(request)
        ended_well = self._load(request) if job == LOAD else self._is_to_succeed(job)
        status = dg.DagsterRunStatus.SUCCESS if ended_well else dg.DagsterRunStatus.FAILURE
        run = dg.DagsterRun(job, run_id=str(uuid4()), tags=dict(request.tags), status=status)
        self.instance.add_run(run)
        what = request.tags.get(FEED_TAG, "") if job == LOAD else job
        day.runs.append(what if ended_well else f"{what} failed")
        if job == ACTIVATE and ended_well:
            day.published.append(self.clock.at)

    def _job_of(self, request: dg.RunRequest) -> str:
        if FEED_TAG in request.tags:
            return LOAD
        return STITCH if str(request.run_key).startswith("stitch") else ACTIVATE

    def _is_to_succeed(self, job: str) -> bool:
        fails = self.fail_next[job] > 0
        self.fail_next[job] -= fails
        return not fails

    def _load(self, request: dg.RunRequest) -> bool:
        """Load the days that were asked for, as the asset does; whether all could be loaded."""
        feed = self.tenant.feed(request.tags[FEED_TAG])
        assert feed is not None
        first = date.fromisoformat(request.tags[RANGE_START_TAG])
        last = date.fromisoformat(request.tags[RANGE_END_TAG])
        with open_session(self.root / "warehouse", self.tenant.config.timezone) as session:
            days = pending(self.tenant, feed, session_ledger(session), last)
            wanted = [day for day in days if day.day >= first]
            loaded = load.load_feed(session, self.tenant, feed, wanted, commit=True)
        return not loaded.failed

    def table(self) -> str:
        """A line per day: how many loads ran, what else ran, when it was published, who was told
        of what.
        """
        lines = []
        for number, day in sorted(self.days.items()):
            loads = sum(":" in run for run in day.runs)
            others = [run for run in day.runs if ":" not in run]
            failed = [run for run in day.runs if run.endswith("failed")]
            published = ", ".join(f"{at:%H:%M}" for at in day.published)
            told = [f"{kind} {feed}".strip() for kind, feed, at in self._told() if at == number]
            lines.append(
                f"{number:>3} | {loads} loads, {len(others)} others, {len(failed)} failed"
                f" | {published or 'not published'} | {'; '.join(told)}"
            )
        return "\n".join(lines)

    @property
    def alerts(self) -> list[tuple[str, str, int]]:
        """Kind, feed and number of the day of each alert of something wrong, in order."""
        return [alert for alert in self._told() if alert[0] != RECOVERED]

    @property
    def recovered(self) -> set[tuple[str, int]]:
        """Feed and number of the day of what was told to be right again."""
        return {(feed, day) for kind, feed, day in self._told() if kind == RECOVERED}

    def _told(self) -> list[tuple[str, str, int]]:
        path = self.root / self.tenant.workflow.alerts.file
        lines = path.read_text().splitlines() if path.exists() else []
        entries = [json.loads(line) for line in lines]
        return [
            (entry["kind"], entry["feed"], (date.fromisoformat(entry["day"]) - FIRST).days + 1)
            for entry in entries
        ]
