"""One pass of checks over a tenant: what is checked, what is unread, and the problems so far.

No rule lives here. Rules about feeds, tags, `tenant.yaml` and `workflow.yaml` are the `check_`
modules beside this one; each stage checks its own settings in its own room; `configuration` runs
them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from c360_assets.errors import Problem
from c360_assets.semantics.closest import closest
from c360_assets.tenant.document import Document, KeyPath, dotted
from c360_assets.tenant.models import FeedConfig, SourceTable, Tenant


@dataclass(frozen=True)
class UnreadTables:
    """Tables that are declared in files which cannot be read or do not fit their shape.

    `names` are logical names. `nameless` is True where a feed's file does not even show its name.
    """

    names: frozenset[str] = frozenset()
    nameless: bool = False

    def __bool__(self) -> bool:
        return self.nameless or bool(self.names)

    def may_include(self, name: str) -> bool:
        """Whether `name` may be one of them, so that nobody can say that there is no such table."""
        return self.nameless or name in self.names


@dataclass
class ConfigCheck:
    """Problems about one tenant, each with the file and line of the key that it is about."""

    tenant: Tenant
    unread: UnreadTables = field(default_factory=UnreadTables)
    problems: list[Problem] = field(default_factory=list)
    _documents: dict[str, Document] = field(default_factory=dict)

    @property
    def all_tables_read(self) -> bool:
        """Whether a tag that no table carries is carried by none: an unread table may have any."""
        return not self.unread

    def error(self, file: str, path: KeyPath, message: str, remedy: str | None = None) -> None:
        self._add("error", file, path, message, remedy)

    def warning(self, file: str, path: KeyPath, message: str, remedy: str | None = None) -> None:
        self._add("warning", file, path, message, remedy)

    def _add(
        self,
        severity: Literal["error", "warning"],
        file: str,
        path: KeyPath,
        message: str,
        remedy: str | None,
    ) -> None:
        line = None
        if path and file in self.tenant.files:
            line = self.document(file).line(*path)
        key = dotted(path) or None
        self.problems.append(Problem(severity, file, message, line, key, remedy))

    def document(self, file: str) -> Document:
        """The YAML file as it is written, for lines and for keys whose absence matters."""
        if file not in self._documents:
            self._documents[file] = Document.parse(self.tenant.files.get(file, ""), file)
        return self._documents[file]

    def file_of(self, table: SourceTable | FeedConfig) -> str:
        """The configuration file of a table."""
        return self.tenant.places[table.name]

    def path_of(self, table: SourceTable, column: str) -> KeyPath:
        """The key path of an output column in its table's file.

        Fields stand there under their name in the landed file, not under their output name.
        """
        feed = None if table.custom else self.tenant.feed(table.name)
        if feed is None:
            return ("fields", column)
        for name in feed.fields:
            if feed.output_name(name) == column:
                return ("fields", name)
        return ("fields", column)


def did_you_mean(word: str, allowed: Iterable[str]) -> str | None:
    """The remedy that names the nearest allowed word, None where none is near."""
    nearest = closest(word, allowed)
    return f"did you mean {nearest!r}?" if nearest else None


def nearest_or_all(word: str, allowed: Iterable[str]) -> str:
    """The remedy that names the nearest allowed word, else all of them."""
    options = sorted(allowed)
    for option in options:
        if option.lower() == word.lower():
            return f"did you mean {option!r}?"
    return did_you_mean(word, options) or f"known: {', '.join(options) or 'none'}"
