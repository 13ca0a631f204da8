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
privacy/
.dagster/
.tmp/
.lock*
"""


def render_config(*, seed: int = 1) -> dict[str, str]:
    """Path below the tenant folder -> text, ordered by path.

    The tenant's id is a function of the seed.
    """
    texts = {".gitignore": GITIGNORE}
    _collect(files("c360_assets.demo") / "template", "", texts)
    tenant_id = str(uuid5(NAMESPACE_URL, f"c360_assets/demo/{seed}"))
    return {path: text.replace("${tenant_id}", tenant_id) for path, text in sorted(texts.items())}


def _collect(folder: Traversable, prefix: str, texts: dict[str, str]) -> None:
    """Add the files below `folder` to `texts`, under paths that begin with `prefix`."""
    for entry in folder.iterdir():
        if entry.is_dir():
            _collect(entry, f"{prefix}{entry.name}/", texts)
        elif entry.name.endswith((".yaml", ".sql")):
            texts[prefix + entry.name] = entry.read_text(encoding="utf-8")
