"""What a request names somebody by, and the rows that it is found to be about.

How they are found is `people`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

EXACT = "exact"
CONNECTED = "connected_pii"
CUSTOM_KEYS = ("custom-key", "custom-key-2", "custom-key-3")
ADDRESS = ("address", "address2", "city", "state", "postal", "country")


@dataclass(frozen=True)
class Identifiers:
    """What a request names somebody by; several are alternatives, the parts of an address are one.

    `source_keys` are (source table, key), `custom_keys` by tag, compared as they are written.
    """

    amperity_ids: Sequence[str] = ()
    emails: Sequence[str] = ()
    phones: Sequence[str] = ()
    source_keys: Sequence[tuple[str, str]] = ()
    custom_keys: Mapping[str, str] = field(default_factory=dict)
    address: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not any(
            [
                self.amperity_ids,
                self.emails,
                self.phones,
                self.source_keys,
                self.custom_keys,
                self.address,
            ]
        )

    def contacts(self, kind: str) -> Sequence[str]:
        return self.emails if kind == "email" else self.phones


@dataclass(frozen=True)
class Found:
    """Rows that a request is about: by physical table name, the keys of its rows.

    `direct` those that hold the identifier. `ids` the people they are of, each with its number of
    records; rows of nobody count for none.
    """

    rows: dict[str, set[str]]
    direct: dict[str, set[str]]
    ids: list[str]

    @property
    def is_empty(self) -> bool:
        return not any(self.rows.values()) and not self.ids


def merge(rows: dict[str, set[str]], more: Mapping[str, set[str]]) -> None:
    """Add rows (table -> keys) to others."""
    for name, keys in more.items():
        rows.setdefault(name, set()).update(keys)
