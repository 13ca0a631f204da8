"""What SQL of the database may say and seldom means, and what is not known to answer alike on Spark: one rule each.

A lint advises, it never stops anything. Errors (unknown tables, forbidden functions) belong to `references` and `check`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sqlglot import exp

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

# Functions, by SQLGlot's names, that both engines were seen to answer alike: by the shipped templates, or by an example of
# `test_spark`. The list grows by adding an example there. (levenshtein counts bytes here and characters there.)
NAMES = """
    abs and any_value arg_max arg_min avg between case cast ceil chr coalesce concat concat_ws contains count date_trunc datediff
    day dense_rank ends_with exists explode extract filter first_value floor generate_series greatest group_concat hour if lag
    last_value lead least left length logical_and logical_or lower lpad max md5 median min mode month ntile nullif or
    percent_rank rank regexp_extract regexp_like regexp_replace replace reverse right round row_number rpad sha sha2 sign split
    split_part starts_with str_position substring sum timestamp_trunc time_to_str transform trim try_cast upper year
    cents clean divide_money email_key email_text email_valid email_values first_email first_phone four_decimals full_name_given
    full_name_surname is_blank money_ratio phone_digits phone_key phone_text phone_valid phone_values plain_contact postal_text
"""
PORTABLE = frozenset(NAMES.split())
# The clock and chance, by all names they go by, have a warning of their own, in `check`.
CLOCK_NAMES = """
    current_date current_datetime current_localtime current_time current_timestamp get_current_timestamp localtime localtimestamp
    now rand transaction_timestamp uuid uuidv4 uuidv7
"""
CLOCK = frozenset(CLOCK_NAMES.split())


def implicit_cross_join(query: exp.Query) -> Iterator[str]:
    for join in query.find_all(exp.Join):
        explicit = join.args.get("kind") == "CROSS" or join.args.get("method") in (
            "NATURAL",
            "POSITIONAL",
        )
        lateral = isinstance(join.this, exp.Lateral | exp.Unnest)
        select = join.parent_select
        compared = (
            isinstance(select, exp.Select)
            and select.args.get("where") is not None
            and not join.args.get("kind")
        )
        if not (explicit or lateral or compared or join.args.get("on") or join.args.get("using")):
            yield "joins a table without a condition, so that every row meets every row: write CROSS JOIN where that is meant"


def window_over_everything(query: exp.Query) -> Iterator[str]:
    if any(
        not window.args.get("partition_by") and not window.args.get("alias")
        for window in query.find_all(exp.Window)
    ):
        yield "has a window without PARTITION BY, which puts all rows into one: no engine can share that work"


def long_exclusion(query: exp.Query) -> Iterator[str]:
    for negated in query.find_all(exp.Not):
        listed = negated.this
        if isinstance(listed, exp.In) and len(listed.expressions) > LONG_LIST:
            yield f"has NOT IN over {len(listed.expressions)} values: keep them in a table and join it"


def doubled_backslash(query: exp.Query) -> Iterator[str]:
    for call in query.find_all(exp.Func):
        texts = [
            a.this for a in call.iter_expressions() if isinstance(a, exp.Literal) and a.is_string
        ]
        if function_name(call) in REGEXES and any(DOUBLED.search(text) for text in texts):
            yield "doubles a backslash in a regular expression: in this SQL one is enough, two stand for the character itself"


def unknown_to_spark(query: exp.Query) -> Iterator[str]:
    names = {
        function_name(call)
        for call in query.find_all(exp.Func)
        if not isinstance(call, exp.Array | exp.Struct)
    }
    for name in sorted(names - PORTABLE - CLOCK):
        yield f"calls {name}(), which is not known to give the same answer on Spark"
    taken = query.find_all(
        exp.ArgMax, exp.ArgMin
    )  # a row of several values is there whatever is missing in it
    if any(
        not isinstance(call.parent, exp.Filter) and not isinstance(call.this, exp.Struct)
        for call in taken
    ):
        yield "takes arg_max or arg_min without FILTER (WHERE ... IS NOT NULL): missing values are passed over here, not on Spark"
    for call in query.find_all(exp.DateDiff):
        if call.text("unit").lower() not in ("", "day"):
            yield f"counts {call.text('unit').lower()}s between two dates, which Spark does otherwise: use year() and month()"


def reads_clock(query: exp.Query) -> bool:
    """Whether the same tables may give another result tomorrow, or at once: the clock, an age until today, chance, a sample."""
    calls = list(query.find_all(exp.Func))
    ages = any(function_name(call) == "age" and len(call.expressions) == 1 for call in calls)
    return (
        ages
        or any(function_name(call) in CLOCK for call in calls)
        or query.find(exp.TableSample) is not None
    )


def function_name(call: exp.Expr) -> str:
    """A function's name as SQLGlot has it, in lower case; as written where SQLGlot does not know it."""
    return (call.name if isinstance(call, exp.Anonymous) else call.sql_name()).lower()  # type: ignore[attr-defined]


LINTS: tuple[Callable[[exp.Query], Iterator[str]], ...] = (
    implicit_cross_join,
    window_over_everything,
    long_exclusion,
    doubled_backslash,
    unknown_to_spark,
)


def advice(query: exp.Query) -> tuple[str, ...]:
    """What a person may want to change in `query`, each piece of advice once."""
    return tuple(dict.fromkeys(text for lint in LINTS for text in lint(query)))
