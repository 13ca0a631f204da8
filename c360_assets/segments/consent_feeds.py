"""What stands behind a table of consent: the tables that it is made from, and the feeds that must
be loaded before anything is sent by it."""

from __future__ import annotations

from c360_assets.customer_360.tables.databases import databases
from c360_assets.customer_360.tables.references import Names
from c360_assets.segments.database_tables import stored_names
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.statement import StatementError, read_statement

# Made from everything that is loaded; a statement of consent is joined on the address, not on the
# person, so that it counts before the person is known.
NOT_BEFORE_SENDING = "unified_coalesced"


def consent_tables(tenant: Tenant, table: str) -> set[str]:
    """Warehouse names of the table and of what it is made from, domain tables included."""
    group = databases(tenant)[0]
    stored = {name.lower(): name_of for name, name_of in stored_names(group).items()}
    made_from = {node.table: set(node.deps) for node in group.nodes}
    made_from |= _custom_tables(tenant)
    found: set[str] = set()
    waiting = [stored.get(table.lower(), table)]
    while waiting:
        name = waiting.pop()
        if name not in found and name != NOT_BEFORE_SENDING:
            found.add(name)
            waiting += made_from.get(name, ())
            if name.startswith("stitched/"):
                waiting.append(f"domain/{name.partition('/')[2]}")
    return found


def _custom_tables(tenant: Tenant) -> dict[str, set[str]]:
    """Custom domain table -> the domain tables that its SQL reads."""
    names = Names(tenant)
    made_from: dict[str, set[str]] = {}
    for custom in tenant.custom_tables:
        try:
            references = read_statement(custom.sql.text).tables
        except StatementError:
            continue
        read = {names.warehouse_name(one.name) or "" for one in references} - {""}
        read = {name.replace("stitched/", "domain/", 1) for name in read}
        made_from[f"domain/{custom.physical}"] = read
    return made_from


def consent_feeds(tenant: Tenant, table: str) -> list[str]:
    """The feeds behind a table of consent, as `Source:Feed`."""
    tables = consent_tables(tenant, table)
    return sorted(feed.name for feed in tenant.feeds if f"domain/{feed.physical}" in tables)
