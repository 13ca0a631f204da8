"""Checks of what says that a file is whole: `files.settle` and `files.done` of a feed."""

from __future__ import annotations

from collections.abc import Callable

from c360_assets.tenant.config_check import ConfigCheck
from c360_assets.tenant.durations import duration
from c360_assets.tenant.files import FilePattern, PatternError


def check_settle(check: ConfigCheck) -> None:
    for feed in check.tenant.feeds:
        try:
            duration(feed.files.settle)
        except ValueError:
            path = ("files", "settle")
            check.error(check.file_of(feed), path, "must be a duration", "such as 60s or 5m")


def check_marks(check: ConfigCheck) -> None:
    for feed in check.tenant.feeds:
        done = feed.files.done
        if done is None:
            continue
        path = ("files", "done")
        file = check.file_of(feed)
        if not done or "/" in done or done.count("*") > 1 or done == "*":
            message = "must be the name of a file, in which one `*` stands for that of the other"
            check.error(file, path, message, "such as '*.done'")
        elif _takes(feed.files.pattern, done):
            message = "is a name that files.pattern takes for a file to load"
            check.error(file, path, message, "such as '*.done'")


def _takes(pattern: str, done: str) -> bool:
    """Whether the mark of a file named by the pattern would itself fit the pattern."""
    try:
        compiled = FilePattern(pattern)
    except PatternError:
        return False
    folder, slash, name = compiled.sample.rpartition("/")
    return compiled.match(f"{folder}{slash}{done.replace('*', name)}") is not None


CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (check_settle, check_marks)
