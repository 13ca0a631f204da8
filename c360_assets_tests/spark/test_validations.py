"""Input validations that workers of Spark answer in a run have the digests of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from c360_assets.tenant.models import Tenant
from c360_assets.validations.asking import ask_here
from c360_assets.validations.on_spark import ask_of
from c360_assets.validations.run import table_report_recipes
from c360_assets.warehouse.cluster_place import end_kept
from c360_assets.warehouse.recipe import RunContext, make_current
from c360_assets.warehouse.session import Session
from c360_assets_tests.spark.test_tables_in_a_run import on_spark
from c360_assets_tests.validations.test_on_workers import NEWEST
from c360_assets_tests.validations.test_reports import CASES
from c360_assets_tests.validations.world import delivered, opened, put, tenant_with

# Phones, a listing, keys, orders, whole tables.
REPORTS = ("IV-P02", "IV-T09", "IV-X03", "IV-X09", "IV-X17")


def digests(session: Session, tenant: Tenant) -> dict[str, str]:
    run = RunContext(NEWEST, force=True)
    made = [make_current(session, recipe, run) for recipe in table_report_recipes(tenant)]
    return {name: state.digest for outcome in made for name, state in outcome.states.items()}


@pytest.mark.spark
def test_validations_have_the_digests_of_this_machine(spark: Any, tmp_path: Path) -> None:
    cases = {report: (tags, values) for report, tags, values, _ in CASES if report in REPORTS}
    tags_of = {report.replace("-", "_"): tags for report, (tags, _) in cases.items()}
    tenant = tenant_with(tmp_path, tags_of)
    with opened(tmp_path) as session:
        delivered(session, NEWEST)
        for report, (tags, values) in cases.items():
            put(session, tags, values, report.replace("-", "_"))
        here = digests(session, tenant)
        there = digests(session, on_spark(tenant, tables="shipped"))
    end_kept()
    assert there == here
    assert len(here) == len(REPORTS)


def test_without_the_setting_nothing_is_asked_there(tmp_path: Path) -> None:
    tenant = tenant_with(tmp_path, {})
    assert ask_of(tenant) is ask_here
    assert ask_of(on_spark(tenant)) is ask_here
