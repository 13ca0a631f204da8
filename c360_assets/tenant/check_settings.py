"""Lints of Stitch, merge policies, workflow and databases: names that must exist, and settings that contradict each other.

Rules of feeds and tags are `check_feeds` and `check_tags`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from c360_assets.semantics.closest import closest
from c360_assets.semantics.tables import all_tables
from c360_assets.semantics.tags import PROFILE_TAGS, column_for, tag_info
from c360_assets.tenant.check_feeds import zone_problem
from c360_assets.tenant.durations import duration, rhythm_days
from c360_assets.tenant.findings import Findings
from c360_assets.tenant.models import (
    GROUPS,
    PREDICTIONS,
    AlertsConfig,
    MergePolicy,
    SourceTable,
    order_columns,
    order_table,
    order_term,
)
from c360_assets.tenant.stitch import OPTIONAL_TABLES

PREPROCESSING_PROFILES = (
    *(
        "normalize-gender",
        "skip-derive-gender",
        "prioritize-src-gender",
        "prioritize-derived-gender",
    ),
    "allow-business-email",
)
IGNORABLE = ("email", "phone", "given-name", "surname")
BAD_VALUE_SEMANTICS = (
    *(
        "address",
        "birthdate",
        "city",
        "company",
        "email",
        "gender",
        "generational-suffix",
        "given-name",
    ),
    *("phone", "postal", "state", "surname", "po-box"),
)
SEMANTIC_CONDITIONS = (
    "present-and-equal",
    "present-and-not-equal",
    "fuzzy-similar",
    "fuzzy-different",
)
PAIR_CONDITIONS = (
    "fuzzy/incompatible-names",
    "fuzzy/different-birthdates",
    "fuzzy/different-generations",
    "fuzzy/different-companies",
)
# What Stitch knows besides the keys of the tenant's tags; a test holds these against it.
STRATEGIES = (
    *(
        "dnf1",
        "dnf2",
        "dnf3",
        "dnf4",
        "dnf5",
        "dnf6",
        "dnf7",
        "dnf8",
        "dnf9",
        "dnf10",
        "email",
        "address",
        "company",
    ),
    *(
        "login-partial",
        "login-trimmed",
        "name",
        "phone",
        "login",
        "postal-name",
        "building-initial",
        "full-name",
    ),
    *(
        "name-prefixes",
        "initial-surname",
        "initials-birthyear",
        "name-birthdate",
        "initial-birthdate",
    ),
    *("postal-birthdate", "email-names"),
)
CONFLICT_FIELDS = ("given-name", "generational-suffix", "birthdate")
RULE_SEMANTICS = (
    *(
        "given-name",
        "surname",
        "birthdate",
        "email",
        "phone",
        "address",
        "generational-suffix",
        "gender",
        "company",
        "postal",
    ),
)
CRON = re.compile(r"(?:[\d*/,A-Za-z-]+\s+){4}[\d*/,A-Za-z-]+")
# What a custom group cannot be called besides the groups: fields that stand alone, and the priority of a whole source.
TAKEN = ("title", "company", "loyalty_id", "source")
LIFECYCLE = ("new", "active", "lapsed")


def _near(word: str, allowed: Iterable[str]) -> str:
    options = sorted(allowed)
    near = next((o for o in options if o.lower() == word.lower()), None) or closest(word, options)
    return f"did you mean {near!r}?" if near else f"known: {', '.join(options) or 'none'}"


def tenant_settings(found: Findings) -> None:
    config, file = found.tenant.config, "tenant.yaml"
    if wrong := zone_problem(config.timezone):
        found.error(file, ("timezone",), *wrong)
    if not re.fullmatch(r"[A-Z]{2}", config.country):
        found.error(file, ("country",), "must be a two-letter country code", "such as US")
    if config.phone_region not in ("nanp", "any"):
        from phonenumbers import SUPPORTED_REGIONS  # few tenants need it

        if config.phone_region not in SUPPORTED_REGIONS:
            found.error(
                file,
                ("phone_region",),
                "no numbering plan is known of this country",
                "nanp, any, or one such as DE",
            )
    attributes = ("customer_360", "customer_attributes")
    days = config.customer_360.customer_attributes.lifecycle_days
    if days.keys() != set(LIFECYCLE) or sorted(days.values()) != [days.get(k) for k in LIFECYCLE]:
        found.error(
            file,
            (*attributes, "lifecycle_days"),
            "needs new, active and lapsed, each at least as long as the one before",
        )


def discount_modes(found: Findings) -> None:
    """A discount mode is told of a source of order items; which those are is unknown where SQL of the tenant's own makes them."""
    modes = found.tenant.config.customer_360.unified_transactions.order_discount_mode
    if (
        isinstance(modes, str)
        or not found.complete
        or "unified_itemized_transactions" in found.tenant.database_sql
    ):
        return
    sources = {
        t.name
        for t in found.tenant.tables
        if any(tag.startswith("txn-item/") for tags in t.tags.values() for tag in tags)
    }
    for name in (n for n in modes if n not in sources):
        path = ("customer_360", "unified_transactions", "order_discount_mode", name)
        found.error("tenant.yaml", path, "is no table with items of orders", _near(name, sources))


def databases(found: Findings) -> None:
    tenant, file = found.tenant, "tenant.yaml"
    items = tenant.config.databases
    if not items or sum(d.primary for d in items.values()) != 1:
        found.error(
            file,
            ("databases",),
            "exactly one database must be primary",
            "add `primary: true` to one",
        )
    known = {
        *all_tables(),
        *tenant.database_sql,
        *tenant.config.customer_360.passthrough,
        *(t.physical for t in tenant.tables),
    }
    tagged = any(
        t.endswith("database-key")
        for table in tenant.tables
        for tags in table.tags.values()
        for t in tags
    )
    persons = any(table.columns_with("database-key") for table in tenant.stitched_tables)
    for name, item in items.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            found.error(
                file,
                ("databases", name),
                "a database's name has lower-case letters, digits and underscores only",
            )
        for key in item.filter.keys() - {"database_key"}:
            found.error(
                file,
                ("databases", name, "filter", key),
                "a database is filtered by database_key only",
            )
        if item.filter and found.complete and not tagged:
            found.warning(
                file,
                ("databases", name, "filter"),
                "no field is tagged database-key, so this database will be empty",
            )
        elif item.filter and found.complete and not persons:
            found.warning(
                file,
                ("databases", name, "filter"),
                "no customer table has a field tagged database-key, so this database will hold orders and no person",
                "tag the customers' brand too; a custom domain table adds it where the file has none",
            )
        if item.filter and item.primary:
            found.error(
                file, ("databases", name), "the primary database holds everything and has no filter"
            )
        if item.primary and item.tables:
            found.error(
                file,
                ("databases", name, "tables"),
                "the primary database holds all tables",
                "remove `tables`",
            )
        if item.primary and item.merge_policy not in (None, "merge_policy.yaml"):
            told = "the primary database follows merge_policy.yaml"
            found.error(
                file,
                ("databases", name, "merge_policy"),
                told,
                "put the rules there, and remove the key",
            )
        if not item.filter.get("database_key", "x").strip():
            told = "is blank, and rows without a key are in no filtered database"
            found.error(
                file, ("databases", name, "filter", "database_key"), told, "name a brand or region"
            )
        for position, table in enumerate(item.tables):
            if found.complete and table not in known:
                found.error(
                    file,
                    ("databases", name, "tables", position),
                    f"there is no table {table}",
                    _near_or_none(table, known),
                )


def _near_or_none(word: str, allowed: Iterable[str]) -> str | None:
    near = closest(word, allowed)
    return f"did you mean {near!r}?" if near else None


def workflow(found: Findings) -> None:
    tenant, file = found.tenant, "workflow.yaml"
    feeds = {f.name: f for f in tenant.feeds}
    for name, item in tenant.workflow.feeds.items():
        if found.complete and name not in feeds:
            found.error(file, ("feeds", name), "there is no such feed", _near(name, feeds))
        if not _reads(rhythm_days, item.every):
            found.error(
                file,
                ("feeds", name, "every"),
                "must be hour, day, week, month or a duration",
                "such as 2d",
            )
        for key, text in (("wait", item.wait), ("offset", item.offset)):
            if text is not None and not _reads(duration, text):
                found.error(
                    file, ("feeds", name, key), "must be a duration", "such as 30m, 2h or 1d"
                )
        optional = name in feeds and feeds[name].files.optional
        if item.stop and (optional or not item.required):
            why = "its files are optional" if optional else "it is not required"
            found.warning(
                file,
                ("feeds", name, "stop"),
                f"never stops a day, as {why}",
                "remove `stop`, or require the feed",
            )
        if item.wait is not None and not item.required:
            found.warning(
                file,
                ("feeds", name, "wait"),
                "is not waited for, as it is not required",
                "remove `wait`",
            )
    if not CRON.fullmatch(tenant.workflow.activation.cron.strip()):
        found.error(
            file,
            ("activation", "cron"),
            "must have five fields: minute hour day month weekday",
            "such as '30 6 * * *'",
        )
    _alerts(found, tenant.workflow.alerts)


def _alerts(found: Findings, alerts: AlertsConfig) -> None:
    path = PurePosixPath(alerts.file)
    if path.is_absolute() or ".." in path.parts or len(path.parts) < 2 or path.parts[0] != "logs":
        found.error(
            "workflow.yaml",
            ("alerts", "file"),
            "must lie in the folder logs/",
            "such as logs/alerts.jsonl",
        )
    if alerts.webhook is not None and not re.match(r"https?://[^/\s]", alerts.webhook):
        found.error(
            "workflow.yaml",
            ("alerts", "webhook"),
            "must be a web address",
            "such as https://hooks.example.com/c360",
        )
    if alerts.runtime is not None and not _reads(duration, alerts.runtime):
        found.error(
            "workflow.yaml", ("alerts", "runtime"), "must be a duration", "such as 90m or 2h"
        )


def _reads(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def stitch(found: Findings) -> None:
    tenant, file = found.tenant, "stitch.yaml"
    config, tables = tenant.stitch, {t.name: t for t in tenant.tables}
    for key, listed in (
        ("tables", config.tables or []),
        ("allowed_empty_tables", config.allowed_empty_tables),
    ):
        for position, name in enumerate(listed):
            if name in tables and not tables[name].stitch:
                found.error(
                    file,
                    (key, position),
                    f"{name} is not available to Stitch",
                    f"set `stitch: true` in {found.place(tables[name])}",
                )
            elif found.complete and name not in tables:
                found.error(file, (key, position), f"there is no table {name}", _near(name, tables))
    if config.tables is not None:
        for table in tenant.tables:
            if table.stitch and table.name not in config.tables:
                found.warning(
                    file,
                    ("tables",),
                    f"{table.name} is available to Stitch and not listed, so it is left out",
                    "add it to `tables`",
                )
    bad = config.bad_values
    for position, rule in enumerate(bad.rules):
        for key in ("semantic", "proxy"):
            name = getattr(rule, key)
            if name not in BAD_VALUE_SEMANTICS and not name.startswith("fk-"):
                found.error(
                    file,
                    ("bad_values", "rules", position, key),
                    f"{name} cannot be used here",
                    _near(name, BAD_VALUE_SEMANTICS),
                )
    for key in bad.ignore.keys() - set(IGNORABLE):
        found.error(
            file,
            ("bad_values", "ignore", key),
            "no list of values can be given for it",
            _near(key, IGNORABLE),
        )
    for position, name in enumerate(bad.preprocessing_profiles):
        if name not in PREPROCESSING_PROFILES:
            found.error(
                file,
                ("bad_values", "preprocessing_profiles", position),
                f"{name} is unknown",
                _near(name, PREPROCESSING_PROFILES),
            )
    tags = {t for table in tenant.tables for own in table.tags.values() for t in own}
    path = (
        ("case_sensitive_fks",)
        if found.document(file).locate(("case_sensitive_fks",))[1]
        else ("bad_values", "case_sensitive_fks")
    )
    for name in bad.case_sensitive_fks:
        if found.complete and name not in tags:
            found.warning(
                file,
                path,
                f"no field is tagged {name}",
                _near_or_none(name, {t for t in tags if t.startswith("fk-")}),
            )
    _semantics(found, ("trivial_duplicates", "exclusions"), config.trivial_duplicates.exclusions)
    _semantics(found, ("matching", "staple", "semantics"), config.matching.staple.semantics)
    if config.matching.staple.enabled:
        found.warning(
            file,
            ("matching", "staple", "enabled"),
            "records are not stapled by this version",
            "remove it",
        )
    keys = {
        t
        for table in tenant.stitched_tables
        for own in table.tags.values()
        for t in own
        if t.startswith(("fk-", "sk-"))
    }
    _strategies(found, keys)
    for name in config.clustering.conflict_fields:
        _known(
            found,
            ("clustering", "conflict_fields"),
            name.replace("_", "-"),
            CONFLICT_FIELDS,
            {k for k in keys if k[:2] == "sk"},
        )
    _rules(found, keys)
    _outputs(found)


def _semantics(found: Findings, path: tuple[str, ...], names: Iterable[str]) -> None:
    for name in names:
        if (
            name not in PROFILE_TAGS
            and not re.fullmatch(r"(fk|sk|bk)(-.+)?", name)
            and tag_info(name).base is None
        ):
            found.error(
                "stitch.yaml",
                path,
                f"{name} is no profile tag and no key",
                _near(name, PROFILE_TAGS),
            )


def _known(
    found: Findings,
    path: tuple[str | int, ...],
    name: str,
    fixed: Iterable[str],
    keys: Iterable[str],
    missing: str = "error",
) -> None:
    """A name that Stitch knows, or a key of which a stitched table has a tag; `missing`: how bad a key without one is."""
    if name in fixed or name in keys:
        return
    if not re.fullmatch(r"(fk|sk)-.+", name):
        found.error(
            "stitch.yaml", path, f"{name} cannot be used here", _near(name, {*fixed, *keys})
        )
    elif found.complete:
        tell = found.error if missing == "error" else found.warning
        tell(
            "stitch.yaml",
            path,
            f"no field of a stitched table is tagged {name}",
            _near_or_none(name, keys),
        )


def _strategies(found: Findings, keys: set[str]) -> None:
    for position, item in enumerate(found.tenant.stitch.blocking.strategies):
        name = (item if isinstance(item, str) else item.name).replace("_", "-")
        if not name.startswith("bk-"):
            _known(
                found,
                ("blocking", "strategies", position),
                name,
                ("fk", *STRATEGIES),
                {k for k in keys if k[:2] == "fk"},
            )


def _rules(found: Findings, keys: set[str]) -> None:
    for position, rule in enumerate(found.tenant.stitch.matching.rules):
        for number, condition in enumerate(rule.when):
            path = ("matching", "rules", position, "when", number)
            names = [condition] if isinstance(condition, str) else list(condition)
            allowed = PAIR_CONDITIONS if isinstance(condition, str) else SEMANTIC_CONDITIONS
            if len(names) != 1:
                found.error(
                    "stitch.yaml",
                    path,
                    "must be one condition",
                    "give each a line of its own: all of a rule must be true",
                )
            for name in names:
                if name not in allowed:
                    found.error(
                        "stitch.yaml", path, f"{name} is no condition", _near(name, allowed)
                    )
            for semantic in [] if isinstance(condition, str) else condition.values():
                _known(found, path, semantic, RULE_SEMANTICS, keys, missing="warning")


def _outputs(found: Findings) -> None:
    for name, wanted in found.tenant.stitch.outputs.items():
        if name not in OPTIONAL_TABLES:
            found.error(
                "stitch.yaml",
                ("outputs", name),
                "cannot be switched off",
                _near(name, OPTIONAL_TABLES),
            )
        elif isinstance(wanted, str) and (name, wanted) != ("stitch_scores", "all"):
            found.error(
                "stitch.yaml",
                ("outputs", name),
                "must be true or false",
                "or `all` for stitch_scores",
            )


def merge_policies(found: Findings) -> None:
    _policy(found, "merge_policy.yaml", found.tenant.merge_policy)
    for file, policy in found.tenant.merge_policies.items():
        _policy(found, file, policy)


def _policy(found: Findings, file: str, policy: MergePolicy) -> None:
    tables = {t.name: t for t in found.tenant.tables}
    groups = {*GROUPS, *policy.custom_groups}
    listed = {
        "source_priority": list(policy.source_priority),
        "field_priority": list(policy.field_priority),
        "rank": sorted({name for names in policy.rank.values() for name in names}),
    }
    for key in ("source_priority", "field_priority"):
        for name in listed[key]:
            _source(found, file, (key, name), name, tables)
    for group, names in policy.rank.items():
        if group not in groups:
            found.error(file, ("rank", group), "is no group of fields", _near(group, groups))
        for position, name in enumerate(names):
            _source(found, file, ("rank", group, position), name, tables)
            if name in names[:position]:
                found.error(file, ("rank", group, position), f"{name} is ranked twice")
    for name, priorities in policy.field_priority.items():
        for group, priority in priorities.items():
            if group not in groups:
                found.error(
                    file,
                    ("field_priority", name, group),
                    "is no group of fields",
                    _near(group, groups),
                )
            if priority is not None and name in policy.rank.get(group, []):
                found.error(
                    file,
                    ("field_priority", name, group),
                    f"{name} is ranked for {group} under `rank` too",
                    "keep one of the two",
                )
    # Asked of the file: where the policy does not fit its shape, the default one stands here and names none.
    written = found.document(file).data
    if isinstance(written, dict) and written.get("source_priority") == {}:
        found.error(
            file, ("source_priority",), "names no table", "name at least one, or remove the key"
        )
    if "email" in policy.multi_value and policy.best_email != "priority":
        told, remedy = (
            "has no effect, as e-mails are assigned from the column email",
            "set `best_email: priority`, or remove it",
        )
        found.warning(file, ("multi_value", "email"), told, remedy)
    _custom_groups(found, file, policy)
    _policy_columns(found, file, policy)
    _unlisted(found, file, listed)
    _orders(found, file, policy)


def _orders(found: Findings, file: str, policy: MergePolicy) -> None:
    for key in ("email_order", "amperity_id_order"):
        for position, text in enumerate(getattr(policy.email_ampid_assignment, key)):
            path = ("email_ampid_assignment", key, position)
            try:
                column, _ = order_term(text)
                order_table(column)
            except ValueError as error:
                found.error(file, path, str(error), "such as `update_dt desc`")
            except KeyError:
                tables = ", ".join(
                    dict.fromkeys(table for table in order_columns().values() if table)
                )
                told = f"there is no column {column} in {tables} or {PREDICTIONS}"
                found.error(file, path, told, _near_or_none(column, order_columns()))


def _source(
    found: Findings,
    file: str,
    path: tuple[str | int, ...],
    name: str,
    tables: dict[str, SourceTable],
) -> None:
    if name in tables and not tables[name].stitch:
        found.error(
            file,
            path,
            f"{name} is not available to Stitch",
            f"set `stitch: true` in {found.place(tables[name])}, or remove it here",
        )
    elif found.complete and name not in tables:
        found.error(
            file,
            path,
            f"there is no table {name}",
            _near(name, [t.name for t in tables.values() if t.stitch]),
        )


def _custom_groups(found: Findings, file: str, policy: MergePolicy) -> None:
    """A custom group adds columns to merged_customers, some of them by its name; none may be there already."""
    filled = dict.fromkeys(
        all_tables()["merged_customers"].columns, "merged_customers has this column already"
    )
    for group in policy.custom_groups:
        told = f"custom_groups.{group} has this column already"
        filled |= {
            f"{group}_{what}": told
            for what in ("pk", "datasource", "update_dt", "priority", "completion")
        }
    for group, item in policy.custom_groups.items():
        path = ("custom_groups", group)
        if group in GROUPS:
            found.error(
                file, path, "is the name of a group that is always there", "choose another name"
            )
        elif group in TAKEN:
            found.error(
                file, path, "is a name that merged_customers uses itself", "choose another name"
            )
        elif not re.fullmatch(r"[a-z][a-z0-9_]*", group):
            found.error(
                file,
                path,
                "a group's name has lower-case letters, digits and underscores only",
                "rename it",
            )
        for position, column in enumerate(item.columns):
            if column in filled:
                found.error(
                    file,
                    (*path, "columns", position),
                    f"{column}: {filled[column]}",
                    "remove it here",
                )
            filled.setdefault(column, f"custom_groups.{group} has this column already")


def _policy_columns(found: Findings, file: str, policy: MergePolicy) -> None:
    """Groups can only be built from columns that unified_coalesced has: one for each tag on a stitched table."""
    if not found.complete:
        return
    tags = {
        t
        for table in found.tenant.stitched_tables
        for listed in table.tags.values()
        for t in listed
    }
    columns = {column_for(t) for t in tags if "/" not in t}
    documented = all_tables()["unified_coalesced"].columns
    for group, item in policy.custom_groups.items():
        for position, column in enumerate(item.columns):
            if column not in columns:
                found.error(
                    file,
                    ("custom_groups", group, "columns", position),
                    f"no stitched table has a tag for {column}",
                    _near_or_none(column, columns),
                )
    for group, names in policy.multi_value.items():
        if group not in {"email", "phone"}:
            found.error(
                file,
                ("multi_value", group),
                "only email and phone have several values",
                _near(group, ("email", "phone")),
            )
        for position, column in enumerate(names):
            if column not in columns:
                found.error(
                    file,
                    ("multi_value", group, position),
                    f"no stitched table has a tag for {column}",
                    _near_or_none(column, columns),
                )
            elif column in documented and documented[column].type != "VARCHAR":
                found.error(
                    file,
                    ("multi_value", group, position),
                    f"{column} is {documented[column].type}, not text",
                )


def _unlisted(found: Findings, file: str, listed: dict[str, list[str]]) -> None:
    """A newly added source shows up here: it has no priority yet and comes last."""
    by_source, by_field = (
        set(listed["source_priority"]),
        {*listed["field_priority"], *listed["rank"]},
    )
    if not by_source and not by_field:
        return
    for table in found.tenant.stitched_tables:
        if table.name not in by_source | by_field:
            found.warning(
                file,
                (),
                f"{table.name} has no priority and comes last (999)",
                "add it to source_priority",
            )
        elif (
            by_source
            and by_field
            and not listed["rank"]
            and (table.name in by_source) != (table.name in by_field)
        ):
            missing = "field_priority" if table.name in by_source else "source_priority"
            found.warning(
                file,
                (missing,),
                f"{table.name} has a priority in one list only",
                f"add it to {missing}",
            )


RULES: tuple[Callable[[Findings], None], ...] = (
    tenant_settings,
    discount_modes,
    databases,
    workflow,
    stitch,
    merge_policies,
)
