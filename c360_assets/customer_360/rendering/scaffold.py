"""The start of a tenant's own version of a shipped table: its SQL as shipped, and each further
attribute as a comment to take away."""

from __future__ import annotations

from pathlib import Path

from c360_assets.customer_360.rendering.customer_values import further_attributes
from c360_assets.customer_360.rendering.render import SHIPPED, render
from c360_assets.errors import C360Error
from c360_assets.semantics.closest import instead_of
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.models import Tenant
from c360_assets.tenant.new_files import write_new_files

HOUSEHOLD = "    households.household_id,"
LATEST_ORDER = """\
-- LEFT JOIN (
--     SELECT
--         *,
--         ROW_NUMBER() OVER (
--             PARTITION BY amperity_id ORDER BY order_datetime DESC, order_id DESC, datasource DESC
--         ) AS position
--     FROM unified_transactions
--     WHERE amperity_id IS NOT NULL AND is_purchase_order AND order_datetime IS NOT NULL
-- ) AS latest_order ON latest_order.amperity_id = mc.amperity_id AND latest_order.position = 1
"""


def scaffold(tenant: Tenant, table: str) -> Path:
    """Write `database/TABLE.sql` and return its path.

    Raises C360Error for a table that does not ship, or a file that is there already.
    """
    name = table.lower()
    if name not in SHIPPED:
        remedy = instead_of(name, sorted(SHIPPED))
        raise C360Error(f"no table {table} ships with SQL of its own; {remedy}")
    file = Path("database", f"{name}.sql")
    if any(own.lower() == name for own in tenant.database_sql) or (tenant.root / file).exists():
        raise C360Error(f"{file} is there already; nothing was written")
    (path,) = write_new_files(tenant.root, {file: scaffold_sql(tenant, name)})
    return path


def scaffold_sql(tenant: Tenant, name: str) -> str:
    """The text of the file: it gives the shipped table until something is changed in it."""
    sql = render(name, tenant)
    if name != "customer_360":
        return sql
    further = further_attributes(tenant)
    chosen = {one.lower() for one in tenant.config.customer_360.customer_360.attributes}
    sources = (
        ("bought", "transaction_attributes_extended"),
        ("latest_order", "unified_transactions"),
    )
    lines = []
    for alias, table in sources:
        columns = [column for column in further[table] if column not in chosen]
        needs = ", needs the join below" if alias == "latest_order" else ""
        lines.append(f"    -- of {table}{needs}:")
        spec = all_tables()[table].columns
        lines += [f"    -- {alias}.{column},  -- {spec[column].description}" for column in columns]
    sql = sql.replace(HOUSEHOLD, "\n".join([*lines, HOUSEHOLD]))
    is_joined = "AS latest_order" in sql
    return sql if is_joined else sql + LATEST_ORDER
