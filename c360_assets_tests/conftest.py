"""What every test run shares: generated inputs are drawn anew on a developer's machine, and are
always the same in CI."""

import os

from hypothesis import settings

# Files that a test has just written are whole: it is not to wait until they are a minute old.
os.environ.setdefault("C360_SETTLE_SECONDS", "0")

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
