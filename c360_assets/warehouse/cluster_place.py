"""Where a cluster is, and the one session of this process that a run keeps for its tables.

Knows no Spark, which is an extra and takes seconds to import: what a session does is `cluster`.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from c360_assets.errors import C360Error
from c360_assets.warehouse.files import private_folder

if TYPE_CHECKING:
    from c360_assets.warehouse.cluster import Cluster

SECONDS = 10  # in which a cluster answers that can be reached
CONNECT_PORT = 15002  # of Spark Connect, where an address names none


class Address(Protocol):
    """The setting `engine` of a tenant: one of the two is given for a cluster."""

    @property
    def master(self) -> str | None: ...

    @property
    def remote(self) -> str | None: ...


@dataclass(frozen=True)
class ClusterPlace:
    """The cluster of a tenant. `wait`: how long tasks may wait for a worker. Files that a session
    has on this machine are below `folder`."""

    master: str | None
    remote: str | None
    wait: timedelta
    folder: Path

    @classmethod
    def of(cls, engine: Address, wait: timedelta, root: Path) -> ClusterPlace:
        """That of the tenant at `root`."""
        return cls(engine.master, engine.remote, wait, root.resolve() / ".tmp" / "spark")

    def begin(self, stage: str) -> Cluster:
        """A session of its own.

        Raises C360Error where the cluster cannot be reached.
        """
        refuse_unreachable(self)
        # Spark takes seconds to import, and is an extra.
        from c360_assets.warehouse.cluster import Cluster

        if self.remote is not None:
            return Cluster.at_remote(self.remote, stage, patience=self.wait)
        # What a killed run left there goes when the next one takes the tenant.
        folder = private_folder(self.folder)
        return Cluster.at_master(self.master or "", stage, folder=folder, patience=self.wait)

    def kept(self, stage: str) -> Cluster:
        """The session that this process keeps until `end_kept`: to begin one takes seconds.

        Raises C360Error where the cluster cannot be reached, or has failed in this run: what waits
        for it would wait as long again.
        """
        if self in _failed:
            raise C360Error(_failed[self])
        known = _kept.get(self)
        if known is None or not known.is_open():
            _kept[self] = known = self.begin(stage)
        return known

    def give_up(self, message: str) -> None:
        """Ask nothing more of the cluster in this run, as it has failed."""
        _failed[self] = message


_failed: dict[ClusterPlace, str] = {}
_kept: dict[ClusterPlace, Cluster] = {}


def end_kept() -> None:
    """End the sessions that are kept, at the end of a run."""
    _failed.clear()
    while _kept:
        _, cluster = _kept.popitem()
        cluster.close()


def refuse_unreachable(engine: Address) -> None:
    """Raises C360Error where nobody listens at the address of a cluster on the network: Spark
    itself would try for minutes."""
    address = urlsplit(engine.remote or engine.master or "")
    if address.scheme not in ("sc", "spark"):
        return
    host, port = address.hostname or "", address.port or CONNECT_PORT
    with suppress(OSError), socket.create_connection((host, port), SECONDS):
        return
    key = "remote" if engine.remote else "master"
    raise C360Error(
        f"tenant.yaml: engine.{key}: nobody answers at {host}:{port}; start the cluster, or set "
        "`engine: {type: local}` to match on this machine with the same result"
    )
