"""Identity resolution: which source records belong to one person, under which stable id."""

from c360_assets.stitch.door import stitch
from c360_assets.stitch.results import StitchResult
from c360_assets.stitch.stable_ids import Previous

__all__ = ["Previous", "StitchResult", "stitch"]
