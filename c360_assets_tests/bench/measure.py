"""What the benchmarks share: a timed call, the shape of a result, the table that is printed and the
page that keeps it."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

PACKAGES = ("c360-assets", "duckdb", "polars", "pyarrow", "deltalake")
COLUMNS = ("what", "ours", "reference", "ratio", "target", "")
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- make bench writes from here -->\n", "<!-- to here -->"
IN_README = "stitch"  # the section that the README shows too
INTRODUCTION = """# Benchmarks

`make bench` writes this page: a section per benchmark, as it last ran. Ratios are to a reference \
in the same run on the same
machine; where the reference is a limit in seconds or GiB, the target is 1. `make growth` writes \
the section "stitch on spark".
"""


@dataclass(frozen=True)
class Measure:
    """One line of the table: `value` and `reference` in `unit`; `target` is the largest ratio
    wanted."""

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

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        what = self.what + (f" ({self.note})" if self.note else "")
        figures = (
            f"{self.value:.2f} {self.unit}",
            f"{self.reference:.2f} {self.unit}",
            f"{self.ratio:.2f}",
            f"<= {self.target:g}",
        )
        return what, *figures, "ok" if self.reached else "MISSED"


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def against(
    work: Callable[[], float], reference: Callable[[], float], times: int = 3
) -> tuple[float, float]:
    """The shortest of several times of each, taken in turn: what else the machine does disturbs
    both, and only ever adds."""
    pairs = [(work(), reference()) for _ in range(times)]
    return min(w for w, _ in pairs), min(r for _, r in pairs)


@dataclass(frozen=True)
class Section:
    """A benchmark as it was shown. `title`: name, and after a colon the sizes; `notes`: sentences
    below the table."""

    title: str
    rows: list[tuple[str, ...]]
    notes: list[str]
    columns: tuple[str, ...] = COLUMNS

    @property
    def name(self) -> str:
        return self.title.partition(":")[0]

    def markdown(self) -> str:
        """Table and notes, without the heading."""
        lines = ["| " + " | ".join(row) + " |" for row in (self.columns, self._sides(), *self.rows)]
        sizes = self.title.partition(":")[2].strip()
        return (
            "\n".join(
                [
                    *([sizes + "\n"] if sizes else []),
                    *lines,
                    "",
                    *(f"{note}  " for note in self.notes),
                ]
            )
            + "\n"
        )

    def _sides(self) -> tuple[str, ...]:
        """Texts left, figures right."""
        return ("---", *["---:"] * (len(self.columns) - 2), "---")


SHOWN: list[Section] = []  # of this process, in order


def show(title: str, measures: Sequence[Measure], notes: Sequence[str] = ()) -> bool:
    """Print the table, the notes and the versions; whether every target was reached."""
    show_section(Section(title, [m.cells() for m in measures], [*notes, machine()]))
    return all(m.reached for m in measures)


def show_section(section: Section) -> None:
    """Print the table and the notes."""
    SHOWN.append(section)
    table = Table(title=section.title, title_justify="left")
    for name in section.columns:
        is_text = name in (section.columns[0], section.columns[-1])
        table.add_column(name, justify="left" if is_text else "right")
    for row in section.rows:
        table.add_row(*row)
    console = Console(width=max(140, 13 * len(section.columns)))
    console.print(table)
    for note in section.notes:
        console.print(note, highlight=False)


def machine() -> str:
    """Day, versions and machine of a run."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    today = datetime.now(UTC).date()
    return (
        f"{today}: Python {platform.python_version()}, {versions}; {os.cpu_count()} cores, "
        f"{memory:.0f} GiB"
    )


def write(sections: Sequence[Section], page: Path = PAGE, readme: Path = README) -> None:
    """Replace the sections of the page, and in the README the one that it shows."""
    text = page.read_text("utf-8") if page.exists() else ""
    kept = {
        name: body.strip() for name, body in re.findall(r"(?ms)^## (.+?)\n(.*?)(?=^## |\Z)", text)
    }
    kept |= {section.name: section.markdown().strip() for section in sections}
    page.write_text(
        "\n".join([INTRODUCTION, *(f"## {name}\n\n{kept[name]}\n" for name in sorted(kept))]),
        "utf-8",
    )
    before, begin, rest = readme.read_text("utf-8").partition(BEGIN)
    if begin and IN_README in kept:
        readme.write_text(
            f"{before}{BEGIN}{kept[IN_README]}\n{END}{rest.partition(END)[2]}", "utf-8"
        )
