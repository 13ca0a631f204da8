"""SFTP through fsspec, but only to hosts whose key is known.

fsspec itself accepts any, and the files hold personal data.
"""

from __future__ import annotations

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem


class UnknownHostError(Exception):
    """The host's key is not among the known ones."""


class _Refuse(paramiko.MissingHostKeyPolicy):
    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        raise UnknownHostError(hostname)


class KnownHostSystem(SFTPFileSystem):
    """fsspec's SFTP file system with the user's known hosts (`~/.ssh/known_hosts`)."""

    def _connect(self) -> None:
        self.client = paramiko.SSHClient()
        self.client.load_system_host_keys()
        self.client.set_missing_host_key_policy(_Refuse())
        self.client.connect(self.host, **self.ssh_kwargs)
        self.ftp = self.client.open_sftp()
