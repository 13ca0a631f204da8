"""How this program connects to a PostgreSQL of somebody else: so that nothing there keeps a run,
and with it the tenant, waiting for ever.

What is sent belongs to `send_postgres` and `segments.deliver`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

SECONDS_TO_LOCK = 60  # a table that another session holds
# What libpq has no limit for, or one of hours, unless the address says its own.
LIMITS = {
    "connect_timeout": "15",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # milliseconds
}


@contextmanager
def postgres(address: str) -> Iterator[Any]:
    """A connection in a transaction, which the caller commits. Raises what the driver raises."""
    # Optional, and takes a while to import.
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(with_limits(address)) as receiver:
        with receiver.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{SECONDS_TO_LOCK}s'")
        yield receiver


def with_limits(address: str) -> str:
    """The address, a URL or `key=value` words, with those of `LIMITS` that it does not name."""
    if "://" not in address:
        lacking = [f"{key}={value}" for key, value in LIMITS.items() if f"{key}=" not in address]
        return " ".join([address, *lacking])
    parts = urlsplit(address)
    named = dict(parse_qsl(parts.query))
    lacking_query = urlencode({key: value for key, value in LIMITS.items() if key not in named})
    query = "&".join(part for part in (parts.query, lacking_query) if part)
    return parts._replace(query=query).geturl()
