"""JSON schemas of the YAML files of a tenant, for editors: generated from the models, and shipped.

An editor finds a file's schema by its first line, which `init` and `feed suggest` write. After a
change of a model, `python -m c360_assets.tenant.schemas` writes the shipped files again; what the
keys mean belongs to the models.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from c360_assets.semantics.tags import CATALOGUE
from c360_assets.tenant.campaigns import CampaignConfig
from c360_assets.tenant.models import (
    CustomTableConfig,
    DatabaseTableConfig,
    DestinationsConfig,
    FeedConfig,
    MergePolicy,
    StitchConfig,
    TenantConfig,
    WorkflowConfig,
)
from c360_assets.tenant.segments import SegmentConfig

# Name of a schema -> the model of the file that it describes.
MODELS: dict[str, type[BaseModel]] = {
    "tenant": TenantConfig,
    "feed": FeedConfig,
    "domain_table": CustomTableConfig,
    "stitch": StitchConfig,
    "merge_policy": MergePolicy,
    "workflow": WorkflowConfig,
    "destinations": DestinationsConfig,
    "database_table": DatabaseTableConfig,
    "segment": SegmentConfig,
    "campaign": CampaignConfig,
}
# What models take besides, as a validator of theirs makes the declared shape of it.
ONE_OR_SEVERAL = ("include", "exclude", "destination", "segments")
ALSO_TAKEN: dict[str, list[dict[str, Any]]] = {
    **{key: [{"type": "string"}] for key in ONE_OR_SEVERAL},
    # Names with nothing behind them.
    "tables": [{"type": "object"}],
    "feeds": [{"type": "object"}],
    "null_values": [{"type": "array"}],
}
# Where a tenant keeps its copy, so that its files name the same place on every machine.
FOLDER = ".schemas"


def schema(name: str) -> dict[str, Any]:
    """The JSON schema of a kind of file, with the catalogue's tags as proposals."""
    content = MODELS[name].model_json_schema()
    for definition in [content, *content.get("$defs", {}).values()]:
        properties = definition.get("properties", {})
        tags = properties.get("tags", {})
        if tags.get("items") == {"type": "string"}:
            # Any other text is a custom tag.
            tags["items"] = {"anyOf": [{"enum": sorted(CATALOGUE)}, {"type": "string"}]}
        for key in properties.keys() & ALSO_TAKEN.keys():
            properties[key] = {"anyOf": [properties[key], *ALSO_TAKEN[key]]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **content}


def schema_text(name: str) -> str:
    return json.dumps(schema(name), indent=1, ensure_ascii=False) + "\n"


def schema_line(name: str, file: Path) -> str:
    """The first line of a file, by its path below the tenant's folder."""
    up = "../" * (len(file.parts) - 1)
    return f"# yaml-language-server: $schema={up}{FOLDER}/{name}.json"


def write_schemas(root: Path) -> None:
    """Copy the shipped schemas into a tenant's folder, over those of an earlier version."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        text = _shipped(name)
        target = folder / f"{name}.json"
        if not target.exists() or target.read_text("utf-8") != text:
            target.write_text(text, "utf-8")


def _shipped(name: str) -> str:
    return (resources.files(__package__) / "schemas" / f"{name}.json").read_text("utf-8")


if __name__ == "__main__":
    for each in MODELS:
        shipped = Path(__file__).parent / "schemas" / f"{each}.json"
        shipped.parent.mkdir(exist_ok=True)
        shipped.write_text(schema_text(each), "utf-8")
