"""Sensors and schedules that somebody switched off in the UI, as Dagster's storage has it.

Of a tenant's own home the file is read without Dagster, which takes seconds to import; the storage
of another home is asked through Dagster.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from c360_assets.automation.home_settings import OWN_HOME
from c360_assets.automation.instance import names_another_home
from c360_assets.errors import C360Error
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.sqlite_reading import sqlite_reader

# Where Dagster's SQLite storage keeps them, below a home.
SCHEDULES = Path("schedules") / "schedules.db"
LANDING = "landing_"  # begins the name of a feed's sensor
STOPPED = "SELECT instigator_body FROM instigators WHERE status = 'STOPPED'"


def switched_off(tenant: Tenant) -> list[str]:
    """Their names, sorted; those of feeds that are gone are none.

    Raises C360Error where the storage does not tell.
    """
    if names_another_home(tenant.root):
        names = _stopped_elsewhere()
    else:
        file = tenant.root.resolve() / OWN_HOME / SCHEDULES
        names = _stopped_in(file) if file.exists() else set()
    feeds = {f"{LANDING}{feed.physical}" for feed in tenant.feeds}
    return sorted(name for name in names if not name.startswith(LANDING) or name in feeds)


def _stopped_in(file: Path) -> set[str]:
    try:
        with sqlite_reader(file) as con:
            return {json.loads(body)["origin"]["job_name"] for (body,) in con.execute(STOPPED)}
    except (sqlite3.Error, ValueError, KeyError) as error:  # laid out otherwise, or being made
        raise C360Error(
            f"which sensors and schedules are switched off cannot be read ({type(error).__name__}: "
            f"{file}); the UI shows it under Automation"
        ) from None


def _stopped_elsewhere() -> set[str]:
    from dagster import DagsterInstance

    try:
        with DagsterInstance.get() as instance:
            states = instance.all_instigator_state()
    except Exception as error:
        # Its own text may quote the storage's address, and so a password.
        raise C360Error(
            "which sensors and schedules are switched off cannot be read: the storage of "
            f"DAGSTER_HOME does not answer ({type(error).__name__})"
        ) from None
    return {state.instigator_name for state in states if state.status.value == "STOPPED"}
