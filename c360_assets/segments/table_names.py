"""What the tables of schema `segments` are called, in a database and in the warehouse."""

from __future__ import annotations

from c360_assets.customer_360.tables.databases import Database

STAGE = "segments"
MEMBERSHIP = "segment_membership"
EVENTS = "segment_events"
SIZES = "segment_sizes"
OVERLAP = "segment_overlap"
DEFINITIONS = "segment_definition"
TABLES = (MEMBERSHIP, EVENTS, SIZES, OVERLAP, DEFINITIONS)
# Answers of each person, of the last day and of the one before it, in turn.
ANSWERS = ("person_conditions_0", "person_conditions_1")
# Tables of Stitch that say who became whom.
IDENTITY_CHANGES = "unified_changes_pks"
REDIRECTS = "stitch_id_redirects"


def stored_name(database: Database, table: str) -> str:
    """Where a table of schema `segments` is stored."""
    return database.own(f"{STAGE}/{table}")
