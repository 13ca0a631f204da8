"""Opens what is packed, also one within another, so that a search can look inside.

What is looked for belongs to `search`; databases are opened there, by their path.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from io import BufferedReader, BytesIO
from typing import IO, Protocol, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from fastavro import reader as avro_reader

BATCH = 200_000
# What is packed within something packed, and has to be read whole, is held in memory.
LARGEST_WITHIN = 1 << 28
PARQUET = b"PAR1"
AVRO = b"Obj\x01"
ZIP = b"PK\x03\x04"
TAR, TAR_OFFSET = b"ustar", 257
HEAD_BYTES = TAR_OFFSET + len(TAR)
# What nothing here opens: 7-Zip, RAR, and documents whose texts are packed.
CLOSED = (b"7z\xbc\xaf", b"Rar!\x1a\x07", b"%PDF-")


class Readable(Protocol):
    """What is read part by part, once."""

    def read(self, size: int = -1, /) -> bytes: ...


Opener = Callable[[], AbstractContextManager[Readable]]


class NotOpenedError(Exception):
    """Something that is packed in a way that nothing here opens."""


def head_of(opener: Opener) -> bytes:
    """The first bytes, by which a kind of file is known."""
    with opener() as file:
        return file.read(HEAD_BYTES)


def parts_within(opener: Opener, head: bytes) -> Iterator[Opener]:
    """What is packed in a file with this head, part by part; nothing of one that is not packed.

    Raises NotOpenedError for a kind that cannot be opened, and what the libraries raise.
    """
    if head.startswith(CLOSED):
        raise NotOpenedError
    stream = next((opens for start, opens in STREAMS.items() if head.startswith(start)), None)
    if stream is not None:
        yield partial(stream, opener)
    elif head.startswith(ZIP):
        with opener() as file, zipfile.ZipFile(_seekable(file)) as archive:
            for name in archive.namelist():
                yield cast(Opener, partial(archive.open, name))
    elif head[TAR_OFFSET:].startswith(TAR):
        with opener() as file, tarfile.open(fileobj=_seekable(file), mode="r:") as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            for member in members:
                yield cast(Opener, partial(archive.extractfile, member))


def frames_within(opener: Opener, head: bytes) -> Iterator[pl.DataFrame]:
    """The rows of a Parquet or Avro file, some at a time; nothing of any other."""
    if head.startswith(PARQUET):
        with opener() as file:
            batches = pq.ParquetFile(_seekable(file)).iter_batches(batch_size=BATCH)
            yield from (cast(pl.DataFrame, pl.from_arrow(batch)) for batch in batches)
    elif head.startswith(AVRO):
        with opener() as file:
            records = avro_reader(cast(IO[bytes], file))
            texts = (json.dumps(record, default=str, ensure_ascii=False) for record in records)
            while part := _some(texts):
                yield pl.DataFrame({"record": part})


def _some(texts: Iterator[str]) -> list[str]:
    return [text for _, text in zip(range(BATCH), texts, strict=False)]


def _seekable(file: Readable) -> IO[bytes]:
    """The file, or where it is read within another a copy of it. Raises NotOpenedError where that
    is too large."""
    if isinstance(file, BufferedReader):
        return file
    content = file.read(LARGEST_WITHIN + 1)
    if len(content) > LARGEST_WITHIN:
        raise NotOpenedError
    return BytesIO(content)


def _gzip(opener: Opener) -> AbstractContextManager[Readable]:
    return _Unpacked(opener, lambda file: gzip.GzipFile(fileobj=file))


def _bzip2(opener: Opener) -> AbstractContextManager[Readable]:
    return _Unpacked(opener, bz2.BZ2File)


def _xz(opener: Opener) -> AbstractContextManager[Readable]:
    return _Unpacked(opener, lzma.LZMAFile)


def _zstd(opener: Opener) -> AbstractContextManager[Readable]:
    return _Unpacked(opener, lambda file: pa.CompressedInputStream(pa.PythonFile(file), "zstd"))


# The first bytes of what packs one file -> what opens it.
STREAMS: dict[bytes, Callable[[Opener], AbstractContextManager[Readable]]] = {
    b"\x1f\x8b": _gzip,
    b"BZh": _bzip2,
    b"\xfd7zXZ": _xz,
    b"\x28\xb5\x2f\xfd": _zstd,
}


class _Unpacked:
    """A packed file while it is read, and what it lies in."""

    def __init__(self, opener: Opener, unpack: Callable[[IO[bytes]], Readable]) -> None:
        self.outer = opener()
        self.unpack = unpack

    def __enter__(self) -> Readable:
        return self.unpack(cast(IO[bytes], self.outer.__enter__()))

    def __exit__(self, *raised: object) -> None:
        self.outer.__exit__(None, None, None)
