"""No secret stands in a file of the tenant, and none is repeated where one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets_tests.automation.tenants import tiny_tenant
from c360_assets_tests.day.command import c360_here

SECRET = "hunter2secret"


@pytest.mark.parametrize(
    ("file", "text", "remedies"),
    [
        (
            "destinations.yaml",
            f"type: postgres, url_env: 'postgresql://me:{SECRET}@db.example/x'",
            ["must be the name of an environment variable"],
        ),
        ("destinations.yaml", f"path: 's3://me:{SECRET}@bucket/x'", ["AWS_SECRET_ACCESS_KEY"]),
        (
            "workflow.yaml",
            f"webhook: 'https://me:{SECRET}@hooks.example/x', runtime: 'https://me:{SECRET}@x', "
            f"file: 'https://me:{SECRET}@x'",
            ["token of its own", "must be a duration", "folder logs/"],
        ),
        ("workflow.yaml", f"webhook:https://hooks.example/{SECRET}", ["unknown key"]),
        ("workflow.yaml", f"webhook: *{SECRET}", ["not readable as YAML"]),
        ("workflow.yaml", f"https://x/{SECRET}: 1, https://x/{SECRET}: 2", ["given twice"]),
    ],
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(
    tmp_path: Path, file: str, text: str, remedies: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_tenant(tmp_path)
    if file == "workflow.yaml":
        content = f"alerts: {{{text}}}"
    else:
        content = f"destinations: {{out: {{{text}, tables: {{customer_360: }}}}}}"
    (tmp_path / file).write_text(content, "utf-8")
    for verb in ("check", "run", "status"):
        said = c360_here(monkeypatch, verb, "--tenant", tmp_path)
        assert said.code == 1
        assert all(remedy in said.text for remedy in remedies), said.text
        assert SECRET not in said.text
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != file:
            assert SECRET.encode() not in path.read_bytes()


def test_control_characters_do_not_reach_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_tenant(tmp_path)
    (tmp_path / "feeds/shop/x\x1b[2J.yml").write_text("a: 1", "utf-8")
    said = c360_here(monkeypatch, "check", "--tenant", tmp_path)
    assert "\x1b[2J" not in said.stdout + said.stderr
    assert "is not read" in said.text
