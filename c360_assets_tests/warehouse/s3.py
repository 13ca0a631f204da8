"""An S3 server in a process of its own: `deltalake` holds the interpreter while it waits."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3
import pytest


@contextmanager
def s3_of_its_own(*, keeps_versions: bool = False) -> Iterator[Any]:
    """A client of a server that keeps objects in memory, which the environment points at, with a
    bucket `brand`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(address, server)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", address)
            patch.setenv("AWS_ACCESS_KEY_ID", "testing")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            client = boto3.client("s3")
            client.create_bucket(Bucket="brand")
            if keeps_versions:
                versioning = {"Status": "Enabled"}
                client.put_bucket_versioning(Bucket="brand", VersioningConfiguration=versioning)
            yield client
    finally:
        server.terminate()
        server.wait()


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(address, timeout=2)
            return
        time.sleep(0.1)
    raise AssertionError("the S3 server did not start")
