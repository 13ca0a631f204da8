"""What a lake needs of the place where it stands: files that are put whole, by name.

A folder of this machine is `lake_folder`, a place in S3 `lake_bucket`. Which files there are and
what they hold belongs to `published_lake`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from c360_assets.errors import C360Error

if TYPE_CHECKING:
    import duckdb


class Purged(NamedTuple):
    """Versions of deleted objects: how many went, and how many the bucket keeps; not `is_known`
    where they could not be listed."""

    removed: int
    kept: int
    is_known: bool = True


class LakeStorage(Protocol):
    """Files below an address. Names are relative to it, with `/`.

    Whatever fails raises C360Error, OSError, or ImportError where the optional part is not
    installed.
    """

    @property
    def address(self) -> str: ...

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None where there is none."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def put(self, name: str, content: bytes) -> None:
        """Replace a small file in one step."""

    def put_file(self, aside: Path, name: str) -> None:
        """Move the file `aside` to `name` in one step."""

    def files(self) -> dict[str, int]:
        """All files: name -> bytes."""

    def delete(self, names: Iterable[str]) -> None:
        """Remove files, those that are there."""

    def purge(self, is_own: Callable[[str], bool]) -> Purged:
        """Remove the versions that are left of files that were deleted or replaced, of those whose
        names are our own."""

    def opened(self, name: str) -> BinaryIO:
        """A file for reading."""

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


def unreachable(address: str, error: BaseException) -> C360Error:
    """The error for an address that does not answer as it should."""
    return C360Error(
        f"{address} cannot be read or written ({type(error).__name__}): check that it is up, the "
        "address, and the credentials in the environment, then run again"
    )
