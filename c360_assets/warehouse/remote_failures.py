"""What is wrong with a place on another machine, in words: told by the class of an error, by the
code by which S3 names it, and by those of the errors behind it.

The texts of libraries hold addresses, names and values: they are searched for a code, and never
shown. Which place it is, and who asked, belongs to the caller.
"""

from __future__ import annotations

import errno
import re
from typing import Literal

from c360_assets.errors import C360Error
from c360_assets.warehouse.remote_places import EXTRAS

FailureKind = Literal[
    "connection",
    "slow",
    "busy",
    "credentials",
    "expired",
    "rights",
    "clock",
    "region",
    "location",
    "host_key",
    "conditions",
    "log",
    "extra",
    "disk",
]
# Names of classes of errors, of whatever library.
OF_CLASS: dict[str, FailureKind] = {
    "BadHostKeyException": "host_key",
    "UnknownHostError": "host_key",
    "NoCredentialsError": "credentials",
    "PartialCredentialsError": "credentials",
    "AuthenticationException": "credentials",
    "PasswordRequiredException": "credentials",
    "ConnectTimeoutError": "connection",
    "EndpointConnectionError": "connection",
    "ReadTimeoutError": "slow",
    "FSTimeoutError": "slow",
    "DeltaError": "log",
}
# Codes of S3. Answers without a text have the number alone.
OF_CODE: dict[str, FailureKind] = {
    "InvalidAccessKeyId": "credentials",
    "SignatureDoesNotMatch": "credentials",
    "InvalidToken": "credentials",
    "InvalidSecurity": "credentials",
    "401": "credentials",
    "ExpiredToken": "expired",
    "TokenRefreshRequired": "expired",
    "AccessDenied": "rights",
    "AllAccessDisabled": "rights",
    "403": "rights",
    "RequestTimeTooSkewed": "clock",
    "PermanentRedirect": "region",
    "TemporaryRedirect": "region",
    "AuthorizationHeaderMalformed": "region",
    "IllegalLocationConstraintException": "region",
    "301": "region",
    "307": "region",
    "NoSuchBucket": "location",
    "NoSuchKey": "location",
    "404": "location",
    "SlowDown": "busy",
    "ServiceUnavailable": "busy",
    "InternalError": "busy",
    "InternalServerError": "busy",
    "OperationAborted": "busy",
    "RequestTimeout": "slow",
    "NotImplemented": "conditions",
    "501": "conditions",
    "429": "busy",
    "500": "busy",
    "502": "busy",
    "503": "busy",
    "504": "busy",
}
# Kind of failure of a bucket that is written -> what is wrong, what to do.
OF_BUCKET: dict[FailureKind, tuple[str, str]] = {
    "connection": (
        "cannot be reached",
        "check the address, AWS_ENDPOINT_URL and the network, then run again",
    ),
    "slow": (
        "does not answer in time",
        "see that the server and the network are well, then run again",
    ),
    "busy": (
        "answers with a failure of its own",
        "wait until the server is well, then run again",
    ),
    "credentials": (
        "refuses these credentials",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to ones that may list, read, write and "
        "delete there",
    ),
    "expired": (
        "says that these credentials have expired",
        "get new ones, of a session with AWS_SESSION_TOKEN, then run again",
    ),
    "rights": (
        "does not allow this",
        "let these credentials list, read, write and delete there, then run again",
    ),
    "clock": (
        "refuses this machine, whose clock is wrong",
        "set the clock, as by NTP, then run again",
    ),
    "region": (
        "is in another region",
        "set AWS_DEFAULT_REGION to the region of the bucket, and AWS_ENDPOINT_URL to its server",
    ),
    "location": ("is not there", "create the bucket, or correct the address in tenant.yaml"),
    "conditions": (
        "lacks a part of S3 that this needs",
        "use a server that keeps conditions of a put, such as Amazon S3 or a current MinIO",
    ),
    "log": (
        "holds a log of a table that cannot be read or extended",
        "put back that folder of your last copy, then run again",
    ),
    "extra": (
        "needs an optional part of this package",
        f"install it: pip install 'c360-assets[{EXTRAS['s3']}]'",
    ),
    "disk": ("could not be copied: the disk is full", "make room and run again"),
}
# `deltalake` has the answer in its text.
_OF_DELTA = "Error performing"
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"\b([345]\d\d) [A-Z][a-z]+")
TRACEBACK = "Traceback (most recent call last)"
_RAISED = re.compile(r"^(?:\w+\.)*([A-Z]\w+)(?::|$)", re.MULTILINE)
_TIMED_OUT = "operation timed out"


def bucket_failure(place: str, address: str, error: BaseException, name: str = "") -> C360Error:
    """The error for a folder of a bucket that does not do what it was asked, with the object
    `name` below it; `place` is what the folder is to the tenant."""
    kind = kind_of_failure(error)
    problem, remedy = OF_BUCKET[kind]
    # What is allowed may differ from one object to the next.
    shown = f"{address}/{name}" if name and kind == "rights" else address
    return C360Error(f"{place} {shown} {problem} ({reason_of(error)}); {remedy}")


def kind_of_failure(error: BaseException) -> FailureKind:
    """What is wrong with a remote place; libraries raise nearly anything."""
    behind = _behind(error)
    if any(isinstance(one, ImportError) for one in behind):
        return "extra"
    code = error_code(error)
    if code in OF_CODE:
        return OF_CODE[code]
    names = {kind.__name__ for one in behind for kind in type(one).__mro__}
    for name, kind in OF_CLASS.items():
        if name in names:
            return kind
    if isinstance(error, PermissionError):
        return "credentials"
    if isinstance(error, FileNotFoundError):
        return "location"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "disk"
    is_slow = isinstance(error, TimeoutError) or _TIMED_OUT in str(error)
    return "slow" if is_slow else "connection"


def error_code(error: BaseException) -> str:
    """The code by which S3 names what is wrong, of an error or of those behind it; its number
    where it has no name."""
    for one in _behind(error):
        answer = getattr(one, "response", None)
        if isinstance(answer, dict):
            return str(answer.get("Error", {}).get("Code", ""))
    text = str(error)
    if _OF_DELTA not in text:
        return ""
    found = _CODE.search(text) or _STATUS.search(text)
    return found[1] if found else ""


def reason_of(error: BaseException) -> str:
    """The code, or the name of the class: neither quotes anything."""
    return error_code(error) or type(error).__name__


def quoted_failure(text: str) -> str:
    """The name of the error behind a traceback that an engine quotes in its own; empty where it
    quotes none. Its lines hold addresses."""
    if TRACEBACK not in text:
        return ""
    named = _RAISED.findall(text.partition(TRACEBACK)[2])
    return named[-1] if named else "error"


def _behind(error: BaseException) -> list[BaseException]:
    """An error and those behind it."""
    errors: list[BaseException] = [error]
    for current in errors:
        for cause in (current.__cause__, current.__context__):
            if cause is not None and cause not in errors:
                errors.append(cause)
    return errors
