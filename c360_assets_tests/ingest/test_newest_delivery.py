"""The day that figures stand at where they do not age: what a list holds tells nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets.configuration import load_tenant
from c360_assets.ingest.delivery_days import as_of_date
from c360_assets.reporting.review import FEED, FEED_FILE
from c360_assets.stitch.review.answers import ANSWERS_FILE, LABEL_COLUMNS
from c360_assets.warehouse.session import Warehouse
from c360_assets_tests.day.command import c360_here
from c360_assets_tests.privacy.tenants import FIRST, MEMBERS, SECOND, land, write_tenant


def test_answers_and_requests_are_no_delivery_of_their_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_tenant(tmp_path / "tenant")
    land(root, "club/members", FIRST, MEMBERS)
    for path, text in (
        (root / FEED_FILE, FEED),
        (root / ANSWERS_FILE, ",".join(LABEL_COLUMNS) + "\nr-1,r,1,Club:Members,pk,CL-8800191\n"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    land(root, "desk/requests", SECOND, ["RQ-1,dsar,exact,x@example.com"])
    said = c360_here(monkeypatch, "load", "--tenant", root)
    assert said.code == 0, said.text
    assert "Review:Answers" in said.text
    assert as_of_date(load_tenant(root), Warehouse.open(root / "warehouse")) == FIRST
