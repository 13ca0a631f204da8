"""One customer's page: the merged profile and where each part came from, records, latest orders.

Reads a published database only. Why two records are one person is a question to Stitch, not to this
page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from c360_assets.errors import C360Error
from c360_assets.reporting.plain_tables import plain_table
from c360_assets.wording import counted

if TYPE_CHECKING:
    from c360_assets.customer_360.tables.databases import Database
    from c360_assets.reporting.values_not_taken import Refused

REDIRECTS = "stitch_id_redirects"
SHOWN_ORDERS = 10
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
# Columns of attributes -> their labels on the page.
FACTS = {
    "historical_purchaser_lifecycle_status": "lifecycle",
    "lifetime_order_frequency": "orders",
    "lifetime_order_revenue": "revenue",
    "l12m_order_revenue": "revenue of 12 months",
    "latest_order_datetime": "latest order",
    "contactable_email": "contactable by e-mail",
}
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
    """What the published database holds about one person, and the keys of `--json`.

    Rows are column → value, `groups` group → its columns. `asked_for` is an ended id whose records
    this person holds now, empty where the id itself was asked for.
    """

    amperity_id: str
    asked_for: str
    groups: dict[str, tuple[str, ...]]
    merged: dict[str, Any]
    attributes: dict[str, Any]
    records: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    refused: list[Refused]


def read_profile(con: duckdb.DuckDBPyConnection, wanted: str, database: Database) -> Profile:
    """The person whose amperity_id is `wanted` or begins with it, in a published `database`.

    A beginning has eight characters or more. Of tables that the database does not publish the page
    shows nothing. Raises C360Error when merged_customers is one of them, and when nobody or several
    people fit.
    """
    # Needs all that builds a database, which `explain` does not: it only looks ids up here.
    from c360_assets.reporting.values_not_taken import refused

    if not _is_published(con, "merged_customers"):
        raise C360Error(
            f"database {database.name} does not publish merged_customers, which this page shows; "
            f"add it to databases.{database.name}.tables in tenant.yaml"
        )
    amperity_id, ended_id = _the_one_person(con, wanted.strip().lower())
    custom_groups = database.tenant.merge_policy.custom_groups
    attributes = _first_row(con, "customer_attributes", amperity_id)
    attributes |= _first_row(con, "transaction_attributes_extended", amperity_id)
    records = _ordered_rows(con, "unified_coalesced", RECORD_COLUMNS, amperity_id, "datasource, pk")
    latest_first = "order_datetime DESC NULLS LAST, order_id"
    order_columns = tuple(ORDER_COLUMNS)
    orders = _ordered_rows(con, "unified_transactions", order_columns, amperity_id, latest_first)
    return Profile(
        amperity_id,
        ended_id,
        groups=GROUPS | {name: tuple(group.columns) for name, group in custom_groups.items()},
        merged=_first_row(con, "merged_customers", amperity_id),
        attributes=attributes,
        records=records,
        orders=orders,
        refused=refused(con, database, amperity_id),
    )


class _Person(NamedTuple):
    amperity_id: str
    ended_id: str = ""  # that was asked for


def _the_one_person(con: duckdb.DuckDBPyConnection, wanted: str) -> _Person:
    fitting = ids_like(con, "merged_customers", "amperity_id", wanted)
    if len(fitting) > 1:
        raise C360Error(
            "several people's ids begin like this; give more characters of the amperity_id"
        )
    if fitting:
        return _Person(fitting[0])
    if _is_published(con, REDIRECTS):
        ended = ids_like(con, REDIRECTS, "amperity_id", wanted)
        if len(ended) == 1:
            return _Person(_heir(con, ended[0]), ended[0])
    raise C360Error(
        "nobody has this amperity_id; give one of customer_360, whole or its first eight "
        "characters: `c360 find WORDS` finds people by names and contacts"
    )


def ids_like(con: duckdb.DuckDBPyConnection, table: str, column: str, wanted: str) -> list[str]:
    """At most two ids of a table that are `wanted` or begin with it."""
    rows = con.execute(
        f"SELECT DISTINCT {column} FROM {table} "
        f"WHERE {column} = ? OR (length(?) >= 8 AND starts_with({column}, ?)) "
        f"ORDER BY {column} LIMIT 2",
        [wanted] * 3,
    ).fetchall()
    return [str(row[0]) for row in rows]


def _heir(con: duckdb.DuckDBPyConnection, ended: str) -> str:
    """The one id that holds the records of an ended id now. Raises C360Error where it is none or
    several."""
    rows = con.execute(
        f"SELECT current_amperity_id, n_records, last_generation FROM {REDIRECTS} "
        "WHERE amperity_id = ? ORDER BY rank",
        [ended],
    ).fetchall()
    last_generation = rows[0][2]
    holders = [f"{id} ({records})" for id, records, _ in rows if id is not None]
    if not holders:
        raise C360Error(
            f"this amperity_id ended after generation {last_generation} of Stitch, and none of its "
            "records is left"
        )
    if len(holders) > 1:
        raise C360Error(
            f"this amperity_id ended after generation {last_generation} of Stitch; its records are "
            f"now with {', '.join(holders)}"
        )
    return str(rows[0][0])


def _is_published(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    columns = con.execute(
        "SELECT 1 FROM duckdb_columns() WHERE lower(table_name) = ? LIMIT 1", [table]
    )
    return bool(columns.fetchall())


def _first_row(con: duckdb.DuckDBPyConnection, table: str, amperity_id: str) -> dict[str, Any]:
    if not _is_published(con, table):
        return {}
    rows = _rows(con.execute(f"SELECT * FROM {table} WHERE amperity_id = ?", [amperity_id]))
    return rows[0] if rows else {}


def _ordered_rows(
    con: duckdb.DuckDBPyConnection,
    table: str,
    columns: tuple[str, ...],
    amperity_id: str,
    order: str,
) -> list[dict[str, Any]]:
    if not _is_published(con, table):
        return []
    columns_sql = ", ".join(columns)
    query = f"SELECT {columns_sql} FROM {table} WHERE amperity_id = ? ORDER BY {order}"
    return _rows(con.execute(query, [amperity_id]))


def _rows(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def render_profile(profile: Profile, console: Console) -> None:
    """Print the page; of the orders the latest `SHOWN_ORDERS`."""
    sections: list[RenderableType] = [_merged_table(profile)]
    if profile.asked_for:
        sections.insert(0, f"[yellow]{profile.asked_for} ended; its records are here now[/]\n")
    if profile.refused:
        sections.append(_refused_table(profile.refused))
    facts = _facts(profile.attributes)
    if facts:
        sections.append("\n" + facts)
    if profile.records:
        sections.append(f"\n[dim]{counted(len(profile.records), 'source record')}[/]")
        sections.extend(_record_line(record) for record in profile.records)
    if profile.orders:
        title = f"\n{counted(len(profile.orders), 'order')}, latest first"
        if len(profile.orders) > SHOWN_ORDERS:
            there_are = counted(len(profile.orders), "order")
            title = f"\nThe latest {SHOWN_ORDERS} of {there_are}; --json lists all"
        sections.append(_orders_table(title, profile.orders[:SHOWN_ORDERS]))
    console.print(
        Panel(Group(*sections), title=profile.amperity_id, title_align="left", padding=(0, 1))
    )


def _merged_table(profile: Profile) -> Table:
    """The merged value of each group of fields, and the record that it comes from."""
    merged = profile.merged
    table = plain_table()
    for heading in ("", "value", "source", "key", "priority"):
        table.add_column(heading, overflow="fold")
    for group, columns in profile.groups.items():
        fields = [str(merged[column]) for column in columns if merged.get(column) is not None]
        value = ", ".join(fields)
        origin = []
        for what in ("datasource", "pk", "priority"):
            from_record = merged.get(f"{group}_{what}")
            is_shown = value and from_record is not None
            origin.append(str(from_record) if is_shown else "")
        _add_row(table, group, value or "–", *origin)
        if group == "name" and merged.get("name_completed_pk") is not None:
            source = str(merged["name_completed_datasource"])
            _add_row(table, "", "completed by", source, str(merged["name_completed_pk"]), "")
    return table


def _refused_table(items: list[Refused]) -> Table:
    table = plain_table("\nnot taken")
    for heading in ("", "value", "source", "key", "why"):
        table.add_column(heading, overflow="fold")
    for item in items:
        _add_row(table, item.group, item.value, item.datasource or "", item.pk or "", item.reason)
    return table


def _record_line(record: dict[str, Any]) -> Text:
    """One source record as a line: where it is from, then what it says."""
    values = [
        _plain(record[column])
        for column in RECORD_COLUMNS
        if column not in ("datasource", "pk", "update_dt") and record.get(column) not in (None, "")
    ]
    line = Text(f"{record['datasource']} ", style="bold")
    line.append(f"{record['pk']}  ", style="dim")
    line.append(" · ".join(values), style="default not bold")
    if record.get("update_dt") is not None:
        line.append(f"  updated {_plain(record['update_dt'])}", style="dim not bold")
    return line


def _facts(attributes: dict[str, Any]) -> str:
    known = [column for column in FACTS if attributes.get(column) is not None]
    return "   ".join(f"{FACTS[column]} {_plain(attributes[column])}" for column in known)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    # Of a time its date, hour and minute.
    return text[:16] if hasattr(value, "hour") else text


def _orders_table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = plain_table(title)
    for column in rows[0] if rows else ():
        table.add_column(ORDER_COLUMNS[column], overflow="fold")
    for row in rows:
        cells = ["" if value is None else _plain(value) for value in row.values()]
        _add_row(table, *cells)
    return table


def _add_row(table: Table, *cells: str) -> None:
    """Add the cells as they are: a plain string's square brackets would be read as markup."""
    table.add_row(*map(Text, cells))
