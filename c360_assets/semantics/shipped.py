"""YAML that ships with the package."""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml


def shipped_yaml(*path: str) -> Any:
    """The data of a YAML file of this room, below which `path` leads to it."""
    text = resources.files(__package__).joinpath(*path).read_text("utf-8")
    # The safe loader written in C, where it is there, is seven times as fast.
    if yaml.__with_libyaml__:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    return yaml.safe_load(text)
