"""Recursive SQL for a cluster, which has no recursion with windows and aggregates: what a recursive
part says of one round, so that `cluster_sql` can ask for one round after the other.

Of the shapes that SQL may have there is one here: one part that reads itself, of which UNION ALL
puts the first rows and those of a round together, as DuckDB computes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from c360_assets.warehouse.statement import DIALECT

DUCKDBS_OWN = "recurring"  # the schema by which DuckDB names all rounds so far


@dataclass(frozen=True)
class Recursion:
    """A query with the recursive part `name`: SELECTs for DuckDB of its `first` rows, of the rows
    of a `further` round, in which `name` means those of the round before, and the `whole` query, in
    which it means all of them."""

    name: str
    first: str
    further: str
    whole: str


def recursion_of(query: exp.Query) -> Recursion | None:
    """The query in rounds; None where it is not recursive or of another shape."""
    with_ = query.args.get("with_")
    recursive = [part for part in query.find_all(exp.With) if part.args.get("recursive")]
    if len(recursive) != 1 or recursive[0] is not with_:
        return None
    parts: list[exp.CTE] = with_.expressions
    own = [number for number, part in enumerate(parts) if _reads(part.this, part.alias)]
    if len(own) != 1:
        return None
    before, (part, *after) = parts[: own[0]], parts[own[0] :]
    union = part.this
    if not isinstance(union, exp.Union) or union.args.get("distinct") or _is_more(part, union):
        return None
    if _reads(union.this, part.alias):
        return None
    bare = query.copy()
    bare.set("with_", None)
    return Recursion(
        name=part.alias,
        first=_with(before, union.this),
        further=_with(before, union.expression),
        whole=_with([*before, *after], bare),
    )


def recursion_in(sql: str) -> Recursion | None:
    """`recursion_of` the text of a SELECT for DuckDB."""
    query = sqlglot.parse_one(sql, read=DIALECT)
    return recursion_of(query) if isinstance(query, exp.Query) else None


def _is_more(part: exp.CTE, union: exp.Union) -> bool:
    """Whether the part says more than two SELECTs put together."""
    says = ("with_", "order", "limit", "offset", "by_name")
    has_columns = bool(part.args["alias"].columns) or bool(part.args.get("key_expressions"))
    names_all = any(table.db.lower() == DUCKDBS_OWN for table in union.find_all(exp.Table))
    return has_columns or names_all or any(union.args.get(key) for key in says)


def _reads(query: exp.Expr, name: str) -> bool:
    return any(table.name.lower() == name.lower() for table in query.find_all(exp.Table))


def _with(parts: Sequence[exp.CTE], query: exp.Expr) -> str:
    """The text of the query after other parts, of which it keeps its own."""
    told = ", ".join(part.sql(dialect=DIALECT, comments=False) for part in parts)
    text = query.sql(dialect=DIALECT, comments=False)
    if not told:
        return text
    return (
        f"WITH {told} SELECT * FROM ({text})" if query.args.get("with_") else f"WITH {told} {text}"
    )
