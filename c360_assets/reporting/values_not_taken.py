"""Why the values of a person's other records were not taken: one reason each, the first rule by which the record loses.

Asks a published database, with the rules that `customer_360.merge_policy` gave the SQL of merged_customers. Laying it out belongs
to `profile`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import sqlglot

from c360_assets.customer_360.rendering.merge_policy import Group, values
from c360_assets.customer_360.tables.databases import Database
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.customer_360.tables.references import DIALECT

COMPARED = "completed"  # the part of the template that holds each record with what it is judged by


@dataclass(frozen=True)
class Refused:
    """A value that was not taken: of which group, whose record, and why."""

    group: str
    datasource: str | None
    pk: str | None
    value: str
    reason: str


def refused(con: duckdb.DuckDBPyConnection, database: Database, amperity_id: str) -> list[Refused]:
    """The values of the person's records that merged_customers does not show, by group and record; values shown are left out.

    Nothing where the tenant's own SQL makes merged_customers without reading the core version: its rules are not known here.
    """
    node = next(n for n in database.nodes if n.name.lower() == "merged_customers")
    core = node.core or (node if node.source == "template" else None)
    if core is None:
        return []
    try:
        records = source_records(con, core, amperity_id)
        found = (
            _emails(con, database, amperity_id)
            if database.tenant.merge_policy.best_email != "priority"
            else []
        )
    except (duckdb.BinderException, duckdb.CatalogException):
        return []  # published before its definition changed, or without the tables that tell
    for group in values(database.tenant, frozenset())["groups"]:
        if group.named:
            found += _of_group(group, records)
    return sorted(found, key=lambda r: (r.group, r.datasource or "", r.pk or "", r.value))


def source_records(
    con: duckdb.DuckDBPyConnection, core: TableNode, amperity_id: str
) -> list[dict[str, Any]]:
    """The person's records as merged_customers compares them: values, completeness, blocklist flags and priorities by group."""
    query = sqlglot.parse_one(core.sql, read=DIALECT)
    parts = query.args["with_"].sql(dialect=DIALECT)
    result = con.execute(
        f"{parts} SELECT * FROM {COMPARED} WHERE amperity_id = ? ORDER BY datasource, pk",
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


def _of_group(group: Group, records: list[dict[str, Any]]) -> list[Refused]:
    winner = best_record(group, records)
    others = [r for r in records if _text(group, r) not in ("", _text(group, winner))]
    return [
        Refused(group.name, r["datasource"], r["pk"], _text(group, r), _reason(group, r, winner))
        for r in others
    ]


def _text(group: Group, record: dict[str, Any]) -> str:
    """The values for a reader; a whole name says what its parts would say again."""
    parts = {
        column["name"]: value
        for column in group.columns
        if (value := record[column["alias"]]) is not None
    }
    repeated = ("given_name", "surname") if "full_name" in parts else ()
    return ", ".join(str(value) for column, value in parts.items() if column not in repeated)


def _rank(group: Group, record: dict[str, Any]) -> tuple[Any, ...]:
    """By what records of a group are ordered, the best first: as the SQL of merged_customers orders them."""
    moment = record["update_dt"]
    return (
        -_completeness(group, record),
        bool(group.blocked and record[f"{group.name}_blv"]),
        record[f"{group.name}_priority"],
        -moment.timestamp() if moment is not None else float("inf"),
        record["pk"] is None,
        (record["pk"] or "").encode(),
        (record["datasource"] or "").encode(),
    )


def _completeness(group: Group, record: dict[str, Any]) -> int:
    counted = int(record[f"{group.name}_completion"])
    return min(counted, 1) if group.rank_first else counted


def _reason(group: Group, record: dict[str, Any], winner: dict[str, Any]) -> str:
    lost, won = _rank(group, record), _rank(group, winner)
    first = next(place for place, (a, b) in enumerate(zip(lost, won, strict=True)) if a != b)
    return (
        f"less complete: {-lost[0]} against {-won[0]}",
        "on the blocklist",
        f"its source comes later: priority {lost[2]} against {won[2]}",
        "changed earlier"
        if record["update_dt"] is not None
        else "says nothing of when it was changed",
        "alike in all; it has no key",
        "alike in all; its key comes later",
        "alike in all; its source's name comes later",
    )[first]


def _emails(con: duckdb.DuckDBPyConnection, database: Database, amperity_id: str) -> list[Refused]:
    """E-mails of the person that were not assigned to them."""
    use_blocklist = database.tenant.merge_policy.use_blocklist
    rows = con.execute(
        "SELECT own.email, own.is_blocked, COALESCE(email_valid(own.email), FALSE), assigned.amperity_id FROM ("
        "SELECT LOWER(clean(value)) AS email, BOOL_AND(COALESCE(blv_email, FALSE)) AS is_blocked FROM ("
        "SELECT UNNEST(STRING_SPLIT(email, ',')) AS value, blv_email FROM unified_coalesced WHERE amperity_id = ?) "
        "GROUP BY LOWER(clean(value))) AS own LEFT JOIN email_ampid_assignment AS assigned ON assigned.email = own.email "
        "WHERE own.email IS NOT NULL ORDER BY own.email",
        [amperity_id],
    ).fetchall()
    found = []
    for email, is_blocked, is_valid, owner in rows:
        if owner == amperity_id:
            continue
        if owner is not None:
            reason = f"assigned to {owner}"
        elif not is_valid:
            reason = "not a well-formed address"
        elif is_blocked and use_blocklist:
            reason = "on the blocklist"
        else:
            reason = "not the person's first choice, and an e-mail is taken only where both choose each other"
        found.append(Refused("email", None, None, email, reason))
    return found
