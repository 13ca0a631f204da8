"""The verbs `service code`, `service web` and `service daemon`: one process each, in the
foreground, for compose or systemd to keep going."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from c360_assets.automation.instance import prepare_home
from c360_assets.cli.options import TenantOption, tenant_folder
from c360_assets.cli.output import err, reported_errors
from c360_assets.cli.web import HostNameOption, PortOption

CodeOption = Annotated[
    str,
    typer.Option(
        "--code",
        help="Where the code location answers: HOST:PORT, or the path of a socket.",
        metavar="ADDRESS",
    ),
]
WORKSPACE = "workspace.c360.yaml"  # in the Dagster home


def code(
    tenant: TenantOption = None,
    listen: Annotated[
        str,
        typer.Option(
            help="HOST:PORT, or the path of a socket. Whoever reaches it can run code: never a "
            "public address.",
            metavar="ADDRESS",
        ),
    ] = "127.0.0.1:4000",
) -> None:
    """Serve the tenant's definitions and hold the processes of its runs.

    Example: `c360 service code --listen /run/c360/code.sock`
    """
    from c360_assets.automation.service import CodeAddress, code_command

    with reported_errors():
        _prepare(tenant)
        address = CodeAddress.parse(listen)
        if address.socket:
            # What a killed process left; the lock of the tenant keeps runs apart, not this.
            Path(address.socket).unlink(missing_ok=True)
        _become(code_command(address))


def web(
    tenant: TenantOption = None,
    code_at: CodeOption = "127.0.0.1:4000",
    bind: Annotated[
        str, typer.Option(help="The address to listen at; it has no login of its own.")
    ] = "127.0.0.1",
    port: PortOption = 3000,
    host_name: HostNameOption = None,
) -> None:
    """Serve the UI, to be reached through a proxy that asks for a login.

    Example: `c360 service web --code code:4000 --bind 0.0.0.0 --host-name c360.example.com`
    """
    from c360_assets.automation.service import web_command

    with reported_errors():
        _prepare(tenant)
        workspace = _workspace(code_at)
        err.print("The UI has no login of its own: let a proxy ask for one (docs/production.md).")
        _become(web_command(workspace, bind, port, host_name or []))


def daemon(tenant: TenantOption = None, code_at: CodeOption = "127.0.0.1:4000") -> None:
    """Evaluate sensors and the schedule, and start queued runs.

    Example: `c360 service daemon --code /run/c360/code.sock`
    """
    from c360_assets.automation.service import daemon_command

    with reported_errors():
        _prepare(tenant)
        _become(daemon_command(_workspace(code_at)))


def _prepare(tenant: Path | None) -> None:
    """Name tenant and Dagster home in the environment, and make the instance where it is new."""
    prepare_home(tenant_folder(tenant))
    from c360_assets.automation.runs import open_instance

    with open_instance():
        pass


def _workspace(code_at: str) -> Path:
    """The file that names the code location, once that answers."""
    from c360_assets.automation.service import CodeAddress, wait_for_code

    address = CodeAddress.parse(code_at)
    wait_for_code(address)
    path = Path(os.environ["DAGSTER_HOME"], WORKSPACE)
    text = address.workspace()
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
    return path


def _become(command: Sequence[str]) -> None:
    """Go on as another program in this process, so that signals reach it and its end is seen."""
    os.execv(command[0], list(command))
