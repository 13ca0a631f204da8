"""Copies of members of an archive, one of each kind of name, for `sample` to look at."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from c360_assets.ingest.formats.archives import is_hidden, opened_archive
from c360_assets.ingest.suggest.pattern import pattern_of_member

SAFE_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}(?=\.|$)")
MOST_KINDS = 20  # of members of an archive


def first_members(path: Path, kind: str, folder: Path) -> dict[str, Path]:
    """Copies of the first member of each kind of name, by the pattern of the kind; nothing but
    suffixes comes from the archive. Raises what the libraries raise where it is broken."""
    with opened_archive(path, kind) as archive:
        copies: dict[str, Path] = {}
        for name in sorted(name for name in archive.names if _is_delivery(name)):
            pattern = pattern_of_member(name)
            if pattern in copies or len(copies) == MOST_KINDS:
                continue
            suffixes = SAFE_SUFFIX.findall(name)[-2:]
            copies[pattern] = folder / f"member{len(copies)}{''.join(suffixes)}"
            with archive.open_member(name) as source, copies[pattern].open("wb") as file:
                shutil.copyfileobj(source, file)
    return copies


def patterns_of_kind(patterns: list[str]) -> list[str]:
    """The patterns of members of one kind: a single one where they differ in numbers only, as those
    of parts do."""
    numbered = {re.sub(r"\d+", "*", pattern) for pattern in patterns}
    return patterns if len(numbered) > 1 or len(patterns) == 1 else sorted(numbered)


def _is_delivery(member: str) -> bool:
    is_read_me = member.rsplit("/", 1)[-1].lower().startswith(("readme", "read_me"))
    return not is_hidden(member) and not is_read_me
