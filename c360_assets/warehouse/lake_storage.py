"""What a lake needs of the place where it stands: files that are put whole, by name.

A folder of this machine is `lake_folder`, a place in S3 `lake_bucket`. Which files there are and
what they hold belongs to `published_lake`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from c360_assets.errors import C360Error
from c360_assets.warehouse.bucket import Purged
from c360_assets.warehouse.lake_files import Footer

if TYPE_CHECKING:
    import duckdb


class LakeStorage(Protocol):
    """Files below an address. Names are relative to it, with `/`.

    Whatever fails raises C360Error, OSError, or ImportError where the optional part is not
    installed.
    """

    @property
    def address(self) -> str: ...

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None where there is none."""

    def owned(self, what: str) -> AbstractContextManager[None]:
        """Keep others from writing while the block runs; a block within it is part of it.

        Raises C360Error where another machine does for longer than is waited.
        """

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def put(self, name: str, content: bytes) -> None:
        """Replace a small file in one step."""

    def put_pointer(self, name: str, content: bytes) -> None:
        """Replace the file that says what is published; only who owns the place.

        Raises C360Error where another machine took it over.
        """

    def put_file(self, aside: Path, name: str) -> None:
        """Move the file `aside` to `name` in one step."""

    def files(self) -> dict[str, int]:
        """All files: name -> bytes."""

    def delete(self, names: Iterable[str]) -> None:
        """Remove files, those that are there."""

    def purge(self, is_own: Callable[[str], bool]) -> Purged:
        """Remove the versions that are left of files that were deleted or replaced, of those whose
        names are our own."""

    def footer(self, name: str) -> Footer:
        """What a data file says of itself."""

    def local_copies(self, names: Iterable[str], folder: Path) -> Iterator[tuple[str, Path]]:
        """Each file as one of this machine, below `folder` where it is not: it goes when the next
        is asked for."""

    def aside_folder(self, working: Path) -> Path:
        """Where files are written before they are put: below `working`, or beside the others."""

    def sweep(self) -> None:
        """Remove what killed writers left aside."""

    def connect(self, con: duckdb.DuckDBPyConnection) -> None:
        """Let SQL of the connection read the files under `read_only`."""

    def read_only(self, name: str) -> str:
        """The path by which SQL reads a file and can write none."""

    def table_uri(self, name: str) -> str:
        """A folder as `deltalake` calls it."""

    def make_private(self, folder: str) -> None:
        """Keep others from a folder and files that `deltalake` wrote."""

    @property
    def options(self) -> dict[str, str]:
        """What `deltalake` needs to reach it."""

    def failure(self, name: str, error: Exception) -> C360Error:
        """What to say where `deltalake` failed in a folder; its texts may quote credentials and
        values."""
