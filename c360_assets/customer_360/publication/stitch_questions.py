"""The questions that a published database answers: views, of Stitch in schema `stitch_qa` and of
transactions in `transactions_qa`, and macros for those with an argument.

Their SQL is in folders of these names and `stitch_qa_macros.sql`, what their columns mean in the
catalogue.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

# The stages of these tables in the catalogue, and their schemas.
STITCH_QA = "stitch_qa"
TRANSACTIONS_QA = "transactions_qa"
QUESTIONS = (STITCH_QA, TRANSACTIONS_QA)
COMMENT = re.compile(r"(?m)^--.*$")


@cache
def question_sql(name: str, schema: str = STITCH_QA) -> str:
    """The SELECT of a view."""
    folder = resources.files("c360_assets.customer_360") / schema
    return COMMENT.sub("", (folder / f"{name}.sql").read_text("utf-8")).strip()


def question_macros(schema: str) -> list[str]:
    """Statements that create the macros in a schema of a database."""
    file = resources.files("c360_assets.customer_360") / "stitch_qa_macros.sql"
    text = COMMENT.sub("", file.read_text("utf-8"))
    statements = [statement.strip() for statement in text.split(";")]
    return [statement.replace("?", schema, 1) for statement in statements if statement]
