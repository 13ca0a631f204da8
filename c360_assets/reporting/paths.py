"""Paths as a person wants to read them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def short_path(path: Path) -> str:
    """`path` relative to the working directory where it lies below it, else as it is."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def short_place(place: str) -> str:
    """A path as `short_path`, an address as it is."""
    return place if "://" in place else short_path(Path(place))


def shell_path(path: Path) -> str:
    """The short path as a word of a command, to be copied into a shell."""
    return shlex.quote(short_path(path))
