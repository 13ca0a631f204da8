"""SQL as Spark runs it.

SQL is written once, for DuckDB; SQLGlot translates it, and this module adds what SQLGlot does not
know. That a translation exists proves little: that the answers are equal is shown by running both
(`c360_assets_tests.spark.test_templates`). Which functions are known to do so is
`spark_functions.PORTABLE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.generators.spark import SparkGenerator as SQLGlotSparkGenerator

from c360_assets.errors import C360Error
from c360_assets.warehouse.statement import DIALECT

# Name of a function of one's own -> its parameters and its expression, which may use others.
Functions: TypeAlias = Mapping[str, tuple[tuple[str, ...], exp.Expr]]
NO_FUNCTIONS: Functions = {}


class SparkGenerator(SQLGlotSparkGenerator):
    """Writes SQL for Spark where SQLGlot's own text differs from what Spark 4.3 accepts."""

    TRANSFORMS: ClassVar = {
        **SQLGlotSparkGenerator.TRANSFORMS,
        exp.Bracket: lambda self, node: self.sql(_item(node)),
        exp.Div: lambda self, node: self.binary(of_doubles(node), "/"),
    }


class SparkSql(Spark):
    """Spark's dialect with that generator."""

    Generator = SparkGenerator


def _item(node: exp.Bracket) -> exp.Expr:
    """An item of a list: one beyond the end is NULL in DuckDB, and an error of Spark's brackets."""
    (index,) = node.expressions
    # SQLGlot has counted numbers down by one, as lists of Spark begin at 0, and columns it has not.
    if isinstance(index, exp.Neg) and index.is_int:
        return exp.func("TRY_ELEMENT_AT", node.this, exp.convert(index.to_py() + 1))
    if isinstance(index, exp.Column):
        return exp.func("TRY_ELEMENT_AT", node.this, index)
    return exp.func("GET", node.this, index)


def of_doubles(node: exp.Div) -> exp.Div:
    """The division of doubles, as DuckDB divides decimals too, and Spark to six digits."""
    if any(part.is_type("float", "double") for part in (node.this, node.expression)):
        return node
    return exp.Div(this=exp.cast(node.this, "double"), expression=node.expression)


def functions_of(statements: Iterable[str]) -> Functions:
    """The functions that statements for DuckDB create (`CREATE MACRO`)."""
    functions = {}
    for statement in statements:
        created = sqlglot.parse_one(statement, read=DIALECT)
        assert isinstance(created.this, exp.UserDefinedFunction)
        parameters = tuple(parameter.name for parameter in created.this.expressions)
        functions[created.this.this.name.lower()] = (parameters, created.expression)
    return functions


def spark_sql(sql: str, functions: Functions = NO_FUNCTIONS) -> str:
    """`sql` (one SELECT for DuckDB) for Spark: functions of one's own written out, the rest
    translated.

    Raises C360Error for a recursive query: Spark's recursion allows neither windows nor aggregates
    over what it builds. A run computes those that `spark_recursion` knows round after round.
    """
    query = _written_out(sqlglot.parse_one(sql, read=DIALECT), functions)
    if any(part.args.get("recursive") for part in query.find_all(exp.With)):
        raise C360Error(
            "Spark cannot run a recursive query as one statement; "
            "for email_ampid_assignment give a number of rounds instead of 0"
        )
    for part in query.find_all(exp.CTE):
        # Spark reads parts anew each time they are named, and has no word for it.
        part.set("materialized", None)
    return query.sql(dialect=SparkSql, pretty=True, comments=False)


def _written_out(node: exp.Expr, functions: Functions) -> exp.Expr:
    """`node` with each call of a shared function replaced by its expression, given the call's
    arguments."""

    def replaced(part: exp.Expr) -> exp.Expr:
        if not isinstance(part, exp.Anonymous) or part.name.lower() not in functions:
            return part
        parameters, body = functions[part.name.lower()]
        arguments = [
            _as_operand(_written_out(argument, functions)) for argument in part.expressions
        ]
        given = dict(zip(parameters, arguments, strict=True))
        return _as_operand(_bound(_written_out(body.copy(), functions), given))

    return node.transform(replaced)


def _as_operand(part: exp.Expr) -> exp.Expr:
    """`part` so that it stays one operand wherever it is put."""
    if isinstance(part, exp.Binary | exp.Unary | exp.Between | exp.In):
        return exp.paren(part)
    return part


def _bound(body: exp.Expr, given: Mapping[str, exp.Expr]) -> exp.Expr:
    def value(part: exp.Expr) -> exp.Expr:
        is_parameter = isinstance(part, exp.Column) and not part.table and part.name in given
        return given[part.name].copy() if is_parameter else part

    return body.transform(value)
