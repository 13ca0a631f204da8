"""`c360 init`: a new tenant folder with commented defaults, ready for its first feed.

The files are those of `template/`; what their keys mean belongs to the models.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from uuid import uuid4

from c360_assets.errors import C360Error

FOLDERS = ("landing", "feeds", "domain_tables", "database", "segments", "campaigns")


def init_tenant(root: Path, name: str | None = None) -> list[Path]:
    """Start a tenant in `root` and return the files written; its name is by default the folder's.

    Writes nothing and raises C360Error when a file it would write is there already.
    """
    if root.exists() and not root.is_dir():
        raise C360Error(f"{root} is a file; name a folder")
    texts = _texts(name or _name_of(root))
    existing = [file for file in texts if (root / file).exists()]
    if existing:
        raise C360Error(
            f"{root} holds {', '.join(existing)} already; nothing was written. Name another folder"
        )
    try:
        _write(root, texts)
    except OSError as error:
        raise C360Error(f"{root} cannot be written ({error.strerror})") from None
    return [root / file for file in texts]


def _write(root: Path, texts: dict[str, str]) -> None:
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text, "utf-8")


def _name_of(root: Path) -> str:
    words = re.sub(r"[_-]", " ", root.resolve().name)
    return words.strip().title() or "My brand"


def _texts(name: str) -> dict[str, str]:
    """File of the new tenant -> its text."""
    template = resources.files(__package__) / "template"
    texts = _texts_below(template)
    # A real .gitignore among the sources would hide files of this repository.
    texts[".gitignore"] = texts.pop("gitignore")
    settings = texts["tenant.yaml"].replace("@ID@", str(uuid4()))
    # JSON quotes any name so that YAML reads it as a text.
    texts["tenant.yaml"] = settings.replace("@NAME@", json.dumps(name, ensure_ascii=False))
    return texts


def _texts_below(folder: Traversable, prefix: str = "") -> dict[str, str]:
    texts: dict[str, str] = {}
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        path = prefix + item.name
        if item.is_dir():
            texts |= _texts_below(item, f"{path}/")
        else:
            texts[path] = item.read_text("utf-8")
    return texts
