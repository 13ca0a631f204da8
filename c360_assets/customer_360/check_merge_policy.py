"""Checks of `merge_policy.yaml` and of the policies of filtered databases.

A policy names tables, groups of fields and columns of `unified_coalesced`: they must be there, and
no two settings may contradict each other. How the winner is found is `rendering.merge_policy`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from c360_assets.customer_360.rendering.email_order import (
    PREDICTIONS,
    order_columns,
    order_table,
    order_term,
)
from c360_assets.semantics.tables import all_tables
from c360_assets.semantics.tags import column_for
from c360_assets.tenant.config_check import ConfigCheck, did_you_mean, nearest_or_all
from c360_assets.tenant.document import KeyPath
from c360_assets.tenant.models import GROUPS, MergePolicy, Tenant

GROUP_NAME = re.compile(r"[a-z][a-z0-9_]*")
# No names for groups: fields of merged_customers that stand alone, and the priority of a source.
RESERVED_GROUP_NAMES = ("title", "company", "loyalty_id", "source")
# Columns that merged_customers has for each group besides its fields.
COLUMNS_OF_A_GROUP = ("pk", "datasource", "update_dt", "priority", "completion")
MULTI_VALUE_GROUPS = ("email", "phone")


@dataclass(frozen=True)
class PolicyFile:
    """A merge policy and the file it stands in."""

    file: str
    policy: MergePolicy

    @property
    def groups(self) -> set[str]:
        return {*GROUPS, *self.policy.custom_groups}


def check_merge_policies(check: ConfigCheck) -> None:
    _check_policy(check, PolicyFile("merge_policy.yaml", check.tenant.merge_policy))
    for file, policy in check.tenant.merge_policies.items():
        _check_policy(check, PolicyFile(file, policy))


def _check_policy(check: ConfigCheck, written: PolicyFile) -> None:
    for rule in POLICY_CHECKS:
        rule(check, written)


def _check_priorities(check: ConfigCheck, written: PolicyFile) -> None:
    for name in written.policy.source_priority:
        _check_source(check, written.file, ("source_priority", name), name)
    # The file is asked, as a file that does not fit its shape leaves the default: no table either.
    data = check.document(written.file).data
    if isinstance(data, dict) and data.get("source_priority") == {}:
        remedy = "name at least one, or remove the key"
        check.error(written.file, ("source_priority",), "names no table", remedy)


def _check_field_priorities(check: ConfigCheck, written: PolicyFile) -> None:
    for name, priorities in written.policy.field_priority.items():
        _check_source(check, written.file, ("field_priority", name), name)
        for group, priority in priorities.items():
            path = ("field_priority", name, group)
            _check_group(check, written, path, group)
            if priority is not None and name in written.policy.rank.get(group, []):
                message = f"{name} is ranked for {group} under `rank` too"
                check.error(written.file, path, message, "keep one of the two")


def _check_ranks(check: ConfigCheck, written: PolicyFile) -> None:
    for group, names in written.policy.rank.items():
        _check_group(check, written, ("rank", group), group)
        for position, name in enumerate(names):
            path = ("rank", group, position)
            _check_source(check, written.file, path, name)
            if name in names[:position]:
                check.error(written.file, path, f"{name} is ranked twice")


def _check_group(check: ConfigCheck, written: PolicyFile, path: KeyPath, group: str) -> None:
    if group not in written.groups:
        remedy = nearest_or_all(group, written.groups)
        check.error(written.file, path, "is no group of fields", remedy)


def _check_source(check: ConfigCheck, file: str, path: KeyPath, name: str) -> None:
    tables = {table.name: table for table in check.tenant.tables}
    if name in tables and not tables[name].stitch:
        remedy = f"set `stitch: true` in {check.file_of(tables[name])}, or remove it here"
        check.error(file, path, f"{name} is not available to Stitch", remedy)
    elif name not in tables and not check.unread.may_include(name):
        available = [table.name for table in tables.values() if table.stitch]
        remedy = nearest_or_all(name, available)
        check.error(file, path, f"there is no table {name}", remedy)


def _check_custom_groups(check: ConfigCheck, written: PolicyFile) -> None:
    """A custom group adds columns to merged_customers, some of them by its name."""
    custom_groups = written.policy.custom_groups
    taken = dict.fromkeys(
        all_tables()["merged_customers"].columns, "merged_customers has this column already"
    )
    for group in custom_groups:
        for suffix in COLUMNS_OF_A_GROUP:
            taken[f"{group}_{suffix}"] = f"custom_groups.{group} has this column already"
    for group, config in custom_groups.items():
        path = ("custom_groups", group)
        _check_group_name(check, written.file, path, group)
        for position, column in enumerate(config.columns):
            if column in taken:
                message = f"{column}: {taken[column]}"
                check.error(written.file, (*path, "columns", position), message, "remove it here")
            else:
                taken[column] = f"custom_groups.{group} has this column already"


def _check_group_name(check: ConfigCheck, file: str, path: KeyPath, group: str) -> None:
    if group in GROUPS:
        message = "is the name of a group that is always there"
        check.error(file, path, message, "choose another name")
    elif group in RESERVED_GROUP_NAMES:
        message = "is a name that merged_customers uses itself"
        check.error(file, path, message, "choose another name")
    elif not GROUP_NAME.fullmatch(group):
        message = "a group's name has lower-case letters, digits and underscores only"
        check.error(file, path, message, "rename it")


def _check_group_columns(check: ConfigCheck, written: PolicyFile) -> None:
    if not check.all_tables_read:
        return
    columns = _coalesced_columns(check.tenant)
    for group, config in written.policy.custom_groups.items():
        for position, column in enumerate(config.columns):
            if column not in columns:
                path = ("custom_groups", group, "columns", position)
                _report_untagged(check, written.file, path, column, columns)


def _check_multi_value(check: ConfigCheck, written: PolicyFile) -> None:
    policy = written.policy
    if "email" in policy.multi_value and policy.best_email != "priority":
        message = "has no effect, as e-mails are assigned from the column email"
        remedy = "set `best_email: priority`, or remove it"
        check.warning(written.file, ("multi_value", "email"), message, remedy)
    for group in policy.multi_value:
        if group not in MULTI_VALUE_GROUPS:
            message = "only email and phone have several values"
            remedy = nearest_or_all(group, MULTI_VALUE_GROUPS)
            check.error(written.file, ("multi_value", group), message, remedy)
    if check.all_tables_read:
        _check_multi_value_columns(check, written)


def _check_multi_value_columns(check: ConfigCheck, written: PolicyFile) -> None:
    columns = _coalesced_columns(check.tenant)
    documented = all_tables()["unified_coalesced"].columns
    for group, names in written.policy.multi_value.items():
        for position, column in enumerate(names):
            path = ("multi_value", group, position)
            if column not in columns:
                _report_untagged(check, written.file, path, column, columns)
            elif column in documented and documented[column].type != "VARCHAR":
                message = f"{column} is {documented[column].type}, not text"
                check.error(written.file, path, message)


def _coalesced_columns(tenant: Tenant) -> set[str]:
    """The columns of unified_coalesced that hold values: one for each tag on a stitched table."""
    columns: set[str] = set()
    for table in tenant.stitched_tables:
        columns.update(column_for(tag) for tag in table.all_tags if "/" not in tag)
    return columns


def _report_untagged(
    check: ConfigCheck, file: str, path: KeyPath, column: str, columns: set[str]
) -> None:
    message = f"no stitched table has a tag for {column}"
    check.error(file, path, message, did_you_mean(column, columns))


def _check_unlisted(check: ConfigCheck, written: PolicyFile) -> None:
    """A newly added source shows up here: it has no priority yet and comes last."""
    policy = written.policy
    ranked = {name for names in policy.rank.values() for name in names}
    by_source = set(policy.source_priority)
    by_field = {*policy.field_priority, *ranked}
    if not by_source and not by_field:
        return
    for table in check.tenant.stitched_tables:
        if table.name not in by_source | by_field:
            message = f"{table.name} has no priority and comes last (999)"
            check.warning(written.file, (), message, "add it to source_priority")
        elif by_source and by_field and not ranked:
            _check_in_both_lists(check, written, table.name)


def _check_in_both_lists(check: ConfigCheck, written: PolicyFile, name: str) -> None:
    message = f"{name} has a priority in one list only"
    lists: dict[str, Mapping[str, object]] = {
        "source_priority": written.policy.source_priority,
        "field_priority": written.policy.field_priority,
    }
    for key, names in lists.items():
        if name not in names:
            check.warning(written.file, (key,), message, f"add it to {key}")


def _check_orders(check: ConfigCheck, written: PolicyFile) -> None:
    assignment = written.policy.email_ampid_assignment
    orders = {
        "email_order": assignment.email_order,
        "amperity_id_order": assignment.amperity_id_order,
    }
    for key, terms in orders.items():
        for position, text in enumerate(terms):
            path = ("email_ampid_assignment", key, position)
            _check_order(check, written.file, path, text)


def _check_order(check: ConfigCheck, file: str, path: KeyPath, text: str) -> None:
    try:
        column, _ = order_term(text)
    except ValueError as error:
        check.error(file, path, str(error), "such as `update_dt desc`")
        return
    try:
        order_table(column)
    except KeyError:
        tables = dict.fromkeys(table for table in order_columns().values() if table)
        message = f"there is no column {column} in {', '.join(tables)} or {PREDICTIONS}"
        check.error(file, path, message, did_you_mean(column, order_columns()))


POLICY_CHECKS: tuple[Callable[[ConfigCheck, PolicyFile], None], ...] = (
    _check_priorities,
    _check_field_priorities,
    _check_ranks,
    _check_multi_value,
    _check_custom_groups,
    _check_group_columns,
    _check_unlisted,
    _check_orders,
)
CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (check_merge_policies,)
