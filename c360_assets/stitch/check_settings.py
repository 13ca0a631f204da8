"""Checks of `stitch.yaml`: names that Stitch must know, and settings that have no effect.

What the settings do belongs to the modules of each step, the shape of the file to `tenant`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

from c360_assets.semantics.tags import PROFILE_TAGS, tag_info
from c360_assets.stitch.compare.blocking import BY_NAME
from c360_assets.stitch.publish.benchmarks import BENCHMARKS
from c360_assets.stitch.score.conflicts import DOCUMENTED_CONFLICTS
from c360_assets.stitch.score.rules import FUZZY, SEMANTICS
from c360_assets.tenant.config_check import ConfigCheck, did_you_mean, nearest_or_all
from c360_assets.tenant.document import KeyPath
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.tenant.stitch import OPTIONAL_TABLES

FILE = "stitch.yaml"
PREPROCESSING_PROFILES = (
    "normalize-gender",
    "skip-derive-gender",
    "prioritize-src-gender",
    "prioritize-derived-gender",
    "allow-business-email",
)
# Semantics of which a list of values that are not used can be given.
IGNORABLE = ("email", "phone", "given-name", "surname")
# Semantics of which bad values are found by counting, and that may be counted.
BAD_VALUE_SEMANTICS = (
    "address",
    "birthdate",
    "city",
    "company",
    "email",
    "gender",
    "generational-suffix",
    "given-name",
    "phone",
    "po-box",
    "postal",
    "state",
    "surname",
)
# Conditions of a rule that name a semantic; those of a whole pair are `rules.FUZZY`.
SEMANTIC_CONDITIONS = (
    "present-and-equal",
    "present-and-not-equal",
    "fuzzy-similar",
    "fuzzy-different",
)
KEY_OF_A_FAMILY = re.compile(r"(fk|sk|bk)(-.+)?")
FOREIGN_OR_SEPARATION_KEY = re.compile(r"(fk|sk)-.+")


def check_tables(check: ConfigCheck) -> None:
    config = check.tenant.stitch
    _check_table_names(check, "tables", config.tables or [])
    _check_table_names(check, "allowed_empty_tables", config.allowed_empty_tables)
    if config.tables is None:
        return
    for table in check.tenant.tables:
        if table.stitch and table.name not in config.tables:
            message = f"{table.name} is available to Stitch and not listed, so it is left out"
            check.warning(FILE, ("tables",), message, "add it to `tables`")


def _check_table_names(check: ConfigCheck, key: str, names: list[str]) -> None:
    tables = {table.name: table for table in check.tenant.tables}
    for position, name in enumerate(names):
        path = (key, position)
        if name in tables and not tables[name].stitch:
            remedy = f"set `stitch: true` in {check.file_of(tables[name])}"
            check.error(FILE, path, f"{name} is not available to Stitch", remedy)
        elif name not in tables and not check.unread.may_include(name):
            remedy = nearest_or_all(name, tables)
            check.error(FILE, path, f"there is no table {name}", remedy)


def check_bad_values(check: ConfigCheck) -> None:
    config = check.tenant.stitch.bad_values
    for position, rule in enumerate(config.rules):
        for key, name in (("semantic", rule.semantic), ("proxy", rule.proxy)):
            if name not in BAD_VALUE_SEMANTICS and not name.startswith("fk-"):
                path: KeyPath = ("bad_values", "rules", position, key)
                remedy = nearest_or_all(name, BAD_VALUE_SEMANTICS)
                check.error(FILE, path, f"{name} cannot be used here", remedy)
    for key in config.ignore.keys() - set(IGNORABLE):
        message = "no list of values can be given for it"
        check.error(FILE, ("bad_values", "ignore", key), message, nearest_or_all(key, IGNORABLE))
    for position, name in enumerate(config.preprocessing_profiles):
        if name not in PREPROCESSING_PROFILES:
            path = ("bad_values", "preprocessing_profiles", position)
            remedy = nearest_or_all(name, PREPROCESSING_PROFILES)
            check.error(FILE, path, f"{name} is unknown", remedy)


def check_case_sensitive_keys(check: ConfigCheck) -> None:
    if not check.all_tables_read:
        return
    tags = _tags(check.tenant.tables)
    foreign_keys = {tag for tag in tags if tag.startswith("fk-")}
    # The key may stand at the top of the file or below `bad_values`.
    path: KeyPath = ("case_sensitive_fks",)
    _, path_at_the_top = check.document(FILE).locate(path)
    if not path_at_the_top:
        path = ("bad_values", "case_sensitive_fks")
    for name in check.tenant.stitch.bad_values.case_sensitive_fks:
        if name not in tags:
            message = f"no field is tagged {name}"
            check.warning(FILE, path, message, did_you_mean(name, foreign_keys))


def check_semantics(check: ConfigCheck) -> None:
    config = check.tenant.stitch
    named = {
        ("trivial_duplicates", "exclusions"): config.trivial_duplicates.exclusions,
        ("matching", "staple", "semantics"): config.matching.staple.semantics,
    }
    for path, names in named.items():
        for name in names:
            if not _is_profile_tag_or_key(name):
                remedy = nearest_or_all(name, PROFILE_TAGS)
                check.error(FILE, path, f"{name} is no profile tag and no key", remedy)


def _is_profile_tag_or_key(name: str) -> bool:
    if name in PROFILE_TAGS or KEY_OF_A_FAMILY.fullmatch(name):
        return True
    return tag_info(name).base is not None


def check_run(check: ConfigCheck) -> None:
    """1:1 mode needs a customer key in every table, and a forced run does not follow it."""
    run = check.tenant.stitch.run
    path = ("run", "one_to_one")
    if not run.one_to_one:
        return
    if run.matches:
        message = "has no effect, as a forced run matches records"
        check.error(FILE, path, message, "leave out `force` and `type: force_refresh`")
        return
    lacking = [table.name for table in check.tenant.stitched_tables if "ck" not in table.all_tags]
    if lacking:
        message = f"needs a customer key: no field of {', '.join(lacking)} is tagged ck"
        check.error(FILE, path, message, "tag the field that holds the source's customer id")


def check_strategies(check: ConfigCheck) -> None:
    foreign_keys = _stitched_keys(check.tenant, "fk-")
    for position, strategy in enumerate(check.tenant.stitch.blocking.strategies):
        written = strategy if isinstance(strategy, str) else strategy.name
        name = written.replace("_", "-")
        if not name.startswith("bk-"):
            path = ("blocking", "strategies", position)
            _check_known(check, path, name, {"fk", *BY_NAME}, foreign_keys, check.error)


def check_conflict_fields(check: ConfigCheck) -> None:
    fields = {name.replace("_", "-") for name in DOCUMENTED_CONFLICTS}
    separation_keys = _stitched_keys(check.tenant, "sk-")
    for written in check.tenant.stitch.clustering.conflict_fields:
        path = ("clustering", "conflict_fields")
        name = written.replace("_", "-")
        _check_known(check, path, name, fields, separation_keys, check.error)


def check_match_rules(check: ConfigCheck) -> None:
    keys = _stitched_keys(check.tenant, "fk-", "sk-")
    for position, rule in enumerate(check.tenant.stitch.matching.rules):
        for number, condition in enumerate(rule.when):
            path: KeyPath = ("matching", "rules", position, "when", number)
            if isinstance(condition, str):
                _check_conditions(check, path, [condition], FUZZY)
                continue
            _check_conditions(check, path, condition, SEMANTIC_CONDITIONS)
            for semantic in condition.values():
                # A rule about a key that no record carries is never true, which harms nothing.
                _check_known(check, path, semantic, SEMANTICS, keys, check.warning)


def _check_conditions(
    check: ConfigCheck, path: KeyPath, names: Collection[str], allowed: Iterable[str]
) -> None:
    if len(names) != 1:
        remedy = "give each a line of its own: all of a rule must be true"
        check.error(FILE, path, "must be one condition", remedy)
    for name in names:
        if name not in allowed:
            check.error(FILE, path, f"{name} is no condition", nearest_or_all(name, allowed))


def _check_known(
    check: ConfigCheck,
    path: KeyPath,
    name: str,
    known: Collection[str],
    keys: set[str],
    report_missing_key: Callable[[str, KeyPath, str, str | None], None],
) -> None:
    """`name` must be one that Stitch knows, or a key that a stitched table has a tag of."""
    if name in known or name in keys:
        return
    if not FOREIGN_OR_SEPARATION_KEY.fullmatch(name):
        remedy = nearest_or_all(name, {*known, *keys})
        check.error(FILE, path, f"{name} cannot be used here", remedy)
    elif check.all_tables_read:
        message = f"no field of a stitched table is tagged {name}"
        report_missing_key(FILE, path, message, did_you_mean(name, keys))


def check_benchmarks(check: ConfigCheck) -> None:
    """Bands: a known benchmark, and no high below the optimal."""
    for name, (optimal, high) in check.tenant.stitch.benchmarks.items():
        path: KeyPath = ("benchmarks", name)
        if name not in BENCHMARKS:
            known = ", ".join(BENCHMARKS)
            check.error(FILE, path, f"there is no benchmark {name}", f"one of {known}")
        elif not 0 <= optimal <= high:
            check.error(FILE, path, "the bands are not in order", "[optimal up to, high from]")


def check_outputs(check: ConfigCheck) -> None:
    for name, wanted in check.tenant.stitch.outputs.items():
        path = ("outputs", name)
        if name not in OPTIONAL_TABLES:
            remedy = nearest_or_all(name, OPTIONAL_TABLES)
            check.error(FILE, path, "cannot be switched off", remedy)
        elif isinstance(wanted, str) and (name, wanted) != ("stitch_scores", "all"):
            check.error(FILE, path, "must be true or false", "or `all` for stitch_scores")


def _tags(tables: Iterable[SourceTable]) -> set[str]:
    return {tag for table in tables for tag in table.all_tags}


def _stitched_keys(tenant: Tenant, *families: str) -> set[str]:
    return {tag for tag in _tags(tenant.stitched_tables) if tag.startswith(families)}


CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (
    check_tables,
    check_bad_values,
    check_case_sensitive_keys,
    check_semantics,
    check_run,
    check_strategies,
    check_conflict_fields,
    check_match_rules,
    check_outputs,
    check_benchmarks,
)
