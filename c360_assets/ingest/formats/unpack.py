"""A landed file to the plain files in it, in formats that the engine reads.

Archives are opened, gzip unpacked, text brought to UTF-8, Avro, ORC and XML copied. Copies lie in
the load's workspace, which only its owner may read. Which columns a file must have is seen by
`readers`.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.archives import (
    ZIP_MARK,
    is_hidden,
    is_of_system,
    is_tar,
    opened_archive,
)
from c360_assets.ingest.formats.avro_files import avro_to_parquet
from c360_assets.ingest.formats.batches import file_error
from c360_assets.ingest.formats.fixed_width import CutInBytesError, fixed_to_csv
from c360_assets.ingest.formats.orc_files import orc_to_parquet
from c360_assets.ingest.formats.sniff import (
    OTHER_FORMAT,
    Mismatch,
    foreign,
    marked_encoding,
)
from c360_assets.ingest.formats.workbooks import (
    OFFICE,
    OLD_OFFICE_MARK,
    SheetError,
    SheetLayout,
    is_workbook,
    workbook_to_csv,
)
from c360_assets.ingest.formats.xml_files import NoRowsError, xml_to_ndjson
from c360_assets.ingest.landed_files import LandedFile
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.models import FeedConfig, FilesConfig
from c360_assets.warehouse.session import private_folder

GZIP_MARK = b"\x1f\x8b"
START_BYTES = 262  # the mark of a tar archive ends there
BLOCK_BYTES = 4 << 20
# The documented limit of one file; what unpacks to more is refused before it fills the disk.
LARGEST = 10 << 30
# Formats that are read from a Parquet copy; the third argument is the most rows, None for all.
TO_PARQUET: dict[str, Callable[[Path, Path, int | None], None]] = {
    "avro": avro_to_parquet,
    "orc": orc_to_parquet,
}
UTF_8_NAMES = ("utf-8", "utf8", "utf-8-sig")
REFUSED = Mismatch(
    "declares entities, which are refused: they can stand for other files or for endless text",
    "send it without them",
)
LOCKED = Mismatch("is protected by a password", "send it without one")
# What a library raises -> what is wrong with the file, and what to do.
REASONS = {
    "EOFError": Mismatch("is cut off: its packing has no end", "send it again"),
    "LockedError": LOCKED,
    "UnknownMethodError": Mismatch(
        "is packed by a method that is not read, such as Deflate64",
        "pack it as a usual zip archive or with gzip",
    ),
    "ParseError": Mismatch("is no well-formed XML", "send it again whole"),
    "EntitiesForbidden": REFUSED,
    "DTDForbidden": REFUSED,
    "ExternalReferenceForbidden": REFUSED,
}


@dataclass(frozen=True)
class Part:
    """One plain file.

    `file` is the landed one, or stands for a member of it (`archive.zip/member.csv`); `path` is
    what to read, as `feed.files` says.
    """

    feed: FeedConfig
    file: LandedFile
    path: Path


class TooLargeError(OSError):
    """Something unpacks to more than `LARGEST` bytes."""


def parts_of(feed: FeedConfig, file: LandedFile, workspace: Path) -> Iterator[Part]:
    """The plain files of a landed one, in order of name. Raises LoadError with what to do."""
    if file.changed() or not file.sha256:
        raise file_error("changing", feed, file, *_why_changed(file))
    _check_depth(feed, file)
    if feed.files.compression in ("zip", "tar"):
        members = _members(feed, file, private_folder(workspace))
        for number, member in enumerate(members):
            yield _plain(member, workspace / str(number), in_archive=True)
    else:
        yield _plain(Part(feed, file, file.path), workspace / "0", in_archive=False)


def _why_changed(file: LandedFile) -> Mismatch:
    try:
        with file.path.open("rb"):
            pass
    except PermissionError:
        return Mismatch("may not be read by this user", "give it read permission and run again")
    except OSError:
        return Mismatch("is not there any more", "send it again")
    problem = "is still being written: it changed between two looks"
    return Mismatch(problem, "run again when it is complete")


def _check_depth(feed: FeedConfig, file: LandedFile) -> None:
    if feed.files.format != "parquet":
        return
    match = FilePattern(feed.files.pattern).fits(file.relative, folders=True)
    if match is None or match.readable:
        return
    problem = "lies too deep in its delivery, of which one level of partitions (key=value) is read"
    remedy = "send it less deep, or name the folders in files.pattern"
    raise file_error("too_deep", feed, file, problem, remedy)


@contextmanager
def _failures_of(
    feed: FeedConfig, file: LandedFile, kind: str, problem: str, remedy: str
) -> Iterator[None]:
    """Turn any failure in the block into a LoadError: `problem` and `remedy` where it says nothing.

    What the libraries say may quote values, and is left out. They raise nearly anything.
    """
    try:
        yield
    except LoadError:
        raise
    except TooLargeError:
        limit = f"unpacks to more than {LARGEST >> 30} GB"
        raise file_error("too_large", feed, file, limit, "send it in several files") from None
    except OSError as error:
        if error.errno is None:  # a broken stream, not the system
            raise file_error(kind, feed, file, problem, remedy) from None
        reason = (error.strerror or type(error).__name__).lower()
        not_unpacked = f"could not be unpacked: {reason}"
        check = "check the disk and permissions, then run again"
        raise file_error("disk", feed, file, not_unpacked, check) from None
    except Exception as error:
        known = REASONS.get(type(error).__name__)
        if known is None:
            unknown = f"{problem} ({type(error).__name__})"
            raise file_error(kind, feed, file, unknown, remedy) from None
        place = f" in line {error.position[0]}" if isinstance(error, ParseError) else ""
        raise file_error(kind, feed, file, known.problem + place, known.remedy) from None


def _copy(source: IO[bytes] | gzip.GzipFile, path: Path) -> None:
    written = 0
    with path.open("wb") as target:
        path.chmod(0o600)
        while block := source.read(BLOCK_BYTES):
            written += len(block)
            if written > LARGEST:
                raise TooLargeError
            target.write(block)


def _members(feed: FeedConfig, file: LandedFile, workspace: Path) -> Iterator[Part]:
    """The members of an archive that the contents map names, or all.

    Nothing is written under a name from the archive: it could point anywhere.
    """
    kind = str(feed.files.compression)
    problem, remedy = (
        f"is no readable {kind} archive",
        "send it again, or correct files.compression",
    )
    used: set[str] = set()
    if kind == "zip" and is_workbook(file.path):
        remedy = "take `compression: zip` out of files and say `format: xlsx`"
        raise file_error("archive", feed, file, OFFICE, remedy)
    with (
        _failures_of(feed, file, "bad_archive", problem, remedy),
        opened_archive(file.path, kind) as archive,
    ):
        members = sorted(name for name in archive.names if not is_of_system(name))
        for number, name in enumerate(members):
            entry = entry_of(feed, name)
            if entry is None:
                continue
            used.add(entry)
            path = workspace / f"member-{number}"
            with archive.open_member(name) as source:
                _copy(source, path)
            member = replace(file, relative=f"{file.relative}/{name}", path=path)
            yield Part(_feed_of_entry(feed, entry), member, path)
    missing = _missing_contents(feed, used)
    if missing:
        problem = f"lacks {', '.join(missing)}"
        remedy = "send it again complete, or mark the content `optional: true` in files.contents"
        raise file_error("missing_content", feed, file, problem, remedy)


def _missing_contents(feed: FeedConfig, used: set[str]) -> list[str]:
    """The entries of the contents map that no member belongs to, but for optional ones."""
    if not feed.files.contents:
        return [] if used else ["any file"]
    return sorted(
        entry
        for entry in feed.files.contents
        if entry not in used and not _feed_of_entry(feed, entry).files.optional
    )


def entry_of(feed: FeedConfig, member: str) -> str | None:
    """The entry of the contents map that a member belongs to, None where it is not to be read.

    "" where all members are taken but for those that are no data.
    """
    if not feed.files.contents:
        return None if is_hidden(member) else ""
    in_folder = member.rpartition("/")[2]
    for pattern in feed.files.contents:
        if fnmatchcase(member, pattern) or fnmatchcase(in_folder, pattern):
            return pattern
    return None


def _feed_of_entry(feed: FeedConfig, entry: str) -> FeedConfig:
    """The feed as an entry of its contents map changes it."""
    settings: dict[str, Any] = feed.files.model_dump()
    settings["optional"] = False
    settings |= (feed.files.contents or {}).get(entry) or {}
    settings["compression"] = None
    return feed.model_copy(update={"files": FilesConfig.model_validate(settings)})


def _plain(part: Part, aside: Path, *, in_archive: bool) -> Part:
    """A plain file from one that may be packed with gzip. Copies are made at `aside`."""
    feed, file = part.feed, part.file
    problem = "cannot be unpacked or read"
    remedy = "send it again, or correct files.compression, files.format or files.encoding"
    with _failures_of(feed, file, "unreadable", problem, remedy):
        path = part.path
        start = _start_of(path)
        if start.startswith(GZIP_MARK):
            path = _copy_path(aside, "plain")
            with gzip.open(part.path, "rb") as source:
                _copy(source, path)
            start = _start_of(path)
        elif feed.files.compression == "gzip" and start:
            remedy = "take `compression: gzip` out of files"
            raise file_error("unreadable", feed, file, "is not packed with gzip", remedy)
        if feed.files.format == "xlsx" and start:
            return _sheet_of(Part(feed, file, path), start, aside)
        if start.startswith(ZIP_MARK) or is_tar(start):
            raise file_error("archive", feed, file, *_unexpected_archive(path, start, in_archive))
        unpacked = Part(feed, file, path)
        if not start:
            return unpacked
        mismatch = foreign(feed.files.format, start)
        if mismatch is not None:
            raise file_error("unreadable", feed, file, *mismatch)
        return _converted(unpacked, start, aside)


def _sheet_of(part: Part, start: bytes, aside: Path) -> Part:
    """A sheet of a workbook as a CSV copy."""
    feed, file, path = part.feed, part.file, part.path
    is_zipped = start.startswith(ZIP_MARK) and is_workbook(path)
    if not is_zipped and not start.startswith(OLD_OFFICE_MARK):
        mismatch = foreign("xlsx", start) or Mismatch("is no workbook", OTHER_FORMAT)
        raise file_error("unreadable", feed, file, *mismatch)
    names = tuple(name.lower() for name in feed.fields)
    decimals = {
        name.lower(): field.number.decimal
        for name, field in feed.fields.items()
        if field.number is not None
    }
    settings = feed.files
    columns = None if settings.header else names
    layout = SheetLayout(settings.sheet, settings.skip_lines, decimals, columns)
    target = _copy_path(aside, "csv")
    try:
        workbook_to_csv(path, target, layout)
    except SheetError as error:
        raise file_error("unreadable", feed, file, error.problem, error.remedy) from None
    # Its rows before the header are empty lines of the copy, which are no records.
    changes = {"format": "csv", "delimiter": ",", "quote": '"', "escape": '"', "skip_lines": 0}
    changes |= {"encoding": None, "sheet": None}
    copied = feed.model_copy(update={"files": settings.model_copy(update=changes)})
    return Part(copied, file, target)


def _unexpected_archive(path: Path, start: bytes, in_archive: bool) -> Mismatch:
    """What an archive is that the feed takes for a plain file, and what to do."""
    is_zip = start.startswith(ZIP_MARK)
    if is_zip and is_workbook(path):
        return Mismatch(OFFICE, "say `format: xlsx` under files")
    kind = "zip" if is_zip else "tar"
    if in_archive:
        remedy = "send it unpacked: archives in archives are not read"
    else:
        remedy = f"say `compression: {kind}` under files"
    return Mismatch(f"is a {kind} archive", remedy)


def _start_of(path: Path) -> bytes:
    with path.open("rb") as source:
        return source.read(START_BYTES)


def _converted(part: Part, start: bytes, aside: Path) -> Part:
    """The file as the engine reads it: a copy of it, or the file itself where that will do."""
    form = part.feed.files.format
    if form in TO_PARQUET:
        target = _copy_path(aside, form)
        TO_PARQUET[form](part.path, target, None)
        return Part(_with_format(part.feed, "parquet"), part.file, target)
    if form == "xml":
        target = _copy_path(aside, form)
        _copy_rows(part, target)
        return Part(_with_format(part.feed, "ndjson"), part.file, target)
    encoding = marked_encoding(start) or (part.feed.files.encoding or "utf-8").lower()
    if form == "fixed":
        return _cut(part, encoding, aside)
    if form == "parquet" or encoding.replace("_", "-") in UTF_8_NAMES:
        # No folder is made: thousands of them take longer than their files.
        return part
    target = _copy_path(aside, form)
    _recode(part.path, encoding, target)
    return replace(part, path=target)


def _cut(part: Part, encoding: str, aside: Path) -> Part:
    """A text in columns of fixed width as a CSV copy."""
    target = _copy_path(aside, "csv")
    settings = part.feed.files
    try:
        fixed_to_csv(
            part.path,
            target,
            settings.columns_at or (0,),
            encoding,
            in_bytes=settings.columns_in_bytes,
        )
    except CutInBytesError:
        problem = "has columns that begin where `columns_at` says in bytes and not in characters"
        remedy = "say `columns_in_bytes: true` under files"
        raise file_error("header", part.feed, part.file, problem, remedy) from None
    feed = _with_format(part.feed, "csv")
    changes = {"delimiter": ",", "quote": '"', "escape": '"', "encoding": None}
    feed = feed.model_copy(update={"files": feed.files.model_copy(update=changes)})
    return Part(feed, part.file, target)


def _copy_rows(part: Part, target: Path) -> None:
    row_tag = part.feed.files.row_tag
    try:
        xml_to_ndjson(part.path, target, row_tag)
    except NoRowsError:
        problem, remedy = f"has no element named {row_tag}", "correct files.row_tag"
        raise file_error("missing_content", part.feed, part.file, problem, remedy) from None


def _copy_path(aside: Path, suffix: str) -> Path:
    return private_folder(aside.parent) / f"{aside.name}.{suffix}"


def _with_format(feed: FeedConfig, form: str) -> FeedConfig:
    return feed.model_copy(update={"files": feed.files.model_copy(update={"format": form})})


def _recode(path: Path, encoding: str, target: Path) -> None:
    # Half a character pair, or a byte that the encoding lacks, becomes bytes that are not UTF-8:
    # its record is an encoding error.
    broken = "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    with (
        path.open("r", encoding=encoding, errors=broken, newline="") as text,
        target.open("w", encoding="utf-8", errors=broken, newline="") as written,
    ):
        target.chmod(0o600)
        while block := text.read(BLOCK_BYTES):
            written.write(block)
