"""The catalogue of tables: written once, complete, and what the committed reference page shows."""

from pathlib import Path

from c360_assets.reporting.reference import STAGES, reference_page
from c360_assets.semantics.tables import all_tables

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_committed_page_is_what_the_catalogue_gives() -> None:
    remedy = "run `python -m c360_assets.reporting.reference > docs/tables.md`"
    assert PAGE.read_text("utf-8") == reference_page(), remedy


def test_every_column_of_every_table_has_a_type_and_a_meaning_and_every_key_is_a_column() -> None:
    tables = all_tables()
    assert {spec.stage for spec in tables.values()} == set(STAGES)
    for table in tables.values():
        assert table.description, table.name
        assert set(table.key) <= set(table.columns), table.name
        for name, column in table.columns.items():
            assert column.type, (table.name, name)
            assert column.description, (table.name, name)
            assert "{" not in name + column.description, (table.name, name)


def test_what_a_column_takes_over_from_a_tag_or_another_table_is_there() -> None:
    tables = all_tables()
    item = tables["unified_itemized_transactions"].columns
    order = tables["transaction_attributes_extended"].columns
    assert item["store_id"].description == "Store"
    assert tables["customer_360"].columns["email"] == tables["merged_customers"].columns["email"]
    assert tables["merged_customers"].columns["email"].pii
    assert order["l12m_order_revenue"].description == "Revenue in the last 12 months"
    assert order["second_order_id"].description == "Id of the second order"
