"""The verb `ui`: Dagster's web server, daemon and code location for one tenant, on this machine."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from c360_assets.automation.instance import prepare_home
from c360_assets.cli.options import TenantOption, tenant_folder
from c360_assets.cli.output import err, out, reported_errors
from c360_assets.reporting.paths import short_path

HostNameOption = Annotated[
    list[str] | None,
    typer.Option(
        "--host-name",
        help="A further name under which the UI answers; may be repeated. It always answers as "
        "localhost.",
        metavar="NAME",
    ),
]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The port of the web server.")]


def ui(
    tenant: TenantOption = None,
    port: PortOption = 3000,
    host_name: HostNameOption = None,
) -> None:
    """Start Dagster with its daemon, reachable from this machine only. Stop it with Ctrl-C.

    A process of it that ends is started again; a second one for the same tenant is refused. How to
    run it as a service, behind a login, with PostgreSQL: docs/production.md.
    """
    from c360_assets.automation.service import (
        HOST,
        CodeAddress,
        code_command,
        daemon_command,
        only_service,
        require_port,
        wait_for_code,
        web_command,
    )
    from c360_assets.automation.supervisor import Part, supervise

    with reported_errors(), ExitStack() as stack:
        root = tenant_folder(tenant)
        require_port(port)
        url = f"http://{HOST}:{port}"
        stack.enter_context(only_service(prepare_home(root), url))
        from c360_assets.automation.runs import open_instance

        # A first start makes the instance here, before web server and daemon open it at once.
        with open_instance():
            pass
        out.print(
            f"Dagster for {short_path(root)} on {url} — stop with Ctrl-C",
            markup=False,
            soft_wrap=True,
        )
        out.print(
            "It has no login: whoever can use this machine can use it. "
            "docs/production.md puts one in front.",
            style="dim",
        )
        # Only its owner may open the folder, and so the socket.
        with TemporaryDirectory(prefix="c360-") as folder:
            workspace = Path(folder, "workspace.yaml")
            address = CodeAddress(socket=f"{folder}/code.sock")
            workspace.write_text(address.workspace(), "utf-8")
            supervise(
                Part("code location", code_command(address)),
                [
                    Part("web server", web_command(workspace, HOST, port, host_name or [])),
                    Part("daemon", daemon_command(workspace)),
                ],
                lambda: wait_for_code(address),
                lambda line: err.print(line, style="yellow", markup=False),
            )
