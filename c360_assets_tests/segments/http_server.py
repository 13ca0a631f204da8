"""An HTTP server on this machine that keeps what is posted and answers what a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What came, and the answers to come: a status with a body, or one of each in turn; then 200.

    `people` are the rows of all requests, each request counted once by its Idempotency-Key.
    """

    address: str = ""
    retry_after: str = "0"
    answers: list[tuple[int, str]] = field(default_factory=list)
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    @property
    def people(self) -> list[dict[str, Any]]:
        taken: dict[str, Any] = {}
        for head, content, status in zip(self.headers, self.requests, self.statuses, strict=True):
            if status == 200:
                taken[head["Idempotency-Key"]] = content["rows"]
        return [row for rows in taken.values() for row in rows]


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            receiver.requests.append(json.loads(self.rfile.read(size)))
            receiver.headers.append(dict(self.headers))
            status, body = receiver.answers.pop(0) if receiver.answers else (200, "")
            receiver.statuses.append(status)
            self.send_response(status)
            if status in (429, 503):
                self.send_header("Retry-After", receiver.retry_after)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.address = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
