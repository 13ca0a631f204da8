"""Which columns of a published table are addresses, and which of them may leave for a purpose.

A table that is sent whole with one says for which purpose, or why nobody is asked. An address whose
own statement is not yes is left empty and counted; its row stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb

from c360_assets.customer_360.publication.consent import (
    contact_key,
    purpose_gate,
    statements_table,
)
from c360_assets.customer_360.publication.unsaid_words import unsaid
from c360_assets.customer_360.tables.build import prepare_context
from c360_assets.errors import C360Error
from c360_assets.tenant.destinations import DestinationTable
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

# Column, or tag that it carries -> the channel that it reaches people by.
CHANNELS = {
    "email": "email",
    "hashed_email": "email",
    "phone": "sms",
    "hashed_phone": "sms",
    "hashed_phone_e164": "sms",
}
# Channel -> the column by which a hash is held against statements.
PLAIN = {"email": "email", "sms": "phone"}


def channel_of(column: str, semantic: str) -> str | None:
    """The channel of a column that holds addresses, None for any other."""
    if column.lower() in CHANNELS:
        return CHANNELS[column.lower()]
    for tag in semantic.split(","):
        name = tag.strip().rsplit("/", 1)[-1]
        if name in CHANNELS:
            return CHANNELS[name]
    return None


def needs_consent(columns: Iterable[str], semantics: Mapping[str, str]) -> list[str]:
    """Those of the columns that hold addresses."""
    return [column for column in columns if channel_of(column, semantics.get(column, ""))]


def refuse_silence(place: str, item: DestinationTable, addresses: list[str]) -> None:
    """Raises C360Error where addresses would leave and nothing is said of consent."""
    if addresses and item.consent is None:
        raise C360Error(
            f"{place} sends {', '.join(addresses)}: say consent: PURPOSE "
            '(workflow.yaml: purposes), or consent: none, because "…"'
        )


def bind_statements(
    session: Session,
    con: duckdb.DuckDBPyConnection,
    tenant: Tenant,
    purpose: str,
    channel: str,
    brand: str | None,
) -> str:
    """Give `con` a table of the addresses that may be used, by their key; returns its name.

    Raises C360Error where there are no statements, or none says what the purpose asks for.
    """
    gate = purpose_gate(tenant, purpose, channel, brand)
    if session.state(gate.table) is None:
        raise C360Error(f"{gate.table}, which holds the consent, is not built")
    ((day,),) = session.rows("SELECT current_date")
    prepare_context(session, day)
    session.bind(gate.table, gate.table)
    problem = unsaid(session, gate.table, gate.words)
    if problem is not None:
        raise C360Error(f"all of it would be left empty for the purpose {purpose}: {problem}")
    yes = session.con.sql(f"SELECT address_key FROM ({gate.answers}) WHERE is_yes").to_arrow_table()
    # Tables of one receiver may be sent for several purposes: each has answers of its own.
    name = quote_ident(f"_c360_yes {channel} {purpose}")
    con.register("_c360_yes_rows", yes)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM _c360_yes_rows")
    con.unregister("_c360_yes_rows")
    return name


def what_is_said(session: Session, tenant: Tenant, purpose: str) -> list[Any]:
    """All that decides which addresses may be used for a purpose: what it counts, and the digests
    of the statements, None where there are none.
    """
    states = [session.state(statements_table(channel)) for channel in PLAIN]
    digests = [state.digest if state is not None else None for state in states]
    return [tenant.workflow.purposes.get(purpose), digests]


def withheld(column: str, channel: str, columns: Iterable[str], yes: str) -> str:
    """The column, empty where its address may not be used.

    Raises C360Error for a hash whose address is not in its table: nobody can tell whose it is.
    """
    held = PLAIN[channel]
    is_hash = column.lower().startswith("hashed")
    if is_hash and held not in {name.lower() for name in columns}:
        raise C360Error(f"{column} cannot be held against consent: its table has no {held}")
    plain = quote_ident(held if is_hash else column)
    key = contact_key(channel, plain)
    name = quote_ident(column)
    return f"CASE WHEN {key} IN (SELECT address_key FROM {yes}) THEN {name} END AS {name}"
