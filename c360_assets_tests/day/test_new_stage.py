"""A new stage is one recipe in one list: planned, built, reused, killed and resumed, drawn,
digested and published."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from c360_assets import recipes
from c360_assets.automation.plan import plan, publishes
from c360_assets.configuration import load_tenant
from c360_assets.definitions import build
from c360_assets.warehouse.session import open_session
from c360_assets_tests.day.command import (
    Said,
    ask,
    clean_environment,
    digests,
    finish,
    here,
    written,
)
from c360_assets_tests.day.conftest import Ran
from c360_assets_tests.day.new_stage import GROUP, KILL, SPEC, TABLE, initials
from c360_assets_tests.day.small import FIRST, copy_of


@pytest.fixture
def _with_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "STAGES", [*recipes.STAGES, initials])


def killed(root: Path) -> Said:
    """`c360 run` of a platform that has the stage, killed while it builds its table."""
    program = [sys.executable, "-m", "c360_assets_tests.day.new_stage"]
    process = subprocess.Popen(
        [*program, "run", "--tenant", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(**{KILL: "yes"}),
    )
    return finish(process)


@pytest.mark.usefixtures("_with_the_stage")
def test_it_is_drawn(small: Ran) -> None:
    definitions = build(load_tenant(small.root))
    specs = {"/".join(s.key.path): s for s in definitions.resolve_all_asset_specs()}
    spec = specs[TABLE]
    assert spec.group_name == GROUP
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey("customer_360")]
    assert str(spec.description).startswith(SPEC.description)
    published = {dep.asset_key for dep in specs["customer_360_database"].deps}
    assert dg.AssetKey(TABLE) in published
    day = definitions.resolve_job_def("refresh_and_activate")
    assert day.has_node_named(TABLE)


@pytest.mark.usefixtures("_with_the_stage")
def test_it_is_planned_as_the_others(small: Ran) -> None:
    tenant = load_tenant(small.root)
    with open_session(small.root / "warehouse", tenant.config.timezone) as session:
        planned = plan(session, tenant, "run", FIRST)
        assert planned.stale == [TABLE]
        assert publishes(planned), "what is published comes after it"
        assert TABLE not in plan(session, tenant, "stitch", FIRST).stale
        session.bind("unified_coalesced", "_records")
        session.write("unified_coalesced", "SELECT * FROM _records WHERE pk <> 'c1'")
        planned = plan(session, tenant, "run", FIRST)
        assert {"merged_customers", "customer_360", TABLE} <= set(planned.stale)


@pytest.mark.usefixtures("_with_the_stage")
def test_it_is_killed_resumed_reused_digested_and_published(small: Ran, tmp_path: Path) -> None:
    root = copy_of(small.root, tmp_path / "tenant")
    before = digests(root)
    assert killed(root).code == -signal.SIGKILL
    assert digests(root) == before, "what a killed run wrote does not exist"

    resumed = here("run", "--tenant", root)
    assert resumed.code == 0, resumed.text
    after = digests(root)
    assert {name for name in after if after[name] != before.get(name)} == {TABLE}
    assert ask(root, f"SELECT initial, people FROM {TABLE} ORDER BY 1")[0] == ("A", 1)
    listed = (
        f'SELECT "column", description FROM c360_catalog WHERE "table" = \'{TABLE}\' '
        "ORDER BY position"
    )
    columns = [(name, column.description) for name, column in SPEC.columns.items()]
    assert ask(root, listed) == columns

    files = written(root)
    again = here("run", "--tenant", root)
    assert again.code == 0, again.text
    assert written(root) == files, "a second run with nothing new writes nothing"
