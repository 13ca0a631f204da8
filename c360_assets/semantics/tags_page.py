"""The page that lists every tag (`docs/tags.md`), and the answer of `c360 tags`."""

from __future__ import annotations

from c360_assets.semantics.tags import CATALOGUE, DESCRIPTIONS, FAMILIES, TABLES, Tag

INTRODUCTION = """# Semantic tags

What a field means is said by its tags: `fields: {Mail: {tags: [email]}}`. This page is written by
`c360 tags --markdown > docs/tags.md` from the catalogue; `c360 tags WORD` finds tags by a word.

A field's `type` has to be the tag's (`any` asks for none). *Required* means that a table with other
tags of the group needs a field with it, *several* that several fields of a table may carry it.
A profile tag may have a variant beside it, `email-work` or `address-billing`, where several fields
carry it. Of several e-mails and phones all are matched, of several addresses the first that is
filled.
A tag that is not here is a custom one and becomes a column of its own.
"""


def tags_matching(word: str) -> list[Tag]:
    """The tags whose name, meaning or table holds a word, in the catalogue's order; all for ""."""
    wanted = word.lower()
    return [tag for tag in CATALOGUE.values() if wanted in _searched(tag)]


def _searched(tag: Tag) -> str:
    return f"{tag.name} {tag.description} {table_of(tag)}".lower()


def table_of(tag: Tag) -> str:
    """The unified table that a tag feeds, "" where it feeds none of its own."""
    return TABLES.get(tag.group, "")


def tags_page() -> str:
    """The page in Markdown, one table for each group."""
    lines = [INTRODUCTION]
    for group, description in DESCRIPTIONS.items():
        lines += [f"## {group}", "", description, ""]
        if group in TABLES:
            lines += [f"Feeds `{TABLES[group]}`.", ""]
        lines += ["| Tag | Type | Meaning |", "| --- | --- | --- |"]
        lines += [_row(tag) for tag in CATALOGUE.values() if tag.group == group]
        lines.append("")
    lines += ["## Families", "", "Names with a part of your own:", ""]
    lines += ["| Tag | Type | Meaning |", "| --- | --- | --- |"]
    for pattern, family in FAMILIES.items():
        name = pattern.replace(".+", "<name>")
        lines.append(f"| `{name}` | {family.type} | {family.description} |")
    return "\n".join(lines) + "\n"


def _row(tag: Tag) -> str:
    remarks = [tag.description]
    if tag.required:
        remarks.append("*required*")
    if tag.multi:
        remarks.append("*several*")
    if tag.pii:
        remarks.append("personal data")
    return f"| `{tag.name}` | {tag.type} | {'; '.join(remarks)} |"
