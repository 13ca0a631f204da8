"""What every test run shares: generated inputs are drawn anew on a developer's machine, and are
always the same in CI; no test leaves anything in the environment."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Files that a test has just written are whole: it is not to wait until they are a minute old.
os.environ.setdefault("C360_SETTLE_SECONDS", "0")

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What a test, or the code under test, sets in the environment ends with the test.

    `prepare_home` and the commands set variables for the process; `monkeypatch` gives back only
    what it changed itself.
    """
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
