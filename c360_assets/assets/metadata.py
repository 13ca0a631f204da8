"""What the UI shows of a table: description, columns with meaning and tags, row count, digest,
lineage.

Computed from the catalogues in `semantics` and the tenant's declarations; nothing is described here
a second time. Metadata never holds a value from customer data: names of columns, counts, digests
and versions only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from c360_assets.semantics.column_types import GENERATED_COLUMNS, SYSTEM_COLUMNS
from c360_assets.semantics.tables import ColumnSpec, TableSpec, all_tables
from c360_assets.semantics.tags import tag_info
from c360_assets.tenant.models import SourceTable
from c360_assets.warehouse.manifest import TableState

Lineage = Mapping[str, Iterable[tuple[str, str]]]
Result = dg.MaterializeResult[Any]


def asset_key(table: str) -> dg.AssetKey:
    """The asset of a warehouse table: `domain/Source_Feed` is `[domain, Source_Feed]`."""
    return dg.AssetKey(table.split("/"))


def documented(table: str) -> dict[str, Any]:
    """`description` and `metadata` arguments of the asset of a documented table; none where it is
    not documented.
    """
    spec = all_tables().get(table)
    return described(spec) if spec else {}


def described(spec: TableSpec) -> dict[str, Any]:
    """`description` and `metadata` arguments of the asset of the table that `spec` describes."""
    grain = f"\n\nGrain: {spec.grain}." if spec.grain else ""
    key = f"\n\nKey: {', '.join(f'`{c}`' for c in spec.key)}." if spec.key else ""
    columns = [_column(name, column.type, column) for name, column in spec.columns.items()]
    return {
        "description": spec.description + grain + key,
        "metadata": {"dagster/column_schema": dg.TableSchema(columns)},
    }


def source_schema(table: SourceTable, state: TableState | None = None) -> dg.TableSchema:
    """Columns of a source table: its own with their tags, and the system columns.

    Types are those of `state` where the table has been built, else the declared ones.
    """
    types = (
        state.columns if state else {name: str(kind).upper() for name, kind in table.types.items()}
    )
    names = list(types) if state else [*dict.fromkeys([*types, *table.tags]), *SYSTEM_COLUMNS]
    own = table.types.keys() | table.tags.keys()
    return dg.TableSchema(
        [
            _column(name, types.get(name, GENERATED_COLUMNS[name].type), GENERATED_COLUMNS[name])
            if name in GENERATED_COLUMNS and name not in own
            else _tagged(table, name, types.get(name, "VARCHAR"))
            for name in names
        ]
    )


def _column(name: str, type_: str, spec: ColumnSpec) -> dg.TableColumn:
    tags = [t.strip() for t in spec.semantic.split(",") if t.strip()]
    return dg.TableColumn(name, type_, spec.description or None, tags=_tags(tags, spec.pii))


def _tagged(table: SourceTable, name: str, type_: str) -> dg.TableColumn:
    tags = table.tags.get(name, [])
    return dg.TableColumn(
        name,
        type_,
        table.describe(name) or None,
        tags=_tags(tags, any(tag_info(t).pii for t in tags)),
    )


def _tags(semantics: list[str], pii: bool) -> dict[str, str]:
    tags = {"semantic": ", ".join(semantics)} if semantics else {}
    return {**tags, "pii": ""} if pii else tags


def materialized(
    table: str,
    state: TableState | None,
    *,
    reused: bool = False,
    schema: dg.TableSchema | None = None,
    lineage: Lineage | None = None,
    figures: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Result:
    """The result of an asset whose table is now at `state`; without a state the tenant has no such
    data. `more` is shown too.
    """
    if state is None:
        return dg.MaterializeResult(
            asset_key=asset_key(table), metadata={"dagster/row_count": 0, "reused": reused}
        )
    metadata: dict[str, Any] = {
        "dagster/row_count": state.rows,
        "digest": state.digest,
        "delta_version": state.version,
        "reused": reused,
        "dagster/column_schema": schema or state_schema(table, state),
        **counts(state.figures if figures is None else figures),
        **(more or {}),
    }
    if lineage:
        metadata["dagster/column_lineage"] = column_lineage(lineage)
    return dg.MaterializeResult(
        asset_key=asset_key(table), metadata=metadata, data_version=dg.DataVersion(state.digest)
    )


def state_schema(table: str, state: TableState) -> dg.TableSchema:
    """The columns a table really has, with the meaning the catalogue gives them."""
    spec = all_tables().get(table)
    known = spec.columns if spec else {}
    return dg.TableSchema(
        [_column(n, t, known.get(n, ColumnSpec(t, ""))) for n, t in state.columns.items()]
    )


def column_lineage(lineage: Lineage) -> dg.TableColumnLineage:
    """Lineage by column; the sources are (table, column) pairs with warehouse names of tables."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=asset_key(table), column_name=source)
                for table, source in sources
            ]
            for column, sources in lineage.items()
        }
    )


def counts(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `figures` that are numbers: the rest stays in the warehouse."""
    return {name: value for name, value in figures.items() if isinstance(value, int | float)}
