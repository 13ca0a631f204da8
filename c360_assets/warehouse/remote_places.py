"""File systems of other machines behind an address: S3, SFTP, Google Cloud Storage, Azure.

Credentials come from the environment, never from a file of the tenant. Which files are read is
`ingest.remote`, which are written `customer_360.publication.send_files`.
"""

from __future__ import annotations

import errno
import os
from typing import Any, Literal
from urllib.parse import urlsplit

SECONDS_TO_CONNECT = 15
SFTP_USER = "C360_SFTP_USER"  # default: whoever this process runs as
SFTP_PASSWORD = "C360_SFTP_PASSWORD"
# Scheme of an address -> the optional part of this package that reaches it.
EXTRAS = {"s3": "s3", "sftp": "sftp", "gs": "gcs", "az": "azure", "abfs": "azure"}
# A listing that is kept would hide what another process wrote since.
FRESH = {"use_listings_cache": False, "skip_instance_cache": True}
# Names of classes of errors, of whatever library: credentials that are refused, hosts that are not
# known.
REFUSED = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "AuthenticationException",
        "PasswordRequiredException",
    }
)
UNKNOWN_HOST = frozenset({"BadHostKeyException", "UnknownHostError"})
FailureKind = Literal["connection", "credentials", "location", "host_key", "extra", "disk"]


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

    settings = {"connect_timeout": SECONDS_TO_CONNECT, "retries": {"max_attempts": 1}}
    return s3fs.S3FileSystem(config_kwargs=settings, **FRESH)


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


def kind_of_failure(error: Exception) -> FailureKind:
    """What is wrong with a remote place, by the class of an error and those of the errors behind
    it; libraries raise nearly anything."""
    if isinstance(error, ImportError):
        return "extra"
    names = _class_names(error)
    if names & UNKNOWN_HOST:
        return "host_key"
    if names & REFUSED or isinstance(error, PermissionError):
        return "credentials"
    if isinstance(error, FileNotFoundError):
        return "location"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "disk"
    return "connection"


def _class_names(error: BaseException) -> set[str]:
    names: set[str] = set()
    errors: list[BaseException] = [error]
    while errors:
        current = errors.pop()
        names |= {kind.__name__ for kind in type(current).__mro__}
        behind = (current.__cause__, current.__context__)
        errors += [cause for cause in behind if cause is not None]
    return names
