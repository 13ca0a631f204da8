"""What a semantic tag means: its type, column, group, and whether it marks personal data.

The catalogue is data (`tags.yaml`); this module reads it and recognises the families of tags that
no list can hold (`fk-customer-id`, `email-work`, custom ones). Which tag may stand where is a lint
of `tenant`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from c360_assets.semantics.closest import closest
from c360_assets.semantics.garbled import mended_text
from c360_assets.semantics.letters import PLAIN_LETTERS
from c360_assets.semantics.shipped import shipped_yaml
from c360_assets.wording import counted


@dataclass(frozen=True)
class Tag:
    """One tag.

    `column` is the unified column it fills, `group` its prefix, or profile, key, custom where it
    has none. `type` is the field type it asks for (`any` when none), `enforced` whether another
    type is an error, `multi` whether several fields of a table may carry it, `once` whether a
    second field is an error, `base` the tag of which it is a variant.
    """

    name: str
    group: str
    column: str
    type: str = "any"
    pii: bool = False
    multi: bool = False
    once: bool = False
    required: bool = False
    enforced: bool = False
    description: str = ""
    custom: bool = False
    base: str | None = None


@dataclass(frozen=True)
class Group:
    """The tags that fill one unified table, in catalogue order."""

    prefix: str
    table: str
    description: str
    tags: tuple[Tag, ...]
    core: bool

    @property
    def required(self) -> tuple[Tag, ...]:
        return tuple(tag for tag in self.tags if tag.required)


FEW = 2  # groups that a name may be in and still be meant for the first of them
_MARKS = re.compile("[\u0300-\u036f]")  # what an accented letter is beside its plain one


def column_for(tag: str) -> str:
    """The column that a tag fills, without the tag's prefix (`txn-item/order-id -> order_id`)."""
    return tag.rsplit("/", 1)[-1].replace("-", "_")


_PLAIN_LETTERS = str.maketrans(
    PLAIN_LETTERS
    | {letter.lower(): plain.lower() for letter, plain in PLAIN_LETTERS.items()}
    | {"ı": "i"}
)


def without_marks(name: str) -> str:
    """A name in plain letters, without accents or full width (`Geändert` -> `Geandert`), also where
    it came garbled (`GeÃ¤ndert`)."""
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", mended_text(name)))
    return unicodedata.normalize("NFC", plain).translate(_PLAIN_LETTERS)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", without_marks(name).lower())


def _expand(name: str, item: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tags one catalogue entry stands for: one per number of `n`, and an id sibling."""
    item = dict(item)
    numbers = item.pop("n", None)
    has_id_sibling = item.pop("id", False)
    description = item.get("description", "")
    if numbers:
        for n in numbers:
            words = description.replace("{n} days", counted(n, "day")).replace("{n}", str(n))
            yield name.replace("{n}", str(n)), {**item, "description": words}
        return
    yield name, item
    if has_id_sibling:
        yield f"{name}-id", {**item, "description": f"{description} (id)"}


def _tag(name: str, group: str, core: bool, item: dict[str, Any]) -> Tag:
    any_type = item.pop("any_type", False)
    enforced = not any_type and (core or item.pop("enforced", False))
    described = {key: value for key, value in item.items() if key not in {"type", "enforced"}}
    return Tag(
        name=name,
        group=group,
        column=column_for(name),
        type="any" if any_type else item["type"],
        enforced=enforced,
        **described,
    )


@dataclass(frozen=True)
class _Catalogue:
    tags: dict[str, Tag]  # by full name
    groups: dict[str, Group]  # those that fill a unified table, by prefix
    descriptions: dict[str, str]  # of all groups, by name
    tables: dict[str, str]  # the unified table of those that fill one, by name
    column_tags: dict[str, str]  # letters of a column's name -> the tag they suggest


def _read() -> _Catalogue:
    content = shipped_yaml("tags.yaml")
    column_tags: dict[str, str] = {}
    for tag_name, column_names in content.pop("column_names").items():
        column_tags |= {_letters(column): tag_name for column in column_names}
    catalogue: dict[str, Tag] = {}
    groups: dict[str, Group] = {}
    for name, group in content.items():
        prefix = group.get("prefix", "")
        tags = [
            _tag(f"{prefix}/{entry}" if prefix else entry, name, group["core"], item)
            for entry, item in _entries(content, group).items()
        ]
        catalogue |= {tag.name: tag for tag in tags}
        if prefix and "table" in group:
            groups[prefix] = Group(
                prefix, group["table"], group["description"], tuple(tags), group["core"]
            )
    descriptions = {name: group["description"] for name, group in content.items()}
    tables = {name: group["table"] for name, group in content.items() if "table" in group}
    return _Catalogue(catalogue, groups, descriptions, tables, column_tags)


def _entries(content: dict[str, Any], group: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Tag without prefix -> its item, of a group and then of the group that it includes."""
    entries: dict[str, dict[str, Any]] = {}
    for tag, item in group["tags"].items():
        entries.update(_expand(tag, item))
    if "include" in group:
        for tag, item in content[group["include"]]["tags"].items():
            for name, included in _expand(tag, item):
                # What a table of its own must have, a table that merely includes it may lack.
                entries.setdefault(name, {**included, "required": False})
    return entries


_READ = _read()
# Full tag name -> tag.
CATALOGUE = _READ.tags
# Prefix -> the group that fills a unified table.
GROUPS = _READ.groups
# Name of a group -> what its tags are about.
DESCRIPTIONS = _READ.descriptions
# Name of a group -> the unified table that its tags fill, where they fill one.
TABLES = _READ.tables
# Letters of a column's name -> the tag they suggest.
COLUMN_TAGS = _READ.column_tags
PREFIXES = frozenset(tag.split("/")[0] for tag in CATALOGUE if "/" in tag)
PROFILE_TAGS: tuple[str, ...] = tuple(
    tag.name for tag in CATALOGUE.values() if tag.group == "profile"
)


_KEY = Tag(name="", group="key", column="")  # name and column come with each tag

# Families with a free namespace: pattern of the name -> what such a tag is.
FAMILIES: dict[str, Tag] = {
    "fk-.+": replace(
        _KEY,
        type="string",
        enforced=True,
        once=True,
        description="Foreign key: equal values are one person",
    ),
    "sk-.+": replace(
        _KEY, once=True, description="Separation key: different values are different people"
    ),
    "bk-.+": replace(
        _KEY, type="string", multi=True, description="Blocking key: equal values are compared"
    ),
    "source/.+": replace(
        _KEY,
        group="source",
        multi=True,
        description="Source key: leads a privacy request back to the source row",
    ),
}


@cache
def tag_info(tag: str) -> Tag:
    """What `tag` means, also when no catalogue lists it.

    `fk-*`, `sk-*`, `bk-*` and `source/*` are families of keys; a profile tag with a namespace or
    number (`email-work`, `address2-1`) is a variant of it, personal data of its type; anything else
    is a custom tag of any type, also below a group that begins alike (`email-opt/page`).
    """
    if tag in CATALOGUE:
        return CATALOGUE[tag]
    column = column_for(tag)
    for pattern, family in FAMILIES.items():
        if re.fullmatch(pattern, tag):
            # A separation key of a profile tag holds the same personal data.
            base = tag.removeprefix("sk-") if tag.startswith("sk-") else None
            return replace(family, name=tag, column=column, pii=base in PROFILE_TAGS, base=base)
    # The longest name first: `address2-home` is a variant of `address2`.
    for base in sorted(PROFILE_TAGS, key=len, reverse=True):
        if tag.startswith(f"{base}-") and "/" not in tag:
            known = CATALOGUE[base]
            return Tag(
                tag,
                "profile",
                column,
                known.type,
                known.pii,
                enforced=known.enforced,
                description=f"{known.description} (variant)",
                custom=True,
                base=base,
            )
    prefix = tag.split("/", 1)[0] if "/" in tag else "custom"
    return Tag(tag, prefix, column, custom=True, description="Custom tag")


def is_profile(tag: str) -> bool:
    """Whether `tag` makes its row a customer record: a personal profile tag or a variant of one."""
    info = tag_info(tag)
    return info.group == "profile" and info.pii


def suggest(tag: str) -> str | None:
    """The tag that was probably meant; None when `tag` is known, or near no known one."""
    tidy = tag.strip().lower().replace("_", "-").replace(" ", "-")
    if tidy != tag:
        return suggest(tidy) or tidy
    info = tag_info(tag)
    if not info.custom or info.base is not None:
        return None
    near = closest(tag, CATALOGUE)
    if near is not None:
        return near
    return _with_prefix(tag) if "/" in tag else _without_prefix(tag)


def _with_prefix(tag: str) -> str | None:
    """A tag of the same group that holds all its words, else one of the same name elsewhere."""
    prefix, _, name = tag.partition("/")
    words = set(name.split("-"))
    if prefix in PREFIXES:
        return next((own for own in _names_below(prefix) if words <= set(_words(own))), None)
    if not set(_words(prefix)) & {word for known in PREFIXES for word in _words(known)}:
        return None
    same_name = [known for known in CATALOGUE if known.endswith(f"/{name}")]
    return closest(tag, same_name, limit=len(prefix)) or next(iter(same_name), None)


def _without_prefix(tag: str) -> str | None:
    """What a column of that name would be tagged, else the tag of that name with a prefix.

    A name that many groups have, such as `brand`, may well be a custom tag.
    """
    by_name = tag_for_column(tag)
    same_name = [known for known in CATALOGUE if known.endswith(f"/{tag}")]
    return by_name or (same_name[0] if 0 < len(same_name) <= FEW else None)


def _names_below(prefix: str) -> list[str]:
    return [known for known in CATALOGUE if known.startswith(f"{prefix}/")]


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", name.rpartition("/")[2])


def tag_for_column(column: str) -> str | None:
    """The tag that a column's name suggests; only plain letters and digits are compared."""
    return COLUMN_TAGS.get(_letters(column))
