"""The configuration files of the demo tenant, as they lie in `template/`, with the tenant's own id
filled in.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from uuid import NAMESPACE_URL, uuid5

GITIGNORE = """\
# made by runs, from what is beside it
warehouse/
activated/
reports/
logs/
cache/
.dagster/
.tmp/
.lock*
"""


def render_config(*, seed: int = 1) -> dict[str, str]:
    """Path below the tenant folder -> text, ordered by path.

    The tenant's id is a function of the seed.
    """
    found: dict[str, str] = {".gitignore": GITIGNORE}
    _collect(files("c360_assets.demo") / "template", "", found)
    tenant_id = str(uuid5(NAMESPACE_URL, f"c360_assets/demo/{seed}"))
    return {path: text.replace("${tenant_id}", tenant_id) for path, text in sorted(found.items())}


def _collect(folder: Traversable, prefix: str, found: dict[str, str]) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            _collect(entry, f"{prefix}{entry.name}/", found)
        elif entry.name.endswith((".yaml", ".sql")):
            found[prefix + entry.name] = entry.read_text(encoding="utf-8")
