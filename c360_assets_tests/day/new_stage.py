"""A stage that the platform does not have: one recipe, one table. As a program it is `c360` with
that stage."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from datetime import date

from c360_assets.recipes import STAGES
from c360_assets.semantics.tables import ColumnSpec, TableSpec
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.recipe import Built, Recipe, RunContext, input_digests
from c360_assets.warehouse.session import Session

TABLE, GROUP = "initials", "segments"
KILL = "KILLED_IN_ITS_BUILD"
SPEC = TableSpec(
    name=TABLE,
    description="How many people share an initial",
    grain="one row per initial",
    key=("initial",),
    columns={
        "initial": ColumnSpec("VARCHAR", "First letter of the given name"),
        "people": ColumnSpec("BIGINT", "Number of people"),
    },
    stage=GROUP,
)


class Initials(Recipe):
    """Counts people by the first letter of their given name."""

    stage = GROUP
    documents: Mapping[str, TableSpec] = {TABLE: SPEC}

    def __init__(self) -> None:
        super().__init__([TABLE], ["customer_360"])

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        inputs = input_digests(session, self.reads)
        return fingerprint(TABLE, inputs) if inputs is not None else None

    def build(self, session: Session, run: RunContext) -> Built:
        session.bind("customer_360")
        sql = (
            "SELECT left(given_name, 1) AS initial, count(*) AS people FROM customer_360 "
            "GROUP BY ALL"
        )
        session.write(TABLE, sql, fingerprint=self.fingerprint(session, run.as_of) or "")
        if os.environ.get(KILL):
            os.kill(os.getpid(), signal.SIGKILL)
        return Built()


def initials(tenant: Tenant) -> list[Recipe]:
    return [Initials()]


if __name__ == "__main__":
    from c360_assets.cli import app

    STAGES.append(initials)
    app()
