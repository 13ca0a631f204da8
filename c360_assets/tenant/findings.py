"""Where lints put what they find: problems with the file and line of the key they are about.

No rule lives here; rules are in the `check` modules.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from c360_assets.errors import Problem
from c360_assets.tenant.document import Document, dotted
from c360_assets.tenant.models import FeedConfig, SourceTable, Tenant


@dataclass
class Findings:
    """Problems about one tenant. `complete` is False where a file did not fit its shape, so that what refers to it is unknown."""

    tenant: Tenant
    complete: bool = True
    problems: list[Problem] = field(default_factory=list)
    _documents: dict[str, Document] = field(default_factory=dict)

    def document(self, file: str) -> Document:
        if file not in self._documents:
            self._documents[file] = Document.parse(self.tenant.files.get(file, ""), file)
        return self._documents[file]

    def error(
        self, file: str, path: tuple[str | int, ...], message: str, remedy: str | None = None
    ) -> None:
        self.problems.append(
            Problem("error", file, message, self._line(file, path), dotted(path) or None, remedy)
        )

    def warning(
        self, file: str, path: tuple[str | int, ...], message: str, remedy: str | None = None
    ) -> None:
        self.problems.append(
            Problem("warning", file, message, self._line(file, path), dotted(path) or None, remedy)
        )

    def _line(self, file: str, path: tuple[str | int, ...]) -> int | None:
        return self.document(file).line(*path) if path and file in self.tenant.files else None

    def place(self, table: SourceTable | FeedConfig) -> str:
        """The configuration file of a table."""
        return self.tenant.places[table.name]

    def path_of(self, table: SourceTable, column: str) -> tuple[str | int, ...]:
        """The key path of an output column in its table's file, where fields stand under their name in the landed file."""
        feed = None if table.custom else self.tenant.feed(table.name)
        if feed is not None:
            column = next(
                (name for name in feed.fields if feed.output_name(name) == column), column
            )
        return ("fields", column)
