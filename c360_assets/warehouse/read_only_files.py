"""The files of this machine as a file system that cannot write, through which a locked engine
reads.

DuckDB lets SQL write to every path that it may read, so that a path of its own file system cannot
be given to SQL of a tenant. Through this one the same native readers run at the same speed, and
nothing can be written.
"""

from __future__ import annotations

import io
import os
import threading
from abc import abstractmethod
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from fsspec import AbstractFileSystem

from c360_assets.warehouse.read_only_names import PROTOCOL


class SingleFiles(AbstractFileSystem):
    """A file system of single files by encoded names, which cannot write and keeps no listing."""

    cachable = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix(f"{cls.protocol}://")

    def _plain(self, path: str) -> str:
        return unquote(self._strip_protocol(path))

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        if mode != "rb":
            raise PermissionError("this file is for reading only")
        return self._reader(self._plain(path))

    @abstractmethod
    def _reader(self, plain: str) -> Any:
        """The file at the path `plain`, opened for reading bytes."""


class ReadOnlyFiles(SingleFiles):
    """What DuckDB asks of a file system, for reading single files by their whole path."""

    protocol = PROTOCOL

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        size = os.stat(self._plain(path)).st_size
        return {"name": path, "size": size, "type": "file"}

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(os.stat(self._plain(path)).st_mtime, UTC)

    def exists(self, path: str, **_: Any) -> bool:
        return os.path.exists(self._plain(path))

    def glob(self, path: str, **_: Any) -> list[str]:
        """Nothing is searched: a name stands for the one file that it is the path of."""
        return [path] if os.path.isfile(self._plain(path)) else []

    def _reader(self, plain: str) -> ReadOnlyFile:
        return ReadOnlyFile(plain)


class ReadOnlyFile(io.RawIOBase):
    """One open file. DuckDB's threads share it and each seeks before it reads, so the position is
    each thread's own."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._descriptor = os.open(path, os.O_RDONLY)
        self._position = threading.local()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(getattr(self._position, "offset", 0))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self.tell()
        elif whence == io.SEEK_END:
            offset += os.fstat(self._descriptor).st_size
        self._position.offset = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        start = self.tell()
        if size < 0:
            size = os.fstat(self._descriptor).st_size - start
        data = os.pread(self._descriptor, size, start)
        self._position.offset = start + len(data)
        return data

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()
