"""Checks of `workflow.yaml`: what a day expects of a feed, when to activate, and where alerts go.

They stand here and not in `automation`, as they ask for nothing but feeds, durations and a cron
line, and whatever loads a tenant must refuse a broken workflow, also rooms below `automation`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import PurePosixPath

from c360_assets.tenant.config_check import ConfigCheck, nearest_or_all
from c360_assets.tenant.cron import cron_problem
from c360_assets.tenant.document import KeyPath
from c360_assets.tenant.durations import duration, rhythm_days
from c360_assets.tenant.models import FeedConfig, WorkflowFeed
from c360_assets.tenant.secrets_in_files import has_user_info

FILE = "workflow.yaml"
WEB_ADDRESS = re.compile(r"https?://[^/\s]")
CRON_EXAMPLE = "such as '30 6 * * *'"


def check_feeds_of_the_day(check: ConfigCheck) -> None:
    feeds = {feed.name: feed for feed in check.tenant.feeds}
    for name, expected in check.tenant.workflow.feeds.items():
        if name not in feeds and not check.unread.may_include(name):
            remedy = nearest_or_all(name, feeds)
            check.error(FILE, ("feeds", name), "there is no such feed", remedy)
        _check_spans(check, name, expected)
        _check_waiting(check, name, expected, feeds.get(name))


def _check_spans(check: ConfigCheck, name: str, expected: WorkflowFeed) -> None:
    if not _is_readable(rhythm_days, expected.every):
        message = "must be hour, day, week, month or a duration"
        check.error(FILE, ("feeds", name, "every"), message, "such as 2d")
    for key, text in (("wait", expected.wait), ("offset", expected.offset)):
        if text is not None and not _is_readable(duration, text):
            remedy = "such as 30m, 2h or 1d"
            check.error(FILE, ("feeds", name, key), "must be a duration", remedy)


def _check_waiting(
    check: ConfigCheck, name: str, expected: WorkflowFeed, feed: FeedConfig | None
) -> None:
    """Settings without effect: a day waits and stops for required feeds only."""
    if feed is not None and feed.files.optional:
        reason = "its files are optional"
    else:
        reason = "" if expected.required else "it is not required"
    if expected.stop and reason:
        message = f"never stops a day, as {reason}"
        remedy = "remove `stop`, or require the feed"
        check.warning(FILE, ("feeds", name, "stop"), message, remedy)
    if expected.wait is not None and not expected.required:
        message = "is not waited for, as it is not required"
        check.warning(FILE, ("feeds", name, "wait"), message, "remove `wait`")


def check_cron(check: ConfigCheck) -> None:
    problem = cron_problem(check.tenant.workflow.activation.cron)
    if problem:
        check.error(FILE, ("activation", "cron"), problem, CRON_EXAMPLE)


def check_alerts(check: ConfigCheck) -> None:
    alerts = check.tenant.workflow.alerts
    if not _is_below_logs(alerts.file):
        remedy = "such as logs/alerts.jsonl"
        check.error(FILE, ("alerts", "file"), "must lie in the folder logs/", remedy)
    if alerts.webhook is not None and not WEB_ADDRESS.match(alerts.webhook):
        remedy = "such as https://hooks.example.com/c360"
        check.error(FILE, ("alerts", "webhook"), "must be a web address", remedy)
    elif alerts.webhook is not None and has_user_info(alerts.webhook):
        message = "must not hold a user or password"
        check.error(FILE, ("alerts", "webhook"), message, "use an address with a token of its own")
    if alerts.webhook is not None and alerts.webhook_env is not None:
        message = "is given beside webhook"
        check.error(FILE, ("alerts", "webhook_env"), message, "keep one of the two")
    _check_variables(check)
    if alerts.runtime is not None and not _is_readable(duration, alerts.runtime):
        check.error(FILE, ("alerts", "runtime"), "must be a duration", "such as 90m or 2h")


def _check_variables(check: ConfigCheck) -> None:
    """Variables that are not set where this runs; the service may have them all the same."""
    alerts = check.tenant.workflow.alerts
    named: list[tuple[KeyPath, str | None]] = [(("alerts", "webhook_env"), alerts.webhook_env)]
    for i, notified in enumerate(alerts.notify_env):
        named.append((("alerts", "notify_env", i), notified))
    for path, name in named:
        if name is not None and not os.environ.get(name):
            message = f"the environment variable {name} is not set here"
            remedy = "set it where the service runs, or alerts are only written to the file"
            check.warning(FILE, path, message, remedy)


def _is_below_logs(file: str) -> bool:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:
        return False
    return len(path.parts) > 1 and path.parts[0] == "logs"


def _is_readable(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (
    check_feeds_of_the_day,
    check_cron,
    check_alerts,
)
