"""What the benchmarks share: a timed call, the shape of a result, and the table that is printed."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from rich.console import Console
from rich.table import Table

PACKAGES = ("duckdb", "polars", "pyarrow", "deltalake")


@dataclass(frozen=True)
class Measure:
    """One line of the table: `value` and `reference` in `unit`; `target` is the largest ratio wanted."""

    what: str
    value: float
    reference: float
    target: float
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.value / self.reference

    @property
    def reached(self) -> bool:
        return self.ratio <= self.target


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def against(work: Callable[[], float], reference: Callable[[], float], times: int = 3) -> tuple[float, float]:
    """The shortest of several times of each, taken in turn: what else the machine does disturbs both, and only ever adds."""
    pairs = [(work(), reference()) for _ in range(times)]
    return min(w for w, _ in pairs), min(r for _, r in pairs)


def show(title: str, measures: Sequence[Measure]) -> bool:
    """Print the table and the versions; whether every target was reached."""
    table = Table(title=title, title_justify="left")
    for name in ("what", "ours", "reference", "ratio", "target", ""):
        table.add_column(name, justify="left" if name in ("what", "") else "right")
    for m in measures:
        mark = "ok" if m.reached else "MISSED"
        figures = (f"{m.value:.2f} {m.unit}", f"{m.reference:.2f} {m.unit}", f"{m.ratio:.2f}", f"<= {m.target:g}")
        table.add_row(m.what + (f" ({m.note})" if m.note else ""), *figures, mark)
    console = Console(width=140)
    console.print(table)
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    console.print(f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores", highlight=False)
    return all(m.reached for m in measures)
