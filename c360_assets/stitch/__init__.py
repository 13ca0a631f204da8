"""Identity resolution: which source records belong to one person, under which stable id."""

from c360_assets.stitch.api import stitch
from c360_assets.stitch.cluster.stable_ids import Previous
from c360_assets.stitch.publish.results import StitchResult

__all__ = ["Previous", "StitchResult", "stitch"]
