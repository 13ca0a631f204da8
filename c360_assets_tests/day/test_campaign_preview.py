"""Withdrawals that landed and are not loaded: a preview of a campaign says that it does not know
them, and tables with addresses are not sent again before they are loaded."""

from __future__ import annotations

import json
from pathlib import Path

from c360_assets_tests.day.command import here
from c360_assets_tests.day.conftest import Ran
from c360_assets_tests.day.small import copy_of

FILES = {
    "workflow.yaml": "\npurposes: {letters: {email: {}}}\n",
    "destinations.yaml": (
        "destinations: {crm: {type: files, path: exports/crm, tables: {customer_360: "
        "{columns: [amperity_id, email], consent: letters}}}}\n"
    ),
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
        with path.open("a", encoding="utf-8") as opened:
            opened.write(text)
    # What `check` says of the campaign keeps it from being sent.
    declared = root / "campaigns" / "hello.yaml"
    text = declared.read_text("utf-8")
    declared.write_text(f"exclude: new_custmers\n{text.replace(': crm', ': crmm')}", "utf-8")
    for verb in ("preview", "send"):
        refused = here("campaign", verb, "hello", "--tenant", root)
        assert refused.code == 1
        assert (
            "campaigns/hello.yaml:1: exclude[0]: there is no segment new_custmers" in refused.text
        )
        assert "did you mean crm?" in refused.text
    declared.write_text(text, "utf-8")
    before = here("campaign", "preview", "hello", "--tenant", root)
    assert before.code == 0, before.text
    assert "not loaded" not in before.text
    sent = here("send", "--tenant", root)
    assert "sent to crm: customer_360" in sent.text, sent.text
    landed = root / "landing" / "newsletter"
    newest = max(landed.glob("subscribers-*.ndjson"))
    rows = [json.loads(line) for line in newest.read_text("utf-8").splitlines()]
    lines = [json.dumps({**row, "status": "unsubscribed"}) for row in rows]
    (landed / "subscribers-20260604.ndjson").write_text("\n".join(lines) + "\n", "utf-8")
    said = here("campaign", "preview", "hello", "--tenant", root)
    expected = "Newsletter:Subscribers holds consent, and 1 delivery day of it is not loaded"
    assert expected in said.text
    sent = here("send", "--force", "--tenant", root)
    assert sent.code == 1
    assert "destination crm is not sent: files of Newsletter:Subscribers, which holds" in sent.text
    as_json = here("campaign", "preview", "hello", "--json", "--tenant", root)
    assert json.loads(as_json.stdout)["not_loaded"] == {"Newsletter:Subscribers": 1}
    # A row that could not be read may hold a withdrawal.
    broken = [*lines * (200 // len(lines) + 1), '{"email": "who.withdr']
    (landed / "subscribers-20260604.ndjson").write_text("\n".join(broken) + "\n", "utf-8")
    sent = here("campaign", "send", "hello", "--json", "--tenant", root)
    assert sent.code == 0, sent.text
    assert json.loads(sent.stdout)["unread"] == {"Newsletter:Subscribers": 1}
    said = here("campaign", "preview", "hello", "--tenant", root)
    assert "Newsletter:Subscribers holds consent, and 1 row of it could not be loaded" in said.text
