"""How records become people: `stitch.yaml`.

What the settings do belongs to the room `stitch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from c360_assets.tenant.base_models import Days, Strict

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


class JitterConfig(Strict):
    alert: float = Field(default=0.02, ge=0, le=1)
    ignore: bool = False


class StableIdsConfig(Strict):
    """`jitter_alert` is the older spelling of `jitter: {alert: …}`, and goes before it."""

    INSTEAD: ClassVar[Mapping[str, str]] = {
        "partition_count": "leave it out: ids are assigned in one piece at any size",
        "stable_id_partition_count": "leave it out: ids are assigned in one piece at any size",
    }

    enabled: bool = True
    recorded_days: Days = Field(default=365, ge=1)
    jitter_alert: float | None = Field(default=None, ge=0, le=1)
    jitter: JitterConfig = Field(default_factory=JitterConfig)

    @property
    def alert_from(self) -> float:
        """The share of moved records from which a run warns; above 1, none does."""
        if self.jitter.ignore:
            return 2.0
        return self.jitter.alert if self.jitter_alert is None else self.jitter_alert


class RunConfig(Strict):
    """What kind of run Stitch is. `normal` runs when something changed; `force_refresh` in every
    run; `incremental` lets no record move. With `one_to_one`, the customer key is the person."""

    type: Literal["normal", "force_refresh", "incremental"] = "normal"
    one_to_one: bool = False
    force: bool = False

    @property
    def always(self) -> bool:
        return self.force or self.type == "force_refresh"

    @property
    def matches(self) -> bool:
        """Whether records are matched; a forced run matches whatever `one_to_one` says."""
        return not self.one_to_one or self.always


# Settings of other products and of the documentation -> what to write here.
INSTEAD = {
    "allowed-empty-tables": "write `allowed_empty_tables`",
    "badvalues-config": "write `bad_values: {rules: […]}`",
    "blocking-strategies": "write `blocking: {strategies: […]}`",
    "case-sensitive-fks": "write `case_sensitive_fks`",
    "classifier": "write `matching: {classifier: …}`",
    "clustering-algorithm": "write `clustering: {algorithm: …}`; `nil` is `components`",
    "disable-stable-id": "write `stable_ids: {enabled: false}`",
    "enable-staple": "write `matching: {staple: {enabled: true}}`",
    "force-stitch": "write `run: {force: true}`",
    "ignore-jitter-alerts": "write `stable_ids: {jitter: {ignore: true}}`",
    "one-to-one": "write `run: {one_to_one: true}`",
    "parallelism": "leave it out: every core is used",
    "pre-processing-profiles": "write `bad_values: {preprocessing_profiles: […]}`",
    "recorded-days": "write `stable_ids: {recorded_days: …}`",
    "report": "leave it out: `c360 explain ID` shows one person",
    "rules": "write `matching: {rules: […]}`",
    "sk-given-name-version": "leave it out: it has one version",
    "skip-unified-changes": "write `outputs: {unified_changes: false}`",
    "skip-unified-scores": "write `outputs: {unified_scores: false}`",
    "soft-trivial-dupe-semantic-exclusions": "write `trivial_duplicates: {exclusions: […]}`",
    "soft-trivial-dupe-size-threshold": "write `trivial_duplicates: {size_threshold: …}`",
    "stable-id-partition-count": "leave it out: ids are assigned in one piece at any size",
    "staple-semantics": "write `matching: {staple: {semantics: […]}}`",
    "supersized-cluster-min-size": "write `clustering: {supersized: {min_size: …}}`",
    "supersized-partition-max-depth": "write `clustering: {supersized: {max_depth: …}}`",
    "threshold": "write `matching: {threshold: …}`",
}


class StitchConfig(Strict):
    """`stitch.yaml`. Every key is optional."""

    INSTEAD: ClassVar[Mapping[str, str]] = INSTEAD

    tables: list[str] | None = None
    run: RunConfig = Field(default_factory=RunConfig)
    allowed_empty_tables: list[str] = Field(default_factory=list)
    bad_values: BadValuesConfig = Field(default_factory=BadValuesConfig)
    blocking: BlockingConfig = Field(default_factory=BlockingConfig)
    trivial_duplicates: TrivialDuplicatesConfig = Field(default_factory=TrivialDuplicatesConfig)
    matching: MatchingConfig = Field(default_factory=MatchingConfig)
    refit: Literal["on_change", "always", "never"] = "on_change"
    clustering: ClusteringConfig = Field(default_factory=ClusteringConfig)
    stable_ids: StableIdsConfig = Field(default_factory=StableIdsConfig)
    outputs: dict[str, bool | str] = Field(default_factory=dict)
    benchmarks: dict[str, tuple[float, float]] = Field(default_factory=dict)

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
