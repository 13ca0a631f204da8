"""What DuckDB's SQL says and Spark cannot run, or answers otherwise without a word.

Beside functions, which `spark_functions` knows by name. The list grows by what was seen to differ:
`c360_assets_tests.spark.test_templates` has an example of each entry, and runs them on both
engines. Types of columns are not known here, so that what depends on them alone is left to
docs/spark.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from sqlglot import exp

from c360_assets.warehouse.spark_recursion import recursion_of

Type: TypeAlias = exp.DType
# Fields of EXTRACT, directives of strftime and types that both engines were seen to share.
FIELDS = frozenset({"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOY", "HOUR", "MINUTE"})
DIRECTIVES = frozenset({*(f"%{letter}" for letter in "YmdHMSIpAby%"), "%-d", "%-m"})
DIRECTIVE = re.compile(r"%-?.")
WHOLE = frozenset({Type.TINYINT, Type.SMALLINT, Type.INT, Type.BIGINT})
FRACTIONAL = frozenset({Type.FLOAT, Type.DOUBLE, Type.DECIMAL})
DATES = frozenset({Type.DATE, Type.TIMESTAMP, Type.TIMESTAMPNTZ, Type.TIMESTAMPTZ})
TEXTS = frozenset({Type.TEXT, Type.VARCHAR, Type.CHAR})
NESTED = frozenset({Type.LIST, Type.ARRAY, Type.STRUCT, Type.MAP, Type.INTERVAL})
SHARED = WHOLE | FRACTIONAL | DATES | TEXTS | NESTED | {Type.BOOLEAN}


@dataclass(frozen=True)
class Difference:
    """A kind of expression, where it makes a difference, and what to say of it."""

    kind: type[exp.Expr]
    says: str
    where: Callable[[exp.Expr], bool] = lambda node: True


def _has(argument: str) -> Callable[[exp.Expr], bool]:
    return lambda node: bool(node.args.get(argument))


def _joins_by(method: str) -> Callable[[exp.Expr], bool]:
    return lambda node: node.text("method").upper() == method


def _is_below_zero(argument: str) -> Callable[[exp.Expr], bool]:
    return lambda node: isinstance(node.args.get(argument), exp.Neg)


def _recurses(node: exp.Expr) -> bool:
    """Whether it is recursive in a way that cannot be asked for round after round."""
    if not node.args.get("recursive"):
        return False
    query = node.parent
    if not isinstance(query, exp.Query) or query is not node.root():
        return True
    return recursion_of(query) is None


def _casts_to(types: frozenset[Type]) -> Callable[[exp.Expr], bool]:
    return lambda node: node.args["to"].this in types


def _casts_elsewhere(node: exp.Expr) -> bool:
    return node.args["to"].this not in SHARED


def _cuts_off(node: exp.Expr) -> bool:
    return _casts_to(WHOLE)(node) and _may_have_fraction(node.this)


def _may_have_fraction(value: exp.Expr) -> bool:
    """Whether it is seen without the types of columns that the value need not be whole."""
    value = value.unnest()
    if isinstance(value, exp.Div | exp.Avg | exp.Median):
        return True
    if isinstance(value, exp.Cast):
        return value.to.this in FRACTIONAL
    if isinstance(value, exp.Literal):
        return not value.is_string and not value.is_int
    if isinstance(value, exp.Add | exp.Sub | exp.Mul | exp.Neg):
        return any(_may_have_fraction(part) for part in value.iter_expressions())
    return False


def _replaces_one(node: exp.Expr) -> bool:
    is_anchored = node.expression.is_string and node.expression.name.startswith("^")
    return "g" not in node.text("modifiers") and not is_anchored


def _is_a_column_of(node: exp.Expr) -> bool:
    return isinstance(node.parent, exp.Select | exp.Alias)


def _is_of_no_number(node: exp.Expr) -> bool:
    return node.text("start") == "0"


def _is_computed(node: exp.Expr) -> bool:
    (index, *_) = node.expressions
    return not (index.is_int or isinstance(index, exp.Column | exp.Slice))


def _other_field(node: exp.Expr) -> bool:
    return node.this.name.upper() not in FIELDS


def _other_directive(node: exp.Expr) -> bool:
    format_text = node.args["format"]
    return not format_text.is_string or bool(set(DIRECTIVE.findall(format_text.name)) - DIRECTIVES)


CANNOT_RUN = ", which Spark cannot run"
OTHERWISE = "that Spark reads otherwise"
DIFFERENCES: tuple[Difference, ...] = (
    Difference(exp.With, f"is recursive by more than one UNION ALL{CANNOT_RUN}", _recurses),
    Difference(exp.Join, f"has an ASOF JOIN{CANNOT_RUN}", _joins_by("ASOF")),
    Difference(exp.Join, f"has a POSITIONAL JOIN{CANNOT_RUN}", _joins_by("POSITIONAL")),
    Difference(exp.SetOperation, f"puts rows together BY NAME{CANNOT_RUN}", _has("by_name")),
    Difference(exp.Star, f"says * REPLACE{CANNOT_RUN}: name the columns", _has("replace")),
    Difference(exp.SimilarTo, f"says SIMILAR TO{CANNOT_RUN}: use regexp_matches()"),
    Difference(exp.Glob, f"says GLOB{CANNOT_RUN}: use LIKE"),
    Difference(exp.Comprehension, f"has a list comprehension{CANNOT_RUN}: use list_transform()"),
    Difference(exp.Slice, f"takes a slice in brackets{CANNOT_RUN}: use substring()"),
    Difference(exp.Any, f"compares with ANY{CANNOT_RUN}: use IN"),
    Difference(
        exp.Explode,
        f"calls unnest() inside an expression{CANNOT_RUN}: give it a column of its own",
        lambda node: not _is_a_column_of(node),
    ),
    Difference(
        exp.GenerateSeries,
        f"reads rows FROM a series{CANNOT_RUN}: use unnest(generate_series(...))",
        lambda node: isinstance(node.parent, exp.Table),
    ),
    Difference(
        exp.AnyValue,
        f"gives any_value() an order{CANNOT_RUN}: use arg_min() or arg_max()",
        lambda node: isinstance(node.this, exp.Order),
    ),
    Difference(exp.Min, f"asks min() for several values{CANNOT_RUN}", _has("count")),
    Difference(exp.Max, f"asks max() for several values{CANNOT_RUN}", _has("count")),
    Difference(exp.Cast, "casts to a type that Spark does not have", _casts_elsewhere),
    Difference(
        exp.Cast,
        "casts to a whole number what may have a fraction, which is rounded here and cut off on"
        " Spark: write round()",
        _cuts_off,
    ),
    Difference(
        exp.TryCast,
        "tries to read a date, and Spark takes '2026' and '2026-01' for one: hold the text against"
        " a pattern first",
        _casts_to(DATES),
    ),
    Difference(
        exp.TryCast,
        "tries to read a whole number, and Spark does not take '12.7' for one: read a DECIMAL"
        " and round() it",
        lambda node: _casts_to(WHOLE)(node) and not _may_have_fraction(node.this),
    ),
    Difference(
        exp.RegexpReplace,
        "replaces one match with regexp_replace(), and Spark all of them: give it 'g', or a pattern"
        " that begins with ^",
        _replaces_one,
    ),
    Difference(
        exp.Left,
        f"calls left() with a number below zero {OTHERWISE}",
        _is_below_zero("expression"),
    ),
    Difference(
        exp.Right,
        f"calls right() with a number below zero {OTHERWISE}",
        _is_below_zero("expression"),
    ),
    Difference(exp.Substring, f"calls substring() from place 0 {OTHERWISE}", _is_of_no_number),
    Difference(exp.Bracket, f"computes a place in a list {OTHERWISE}", _is_computed),
    Difference(exp.Extract, f"extracts a field of a date {OTHERWISE}", _other_field),
    Difference(
        exp.TimeToStr,
        f"calls strftime() with a directive {OTHERWISE}",
        _other_directive,
    ),
)


def known_differences(query: exp.Query) -> Iterator[str]:
    """What of a query is known to differ, each kind once."""
    for difference in DIFFERENCES:
        if any(difference.where(node) for node in query.find_all(difference.kind)):
            yield difference.says
