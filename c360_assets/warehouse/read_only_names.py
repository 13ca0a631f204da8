"""Names of files and objects that an engine may read and not write.

What reads behind the names is `read_only_files` and `remote_read_only`, which are slow to import
and needed only where an engine is given them.
"""

from __future__ import annotations

from urllib.parse import quote

PROTOCOL = "c360ro"
REMOTE_PROTOCOL = "c360s3"


def read_only_path(path: str) -> str:
    """The name under which the file at the absolute `path` is read through this file system.

    Encoded as in a URL, so that no character of a folder's name is taken for a pattern.
    """
    return f"{PROTOCOL}://{quote(path)}"


def remote_path(path: str) -> str:
    """The name under which the object at `path` (bucket and key) is read."""
    return f"{REMOTE_PROTOCOL}://{quote(path)}"
