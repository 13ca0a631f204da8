"""The names by which runs are found again: jobs and tags.

`automation` sets the tags and searches for them, `assets` read some; neither imports the other, so
the names stand here. What a run is to do otherwise than usual is no tag but `run_options`. No
values: customer data never gets into a tag.
"""

from __future__ import annotations

LOAD = "load"
VALIDATE = "validate"
STITCH = "refresh_stitch"
ACTIVATE = "activate"
DAY = "refresh_and_activate"
PRIVACY = "privacy_requests"  # the asset
PRIVACY_JOB = "carry_out_privacy_requests"

RUN_TAG = "c360/run"
FEED_TAG = "c360/feed"
LANDED_TAG = "c360/landed"
DAY_TAG = "c360/day"
# Only on an activation that published the Stitch of its own, complete day.
COMPLETE_TAG = "c360/complete"
STALE_TAG = "c360/stale"
WITHOUT_TAG = "c360/without"
OWNER_TAG = ".dagster/c360_owner"  # the prefix keeps it out of the UI

# Dagster's own, as its documentation spells them: one run over a range of partitions, both ends
# included.
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


def job_in_words(name: str) -> str:
    """What a person calls a job; the orchestrator's own is the one of assets chosen in the UI."""
    return "chosen assets" if name.startswith("__ASSET_JOB") else f"job {name}"
