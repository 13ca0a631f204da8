"""How records become people: `stitch.yaml`.

What the settings do belongs to the room `stitch`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from c360_assets.tenant.base_models import Strict

# Tables that `outputs` may switch off; what a later run or table reads is always written.
OPTIONAL_TABLES = (
    "unified_scores",
    "unified_changes",
    "unified_changes_clusters",
    "unified_changes_pks",
    "stitch_scores",
    "stitch_blocking_keys",
    "stitch_blocks",
)


class BadValueRule(Strict):
    semantic: str
    proxy: str
    threshold: int = Field(ge=1)


class BadValuesConfig(Strict):
    rules: list[BadValueRule] = Field(
        default_factory=lambda: [
            BadValueRule(semantic="email", proxy="given-name", threshold=20),
            BadValueRule(semantic="email", proxy="surname", threshold=20),
            BadValueRule(semantic="phone", proxy="given-name", threshold=20),
            BadValueRule(semantic="address", proxy="given-name", threshold=40),
        ]
    )
    ignore: dict[str, list[str]] = Field(default_factory=dict)
    preprocessing_profiles: list[str] = Field(
        default_factory=lambda: ["normalize-gender", "prioritize-src-gender"]
    )
    case_sensitive_fks: list[str] = Field(default_factory=list)


class BlockingStrategy(Strict):
    name: str
    limit: int | None = Field(default=None, ge=2)
    enabled: bool = True


class BlockingConfig(Strict):
    preset: Literal["documented", "thorough"] = "thorough"
    strategies: list[BlockingStrategy | str] = Field(default_factory=list)
    limit: int = Field(default=100, ge=2)
    fk_limit: int = Field(default=1000, ge=2)
    oversized: Literal["split", "purge"] = "split"


class TrivialDuplicatesConfig(Strict):
    size_threshold: int = Field(default=10, ge=1)
    exclusions: list[str] = Field(default_factory=list)


class MatchRule(Strict):
    action: Literal["cluster", "separate"]
    when: list[str | dict[str, str]] = Field(min_length=1)


class StapleConfig(Strict):
    enabled: bool = False
    semantics: list[str] = Field(default_factory=lambda: ["fk", "phone"])


class MatchingConfig(Strict):
    classifier: Literal["general-ordinal-fk-priority", "general-ordinal-sk-priority"] = (
        "general-ordinal-fk-priority"
    )
    model: Literal["three_class", "two_class", "recordlinkage_ecm"] = "three_class"
    threshold: float = Field(default=3.0, ge=1.0, le=5.0)
    rules: list[MatchRule] = Field(default_factory=list)
    remaining: Literal["model", "none"] = "model"
    staple: StapleConfig = Field(default_factory=StapleConfig)


class SupersizedConfig(Strict):
    min_size: int = Field(default=500, ge=2)
    max_depth: int = Field(default=4, ge=1)


class ClusteringConfig(Strict):
    algorithm: Literal["mean_linkage", "hierarchical", "components"] = "mean_linkage"
    conflict_fields: dict[str, Literal["always", "learned", "never"]] = Field(default_factory=dict)
    supersized: SupersizedConfig = Field(default_factory=SupersizedConfig)


class StableIdsConfig(Strict):
    enabled: bool = True
    recorded_days: int = Field(default=365, ge=1)
    jitter_alert: float = Field(default=0.02, ge=0, le=1)


class StitchConfig(Strict):
    """`stitch.yaml`. Every key is optional."""

    tables: list[str] | None = None
    allowed_empty_tables: list[str] = Field(default_factory=list)
    bad_values: BadValuesConfig = Field(default_factory=BadValuesConfig)
    blocking: BlockingConfig = Field(default_factory=BlockingConfig)
    trivial_duplicates: TrivialDuplicatesConfig = Field(default_factory=TrivialDuplicatesConfig)
    matching: MatchingConfig = Field(default_factory=MatchingConfig)
    refit: Literal["on_change", "always", "never"] = "on_change"
    clustering: ClusteringConfig = Field(default_factory=ClusteringConfig)
    stable_ids: StableIdsConfig = Field(default_factory=StableIdsConfig)
    outputs: dict[str, bool | str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _documented_spellings(cls, value: Any) -> Any:
        """`case_sensitive_fks` may stand at the top; `conflict_fields` may be a list: always."""
        if not isinstance(value, dict):
            return value
        value = dict(value)
        clustering = value.get("clustering")
        if isinstance(clustering, dict) and isinstance(clustering.get("conflict_fields"), list):
            value["clustering"] = {
                **clustering,
                "conflict_fields": dict.fromkeys(map(str, clustering["conflict_fields"]), "always"),
            }
        bad_values = value.get("bad_values") or {}
        if "case_sensitive_fks" in value and isinstance(bad_values, dict):
            value["bad_values"] = {
                **bad_values,
                "case_sensitive_fks": value.pop("case_sensitive_fks"),
            }
        return value
