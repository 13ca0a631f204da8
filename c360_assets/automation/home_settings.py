"""What the `dagster.yaml` of a Dagster home from outside must say, for a tenant to rely on it.

The packaged `dagster.yaml` says all of it. Whoever brings another, for PostgreSQL as storage, is
told here what it lacks. Where the home is belongs to `instance`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from c360_assets.errors import C360Error

SETTINGS = "dagster.yaml"
OWN_HOME = ".dagster"  # of a tenant, in its folder
NO_CAPTURE = "NoOpComputeLogManager"


@dataclass(frozen=True)
class Guarantee:
    """A setting that must hold: how it is written, why, and whether a file's content has it."""

    setting: str
    reason: str
    holds: Callable[[Mapping[str, Any]], bool]


def _at(settings: Any, *keys: str) -> Any:
    for key in keys:
        settings = settings.get(key) if isinstance(settings, Mapping) else None
    return settings


def _runs_one_at_a_time(settings: Mapping[str, Any]) -> bool:
    limits = (
        _at(settings, "concurrency", "runs", "max_concurrent_runs"),
        _at(settings, "run_coordinator", "config", "max_concurrent_runs"),
    )
    return 1 in limits


GUARANTEES = (
    Guarantee(
        "telemetry: {enabled: false}",
        "nothing is sent to anybody",
        lambda settings: _at(settings, "telemetry", "enabled") is False,
    ),
    Guarantee(
        "run_monitoring: {enabled: true}",
        "a run whose start hangs is ended",
        lambda settings: _at(settings, "run_monitoring", "enabled") is True,
    ),
    Guarantee(
        "concurrency: {runs: {max_concurrent_runs: 1}}",
        "one run works on a tenant, the others queue",
        _runs_one_at_a_time,
    ),
    Guarantee(
        "compute_logs: {module: dagster.core.storage.noop_compute_log_manager, "
        f"class: {NO_CAPTURE}}}",
        "what an engine writes to its output may quote customer data",
        lambda settings: _at(settings, "compute_logs", "class") == NO_CAPTURE,
    ),
)


def check_home(home: Path) -> None:
    """Raise C360Error where a `DAGSTER_HOME` from outside cannot be used."""
    if not home.is_absolute() or not home.is_dir():
        raise C360Error(
            "DAGSTER_HOME is set and is not the full path of a folder; create the folder, or unset "
            "DAGSTER_HOME: then the tenant's own is used"
        )
    if home.name == OWN_HOME and (home.parent / "tenant.yaml").is_file():
        raise C360Error(
            f"DAGSTER_HOME is set to the home of another tenant ({home.parent}), and each would "
            "see the other's days; unset DAGSTER_HOME: then this tenant's own is used"
        )
    if not has_settings(home):
        return
    missing = [guarantee for guarantee in GUARANTEES if not guarantee.holds(_read(home))]
    if missing:
        lacking = "; ".join(f"`{item.setting}` ({item.reason})" for item in missing)
        raise C360Error(
            f"DAGSTER_HOME is set, and its {SETTINGS} lacks {lacking}; add it, or unset "
            "DAGSTER_HOME: then the tenant's own is used"
        )


def require_settings(home: Path) -> None:
    """Raise C360Error where a process has begun on a home that says nothing of what must hold."""
    check_home(home)
    if not has_settings(home):
        raise C360Error(
            f"DAGSTER_HOME is set, and has no {SETTINGS}, so Dagster works without what a tenant "
            "relies on; start it by `c360 ui` or `c360 service`, which write that file"
        )


def has_settings(home: Path) -> bool:
    """Whether the home has a file of settings; the packaged one is written where it has none."""
    return (home / SETTINGS).exists()


def _read(home: Path) -> Mapping[str, Any]:
    # Every verb imports this module, and few read settings.
    import yaml

    try:
        settings = yaml.safe_load((home / SETTINGS).read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        raise C360Error(
            f"DAGSTER_HOME is set, and its {SETTINGS} cannot be read as YAML; correct it, or unset "
            "DAGSTER_HOME"
        ) from None
    return settings if isinstance(settings, Mapping) else {}
