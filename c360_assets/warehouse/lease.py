"""One machine owns the tables of a bucket at a time: a lease that its holder renews.

The lease is an object that is put only where nobody changed it since it was read. A holder that
does not renew it in time loses it to whoever comes next, who first puts the manifest again as it is
(`storage.fence`): after that the former holder can put no manifest, and nothing of its work exists.
Processes of one machine agree by the operating system's lock (`lock`), which comes first.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
from dataclasses import dataclass, field
from typing import Any

from c360_assets.errors import C360Error
from c360_assets.warehouse.bucket import LAKE, WAREHOUSE, Bucket, ChangedError, Content
from c360_assets.warehouse.place import MANIFEST
from c360_assets.warehouse.processes import is_alive, is_elsewhere, process_identity
from c360_assets.wording import counted

LEASE = "lease.json"
PROBE = "probe-"
SECONDS = 60.0  # a holder that was not heard of for so long has lost it
RENEWALS = 4  # within that time
CLOCK = 1.0  # S3 tells times in whole seconds
# Address -> the lease that this process holds.
_HELD: dict[str, Lease] = {}
# Place of a bucket -> what is held of it.
HELD_THINGS = {WAREHOUSE: "the tables in", LAKE: "the lake"}


@dataclass
class Lease:
    """The right to put the manifest of a bucket, until it is released or lost."""

    bucket: Bucket
    what: str
    seconds: float
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    taken_over: bool = False
    _etag: str | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _renewing: threading.Lock = field(default_factory=threading.Lock)

    def require(self) -> None:
        """Raise C360Error where another run has taken the lease over."""
        content = self.bucket.read(LEASE)
        if content is None or _facts(content).get("holder") != self.token:
            raise self.lost()

    def lost(self) -> C360Error:
        """What to say where this run is no longer the owner."""
        return C360Error(
            f"another machine took over {thing_at(self.bucket)}, as this run was not heard of for "
            f"{self.seconds:.0f} seconds; nothing of what it did since is kept: run again"
        )

    def take(self, replaces: str | None) -> None:
        """Put the lease in place of what was read. Raises ChangedError where another did."""
        self._etag = self.bucket.put(LEASE, self._body(released=False), replaces)
        threading.Thread(target=self._renew, name="c360-lease", daemon=True).start()

    def release(self) -> None:
        """Let the next one have it at once; what cannot be told now expires by itself."""
        self._ended.set()
        with self._renewing:
            try:
                self.bucket.put(LEASE, self._body(released=True), self._etag)
            except (ChangedError, C360Error):
                return

    def _renew(self) -> None:
        while not self._ended.wait(self.seconds / RENEWALS):
            with self._renewing:
                if self._ended.is_set():
                    return
                try:
                    self._etag = self.bucket.put(LEASE, self._body(released=False), self._etag)
                except ChangedError:
                    return  # it is another's: `require` says so
                except C360Error:
                    continue  # not reached: the next time may be in time still

    def _body(self, *, released: bool) -> bytes:
        facts = {
            "what": self.what,
            "host": socket.gethostname(),
            "seconds": self.seconds,
            "holder": self.token,
            "released": released,
            # Another content each time, and with it another ETag.
            "put": secrets.token_hex(8),
            **process_identity(),
        }
        return json.dumps(facts).encode()


def held_lease(address: str) -> Lease | None:
    """The lease of the address that this process holds."""
    return _HELD.get(address)


def thing_at(bucket: Bucket) -> str:
    """What is held of a bucket, in words."""
    return f"{HELD_THINGS[bucket.place]} {bucket.address}"


def try_lease(bucket: Bucket, what: str) -> Lease | str:
    """The lease, or a sentence that says for whom to wait.

    Raises C360Error where the bucket cannot be written to; where it is to be a warehouse, also
    where it does not keep conditions or its folder holds something else.
    """
    content = bucket.read(LEASE)
    facts = _facts(content) if content is not None else {}
    if content is not None and not _is_free(content, facts):
        return (
            f"waiting for {facts.get('what')} on {facts.get('host')} (process {facts.get('pid')}), "
            f"which owns {thing_at(bucket)}"
        )
    lease = Lease(bucket, what, SECONDS)
    lease.taken_over = content is not None and not facts.get("released")
    try:
        if content is None and bucket.place == WAREHOUSE:
            require_own_folder(bucket)
            require_conditions(bucket)
        lease.take(content.etag if content is not None else None)
    except ChangedError:
        return f"waiting for another machine, which owns {thing_at(bucket)}"
    _HELD[bucket.address] = lease
    return lease


def give_back(lease: Lease) -> None:
    """Release a lease that this process holds."""
    _HELD.pop(lease.bucket.address, None)
    lease.release()


def _is_free(content: Content, facts: dict[str, Any]) -> bool:
    if facts.get("released"):
        return True
    if content.age > float(facts.get("seconds", SECONDS)) + CLOCK:
        return True
    # A holder of this machine that was killed is not waited for.
    process = {key: str(facts.get(key, "")) for key in ("pid", "started", "boot", "space")}
    is_here = bool(process["boot"]) and process["boot"] == process_identity()["boot"]
    return is_here and not is_elsewhere(process) and not is_alive(process)


def _facts(content: Content) -> dict[str, Any]:
    try:
        facts = json.loads(content.body)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def require_own_folder(bucket: Bucket) -> None:
    """Raise C360Error where a folder without a manifest holds objects, or is one within a tenant's:
    what is not known there is removed when somebody is forgotten."""
    names = {file.name for file in bucket.stored()}
    if MANIFEST in names:  # whose it is was looked at when it was read
        return
    if names:
        raise C360Error(
            f"{bucket.address} holds {counted(len(names), 'object')}, and no tables of a tenant: "
            "name an empty folder of the bucket"
        )
    above = bucket.above(LEASE)
    if above:
        raise C360Error(
            f"{bucket.address} is within {above}, where a tenant's tables are: name a folder beside"
        )


def require_conditions(bucket: Bucket) -> None:
    """Raise C360Error where objects cannot be put and removed, or a server puts what must not be
    put: two machines would lose each other's work."""
    probe = f"{PROBE}{secrets.token_hex(8)}"
    etag = bucket.put(probe, b"1", None)
    try:
        is_kept = _is_refused(bucket, probe, None)
        bucket.put(probe, b"2", etag)
        is_kept = is_kept and _is_refused(bucket, probe, etag)
    except ChangedError:
        is_kept = False
    finally:
        bucket.remove([probe])
    if not is_kept:
        raise C360Error(
            f"the server of {bucket.address} does not keep conditions (If-None-Match, If-Match): "
            "it cannot hold a warehouse; use one that does, such as Amazon S3 or a current MinIO"
        )


def _is_refused(bucket: Bucket, name: str, replaces: str | None) -> bool:
    try:
        bucket.put(name, secrets.token_bytes(8), replaces)
    except ChangedError:
        return True
    return False
