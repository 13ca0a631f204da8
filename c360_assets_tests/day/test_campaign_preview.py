"""A preview of a campaign says what it does not know: withdrawals that landed and are not loaded,
which a send loads first."""

from __future__ import annotations

import json
from pathlib import Path

from c360_assets_tests.day.command import here
from c360_assets_tests.day.conftest import Ran
from c360_assets_tests.day.small import copy_of

FILES = {
    "workflow.yaml": "\npurposes: {letters: {email: {}}}\n",
    "destinations.yaml": "destinations: {crm: {type: files, path: exports/crm}}\n",
    "campaigns/hello.yaml": (
        "include: reachable_by_email\nchannel: email\npurpose: letters\nbrand: larkmere\n"
        "destination: crm\nattributes: [email]\n"
    ),
}


def test_landed_withdrawals_are_told(demo: Ran, tmp_path: Path) -> None:
    root = copy_of(demo.root, tmp_path / "tenant")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    before = here("campaign", "preview", "hello", "--tenant", root)
    assert before.code == 0, before.text
    assert "not loaded" not in before.text
    landed = root / "landing" / "newsletter"
    newest = max(landed.glob("subscribers-*.ndjson"))
    rows = [json.loads(line) for line in newest.read_text("utf-8").splitlines()]
    lines = [json.dumps({**row, "status": "unsubscribed"}) for row in rows]
    (landed / "subscribers-20260604.ndjson").write_text("\n".join(lines) + "\n", "utf-8")
    said = here("campaign", "preview", "hello", "--tenant", root)
    expected = "Newsletter:Subscribers holds consent, and 1 delivery day of it is not loaded"
    assert expected in said.text
    as_json = here("campaign", "preview", "hello", "--json", "--tenant", root)
    assert json.loads(as_json.stdout)["not_loaded"] == {"Newsletter:Subscribers": 1}
