"""The reference page of all documented tables, computed from the catalogue.

`python -m c360_assets.reporting.reference > docs/tables.md` writes it; a test holds the page to the
catalogue.

What a table or column means is said in `semantics`, once; this module only lays it out.
"""

from __future__ import annotations

from collections.abc import Iterator

from c360_assets.semantics.tables import TableSpec, all_tables

STAGES = {
    "ingest": "Loading",
    "validations": "Input validation reports",
    "stitch": "Stitch",
    "stitch_qa": "Questions about Stitch (schema `stitch_qa`)",
    "customer_360": "The customer 360 database",
    "transactions_qa": "Questions about transactions (schema `transactions_qa`)",
    "segments": "Segments",
}
INTRODUCTION = (
    "# Tables\n"
    "\n"
    "Every table of the platform, its columns, their types (DuckDB's), meanings and tags. "
    "This page is computed from the catalogue in\n"
    "`c360_assets/semantics`; the published database says the same of itself in `c360_catalog`, "
    "the tenant's own tables included.\n"
    "Names of persons, addresses and the like are marked *personal*. "
    "Columns that a tenant switches on name their option or block.\n"
)


def reference_page() -> str:
    """The page as Markdown, by stage and table."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    by_stage: dict[str, list[TableSpec]] = {stage: [] for stage in STAGES}
    for spec in all_tables().values():
        by_stage[spec.stage].append(spec)
    for stage, title in STAGES.items():
        links = [f"[{spec.name}](#{spec.name})" for spec in by_stage[stage]]
        yield f"- {title}: {', '.join(links)}"
    for stage, title in STAGES.items():
        yield f"\n## {title}"
        for spec in by_stage[stage]:
            yield from _table(spec)


def _table(spec: TableSpec) -> Iterator[str]:
    yield f"\n### {spec.name}\n\n{spec.description}"
    facts = []
    if spec.grain:
        facts.append(f"Grain: {spec.grain}.")
    if spec.key:
        key_columns = [f"`{column}`" for column in spec.key]
        facts.append(f"Key: {', '.join(key_columns)}.")
    if facts:
        yield "\n" + " ".join(facts)
    yield "\n| column | type | meaning | tag | |\n|---|---|---|---|---|"
    for name, column in spec.columns.items():
        cells = (
            f"`{name}`",
            column.type,
            column.description,
            column.semantic,
            "personal" if column.pii else "",
        )
        # A bar would end its cell.
        escaped = [cell.replace("|", "&#124;") for cell in cells]
        yield f"| {' | '.join(escaped)} |"


if __name__ == "__main__":
    print(reference_page(), end="")
