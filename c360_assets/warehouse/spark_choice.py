"""Which SQL a cluster computes as this machine does, and why other SQL stays here.

What is seen of it decides: forms (`spark_differences`), functions (`spark_functions`), and types
(`spark_types`). How it is computed there belongs to `cluster_sql`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from c360_assets.warehouse.statement import Statement
from c360_assets.wording import counted

Schemas: TypeAlias = Mapping[str, Mapping[str, str]]  # what SQL reads -> column -> type
# Why SQL of a tenant's stays here where a cluster computes shipped SQL alone.
OF_YOUR_OWN = "is SQL of your own, which `tables: all` takes there too"


def differences(read: Statement, schemas: Schemas | None = None) -> Iterator[str]:
    """What a statement does that Spark does otherwise, or may do so, each a sentence without its
    subject; by the types of columns too where `schemas` has all that it reads."""
    # SQLGlot is slow to import, and only clusters need it.
    from c360_assets.warehouse.spark_differences import known_differences
    from c360_assets.warehouse.spark_functions import reads_clock, unknown_to_spark
    from c360_assets.warehouse.spark_types import differences_of_types

    yield from known_differences(read.query)
    yield from unknown_to_spark(read.query, read.text)
    if reads_clock(read.query):
        yield "reads the machine's clock or chance"
    if schemas is not None:
        yield from differences_of_types(read.text, schemas)


def told_of_choice(kind: str, of: str, reasons: Mapping[str, str | None]) -> str:
    """How many tables of a `kind` (such as `table`, `of` the database) the cluster computes, and
    the names of those that stay here by reason. `reasons`: table -> why it stays, None where it
    does not."""
    by_reason: dict[str, list[str]] = {}
    for table, reason in sorted(reasons.items()):
        if reason is not None:
            by_reason.setdefault(reason, []).append(table)
    n_here = sum(map(len, by_reason.values()))
    message = f"Spark computes {len(reasons) - n_here} of {counted(len(reasons), kind)}{of}"
    return f"{message}; this machine computes {n_here}: {_listed(by_reason)}" if n_here else message


def _listed(by_reason: Mapping[str, list[str]]) -> str:
    parts = []
    for reason, tables in by_reason.items():
        each = "each " if len(tables) > 1 else ""
        parts.append(f"{', '.join(tables)} ({each}{reason})")
    return "; ".join(parts)
