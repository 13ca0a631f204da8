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
from c360_assets.semantics.closest import closest
from c360_assets.semantics.countries import country_facts, country_names
from c360_assets.tenant.new_files import write_new_files
from c360_assets.tenant.schemas import write_schemas

FOLDERS = ("landing", "feeds", "domain_tables", "database", "segments", "campaigns")


def init_tenant(root: Path, name: str | None = None, country: str | None = None) -> list[Path]:
    """Start a tenant in `root` and return the files written; its name is by default the folder's.

    `country` is written by its ISO code, with its time zone where it has one for all. Writes
    nothing and raises C360Error when a file it would write is there already.
    """
    if root.exists() and not root.is_dir():
        raise C360Error(f"{root} is a file; name a folder")
    texts = _texts(name or _name_of(root))
    if country is not None:
        texts["tenant.yaml"] = _at_home(texts["tenant.yaml"], country)
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


def _at_home(settings: str, named: str) -> str:
    """The settings with the country, named in any way, and its time zone."""
    bare = "".join(filter(str.isalnum, named.upper()))
    code = country_names().get(bare)
    if code is None:
        near = closest(bare, country_names())
        remedy = f"did you mean {country_names()[near]}?" if near else "give two letters such as GB"
        raise C360Error(f"no country is known as {named}; {remedy}")
    zone = country_facts(code).timezone
    if zone:
        settings = settings.replace("#timezone: UTC", f"timezone: {zone}")
    else:
        several = "#timezone: UTC            # the country has several: name the one that counts"
        settings = settings.replace("#timezone: UTC", several)
    return settings.replace("#country: null", f"country: {code}")


def _write(root: Path, texts: dict[str, str]) -> None:
    write_schemas(root)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    write_new_files(root, {Path(file): text for file, text in texts.items()})


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
