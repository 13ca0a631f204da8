"""What a receiver of tables did not take, in words of ours: its own text may quote values of people
or credentials.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from c360_assets.customer_360.publication.send_files import optional_part
from c360_assets.errors import C360Error
from c360_assets.tenant.models import DestinationConfig
from c360_assets.warehouse.remote_places import scheme_of

REFUSALS = {
    "2BP01": "a view or another table depends on a table whose columns have changed: "
    "drop it first, or send under another name",
    "42501": "its user may not do this: it must own the tables, or may not make the schema",
    "42809": "the target is no table: send under another name",
    "53100": "its disk is full",
    "55P03": "another session reads or changes a table in a transaction that it leaves open: end "
    "it there (pg_stat_activity names it)",
}
TIMED_OUT = "ReadTimeout"
# Errors of the library of HTTP, by the names of their classes, the narrower ones first.
OF_HTTP = {
    "SSLError": "its certificate is not of that host, has expired, or is signed by nobody known "
    "here: `REQUESTS_CA_BUNDLE` names a file of further ones",
    "ConnectTimeout": "nothing answers there: is it up, and is the address right?",
    TIMED_OUT: "it took the rows and did not answer in time",
    "ConnectionError": "no connection, or one that broke off: is it up, and is the address right?",
}


@contextmanager
def safe_errors(name: str, config: DestinationConfig) -> Iterator[None]:
    """Whatever a receiver says may quote values or credentials, so only its kind is reported."""
    try:
        yield
    except C360Error as error:
        raise C360Error(f"destination {name}: {error}") from None
    except ImportError:
        raise C360Error(f"destination {name} needs {optional_part(config)}") from None
    except Exception as error:
        place = "" if scheme_of(config.path or "") else f" ({config.path or config.url_env})"
        raise C360Error(
            f"destination {name}{place} did not take the data: {_kind(error, config)}; "
            f"`c360 send {name}` tries again"
        ) from None


def _kind(error: Exception, config: DestinationConfig) -> str:
    """As `kind_of`, with what to look at where no connection was made."""
    if isinstance(error, OSError) and error.errno:
        return kind_of(error)
    kind = type(error).__name__
    if scheme_of(config.path or ""):
        return f"{kind}: is the place up, and are its address and the credentials right?"
    is_told = getattr(error, "sqlstate", None) or config.type != "postgres"
    if not is_told and kind == "OperationalError":
        return (
            f"{kind}, no connection: is the server up, and are host, port, user, password and "
            f"database in {config.url_env} right?"
        )
    return kind_of(error)


def kind_of(error: Exception) -> str:
    """The kind of an error in words of this module or of the operating system, none of the
    receiver's.
    """
    kind = type(error).__name__
    for name in _names_of_http(error):
        if name in OF_HTTP:
            return f"{name if name == TIMED_OUT else kind}, {OF_HTTP[name]}"
    if isinstance(error, OSError) and error.errno:
        return f"{kind}, {os.strerror(error.errno)}"
    state = getattr(error, "sqlstate", None)
    if state:
        known = [REFUSALS[state]] if state in REFUSALS else []
        return ", ".join([kind, f"SQLSTATE {state}", *known])
    return kind


def _names_of_http(error: Exception) -> list[str]:
    """Names of what an error of the library of HTTP is, the narrower ones first.

    One that came again at each try is wrapped as a connection that broke off.
    """
    last_try = getattr(next(iter(error.args), None), "reason", None)
    if type(last_try).__name__ == "ReadTimeoutError":
        return [TIMED_OUT]
    classes = type(error).__mro__
    return [one.__name__ for one in classes if one.__module__.startswith("requests")]
