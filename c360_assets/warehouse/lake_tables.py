"""Tables that are to be published, as a lake tells of them. Their files are `lake_files`."""

from __future__ import annotations

from collections.abc import Mapping

from c360_assets.warehouse.lake_document import LakeColumn, LakeTable
from c360_assets.warehouse.published_file import PublishedTable
from c360_assets.warehouse.session import Session


def stays(table: PublishedTable, known: LakeTable, present: Mapping[str, int]) -> bool:
    """Whether a table of the last publication is that of the next, and its files are there."""
    if not table.mark or table.mark != known.mark or table.view or not known.files:
        return False
    return known.is_in(present)


def columns_of(session: Session, table: PublishedTable, source: str) -> tuple[LakeColumn, ...]:
    """The columns of a table as the FROM item `source` has them, with what is said of them."""
    return tuple(
        LakeColumn(
            name,
            type_,
            table.descriptions.get(name, ""),
            table.semantics.get(name, ""),
            name in table.personal,
        )
        for name, type_, *_ in session.rows(f"DESCRIBE SELECT * FROM {source}")
    )


def lake_table(table: PublishedTable, columns: tuple[LakeColumn, ...], view: str = "") -> LakeTable:
    """A table before its files are written; or a view, which has none."""
    return LakeTable(
        table.schema,
        table.name,
        None if view else 0,
        columns,
        table.description,
        mark=table.mark,
        view=view,
    )
