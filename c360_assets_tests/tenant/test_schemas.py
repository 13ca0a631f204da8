"""The shipped JSON schemas are those of the models, and take what tenants write."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from c360_assets.tenant import schemas
from c360_assets.tenant.init_tenant import init_tenant

SHIPPED_TENANT = Path(__file__).parents[2] / "data"
SCHEMA_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


@pytest.mark.parametrize("name", schemas.MODELS)
def test_shipped_schemas_match_the_models(name: str) -> None:
    shipped = Path(schemas.__file__).parent / "schemas" / f"{name}.json"
    assert shipped.read_text("utf-8") == schemas.schema_text(name), (
        "write them again: python -m c360_assets.tenant.schemas"
    )


def test_files_of_a_new_tenant_name_their_schema_and_fit_it(tmp_path: Path) -> None:
    init_tenant(tmp_path)
    files = [*tmp_path.rglob("*.yaml"), *tmp_path.rglob("*.yaml.example")]
    assert len(files) > 5
    for file in files:
        text = file.read_text("utf-8")
        line = SCHEMA_LINE.match(text)
        assert line is not None, file
        schema = yaml.safe_load((file.parent / line[1]).read_text("utf-8"))
        jsonschema.validate(_plain(yaml.safe_load(text) or {}), schema)


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ("feeds/*/*.yaml", "feed"),
        ("tenant.yaml", "tenant"),
        ("domain_tables/*.yaml", "domain_table"),
        ("database/*.yaml", "database_table"),
        ("segments/*.yaml", "segment"),
        ("workflow.yaml", "workflow"),
        ("stitch.yaml", "stitch"),
        ("merge_policy.yaml", "merge_policy"),
    ],
)
def test_the_shipped_tenant_fits(files: str, name: str) -> None:
    shipped = list(SHIPPED_TENANT.glob(files))
    assert shipped
    for file in shipped:
        content = _plain(yaml.safe_load(file.read_text("utf-8")) or {})
        jsonschema.validate(content, schemas.schema(name))


def test_a_misspelt_key_and_a_wrong_value_do_not_fit() -> None:
    good = {
        "source": "Shop",
        "feed": "Customers",
        "files": {"pattern": "'a'"},
        "primary_key": ["id"],
        "fields": {"id": {"tags": ["email", "my-own"]}},
    }
    jsonschema.validate(good, schemas.schema("feed"))
    for wrong in ({**good, "primarykey": ["id"]}, {**good, "load": "replace"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schemas.schema("feed"))


def _plain(value: object) -> object:
    """Days as texts, as JSON and editors have them."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
