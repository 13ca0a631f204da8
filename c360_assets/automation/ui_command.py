"""The command that starts Dagster's UI and daemon on the tenant of this process."""

from __future__ import annotations

import sys
from pathlib import Path

from c360_assets.automation.instance import REPOSITORY

HOST = "127.0.0.1"  # the UI has no login of its own


def ui_command(port: int) -> list[str]:
    """The program, by its full path, and its arguments.

    `dg dev` is what Dagster recommends since it superseded `dagster dev`. Given a workspace file it
    starts the same web server and daemon, and needs no project around it.
    """
    program = Path(sys.executable).with_name("dg")
    workspace = REPOSITORY / "workspace.yaml"
    return [str(program), "dev", "-w", str(workspace), "-h", HOST, "-p", str(port)]
