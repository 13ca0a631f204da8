"""What the columns of a published table mean: as documented, as the tenant wrote, as tagged, or as
the column they come from.

Which tables are published is decided by `entries`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from c360_assets.customer_360.tables.graph import TableNode, lineage
from c360_assets.semantics.column_types import GENERATED_COLUMNS
from c360_assets.semantics.tables import ColumnSpec, TableSpec
from c360_assets.semantics.tags import CATALOGUE, GROUPS, column_for, tag_info
from c360_assets.tenant.customer_360 import DatabaseColumn, DatabaseTableConfig
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.session import Session

Meanings = Mapping[str, ColumnSpec]
UNTAGGED = "As its source sends it; neither a tag nor a description says what it means"


def core_meaning(
    column: str, type_: str, spec: TableSpec | None, tags: set[str], inherited: ColumnSpec | None
) -> ColumnSpec:
    """The meaning of a column of a core table: as documented, as the column it comes from, or as
    the tag of its name.

    `tags` are all that the tenant uses.
    """
    if spec is not None and column in spec.columns:
        documented = spec.columns[column]
        is_personal = inherited is not None and inherited.pii
        return replace(documented, pii=documented.pii or is_personal)
    if inherited is not None:
        return inherited
    tag = _tag_of_column(column, spec, tags)
    if tag is None:
        return ColumnSpec(type_, "")
    info = tag_info(tag)
    return ColumnSpec(type_, info.description, tag, info.pii)


def _tag_of_column(column: str, spec: TableSpec | None, tags: set[str]) -> str | None:
    """The tag whose values a column of this name holds: one that the tenant uses, else one of the
    catalogue.
    """
    prefixes: list[str] = []
    if spec is not None:
        prefixes = [prefix for prefix, group in GROUPS.items() if group.table == spec.name]
    for tag in sorted(tags):
        if column_for(tag) == column and _is_of_group(tag, prefixes):
            return tag
    return next((tag for tag in CATALOGUE if tag.replace("-", "_") == column), None)


def _is_of_group(tag: str, prefixes: list[str]) -> bool:
    if "/" in tag:
        return tag.rsplit("/", 1)[0] in prefixes
    return tag.startswith("fk-") or not prefixes


def source_meaning(table: SourceTable, column: str, type_: str, description: str) -> ColumnSpec:
    """The meaning of a column of a source table: its tags, and what the tenant wrote about it."""
    if column in GENERATED_COLUMNS and column not in table.tags:
        return GENERATED_COLUMNS[column]
    infos = [tag_info(tag) for tag in table.tags.get(column, [])]
    tag_texts = dict.fromkeys(info.description for info in infos if info.description)
    return ColumnSpec(
        type_,
        description or ". ".join(tag_texts) or UNTAGGED,
        ",".join(info.name for info in infos),
        any(info.pii for info in infos),
    )


def column_descriptions(tenant: Tenant, table: SourceTable) -> dict[str, str]:
    """Column -> what the tenant wrote about it."""
    if table.custom:
        custom = next(custom for custom in tenant.custom_tables if custom.name == table.name)
        return {column: item.description for column, item in custom.config.fields.items()}
    feed = tenant.feed(table.name)
    return {column: item.description for column, item in feed.columns.items()} if feed else {}


def tenant_spec(name: str, own: DatabaseTableConfig, spec: TableSpec | None) -> TableSpec:
    """The description of a table of the tenant: its own words, else those of the shipped table that
    it replaces.
    """
    shipped = spec or TableSpec(name, "", "", (), {}, "customer_360")
    columns = dict(shipped.columns)
    for column, declared in own.columns.items():
        columns[column] = _tenant_column(declared, shipped.columns.get(column))
    return TableSpec(
        name=name,
        description=own.description or shipped.description,
        grain=own.grain or shipped.grain,
        key=tuple(own.key) or shipped.key,
        columns=columns,
        stage="customer_360",
    )


def _tenant_column(own: DatabaseColumn, shipped: ColumnSpec | None) -> ColumnSpec:
    base = shipped or ColumnSpec("", "")
    return ColumnSpec(
        base.type,
        own.description or base.description,
        own.semantic or base.semantic,
        base.pii if own.pii is None else own.pii,
    )


def inherited_meanings(
    session: Session,
    node: TableNode,
    columns: Iterable[str],
    meanings: Mapping[str, Meanings],
) -> dict[str, ColumnSpec]:
    """What columns of the tenant's own SQL take over from the columns they are computed from.

    A column passed on under its name keeps its meaning; a column computed from personal data is
    personal data. Where nobody can say what a column is computed from, it may be anything that the
    SQL reads. The case of names says nothing. `meanings` are those of the tables that come before,
    by warehouse name.
    """
    states = {table: session.state(table) for table in node.deps}
    schemas = {table: state.columns for table, state in states.items() if state is not None}
    known: dict[str, dict[str, ColumnSpec]] = {}
    reads_personal = False
    for table in set(node.deps) & set(meanings):
        known[table] = {column.lower(): spec for column, spec in meanings[table].items()}
        reads_personal |= any(spec.pii for spec in meanings[table].values())
    anything = ColumnSpec("", "", "", reads_personal)
    sources = {column.lower(): leaves for column, leaves in lineage(node, schemas).items()}
    inherited: dict[str, ColumnSpec] = {}
    for column in columns:
        meaning: ColumnSpec | None = anything
        if column.lower() in sources:
            meaning = _combined(column, sources[column.lower()], known, anything)
        if meaning is not None:
            inherited[column] = meaning
    return inherited


def _combined(
    column: str,
    leaves: Sequence[tuple[str, str]],
    known: Mapping[str, Meanings],
    anything: ColumnSpec,
) -> ColumnSpec | None:
    """The meaning of a column that is computed from the (table, column) pairs `leaves`.

    None where none of them has one.
    """
    specs = [
        known[table].get(source.lower(), anything) for table, source in leaves if table in known
    ]
    if len(specs) == 1 and leaves[0][1].lower() == column.lower():
        return specs[0]
    if not specs:
        return None
    return ColumnSpec("", "", "", any(spec.pii for spec in specs))
