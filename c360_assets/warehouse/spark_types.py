"""What SQL computes otherwise on Spark because of the types of what it reads.

Beside `spark_differences`, which sees the SQL alone. Types are those that SQLGlot finds for each
expression from the columns of the tables; where it finds none, the worst is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from c360_assets.warehouse.spark_differences import DATES, TEXTS, Difference, Type
from c360_assets.warehouse.spark_sql import of_doubles
from c360_assets.warehouse.statement import DIALECT

UNKNOWN = frozenset({Type.UNKNOWN})
DOUBLES = frozenset({Type.FLOAT, Type.DOUBLE})
LISTS = frozenset({Type.LIST, Type.ARRAY})


def _type(node: exp.Expr | None) -> Type:
    kind = node.type if node is not None else None
    return kind.this if isinstance(kind, exp.DataType) else Type.UNKNOWN


def _is(node: exp.Expr | None, types: frozenset[Type]) -> bool:
    return _type(node) in types | UNKNOWN


def _divided(node: exp.Expr) -> exp.Expr:
    """A division as one of doubles, which SQLGlot takes for one of decimals."""
    return of_doubles(node) if isinstance(node, exp.Div) else node


def _of(types: frozenset[Type], node: exp.Expr) -> bool:
    return _is(node.this, types)


def _counts_days(node: exp.Expr) -> bool:
    is_interval = _type(node.expression) == Type.INTERVAL
    return not is_interval and _is(node.this, DATES) and _is(node.expression, DATES)


def _moves_a_date(node: exp.Expr) -> bool:
    sides = (node.this, node.expression)
    moves = any(_type(side) == Type.INTERVAL for side in sides)
    return moves and any(_is(side, frozenset({Type.DATE})) for side in sides)


def _writes_a_double(node: exp.Expr) -> bool:
    return node.to.this in TEXTS and _of(DOUBLES, node)  # type: ignore[attr-defined]


OF_TYPES: tuple[Difference, ...] = (
    Difference(
        exp.Avg,
        "takes avg() of decimals, a double here and a decimal of six digits on Spark, or of"
        " doubles, which are summed in another order there: divide a sum of decimals by a count",
        lambda node: _of(DOUBLES | {Type.DECIMAL}, node),
    ),
    Difference(
        exp.Sum,
        "sums doubles, which are summed in another order on Spark: cast them to DECIMAL",
        lambda node: _of(DOUBLES, node),
    ),
    Difference(
        exp.Sub,
        "takes one date from another, a number here and an interval on Spark: use date_diff()",
        _counts_days,
    ),
    Difference(
        exp.Add,
        "adds an interval to a date, a time here and a date on Spark: cast the sum to DATE",
        _moves_a_date,
    ),
    Difference(
        exp.Sub,
        "takes an interval from a date, a time here and a date on Spark: cast what is left to DATE",
        _moves_a_date,
    ),
    Difference(exp.Cast, "writes a double as text, otherwise on Spark: round()", _writes_a_double),
    Difference(
        exp.Length,
        "asks for the length of a list, which Spark cannot tell by that name",
        lambda node: _of(LISTS, node),
    ),
)


def differences_of_types(sql: str, schemas: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """What of a SELECT differs, each kind once. `schemas`: what it reads -> column -> type."""
    known: dict[str, object] = {table: dict(columns) for table, columns in schemas.items()}
    try:
        parsed = sqlglot.parse_one(sql, read=DIALECT).transform(_divided)
        query = qualify(parsed, dialect=DIALECT, schema=known)
        typed = annotate_types(query, dialect=DIALECT, schema=known)
    except (SqlglotError, RecursionError):
        yield "has columns whose types cannot be told, and Spark may compute with other ones"
        return
    for difference in OF_TYPES:
        if any(difference.where(node) for node in typed.find_all(difference.kind)):
            yield difference.says
