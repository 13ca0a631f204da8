"""Dagster's web server, answering requests for its own host names only.

It has no login. A page of another site that a browser of this machine shows can make its own name
point here (DNS rebinding), or open a web socket here, and would read and start what it likes. So a
request must name a host of ours, and one that says which site it comes from must come from ours.

A program of its own: `python -m c360_assets.automation.web_server --host-name NAME ... -- OPTIONS
OF DAGSTER-WEBSERVER`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from dagster_webserver import app
from dagster_webserver.cli import main
from dagster_webserver.webserver import DagsterWebserver
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from c360_assets.collector import collect_seldom

# How this machine is called from this machine.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
OPTION = "--host-name="
REFUSED = (
    "This server does not answer under that host name. It answers under: {names}.\n"
    "`--host-name NAME` of `c360 ui` and `c360 service web` adds one.\n"
)
MISDIRECTED = 421  # HTTP's name for a request that reached a server which is not its host


class OwnHostsOnly:
    """Passes on requests that name one of `names` as host, and come from its pages or from none."""

    def __init__(self, application: ASGIApp, names: Sequence[str]) -> None:
        self.application = application
        self.names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._is_ours(Headers(scope=scope)):
            names = ", ".join(sorted(self.names))
            answer = PlainTextResponse(REFUSED.format(names=names), MISDIRECTED)
            await answer(scope, receive, send)
            return
        await self.application(scope, receive, send)

    def _is_ours(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        return self._is_own_name(f"//{headers.get('host', '')}") and (
            origin is None or self._is_own_name(origin)
        )

    def _is_own_name(self, address: str) -> bool:
        try:
            name = urlsplit(address).hostname
        except ValueError:
            return False
        return name in self.names


def serve(arguments: Sequence[str]) -> None:
    """Start Dagster's web server with the options after `--`."""
    end_of_names = arguments.index("--")
    own = [argument.removeprefix(OPTION) for argument in arguments[:end_of_names]]
    names = (*LOOPBACK, *own)

    class Webserver(DagsterWebserver):
        def build_middleware(self) -> list[Middleware]:
            return [Middleware(OwnHostsOnly, names), *super().build_middleware()]

    # Dagster's program offers no setting for this; the class is what it documents to extend.
    app.DagsterWebserver = Webserver  # type: ignore[misc]
    sys.argv = ["dagster-webserver", *arguments[end_of_names + 1 :]]
    main()


if __name__ == "__main__":
    collect_seldom()
    serve(sys.argv[1:])
