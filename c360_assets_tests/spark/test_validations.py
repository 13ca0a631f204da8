"""Input validations that workers of Spark answer are those of this machine."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from c360_assets.validations.asking import ask_here
from c360_assets.validations.on_spark import AskWorkers, ask_of
from c360_assets.validations.run import table_figures
from c360_assets.warehouse.cluster_place import ClusterPlace, end_kept
from c360_assets.warehouse.cluster_questions import sent_by_workers
from c360_assets_tests.spark.test_tables_in_a_run import on_spark
from c360_assets_tests.validations.test_on_workers import NEWEST
from c360_assets_tests.validations.test_reports import CASES
from c360_assets_tests.validations.world import delivered, opened, put, tenant_with

# Phones, a listing, keys, orders, whole tables.
REPORTS = ("IV-P02", "IV-T09", "IV-X03", "IV-X09", "IV-X17")


@pytest.mark.spark
def test_figures_are_those_of_this_machine(spark: Any, tmp_path: Path) -> None:
    cases = {name: (tags, rows) for name, tags, rows, _ in CASES if name in REPORTS}
    tenant = tenant_with(tmp_path, {name: tags for name, (tags, _) in cases.items()})
    place = ClusterPlace("local[1]", None, timedelta(minutes=5), tmp_path / ".tmp")
    workers = AskWorkers(partial(sent_by_workers, place), 0)
    with opened(tmp_path) as session:
        delivered(session, NEWEST)
        for table in tenant.tables:
            tags, rows = cases[table.name]
            put(session, tags, rows, table.physical)
            there = table_figures(session, tenant, table, workers)
            assert there.equals(table_figures(session, tenant, table)), table.name
    end_kept()
    assert len(cases) == len(REPORTS)


def test_without_the_setting_nothing_is_asked_there(tmp_path: Path) -> None:
    tenant = tenant_with(tmp_path, {})
    assert ask_of(tenant) is ask_here
    assert ask_of(on_spark(tenant)) is ask_here
    assert isinstance(ask_of(on_spark(tenant, tables="shipped")), AskWorkers)
