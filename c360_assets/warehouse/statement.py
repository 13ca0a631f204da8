"""One statement of a tenant's SQL: which tables and functions it names, in which forms, and on
which lines.

DuckDB's own parser decides, so that what is looked at is what DuckDB would bind; nothing here runs
the statement. What may be said is `allowed_sql`, what a table's name means belongs to the stages.
SQLGlot's tree, for lineage and lints, is `query`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from c360_assets.warehouse.engine import lock
from c360_assets.warehouse.kept_answers import kept_answer

if TYPE_CHECKING:
    from sqlglot import exp

DIALECT = "duckdb"
ERROR_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
# DuckDB writes the largest 64-bit number where a part of the tree stands nowhere in the text.
NOWHERE = 2**64 - 1
LINE_FEED = 10
ONE_SELECT = "SQL of a tenant is exactly one SELECT"
TOO_DEEP = "its expressions are nested too deeply"

QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"}
SOURCES = {"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST", "TABLE_FUNCTION", "PIVOT"}
MODIFIERS = {"ORDER_MODIFIER", "LIMIT_MODIFIER", "DISTINCT_MODIFIER"}
ORDERS = {"ORDER_DEFAULT", "ASCENDING", "DESCENDING"}
KNOWN_PARTS = QUERIES | SOURCES | MODIFIERS | ORDERS
KNOWN_EXPRESSIONS = {
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "LAMBDA",
    "OPERATOR",
    "POSITIONAL_REFERENCE",
    "STAR",
    "SUBQUERY",
    "TYPE",
    "WINDOW",
}


class StatementError(Exception):
    """Text that is not one statement of a kind that tenants write; `line` where one is known."""

    def __init__(self, message: str, line: int | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.remedy = remedy


@dataclass(frozen=True)
class TableReference:
    """A table named in FROM that is no part (CTE) of the statement; `schema` is empty where none is
    written."""

    name: str
    schema: str
    line: int


@dataclass(frozen=True)
class Call:
    """A function named in the statement, in lower case; `makes_rows` where it stands in FROM."""

    name: str
    line: int
    makes_rows: bool = False


@dataclass(frozen=True)
class Form:
    """A form that is none of a plain SELECT: SHOW, DESCRIBE, SUMMARIZE, EXPLAIN, or what this
    platform does not know."""

    name: str
    line: int
    # What SHOW lists, such as `tables`.
    shown: str = ""


@dataclass(frozen=True)
class Statement:
    """Facts about one statement; `text` is without the semicolon that ends it."""

    text: str
    kind: Literal["select", "explain"]
    tables: tuple[TableReference, ...]
    calls: tuple[Call, ...]
    forms: tuple[Form, ...]

    @cached_property
    def query(self) -> exp.Query:
        """SQLGlot's tree, not to be changed. Raises StatementError when SQLGlot cannot read what
        DuckDB can."""
        # It is slow to import, and what is asked of a tree is mostly known already.
        import sqlglot
        from sqlglot import exp
        from sqlglot.errors import SqlglotError

        try:
            parsed = sqlglot.parse_one(self.text, read=DIALECT)
        except SqlglotError as error:
            details = getattr(error, "errors", None) or [{}]
            description = details[0].get("description", "unknown syntax")
            raise _untraceable(description, details[0].get("line")) from None
        except RecursionError:
            raise _untraceable(TOO_DEEP, None) from None
        if not isinstance(parsed, exp.Query):
            raise _untraceable(f"it is read as {parsed.key}", None)
        return parsed

    def require_tree(self) -> None:
        """Raise StatementError as `query` does."""
        kept_answer("readable", (self.text,), lambda: bool(self.query))

    @cached_property
    def canonical(self) -> str:
        """The statement without comments and layout: its tokens, keywords in capitals."""
        encoded = self.text.encode()
        starts, kinds = zip(*duckdb.tokenize(self.text), strict=True)
        tokens = []
        for start, end, kind in zip(starts, (*starts[1:], len(encoded)), kinds, strict=True):
            token = encoded[start:end].strip().decode()
            if kind == duckdb.token_type.keyword:
                token = token.upper()
            if kind != duckdb.token_type.comment:
                tokens.append(token)
        return " ".join(tokens)


def _untraceable(why: str, line: int | None) -> StatementError:
    message = f"the origin of the columns of this SQL cannot be traced: {why}"
    return StatementError(message, line, "write it in another way, for instance as a plain SELECT")


@lru_cache(maxsize=512)
def read_statement(sql: str, expectation: str = ONE_SELECT) -> Statement:
    """What the one statement in `sql` holds. Raises StatementError, which says the `expectation`,
    when it is none or several, or no query."""
    facts = kept_answer("statement", (sql, expectation), lambda: asdict(_read(sql, expectation)))
    return Statement(
        text=facts["text"],
        kind=facts["kind"],
        tables=tuple(TableReference(**table) for table in facts["tables"]),
        calls=tuple(Call(**call) for call in facts["calls"]),
        forms=tuple(Form(**form) for form in facts["forms"]),
    )


def _read(sql: str, expectation: str) -> Statement:
    try:
        statements = _parser().cursor().extract_statements(sql)
    except duckdb.Error as error:
        raise _syntax_error(error) from None
    if len(statements) != 1:
        count = len(statements) or "no"
        remedy = "leave one of them" if statements else "write one"
        message = f"it holds {count} statements: {expectation}"
        raise StatementError(message, _line_of_second(sql), remedy)
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        return _explained(sql, expectation)
    if kind == duckdb.StatementType.MULTI:
        remedy = "list the values: PIVOT ... ON column IN ('a', 'b')"
        raise StatementError(
            "PIVOT without IN has columns that only the data decides", None, remedy
        )
    if kind != duckdb.StatementType.SELECT:
        message = f"{kind.name} is not allowed: {expectation}"
        raise StatementError(message, _first_line(sql), "write a SELECT")
    text = without_end(sql)
    walk = _Walk(text)
    walk.visit(_tree(text))
    return Statement(
        text=text,
        kind="select",
        tables=tuple(dict.fromkeys(walk.tables)),
        calls=tuple(dict.fromkeys(walk.calls)),
        forms=tuple(dict.fromkeys(walk.forms)),
    )


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(":memory:")
    lock(con)
    return con


def _syntax_error(error: duckdb.Error) -> StatementError:
    description = str(error).split("\n", 1)[0].removeprefix("Parser Error: ")
    return StatementError(f"the SQL cannot be parsed: {description}", error_line(error))


def error_line(error: duckdb.Error) -> int | None:
    """The line of the statement that DuckDB's message points at."""
    found = ERROR_LINE.search(str(error))
    return int(found[1]) if found is not None else None


def _tree(text: str) -> dict[str, Any]:
    rows = _parser().cursor().execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchall()
    try:
        tree: dict[str, Any] = json.loads(rows[0][0])
    except RecursionError:
        raise StatementError(f"the SQL cannot be read: {TOO_DEEP}") from None
    if tree["error"]:
        raise StatementError(f"the SQL cannot be read: {tree['error_message']}")
    (statement,) = tree["statements"]
    return {"node": statement["node"]}


def _explained(sql: str, expectation: str) -> Statement:
    """EXPLAIN is looked at as the statement that it explains, which EXPLAIN ANALYZE runs."""
    encoded = sql.encode()
    starts = _token_starts(sql)
    words = [_word(encoded, start).upper() for start in starts]
    position = words.index("EXPLAIN") + 1
    if words[position] in ("ANALYZE", "ANALYSE"):
        position += 1
    if words[position] == "(":
        position = words.index(")", position) + 1
    skipped_lines = "\n" * (_line_at(encoded, starts[position]) - 1)
    inner_sql = skipped_lines + encoded[starts[position] :].decode()
    inner = read_statement(inner_sql, expectation)
    form = Form("EXPLAIN", _first_line(sql))
    return Statement(without_end(sql), "explain", inner.tables, inner.calls, (form, *inner.forms))


def _token_starts(sql: str) -> list[int]:
    """Byte offsets of the tokens of `sql`, comments left out."""
    return [start for start, kind in duckdb.tokenize(sql) if kind != duckdb.token_type.comment]


def _word(encoded: bytes, start: int) -> str:
    found = re.match(rb"\w+|.", encoded[start:], re.DOTALL)
    return found[0].decode(errors="replace") if found is not None else ""


def without_end(sql: str) -> str:
    """A statement's text without the semicolon that ends it and what follows, so that it can stand
    inside another."""
    end = _end_of_first(sql)
    return sql if end is None else sql.encode()[:end].decode().rstrip()


def _end_of_first(sql: str) -> int | None:
    encoded = sql.encode()
    return next((start for start in _token_starts(sql) if encoded[start : start + 1] == b";"), None)


def _first_line(sql: str) -> int:
    """The line on which a statement begins, after comments and blank lines."""
    starts = _token_starts(sql)
    return _line_at(sql.encode(), starts[0]) if starts else 1


def _line_of_second(sql: str) -> int | None:
    end = _end_of_first(sql)
    later = [start for start in _token_starts(sql) if end is not None and start > end]
    return _line_at(sql.encode(), later[0]) if later else None


def _line_at(encoded: bytes, offset: int) -> int:
    return encoded.count(b"\n", 0, offset) + 1


@dataclass
class _Walk:
    """Goes through DuckDB's tree of a statement and notes what it names; parts (CTEs) of it are
    followed by scope."""

    text: str
    tables: list[TableReference] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)

    def __post_init__(self) -> None:
        encoded = self.text.encode()
        self.first_line = _first_line(self.text)
        self.line_ends = [place for place, byte in enumerate(encoded) if byte == LINE_FEED]

    def visit(self, tree: dict[str, Any]) -> None:
        """Note what `tree` names. A long expression is a deep tree, so that a stack stands here for
        calls: what is still to be looked at, each with the lower-cased names of the CTEs it sees.
        """
        waiting: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
        while waiting:
            node, parts = waiting.pop()
            if isinstance(node, list):
                children = [(item, parts) for item in node]
            else:
                children = list(self._visit_node(node, parts))
            nested = [child for child in children if isinstance(child[0], dict | list)]
            waiting.extend(reversed(nested))

    def _visit_node(
        self, node: dict[str, Any], parts: frozenset[str]
    ) -> Iterator[tuple[Any, frozenset[str]]]:
        """Note what a node itself names; yields its children with the CTEs that each sees."""
        kind = node.get("type")
        for entry in node.get("cte_map", {}).get("map", ()):
            yield entry["value"], parts
            parts = parts | {entry["key"].lower()}
        self._note(node, parts)
        if kind == "TABLE_FUNCTION":
            # The function itself is noted as one that makes rows, all that it holds is visited.
            called = node["function"]
            node = {name: child for name, child in node.items() if name != "function"}
            node["called"] = list(called.values())
        if kind == "RECURSIVE_CTE_NODE":
            # The first half is bound before the name exists, so that there it means a table.
            yield node["left"], parts
            parts = parts | {node["cte_name"].lower()}
        for name, child in node.items():
            is_visited = name == "cte_map" or (kind == "RECURSIVE_CTE_NODE" and name == "left")
            if not is_visited:
                yield child, parts

    def _note(self, node: dict[str, Any], parts: frozenset[str]) -> None:
        kind = node.get("type")
        if "class" in node:
            self._note_expression(node)
        elif kind == "BASE_TABLE":
            self._note_table(node, parts)
        elif kind == "SHOW_REF":
            self._note_show(node)
        elif kind == "TABLE_FUNCTION":
            self._note_call(node["function"], self._line(node), makes_rows=True)
        elif isinstance(kind, str) and kind not in KNOWN_PARTS:
            self.forms.append(Form(kind.removesuffix("_QUERY_NODE"), self._line(node)))

    def _note_expression(self, node: dict[str, Any]) -> None:
        kind = node["class"]
        if kind in ("FUNCTION", "WINDOW"):
            self._note_call(node, self._line(node), makes_rows=False)
        elif kind not in KNOWN_EXPRESSIONS:
            self.forms.append(Form(kind, self._line(node)))

    def _note_call(self, node: dict[str, Any], line: int, *, makes_rows: bool) -> None:
        # What stands before the name is a schema or the value of a chain (`name.upper()`): only
        # DuckDB's binder knows which.
        name = node["qualified_name"]["path"][-1].lower()
        self.calls.append(Call(name, line, makes_rows))

    def _note_table(self, node: dict[str, Any], parts: Iterable[str]) -> None:
        *schemas, name = node["qualified_name"]["path"]
        schema = ".".join(schemas)
        # `recurring` names what a recursive part with USING KEY has found so far.
        is_part = name.lower() in parts and schema.lower() in ("", "recurring")
        if not is_part:
            self.tables.append(TableReference(name, schema, self._line(node)))

    def _note_show(self, node: dict[str, Any]) -> None:
        shown = node["table_name"].strip('"')
        self.forms.append(Form(node["show_type"], self._line(node), shown))
        if node["show_type"] == "SHOW":
            self.tables.append(TableReference(shown, "", self._line(node)))

    def _line(self, node: dict[str, Any]) -> int:
        """The line of a part; what stands nowhere in the text counts for the statement's first."""
        offset = node.get("query_location", NOWHERE)
        if offset in (None, NOWHERE):
            return self.first_line
        return bisect_left(self.line_ends, offset) + 1
