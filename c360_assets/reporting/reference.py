"""The reference page of all documented tables, computed from the catalogue.

`python -m c360_assets.reporting.reference > docs/tables.md` writes it; a test holds the page to the catalogue.

What a table or column means is said in `semantics`, once; this module only lays it out.
"""

from __future__ import annotations

from collections.abc import Iterator

from c360_assets.semantics.tables import TableSpec, all_tables

STAGES = {
    "ingest": "Loading",
    "validations": "Input validation reports",
    "stitch": "Stitch",
    "customer_360": "The customer 360 database",
}
INTRODUCTION = """\
# Tables

Every table of the platform, its columns, their types (DuckDB's), meanings and tags. This page is computed from the catalogue in
`c360_assets/semantics`; the published database says the same of itself in `c360_catalog`, the tenant's own tables included.
Names of persons, addresses and the like are marked *personal*. Columns that a tenant switches on name their option or block.
"""


def reference_page() -> str:
    """The page as Markdown, by stage and table."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    by_stage = {
        stage: [spec for spec in all_tables().values() if spec.stage == stage] for stage in STAGES
    }
    for stage, title in STAGES.items():
        yield f"- {title}: {', '.join(f'[{spec.name}](#{spec.name})' for spec in by_stage[stage])}"
    for stage, title in STAGES.items():
        yield f"\n## {title}"
        for spec in by_stage[stage]:
            yield from _table(spec)


def _table(spec: TableSpec) -> Iterator[str]:
    yield f"\n### {spec.name}\n\n{spec.description}"
    told = [
        f"Grain: {spec.grain}." if spec.grain else "",
        f"Key: {', '.join(f'`{c}`' for c in spec.key)}." if spec.key else "",
    ]
    if any(told):
        yield "\n" + " ".join(filter(None, told))
    yield "\n| column | type | meaning | tag | |\n|---|---|---|---|---|"
    for name, column in spec.columns.items():
        cells = (
            f"`{name}`",
            column.type,
            column.description,
            column.semantic,
            "personal" if column.pii else "",
        )
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


if __name__ == "__main__":
    print(reference_page(), end="")
