"""The three processes of a service and the commands that start them: code location, web server,
daemon.

The code location serves the tenant's definitions and holds the processes of runs; web server and
daemon ask it. `supervisor` keeps all three going on one machine, elsewhere compose or systemd
does. Which hosts the web server answers belongs to `web_server`.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from c360_assets.errors import C360Error
from c360_assets.warehouse.files import write_private

HOST = "127.0.0.1"  # the UI has no login of its own
LOCATION = "c360"  # the name of the code location, which tags of runs hold
DEFINITIONS = "c360_assets.definitions"
SECONDS_TO_START = 180.0
SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class CodeAddress:
    """Where the code location answers: a port of a host, or a socket that only its owner opens."""

    host: str = ""
    port: int = 0
    socket: str = ""

    @classmethod
    def parse(cls, text: str) -> CodeAddress:
        """`host:port`, or the path of a socket. Raises C360Error."""
        if "/" in text:
            return cls(socket=text)
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit():
            raise C360Error(
                "the code location's address must be HOST:PORT, such as code:4000, or the path of "
                "a socket, such as /run/c360/code.sock"
            )
        return cls(host.strip("[]"), int(port))

    def answers(self) -> bool:
        """Whether something listens there."""
        try:
            if self.socket:
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(self.socket)
            else:
                socket.create_connection((self.host, self.port), timeout=5).close()
        except OSError:
            return False
        return True

    def workspace(self) -> str:
        """The content of the `workspace.yaml` of web server and daemon; JSON is YAML."""
        place = {"socket": self.socket} if self.socket else {"host": self.host, "port": self.port}
        server = {**place, "location_name": LOCATION}
        return json.dumps({"load_from": [{"grpc_server": server}]}) + "\n"


def code_command(address: CodeAddress) -> list[str]:
    """Serves the tenant's definitions, and runs."""
    place = (
        ["--socket", address.socket]
        if address.socket
        else ["--host", address.host, "--port", str(address.port)]
    )
    # Runs are started by this Python, whatever `dagster` is on the path.
    options = ["--location-name", LOCATION, "--use-python-environment-entry-point"]
    return [*_dagster("code-server", "start"), "-m", DEFINITIONS, *place, *options]


def web_command(workspace: Path, bind: str, port: int, host_names: Sequence[str]) -> list[str]:
    """Serves the UI to requests for its own host names."""
    own_names = [f"--host-name={name}" for name in host_names]
    program = [sys.executable, "-m", "c360_assets.automation.web_server", *own_names]
    return [*program, "--", "-w", str(workspace), "-h", bind, "-p", str(port)]


def daemon_command(workspace: Path) -> list[str]:
    """Evaluates sensors and the schedule, starts queued runs, and watches freshness."""
    program = Path(sys.executable).with_name("dagster-daemon")
    return [str(program), "run", "-w", str(workspace)]


def _dagster(*words: str) -> list[str]:
    return [sys.executable, "-m", "dagster", *words]


def require_port(port: int) -> None:
    """Raise C360Error where another program listens on the port: its pages would be shown."""
    with socket.socket() as server:
        # As the web server binds it: connections that have just ended do not count.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
        except (OSError, OverflowError):
            raise C360Error(
                f"port {port} is not free, perhaps for another `c360 ui`; name one with --port"
            ) from None


@contextmanager
def only_service(home: Path, address: str) -> Iterator[None]:
    """Be the one service on the Dagster home while the block runs; others are told the `address`.

    Two daemons on one home would both evaluate sensors and start queued runs, which Dagster does
    not support and only logs. Raises C360Error where another service is going.
    """
    told = home / ".service"
    lock = FileLock(home / ".service.lock", timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        with suppress(OSError):
            address = told.read_text("utf-8")
        raise C360Error(
            f"another `c360 ui` serves this tenant already, on {address}: open that, or stop it"
        ) from None
    try:
        write_private(told, address)
        yield
    finally:
        lock.release()


def wait_for_code(address: CodeAddress) -> None:
    """Wait until the code location listens. Raises C360Error when it does not in time."""
    deadline = time.monotonic() + SECONDS_TO_START
    while not address.answers():
        if time.monotonic() > deadline:
            place = address.socket or f"{address.host}:{address.port}"
            raise C360Error(
                f"the code location does not answer at {place} after {SECONDS_TO_START:.0f} s: "
                "start `c360 service code` first, and look at what it prints"
            )
        time.sleep(SECONDS_BETWEEN_LOOKS)
