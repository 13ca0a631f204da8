"""Answers about texts of SQL, kept from one process to the next below a tenant's folder.

What a statement names and what its columns come from follow from its text and the columns that it
reads, and take longer to find out than all else of a day on which nothing changed. An answer is
known again by all that was asked, the code of this room and the versions of the libraries that
answer. None is needed: one that is lost or damaged is asked again. What is asked belongs to
`statement` and `lineage`; no answer holds a value of a row.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.files import private_folder

FOLDER = "sql"  # below `cache/` of the tenant; a feed's copies there are named Source_Feed
LIBRARIES = ("duckdb", "sqlglot")
# SQL that is changed again and again leaves answers that nobody asks for: they go all at once.
MOST_ANSWERS = 2_000


@dataclass
class _Place:
    """The tenant's folder of this process, and whether it may get new answers."""

    root: Path | None = None
    grows: bool = False


_PLACE = _Place()


def keep_answers(root: Path, *, grows: bool) -> None:
    """Take answers from below the tenant's folder `root` from now on, and where it `grows` keep new
    ones there: for programs that write to the tenant anyway."""
    _PLACE.root = root
    _PLACE.grows = grows


def kept_answer(question: str, asked: Sequence[Any], ask: Callable[[], Any]) -> Any:
    """What `ask` answers to `asked`, both as JSON holds them: the kept answer, else the new one."""
    folder = _folder()
    if folder is None:
        return json.loads(json.dumps(ask()))
    path = folder / f"{question}-{fingerprint(*asked)}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        return json.loads(path.read_text("utf-8"))["answer"]
    text = json.dumps({"answer": ask()})
    if _PLACE.grows:
        # A full disk, or a folder of somebody else: the answer is right all the same.
        with suppress(OSError):
            _keep(path, text)
    return json.loads(text)["answer"]


def _folder() -> Path | None:
    root = _PLACE.root
    return root / "cache" / FOLDER / _version() if root is not None and root.is_dir() else None


@cache
def _version() -> str:
    libraries = {name: version(name) for name in LIBRARIES}
    return fingerprint(code_version(Path(__file__).parent), libraries)[:16]


def _keep(path: Path, text: str) -> None:
    """Write an answer, whole or not at all; those of other versions and too many go."""
    folder = path.parent
    if not folder.is_dir():
        shutil.rmtree(folder.parent, ignore_errors=True)
    elif len(os.listdir(folder)) > MOST_ANSWERS:
        shutil.rmtree(folder, ignore_errors=True)
    private_folder(folder)
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    aside.write_text(text, "utf-8")
    # Not made durable: half a file is no JSON, and is asked again.
    aside.replace(path)
