"""Whose runs an instance of Dagster holds: one tenant's.

Asset keys do not name the tenant, so of two tenants on one storage each would show the other's
days, and activate by them. The second is refused. A tenant's own `.dagster` cannot be shared, and
goes with its folder when that is copied.
"""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg

from c360_assets.automation.instance import names_another_home
from c360_assets.configuration import load_tenant
from c360_assets.errors import C360Error
from c360_assets.tenant.models import DEFAULT_TENANT_ID

KEY = "c360/tenant"


def claim(instance: dg.DagsterInstance, root: Path) -> None:
    """Note on an instance from outside that it is the tenant's.

    Raises C360Error where it is another's, or that of another copy of the tenant's folder.
    """
    if not names_another_home(root):
        return
    tenant_id = str(load_tenant(root).config.id)
    storage = instance.daemon_cursor_storage
    noted = storage.get_cursor_values({KEY}).get(KEY)
    if noted is not None:
        owner = json.loads(noted)
        if owner["id"] != tenant_id or _is_another_folder(Path(owner["root"]), root, tenant_id):
            raise C360Error(
                f"the storage of DAGSTER_HOME holds the runs of another tenant ({owner['root']}), "
                "and each would see the other's days; give this tenant a storage of its own, or "
                "unset DAGSTER_HOME: then its own .dagster is used"
            )
    storage.set_cursor_values({KEY: json.dumps({"id": tenant_id, "root": str(root.resolve())})})


def _is_another_folder(noted: Path, root: Path, tenant_id: str) -> bool:
    """Whether both folders are there; a tenant that moved, or is seen from a container, is one."""
    if noted.is_dir():
        return not noted.samefile(root)
    return tenant_id == str(DEFAULT_TENANT_ID) and noted != root.resolve()
