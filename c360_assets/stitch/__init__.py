"""Identity resolution: which source records belong to one person, under which stable id.

What matches records takes longer to import than short verbs take to answer, and Dagster's
definitions need none of it, so it is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from c360_assets.stitch.api import stitch
    from c360_assets.stitch.cluster.stable_ids import Previous
    from c360_assets.stitch.publish.results import StitchResult

__all__ = ["Previous", "StitchResult", "stitch"]
MODULES = {
    "Previous": "c360_assets.stitch.cluster.stable_ids",
    "StitchResult": "c360_assets.stitch.publish.results",
    "stitch": "c360_assets.stitch.api",
}


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(MODULES[name]), name)
