"""A door to an S3 server that can be told to fail: what breaks on the way to a real server.

A process of its own, which is killed and started again while the server keeps its objects.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NEVER = 10_000
DROPPED = frozenset({"connection", "transfer-encoding", "keep-alive"})
ANSWER = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"


@dataclass(frozen=True)
class Fault:
    """What happens to requests of a `method` for a `path` (patterns), after `spared` of them.

    Either an answer (`status`, `code` as S3 names it), or silence for so many `seconds` before the
    real one; the first `times` requests only.
    """

    method: str = ".*"
    path: str = ".*"
    status: int = 0
    code: str = ""
    seconds: float = 0.0
    spared: int = 0
    times: int = NEVER


class Door:
    """The address of the door, and what it is told."""

    def __init__(self, server: str, folder: Path) -> None:
        self.server = server.removeprefix("http://")
        self.told = folder / "faults.json"
        self.log = folder / "requests.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.fail()
        self.open()

    def fail(self, *faults: Fault) -> None:
        """From now on these faults and no others."""
        aside = self.told.with_suffix(".new")
        aside.write_text(json.dumps([asdict(fault) for fault in faults]))
        os.replace(aside, self.told)
        self.log.write_text("")

    def requests(self) -> list[str]:
        """`METHOD path` of every request since it was last told of faults."""
        return self.log.read_text().splitlines()

    def open(self) -> None:
        words = [str(self.port), self.server, str(self.told), str(self.log)]
        self.process = subprocess.Popen([sys.executable, __file__, *words])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("the door did not open")

    def shut(self) -> None:
        """As where the server was killed: connections end, new ones are refused."""
        self.process.kill()
        self.process.wait()


def serve(port: int, server: str, told: Path, log: Path) -> None:
    seen: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _fault(self) -> dict[str, object] | None:
            text = told.read_text()
            for number, fault in enumerate(json.loads(text)):
                if re.fullmatch(fault["method"], self.command) and re.search(
                    fault["path"], self.path
                ):
                    key = f"{number} {text}"
                    seen[key] = seen.get(key, 0) + 1
                    if fault["spared"] < seen[key] <= fault["spared"] + fault["times"]:
                        return dict(fault)
            return None

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with log.open("a") as file:
                file.write(f"{self.command} {self.path}\n")
            fault = self._fault()
            if fault is not None and fault["status"]:
                text = ANSWER.format(code=fault["code"]).encode()
                self._answer(int(str(fault["status"])), [("Content-Type", "text/xml")], text)
                return
            if fault is not None:
                time.sleep(float(str(fault["seconds"])))
            connection = http.client.HTTPConnection(server, timeout=600)
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            real = connection.getresponse()
            content = real.read()
            headers = [(k, v) for k, v in real.getheaders() if k.lower() not in DROPPED]
            self._answer(real.status, headers, content)
            connection.close()

        def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response_only(status)
            names = {name.lower() for name, _ in headers}
            for name, value in headers:
                self.send_header(name, value)
            if "content-length" not in names:
                self.send_header("Content-Length", str(len(content)))
            if "date" not in names:
                self.send_header("Date", self.date_time_string())
            self.end_headers()
            with suppress(OSError):
                if self.command != "HEAD":
                    self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """A client that hung up."""

    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
