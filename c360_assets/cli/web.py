"""The verb `ui`: Dagster's web server and daemon for one tenant."""

from __future__ import annotations

import os
import signal
from typing import Annotated

import typer

from c360_assets.automation.instance import prepare_home
from c360_assets.automation.ui_command import ui_command
from c360_assets.cli.options import TenantOption, tenant_folder
from c360_assets.cli.output import out, reported_errors
from c360_assets.reporting.paths import short_path


def ui(
    tenant: TenantOption = None,
    port: Annotated[int, typer.Option(help="The port of the web server.")] = 3000,
) -> None:
    """Start Dagster with its daemon, reachable from this machine only. Stop it with Ctrl-C."""
    with reported_errors():
        root = tenant_folder(tenant)
        prepare_home(root)
        from c360_assets.automation.runs import open_instance

        # A first start makes the instance here, before web server and daemon open it at once.
        with open_instance():
            pass
        out.print(f"Dagster for {short_path(root)} on http://127.0.0.1:{port} — stop with Ctrl-C")
        # A script's background job ignores SIGINT, and Dagster gives SIGTERM the same treatment:
        # it could not be stopped.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        command = ui_command(port)
        os.execv(command[0], command)
