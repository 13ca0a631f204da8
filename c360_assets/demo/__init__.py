"""A seeded tenant to try everything on: configuration, landing files, and the truth about who is
who.

Only generates files. Loading them is ingest's work; measuring Stitch against the truth, the tests'.
"""

from c360_assets.demo.config import render_config
from c360_assets.demo.generate import generate_tenant

__all__ = ["generate_tenant", "render_config"]
