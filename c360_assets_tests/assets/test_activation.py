"""The checks of a published database as Dagster shows them: one for each numbered validation, with
figures that plot."""

from dataclasses import replace
from pathlib import Path

import dagster as dg

from c360_assets.assets.activation import check_results, check_specs
from c360_assets.customer_360.checks.data_checks import CHECKS
from c360_assets.customer_360.checks.run_data_checks import validate_database
from c360_assets.customer_360.tables.databases import databases
from c360_assets.tenant.models import DatabaseTableConfig
from c360_assets.warehouse.session import open_session
from c360_assets_tests.customer_360.world import AS_OF, build_all, make_tenant, put_unified


def test_each_validation_is_a_check_that_warns_with_its_figures(tmp_path: Path) -> None:
    told = DatabaseTableConfig.model_validate(
        {"columns": {"amperity_id": {"unique": True}, "city": {"required": True}}}
    )
    tenant = replace(make_tenant(tmp_path), database_yaml={"customer_360": told})
    (database,) = databases(tenant)
    with open_session(tmp_path / "warehouse") as session:
        session.execute("SET threads = 1")
        people = [
            {"amperity_id": "A1", "phone": "12"},
            {"amperity_id": "A2", "phone": "2065550123", "city": "Reno"},
        ]
        put_unified(session, people)
        build_all(session, tenant)
        validate_database(session, database, as_of=AS_OF)
        found = {result.check_name: result for result in check_results(session, database)}
    assert list(found) == [spec.name for spec in check_specs(database)]
    assert len(found) == len({check.id.split(".")[0] for check in CHECKS}) + 2
    phone = found["CV_A06"]
    assert (phone.passed, phone.severity, phone.description) == (
        False,
        dg.AssetCheckSeverity.WARN,
        "CV-A06: 1 (50.0 %)",
    )
    assert {name: value.value for name, value in phone.metadata.items()} == {
        "CV-A06 findings": 1.0,
        "CV-A06 %": 50.0,
    }
    assert found["CV_T01"].description == "not applicable: the tenant has no such data"
    assert found["CV_T01"].passed
    assert (found["db_unique"].passed, found["db_required"].passed) == (True, False)
