"""Objects of another machine as a file system that cannot write, through which a locked engine
reads. Files of this machine are `read_only_files`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from c360_assets.warehouse.read_only_files import SingleFiles
from c360_assets.warehouse.read_only_names import REMOTE_PROTOCOL

# What is read ahead of a position: the engine asks for whole column chunks.
BLOCK_BYTES = 1 << 20


class RemoteReadOnlyFiles(SingleFiles):
    """What DuckDB asks of a file system, for reading single objects of `inner` by their name."""

    protocol = REMOTE_PROTOCOL

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {**self.inner.info(self._plain(path)), "name": path}

    def modified(self, path: str) -> datetime:
        changed: datetime = self.inner.modified(self._plain(path))
        return changed

    def exists(self, path: str, **_: Any) -> bool:
        return bool(self.inner.exists(self._plain(path)))

    def glob(self, path: str, **_: Any) -> list[str]:
        """Nothing is searched: a name stands for the one object that it is the key of."""
        return [path]

    def _reader(self, plain: str) -> Any:
        return self.inner.open(plain, "rb", block_size=BLOCK_BYTES)
