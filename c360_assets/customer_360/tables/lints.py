"""What SQL of the database may say and seldom means: one rule each.

A lint advises, it never stops anything. Errors (unknown tables, forbidden functions) belong to
`references` and `check_sql`; what Spark answers otherwise is of `warehouse.spark_functions` and
`warehouse.spark_differences`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sqlglot import exp

from c360_assets.warehouse.spark_differences import known_differences
from c360_assets.warehouse.spark_functions import function_name, unknown_to_spark
from c360_assets.warehouse.statement import Statement
from c360_assets.wording import counted

LONG_LIST = 100
# A backslash twice before what a regular expression escapes: other engines' spelling of one.
DOUBLED = re.compile(r"\\\\[dDwWsSbBpPtnr.()\[\]{}|+*?^$]")
REGEXES = {
    "regexp_like",
    "regexp_replace",
    "regexp_extract",
    "regexp_extract_all",
    "regexp_full_match",
    "regexp_i_like",
}


def implicit_cross_join(query: exp.Query) -> Iterator[str]:
    if any(_joins_everything(join) for join in query.find_all(exp.Join)):
        yield (
            "joins a table without a condition, so that every row meets every row: "
            "write CROSS JOIN where that is meant"
        )


def _joins_everything(join: exp.Join) -> bool:
    is_explicit = join.args.get("kind") == "CROSS"
    needs_none = join.args.get("method") in ("NATURAL", "POSITIONAL")
    is_lateral = isinstance(join.this, exp.Lateral | exp.Unnest)
    has_condition = bool(join.args.get("on") or join.args.get("using"))
    if is_explicit or needs_none or is_lateral or has_condition:
        return False
    # FROM a, b WHERE a.id = b.id has its condition there.
    select = join.parent_select
    has_where = isinstance(select, exp.Select) and select.args.get("where") is not None
    return not has_where or bool(join.args.get("kind"))


def window_over_everything(query: exp.Query) -> Iterator[str]:
    for window in query.find_all(exp.Window):
        if not window.args.get("partition_by") and not window.args.get("alias"):
            yield (
                "has a window without PARTITION BY, which puts all rows into one: "
                "no engine can share that work"
            )
            return


def long_exclusion(query: exp.Query) -> Iterator[str]:
    for negated in query.find_all(exp.Not):
        excluded = negated.this
        if isinstance(excluded, exp.In) and len(excluded.expressions) > LONG_LIST:
            count = len(excluded.expressions)
            yield f"has NOT IN over {counted(count, 'value')}: keep them in a table and join it"


def doubled_backslash(query: exp.Query) -> Iterator[str]:
    for call in query.find_all(exp.Func):
        if function_name(call) not in REGEXES:
            continue
        literals = [part for part in call.iter_expressions() if isinstance(part, exp.Literal)]
        if any(part.is_string and DOUBLED.search(part.this) for part in literals):
            yield (
                "doubles a backslash in a regular expression: in this SQL one is enough, "
                "two stand for the character itself"
            )


LINTS: tuple[Callable[[exp.Query], Iterator[str]], ...] = (
    implicit_cross_join,
    window_over_everything,
    long_exclusion,
    doubled_backslash,
)


def advice(read: Statement, *, for_spark: bool) -> tuple[str, ...]:
    """What a person may want to change in the statement, each piece of advice once; also what
    Spark would do otherwise, if asked."""
    texts = [text for lint in LINTS for text in lint(read.query)]
    if for_spark:
        texts += [*unknown_to_spark(read.query, read.text), *known_differences(read.query)]
    return tuple(dict.fromkeys(texts))
