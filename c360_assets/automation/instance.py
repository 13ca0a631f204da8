"""Where a tenant's Dagster instance lives, and which tenant a process works on.

Everything here happens before Dagster is imported, because Dagster reads `DAGSTER_HOME` once. Runs
on the instance belong to `runs`, what a home's settings must say to `home_settings`.
"""

from __future__ import annotations

import os
import re
import sys
from hashlib import sha256
from importlib import resources
from pathlib import Path

from c360_assets.automation.home_settings import (
    OWN_HOME,
    SETTINGS,
    check_home,
    has_settings,
    require_settings,
)
from c360_assets.automation.unnamed_runs import has_unnamed_runs
from c360_assets.errors import C360Error
from c360_assets.warehouse.running import dead_runs

REPOSITORY = Path(__file__).resolve().parents[2]
# Dagster looks for its settings by a pattern: below a folder `[x]` it finds none and works without
# them, telemetry on.
PATTERN_SIGNS = re.compile(r"[\[\]*]")


def tenant_root() -> Path:
    """The tenant folder of this process.

    That of `C360_TENANT_DIR`, else the tenant that ships in `data/`.
    """
    return Path(os.environ.get("C360_TENANT_DIR") or REPOSITORY / "data").resolve()


def prepare_home(root: Path) -> Path:
    """Make `<root>/.dagster` the Dagster home of this process and its children, and return it.

    The folder is readable by its owner only, and its `dagster.yaml` is the packaged one. Of another
    `DAGSTER_HOME`, which the environment names, the file stays as it is. Raises C360Error where
    that one does not keep what a tenant relies on.
    """
    os.environ["C360_TENANT_DIR"] = str(root.resolve())
    home = root.resolve() / OWN_HOME
    if names_another_home(root):
        home = Path(os.environ["DAGSTER_HOME"])
        check_home(home)
        if has_settings(home):
            return home
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    settings = resources.files(__package__).joinpath("dagster.yaml").read_text("utf-8")
    file = home / SETTINGS
    if not file.exists() or file.read_text("utf-8") != settings:
        aside = home / f"{SETTINGS}.{os.getpid()}.new"
        aside.write_text(settings, "utf-8")
        aside.replace(file)
    named = _readable_path(home)
    os.environ["DAGSTER_HOME"] = str(named)
    return named


def _readable_path(home: Path) -> Path:
    """The path by which Dagster finds the home's settings: the home's, or of a link to it.

    Raises C360Error where no link can be made.
    """
    if not PATTERN_SIGNS.search(str(home)):
        return home
    links = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "c360"
    link = links / sha256(str(home).encode()).hexdigest()[:16]
    if PATTERN_SIGNS.search(str(links)):
        raise C360Error(_needs_link(home, f"{links} has them too"))
    try:
        links.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Its name is made of the home's path, so a link that is there is right.
        if not link.is_symlink():
            _remove_dead(links)
            link.symlink_to(home, target_is_directory=True)
    except FileExistsError:
        return link
    except OSError as error:
        raise C360Error(_needs_link(home, f"{links}: {error.strerror}")) from None
    return link


def _remove_dead(links: Path) -> None:
    """Remove links to homes of tenants that are gone."""
    for link in links.iterdir():
        if link.is_symlink() and not link.exists():
            link.unlink(missing_ok=True)


def _needs_link(home: Path, why: str) -> str:
    return (
        f"the path {home.parent} holds one of the signs [ ] *, for which Dagster needs a link "
        f"elsewhere, and none can be made ({why}); move the tenant, or set XDG_CACHE_HOME"
    )


def names_another_home(root: Path) -> bool:
    """Whether the environment names a Dagster home that is not the tenant's own."""
    named = os.environ.get("DAGSTER_HOME")
    return bool(named) and Path(str(named)).resolve() != root.resolve() / OWN_HOME


def require_home(root: Path) -> None:
    """Raise C360Error where Dagster was started by hand on a home that lacks what must hold.

    Without a home it keeps runs in a temporary folder, several at a time: that is said.
    """
    if names_another_home(root):
        require_settings(Path(os.environ["DAGSTER_HOME"]))
        return
    is_named = bool(os.environ.get("DAGSTER_HOME"))
    if is_named and has_settings(root.resolve() / OWN_HOME):
        return
    lacking = (
        f"DAGSTER_HOME has no {SETTINGS}"
        if is_named
        else "DAGSTER_HOME is not set, so Dagster keeps runs in a temporary folder that is removed"
    )
    message = (
        f"{lacking}, and works without what a tenant relies on (one run at a time, no telemetry, "
        "no captured output); start it by `c360 ui` or `c360 service`, which see to both"
    )
    if is_named:
        raise C360Error(message)
    print(f"! {message}", file=sys.stderr)


def mark_dead_runs(root: Path) -> None:
    """Mark runs of the tenant whose process is gone as failed: for the start of a verb.

    Only where a file beside the lock names one, or a run began that has no such file, does this
    import Dagster.
    """
    if not dead_runs(root) and not has_unnamed_runs(root):
        return
    prepare_home(root)
    from c360_assets.automation.runs import open_instance

    with open_instance():
        pass
