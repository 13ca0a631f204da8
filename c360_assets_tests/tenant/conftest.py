"""The right tenant of `right_tenant`, written and checked in a test's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from c360_assets.errors import Problem
from c360_assets_tests.tenant.right_tenant import Changes, problems_after, write_tenant

Check = Callable[..., list[Problem]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(changes: Changes | None = None) -> Path:
        return write_tenant(tmp_path, changes)

    return write


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def check(changes: Changes | None = None) -> list[Problem]:
        return problems_after(tmp_path, changes or {})

    return check
