"""Functions that SQL calls: which are known to answer alike on DuckDB and on Spark, and which ask
the clock or chance.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

# Functions, by SQLGlot's names, that both engines were seen to answer alike: by the shipped
# templates, or by an example of `spark.test_templates`. The list grows by adding an example there.
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
