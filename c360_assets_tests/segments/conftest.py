from collections.abc import Iterator
from pathlib import Path

import pytest

from c360_assets.warehouse.session import Session, open_session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with open_session(tmp_path / "warehouse") as opened:
        opened.execute("SET threads = 1")  # a handful of rows is no work to share
        yield opened
