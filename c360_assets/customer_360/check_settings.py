"""Checks of the keys `customer_360` and `databases` of `tenant.yaml`.

The merge policy is `check_merge_policy`, destinations are `destinations`, and what needs the
columns of the built tables is `check_sql`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from c360_assets.customer_360.check_lakes import check_lakes
from c360_assets.customer_360.rendering.customer_values import further_attributes
from c360_assets.customer_360.rendering.gathered_tables import BY_NAME, contributors
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.config_check import ConfigCheck, did_you_mean, nearest_or_all
from c360_assets.tenant.customer_360 import GROUP
from c360_assets.tenant.models import DatabaseConfig, Tenant
from c360_assets.warehouse.published_file import database_path

FILE = "tenant.yaml"
LIFECYCLE = ("new", "active", "lapsed")
# With it, who bought longer ago than its days is Lost, not Dormant.
LAST_STAGE = "dormant"
ITEMS = "unified_itemized_transactions"
ORDER_KEY = "txn-item/database-key"
DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]*")


def check_lifecycle(check: ConfigCheck) -> None:
    days = check.tenant.config.customer_360.customer_attributes.lifecycle_days
    stages = (*LIFECYCLE, LAST_STAGE) if LAST_STAGE in days else LIFECYCLE
    in_order = [days.get(stage) for stage in stages]
    if days.keys() != set(stages) or in_order != sorted(days.values()):
        path = ("customer_360", "customer_attributes", "lifecycle_days")
        message = (
            "needs new, active and lapsed, and may have dormant, each at least as long as the one "
            "before"
        )
        check.error(FILE, path, message)


def check_discount_modes(check: ConfigCheck) -> None:
    """A discount mode is set for a source of order items."""
    modes = check.tenant.config.customer_360.unified_transactions.order_discount_mode
    # Which sources the tenant's own SQL for the table reads is unknown.
    if isinstance(modes, str) or ITEMS in check.tenant.database_sql:
        return
    sources = {table.name for table in contributors(check.tenant, BY_NAME[ITEMS])}
    for name in modes:
        if name not in sources and not check.unread.may_include(name):
            path = ("customer_360", "unified_transactions", "order_discount_mode", name)
            remedy = nearest_or_all(name, sources)
            check.error(FILE, path, "is no table with items of orders", remedy)


def check_databases(check: ConfigCheck) -> None:
    databases = check.tenant.config.databases
    primary = [name for name, database in databases.items() if database.primary]
    if len(primary) != 1:
        message = "exactly one database must be primary"
        check.error(FILE, ("databases",), message, "add `primary: true` to one")
    for name, database in databases.items():
        if not DATABASE_NAME.fullmatch(name):
            message = "a database's name has lower-case letters, digits and underscores only"
            check.error(FILE, ("databases", name), message)
        _check_filter(check, name, database)
        if database.primary:
            _check_primary(check, name, database)
        _check_tables(check, name, database)


def _check_filter(check: ConfigCheck, name: str, database: DatabaseConfig) -> None:
    path = ("databases", name, "filter")
    for key in database.filter.keys() - {"database_key"}:
        check.error(FILE, (*path, key), "a database is filtered by database_key only")
    if not database.filter:
        return
    database_key = database.filter.get("database_key")
    if database_key is not None and not database_key.strip():
        message = "is blank, and rows without a key are in no filtered database"
        check.error(FILE, (*path, "database_key"), message, "name a brand or region")
    if not check.all_tables_read:
        return
    if not _any_table_is_tagged(check.tenant):
        message = "no field is tagged database-key, so this database will be empty"
        check.warning(FILE, path, message)
        return
    if not any(table.columns_with("database-key") for table in check.tenant.stitched_tables):
        message = (
            "no customer table has a field tagged database-key, "
            "so this database will hold orders and no person"
        )
        remedy = (
            "tag the customers' brand too; a custom domain table adds it where the file has none"
        )
        check.warning(FILE, path, message, remedy)
    without_key = _orders_without_key(check.tenant)
    if without_key:
        message = (
            f"{', '.join(without_key)}: no field is tagged {ORDER_KEY}, "
            "so this database will hold none of these orders"
        )
        remedy = "database-key without the prefix is for customers' records"
        check.warning(FILE, path, message, remedy)


def _orders_without_key(tenant: Tenant) -> list[str]:
    """The tables of items whose rows name no database; which the tenant's own SQL reads is
    unknown.
    """
    sources = contributors(tenant, BY_NAME[ITEMS]) if ITEMS not in tenant.database_sql else []
    return [source.name for source in sources if not source.columns_with(ORDER_KEY)]


def _any_table_is_tagged(tenant: Tenant) -> bool:
    """Whether some field carries `database-key`, alone or with the prefix of a group."""
    tags = (tag for table in tenant.tables for tag in table.all_tags)
    return any(tag.endswith("database-key") for tag in tags)


def _check_primary(check: ConfigCheck, name: str, database: DatabaseConfig) -> None:
    path = ("databases", name)
    if database.filter:
        check.error(FILE, path, "the primary database holds everything and has no filter")
    if database.tables:
        message = "the primary database holds all tables"
        check.error(FILE, (*path, "tables"), message, "remove `tables`")
    if database.merge_policy not in (None, "merge_policy.yaml"):
        message = "the primary database follows merge_policy.yaml"
        remedy = "put the rules there, and remove the key"
        check.error(FILE, (*path, "merge_policy"), message, remedy)


def _check_tables(check: ConfigCheck, name: str, database: DatabaseConfig) -> None:
    tenant = check.tenant
    known = {
        *all_tables(),
        *tenant.database_sql,
        *tenant.config.customer_360.passthrough,
        *(table.physical for table in tenant.tables),
    }
    for position, table_name in enumerate(database.tables):
        if table_name not in known and not check.unread.may_include(table_name):
            path = ("databases", name, "tables", position)
            remedy = did_you_mean(table_name, known)
            check.error(FILE, path, f"there is no table {table_name}", remedy)


def check_attributes(check: ConfigCheck) -> None:
    """Further attributes of customer_360 must be columns that there are, each once."""
    further = further_attributes(check.tenant)
    known = [name for names in further.values() for name in names]
    seen: set[str] = set()
    for position, name in enumerate(check.tenant.config.customer_360.customer_360.attributes):
        path = ("customer_360", "customer_360", "attributes", position)
        lower = name.lower()
        if lower in seen:
            check.error(FILE, path, f"{name} is listed twice", "remove one of the two")
        elif lower not in known:
            remedy = did_you_mean(lower, known)
            message = f"{name} is no further column of {' or '.join(further)}"
            hint = "`c360 database scaffold customer_360` lists them"
            check.error(FILE, path, message, remedy or hint)
        seen.add(lower)


def check_published_files(check: ConfigCheck) -> None:
    """What was published of a database that was removed or renamed stays as it was that day."""
    tenant = check.tenant
    folder = database_path(tenant.root, GROUP).parent
    published = {file.name.partition(".")[0] for file in folder.rglob("*.duckdb")}
    others = {name for name, database in tenant.config.databases.items() if not database.primary}
    for name in sorted(published - others - {GROUP}):
        message = (
            f"{folder.name}/ holds files of {name}, which is no database here: no run writes them "
            "any more, and people read what they held last"
        )
        remedy = f"name {name} again, or delete {name}.duckdb and history/{name}.*.duckdb there"
        check.warning(FILE, ("databases",), message, remedy)


CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (
    check_attributes,
    check_lifecycle,
    check_discount_modes,
    check_databases,
    check_published_files,
    check_lakes,
)
