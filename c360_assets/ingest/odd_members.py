"""Members of archives that no feed reads, where feeds share an archive and each names its part.

Files below `landing/` that no feed takes are for `odd_files`.
"""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections import defaultdict
from pathlib import Path

from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.formats.archives import is_hidden, opened_archive
from c360_assets.ingest.formats.unpack import entry_of
from c360_assets.ingest.landed_files import is_remote, look_at
from c360_assets.tenant.files import printable
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.wording import counted


def members_of_no_feed(tenant: Tenant) -> list[str]:
    """A sentence for each pattern of archives of which the newest holds members of no feed."""
    sharing: dict[tuple[str, str], list[FeedConfig]] = defaultdict(list)
    for feed in tenant.feeds:
        if feed.files.compression in ("zip", "tar") and not is_remote(feed):
            sharing[feed.files.address, feed.files.pattern].append(feed)
    sentences = []
    for (address, _), feeds in sorted(sharing.items()):
        newest = _newest(tenant.root / address, feeds[0])
        strays = [] if newest is None else _strays(newest, feeds)
        if newest is not None and strays:
            files = counted(len(strays), "member is", "members are")
            sentences.append(
                f"{printable(newest.name)}: {files} of no feed and not loaded, such as "
                f"{printable(strays[0])}; add {'it' if len(strays) == 1 else 'them'} to "
                "`files.contents` of a feed, or propose feeds of the archive again"
            )
    return sentences


def _newest(folder: Path, feed: FeedConfig) -> Path | None:
    """The archive of the latest day, of several the last by name."""
    try:
        matches = [match for match in look_at(feed, folder).matches if match.valid]
    except LoadError:  # told where the feed's files are asked for
        return None
    dated = [(match.day.toordinal() if match.day else 0, match.path) for match in matches]
    return folder / max(dated)[1] if dated else None


def _strays(path: Path, feeds: list[FeedConfig]) -> list[str]:
    """The names of an archive's members that none of the feeds takes."""
    try:
        with opened_archive(path, str(feeds[0].files.compression)) as archive:
            names = [name for name in archive.names if not is_hidden(name)]
    except (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile):
        return []  # broken, which the load reports
    return [name for name in names if all(entry_of(feed, name) is None for feed in feeds)]
