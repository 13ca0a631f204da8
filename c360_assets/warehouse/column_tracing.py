"""Columns of a SELECT followed to what they are computed from, by SQLGlot's tree of it.

The answers that others ask for, and keep, are `lineage`'s; SQLGlot is slow to import, and whoever
has the answer does not come here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node
from sqlglot.lineage import lineage as trace
from sqlglot.optimizer.qualify import qualify

from c360_assets.warehouse.statement import DIALECT

Tables = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # of a table, its columns and types
Views = tuple[tuple[str, str], ...]  # names and the SELECTs that they stand for


@lru_cache(maxsize=256)
def traced(select: str, tables: Tables, views: Views) -> dict[str, list[tuple[str, str]]]:
    """As `lineage.column_origins`."""
    known = {table: dict(columns) for table, columns in tables}
    return {
        column: sorted(_origins(root))
        for column, root in _nodes(select, known, dict(views)).items()
    }


def _nodes(
    select: str, schemas: Mapping[str, Mapping[str, str]], views: Mapping[str, str]
) -> dict[str, Node]:
    """Each column of the result that can be traced, with what it is computed from."""
    known = {table: dict(columns) for table, columns in schemas.items()}
    try:
        roots = trace(
            None,
            select,
            schema=known,
            sources=dict(views),
            dialect=DIALECT,
            trim_selects=False,
        )
    except SqlglotError:
        return {}
    assert isinstance(roots, dict)
    return {column: root for column, root in roots.items() if not _reads_untraceable(root)}


def _reads_untraceable(root: Node) -> bool:
    ends = [node.expression for node in root.walk() if not node.downstream]
    return any(
        isinstance(end, exp.Star) or end.find(exp.TableColumn, exp.Columns) is not None
        for end in ends
    )


def _origins(root: Node) -> set[tuple[str, str]]:
    ends = [node for node in root.walk() if not node.downstream]
    return {
        (end.expression.name.lower(), end.name.rsplit(".", 1)[-1].strip('"'))
        for end in ends
        if isinstance(end.expression, exp.Table)
    }


@lru_cache(maxsize=256)
def row_traced(select: str, tables: Tables, views: Views) -> dict[str, list[tuple[str, str]]]:
    """As `lineage.row_expressions`."""
    known = {table: dict(columns) for table, columns in tables}
    found = {}
    for column, root in _nodes(select, known, dict(views)).items():
        traced = [_of_one_table(tree) for tree in _row_trees(root)]
        ways = [way for way in traced if way is not None]
        if ways:
            found[column] = ways
    return found


def _row_trees(node: Node) -> list[exp.Expr]:
    """The expressions over columns of stored tables that the node stands for."""
    if isinstance(node.expression, exp.Table):
        name = node.name.rsplit(".", 1)[-1].strip('"')
        return [exp.column(name, table=node.expression.name.lower(), quoted=True)]
    tree = node.expression.unalias()
    if tree.find(exp.AggFunc, exp.Window, exp.Query) is not None:
        return []
    columns = list(tree.find_all(exp.Column))
    names = {column.sql(DIALECT) for column in columns}
    children = {child.name: child for child in node.downstream}
    if len(names) == 1 and not names <= children.keys():
        # Each part of a UNION is a way of its own.
        parts = [inner for child in node.downstream for inner in _row_trees(child)]
        return [_with(tree, dict.fromkeys(names, part)) for part in parts]
    inner_trees = {name: _row_trees(children[name]) for name in names & children.keys()}
    if len(inner_trees) < len(names) or any(len(trees) != 1 for trees in inner_trees.values()):
        return []
    return [_with(tree, {name: trees[0] for name, trees in inner_trees.items()})]


def _with(tree: exp.Expr, inner: Mapping[str, exp.Expr]) -> exp.Expr:
    """The tree with what its columns stand for."""

    def put(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column):
            return node
        standing = inner[node.sql(DIALECT)].copy()
        return standing if isinstance(standing, exp.Column) else exp.paren(standing)

    return tree.copy().transform(put)


def _of_one_table(tree: exp.Expr) -> tuple[str, str] | None:
    columns = list(tree.find_all(exp.Column))
    tables = {column.table for column in columns}
    if len(tables) != 1:
        return None
    plain = tree.transform(
        lambda node: exp.column(node.name, quoted=True) if isinstance(node, exp.Column) else node
    )
    return tables.pop(), plain.sql(DIALECT)


# A process that builds a table again asks the same again, and the answer takes a tenth of a second.
@lru_cache(maxsize=256)
def names_read(select: str, tables: Tables) -> list[str] | None:
    """Every name that stands in the SELECT, in lower case, sorted; None where it reads without
    names."""
    known: dict[str, object] = {table: dict(columns) for table, columns in tables}
    try:
        parsed = parse_one(select, read=DIALECT)
        if any(_joins_without_names(join) for join in parsed.find_all(exp.Join)):
            return None
        tree = qualify(parsed, dialect=DIALECT, schema=known)
    except (SqlglotError, RecursionError):
        return None
    if not isinstance(tree, exp.Query) or any(_reads_without_names(node) for node in tree.walk()):
        return None
    return sorted({identifier.name.lower() for identifier in tree.find_all(exp.Identifier)})


def _joins_without_names(join: exp.Join) -> bool:
    return str(join.args.get("method") or "").upper() == "NATURAL"


def _reads_without_names(node: exp.Expr) -> bool:
    if isinstance(node, exp.Star):
        return not isinstance(node.parent, exp.Count)
    if isinstance(node, exp.SetOperation):
        return bool(node.args.get("by_name"))
    nameless = (exp.TableColumn, exp.PositionalColumn, exp.Columns, exp.Pivot, exp.Command)
    return isinstance(node, nameless)
