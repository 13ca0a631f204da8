"""What keeps a secret from standing in a file: addresses without a user, names in place of values.

A value that may be a secret is never repeated in a message.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def check_variable_name(text: str | None) -> str | None:
    """`text` if it is the name of an environment variable. Raises ValueError."""
    if text is not None and VARIABLE.fullmatch(text) is None:
        raise ValueError(
            "must be the name of an environment variable, such as WAREHOUSE_URL, which holds the "
            "address; the address itself must not stand in a file"
        )
    return text


def has_user_info(address: str) -> bool:
    """Whether a web address or one of a bucket holds a user or password before its host."""
    try:
        return "@" in urlsplit(address).netloc
    except ValueError:  # no address at all
        return False
