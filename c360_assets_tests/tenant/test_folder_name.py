"""Folders that a tenant may live in, whatever they are called, and those that it cannot."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from c360_assets.configuration import read_tenant
from c360_assets.tenant.folder_name import folder_problem
from c360_assets_tests.automation.tenants import tiny_tenant
from c360_assets_tests.day.command import c360_here

BAD = ["why?", "back\\slash", "100%25", "50%2fa", "two\nlines", os.fsdecode(b"latin\xe9")]


@pytest.mark.parametrize("name", BAD)
def test_a_folder_that_libraries_misread_is_refused_in_one_sentence(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / name
    said = c360_here(monkeypatch, "init", root)
    assert said.code == 1
    assert said.text.count("rename or move the folder") == 1
    assert not root.exists()
    root.mkdir()
    (root / "tenant.yaml").write_text("id: 5f0c2b1e-8a3d-4a55-9c1b-3f6f1a7e2d10\n")
    for verb in ("check", "run", "status"):
        said = c360_here(monkeypatch, verb, "--tenant", root)
        assert (said.code, "rename or move the folder" in said.text) == (1, True)
    tenant, problems = read_tenant(root)
    assert tenant is None
    assert len(problems) == 1


@pytest.mark.parametrize(
    "name", ["a b", "Café", "nr #1", "100%", "[x] {y}", "*", "it's", 'the "2"']
)
def test_others_are_not(tmp_path: Path, name: str) -> None:
    assert folder_problem(tmp_path / name) == ""
    assert tiny_tenant(tmp_path / name).feeds


def test_commands_to_copy_name_the_folder_as_a_shell_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "it's [x] & more"
    said = c360_here(monkeypatch, "init", root)
    (line,) = [line for line in said.stdout.splitlines() if "c360 run" in line]
    assert shlex.split(line) == ["c360", "run", "--tenant", str(root)]
