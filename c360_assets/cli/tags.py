"""The verb `tags`: which tags there are, what they mean and what they feed."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from c360_assets.cli.output import out, reported_errors
from c360_assets.errors import C360Error
from c360_assets.reporting.terminal import emit


def tags(
    word: Annotated[str, typer.Argument(help="Part of a name, a meaning or a table.")] = "",
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the page docs/tags.md instead.")
    ] = False,
) -> None:
    """List the semantic tags: meaning, type, and the table that each feeds.

    Example: `c360 tags loyalty`
    """
    from rich.padding import Padding

    from c360_assets.semantics.tags import suggest, tag_info
    from c360_assets.semantics.tags_page import table_of, tags_matching, tags_page

    if markdown:
        emit(tags_page().rstrip("\n"))
        return
    with reported_errors():
        matching = tags_matching(word)
        meant = suggest(word) if word and not matching else None
        if meant is not None:
            out.print(f"no tag holds {word!r}; did you mean {meant!r}?", markup=False)
            matching = [tag_info(meant)]
        if not matching:
            raise C360Error(f"no tag holds {word!r}; `c360 tags` lists all")
        for tag in matching:
            table = table_of(tag)
            feeds = f"feeds {table}: " if table else ""
            out.print(Text.assemble((tag.name, "bold"), f"  {tag.type}"))
            # As wide as the terminal is: a column for each would leave some letters for a meaning.
            out.print(Padding.indent(Text(f"{feeds}{tag.description}"), 4))
