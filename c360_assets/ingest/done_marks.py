"""Marks that senders put beside files which are whole: `files.done`.

What a mark is called and whether it is younger than its file. Waiting without marks is `arrival`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath


def mark_names(done: str, name: str) -> list[str]:
    """What the mark of a file may be called: `*` stands for its name, with or without the suffix.

    Without `*` one mark stands for all files of its folder.
    """
    if "*" not in done:
        return [done]
    stem = name.partition(".")[0]
    return list(dict.fromkeys([done.replace("*", name), done.replace("*", stem)]))


def is_marked(done: str, relative: str, changed: int, marks: dict[str, int]) -> bool:
    """Whether one of `marks` (path -> time of change) says that the file is whole.

    Times are of one unit and clock. A mark that is older than the file is of an earlier delivery.
    """
    path = PurePosixPath(relative)
    names = mark_names(done, path.name)
    times = [marks.get(str(path.with_name(name)), -1) for name in names]
    return max(times) >= changed


def local_marks(done: str, folder: Path, relatives: Iterable[str]) -> dict[str, int]:
    """Marks of local files that are there: path below `folder` -> time of change."""
    marks: dict[str, int] = {}
    for relative in relatives:
        path = PurePosixPath(relative)
        for name in mark_names(done, path.name):
            mark = str(path.with_name(name))
            try:
                marks[mark] = (folder / mark).stat().st_mtime_ns
            except OSError:
                continue
    return marks
