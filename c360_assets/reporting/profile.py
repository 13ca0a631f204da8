"""One customer's page: the merged profile, where each part came from and why the others lost, source records, latest orders.

Reads a published database only. Why two records are one person is a question to Stitch, not to this page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from c360_assets.customer_360.tables.databases import Database
from c360_assets.errors import C360Error
from c360_assets.reporting.values_not_taken import Refused, refused

GROUPS = {
    "name": ("full_name", "generational_suffix"),
    "email": ("email",),
    "phone": ("phone",),
    "address": ("address", "address2", "city", "state", "postal", "country"),
    "birthdate": ("birthdate",),
    "gender": ("gender",),
}
RECORD_COLUMNS = (
    "datasource",
    "pk",
    "full_name",
    "email",
    "phone",
    "address",
    "city",
    "postal",
    "birthdate",
    "update_dt",
)
# Column of unified_transactions -> its heading on the page.
ORDER_COLUMNS = {
    "order_datetime": "ordered",
    "order_id": "order",
    "order_revenue": "revenue",
    "order_quantity": "items",
    "purchase_brand": "brand",
    "purchase_channel": "channel",
}


@dataclass(frozen=True)
class Profile:
    """What the published database holds about one person; rows are column → value, `groups` group → its columns."""

    amperity_id: str
    groups: dict[str, tuple[str, ...]]
    merged: dict[str, Any]
    attributes: dict[str, Any]
    records: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    refused: list[Refused]

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "refused": [vars(item) for item in self.refused]}


def read_profile(con: duckdb.DuckDBPyConnection, wanted: str, database: Database) -> Profile:
    """The person whose amperity_id is `wanted` or begins with it (eight characters or more), in a published `database`.

    Of tables that the database does not publish the page shows nothing. Raises C360Error when merged_customers is one of them,
    and when nobody or several people fit.
    """
    if not _has(con, "merged_customers"):
        raise C360Error(
            f"database {database.name} does not publish merged_customers, which this page shows; "
            f"add it to databases.{database.name}.tables in tenant.yaml"
        )
    found = con.execute(
        "SELECT amperity_id FROM merged_customers WHERE amperity_id = ? OR (length(?) >= 8 AND starts_with(amperity_id, ?))"
        " ORDER BY amperity_id LIMIT 2",
        [wanted.lower()] * 3,
    ).fetchall()
    if not found:
        raise C360Error(
            "nobody has this amperity_id; give one of customer_360, whole or its first eight characters"
        )
    if len(found) > 1:
        raise C360Error(
            "several people's ids begin like this; give more characters of the amperity_id"
        )
    ((amperity_id,),) = found
    return Profile(
        amperity_id,
        groups={
            **GROUPS,
            **{
                name: tuple(own.columns)
                for name, own in database.tenant.merge_policy.custom_groups.items()
            },
        },
        merged=_one(con, "merged_customers", amperity_id),
        attributes=_one(con, "customer_attributes", amperity_id)
        | _one(con, "transaction_attributes_extended", amperity_id),
        records=_many(con, "unified_coalesced", RECORD_COLUMNS, amperity_id, "datasource, pk"),
        orders=_many(
            con,
            "unified_transactions",
            tuple(ORDER_COLUMNS),
            amperity_id,
            "order_datetime DESC NULLS LAST, order_id",
        ),
        refused=refused(con, database, amperity_id),
    )


def _has(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(
        con.execute(
            "SELECT 1 FROM duckdb_columns() WHERE lower(table_name) = ? LIMIT 1", [table]
        ).fetchall()
    )


def _one(con: duckdb.DuckDBPyConnection, table: str, amperity_id: str) -> dict[str, Any]:
    if not _has(con, table):
        return {}
    rows = _rows(con.execute(f"SELECT * FROM {table} WHERE amperity_id = ?", [amperity_id]))
    return rows[0] if rows else {}


def _many(
    con: duckdb.DuckDBPyConnection,
    table: str,
    columns: tuple[str, ...],
    amperity_id: str,
    order: str,
) -> list[dict[str, Any]]:
    if not _has(con, table):
        return []
    listed = ", ".join(columns)
    return _rows(
        con.execute(
            f"SELECT {listed} FROM {table} WHERE amperity_id = ? ORDER BY {order}", [amperity_id]
        )
    )


def _rows(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def render_profile(profile: Profile, console: Console, orders: int = 10) -> None:
    """Print the page; at most `orders` of the latest orders."""
    merged = profile.merged
    best = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "value", "source", "key", "priority"):
        best.add_column(name, overflow="fold")
    for group, columns in profile.groups.items():
        value = ", ".join(str(merged[c]) for c in columns if merged.get(c) is not None)
        origin = (
            merged.get(f"{group}_datasource"),
            merged.get(f"{group}_pk"),
            merged.get(f"{group}_priority"),
        )
        _add_row(
            best, group, value or "–", *("" if v is None or not value else str(v) for v in origin)
        )
    parts: list[RenderableType] = [best]
    if profile.refused:
        parts.append(_refused_grid(profile.refused))
    facts = _facts(profile.attributes)
    if facts:
        parts.append("\n" + facts)
    if profile.records:
        parts.append(f"\n[dim]{len(profile.records)} source records[/]")
    parts.extend(_record(row) for row in profile.records)
    if profile.orders:
        parts.append(
            _order_grid(f"\n{len(profile.orders)} orders, latest first", profile.orders[:orders])
        )
    console.print(
        Panel(Group(*parts), title=profile.amperity_id, title_align="left", padding=(0, 1))
    )


def _refused_grid(items: list[Refused]) -> Table:
    table = Table(
        title="\nnot taken", title_justify="left", box=None, pad_edge=False, header_style="dim"
    )
    for name in ("", "value", "source", "key", "why"):
        table.add_column(name, overflow="fold")
    for item in items:
        _add_row(table, item.group, item.value, item.datasource or "", item.pk or "", item.reason)
    return table


def _record(row: dict[str, Any]) -> Text:
    """One source record as a line: where it is from, then what it says."""
    said = [_plain(row[c]) for c in RECORD_COLUMNS[2:-1] if row.get(c) not in (None, "")]
    line = Text(f"{row['datasource']} ", style="bold")
    line.append(f"{row['pk']}  ", style="dim")
    line.append(" · ".join(said), style="default not bold")
    if row.get("update_dt") is not None:
        line.append(f"  updated {_plain(row['update_dt'])}", style="dim not bold")
    return line


def _facts(attributes: dict[str, Any]) -> str:
    wanted = {
        "historical_purchaser_lifecycle_status": "lifecycle",
        "lifetime_order_frequency": "orders",
        "lifetime_order_revenue": "revenue",
        "l12m_order_revenue": "revenue of 12 months",
        "latest_order_datetime": "latest order",
        "contactable_email": "contactable by e-mail",
    }
    return "   ".join(
        f"{label} {_plain(attributes[c])}"
        for c, label in wanted.items()
        if attributes.get(c) is not None
    )


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)[:16] if hasattr(value, "hour") else str(value)


def _order_grid(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for name in rows[0] if rows else ():
        table.add_column(ORDER_COLUMNS[name], overflow="fold")
    for row in rows:
        _add_row(table, *("" if v is None else _plain(v) for v in row.values()))
    return table


def _add_row(table: Table, *cells: str) -> None:
    """Add the cells as they are: of a plain string the table would read square brackets as markup."""
    table.add_row(*map(Text, cells))
