"""Zip and tar archives as names and streams, one way for both, and how their files are known.

Which members are wanted, and what is said of a broken archive, is for `unpack` and `sample`.
"""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ZIP_MARK = b"PK\x03\x04"
TAR_MARK = b"ustar"
TAR_MARK_AT = 257
# Files beside the data: what people and programs write about it, and the leavings of Windows.
NOTES = re.compile(
    r"(?:read[ _-]?me|liesmich|lisez[ _-]?moi|leeme|leggimi|license|licence|copying|changelog)"
    r"(?:[ ._-].*)?|thumbs\.db|desktop\.ini",
    re.IGNORECASE,
)


ENCRYPTED = 0x1  # the bit of a zip member's flags


class LockedError(Exception):
    """A member of an archive is protected by a password."""


class UnknownMethodError(Exception):
    """A member of an archive is packed by a method that is not read, such as Deflate64."""


@dataclass(frozen=True)
class Archive:
    """The names of the files in an open archive, folders left out, and how to read one of them."""

    names: list[str]
    open_member: Callable[[str], IO[bytes]]


def is_tar(start: bytes) -> bool:
    """Whether a file with these first bytes, 262 or more, is a tar archive that is not packed."""
    return start[TAR_MARK_AT:].startswith(TAR_MARK)


def is_hidden(name: str) -> bool:
    """Whether a member is no data: one that operating systems add to archives, or a note."""
    return is_of_system(name) or NOTES.fullmatch(name.rpartition("/")[2]) is not None


def is_of_system(name: str) -> bool:
    """Whether a member is one that an operating system adds to archives."""
    pieces = (piece for piece in name.split("/") if piece not in (".", ".."))
    return any(piece.startswith((".", "__MACOSX")) for piece in pieces)


@contextmanager
def opened_archive(path: Path, kind: str) -> Iterator[Archive]:
    """A `zip` or `tar` archive. Raises what the libraries raise where it is broken, and the
    errors of here for members."""
    if kind == "zip":
        with zipfile.ZipFile(path) as packed:
            names = [info.filename for info in packed.infolist() if not info.is_dir()]

            def open_packed(name: str) -> IO[bytes]:
                if packed.getinfo(name).flag_bits & ENCRYPTED:
                    raise LockedError
                try:
                    return packed.open(name)
                except NotImplementedError:
                    raise UnknownMethodError from None

            yield Archive(names, open_packed)
        return
    with tarfile.open(path, "r:*") as tar:
        members = {member.name: member for member in tar.getmembers() if member.isfile()}

        def open_member(name: str) -> IO[bytes]:
            source = tar.extractfile(members[name])
            assert source is not None
            return source

        yield Archive(list(members), open_member)
