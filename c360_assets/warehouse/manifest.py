"""The manifest: which version of which table is the current state of a tenant's warehouse.

Delta is atomic per table; a stage writes many tables. A version that the manifest does not name
does not exist: readers pin the versions it names, and it is replaced whole, once per stage. Reading
and writing table content belongs to `session`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from c360_assets.errors import C360Error
from c360_assets.warehouse.files import write_private

# How the manifest and what it names are stored: it counts on with a change that earlier versions of
# this package would read wrongly.
FORM = 1
TENANT = "tenant"  # the fact that says by which id the tenant has published


@dataclass(frozen=True)
class TableState:
    """One table at one version.

    `digest` is the content digest (`digest.digest_sql`), `fingerprint` that of everything the
    content was computed from, `columns` maps column to DuckDB type in table order, `figures` are
    counts that a reused table reports again. `files` names the data files of the version, so that
    to read it no log is opened; None where only the log knows them.
    """

    version: int
    digest: str
    fingerprint: str
    rows: int
    columns: dict[str, str]
    figures: dict[str, Any] = field(default_factory=dict)
    files: list[str] | None = field(default=None, compare=False)

    def holds(self, digest: str, columns: Mapping[str, str]) -> bool:
        """Whether its content is that of the digest, in these columns and their order."""
        return self.digest == digest and list(self.columns.items()) == list(columns.items())

    def at_version(self, version: int, rows: int) -> TableState:
        """The table at another version, of the same columns; its files are others."""
        return replace(self, version=version, rows=rows, files=None)


@dataclass(frozen=True)
class Manifest:
    """The named state: tables by name, and facts about stages (`meta`), such as the Stitch
    generation.
    """

    tables: dict[str, TableState] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """The manifest at `path`; an empty one where there is none yet.

        Raises C360Error where it is damaged.
        """
        try:
            facts = path.stat()
            identity = (str(path), facts.st_ino, facts.st_mtime_ns, facts.st_size)
            if not _last or _last[0][0] != identity:
                _last[:] = [(identity, _parsed(path))]
        except FileNotFoundError:
            return cls()
        return _last[0][1]

    def with_changes(self, tables: Mapping[str, TableState], meta: Mapping[str, Any]) -> Manifest:
        return replace(self, tables={**self.tables, **tables}, meta={**self.meta, **meta})

    def without(self, tables: Collection[str]) -> Manifest:
        kept = {name: state for name, state in self.tables.items() if name not in tables}
        return replace(self, tables=kept)

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """The manifest of a text. Raises ValueError where it was cut short or written by hand,
        C360Error where a later version of this package wrote it.
        """
        try:
            content = json.loads(text)
            _refuse_later(content)
            tables = {name: TableState(**state) for name, state in content["tables"].items()}
            return cls(tables, dict(content["meta"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(type(error).__name__) from None

    def text(self, **more: str) -> str:
        """The manifest as it is stored, with `more` keys that `parse` leaves out."""
        # A line per table: readable, and written by the encoder in C, which knows no indentation.
        lines = ",\n".join(
            f"{json.dumps(name)}: {json.dumps(vars(state))}"
            for name, state in sorted(self.tables.items())
        )
        meta = json.dumps(self.meta)
        others = "".join(f',\n"{key}": {json.dumps(value)}' for key, value in more.items())
        return f'{{"form": {FORM},\n"tables": {{\n{lines}\n}},\n"meta": {meta}{others}}}\n'

    def save(self, path: Path) -> None:
        """Replace the file at `path` in one step that survives a crash."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, self.text())


# The manifest that was read last, by what tells its file from the one that replaces it. Manifests
# are not changed, so that all who ask may have the same.
_last: list[tuple[tuple[str, int, int, int], Manifest]] = []


def _refuse_later(content: Mapping[str, Any]) -> None:
    """A state that is understood by half would be written back without the other half."""
    known = {field.name for field in fields(TableState)}
    unknown = sorted({key for state in content["tables"].values() for key in state} - known)
    form = content.get("form", FORM)
    if form > FORM or unknown:
        facts = ", ".join([f"form {form}", *unknown])
        raise C360Error(
            f"manifest.json was written by a later version of c360 ({facts}; this one knows form "
            f"{FORM}): install that version again; nothing was changed"
        )


def _parsed(path: Path) -> Manifest:
    """Raises C360Error where the file was cut short or written by hand."""
    try:
        return Manifest.parse(path.read_text("utf-8"))
    except ValueError:
        raise C360Error(
            f"{path} is damaged: put back the folder warehouse/ of your last backup; without one, "
            "set that folder aside and `c360 run` loads all that is in landing/ again, but people "
            "may get other ids than before; what is published stays"
        ) from None
