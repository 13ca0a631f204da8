"""The checks of a published database as Dagster shows them: on the table that each is about, with
figures that plot.
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from c360_assets.assets.activation import PublicationDisplay
from c360_assets.assets.check_names import (
    DATA_CHECKS,
    PROMISES,
    REPORTS,
    data_check_name,
    report_name,
)
from c360_assets.assets.database_checks import check_results, check_specs
from c360_assets.customer_360.checks.data_checks import CHECKS
from c360_assets.customer_360.checks.run_data_checks import validate_database
from c360_assets.customer_360.publication.publish import PublishDatabase
from c360_assets.customer_360.tables.databases import databases
from c360_assets.errors import C360Error
from c360_assets.tenant.models import DatabaseConfig, DatabaseTableConfig, Tenant
from c360_assets.validations.reports import BY_ID
from c360_assets.warehouse.recipe import RunContext
from c360_assets.warehouse.session import open_session
from c360_assets_tests.customer_360.world import AS_OF, build_all, make_tenant, put_unified


def _with_promises(root: Path) -> Tenant:
    declared = DatabaseTableConfig.model_validate(
        {"columns": {"amperity_id": {"unique": True}, "city": {"required": True}}}
    )
    return replace(make_tenant(root), database_yaml={"customer_360": declared})


def test_each_validation_is_a_check_that_warns_with_its_figures(tmp_path: Path) -> None:
    tenant = _with_promises(tmp_path)
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
        results = list(check_results(session, database))
    found = {
        (result.asset_key.to_user_string() if result.asset_key else "", result.check_name): result
        for result in results
    }
    declared = [(spec.asset_key.to_user_string(), spec.name) for spec in check_specs(database)]
    assert list(found) == declared
    phone = found["merged_customers", "phone_numbers_are_possible"]
    assert (phone.passed, phone.severity, phone.description) == (
        False,
        dg.AssetCheckSeverity.WARN,
        "CV-A06: 1 (50.0 %)",
    )
    assert {name: value.value for name, value in phone.metadata.items()} == {
        "CV-A06 findings": 1.0,
        "CV-A06 %": 50.0,
    }
    items = found["unified_itemized_transactions", "item_rows_belong_to_a_person"]
    assert items.description == "not applicable: the tenant has no such data"
    assert items.passed
    assert found["customer_360", "unique_columns_repeat_no_value"].passed
    assert not found["customer_360", "required_columns_have_values"].passed


def test_every_numbered_check_hangs_on_its_table_with_its_number(tmp_path: Path) -> None:
    (database,) = databases(make_tenant(tmp_path))
    specs = {(spec.asset_key.to_user_string(), spec.name): spec for spec in check_specs(database)}
    for check in CHECKS:
        spec = specs[check.table, data_check_name(check.id, check.question)]
        number = check.id.split(".")[0]
        assert spec.description is not None
        assert spec.description.startswith(f"{number}: ")
        assert check.question in spec.description
        assert not spec.blocking


def test_a_filtered_database_is_asked_of_its_own_tables(tmp_path: Path) -> None:
    """Of a table that it shares, the answers about its own rows hang on its table of answers."""
    tenant = _with_promises(tmp_path)
    config = tenant.config.model_copy(
        update={
            "databases": {
                "customer_360": DatabaseConfig(primary=True),
                "north": DatabaseConfig(filter={"database_key": "north"}),
            }
        }
    )
    group, north = databases(replace(tenant, config=config))
    keys = [spec.key for spec in check_specs(group)]
    own_keys = [spec.key for spec in check_specs(north)]
    assert len(keys) == len(own_keys)
    assert len({*keys, *own_keys}) == 2 * len(keys)
    names = {(key.asset_key.to_user_string(), key.name) for key in own_keys}
    assert ("north/merged_customers", "addresses_are_complete") in names
    assert ("north/customer_360", "required_columns_have_values") in names
    shared = "unified_coalesced__every_record_belongs_to_one_person"
    assert ("north/database_validation", shared) in names


def test_names_are_those_of_checks_that_exist_and_no_two_alike() -> None:
    codes = {check.id for check in CHECKS}
    codes |= {check.id.split(".")[0] for check in CHECKS}
    assert set(DATA_CHECKS) <= codes
    assert set(REPORTS) <= set(BY_ID)
    reports = [report_name(report.id, report.title) for report in BY_ID.values()]
    for names in (list(DATA_CHECKS.values()), list(PROMISES.values()), reports):
        assert len(set(names)) == len(names)


def test_a_check_without_a_name_is_called_by_what_it_asks() -> None:
    assert data_check_name("CV-Z99", "Is CO₂ known?") == "is_co_known"


def test_a_database_is_not_published_from_tables_of_unlike_days(tmp_path: Path) -> None:
    """Whoever starts its asset alone is told which tables to make with it."""
    tenant = make_tenant(tmp_path)
    (database,) = databases(tenant)
    display = PublicationDisplay(tenant, PublishDatabase(database))
    with open_session(tmp_path / "warehouse") as session:
        put_unified(session, [{"amperity_id": "A1"}])
        with pytest.raises(C360Error, match=r"not published: .* and 1\d more"):
            display.require(session, RunContext(AS_OF))
        build_all(session, tenant)
        display.require(session, RunContext(AS_OF))
        with pytest.raises(C360Error, match="customer_attributes"):
            display.require(session, RunContext(AS_OF + timedelta(days=1)))
        put_unified(session, [{"amperity_id": "A1"}, {"amperity_id": "A2"}])
        with pytest.raises(C360Error, match="merged_customers"):
            display.require(session, RunContext(AS_OF))
