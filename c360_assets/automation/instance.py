"""Where a tenant's Dagster instance lives, and which tenant a process works on.

Everything here happens before Dagster is imported, because Dagster reads `DAGSTER_HOME` once. Runs
on the instance belong to `runs`.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def tenant_root() -> Path:
    """The tenant folder of this process.

    That of `C360_TENANT_DIR`, else the tenant that ships in `data/`.
    """
    return Path(os.environ.get("C360_TENANT_DIR") or REPOSITORY / "data").resolve()


def prepare_home(root: Path) -> Path:
    """Make `<root>/.dagster` the Dagster home of this process and its children, and return it.

    A `DAGSTER_HOME` that is set already is left as it is, file and all. The folder is readable by
    its owner only, and its `dagster.yaml` is the packaged one.
    """
    os.environ["C360_TENANT_DIR"] = str(root.resolve())
    if os.environ.get("DAGSTER_HOME"):
        return Path(os.environ["DAGSTER_HOME"])
    home = root.resolve() / ".dagster"
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    settings = resources.files(__package__).joinpath("dagster.yaml").read_text("utf-8")
    file = home / "dagster.yaml"
    if not file.exists() or file.read_text("utf-8") != settings:
        aside = home / f"dagster.yaml.{os.getpid()}.new"
        aside.write_text(settings, "utf-8")
        aside.replace(file)
    os.environ["DAGSTER_HOME"] = str(home)
    return home
