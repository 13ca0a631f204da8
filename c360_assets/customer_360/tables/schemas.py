"""Columns and types that tables will have, known before anything is built: what SQL is checked
against, and held to.

Documented tables come from the catalogue, the tenant's tags add columns to those that Stitch
writes; source tables follow their declaration. Tables of the database itself are found by binding
their SQL, in `check_sql`.
"""

from __future__ import annotations

from collections.abc import Mapping

from c360_assets.customer_360.rendering.gathered_tables import has_stitched_version
from c360_assets.semantics.column_types import PERSON_COLUMN, SQL_TYPES, SYSTEM_COLUMNS
from c360_assets.semantics.tables import all_tables
from c360_assets.semantics.tags import column_for
from c360_assets.tenant.local_columns import LOCAL_COLUMNS, local_columns
from c360_assets.tenant.models import SourceTable, Tenant

# Stitch's tables that hold the records themselves, with a column per tag.
RECORD_TABLES = ("unified_coalesced", "unified_customer")
# Stages whose tables stand in a schema of their own, which SQL of the database does not read.
OWN_SCHEMAS = frozenset({"segments", "stitch_qa", "transactions_qa"})
NOT_RECORD_TAGS = frozenset({"pk", "datasource", "system-updated"})


def documented_schemas(tenant: Tenant) -> dict[str, dict[str, str]]:
    """Table -> column -> type of every documented table, with the columns that the tenant's tags
    add."""
    schemas = {
        name: {column: column_spec.type for column, column_spec in spec.columns.items()}
        for name, spec in all_tables().items()
        if spec.stage not in OWN_SCHEMAS
    }
    tags: set[str] = set()
    for table in tenant.stitched_tables:
        tags |= table.all_tags
    further = {
        column_for(tag): "VARCHAR"
        for tag in sorted(tags)
        if "/" not in tag and tag not in NOT_RECORD_TAGS
    }
    local = dict.fromkeys(local_columns(tenant), "VARCHAR")
    for name in RECORD_TABLES:
        documented = {
            column: kind for column, kind in schemas[name].items() if column not in LOCAL_COLUMNS
        }
        schemas[name] = {**further, **local, **documented}
    return schemas


def source_schema(table: SourceTable) -> dict[str, str]:
    """Column -> type of a feed's domain table. Types of nested fields are text here."""
    return {
        **{column: SQL_TYPES.get(kind, "VARCHAR") for column, kind in table.types.items()},
        **SYSTEM_COLUMNS,
    }


def person_column(tenant: Tenant, table: SourceTable) -> dict[str, str]:
    """The column that the stitched version of a source table adds."""
    return {PERSON_COLUMN: "VARCHAR"} if has_stitched_version(tenant, table) else {}


def departures(static: Mapping[str, str], columns: Mapping[str, str]) -> list[str]:
    """How a table's `columns` (name -> DuckDB type) differ from the schema it is held to, one
    phrase each; names without case."""
    wanted = {name.lower(): kind for name, kind in static.items()}
    present = {name.lower(): kind for name, kind in columns.items()}
    missing = [f"{name} is missing" for name in wanted if name not in present]
    undeclared = [f"{name} is not declared" for name in present if name not in wanted]
    unlike = [
        f"{name} is {present[name]}, not {kind}"
        for name, kind in wanted.items()
        if name in present and not _is_type(present[name], kind)
    ]
    return [*missing, *undeclared, *unlike]


def _is_type(actual: str, wanted: str) -> bool:
    """Whether a DuckDB type is the one wanted: a field's type (`decimal` stands for any) or one of
    DuckDB's."""
    field_types = {str(kind): duckdb_type for kind, duckdb_type in SQL_TYPES.items()}
    declared = field_types.get(wanted.lower(), wanted)
    if wanted.lower() == "decimal":
        return actual.startswith("DECIMAL")
    return _plain(actual) == _plain(declared)


def _plain(type_: str) -> str:
    return type_.upper().replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ").replace(" ", "")
