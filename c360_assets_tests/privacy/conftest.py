"""A tenant with people to forget after its first day, made once; a test works on a copy."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from c360_assets_tests.day.command import here
from c360_assets_tests.privacy.tenants import FIRST, MAIL, land, land_all, write_tenant


@pytest.fixture(scope="session")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_tenant(tmp_path_factory.mktemp("privacy") / "it's [1]")
    land_all(root, FIRST)
    land(
        root,
        "desk/requests",
        FIRST,
        ["RQ-1001,delete,connected_pii,bo.winterstein@example.com", "RQ-1002,forget,exact,x@y.de"],
    )
    said = here("run", "--tenant", root)
    assert said.code == 0, said.text
    # A kept database, as a publication that was killed leaves it: the same file under both names.
    history = root / "activated" / "history"
    history.mkdir(mode=0o700)
    (history / "customer_360.1.duckdb").hardlink_to(root / "activated" / "customer_360.duckdb")
    return root


@pytest.fixture
def tenant(first_day: Path, tmp_path: Path) -> Path:
    """A copy to be changed."""
    return Path(shutil.copytree(first_day, tmp_path / "tenant", symlinks=True))


@dataclass(frozen=True)
class Forgotten:
    """A tenant that answered somebody and forgot her, and the answer that she got."""

    root: Path
    answer: str
    page: str


@pytest.fixture(scope="session")
def once(first_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Forgotten:
    root = tmp_path_factory.mktemp("forgotten") / "tenant"
    shutil.copytree(first_day, root, symlinks=True)
    asked = here("dsar", "--email", MAIL, "--json", "--tenant", root)
    assert asked.code == 0, asked.text
    folder = root / json.loads(asked.stdout)["folder"]
    texts = [(folder / name).read_text("utf-8") for name in ("answer.json", "answer.html")]
    said = here("forget", "--email", MAIL, "--yes", "--tenant", root)
    assert said.code == 0, said.text
    return Forgotten(root, *texts)


@pytest.fixture
def forgotten(once: Forgotten, tmp_path: Path) -> Path:
    """A copy to be changed."""
    return Path(shutil.copytree(once.root, tmp_path / "forgotten", symlinks=True))
