"""`c360 init`: a new tenant folder with commented defaults, ready for its first feed.

The files are those of `template/`; what their keys mean belongs to `models`.
"""

from __future__ import annotations

import json
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from uuid import uuid4

from c360_assets.errors import C360Error

FOLDERS = ("landing", "feeds", "domain_tables", "database")


def init_tenant(root: Path, name: str | None = None) -> list[Path]:
    """Start a tenant in `root` and return the files written; its name is by default the folder's.

    Writes nothing and raises C360Error when a file it would write is there already.
    """
    if root.exists() and not root.is_dir():
        raise C360Error(f"{root} is a file; name a folder")
    template = resources.files(__package__) / "template"
    texts = {_target(path): text for path, text in _files(template)}
    name = (
        name
        or root.resolve().name.replace("_", " ").replace("-", " ").strip().title()
        or "My brand"
    )
    texts["tenant.yaml"] = (
        texts["tenant.yaml"]
        .replace("@ID@", str(uuid4()))
        .replace("@NAME@", json.dumps(name, ensure_ascii=False))
    )
    there = [file for file in texts if (root / file).exists()]
    if there:
        raise C360Error(
            f"{root} holds {', '.join(there)} already; nothing was written. Name another folder"
        )
    try:
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(text, "utf-8")
    except OSError as error:
        raise C360Error(f"{root} cannot be written ({error.strerror})") from None
    return [root / file for file in texts]


def _files(folder: Traversable, prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for item in sorted(folder.iterdir(), key=lambda i: i.name):
        if item.is_dir():
            found += _files(item, f"{prefix}{item.name}/")
        else:
            found.append((prefix + item.name, item.read_text("utf-8")))
    return found


def _target(path: str) -> str:
    # A real .gitignore among the sources would hide files of this repository.
    return ".gitignore" if path == "gitignore" else path
