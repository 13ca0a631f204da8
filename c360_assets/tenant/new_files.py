"""Files of a tenant's configuration that a verb writes for a person to go on with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_new_files(root: Path, texts: Mapping[Path, str]) -> list[Path]:
    """Write files that are not there yet, each text to its path below `root`, all or none.

    Half a file, such as a full disk makes, would be read as the configuration by the next verb, and
    be kept by a second try. Raises OSError, FileExistsError where one is there.
    """
    written = []
    try:
        for file, text in texts.items():
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as new:
                written.append(path)
                new.write(text)
    except OSError:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written
