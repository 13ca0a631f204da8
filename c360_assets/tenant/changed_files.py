"""Which files of a tenant's configuration are not what a process has read of them.

A service that runs for weeks keeps what it read when it began. Reading them belongs to `loader`.
"""

from __future__ import annotations

from pathlib import Path

from c360_assets.tenant.models import Tenant

FOLDERS = ("feeds", "domain_tables", "database", "segments", "campaigns")
SUFFIXES = (".yaml", ".sql")
OPTIONAL_FILES = (
    "tenant.yaml",
    "workflow.yaml",
    "stitch.yaml",
    "merge_policy.yaml",
    "destinations.yaml",
)


def changed_files(tenant: Tenant) -> list[str]:
    """Files that were changed, added or removed since `tenant` was read, by path."""
    there = {file: tenant.root / file for file in OPTIONAL_FILES}
    for folder in FOLDERS:
        # Deeper in the folder of the database lie drafts, which are not in force.
        paths = (tenant.root / folder).glob("*" if folder == "database" else "**/*")
        for path in paths:
            if path.suffix in SUFFIXES and not path.name.startswith("."):
                there[path.relative_to(tenant.root).as_posix()] = path
    for file in tenant.files:
        there.setdefault(file, tenant.root / file)
    changed = [file for file, path in there.items() if _text(path) != tenant.files.get(file)]
    return sorted(changed)


def _text(path: Path) -> str | None:
    """The file's text as the loader reads it; None where there is none."""
    if not path.is_file():
        return None
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
