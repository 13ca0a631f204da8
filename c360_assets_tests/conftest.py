"""What every test run shares: generated inputs are drawn anew on a developer's machine, and are
always the same in CI."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
