"""What SQL of the database may say and seldom means, and what is not known to answer alike on
Spark: one rule each.

A lint advises, it never stops anything. Errors (unknown tables, forbidden functions) belong to
`references` and `check_sql`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sqlglot import exp

from c360_assets.customer_360.tables.spark_differences import known_differences
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

# Functions, by SQLGlot's names, that both engines were seen to answer alike: by the shipped
# templates, or by an example of `test_spark`. The list grows by adding an example there.
# (levenshtein counts bytes here and characters there.)
NAMES = """
    abs and any_value arg_max arg_min avg between case cast ceil chr coalesce concat concat_ws
    contains count date_trunc datediff day dense_rank ends_with exists explode extract filter
    first_value floor generate_series greatest group_concat hour if lag last_value lead least
    left length logical_and logical_or lower lpad max md5 median min mode month ntile nullif or
    percent_rank rank regexp_extract regexp_like regexp_replace replace reverse right round
    row_number rpad sha sha2 sign split split_part starts_with str_position substring sum
    timestamp_trunc time_to_str transform trim try_cast upper year cents clean divide_money
    email_key email_text email_valid email_values first_email first_phone four_decimals
    full_name_given full_name_surname is_blank money_ratio phone_digits phone_key phone_text
    phone_compared phone_valid phone_values plain_contact postal_text translate
"""
PORTABLE = frozenset(NAMES.split())
# The clock and chance, by all names they go by, have a warning of their own, in `check_sql`.
CLOCK_NAMES = """
    ago current_date current_datetime current_localtime current_localtimestamp current_time
    current_timestamp gen_random_uuid get_current_time get_current_timestamp localtime
    localtimestamp now rand random today transaction_timestamp uuid uuidv4 uuidv7
"""
CLOCK = frozenset(CLOCK_NAMES.split())


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


def unknown_to_spark(query: exp.Query, written: str = "") -> Iterator[str]:
    """`written` is the text that was read as `query`: functions are called as they are there."""
    calls = [c for c in query.find_all(exp.Func) if not isinstance(c, exp.Array | exp.Struct)]
    unknown = [call for call in calls if function_name(call) not in PORTABLE | CLOCK]
    for name in sorted({_name_written(call, written) for call in unknown}):
        yield f"calls {name}(), which is not known to give the same answer on Spark"
    if any(_skips_missing(call) for call in query.find_all(exp.ArgMax, exp.ArgMin)):
        yield (
            "takes arg_max or arg_min without FILTER (WHERE ... IS NOT NULL): "
            "missing values are skipped here, not on Spark"
        )
    for call in query.find_all(exp.DateDiff):
        unit = call.text("unit").lower()
        if unit not in ("", "day"):
            yield (
                f"counts {unit}s between two dates, which Spark does otherwise: "
                "use year() and month()"
            )


def _name_written(call: exp.Expr, written: str) -> str:
    """SQLGlot gives `strftime` and its like names of its own; an operator has no other."""
    place = call.meta
    if not isinstance(call, exp.Anonymous) and "start" in place:
        name = written[place["start"] : place["end"] + 1].lower()
        if name.isidentifier():
            return name
    return function_name(call)


def _skips_missing(call: exp.Expr) -> bool:
    # A row of several values is there whatever is missing in it.
    return not isinstance(call.parent, exp.Filter) and not isinstance(call.this, exp.Struct)


def reads_clock(query: exp.Query) -> bool:
    """Whether the same tables may give another result tomorrow, or at once: the clock, an age until
    today, chance, a sample."""
    if query.find(exp.TableSample) is not None:
        return True
    calls = list(query.find_all(exp.Func))
    ages = [call for call in calls if function_name(call) == "age" and len(call.expressions) == 1]
    return bool(ages) or any(function_name(call) in CLOCK for call in calls)


def function_name(call: exp.Expr) -> str:
    """A function's name as SQLGlot has it, in lower case; as written where SQLGlot does not know
    it."""
    if isinstance(call, exp.Anonymous):
        return call.name.lower()
    return call.sql_name().lower()  # type: ignore[attr-defined]


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
