"""What is said when a cluster fails, without the text of Spark: it quotes values.

Knows no Spark: its errors are told apart by what they say of themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from c360_assets.errors import C360Error

TOLD_BY_WORKER = re.compile(r"C360Error: ((?:stitch|tables): [^\n]+)")
LACKING = re.compile(r"No module named '(\w+)")
# Classes of SQLSTATE by which Spark refuses a query, or ends it over a value of the data: what it
# does not support, rows where one was expected, what cannot be computed, names and types.
OF_QUERIES = ("0A", "21", "22", "42")


@contextmanager
def told(stage: str, doing: str) -> Iterator[None]:
    """What Spark raises inside the block, as a C360Error that begins with `stage`."""
    try:
        yield
    except C360Error:
        raise
    except Exception as error:
        raise C360Error(sentence(stage, doing, error)) from None


def sentence(stage: str, doing: str, error: Exception) -> str:
    """What to say of something that Spark raised."""
    text = str(error)
    if by_worker := TOLD_BY_WORKER.search(text):
        return f"{by_worker[1]}, on a worker of Spark"
    if lacking := LACKING.search(text):
        return (
            f"{stage}: the workers of Spark lack the package {lacking[1]}: they need this package, "
            "with what it needs, in the Python that they start (PYSPARK_PYTHON)"
        )
    return f"{stage}: {doing} failed on Spark ({type(error).__name__})"


def fault_of_query(error: Any) -> str | None:
    """What Spark calls the fault that it finds with a query, such as DIVIDE_BY_ZERO; None where it
    is not the query that failed."""
    state = _asked(error, "getSqlState") or ""
    return _asked(error, "getCondition") if state.startswith(OF_QUERIES) else None


def _asked(error: Any, method: str) -> str | None:
    answer = getattr(error, method, None)
    return answer() if answer is not None else None
