"""Lints of semantic tags: which may stand where, how often, and on which type of field.

Rules about one table get the table; rules about the tenant get all of it. What a tag means is in the catalogue of `semantics`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from c360_assets.semantics.tags import GROUPS, PROFILE_TAGS, is_profile, suggest, tag_info
from c360_assets.tenant.findings import Findings
from c360_assets.tenant.models import SourceTable

FEW_PROFILE_TAGS = 3
LOYALTY_IDS = ("loyalty-id", "loy/loyalty-id", "loy-event/loyalty-id")
# A flag that is not there reads as false everywhere, so a shop without returns needs no column for it.
MISSING_FLAG_WARNS = frozenset({"txn-item/is-return", "txn-item/is-cancellation"})
# Transactions are fuller with these, but single-brand, online or discount-free sources lack them.
TXN_ADVISED = ("txn-item/purchase-channel", "txn-item/store-id", "txn-item/order-discount-amount")


def _all(table: SourceTable) -> list[str]:
    return [tag for tags in table.tags.values() for tag in tags]


def _groups(table: SourceTable) -> set[str]:
    return {tag_info(tag).group for tag in _all(table)}


def spelling(found: Findings, table: SourceTable) -> None:
    """A misspelt tag is a legal custom tag, so it only warns; a family of keys needs a namespace."""
    for column, tags in table.tags.items():
        for position, tag in enumerate(tags):
            path = (*found.path_of(table, column), "tags", position)
            if tag.rstrip("-") in {"fk", "sk", "bk"}:
                found.error(
                    found.place(table),
                    path,
                    f"{tag!r} needs a namespace",
                    f"such as {tag.rstrip('-')}-customer-id",
                )
            elif near := suggest(tag):
                found.warning(
                    found.place(table),
                    path,
                    f"{tag!r} is no documented tag and is kept as a custom one",
                    f"did you mean {near!r}?",
                )
            elif "/" in tag and tag.split("/", 1)[1].startswith(("fk-", "sk-", "bk-")):
                found.warning(
                    found.place(table),
                    path,
                    f"{tag!r} has a prefix, so it is no key",
                    f"did you mean {tag.split('/', 1)[1]!r}?",
                )
        if doubled := sorted(t for t, n in Counter(tags).items() if n > 1):
            found.warning(
                found.place(table),
                (*found.path_of(table, column), "tags"),
                f"given twice: {', '.join(doubled)}",
            )


def types(found: Findings, table: SourceTable) -> None:
    """A field's type is the one its tags ask for: an error where the platform depends on it, else a warning."""
    for column, tags in table.tags.items():
        actual = table.types.get(column)
        for tag in tags:
            info = tag_info(tag)
            if actual is None or info.type in {"any", actual}:
                continue
            report = found.error if info.enforced else found.warning
            path = found.path_of(table, column)
            report(
                found.place(table),
                (*path, "type"),
                f"a field tagged {tag} must be of type {info.type}, not {actual}",
                f"type: {info.type}",
            )


def repeats(found: Findings, table: SourceTable) -> None:
    """Only tags of several values may stand on several fields of one table."""
    seen: dict[str, str] = {}
    for column, tags in table.tags.items():
        for tag in dict.fromkeys(tags):
            info = tag_info(tag)
            if tag in seen and not info.multi:
                report = found.error if info.once else found.warning
                path = (*found.path_of(table, column), "tags")
                report(
                    found.place(table),
                    path,
                    f"{tag} stands on {seen[tag]} already; one field of a table may carry it",
                )
            seen.setdefault(tag, column)


def keys(found: Findings, table: SourceTable) -> None:
    """Separation keys repeat a profile tag of their field; a table that is no customer table has one foreign key."""
    for column, tags in table.tags.items():
        for tag in tags:
            wanted = tag.removeprefix("sk-")
            if (
                tag.startswith("sk-")
                and wanted
                and (wanted not in PROFILE_TAGS or wanted not in tags)
            ):
                remedy = (
                    f"tag the field {wanted} too"
                    if wanted in PROFILE_TAGS
                    else "its namespace must be a profile tag"
                )
                found.error(
                    found.place(table),
                    (*found.path_of(table, column), "tags"),
                    f"{tag} has no profile tag {wanted} on its field",
                    remedy,
                )
    foreign = sorted({t for t in _all(table) if t.startswith("fk-")})
    if len(foreign) > 1 and not any(is_profile(t) for t in _all(table)):
        found.error(
            found.place(table),
            ("fields",),
            f"a table without profile tags may have one foreign key, not {', '.join(foreign)}",
        )


def stitched(found: Findings, table: SourceTable) -> None:
    """Stitch reads customer records: rows with enough personal data to tell people apart."""
    profile = {tag_info(t).base or t for t in _all(table) if is_profile(t)}
    if table.stitch and not profile:
        found.error(
            found.place(table),
            ("stitch",),
            "Stitch needs profile tags, and this table has none",
            "tag name, email, phone …, or `stitch: false`",
        )
    elif table.stitch and len(profile) < FEW_PROFILE_TAGS:
        found.warning(
            found.place(table),
            ("stitch",),
            f"has {len(profile)} profile tags; people are told apart well from {FEW_PROFILE_TAGS} on",
        )


def transactions(found: Findings, table: SourceTable) -> None:
    tags = set(_all(table))
    for column, own in table.tags.items():
        if {"txn-item/is-return", "txn-item/is-cancellation"} <= set(own):
            found.error(
                found.place(table),
                (*found.path_of(table, column), "tags"),
                "is-return and is-cancellation must be two fields",
            )
    if "txn-item" not in _groups(table):
        return
    if not any(t.startswith("fk-") for t in tags) and not tags & {
        "customer-id",
        "txn-item/customer-id",
    }:
        found.error(
            found.place(table),
            ("fields",),
            "transactions need a link to their customer",
            "tag one field fk-<name>, or customer-id",
        )
    if absent := [t for t in TXN_ADVISED if t not in tags]:
        found.warning(
            found.place(table),
            ("fields",),
            f"no field is tagged {', '.join(absent)}; those columns stay empty",
        )


def required(found: Findings, table: SourceTable) -> None:
    """A table that feeds a unified table carries the tags without which its rows mean nothing."""
    tags, groups = set(_all(table)), _groups(table)
    for prefix in sorted(groups & GROUPS.keys()):
        group = GROUPS[prefix]
        absent = [t.name for t in group.required if t.name not in tags]
        severe = [t for t in absent if group.core and t not in MISSING_FLAG_WARNS]
        mild = [t for t in absent if t not in severe]
        if severe:
            found.error(
                found.place(table),
                ("fields",),
                f"{group.table} needs a field tagged {', '.join(severe)}",
            )
        if mild:
            found.warning(
                found.place(table),
                ("fields",),
                f"{group.table} expects a field tagged {', '.join(mild)}",
            )


def opt_status(found: Findings, table: SourceTable) -> None:
    if _groups(table) & {"email-opt", "sms-opt"}:
        wrong = sorted({t for t in _all(table) if t.startswith("fk-") or is_profile(t)})
        if wrong:
            found.error(
                found.place(table),
                ("fields",),
                f"a table of opt-in status carries no foreign key and no profile tag: {', '.join(wrong)}",
                "shape the status in a custom domain table of its own",
            )


def fiscal(found: Findings, table: SourceTable) -> None:
    days = table.columns_with("fiscal/calendar-date")
    if days and table.primary_key != days[:1]:
        found.error(
            found.place(table),
            ("primary_key",),
            f"the primary key must be {days[0]}, the field tagged fiscal/calendar-date",
        )


def loyalty(found: Findings, table: SourceTable) -> None:
    for column, tags in table.tags.items():
        named = [t for t in tags if t in LOYALTY_IDS]
        if named and "fk-loyalty-id" not in tags:
            path = (*found.path_of(table, column), "tags")
            found.warning(
                found.place(table),
                path,
                f"is tagged {named[0]} without fk-loyalty-id",
                "add the tag fk-loyalty-id",
            )


def engagement(found: Findings) -> None:
    """E-mail events and their summary are two ways to say one thing."""
    users: dict[str, SourceTable] = {}
    for table in found.tenant.tables:
        for group in _groups(table) & {"email-event", "email-summary"}:
            users.setdefault(group, table)
    if len(users) > 1:
        found.warning(
            found.place(users["email-summary"]),
            ("fields",),
            "the tenant has both email-event and email-summary tags",
            "use one group",
        )


def update_dt(found: Findings) -> None:
    chosen = found.tenant.stitched_tables
    if found.complete and chosen and not any(t.columns_with("update-dt") for t in chosen):
        found.warning(
            found.place(chosen[0]),
            ("fields",),
            "no customer table has a field tagged update-dt, so the newest value cannot win",
        )


def custom_types(found: Findings) -> None:
    """A custom tag becomes one column, so its fields agree on a type."""
    by_tag: dict[str, dict[str, list[tuple[SourceTable, str]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for table in found.tenant.tables:
        for column, tags in table.tags.items():
            for tag in tags:
                if column in table.types and tag_info(tag).type == "any" and tag_info(tag).custom:
                    by_tag[tag][table.types[column]].append((table, column))
    for tag, kinds in sorted(by_tag.items()):
        if len(kinds) > 1:
            table, column = list(kinds.values())[-1][-1]
            found.warning(
                found.place(table),
                (*found.path_of(table, column), "type"),
                f"the tag {tag} is used with several types: {', '.join(sorted(kinds))}",
            )


TABLE_RULES: tuple[Callable[[Findings, SourceTable], None], ...] = (
    spelling,
    types,
    repeats,
    keys,
    stitched,
    transactions,
    required,
    opt_status,
    fiscal,
    loyalty,
)


def per_table(found: Findings) -> None:
    for table in found.tenant.tables:
        for rule in TABLE_RULES:
            rule(found, table)


RULES: tuple[Callable[[Findings], None], ...] = (per_table, engagement, update_dt, custom_types)
