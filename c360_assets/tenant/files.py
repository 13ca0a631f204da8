"""File patterns: which landed files belong to a feed, and of which delivery day they are.

A pattern is literal text in single quotes, in which `*` stands for anything but `/`, and the date
parts yyyy, MM and dd between them: `'shopify/customers-'yyyyMMdd'*.csv'`. MMM is a month in
English, as `Jan` or `January`; M and d have one digit or two, and stand alone. Two single quotes
are one literal quote. Reading a file belongs to `ingest`.
"""

from __future__ import annotations

import errno
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from c360_assets.tenant.listing import Listing, listing_of

DATE_PARTS = {"yyyy": r"[0-9]{4}", "MM": r"[0-9]{2}", "dd": r"[0-9]{2}"}
# The same without a leading zero.
SHORT_PARTS = {"M": "MM", "d": "dd"}
# Months in English words, whatever the language of this machine.
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
MONTH_WORD = "MMM"
_TOKEN = re.compile(
    r"(?P<quoted>'(?:[^']|'')+')|(?P<quote>'')|(?P<letters>[A-Za-z]+)"
    r"|(?P<other>[^A-Za-z'])|(?P<open>')"
)
_DATE_PART = re.compile("|".join((MONTH_WORD, *DATE_PARTS, *SHORT_PARTS)))
_DATE = re.compile(f"(?:{_DATE_PART.pattern})+")
# What is no regular file.
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
NO_FILES: Mapping[str, tuple[int, int]] = MappingProxyType({})
_DRIVE = re.compile(r"[A-Za-z]:")


class PatternError(ValueError):
    """A pattern that cannot be read; the text says what is wrong and how to correct it."""


@dataclass(frozen=True)
class FileMatch:
    """A path that fits a pattern.

    `day` is None where the pattern has no date, or its digits are no date (`valid` False).
    `below` are the folders between a folder that fits and the file in it.
    """

    path: str
    day: date | None = None
    valid: bool = True
    below: tuple[str, ...] = ()

    @property
    def readable(self) -> bool:
        """Whether the file lies where a partitioned folder may hold it.

        That is right in the folder, or one partition (`key=value`) deep.
        """
        return not self.below or (len(self.below) == 1 and "=" in self.below[0])


@dataclass(frozen=True)
class OddEntry:
    """Something whose name fits a pattern and that is no file to load; `problem` says why.

    `path` is fit for print.
    """

    path: str
    problem: str


class Token(NamedTuple):
    """A piece of a pattern: literal text, in which `*` is a wildcard, or a date part."""

    is_date: bool
    text: str


@dataclass(frozen=True)
class FilePattern:
    """A compiled pattern. Raises PatternError when it cannot be read or could leave the folder."""

    pattern: str
    _tokens: tuple[Token, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tokens = tuple(_tokens(self.pattern))
        object.__setattr__(self, "_tokens", tokens)
        _refuse_part_of_a_date(tokens)
        _refuse_unsafe_path("".join(token.text for token in tokens))

    @property
    def has_date(self) -> bool:
        return any(token.is_date for token in self._tokens)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        seen: set[str] = set()
        expression = ""
        for is_date, text in self._tokens:
            if not is_date:
                pieces = map(re.escape, _composed(text).split("*"))
                expression += "[^/]*".join(pieces)
            elif text in seen:
                expression += f"(?P={text})"
            else:
                expression += f"(?P<{text}>{_date_part_regex(text)})"
                seen.add(text)
        return re.compile(expression)

    @cached_property
    def glob_root(self) -> str:
        """The folder below which every match lies: those before the first `*` or date part."""
        return self._beginning.rpartition("/")[0]

    @cached_property
    def _beginning(self) -> str:
        """What every match begins with: the text before the first `*` or date part."""
        literal = ""
        for is_date, text in self._tokens:
            if is_date:
                break
            before_star, star, _ = text.partition("*")
            literal += before_star
            if star:
                break
        return literal

    @property
    def sample(self) -> str:
        """A path that fits."""
        parts = {"yyyy": "2026", "MM": "01", "M": "1", MONTH_WORD: "Jan", "dd": "31", "d": "31"}
        pieces = [parts[text] if is_date else text for is_date, text in self._tokens]
        return "".join(pieces).replace("*", "a")

    def match(self, relative_path: str) -> FileMatch | None:
        """How a path below the landing folder (with `/`) fits; None when it does not."""
        fit = self.regex.fullmatch(_composed(relative_path))
        if fit is None:
            return None
        if not self.has_date:
            return FileMatch(relative_path)
        found = fit.groupdict()
        year, day = int(found["yyyy"]), int(found.get("dd") or found["d"])
        try:
            return FileMatch(relative_path, date(year, _month_of(found), day))
        except ValueError:
            return FileMatch(relative_path, None, False)

    def fits(self, relative_path: str, folders: bool = False) -> FileMatch | None:
        """How a path fits; with `folders`, also as a file anywhere in a folder that fits.

        Hidden files and folders in such a folder do not fit.
        """
        fit = self.match(relative_path)
        if fit is None and folders:
            return self._match_inside(relative_path)
        return fit

    def _match_inside(self, relative_path: str) -> FileMatch | None:
        *folders, name = relative_path.split("/")
        for depth in range(len(folders), 0, -1):
            fit = self.match("/".join(folders[:depth]))
            if fit is None:
                continue
            below = tuple(folders[depth:])
            if any(piece.startswith((".", "_")) for piece in (*below, name)):
                return None
            return replace(fit, path=relative_path, below=below)
        return None

    def find(self, root: Path, folders: bool = False) -> list[FileMatch]:
        """All regular files below the folder `root` that fit, by path.

        What else fits by its name, such as a pipe, is in `odd_entries`.
        """
        return self.look(root, folders).matches

    def look(
        self, root: Path, folders: bool = False, known: Mapping[str, tuple[int, int]] = NO_FILES
    ) -> Look:
        """The files below the folder `root` that fit, and all that is there.

        Files that are `known` with the size and time that they have are not asked whether they fit,
        and are among no matches.
        """
        listing = self._listing(root)
        if known is NO_FILES and (self, folders) in listing.looks:
            return Look(listing.looks[self, folders], listing)
        matches = self._matches(listing, known, folders)
        others = self._others(root, listing, folders)
        matches += [other.fit for other in others if not other.problem]
        matches.sort(key=lambda match: match.path)
        if known is NO_FILES:
            listing.looks[self, folders] = matches
        return Look(matches, listing)

    def _matches(
        self, listing: Listing, known: Mapping[str, tuple[int, int]], folders: bool
    ) -> list[FileMatch]:
        """Of the regular files all that fit, but for those that are known as they are."""
        # Many feeds may have their files in one folder, and each asks of the others' too.
        begin = _composed(self._beginning)
        facts_of = known.get
        unknown = [path for path, facts in listing.files.items() if facts_of(path) != facts]
        candidates = [path for path in unknown if _composed(path).startswith(begin)]
        matches = []
        for path in candidates:
            fit = self.fits(path, folders)
            if fit is not None and path.isprintable():
                matches.append(fit)
        return matches

    def closed_folders(self, listing: Listing) -> list[str]:
        """Folders that this user may not look into, and in which files that fit may lie."""
        return [path for path in listing.closed if not path or path.count("/") < self._deepest]

    @cached_property
    def _deepest(self) -> int:
        """In how many folders below the root files that fit lie."""
        return sum(text.count("/") for is_date, text in self._tokens if not is_date)

    def odd_entries(self, root: Path, folders: bool = False) -> list[OddEntry]:
        """What fits by its name below the folder `root` and is no file to load, by path."""
        listing = self._listing(root)
        odd = [
            OddEntry(printable(path), NOT_PRINTABLE)
            for path in listing.unprintable
            if self.fits(path, folders) is not None
        ]
        odd += [
            OddEntry(printable(other.fit.path), other.problem)
            for other in self._others(root, listing, folders)
            if other.problem not in ("", GONE)
        ]
        odd += [OddEntry(printable(path), LINKED) for path in self._linked_folders(root, listing)]
        return sorted(odd, key=lambda entry: entry.path)

    def _linked_folders(self, root: Path, listing: Listing) -> list[str]:
        """Folders that are links and not walked, and in which files that fit may lie."""
        begin = self.glob_root
        if begin and not _resolves_below(root / begin, root.resolve()):
            return [begin]
        return [
            path
            for path, is_folder in listing.others.items()
            if is_folder and path.count("/") < self._deepest and (root / path).is_symlink()
        ]

    def _listing(self, root: Path) -> Listing:
        if not _resolves_below(root / self.glob_root, root.resolve()):
            return Listing()
        return listing_of(root, self.glob_root)

    def _others(self, root: Path, listing: Listing, folders: bool) -> list[_Other]:
        """Of what is no regular file, all that fits by its name; with `folders` not the folders."""
        base = root.resolve()
        others = []
        for path, is_folder in listing.others.items():
            if is_folder and folders:
                continue
            fit = self.fits(path, folders)
            if fit is not None:
                problem = "is a folder" if is_folder else _problem(root, path, base)
                others.append(_Other(fit, problem))
        return others


def _composed(text: str) -> str:
    """The text with one sign for a letter and its accent, which macOS and some servers write as
    two."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


class Look(NamedTuple):
    """What a look at a folder gave: the files that fit, by path, and all that is there."""

    matches: list[FileMatch]
    listing: Listing


class _Other(NamedTuple):
    """Something that fits by its name; `problem` is empty where it is a link to a file to load."""

    fit: FileMatch
    problem: str


GONE = "has gone"  # between two looks, which is nothing to tell of
LINKED = "is a link to a folder, which is not followed (mount the folder there instead)"
NOT_PRINTABLE = "has a name that is not printable UTF-8"


def _problem(root: Path, relative_path: str, base: Path) -> str:
    """Why something is no file to load; empty where it is one.

    Opening something else than a regular file may wait without end.
    """
    if not relative_path.isprintable():
        return NOT_PRINTABLE
    path = root / relative_path
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            return _kind_problem(mode)
        mode = path.stat().st_mode
    except OSError as error:
        return _stat_problem(path, error)
    # Folders that are links are not walked, so that only a file itself can lead out.
    if not _resolves_below(path, base):
        return "is a link that leads out of its folder"
    return _kind_problem(mode)


def _kind_problem(mode: int) -> str:
    if stat.S_ISREG(mode):
        return ""
    return f"is {KINDS.get(stat.S_IFMT(mode), 'no file')}"


def _stat_problem(path: Path, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "is a link to itself"
    if error.errno == errno.ENOENT:
        return "is a link to nothing" if path.is_symlink() else GONE
    return "may not be looked at by this user"


def _resolves_below(path: Path, base: Path) -> bool:
    try:
        return path.resolve().is_relative_to(base)
    except (OSError, RuntimeError):  # links in a circle
        return False


def printable(text: str) -> str:
    """`text` as a terminal, a log and a table may hold it.

    Bytes of a file's name that are no UTF-8, and control characters, stand as escapes.
    """
    if text.isprintable():
        return text
    shown = [char if char.isprintable() else ascii(char)[1:-1] for char in text]
    return "".join(shown)


def _date_part_regex(part: str) -> str:
    if part in SHORT_PARTS:
        return r"(?<![0-9])[0-9]{1,2}(?![0-9])"
    if part != MONTH_WORD:
        return DATE_PARTS[part]
    words = "|".join(f"{month}|{month[:3]}" for month in MONTHS)
    return f"(?i:{words})"


def _month_of(found: Mapping[str, str]) -> int:
    """The month of a date's parts, 0 where they name two."""
    months = {int(found[part]) for part in ("MM", "M") if part in found}
    if MONTH_WORD in found:
        begin = found[MONTH_WORD][:3].title()
        months.add(next(n for n, month in enumerate(MONTHS, 1) if month.startswith(begin)))
    return months.pop() if len(months) == 1 else 0


def _refuse_part_of_a_date(tokens: Iterable[Token]) -> None:
    written = {token.text for token in tokens if token.is_date}
    if {"d", "dd"} <= written:
        raise PatternError("a date in a file pattern has d or dd, and not both")
    parts = {"MM" if part == MONTH_WORD else SHORT_PARTS.get(part, part) for part in written}
    missing = sorted(DATE_PARTS.keys() - parts)
    if parts and missing:
        raise PatternError(
            f"a date in a file pattern needs yyyy, MM and dd; {', '.join(missing)} is missing"
        )


def _refuse_unsafe_path(path: str) -> None:
    if not path.strip("/"):
        raise PatternError("the pattern names no file")
    is_absolute = path.startswith(("/", "~")) or _DRIVE.match(path) is not None
    if is_absolute or "\\" in path or ".." in path.split("/"):
        raise PatternError("a path below landing/ is needed: no leading '/', no '..', no backslash")


def _tokens(pattern: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(pattern):
        text = match[0]
        if match.lastgroup == "open":
            raise PatternError("a single quote is not closed")
        if match.lastgroup == "quoted":
            yield Token(False, text[1:-1].replace("''", "'"))
        elif match.lastgroup == "quote":
            yield Token(False, "'")
        elif match.lastgroup == "letters":
            if _DATE.fullmatch(text) is None:
                raise PatternError(
                    f"{text!r} is neither a date part (yyyy, MM, MMM, M, dd, d) nor quoted; put "
                    "fixed text in single quotes inside the YAML quotes: "
                    "\"'shop/orders-'yyyyMMdd'.csv'\""
                )
            date_parts = _DATE_PART.findall(text)
            if len(date_parts) > 1 and not SHORT_PARTS.keys().isdisjoint(date_parts):
                raise PatternError(
                    f"{text!r}: M and d have one digit or two, so a sign must stand around them"
                )
            for part in date_parts:
                yield Token(True, part)
        elif text == "*":
            raise PatternError("'*' must stand inside single quotes")
        else:
            yield Token(False, text)
