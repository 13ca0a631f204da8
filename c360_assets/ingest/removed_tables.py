"""Tables of feeds and custom domain tables that the settings no longer have, and what in them may
be of a person.

Their tags went with the settings, so every text may be an address, and a number by the name of its
column. Removing such tables is for whoever has the list of all recipes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from c360_assets.ingest.personal_columns import Meaning
from c360_assets.semantics.column_types import PERSON_COLUMN
from c360_assets.tenant.base_models import physical_name
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.session import Session

SOURCES = "domain/"
PHONE = re.compile(r"phone|mobile|msisdn|fax|(^|_)(tel|cell)", re.IGNORECASE)
KEY = "primary_key"  # of the figures of a loaded table


def removed_meanings(session: Session, tenant: Tenant) -> dict[str, Meaning]:
    """Physical name -> what may be personal in the table, of every stored source table with rows
    that no feed and no custom table declares."""
    declared = {table.asset for table in tenant.tables}
    names = {physical_name(feed): feed for feed in session_ledger(session)["feed"].unique()}
    found = {}
    for asset, state in sorted(session.warehouse.manifest.tables.items()):
        if asset.startswith(SOURCES) and asset not in declared and state.rows:
            physical = asset.removeprefix(SOURCES)
            key = list(state.figures.get(KEY, ()))
            name = names.get(physical, physical)
            found[physical] = removed_meaning(name, physical, state.columns, key)
    return found


def removed_meaning(
    name: str, physical: str, columns: Mapping[str, str], key: Sequence[str] = ()
) -> Meaning:
    """What may be personal in a table of which only the columns (name -> type) are known."""
    table = SourceTable(
        name, physical, {}, {}, list(key), stitch=False, description="", custom=True
    )
    texts = list(_texts(columns))
    phones = [column for column in texts if PHONE.search(column)]
    blanked = [column for column in texts if column not in key]
    return Meaning(table, {}, {"email": texts, "phone": phones}, blanked)


def _texts(columns: Mapping[str, str]) -> Iterator[str]:
    for column, type_ in columns.items():
        if type_ == "VARCHAR" and not column.startswith("_") and column != PERSON_COLUMN:
            yield column
