"""File patterns: which landed files belong to a feed, and of which delivery day they are.

A pattern is literal text in single quotes, in which `*` stands for anything but `/`, and the date parts yyyy, MM and dd between
them: `'shopify/customers-'yyyyMMdd'*.csv'`. Two single quotes are one literal quote. Reading a file belongs to `ingest`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path, PurePosixPath

DATE_PARTS = {"yyyy": r"[0-9]{4}", "MM": r"[0-9]{2}", "dd": r"[0-9]{2}"}
_TOKEN = re.compile(
    r"(?P<quoted>'(?:[^']|'')+')|(?P<quote>'')|(?P<letters>[A-Za-z]+)|(?P<other>[^A-Za-z'])|(?P<open>')"
)
_PART = re.compile("|".join(DATE_PARTS))


class PatternError(ValueError):
    """A pattern that cannot be read; the text says what is wrong and how to mend it."""


@dataclass(frozen=True)
class FileMatch:
    """A path that fits a pattern. `day` is None where the pattern has no date, or its digits are no date (`valid` False).

    `below` are the folders between a folder that fits and the file in it.
    """

    path: str
    day: date | None = None
    valid: bool = True
    below: tuple[str, ...] = ()

    @property
    def readable(self) -> bool:
        """Whether the file lies where a partitioned folder may hold it: right in the folder, or one partition (`key=value`)
        deep."""
        return not self.below or (len(self.below) == 1 and "=" in self.below[0])


@dataclass(frozen=True)
class FilePattern:
    """A compiled pattern. Raises PatternError when it cannot be read or could leave the folder."""

    pattern: str
    _tokens: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tokens = tuple(_tokens(self.pattern))
        object.__setattr__(self, "_tokens", tokens)
        parts = {text for kind, text in tokens if kind == "date"}
        if parts and parts != DATE_PARTS.keys():
            raise PatternError(
                f"a date in a file pattern needs yyyy, MM and dd; {', '.join(sorted(DATE_PARTS.keys() - parts))} is missing"
            )
        shape = "".join(text for kind, text in tokens)
        if not shape.strip("/"):
            raise PatternError("the pattern names no file")
        if (
            shape.startswith(("/", "~"))
            or "\\" in shape
            or re.match(r"[A-Za-z]:", shape)
            or ".." in shape.split("/")
        ):
            raise PatternError(
                "a path below landing/ is needed: no leading '/', no '..', no backslash"
            )

    @property
    def has_date(self) -> bool:
        return any(kind == "date" for kind, _ in self._tokens)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        seen: set[str] = set()
        text = ""
        for kind, token in self._tokens:
            if kind == "date":
                text += f"(?P={token})" if token in seen else f"(?P<{token}>{DATE_PARTS[token]})"
                seen.add(token)
            else:
                text += "[^/]*".join(re.escape(piece) for piece in token.split("*"))
        return re.compile(text)

    @cached_property
    def glob_root(self) -> str:
        """The folder below which every match lies: the literal folders before the first `*` or date part ('' for none)."""
        literal = ""
        for kind, token in self._tokens:
            head, star, _ = token.partition("*")
            if kind == "date":
                break
            literal += head
            if star:
                break
        return literal.rpartition("/")[0]

    def match(self, relative_path: str) -> FileMatch | None:
        """How a path below the landing folder (with `/`) fits; None when it does not."""
        found = self.regex.fullmatch(relative_path)
        if found is None:
            return None
        if not self.has_date:
            return FileMatch(relative_path)
        try:
            return FileMatch(relative_path, date(*(int(found[part]) for part in DATE_PARTS)))
        except ValueError:
            return FileMatch(relative_path, None, False)

    def fits(self, relative_path: str, folders: bool = False) -> FileMatch | None:
        """How a path fits; with `folders`, also as a file anywhere in a folder that fits, hidden ones left out."""
        return self.match(relative_path) or (self._match_inside(relative_path) if folders else None)

    def _match_inside(self, relative_path: str) -> FileMatch | None:
        *folders, name = relative_path.split("/")
        for depth in range(len(folders), 0, -1):
            found, below = self.match("/".join(folders[:depth])), tuple(folders[depth:])
            if found is not None:
                hidden = any(piece.startswith((".", "_")) for piece in (*below, name))
                return None if hidden else replace(found, path=relative_path, below=below)
        return None

    def find(self, root: Path, folders: bool = False) -> list[FileMatch]:
        """All files below the folder `root` that fit, by path. A link that leads out of `root` does not count."""
        base = root.resolve()
        if not (root / self.glob_root).resolve().is_relative_to(base):
            return []
        matches = [
            m for path in _walk(root, self.glob_root) if (m := self.fits(path, folders)) is not None
        ]
        # Folders that are links are not walked, so that only a file itself can lead out.
        inside = (
            m
            for m in matches
            if not (p := root / m.path).is_symlink() or p.resolve().is_relative_to(base)
        )
        return sorted(inside, key=lambda m: m.path)


def _walk(root: Path, below: str) -> Iterator[str]:
    start = root / below
    for folder, folders, names in os.walk(start):
        folders.sort()
        for name in names:
            yield PurePosixPath(Path(folder, name).relative_to(root)).as_posix()


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    """(kind, text) pairs, kind `literal` or `date`."""
    for found in _TOKEN.finditer(pattern):
        kind, text = str(found.lastgroup), found[0]
        if kind == "open":
            raise PatternError("a single quote is not closed")
        if kind == "quoted":
            yield "literal", text[1:-1].replace("''", "'")
        elif kind == "quote":
            yield "literal", "'"
        elif kind == "letters":
            if re.fullmatch(f"(?:{_PART.pattern})+", text) is None:
                raise PatternError(
                    f"{text!r} is neither a date part (yyyy, MM, dd) nor quoted; put fixed text in single quotes inside the "
                    "YAML quotes: \"'shop/orders-'yyyyMMdd'.csv'\""
                )
            yield from (("date", part) for part in _PART.findall(text))
        elif text == "*":
            raise PatternError("'*' must stand inside single quotes")
        else:
            yield "literal", text
