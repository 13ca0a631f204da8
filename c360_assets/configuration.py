"""A tenant's configuration as a whole: read, and checked by every stage against its own tables.

Only the order of the checks is decided here, and which of them can be run on what could be read.
The rules themselves are those of `tenant` (feeds, tags, the day) and of each stage.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import duckdb

from c360_assets.customer_360 import check_merge_policy
from c360_assets.customer_360 import check_settings as check_customer_360
from c360_assets.customer_360.check_lakes import look_at_lakes
from c360_assets.errors import C360Error, ConfigError, Problem, has_errors
from c360_assets.tenant import (
    check_arrival,
    check_engine,
    check_feeds,
    check_tags,
    check_tenant,
    check_workflow,
)
from c360_assets.tenant.config_check import ConfigCheck, UnreadTables
from c360_assets.tenant.document import Document, parts_of
from c360_assets.tenant.loader import TenantFiles, read_files
from c360_assets.tenant.models import (
    DEFAULT_TENANT_ID,
    Customer360Config,
    CustomTable,
    MergePolicy,
    StitchConfig,
    Tenant,
)
from c360_assets.validations import block_if
from c360_assets.warehouse.manifest import TENANT, Manifest
from c360_assets.warehouse.place import MANIFEST, SETTINGS
from c360_assets.warehouse.storage import require_usable

NO_COLUMN = re.compile(r"\bcolumn\b", re.IGNORECASE)
# A name in quotes, as messages have those of columns.
COLUMN = re.compile(r"[\"'](\w+)[\"']")
Check: TypeAlias = Callable[[ConfigCheck], None]

# Stitch's own are added where it has settings.
SETTINGS_CHECKS: tuple[Check, ...] = (
    *check_feeds.CHECKS,
    *check_arrival.CHECKS,
    *check_tags.CHECKS,
    *check_tenant.CHECKS,
    *check_engine.CHECKS,
    *check_workflow.CHECKS,
    *block_if.CHECKS,
    *check_customer_360.CHECKS,
    *check_merge_policy.CHECKS,
)
# Files whose errors change no table of the database, so that its SQL can be checked all the same.
NOT_READ_BY_DATABASE = ("workflow.yaml", "destinations.yaml")
SENDING = ("segments/", "campaigns/")
WAREHOUSE = "warehouse"  # the key of tenant.yaml, and the folder


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
    known_id = _known_id(root)
    files = read_files(root, known_id)
    return files.tenant, _settings_problems(files, known_id)


def all_problems(root: Path) -> list[Problem]:
    """All problems of the tenant at `root`, as `checked_tenant` finds them."""
    return checked_tenant(root)[1]


def checked_tenant(root: Path) -> tuple[Tenant | None, list[Problem]]:
    """The tenant as far as it could be read, and all problems of the settings and of every SQL
    file; it is whole where none of them is an error.

    SQL is bound on empty tables: no data is read, and nothing is written that stays.
    """
    # Binding SQL is slow to import, and those who only load a tenant do not need it.
    from c360_assets.customer_360.check_sql import check_sql as check_database
    from c360_assets.ingest.custom_on_spark import told_of_custom_tables
    from c360_assets.ingest.custom_tables import check_sql as check_custom_tables
    from c360_assets.segments.check import check_segments
    from c360_assets.segments.check_campaigns import check_campaigns
    from c360_assets.validations.on_spark import told_of_validations

    known_id = _known_id(root)
    files = read_files(root, known_id)
    problems = _settings_problems(files, known_id)
    tenant = files.tenant
    if tenant is None:
        return None, problems
    # Where a feed's name is not known, any table that custom SQL does not find may be that feed's.
    if not files.unread.nameless:
        readable = _without_broken_tables(tenant, files.unread, problems)
        problems += check_custom_tables(readable)
        problems += told_of_custom_tables(readable)
        problems += told_of_validations(readable)
    if not any(_hides_database(problem) for problem in problems):
        problems += check_database(tenant, [check_segments, check_campaigns])
    elif not files.unread.nameless:
        # Custom SQL with errors must not get there: it may call what reads outside the tenant.
        sound = _without_errors(tenant, files.unread, problems)
        with suppress(C360Error, duckdb.Error):
            found = check_database(sound, [check_segments, check_campaigns])
            problems += [p for p in found if _stands_alone(p, tenant, sound, files.unread)]
    problems += _warehouse_problems(tenant, problems)
    if not any(problem.severity == "error" for problem in problems):
        problems += look_at_lakes(tenant)
    not_taken = _files_with_errors(files.problems)
    told = [_with_line(p, tenant) for p in problems if not _follows_from(p, not_taken)]
    return tenant, told


def _warehouse_problems(tenant: Tenant, problems: Iterable[Problem]) -> list[Problem]:
    """Whether the tables can be where the tenant says, which only their bucket can tell."""
    errors = [p for p in problems if p.severity == "error"]
    # Of a file that could not be read as a whole the key is not known.
    is_unread = any(p.file == SETTINGS and not p.key for p in errors)
    if is_unread or any(p.key == WAREHOUSE for p in errors):
        return []
    try:
        require_usable(tenant.root / WAREHOUSE)
    except C360Error as error:
        return [Problem("error", SETTINGS, str(error), key=WAREHOUSE)]
    return []


def _files_with_errors(problems: Iterable[Problem]) -> set[str]:
    return {problem.file for problem in problems if problem.severity == "error"}


def _follows_from(problem: Problem, not_taken: Iterable[str]) -> bool:
    """Whether a problem says what another file lacks, which was not taken and may hold it."""
    others = (file for file in not_taken if file != problem.file)
    return any(file in problem.message for file in others)


def _with_line(problem: Problem, tenant: Tenant) -> Problem:
    """The problem with the line of its key, where only a key was known."""
    text = tenant.files.get(problem.file)
    if problem.line is not None or problem.key is None or text is None:
        return problem
    if not problem.file.endswith(".yaml"):
        return problem
    line = Document.parse(text, problem.file).line(*parts_of(problem.key))
    return replace(problem, line=line)


def _known_id(root: Path) -> str:
    """The id by which the tenant has published from the tables of its folder; '' where none is
    known."""
    # A damaged manifest is for those to tell who need its tables.
    with suppress(C360Error, OSError, ValueError):
        return str(Manifest.load(root / WAREHOUSE / MANIFEST).meta.get(TENANT, ""))
    return ""


def _is_another(tenant: Tenant, known_id: str) -> bool:
    # A tenant that had none may be given one at any time.
    return known_id not in ("", str(DEFAULT_TENANT_ID), str(tenant.config.id))


def _settings_problems(files: TenantFiles, known_id: str = "") -> list[Problem]:
    problems = list(files.problems)
    is_read = SETTINGS not in _files_with_errors(problems)
    if files.tenant is not None and is_read and _is_another(files.tenant, known_id):
        message = f"is not the id of the tables in {WAREHOUSE}/"
        remedy = (
            f"write `id: {known_id}`: new ids, and who is held out of a campaign, follow from it; "
            f"a copy that is to be another tenant begins without {WAREHOUSE}/ and activated/"
        )
        problems.append(Problem("error", SETTINGS, message, key="id", remedy=remedy))
    if files.tenant is not None:
        check = ConfigCheck(files.tenant, files.unread)
        for run_check in _settings_checks(files.tenant):
            run_check(check)
        # Of a file that was not taken the defaults were looked at: a warning would be of those.
        not_taken = _files_with_errors(files.problems)
        problems += [
            problem
            for problem in check.problems
            if problem.severity == "error" or problem.file not in not_taken
        ]
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
    """The tenant without what names no columns, and without the custom tables that read it.

    A feed with an error in a setting stays, as its columns are known; one of which columns share a
    name does not. What is wrong with the SQL of the rest follows from no error reported already.
    """
    errors = [problem for problem in problems if problem.severity == "error"]
    files_without_columns = {problem.file for problem in errors if ".rename" in (problem.key or "")}
    broken = set(unread.names)
    for table in tenant.tables:
        if tenant.places[table.name] in files_without_columns:
            broken.add(table.physical)
    feeds = [feed for feed in tenant.feeds if feed.physical not in broken]
    return replace(tenant, feeds=feeds, custom_tables=_sound_custom_tables(tenant, broken))


def _without_errors(tenant: Tenant, unread: UnreadTables, problems: Sequence[Problem]) -> Tenant:
    """The tenant without custom tables that have an error or read one that has.

    Feeds with an error stay: their columns are known. Of a merge policy with an error, and of the
    settings that no SQL could be made or bound with, the defaults stand in.
    """
    tenant = _with_sound_settings(tenant, problems)
    files_with_errors = _files_with_errors(problems)
    broken = set(unread.names)
    for table in tenant.custom_tables:
        sql_file = f"domain_tables/{table.name}.sql"
        if not files_with_errors.isdisjoint({sql_file, tenant.places[table.name]}):
            broken.add(table.name)
    return replace(tenant, custom_tables=_sound_custom_tables(tenant, broken))


def _with_sound_settings(tenant: Tenant, problems: Iterable[Problem]) -> Tenant:
    errors = [problem for problem in problems if problem.severity == "error"]
    files_with_errors = _files_with_errors(errors)
    keys = {problem.key or "" for problem in errors if problem.file == "tenant.yaml"}
    config = tenant.config
    if "timezone" in keys:
        config = config.model_copy(update={"timezone": "UTC"})
    if any(key.startswith("customer_360.customer_360.") for key in keys):
        options = config.customer_360.model_copy(update={"customer_360": Customer360Config()})
        config = config.model_copy(update={"customer_360": options})
    policy = tenant.merge_policy
    if "merge_policy.yaml" in files_with_errors:
        policy = MergePolicy()
    policies = {
        file: MergePolicy() if file in files_with_errors else own
        for file, own in tenant.merge_policies.items()
    }
    return replace(tenant, config=config, merge_policy=policy, merge_policies=policies)


def _stands_alone(problem: Problem, tenant: Tenant, sound: Tenant, unread: UnreadTables) -> bool:
    """Whether a problem of the database's SQL follows from no other one.

    A file that names a table which was left out, and a column that a feed which could not be read
    may give, say nothing by themselves.
    """
    left_out = {table.name for table in tenant.custom_tables} | set(unread.names)
    left_out -= {table.name for table in sound.custom_tables}
    text = tenant.files.get(problem.file, "")
    # `Source:Feed` is no word of its own.
    if any(name in problem.message for name in unread.names):
        return False
    if not _words(f"{text} {problem.message}").isdisjoint(name.lower() for name in left_out):
        return False
    if NO_COLUMN.search(problem.message) is None:
        return True
    # Tags of a feed that could not be read are columns of tables that ship.
    read_files = set(tenant.places.values())
    unread_texts = [
        text.replace("-", "_")
        for file, text in tenant.files.items()
        if file.startswith(("feeds/", "domain_tables/")) and file not in read_files
    ]
    return _words(" ".join(unread_texts)).isdisjoint(COLUMN.findall(problem.message.lower()))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _sound_custom_tables(tenant: Tenant, broken: set[str]) -> list[CustomTable]:
    sound = [table for table in tenant.custom_tables if table.name not in broken]
    # Each round leaves out the readers of what the round before left out.
    while readers := {table.name for table in sound if _mentions(table, broken)}:
        broken = broken | readers
        sound = [table for table in sound if table.name not in broken]
    return sound


def _mentions(table: CustomTable, names: set[str]) -> bool:
    """Whether a name stands in the SQL as a word, which may be more than it reads."""
    return not _words(table.sql.text).isdisjoint(name.lower() for name in names)


def _hides_database(problem: Problem) -> bool:
    """Whether problems of the database's SQL may follow from it, as it changes what tables hold."""
    is_read = problem.file not in NOT_READ_BY_DATABASE and not problem.file.startswith(SENDING)
    return problem.severity == "error" and is_read
