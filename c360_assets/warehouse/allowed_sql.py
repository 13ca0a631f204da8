"""What SQL of a tenant may say: one list of statements, functions and functions that make rows; the
rest is refused.

What a statement says is `statement`. Which tables exist is the caller's knowledge. Behind this list
stand DuckDB's own locks, `engine.lock`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from c360_assets.errors import ConfigError, Problem
from c360_assets.semantics.closest import closest
from c360_assets.warehouse.statement import (
    ONE_SELECT,
    Call,
    Form,
    Statement,
    StatementError,
    read_statement,
)

# They make rows from their arguments alone. All others could read a file, a setting, or run text as
# SQL.
ROW_MAKERS = frozenset(
    {"unnest", "range", "generate_series", "repeat", "repeat_row", "json_each", "json_tree"}
)
# They list what the catalogue of a database holds, which a person who asks may see.
CATALOGUE = frozenset(
    {
        "duckdb_columns",
        "duckdb_constraints",
        "duckdb_functions",
        "duckdb_schemas",
        "duckdb_tables",
        "duckdb_types",
        "duckdb_views",
    }
)
CATALOGUE_TABLES = frozenset(
    {f"information_schema.{name}" for name in ("columns", "schemata", "tables", "views")}
)
# Macros of a published database: questions about Stitch with an argument, which read its tables.
MACROS = frozenset({"cluster_scores", "fk_validation", "null_amperity_ids_of"})
LISTINGS = frozenset({"tables", "databases", "schemas", "__show_tables_expanded"})
OPERATOR = re.compile(r"[^\w\s]+|!__postfix|is (not )?distinct from")
COMPUTES_ONLY = "SQL reads tables and calls functions that only compute"


@dataclass(frozen=True)
class Rules:
    """What one kind of SQL may say beyond a SELECT over tables."""

    row_makers: frozenset[str] = ROW_MAKERS
    # SHOW, DESCRIBE, SUMMARIZE and EXPLAIN.
    may_describe: bool = False
    # What is said where the SQL is none or several statements, or of another kind.
    expectation: str = ONE_SELECT


TABLE_SQL = Rules()
QUESTIONS = Rules(
    ROW_MAKERS | CATALOGUE | MACROS,
    may_describe=True,
    expectation="a question is one SELECT, FROM, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN",
)


@cache
def functions() -> frozenset[str]:
    """The functions that any SQL of a tenant may call."""
    text = (files("c360_assets.warehouse") / "sql_functions.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return frozenset(" ".join(lines).split())


def allowed_statement(
    sql: str,
    file: str,
    rules: Rules = TABLE_SQL,
    own_functions: Collection[str] = (),
    key: str | None = None,
) -> Statement:
    """The statement in `sql`. Raises ConfigError with `file`, line and remedy where it says what is
    not allowed.

    `own_functions` are lower-cased names of further functions, those that the platform ships.
    """
    try:
        statement = read_statement(sql, rules.expectation)
        # SQLGlot's tree is needed later for lineage, so what it cannot read is refused now.
        if rules == TABLE_SQL:
            statement.require_tree()
    except StatementError as error:
        problem = Problem("error", file, error.message, error.line, key, error.remedy)
        raise ConfigError([problem]) from None
    problems = [
        Problem("error", file, refusal.message, refusal.line, key, refusal.remedy)
        for refusal in _refusals(statement, rules, own_functions)
    ]
    if problems:
        raise ConfigError(problems)
    return statement


@dataclass(frozen=True)
class _Refusal:
    message: str
    line: int
    remedy: str


def _refusals(
    statement: Statement, rules: Rules, own_functions: Collection[str]
) -> Iterator[_Refusal]:
    for form in statement.forms:
        if not _is_allowed_form(form, rules):
            name = f"{form.name} {form.shown}".strip().removeprefix("SHOW_SPECIAL ")
            message = f"{name} is not allowed: {COMPUTES_ONLY}"
            yield _Refusal(message, form.line, "write a plain SELECT")
    known = functions().union(own_functions)
    for call in statement.calls:
        refusal = _row_maker_refusal(call, rules) if call.makes_rows else _call_refusal(call, known)
        if refusal is not None:
            yield refusal


def _is_allowed_form(form: Form, rules: Rules) -> bool:
    if not rules.may_describe:
        return False
    if form.name == "SHOW_SPECIAL":
        return form.shown.lower() in LISTINGS
    return form.name in ("EXPLAIN", "DESCRIBE", "SUMMARY", "SHOW", "SHOW_FROM")


def _row_maker_refusal(call: Call, rules: Rules) -> _Refusal | None:
    if call.name in rules.row_makers:
        return None
    near = closest(call.name, rules.row_makers)
    remedy = f"did you mean {near}?" if near else "name a table; a file is loaded by a feed"
    message = f"{call.name}() is not allowed in FROM: {COMPUTES_ONLY}"
    return _Refusal(message, call.line, remedy)


def _call_refusal(call: Call, known: frozenset[str]) -> _Refusal | None:
    if call.name in known or OPERATOR.fullmatch(call.name):
        return None
    near = closest(call.name, known)
    remedy = f"did you mean {near}?" if near else "compute it from columns of tables"
    return _Refusal(f"{call.name}() is not allowed: {COMPUTES_ONLY}", call.line, remedy)
