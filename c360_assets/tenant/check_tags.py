"""Checks of semantic tags: which may stand where, how often, and on which type of field.

Checks of one table get the table, those of the tenant get all of it. What a tag means is in the
catalogue of `semantics`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from typing import NamedTuple

from c360_assets.semantics.tables import all_tables
from c360_assets.semantics.tags import (
    CATALOGUE,
    GROUPS,
    PROFILE_TAGS,
    column_for,
    is_profile,
    suggest,
    tag_info,
)
from c360_assets.tenant.config_check import ConfigCheck
from c360_assets.tenant.document import KeyPath
from c360_assets.tenant.models import SourceTable

FEW_PROFILE_TAGS = 3
KEY_FAMILIES = ("fk", "sk", "bk")
KEY_PREFIXES = ("fk-", "sk-", "bk-")
LOYALTY_IDS = ("loyalty-id", "loy/loyalty-id", "loy-event/loyalty-id")
CUSTOMER_IDS = frozenset({"customer-id", "txn-item/customer-id"})
RETURN_AND_CANCELLATION = frozenset({"txn-item/is-return", "txn-item/is-cancellation"})
# A flag that is not there reads as false everywhere: a shop without returns needs no column for it.
MISSING_FLAG_WARNS = RETURN_AND_CANCELLATION
# Transactions are fuller with these, but single-brand, online or discount-free sources lack them.
TXN_ADVISED = ("txn-item/purchase-channel", "txn-item/store-id", "txn-item/order-discount-amount")
FIELDS: KeyPath = ("fields",)


class TaggedColumn(NamedTuple):
    table: SourceTable
    column: str


def _tags_of(table: SourceTable) -> list[str]:
    return [tag for tags in table.tags.values() for tag in tags]


def _groups_of(table: SourceTable) -> set[str]:
    return {tag_info(tag).group for tag in _tags_of(table)}


def _tags_path(check: ConfigCheck, table: SourceTable, column: str) -> KeyPath:
    return (*check.path_of(table, column), "tags")


def check_spelling(check: ConfigCheck, table: SourceTable) -> None:
    for column, tags in table.tags.items():
        path = _tags_path(check, table, column)
        for position, tag in enumerate(tags):
            _check_tag_spelling(check, check.file_of(table), (*path, position), tag)
        repeated = sorted(tag for tag, count in Counter(tags).items() if count > 1)
        if repeated:
            check.warning(check.file_of(table), path, f"given twice: {', '.join(repeated)}")


def _check_tag_spelling(check: ConfigCheck, file: str, path: KeyPath, tag: str) -> None:
    """A misspelt tag is a legal custom tag, so it only warns; a key needs a namespace.

    Columns are told apart without case, so `Email` would make that of `email` a second time.
    """
    family = tag.rstrip("-")
    similar = suggest(tag)
    without_prefix = tag.partition("/")[2]
    if family in KEY_FAMILIES:
        remedy = f"such as {family}-customer-id"
        check.error(file, path, f"{tag!r} needs a namespace", remedy)
    elif tag != tag.lower():
        check.error(file, path, f"{tag!r} is not in lower case", f"did you mean {similar!r}?")
    elif similar:
        message = f"{tag!r} is no documented tag and is kept as a custom one"
        check.warning(file, path, message, f"did you mean {similar!r}?")
    elif without_prefix.startswith(KEY_PREFIXES):
        remedy = f"did you mean {without_prefix!r}?"
        check.warning(file, path, f"{tag!r} has a prefix, so it is no key", remedy)


def check_taken_columns(check: ConfigCheck, table: SourceTable) -> None:
    """A custom tag of a record fills no column of unified_coalesced that is Stitch's own."""
    if not table.stitch:
        return
    own_columns = all_tables()["unified_coalesced"].columns.keys() - {
        tag.column for tag in CATALOGUE.values()
    }
    for column, tags in table.tags.items():
        for tag in tags:
            filled = column_for(tag)
            if "/" not in tag and filled in own_columns:
                message = f"{tag!r} would fill {filled} of unified_coalesced, which Stitch fills"
                path = _tags_path(check, table, column)
                check.error(check.file_of(table), path, message, "choose another tag")


def check_types(check: ConfigCheck, table: SourceTable) -> None:
    """A field's type is the one its tags ask for.

    Another is an error where the platform depends on it, else a warning.
    """
    for column, tags in table.tags.items():
        actual = table.types.get(column)
        path = (*check.path_of(table, column), "type")
        for tag in tags:
            info = tag_info(tag)
            if actual is None or info.type in {"any", actual}:
                continue
            report = check.error if info.enforced else check.warning
            message = f"a field tagged {tag} must be of type {info.type}, not {actual}"
            report(check.file_of(table), path, message, f"type: {info.type}")


def check_repeated_tags(check: ConfigCheck, table: SourceTable) -> None:
    """Only tags of several values may stand on several fields of one table."""
    first_columns: dict[str, str] = {}
    for column, tags in table.tags.items():
        for tag in dict.fromkeys(tags):
            info = tag_info(tag)
            if tag in first_columns and not info.multi:
                report = check.error if info.once else check.warning
                message = (
                    f"{tag} stands on {first_columns[tag]} already; "
                    "one field of a table may carry it"
                )
                report(check.file_of(table), _tags_path(check, table, column), message)
            first_columns.setdefault(tag, column)


def check_separation_keys(check: ConfigCheck, table: SourceTable) -> None:
    """Separation keys repeat a profile tag of their field."""
    for column, tags in table.tags.items():
        for tag in tags:
            namespace = tag.removeprefix("sk-")
            # `sk-` without a namespace is reported by its spelling.
            if not tag.startswith("sk-") or not namespace:
                continue
            if namespace in PROFILE_TAGS and namespace in tags:
                continue
            remedy = "its namespace must be a profile tag"
            if namespace in PROFILE_TAGS:
                remedy = f"tag the field {namespace} too"
            message = f"{tag} has no profile tag {namespace} on its field"
            path = _tags_path(check, table, column)
            check.error(check.file_of(table), path, message, remedy)


def check_foreign_keys(check: ConfigCheck, table: SourceTable) -> None:
    """A table that is no customer table has one foreign key."""
    tags = _tags_of(table)
    foreign_keys = sorted({tag for tag in tags if tag.startswith("fk-")})
    if len(foreign_keys) > 1 and not any(is_profile(tag) for tag in tags):
        message = (
            f"a table without profile tags may have one foreign key, not {', '.join(foreign_keys)}"
        )
        check.error(check.file_of(table), FIELDS, message)


def tell_apart(profile_tags: Collection[str]) -> bool:
    """Whether people are told apart well by these profile tags; a full name is two of them."""
    return len(profile_tags) + ("full-name" in profile_tags) >= FEW_PROFILE_TAGS


def check_stitched(check: ConfigCheck, table: SourceTable) -> None:
    """Stitch reads customer records: rows with enough personal data to tell people apart."""
    if not table.stitch:
        return
    profile_tags = {tag_info(tag).base or tag for tag in _tags_of(table) if is_profile(tag)}
    if not profile_tags:
        message = "Stitch needs profile tags, and this table has none"
        remedy = "tag name, email, phone …, or `stitch: false`"
        check.error(check.file_of(table), ("stitch",), message, remedy)
    elif not tell_apart(profile_tags):
        message = (
            f"has {len(profile_tags)} profile tags; "
            f"people are told apart well from {FEW_PROFILE_TAGS} on"
        )
        check.warning(check.file_of(table), ("stitch",), message)


def check_transactions(check: ConfigCheck, table: SourceTable) -> None:
    file = check.file_of(table)
    for column, tags in table.tags.items():
        if RETURN_AND_CANCELLATION.issubset(tags):
            message = "is-return and is-cancellation must be two fields"
            check.error(file, _tags_path(check, table, column), message)
    if "txn-item" not in _groups_of(table):
        return
    table_tags = set(_tags_of(table))
    has_foreign_key = any(tag.startswith("fk-") for tag in table_tags)
    if not has_foreign_key and table_tags.isdisjoint(CUSTOMER_IDS):
        message = "transactions need a link to their customer"
        check.error(file, FIELDS, message, "tag one field fk-<name>, or customer-id")
    absent = [tag for tag in TXN_ADVISED if tag not in table_tags]
    if absent:
        message = f"no field is tagged {', '.join(absent)}; those columns stay empty"
        check.warning(file, FIELDS, message)


def check_required_tags(check: ConfigCheck, table: SourceTable) -> None:
    """A table that feeds a unified table carries the tags without which its rows mean nothing."""
    tags = set(_tags_of(table))
    for prefix in sorted(_groups_of(table) & GROUPS.keys()):
        group = GROUPS[prefix]
        absent = [tag.name for tag in group.required if tag.name not in tags]
        needed = [tag for tag in absent if group.core and tag not in MISSING_FLAG_WARNS]
        expected = [tag for tag in absent if tag not in needed]
        if needed:
            message = f"{group.table} needs a field tagged {', '.join(needed)}"
            check.error(check.file_of(table), FIELDS, message)
        if expected:
            message = f"{group.table} expects a field tagged {', '.join(expected)}"
            check.warning(check.file_of(table), FIELDS, message)


def check_opt_status(check: ConfigCheck, table: SourceTable) -> None:
    if _groups_of(table).isdisjoint({"email-opt", "sms-opt"}):
        return
    personal = {tag for tag in _tags_of(table) if tag.startswith("fk-") or is_profile(tag)}
    if personal:
        message = (
            "a table of opt-in status carries no foreign key and no profile tag: "
            f"{', '.join(sorted(personal))}"
        )
        remedy = "shape the status in a custom domain table of its own"
        check.error(check.file_of(table), FIELDS, message, remedy)


def check_fiscal_calendar(check: ConfigCheck, table: SourceTable) -> None:
    days = table.columns_with("fiscal/calendar-date")
    if days and table.primary_key != days[:1]:
        message = f"the primary key must be {days[0]}, the field tagged fiscal/calendar-date"
        check.error(check.file_of(table), ("primary_key",), message)


def check_loyalty_ids(check: ConfigCheck, table: SourceTable) -> None:
    for column, tags in table.tags.items():
        loyalty_tags = [tag for tag in tags if tag in LOYALTY_IDS]
        if loyalty_tags and "fk-loyalty-id" not in tags:
            message = f"is tagged {loyalty_tags[0]} without fk-loyalty-id"
            path = _tags_path(check, table, column)
            check.warning(check.file_of(table), path, message, "add the tag fk-loyalty-id")


def check_engagement(check: ConfigCheck) -> None:
    """E-mail events and their summary are two ways to say one thing."""
    first_tables: dict[str, SourceTable] = {}
    for table in check.tenant.tables:
        for group in _groups_of(table) & {"email-event", "email-summary"}:
            first_tables.setdefault(group, table)
    if len(first_tables) > 1:
        file = check.file_of(first_tables["email-summary"])
        message = "the tenant has both email-event and email-summary tags"
        check.warning(file, FIELDS, message, "use one group")


def check_links(check: ConfigCheck) -> None:
    """A foreign key links rows to persons only where a table of persons carries it too."""
    if not check.all_tables_read or not check.tenant.stitched_tables:
        return
    linked = {tag for table in check.tenant.stitched_tables for tag in _tags_of(table)}
    for table in check.tenant.tables:
        if table.stitch or any(is_profile(tag) for tag in _tags_of(table)):
            continue
        for tag in dict.fromkeys(_tags_of(table)):
            if tag.startswith("fk-") and tag not in linked:
                message = f"no stitched table carries {tag}, so these rows belong to no person"
                remedy = f"tag the same number {tag} in a table of persons"
                check.warning(check.file_of(table), FIELDS, message, remedy)


def check_update_time(check: ConfigCheck) -> None:
    stitched = check.tenant.stitched_tables
    if not check.all_tables_read or not stitched:
        return
    if not any(table.columns_with("update-dt") for table in stitched):
        message = "no customer table has a field tagged update-dt, so the newest value cannot win"
        check.warning(check.file_of(stitched[0]), FIELDS, message)


def check_custom_types(check: ConfigCheck) -> None:
    """A custom tag becomes one column, so its fields agree on a type."""
    for tag, columns_by_type in sorted(_custom_tags(check).items()):
        if len(columns_by_type) > 1:
            last_type = list(columns_by_type)[-1]
            table, column = columns_by_type[last_type][-1]
            types = ", ".join(sorted(columns_by_type))
            message = f"the tag {tag} is used with several types: {types}"
            path = (*check.path_of(table, column), "type")
            check.warning(check.file_of(table), path, message)


def _custom_tags(check: ConfigCheck) -> dict[str, dict[str, list[TaggedColumn]]]:
    """Custom tag -> type -> the columns of feeds that carry it.

    Custom domain tables are left out, as their SQL decides the types.
    """
    columns: dict[str, dict[str, list[TaggedColumn]]] = defaultdict(lambda: defaultdict(list))
    for table in check.tenant.tables:
        for column, tags in table.tags.items():
            column_type = table.types.get(column)
            if column_type is None:
                continue
            for tag in tags:
                info = tag_info(tag)
                if info.custom and info.type == "any":
                    columns[tag][column_type].append(TaggedColumn(table, column))
    return columns


TABLE_CHECKS: tuple[Callable[[ConfigCheck, SourceTable], None], ...] = (
    check_spelling,
    check_taken_columns,
    check_types,
    check_repeated_tags,
    check_separation_keys,
    check_foreign_keys,
    check_stitched,
    check_transactions,
    check_required_tags,
    check_opt_status,
    check_fiscal_calendar,
    check_loyalty_ids,
)


def check_each_table(check: ConfigCheck) -> None:
    for table in check.tenant.tables:
        for check_table in TABLE_CHECKS:
            check_table(check, table)


CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (
    check_each_table,
    check_engagement,
    check_links,
    check_update_time,
    check_custom_types,
)
