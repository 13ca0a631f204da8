"""`init`: what it writes passes check, and its commented defaults are the defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from c360_assets.configuration import load_tenant, read_tenant
from c360_assets.errors import C360Error
from c360_assets.tenant import models
from c360_assets.tenant.init_tenant import init_tenant

MODELS: dict[str, type[BaseModel]] = {
    "tenant.yaml": models.TenantConfig,
    "workflow.yaml": models.WorkflowConfig,
    "stitch.yaml": models.StitchConfig,
}


def test_a_new_tenant_only_lacks_feeds(tmp_path: Path) -> None:
    root = tmp_path / "my-brand"
    written = init_tenant(root)
    tenant, problems = read_tenant(root)
    assert tenant is not None
    assert tenant.config.name == "My Brand"
    assert [(p.severity, p.file) for p in problems] == [("warning", "feeds")]
    assert "c360 feed suggest FILE" in str(problems[0])
    assert {p.name for p in root.iterdir() if p.is_dir()} == {
        ".schemas",
        "landing",
        "feeds",
        "domain_tables",
        "database",
        "segments",
        "campaigns",
    }
    assert root / "destinations.yaml" in written


def test_ids_differ_and_names_are_quoted(tmp_path: Path) -> None:
    init_tenant(tmp_path / "a", 'A: "B" #1')
    init_tenant(tmp_path / "b")
    first, second = (read_tenant(tmp_path / f)[0] for f in "ab")
    assert first is not None
    assert second is not None
    assert first.config.id != second.config.id
    assert first.config.name == 'A: "B" #1'


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "stitch.yaml").write_text("mine")
    with pytest.raises(C360Error, match=r"holds stitch.yaml already; nothing was written"):
        init_tenant(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["stitch.yaml"]
    with pytest.raises(C360Error, match="is a file"):
        init_tenant(tmp_path / "stitch.yaml")


@pytest.mark.parametrize("file", [*MODELS, "merge_policy.yaml"])
def test_commented_defaults_are_the_defaults(tmp_path: Path, file: str) -> None:
    init_tenant(tmp_path)
    text = re.sub(r"(?m)^#(?=[a-z]|  (?! [a-z\"]))", "", (tmp_path / file).read_text())
    given = yaml.safe_load(text)
    model = MODELS.get(file, models.MergePolicy)
    base = {k: given[k] for k in ("id", "name") if k in given}
    assert len(given) >= 3
    assert given.keys() == model.model_fields.keys(), "every setting is shown"
    assert model.model_validate(given) == model.model_validate(base)


def test_the_examples_are_right(tmp_path: Path) -> None:
    init_tenant(tmp_path)
    for path in tmp_path.rglob("*.example"):
        path.rename(path.with_suffix(""))
    tenant, problems = read_tenant(tmp_path)
    assert tenant is not None
    assert [t.name for t in tenant.tables] == [
        "Example:Customers",
        "Example:Orders",
        "CDT_Order_Items",
    ]
    assert [(p.severity, p.file) for p in problems] == [
        ("warning", "domain_tables/CDT_Order_Items.yaml"),
        ("warning", "tenant.yaml"),
    ]
    assert "no field is tagged txn-item/purchase-channel" in problems[0].message


def test_a_tenant_at_home_somewhere(tmp_path: Path) -> None:
    init_tenant(tmp_path / "de", country="Deutschland")
    init_tenant(tmp_path / "au", country="au")
    german = load_tenant(tmp_path / "de").config
    assert (german.country, german.timezone) == ("DE", "Europe/Berlin")
    australian = load_tenant(tmp_path / "au").config
    assert (australian.country, australian.timezone) == ("AU", "UTC")
    # Not the boolean that YAML 1.1 makes of NO.
    init_tenant(tmp_path / "no", country="Norge")
    settings = tmp_path / "no" / "tenant.yaml"
    settings.write_text(settings.read_text() + "phone_region: NO\n")
    norwegian = load_tenant(tmp_path / "no").config
    assert (norwegian.country, norwegian.phone_region) == ("NO", "NO")
    with pytest.raises(C360Error, match="no country is known as Germoney; did you mean DE"):
        init_tenant(tmp_path / "none", country="Germoney")
    assert not (tmp_path / "none").exists()
