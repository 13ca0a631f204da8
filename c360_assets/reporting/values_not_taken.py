"""Why the values of a person's other records were not taken: the first rule by which each loses.

Asks a published database, with the rules that `customer_360.rendering.merge_policy` gave the SQL of
merged_customers. Laying it out belongs to `profile`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb
import sqlglot

from c360_assets.customer_360.rendering.merge_policy import Group, values
from c360_assets.customer_360.tables.databases import Database
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.customer_360.tables.references import DIALECT
from c360_assets.tenant.local_columns import LOCAL_COLUMNS
from c360_assets.tenant.models import MergePolicy

COMPARED = "completed"
"""The part of the template that holds each record with what it is judged by."""
EMAILS_SQL = """
WITH listed AS (
  SELECT UNNEST(email_values(email)) AS value, blv_email
  FROM unified_coalesced
  WHERE amperity_id = ?
),
own AS (
  SELECT LOWER(value) AS email, BOOL_AND(COALESCE(blv_email, FALSE)) AS is_blocked
  FROM listed
  GROUP BY LOWER(value)
)
SELECT own.email, own.is_blocked, COALESCE(email_valid(own.email), FALSE), assigned.amperity_id
FROM own
LEFT JOIN email_ampid_assignment AS assigned ON assigned.email = own.email
WHERE own.email IS NOT NULL
ORDER BY own.email
"""


@dataclass(frozen=True)
class Refused:
    """A value that was not taken: of which group, whose record, and why."""

    group: str
    datasource: str | None
    pk: str | None
    value: str
    reason: str


def refused(con: duckdb.DuckDBPyConnection, database: Database, amperity_id: str) -> list[Refused]:
    """The values of the person's records that merged_customers does not show, by group and record.

    Nothing where the tenant's own SQL makes merged_customers without reading the core version: its
    rules are not known here.
    """
    core = _core_version(database)
    if core is None:
        return []
    policy = database.tenant.merge_policy
    refused_values: list[Refused] = []
    try:
        records = source_records(con, core, amperity_id)
        if policy.best_email != "priority":
            refused_values += _unassigned_emails(con, policy, amperity_id)
    except (duckdb.BinderException, duckdb.CatalogException):
        # Published before its definition changed, or without the tables that say why.
        return []
    for group in values(database.tenant, frozenset())["groups"]:
        if group.named:
            refused_values += _refused_of_group(group, records)
    return sorted(
        refused_values,
        key=lambda item: (item.group, item.datasource or "", item.pk or "", item.value),
    )


def _core_version(database: Database) -> TableNode | None:
    """The shipped SQL of merged_customers that the database's own comes from, if any."""
    node = next(node for node in database.nodes if node.name.lower() == "merged_customers")
    if node.core is None and node.source == "template":
        return node
    return node.core


def source_records(
    con: duckdb.DuckDBPyConnection, core: TableNode, amperity_id: str
) -> list[dict[str, Any]]:
    """The person's records as merged_customers compares them.

    Each has its values, and by group its completeness, blocklist flag and priority.
    """
    query = sqlglot.parse_one(core.sql, read=DIALECT)
    with_sql = query.args["with_"].sql(dialect=DIALECT)
    result = con.execute(
        f"{with_sql} SELECT * FROM {COMPARED} WHERE amperity_id = ? ORDER BY datasource, pk",
        [amperity_id],
    )
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def shown(group: Group, record: dict[str, Any]) -> tuple[Any, ...]:
    """The values that a record would give to the group's columns."""
    return tuple(record[column["alias"]] for column in group.columns)


def best_record(group: Group, records: list[dict[str, Any]]) -> dict[str, Any]:
    """The record that the group comes from."""
    return min(records, key=lambda record: _rank(group, record))


def _refused_of_group(group: Group, records: list[dict[str, Any]]) -> list[Refused]:
    winner = best_record(group, records)
    taken = _text(group, winner)
    refused_values = []
    for record in records:
        text = _text(group, record)
        if text not in ("", taken):
            reason = _reason(_rank(group, record), _rank(group, winner))
            refused_values.append(
                Refused(group.name, record["datasource"], record["pk"], text, reason)
            )
    return refused_values


def _text(group: Group, record: dict[str, Any]) -> str:
    """The values for a reader, without what says again what others say.

    That is the parts beside a whole name, and the forms in which Stitch compares.
    """
    fields = {column["name"]: record[column["alias"]] for column in group.columns}
    known = {name: value for name, value in fields.items() if value is not None}
    parts = ("given_name", "surname") if "full_name" in known else ()
    repeated = {*parts, *LOCAL_COLUMNS}
    return ", ".join(str(value) for name, value in known.items() if name not in repeated)


class _Rank(NamedTuple):
    """What records of a group are ordered by, the best first, as in merged_customers' SQL."""

    incompleteness: int
    is_blocked: bool
    priority: int
    age: float
    has_no_key: bool
    key: bytes
    datasource: bytes


def _rank(group: Group, record: dict[str, Any]) -> _Rank:
    changed = record["update_dt"]
    return _Rank(
        incompleteness=-_completeness(group, record),
        is_blocked=bool(group.blocked and record[f"{group.name}_blv"]),
        priority=record[f"{group.name}_priority"],
        age=-changed.timestamp() if changed is not None else float("inf"),
        has_no_key=record["pk"] is None,
        # SQL compares texts by their bytes.
        key=(record["pk"] or "").encode(),
        datasource=(record["datasource"] or "").encode(),
    )


def _completeness(group: Group, record: dict[str, Any]) -> int:
    filled = int(record[f"{group.name}_completion"])
    return min(filled, 1) if group.rank_first else filled


def _reason(lost: _Rank, won: _Rank) -> str:
    """The first rule by which one record comes after the other."""
    is_undated = lost.age == float("inf")
    earlier = "says nothing of when it was changed" if is_undated else "changed earlier"
    reasons = {
        "incompleteness": f"less complete: {-lost.incompleteness} against {-won.incompleteness}",
        "is_blocked": "on the blocklist",
        "priority": f"its source comes later: priority {lost.priority} against {won.priority}",
        "age": earlier,
        "has_no_key": "alike in all; it has no key",
        "key": "alike in all; its key comes later",
        "datasource": "alike in all; its source's name comes later",
    }
    rule = next(name for name in _Rank._fields if getattr(lost, name) != getattr(won, name))
    return reasons[rule]


def _unassigned_emails(
    con: duckdb.DuckDBPyConnection, policy: MergePolicy, amperity_id: str
) -> list[Refused]:
    """E-mails of the person that were not assigned to them."""
    refused_values = []
    for email, is_blocked, is_valid, owner in con.execute(EMAILS_SQL, [amperity_id]).fetchall():
        if owner == amperity_id:
            continue
        if owner is not None:
            reason = f"assigned to {owner}"
        elif not is_valid:
            reason = "not a well-formed address"
        elif is_blocked and policy.use_blocklist:
            reason = "on the blocklist"
        else:
            reason = (
                "not the person's first choice, "
                "and an e-mail is taken only where both choose each other"
            )
        refused_values.append(Refused("email", None, None, email, reason))
    return refused_values
