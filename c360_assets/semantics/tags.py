"""What a semantic tag means: its type, column, group, and whether it marks personal data.

The catalogue is data (`tags.yaml`); this module reads it and recognises the families of tags that no list can hold
(`fk-customer-id`, `email-work`, custom ones). Which tag may stand where is a lint of `tenant`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import yaml

from c360_assets.semantics.closest import closest


@dataclass(frozen=True)
class Tag:
    """One tag. `column` is the unified column it fills, `group` its prefix, or profile, key, custom where it has none.

    `type` is the field type it asks for (`any` when none), `enforced` whether another type is an error, `multi` whether several
    fields of a table may carry it, `once` whether a second field is an error, `base` the tag of which it is a variant.
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
        return tuple(t for t in self.tags if t.required)


_MARKS = re.compile("[\u0300-\u036f]")  # what an accented letter is beside its plain one


def column_for(tag: str) -> str:
    """The column a tag fills: without its prefix, hyphens as underscores (`txn-item/order-id` fills `order_id`)."""
    return tag.rsplit("/", 1)[-1].replace("-", "_")


def without_marks(name: str) -> str:
    """A name without accents, full-width letters and the like as plain ones (`Geändert` -> `Geandert`, `Straße` -> `Strasse`)."""
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", name))
    return unicodedata.normalize("NFC", plain).replace("ß", "ss")


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", without_marks(name).lower())


def _expand(name: str, item: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tags one catalogue entry stands for: one per number of `n`, and an id sibling."""
    item = dict(item)
    numbers, sibling = item.pop("n", None), item.pop("id", False)
    if numbers:
        for n in numbers:
            yield (
                name.replace("{n}", str(n)),
                {**item, "description": item["description"].replace("{n}", str(n))},
            )
        return
    yield name, item
    if sibling:
        yield f"{name}-id", {**item, "description": f"{item['description']} (id)"}


def _tag(name: str, group: str, core: bool, item: dict[str, Any]) -> Tag:
    any_type = item.pop("any_type", False)
    enforced = not any_type and (core or item.pop("enforced", False))
    told = {key: value for key, value in item.items() if key not in {"type", "enforced"}}
    return Tag(
        name=name,
        group=group,
        column=column_for(name),
        type="any" if any_type else item["type"],
        enforced=enforced,
        **told,
    )


def _read() -> tuple[dict[str, Tag], dict[str, Group], dict[str, str]]:
    content = yaml.safe_load((resources.files(__package__) / "tags.yaml").read_text("utf-8"))
    columns = {
        _letters(name): tag for tag, names in content.pop("column_names").items() for name in names
    }
    catalogue: dict[str, Tag] = {}
    groups: dict[str, Group] = {}
    for name, group in content.items():
        prefix = group.get("prefix", "")
        entries = dict(pair for tag, item in group["tags"].items() for pair in _expand(tag, item))
        for tag, item in content[group["include"]]["tags"].items() if "include" in group else ():
            for sibling, borrowed in _expand(tag, item):
                entries.setdefault(sibling, {**borrowed, "required": False})
        tags = [
            _tag(f"{prefix}/{tag}" if prefix else tag, name, group["core"], item)
            for tag, item in entries.items()
        ]
        catalogue |= {t.name: t for t in tags}
        if prefix and "table" in group:
            groups[prefix] = Group(
                prefix, group["table"], group["description"], tuple(tags), group["core"]
            )
    return catalogue, groups, columns


# Full tag name -> tag; prefix -> the group that fills a unified table; normalised column name -> suggested tag.
CATALOGUE, GROUPS, COLUMN_TAGS = _read()
PROFILE_TAGS: tuple[str, ...] = tuple(t.name for t in CATALOGUE.values() if t.group == "profile")

# Families with a free namespace: pattern of the name -> what such a tag is.
_FAMILIES: tuple[tuple[str, Tag], ...] = (
    (
        "fk-.+",
        Tag(
            "",
            "key",
            "",
            "string",
            enforced=True,
            once=True,
            description="Foreign key: equal values are one person",
        ),
    ),
    (
        "sk-.+",
        Tag(
            "",
            "key",
            "",
            once=True,
            description="Separation key: different values are different people",
        ),
    ),
    (
        "bk-.+",
        Tag(
            "",
            "key",
            "",
            "string",
            multi=True,
            description="Blocking key: equal values are compared",
        ),
    ),
    (
        "source/.+",
        Tag(
            "",
            "source",
            "",
            multi=True,
            description="Source key: leads a privacy request back to the source row",
        ),
    ),
)


def tag_info(tag: str) -> Tag:
    """What `tag` means, also when no catalogue lists it.

    `fk-*`, `sk-*`, `bk-*` and `source/*` are families of keys; a profile tag with a namespace or number (`email-work`,
    `address2-1`) is a variant of it, personal data of its type; anything else is a custom tag of any type.
    """
    if tag in CATALOGUE:
        return CATALOGUE[tag]
    column = column_for(tag)
    for pattern, family in _FAMILIES:
        if re.fullmatch(pattern, tag):
            base = tag.removeprefix("sk-") if tag.startswith("sk-") else None
            return replace(family, name=tag, column=column, pii=base in PROFILE_TAGS, base=base)
    for base in sorted(PROFILE_TAGS, key=len, reverse=True):
        if tag.startswith(f"{base}-"):
            kin = CATALOGUE[base]
            return Tag(
                tag,
                "profile",
                column,
                kin.type,
                kin.pii,
                enforced=kin.enforced,
                description=f"{kin.description} (variant)",
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
    """The tag that was probably meant, None when `tag` is known, of a known family, or near no known one."""
    tidy = tag.strip().lower().replace("_", "-").replace(" ", "-")
    if tidy != tag:
        return suggest(tidy) or tidy
    info = tag_info(tag)
    if not info.custom or info.base is not None:
        return None
    return closest(tag, CATALOGUE)


def tag_for_column(column: str) -> str | None:
    """The tag that a column's name suggests, compared in lower case by letters, without accents, and digits."""
    return COLUMN_TAGS.get(_letters(column))
