"""A landed file to the plain files in it: archives opened, gzip unpacked, text brought to UTF-8, Avro and XML copied to formats
that the engine reads.

Copies lie in the load's workspace, which only its owner may read. Which columns a file must have is seen by `readers`.
"""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.avro_files import avro_to_parquet
from c360_assets.ingest.formats.batches import about
from c360_assets.ingest.formats.sniff import foreign, marked_encoding
from c360_assets.ingest.formats.workbooks import OFFICE, READABLE, is_workbook
from c360_assets.ingest.formats.xml_files import NoRowsError, xml_to_ndjson
from c360_assets.ingest.landing import LandedFile
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.models import FeedConfig, FilesConfig
from c360_assets.warehouse.session import private_folder

GZIP, ZIP, TAR = b"\x1f\x8b", b"PK\x03\x04", b"ustar"
TAR_MARK_AT = 257
BLOCK = 4 << 20
LARGEST = (
    10 << 30
)  # the documented limit of one file; what unpacks to more is refused before it fills the disk
REFUSED = (
    "declares entities, which are refused: they can stand for other files or for endless text",
    "send it without them",
)
# What a library raises -> what is wrong with the file, and what to do.
REASONS = {
    "EOFError": ("is cut off: its packing has no end", "send it again"),
    "ParseError": ("is no well-formed XML", "send it again whole"),
    "EntitiesForbidden": REFUSED,
    "DTDForbidden": REFUSED,
    "ExternalReferenceForbidden": REFUSED,
}


@dataclass(frozen=True)
class Part:
    """One plain file. `file` is the landed one, or stands for a member of it (`archive.zip/member.csv`); `path` is what to
    read, as `feed.files` says."""

    feed: FeedConfig
    file: LandedFile
    path: Path


class TooLargeError(OSError):
    """Something unpacks to more than `LARGEST` bytes."""


def parts_of(feed: FeedConfig, file: LandedFile, workspace: Path) -> Iterator[Part]:
    """The plain files of a landed one, in order of name. Raises LoadError, whose text says what to do."""
    if file.changed() or not file.sha256:
        raise LoadError("changing", about(feed, file, *_not_still(file)))
    if feed.files.format == "parquet":
        match = FilePattern(feed.files.pattern).fits(file.relative, folders=True)
        if match is not None and not match.readable:
            what = "lies too deep in its delivery, of which one level of partitions (key=value) is read"
            raise LoadError(
                "too_deep",
                about(feed, file, what, "send it less deep, or name the folders in files.pattern"),
            )
    archive = feed.files.compression in ("zip", "tar")
    members = (
        _members(feed, file, private_folder(workspace))
        if archive
        else [Part(feed, file, file.path)]
    )
    for number, part in enumerate(members):
        yield _plain(part, workspace / str(number), inside=archive)


def _not_still(file: LandedFile) -> tuple[str, str]:
    try:
        with file.path.open("rb"):
            pass
    except PermissionError:
        return "may not be read by this user", "give it read permission and run again"
    except OSError:
        return "is not there any more", "send it again"
    return "is still being written: it changed between two looks", "run again when it is complete"


@contextmanager
def _faults(
    feed: FeedConfig, file: LandedFile, kind: str, what: str, remedy: str
) -> Iterator[None]:
    """Tell any failure in the block without what the libraries say, which may quote values. They raise nearly anything."""
    try:
        yield
    except LoadError:
        raise
    except TooLargeError:
        limit = f"unpacks to more than {LARGEST >> 30} GB"
        raise LoadError("too_large", about(feed, file, limit, "send it in several files")) from None
    except OSError as error:
        if error.errno is None:  # a broken stream, not the system
            raise LoadError(kind, about(feed, file, what, remedy)) from None
        reason = (error.strerror or type(error).__name__).lower()
        message = about(
            feed,
            file,
            f"could not be unpacked: {reason}",
            "see to the disk and permissions, then run again",
        )
        raise LoadError("disk", message) from None
    except Exception as error:
        why = REASONS.get(type(error).__name__)
        at = f" in line {error.position[0]}" if isinstance(error, ParseError) else ""
        text = (
            about(feed, file, why[0] + at, why[1])
            if why
            else about(feed, file, f"{what} ({type(error).__name__})", remedy)
        )
        raise LoadError(kind, text) from None


def _copy(source: IO[bytes] | gzip.GzipFile, path: Path) -> None:
    written = 0
    with path.open("wb") as target:
        path.chmod(0o600)
        while block := source.read(BLOCK):
            written += len(block)
            if written > LARGEST:
                raise TooLargeError
            target.write(block)


def _members(feed: FeedConfig, file: LandedFile, workspace: Path) -> Iterator[Part]:
    """The members of an archive that the contents map names, or all. Nothing is written under a name from the archive."""
    kind = str(feed.files.compression)
    what, remedy = f"is no readable {kind} archive", "send it again, or mend files.compression"
    used: set[str] = set()
    with (
        _faults(feed, file, "bad_archive", what, remedy),
        _opened(file.path, kind) as (names, open_member),
    ):
        for number, name in enumerate(sorted(n for n in names if not _hidden(n))):
            pattern, member_feed = _chosen(feed, name)
            if member_feed is None:
                continue
            used.add(pattern)
            path = workspace / f"member-{number}"
            with open_member(name) as source:
                _copy(source, path)
            yield Part(
                member_feed, replace(file, relative=f"{file.relative}/{name}", path=path), path
            )
    wanted = {
        p for p, entry in (feed.files.contents or {}).items() if not _settings(feed, entry).optional
    }
    missing = sorted(wanted - used) if feed.files.contents else ["any file"] * (not used)
    if missing:
        remedy = "send it again complete, or mark the content `optional: true` in files.contents"
        raise LoadError("missing_content", about(feed, file, f"lacks {', '.join(missing)}", remedy))


@contextmanager
def _opened(path: Path, kind: str) -> Iterator[tuple[list[str], Callable[[str], IO[bytes]]]]:
    if kind == "zip":
        with zipfile.ZipFile(path) as archive:
            yield [i.filename for i in archive.infolist() if not i.is_dir()], archive.open
        return
    with tarfile.open(path, "r:*") as tar:
        members = {m.name: m for m in tar.getmembers() if m.isfile()}

        def member(name: str) -> IO[bytes]:
            source = tar.extractfile(members[name])
            assert source is not None
            return source

        yield list(members), member


def _hidden(name: str) -> bool:
    """What operating systems add to archives."""
    return any(
        piece.startswith((".", "__MACOSX")) for piece in name.split("/") if piece not in (".", "..")
    )


def _settings(feed: FeedConfig, entry: dict[str, Any] | None) -> FilesConfig:
    return FilesConfig.model_validate(
        {**feed.files.model_dump(), "optional": False, **(entry or {}), "compression": None}
    )


def _chosen(feed: FeedConfig, name: str) -> tuple[str, FeedConfig | None]:
    """The entry of the contents map that a member belongs to, and the feed as that entry changes it."""
    if not feed.files.contents:
        return "", feed.model_copy(update={"files": _settings(feed, None)})
    for pattern, entry in feed.files.contents.items():
        if fnmatchcase(name, pattern) or fnmatchcase(name.rpartition("/")[2], pattern):
            return pattern, feed.model_copy(update={"files": _settings(feed, entry)})
    return "", None


def _plain(part: Part, aside: Path, *, inside: bool) -> Part:
    """A plain file from one that may be packed with gzip; `inside` says that it comes out of an archive."""
    feed, file, path = part.feed, part.file, part.path
    what, remedy = (
        "cannot be unpacked or read",
        "send it again, or mend files.compression, files.format or files.encoding",
    )
    with _faults(feed, file, "unreadable", what, remedy):
        magic = _magic(path)
        if magic[:2] == GZIP:
            packed, path = path, private_folder(aside.parent) / f"{aside.name}.plain"
            with gzip.open(packed, "rb") as source:
                _copy(source, path)
            magic = _magic(path)
        elif feed.files.compression == "gzip" and magic:
            raise LoadError(
                "unreadable",
                about(
                    feed, file, "is not packed with gzip", "take `compression: gzip` out of files"
                ),
            )
        if magic.startswith(ZIP) or magic[TAR_MARK_AT:].startswith(TAR):
            raise LoadError("archive", about(feed, file, *_unopened(path, magic, inside)))
        if not magic:
            return Part(feed, file, path)
        if odd := foreign(feed.files.format, magic):
            raise LoadError("unreadable", about(feed, file, *odd))
        return _converted(part, magic, path, aside)


def _unopened(path: Path, magic: bytes, inside: bool) -> tuple[str, str]:
    """What an archive is that the feed takes for a plain file, and what to do."""
    if magic.startswith(ZIP) and is_workbook(path):
        return OFFICE, READABLE
    kind = "zip" if magic.startswith(ZIP) else "tar"
    return (
        f"is a {kind} archive",
        "send it unpacked: archives in archives are not read"
        if inside
        else (f"say `compression: {kind}` under files"),
    )


def _magic(path: Path) -> bytes:
    with path.open("rb") as source:
        return source.read(TAR_MARK_AT + len(TAR))


def _converted(part: Part, magic: bytes, path: Path, aside: Path) -> Part:
    feed, file, form = part.feed, part.file, part.feed.files.format
    encoding = marked_encoding(magic) or (feed.files.encoding or "utf-8").lower()
    as_it_is = form == "parquet" or encoding.replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")
    if as_it_is and form not in ("avro", "xml"):
        return Part(
            feed, file, path
        )  # and no folder is made: thousands of them take longer than their files
    target = private_folder(aside.parent) / f"{aside.name}.{form}"
    if form == "avro":
        avro_to_parquet(path, target)
        return Part(_as(feed, "parquet"), file, target)
    if form == "xml":
        try:
            xml_to_ndjson(path, target, feed.files.row_tag)
        except NoRowsError:
            what = f"has no element named {feed.files.row_tag}"
            raise LoadError(
                "missing_content", about(feed, file, what, "mend files.row_tag")
            ) from None
        return Part(_as(feed, "ndjson"), file, target)
    _recode(path, encoding, target)
    return Part(feed, file, target)


def _as(feed: FeedConfig, form: str) -> FeedConfig:
    return feed.model_copy(update={"files": feed.files.model_copy(update={"format": form})})


def _recode(path: Path, encoding: str, target: Path) -> None:
    # Half a character pair, or a byte the encoding lacks, becomes bytes that are not UTF-8: its record is an encoding error.
    broken = "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    with (
        path.open("r", encoding=encoding, errors=broken, newline="") as text,
        target.open("w", encoding="utf-8", errors=broken, newline="") as written,
    ):
        target.chmod(0o600)
        while block := text.read(BLOCK):
            written.write(block)
