"""Lints of `workflow.yaml`: what a day expects of a feed, and where alerts go."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from c360_assets.configuration import read_tenant

FEED = """
source: Shop
feed: Customers
files: {pattern: "'shop/'yyyyMMdd'.csv'", optional: OPTIONAL}
primary_key: [id]
stitch: true
fields:
  id: {tags: [fk-customer]}
  seen: {type: datetime, tags: [update-dt]}
"""


def problems_of_workflow(root: Path, workflow: str, optional: str = "false") -> list[str]:
    """The problems of workflow.yaml, each as severity, key and message."""
    (root / "feeds").mkdir()
    (root / "feeds/customers.yaml").write_text(FEED.replace("OPTIONAL", optional), "utf-8")
    (root / "tenant.yaml").write_text(
        "id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\nname: T\n", "utf-8"
    )
    (root / "workflow.yaml").write_text(workflow, "utf-8")
    _, problems = read_tenant(root)
    return [f"{p.severity} {p.key}: {p.message}" for p in problems if p.file == "workflow.yaml"]


@pytest.mark.parametrize(
    ("feed", "expected"),
    [
        ("wait: 2h, every: 2d, offset: 1 day, stop: true", ""),
        ("wait: 0s, every: month", ""),
        ("wait: soon", "error feeds.Shop:Customers.wait: must be a duration"),
        ("wait: 1 month", "error feeds.Shop:Customers.wait: must be a duration"),
        ("offset: day", "error feeds.Shop:Customers.offset: must be a duration"),
        (
            "every: fortnight",
            "error feeds.Shop:Customers.every: must be hour, day, week, month or a duration",
        ),
        (
            "required: false, stop: true",
            "warning feeds.Shop:Customers.stop: never stops a day, as it is not required",
        ),
        (
            "required: false, wait: 2h",
            "warning feeds.Shop:Customers.wait: is not waited for, as it is not required",
        ),
    ],
)
def test_feeds(tmp_path: Path, feed: str, expected: str) -> None:
    assert problems_of_workflow(tmp_path, f"feeds: {{Shop:Customers: {{{feed}}}}}") == (
        [expected] if expected else []
    )


def test_optional_files_never_stop_a_day(tmp_path: Path) -> None:
    found = problems_of_workflow(
        tmp_path, "feeds: {Shop:Customers: {stop: true, wait: 2h}}", "true"
    )
    assert found == [
        "warning feeds.Shop:Customers.stop: never stops a day, as its files are optional"
    ]


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        ("file: logs/mine.jsonl, webhook: 'https://hooks.example.com/a'", ""),
        ("file: logs/a/b.jsonl", ""),
        ("file: ../alerts.jsonl", "error alerts.file: must lie in the folder logs/"),
        ("file: logs/../warehouse/x", "error alerts.file: must lie in the folder logs/"),
        ("file: /logs/alerts.jsonl", "error alerts.file: must lie in the folder logs/"),
        ("file: logs", "error alerts.file: must lie in the folder logs/"),
        ("webhook: 'file:///etc/passwd'", "error alerts.webhook: must be a web address"),
        ("webhook: hooks.example.com", "error alerts.webhook: must be a web address"),
        (
            "webhook: 'https://hooks.example.com/a', webhook_env: PATH",
            "error alerts.webhook_env: is given beside webhook",
        ),
    ],
)
def test_alerts(tmp_path: Path, alerts: str, expected: str) -> None:
    assert problems_of_workflow(tmp_path, f"alerts: {{{alerts}}}") == (
        [expected] if expected else []
    )


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("30 6 * * *", None),
        (" 30  6 * * * ", None),
        ("*/20 6-9 * jan-mar mon,fri", None),
        ("0 0 29 2 *", None),
        ("30 6 * *", "must have five fields"),
        ("0 30 6 * * *", "must have five fields"),
        ("@daily", "must have five fields"),
        ("60 6 * * *", "has a field that is no time"),
        ("30 25 * * *", "has a field that is no time"),
        ("- , * * *", "has a field that is no time"),
        ("30 6 * * someday", "has a field that is no time"),
        ("0 0 30 2 *", "names a day that no month has"),
    ],
)
def test_a_cron_line_is_one_that_the_scheduler_reads(
    tmp_path: Path, cron: str, words: str | None
) -> None:
    expected = [f"error activation.cron: {words}"] if words else []
    problems = problems_of_workflow(tmp_path, f"activation: {{cron: '{cron}'}}")
    assert [problem.partition(": minute")[0] for problem in problems] == expected
    if words is None:
        dg.ScheduleDefinition(job_name="activation", cron_schedule=cron)
