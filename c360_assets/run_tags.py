"""Names of the tags by which runs are told what to do, and found again.

`automation` and the user set them, `assets` ask them; neither imports the other, so the names stand here. No values: customer
data never gets into a tag.
"""

from __future__ import annotations

RUN_TAG = "c360/run"
FORCE_TAG = "c360/force"
REFIT_TAG = "c360/refit"
AS_OF_TAG = "c360/as_of"
THRESHOLD_TAG = "c360/error_threshold"
FEED_TAG = "c360/feed"
LANDED_TAG = "c360/landed"
DAY_TAG = "c360/day"
STALE_TAG = "c360/stale"
WITHOUT_TAG = "c360/without"
OWNER_TAG = ".dagster/c360_owner"  # the prefix keeps it out of the UI
