"""Sensors and schedules that somebody switched off in the UI, as Dagster's file of them has it.

Read without Dagster, which takes seconds to import, for `c360 status`. A home that keeps them
elsewhere has a UI to look at.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.sqlite_reading import sqlite_reader

# Where Dagster's SQLite storage keeps them, below a home.
SCHEDULES = Path("schedules") / "schedules.db"
LANDING = "landing_"  # begins the name of a feed's sensor
STOPPED = "SELECT instigator_body FROM instigators WHERE status = 'STOPPED'"


def switched_off(tenant: Tenant) -> list[str]:
    """Their names, sorted; those of feeds that are gone are none."""
    file = tenant.root.resolve() / ".dagster" / SCHEDULES
    if not file.exists():
        return []
    try:
        with sqlite_reader(file) as con:
            names = {json.loads(body)["origin"]["job_name"] for (body,) in con.execute(STOPPED)}
    except (sqlite3.Error, ValueError, KeyError):  # laid out otherwise, or being made
        return []
    feeds = {f"{LANDING}{feed.physical}" for feed in tenant.feeds}
    return sorted(name for name in names if not name.startswith(LANDING) or name in feeds)
