"""File systems of other machines behind an address: S3, SFTP, Google Cloud Storage, Azure.

Credentials come from the environment, never from a file of the tenant. Which files are read is
`ingest.remote`, which are written `customer_360.publication.send_files`; what is wrong where one
does not answer, says `remote_failures`.
"""

from __future__ import annotations

import os
import socket
from typing import Any
from urllib.parse import urlsplit

SECONDS_TO_CONNECT = 10
SECONDS_TO_ANSWER = 20
ATTEMPTS = 2
# The same for `deltalake`, whose limit is for a whole request; it fetches logs only.
DELTA_LIMITS = {
    "connect_timeout": f"{SECONDS_TO_CONNECT}s",
    "timeout": "30s",
    "max_retries": f"{ATTEMPTS}",
    "retry_timeout": "60s",
}
SFTP_USER = "C360_SFTP_USER"  # default: whoever this process runs as
SFTP_PASSWORD = "C360_SFTP_PASSWORD"
# Scheme of an address -> the optional part of this package that reaches it.
EXTRAS = {"s3": "s3", "sftp": "sftp", "gs": "gcs", "az": "azure", "abfs": "azure"}
# A listing that is kept would hide what another process wrote since.
FRESH = {"use_listings_cache": False, "skip_instance_cache": True}


def scheme_of(address: str) -> str:
    """The scheme of an address, empty for a path of this machine."""
    return urlsplit(address).scheme if "://" in address else ""


def open_place(address: str) -> tuple[Any, str]:
    """The fsspec file system behind an address, and the folder in it.

    Raises ImportError where the optional part is not installed, else what its library raises.
    """
    place = urlsplit(address)
    bucket = f"{place.netloc}{place.path}".rstrip("/")
    match place.scheme:
        case "s3":
            return _s3(), bucket
        case "gs":
            return _gcs(), bucket
        case "az" | "abfs":
            return _azure(), bucket
        case "sftp":
            return _sftp(place.hostname or "", place.port or 22), place.path.rstrip("/") or "/"
    raise ValueError(f"no address of {', '.join(EXTRAS)}")


def _s3() -> Any:
    import s3fs
    from aiobotocore.session import AioSession

    settings = {
        "connect_timeout": SECONDS_TO_CONNECT,
        "read_timeout": SECONDS_TO_ANSWER,
        "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
        "connector_args": {"socket_factory": _socket_that_gives_up},
    }
    session = AioSession()
    session.register("request-created.s3", _send_at_once)
    system = s3fs.S3FileSystem(session=session, config_kwargs=settings, **FRESH)
    # It tries again what the client below it has tried, so that silence ends after their product.
    system.retries = ATTEMPTS
    return system


def _send_at_once(request: Any, **_: Any) -> None:
    """Do not ask first whether the body is wanted: the client would wait for that without end."""
    if "Expect" in request.headers:
        del request.headers["Expect"]


def _socket_that_gives_up(address: tuple[Any, ...]) -> socket.socket:
    """A connection that ends where the other side takes nothing more of what is sent: while a body
    is under way, no limit of the client counts.
    """
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux has it
        milliseconds = SECONDS_TO_ANSWER * 1000
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    return made


def _gcs() -> Any:
    """Google's own search for credentials: `GOOGLE_APPLICATION_CREDENTIALS` and the like."""
    # The class that the package shows asks Google for the kind of each bucket first.
    from gcsfs.core import GCSFileSystem

    # Against an emulator there is nobody to be.
    token = "anon" if os.environ.get("STORAGE_EMULATOR_HOST") else None
    return GCSFileSystem(token=token, **FRESH)


def _azure() -> Any:
    """`AZURE_STORAGE_CONNECTION_STRING`, or `AZURE_STORAGE_ACCOUNT_NAME` with a key or identity."""
    import adlfs

    return adlfs.AzureBlobFileSystem(**FRESH)


def _sftp(host: str, port: int) -> Any:
    from c360_assets.warehouse.sftp import KnownHostSystem

    return KnownHostSystem(
        host,
        port=port,
        username=os.environ.get(SFTP_USER),
        password=os.environ.get(SFTP_PASSWORD),
        timeout=SECONDS_TO_CONNECT,
        skip_instance_cache=True,
    )
