"""The questions about Stitch that a published database answers in schema `stitch_qa`: views, and
macros for those with an argument.

Their SQL is in `stitch_qa/` and `stitch_qa_macros.sql`, what their columns mean in the catalogue.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

STITCH_QA = "stitch_qa"  # the stage of these tables in the catalogue, and their schema
COMMENT = re.compile(r"(?m)^--.*$")


@cache
def question_sql(name: str) -> str:
    """The SELECT of a view."""
    folder = resources.files("c360_assets.customer_360") / STITCH_QA
    return COMMENT.sub("", (folder / f"{name}.sql").read_text("utf-8")).strip()


def question_macros(schema: str) -> list[str]:
    """Statements that create the macros in a schema of a database."""
    file = resources.files("c360_assets.customer_360") / "stitch_qa_macros.sql"
    text = COMMENT.sub("", file.read_text("utf-8"))
    statements = [statement.strip() for statement in text.split(";")]
    return [statement.replace("?", schema, 1) for statement in statements if statement]
