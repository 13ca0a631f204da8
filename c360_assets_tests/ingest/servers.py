"""A real S3-compatible server and a real SFTP server on this machine, for the tests of remote
files.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import paramiko
import pytest
from moto.server import ThreadedMotoServer


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of an S3 server that keeps objects in memory."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def s3_bucket(secret: str = "testing") -> Iterator[Any]:
    """A client of such a server, which the environment points at, with a bucket `brand`."""
    with s3_server() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="brand")
        yield client


class _Login(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        right = (username, password) == ("brand", "secret")
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


def _files_of(root: Path) -> type[paramiko.SFTPServerInterface]:
    class Files(paramiko.SFTPServerInterface):
        def _path(self, path: str) -> str:
            return str(root) + self.canonicalize(path)

        def list_folder(self, path: str) -> Any:
            try:
                names = os.listdir(self._path(path))
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)
            return [
                paramiko.SFTPAttributes.from_stat(
                    os.stat(os.path.join(self._path(path), name)), filename=name
                )
                for name in names
            ]

        def stat(self, path: str) -> Any:
            try:
                return paramiko.SFTPAttributes.from_stat(os.stat(self._path(path)))
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)

        lstat = stat

        def open(self, path: str, flags: int, attr: Any) -> Any:
            is_written = bool(flags & (os.O_WRONLY | os.O_RDWR))
            try:
                file = open(self._path(path), "wb" if is_written else "rb")  # noqa: SIM115
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)
            handle = paramiko.SFTPHandle(flags)
            handle.writefile = handle.readfile = file
            handle.filename = path
            return handle

        def mkdir(self, path: str, attr: Any) -> int:
            os.mkdir(self._path(path))
            return paramiko.SFTP_OK

        def posix_rename(self, oldpath: str, newpath: str) -> int:
            os.replace(self._path(oldpath), self._path(newpath))
            return paramiko.SFTP_OK

    return Files


@contextmanager
def sftp_server(root: Path) -> Iterator[tuple[int, paramiko.PKey]]:
    """Port and host key of an SFTP server for the files below `root`; it lets in user `brand` with
    password `secret`.
    """
    key = paramiko.RSAKey.generate(2048)
    listener = socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transports.append(transport)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _files_of(root))
            try:
                transport.start_server(server=_Login())
            except (paramiko.SSHException, EOFError):
                transport.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], key
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in transports:
            transport.close()
