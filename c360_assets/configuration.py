"""A tenant's configuration as a whole: read, and checked by every stage against its own tables.

Only the order of the checks is decided here, and which of them can be run on what could be read.
The rules themselves are those of `tenant` (feeds, tags, the day) and of each stage.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from c360_assets.customer_360 import check_merge_policy
from c360_assets.customer_360 import check_settings as check_customer_360
from c360_assets.errors import ConfigError, Problem
from c360_assets.tenant import check_arrival, check_feeds, check_tags, check_tenant, check_workflow
from c360_assets.tenant.config_check import ConfigCheck, UnreadTables
from c360_assets.tenant.loader import TenantFiles, read_files
from c360_assets.tenant.models import CustomTable, StitchConfig, Tenant
from c360_assets.validations import block_if

Check: TypeAlias = Callable[[ConfigCheck], None]

# Stitch's own are added where it has settings.
SETTINGS_CHECKS: tuple[Check, ...] = (
    *check_feeds.CHECKS,
    *check_arrival.CHECKS,
    *check_tags.CHECKS,
    *check_tenant.CHECKS,
    *check_workflow.CHECKS,
    *block_if.CHECKS,
    *check_customer_360.CHECKS,
    *check_merge_policy.CHECKS,
)
# Files whose errors change no table of the database, so that its SQL can be checked all the same.
NOT_READ_BY_DATABASE = ("workflow.yaml", "destinations.yaml")
SENDING = ("segments/", "campaigns/")


def load_tenant(root: Path) -> Tenant:
    """The tenant that the folder `root` declares, its settings checked; its SQL is not.

    Raises ConfigError with all errors at once; warnings are dropped.
    """
    tenant, problems = read_tenant(root)
    if tenant is None or has_errors(problems):
        raise ConfigError(problems)
    return tenant


def read_tenant(root: Path) -> tuple[Tenant | None, list[Problem]]:
    """The tenant, None where there is none, and the problems of its settings by file and line.

    Where a file does not fit its shape, the tenant is what is left.
    """
    files = read_files(root)
    return files.tenant, _settings_problems(files)


def all_problems(root: Path) -> list[Problem]:
    """All problems of the settings and of every SQL file, as far as what was read allows to tell.

    SQL is bound on empty tables: no data is read, and nothing is written that stays.
    """
    # Binding SQL is slow to import, and those who only load a tenant do not need it.
    from c360_assets.customer_360.check_sql import check_sql as check_database
    from c360_assets.ingest.custom_tables import check_sql as check_custom_tables
    from c360_assets.segments.check import check_segments
    from c360_assets.segments.check_campaigns import check_campaigns

    files = read_files(root)
    problems = _settings_problems(files)
    tenant = files.tenant
    if tenant is None:
        return problems
    # Where a feed's name is not known, any table that custom SQL does not find may be that feed's.
    if not files.unread.nameless:
        problems += check_custom_tables(_without_broken_tables(tenant, files.unread, problems))
    # Custom SQL with errors must not get here: it may call what reads outside the tenant.
    if not any(_hides_database(problem) for problem in problems):
        problems += check_database(tenant, [check_segments, check_campaigns])
    return problems


def has_errors(problems: Iterable[Problem]) -> bool:
    return any(problem.severity == "error" for problem in problems)


def _settings_problems(files: TenantFiles) -> list[Problem]:
    problems = list(files.problems)
    if files.tenant is not None:
        check = ConfigCheck(files.tenant, files.unread)
        for run_check in _settings_checks(files.tenant):
            run_check(check)
        problems += check.problems
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda problem: (problem.file, problem.line or 0))


def _settings_checks(tenant: Tenant) -> tuple[Check, ...]:
    # Stitch takes longer to import than short verbs take to answer, and its defaults need no check.
    if tenant.stitch == StitchConfig():
        return SETTINGS_CHECKS
    from c360_assets.stitch import check_settings as check_stitch

    return (*SETTINGS_CHECKS, *check_stitch.CHECKS)


def _without_broken_tables(
    tenant: Tenant, unread: UnreadTables, problems: Iterable[Problem]
) -> Tenant:
    """The tenant without tables that have an error, and without the custom tables that read those.

    What is wrong with the SQL of the rest then follows from no error that is reported already.
    """
    files_with_errors = {problem.file for problem in problems if problem.severity == "error"}
    broken = set(unread.names)
    for table in tenant.tables:
        if tenant.places[table.name] in files_with_errors:
            broken.add(table.physical)
    feeds = [feed for feed in tenant.feeds if feed.physical not in broken]
    return replace(tenant, feeds=feeds, custom_tables=_sound_custom_tables(tenant, broken))


def _sound_custom_tables(tenant: Tenant, broken: set[str]) -> list[CustomTable]:
    sound = [table for table in tenant.custom_tables if table.name not in broken]
    # Each round leaves out the readers of what the round before left out.
    while readers := {table.name for table in sound if _mentions(table, broken)}:
        broken = broken | readers
        sound = [table for table in sound if table.name not in broken]
    return sound


def _mentions(table: CustomTable, names: set[str]) -> bool:
    """Whether a name stands in the SQL as a word, which may be more than it reads."""
    words = set(re.findall(r"\w+", table.sql.text.lower()))
    return not words.isdisjoint(name.lower() for name in names)


def _hides_database(problem: Problem) -> bool:
    """Whether problems of the database's SQL may follow from it, as it changes what tables hold."""
    is_read = problem.file not in NOT_READ_BY_DATABASE and not problem.file.startswith(SENDING)
    return problem.severity == "error" and is_read
