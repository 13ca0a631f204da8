"""Workbooks of office programs: how they are known, and a sheet of one as a CSV copy.

Cells become text as they are kept, not as they are shown: whole numbers without `.0`, dates as ISO
dates, text as it is, with its leading zeros. A row of the sheet is a line of the copy, so that line
numbers in logs are those of the sheet, but for cells of several lines.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

OFFICE = "is an Excel workbook or another office document"
READABLE = (
    "export it as CSV, Excel, JSON, Parquet, Avro or XML, plain or packed with gzip, zip or tar"
)
OLD_OFFICE_MARK = b"\xd0\xcf\x11\xe0"
# What Excel keeps of a number; more digits are noise of binary fractions (0.30000000000000004).
EXCEL_DIGITS = 15


class SheetError(Exception):
    """No sheet of a workbook can be chosen or read: what is wrong, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class SheetLayout:
    """Which sheet to read, how many of its rows stand before the header, and where numbers go.

    `decimals` holds, by lower-cased column name, the decimal sign that a column's numbers are
    declared with; without a header the names are those of `columns`, in order.
    """

    sheet: str | None
    skip_rows: int
    decimals: Mapping[str, str]
    columns: tuple[str, ...] | None = None


def is_workbook(path: Path) -> bool:
    """Whether a zip archive is a document of an office program."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # of many kinds: a broken directory of a zip fails wherever it is broken
        return False
    return "[Content_Types].xml" in names or "mimetype" in names


def sheet_names(path: Path) -> list[str]:
    """The visible sheets of a workbook, in its order. Raises SheetError."""
    return _visible(_opened(path))


def workbook_to_csv(
    source: Path, target: Path, layout: SheetLayout, rows: int | None = None
) -> None:
    """Write a sheet, or its first `rows` rows, as CSV; rows before the header are empty lines.

    Raises SheetError where the sheet is not there, or where several might be meant.
    """
    workbook = _opened(source)
    cells = islice(_chosen(workbook, layout.sheet).iter_rows(), rows)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in _texts(cells, layout):
            if any(row):
                writer.writerow(row)
            else:
                file.write("\n")


def _opened(path: Path) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_path(str(path))
    except PasswordError:
        problem = "is a workbook that is protected by a password"
        raise SheetError(problem, "save it without one") from None
    except CalamineError:
        raise SheetError("is no readable workbook", "save it again as .xlsx") from None


def _visible(workbook: CalamineWorkbook) -> list[str]:
    return [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
    ]


def _chosen(workbook: CalamineWorkbook, name: str | None) -> CalamineSheet:
    if name is not None:
        if name not in workbook.sheet_names:
            names = ", ".join(workbook.sheet_names)
            raise SheetError(f"has no sheet {name}", f"correct files.sheet: it has {names}")
        return _sheet(workbook, name)
    sheets = [_sheet(workbook, visible) for visible in _visible(workbook)]
    filled = [sheet for sheet in sheets if sheet.height > 1] or sheets[:1]
    if len(filled) == 1:
        return filled[0]
    if not filled:
        raise SheetError("has no visible sheet", "show it, or name it in files.sheet")
    names = ", ".join(sheet.name for sheet in filled)
    problem = f"has several sheets with rows: {names}"
    raise SheetError(problem, f"say which one is meant, such as `sheet: {filled[0].name}`")


def _sheet(workbook: CalamineWorkbook, name: str) -> CalamineSheet:
    try:
        return workbook.get_sheet_by_name(name)
    except CalamineError:
        problem = f"has a sheet that cannot be read: {name}"
        raise SheetError(problem, "save it again as .xlsx") from None


def _texts(cells: Iterator[list[Any]], layout: SheetLayout) -> Iterator[list[str]]:
    """The rows as texts; empty ones instead of those before the header."""
    signs: list[str] | None = None
    if layout.columns is not None:
        signs = [layout.decimals.get(name, ".") for name in layout.columns]
    for number, row in enumerate(cells):
        if number < layout.skip_rows:
            yield []
        elif signs is None:
            names = [_text(cell, ".") for cell in row]
            if any(names):
                signs = [layout.decimals.get(name.strip().lower(), ".") for name in names]
            yield names
        else:
            pairs = zip_longest(row, signs[: len(row)], fillvalue=".")
            yield [_text(cell, sign) for cell, sign in pairs]


def _text(cell: Any, decimal: str) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return _number(cell, decimal)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, timedelta):
        return _duration(cell)
    return str(cell.isoformat()) if isinstance(cell, date | time) else ""


def _number(value: float, decimal: str) -> str:
    """Without an exponent, since the casts of exact numbers read none."""
    if value == int(value):
        return str(int(value))
    digits = f"{value:.{EXCEL_DIGITS}g}"
    if "e" in digits:
        digits = f"{Decimal(digits):f}"
    return digits.replace(".", decimal)


def _duration(value: timedelta) -> str:
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}"
