"""The table `stitch_households`: households of persons, with ids that stay from run to run.

Which persons live together is decided in `cluster.households`.
"""

from __future__ import annotations

from uuid import UUID, uuid5

import duckdb
import polars as pl

from c360_assets.stitch.cluster.households import households
from c360_assets.stitch.cluster.stable_ids import REGISTRY_SCHEMA, Previous, assign_ids

CONTACT_COLUMNS = ("surname", "address", "postal", "city", "email", "phone")
DIGITS = 6


def stitch_households(
    groups: pl.DataFrame,
    representatives: pl.DataFrame,
    pairs: pl.DataFrame,
    previous: Previous | None,
    tenant_id: UUID,
    generation: int,
    con: duckdb.DuckDBPyConnection,
) -> pl.DataFrame:
    """One row per person, sorted by `amperity_id`.

    `groups`: rid, datasource, pk, amperity_id, rep of every record. `representatives`: rid and what
    was compared. `pairs`: rid1, rid2, log_odds of living together. A household carries the id of
    the previous one that shares most records with it.
    """
    numbers = groups.select("amperity_id").unique().sort("amperity_id").with_row_index("person")
    numbers = numbers.with_columns(pl.col("person").cast(pl.Int64))
    numbered = groups.select("datasource", "pk", "amperity_id", "rep")
    numbered = numbered.join(numbers, on="amperity_id", maintain_order="left")
    of_rep = numbered.select("person", rid="rep").unique()
    people = representatives.select("rid", *CONTACT_COLUMNS).join(of_rep, on="rid").drop("rid")
    first = of_rep.select(rid1="rid", person1="person")
    second = of_rep.select(rid2="rid", person2="person")
    person_pairs = pairs.join(first, on="rid1").join(second, on="rid2")
    found = households(people, person_pairs.select("person1", "person2", "log_odds"))
    ids = _household_ids(numbered, found, previous, tenant_id, generation, con)
    table = numbers.join(found, on="person").join(ids, on="household")
    return table.sort("amperity_id").select(
        "stitch_household_id",
        "amperity_id",
        household_size=pl.col("size").cast(pl.Int64),
        evidence="evidence",
        score=(1 / (1 + (-pl.col("log_odds")).exp())).round(DIGITS),
    )


def _household_ids(
    numbered: pl.DataFrame,
    found: pl.DataFrame,
    previous: Previous | None,
    tenant_id: UUID,
    generation: int,
    con: duckdb.DuckDBPyConnection,
) -> pl.DataFrame:
    """household, stitch_household_id: of records, as ids of persons are, so that a merge of
    persons does not move a household."""
    of_person = found.select("person", cluster="household")
    records = numbered.join(of_person, on="person", maintain_order="left")
    clusters = records.select("datasource", "pk", "cluster")
    assigned = assign_ids(
        clusters,
        _previous_households(previous, generation),
        # Persons are named by the same records: another namespace keeps the ids apart.
        uuid5(tenant_id, "stitch_households"),
        con,
    )
    return assigned.ids.select(household="cluster", stitch_household_id="amperity_id").unique()


def _previous_households(previous: Previous | None, generation: int) -> Previous:
    """The previous generation with households for persons."""
    none = pl.DataFrame(schema={"amperity_id": pl.String, "stitch_household_id": pl.String})
    before = none if previous is None or previous.households is None else previous.households
    ids = pl.DataFrame(schema=dict.fromkeys(["datasource", "pk", "amperity_id"], pl.String))
    if previous is not None:
        of_person = before.select("amperity_id", "stitch_household_id")
        ids = previous.ids.join(of_person, on="amperity_id")
        ids = ids.select("datasource", "pk", amperity_id="stitch_household_id")
    registry = before.select(amperity_id="stitch_household_id").unique()
    columns = [column for column in REGISTRY_SCHEMA if column != "amperity_id"]
    registry = registry.with_columns(pl.lit(None, pl.Int64).alias(column) for column in columns)
    return Previous(ids, registry, generation - 1)
